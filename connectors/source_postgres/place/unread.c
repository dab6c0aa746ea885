/* Remembering, for a sink that cannot, that tables are still to be read.
 *
 * A sink without positions (standard output) that is killed while tables are read leaves the slot behind. At the
 * next start the slot says from where on changes are kept, but not whether the rows before that were ever read; to
 * take it for granted would lose them without a word. So a mark stands beside the slot as long as it is not known:
 *
 *     mark set --> slot made --> tables read --> sink has let the last row go --> mark taken away
 *                                     |
 *                                     +--- killed: the next start finds the mark, and reads all tables again
 *
 * The mark is a second, physical slot, <slot>_unread, that reserves no log: the one thing a role that may replicate
 * can always make, that outlives the session and costs the server a place in its table of slots and no more. A slot's
 * name that leaves no room for that is cut, with a hash of the whole, so that no two have one mark.
 *
 * With `snapshot: no_data` no table is to be read: no mark is set, and one that an earlier start left is taken away.
 *
 * Sinks that keep a position have this in the position, table by table, and get no mark. */
#include "connectors/source_postgres/place/unread.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "connectors/source_postgres/place/slot.h"

/* Whether a mark may stand at all. */
static bool possible(const struct mr_pg_place *place)
{
    return place->args->adopt && !place->args->temporary;
}

static bool reads_tables(const struct mr_pg_place *place)
{
    return place->config->capture.snapshot != MR_SNAPSHOT_MODE_NO_DATA;
}

/* 56 + 7 bytes, or 47 + 1 + 8 + 7: what a slot's name may have. */
static void mark_name(const char *slot, char ret_name[MR_PG_NAME])
{
    struct mr_slice whole = mr_slice_str(slot);

    if (whole.size <= 56)
        (void)snprintf(ret_name, MR_PG_NAME, "%.56s_unread", slot);
    else
        (void)snprintf(ret_name, MR_PG_NAME, "%.47s_%08x_unread", slot,
                       (unsigned)mr_hash(whole, 0));
}

/* SELECT before 'name' after */
static const char *about_mark(struct mr_pg_place *place, const char *before, const char *after)
{
    char name[MR_PG_NAME];

    mark_name(place->slot, name);
    mr_buf_clear(&place->sql->text);
    mr_buf_add_str(&place->sql->text, before);
    mr_pg_add_literal(&place->sql->text, name);
    mr_buf_add_str(&place->sql->text, after);
    return mr_buf_cstr(&place->sql->text);
}

int mr_pg_unread_look(struct mr_pg_place *place, struct mr_err *err)
{
    const struct mr_pg_position *position = place->position;
    PGresult *result;
    int rc;

    if (!possible(place))
        return 0;
    rc = mr_pg_ask(place->sql,
                   about_mark(place,
                              "SELECT 1 FROM pg_catalog.pg_replication_slots WHERE slot_type = "
                              "'physical' AND slot_name = ",
                              ""),
                   "see whether tables are still to be read", &result, err);
    if (rc < 0)
        return rc;
    place->unread = PQntuples(result) > 0;
    PQclear(result);
    atomic_store(&place->rows_out, !reads_tables(place) || (position->standing.started &&
                                                            !position->standing.snapshot.active));
    return 0;
}

int mr_pg_unread_mark(struct mr_pg_place *place, struct mr_err *err)
{
    int rc;

    if (!possible(place) || !reads_tables(place) || place->unread)
        return 0;
    rc =
        mr_pg_tell(place->sql,
                   about_mark(place, "SELECT pg_catalog.pg_create_physical_replication_slot(", ")"),
                   "note that tables are to be read", err);
    if (rc < 0 && err && strcmp(err->native, "53400") == 0)
        return mr_pg_slots_full(place, err);
    place->unread = rc == 0;
    return rc;
}

void mr_pg_unread_settle(struct mr_pg_place *place)
{
    if (!place->unread || !place->sql->conn || !atomic_load(&place->rows_out))
        return;
    place->unread = false;
    mr_pg_try(place->sql->conn,
              about_mark(place, "SELECT pg_catalog.pg_drop_replication_slot(", ")"));
}

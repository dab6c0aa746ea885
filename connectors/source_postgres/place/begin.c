/* Where a start begins.
 *
 *     position held, slot fits     there (open.c, slot.c judge that)
 *     position held, it does not   a refusal; or, with snapshot: when_needed, as if nothing were held
 *     no position                  at a slot made now, whose making gives a view to read the tables in; or at one that
 *                                  is there and was adopted
 *
 * A sink without positions (args->adopt) that finds its slot has read the tables before, unless the mark says otherwise
 * (unread.h). The mark is set before the slot is made: whoever is killed between the two reads the tables. */
#include "connectors/source_postgres/place/begin.h"

#include <string.h>

#include "base/log.h"
#include "connectors/source_postgres/place/unread.h"

int mr_pg_begin_anew(struct mr_pg_place *place, const struct mr_pg_slot *slot, struct mr_err *err)
{
    struct mr_pg_position *position = place->position;

    mr_note(place->context, MR_LOG_WARN, "source.snapshot_again",
            "%s; source.snapshot is when_needed, so the tables are read again", err->text);
    place->anew = slot->exists && strcmp(position->system, place->server->system) == 0 &&
                  strcmp(position->slot, place->slot) == 0;
    mr_pg_position_done(position);
    place->first = true;
    mr_err_clear(err);
    return place->anew ? 0 : mr_pg_slot_check(place, slot, err);
}

/* The log's end as of now, for `until: now`. Behind a page's header nothing was written yet. */
static int log_end(struct mr_pg_place *place, uint64_t *ret_lsn, struct mr_err *err)
{
    PGresult *result;
    uint64_t lsn = 0;
    int rc = mr_pg_ask(place->sql,
                       place->server->standby ? "SELECT pg_catalog.pg_last_wal_replay_lsn()"
                                              : "SELECT pg_catalog.pg_current_wal_insert_lsn()",
                       "read the end of the log", &result, err);

    if (rc < 0)
        return rc;
    (void)mr_pg_lsn_parse(mr_pg_text(result, 0, 0), &lsn);
    PQclear(result);
    *ret_lsn = lsn % 8192 <= 40 ? lsn - lsn % 8192 : lsn;
    return 0;
}

int mr_pg_begin_until(struct mr_pg_place *place, uint64_t *ret_lsn, struct mr_err *err)
{
    int rc = 0;

    *ret_lsn = 0;
    if (!place->args->until)
        return 0;
    if (strcmp(place->args->until, "now") == 0)
        rc = log_end(place, ret_lsn, err);
    else if (!mr_pg_lsn_parse(place->args->until, ret_lsn) || *ret_lsn == 0)
        rc = mr_err_set(err, MR_CONFIG, "source.until",
                        "\"%s\" is neither now nor a log position such as 0/1A2B3C8",
                        place->args->until);
    return rc;
}

int mr_pg_begin_at_slot(struct mr_pg_place *place, struct mr_err *err)
{
    struct mr_pg_position *position = place->position;
    bool snapshot = place->config->capture.snapshot != MR_SNAPSHOT_MODE_NO_DATA;
    struct mr_pg_slot slot;
    int rc = mr_pg_slot_look(place, &slot, err);

    if (rc == 0)
        rc = mr_pg_slot_finished(place, &slot, err);
    if (rc == 0 && slot.exists && (slot.lost || place->anew))
        rc = mr_pg_slot_drop(place, err);
    if (rc == 0 && (!slot.exists || slot.lost || place->anew)) {
        rc = mr_pg_unread_mark(place, err);
        if (rc == 0)
            rc = mr_pg_slot_create(place, snapshot, err);
    } else if (rc == 0)
        place->slot_point = slot.confirmed;
    if (rc < 0)
        return rc;
    position->standing.started = true;
    position->resume = place->slot_point;
    position->standing.snapshot.active =
        snapshot && (place->slot_made || place->unread || !place->args->adopt);
    position->standing.snapshot.again = snapshot && place->unread && !place->slot_made;
    return 0;
}

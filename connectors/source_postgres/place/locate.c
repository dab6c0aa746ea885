/* Positions that a human asks for.
 *
 *     locate now      the log's end; publication and slot are made when they are missing, a lost slot anew
 *     locate 0/1A2B   a place the slot still has: not below what it confirmed, not above the log's end
 *     again           the position held, with tables to be read once more before the stream goes on
 *
 * This is the way on from a refusal (rule 4): whatever lies between the old position and the new one is read twice
 * or never, by the user's will. A position made here claims to be an ordinary one, so the next start checks it
 * like any other. A new change number base is drawn, above the last number held, so that no number comes twice. While
 * somebody reads the slot nothing is changed: a pipeline that runs goes on from where it is, and where the sink fences
 * nobody it writes its own position over the new one.
 *
 * `again` on a position that cannot be resumed (the slot is gone, the server is another) gives one that has not
 * started yet: the next start makes the slot and reads all tables, as a first one does. */
#include "connectors/source_postgres/place/locate.h"

#include <string.h>

#include "connectors/source_postgres/place/open.h"
#include "connectors/source_postgres/place/slot.h"

/* The log's end, with a slot that keeps the log from there on. */
static int find_now(struct mr_pg_place *place, struct mr_pg_publish *publish,
                    const struct mr_pg_slot *slot, uint64_t *ret_lsn, struct mr_err *err)
{
    int rc = mr_pg_publication_ensure(publish, err);

    if (rc == 0)
        rc = mr_pg_slot_finished(place, slot, err);
    if (rc == 0 && slot->exists && slot->lost)
        rc = mr_pg_slot_drop(place, err);
    if (rc == 0 && (!slot->exists || slot->lost)) {
        rc = mr_pg_slot_create(place, false, err);
        if (rc == 0)
            *ret_lsn = place->slot_point;
        return rc;
    }
    *ret_lsn = slot->confirmed > place->server->wal_end ? slot->confirmed : place->server->wal_end;
    return rc;
}

static int find_lsn(const struct mr_pg_place *place, const struct mr_pg_slot *slot,
                    const char *where, uint64_t *ret_lsn, struct mr_err *err)
{
    char confirmed[24], end[24];
    uint64_t lsn;

    if (!mr_pg_lsn_parse(where, &lsn) || lsn == 0)
        return mr_err_set(err, MR_CONFIG, "source.place",
                          "\"%s\" is neither now nor a log position such as 0/1A2B3C8", where);
    if (!slot->exists || slot->lost)
        mr_err_set(err, MR_CONFIG, "source.place",
                   "slot %s is missing or lost: nothing on the server keeps the log from %s on",
                   place->slot, where);
    else if (lsn < slot->confirmed)
        mr_err_set(err, MR_CONFIG, "source.place",
                   "%s is below %s, which slot %s has confirmed: the server never goes back", where,
                   mr_pg_lsn_format(slot->confirmed, confirmed), place->slot);
    else if (lsn > place->server->wal_end)
        mr_err_set(err, MR_CONFIG, "source.place", "%s is above the log's end, %s", where,
                   mr_pg_lsn_format(place->server->wal_end, end));
    else {
        *ret_lsn = lsn;
        return 0;
    }
    mr_err_hint(err, "millrace checkpoint set %s now begins at the log's end.",
                place->context->pipeline);
    return MR_CONFIG;
}

int mr_pg_locate(struct mr_pg_place *place, struct mr_pg_publish *publish, const char *where,
                 bool held, struct mr_buf *ret_position, struct mr_err *err)
{
    struct mr_pg_position *position = place->position;
    struct mr_pg_slot slot;
    uint64_t lsn = 0;
    int rc = mr_pg_open_sessions(place, err);

    if (rc == 0)
        rc = mr_pg_slot_unused(place, err);
    if (rc == 0)
        rc = mr_pg_slot_look(place, &slot, err);
    if (rc == 0)
        rc = mr_pg_slot_check_kind(place, &slot, err);
    /* Without a position of ours the slot may be somebody else's. */
    if (rc == 0 && !held && !slot.lost)
        rc = mr_pg_slot_check(place, &slot, err);
    if (rc == 0)
        rc = strcmp(where, "now") == 0 ? find_now(place, publish, &slot, &lsn, err)
                                       : find_lsn(place, &slot, where, &lsn, err);
    if (rc < 0)
        return rc;
    mr_pg_set_identity(place, publish->published->publication);
    position->standing.started = true;
    position->resume = lsn;
    position->done = lsn;
    mr_pg_position_write(position, &position->standing, ret_position);
    return 0;
}

/* The position cannot be resumed (err says why): begin as at a first start. */
static int begin_anew(struct mr_pg_place *place, const char *publication,
                      const struct mr_pg_slot *slot, size_t count, struct mr_buf *ret_position,
                      struct mr_err *err)
{
    struct mr_pg_position *position = place->position;
    int rc;

    if (count > 0) {
        mr_err_hint(err,
                    "Single tables can be read again only when the stream can go on. For all:\n"
                    "  millrace resnapshot %s",
                    place->context->pipeline);
        return (int)err->class;
    }
    if (place->config->capture.snapshot == MR_SNAPSHOT_MODE_NO_DATA)
        return mr_err_set(err, MR_CONFIG, "source.place",
                          "source.snapshot is no_data: no table would be read; set it to initial");
    rc = slot->exists && slot->lost ? mr_pg_slot_drop(place, err) : 0;
    if (rc < 0)
        return rc;
    mr_pg_position_done(position);
    *position = (struct mr_pg_position){0};
    place->first = true;
    mr_pg_set_identity(place, publication);
    mr_pg_position_write(position, &position->standing, ret_position);
    return 0;
}

int mr_pg_again(struct mr_pg_place *place, const char *publication, const char *const *tables,
                size_t count, struct mr_buf *ret_position, struct mr_err *err)
{
    struct mr_pg_position *position = place->position;
    struct mr_pg_slot slot;
    int rc = place->position->standing.started
                 ? mr_pg_open_sessions(place, err)
                 : mr_err_set(err, MR_CONFIG, "source.place",
                              "nothing was read yet: the next start reads the tables anyway");

    if (rc == 0)
        rc = mr_pg_slot_unused(place, err);
    if (rc == 0)
        rc = mr_pg_slot_look(place, &slot, err);
    if (rc < 0)
        return rc;
    rc = mr_pg_check_position(place, position, err);
    if (rc == 0)
        rc = mr_pg_slot_check(place, &slot, err);
    if (rc == MR_GAP)
        return begin_anew(place, publication, &slot, count, ret_position, err);
    if (rc < 0)
        return rc;
    mr_snapshot_ask_again(&position->standing.snapshot, tables, count);
    mr_pg_position_write(position, &position->standing, ret_position);
    return 0;
}

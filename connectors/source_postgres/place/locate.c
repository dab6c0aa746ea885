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

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "connectors/source_postgres/place/open.h"
#include "connectors/source_postgres/publish/publication.h"
#include "connectors/source_postgres/setup.h"
#include "connectors/source_postgres/place/slot.h"

/* The log's end, with a slot that keeps the log from there on. */
static int find_now(struct mr_pg_source *source, const struct mr_pg_slot *slot, uint64_t *ret_lsn,
                    struct mr_err *err)
{
    int rc = mr_pg_publication_ensure(source, err);

    if (rc == 0)
        rc = mr_pg_slot_finished(source, slot, err);
    if (rc == 0 && slot->exists && slot->lost)
        rc = mr_pg_slot_drop(source, err);
    if (rc == 0 && (!slot->exists || slot->lost)) {
        rc = mr_pg_slot_create(source, false, err);
        if (rc == 0)
            *ret_lsn = source->slot_point;
        return rc;
    }
    *ret_lsn = slot->confirmed > source->server.wal_end ? slot->confirmed : source->server.wal_end;
    return rc;
}

static int find_lsn(const struct mr_pg_source *source, const struct mr_pg_slot *slot,
                    const char *place, uint64_t *ret_lsn, struct mr_err *err)
{
    char confirmed[24], end[24];
    uint64_t lsn;

    if (!mr_pg_lsn_parse(place, &lsn) || lsn == 0)
        return mr_err_set(err, MR_CONFIG, "source.place",
                          "\"%s\" is neither now nor a log position such as 0/1A2B3C8", place);
    if (!slot->exists || slot->lost)
        mr_err_set(err, MR_CONFIG, "source.place",
                   "slot %s is missing or lost: nothing on the server keeps the log from %s on",
                   source->slot, place);
    else if (lsn < slot->confirmed)
        mr_err_set(err, MR_CONFIG, "source.place",
                   "%s is below %s, which slot %s has confirmed: the server never goes back", place,
                   mr_pg_lsn_format(slot->confirmed, confirmed), source->slot);
    else if (lsn > source->server.wal_end)
        mr_err_set(err, MR_CONFIG, "source.place", "%s is above the log's end, %s", place,
                   mr_pg_lsn_format(source->server.wal_end, end));
    else {
        *ret_lsn = lsn;
        return 0;
    }
    mr_err_hint(err, "millrace checkpoint set %s now begins at the log's end.",
                source->context->pipeline);
    return MR_CONFIG;
}

static int locate(struct mr_pg_source *source, const char *place, bool held,
                  struct mr_buf *ret_position, struct mr_err *err)
{
    struct mr_pg_position *position = &source->feed.position;
    struct mr_pg_slot slot;
    uint64_t lsn = 0;
    int rc = mr_pg_open_sessions(source, err);

    if (rc == 0)
        rc = mr_pg_slot_unused(source, err);
    if (rc == 0)
        rc = mr_pg_slot_look(source, &slot, err);
    if (rc == 0)
        rc = mr_pg_slot_check_kind(source, &slot, err);
    /* Without a position of ours the slot may be somebody else's. */
    if (rc == 0 && !held && !slot.lost)
        rc = mr_pg_slot_check(source, &slot, err);
    if (rc == 0)
        rc = strcmp(place, "now") == 0 ? find_now(source, &slot, &lsn, err)
                                       : find_lsn(source, &slot, place, &lsn, err);
    if (rc < 0)
        return rc;
    mr_pg_set_identity(source);
    position->standing.started = true;
    position->resume = lsn;
    position->done = lsn;
    mr_pg_position_write(position, &position->standing, ret_position);
    return 0;
}

int mr_pg_locate(const struct mr_source_args *args, const char *place, struct mr_buf *ret_position,
                 struct mr_err *err)
{
    struct mr_pg_source *source = mr_alloc_zero(sizeof(*source));
    struct mr_source_args anew = *args;
    int rc;

    anew.resume = (struct mr_slice){NULL, 0};
    rc = mr_pg_set_up(source, &anew, err);
    if (rc == 0)
        rc = locate(source, place, args->resume.size > 0, ret_position, err);
    mr_pg_tear_down(source);
    free(source);
    return rc;
}

/* The position cannot be resumed (err says why): begin as at a first start. */
static int begin_anew(struct mr_pg_source *source, const struct mr_pg_slot *slot, size_t count,
                      struct mr_buf *ret_position, struct mr_err *err)
{
    struct mr_pg_position *position = &source->feed.position;
    int rc;

    if (count > 0) {
        mr_err_hint(err,
                    "Single tables can be read again only when the stream can go on. For all:\n"
                    "  millrace resnapshot %s",
                    source->context->pipeline);
        return (int)err->class;
    }
    if (source->config->capture.snapshot == MR_SNAPSHOT_MODE_NO_DATA)
        return mr_err_set(err, MR_CONFIG, "source.place",
                          "source.snapshot is no_data: no table would be read; set it to initial");
    rc = slot->exists && slot->lost ? mr_pg_slot_drop(source, err) : 0;
    if (rc < 0)
        return rc;
    mr_pg_position_done(position);
    *position = (struct mr_pg_position){0};
    source->first = true;
    mr_pg_set_identity(source);
    mr_pg_position_write(position, &position->standing, ret_position);
    return 0;
}

static int again(struct mr_pg_source *source, const char *const *tables, size_t count,
                 struct mr_buf *ret_position, struct mr_err *err)
{
    struct mr_pg_position *position = &source->feed.position;
    struct mr_pg_slot slot;
    int rc = mr_pg_open_sessions(source, err);

    if (rc == 0)
        rc = mr_pg_slot_unused(source, err);
    if (rc == 0)
        rc = mr_pg_slot_look(source, &slot, err);
    if (rc < 0)
        return rc;
    rc = mr_pg_check_position(source, position, err);
    if (rc == 0)
        rc = mr_pg_slot_check(source, &slot, err);
    if (rc == MR_GAP)
        return begin_anew(source, &slot, count, ret_position, err);
    if (rc < 0)
        return rc;
    mr_snapshot_ask_again(&position->standing.snapshot, tables, count);
    mr_pg_position_write(position, &position->standing, ret_position);
    return 0;
}

int mr_pg_again(const struct mr_source_args *args, const char *const *tables, size_t count,
                struct mr_buf *ret_position, struct mr_err *err)
{
    struct mr_pg_source *source = mr_alloc_zero(sizeof(*source));
    int rc = mr_pg_set_up(source, args, err);

    if (rc == 0 && !source->feed.position.standing.started)
        rc = mr_err_set(err, MR_CONFIG, "source.place",
                        "nothing was read yet: the next start reads the tables anyway");
    if (rc == 0)
        rc = again(source, tables, count, ret_position, err);
    mr_pg_tear_down(source);
    free(source);
    return rc;
}

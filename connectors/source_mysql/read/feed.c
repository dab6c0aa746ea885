/* What a feed holds, and where it stands: groups' ends, transactions that are kept, the position.
 *
 *     position.done     everything in it is out and decided
 *     position.resume   where to ask the server to go on: done, less the prepared transactions that are not decided
 *
 * Everything in `done` is out, so the server is asked for what comes after it, and for the prepared transactions.
 * MySQL's set can leave out just these; elsewhere the log is read again from before the oldest of them, and what is
 * in `done` is dropped on the way. So nothing on our disk has to outlive us. */
#include "connectors/source_mysql/read/feed.h"

#include <stdio.h>
#include <string.h>

/* Whether all that is in `done` was read since position.resume. */
static bool caught_up(const struct mr_my_feed *feed)
{
    enum mr_order order =
        mr_my_place_order(&feed->seen, &feed->position.done, feed->position.by_gtid);

    return order == MR_SAME || order == MR_AFTER;
}

void mr_my_feed_begin(struct mr_my_feed *feed)
{
    mr_my_place_copy(&feed->seen, &feed->position.resume);
    feed->catching = !caught_up(feed);
}

void mr_my_feed_init(struct mr_my_feed *feed, const struct mr_context *context,
                     struct mr_my_position position)
{
    *feed = (struct mr_my_feed){.context = context, .position = position};
    mr_my_relations_init(&feed->relations);
    feed->relations.context = context;
    mr_track_init(&feed->track, context, &feed->position.standing);
    mr_my_temporaries_init(&feed->temporaries);
    mr_my_holds_init(&feed->holds, 16 << 20, context->state_directory);
    mr_my_place_init(&feed->seen, position.mariadb);
    if (position.standing.started)
        mr_my_feed_begin(feed);
    feed->event_limit = (size_t)1 << 30;
    mr_arena_init(&feed->scratch, 64 << 10, 64 << 10);
    mr_buf_init(&feed->text, 64 << 20);
}

void mr_my_feed_done(struct mr_my_feed *feed)
{
    mr_my_relations_done(&feed->relations);
    mr_my_holds_done(&feed->holds);
    mr_my_temporaries_done(&feed->temporaries);
    mr_my_position_done(&feed->position);
    mr_my_place_done(&feed->seen);
    mr_my_place_done(&feed->until);
    mr_arena_done(&feed->scratch);
    mr_buf_done(&feed->text);
}

bool mr_my_feed_within(const struct mr_my_feed *feed, const struct mr_my_place *place,
                       const struct mr_my_gtid *gtid)
{
    if (feed->position.by_gtid)
        return mr_my_gtids_contain(&place->gtids, gtid);
    return mr_my_place_order(&feed->start, place, false) == MR_BEFORE;
}

bool mr_my_feed_until_reached(const struct mr_my_feed *feed)
{
    const struct mr_my_position *position = &feed->position;
    struct mr_my_gtids left;
    bool empty;

    if (!feed->has_until || feed->track.open)
        return false;
    if (!position->by_gtid)
        return mr_my_place_order(&position->done, &feed->until, false) != MR_BEFORE;
    mr_my_gtids_init(&left, position->mariadb);
    mr_my_gtids_copy(&left, &feed->until.gtids);
    mr_my_gtids_subtract(&left, &position->done.gtids);
    empty = mr_my_gtids_empty(&left);
    mr_my_gtids_done(&left);
    return empty;
}

void mr_my_feed_hold(struct mr_my_feed *feed, const struct mr_my_xid *xid)
{
    struct mr_my_held *held = mr_my_hold_new(&feed->holds, xid, feed->format);

    held->gtid = feed->gtid;
    mr_my_place_init(&held->before, feed->position.mariadb);
    mr_my_place_copy(&held->before, &feed->seen);
    memcpy(held->before.file, feed->start.file, sizeof(held->before.file));
    held->before.offset = feed->start.offset;
    feed->holding = held;
}

static void add_seen(struct mr_my_feed *feed, const struct mr_my_event *event)
{
    if (!feed->catching && !feed->position.mariadb)
        return;
    mr_my_gtids_add(&feed->seen.gtids, &feed->gtid);
    (void)snprintf(feed->seen.file, sizeof(feed->seen.file), "%s", feed->file);
    feed->seen.offset = event->next;
    feed->catching = feed->catching && !caught_up(feed);
}

/* The place behind the group in hand. */
static void add_done(struct mr_my_feed *feed, const struct mr_my_event *event)
{
    struct mr_my_place *done = &feed->position.done;

    if (feed->position.by_gtid)
        mr_my_gtids_add(&done->gtids, &feed->gtid);
    (void)snprintf(done->file, sizeof(done->file), "%s", feed->file);
    done->offset = event->next;
    feed->moved = true;
}

int mr_my_feed_finish(struct mr_my_feed *feed, struct mr_batch *batch,
                      const struct mr_my_event *event, struct mr_err *err)
{
    struct mr_track *track = &feed->track;
    bool dropped = track->dropping;
    int rc;

    track->transaction.origin.binlog.end = event->next;
    if (track->shared)
        track->shared->origin.binlog.end = event->next;
    rc = mr_track_end(track, batch, err);
    if (rc < 0)
        return rc;
    feed->many = false;
    feed->holding = NULL;
    mr_my_relations_end_statement(&feed->relations);
    if (!dropped)
        add_done(feed, event);
    add_seen(feed, event);
    return 0;
}

void mr_my_feed_release(struct mr_my_feed *feed, struct mr_my_held *held,
                        const struct mr_my_event *event)
{
    feed->holding = NULL;
    feed->playing = held;
    feed->played_next = event->next;
    mr_my_hold_rewind(held);
}

void mr_my_feed_advance(struct mr_my_feed *feed, const char *file, uint64_t offset)
{
    struct mr_my_place *done = &feed->position.done, at;

    if (feed->track.open || feed->position.by_gtid || feed->track.skip > 0 || !file[0])
        return;
    at = (struct mr_my_place){.offset = offset};
    (void)snprintf(at.file, sizeof(at.file), "%s", file);
    if (mr_my_place_order(done, &at, false) != MR_BEFORE)
        return;
    memcpy(done->file, at.file, sizeof(done->file));
    done->offset = offset;
    feed->moved = true;
}

void mr_my_feed_new_batch(struct mr_my_feed *feed, int64_t read_us)
{
    mr_track_new_batch(&feed->track, read_us);
    feed->query = NULL;
}

/* From what is finished and what is held. While catching up it stays where the log was begun. */
static void set_resume(struct mr_my_feed *feed)
{
    struct mr_my_position *position = &feed->position;
    struct mr_my_gtids undecided;

    if (feed->catching)
        return;
    if (feed->holds.first && !(position->by_gtid && !position->mariadb)) {
        mr_my_place_copy(&position->resume, &feed->holds.first->before);
        return;
    }
    mr_my_place_copy(&position->resume, &position->done);
    if (!feed->holds.first)
        return;
    mr_my_gtids_init(&undecided, false);
    for (const struct mr_my_held *held = feed->holds.first; held; held = held->next)
        mr_my_gtids_add(&undecided, &held->gtid);
    mr_my_gtids_subtract(&position->resume.gtids, &undecided);
    mr_my_gtids_done(&undecided);
}

static void set_inside(struct mr_my_feed *feed)
{
    if (mr_track_inside(&feed->track))
        feed->position.inside = feed->gtid;
    set_resume(feed);
}

static bool passed(const void *state, const struct mr_snapshot_table *table)
{
    const struct mr_my_feed *feed = state;
    const struct mr_my_position *position = &feed->position;
    struct mr_my_place view;
    enum mr_order order;

    if (mr_my_place_parse(mr_slice_str(table->lo), position->mariadb, position->by_gtid, &view,
                          NULL) < 0)
        return false;
    order = mr_my_place_order(&view, &position->done, position->by_gtid);
    mr_my_place_done(&view);
    return order == MR_BEFORE || order == MR_SAME;
}

void mr_my_feed_render(struct mr_my_feed *feed)
{
    struct mr_snapshot_progress *snapshot = &feed->position.standing.snapshot;
    struct mr_standing standing;

    if (!snapshot->active && snapshot->done_count > 0 && !feed->track.open)
        mr_snapshot_prune(snapshot, passed, feed);
    set_inside(feed);
    standing = mr_track_standing(&feed->track);
    mr_buf_clear(&feed->text);
    mr_my_position_write(&feed->position, &standing, &feed->text);
}

void mr_my_feed_close_batch(struct mr_my_feed *feed, struct mr_batch *batch)
{
    mr_my_feed_render(feed);
    mr_track_set_position(&feed->track, batch, mr_buf_slice(&feed->text));
}

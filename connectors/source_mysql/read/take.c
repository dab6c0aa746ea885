/* The life of a group of events.
 *
 *     MySQL     GTID  BEGIN                (map rows+)*  XID | COMMIT | ROLLBACK      a transaction
 *               GTID  XA START x           (map rows+)*  XA END x  XA_PREPARE x       prepared: kept (hold.h)
 *               GTID  statement                                                       DDL, XA COMMIT x, XA ROLLBACK x
 *     MariaDB   GTID                       (map rows+)*  XID | COMMIT | XA_PREPARE    BEGIN is in the GTID's flags
 *               GTID (standalone)          statement
 *
 * Which groups are finished: those that position.done contains; by file, those that begin before it. They are dropped
 * whole. One that was split is dropped up to its change n (capture/track.h). A group that is being prepared is kept,
 * finished or not: what becomes of it is said by a later group, and that one may not be finished.
 *
 * A decided transaction comes out of what was kept event by event (mr_my_feed_play), as changes of the group that
 * decides, so that a batch can end in its middle like in any other. */
#include "connectors/source_mysql/read/take.h"

#include <stdio.h>
#include <string.h>

#include "connectors/source_mysql/read/rows_in.h"
#include "connectors/source_mysql/read/words_in.h"

static void set_start(struct mr_my_feed *feed, const struct mr_my_event *event)
{
    (void)snprintf(feed->start.file, sizeof(feed->start.file), "%s", feed->file);
    feed->start.offset = event->next > event->header.size ? event->next - event->header.size : 0;
}

static struct mr_transaction make_transaction(struct mr_my_feed *feed,
                                              const struct mr_my_event *event)
{
    const struct mr_my_group *group = &event->group;
    struct mr_transaction transaction;
    struct mr_buf text;

    mr_buf_init(&text, MR_MY_GTID_TEXT);
    if (group->gtid.number > 0)
        mr_my_gtid_print(&group->gtid, &text);
    (void)snprintf(feed->gtid_text, sizeof(feed->gtid_text), "%s", mr_buf_cstr(&text));
    mr_buf_done(&text);
    (void)snprintf(feed->group_file, sizeof(feed->group_file), "%s", feed->file);
    transaction = (struct mr_transaction){
        .origin = {MR_ORIGIN_BINLOG,
                   {.binlog = {.file = mr_slice_str(feed->group_file),
                               .begin = feed->start.offset,
                               .server_id = event->header.server_id,
                               .thread = group->thread_id}}},
        .commit_us = group->original_commit_us ? (int64_t)group->original_commit_us
                                               : (int64_t)event->header.time * 1000000,
    };
    if (group->gtid.number > 0)
        transaction.origin.binlog.gtid = mr_slice_str(feed->gtid_text);
    (void)snprintf(feed->track.resumed, sizeof(feed->track.resumed),
                   "%.50s that begins at %.30s:%llu", feed->gtid_text, feed->group_file,
                   (unsigned long long)feed->start.offset);
    return transaction;
}

static bool same_gtid(const struct mr_my_gtid *a, const struct mr_my_gtid *b)
{
    return a->number == b->number && a->domain == b->domain && a->tag_size == b->tag_size &&
           memcmp(a->uuid, b->uuid, sizeof(a->uuid)) == 0 &&
           memcmp(a->tag, b->tag, a->tag_size) == 0;
}

static int anonymous(const struct mr_my_feed *feed, struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, "source.gtid_mode",
               "the log goes on at %s:%llu with transactions that have no GTID: gtid_mode was "
               "changed, and the position is by GTIDs",
               feed->start.file, (unsigned long long)feed->start.offset);
    mr_err_hint(err,
                "SET GLOBAL gtid_mode = ON (stepwise, see the server's manual), or go on by "
                "file: millrace checkpoint set PIPELINE %s:%llu",
                feed->start.file, (unsigned long long)feed->start.offset);
    return MR_CONFIG;
}

/* The position stands inside a transaction, and this is another one that is not finished. */
static bool is_other(const struct mr_my_feed *feed, bool dropped)
{
    if (feed->track.skip == 0 || dropped || feed->holding || !feed->position.by_gtid)
        return false;
    return !same_gtid(&feed->gtid, &feed->position.inside);
}

static int begin(struct mr_my_feed *feed, const struct mr_my_event *event, struct mr_err *err)
{
    const struct mr_my_group *group = &event->group;
    struct mr_my_place start = feed->start;
    struct mr_transaction transaction;
    bool dropped;

    set_start(feed, event);
    if (feed->position.by_gtid && group->gtid.number == 0)
        return anonymous(feed, err);
    if (feed->has_until && !mr_my_feed_within(feed, &feed->until, &group->gtid) &&
        mr_my_feed_until_reached(feed)) {
        feed->start = start;
        feed->stopped = true;
        return 0;
    }
    transaction = make_transaction(feed, event);
    dropped = mr_my_feed_within(feed, &feed->position.done, &group->gtid);
    mr_track_begin(&feed->track, &transaction, dropped);
    feed->many = feed->position.mariadb && !(group->flags & MR_MY_GROUP_STANDALONE);
    feed->gtid = group->gtid;
    feed->alter = group->alter;
    if (group->flags & MR_MY_GROUP_PREPARED)
        mr_my_feed_hold(feed, &group->xid);
    if (is_other(feed, dropped))
        return mr_track_differs(&feed->track, "the server now sends another transaction first",
                                err);
    return 0;
}

/* XA_PREPARE: with one phase it is a commit. */
static int prepared(struct mr_my_feed *feed, struct mr_batch *batch,
                    const struct mr_my_event *event, struct mr_err *err)
{
    if (feed->holding && event->prepare.one_phase) {
        mr_my_feed_release(feed, feed->holding, event);
        return 0;
    }
    if (feed->holding)
        feed->holding->prepared = true;
    return mr_my_feed_finish(feed, batch, event, err);
}

static int rotate(struct mr_my_feed *feed, const struct mr_my_event *event)
{
    char name[MR_MY_FILE];

    (void)snprintf(name, sizeof(name), "%.*s", MR_SLICE_ARG(event->rotate.name));
    mr_my_feed_advance(feed, name, event->rotate.position);
    return 0;
}

static int incident(const struct mr_my_feed *feed, const struct mr_my_event *event,
                    struct mr_err *err)
{
    mr_err_set(err, MR_GAP, "source.incident",
               "the server wrote into its log at %s:%llu that events are missing: %.*s", feed->file,
               (unsigned long long)event->next, MR_SLICE_ARG(event->incident.message));
    mr_err_hint(err, "Read the tables again: millrace resnapshot %s", feed->context->pipeline);
    return MR_GAP;
}

static int hold(struct mr_my_feed *feed, const struct mr_my_event *event, struct mr_err *err)
{
    return mr_my_hold_add(&feed->holds, feed->holding, event, err);
}

static int take_map(struct mr_my_feed *feed, const struct mr_my_event *event, struct mr_err *err)
{
    struct mr_my_relation *relation;

    if (feed->track.dropping)
        return 0;
    return mr_my_relations_take(&feed->relations, feed->format, event->body, &relation, err);
}

static int take_query(struct mr_my_feed *feed, struct mr_batch *batch,
                      const struct mr_my_event *event)
{
    struct mr_slice *copy;

    feed->query = NULL;
    if (feed->track.dropping || feed->holding || event->text.size == 0)
        return 0;
    copy = MR_ARENA_NEW(&batch->arena, struct mr_slice);
    *copy = mr_arena_copy(&batch->arena, event->text);
    feed->query = copy;
    return 0;
}

static bool is_rows(uint8_t type)
{
    switch (type) {
    case MR_MY_WRITE_V1:
    case MR_MY_UPDATE_V1:
    case MR_MY_DELETE_V1:
    case MR_MY_WRITE_V2:
    case MR_MY_UPDATE_V2:
    case MR_MY_DELETE_V2:
    case MR_MY_PARTIAL_UPDATE:
    case MR_MY_MARIA_WRITE_V1_COMPRESSED:
    case MR_MY_MARIA_UPDATE_V1_COMPRESSED:
    case MR_MY_MARIA_DELETE_V1_COMPRESSED:
    case MR_MY_MARIA_WRITE_COMPRESSED:
    case MR_MY_MARIA_UPDATE_COMPRESSED:
    case MR_MY_MARIA_DELETE_COMPRESSED: return true;
    default: return false;
    }
}

static int outside(const struct mr_my_event *event, struct mr_err *err)
{
    return mr_err_set(err, MR_RETRY, "source.protocol",
                      "the server sent an event of type %u that ends at %llu outside a transaction",
                      (unsigned)event->header.type, (unsigned long long)event->next);
}

/* What stands in a group. */
static int take_inside(struct mr_my_feed *feed, struct mr_batch *batch,
                       const struct mr_my_event *event, struct mr_err *err)
{
    uint8_t type = event->header.type;
    bool rows = is_rows(type);

    if ((rows || type == MR_MY_XID || type == MR_MY_XA_PREPARE) && !feed->track.open)
        return outside(event, err);
    if (feed->holding && (rows || type == MR_MY_TABLE_MAP))
        return hold(feed, event, err);
    if (rows)
        return feed->track.dropping ? 0 : mr_my_rows_in(feed, batch, event, err);
    switch (type) {
    case MR_MY_TABLE_MAP: return take_map(feed, event, err);
    case MR_MY_XID: return mr_my_feed_finish(feed, batch, event, err);
    case MR_MY_XA_PREPARE: return prepared(feed, batch, event, err);
    case MR_MY_ROWS_QUERY:
    case MR_MY_MARIA_ANNOTATE: return take_query(feed, batch, event);
    default: return 0;
    }
}

int mr_my_feed_take(struct mr_my_feed *feed, struct mr_batch *batch,
                    const struct mr_my_format *format, const char *file,
                    const struct mr_my_event *event, struct mr_err *err)
{
    feed->format = format;
    feed->file = file;
    switch (event->header.type) {
    case MR_MY_GTID:
    case MR_MY_ANONYMOUS_GTID:
    case MR_MY_GTID_TAGGED:
    case MR_MY_MARIA_GTID: return begin(feed, event, err);
    case MR_MY_QUERY:
    case MR_MY_MARIA_QUERY_COMPRESSED: return mr_my_words_in(feed, batch, event, err);
    case MR_MY_ROTATE: return rotate(feed, event);
    case MR_MY_INCIDENT: return incident(feed, event, err);
    default: return take_inside(feed, batch, event, err);
    }
}

int mr_my_feed_play(struct mr_my_feed *feed, struct mr_batch *batch, struct mr_err *err)
{
    struct mr_my_held *held = feed->playing;
    const struct mr_my_format *format = feed->format;
    struct mr_my_event event;
    int rc = mr_my_hold_next(held, &event, err);

    if (rc < 0)
        return rc;
    if (rc > 0) {
        feed->format = &held->format;
        rc = event.header.type == MR_MY_TABLE_MAP ? take_map(feed, &event, err)
                                                  : mr_my_rows_in(feed, batch, &event, err);
        feed->format = format;
        return rc;
    }
    feed->playing = NULL;
    mr_my_hold_drop(&feed->holds, held);
    event = (struct mr_my_event){.next = feed->played_next};
    return mr_my_feed_finish(feed, batch, &event, err);
}

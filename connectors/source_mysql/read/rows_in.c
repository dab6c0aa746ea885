/* Rows events.
 *
 *     op       old row                       new row                    images in the log may lack columns
 *     INSERT                                 after
 *     UPDATE   before                        after                      (binlog_row_image MINIMAL, NOBLOB)
 *     DELETE   before
 *
 * A column that the new row lacks did not change: it is UNCHANGED, or what the old row has. One that the old row
 * lacks is ABSENT; an old row with the key columns alone is key-only. Which columns an image has is said by every
 * event, so a session's own setting is seen.
 *
 * The event's bytes are copied into the batch once and the rows' values point into them. Rows of tables that nobody
 * wants are walked through, to be counted, and not copied. */
#include "connectors/source_mysql/read/rows_in.h"

#include <string.h>

#include "base/map.h"
#include "connectors/source_mysql/wire/rows.h"

#define HASHED_BYTES ((size_t)64) /* of a value */

/* One rows event in hand. */
struct taking {
    struct mr_my_relation *relation;
    struct mr_my_rows rows;
    struct mr_my_reading reading;
    enum mr_op op;
    bool want;
    uint64_t offset;
    uint32_t row;
};

static enum mr_op op_of(enum mr_my_rows_kind kind)
{
    return kind == MR_MY_INSERT ? MR_OP_CREATE : kind == MR_MY_UPDATE ? MR_OP_UPDATE : MR_OP_DELETE;
}

/* What the snapshot of the table shows already. */
static bool in_view(const struct mr_my_feed *feed, const struct mr_my_relation *relation)
{
    if (!relation->has_view)
        return false;
    if (feed->position.by_gtid)
        return mr_my_gtids_contain(&relation->view.gtids, &feed->gtid);
    return mr_my_place_order(&feed->start, &relation->view, false) == MR_BEFORE;
}

/* The first bytes of what tells the row, one after the other. */
static struct mr_slice identity(const struct mr_my_relation *relation,
                                const struct mr_slice *fields,
                                char room[MR_MY_HASHED * (HASHED_BYTES + 1)])
{
    size_t size = 0;

    for (uint32_t i = 0; i < relation->hashed_count; i++) {
        struct mr_slice field = fields[relation->hashed[i]];
        size_t part = field.size < HASHED_BYTES ? field.size : HASHED_BYTES;
        room[size++] = (char)part;
        if (!field.data)
            continue;
        memcpy(room + size, field.data, part);
        size += part;
    }
    return mr_slice(room, size);
}

/* The image has no column outside the key, and there are such columns. */
static bool is_key_only(const struct mr_table *table, const struct mr_value *row)
{
    uint32_t absent = 0;

    for (uint32_t i = 0; i < table->column_count; i++) {
        if (row[i].kind == MR_ABSENT)
            absent++;
        else if (table->columns[i].key == 0)
            return false;
    }
    return absent > 0;
}

static struct mr_value *room_for(struct mr_batch *batch, const struct mr_my_relation *relation)
{
    return MR_ARENA_ARRAY(&batch->arena, struct mr_value, relation->map->column_count + 1);
}

static int decode(struct taking *taking, struct mr_batch *batch, struct mr_change *image,
                  struct mr_err *err)
{
    const struct mr_my_relation *relation = taking->relation;
    uint32_t lost = 0;
    int rc = 0;

    taking->reading.arena = &batch->arena;
    if (taking->op != MR_OP_CREATE) {
        image->before = room_for(batch, relation);
        rc = mr_my_read_row(relation->readers, relation->map, &taking->reading, relation->before,
                            MR_ABSENT, image->before, err);
    }
    if (rc < 0 || taking->op == MR_OP_DELETE)
        return rc;
    image->after = room_for(batch, relation);
    if (taking->op == MR_OP_UPDATE)
        return mr_my_read_new_row(relation->readers, relation->map, &taking->reading, &taking->rows,
                                  relation->before, relation->after, image->after, &lost, err);
    return mr_my_read_row(relation->readers, relation->map, &taking->reading, relation->after,
                          MR_UNCHANGED, image->after, err);
}

static int take_row(struct mr_my_feed *feed, struct mr_batch *batch, struct taking *taking,
                    struct mr_err *err)
{
    const struct mr_my_relation *relation = taking->relation;
    struct mr_track *track = &feed->track;
    char room[MR_MY_HASHED * (HASHED_BYTES + 1)];
    struct mr_change image = {.op = taking->op}, *change;
    struct mr_slice told;
    bool skipped;
    int rc = taking->want && !mr_track_skips(track) ? decode(taking, batch, &image, err) : 0;

    if (rc < 0)
        return rc;
    told =
        identity(relation, taking->op == MR_OP_CREATE ? relation->after : relation->before, room);
    rc = mr_track_count(track, mr_hash(told, mr_track_seed(track, relation->hash, taking->op)),
                        &skipped, err);
    if (rc == 0 && mr_track_begins(track, taking->op))
        mr_track_add_begin(track, batch);
    if (rc < 0 || (skipped && !track->boundaries))
        return rc;
    if (!taking->want) {
        mr_count(&feed->context->counters->source_filtered, !skipped);
        return 0;
    }
    change = mr_track_add(track, batch, taking->op);
    change->table = relation->table;
    change->before = image.before;
    change->after = image.after;
    change->origin.binlog.offset = taking->offset;
    change->origin.binlog.row = taking->row;
    change->origin.binlog.query = feed->query;
    if (taking->op == MR_OP_UPDATE)
        mr_track_finish_update(change);
    if (change->before)
        change->before_is_key = is_key_only(relation->table, change->before);
    if (!skipped)
        mr_track_tally(track, taking->op);
    return 0;
}

static int find_relation(struct mr_my_feed *feed, const struct mr_my_event *event,
                         struct mr_my_relation **ret_relation, struct mr_err *err)
{
    uint64_t id = 0;

    if (!mr_my_rows_table(feed->format, event, &id))
        return mr_err_set(err, MR_RETRY, "source.protocol", "a rows event of %zu bytes is none",
                          event->body.size);
    *ret_relation = mr_my_relations_find(&feed->relations, id);
    if (*ret_relation)
        return 0;
    return mr_err_set(err, MR_RETRY, "source.protocol",
                      "the server sent rows of table id %llu without describing it first",
                      (unsigned long long)id);
}

/* The statement ends: its tables' ids mean nothing any more. */
static bool ends_statement(const struct taking *taking)
{
    return (taking->rows.flags & MR_MY_ROWS_STATEMENT_END) != 0;
}

int mr_my_rows_in(struct mr_my_feed *feed, struct mr_batch *batch, const struct mr_my_event *event,
                  struct mr_err *err)
{
    struct mr_my_event copy = *event;
    struct taking taking = {.reading = {.limit = feed->event_limit}};
    struct mr_my_relation *relation = NULL;
    int rc;

    rc = find_relation(feed, event, &relation, err);
    if (rc < 0)
        return rc;
    taking.relation = relation;
    taking.want = relation->captured && !in_view(feed, relation);
    if (taking.want) {
        size_t head = event->bytes.size - event->body.size;
        copy.bytes = mr_arena_copy(&batch->arena, event->bytes);
        copy.body = mr_slice(copy.bytes.data + head, event->body.size);
    } else {
        mr_arena_reset(&feed->scratch);
    }
    rc = mr_my_rows_parse(feed->format, &copy, taking.want ? &batch->arena : &feed->scratch,
                          feed->event_limit, &taking.rows, err);
    if (rc < 0)
        return rc;
    taking.op = op_of(taking.rows.kind);
    taking.want &= !mr_left_out_has(&feed->track.left_out, taking.op);
    if (taking.want)
        mr_batch_use_table(batch, relation->table);
    taking.offset = event->next > event->header.size && !feed->playing
                        ? event->next - event->header.size
                        : feed->start.offset;
    while ((rc = mr_my_rows_next(&taking.rows, relation->map, relation->before, relation->after,
                                 err)) > 0) {
        rc = take_row(feed, batch, &taking, err);
        if (rc < 0)
            return rc;
        taking.row++;
    }
    if (rc == 0 && ends_statement(&taking))
        mr_my_relations_end_statement(&feed->relations);
    return rc;
}

/* The life of a transaction, as pgoutput tells it.
 *
 *     B [O] (R | Y | I | U | D | T | M)* C        and M alone, outside, for messages that are not transactional
 *
 * Every I, U, D, every relation of a T and every M counts, whether or not a filter wants it; numbers, places, what a
 * resume skips, BEGIN and END are capture/track.h's.
 *
 * Resuming: the server is asked to start at position.resume. Transactions whose commit LSN is smaller were finished
 * (the server may send them again after its own crash) and are dropped whole. The one whose commit LSN *is* resume was
 * split when n > 0.
 *
 * Old and new rows: a key-only old row ('K') has ABSENT for what is no key; unchanged TOAST values that stand in the
 * old row (those of a FULL table, or of the key) are filled in from it, others stay UNCHANGED.
 *
 * Nullability is the catalogue's of today, and a row may be older than a SET NOT NULL: a NULL in a column that is
 * held to have none makes a version in which it may (mr_pg_feed_null). */
#include "connectors/source_postgres/read/feed.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"

void mr_pg_feed_init(struct mr_pg_feed *feed, const struct mr_context *context,
                     struct mr_pg_position position)
{
    *feed = (struct mr_pg_feed){.context = context, .position = position};
    mr_pg_relations_init(&feed->relations);
    feed->relations.context = context;
    feed->relations.database = mr_slice_str(feed->position.database);
    mr_track_init(&feed->track, context, &feed->position.standing);
    mr_pg_feed_resume(feed);
    mr_arena_init(&feed->scratch, 64 << 10, 64 << 10);
    mr_buf_init(&feed->text, 64 << 20);
}

void mr_pg_feed_resume(struct mr_pg_feed *feed)
{
    char lsn[24];

    feed->resume_lsn = feed->position.resume;
    (void)snprintf(feed->track.resumed, sizeof(feed->track.resumed), "committed at %s",
                   mr_pg_lsn_format(feed->resume_lsn, lsn));
}

void mr_pg_feed_done(struct mr_pg_feed *feed)
{
    mr_pg_relations_done(&feed->relations);
    mr_pg_position_done(&feed->position);
    mr_arena_done(&feed->scratch);
    mr_buf_done(&feed->text);
}

bool mr_pg_feed_keeps(const struct mr_pg_feed *feed, char type)
{
    bool row = type == 'I' || type == 'U' || type == 'D' || type == 'M';

    return row && !feed->track.dropping && (!feed->track.open || !mr_track_skips(&feed->track));
}

static int bad_value(const struct mr_pg_relation *relation, uint32_t column, const char *why,
                     struct mr_err *err)
{
    const struct mr_table *table = relation->table;
    const struct mr_column *described = &table->columns[column];

    return mr_err_set(err, MR_DATA, "source.decode",
                      "a value of column %.*s.%.*s.%.*s (type %.*s) cannot be read: %s",
                      MR_SLICE_ARG(table->schema), MR_SLICE_ARG(table->name),
                      MR_SLICE_ARG(described->name), MR_SLICE_ARG(described->native_type), why);
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool valid_utf8(struct mr_slice text)
{
    const uint8_t *at = (const uint8_t *)text.data, *end = at + text.size;

    while (at < end) {
        unsigned lead = *at++;
        int more = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
        if (more < 0 || lead > 0xf4 || end - at < more)
            return false;
        if ((lead == 0xe0 && at[0] < 0xa0) || (lead == 0xed && at[0] > 0x9f) ||
            (lead == 0xf0 && at[0] < 0x90) || (lead == 0xf4 && at[0] > 0x8f))
            return false;
        for (; more > 0; more--) {
            if ((*at++ & 0xc0) != 0x80)
                return false;
        }
    }
    return true;
}

int mr_pg_decode_column(const struct mr_pg_feed *feed, struct mr_arena *arena,
                        const struct mr_pg_relation *relation, uint32_t column, char kind,
                        struct mr_slice bytes, struct mr_value *ret_value, struct mr_err *err)
{
    const struct mr_pg_type *type = &relation->types[column];

    if (kind == 't') {
        if (!type->codec->text(arena, type, bytes, ret_value))
            return bad_value(relation, column, "the text is not in the form the type prints", err);
    } else if (!type->codec->binary) {
        mr_err_set(err, MR_RETRY, "source.binary",
                   "the server sent type %.*s in binary, which is not read; going back to text",
                   MR_SLICE_ARG(relation->table->columns[column].native_type));
        mr_err_trait(err, MR_TRAIT_BINARY);
        return MR_RETRY;
    } else if (!type->codec->binary(arena, type, bytes, ret_value)) {
        return bad_value(relation, column, "the binary form is not the type's", err);
    }
    if (feed->check_utf8 && ret_value->kind == MR_TEXT && !valid_utf8(mr_value_slice(ret_value)))
        return bad_value(relation, column,
                         "it is not UTF-8 (the database's encoding is SQL_ASCII, so the server "
                         "does not convert)",
                         err);
    return 0;
}

int mr_pg_feed_null(struct mr_pg_feed *feed, struct mr_pg_relation *relation, uint32_t column,
                    struct mr_err *err)
{
    if (relation->table->columns[column].optional)
        return 0;
    return mr_pg_relations_loosen(&feed->relations, relation, column, err);
}

static int wrong_count(const struct mr_pg_relation *relation, const struct mr_pg_tuple *tuple,
                       struct mr_err *err)
{
    const struct mr_table *table = relation->table;

    return mr_err_set(err, MR_RETRY, "source.protocol",
                      "a row of %.*s.%.*s has %u columns, but its description has %u",
                      MR_SLICE_ARG(table->schema), MR_SLICE_ARG(table->name),
                      (unsigned)tuple->columns, table->column_count);
}

static int decode_row(struct mr_pg_feed *feed, struct mr_arena *arena,
                      struct mr_pg_relation *relation, const struct mr_pg_tuple *tuple,
                      bool key_only, struct mr_value **ret_row, struct mr_err *err)
{
    struct mr_cur cur = mr_cur(tuple->bytes);
    struct mr_value *row;

    if (tuple->columns != relation->table->column_count)
        return wrong_count(relation, tuple, err);
    row = MR_ARENA_ARRAY(arena, struct mr_value, tuple->columns ? tuple->columns : 1);
    for (uint32_t i = 0; i < tuple->columns; i++) {
        struct mr_slice bytes;
        char kind = mr_pg_value_next(&cur, &bytes);
        int rc = 0;
        row[i] = (struct mr_value){.kind = kind == 'u' ? MR_UNCHANGED : MR_NULL};
        if (kind == 't' || kind == 'b')
            rc = mr_pg_decode_column(feed, arena, relation, i, kind, bytes, &row[i], err);
        else if (key_only && kind == 'n')
            row[i].kind = MR_ABSENT;
        else if (kind == 'n')
            rc = mr_pg_feed_null(feed, relation, i, err);
        if (rc < 0)
            return rc;
    }
    *ret_row = row;
    return 0;
}

/* The transaction begins with this change. A Begin message has the LSN of the first change that is sent, or 0 in a
 * transaction with an origin. */
static void note_begin(struct mr_pg_feed *feed, struct mr_batch *batch, enum mr_op op, uint64_t lsn)
{
    struct mr_track *track = &feed->track;

    if (!mr_track_begins(track, op))
        return;
    if (track->ordinal > 1 && track->transaction.origin.postgres.first_lsn != 0) {
        track->transaction.origin.postgres.first_lsn = lsn;
        track->shared = NULL;
    }
    mr_track_add_begin(track, batch);
}

/* Counts a change of a table by (operation, table, identity): that of the row after, or before for a delete. */
static int count_change(struct mr_pg_feed *feed, struct mr_batch *batch, enum mr_op op,
                        uint64_t lsn, const struct mr_pg_relation *relation,
                        const struct mr_value *row, bool *ret_skipped, struct mr_err *err)
{
    uint64_t seed = mr_track_seed(&feed->track, relation->hash, op);
    int rc;

    for (uint32_t i = 0; row && i < relation->hashed_count; i++)
        seed = mr_track_hash(&row[relation->hashed[i]], seed);
    rc = mr_track_count(&feed->track, seed, ret_skipped, err);
    if (rc == 0)
        note_begin(feed, batch, op, lsn);
    return rc;
}

/* The identity of a row that nobody wants: a replay may want it, or the other way round. NULL when it cannot be
 * read, which then is so in the replay. Lives until the next row. */
static struct mr_value *identity_of(struct mr_pg_feed *feed, const struct mr_pg_relation *relation,
                                    const struct mr_pg_tuple *tuple)
{
    struct mr_cur cur = mr_cur(tuple->bytes);
    struct mr_value *row;
    uint32_t found = 0;

    if (relation->hashed_count == 0 || tuple->columns != relation->table->column_count)
        return NULL;
    mr_arena_reset(&feed->scratch);
    row = MR_ARENA_ARRAY(&feed->scratch, struct mr_value, tuple->columns);
    for (uint32_t i = 0; found < relation->hashed_count; i++) {
        struct mr_slice bytes;
        char kind = mr_pg_value_next(&cur, &bytes);
        if (i != relation->hashed[found])
            continue;
        found++;
        row[i] = (struct mr_value){.kind = kind == 'u' ? MR_UNCHANGED : MR_NULL};
        if ((kind == 't' || kind == 'b') &&
            mr_pg_decode_column(feed, &feed->scratch, relation, i, kind, bytes, &row[i], NULL) < 0)
            return NULL;
    }
    return row;
}

static struct mr_change *add_change(struct mr_pg_feed *feed, struct mr_batch *batch, enum mr_op op,
                                    uint64_t lsn)
{
    struct mr_change *change = mr_track_add(&feed->track, batch, op);

    change->origin.postgres.lsn = lsn;
    return change;
}

static bool wanted(const struct mr_pg_feed *feed, const struct mr_pg_relation *relation,
                   enum mr_op op)
{
    if (!relation->captured || feed->track.transaction.origin.postgres.commit_lsn < relation->below)
        return false;
    return !mr_left_out_has(&feed->track.left_out, op);
}

static int unknown_relation(uint32_t oid, struct mr_err *err)
{
    return mr_err_set(err, MR_RETRY, "source.protocol",
                      "the server sent a row of relation %u without describing it first", oid);
}

static int decode_images(struct mr_pg_feed *feed, struct mr_arena *arena,
                         struct mr_pg_relation *relation, const struct mr_pg_message *message,
                         struct mr_change *image, struct mr_err *err)
{
    bool key_only = message->row.old_kind == 'K';
    int rc = 0;

    image->before_is_key = key_only;
    if (message->row.old_kind != 0)
        rc = decode_row(feed, arena, relation, &message->row.before, key_only, &image->before, err);
    if (rc == 0 && message->type != MR_PG_DELETE)
        rc = decode_row(feed, arena, relation, &message->row.after, false, &image->after, err);
    return rc;
}

static enum mr_op op_of(char type)
{
    return type == MR_PG_INSERT ? MR_OP_CREATE : type == MR_PG_UPDATE ? MR_OP_UPDATE : MR_OP_DELETE;
}

static int take_row(struct mr_pg_feed *feed, struct mr_batch *batch, uint64_t lsn,
                    const struct mr_pg_message *message, struct mr_err *err)
{
    struct mr_pg_relation *relation = mr_pg_relations_find(&feed->relations, message->row.oid);
    bool skip = mr_track_skips(&feed->track), is_skipped;
    struct mr_arena *arena = skip ? &feed->scratch : &batch->arena;
    enum mr_op op = op_of(message->type);
    struct mr_change image = {0}, *change;
    const struct mr_value *row;
    bool want;
    int rc;

    if (!relation)
        return unknown_relation(message->row.oid, err);
    want = wanted(feed, relation, op);
    if (skip)
        mr_arena_reset(&feed->scratch);
    rc = want ? decode_images(feed, arena, relation, message, &image, err) : 0;
    if (rc < 0)
        return rc;
    row = image.after ? image.after : image.before;
    if (!want)
        row =
            identity_of(feed, relation,
                        message->type == MR_PG_DELETE ? &message->row.before : &message->row.after);
    rc = count_change(feed, batch, op, lsn, relation, row, &is_skipped, err);
    if (rc < 0 || (is_skipped && !feed->track.boundaries))
        return rc;
    if (!want) {
        mr_count(&feed->context->counters->source_filtered, !is_skipped);
        return 0;
    }
    change = add_change(feed, batch, op, lsn);
    change->table = relation->table;
    change->before = image.before;
    change->after = image.after;
    change->before_is_key = image.before_is_key;
    if (op == MR_OP_UPDATE)
        mr_track_finish_update(change);
    mr_batch_use_table(batch, relation->table);
    if (!is_skipped)
        mr_track_tally(&feed->track, op);
    return 0;
}

static int take_truncate(struct mr_pg_feed *feed, struct mr_batch *batch, uint64_t lsn,
                         const struct mr_pg_message *message, struct mr_err *err)
{
    for (uint32_t i = 0; i < message->truncate.count; i++) {
        uint32_t oid = mr_pg_truncate_oid(message, i);
        struct mr_pg_relation *relation = mr_pg_relations_find(&feed->relations, oid);
        bool is_skipped;
        int rc;
        if (!relation)
            return unknown_relation(oid, err);
        rc = count_change(feed, batch, MR_OP_TRUNCATE, lsn, relation, NULL, &is_skipped, err);
        if (rc < 0)
            return rc;
        if (is_skipped && !feed->track.boundaries)
            continue;
        if (!wanted(feed, relation, MR_OP_TRUNCATE)) {
            mr_count(&feed->context->counters->source_filtered, !is_skipped);
            continue;
        }
        add_change(feed, batch, MR_OP_TRUNCATE, lsn)->table = relation->table;
        mr_batch_use_table(batch, relation->table);
        if (!is_skipped)
            mr_track_tally(&feed->track, MR_OP_TRUNCATE);
    }
    return 0;
}

/* A message outside a transaction is a transaction of one event, finished at once. */
static void begin_single(struct mr_pg_feed *feed, uint64_t lsn)
{
    struct mr_transaction transaction = {
        .origin = {MR_ORIGIN_POSTGRES,
                   {.postgres = {.commit_lsn = lsn,
                                 .end_lsn = lsn,
                                 .first_lsn = lsn,
                                 .previous_lsn = lsn}}},
        .commit_us = feed->position.standing.commit_us,
    };

    mr_track_single(&feed->track, &transaction);
}

static void add_logical(struct mr_pg_feed *feed, struct mr_batch *batch, uint64_t lsn,
                        const struct mr_pg_message *message)
{
    struct mr_message *content = MR_ARENA_NEW(&batch->arena, struct mr_message);
    struct mr_change *change;

    *content = (struct mr_message){
        .transactional = message->logical.transactional,
        .prefix = message->logical.prefix,
        .content = message->logical.content,
        .database = mr_arena_copy(&batch->arena, feed->relations.database),
    };
    change = add_change(feed, batch, MR_OP_MESSAGE, lsn);
    batch->messages = true;
    change->message = content;
    if (!change->replayed)
        mr_track_tally(&feed->track, MR_OP_MESSAGE);
}

static int message_wanted(const struct mr_pg_feed *feed, struct mr_slice prefix, bool *ret_wanted,
                          struct mr_err *err)
{
    *ret_wanted = true;
    return feed->prefixes ? mr_select_text(feed->prefixes, prefix, ret_wanted, err) : 0;
}

static int take_logical(struct mr_pg_feed *feed, struct mr_batch *batch, uint64_t lsn,
                        const struct mr_pg_message *message, struct mr_err *err)
{
    struct mr_track *track = &feed->track;
    bool single = !track->open, is_skipped = false, want;
    int rc;

    if (single && lsn <= feed->resume_lsn)
        return 0;
    if (single)
        begin_single(feed, lsn);
    rc = mr_track_count(track,
                        mr_track_seed(track, mr_hash(message->logical.prefix, 0), MR_OP_MESSAGE),
                        &is_skipped, err);
    if (rc == 0)
        note_begin(feed, batch, MR_OP_MESSAGE, lsn);
    if (rc < 0 || (is_skipped && !track->boundaries))
        return rc;
    rc = message_wanted(feed, message->logical.prefix, &want, err);
    if (rc < 0)
        return rc;
    if (want)
        add_logical(feed, batch, lsn, message);
    else
        mr_count(&feed->context->counters->source_filtered, !is_skipped);
    if (single) {
        rc = mr_track_end(track, batch, err);
        feed->position.resume = feed->position.done = lsn;
    }
    return rc;
}

static int begin(struct mr_pg_feed *feed, uint64_t lsn, const struct mr_pg_message *message,
                 struct mr_err *err)
{
    uint64_t commit_lsn = message->begin.commit_lsn;
    struct mr_transaction transaction = {
        .origin = {MR_ORIGIN_POSTGRES,
                   {.postgres = {.xid = message->begin.xid,
                                 .commit_lsn = commit_lsn,
                                 .first_lsn = lsn,
                                 .previous_lsn = feed->position.done}}},
        .commit_us = message->begin.commit_us,
    };

    if (feed->track.skip > 0 && commit_lsn > feed->resume_lsn)
        return mr_track_differs(&feed->track, "the server no longer has that transaction", err);
    if (feed->stop_lsn && commit_lsn >= feed->stop_lsn) {
        feed->stopped = true;
        return 0;
    }
    mr_track_begin(&feed->track, &transaction, commit_lsn < feed->resume_lsn);
    return 0;
}

static int finish(struct mr_pg_feed *feed, struct mr_batch *batch,
                  const struct mr_pg_message *message, struct mr_err *err)
{
    struct mr_track *track = &feed->track;
    uint64_t end_lsn = message->commit.end_lsn;
    bool dropped = track->dropping;
    int rc;

    track->transaction.commit_us = message->commit.commit_us;
    track->transaction.origin.postgres.end_lsn = end_lsn;
    if (track->shared)
        track->shared->origin.postgres.end_lsn = end_lsn;
    rc = mr_track_end(track, batch, err);
    if (rc == 0 && !dropped)
        feed->position.resume = feed->position.done = end_lsn;
    return rc;
}

static void take_origin(struct mr_pg_feed *feed, const struct mr_pg_message *message)
{
    struct mr_slice name = message->origin.name;
    size_t size = name.size < sizeof(feed->origin) ? name.size : sizeof(feed->origin) - 1;

    memcpy(feed->origin, name.data, size);
    feed->track.transaction.origin.postgres.name = mr_slice(feed->origin, size);
    feed->track.transaction.origin.postgres.name_lsn = message->origin.lsn;
}

/* Rows of a table that was read in a later view: events of commits before that view are in it. */
static void set_below(const struct mr_pg_feed *feed, struct mr_pg_relation *relation)
{
    char name[2 * MR_PG_NAME];
    const struct mr_snapshot_table *done;

    (void)snprintf(name, sizeof(name), "%.*s.%.*s", MR_SLICE_ARG(relation->table->schema),
                   MR_SLICE_ARG(relation->table->name));
    done = mr_snapshot_find_done(&feed->position.standing.snapshot, name);
    relation->below = done ? done->key : 0;
}

static int take_relation(struct mr_pg_feed *feed, const struct mr_pg_message *message,
                         struct mr_err *err)
{
    struct mr_pg_relation *relation;
    uint64_t versions = feed->relations.versions;
    int rc = mr_pg_relations_take(&feed->relations, message, &relation, err);

    if (rc == 0 && feed->position.standing.snapshot.done_count > 0)
        set_below(feed, relation);
    if (rc == 0 && versions != feed->relations.versions)
        mr_count(&feed->context->counters->source_schema_changes, 1);
    return rc;
}

int mr_pg_feed_take(struct mr_pg_feed *feed, struct mr_batch *batch, uint64_t lsn,
                    struct mr_slice bytes, struct mr_err *err)
{
    struct mr_pg_message message;
    int rc = mr_pg_parse(bytes, &message, err);
    bool row;

    if (rc < 0)
        return rc;
    row = message.type == MR_PG_INSERT || message.type == MR_PG_UPDATE ||
          message.type == MR_PG_DELETE || message.type == MR_PG_TRUNCATE;
    if (feed->track.open ? message.type == MR_PG_BEGIN : row || message.type == MR_PG_COMMIT)
        return mr_err_set(err, MR_RETRY, "source.protocol",
                          "the server sent a message of type %c %s a transaction", message.type,
                          feed->track.open ? "inside" : "outside");
    if (feed->track.dropping && (row || message.type == MR_PG_LOGICAL))
        return 0;
    switch (message.type) {
    case MR_PG_BEGIN: return begin(feed, lsn, &message, err);
    case MR_PG_COMMIT: return finish(feed, batch, &message, err);
    case MR_PG_ORIGIN: take_origin(feed, &message); return 0;
    case MR_PG_RELATION: return take_relation(feed, &message, err);
    case MR_PG_TYPE: return 0;
    case MR_PG_TRUNCATE: return take_truncate(feed, batch, lsn, &message, err);
    case MR_PG_LOGICAL: return take_logical(feed, batch, lsn, &message, err);
    default: return take_row(feed, batch, lsn, &message, err);
    }
}

void mr_pg_feed_advance(struct mr_pg_feed *feed, uint64_t lsn)
{
    if (!feed->track.open && feed->track.skip == 0 && lsn > feed->position.resume)
        feed->position.resume = lsn;
}

/* Where to resume, with the open transaction's part in it. */
static uint64_t resume_now(const struct mr_pg_feed *feed)
{
    return mr_track_inside(&feed->track) ? feed->track.transaction.origin.postgres.commit_lsn
                                         : feed->position.resume;
}

void mr_pg_feed_rewind(struct mr_pg_feed *feed)
{
    feed->position.resume = resume_now(feed);
    mr_track_rewind(&feed->track);
    mr_pg_feed_resume(feed);
}

void mr_pg_feed_close_batch(struct mr_pg_feed *feed, struct mr_batch *batch)
{
    const struct mr_snapshot_progress *snapshot = &feed->position.standing.snapshot;
    struct mr_pg_position position;
    struct mr_standing standing;

    if (!snapshot->active && snapshot->done_count > 0)
        mr_pg_position_prune(&feed->position, feed->position.resume);
    position = feed->position;
    position.resume = resume_now(feed);
    standing = mr_track_standing(&feed->track);
    mr_buf_clear(&feed->text);
    mr_pg_position_write(&position, &standing, &feed->text);
    mr_track_set_position(&feed->track, batch, mr_buf_slice(&feed->text));
}

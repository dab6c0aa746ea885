/* The life of a transaction, as pgoutput tells it.
 *
 *     B [O] (R | Y | I | U | D | T | M)* C        and M alone, outside, for messages that are not transactional
 *
 * Place and number: every I, U, D, every relation of a T and every M counts, whether or not a filter wants it,
 * so that a replay counts alike. `ordinal` is the place in the transaction, position.count the number since
 * `base`.
 *
 * Resuming: the server is asked to start at position.resume. Transactions whose commit LSN is smaller were
 * finished (the server may send them again after its own crash) and are dropped whole. The one whose commit LSN
 * *is* resume was split when position.n > 0: its first n changes are decoded once more, only to be hashed, and
 * dropped. The hash covers operation, table and identity of each, as the wire alone gives them, wanted or not: a table
 * that was dropped or left out since must not change it. When it differs, the server's history is not the
 * one we read, and going on would lose or double rows: MR_GAP. Where transactions are counted (`boundaries`) they are
 * given all the same, as replayed: whoever counts needs them.
 *
 * A transaction's BEGIN stands before its first change that is not of a skipped operation, captured or not; its END is
 * out when the position has left it. One without such a change has neither: Debezium has its server leave skipped
 * operations out, and newer servers do not send empty transactions, which older ones do. Where truncates alone are
 * skipped, as they are when nothing is said, it has them sent, and they begin a transaction though no event comes of
 * it.
 *
 * Old and new rows: a key-only old row ('K') has ABSENT for what is no key; unchanged TOAST values that stand in the
 * old row (those of a FULL table, or of the key) are filled in from it, others stay UNCHANGED.
 *
 * Nullability is the catalogue's of today, and a row may be older than a SET NOT NULL: a NULL in a column that is
 * held to have none makes a version in which it may (mr_pg_feed_null). */
#include "connectors/source_postgres/read/feed.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define HASHED_BYTES ((size_t)256) /* of a value */

void mr_pg_feed_init(struct mr_pg_feed *feed, const struct mr_context *context,
                     struct mr_pg_position position)
{
    *feed = (struct mr_pg_feed){.context = context, .position = position};
    mr_pg_relations_init(&feed->relations);
    feed->relations.context = context;
    feed->relations.database = mr_slice_str(feed->position.database);
    feed->resume_lsn = position.resume;
    feed->skip = position.n;
    feed->skip_hash = position.hash;
    mr_arena_init(&feed->scratch, 64 << 10, 64 << 10);
    mr_buf_init(&feed->text, 64 << 20);
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

    return row && !feed->dropping &&
           (!feed->open || feed->boundaries || feed->ordinal >= feed->skip);
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
        return mr_err_set(err, MR_RETRY, "source.binary",
                          "the server sent type %.*s in binary, which is not read; going back to "
                          "text",
                          MR_SLICE_ARG(relation->table->columns[column].native_type));
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

static struct mr_slice head(struct mr_slice bytes)
{
    return mr_slice(bytes.data, bytes.size < HASHED_BYTES ? bytes.size : HASHED_BYTES);
}

static uint64_t hash_value(const struct mr_value *value, uint64_t seed)
{
    switch (value->kind) {
    case MR_TEXT:
    case MR_BYTES:
    case MR_UUID:
    case MR_DECIMAL_TEXT: return mr_hash(head(mr_value_slice(value)), seed);
    case MR_DECIMAL:
    case MR_BOOL:
    case MR_INT:
    case MR_FLOAT:
    case MR_DATE:
    case MR_TIME:
    case MR_TIMETZ:
    case MR_TIMESTAMP: return mr_hash(mr_slice(&value->i, sizeof(value->i)), seed);
    default: return seed + value->kind;
    }
}

static void count_hashed(struct mr_pg_feed *feed, uint64_t seed)
{
    feed->hash = seed * 0x9e3779b97f4a7c15u + 1;
    feed->ordinal++;
}

/* (operation, table, identity): that of the row after, or before for a delete. */
static void count_change(struct mr_pg_feed *feed, enum mr_op op,
                         const struct mr_pg_relation *relation, const struct mr_value *row)
{
    uint64_t seed = feed->hash ^ (relation->hash + (uint64_t)op);

    for (uint32_t i = 0; row && i < relation->hashed_count; i++)
        seed = hash_value(&row[relation->hashed[i]], seed);
    count_hashed(feed, seed);
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

/* The position stays where it was, for it is what a human is to look at. */
static int replay_differs(struct mr_pg_feed *feed, const char *how, struct mr_err *err)
{
    char lsn[24];

    feed->ordinal = 0;
    mr_err_set(err, MR_GAP, "source.replay_differs",
               "the transaction committed at %s was delivered up to its change %llu, and %s",
               mr_pg_lsn_format(feed->resume_lsn, lsn), (unsigned long long)feed->skip, how);
    mr_err_hint(err, "The publication, the list of tables or the server's history changed while "
                     "that transaction was half delivered. Undo that change, or set the position "
                     "by hand: millrace checkpoint set PIPELINE POSITION");
    return MR_GAP;
}

static struct mr_transaction *shared_transaction(struct mr_pg_feed *feed, struct mr_batch *batch)
{
    const struct mr_slice *named = &feed->transaction.origin.postgres.name;

    if (!feed->shared) {
        feed->shared = MR_ARENA_NEW(&batch->arena, struct mr_transaction);
        *feed->shared = feed->transaction;
        if (named->data)
            feed->shared->origin.postgres.name = mr_arena_copy(&batch->arena, *named);
    }
    return feed->shared;
}

/* The number of the change counted last. While changes are skipped, the count has them all already. */
static uint64_t number_now(const struct mr_pg_feed *feed)
{
    uint64_t ahead = feed->open && feed->ordinal < feed->skip ? feed->skip - feed->ordinal : 0;

    return feed->position.base + feed->position.count - 1 - ahead;
}

static struct mr_milestone *add_boundary(struct mr_pg_feed *feed, struct mr_batch *batch,
                                         enum mr_op op)
{
    struct mr_milestone *milestone = mr_batch_add_milestone(batch, op);

    milestone->transaction = shared_transaction(feed, batch);
    milestone->number = number_now(feed);
    return milestone;
}

static bool is_left_out(const struct mr_pg_feed *feed, enum mr_op op)
{
    switch (op) {
    case MR_OP_CREATE: return feed->skip_create;
    case MR_OP_UPDATE: return feed->skip_update;
    case MR_OP_DELETE: return feed->skip_delete;
    case MR_OP_TRUNCATE: return feed->skip_truncate;
    default: return false;
    }
}

static bool begins(const struct mr_pg_feed *feed, enum mr_op op)
{
    bool standard = !feed->skip_create && !feed->skip_update && !feed->skip_delete;

    return !is_left_out(feed, op) || (op == MR_OP_TRUNCATE && standard);
}

/* The transaction begins with this change. A Begin message has the LSN of the first change that is sent, or 0 in a
 * transaction with an origin. */
static void note_begin(struct mr_pg_feed *feed, struct mr_batch *batch, enum mr_op op, uint64_t lsn)
{
    if (!feed->boundaries || feed->begun || !begins(feed, op))
        return;
    feed->begun = true;
    if (feed->ordinal > 1 && feed->transaction.origin.postgres.first_lsn != 0) {
        feed->transaction.origin.postgres.first_lsn = lsn;
        feed->shared = NULL;
    }
    add_boundary(feed, batch, MR_OP_BEGIN)->replayed = feed->ordinal <= feed->skip;
}

/* True when this change is out already; checks the hash at the last such change. */
static int skipped(struct mr_pg_feed *feed, struct mr_batch *batch, enum mr_op op, uint64_t lsn,
                   bool *ret_skipped, struct mr_err *err)
{
    *ret_skipped = feed->ordinal <= feed->skip;
    if (feed->ordinal == feed->skip && feed->hash != feed->skip_hash)
        return replay_differs(feed, "the server now sends other changes in its place", err);
    if (!*ret_skipped)
        feed->position.count++;
    note_begin(feed, batch, op, lsn);
    return 0;
}

static struct mr_change *add_change(struct mr_pg_feed *feed, struct mr_batch *batch, enum mr_op op,
                                    uint64_t lsn)
{
    struct mr_change *change = mr_batch_add_change(batch);

    change->op = op;
    change->transaction = shared_transaction(feed, batch);
    change->number = number_now(feed);
    change->replayed = feed->open && feed->ordinal <= feed->skip;
    change->ordinal = feed->ordinal - 1;
    change->origin.postgres.lsn = lsn;
    change->read_us = feed->read_us;
    return change;
}

static bool wanted(const struct mr_pg_feed *feed, const struct mr_pg_relation *relation,
                   enum mr_op op)
{
    if (!relation->captured || feed->transaction.origin.postgres.commit_lsn < relation->below)
        return false;
    return !is_left_out(feed, op);
}

static void count_op(struct mr_counters *counters, enum mr_op op)
{
    switch (op) {
    case MR_OP_CREATE: mr_count(&counters->source_creates, 1); break;
    case MR_OP_UPDATE: mr_count(&counters->source_updates, 1); break;
    case MR_OP_DELETE: mr_count(&counters->source_deletes, 1); break;
    case MR_OP_TRUNCATE: mr_count(&counters->source_truncates, 1); break;
    case MR_OP_MESSAGE: mr_count(&counters->source_messages, 1); break;
    default: break;
    }
}

/* What the new row did not carry stands in the old one: all of it in a whole row; in a key-only row the key, which
 * the server sends with each update while a large key value lies outside the row. And did the key change? */
static void finish_update(const struct mr_table *table, struct mr_change *change)
{
    if (!change->before)
        return;
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (change->after[i].kind == MR_UNCHANGED && change->before[i].kind != MR_ABSENT)
            change->after[i] = change->before[i];
    }
    for (uint32_t i = 0; i < table->key_count; i++) {
        uint32_t column = table->key_columns[i];
        if (change->before[column].kind != MR_ABSENT &&
            !mr_value_equal(&change->before[column], &change->after[column]))
            change->key_changed = true;
    }
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
    bool skip = feed->ordinal < feed->skip && !feed->boundaries, is_skipped;
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
    count_change(feed, op, relation, row);
    rc = skipped(feed, batch, op, lsn, &is_skipped, err);
    if (rc < 0 || (is_skipped && !feed->boundaries))
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
        finish_update(relation->table, change);
    mr_batch_use_table(batch, relation->table);
    if (!is_skipped)
        count_op(feed->context->counters, op);
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
        count_change(feed, MR_OP_TRUNCATE, relation, NULL);
        rc = skipped(feed, batch, MR_OP_TRUNCATE, lsn, &is_skipped, err);
        if (rc < 0)
            return rc;
        if (is_skipped && !feed->boundaries)
            continue;
        if (!wanted(feed, relation, MR_OP_TRUNCATE)) {
            mr_count(&feed->context->counters->source_filtered, !is_skipped);
            continue;
        }
        add_change(feed, batch, MR_OP_TRUNCATE, lsn)->table = relation->table;
        mr_batch_use_table(batch, relation->table);
        if (!is_skipped)
            count_op(feed->context->counters, MR_OP_TRUNCATE);
    }
    return 0;
}

/* A message outside a transaction is a transaction of one event, finished at once. */
static void begin_single(struct mr_pg_feed *feed, uint64_t lsn)
{
    feed->shared = NULL;
    feed->ordinal = 0;
    feed->hash = 0;
    feed->transaction = (struct mr_transaction){
        .origin = {MR_ORIGIN_POSTGRES,
                   {.postgres = {.commit_lsn = lsn,
                                 .end_lsn = lsn,
                                 .first_lsn = lsn,
                                 .previous_lsn = lsn}}},
        .commit_us = feed->position.commit_us,
    };
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
        count_op(feed->context->counters, MR_OP_MESSAGE);
}

static bool message_wanted(const struct mr_pg_feed *feed, struct mr_slice prefix)
{
    return !feed->prefixes || mr_pg_filter_match_text(feed->prefixes, prefix);
}

static int take_logical(struct mr_pg_feed *feed, struct mr_batch *batch, uint64_t lsn,
                        const struct mr_pg_message *message, struct mr_err *err)
{
    bool single = !feed->open, is_skipped = false;
    int rc = 0;

    if (single && lsn <= feed->resume_lsn)
        return 0;
    if (single)
        begin_single(feed, lsn);
    count_hashed(feed, feed->hash ^ (mr_hash(message->logical.prefix, 0) + MR_OP_MESSAGE));
    if (single)
        feed->position.count++;
    else
        rc = skipped(feed, batch, MR_OP_MESSAGE, lsn, &is_skipped, err);
    if (rc < 0 || (is_skipped && !feed->boundaries))
        return rc;
    if (message_wanted(feed, message->logical.prefix))
        add_logical(feed, batch, lsn, message);
    else
        mr_count(&feed->context->counters->source_filtered, !is_skipped);
    if (single) {
        feed->position.resume = feed->position.done = lsn;
        feed->shared = NULL;
        batch->transactions++;
    }
    return 0;
}

static int begin(struct mr_pg_feed *feed, uint64_t lsn, const struct mr_pg_message *message,
                 struct mr_err *err)
{
    uint64_t commit_lsn = message->begin.commit_lsn;

    if (feed->skip > 0 && commit_lsn > feed->resume_lsn)
        return replay_differs(feed, "the server no longer has that transaction", err);
    if (feed->stop_lsn && commit_lsn >= feed->stop_lsn) {
        feed->stopped = true;
        return 0;
    }
    feed->open = true;
    feed->begun = false;
    feed->dropping = commit_lsn < feed->resume_lsn;
    feed->shared = NULL;
    feed->ordinal = 0;
    feed->hash = 0;
    feed->transaction = (struct mr_transaction){
        .origin = {MR_ORIGIN_POSTGRES,
                   {.postgres = {.xid = message->begin.xid,
                                 .commit_lsn = commit_lsn,
                                 .first_lsn = lsn,
                                 .previous_lsn = feed->position.done}}},
        .commit_us = message->begin.commit_us,
    };
    return 0;
}

static int finish(struct mr_pg_feed *feed, struct mr_batch *batch,
                  const struct mr_pg_message *message, struct mr_err *err)
{
    bool dropped = feed->dropping;

    feed->open = feed->dropping = false;
    if (dropped)
        return 0;
    if (feed->ordinal < feed->skip)
        return replay_differs(feed, "the server now ends it before that change", err);
    feed->skip = 0;
    if (feed->begun)
        (void)add_boundary(feed, batch, MR_OP_END);
    if (feed->shared)
        feed->shared->origin.postgres.end_lsn = message->commit.end_lsn;
    feed->shared = NULL;
    feed->position.resume = feed->position.done = message->commit.end_lsn;
    feed->position.commit_us = message->commit.commit_us;
    feed->position.n = 0;
    batch->transactions++;
    mr_count(&feed->context->counters->source_transactions, 1);
    atomic_store_explicit(&feed->context->counters->source_last_commit_us,
                          message->commit.commit_us, memory_order_relaxed);
    return 0;
}

static void take_origin(struct mr_pg_feed *feed, const struct mr_pg_message *message)
{
    struct mr_slice name = message->origin.name;
    size_t size = name.size < sizeof(feed->origin) ? name.size : sizeof(feed->origin) - 1;

    memcpy(feed->origin, name.data, size);
    feed->transaction.origin.postgres.name = mr_slice(feed->origin, size);
    feed->transaction.origin.postgres.name_lsn = message->origin.lsn;
}

/* Rows of a table that was read in a later view: events of commits before that view are in it. */
static void set_below(const struct mr_pg_feed *feed, struct mr_pg_relation *relation)
{
    char name[2 * MR_PG_NAME];
    const struct mr_pg_snapshot_table *done;

    (void)snprintf(name, sizeof(name), "%.*s.%.*s", MR_SLICE_ARG(relation->table->schema),
                   MR_SLICE_ARG(relation->table->name));
    done = mr_pg_snapshot_find_done(&feed->position.snapshot, name);
    relation->below = done ? done->below : 0;
}

static int take_relation(struct mr_pg_feed *feed, const struct mr_pg_message *message,
                         struct mr_err *err)
{
    struct mr_pg_relation *relation;
    uint64_t versions = feed->relations.versions;
    int rc = mr_pg_relations_take(&feed->relations, message, &relation, err);

    if (rc == 0 && feed->position.snapshot.done_count > 0)
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
    if (feed->open ? message.type == MR_PG_BEGIN : row || message.type == MR_PG_COMMIT)
        return mr_err_set(err, MR_RETRY, "source.protocol",
                          "the server sent a message of type %c %s a transaction", message.type,
                          feed->open ? "inside" : "outside");
    if (feed->dropping && (row || message.type == MR_PG_LOGICAL))
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
    if (!feed->open && feed->skip == 0 && lsn > feed->position.resume)
        feed->position.resume = lsn;
}

void mr_pg_feed_new_batch(struct mr_pg_feed *feed)
{
    feed->shared = NULL;
}

/* The position with the open transaction's part in it. */
static struct mr_pg_position current(const struct mr_pg_feed *feed)
{
    struct mr_pg_position position = feed->position;

    if (feed->open && !feed->dropping && feed->ordinal > 0 && feed->ordinal >= feed->skip) {
        position.resume = feed->transaction.origin.postgres.commit_lsn;
        position.n = feed->ordinal;
        position.hash = feed->hash;
    }
    return position;
}

void mr_pg_feed_rewind(struct mr_pg_feed *feed)
{
    feed->position = current(feed);
    feed->resume_lsn = feed->position.resume;
    feed->skip = feed->position.n;
    feed->skip_hash = feed->position.hash;
    feed->open = feed->dropping = false;
    feed->shared = NULL;
    feed->ordinal = feed->hash = 0;
}

void mr_pg_feed_close_batch(struct mr_pg_feed *feed, struct mr_batch *batch)
{
    struct mr_pg_position position;
    bool table = feed->position.snapshot.active && feed->position.snapshot.current;

    if (!feed->position.snapshot.active && feed->position.snapshot.done_count > 0)
        mr_pg_snapshot_prune(&feed->position.snapshot, feed->position.resume);
    position = current(feed);
    mr_buf_clear(&feed->text);
    mr_pg_position_write(&position, &feed->text);
    batch->position = (struct mr_position){
        .text = mr_arena_copy(&batch->arena, mr_buf_slice(&feed->text)),
        .number = mr_pg_position_number(&position),
        .log_bytes = position.resume,
        .commit_us = position.commit_us,
        .whole = position.n == 0 && !table,
        .in_table = table,
    };
}

/* Messages to changes, without a server: order, numbers, old rows, TOAST, filters, replays. Messages are written
 * here as PostgreSQL writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "connectors/source_postgres/read/feed.h"

static struct mr_counters counters;
static atomic_bool stopping;
static const struct mr_context context = {
    .pipeline = "p", .server = "s", .counters = &counters, .stopping = &stopping};

struct rig {
    struct mr_pg_feed feed;
    struct mr_batch *batch;
    struct mr_err err;
    struct mr_buf message;
};

static void begin_rig(struct rig *rig, struct mr_pg_position position)
{
    memset(rig, 0, sizeof(*rig));
    position.standing.base = position.standing.base ? position.standing.base : 100;
    position.standing.started = true;
    (void)snprintf(position.database, sizeof(position.database), "d");
    mr_pg_feed_init(&rig->feed, &context, position);
    rig->batch = mr_batch_new(4096, 4096);
    mr_buf_init(&rig->message, 1 << 20);
}

static void end_rig(struct rig *rig)
{
    mr_pg_feed_done(&rig->feed);
    mr_batch_free(rig->batch);
    mr_buf_done(&rig->message);
}

static void put(struct rig *rig, uint64_t number, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        mr_buf_add_char(&rig->message, (char)(number >> (8 * i)));
}

static void put_name(struct rig *rig, const char *name)
{
    mr_buf_add(&rig->message, name, strlen(name) + 1);
}

static int send(struct rig *rig, uint64_t lsn)
{
    struct mr_slice bytes = mr_arena_copy(&rig->batch->arena, mr_buf_slice(&rig->message));
    int rc;

    mr_err_clear(&rig->err);
    rc = mr_pg_feed_take(&rig->feed, rig->batch, lsn, bytes, &rig->err);
    mr_buf_clear(&rig->message);
    return rc;
}

static int begin(struct rig *rig, uint64_t commit_lsn)
{
    put(rig, 'B', 1);
    put(rig, commit_lsn, 8);
    put(rig, 5, 8);
    put(rig, 7, 4);
    return send(rig, commit_lsn - 8);
}

static int commit(struct rig *rig, uint64_t commit_lsn)
{
    put(rig, 'C', 1);
    put(rig, 0, 1);
    put(rig, commit_lsn, 8);
    put(rig, commit_lsn + 8, 8);
    put(rig, 5, 8);
    return send(rig, commit_lsn + 8);
}

/* A table of id (key) and v text. */
static int relation_of(struct rig *rig, uint32_t oid, const char *name, char identity,
                       uint32_t key_type)
{
    put(rig, 'R', 1);
    put(rig, oid, 4);
    put_name(rig, "public");
    put_name(rig, name);
    put(rig, (uint8_t)identity, 1);
    put(rig, 2, 2);
    put(rig, 1, 1);
    put_name(rig, "id");
    put(rig, key_type, 4);
    put(rig, 0xffffffff, 4);
    put(rig, identity == 'f', 1);
    put_name(rig, "v");
    put(rig, 25, 4);
    put(rig, 0xffffffff, 4);
    return send(rig, 0);
}

static int relation(struct rig *rig, uint32_t oid, const char *name, char identity)
{
    return relation_of(rig, oid, name, identity, 23);
}

/* NULL is null, "\1" unchanged. */
static void tuple(struct rig *rig, char kind, const char *id, const char *v)
{
    const char *values[] = {id, v};

    put(rig, (uint8_t)kind, 1);
    put(rig, 2, 2);
    for (int i = 0; i < 2; i++) {
        if (!values[i] || values[i][0] == 1) {
            put(rig, values[i] ? 'u' : 'n', 1);
            continue;
        }
        put(rig, 't', 1);
        put(rig, strlen(values[i]), 4);
        mr_buf_add_str(&rig->message, values[i]);
    }
}

static int insert(struct rig *rig, uint32_t oid, const char *id, const char *v)
{
    put(rig, 'I', 1);
    put(rig, oid, 4);
    tuple(rig, 'N', id, v);
    return send(rig, 50);
}

static int update(struct rig *rig, char kind, const char *old_id, const char *old_v, const char *id,
                  const char *v)
{
    put(rig, 'U', 1);
    put(rig, 1, 4);
    if (kind)
        tuple(rig, kind, old_id, old_v);
    tuple(rig, 'N', id, v);
    return send(rig, 51);
}

static int truncate_table(struct rig *rig, uint32_t oid)
{
    put(rig, 'T', 1);
    put(rig, 1, 4);
    put(rig, 0, 1);
    put(rig, oid, 4);
    return send(rig, 49);
}

static void numbers_and_places_count_everything(void **state)
{
    struct rig rig;

    (void)state;
    begin_rig(&rig, (struct mr_pg_position){0});
    rig.feed.track.left_out.truncates = true;
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    assert_int_equal(begin(&rig, 1000), 0);
    assert_int_equal(insert(&rig, 1, "1", "a"), 0);
    put(&rig, 'T', 1);
    put(&rig, 1, 4);
    put(&rig, 0, 1);
    put(&rig, 1, 4);
    assert_int_equal(send(&rig, 52), 0);
    assert_int_equal(insert(&rig, 1, "2", NULL), 0);
    assert_int_equal(commit(&rig, 1000), 0);
    assert_int_equal(rig.batch->change_count, 2);
    assert_int_equal(rig.batch->changes[0].number, 100);
    assert_int_equal(rig.batch->changes[1].number, 102);
    assert_int_equal(rig.batch->changes[1].ordinal, 2);
    assert_int_equal(rig.batch->changes[1].after[1].kind, MR_NULL);
    assert_int_equal(rig.batch->changes[0].transaction->origin.postgres.end_lsn, 1008);
    mr_pg_feed_close_batch(&rig.feed, rig.batch);
    assert_int_equal(rig.batch->position.number, 102);
    assert_true(rig.batch->position.whole);
    end_rig(&rig);
}

static void old_rows_are_what_the_identity_sends(void **state)
{
    struct mr_change *change;
    struct rig rig;

    (void)state;
    begin_rig(&rig, (struct mr_pg_position){0});
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    assert_int_equal(begin(&rig, 1000), 0);
    assert_int_equal(update(&rig, 0, NULL, NULL, "1", "\1"), 0);
    assert_int_equal(update(&rig, 'K', "1", NULL, "2", "\1"), 0);
    change = &rig.batch->changes[0];
    assert_null(change->before);
    assert_int_equal(change->after[1].kind, MR_UNCHANGED);
    change = &rig.batch->changes[1];
    assert_true(change->before_is_key);
    assert_true(change->key_changed);
    assert_int_equal(change->before[1].kind, MR_ABSENT);
    assert_int_equal(change->before[0].i, 1);
    end_rig(&rig);
}

static void a_whole_old_row_completes_the_new_one(void **state)
{
    struct mr_change *change;
    struct rig rig;

    (void)state;
    begin_rig(&rig, (struct mr_pg_position){0});
    assert_int_equal(relation(&rig, 1, "t", 'f'), 0);
    assert_int_equal(begin(&rig, 1000), 0);
    assert_int_equal(update(&rig, 'O', "1", "large", "1", "\1"), 0);
    change = &rig.batch->changes[0];
    assert_false(change->before_is_key);
    assert_int_equal(change->after[1].kind, MR_TEXT);
    assert_true(mr_slice_is(mr_value_slice(&change->after[1]), "large"));
    end_rig(&rig);
}

/* A key value that lies outside its row comes with every update, in the old row; it has not changed. */
static void a_large_key_is_taken_from_the_old_row(void **state)
{
    struct mr_change *change;
    struct rig rig;

    (void)state;
    begin_rig(&rig, (struct mr_pg_position){0});
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    assert_int_equal(begin(&rig, 1000), 0);
    assert_int_equal(update(&rig, 'K', "1", NULL, "\1", "a"), 0);
    change = &rig.batch->changes[0];
    assert_int_equal(change->after[0].kind, MR_INT);
    assert_int_equal(change->after[0].i, 1);
    assert_false(change->key_changed);
    end_rig(&rig);
}

/* Keys of every kind of type: of numbers, of what lies behind a pointer, of what only looks alike. */
static void a_key_that_changed_is_seen_whatever_its_type(void **state)
{
    static const struct {
        uint32_t type;
        const char *before, *after;
    } cases[] = {
        {23, "1", "2"},
        {25, "a", "A"},
        {1186, "1 day", "2 days"},
        {1186, "1 day", "24:00:00"},
        {1007, "{1,2}", "{1,3}"},
        {1009, "{a,NULL}", "{a,b}"},
        {1560, "101", "100"},
        {1562, "101", "1010"},
        {600, "(1,2)", "(1,3)"},
        {1700, "1.0", "1.00"},
        {701, "0", "-0"},
        {1266, "10:00:00+01", "09:00:00+00"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig rig;
        begin_rig(&rig, (struct mr_pg_position){0});
        assert_int_equal(relation_of(&rig, 1, "t", 'd', cases[i].type), 0);
        assert_int_equal(begin(&rig, 1000), 0);
        assert_int_equal(update(&rig, 'K', cases[i].before, NULL, cases[i].after, "a"), 0);
        assert_int_equal(update(&rig, 'K', cases[i].after, NULL, cases[i].after, "b"), 0);
        if (!rig.batch->changes[0].key_changed || rig.batch->changes[1].key_changed)
            fail_msg("a key of type %u, %s to %s", cases[i].type, cases[i].before, cases[i].after);
        end_rig(&rig);
    }
}

static int no_type(void *state, struct mr_arena *arena, uint32_t oid,
                   struct mr_pg_type_info *ret_info, struct mr_err *err)
{
    (void)state, (void)arena, (void)oid, (void)ret_info, (void)err;
    return 0;
}

static int no_nulls(void *state, struct mr_arena *arena, uint32_t oid,
                    struct mr_pg_table_info *ret_info, struct mr_err *err)
{
    static const struct mr_pg_column_info columns[] = {
        {.name = MR_SLICE("id"), .not_null = true, .key = 1},
        {.name = MR_SLICE("v"), .not_null = true},
    };

    (void)state, (void)arena, (void)oid, (void)err;
    *ret_info = (struct mr_pg_table_info){2, columns};
    return 0;
}

/* The catalogue is ahead of the stream: SET NOT NULL came after these rows. */
static void a_null_in_a_column_that_has_become_not_null_is_told_as_it_is(void **state)
{
    static const struct mr_pg_hints hints = {NULL, no_type, no_nulls};
    const struct mr_change *changes;
    struct rig rig;

    (void)state;
    begin_rig(&rig, (struct mr_pg_position){0});
    rig.feed.relations.hints = &hints;
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    assert_int_equal(begin(&rig, 1000), 0);
    assert_int_equal(insert(&rig, 1, "1", "a"), 0);
    assert_int_equal(insert(&rig, 1, "2", NULL), 0);
    assert_int_equal(insert(&rig, 1, "3", "c"), 0);
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    assert_int_equal(insert(&rig, 1, "4", "d"), 0);
    changes = rig.batch->changes;
    assert_false(changes[0].table->columns[1].optional);
    assert_true(changes[1].table->columns[1].optional);
    assert_false(changes[1].table->columns[0].optional);
    assert_int_equal(changes[1].after[1].kind, MR_NULL);
    assert_int_equal(changes[1].after[0].i, 2);
    assert_ptr_equal(changes[2].table, changes[1].table);
    assert_ptr_equal(changes[3].table, changes[1].table);
    assert_int_equal(rig.batch->table_count, 2);
    end_rig(&rig);
}

/* v has another default at each question. */
static int other_default(void *state, struct mr_arena *arena, uint32_t oid,
                         struct mr_pg_table_info *ret_info, struct mr_err *err)
{
    static const char *const standards[] = {"'filled'::text", "'changed'::text"};
    struct mr_pg_column_info *columns = MR_ARENA_ARRAY(arena, struct mr_pg_column_info, 2);
    int *calls = state;

    (void)oid;
    (void)err;
    columns[0] = (struct mr_pg_column_info){.name = MR_SLICE("id"), .not_null = true, .key = 1};
    columns[1] = (struct mr_pg_column_info){.name = MR_SLICE("v"),
                                            .standard = mr_slice_str(standards[(*calls)++ % 2])};
    *ret_info = (struct mr_pg_table_info){2, columns};
    return 0;
}

/* ALTER TABLE ... SET DEFAULT changes no byte of the Relation message. */
static void a_default_that_is_changed_makes_a_version(void **state)
{
    int calls = 0;
    const struct mr_pg_hints hints = {&calls, no_type, other_default};
    const struct mr_change *changes;
    struct rig rig;

    (void)state;
    begin_rig(&rig, (struct mr_pg_position){0});
    rig.feed.relations.hints = &hints;
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    assert_int_equal(begin(&rig, 1000), 0);
    assert_int_equal(insert(&rig, 1, "1", "a"), 0);
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    assert_int_equal(insert(&rig, 1, "2", "b"), 0);
    changes = rig.batch->changes;
    assert_ptr_not_equal(changes[0].table, changes[1].table);
    for (int i = 0; i < 2; i++) {
        const struct mr_value *standard = &changes[i].table->columns[1].default_value;
        assert_true(changes[i].table->columns[1].has_default);
        assert_true(mr_slice_is(mr_value_slice(standard), i ? "changed" : "filled"));
    }
    end_rig(&rig);
}

/* The key is (id, w) at first; then the table is gone. */
static int gone_later(void *state, struct mr_arena *arena, uint32_t oid,
                      struct mr_pg_table_info *ret_info, struct mr_err *err)
{
    static const struct mr_pg_column_info columns[] = {
        {.name = MR_SLICE("id"), .not_null = true, .key = 1},
        {.name = MR_SLICE("v")},
        {.name = MR_SLICE("w"), .not_null = true, .key = 2},
    };
    int *calls = state;

    (void)arena, (void)oid, (void)err;
    *ret_info = (struct mr_pg_table_info){++*calls == 1 ? 3 : 0, columns};
    return 0;
}

/* Text columns, replica identity FULL. */
static int relation_full(struct rig *rig, const char *const *names, size_t count)
{
    put(rig, 'R', 1);
    put(rig, 1, 4);
    put_name(rig, "public");
    put_name(rig, "t");
    put(rig, 'f', 1);
    put(rig, count, 2);
    for (size_t i = 0; i < count; i++) {
        put(rig, 1, 1);
        put_name(rig, names[i]);
        put(rig, 25, 4);
        put(rig, 0xffffffff, 4);
    }
    return send(rig, 0);
}

/* A column of the key was dropped, and with it the key; then the table: what is left of the key is none. */
static void a_key_that_lost_a_column_before_its_table_went_is_no_key(void **state)
{
    static const char *const names[] = {"id", "v", "w"};
    const struct mr_table *table;
    int calls = 0;
    const struct mr_pg_hints hints = {&calls, no_type, gone_later};
    struct rig rig;

    (void)state;
    begin_rig(&rig, (struct mr_pg_position){0});
    rig.feed.relations.hints = &hints;
    assert_int_equal(relation_full(&rig, names, 3), 0);
    assert_int_equal(mr_pg_relations_find(&rig.feed.relations, 1)->table->key_count, 2);
    assert_int_equal(relation_full(&rig, names + 1, 2), 0);
    table = mr_pg_relations_find(&rig.feed.relations, 1)->table;
    assert_int_equal(table->key_count, 0);
    assert_int_equal(table->columns[0].key, 0);
    assert_false(table->columns[1].optional);
    end_rig(&rig);
}

/* Splits after `cut` rows, begins again at that position and sends the transaction with `changed` as its first row. */
static int replay(int cut, const char *changed, size_t *ret_rows, struct mr_err *ret_err)
{
    struct mr_pg_position position;
    struct rig rig;
    int rc;

    begin_rig(&rig, (struct mr_pg_position){0});
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    assert_int_equal(begin(&rig, 1000), 0);
    for (int i = 0; i < cut; i++)
        assert_int_equal(insert(&rig, 1, i == 0 ? "1" : "2", "a"), 0);
    mr_pg_feed_close_batch(&rig.feed, rig.batch);
    assert_false(rig.batch->position.whole);
    assert_int_equal(mr_pg_position_parse(rig.batch->position.text, &position, NULL), 0);
    end_rig(&rig);
    begin_rig(&rig, position);
    rc = relation(&rig, 1, "t", 'd');
    rc = rc < 0 ? rc : begin(&rig, 1000);
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = insert(&rig, 1, i == 0 ? changed : "2", "a");
    rc = rc < 0 ? rc : commit(&rig, 1000);
    *ret_rows = rig.batch->change_count;
    if (rc == 0 && *ret_rows > 0)
        assert_int_equal(rig.batch->changes[0].number, (uint64_t)(100 + cut));
    *ret_err = rig.err;
    end_rig(&rig);
    return rc;
}

static void a_split_transaction_goes_on_where_it_was(void **state)
{
    struct mr_err err;
    size_t rows;

    (void)state;
    for (int cut = 1; cut <= 3; cut++) {
        assert_int_equal(replay(cut, "1", &rows, &err), 0);
        assert_int_equal(rows, (size_t)(3 - cut));
    }
}

static void a_replay_that_differs_is_a_gap(void **state)
{
    struct mr_pg_position shorter = {.resume = 1000, .done = 900, .standing = {.n = 2, .hash = 1}};
    struct mr_err err;
    struct rig rig;
    size_t rows;

    (void)state;
    assert_int_equal(replay(2, "7", &rows, &err), MR_GAP);
    assert_string_equal(err.code, "source.replay_differs");
    begin_rig(&rig, shorter);
    assert_int_equal(begin(&rig, 1000), 0);
    assert_int_equal(commit(&rig, 1000), MR_GAP);
    assert_string_equal(rig.err.code, "source.replay_differs");
    end_rig(&rig);
    begin_rig(&rig, shorter);
    assert_int_equal(begin(&rig, 2000), MR_GAP);
    end_rig(&rig);
}

/* The server may send again what was finished: it is dropped by its commit LSN. */
static void finished_transactions_are_dropped(void **state)
{
    struct rig rig;

    (void)state;
    begin_rig(&rig, (struct mr_pg_position){.resume = 1008, .done = 1008});
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    assert_int_equal(begin(&rig, 1000), 0);
    assert_int_equal(insert(&rig, 1, "1", "a"), 0);
    assert_int_equal(commit(&rig, 1000), 0);
    assert_int_equal(begin(&rig, 1008), 0);
    assert_int_equal(insert(&rig, 1, "2", "a"), 0);
    assert_int_equal(commit(&rig, 1008), 0);
    assert_int_equal(rig.batch->change_count, 1);
    assert_int_equal(rig.batch->changes[0].number, 100);
    assert_int_equal(rig.batch->changes[0].transaction->origin.postgres.previous_lsn, 1008);
    end_rig(&rig);
}

static void the_same_description_is_the_same_version(void **state)
{
    struct mr_table *table;
    struct rig rig;

    (void)state;
    begin_rig(&rig, (struct mr_pg_position){0});
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    table = mr_pg_relations_find(&rig.feed.relations, 1)->table;
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    assert_ptr_equal(mr_pg_relations_find(&rig.feed.relations, 1)->table, table);
    assert_int_equal(relation(&rig, 1, "renamed", 'd'), 0);
    assert_ptr_not_equal(mr_pg_relations_find(&rig.feed.relations, 1)->table, table);
    end_rig(&rig);
}

static void what_the_protocol_forbids_is_refused(void **state)
{
    struct rig rig;

    (void)state;
    begin_rig(&rig, (struct mr_pg_position){0});
    assert_int_equal(insert(&rig, 1, "1", "a"), MR_RETRY);
    assert_int_equal(commit(&rig, 1000), MR_RETRY);
    assert_int_equal(begin(&rig, 1000), 0);
    assert_int_equal(begin(&rig, 1000), MR_RETRY);
    assert_int_equal(insert(&rig, 9, "1", "a"), MR_RETRY);
    assert_string_equal(rig.err.code, "source.protocol");
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    assert_int_equal(insert(&rig, 1, "one", "a"), MR_DATA);
    assert_string_equal(rig.err.code, "source.decode");
    assert_non_null(strstr(rig.err.text, "public.t.id"));
    end_rig(&rig);
}

static void text_that_is_not_utf8_is_refused_where_the_server_does_not_convert(void **state)
{
    static const char *const bad[] = {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "a\xe2\x82"};
    struct rig rig;

    (void)state;
    begin_rig(&rig, (struct mr_pg_position){0});
    rig.feed.check_utf8 = true;
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    assert_int_equal(begin(&rig, 1000), 0);
    assert_int_equal(insert(&rig, 1, "1", "gr\xc3\xbc\xc3\x9f\xe2\x82\xac\xf0\x9f\x98\x80"), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(insert(&rig, 1, "1", bad[i]), MR_DATA);
    end_rig(&rig);
}

static void a_transaction_beyond_until_is_not_begun(void **state)
{
    struct rig rig;

    (void)state;
    begin_rig(&rig, (struct mr_pg_position){0});
    rig.feed.stop_lsn = 1000;
    assert_int_equal(begin(&rig, 999), 0);
    assert_int_equal(commit(&rig, 999), 0);
    assert_false(rig.feed.stopped);
    assert_int_equal(begin(&rig, 1000), 0);
    assert_true(rig.feed.stopped);
    end_rig(&rig);
}

/* The milestones of a batch and its changes, in order: "B10 c10 c11* E11"; * what is replayed. */
static const char *told(struct rig *rig, char *text, size_t room)
{
    size_t passed = 0;

    text[0] = '\0';
    for (size_t i = 0; i <= rig->batch->change_count; i++) {
        for (; passed < rig->batch->milestone_count && rig->batch->milestones[passed].at == i;
             passed++) {
            const struct mr_milestone *milestone = &rig->batch->milestones[passed];
            (void)snprintf(text + strlen(text), room - strlen(text), "%c%llu%s ", milestone->op,
                           (unsigned long long)milestone->number, milestone->replayed ? "*" : "");
        }
        if (i == rig->batch->change_count)
            break;
        (void)snprintf(text + strlen(text), room - strlen(text), "%c%llu%s ",
                       rig->batch->changes[i].op, (unsigned long long)rig->batch->changes[i].number,
                       rig->batch->changes[i].replayed ? "*" : "");
    }
    return text;
}

static int not_hidden(void *state, uint32_t oid, struct mr_slice schema, struct mr_slice table,
                      bool *ret_wanted, struct mr_err *err)
{
    (void)state, (void)oid, (void)schema, (void)err;
    *ret_wanted = !mr_slice_is(table, "hidden");
    return 0;
}

static void a_transaction_has_its_ends_when_asked_for(void **state)
{
    char text[200];
    struct rig rig;

    (void)state;
    begin_rig(&rig, (struct mr_pg_position){0});
    rig.feed.track.boundaries = true;
    rig.feed.relations.filter = not_hidden;
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    assert_int_equal(relation(&rig, 2, "hidden", 'd'), 0);
    assert_int_equal(begin(&rig, 900), 0); /* older servers send empty ones: nothing */
    assert_int_equal(commit(&rig, 900), 0);
    assert_int_equal(begin(&rig, 1000), 0);
    assert_int_equal(insert(&rig, 2, "1", "a"), 0); /* not wanted, but it begins the transaction */
    assert_int_equal(insert(&rig, 1, "1", "a"), 0);
    assert_int_equal(commit(&rig, 1000), 0);
    assert_int_equal(begin(&rig, 2000), 0);
    assert_int_equal(insert(&rig, 2, "1", "a"), 0);
    assert_int_equal(commit(&rig, 2000), 0);
    assert_string_equal(told(&rig, text, sizeof text), "B100 c101 E101 B102 E102 ");
    assert_int_equal(rig.batch->milestones[0].transaction->origin.postgres.first_lsn, 992);
    assert_int_equal(rig.batch->milestones[1].transaction->origin.postgres.end_lsn, 1008);
    end_rig(&rig);
}

/* Skipped operations are as if the server did not send them: they begin nothing. */
static void a_skipped_operation_begins_nothing(void **state)
{
    char text[200];
    struct rig rig;

    (void)state;
    begin_rig(&rig, (struct mr_pg_position){0});
    rig.feed.track.boundaries = rig.feed.track.left_out.updates = true;
    assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
    assert_int_equal(begin(&rig, 1000), 0);
    assert_int_equal(update(&rig, 0, NULL, NULL, "1", "a"), 0);
    mr_pg_feed_close_batch(&rig.feed, rig.batch);
    mr_track_new_batch(&rig.feed.track, 0);
    assert_int_equal(insert(&rig, 1, "1", "a"), 0);
    assert_int_equal(commit(&rig, 1000), 0);
    assert_int_equal(begin(&rig, 2000), 0);
    assert_int_equal(update(&rig, 0, NULL, NULL, "1", "a"), 0);
    assert_int_equal(commit(&rig, 2000), 0);
    assert_string_equal(told(&rig, text, sizeof text), "B101 c101 E101 ");
    assert_int_equal(rig.batch->milestones[0].transaction->origin.postgres.first_lsn, 50);
    assert_int_equal(rig.batch->milestones[0].transaction->origin.postgres.end_lsn, 1008);
    end_rig(&rig);
}

/* Truncates are skipped unless something else is said, and Debezium still has them sent. */
static void a_skipped_truncate_begins_a_transaction_where_nothing_else_is_skipped(void **state)
{
    static const struct {
        bool truncates, updates;
        const char *wanted;
    } cases[] = {{true, false, "B100 c101 E101 B102 E102 "}, {true, true, "B101 c101 E101 "}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        struct rig rig;

        begin_rig(&rig, (struct mr_pg_position){0});
        rig.feed.track.boundaries = true;
        rig.feed.track.left_out.truncates = cases[i].truncates;
        rig.feed.track.left_out.updates = cases[i].updates;
        assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
        assert_int_equal(begin(&rig, 1000), 0);
        assert_int_equal(truncate_table(&rig, 1), 0);
        assert_int_equal(insert(&rig, 1, "1", "a"), 0);
        assert_int_equal(commit(&rig, 1000), 0);
        assert_int_equal(begin(&rig, 2000), 0);
        assert_int_equal(truncate_table(&rig, 1), 0);
        assert_int_equal(commit(&rig, 2000), 0);
        assert_string_equal(told(&rig, text, sizeof text), cases[i].wanted);
        end_rig(&rig);
    }
}

/* A resume inside a transaction gives again what is out, and begins and numbers nothing anew. */
static void what_is_out_is_given_again_to_be_counted(void **state)
{
    static const char *const wanted[] = {"B100* c100* c101 c102 E102 ",
                                         "B100* c100* c101* c102 E102 ",
                                         "B100* c100* c101* c102* E102 "};
    struct mr_pg_position position;
    char text[200];
    struct rig rig;

    (void)state;
    for (int cut = 1; cut <= 3; cut++) {
        begin_rig(&rig, (struct mr_pg_position){0});
        rig.feed.track.boundaries = true;
        assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
        assert_int_equal(begin(&rig, 1000), 0);
        for (int i = 0; i < cut; i++)
            assert_int_equal(insert(&rig, 1, "1", "a"), 0);
        mr_pg_feed_close_batch(&rig.feed, rig.batch);
        assert_int_equal(mr_pg_position_parse(rig.batch->position.text, &position, NULL), 0);
        end_rig(&rig);
        begin_rig(&rig, position);
        rig.feed.track.boundaries = true;
        assert_true(mr_pg_feed_keeps(&rig.feed, 'I'));
        assert_int_equal(relation(&rig, 1, "t", 'd'), 0);
        assert_int_equal(begin(&rig, 1000), 0);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(insert(&rig, 1, "1", "a"), 0);
            mr_pg_feed_close_batch(&rig.feed, rig.batch);
            assert_false(rig.batch->position.whole);
            assert_int_equal(rig.batch->position.number, 100 + (i + 1 > cut ? i : cut - 1));
        }
        assert_int_equal(commit(&rig, 1000), 0);
        assert_string_equal(told(&rig, text, sizeof text), wanted[cut - 1]);
        end_rig(&rig);
    }
}

static int logical(struct rig *rig, bool transactional, const char *prefix)
{
    put(rig, 'M', 1);
    put(rig, transactional, 1);
    put(rig, 77, 8);
    put_name(rig, prefix);
    put(rig, 1, 4);
    put(rig, 'x', 1);
    return send(rig, 3000);
}

static void messages_are_chosen_by_their_prefix(void **state)
{
    static const char *patterns[] = {"!secret*"};
    const struct mr_option_list list = {patterns, 1};
    static const struct mr_select_rules rules = {"source.message_prefixes", "source.tables", false,
                                                 NULL};
    struct mr_select *prefixes;
    char text[200];
    struct rig rig;

    (void)state;
    assert_int_equal(mr_select_new(&list, &rules, &prefixes, NULL), 0);
    begin_rig(&rig, (struct mr_pg_position){0});
    rig.feed.track.boundaries = true;
    rig.feed.prefixes = prefixes;
    assert_int_equal(logical(&rig, false, "secret one"), 0);
    assert_int_equal(begin(&rig, 4000), 0);
    assert_int_equal(logical(&rig, true, "secret two"), 0);
    assert_int_equal(logical(&rig, true, ""), 0);
    assert_int_equal(commit(&rig, 4000), 0);
    assert_string_equal(told(&rig, text, sizeof text), "B101 m102 E102 ");
    end_rig(&rig);
    mr_select_free(prefixes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_places_count_everything),
        cmocka_unit_test(old_rows_are_what_the_identity_sends),
        cmocka_unit_test(a_whole_old_row_completes_the_new_one),
        cmocka_unit_test(a_large_key_is_taken_from_the_old_row),
        cmocka_unit_test(a_key_that_changed_is_seen_whatever_its_type),
        cmocka_unit_test(a_null_in_a_column_that_has_become_not_null_is_told_as_it_is),
        cmocka_unit_test(a_default_that_is_changed_makes_a_version),
        cmocka_unit_test(a_split_transaction_goes_on_where_it_was),
        cmocka_unit_test(a_replay_that_differs_is_a_gap),
        cmocka_unit_test(a_key_that_lost_a_column_before_its_table_went_is_no_key),
        cmocka_unit_test(finished_transactions_are_dropped),
        cmocka_unit_test(the_same_description_is_the_same_version),
        cmocka_unit_test(what_the_protocol_forbids_is_refused),
        cmocka_unit_test(text_that_is_not_utf8_is_refused_where_the_server_does_not_convert),
        cmocka_unit_test(a_transaction_beyond_until_is_not_begun),
        cmocka_unit_test(a_transaction_has_its_ends_when_asked_for),
        cmocka_unit_test(a_skipped_operation_begins_nothing),
        cmocka_unit_test(a_skipped_truncate_begins_a_transaction_where_nothing_else_is_skipped),
        cmocka_unit_test(what_is_out_is_given_again_to_be_counted),
        cmocka_unit_test(messages_are_chosen_by_their_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

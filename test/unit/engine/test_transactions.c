/* Transactions: the places of their events and the counts of their ends, whatever is dropped, rekeyed, split or cut
 * off. */
#include "engine/events/transactions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "test/support/engine_rig.h"

/* ---- an encoder that prints what it is given, a line a record ---- */

static int encoder_open(void *encoder, const struct mr_encoder_args *args, struct mr_err *err)
{
    *(struct mr_slice *)encoder = args->transactions;
    (void)err;
    return 0;
}

static const char *print(struct mr_arena *arena, const struct mr_change *change)
{
    const struct mr_value *row = change->after ? change->after : change->before;
    char *text;

    if (change->op == MR_OP_BEGIN)
        return mr_arena_printf(arena, "BEGIN %llu:%llu",
                               (unsigned long long)change->transaction->origin.postgres.xid,
                               (unsigned long long)change->transaction->origin.postgres.first_lsn);
    if (change->op == MR_OP_HEARTBEAT)
        return mr_arena_printf(arena, "heartbeat %.*s", MR_SLICE_ARG(change->heartbeat->position));
    if (change->op != MR_OP_END)
        return mr_arena_printf(arena, "%c%lld %llu/%llu", change->op, row ? (long long)row[0].i : 0,
                               (unsigned long long)change->total_order,
                               (unsigned long long)change->collection_order);
    text = mr_arena_printf(arena, "END %llu:%llu %llu",
                           (unsigned long long)change->transaction->origin.postgres.xid,
                           (unsigned long long)change->transaction->origin.postgres.end_lsn,
                           (unsigned long long)change->counts->events);
    for (uint32_t i = 0; i < change->counts->collection_count; i++)
        text = mr_arena_printf(arena, "%s %.*s=%llu", text,
                               MR_SLICE_ARG(change->counts->collections[i].name),
                               (unsigned long long)change->counts->collections[i].events);
    return text;
}

static int encoder_encode(void *encoder, struct mr_batch *batch, size_t *ret_failed,
                          struct mr_err *err)
{
    (void)ret_failed;
    (void)err;
    for (size_t i = 0; i < batch->change_count; i++) {
        const struct mr_change *change = &batch->changes[i];
        struct mr_record *record = mr_batch_add_record(batch);
        assert_false(change->replayed);
        record->topic = change->table ? change->table->topic : *(struct mr_slice *)encoder;
        record->value = mr_slice_str(print(&batch->arena, change));
        record->change = change;
        record->table = change->table;
    }
    return 0;
}

static const struct mr_encoder test_encoder = {
    .name = "test",
    .summary = "prints",
    .state_size = sizeof(struct mr_slice),
    .open = encoder_open,
    .describe = mr_engine_rig_encoder_describe,
    .encode = encoder_encode,
    .close = mr_engine_rig_encoder_close,
};

/* ---- over the whole engine ---- */

static void begin(struct mr_engine_rig *engine)
{
    mr_engine_rig_init(engine, &test_encoder);
    engine->config.events.provide = true;
    engine->config.events.topic = "{name}.transaction";
}

/* Two transactions, key changes among them, one long enough to be split several times. */
static void write_script(struct mr_engine_rig *engine)
{
    struct mr_script_change changes[12];

    for (int i = 0; i < 12; i++)
        changes[i] = (struct mr_script_change){i % 4 == 2 ? MR_OP_UPDATE : MR_OP_CREATE, i + 1,
                                               i % 4 == 2 ? "key change" : "note"};
    mr_script_add(&engine->script, changes, 2);
    mr_script_add(&engine->script, changes, 12);
    mr_script_add(&engine->script, changes, 1);
    engine->script.batch_changes = 2;
    engine->store.pace = (struct mr_sink_pace){.split_records = 3, .split_ns = INT64_MAX};
}

static const char *const wanted[] = {"BEGIN 1:992",
                                     "c1 1/1",
                                     "c2 2/2",
                                     "END 1:1008 2 public.t=2",
                                     "BEGIN 2:1992",
                                     "c1 1/1",
                                     "c2 2/2",
                                     "u3 3/3",
                                     "c4 5/5",
                                     "c5 6/6",
                                     "c6 7/7",
                                     "u7 8/8",
                                     "c8 10/10",
                                     "c9 11/11",
                                     "c10 12/12",
                                     "u11 13/13",
                                     "c12 15/15",
                                     "END 2:2008 15 public.t=15",
                                     "BEGIN 3:2992",
                                     "c1 1/1",
                                     "END 3:3008 1 public.t=1"};
#define WANTED (sizeof wanted / sizeof wanted[0])

static void check(struct mr_engine_rig *engine)
{
    for (size_t i = 0; i < engine->store.visible_count && i < WANTED; i++) {
        assert_string_equal(engine->store.visible[i].value, wanted[i]);
        assert_string_equal(engine->store.visible[i].topic,
                            wanted[i][0] == 'B' || wanted[i][0] == 'E' ? "test.transaction"
                                                                       : "test.public.t");
        if (i > 0)
            assert_true(engine->store.visible[i].number >= engine->store.visible[i - 1].number);
    }
    assert_int_equal(engine->store.visible_count, WANTED);
}

/* At every commit in turn: the answer lost, or the commit itself; by a replay within the process, by opening the sink
 * again, or by an end and a new process. */
static void numbers_are_the_same_after_any_break(void **state)
{
    static const struct {
        enum mr_class class;
        bool after;
    } ways[] = {
        {MR_REPLAY, false}, {MR_RETRY, false}, {MR_RETRY, true}, {MR_BUG, false}, {MR_BUG, true}};
    struct mr_engine_rig engine;
    uint64_t commits;

    (void)state;
    begin(&engine);
    write_script(&engine);
    assert_int_equal(mr_engine_rig_run(&engine), 0);
    check(&engine);
    commits = engine.store.commits;
    assert_true(commits > 4);
    mr_engine_rig_done(&engine);
    for (uint64_t at = 1; at <= commits; at++) {
        for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
            begin(&engine);
            write_script(&engine);
            engine.store.fail_commit = at;
            engine.store.fail_class = ways[way].class;
            engine.store.fail_after = ways[way].after;
            if (mr_engine_rig_run(&engine) != 0)
                assert_int_equal(mr_engine_rig_run(&engine), 0);
            check(&engine);
            mr_engine_rig_done(&engine);
        }
    }
}

/* A source that breaks in the middle of a transaction, also while it gives the replayed part again. */
static void a_source_that_breaks_changes_nothing(void **state)
{
    struct mr_engine_rig engine;

    (void)state;
    for (uint64_t after = 1; after < 15; after++) {
        begin(&engine);
        write_script(&engine);
        engine.script.fail_read_after = after;
        engine.script.fail_class = MR_RETRY;
        engine.store.fail_commit = 4;
        engine.store.fail_class = MR_REPLAY;
        assert_int_equal(mr_engine_rig_run(&engine), 0);
        check(&engine);
        mr_engine_rig_done(&engine);
    }
}

static void not_asked_for_there_is_nothing(void **state)
{
    struct mr_engine_rig engine;

    (void)state;
    begin(&engine);
    engine.config.events.provide = false;
    write_script(&engine);
    assert_int_equal(mr_engine_rig_run(&engine), 0);
    assert_int_equal(engine.store.visible_count, 15);
    assert_string_equal(engine.store.visible[0].value, "c1 0/0");
    mr_engine_rig_done(&engine);
}

static void a_table_cannot_have_their_topic(void **state)
{
    struct mr_engine_rig engine;

    (void)state;
    begin(&engine);
    engine.config.events.topic = "{name}.public.t";
    write_script(&engine);
    assert_int_equal(mr_engine_rig_run(&engine), 78);
    assert_int_equal(engine.store.visible_count, 0);
    mr_engine_rig_done(&engine);
}

/* ---- placing ---- */

struct rig {
    struct mr_pipeline_config config;
    struct mr_transactions transactions;
    struct mr_batch *batch;
    struct mr_table *tables[2];
    struct mr_transaction transaction;
};

static void rig_begin(struct rig *rig, bool provide, bool skip)
{
    struct mr_err err;

    *rig = (struct rig){
        .config = {.encoder = &test_encoder, .events = {provide, "{name}.transaction", skip}},
        .transaction = {.origin = {MR_ORIGIN_POSTGRES,
                                   {.postgres = {.xid = 7, .first_lsn = 10, .end_lsn = 20}}}},
        .batch = mr_batch_new(4096, 4096),
    };
    for (int i = 0; i < 2; i++) {
        rig->tables[i] = mr_table_new(1);
        rig->tables[i]->schema = mr_slice_str("public");
        rig->tables[i]->name = mr_slice_str(i ? "b" : "a");
        rig->tables[i]->key_count = 1;
    }
    assert_int_equal(mr_transactions_open(&rig->transactions, &rig->config, "shop", &err), 0);
}

static void rig_end(struct rig *rig)
{
    mr_transactions_close(&rig->transactions);
    mr_batch_free(rig->batch);
    for (int i = 0; i < 2; i++)
        mr_table_unref(rig->tables[i]);
}

static void boundary(struct rig *rig, enum mr_op op)
{
    mr_batch_add_milestone(rig->batch, op)->transaction = &rig->transaction;
}

static struct mr_value *row(struct rig *rig, int64_t id)
{
    struct mr_value *values = MR_ARENA_ARRAY(&rig->batch->arena, struct mr_value, 1);

    values[0] = (struct mr_value){.kind = MR_INT, .i = id};
    return values;
}

static struct mr_change *add(struct rig *rig, enum mr_op op, int table, int64_t before,
                             int64_t after)
{
    struct mr_change *change = mr_batch_add_change(rig->batch);

    change->op = op;
    change->transaction = &rig->transaction;
    if (table >= 0)
        change->table = rig->tables[table];
    if (before)
        change->before = row(rig, before);
    if (after)
        change->after = row(rig, after);
    return change;
}

static void message(struct rig *rig, const char *prefix, bool transactional)
{
    struct mr_message *content = MR_ARENA_NEW(&rig->batch->arena, struct mr_message);

    *content = (struct mr_message){.transactional = transactional, .prefix = mr_slice_str(prefix)};
    add(rig, MR_OP_MESSAGE, -1, 0, 0)->message = content;
}

/* "c1 1/1, ..." of the whole batch. */
static const char *printed(struct rig *rig)
{
    const char *text = "";

    for (size_t i = 0; i < rig->batch->change_count; i++)
        text = mr_arena_printf(&rig->batch->arena, "%s%s%s", text, i ? ", " : "",
                               print(&rig->batch->arena, &rig->batch->changes[i]));
    return text;
}

static void places_count_for_each_table_and_prefix(void **state)
{
    struct rig rig;

    (void)state;
    rig_begin(&rig, true, false);
    add(&rig, MR_OP_READ, 0, 0, 9);
    boundary(&rig, MR_OP_BEGIN);
    add(&rig, MR_OP_CREATE, 0, 0, 1);
    add(&rig, MR_OP_CREATE, 1, 0, 2);
    add(&rig, MR_OP_UPDATE, 0, 1, 3)->key_changed = true;
    message(&rig, "pfx", true);
    add(&rig, MR_OP_TRUNCATE, 1, 0, 0);
    message(&rig, "pfx", false);
    add(&rig, MR_OP_DELETE, 0, 3, 0);
    boundary(&rig, MR_OP_END);
    message(&rig, "pfx", false);
    mr_transactions_look(&rig.transactions, rig.batch);
    mr_transactions_place(&rig.transactions, rig.batch);
    assert_string_equal(printed(&rig),
                        "r9 0/0, BEGIN 7:10, c1 1/1, c2 2/1, u3 3/2, m0 5/1, t0 6/2, m0 0/0, "
                        "d3 7/4, END 7:20 7 pfx=1 public.a=4 public.b=2, m0 0/0");
    rig_end(&rig);
}

/* A transform drops one change, and decides otherwise about two keys. */
static void what_transforms_drop_counts_and_keys_count_as_they_decide(void **state)
{
    struct rig rig;

    (void)state;
    rig_begin(&rig, true, false);
    boundary(&rig, MR_OP_BEGIN);
    add(&rig, MR_OP_CREATE, 0, 0, 1);
    add(&rig, MR_OP_UPDATE, 0, 1, 2)->key_changed = true;
    add(&rig, MR_OP_CREATE, 0, 0, 3);
    add(&rig, MR_OP_UPDATE, 1, 4, 4);
    add(&rig, MR_OP_CREATE, 1, 0, 5);
    boundary(&rig, MR_OP_END);
    mr_transactions_look(&rig.transactions, rig.batch);
    rig.batch->changes[1].key_changed = false;
    rig.batch->changes[2] = rig.batch->changes[3];
    rig.batch->changes[3] = rig.batch->changes[4];
    rig.batch->changes[2].key_changed = true;
    rig.batch->change_count = 4;
    mr_transactions_place(&rig.transactions, rig.batch);
    assert_string_equal(
        printed(&rig),
        "BEGIN 7:10, c1 1/1, u2 2/2, u4 4/1, c5 6/3, END 7:20 6 public.a=3 public.b=3");
    rig_end(&rig);
}

static void an_update_without_change_is_no_event(void **state)
{
    struct rig rig;

    (void)state;
    for (int provide = 0; provide < 2; provide++) {
        rig_begin(&rig, provide, true);
        if (provide)
            boundary(&rig, MR_OP_BEGIN);
        add(&rig, MR_OP_UPDATE, 0, 1, 1);
        add(&rig, MR_OP_UPDATE, 0, 1, 2);
        add(&rig, MR_OP_UPDATE, 0, 2, 2)->before_is_key = true;
        add(&rig, MR_OP_UPDATE, 0, 0, 2);
        if (provide)
            boundary(&rig, MR_OP_END);
        mr_transactions_look(&rig.transactions, rig.batch);
        mr_transactions_place(&rig.transactions, rig.batch);
        assert_string_equal(printed(&rig),
                            provide ? "BEGIN 7:10, u2 1/1, u2 2/2, u2 3/3, END 7:20 3 public.a=3"
                                    : "u2 0/0, u2 0/0, u2 0/0");
        rig_end(&rig);
    }
}

static void nothing_of_ours_still_has_its_ends(void **state)
{
    struct rig rig;

    (void)state;
    rig_begin(&rig, true, false);
    boundary(&rig, MR_OP_BEGIN);
    boundary(&rig, MR_OP_END);
    mr_transactions_look(&rig.transactions, rig.batch);
    mr_transactions_place(&rig.transactions, rig.batch);
    assert_string_equal(printed(&rig), "BEGIN 7:10, END 7:20 0");
    rig_end(&rig);
}

static void a_heartbeat_tells_the_batch_s_position(void **state)
{
    static struct mr_heartbeat heartbeat;
    struct rig rig;

    (void)state;
    for (int encoder = 0; encoder < 2; encoder++) {
        rig_begin(&rig, false, false);
        rig.transactions.records = encoder;
        add(&rig, MR_OP_CREATE, 0, 0, 1);
        heartbeat = (struct mr_heartbeat){.time_us = 1};
        mr_batch_add_milestone(rig.batch, MR_OP_HEARTBEAT)->heartbeat = &heartbeat;
        rig.batch->position.text = mr_slice_str("{}");
        mr_transactions_look(&rig.transactions, rig.batch);
        mr_transactions_place(&rig.transactions, rig.batch);
        assert_string_equal(printed(&rig), encoder ? "c1 0/0, heartbeat {}" : "c1 0/0");
        rig_end(&rig);
    }
}

/* The order in which a java.util.HashMap gives these keys, as a JVM printed it; tables of 16, 32 and 64 buckets. */
static void collections_stand_in_the_order_of_a_hash_map(void **state)
{
    static const struct {
        uint32_t count;
        const char *order;
    } grown[] = {
        {12, "14 56 35 7 49 28 70 0 21 77 63 42 "},
        {13, "14 56 35 49 28 7 84 70 0 21 77 63 42 "},
        {25, "49 28 168 147 126 105 7 84 0 21 63 42 14 56 35 119 154 133 112 161 140 91 70 98 77 "},
    };
    static const char *const put[] = {"public.orders", "public.customers", "public.a",
                                      "pfx",           "s.\xc3\xbc",       "x.\xf0\x9f\x98\x80"};
    static const char *const got[] = {"s.\xc3\xbc",       "pfx",      "public.orders",
                                      "public.customers", "public.a", "x.\xf0\x9f\x98\x80"};
    struct mr_collection_count list[25];
    char names[25][20], order[200];

    (void)state;
    for (size_t i = 0; i < 6; i++)
        list[i] = (struct mr_collection_count){mr_slice_str(put[i]), i};
    mr_transactions_sort(list, 6);
    for (size_t i = 0; i < 6; i++)
        assert_true(mr_slice_is(list[i].name, got[i]));
    for (size_t g = 0; g < sizeof grown / sizeof grown[0]; g++) {
        order[0] = '\0';
        for (uint32_t i = 0; i < grown[g].count; i++) {
            (void)snprintf(names[i], sizeof names[i], "public.t%u", 7 * i);
            list[i] = (struct mr_collection_count){mr_slice_str(names[i]), 1};
        }
        mr_transactions_sort(list, grown[g].count);
        for (uint32_t i = 0; i < grown[g].count; i++)
            (void)snprintf(order + strlen(order), sizeof order - strlen(order), "%s ",
                           list[i].name.data + strlen("public.t"));
        assert_string_equal(order, grown[g].order);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_the_same_after_any_break),
        cmocka_unit_test(a_source_that_breaks_changes_nothing),
        cmocka_unit_test(not_asked_for_there_is_nothing),
        cmocka_unit_test(a_table_cannot_have_their_topic),
        cmocka_unit_test(places_count_for_each_table_and_prefix),
        cmocka_unit_test(what_transforms_drop_counts_and_keys_count_as_they_decide),
        cmocka_unit_test(an_update_without_change_is_no_event),
        cmocka_unit_test(nothing_of_ours_still_has_its_ends),
        cmocka_unit_test(a_heartbeat_tells_the_batch_s_position),
        cmocka_unit_test(collections_stand_in_the_order_of_a_hash_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Batches on their way round: what is kept of each kind, and what a sink that needs records only is given. */
#include "engine/write/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/write/writer.h"
#include "test/support/memory_sink.h"

static struct mr_batch *filled(struct mr_pool *pool, size_t bytes)
{
    struct mr_batch *batch = mr_pool_get(pool);

    (void)mr_arena_alloc(&batch->arena, bytes, 1);
    return batch;
}

static void each_kind_comes_back_to_its_own(void **state)
{
    struct mr_pool pool;
    struct mr_batch *whole, *divided;

    (void)state;
    mr_pool_init(&pool, 64 << 10, 1 << 20);
    whole = mr_pool_get(&pool);
    divided = mr_pool_get_divided(&pool);
    divided->divided = true;
    whole->next = divided;
    mr_pool_put(&pool, whole);
    assert_ptr_equal(mr_pool_get_divided(&pool), divided);
    assert_false(divided->divided);
    assert_ptr_equal(mr_pool_get(&pool), whole);
    mr_batch_free(whole);
    mr_batch_free(divided);
    mr_pool_done(&pool);
}

static void what_waits_is_bounded_in_bytes(void **state)
{
    struct mr_pool pool;
    struct mr_batch *batches[8];

    (void)state;
    mr_pool_init(&pool, 64 << 10, 256 << 10);
    for (size_t i = 0; i < 8; i++)
        batches[i] = filled(&pool, 60 << 10);
    for (size_t i = 0; i < 8; i++)
        mr_pool_put(&pool, batches[i]);
    assert_in_range(pool.whole.free_bytes, 128 << 10, 256 << 10);
    mr_pool_trim(&pool);
    assert_null(pool.whole.free);
    assert_int_equal(pool.whole.free_bytes, 0);
    mr_pool_done(&pool);
}

static int encoder_open(void *encoder, const struct mr_encoder_args *args, struct mr_err *err)
{
    (void)encoder;
    (void)args;
    (void)err;
    return 0;
}

static int encoder_describe(void *encoder, struct mr_table *table, struct mr_err *err)
{
    (void)encoder;
    (void)table;
    (void)err;
    return 0;
}

/* Fails once for each batch whose first change has number 13. */
static int encoder_encode(void *encoder, struct mr_batch *batch, size_t *ret_failed,
                          struct mr_err *err)
{
    (void)encoder;
    for (size_t i = 0; i < batch->change_count; i++) {
        const struct mr_change *change = &batch->changes[i];
        struct mr_record *record = mr_batch_add_record(batch);
        record->topic = change->table->topic;
        record->value = mr_arena_copy(&batch->arena, mr_value_slice(&change->after[0]));
        record->change = change;
        record->row = change->after;
        record->table = change->table;
    }
    *ret_failed = 0;
    return batch->changes[0].number == 13 ? mr_err_set(err, MR_BUG, "encoder.test", "13") : 0;
}

static void encoder_close(void *encoder)
{
    (void)encoder;
}

static const struct mr_encoder test_encoder = {
    .name = "test",
    .state_size = 1,
    .open = encoder_open,
    .describe = encoder_describe,
    .encode = encoder_encode,
    .close = encoder_close,
};

static bool suffice(void *state)
{
    (void)state;
    return true;
}

struct fixture {
    struct mr_memory_store store;
    struct mr_memory_config sink_config;
    struct mr_sink sink;
    struct mr_pipeline_config config;
    struct mr_counters counters;
    struct mr_context context;
    struct mr_pool pool;
    struct mr_writer writer;
    struct mr_table *table;
};

static void open_writer(struct fixture *f, bool divides)
{
    struct mr_err err;

    memset(f, 0, sizeof *f);
    mr_memory_store_init(&f->store);
    f->store.pace.bytes = SIZE_MAX;
    f->store.pace.age_ns = f->store.pace.caught_up_ns = INT64_MAX;
    f->sink_config.store = &f->store;
    f->sink = mr_sink_memory;
    f->sink.records_suffice = divides ? suffice : NULL;
    f->config = (struct mr_pipeline_config){.name = "p",
                                            .server = "test",
                                            .topic = "t",
                                            .encoder = &test_encoder,
                                            .sink = &f->sink,
                                            .sink_config = &f->sink_config};
    f->context = (struct mr_context){.pipeline = "p", .server = "test", .counters = &f->counters};
    f->table = mr_table_new(1);
    f->table->schema = mr_slice_str("public");
    f->table->name = mr_slice_str("t");
    mr_pool_init(&f->pool, 64 << 10, 1 << 20);
    mr_writer_init(&f->writer, &f->config, &f->context, &f->pool);
    assert_int_equal(mr_writer_open(&f->writer, "me", false, &err), 0);
    assert_int_equal(mr_writer_claim(&f->writer, (struct mr_slice){NULL, 0}, &err), 0);
}

static void close_writer(struct fixture *f)
{
    mr_writer_done(&f->writer);
    mr_pool_done(&f->pool);
    mr_table_unref(f->table);
    mr_memory_store_done(&f->store);
}

static struct mr_batch *read_batch(struct fixture *f, uint64_t number, size_t count)
{
    struct mr_batch *batch = mr_pool_get(&f->pool);

    for (size_t i = 0; i < count; i++) {
        struct mr_change *change = mr_batch_add_change(batch);
        struct mr_slice text = mr_arena_copy(&batch->arena, mr_slice_str("a row's text"));
        change->op = MR_OP_CREATE;
        change->number = number + i;
        change->table = f->table;
        change->after = MR_ARENA_NEW(&batch->arena, struct mr_value);
        change->after[0] =
            (struct mr_value){.kind = MR_TEXT, .size = (uint32_t)text.size, .p = text.data};
        mr_batch_use_table(batch, f->table);
    }
    batch->position =
        (struct mr_position){.text = mr_arena_copy(&batch->arena, mr_slice_str("{\"at\":1}")),
                             .number = number + count - 1,
                             .whole = true};
    return batch;
}

static void rows_do_not_wait_for_the_commit_of_their_records(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    struct mr_err err;
    bool durable;

    (void)state;
    open_writer(f, true);
    f->store.refuse_writes = 1; /* a divided batch is offered again as it is */
    struct mr_batch *batch = read_batch(f, 1, 100);
    assert_int_equal(mr_writer_take(&f->writer, batch, &err), MR_AGAIN);
    assert_true(batch->divided);
    assert_non_null(f->pool.whole.free);
    assert_int_equal(mr_writer_take(&f->writer, batch, &err), 0);
    assert_int_equal(f->writer.rows, 100);
    assert_int_equal(mr_writer_commit(&f->writer, false, &err), 0);
    assert_int_equal(mr_writer_poll(&f->writer, 0, &durable, &err), 0);
    assert_true(durable);
    assert_int_equal(f->store.visible_count, 100);
    assert_string_equal(f->store.visible[99].value, "a row's text");
    assert_non_null(strstr(f->store.checkpoint, "{\"at\":1}"));
    assert_non_null(f->pool.divided.free);
    close_writer(f);
    free(f);
}

static void other_sinks_get_rows_and_records_together(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    struct mr_err err;
    bool durable;

    (void)state;
    open_writer(f, false);
    assert_int_equal(mr_writer_take(&f->writer, read_batch(f, 1, 100), &err), 0);
    assert_int_equal(mr_writer_commit(&f->writer, false, &err), 0);
    assert_int_equal(mr_writer_poll(&f->writer, 0, &durable, &err), 0);
    assert_int_equal(f->store.visible_count, 100);
    assert_int_equal(f->store.visible[99].number, 100);
    assert_null(f->pool.divided.free);
    close_writer(f);
    free(f);
}

static void a_batch_that_cannot_be_encoded_stays_whole(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    struct mr_err err;

    (void)state;
    open_writer(f, true);
    struct mr_batch *batch = read_batch(f, 13, 10);
    assert_int_equal(mr_writer_take(&f->writer, batch, &err), MR_BUG);
    assert_false(batch->divided);
    assert_int_equal(batch->change_count, 10);
    assert_true(mr_slice_is(mr_value_slice(&batch->changes[9].after[0]), "a row's text"));
    mr_pool_put(&f->pool, batch);
    close_writer(f);
    free(f);
}

/* Small records take more memory than bytes: the sink says how much may wait for one commit. */
static void a_commit_is_due_for_the_memory_it_holds(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    struct mr_err err;

    (void)state;
    open_writer(f, true);
    f->writer.pace.held = 300000;
    f->writer.pace.held_record = 1000;
    assert_int_equal(mr_writer_take(&f->writer, read_batch(f, 1, 100), &err), 0);
    assert_in_range(f->writer.held, 100000, 250000);
    assert_int_equal(mr_writer_due(&f->writer), INT64_MAX);
    assert_int_equal(mr_writer_take(&f->writer, read_batch(f, 101, 100), &err), 0);
    assert_int_equal(mr_writer_due(&f->writer), 0);
    assert_int_equal(mr_writer_commit(&f->writer, false, &err), 0);
    assert_int_equal(f->writer.held, 0);
    close_writer(f);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_comes_back_to_its_own),
        cmocka_unit_test(what_waits_is_bounded_in_bytes),
        cmocka_unit_test(rows_do_not_wait_for_the_commit_of_their_records),
        cmocka_unit_test(other_sinks_get_rows_and_records_together),
        cmocka_unit_test(a_batch_that_cannot_be_encoded_stays_whole),
        cmocka_unit_test(a_commit_is_due_for_the_memory_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

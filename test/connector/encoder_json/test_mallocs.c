/* 100 000 rows through a warm encoder without one call of malloc. */
#include "plug/encoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "connectors/encoder_json/plan.h"
#include "test/support/counting.h"

extern const struct mr_encoder mr_encoder_json;

#define ROWS_PER_BATCH 1000
#define BATCHES        100
#define COLUMNS        6

static struct mr_table *orders(void)
{
    static const struct {
        const char *name;
        enum mr_type type;
    } columns[COLUMNS] = {{"id", MR_TYPE_INT64},      {"customer", MR_TYPE_TEXT},
                          {"total", MR_TYPE_DECIMAL}, {"placed_at", MR_TYPE_TIMESTAMPTZ},
                          {"ship_on", MR_TYPE_DATE},  {"note", MR_TYPE_TEXT}};
    struct mr_table *table = mr_table_new(COLUMNS);

    for (int i = 0; i < COLUMNS; i++)
        table->columns[i] = (struct mr_column){.name = mr_slice_str(columns[i].name),
                                               .type = columns[i].type,
                                               .optional = i > 0,
                                               .precision = i == 2 ? 10 : -1,
                                               .scale = i == 2 ? 2 : 0};
    table->connector = mr_slice_str("postgresql");
    table->server = table->database = mr_slice_str("shop");
    table->schema = mr_slice_str("public");
    table->name = mr_slice_str("orders");
    table->topic = mr_slice_str("shop.public.orders");
    table->key_count = 1;
    table->key_columns[0] = 0;
    return table;
}

static struct mr_value text(const char *p)
{
    return (struct mr_value){.kind = MR_TEXT, .size = (uint32_t)strlen(p), .p = p};
}

static void fill(struct mr_batch *batch, struct mr_table *table, int64_t from)
{
    struct mr_transaction *transaction = NULL;

    mr_batch_use_table(batch, table);
    for (int64_t i = 0; i < ROWS_PER_BATCH; i++) {
        struct mr_change *change = mr_batch_add_change(batch);
        struct mr_value *row = MR_ARENA_ARRAY(&batch->arena, struct mr_value, COLUMNS);

        if (i % 100 == 0) {
            transaction = MR_ARENA_NEW(&batch->arena, struct mr_transaction);
            *transaction = (struct mr_transaction){
                .origin = {MR_ORIGIN_POSTGRES,
                           {.postgres = {.xid = 771, .previous_lsn = 24026448}}},
                .commit_us = 1787220930123456 + i};
        }
        row[0] = (struct mr_value){.kind = MR_INT, .i = from + i};
        row[1] = text("Ada Byron, Countess of Lovelace");
        row[2] = (struct mr_value){.kind = MR_DECIMAL, .scale = 2, .i = 1250 + i};
        row[3] = (struct mr_value){.kind = MR_TIMESTAMP, .i = 1787220930123456 + i * 1000};
        row[4] = (struct mr_value){.kind = MR_DATE, .i = 20685};
        row[5] = (struct mr_value){.kind = MR_NULL};
        *change = (struct mr_change){.op = MR_OP_CREATE,
                                     .table = table,
                                     .transaction = transaction,
                                     .after = row,
                                     .origin.postgres.lsn = 24026984 + (uint64_t)i * 64,
                                     .read_us = 1787220930351042};
    }
}

/* Of this thread: the machine may be busy with other tests. */
static int64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void warm_rows_make_no_malloc(void **unused)
{
    (void)unused;
    MR_COUNTING_OR_SKIP();
    struct mr_context context = {.server = "shop"};
    struct json_config config = {
        .common.events = {.source_version = "3.7.0.Final", .tombstones = true},
        .common.forms = {.placeholder = "PH"}};
    struct mr_encoder_args args = {.context = &context, .config = &config};
    struct mr_table *table = orders();
    struct mr_batch *batch = mr_batch_new(1 << 20, 8 << 20);
    void *state = mr_alloc_zero(mr_encoder_json.state_size);
    uint64_t calls = 0;
    int64_t spent = 0;
    size_t failed, bytes = 0;
    struct mr_err err;

    assert_int_equal(mr_encoder_json.open(state, &args, &err), 0);
    assert_int_equal(mr_encoder_json.describe(state, table, &err), 0);
    for (int i = -5; i < BATCHES; i++) {
        int64_t start;
        uint64_t before;

        mr_batch_reset(batch);
        fill(batch, table, i * ROWS_PER_BATCH);
        start = cpu_ns();
        before = mr_counting_calls_here();
        assert_int_equal(mr_encoder_json.encode(state, batch, &failed, &err), 0);
        if (i < 0)
            continue;
        calls += mr_counting_calls_here() - before;
        spent += cpu_ns() - start;
        assert_int_equal(batch->record_count, ROWS_PER_BATCH);
        bytes = batch->records[0].value.size;
    }
    print_message("%.0f ns and %zu bytes a row\n", (double)spent / ROWS_PER_BATCH / BATCHES, bytes);
    assert_int_equal(calls, 0);
    mr_encoder_json.close(state);
    free(state);
    mr_batch_free(batch);
    mr_table_unref(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(warm_rows_make_no_malloc)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

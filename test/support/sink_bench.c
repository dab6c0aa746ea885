/* The bench plays the engine's part towards a sink: it owns batches until write() takes them, and takes them back
 * from poll(). Deadlines are generous, because a test machine's disk may be slow; nothing sleeps. */
#include "sink_bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"

static void note(void *state, int level, const char *code, const char *format, ...)
{
    struct mr_bench *bench = state;
    size_t size = strlen(bench->notes);

    (void)level;
    (void)format;
    snprintf(bench->notes + size, sizeof(bench->notes) - size, "%s ", code);
}

int mr_bench_open(struct mr_bench *bench, const struct mr_sink *sink, const void *config,
                  const char *owner, struct mr_err *err)
{
    return mr_bench_open_noting(bench, sink, config, owner, NULL, err);
}

int mr_bench_open_noting(struct mr_bench *bench, const struct mr_sink *sink, const void *config,
                         const char *owner, struct mr_sink_claim *noted, struct mr_err *err)
{
    *bench = (struct mr_bench){.sink = sink};
    bench->context =
        (struct mr_context){.pipeline = "test", .server = "test", .notes = {note, bench}};
    bench->args = (struct mr_sink_args){
        .context = &bench->context, .config = config, .owner = owner, .claim = noted};
    bench->types = mr_sink_wants(sink, config) == MR_SINK_CHANGES;
    bench->state = mr_alloc_zero(bench->sink->state_size + 1);
    mr_buf_init(&bench->checkpoint, 1 << 20);
    return bench->sink->open(bench->state, &bench->args, &bench->checkpoint, err);
}

static void free_list(struct mr_bench *bench, struct mr_batch *batch)
{
    while (batch) {
        struct mr_batch *next = batch->next;
        mr_batch_free(batch);
        bench->released++;
        batch = next;
    }
}

void mr_bench_close(struct mr_bench *bench)
{
    bench->sink->close(bench->state);
    for (size_t i = 0; i < sizeof(bench->tables) / sizeof(bench->tables[0]); i++)
        mr_table_unref(bench->tables[i]);
    free(bench->state);
    mr_buf_done(&bench->checkpoint);
}

static int poll_once(struct mr_bench *bench, struct mr_sink_result *ret_result, struct mr_err *err)
{
    int rc = bench->sink->poll(bench->state, mr_clock_mono_ns() + 20 * MR_MS_NS, ret_result, err);

    free_list(bench, ret_result->released);
    bench->durable = ret_result->durable;
    return rc;
}

static struct mr_table *make_table(struct mr_slice topic)
{
    struct mr_table *table = mr_table_new(2);

    table->server = table->schema = mr_slice_str("test");
    table->name = table->topic = mr_arena_copy(&table->arena, topic);
    table->columns[0] = (struct mr_column){.name = mr_slice_str("id"),
                                           .type = MR_TYPE_INT64,
                                           .key = 1,
                                           .native_type = mr_slice_str("int8")};
    table->columns[1] = (struct mr_column){
        .name = mr_slice_str("n"), .type = MR_TYPE_INT64, .native_type = mr_slice_str("int8")};
    table->key_count = 1;
    return table;
}

static struct mr_table *table_of(struct mr_bench *bench, struct mr_slice topic)
{
    for (size_t i = 0; i < sizeof(bench->tables) / sizeof(bench->tables[0]); i++) {
        if (!bench->tables[i])
            bench->tables[i] = make_table(topic);
        if (mr_slice_equal(bench->tables[i]->topic, topic))
            return bench->tables[i];
    }
    abort();
}

/* Rows instead of records, of a version that the sink has seen. */
static int make_rows(struct mr_bench *bench, const char *topic, struct mr_batch *batch,
                     struct mr_err *err)
{
    struct mr_table *table = table_of(bench, mr_slice_str(topic));

    batch->record_count = 0;
    mr_batch_use_table(batch, table);
    for (size_t i = 0; i < batch->change_count; i++) {
        struct mr_change *change = &batch->changes[i];
        struct mr_value *row = MR_ARENA_ARRAY(&batch->arena, struct mr_value, 2);
        row[0] = (struct mr_value){.kind = MR_INT, .i = 1};
        row[1] = (struct mr_value){.kind = MR_INT, .i = (int64_t)change->number};
        change->table = table;
        change->after = row;
    }
    return bench->sink->describe ? bench->sink->describe(bench->state, table, INT64_MAX, err) : 0;
}

static struct mr_batch *make_batch(const char *topic, uint64_t first, size_t count,
                                   int64_t commit_us)
{
    struct mr_batch *batch = mr_batch_new(1 << 16, 1 << 16);
    struct mr_transaction *transaction = MR_ARENA_NEW(&batch->arena, struct mr_transaction);
    struct mr_slice name = mr_arena_copy(&batch->arena, mr_slice_str(topic));

    *transaction = (struct mr_transaction){.commit_us = commit_us};
    for (size_t i = 0; i < count; i++) {
        struct mr_change *change = mr_batch_add_change(batch);
        change->op = MR_OP_CREATE;
        change->transaction = transaction;
        change->number = first + i;
    }
    for (size_t i = 0; i < count; i++) {
        struct mr_record *record = mr_batch_add_record(batch);
        record->topic = name;
        record->change = &batch->changes[i];
        record->key = mr_slice_str("{\"id\":1}");
        record->value = mr_slice_str(
            mr_arena_printf(&batch->arena, "{\"n\":%llu}", (unsigned long long)(first + i)));
    }
    batch->bytes = count * 100;
    batch->transactions = 1;
    return batch;
}

int mr_bench_write(struct mr_bench *bench, const char *topic, uint64_t first, size_t count,
                   int64_t commit_us, struct mr_err *err)
{
    struct mr_batch *batch = make_batch(topic, first, count, commit_us);
    struct mr_sink_result result;
    int rc = bench->types ? make_rows(bench, topic, batch, err) : 0;

    for (size_t i = 0; i < count && bench->snapshot; i++)
        batch->changes[i].mark = MR_SNAPSHOT_TRUE;
    while (rc == 0 && (rc = bench->sink->write(bench->state, batch, err)) == MR_AGAIN) {
        rc = poll_once(bench, &result, err);
        if (rc < 0)
            break;
    }
    if (rc < 0)
        mr_batch_free(batch);
    else
        bench->written++;
    return rc;
}

int mr_bench_commit(struct mr_bench *bench, bool claim, const char *checkpoint, struct mr_err *err)
{
    struct mr_commit commit = {.id = ++bench->next_commit,
                               .text = mr_slice_str(checkpoint),
                               .claim = claim,
                               .whole = true,
                               .urgent = true};
    struct mr_sink_result result;
    int64_t deadline_ns = mr_clock_mono_ns() + 60 * MR_SECOND_NS;
    int rc;

    while ((rc = bench->sink->commit(bench->state, &commit, err)) == MR_AGAIN) {
        rc = poll_once(bench, &result, err);
        if (rc < 0)
            return rc;
    }
    while (rc == 0 && bench->durable < commit.id) {
        rc = poll_once(bench, &result, err);
        if (rc == 0 && mr_clock_mono_ns() > deadline_ns)
            rc = mr_err_set(err, MR_BUG, "bench.timeout", "a commit did not become durable");
    }
    return rc;
}

int mr_bench_abort(struct mr_bench *bench, struct mr_err *err)
{
    struct mr_batch *batch = NULL;
    int rc = bench->sink->abort(bench->state, &batch, err);

    free_list(bench, batch);
    return rc;
}

static void add_finding(void *state, enum mr_finding_level level, const char *code,
                        const char *text, const char *hint)
{
    struct mr_bench_findings *findings = state;
    static const char *const names[] = {"PASS", "WARN", "FAIL"};

    (void)hint;
    findings->passes += level == MR_FINDING_PASS;
    findings->warnings += level == MR_FINDING_WARN;
    findings->failures += level == MR_FINDING_FAIL;
    mr_buf_printf(&findings->text, "%s %s %s\n", names[level], code, text);
}

struct mr_findings mr_bench_findings_init(struct mr_bench_findings *findings)
{
    *findings = (struct mr_bench_findings){0};
    mr_buf_init(&findings->text, 1 << 20);
    return (struct mr_findings){add_finding, findings};
}

/* See engine_rig.h. Everything is real but the two ends: threads, queue, retries and checkpoints are the engine's. */
#include "test/support/engine_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"

void mr_engine_rig_init(struct mr_engine_rig *rig, const struct mr_encoder *encoder)
{
    memset(rig, 0, sizeof *rig);
    mr_script_init(&rig->script);
    rig->script.first_number = 1000;
    mr_memory_store_init(&rig->store);
    rig->source_config.script = &rig->script;
    rig->sink_config.store = &rig->store;
    rig->config = (struct mr_pipeline_config){
        .name = "p",
        .server = "test",
        .topic = "{name}.{schema}.{table}",
        .source = &mr_source_scripted,
        .source_config = &rig->source_config,
        .encoder = encoder,
        .sink = &mr_sink_memory,
        .sink_config = &rig->sink_config,
        .batch_bytes = 64 << 10,
        .queue_bytes = 256 << 10,
        .drain_ns = 10 * MR_SECOND_NS,
    };
}

void mr_engine_rig_done(struct mr_engine_rig *rig)
{
    mr_script_done(&rig->script);
    mr_memory_store_done(&rig->store);
}

int mr_engine_rig_setup(void **state, const struct mr_encoder *encoder)
{
    struct mr_engine_rig *rig = mr_alloc_zero(sizeof *rig);

    mr_engine_rig_init(rig, encoder);
    *state = rig;
    return 0;
}

int mr_engine_rig_teardown(void **state)
{
    mr_engine_rig_done(*state);
    free(*state);
    return 0;
}

void mr_engine_rig_start(struct mr_engine_rig *rig, const char *until)
{
    struct mr_run_options options = {.until = until, .quiet = true};
    struct mr_err err;

    assert_int_equal(mr_pipeline_start(&rig->config, &options, &rig->pipeline, &err), 0);
}

int mr_engine_rig_finish(struct mr_engine_rig *rig)
{
    struct mr_pipeline *pipeline = rig->pipeline;
    bool ended = mr_pipeline_wait(pipeline, mr_clock_mono_ns() + 60 * MR_SECOND_NS);

    mr_pipeline_get_status(pipeline, &rig->status);
    if (!ended)
        fail_msg("the pipeline does not end: %s %s", mr_pipeline_state_name(rig->status.state),
                 rig->status.err.text);
    rig->dead_letters = atomic_load(&mr_pipeline_counters(pipeline)->dead_letters);
    rig->pipeline = NULL;
    return mr_pipeline_free(pipeline);
}

int mr_engine_rig_run(struct mr_engine_rig *rig)
{
    mr_engine_rig_start(rig, "now");
    return mr_engine_rig_finish(rig);
}

int mr_engine_rig_encoder_open(void *encoder, const struct mr_encoder_args *args,
                               struct mr_err *err)
{
    (void)encoder;
    (void)args;
    (void)err;
    return 0;
}

int mr_engine_rig_encoder_describe(void *encoder, struct mr_table *table, struct mr_err *err)
{
    (void)encoder;
    (void)table;
    (void)err;
    return 0;
}

void mr_engine_rig_encoder_close(void *encoder)
{
    (void)encoder;
}

int mr_engine_rig_transform_open(void *transform, const struct mr_transform_args *args,
                                 struct mr_err *err)
{
    (void)transform, (void)args, (void)err;
    return 0;
}

struct mr_record *mr_engine_rig_encode(struct mr_batch *batch, const struct mr_change *change)
{
    const struct mr_value *row = change->after ? change->after : change->before;
    struct mr_record *record = mr_batch_add_record(batch);
    bool note = change->table->column_count > 1 && row[1].kind == MR_TEXT;

    record->topic = change->table->topic;
    record->key = mr_slice_str(mr_arena_printf(&batch->arena, "%lld", (long long)row[0].i));
    record->value = note ? mr_value_slice(&row[1]) : mr_slice_str("null");
    record->change = change;
    record->table = change->table;
    return record;
}

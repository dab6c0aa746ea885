/* The whole engine over a scripted source and a sink in memory, for tests of what becomes of changes, and the parts
 * of an encoder that such tests have in common. A test gives its own encoder and sets what it likes beforehand. */
#pragma once

#include "engine/run/pipeline.h"
#include "test/support/memory_sink.h"
#include "test/support/scripted_source.h"

struct mr_engine_rig {
    struct mr_script script;
    struct mr_memory_store store;
    struct mr_scripted_config source_config;
    struct mr_memory_config sink_config;
    struct mr_pipeline_config config; /* pipeline p, server test, topics test.<schema>.<table> */
    struct mr_pipeline *pipeline;     /* between start and finish */
    struct mr_pipeline_status status; /* as of the last finish */
    uint64_t dead_letters;            /* likewise */
};

/* Changes are numbered from 1000 on. The rig must stay where it is. */
void mr_engine_rig_init(struct mr_engine_rig *rig, const struct mr_encoder *encoder);
void mr_engine_rig_done(struct mr_engine_rig *rig);
/* The same for cmocka: *state is a rig on the heap. */
int mr_engine_rig_setup(void **state, const struct mr_encoder *encoder);
int mr_engine_rig_teardown(void **state);

void mr_engine_rig_start(struct mr_engine_rig *rig, const char *until);
/* Waits for the end and returns the exit code; fails the test when there is none within a minute. */
int mr_engine_rig_finish(struct mr_engine_rig *rig);
/* From here to the script's end. */
int mr_engine_rig_run(struct mr_engine_rig *rig);

/* Members of an encoder that have nothing to do. */
int mr_engine_rig_encoder_open(void *encoder, const struct mr_encoder_args *args,
                               struct mr_err *err);
int mr_engine_rig_encoder_describe(void *encoder, struct mr_table *table, struct mr_err *err);
void mr_engine_rig_encoder_close(void *encoder);
/* The same for a transform. */
int mr_engine_rig_transform_open(void *transform, const struct mr_transform_args *args,
                                 struct mr_err *err);
/* A record of the change: the id as key, the note as value, "null" without one or without a second column. */
struct mr_record *mr_engine_rig_encode(struct mr_batch *batch, const struct mr_change *change);

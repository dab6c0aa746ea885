/* A pipeline's connectors, asked from outside.
 *
 * The engine gives every connector a context; a verb that only looks (check, plan, checkpoint show) makes one of
 * its own that counts for nobody. Reading the checkpoint first matters: a preflight that knows the position can
 * say whether it can still be resumed. */
#include "cli/inspect.h"

#include <stdlib.h>
#include <string.h>

static void drop(void *state, int level, const char *code, const char *format, ...)
{
    (void)state;
    (void)level;
    (void)code;
    (void)format;
}

void mr_inspect_init(struct mr_inspect *inspect, const struct mr_pipeline_config *config,
                     const char *state_directory, struct mr_notes notes)
{
    memset(inspect, 0, sizeof(*inspect));
    inspect->config = config;
    inspect->context =
        (struct mr_context){.pipeline = config->name,
                            .server = config->server,
                            .state_directory = state_directory,
                            .notes = notes.note ? notes : (struct mr_notes){drop, NULL},
                            .counters = &inspect->counters,
                            .stopping = &inspect->stopping};
    inspect->source = (struct mr_source_args){.context = &inspect->context,
                                              .config = config->source_config,
                                              .batch_bytes = (size_t)config->batch_bytes};
    inspect->sink = (struct mr_sink_args){
        .context = &inspect->context, .config = config->sink_config, .owner = "inspect"};
    mr_arena_init(&inspect->arena, 4096, 0);
    mr_map_init(&inspect->topic_places);
    mr_buf_init(&inspect->text, 16 << 20);
    mr_checkpoint_init(&inspect->checkpoint);
}

void mr_inspect_done(struct mr_inspect *inspect)
{
    mr_buf_done(&inspect->text);
    mr_checkpoint_done(&inspect->checkpoint);
    mr_map_done(&inspect->topic_places);
    mr_arena_done(&inspect->arena);
    free(inspect->topics);
}

int mr_inspect_checkpoint(struct mr_inspect *inspect, struct mr_err *err)
{
    const struct mr_sink *sink = inspect->config->sink;
    int rc;

    if (!sink->checkpoint_read)
        return 0;
    rc = sink->checkpoint_read(&inspect->sink, &inspect->text, err);
    if (rc < 0 || inspect->text.size == 0)
        return rc;
    rc = mr_checkpoint_parse(mr_buf_slice(&inspect->text), &inspect->checkpoint, err);
    if (rc < 0)
        return rc;
    inspect->source.resume = mr_buf_slice(&inspect->checkpoint.source);
    inspect->source.resume_number = inspect->checkpoint.number;
    return 0;
}

/* The sink that keeps nothing.
 *
 * It takes every batch, gives it back at the next poll, and calls each commit durable at once. It is for
 * measuring a source and an encoder without the cost of a destination, and for trying a configuration. It holds
 * no checkpoint: open() answers none, so every start is a first start for the source, which begins where its
 * slot stands. Nothing is delivered, so nothing can be promised: at-least-once is the honest name.
 *
 *     write: batch -> released list        commit: durable = id        poll: hand both over
 */
#include "plug/sink.h"

#include <stddef.h>

struct sink_null {
    struct mr_batch *first, **last; /* list to release: last points at the final next */
    uint64_t durable;
};

struct sink_null_config {
    char unused;
};

static const struct mr_option options[] = {{0}};

static int null_open(void *state, const struct mr_sink_args *args, struct mr_buf *ret_checkpoint,
                     struct mr_err *err)
{
    struct sink_null *sink = state;

    (void)args;
    (void)ret_checkpoint;
    (void)err;
    *sink = (struct sink_null){.last = &sink->first};
    return 0;
}

static void null_pace(void *state, struct mr_sink_pace *ret_pace)
{
    (void)state;
    *ret_pace = (struct mr_sink_pace){.bytes = 8 << 20,
                                      .age_ns = 1000000000,
                                      .caught_up_ns = 0,
                                      .split_records = 1000000,
                                      .split_ns = 20000000000};
}

static int null_write(void *state, struct mr_batch *batch, struct mr_err *err)
{
    struct sink_null *sink = state;

    (void)err;
    batch->next = NULL;
    *sink->last = batch;
    sink->last = &batch->next;
    return 0;
}

static int null_commit(void *state, const struct mr_commit *commit, struct mr_err *err)
{
    struct sink_null *sink = state;

    (void)err;
    sink->durable = commit->id;
    return 0;
}

static struct mr_batch *take_all(struct sink_null *sink)
{
    struct mr_batch *list = sink->first;

    sink->first = NULL;
    sink->last = &sink->first;
    return list;
}

static int null_poll(void *state, int64_t deadline_ns, struct mr_sink_result *ret,
                     struct mr_err *err)
{
    struct sink_null *sink = state;

    (void)deadline_ns;
    (void)err;
    *ret = (struct mr_sink_result){.released = take_all(sink), .durable = sink->durable};
    return 0;
}

static int null_abort(void *state, struct mr_batch **ret_released, struct mr_err *err)
{
    (void)err;
    *ret_released = take_all(state);
    return 0;
}

static void null_close(void *state)
{
    struct sink_null *sink = state;
    struct mr_batch *batch = sink->first;

    while (batch) {
        struct mr_batch *next = batch->next;
        mr_batch_free(batch);
        batch = next;
    }
    sink->first = NULL;
}

const struct mr_sink mr_sink_null = {
    .name = "null",
    .summary = "Takes everything and keeps nothing: for measuring and trying out",
    .options = options,
    .config_size = sizeof(struct sink_null_config),
    .state_size = sizeof(struct sink_null),
    .delivery = MR_SINK_AT_LEAST_ONCE,
    .open = null_open,
    .pace = null_pace,
    .write = null_write,
    .commit = null_commit,
    .poll = null_poll,
    .abort = null_abort,
    .close = null_close,
};

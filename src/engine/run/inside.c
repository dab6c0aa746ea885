/* What a pipeline says: its moves from state to state, its errors, and how often.
 *
 * A line is held back by its own text, not by its place in the code (mr_pipeline_site): two pipelines, or two tables,
 * that say the same kind of thing must not silence one another, and a text whose figures change is one text. Going
 * round in retries is said once, with its reason; the reason again after a minute, or when it is another one. */
#include "engine/run/inside.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"

struct mr_log_site *mr_pipeline_site(struct mr_pipeline *pipeline, const char *what)
{
    char text[1500];
    size_t size = 0;
    bool number = false, begins = true;

    for (; *what && size < sizeof text; what++) {
        bool digit = *what >= '0' && *what <= '9';
        number = digit && (number || begins);
        begins = *what == ' ';
        if (!number)
            text[size++] = *what;
    }
    return &pipeline->sites[mr_hash(mr_slice(text, size), 0) % MR_LOG_SITES];
}

/* Going round in retries is said once, with its reason (mr_pipeline_report), not at each turn. */
static enum mr_log_level state_level(const struct mr_pipeline *pipeline,
                                     enum mr_pipeline_state state)
{
    bool turning = state == MR_PIPELINE_STARTING || state == MR_PIPELINE_CONNECTING ||
                   state == MR_PIPELINE_RETRYING;

    return pipeline->options.quiet || (turning && pipeline->backoff.attempts > 0) ? MR_LOG_DEBUG
                                                                                  : MR_LOG_INFO;
}

void mr_pipeline_set_state(struct mr_pipeline *pipeline, enum mr_pipeline_state state)
{
    enum mr_pipeline_state before;

    pthread_mutex_lock(&pipeline->lock);
    before = pipeline->status.state;
    if (before != state) {
        assert(mr_pipeline_may_move(before, state));
        pipeline->status.state = state;
        pipeline->status.since_us = mr_clock_wall_us();
    }
    pthread_mutex_unlock(&pipeline->lock);
    if (before != state)
        mr_pipeline_log(pipeline, state_level(pipeline, state), "pipeline state",
                        MR_S("state", mr_pipeline_state_name(state)),
                        MR_S("from", mr_pipeline_state_name(before)));
}

void mr_pipeline_report(struct mr_pipeline *pipeline, const struct mr_err *err, bool final)
{
    int64_t now_ns = mr_clock_mono_ns();

    pthread_mutex_lock(&pipeline->lock);
    pipeline->status.err = *err;
    pipeline->status.attempts = pipeline->backoff.attempts;
    pthread_mutex_unlock(&pipeline->lock);
    if (final) {
        if (!pipeline->options.quiet)
            mr_pipeline_log(pipeline, MR_LOG_ERROR, "pipeline failed", MR_ERR_FIELDS(err));
        return;
    }
    if (strcmp(pipeline->logged_code, err->code) == 0 &&
        now_ns - pipeline->logged_ns < 60 * MR_SECOND_NS)
        return;
    memcpy(pipeline->logged_code, err->code, sizeof pipeline->logged_code);
    pipeline->logged_ns = now_ns;
    mr_pipeline_log(pipeline, MR_LOG_WARN, "will try again, for as long as it takes",
                    MR_U("attempt", pipeline->backoff.attempts), MR_ERR_FIELDS(err));
}

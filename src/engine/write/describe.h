/* Topics and plans for what a batch brings that was not met before. Writer thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "config/config.h"
#include "model/batch.h"
#include "schema/names/owners.h"

struct mr_describing {
    const struct mr_pipeline_config *config;
    const struct mr_context *context;
    struct mr_map described; /* ids of the table versions that were described lately */
    struct mr_topic_owners topics;
    bool messages;    /* logical messages were, too */
    int64_t after_ns; /* nothing is asked for before this: the registry was away */
};

void mr_describing_init(struct mr_describing *describing, const struct mr_pipeline_config *config,
                        const struct mr_context *context);
void mr_describing_done(struct mr_describing *describing);
/* Takes the topics that the configuration names. MR_CONFIG config.topic_collision. */
int mr_describing_reserve(struct mr_describing *describing, struct mr_err *err) MR_MUST_CHECK;
/* Encoder and sink are others: they have to be told again. Topics keep their owners. */
void mr_describing_forget(struct mr_describing *describing);
/* What is new in `batch`, to the open encoder, or to the open sink where none runs: `state` is theirs. Who is away is
 * asked no longer than until deadline_ns (INT64_MAX: as long as it may take) and not again for a second: MR_AGAIN, with
 * the reason in err unless it was only the deadline. */
int mr_describe(struct mr_describing *describing, void *state, struct mr_batch *batch,
                int64_t deadline_ns, struct mr_err *err) MR_MUST_CHECK;

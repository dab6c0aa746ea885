/* Transforms, in the order of the file.
 *
 *     look        notes what a transaction has, before a transform drops some of it
 *     apply ...   each transform changes topic, key, fields or op of a change, or drops it
 *     place       what is left gets its order; BEGIN, END and heartbeats go between
 *
 * They come before anything is described: a registry must not learn of columns that a transform takes out. A batch
 * that the sink or the registry could not take yet comes again and is not transformed twice. */
#include "engine/write/transform.h"

#include <stdlib.h>

static int open_states(struct mr_transforming *transforming, struct mr_err *err)
{
    const struct mr_pipeline_config *config = transforming->config;
    int rc = 0;

    if (config->transform_count == 0)
        return 0;
    transforming->states = mr_alloc_zero(config->transform_count * sizeof *transforming->states);
    for (size_t i = 0; i < config->transform_count && rc == 0; i++) {
        struct mr_transform_args args = {transforming->context, config->transform_configs[i]};
        transforming->states[i] = mr_alloc_zero(config->transforms[i]->state_size);
        rc = config->transforms[i]->open(transforming->states[i], &args, err);
    }
    return rc;
}

int mr_transforming_open(struct mr_transforming *transforming, struct mr_err *err)
{
    int rc = open_states(transforming, err);

    return rc < 0 ? rc
                  : mr_transactions_open(&transforming->transactions, transforming->config,
                                         transforming->context->server, err);
}

void mr_transforming_close(struct mr_transforming *transforming)
{
    const struct mr_pipeline_config *config = transforming->config;

    for (size_t i = 0; transforming->states && i < config->transform_count; i++) {
        if (transforming->states[i])
            config->transforms[i]->close(transforming->states[i]);
        free(transforming->states[i]);
    }
    free(transforming->states);
    transforming->states = NULL;
    mr_transactions_close(&transforming->transactions);
}

int mr_transforming_apply(struct mr_transforming *transforming, struct mr_batch *batch,
                          struct mr_err *err)
{
    int rc = 0;

    if (batch->transformed)
        return 0;
    mr_transactions_look(&transforming->transactions, batch);
    for (size_t i = 0; i < transforming->config->transform_count && rc == 0; i++)
        rc = transforming->config->transforms[i]->apply(transforming->states[i], batch, err);
    if (rc == 0)
        mr_transactions_place(&transforming->transactions, batch);
    batch->transformed = rc == 0;
    return rc;
}

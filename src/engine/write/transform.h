/* What happens to a batch before anybody describes or encodes it: the configured transforms, between them the place of
 * each event in its transaction. Writer thread. */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "engine/events/transactions.h"

struct mr_transforming {
    const struct mr_pipeline_config *config;
    const struct mr_context *context;
    void **states; /* one a transform; NULL when not open */
    struct mr_transactions transactions;
};

/* To be followed by close, also after a failure. */
int mr_transforming_open(struct mr_transforming *transforming, struct mr_err *err) MR_MUST_CHECK;
void mr_transforming_close(struct mr_transforming *transforming);
/* Once a batch: a second call with the same one does nothing. */
int mr_transforming_apply(struct mr_transforming *transforming, struct mr_batch *batch,
                          struct mr_err *err) MR_MUST_CHECK;

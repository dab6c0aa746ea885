/* Changes become records: the open encoder, the dead letters, and where records are put. Writer thread. */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "engine/events/dead_letter.h"
#include "engine/progress/checkpoint.h"
#include "engine/write/pool.h"

struct mr_encoding {
    const struct mr_pipeline_config *config;
    const struct mr_context *context;
    struct mr_pool *pool;
    void *state; /* the encoder's; NULL: not open, or the sink takes changes */
    struct mr_dead_letters dead_letters; /* opened by the writer, before the sink */
    bool divides;                        /* the sink takes divided batches */
};

/* How large a record the sink takes. */
struct mr_encoding_limit {
    void *sink;   /* its state */
    size_t least; /* what every topic takes; 0: no limit */
};

/* transactions: the topic of BEGIN and END; checkpoint: as the sink held it, for what the encoder remembers and keeps.
 * To be followed by close, also after a failure. */
int mr_encoding_open(struct mr_encoding *encoding, struct mr_slice transactions,
                     const struct mr_checkpoint *checkpoint, struct mr_err *err) MR_MUST_CHECK;
/* Takes over what is to be stored with the next commit. */
void mr_encoding_remember(struct mr_encoding *encoding, struct mr_checkpoint *checkpoint);
void mr_encoding_close(struct mr_encoding *encoding);
/* Fills batch->records. MR_DATA: *err names the change. */
int mr_encode(struct mr_encoding *encoding, const struct mr_encoding_limit *limit,
              struct mr_batch *batch, struct mr_err *err) MR_MUST_CHECK;

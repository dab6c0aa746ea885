/* Changes that cannot be encoded, set aside as records of their own. Writer thread.
 *
 * A dead letter goes to one topic per pipeline, in the same commit as the events around it, so it is written once like
 * any of them. Key and value are JSON whatever the pipeline's format:
 *
 *     key     {"id":7}
 *     value   {"error":{"code":"encode.value","text":"..."},"op":"u","number":17,"lsn":23964672,"transaction":743,
 *              "connector":"postgresql","database":"shop","schema":"public","table":"orders",
 *              "before":null,"after":{"id":7,"total":"NaN"}}
 *
 * with Kafka Connect's headers __connect.errors.* and millrace.pipeline, millrace.position. Columns that the source
 * did not send are not in the rows. Rows are as the transforms left them. */
#pragma once

#include <stdint.h>

#include "config/config.h"
#include "model/batch.h"

struct mr_dead_letters {
    const struct mr_errors_config *config;
    const struct mr_context *context;
    const char *stage_class; /* name of the encoder, or of the sink that took the change */
    /* stands for no table: its topic is the dead letters', as long as open */
    struct mr_table *name;
    int64_t window_ns; /* monotonic start of the window that is counted */
    int64_t count;     /* in this window */
    /* Number of the last change that was counted, too large and with rows: a replay counts none twice. */
    uint64_t highest[2];
};

/* MR_CONFIG: the topic's name. With policy stop nothing is kept. */
int mr_dead_letters_open(struct mr_dead_letters *letters, const struct mr_pipeline_config *config,
                         const struct mr_context *context, struct mr_err *err) MR_MUST_CHECK;
void mr_dead_letters_close(struct mr_dead_letters *letters);

/* Whether the policy is to set changes aside. */
bool mr_dead_letters_wanted(const struct mr_dead_letters *letters);

/* Turns *record into the dead letter of the change, for the reason in *err, which is cleared. `rows`: with the rows;
 * without them where they are what is too large. MR_DATA "pipeline.dead_letters": too many lately. */
int mr_dead_letters_fill(struct mr_dead_letters *letters, struct mr_batch *batch,
                         const struct mr_change *change, bool rows, struct mr_record *record,
                         struct mr_err *err) MR_MUST_CHECK;

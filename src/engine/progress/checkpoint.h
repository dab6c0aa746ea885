/* What a sink stores: the source's position and who owns the pipeline.
 *
 * One JSON object, readable by a human with `checkpoint show`:
 *   {"format":1,"pipeline":"shop","owner":"5f0c...","start":3,"number":1795224661438080,
 *    "time":"2026-11-21T09:05:01.123456Z","source":{...the source's position text...},
 *    "encoder":{...what the encoder wants to know again, such as schema ids...},
 *    "kept":{...what an encoder must never forget, such as numbers of fields...}}
 * `source` is null in the claim of a first start; `encoder` and `kept` are there only when there is something. `kept`
 * stays through starts with another encoder. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct mr_checkpoint {
    char pipeline[256];
    char owner[40];  /* random, new on each start of a process */
    uint64_t start;  /* how often the pipeline was claimed; the newer claim has the greater one */
    uint64_t number; /* change number of the last change covered; 0 = none yet */
    struct mr_buf source;  /* the source's position text; size 0 = none */
    struct mr_buf encoder; /* JSON object, likewise */
    struct mr_buf kept;    /* JSON object, likewise */
};

void mr_checkpoint_init(struct mr_checkpoint *checkpoint);
void mr_checkpoint_done(struct mr_checkpoint *checkpoint);
/* Appends the JSON text, with the wall time of now. MR_CONFIG "checkpoint.too_large": it passes the limit of a
 * buffer, so that the text would be cut. */
int mr_checkpoint_render(const struct mr_checkpoint *checkpoint, struct mr_buf *ret_text,
                         struct mr_err *err) MR_MUST_CHECK;
/* Fills an initialised checkpoint. MR_CONFIG "checkpoint.unreadable": not ours, of a newer format, cut. */
int mr_checkpoint_parse(struct mr_slice text, struct mr_checkpoint *ret_checkpoint,
                        struct mr_err *err) MR_MUST_CHECK;

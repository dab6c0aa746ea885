/* A transform changes topic, key, fields or op of changes, or drops them. It never touches position or number.
 * Runs on the writer thread, before topics are assigned and the encoder sees the versions. A derived table is a
 * version keyed by (version, transform), made once and cached; it takes its origin's place in batch->tables. */
#pragma once

#include <stddef.h>

#include "model/batch.h"
#include "plug/context.h"

struct mr_transform_args {
    const struct mr_context *context;
    const void *config;
};

struct mr_transform {
    const char *name, *summary;
    const struct mr_option *options;
    size_t config_size, state_size;

    /* MUST. Checks and prepares, without I/O: loading a configuration calls it too, with no context. */
    int (*open)(void *state, const struct mr_transform_args *args,
                struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Called once for each batch. In place: may drop changes by moving the others up and lowering
     * change_count. */
    int (*apply)(void *state, struct mr_batch *batch, struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Frees everything; state may be half open. */
    void (*close)(void *state);
};

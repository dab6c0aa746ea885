/* A source that plays a script, for tests of the engine without a database.
 *
 * The script is a list of transactions over one table public.t (id bigint primary key, note text). It outlives
 * the source, as a log does; a test may append to it while the source runs (mr_script_add). Change numbers are
 * first_number + index in the script, so a replay gives each change its old number. Positions read
 * {"done":3,"n":1}: three transactions finished, one event of the fourth is out. Asked for boundaries, it gives them,
 * and what is out of the fourth once more as replayed. Updates have no old row, unless their note begins with "key ":
 * then they change the key from -id. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plug/source.h"

struct mr_script_change {
    enum mr_op op;
    int64_t id;
    const char *note; /* NULL: null; lives as long as the script */
};

struct mr_script_transaction {
    struct mr_script_change *changes;
    size_t count;
};

struct mr_script {
    pthread_mutex_t lock;
    struct mr_script_transaction *transactions;
    size_t count, capacity;
    uint64_t first_number;

    /* close a batch after so many changes, inside a transaction too; 0: at each end */
    size_t batch_changes;
    /* after so many changes since the open, read() fails once with fail_class */
    uint64_t fail_read_after;
    enum mr_class fail_class;
    uint64_t fail_open;           /* so many opens fail with fail_class (MR_RETRY when that is 0) */
    void (*at_open)(void *state); /* called at each open with at_open_state, on the reader thread */
    void *at_open_state;
    void (*before_failing)(void *state); /* called first, on the reader thread, lock not held */
    void *before_failing_state;

    uint64_t opens, starts, tends, confirms; /* what happened */
    uint64_t confirmed_done;                 /* "done" of the last confirmed position */
    bool claimed_before_start;               /* start() was told take_over */
};

void mr_script_init(struct mr_script *script);
void mr_script_done(struct mr_script *script);
/* Appends a transaction of `count` changes (copied). */
void mr_script_add(struct mr_script *script, const struct mr_script_change *changes, size_t count);
/* Appends `transactions` transactions of `rows` inserts each, with ids counting up from `first_id`. */
void mr_script_fill(struct mr_script *script, size_t transactions, size_t rows, int64_t first_id);

/* The config of this source: what struct mr_source_args.config points to. */
struct mr_scripted_config {
    struct mr_script *script;
};

extern const struct mr_source mr_source_scripted;

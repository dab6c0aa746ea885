/* A sink that keeps everything in memory, for tests of the engine and as the contract suite's reference.
 *
 * The store outlives the sink, as a disk or a broker would: open it again and the checkpoint is there. It is
 * transactional: records become `visible` only with a commit, and it fences: a claim by another owner makes
 * every later commit of the first one fail with MR_FENCED, and a claim fails with MR_RETRY when somebody
 * committed since this one opened. Faults are asked for by the knobs; all fields may be read and set by the test
 * while it holds `lock`. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plug/sink.h"

struct mr_memory_record {
    char *topic, *key, *value; /* NUL-terminated copies; key and value NULL when null */
    char *headers;             /* "name: value" lines */
    uint64_t number;           /* 0 in a divided batch */
};

struct mr_memory_store {
    pthread_mutex_t lock;
    struct mr_memory_record *visible; /* committed, in order */
    size_t visible_count, visible_capacity;
    char *checkpoint; /* NULL: none */
    char owner[128];  /* of the newest claim */
    uint64_t claims;  /* how many, ever */
    uint64_t opens, commits, aborts, writes;

    /* Knobs. */
    bool hold; /* commits stay outstanding until this is false */
    /* the n-th commit that is published (1, 2, ...; 0 none) fails with fail_class ... */
    uint64_t fail_commit;
    enum mr_class fail_class;
    bool fail_after;          /* ... after it became visible (the answer was lost), not before */
    uint64_t fail_open;       /* so many opens fail with MR_RETRY */
    uint64_t refuse_writes;   /* so many writes answer MR_AGAIN */
    struct mr_sink_pace pace; /* all zero: commit at every transaction end */
    /* Of a sink that takes changes: */
    uint64_t describe_away; /* so many times describe() answers MR_AGAIN */
    uint64_t poll_again;    /* so many times poll() answers MR_AGAIN, without doing anything */
    uint64_t described;     /* versions shown, again ones too */
    uint64_t refused;       /* changes */
};

void mr_memory_store_init(struct mr_memory_store *store);
void mr_memory_store_done(struct mr_memory_store *store);
/* Waits up to `seconds` for so many visible records; false when they do not come. */
bool mr_memory_store_wait(struct mr_memory_store *store, size_t count, int seconds);

/* The config of this sink: what struct mr_sink_args.config points to. */
struct mr_memory_config {
    struct mr_memory_store *store;
    /* Takes changes, and keeps of each a record with the topic, the first column as the key, the second as the value
     * and the number. It refuses a change whose second column is the text "bad". */
    bool changes;
};

extern const struct mr_sink mr_sink_memory;

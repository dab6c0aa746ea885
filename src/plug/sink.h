/* A sink: where events go, and the only keeper of the position.
 *
 * All functions run on the writer thread; none blocks longer than its deadline (a sink keeps a helper thread
 * for calls that do). Order: open -> commit(claim) -> poll until durable -> (write | commit | poll)* -> close.
 *
 * write() gives batches in order. commit() asks that everything written so far and the checkpoint become
 * visible by one atomic act; poll() tells when that happened and gives batches back. At most two commits are
 * outstanding. A sink that is idempotent instead (stdout) says so, and its commit is as good as it gets. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/batch.h"
#include "plug/context.h"

enum mr_sink_wants { MR_SINK_RECORDS, MR_SINK_CHANGES };
enum mr_sink_delivery { MR_SINK_TRANSACTIONAL, MR_SINK_IDEMPOTENT, MR_SINK_AT_LEAST_ONCE };

/* A topic that would be written to. */
struct mr_sink_topic {
    const char *name, *what; /* "table public.orders", "the heartbeats" */
    bool keyless;            /* records in it have no key */
    bool truncates;          /* truncates are among them, which have none */
};

struct mr_sink_args {
    const struct mr_context *context;
    const void *config;
    const char *owner; /* this process's claim: a random id, new on each start */
    /* what the engine will write at most between two commits, roughly; 0 unknown */
    uint64_t batch_bytes;
    /* a record that is refused for its size may be replaced: answer MR_REPLAY instead of MR_DATA
     * once pace() and record_bytes() tell the size */
    bool sets_aside;
    /* for the sink: what it noted of this owner's claim, kept from one open to the next; 0: none
     * yet. Once there is one, another's newer claim means MR_FENCED. NULL: not kept */
    uint64_t *claim;
    /* for preflight: those that are known; not two of one name */
    const struct mr_sink_topic *topics;
    size_t topic_count;
};

/* A checkpoint to store. text is the engine's JSON object (model/position.h) and is copied by the sink. */
struct mr_commit {
    uint64_t id; /* 1, 2, 3 ... since open */
    struct mr_slice text;
    bool claim;        /* the first after open, or of a reopen: no rows, takes the pipeline over */
    bool whole;        /* at a transaction's end; false: a split */
    bool idle;         /* no rows since the last commit */
    bool urgent;       /* a stop or a caught-up source: do not wait for more */
    uint64_t number;   /* change number covered */
    int64_t commit_us; /* wall time of the newest source commit covered; 0 unknown */
};

struct mr_sink_result {
    struct mr_batch *released; /* list by ->next, now the caller's; NULL = none */
    uint64_t durable;          /* highest commit id that is durable; 0 = none yet */
    bool full;                 /* write() would answer MR_AGAIN */
    bool done; /* the reader has gone (a closed pipe): end well, as if a stop was asked for */
};

/* How the sink wants commits to be asked for. The engine asks at the first transaction end at which one of
 * these is reached; SIZE_MAX/INT64_MAX = never for that reason. */
struct mr_sink_pace {
    size_t bytes;         /* encoded bytes since the last commit */
    size_t held;          /* memory of the batches since then; 0: does not matter */
    size_t held_record;   /* what each record takes besides its batch, for `held` */
    int64_t age_ns;       /* since the first row after the last commit */
    int64_t caught_up_ns; /* the same, once the source has nothing more to read */
    /* above this many events inside one transaction: commit inside it (whole=false) */
    uint64_t split_records;
    int64_t split_ns;    /* likewise by time */
    size_t record_bytes; /* records above this mr_record_size() are refused; 0 = none */
    /* may commit inside a snapshot's table (its rows may then come twice after a crash); false:
     * a table is committed whole, however large */
    bool split_tables;
};

struct mr_sink {
    const char *name, *summary;
    const struct mr_option *options;
    size_t config_size, state_size;
    enum mr_sink_wants wants;
    enum mr_sink_delivery delivery;

    /* MUST. Opens, recovers what a crash left half done, and appends the checkpoint text it holds to
     * ret_checkpoint (empty: none). Takes nothing from another owner yet: that is what the claim does. */
    int (*open)(void *state, const struct mr_sink_args *args, struct mr_buf *ret_checkpoint,
                struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Asked after open and again after each durable commit: the pace may follow what commits cost. */
    void (*pace)(void *state, struct mr_sink_pace *ret_pace);
    /* MAY. Where topics differ: what this one takes. Asked only for records above the pace's record_bytes, which is
     * the least of all. */
    size_t (*record_bytes)(void *state, struct mr_slice topic);
    /* MAY. True: write() looks at nothing but records, so it may be given divided batches (model/batch.h), which take
     * half the memory while they wait for their commit. Asked after open. */
    bool (*records_suffice)(void *state);
    /* MUST. Takes ownership on 0. MR_AGAIN: full, poll first, the batch stays the caller's. */
    int (*write)(void *state, struct mr_batch *batch, struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Asks; returns at once. MR_AGAIN: two are outstanding, poll first. */
    int (*commit)(void *state, const struct mr_commit *commit, struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Makes progress until deadline_ns (monotonic; 0 = do not wait), or something can be told. MR_REPLAY:
     * what was written since `durable` is lost to readers: the engine calls abort and replays. MR_RETRY: reopen.
     * MR_FENCED: stop. ret is filled in every case. */
    int (*poll)(void *state, int64_t deadline_ns, struct mr_sink_result *ret,
                struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Drops what is not committed; every batch comes back by poll() or in *ret_released. A commit that was
     * under way may still have become durable: poll() after abort() tells, before anything is written again. */
    int (*abort)(void *state, struct mr_batch **ret_released, struct mr_err *err) MR_MUST_CHECK;
    /* MAY. Looks at the settings by themselves, without a server, while the file is read. MR_CONFIG; *ret_key is the
     * option at fault. */
    int (*check)(const void *config, const char **ret_key, struct mr_err *err) MR_MUST_CHECK;
    /* MAY. A roll asked for from outside (SIGUSR1). */
    void (*roll)(void *state);
    /* MAY. */
    int (*preflight)(const struct mr_sink_args *args, const struct mr_findings *findings,
                     struct mr_err *err) MR_MUST_CHECK;
    /* MAY. Can the events of this version, with its topic, be written as configured? Contacts nobody. MR_CONFIG says
     * what is in the way. For `check`; a run finds the same out with the version's first event. */
    int (*fit)(const struct mr_sink_args *args, const struct mr_table *table,
               struct mr_err *err) MR_MUST_CHECK;
    /* MAY. For `checkpoint show|set` while stopped: reads or replaces the stored checkpoint without a claim of
     * ours being needed. ret_checkpoint empty: none. */
    int (*checkpoint_read)(const struct mr_sink_args *args, struct mr_buf *ret_checkpoint,
                           struct mr_err *err) MR_MUST_CHECK;
    int (*checkpoint_write)(const struct mr_sink_args *args, struct mr_slice checkpoint,
                            struct mr_err *err) MR_MUST_CHECK;
    /* MAY. `millrace files verify`: proves what stands in `directory` and reports every finding; changes nothing,
     * may run beside a live pipeline. Fails only when it cannot look (MR_CONFIG). */
    int (*verify)(const char *directory, const struct mr_findings *findings,
                  struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Frees everything; batches still held are freed too (mr_batch_free). */
    void (*close)(void *state);
};

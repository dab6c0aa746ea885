/* A sink: where events go, and the only keeper of the position.
 *
 *     open -> commit(claim) -> poll until durable -> (describe | write | commit | poll | answer)* -> close
 *
 * All functions run on the writer thread; none blocks longer than its deadline (a sink keeps a helper thread for calls
 * that do). write() gives batches in order. commit() asks that everything written so far and the checkpoint become
 * visible by one atomic act; poll() tells when that happened and gives batches back. At most two commits are
 * outstanding. What a sink cannot do by one act it says in `delivery`: an idempotent one writes the rows first and the
 * position after them, and a row that comes again changes nothing; one that is at least once (stdout) keeps no
 * position, and calls a commit durable when its last byte was handed on.
 *
 * A sink takes RECORDS, which an encoder made, or CHANGES: rows with their types, and then no encoder runs. Which, may
 * depend on its settings. Records are without surprise. Of changes a sink is also given logical messages (table is
 * NULL) and truncates (no row): it delivers both. It is never given BEGIN, END or HEARTBEAT: what would make them is
 * refused while the file is read.
 *
 * What the classes of errors mean here, for every member that names none of its own:
 *
 *     MR_AGAIN    not now, with the same handle: err says why, or has the code "" where that needs no word
 *     MR_RETRY    close and open again; what is not durable comes again from the source
 *     MR_REPLAY   abort() and replay, without opening again
 *     MR_DATA     a change is bad, and err names it: stop (what can be set aside is told by poll() instead)
 *     MR_GAP, MR_CONFIG, MR_FENCED, MR_BUG    stop */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/batch.h"
#include "plug/context.h"

enum mr_sink_wants { MR_SINK_RECORDS, MR_SINK_CHANGES };
enum mr_sink_delivery { MR_SINK_TRANSACTIONAL, MR_SINK_IDEMPOTENT, MR_SINK_AT_LEAST_ONCE };

/* What the name of a destination may be made of. Any other byte becomes `instead`; a name that is too long, or begins
 * with what it may not, is an error before anything was read. */
struct mr_sink_names {
    /* How errors call a destination: "topic", "index". */
    const char *what;
    /* Besides a-z and 0-9. */
    const char *also;
    /* A-Z too; without them they are made small. */
    bool upper;
    /* Bytes of `also` that may not stand first. */
    const char *not_first;
    char instead;
    /* In bytes. */
    size_t longest;
};

/* A topic that would be written to. */
struct mr_sink_topic {
    /* "table public.orders", "the heartbeats" */
    const char *name, *what;
    /* Records in it have no key. */
    bool keyless;
    /* Truncates are among them, which have none. */
    bool truncates;
};

/* What a sink notes of its owner's claim; all 0: nothing yet. Its meaning is the sink's: the number of a commit file;
 * sequence number and primary term of a document. */
struct mr_sink_claim {
    uint64_t number, term;
};

struct mr_sink_args {
    const struct mr_context *context;
    const void *config;
    /* This process's claim: a random id, new on each start. */
    const char *owner;
    /* What the engine will write at most between two commits, roughly; 0 unknown. */
    uint64_t batch_bytes;
    /* A record that is refused for its size may be replaced: answer MR_REPLAY instead of MR_DATA once pace() and
     * record_bytes() tell the size. */
    bool sets_aside;
    /* For the sink, kept from one open to the next. Once it notes one, another's newer claim means MR_FENCED. NULL: not
     * kept. */
    struct mr_sink_claim *claim;
    /* For preflight: those that are known; not two of one name. */
    const struct mr_sink_topic *topics;
    size_t topic_count;
};

/* A checkpoint to store. text is the engine's JSON object (model/position.h) and is copied by the sink. */
struct mr_commit {
    /* 1, 2, 3 ... since open */
    uint64_t id;
    struct mr_slice text;
    /* The first after open, or of a reopen: no rows, takes the pipeline over. */
    bool claim;
    /* At a transaction's end; false: a split. */
    bool whole;
    /* A split only for the time that went by (pace.split_ns). Was that spent in waiting for the sink's other side,
     * poll() may answer MR_REPLAY instead: the transaction is read again and may become visible whole. */
    bool aged;
    /* No rows since the last commit. */
    bool idle;
    /* A stop or a caught-up source: do not wait for more. */
    bool urgent;
    /* Change number covered. */
    uint64_t number;
    /* Wall time of the newest source commit covered; 0 unknown. */
    int64_t commit_us;
};

/* A change that the destination will not take, and why. */
struct mr_sink_refusal {
    /* Still the sink's, or among `released` of the same result. */
    struct mr_batch *batch;
    /* Of the change in it. */
    size_t index;
    struct mr_err why;
};

struct mr_sink_result {
    /* List by ->next, now the caller's; NULL = none. */
    struct mr_batch *released;
    /* Highest commit id that is durable; 0 = none yet. */
    uint64_t durable;
    /* write() would answer MR_AGAIN. */
    bool full;
    /* The reader has gone (a closed pipe): end well, as if a stop was asked for. */
    bool done;
    /* The sink's until answer(), which comes before anything else does. */
    const struct mr_sink_refusal *refused;
    size_t refused_count;
};

/* How the sink wants commits to be asked for. The engine asks at the first transaction end at which one of these is
 * reached; SIZE_MAX/INT64_MAX = never for that reason. Bytes are those of records, or of rows as they came. */
struct mr_sink_pace {
    /* Since the last commit. */
    size_t bytes;
    /* Memory of the batches since then; 0: does not matter. */
    size_t held;
    /* What each record takes besides its batch, for `held`. */
    size_t held_record;
    /* Since the first row after the last commit. */
    int64_t age_ns;
    /* The same, once the source has nothing more to read. */
    int64_t caught_up_ns;
    /* Above this many events inside one transaction: commit inside it (whole=false). */
    uint64_t split_records;
    /* Likewise by time. */
    int64_t split_ns;
    /* Records above this mr_record_size() are refused; 0 = none. */
    size_t record_bytes;
    /* May commit inside a snapshot's table (its rows may then come twice after a crash); false: a table is committed
     * whole, however large. */
    bool split_tables;
};

/* What only a sink has whose data are files that lie here. */
struct mr_sink_files {
    /* MUST. A roll was asked for from outside (SIGUSR1): the pace follows until the next commit. */
    void (*roll)(void *state);
    /* MUST. `millrace files verify`: proves what stands in `directory` and reports every finding; changes nothing, may
     * run beside a live pipeline. Fails only when it cannot look (MR_CONFIG). */
    int (*verify)(const char *directory, const struct mr_findings *findings,
                  struct mr_err *err) MR_MUST_CHECK;
};

struct mr_sink {
    const char *name, *summary;
    const struct mr_option *options;
    size_t config_size, state_size;
    enum mr_sink_delivery delivery;
    /* MAY. NULL: as Kafka's topics. */
    const struct mr_sink_names *names;
    /* MAY. Only of a sink whose data are files. */
    const struct mr_sink_files *files;

    /* MAY. What it takes with these settings; without it, records. Ask mr_sink_wants(). */
    enum mr_sink_wants (*wants)(const void *config);
    /* MUST. Opens, recovers what a crash left half done, and appends the checkpoint text it holds to ret_checkpoint
     * (empty: none). Takes nothing from another owner yet: that is what the claim does. MR_GAP: what it holds is
     * damaged. MR_FENCED: args->claim is older than what stands there. */
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
    /* MAY, and only of a sink that takes changes. Called for each version before a batch that uses it is written, and
     * may come again for one that is known; table->topic is set. It may make a mapping, a schema, a header, and wait
     * for that until deadline_ns (monotonic; INT64_MAX: as configured). MR_AGAIN: called again with the batch in hand.
     * MR_DATA, MR_CONFIG: rows of this version cannot be written. */
    int (*describe)(void *state, struct mr_table *table, int64_t deadline_ns,
                    struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Takes ownership on 0. MR_AGAIN: full, poll first, the batch stays the caller's. */
    int (*write)(void *state, struct mr_batch *batch, struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Asks; returns at once. MR_AGAIN: two are outstanding, poll first. */
    int (*commit)(void *state, const struct mr_commit *commit, struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Makes progress until deadline_ns (monotonic; 0 = do not wait), or something can be told. ret is filled in
     * every case. MR_AGAIN: it goes on by itself as soon as what err says is over; nothing is lost meanwhile.
     * MR_REPLAY: what was written since `durable` is lost to readers. */
    int (*poll)(void *state, int64_t deadline_ns, struct mr_sink_result *ret,
                struct mr_err *err) MR_MUST_CHECK;
    /* MAY: a sink that never refuses a change has none. Called once after each poll() with refusals, and until then no
     * commit that covers one of these changes becomes durable. `letters`, now the sink's, holds records that tell of
     * them and becomes visible with such a commit; NULL: the changes are left out. */
    int (*answer)(void *state, struct mr_batch *letters, struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Drops what is not committed; every batch comes back by poll() or in *ret_released. A commit that was
     * under way may still have become durable: poll() after abort() tells, before anything is written again. */
    int (*abort)(void *state, struct mr_batch **ret_released, struct mr_err *err) MR_MUST_CHECK;
    /* MAY. Looks at the settings by themselves, without a server, while the file is read. MR_CONFIG; *ret_key is the
     * option at fault. */
    int (*check)(const void *config, const char **ret_key, struct mr_err *err) MR_MUST_CHECK;
    /* MAY. Appends what no other pipeline may have as well, as a text: "directory /var/lib/out". By the settings alone;
     * contacts nobody. Appends nothing where it cannot be told. */
    void (*alone)(const struct mr_sink_args *args, struct mr_buf *ret_what);
    /* MAY. Looks at the destination and reports what a run would find; changes nothing. Fails only when it cannot
     * look. */
    int (*preflight)(const struct mr_sink_args *args, const struct mr_findings *findings,
                     struct mr_err *err) MR_MUST_CHECK;
    /* MAY. Can the events of this version, with its topic, be written as configured? Contacts nobody. MR_CONFIG says
     * what is in the way. For `check`; a run finds the same out with the version's first event. */
    int (*fit)(const struct mr_sink_args *args, const struct mr_table *table,
               struct mr_err *err) MR_MUST_CHECK;
    /* MAY, both or none. For `checkpoint show|set` while stopped: reads or replaces the stored checkpoint without a
     * claim of ours being needed. ret_checkpoint empty: none. */
    int (*checkpoint_read)(const struct mr_sink_args *args, struct mr_buf *ret_checkpoint,
                           struct mr_err *err) MR_MUST_CHECK;
    int (*checkpoint_write)(const struct mr_sink_args *args, struct mr_slice checkpoint,
                            struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Frees everything; batches still held are freed too (mr_batch_free). */
    void (*close)(void *state);
};

static inline enum mr_sink_wants mr_sink_wants(const struct mr_sink *sink, const void *config)
{
    return sink->wants ? sink->wants(config) : MR_SINK_RECORDS;
}

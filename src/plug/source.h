/* A source: a database's change log, read in order.
 *
 *     open -> [the engine commits the claim in the sink] -> start -> (read | tend | lag)* -> close
 *
 * These run on the reader thread. confirm() comes from the writer's thread at any time between start and close, and
 * order() from any, with no state. What takes struct mr_source_args and no state is a verb beside a run: it is called
 * on the thread of that verb, with no session open, opens its own and closes it.
 *
 * What each class of error means, whichever function it comes from:
 *     MR_RETRY   the server is away, or busy with a predecessor: close, wait, open and start again at the last durable
 *                position, for ever
 *     MR_GAP     changes are missing, or the position is not this server's: stop, never retried
 *     MR_CONFIG  a human must change the settings, the server or a right
 *     MR_DATA    a change is not what its type says: of read() alone; stop, since what cannot be read cannot be set
 *                aside
 * No source gives MR_REPLAY, MR_AGAIN, MR_FENCED. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "model/batch.h"
#include "plug/context.h"

struct mr_source_args {
    const struct mr_context *context;
    const void *config;     /* the struct its option table fills */
    struct mr_slice resume; /* position text the sink holds; {NULL, 0} = none: a first start */
    uint64_t resume_number; /* change number the sink holds; 0 = none */
    const char *until;  /* NULL for ever; "now": up to the log's end as of start; else a position
                                    ("0/1A2B3C" in the source's own notation) */
    bool temporary;     /* tail: leave nothing behind, ask for no permanent object */
    bool take_over;     /* the claim is committed: a predecessor's session may be ended. Known to be
                                    true by the time of start(); an open() of a first start sees false */
    bool adopt;         /* the sink keeps no position (stdout): an existing slot of ours is resumed
                                    where it was confirmed */
    bool boundaries;    /* make milestones of transactions' ends, and give the changes that a resume
                                    drops once more, as `replayed` */
    size_t batch_bytes; /* close a batch at about this many wire bytes */
};

/* Records of a pipeline that belong to no table. */
struct mr_source_sides {
    struct mr_slice heartbeats; /* their topic; {NULL, 0} = none are sent */
    bool messages;              /* logical messages may come ... */
    bool messages_wanted;       /* ... and the settings name them, so somebody means to send some */
};

/* How far a source is behind its log, in bytes and in its own words. */
struct mr_source_lag {
    bool inside;    /* it stands inside a transaction, or reads tables: the rest is as of before */
    uint64_t bytes; /* of log between what was read and the log's end; UINT64_MAX: not known */
    /* Up to where it was read, and the end, as the server last told; "": not known. */
    char read[96], end[96];
};

struct mr_source {
    const char *name;    /* as in `type:` */
    const char *summary; /* one line for help */
    const struct mr_option *options;
    size_t config_size, state_size;

    /* MUST. Connects, checks identity, slot, publication and resume position; changes nothing on the server.
     * *ret_claim is the position text to put into the claim: the resume position, or on a first start the
     * identity alone. It lives in the state until close. MR_RETRY, MR_CONFIG; MR_GAP: the position cannot be resumed
     * (rule 4). After any of them close() is called. */
    int (*open)(void *state, const struct mr_source_args *args, struct mr_slice *ret_claim,
                struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Makes what is missing on the server (publication, then slot) and begins to read: tables, or the log.
     * take_over is in effect. MR_RETRY, MR_GAP, MR_CONFIG. */
    int (*start)(void *state, struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Fills an empty batch until it reaches batch_bytes at a transaction's end (or hard limit inside
     * one), or the log has nothing more and the batch is not empty, or deadline_ns (monotonic) passes; a batch
     * without changes may still carry a newer position (idle). Answers keepalives by its own clock. On failure
     * the batch may hold whole transactions that were read before: its content is then valid up to
     * batch->position and the caller delivers it first. MR_RETRY, MR_GAP, MR_DATA; MR_CONFIG when what was set up is
     * not there any more. */
    int (*read)(void *state, struct mr_batch *batch, int64_t deadline_ns,
                struct mr_err *err) MR_MUST_CHECK;
    /* MUST, any thread. Stores a durable position, of this source and of this run or one before; the reader thread
     * tells the server. Never blocks, never fails: a text that is no position is ignored. */
    void (*confirm)(void *state, const struct mr_position *position);
    /* MUST, any thread, no state. Compares two position texts: which of them has more of the log behind it. MR_APART:
     * of different histories, or neither has all of the other (sets of GTIDs), or one is no position: going from one to
     * the other steps over what cannot be told. `checkpoint set` tells it the user. */
    enum mr_order (*order)(struct mr_slice a, struct mr_slice b);
    /* MUST, reader thread, between read() calls and also while no read() is possible because the queue is
     * full: answers keepalives and sends confirmed positions. Errors as read()'s. */
    int (*tend)(void *state, struct mr_err *err) MR_MUST_CHECK;
    /* MAY, reader thread, once started. Asks nobody: what is known. */
    void (*lag)(const void *state, struct mr_source_lag *ret_lag);
    /* MAY, a verb. Connects by itself and reports every line of its preflight; changes nothing. What cannot be asked at
     * all is the error: MR_RETRY, MR_CONFIG. */
    int (*preflight)(const struct mr_source_args *args, const struct mr_findings *findings,
                     struct mr_err *err) MR_MUST_CHECK;
    /* MAY. Writes what start() would make ("CREATE PUBLICATION ..."), one line each, as notes of level info. */
    int (*plan)(const struct mr_source_args *args, const struct mr_findings *findings,
                struct mr_err *err) MR_MUST_CHECK;
    /* MAY. `checkpoint set`: turns a place in the source's own notation ("now", "0/1A2B3C8") into the text of a
     * position that can be resumed, making what that needs on the server (a slot). args->resume is the position
     * held until now, if any. */
    int (*locate)(const struct mr_source_args *args, const char *place, struct mr_buf *ret_position,
                  struct mr_err *err) MR_MUST_CHECK;
    /* MAY. `resnapshot`: args->resume, changed so that the next start reads the rows of these tables (as
     * "schema.table"; count 0: all) again and then goes on. */
    int (*again)(const struct mr_source_args *args, const char *const *tables, size_t count,
                 struct mr_buf *ret_position, struct mr_err *err) MR_MUST_CHECK;
    /* MAY. Connects by itself and shows a version of every table it would capture, described as the stream would do
     * it, so that transforms and formats can be tried on it; `each` takes its own reference to keep one. Changes
     * nothing. */
    int (*tables)(const struct mr_source_args *args,
                  void (*each)(void *user, struct mr_table *table), void *user,
                  struct mr_err *err) MR_MUST_CHECK;
    /* MAY. What may come besides rows, by the settings alone; contacts nobody. */
    int (*sides)(const struct mr_source_args *args, struct mr_arena *arena,
                 struct mr_source_sides *ret_sides, struct mr_err *err) MR_MUST_CHECK;
    /* MAY. Looks at the settings by themselves, without a server, while the file is read: args has config, and a
     * context with names alone. MR_CONFIG; *ret_key is the option at fault, and may be left alone. */
    int (*check)(const struct mr_source_args *args, const char **ret_key,
                 struct mr_err *err) MR_MUST_CHECK;
    /* MAY. Appends what no other pipeline may have as well, as a text: "slot shop on db:5432/shop". By the settings
     * alone; contacts nobody. Appends nothing where it cannot be told. */
    void (*alone)(const struct mr_source_args *args, struct mr_buf *ret_what);
    /* MUST. Sends the last confirmed position if it can without blocking, closes, frees; state may be half
     * open. A temporary source removes what it made. */
    void (*close)(void *state);
};

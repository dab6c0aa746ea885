/* The writer's side of a pipeline: transforms, encoder, sink, and when to commit.
 *
 * All functions run on the pipeline's writer thread. A writer lives from the sink's open to its close; sessions
 * (the source's side) come and go beneath it.
 *
 *     take(batch): transform, topics, describe, encode, sink.write        pending = position after it
 *     commit when due: sink.commit(checkpoint{pending})                   asked[] = ids on their way
 *     poll: released batches -> pool; durable id -> `durable`             the caller confirms to the source */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "engine/progress/checkpoint.h"
#include "engine/write/describe.h"
#include "engine/write/encode.h"
#include "engine/write/pool.h"
#include "engine/write/transform.h"

#define MR_COMMITS_MAX 2

/* A position the writer keeps beyond the life of its batch. */
struct mr_mark {
    struct mr_buf text;
    struct mr_position position; /* position.text points into text */
};

struct mr_writer {
    const struct mr_pipeline_config *config;
    const struct mr_context *context;
    struct mr_pool *pool;
    struct mr_transforming transforming;
    struct mr_describing describing;
    struct mr_encoding encoding;
    void *sink; /* its state; NULL when not open */
    struct mr_sink_pace pace;
    struct mr_checkpoint checkpoint; /* owner, start; its source text is what is durable */
    struct mr_mark pending;          /* after the last batch written */
    struct mr_mark next;             /* scratch: after the batch being written */
    struct mr_mark durable;
    struct {
        uint64_t id; /* 0 = free */
        struct mr_mark mark;
    } asked[MR_COMMITS_MAX];
    uint64_t next_commit, next_sequence;
    struct mr_sink_claim claim; /* what the sink noted of ours, from one open to the next */
    uint64_t rows;              /* changes written since the last commit was asked for */
    size_t bytes;               /* encoded bytes since then */
    size_t held;                /* memory that they take in the sink */
    int64_t first_ns;           /* monotonic time of the first of them */
    bool moved;                 /* pending is newer than the last commit asked for */
    bool idle_now;    /* the source itself sent a position without rows: commit it at once */
    int64_t asked_ns; /* monotonic time of the last commit asked for */
    bool caught_up;   /* the last batch said so */
    bool full;        /* the sink's last word */
    bool done;        /* the sink's reader has gone */
};

void mr_writer_init(struct mr_writer *writer, const struct mr_pipeline_config *config,
                    const struct mr_context *context, struct mr_pool *pool);
void mr_writer_done(struct mr_writer *writer);

/* Opens encoder, transforms and sink, and reads the checkpoint. owner is this process's claim. When `reopened`,
 * a checkpoint of another owner with a newer start is MR_FENCED; otherwise our start becomes theirs + 1. */
int mr_writer_open(struct mr_writer *writer, const char *owner, bool reopened,
                   struct mr_err *err) MR_MUST_CHECK;
void mr_writer_close(struct mr_writer *writer);
/* Whether the sink, closed by us, now holds another position than the one we believe: somebody else committed.
 * False when it cannot tell. */
bool mr_writer_overtaken(const struct mr_writer *writer, const char *owner);
/* Whether the newest claim in the sink is not ours, after ours was made. False when it cannot tell. */
bool mr_writer_displaced(const struct mr_writer *writer, const char *owner);

/* Asks for the claim with the given position text ({NULL, 0}: none yet). Poll until mr_writer_idle. */
int mr_writer_claim(struct mr_writer *writer, struct mr_slice position,
                    struct mr_err *err) MR_MUST_CHECK;

/* Takes a batch through to the sink. MR_AGAIN: the sink is full or the registry is away (then err says so, else
 * its code is ""), nothing was taken: call again with the same batch after a poll. On any other failure the batch is
 * still the caller's. MR_DATA: *err names the change. */
int mr_writer_take(struct mr_writer *writer, struct mr_batch *batch,
                   struct mr_err *err) MR_MUST_CHECK;

/* Monotonic time at which a commit is due; INT64_MAX = nothing to commit, 0 = now. */
int64_t mr_writer_due(const struct mr_writer *writer);
/* Asks for a commit of what is pending. MR_AGAIN: too many on their way. urgent: see sink.h. */
int mr_writer_commit(struct mr_writer *writer, bool urgent, struct mr_err *err) MR_MUST_CHECK;

/* Lets the sink work until deadline_ns; *ret_durable is true when writer->durable moved. */
int mr_writer_poll(struct mr_writer *writer, int64_t deadline_ns, bool *ret_durable,
                   struct mr_err *err) MR_MUST_CHECK;
/* Nothing is on its way. */
bool mr_writer_idle(const struct mr_writer *writer);
/* Drops what is not durable. What became durable on the way is so in writer->durable. */
int mr_writer_abort(struct mr_writer *writer, struct mr_err *err) MR_MUST_CHECK;

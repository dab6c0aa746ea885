/* One pipeline's producer: the flow of transactions on a librdkafka handle, and the change to a new handle.
 *
 *     CLOSED --connect--> IDLE --send/commit begins--> OPEN --commit--> IDLE
 *        ^                  ^                           |
 *        |                  +----------- abort ---------+
 *        +---- anything whose outcome is not known for sure (broken) 
 *
 * Every function blocks and belongs to one thread, the session's. */
#pragma once

#include "connectors/sink_kafka/checkpoint.h"
#include "connectors/sink_kafka/client.h"
#include "connectors/sink_kafka/topics.h"
#include "model/batch.h"
#include "plug/sink.h"

struct mr_kafka_producer {
    struct mr_kafka_setting *setting;
    struct mr_kafka_client client;
    struct mr_kafka_topics topics;
    struct mr_kafka_checkpoint last; /* what the checkpoint topic holds, as far as we know */
    uint64_t start;                  /* ours, once claimed: one above the owner's before */
    struct mr_sink_claim *kept; /* the same beyond this session; 0: never claimed; NULL: not kept */
    /* Told when brokers keep us waiting (err), and when they no longer do (NULL). */
    void (*stalled)(void *state, const struct mr_err *err);
    void *stalled_state;
    bool transactional;
    bool open;    /* a transaction has begun (or records were handed over, without transactions) */
    bool claimed; /* the checkpoint topic names us as owner */
    bool broken;  /* the handle must be replaced before anything else */
    /* the last failure looked like a successor's work: wait for its claim before judging */
    bool fenced;
    int64_t looked_ns;       /* when topics were last looked at in a wait */
    char ill[400];           /* what the last look of this transaction showed, "" nothing */
    int64_t commit_ns;       /* how long the end of the last commit took, once all was sent */
    uint64_t records, bytes; /* handed over since start */
    uint64_t transactions, touched; /* begun; partitions of topics in the open one */
    int64_t answer_ns;  /* how long answers to full batches took lately; 0: none was waited for */
    int64_t begin_ns;   /* no transaction should begin before; 0: any time */
    uint64_t hurried;   /* bytes when records were last hurried */
    int64_t hurried_ns; /* when that was */
    uint64_t records_before, bytes_before; /* the same when the open transaction began */
};

void mr_kafka_producer_init(struct mr_kafka_producer *producer, struct mr_kafka_setting *setting);
void mr_kafka_producer_done(struct mr_kafka_producer *producer);

/* A new handle, fenced in, and `last` as the topic says. MR_FENCED: another owner took over. MR_GAP: the position we
 * had stored is gone. MR_RETRY: call again. */
int mr_kafka_producer_connect(struct mr_kafka_producer *producer, struct mr_err *err) MR_MUST_CHECK;
/* The three below: on failure, `broken` says whether abort is enough or a new connect is needed. */
int mr_kafka_producer_send(struct mr_kafka_producer *producer, const struct mr_batch *batch,
                           struct mr_err *err) MR_MUST_CHECK;
/* Waits until brokers hold all that was sent, so that its memory may go; the transaction stays open. */
int mr_kafka_producer_flush(struct mr_kafka_producer *producer, struct mr_err *err) MR_MUST_CHECK;
/* Commits with this text as checkpoint number `commit`. Success may still leave `broken` set: then the commit holds,
 * but the handle is not to be used again. */
int mr_kafka_producer_commit(struct mr_kafka_producer *producer, struct mr_slice text,
                             uint64_t commit, struct mr_err *err) MR_MUST_CHECK;
/* Drops the open transaction. Sets `broken` when that cannot be made sure of in time. */
void mr_kafka_producer_abort(struct mr_kafka_producer *producer);

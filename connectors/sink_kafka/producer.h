/* One pipeline's producer: its handle, what is known of it, and the judgement of its failures.
 *
 *     CLOSED --connect--> IDLE --send/commit begins--> OPEN --commit--> IDLE
 *        ^                  ^                           |
 *        |                  +----------- abort ---------+
 *        +---- anything whose outcome is not known for sure (broken)
 *
 * connect.h and transaction.h make these moves; send.h and leave.h bring records to the brokers.
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
    bool stuck;   /* nothing left for a while since it began */
    bool claimed; /* the checkpoint topic names us as owner */
    bool broken;  /* the handle must be replaced before anything else */
    /* the last failure looked like a successor's work: wait for its claim before judging */
    bool fenced;
    int64_t looked_ns;       /* when topics were last looked at in a wait */
    int64_t checked_ns;      /* when they were last held against their ids */
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

/* Closes the handle; what was open on it is left to the next one. */
void mr_kafka_producer_drop(struct mr_kafka_producer *producer);

/* Judges a failure by code and text (NULL: librdkafka's) and returns its class; sets broken and fenced. */
int mr_kafka_producer_judge(struct mr_kafka_producer *producer, rd_kafka_resp_err_t code,
                            const char *text, const char *doing, struct mr_err *err);
/* The same for an error object, which it consumes. */
int mr_kafka_producer_judge_error(struct mr_kafka_producer *producer, rd_kafka_error_t *error,
                                  const char *doing, struct mr_err *err);
/* Whether it may be a successor's work. */
bool mr_kafka_producer_fencing(rd_kafka_resp_err_t code);

/* librdkafka's queue is full: lets something leave. Fails when that is refused or a close is asked for. */
int mr_kafka_producer_await_room(struct mr_kafka_producer *producer,
                                 struct mr_err *err) MR_MUST_CHECK;
/* In a wait that began at `start` (monotonic): says that it takes long, and looks at the topics. MR_CONFIG, MR_GAP: one
 * is gone. */
int mr_kafka_producer_look_around(struct mr_kafka_producer *producer, const char *doing,
                                  int64_t start, struct mr_err *err) MR_MUST_CHECK;

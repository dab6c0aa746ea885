/* A librdkafka handle with its main queue, and how its errors become ours.
 *
 * All calls are made by the thread that opened the client, except close, which may follow in another once the
 * first has ended. */
#pragma once

#include "connectors/sink_kafka/setting.h"

#define MR_KAFKA_PATIENCE_NS 20000000000

struct mr_kafka_client {
    struct mr_kafka_setting *setting;
    rd_kafka_t *rk;         /* NULL: closed */
    rd_kafka_queue_t *main; /* error and delivery events */
    int64_t patience_ns;    /* how long a question to the cluster may go unanswered */
    int64_t batch_bytes;    /* of a producer: its batch.size */
    bool doubt;             /* a broker was lost or timed out since this was last cleared */
    bool denied; /* the last trouble was of a kind that needs a human; `trouble` is its error */
    rd_kafka_resp_err_t trouble; /* last error told by an event, 0 none */
    char trouble_text[512];
    rd_kafka_resp_err_t refused; /* first record refused since this was last cleared, 0 none */
    char refused_topic[256];
    uint64_t refused_count;
    size_t refused_bytes;   /* the largest of them, key and value */
    int64_t throttled_ns;   /* monotonic time of the last answer that held us back; 0: never */
    int throttle_ms;        /* for how long it did */
    char throttled_by[128]; /* the broker's name */
};

int mr_kafka_client_open(struct mr_kafka_client *client, struct mr_kafka_setting *setting,
                         enum mr_kafka_role role, struct mr_err *err) MR_MUST_CHECK;
/* Never waits for brokers. After it no byte handed to librdkafka is referenced any more. */
void mr_kafka_client_close(struct mr_kafka_client *client);
/* Takes events for up to wait_ms; returns at once after the first when something came. */
void mr_kafka_client_serve(struct mr_kafka_client *client, int wait_ms);
/* Forgets doubt and refusals, as at the start of a transaction. */
void mr_kafka_client_forget(struct mr_kafka_client *client);

/* Whether a quota delayed an answer lately. */
bool mr_kafka_throttled(const struct mr_kafka_client *client);

/* Writes err for a librdkafka error and returns its class: MR_CONFIG for what a human must change, MR_DATA for a
 * record that is refused, MR_RETRY for everything that may pass. `doing` reads as in "cannot <doing>". */
int mr_kafka_fail(struct mr_err *err, rd_kafka_resp_err_t code, const char *detail,
                  const char *doing, ...) MR_PRINTF(4, 5);
/* No broker answered `doing`: MR_CONFIG if the last trouble was a refused login, else MR_RETRY. After a quota's
 * delay that is the reason told. */
int mr_kafka_unreachable(struct mr_err *err, const struct mr_kafka_client *client,
                         const char *doing);

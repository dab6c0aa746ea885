/* A librdkafka handle with its main queue: its events, its troubles, and how long it is waited for.
 *
 * All calls are made by the thread that opened the handle, except close, which may follow in another once the first has
 * ended. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/kafka/errors.h"
#include "plug/context.h"

#define MR_KAFKA_PATIENCE_NS 20000000000

struct mr_kafka_handle {
    rd_kafka_t *rk;                      /* NULL: closed */
    rd_kafka_queue_t *main;              /* error and delivery events */
    const struct mr_kafka_error *errors; /* the owner's own readings; NULL: none */
    const struct mr_notes *notes;        /* for librdkafka's log, at debug */
    const atomic_bool *closing;          /* every wait ends soon; NULL: never */
    /* Delivery reports, if the handle asked for them. */
    void (*reported)(void *state, rd_kafka_event_t *event);
    void *reported_state;
    int64_t patience_ns; /* how long a question to the cluster may go unanswered */
    /* An event told of a broker that was lost or timed out, since the last forget. */
    bool lost;
    atomic_uint closed;    /* connections that have ended; counted by librdkafka's threads */
    unsigned closed_known; /* the same at the last forget */
    bool denied; /* the last trouble was of a kind that needs a human; `trouble` is its error */
    rd_kafka_resp_err_t trouble; /* last error told by an event, 0 none */
    char trouble_text[512];
    int64_t throttled_ns;   /* monotonic time of the last answer that held us back; 0: never */
    int throttle_ms;        /* for how long it did */
    char throttled_by[128]; /* the broker's name */
};

/* Consumes conf, also on failure. The owner fills errors, notes, closing and reported before; everything else is set
 * here. MR_CONFIG kafka.client_property. */
int mr_kafka_handle_open(struct mr_kafka_handle *handle, rd_kafka_type_t type,
                         rd_kafka_conf_t *conf, struct mr_err *err) MR_MUST_CHECK;
/* Never waits for brokers. After it no byte handed to librdkafka is referenced any more. */
void mr_kafka_handle_close(struct mr_kafka_handle *handle);
/* Takes events for up to wait_ms; returns at once after the first when something came. */
void mr_kafka_handle_serve(struct mr_kafka_handle *handle, int wait_ms);
/* Something that was sent since the last forget may not have arrived yet, and may still arrive. */
bool mr_kafka_handle_doubts(const struct mr_kafka_handle *handle);
/* Forgets doubt and trouble, as at the start of a transaction. */
void mr_kafka_handle_forget(struct mr_kafka_handle *handle);
/* Its owner wants every wait to end. */
bool mr_kafka_handle_closing(const struct mr_kafka_handle *handle);

/* Whether a quota delayed an answer lately. */
bool mr_kafka_throttled(const struct mr_kafka_handle *handle);
/* No broker answered `doing`: MR_CONFIG if the last trouble was a refused login, else MR_RETRY. After a quota's
 * delay that is the reason told. */
int mr_kafka_unreachable(struct mr_err *err, const struct mr_kafka_handle *handle,
                         const char *doing);

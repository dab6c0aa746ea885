/* For tests of the Kafka sink: a kfake broker of one's own, the sink opened by hand, and a reader that owes nothing to
 * either. A rig's broker ends with the test, however that ends. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "connectors/sink_kafka/config.h"
#include "plug/sink.h"

struct kafka_broker {
    pid_t pid;
    FILE *to, *from;
    char address[256];
};

/* False when kfake cannot be built here (no Go): the test skips, with the reason printed. */
bool kafka_broker_start(struct kafka_broker *broker, const char *const *arguments);
void kafka_broker_stop(struct kafka_broker *broker);
/* One line of test/support/kfake/main.go's language; fails the test unless the answer is ok. */
void kafka_broker_say(struct kafka_broker *broker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For a program whose tests share one broker, three partitions a topic: setup and teardown of its group. */
extern struct kafka_broker kafka_shared;
int kafka_shared_start(void **state);
int kafka_shared_stop(void **state);
/* Skips the test where there is no broker. */
void kafka_shared_needed(void);

struct kafka_rig {
    struct mr_kafka_config config;
    struct mr_context context;
    struct mr_counters counters;
    atomic_bool stopping;
    const char *brokers[1];
    void *sink; /* state; NULL: closed */
    uint64_t next_commit, durable;
    uint64_t released; /* batches that came back */
    bool full;
    bool keeps_claim; /* as the engine does, from one open to the next */
    struct mr_sink_claim claim;
    struct mr_err err;
    char checkpoint[4096]; /* what open found */
    char notes[4096];      /* codes noted, each with a space behind it */
};

/* A configuration with all defaults, for this broker. */
void kafka_rig_init(struct kafka_rig *rig, const struct kafka_broker *broker);
/* The same on the shared broker, with a pipeline of its own; skips the test where there is no broker. */
void kafka_rig_named(struct kafka_rig *rig, const char *pipeline);
int kafka_rig_open(struct kafka_rig *rig, const char *owner);
void kafka_rig_close(struct kafka_rig *rig);
/* A batch of `count` records "k<n>" -> "v<n>" with n from `first`, `pad` bytes longer than needed. */
struct mr_batch *kafka_rig_batch(const char *topic, int first, int count, size_t pad);
/* Writes it, polling while the sink is full. */
int kafka_rig_write(struct kafka_rig *rig, struct mr_batch *batch);
/* Polls until more than so many batches came back, at most so many seconds. */
int kafka_rig_wait_released(struct kafka_rig *rig, uint64_t more_than, int seconds);
/* Asks for a commit of this text; does not wait. */
int kafka_rig_ask(struct kafka_rig *rig, const char *text);
/* Polls until all commits asked for are durable, or seconds have passed (returns 1), or poll fails. */
int kafka_rig_settle(struct kafka_rig *rig, int seconds);
/* write, ask, settle of so many records. */
int kafka_rig_block(struct kafka_rig *rig, const char *topic, int first, int count,
                    const char *text);

struct kafka_seen {
    char **values; /* in order of partition, then offset; "(null)" for a tombstone */
    int *partitions;
    int count;
};
/* All records of a topic up to its end as this isolation level sees it. */
struct kafka_seen kafka_read(const char *brokers, const char *topic, const char *isolation);
void kafka_seen_free(struct kafka_seen *seen);
/* Fails unless the topic holds v<0> .. v<count-1> exactly once each, in order within each partition. */
void kafka_expect_sequence(const char *brokers, const char *topic, int count);
/* Gives a topic that many partitions, which are more than it has. */
void kafka_grow(const char *brokers, const char *topic, int partitions);

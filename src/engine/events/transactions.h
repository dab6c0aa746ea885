/* What transactions consist of: the order of events, and the records of their begin and end. Writer thread.
 *
 * The engine counts, not the source, because transforms decide whether an update changes its key, and so becomes two
 * events; and not the encoder, because events count that a transform dropped. It holds counts only since the BEGIN of
 * the transaction at hand: a session that begins inside one is given its earlier changes again (`replayed`), so no
 * position has to carry them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "config/config.h"
#include "model/batch.h"

struct mr_collection;
struct mr_seen;

struct mr_transactions {
    const struct mr_events_config *config;
    /* stands for no table: its topic is that of BEGIN and END; NULL: not wanted */
    struct mr_table *name;
    bool records; /* an encoder runs: milestones become changes */
    bool inside;
    uint64_t generation, events; /* of the transaction at hand */
    struct mr_map collections;   /* by name */
    struct mr_arena names;
    struct mr_collection **listed; /* those of the transaction at hand, as they came */
    size_t listed_count, listed_capacity;
    struct mr_buf text;
    struct mr_seen *seen; /* of the batch at hand; in its arena */
    size_t seen_count;
};

/* MR_CONFIG: the topic's name. */
int mr_transactions_open(struct mr_transactions *transactions,
                         const struct mr_pipeline_config *config, const char *server,
                         struct mr_err *err) MR_MUST_CHECK;
/* Harmless when not open. */
void mr_transactions_close(struct mr_transactions *transactions);
/* {NULL, 0}: not wanted. */
struct mr_slice mr_transactions_topic(const struct mr_transactions *transactions);

/* Before the transforms: notes what there is. */
void mr_transactions_look(struct mr_transactions *transactions, struct mr_batch *batch);
/* Behind the transforms: drops updates that change nothing, if so configured, and what is replayed; gives the changes
 * their order; puts BEGIN, END and HEARTBEAT between them. */
void mr_transactions_place(struct mr_transactions *transactions, struct mr_batch *batch);

/* Sorts as a java.util.HashMap with these keys would be walked, which is how Debezium lists the collections of an
 * END; they are in the order in which they were put. */
void mr_transactions_sort(struct mr_collection_count *collections, uint32_t count);

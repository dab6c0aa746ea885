/* The source block and the times of an event, with everything that stays the same for a transaction or a read
 * burst formatted once. */
#pragma once

#include "connectors/encoder_json/plan.h"

struct source_text {
    size_t size;
    char text[72];
};

struct source_block {
    const struct mr_transaction *transaction; /* of the cached texts; NULL: nothing cached */
    int64_t read_us;                          /* of the cached times */
    struct source_text commit_ms;             /* 1787220930123 */
    struct source_text previous;              /* null or \"24026448\" and a comma */
    struct source_text commit_us;             /* ]","ts_us":..,"ts_ns":.., */
    struct source_text id;                    /* 771 or null */
    struct mr_buf tail;                       /* ,"xmin":null,"origin":null,"origin_lsn":null} */
    bool no_origin;      /* tail is that of a transaction without one, as most are */
    struct mr_buf times; /* "ts_ms":..,"ts_us":..,"ts_ns":..}, and of messages only ts_ms */
    struct mr_buf message_time;
};

void source_block_init(struct source_block *block);
void source_block_done(struct source_block *block);
/* Forgets the cache: a new batch may have another transaction at the same address. */
void source_block_reset(struct source_block *block);
/* ,"source":{...} */
void source_block_write(struct source_block *block, const struct json_plan *plan,
                        const struct mr_change *change, struct mr_out *out);
/* "ts_ms":..,"ts_us":..,"ts_ns":..} or, for messages, "ts_ms":.. */
void source_block_times(struct source_block *block, const struct mr_change *change,
                        struct mr_out *out);

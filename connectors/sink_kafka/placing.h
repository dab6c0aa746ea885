/* Which bytes decide a record's partition: its key, or columns the user named for its table.
 *
 *     partition_columns: {"public.orders": "customer", "public.*": "region,branch"}
 *
 * The record keeps its key. What is hashed (murmur2, as for keys) is the columns' values as text, joined by commas:
 * `customer` 42 goes where a Java producer puts a record with the string key "42". */
#pragma once

#include "base/map.h"
#include "base/match.h"
#include "connectors/sink_kafka/config.h"
#include "model/record.h"

struct mr_kafka_placing_plan;

struct mr_kafka_placing {
    const struct mr_option_map *rules;
    struct mr_match *match;
    struct mr_map plans; /* by table version */
    uint64_t last_id;
    const struct mr_kafka_placing_plan *last;
    struct mr_buf text;
};

void mr_kafka_placing_init(struct mr_kafka_placing *placing, const struct mr_kafka_config *config);
void mr_kafka_placing_done(struct mr_kafka_placing *placing);
/* MR_CONFIG config.pattern. */
int mr_kafka_placing_compile(struct mr_kafka_placing *placing, struct mr_err *err) MR_MUST_CHECK;
/* Can every event of this version be placed? MR_CONFIG sink.kafka.partition_columns: a column that is not there, has
 * no text, or is not sent with deleted rows. */
int mr_kafka_placing_check(struct mr_kafka_placing *placing, const struct mr_table *table,
                           struct mr_err *err) MR_MUST_CHECK;
/* What to hash for the record; data NULL: nothing. Valid until the next call. */
int mr_kafka_placing_key(struct mr_kafka_placing *placing, const struct mr_record *record,
                         struct mr_slice *ret_key, struct mr_err *err) MR_MUST_CHECK;

static inline bool mr_kafka_placing_any(const struct mr_kafka_placing *placing)
{
    return placing->rules->count > 0;
}

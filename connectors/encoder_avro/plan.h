/* What is known about one table version before its first row. */
#pragma once

#include "connectors/encoder_avro/write.h"
#include "schema/avro/text.h"
#include "schema/event/envelope.h"
#include "schema/event/event.h"
#include "schema/registry/subject.h"

enum avro_types { AVRO_TYPES_DEBEZIUM, AVRO_TYPES_NATIVE };

struct avro_config {
    struct mr_subject_options subjects;
    struct mr_event_options events;
    int logical_types; /* enum avro_types */
    struct mr_form_options forms;
};

struct avro_plan {
    struct mr_table *table; /* one reference; NULL in the plan for messages */
    struct mr_arena arena;
    struct mr_envelope envelope;
    struct avro_column *columns, *keys;
    struct mr_row_column *json_columns, *json_keys; /* for headers, which are JSON */
    uint32_t column_count, key_count, json_column_count, json_key_count;
    struct mr_subject key, value;
    struct mr_slice source_head;  /* version, connector, name */
    struct mr_slice source_db;    /* db */
    struct mr_slice source_table; /* schema, table */
    struct mr_slice topic, database;
    size_t typical;
    bool sampled; /* one record was decoded again */
};

/* A plan for a table version (takes a reference), or, with table NULL, for the messages of `server`. Schemas are made,
 * ids are not asked for yet. */
struct avro_plan *avro_plan_new(const struct avro_config *config, struct mr_table *table,
                                const char *server);
/* A plan for side records (schema/event/side.h): two schemas under the topic's subjects. */
struct avro_plan *avro_plan_side(const struct avro_config *config, struct mr_slice topic,
                                 const struct mr_connect *(*key)(struct mr_arena *arena),
                                 const struct mr_connect *(*value)(struct mr_arena *arena));
void avro_plan_free(struct avro_plan *plan);
/* Whether names and schemas are ones that Avro allows, and no two fields have one name. Talks to nobody. */
int avro_plan_check(const struct avro_plan *plan, struct mr_err *err) MR_MUST_CHECK;
/* Checks, and asks for the ids that are not known. */
int avro_plan_register(struct avro_plan *plan, struct mr_registry *registry,
                       struct mr_err *err) MR_MUST_CHECK;
/* The database that messages name. */
void avro_plan_database(struct avro_plan *plan, struct mr_slice database);
/* The bytes in front of an Avro value that name its schema. */
void avro_put_frame(struct mr_out *out, const struct mr_subject *subject);

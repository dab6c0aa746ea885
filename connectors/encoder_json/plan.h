/* What is known about one table version before its first row: everything but the values. */
#pragma once

#include "schema/json/row.h"
#include "schema/event/envelope.h"
#include "schema/event/event.h"
#include "schema/registry/subject.h"

/* How consumers learn what the fields are. */
enum json_schemas { JSON_SCHEMAS_NONE, JSON_SCHEMAS_INLINE, JSON_SCHEMAS_REGISTRY };

struct json_config {
    int schemas; /* enum json_schemas */
    bool additional_properties;
    int decimal_format; /* 0 base64, 1 numeric */
    struct mr_subject_options subjects;
    struct mr_event_options events;
    struct mr_form_options forms;
};

struct json_plan {
    struct mr_table *table; /* one reference; NULL in the plan for messages */
    struct mr_arena arena;
    struct mr_envelope envelope;
    struct mr_row_column *columns, *keys;
    uint32_t column_count, key_count;
    struct mr_subject key_subject, value_subject; /* of schemas: registry */
    /* `{"schema":...,"payload":`, or the subject's frame, or empty; and the brace that closes it, or empty. */
    struct mr_slice key_open, key_close, value_open, value_close;
    struct mr_slice source_head;  /* ,"source":{ up to "ts_ms": */
    struct mr_slice source_mark;  /* ,"snapshot":"false","db":...,"sequence":"[ */
    struct mr_slice source_db;    /* ","db":...,"sequence":"[ : what follows any mark */
    struct mr_slice source_table; /* "schema":..,"table":..,"txId": */
    struct mr_slice topic;
    struct mr_slice database; /* of the message plan: what source_db says */
    size_t typical; /* bytes of the largest value so far, up to a limit: what to reserve */
};

/* A plan for a table version (takes a reference), or, with table NULL, for the messages of `server`. */
struct json_plan *json_plan_new(const struct json_config *config, struct mr_table *table,
                                const char *server);
/* A plan for side records (schema/event/side.h): what stands around key and value, and the topic. */
struct json_plan *json_plan_side(const struct json_config *config, struct mr_slice topic,
                                 const struct mr_connect *(*key)(struct mr_arena *arena),
                                 const struct mr_connect *(*value)(struct mr_arena *arena));
void json_plan_free(struct json_plan *plan);
/* Asks the registry for the ids that are not known; does nothing without one. */
int json_plan_register(struct json_plan *plan, struct mr_registry *registry,
                       struct mr_err *err) MR_MUST_CHECK;
/* The source block's parts for messages name the database; makes them anew when it changes. */
void json_plan_database(const struct json_config *config, struct json_plan *plan,
                        const char *server, struct mr_slice database);

/* Kafka Connect's schemas, as a tree.
 *
 * Debezium describes every event by a Connect schema; each converter then renders the same tree in its own
 * language (JSON with schemas, Avro, Protobuf). So do we: form.h and envelope.h build the tree once per table
 * version, encoders render it. Nodes live in the arena they were made in and are not changed once their maker
 * has returned them. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "model/value.h"

enum mr_connect_type {
    MR_CONNECT_BOOLEAN,
    MR_CONNECT_INT8,
    MR_CONNECT_INT16,
    MR_CONNECT_INT32,
    MR_CONNECT_INT64,
    MR_CONNECT_FLOAT32,
    MR_CONNECT_FLOAT64,
    MR_CONNECT_STRING,
    MR_CONNECT_BYTES,
    MR_CONNECT_STRUCT,
    MR_CONNECT_ARRAY,
    MR_CONNECT_MAP,
};

struct mr_connect;

struct mr_connect_parameter {
    struct mr_slice name, value;
};

struct mr_connect_field {
    struct mr_slice name;
    const struct mr_connect *schema;
};

struct mr_connect {
    enum mr_connect_type type;
    bool optional;
    int32_t version;      /* 0 = none */
    struct mr_slice name; /* {NULL, 0} = none */
    struct mr_slice doc;  /* likewise */
    /* The default as a literal of `type`: BOOL, INT, FLOAT, TEXT or BYTES; kind NULL = none. */
    struct mr_value standard;
    uint32_t parameter_count, field_count;
    struct mr_connect_parameter *parameters;
    struct mr_connect_field *fields;  /* STRUCT */
    const struct mr_connect *item;    /* ARRAY: its elements; MAP: its values */
    const struct mr_connect *map_key; /* MAP */
};

/* A node without name, parameters or fields. */
struct mr_connect *mr_connect_new(struct mr_arena *arena, enum mr_connect_type type, bool optional);
/* A node of a semantic type; name is a literal or lives as long as the arena. */
struct mr_connect *mr_connect_named(struct mr_arena *arena, enum mr_connect_type type,
                                    bool optional, const char *name, int32_t version);
/* A struct with room for `capacity` fields; add them in order with mr_connect_add. */
struct mr_connect *mr_connect_struct(struct mr_arena *arena, bool optional, struct mr_slice name,
                                     int32_t version, uint32_t capacity);
void mr_connect_add(struct mr_connect *schema, struct mr_slice name,
                    const struct mr_connect *field);
/* At most six parameters per node. The value is copied. */
void mr_connect_parameter(struct mr_arena *arena, struct mr_connect *schema, const char *name,
                          struct mr_slice value);

/* As Connect's JsonConverter writes it with schemas.enable=true: {"type":"int32","optional":false,...}; with
 * `"field":"<field>"` at the end unless field.data is NULL. */
void mr_connect_json(const struct mr_connect *schema, struct mr_slice field, struct mr_buf *buf);

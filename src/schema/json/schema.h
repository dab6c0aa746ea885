/* A Connect schema as JSON Schema text (draft 7), letter by letter as Confluent's JsonSchemaConverter registers it, and
 * why one such schema is not compatible with another. */
#pragma once

#include "base/buf.h"
#include "schema/form/connect.h"
#include "schema/form/schema.h"

/* The kind that registries call JSON. */
extern const struct mr_schema_kind mr_schema_json;

struct mr_json_schema_style {
    bool numeric; /* decimals are JSON numbers, not base64 */
    bool closed;  /* objects have no other fields than those named: "additionalProperties":false */
};

/* Appends the text. */
void mr_json_schema_text(const struct mr_connect *schema, const struct mr_json_schema_style *style,
                         struct mr_buf *buf);

/* How a java.util.HashMap came to be that was filled key by key: copied by HashMap(Map), or into one made by
 * HashMap(count). */
enum mr_java_map { MR_JAVA_COPIED, MR_JAVA_SIZED };

/* The order in which that second map goes through the keys, as indexes into `keys`. */
void mr_java_order(const struct mr_slice *keys, uint32_t count, enum mr_java_map map,
                   uint32_t *ret_order);

/* As mr_avro_diff, for JSON Schema: appends findings joined by "; " and returns how many there are. */
size_t mr_json_schema_diff(struct mr_slice old_schema, struct mr_slice new_schema,
                           const char *level, struct mr_buf *ret_text);

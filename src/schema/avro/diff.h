/* Why one Avro schema is not compatible with another, in the words of the table.
 *
 * Registries refuse with texts of their own, or with none; a message that names the column, the rule and the way out
 * has to come from our own comparison. Rules: Avro specification, "Schema Resolution"; levels: Confluent. */
#pragma once

#include "base/buf.h"
#include "base/slice.h"
#include "schema/form/schema.h"

/* The kind that registries call AVRO. */
extern const struct mr_schema_kind mr_schema_avro;

/* Appends one finding after another, joined by "; ", and returns how many there are: 0 when the new schema keeps the
 * level ("BACKWARD", "FORWARD", "FULL", each also _TRANSITIVE; others never find anything) or a text is no schema. */
size_t mr_avro_diff(struct mr_slice old_schema, struct mr_slice new_schema, const char *level,
                    struct mr_buf *ret_text);

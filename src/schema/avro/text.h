/* A Connect schema as Avro schema text, letter by letter as Confluent's AvroConverter registers it.
 *
 * The registry identifies a schema by its text, so the order of properties is part of the contract: a pipeline that
 * takes over from Debezium must not make a second version of every subject. */
#pragma once

#include "base/buf.h"
#include "schema/form/connect.h"

enum mr_avro_profile {
    MR_AVRO_CONFLUENT, /* connect.* properties, logical types only for Connect's own four */
    MR_AVRO_NATIVE, /* Avro logical types, no connect.* properties; the schema's names are logical types */
};

/* Appends the text. */
void mr_avro_text(const struct mr_connect *schema, enum mr_avro_profile profile,
                  struct mr_buf *buf);

/* What the Avro format knows about one table version before its first row. */
#pragma once

#include "connectors/encoder_avro/write.h"
#include "schema/encode/codec.h"

enum avro_types { AVRO_TYPES_DEBEZIUM, AVRO_TYPES_NATIVE };

struct avro_config {
    struct mr_codec_config common;
    int logical_types; /* enum avro_types */
};

struct avro_state {
    struct mr_codec codec;
    struct avro_config config; /* the user's, completed */
};

struct avro_plan {
    struct mr_codec_plan common;
    struct avro_column *columns, *keys;
    uint32_t column_count, key_count;
    bool sampled; /* one record was decoded again */
};

extern const struct mr_codec_format avro_format;

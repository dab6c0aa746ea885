/* What the JSON format knows about one table version before its first row. */
#pragma once

#include "schema/encode/codec.h"

/* How consumers learn what the fields are. */
enum json_schemas { JSON_SCHEMAS_NONE, JSON_SCHEMAS_INLINE, JSON_SCHEMAS_REGISTRY };

struct json_config {
    struct mr_codec_config common;
    int schemas; /* enum json_schemas */
    bool additional_properties;
    int decimal_format; /* 0 base64, 1 numeric */
};

struct json_state {
    struct mr_codec codec;
    struct json_config config; /* the user's, completed */
};

struct json_plan {
    struct mr_codec_plan common;
    /* `{"schema":...,"payload":`, or the subject's frame, or empty; and the brace that closes it, or empty. */
    struct mr_slice key_open, key_close, value_open, value_close;
};

extern const struct mr_codec_format json_format;

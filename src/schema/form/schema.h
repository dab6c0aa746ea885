/* A schema as text, in one of the languages that registries keep. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct mr_schema_kind {
    const char *type; /* "AVRO", "JSON", "PROTOBUF": as the registry calls it */
    /* Appends what keeps the new text from following the old one at a level ("BACKWARD", "FORWARD", "FULL", each also
     * _TRANSITIVE), finding after finding, joined by "; ", in the words of the table; returns how many there are: 0
     * also for other levels and for a text that is no schema. */
    size_t (*diff)(struct mr_slice old_schema, struct mr_slice new_schema, const char *level,
                   struct mr_buf *ret_text);
};

/* Another subject's version that a text imports by this name. */
struct mr_schema_reference {
    const char *name, *subject;
    int version;
};

struct mr_schema {
    const struct mr_schema_kind *kind;
    struct mr_slice text;
    const struct mr_schema_reference *references;
    uint32_t reference_count;
};

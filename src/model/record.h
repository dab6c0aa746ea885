/* What a RECORDS sink is given: bytes with a destination. Lives in the batch's arena. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "model/change.h"

struct mr_header {
    struct mr_slice name;
    struct mr_slice value; /* data == NULL: null */
};

struct mr_record {
    struct mr_slice topic; /* lives as long as the table version or the process */
    struct mr_slice key;   /* data == NULL: null key */
    struct mr_slice value; /* data == NULL: tombstone */
    const struct mr_header *headers;
    uint32_t header_count;
    int32_t partition;              /* -1: the sink chooses by the key */
    const struct mr_change *change; /* the change it came from; never NULL */
    struct mr_table *table;         /* the change's version; NULL for messages */
};

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
    int32_t partition; /* -1: the sink chooses by the key */
    /* the change it came from; NULL only in a batch that is divided */
    const struct mr_change *change;
    struct mr_table *table; /* the change's version; NULL for messages */
    /* The row it tells of: the new one, or the old one of a delete and its tombstone; NULL: none (messages,
     * truncates, dead letters), or a batch that is divided. */
    const struct mr_value *row;
};

/* Bytes the record takes on a wire, as far as nobody compresses: key, value, headers and what stands around them. */
static inline size_t mr_record_size(const struct mr_record *record)
{
    size_t size = 128 + record->key.size + record->value.size;

    for (uint32_t i = 0; i < record->header_count; i++)
        size += 16 + record->headers[i].name.size + record->headers[i].value.size;
    return size;
}

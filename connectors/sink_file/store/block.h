/* Compression of one block of lines into a frame of its own.
 *
 * Each block becomes a complete zstd frame or gzip member; files are their concatenation, which every reader of
 * those formats reads as one. So a segment needs no compressor state between blocks, thousands of open segments
 * share one compressor, and a damaged block costs no other one. Used by one thread. */
#pragma once

#include <stddef.h>

#include "base/slice.h"
#include "connectors/sink_file/config.h"

struct mr_file_block {
    enum mr_file_compression compression;
    void *context; /* ZSTD_CCtx or z_stream */
    char *out;
    size_t capacity;
};

void mr_file_block_init(struct mr_file_block *block, enum mr_file_compression compression);
void mr_file_block_done(struct mr_file_block *block);
/* The frame of these bytes (the bytes themselves when plain); valid until the next call. */
struct mr_slice mr_file_block_pack(struct mr_file_block *block, struct mr_slice lines);
/* ".jsonl" + this: "", ".gz", ".zst". */
const char *mr_file_block_suffix(enum mr_file_compression compression);

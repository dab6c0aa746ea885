/* Reading a published file back: its size, its checksum, its lines. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "connectors/sink_file/store/commit.h"

struct mr_file_content {
    uint64_t bytes, lines;
    char sha256[MR_FILE_HASH_SIZE];
    bool unpacked;  /* false: the compressed bytes do not decompress to whole lines */
    bool numbered;  /* every line is a record with a change number */
    bool ascending; /* and none is below the one before it */
    uint64_t first, last;
};

/* Reads all of an open file whose compression is told by its name. MR_CONFIG: it cannot be read. */
int mr_file_content_read(int fd, const char *name, struct mr_file_content *ret_content,
                         struct mr_err *err) MR_MUST_CHECK;

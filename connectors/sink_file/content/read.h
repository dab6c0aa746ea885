/* Reading a published file back: its size, its checksum, and what its content's reader finds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connectors/sink_file/content/content.h"

struct mr_file_read_back {
    uint64_t bytes;
    char sha256[MR_FILE_HASH_SIZE];
    /* whole: also unpacked to the end. */
    struct mr_file_found found;
};

/* Reads all of an open file whose compression is told by its name. `content` NULL: its bytes only. MR_CONFIG: it cannot
 * be read. */
int mr_file_read_back(int fd, const char *name, const struct mr_file_content *content,
                      struct mr_file_read_back *ret_read, struct mr_err *err) MR_MUST_CHECK;

/* What a user sets for files, as the option table in sink_file.c fills it. */
#pragma once

#include <stdint.h>

#include "model/line.h"

enum mr_file_compression { MR_FILE_PLAIN, MR_FILE_GZIP, MR_FILE_ZSTD };

struct mr_file_config {
    const char *directory;
    const char *path; /* template, see path.h */
    int content;      /* enum mr_line_content */
    int compression;  /* enum mr_file_compression */
    struct {
        int64_t bytes, age_ns, split;
    } roll;
};

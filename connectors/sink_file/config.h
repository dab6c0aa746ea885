/* What a user sets for files, as the option table in sink_file.c fills it. */
#pragma once

#include <stdint.h>

/* Values of `content`, in the order of mr_file_contents (content/contents.h). */
enum mr_file_content_kind { MR_FILE_VALUE, MR_FILE_RECORD, MR_FILE_TEXT, MR_FILE_CSV };
enum mr_file_compression { MR_FILE_PLAIN, MR_FILE_GZIP, MR_FILE_ZSTD };

struct mr_file_config {
    const char *directory;
    const char *path; /* template, see store/path.h; NULL: the content's own */
    int content;      /* enum mr_file_content_kind */
    int compression;  /* enum mr_file_compression */
    struct {
        int64_t bytes, age_ns, split;
    } roll;
};

/* Where a segment's file stands: the template of option `path`.
 *
 * Placeholders: {topic}, {date} (2026-11-21) and {hour} (09) of the commit time in UTC, {sequence} (the change
 * number of the file's first record, 20 digits, so that names sort in order). {sequence} must stand in the last
 * part. Without {topic} all topics share one file; without {date} and {hour} time does not part files. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct mr_file_path {
    const char *template;
    const char *suffix; /* "", ".gz", ".zst" */
    bool topic, date, hour;
};

/* Checks the template: unknown placeholder, no {sequence}, absolute, "..", or inside _millrace -> MR_CONFIG. */
int mr_file_path_parse(const char *template, const char *suffix, struct mr_file_path *ret_path,
                       struct mr_err *err) MR_MUST_CHECK;
/* Whether a file of this topic can have its name: no part longer than name_max bytes. MR_CONFIG sink.file.name. */
int mr_file_path_judge(const struct mr_file_path *path, struct mr_slice topic, size_t name_max,
                       struct mr_err *err) MR_MUST_CHECK;
/* The start of the time span that shares a file with `commit_us`; 0 when time does not part files. */
int64_t mr_file_path_span(const struct mr_file_path *path, int64_t commit_us);
/* Appends the file's path. `again` > 0 tells a name apart from one that is taken. The topic's bytes outside
 * [A-Za-z0-9._-] become _, a leading dot too: no topic leads out of the directory or hides. */
void mr_file_path_put(const struct mr_file_path *path, struct mr_slice topic, int64_t commit_us,
                      uint64_t sequence, unsigned again, struct mr_buf *ret_path);

/* Compaction of old commit files.
 *
 * Commits 1..1000, 1001..2000, ... become `_millrace/<first>-<last>.jsonl.gz`, the same lines one after the
 * other, once a thousand newer ones exist. Nothing is lost: `files verify` still reads the whole chain. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define MR_FILE_ARCHIVE_COMMITS ((uint64_t)1000)

/* True when commit n has been moved into an archive. */
bool mr_file_archive_covers(int meta, uint64_t n);
/* Archives what is due, `highest` being the newest commit; what fails is left as it is. */
void mr_file_archive_make(int meta, int tmp, const char *owner, uint64_t highest);
/* Reads the archive that begins with commit `first` and gives each line (with its line feed) to `line`, which
 * may end the reading with a negative class. MR_AGAIN: there is no such archive. */
int mr_file_archive_read(int meta, uint64_t first,
                         int (*line)(void *state, struct mr_slice bytes, struct mr_err *err),
                         void *state, struct mr_err *err) MR_MUST_CHECK;

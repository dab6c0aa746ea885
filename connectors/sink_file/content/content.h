/* What a segment holds: how events become a file's bytes, and how a file is read again.
 *
 *     writer   batch -> bytes, put where the spool says           on the sink's worker thread, once per batch
 *     reader   bytes of a file, unpacked -> what they hold        `files verify`
 *
 * A content knows nothing of how files are compressed, named, made durable or published: that is the store's. To add
 * one: a file here, a line in contents.c, its name in the option's documentation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connectors/sink_file/store/spool.h"
#include "plug/sink.h"

/* What a reader found in a whole file. */
struct mr_file_found {
    uint64_t records;
    /* It ends where a record ends, and nothing in it is malformed. */
    bool whole;
    /* Change numbers of the first record and of the last one; those between never go back. Of contents with numbers. */
    uint64_t first, last;
    bool ascending;
};

struct mr_file_content {
    /* As in `content:` and in commit files. */
    const char *name;
    /* The file's path where the user gives none. */
    const char *path;
    enum mr_sink_wants wants;
    /* Each record has its change's number. */
    bool numbers;

    size_t writer_size;
    /* MUST. The state is zeroed; config outlives it. server: the logical name; NULL in a trial. */
    void (*open)(void *writer, const struct mr_file_config *config, const char *server);
    /* MAY. Whether rows of this version have a place in such files. MR_CONFIG. No state, any thread. */
    int (*fit)(const struct mr_table *table, struct mr_err *err) MR_MUST_CHECK;
    /* MUST. All of the batch that stands in files. A failure leaves the spool fit for drop only. */
    int (*write)(void *writer, struct mr_file_spool *spool, const struct mr_batch *batch,
                 struct mr_err *err) MR_MUST_CHECK;
    /* MUST. Also after nothing but zeroes. */
    void (*close)(void *writer);

    size_t reader_size;
    /* MUST. The state is zeroed. take() is given the file piece by piece, cut anywhere. */
    void (*take)(void *reader, const char *bytes, size_t size);
    void (*end)(void *reader, struct mr_file_found *ret_found);
};

/* Wall time of the commit that the change came with, which chooses {date} and {hour}. */
static inline int64_t mr_file_content_time(const struct mr_batch *batch,
                                           const struct mr_change *change)
{
    const struct mr_transaction *transaction = change->transaction;

    return transaction && transaction->commit_us ? transaction->commit_us : batch->received_us;
}

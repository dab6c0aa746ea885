/* Making segments visible: the commit protocol. Used by one thread at a time.
 *
 *     fdatasync segments, fsync tmp       what the commit names is durable
 *     make folders, fsync; judge names    nothing is published that cannot get its name
 *     commit file as temporary, fdatasync
 *     link(tmp/x, <n>.json)               the atomic act: EEXIST = somebody else made commit n, we are fenced
 *     fsync _millrace                     durable
 *     rename segments, fsync directories  redone by the next start if we die in between
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "connectors/sink_file/store/spool.h"
#include "plug/sink.h"

struct mr_file_publisher {
    int directory, meta, tmp; /* the sink's directory, _millrace, _millrace/tmp; -1 = not open */
    const struct mr_file_path *path;
    const struct mr_file_patience *patience;
    const struct mr_notes *notes; /* may be NULL */
    const char *owner, *pipeline, *content;
    uint64_t n;                       /* highest commit that exists; 0 none */
    char previous[MR_FILE_HASH_SIZE]; /* its hash */
    bool claimed;                     /* our claim is published */
    bool follows_claim;               /* the highest commit was a claim when it was looked at */
    /* commit of a claim of ours, kept from one open to the next; 0: none; NULL: not kept */
    struct mr_sink_claim *owned;
    uint64_t rotations; /* files published */
};

/* One commit to be made. */
struct mr_file_job {
    uint64_t id; /* the engine's */
    bool claim, set;
    struct mr_slice checkpoint;
    struct mr_file_segment *segments;
    bool published; /* out: the link was made, the segments belong to the commit */
};

/* Opens (and with `make` makes) the directories. MR_CONFIG: it cannot be used; MR_AGAIN: not there, without
 * `make`. */
int mr_file_publisher_open(struct mr_file_publisher *publisher, const char *path, bool make,
                           struct mr_err *err) MR_MUST_CHECK;
void mr_file_publisher_close(struct mr_file_publisher *publisher);
/* Reads the highest commit, checks that it follows the one before, finishes its renames (with `redo`), and
 * appends its checkpoint. */
int mr_file_publisher_recover(struct mr_file_publisher *publisher, bool redo,
                              struct mr_buf *ret_checkpoint, struct mr_err *err) MR_MUST_CHECK;
/* Publishes. MR_FENCED: commit n+1 exists and is not ours; MR_RETRY for a claim in that case: look again. When
 * we never owned the pipeline, an owner whose ordinary commit was faster is stopped before that, so that the next look
 * finds a position that stays. */
int mr_file_publish(struct mr_file_publisher *publisher, struct mr_file_job *job,
                    struct mr_err *err) MR_MUST_CHECK;

/* The files being written: one segment for each topic, span of time and shape, under temporary names.
 *
 *     an event's bytes -> [ segment buffer ] -> block (compressed) -> hash, _millrace/tmp/<owner>-<k>
 *
 * A spool is the set of segments since the last commit; sealing hands all of them over as a list and leaves the
 * spool empty. Used by one thread (the worker of sink_file.c). At most OPEN_MAX files are open and BUFFER_MAX
 * bytes of lines held, whatever the number of topics: files beyond are closed and opened again for appending,
 * buffers are written early. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "connectors/sink_file/store/block.h"
#include "connectors/sink_file/store/commit.h"
#include "connectors/sink_file/config.h"
#include "connectors/sink_file/store/path.h"

/* What all events of one file have in common, where a file says so at its beginning. */
struct mr_file_shape {
    /* > 0; of another shape another one: a hash of what follows will do. */
    uint64_t id;
    /* The first bytes of each file. */
    struct mr_slice header;
    /* Of the file's entry in the commit file: members of a JSON object, `"table":"t","columns":[...]`. */
    struct mr_slice about;
};

/* Where an event goes. */
struct mr_file_place {
    struct mr_slice topic;
    int64_t commit_us;
    /* The change's. */
    uint64_t number;
    /* A row of a snapshot: the file may end before it. */
    bool snapshot;
    /* NULL: files have no beginning of their own. */
    const struct mr_file_shape *shape;
};

struct mr_file_segment {
    struct mr_file_segment *next;
    struct mr_file_entry entry; /* name is given when it is published */
    int64_t span_us;            /* start of its span of time */
    uint64_t shape;             /* 0: none */
    int fd;                     /* -1: not open now */
    uint64_t pushed;            /* bytes for which writing to the disk was begun */
    char *buffer;
    size_t size, capacity; /* size <= capacity */
    void *hash;            /* EVP_MD_CTX */
};

struct mr_file_spool {
    const struct mr_file_config *config;
    const struct mr_file_path *path;
    const struct mr_file_patience *patience;
    const char *owner;
    int tmp; /* directory _millrace/tmp */
    uint64_t serial;
    struct mr_map streams; /* by topic, span and shape */
    struct mr_file_segment *first, **last;
    size_t open_files, buffered; /* buffered: sum of capacities */
    int64_t span_us;             /* never goes back */
    struct mr_slice cached_topic;
    struct mr_file_segment *cached; /* the last one; of cached_topic and span_us */
    struct mr_file_block block;
};

void mr_file_spool_init(struct mr_file_spool *spool);
/* Removes what was not sealed. */
void mr_file_spool_done(struct mr_file_spool *spool);
/* Before each batch: a topic's address may be used again for another topic once its table version is gone. */
void mr_file_spool_begin(struct mr_file_spool *spool);
/* Counts an event and makes `room` bytes free where it goes; write there and take. A failure leaves the spool fit for
 * drop only. */
int mr_file_spool_reserve(struct mr_file_spool *spool, const struct mr_file_place *place,
                          size_t room, char **ret_at, struct mr_err *err) MR_MUST_CHECK;
/* What was written of the room last reserved ends here. */
void mr_file_spool_take(struct mr_file_spool *spool, const char *end);
/* Writes out all buffers and hands the segments over, now the caller's (mr_file_segments_free). */
int mr_file_spool_seal(struct mr_file_spool *spool, struct mr_file_segment **ret_segments,
                       struct mr_err *err) MR_MUST_CHECK;
/* Removes all segments and their files. */
void mr_file_spool_drop(struct mr_file_spool *spool);
/* Frees a list; removes the temporary files too unless they belong to a published commit. */
void mr_file_segments_free(struct mr_file_segment *segments, int tmp, bool published);

/* From events to changes: the state of the stream that needs no socket.
 *
 * The feed takes one event after another (take.h) and fills a batch: it follows groups (transactions, single
 * statements, XA), keeps the tables, drops what a resume has to drop, gives each change its place and number, and
 * knows the position after the last one. Single threaded (reader thread). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "capture/track.h"
#include "connectors/source_mysql/catalog/relation.h"
#include "connectors/source_mysql/place/position.h"
#include "connectors/source_mysql/read/hold.h"
#include "connectors/source_mysql/read/statement.h"
#include "connectors/source_mysql/read/temporary.h"
#include "connectors/source_mysql/wire/event.h"
#include "model/batch.h"
#include "plug/context.h"

#define MR_MY_GTID_TEXT 128 /* "uuid:tag:number" and its NUL */

struct mr_my_feed {
    const struct mr_context *context;
    struct mr_my_relations relations;
    struct mr_my_holds holds;
    /* After the last change taken in; resume is made when it is written. */
    struct mr_my_position position;
    struct mr_track track; /* counts in position.standing */
    struct mr_my_dialect dialect;
    struct mr_my_temporaries temporaries;
    size_t event_limit;
    bool words_pass; /* rows changed in words do not stop the pipeline */

    const struct mr_my_format *format; /* of the event in hand */
    const char *file;                  /* ... and its log file */
    bool many;                         /* the group goes on to its COMMIT */
    struct mr_my_gtid gtid;            /* of the group; number 0: none */
    struct mr_my_place start;          /* file and offset of its first event */
    struct mr_my_place seen; /* MariaDB, and while catching up: groups read, dropped ones too */
    bool catching; /* not all of position.done was read again: prepared ones may be missing */
    struct mr_my_held *holding; /* its events are kept, not taken: it is being prepared */
    struct mr_my_held *playing; /* its events come from here; mr_my_feed_play() */
    uint64_t played_next;       /* where the event ended that decided `playing` */
    enum mr_my_alter alter;     /* the group is one phase of an ALTER of MariaDB's */
    /* The transaction's origin points here. */
    char gtid_text[MR_MY_GTID_TEXT], group_file[MR_MY_FILE];
    /* The statement its rows come from, in the batch; NULL: not told. */
    const struct mr_slice *query;

    bool has_until;
    struct mr_my_place until; /* do not begin a group that is not in it once all of it is out */
    bool stopped;             /* one was met */
    bool moved;               /* the position is not that of the last batch */
    struct mr_arena scratch;
    struct mr_buf text; /* the position's JSON, rendered */
};

/* position: where to go on; what it owns is taken over (mr_my_feed_done frees it). The feed stays where it is. */
void mr_my_feed_init(struct mr_my_feed *feed, const struct mr_context *context,
                     struct mr_my_position position);
void mr_my_feed_done(struct mr_my_feed *feed);

/* Outside a group, the log is read up to here: moves a position that is by file. */
void mr_my_feed_advance(struct mr_my_feed *feed, const char *file, uint64_t offset);
/* A new batch begins: what stood in the old one's arena is forgotten. */
void mr_my_feed_new_batch(struct mr_my_feed *feed, int64_t read_us);
/* Writes the position into the batch. */
void mr_my_feed_close_batch(struct mr_my_feed *feed, struct mr_batch *batch);
/* Writes the position into feed->text. */
void mr_my_feed_render(struct mr_my_feed *feed);
/* The log is read from position.resume on. */
void mr_my_feed_begin(struct mr_my_feed *feed);
/* All that `until` asks for is out, or held. */
bool mr_my_feed_until_reached(const struct mr_my_feed *feed);

/* For the files of this room. */

/* Whether the place contains the group in hand (feed->gtid, feed->start). */
bool mr_my_feed_within(const struct mr_my_feed *feed, const struct mr_my_place *place,
                       const struct mr_my_gtid *gtid);

/* The group in hand ends with this event. */
int mr_my_feed_finish(struct mr_my_feed *feed, struct mr_batch *batch,
                      const struct mr_my_event *event, struct mr_err *err) MR_MUST_CHECK;
/* What follows in the group is kept under the xid. */
void mr_my_feed_hold(struct mr_my_feed *feed, const struct mr_my_xid *xid);
/* The group in hand is that transaction's commit: it is played, and then ends. */
void mr_my_feed_release(struct mr_my_feed *feed, struct mr_my_held *held,
                        const struct mr_my_event *event);

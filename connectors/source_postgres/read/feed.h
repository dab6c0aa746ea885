/* From messages to changes: the state of the stream that needs no socket.
 *
 * The feed takes one message after another and fills a batch: it follows transactions, keeps the relations,
 * drops what a resume has to drop, gives each change its place and number, and knows the position after the
 * last one. Single threaded (reader thread). It may not be moved once it is made. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "capture/select.h"
#include "capture/track.h"
#include "connectors/source_postgres/wire/pgoutput.h"
#include "connectors/source_postgres/place/position.h"
#include "connectors/source_postgres/catalog/relation.h"
#include "model/batch.h"

struct mr_pg_feed {
    const struct mr_context *context;
    struct mr_pg_relations relations;
    struct mr_pg_position position;   /* after the last change taken in */
    struct mr_track track;            /* numbers and places; counts in position.standing */
    const struct mr_select *prefixes; /* of messages that are wanted; NULL: all */
    bool check_utf8;                  /* the server does not convert (SQL_ASCII) */

    char origin[MR_PG_NAME + 1]; /* the name in track.transaction.origin stands here */
    uint64_t resume_lsn;         /* transactions with a smaller commit LSN are finished */
    uint64_t stop_lsn;           /* `until`: do not begin a transaction at or above; 0 = none */
    bool stopped;                /* one was met */
    struct mr_arena scratch;     /* for rows that are read only to be hashed */
    struct mr_buf text;          /* the position's JSON, rendered */
};

/* position: where to go on; its strings are taken over (mr_pg_feed_done frees them). */
void mr_pg_feed_init(struct mr_pg_feed *feed, const struct mr_context *context,
                     struct mr_pg_position position);
void mr_pg_feed_done(struct mr_pg_feed *feed);

/* Whether the bytes of a message of this type must live as long as the batch. */
bool mr_pg_feed_keeps(const struct mr_pg_feed *feed, char type);

/* Takes one message in. lsn: from the frame's header. When feed->stopped is set on return, the message was not
 * taken and nothing more is wanted. MR_GAP source.replay_differs: a replayed transaction is not the one that
 * was split. MR_DATA source.decode: a value is not what its type says. */
int mr_pg_feed_take(struct mr_pg_feed *feed, struct mr_batch *batch, uint64_t lsn,
                    struct mr_slice bytes, struct mr_err *err) MR_MUST_CHECK;

/* The server has nothing more below `lsn`: moves the position there when no transaction is open. */
void mr_pg_feed_advance(struct mr_pg_feed *feed, uint64_t lsn);

/* The position was set from outside: resumes there. */
void mr_pg_feed_resume(struct mr_pg_feed *feed);

/* The stream begins again at the position (the session was lost or changed its format): what is out of the open
 * transaction will be skipped, and checked, when it comes again. */
void mr_pg_feed_rewind(struct mr_pg_feed *feed);

/* Writes the position into the batch. */
void mr_pg_feed_close_batch(struct mr_pg_feed *feed, struct mr_batch *batch);

/* A NULL was read in this column. When the version held says that there are none, the relation gets one that says
 * otherwise; relation->table and relation->types are new then. */
int mr_pg_feed_null(struct mr_pg_feed *feed, struct mr_pg_relation *relation, uint32_t column,
                    struct mr_err *err) MR_MUST_CHECK;

/* Decodes one column (kind and bytes from mr_pg_value_next); used by the snapshot's reader, too. */
int mr_pg_decode_column(const struct mr_pg_feed *feed, struct mr_arena *arena,
                        const struct mr_pg_relation *relation, uint32_t column, char kind,
                        struct mr_slice bytes, struct mr_value *ret_value,
                        struct mr_err *err) MR_MUST_CHECK;

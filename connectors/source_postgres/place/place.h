/* Who we are on which server, and where we stand in its log: what the files of this room share. Reader thread, but for
 * rows_out. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "connectors/source_postgres/options.h"
#include "connectors/source_postgres/place/position.h"
#include "connectors/source_postgres/session/server.h"
#include "connectors/source_postgres/session/session.h"
#include "plug/source.h"

struct mr_pg_place {
    const struct mr_context *context;
    const struct mr_pg_config *config;
    const struct mr_source_args *args;  /* the engine sets take_over in it between open and start */
    struct mr_pg_session *sql, *stream; /* ordinary session; replication session */
    struct mr_pg_session watch;         /* of a standby: asked for its timeline */
    struct mr_pg_server *server;
    struct mr_pg_position *position; /* held, and moved on as the log is read */
    struct mr_arena *arena;
    char slot[MR_PG_NAME];
    char *history;       /* of the server's timeline; NULL: it is the first, or was not to be had */
    bool slot_made;      /* by this session, just now */
    bool anew;           /* when_needed: our slot is to be made anew */
    bool first;          /* no position was held: numbers begin anew */
    char *snapshot_name; /* exported by the slot's creation; NULL: none */
    uint64_t slot_point; /* where a slot made or adopted by this session begins */
    bool unread;         /* unread.h: the mark that tables are to be read stands */
    atomic_bool rows_out; /* ... and the sink has let the last of their rows go */
};

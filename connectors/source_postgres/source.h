/* The state of one PostgreSQL source, shared by the files of this folder. Reader thread, but for `flush`. */
#pragma once

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "connectors/source_postgres/session/connect.h"
#include "connectors/source_postgres/read/feed.h"
#include "capture/heartbeat.h"
#include "capture/select.h"
#include "connectors/source_postgres/options.h"
#include "plug/source.h"

/* What a session is told about the server when it opens. */
struct mr_pg_server {
    int version; /* PQserverVersion: 150018 */
    char system[24];
    uint32_t timeline;
    uint64_t began;   /* where that timeline began; 0: it is the first, or not known */
    uint64_t wal_end; /* written (primary) or replayed (standby) when we looked */
    char database[MR_PG_NAME];
    bool standby;
    int64_t sender_timeout_ns; /* wal_sender_timeout; 0 = off */
};

/* The stream's socket and its clock. */
struct mr_pg_stream {
    bool active; /* START_REPLICATION was answered: CopyBoth */
    bool binary;
    bool behind;     /* the last drain ended at an empty socket, but not the server's log */
    bool rich;       /* a lot has come lately */
    bool shallow;    /* the socket holds little: see the essay of stream.c */
    uint64_t gauged; /* bytes that came since gauged_ns */
    int64_t gauged_ns;
    int64_t left_ns;          /* when the source was last left to the engine */
    bool reply_wanted;        /* the server asked for a status */
    bool publication_missing; /* PostgreSQL 18's warning was seen */
    uint64_t flush_sent;      /* flush position last sent */
    uint64_t server_end;      /* walEnd of the last frame */
    int64_t status_ns;        /* when a status was sent last */
    int64_t interval_ns;      /* a status is due this long after */
    uint64_t told_resume;     /* position.resume of the last batch that carried a position */
    int64_t large_ns;         /* when a message came that made libpq's buffer grow; 0 none */
    bool told_inside;         /* ... and that it stood inside a transaction */
    int64_t told_ns;          /* when that was */
    int64_t pause_until_ns;   /* no read before: let the socket fill */
};

struct mr_pg_snapshot;

struct mr_pg_source {
    const struct mr_context *context;
    const struct mr_pg_config *config;
    const char *until;
    const struct mr_source_args *args; /* the engine sets take_over in it between open and start */
    bool temporary;
    size_t batch_bytes;
    uint64_t resume_number;

    struct mr_arena arena; /* names and the like, as long as the source is open */
    char application[64];
    struct mr_pg_connect sql_connect, stream_connect;
    PGconn *sql, *conn; /* ordinary session; replication session */
    PGconn *watch;      /* of a standby: asked for its timeline; NULL: none */
    struct mr_pg_server server;
    char *history; /* of the server's timeline; NULL: it is the first, or was not to be had */
    struct mr_select *selected, *snapshot_selected, *prefixes;
    char slot[MR_PG_NAME];
    char publication[MR_PG_NAME], inserts[MR_PG_NAME]; /* inserts: for tables without identity */
    bool use_inserts;                                  /* that second publication exists */
    /* partitions come as the table at their top: as the publication has it, or will */
    bool via_root;
    bool computed;       /* ... and stored generated columns with the others (18) */
    bool slot_made;      /* by this session, just now */
    bool anew;           /* when_needed: our slot is to be made anew */
    bool first;          /* no position was held: base is set anew */
    char *snapshot_name; /* exported by the slot's creation; NULL: none */
    uint64_t slot_point; /* where a slot made or adopted by this session begins */

    char left_out[48];    /* operations that are wanted and not published */
    uint64_t broken_told; /* hash of the last warning of source.breaks_updates; 0 none */
    struct mr_map named;  /* by table OID, and what it was: a note about it was given */
    struct mr_heartbeats beats;
    int64_t followed_ns; /* when new tables were looked for last */
    struct mr_pg_hints hints;
    uint64_t seen_xid; /* the open transaction, once other sessions see it (catalog.c); 0 none */
    struct mr_pg_feed feed;
    bool feed_ready;
    struct mr_pg_stream stream;
    struct mr_pg_snapshot *snapshot; /* NULL: not reading tables */
    bool unread;                     /* unread.h: the mark that tables are to be read stands */
    atomic_bool rows_out;            /* ... and the sink has let the last of their rows go */
    uint64_t until_lsn;              /* 0 = for ever */
    bool ended;                      /* `until` was reached */
    _Atomic uint64_t flush;          /* durable position, from confirm() */
    struct mr_buf sql_text;          /* for making statements */
    struct mr_buf claim;
};

/* Notes to the user, with the pipeline's own sink for them. */
#define mr_pg_note(source, level, code, ...)                                                       \
    ((source)->context->notes.note ? (source)->context->notes.note((source)->context->notes.state, \
                                                                   (level), (code), __VA_ARGS__)   \
                                   : (void)0)

/* Where a transaction and a change stand in the log that they come from.
 *
 * One kind per sort of log. A transaction carries the tag; a change carries its own place in the terms of its
 * transaction's tag. Whoever reads a member of a kind has looked at the tag first. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

enum mr_origin_kind {
    MR_ORIGIN_NONE = 0, /* a source without a log of its own: nothing is known */
    MR_ORIGIN_POSTGRES, /* write-ahead log: LSNs */
    MR_ORIGIN_BINLOG,   /* MySQL and MariaDB: files, offsets, GTIDs */
};

struct mr_origin_postgres {
    uint64_t xid;        /* 0 unknown */
    uint64_t commit_lsn; /* start of the commit record; in a snapshot, its consistent point */
    uint64_t end_lsn;    /* behind the commit record; 0 while the end was not seen yet */
    uint64_t first_lsn;  /* LSN in the Begin message */
    /* End of the transaction handled before this one (Debezium's lastCommitLsn); 0 none. */
    uint64_t previous_lsn;
    struct mr_slice name; /* the replication origin's; {NULL, 0} = none */
    uint64_t name_lsn;    /* where the transaction stood there (Debezium's origin_lsn) */
};

struct mr_origin_binlog {
    /* "uuid:7", "uuid:tag:7" or "0-1-7"; {NULL, 0} = it has none, as in a snapshot. */
    struct mr_slice gtid;
    struct mr_slice file; /* "binlog.000042": where its events stand, all in one file */
    uint64_t begin, end; /* offset of its first event; behind its last, 0 while that was not seen */
    uint32_t server_id;  /* where it was committed first; 0 in a snapshot */
    uint64_t thread;     /* the client's connection there; 0 unknown */
};

struct mr_origin {
    enum mr_origin_kind kind;
    union {
        struct mr_origin_postgres postgres;
        struct mr_origin_binlog binlog;
    };
};

/* A change's own place. All zero: not known. */
union mr_origin_row {
    struct {
        uint64_t lsn; /* Debezium's source.lsn */
    } postgres;
    struct {
        uint64_t offset; /* of the event (Debezium's source.pos) in the transaction's file */
        const struct mr_slice *query; /* the statement; NULL: the log does not tell */
        uint32_t row;                 /* which row of the event, from 0 */
    } binlog;
};

/* The most that mr_origin_text() writes. */
#define MR_ORIGIN_TEXT 512
/* For people: "0/16B3748"; "binlog.000042:5120, row 3, of 3f1c5d1e-8a44-11f1-9a53-0242ac120003:57"; "unknown" for no
 * origin (NULL is allowed). Without a NUL. Returns text. */
struct mr_slice mr_origin_text(const struct mr_origin *origin, const union mr_origin_row *row,
                               char text[MR_ORIGIN_TEXT]);

/* Copies its texts into the arena. */
void mr_origin_keep(struct mr_origin *origin, struct mr_arena *arena);

/* Members of a JSON object, each with a comma before it unless it is the object's first: "lsn" and "commit_lsn";
 * "gtid", "file", "pos" and "row"; nothing for no origin. */
void mr_origin_add_json(const struct mr_origin *origin, const union mr_origin_row *row,
                        struct mr_buf *buf);

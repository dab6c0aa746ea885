/* A PostgreSQL position: read from and written as JSON text.
 *
 *     {"system":"7301...","timeline":1,"database":"shop","slot":"millrace_shop","publication":"millrace_shop",
 *      "resume":"0/1A2B3C8","done":"0/1A2B3C8","n":0,"hash":"0","base":1732180000000000,"count":42,
 *      "commit_us":1732180001000000}
 *
 * resume: where to ask the server to start. At a transaction's end that is its end LSN (n = 0); inside one it is
 * the transaction's commit LSN, and its first n changes, whose running hash is `hash`, are out already. Every
 * transaction with a smaller commit LSN is finished. done: end of the last finished transaction (what Debezium
 * calls lastCommitLsn). base + count: the next change's number. A claim made before the slot exists has no
 * "resume". "began": where the timeline began, when it is not the first. "read": the newest view of a snapshot. While
 * tables are read, "snapshot" tells how far that got; see snapshot.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "model/position.h"

#define MR_PG_NAME 64 /* NAMEDATALEN */

/* A table of the snapshot that a position has to remember. */
struct mr_pg_snapshot_table {
    char *name; /* "schema.table" as stored: both parts as they are, joined by a dot */
    /* stream events of older commits are left out: the view holds them. Its consistent point,
     * or, when rows of an earlier view are out, where the stream stands */
    uint64_t below;
};

struct mr_pg_snapshot_progress {
    bool active;                       /* tables remain to be read */
    uint64_t point;                    /* consistent point of the view being read */
    struct mr_pg_snapshot_table *done; /* read to the end */
    size_t done_count, done_capacity;
    char **only; /* asked for by name (resnapshot); count 0: every table that is not in done */
    size_t only_count;
    /* resnapshot: the tables were read before, and the stream stands behind their view */
    bool again;
    char *current; /* being read; NULL: none */
    uint64_t rows; /* of `current`, that are out, those of earlier views included */
};

struct mr_pg_position {
    char system[24];
    uint32_t timeline;
    uint64_t began; /* where that timeline began; 0: it is the first, or not known */
    char database[MR_PG_NAME], slot[MR_PG_NAME], publication[MR_PG_NAME];
    bool started; /* there is a `resume` */
    uint64_t resume, done;
    uint64_t read;    /* consistent point of the newest view that tables were read in; 0: none */
    uint64_t n, hash; /* n > 0: inside the transaction whose commit record starts at resume */
    uint64_t base, count;
    int64_t commit_us; /* of the last finished transaction; 0 unknown */
    struct mr_pg_snapshot_progress snapshot;
};

void mr_pg_position_done(struct mr_pg_position *position);

/* MR_GAP with code source.position when the text is not such a position. */
int mr_pg_position_parse(struct mr_slice text, struct mr_pg_position *ret_position,
                         struct mr_err *err) MR_MUST_CHECK;
/* Appends the JSON text. */
void mr_pg_position_write(const struct mr_pg_position *position, struct mr_buf *buf);

/* Number of the last change at or below the position. */
uint64_t mr_pg_position_number(const struct mr_pg_position *position);

/* As struct mr_source's order(). */
enum mr_order mr_pg_position_order(struct mr_slice a, struct mr_slice b);

/* A table was read to its end in the view of `below`. */
void mr_pg_snapshot_add_done(struct mr_pg_snapshot_progress *snapshot, const char *name,
                             uint64_t below);
/* Forgets tables whose view lies at or below `lsn`: the stream is past it. */
void mr_pg_snapshot_prune(struct mr_pg_snapshot_progress *snapshot, uint64_t lsn);
/* NULL: not (yet) read to the end. */
const struct mr_pg_snapshot_table *
mr_pg_snapshot_find_done(const struct mr_pg_snapshot_progress *snapshot, const char *name);

/* "16/B374D848" to a number; false when the text is anything else. */
bool mr_pg_lsn_parse(const char *text, uint64_t *ret_lsn);
/* The other way; room for 18 bytes. Returns text. */
char *mr_pg_lsn_format(uint64_t lsn, char text[24]);

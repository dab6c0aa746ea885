/* A PostgreSQL position: read from and written as JSON text.
 *
 *     {"version":1,"system":"7301...","timeline":1,"database":"shop","slot":"millrace_shop",
 *      "publication":"millrace_shop","resume":"0/1A2B3C8","done":"0/1A2B3C8", ...}
 *
 * and what every source's has (capture/standing.h): base, count, n, hash, commit_us, snapshot.
 *
 * resume: where to ask the server to start. At a transaction's end that is its end LSN (n = 0); inside one it is
 * the transaction's commit LSN, and its first n changes are out already. Every transaction with a smaller commit LSN
 * is finished. done: end of the last finished transaction (what Debezium calls lastCommitLsn). A claim made before
 * the slot exists has no "resume". "began": where the timeline began, when it is not the first. "read": the newest view
 * of a snapshot. Of a table that was read to its end, the view's place: stream events of older commits are left out,
 * for the view holds them; or, when rows of an earlier view are out, where the stream stands. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "capture/standing.h"
#include "connectors/source_postgres/session/server.h"
#include "model/position.h"

struct mr_pg_position {
    char system[24];
    uint32_t timeline;
    uint64_t began; /* where that timeline began; 0: it is the first, or not known */
    char database[MR_PG_NAME], slot[MR_PG_NAME], publication[MR_PG_NAME];
    uint64_t resume, done;
    uint64_t read; /* consistent point of the newest view that tables were read in; 0: none */
    struct mr_standing standing; /* n > 0: of the transaction whose commit record is at resume */
};

void mr_pg_position_done(struct mr_pg_position *position);

/* MR_GAP with code source.position when the text is not such a position. */
int mr_pg_position_parse(struct mr_slice text, struct mr_pg_position *ret_position,
                         struct mr_err *err) MR_MUST_CHECK;
/* Appends the JSON text. standing: the position's own, or that of the moment (mr_track_standing). */
void mr_pg_position_write(const struct mr_pg_position *position, const struct mr_standing *standing,
                          struct mr_buf *buf);

/* As struct mr_source's order(). */
enum mr_order mr_pg_position_order(struct mr_slice a, struct mr_slice b);

/* Forgets tables whose view lies at or below `lsn`: the stream is past it. */
void mr_pg_position_prune(struct mr_pg_position *position, uint64_t lsn);

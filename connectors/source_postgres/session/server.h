/* Who the server is, as a session is told when it opens. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "connectors/source_postgres/session/session.h"

#define MR_PG_NAME 64 /* NAMEDATALEN */

struct mr_pg_server {
    int version; /* PQserverVersion: 150018 */
    char system[24];
    uint32_t timeline;
    uint64_t began;   /* where that timeline began; 0: it is the first, or not known */
    uint64_t wal_end; /* written (primary) or replayed (standby) when we looked */
    char database[MR_PG_NAME];
    bool standby;
    bool any_encoding;         /* the database's is SQL_ASCII: text may be no UTF-8 */
    int64_t sender_timeout_ns; /* wal_sender_timeout; 0 = off */
};

/* Opens the replication session and asks who the server is (IDENTIFY_SYSTEM). */
int mr_pg_identify(struct mr_pg_session *stream, struct mr_pg_server *server,
                   struct mr_err *err) MR_MUST_CHECK;

/* MR_CONFIG source.version: the server (PQserverVersion) is too old. */
int mr_pg_check_version(int version, struct mr_err *err) MR_MUST_CHECK;

/* "16/B374D848" to a number; false when the text is anything else. */
bool mr_pg_lsn_parse(const char *text, uint64_t *ret_lsn);
/* The other way; room for 18 bytes. Returns text. */
char *mr_pg_lsn_format(uint64_t lsn, char text[24]);

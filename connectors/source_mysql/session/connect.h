/* One connection to a MySQL or MariaDB server: logging in to the first host that answers, with pinned settings.
 *
 * libmariadb logs in and runs SQL (query.h); the binary log's stream is ours (dump.h). Waits for answers are polls
 * with a deadline that also look at the pipeline's stop flag; only name lookup and the login itself block, at most
 * for the connect timeout of each host. Single threaded. */
#pragma once

#include <mysql.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "connectors/source_mysql/session/address.h"
#include "plug/context.h"

struct mr_my_connect {
    const struct mr_context *context;
    const struct mr_my_address *address;
    int64_t timeout_ns; /* to connect and log in, per host; 0: 10 s */
    int64_t answer_ns;  /* how long an answer is waited for; 0: 30 s */
};

/* What the server said of itself at login. */
struct mr_my_server {
    bool mariadb;
    uint32_t version;       /* 90704, 101119 */
    char text[64];          /* "10.11.19-MariaDB-log" */
    struct mr_my_host host; /* the one that answered */
};

struct mr_my_result;

struct mr_my_session {
    const struct mr_my_connect *connect;
    MYSQL *mysql;
    struct mr_my_server server;
    int64_t answer_ns;
    struct mr_my_result *open; /* the result that was not ended yet; NULL: none */
    unsigned number;           /* the server's number of the last failure; 0: none */
};

/* Pinned: UTC, an sql_mode without backslash escapes, results in stored bytes, long network timeouts, no limits on
 * rows or time: neither the server's settings nor the user's leak into values or cut the connection. MR_RETRY
 * source.connect: no host answered (all are named); MR_CONFIG source.auth (exit code 77), source.tls. connect must
 * outlive the session. */
int mr_my_open(const struct mr_my_connect *connect, struct mr_my_session **ret_session,
               struct mr_err *err) MR_MUST_CHECK;
void mr_my_close(struct mr_my_session *session); /* NULL is allowed */

/* Until bytes of the server can be read: 1; 0: the deadline (monotonic) passed. MR_RETRY source.stopping. */
int mr_my_wait(struct mr_my_session *session, int64_t deadline_ns,
               struct mr_err *err) MR_MUST_CHECK;

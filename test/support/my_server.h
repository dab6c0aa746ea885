/* A MySQL or MariaDB of a test's own, with a fresh data directory in a temporary folder, on a free port of 127.0.0.1:
 * row format, full row metadata, GTIDs. Anybody may log in as root without a password. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum my_server_kind { MY_SERVER_MYSQL, MY_SERVER_MARIADB };

struct my_server {
    enum my_server_kind kind;
    char folder[96];
    char dsn[64];      /* mysql://root@127.0.0.1:PORT */
    const char *extra; /* an option of the server more, as --name=value; NULL: none */
    int port, pid;
};

/* False when its programs are not in the cache folder (scripts/deps --test brings them); the reason was printed, and
 * the caller skips. extra stays the caller's. */
bool my_server_start(struct my_server *server, enum my_server_kind kind, const char *extra);
/* Stops it, or kills it as a crash does, and starts it again on the same port. */
bool my_server_restart(struct my_server *server, bool crash);
/* Runs statements as root; what they print goes to ret_out, fields with tabs between them and rows with line feeds.
 * False when one fails. */
bool my_server_sql(const struct my_server *server, const char *text, char *ret_out, size_t size);
/* Stops it and removes the folder. */
void my_server_stop(struct my_server *server);

/* A PostgreSQL of a test's own: a fresh cluster in a temporary folder, on a free port of 127.0.0.1. */
#pragma once

#include <stdbool.h>

struct pg_server {
    char folder[96];
    char dsn[96]; /* host, port and user; no dbname */
    int port, pid;
};

/* False when there is no PostgreSQL here; the reason was printed, and the caller skips. */
bool pg_server_start(struct pg_server *server, const char *wal_level);
/* Stops it (fast) and starts it again with this wal_level. */
bool pg_server_restart(struct pg_server *server, const char *wal_level);
/* Stops it and removes the folder. */
void pg_server_stop(struct pg_server *server);

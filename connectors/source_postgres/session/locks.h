/* Whose lock one of our sessions waits for. */
#pragma once

#include <stdbool.h>

#include "connectors/source_postgres/session/session.h"

/* mr_pg_connect.waits; state: the ordinary struct mr_pg_session. Names the sessions that hold the lock (note
 * source.lock_waits). True when it did; false when no lock is waited for, or it cannot be told. */
bool mr_pg_name_lock(void *state, PGconn *conn, const char *what);

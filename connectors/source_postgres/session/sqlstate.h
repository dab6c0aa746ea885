/* What the server's errors mean: from SQLSTATE to class, code, sentence and next step. Pure, no connection. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* Finds the last "...:  28P01: " in a verbose libpq message; "" when there is none. */
void mr_pg_find_sqlstate(const char *message, char ret_sqlstate[6]);

/* A login that failed. user, database: as tried, may be NULL. Returns the class. */
int mr_pg_login_error(struct mr_err *err, const char *sqlstate, const char *message,
                      const char *user, const char *database, bool replication);

/* A statement that failed while we tried to `what`; "" as sqlstate: the connection is gone. */
int mr_pg_sql_error(struct mr_err *err, const char *sqlstate, const char *message,
                    const char *detail, const char *what);

/* Whether SET TRANSACTION SNAPSHOT failed with this because the session that exported the view has ended: its file is
 * missing (22023 up to PostgreSQL 16, 42704 from 17 on), or its process is while the file is read (55000). */
bool mr_pg_view_gone(const char *sqlstate);

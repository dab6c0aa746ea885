/* What can be said of the settings without a server. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* A DSN that libpq reads, whose files are there. MR_CONFIG source.dsn. */
int mr_pg_check_dsn(const char *dsn, struct mr_err *err) MR_MUST_CHECK;
/* As struct mr_source's alone(): the slot, and the server that it is on. */
void mr_pg_add_alone(const char *dsn, const char *slot, struct mr_buf *ret_what);

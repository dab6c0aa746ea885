/* What can be said of the settings without a server. See source.h: check, alone. */
#pragma once

#include "plug/source.h"

int mr_pg_check(const struct mr_source_args *args, const char **ret_key,
                struct mr_err *err) MR_MUST_CHECK;
void mr_pg_alone(const struct mr_source_args *args, struct mr_buf *ret_what);

/* `millrace files verify DIR`. */
#pragma once

#include "base/err.h"
#include "plug/context.h"

/* See mr_sink_files.verify. */
int mr_file_verify(const char *directory, const struct mr_findings *findings,
                   struct mr_err *err) MR_MUST_CHECK;

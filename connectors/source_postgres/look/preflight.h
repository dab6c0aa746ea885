/* What `check --environment` and `plan` say of the server before anything is made. */
#pragma once

#include "plug/source.h"

/* As struct mr_source's preflight() and plan(): connect by themselves, change nothing. */
int mr_pg_preflight(const struct mr_source_args *args, const struct mr_findings *findings,
                    struct mr_err *err) MR_MUST_CHECK;
int mr_pg_plan(const struct mr_source_args *args, const struct mr_findings *findings,
               struct mr_err *err) MR_MUST_CHECK;

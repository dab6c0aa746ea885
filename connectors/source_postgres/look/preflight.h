/* What `check --environment` and `plan` say of the server before anything is made. */
#pragma once

#include "connectors/source_postgres/place/place.h"
#include "connectors/source_postgres/publish/publication.h"

/* As struct mr_source's preflight() and plan(); the sessions are open. They change nothing. */
int mr_pg_preflight(struct mr_pg_place *place, struct mr_pg_publish *publish,
                    const struct mr_findings *findings, struct mr_err *err) MR_MUST_CHECK;
int mr_pg_plan(struct mr_pg_place *place, struct mr_pg_publish *publish,
               const struct mr_findings *findings, struct mr_err *err) MR_MUST_CHECK;

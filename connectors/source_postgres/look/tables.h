/* The tables a pipeline would capture, shown without capturing them. */
#pragma once

#include "connectors/source_postgres/publish/publication.h"

/* As struct mr_source's tables(); the sessions are open. */
int mr_pg_tables(struct mr_pg_publish *publish, void (*each)(void *user, struct mr_table *table),
                 void *user, struct mr_err *err) MR_MUST_CHECK;

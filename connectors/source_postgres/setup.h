/* Making and unmaking the state of a source. Reader thread. */
#pragma once

#include "connectors/source_postgres/source.h"

/* From settings and position to a state that can connect. Errors: settings that cannot be. On failure, too, the
 * state must be torn down. */
int mr_pg_set_up(struct mr_pg_source *source, const struct mr_source_args *args,
                 struct mr_err *err) MR_MUST_CHECK;
/* Who we are on which server: all of the position but where it stands. After the sessions are open. */
void mr_pg_set_identity(struct mr_pg_source *source);
/* Ends sessions and frees all; removes a tail's publication. */
void mr_pg_tear_down(struct mr_pg_source *source);

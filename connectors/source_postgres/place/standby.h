/* Whether a standby is still on the timeline that the position names. */
#pragma once

#include "connectors/source_postgres/place/place.h"

/* After a batch was read and before it is given away. 0 on a primary, at no cost. MR_RETRY source.connection_lost: the
 * batch may hold what is of another timeline; it is to be read again, in a session that knows it. */
int mr_pg_standby_check(struct mr_pg_place *place, struct mr_err *err) MR_MUST_CHECK;

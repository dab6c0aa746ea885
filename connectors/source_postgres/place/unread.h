/* Remembering on the server that tables are still to be read, for sinks that remember nothing. */
#pragma once

#include "connectors/source_postgres/place/place.h"

/* Whether the mark stands; sets place->unread. Asks nothing when the sink keeps positions. */
int mr_pg_unread_look(struct mr_pg_place *place, struct mr_err *err) MR_MUST_CHECK;
/* Sets the mark, before the slot is made. */
int mr_pg_unread_mark(struct mr_pg_place *place, struct mr_err *err) MR_MUST_CHECK;
/* Takes the mark away once the sink has let the last of the rows go, or none is to be read. Reader thread. */
void mr_pg_unread_settle(struct mr_pg_place *place);

/* Beginning: at the position held, anew, or at a slot made now. Reader thread. */
#pragma once

#include "connectors/source_postgres/place/place.h"
#include "connectors/source_postgres/place/slot.h"

/* when_needed: the position cannot be resumed (err says why), so this is a first start again, and err is cleared. The
 * slot is made anew when it is ours; on another server a slot of its name is somebody's. */
int mr_pg_begin_anew(struct mr_pg_place *place, const struct mr_pg_slot *slot,
                     struct mr_err *err) MR_MUST_CHECK;

/* The first start, or one that got no further than its claim: makes the slot unless it is there, and sets the
 * position at it. */
int mr_pg_begin_at_slot(struct mr_pg_place *place, struct mr_err *err) MR_MUST_CHECK;

/* Where `until` is: "now", the log's end, or an LSN; 0 for ever. MR_CONFIG source.until. */
int mr_pg_begin_until(struct mr_pg_place *place, uint64_t *ret_lsn,
                      struct mr_err *err) MR_MUST_CHECK;

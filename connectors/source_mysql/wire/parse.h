/* From the bytes of one event to a struct mr_my_event (event.h). */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "connectors/source_mysql/wire/event.h"

/* Reads one whole event. `inner`: out of a PAYLOAD, so without a checksum. MR_RETRY source.protocol: the bytes are no
 * such event (a reconnect may mend what a network spoilt). MR_RETRY source.checksum. MR_CONFIG source.event_unknown:
 * a type that we do not know and must not pass over; the text has number and position. A type nobody needs to know is
 * 0 with an empty union. */
int mr_my_event_parse(const struct mr_my_format *format, struct mr_slice bytes, bool inner,
                      struct mr_my_event *ret_event, struct mr_err *err) MR_MUST_CHECK;

/* The event's SQL; a compressed one is unpacked into the arena. MR_DATA source.event_too_large above `limit`. */
int mr_my_query_text(const struct mr_my_query *query, struct mr_arena *arena, size_t limit,
                     struct mr_slice *ret_sql, struct mr_err *err) MR_MUST_CHECK;

/* MariaDB's compression of events: the head says how, and how much comes out.
 *
 *     u8 0x80 | algorithm << 4 | n, n bytes of the unpacked size (highest first), zlib's stream     algorithm 0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

/* Unpacks into the arena. MR_RETRY source.protocol; MR_DATA source.event_too_large above `limit`. */
int mr_my_inflate(struct mr_slice bytes, struct mr_arena *arena, size_t limit,
                  struct mr_slice *ret_bytes, struct mr_err *err) MR_MUST_CHECK;

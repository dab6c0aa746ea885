/* MariaDB's compressed columns (VARCHAR COMPRESSED, TEXT COMPRESSED ...): stored as packed, sent as packed.
 *
 *     u8 0: the bytes follow as they are; or u8 method << 4 | raw << 3 | n, n bytes of the unpacked size (highest
 *     first), data: method 8 is zlib's deflate, without its frame where raw is set */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/slice.h"

bool mr_my_uncompress(struct mr_arena *arena, struct mr_slice bytes, size_t limit,
                      struct mr_slice *ret_bytes);

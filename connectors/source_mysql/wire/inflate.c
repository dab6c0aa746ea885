/* Unpacking what MariaDB's log_bin_compress packed: the SQL of a QUERY, the rows of a rows event.
 *
 * The size that the head tells is compared with a limit before it reaches the arena, and zlib is given exactly so
 * much room: bytes that say less than they are end as an error, not as more memory. Unpacked bytes live in the
 * batch's arena, as do the values that will point into them.
 *
 * MariaDB's compressed columns have another head (types/compressed.h). */
#include "connectors/source_mysql/wire/inflate.h"

#include <zlib.h>

#include "base/cursor.h"

int mr_my_inflate(struct mr_slice bytes, struct mr_arena *arena, size_t limit,
                  struct mr_slice *ret_bytes, struct mr_err *err)
{
    struct mr_cur cur = mr_cur(bytes);
    uint8_t head = mr_cur_u8(&cur);
    size_t size = 0;
    uLongf got;
    char *room;

    for (unsigned n = head & 7U; n > 0; n--)
        size = size << 8 | mr_cur_u8(&cur);
    if (cur.failed || (head & 0xf0) != 0x80 || (head & 7U) > 4)
        return mr_err_set(err, MR_RETRY, "source.protocol",
                          "a compressed event begins with %02x: no such compression", head);
    if (size > limit)
        return mr_err_set(err, MR_DATA, "source.event_too_large",
                          "an event of %zu bytes when unpacked is above the limit of %zu", size,
                          limit);
    room = mr_arena_alloc(arena, size > 0 ? size : 1, 1);
    got = size;
    if (uncompress((Bytef *)room, &got, cur.at, mr_cur_left(&cur)) != Z_OK || got != size)
        return mr_err_set(err, MR_RETRY, "source.protocol",
                          "a compressed event does not unpack to its %zu bytes", size);
    *ret_bytes = mr_slice(room, size);
    return 0;
}

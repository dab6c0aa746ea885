/* Unpacking one value of a compressed column.
 *
 * The row holds what the table holds: short values with a zero in front, longer ones deflated (MariaDB source,
 * sql/field_comp.cc). The size told in front is compared with the limit and is all the room that zlib gets.
 *
 *     89 78 4b4c4a4e1c080400     method 8, raw, 1 byte of size: 0x78 = 120 bytes
 *
 * An empty value has no bytes at all. */
#include "connectors/source_mysql/types/compressed.h"

#include <zlib.h>

#include "base/cursor.h"

static bool unpack(struct mr_slice packed, bool raw, char *room, size_t size)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed.data,
                       .avail_in = (uInt)packed.size,
                       .next_out = (Bytef *)room,
                       .avail_out = (uInt)size};
    int rc;

    if (packed.size > UINT32_MAX || size > UINT32_MAX ||
        inflateInit2(&stream, raw ? -MAX_WBITS : MAX_WBITS) != Z_OK)
        return false;
    rc = inflate(&stream, Z_FINISH);
    (void)inflateEnd(&stream);
    return rc == Z_STREAM_END && stream.total_out == size;
}

bool mr_my_uncompress(struct mr_arena *arena, struct mr_slice bytes, size_t limit,
                      struct mr_slice *ret_bytes)
{
    struct mr_cur cur = mr_cur(bytes);
    size_t size = 0;
    uint8_t head;
    char *room;

    if (bytes.size == 0) {
        *ret_bytes = bytes;
        return true;
    }
    head = mr_cur_u8(&cur);
    if (head == 0) {
        *ret_bytes = mr_cur_bytes(&cur, mr_cur_left(&cur));
        return true;
    }
    for (unsigned n = head & 7U; n > 0; n--)
        size = size << 8 | mr_cur_u8(&cur);
    if (cur.failed || head >> 4 != 8 || (head & 7U) > 4 || size > limit)
        return false;
    room = mr_arena_alloc(arena, size > 0 ? size : 1, 1);
    if (!unpack(mr_slice(cur.at, mr_cur_left(&cur)), head & 8, room, size))
        return false;
    *ret_bytes = mr_slice(room, size);
    return true;
}

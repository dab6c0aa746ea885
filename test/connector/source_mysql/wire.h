/* Bytes for tests of the binary log: from hex, and events around bodies. */
#pragma once

#include <string.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "connectors/source_mysql/wire/event.h"

static inline unsigned wire_digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

/* Lower-case hex; blanks are passed over. */
static inline struct mr_slice wire_hex(struct mr_arena *arena, const char *hex)
{
    char *begin = mr_arena_alloc(arena, strlen(hex) / 2 + 1, 1), *out = begin;

    for (; *hex; hex++) {
        if (*hex == ' ')
            continue;
        *out++ = (char)(wire_digit(hex[0]) << 4 | wire_digit(hex[1]));
        hex++;
    }
    return mr_slice(begin, (size_t)(out - begin));
}

/* A whole event: header, body, and with `checksum` its CRC32. */
static inline void wire_event(struct mr_buf *buf, uint8_t type, uint16_t flags, uint32_t log_pos,
                              struct mr_slice body, bool checksum)
{
    struct mr_my_header header = {.type = type, .server_id = 7, .flags = flags, .log_pos = log_pos};
    size_t begin = buf->size;
    uint32_t crc;

    header.size = (uint32_t)(MR_MY_HEADER_SIZE + body.size + (checksum ? 4 : 0));
    header.flags &= (uint16_t)~MR_MY_FLAG_IN_USE;
    mr_my_header_put(buf, &header);
    mr_buf_add_slice(buf, body);
    if (checksum) {
        crc = (uint32_t)crc32_z(0, (const unsigned char *)buf->data + begin, buf->size - begin);
        mr_buf_add(buf, &crc, 4);
    }
    /* As servers do: afterwards. */
    buf->data[begin + 17] |= (char)(flags & MR_MY_FLAG_IN_USE);
}

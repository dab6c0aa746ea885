/* Packed numbers and varints.
 *
 *     07                        7 packed             fc 2c 01   300
 *     fd 00 00 01           65536                    fe + 8     anything larger
 *     fb, ff                    no number: NULL and an error packet begin like that
 *
 *     varint 0c = 0000 1100: no trailing one, 1 byte, >> 1 = 6
 *     varint 91 04: one trailing one, 2 bytes, 0x0491 >> 2 = 292
 *     varint ff + 8 bytes: these 8, unshifted */
#include "connectors/source_mysql/wire/packed.h"

uint64_t mr_my_packed(struct mr_cur *cur)
{
    uint8_t first = mr_cur_u8(cur);

    switch (first) {
    case 0xfc: return mr_cur_le16(cur);
    case 0xfd: return mr_cur_le(cur, 3);
    case 0xfe: return mr_cur_le64(cur);
    case 0xfb:
    case 0xff: cur->failed = true; return 0;
    default: return first;
    }
}

static void put_le(struct mr_buf *buf, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        mr_buf_add_char(buf, (char)(number >> 8 * i & 0xff));
}

void mr_my_packed_put(struct mr_buf *buf, uint64_t number)
{
    if (number < 0xfb) {
        put_le(buf, number, 1);
        return;
    }
    if (number <= 0xffff) {
        mr_buf_add_char(buf, (char)0xfc);
        put_le(buf, number, 2);
    } else if (number <= 0xffffff) {
        mr_buf_add_char(buf, (char)0xfd);
        put_le(buf, number, 3);
    } else {
        mr_buf_add_char(buf, (char)0xfe);
        put_le(buf, number, 8);
    }
}

struct mr_slice mr_my_packed_bytes(struct mr_cur *cur)
{
    uint64_t size = mr_my_packed(cur);

    if (size > mr_cur_left(cur))
        cur->failed = true;
    return mr_cur_bytes(cur, (size_t)size);
}

uint64_t mr_my_varint(struct mr_cur *cur)
{
    uint8_t first = mr_cur_u8(cur);
    unsigned more = first == 0xff ? 8 : (unsigned)__builtin_ctz(~(unsigned)first);
    uint64_t rest = more ? mr_cur_le(cur, more) : 0;

    return more == 8 ? rest : rest << (7 - more) | (uint64_t)(first >> (more + 1));
}

int64_t mr_my_varint_signed(struct mr_cur *cur)
{
    uint64_t number = mr_my_varint(cur);

    return number & 1 ? -(int64_t)(number >> 1) - 1 : (int64_t)(number >> 1);
}

void mr_my_varint_put(struct mr_buf *buf, uint64_t number)
{
    unsigned more = 0;

    while (more < 8 && number >> (7 * (more + 1)) != 0)
        more++;
    if (more == 8) {
        mr_buf_add_char(buf, (char)0xff);
        put_le(buf, number, 8);
    } else if (more == 7) {
        mr_buf_add_char(buf, 0x7f);
        put_le(buf, number, 7);
    } else {
        put_le(buf, number << (more + 1) | ((1U << more) - 1), more + 1);
    }
}

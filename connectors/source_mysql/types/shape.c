/* Values whose bytes have a form of their own: BIT, geometry, vectors, MariaDB's UUID and INET.
 *
 *     BIT(17)     01 00 01          a number, highest byte first
 *     GEOMETRY    u32 SRID, WKB     a point's coordinates are taken out as well
 *     VECTOR      float32 each, lowest byte first
 *     UUID, INET  in the order of their text; the log cuts zero bytes off their ends, which are put back
 *
 * Coordinates stay in the order in which they are stored, x before y, whatever axis order a reference system asks for
 * when it is printed. */
#include "connectors/source_mysql/types/values.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/cursor.h"

bool mr_my_bits(uint32_t count, struct mr_slice bytes, struct mr_value *ret_value)
{
    uint64_t number = 0;

    if (count < 1 || count > 64 || bytes.size != (count + 7) / 8)
        return false;
    for (size_t i = 0; i < bytes.size; i++)
        number = number << 8 | (uint8_t)bytes.data[i];
    *ret_value = (struct mr_value){.kind = MR_UINT, .u = number};
    return count == 64 || number >> count == 0;
}

static double coordinate(struct mr_cur *cur, bool little)
{
    uint64_t bits = little ? mr_cur_le64(cur) : mr_cur_be64(cur);
    double number;

    memcpy(&number, &bits, sizeof number);
    return number;
}

bool mr_my_geometry(struct mr_arena *arena, struct mr_slice bytes, struct mr_value *ret_value)
{
    struct mr_cur cur = mr_cur(bytes);
    struct mr_geometry *geometry;
    uint32_t srid = mr_cur_le32(&cur), type;
    struct mr_slice wkb;
    bool little;

    if (cur.failed || mr_cur_left(&cur) < 5)
        return false;
    wkb = mr_slice(cur.at, mr_cur_left(&cur));
    little = mr_cur_u8(&cur) == 1;
    type = little ? mr_cur_le32(&cur) : mr_cur_be32(&cur);
    geometry = MR_ARENA_NEW(arena, struct mr_geometry);
    *geometry = (struct mr_geometry){.srid = (int32_t)srid, .wkb = wkb};
    if (type == 1 && mr_cur_left(&cur) == 16) {
        double *numbers = MR_ARENA_ARRAY(arena, double, 2);
        numbers[0] = coordinate(&cur, little);
        numbers[1] = coordinate(&cur, little);
        geometry->numbers = numbers;
        geometry->count = 2;
    }
    *ret_value = (struct mr_value){.kind = MR_GEOMETRY, .geometry = geometry};
    return true;
}

bool mr_my_vector(struct mr_arena *arena, struct mr_slice bytes, struct mr_value *ret_value)
{
    struct mr_vector *vector;
    double *numbers;
    uint32_t count;

    if (bytes.size % 4 != 0 || bytes.size > UINT32_MAX)
        return false;
    count = (uint32_t)(bytes.size / 4);
    vector = MR_ARENA_NEW(arena, struct mr_vector);
    numbers = MR_ARENA_ARRAY(arena, double, count + 1U);
    for (uint32_t i = 0; i < count; i++) {
        float number;
        memcpy(&number, bytes.data + 4 * (size_t)i, 4);
        numbers[i] = (double)number;
    }
    *vector = (struct mr_vector){.dimensions = count, .count = count, .numbers = numbers};
    *ret_value = (struct mr_value){.kind = MR_VECTOR, .vector = vector};
    return true;
}

bool mr_my_uuid(struct mr_arena *arena, struct mr_slice bytes, struct mr_value *ret_value)
{
    char *whole;

    if (bytes.size > 16)
        return false;
    whole = mr_arena_alloc(arena, 16, 1);
    memset(whole, 0, 16);
    memcpy(whole, bytes.data, bytes.size);
    *ret_value = (struct mr_value){.kind = MR_UUID, .size = 16, .p = whole};
    return true;
}

/* As MariaDB prints it: IPv4 within IPv6 as the C library does, too. */
bool mr_my_inet(struct mr_arena *arena, bool six, struct mr_slice bytes, struct mr_value *ret_value)
{
    uint8_t whole[16] = {0};
    char *text;

    if (bytes.size > (six ? 16 : 4))
        return false;
    memcpy(whole, bytes.data, bytes.size);
    text = mr_arena_alloc(arena, INET6_ADDRSTRLEN, 1);
    if (!inet_ntop(six ? AF_INET6 : AF_INET, whole, text, INET6_ADDRSTRLEN))
        return false;
    *ret_value = (struct mr_value){.kind = MR_TEXT, .size = (uint32_t)strlen(text), .p = text};
    return true;
}

/* Bit strings, geometric types, PostGIS, pgvector and hstore.
 *
 *     bit      text "10110", binary i32 bits + bytes, most significant bit first
 *     point (x,y)   line {a,b,c}   circle <(x,y),r>   lseg [(x,y),(x,y)]   box (x,y),(x,y)
 *     path ((x,y),...) closed or [(x,y),...] open     polygon ((x,y),...)
 *     geometry, geography: EWKB in hex: byte order, u32 type with flags Z 80000000 M 40000000 SRID 20000000,
 *              [u32 srid], ...; the SRID is taken out, so that the rest is plain (extended) WKB
 *     vector, halfvec [1,2,3]   sparsevec {1:1.5,3:2}/5, indexes from 1
 *     hstore   "a"=>"1", "b"=>NULL   becomes the JSON text {"a":"1","b":null}, order kept
 *
 * The geometric types differ in brackets only; which numbers mean what is known from the type. */
#include "connectors/source_postgres/types/decode.h"

#include <string.h>

#include "base/cursor.h"
#include "base/json.h"

static bool set_bits(struct mr_arena *arena, uint32_t count, const uint8_t *bytes,
                     struct mr_value *ret_value)
{
    struct mr_bits *bits = MR_ARENA_NEW(arena, struct mr_bits);

    *bits = (struct mr_bits){count, bytes};
    *ret_value = (struct mr_value){.kind = MR_BITS, .bits = bits};
    return true;
}

MR_PG_DECODE(mr_pg_bits_text)
{
    size_t size = (bytes.size + 7) / 8;
    uint8_t *out = mr_arena_alloc(arena, size + 1, 1);

    (void)type;
    if (bytes.size > INT32_MAX)
        return false;
    memset(out, 0, size + 1);
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] != '0' && bytes.data[i] != '1')
            return false;
        if (bytes.data[i] == '1')
            out[i / 8] = (uint8_t)(out[i / 8] | 0x80 >> i % 8);
    }
    return set_bits(arena, (uint32_t)bytes.size, out, ret_value);
}

MR_PG_DECODE(mr_pg_bits_binary)
{
    struct mr_cur cur = mr_cur(bytes);
    uint32_t count = mr_cur_be32(&cur);

    (void)type;
    if (cur.failed || count > INT32_MAX || mr_cur_left(&cur) != ((size_t)count + 7) / 8)
        return false;
    return set_bits(arena, count, cur.at, ret_value);
}

static bool bracket(char c)
{
    return c != 0 && strchr("()[]{}<>,", c) != NULL;
}

/* Every number between brackets and commas, in order. */
static bool numbers(struct mr_arena *arena, struct mr_slice bytes, const double **ret_numbers,
                    uint32_t *ret_count)
{
    size_t room = 1, count = 0, i = 0;
    double *out;

    for (size_t k = 0; k < bytes.size; k++)
        room += bytes.data[k] == ',';
    if (room > UINT32_MAX / 16)
        return false;
    out = MR_ARENA_ARRAY(arena, double, room);
    while (i < bytes.size) {
        size_t start = i;
        while (i < bytes.size && !bracket(bytes.data[i]))
            i++;
        if (i > start && (count == room ||
                          !mr_pg_parse_f64(mr_slice(bytes.data + start, i - start), &out[count++])))
            return false;
        i++;
    }
    *ret_numbers = out;
    *ret_count = (uint32_t)count;
    return true;
}

MR_PG_DECODE(mr_pg_shape_text)
{
    struct mr_geometry *geometry = MR_ARENA_NEW(arena, struct mr_geometry);
    uint32_t oid = type->codec->oid;

    *geometry = (struct mr_geometry){.srid = -1};
    *ret_value = (struct mr_value){.kind = MR_GEOMETRY, .geometry = geometry};
    if (!numbers(arena, bytes, &geometry->numbers, &geometry->count))
        return false;
    geometry->closed = bytes.size > 0 && bytes.data[0] == '(';
    switch (oid) {
    case 600: return geometry->count == 2;
    case 628:
    case 718: return geometry->count == 3;
    case 601:
    case 603: return geometry->count == 4;
    default: return geometry->count % 2 == 0;
    }
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint8_t *unhex(struct mr_arena *arena, struct mr_slice hex)
{
    uint8_t *out = mr_arena_alloc(arena, hex.size / 2 + 1, 1);

    if (hex.size % 2)
        return NULL;
    for (size_t i = 0; i < hex.size / 2; i++) {
        int high = nibble(hex.data[2 * i]), low = nibble(hex.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return NULL;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return out;
}

/* Takes the SRID out: its flag is in the type word, its four bytes behind it. */
MR_PG_DECODE(mr_pg_postgis_text)
{
    struct mr_geometry *geometry = MR_ARENA_NEW(arena, struct mr_geometry);
    size_t size = bytes.size / 2;
    uint8_t *wkb = unhex(arena, bytes);
    uint32_t srid;
    int top;

    (void)type;
    if (!wkb || size < 5 || wkb[0] > 1)
        return false;
    *geometry = (struct mr_geometry){.srid = -1};
    top = wkb[0] == 1 ? 4 : 1;
    if (wkb[top] & 0x20) {
        if (size < 9)
            return false;
        memcpy(&srid, wkb + 5, 4);
        geometry->srid = (int32_t)(wkb[0] == 1 ? srid : __builtin_bswap32(srid));
        wkb[top] = (uint8_t)(wkb[top] & ~0x20);
        memmove(wkb + 5, wkb + 9, size - 9);
        size -= 4;
    }
    geometry->wkb = mr_slice(wkb, size);
    *ret_value = (struct mr_value){.kind = MR_GEOMETRY, .geometry = geometry};
    return true;
}

MR_PG_DECODE(mr_pg_vector_text)
{
    struct mr_vector *vector = MR_ARENA_NEW(arena, struct mr_vector);

    (void)type;
    *vector = (struct mr_vector){0};
    *ret_value = (struct mr_value){.kind = MR_VECTOR, .vector = vector};
    if (!numbers(arena, bytes, &vector->numbers, &vector->count))
        return false;
    vector->dimensions = vector->count;
    return true;
}

static struct mr_slice until(struct mr_slice bytes, size_t *at, const char *stops)
{
    size_t start = *at;

    while (*at < bytes.size && (bytes.data[*at] == 0 || !strchr(stops, bytes.data[*at])))
        ++*at;
    return mr_slice(bytes.data + start, *at - start);
}

/* {1:1.5,3:2}/5 */
MR_PG_DECODE(mr_pg_sparsevec_text)
{
    struct mr_vector *vector = MR_ARENA_NEW(arena, struct mr_vector);
    size_t room = bytes.size / 3 + 1, at = 1, count = 0;
    uint32_t *indexes = MR_ARENA_ARRAY(arena, uint32_t, room);
    double *out = MR_ARENA_ARRAY(arena, double, room);
    int64_t number;

    (void)type;
    if (bytes.size < 4 || bytes.data[0] != '{')
        return false;
    while (at < bytes.size && bytes.data[at] != '}') {
        if (count == room || !mr_pg_parse_i64(until(bytes, &at, ":"), &number) || number < 1 ||
            number > INT32_MAX)
            return false;
        at++;
        if (at >= bytes.size || !mr_pg_parse_f64(until(bytes, &at, ",}"), &out[count]))
            return false;
        indexes[count++] = (uint32_t)number;
        at += at < bytes.size && bytes.data[at] == ',';
    }
    at += 2;
    if (at >= bytes.size || !mr_pg_parse_i64(until(bytes, &at, ""), &number) || number < 0 ||
        number > INT32_MAX)
        return false;
    *vector = (struct mr_vector){(uint32_t)number, (uint32_t)count, indexes, out};
    *ret_value = (struct mr_value){.kind = MR_VECTOR, .vector = vector};
    return true;
}

/* A quoted string at *at, unescaped into `room` (as large as all of bytes); false when there is none. */
static bool hstore_string(char *room, struct mr_slice bytes, size_t *at, struct mr_slice *ret_text)
{
    size_t size = 0, i = *at;

    if (i >= bytes.size || bytes.data[i++] != '"')
        return false;
    while (i < bytes.size && bytes.data[i] != '"') {
        if (bytes.data[i] == '\\' && ++i == bytes.size)
            return false;
        room[size++] = bytes.data[i++];
    }
    if (i >= bytes.size)
        return false;
    *at = i + 1;
    *ret_text = mr_slice(room, size);
    return true;
}

static bool skip_text(struct mr_slice bytes, size_t *at, const char *text)
{
    size_t size = strlen(text);

    if (bytes.size - *at < size || memcmp(bytes.data + *at, text, size) != 0)
        return false;
    *at += size;
    return true;
}

MR_PG_DECODE(mr_pg_hstore_text)
{
    char *room, *start, *out;
    struct mr_slice text;
    size_t at = 0;

    (void)type;
    if (bytes.size > UINT32_MAX / 6 - 3)
        return false;
    /* Every byte grows to six at most, and NULL is as long as null. */
    room = mr_arena_alloc(arena, bytes.size + 1, 1);
    out = start = mr_arena_alloc(arena, bytes.size * 6 + 3, 1);
    *out++ = '{';
    while (at < bytes.size) {
        if (at > 0 && !skip_text(bytes, &at, ", "))
            return false;
        if (at > 0)
            *out++ = ',';
        if (!hstore_string(room, bytes, &at, &text) || !skip_text(bytes, &at, "=>"))
            return false;
        out = mr_json_put_str(out, text);
        *out++ = ':';
        if (skip_text(bytes, &at, "NULL")) {
            memcpy(out, "null", 4);
            out += 4;
        } else {
            if (!hstore_string(room, bytes, &at, &text))
                return false;
            out = mr_json_put_str(out, text);
        }
    }
    *out++ = '}';
    *ret_value = (struct mr_value){.kind = MR_TEXT, .size = (uint32_t)(out - start), .p = start};
    return true;
}

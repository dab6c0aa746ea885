/* The table of types, and the readers of the simple ones.
 *
 * A row of the table names a type, what it means to the rest of millrace, and how its two wire forms are read.
 * Text is the type's output function under the session's pinned settings (connect.c); binary is its send
 * function. Types with a text reader only make the whole session text: pgoutput cannot be asked per column.
 *
 * Built-in types are found by OID, which never changes; those of extensions (hstore, ltree, citext, PostGIS,
 * pgvector, isbn) by name, because their OIDs differ per database. Enums have no row: any type whose typtype is
 * 'e' uses mr_pg_codec_enum. A type without a row arrives as text, MR_TYPE_OTHER, never dropped.
 *
 * Ranges, network addresses and text search vectors mean TEXT here: Debezium gives them as the server prints
 * them, and so do we; their binary forms are not read, because that text would have to be rebuilt from them.
 * Arrays, shapes, hstore and vectors are read from text only, too: the text of a nested array is part of its
 * value, and a session in text costs the same per row within the noise. */
#include "connectors/source_postgres/types/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

bool mr_pg_parse_i64(struct mr_slice bytes, int64_t *ret_number)
{
    bool negative = bytes.size > 0 && bytes.data[0] == '-';
    uint64_t number = 0;

    if (bytes.size == (size_t)negative || bytes.size > 20)
        return false;
    for (size_t i = negative; i < bytes.size; i++) {
        unsigned digit = (unsigned char)bytes.data[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return false;
    }
    if (number > (uint64_t)INT64_MAX + negative)
        return false;
    *ret_number = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

/* A default of 1e100 is printed with all its digits. */
#define NUMBER_ROOM 400

static bool number_text(struct mr_slice bytes, char room[NUMBER_ROOM])
{
    if (bytes.size == 0 || bytes.size >= NUMBER_ROOM)
        return false;
    memcpy(room, bytes.data, bytes.size);
    room[bytes.size] = 0;
    return true;
}

bool mr_pg_parse_f64(struct mr_slice bytes, double *ret_number)
{
    char room[NUMBER_ROOM], *end;
    double number;

    if (!number_text(bytes, room))
        return false;
    number = strtod(room, &end);
    if (end != room + bytes.size)
        return false;
    *ret_number = number;
    return true;
}

static void set_number(struct mr_value *value, enum mr_kind kind, int64_t number)
{
    *value = (struct mr_value){.kind = (uint8_t)kind, .i = number};
}

static bool set_bytes(struct mr_value *value, enum mr_kind kind, struct mr_slice bytes)
{
    if (bytes.size > UINT32_MAX)
        return false;
    *value =
        (struct mr_value){.kind = (uint8_t)kind, .size = (uint32_t)bytes.size, .p = bytes.data};
    return true;
}

static MR_PG_DECODE(bool_text)
{
    (void)arena, (void)type;
    if (bytes.size != 1 || (bytes.data[0] != 't' && bytes.data[0] != 'f'))
        return false;
    set_number(ret_value, MR_BOOL, bytes.data[0] == 't');
    return true;
}

static MR_PG_DECODE(bool_binary)
{
    (void)arena, (void)type;
    if (bytes.size != 1)
        return false;
    set_number(ret_value, MR_BOOL, bytes.data[0] != 0);
    return true;
}

static MR_PG_DECODE(int_text)
{
    int64_t number;

    (void)arena, (void)type;
    if (!mr_pg_parse_i64(bytes, &number))
        return false;
    set_number(ret_value, MR_INT, number);
    return true;
}

static MR_PG_DECODE(int2_binary)
{
    struct mr_cur cur = mr_cur(bytes);

    (void)arena, (void)type;
    set_number(ret_value, MR_INT, (int16_t)mr_cur_be16(&cur));
    return bytes.size == 2;
}

static MR_PG_DECODE(int4_binary)
{
    struct mr_cur cur = mr_cur(bytes);

    (void)arena, (void)type;
    set_number(ret_value, MR_INT, (int32_t)mr_cur_be32(&cur));
    return bytes.size == 4;
}

static MR_PG_DECODE(int8_binary)
{
    struct mr_cur cur = mr_cur(bytes);

    (void)arena, (void)type;
    set_number(ret_value, MR_INT, (int64_t)mr_cur_be64(&cur));
    return bytes.size == 8;
}

static MR_PG_DECODE(oid_binary)
{
    struct mr_cur cur = mr_cur(bytes);

    (void)arena, (void)type;
    set_number(ret_value, MR_INT, mr_cur_be32(&cur));
    return bytes.size == 4;
}

static MR_PG_DECODE(float8_text)
{
    double number;

    (void)arena, (void)type;
    if (!mr_pg_parse_f64(bytes, &number))
        return false;
    *ret_value = (struct mr_value){.kind = MR_FLOAT, .f = number};
    return true;
}

static MR_PG_DECODE(float8_binary)
{
    struct mr_cur cur = mr_cur(bytes);
    uint64_t bits = mr_cur_be64(&cur);

    (void)arena, (void)type;
    *ret_value = (struct mr_value){.kind = MR_FLOAT};
    memcpy(&ret_value->f, &bits, 8);
    return bytes.size == 8;
}

static MR_PG_DECODE(float4_text)
{
    char room[NUMBER_ROOM], *end;
    float number;

    (void)arena, (void)type;
    if (!number_text(bytes, room))
        return false;
    number = strtof(room, &end);
    *ret_value = (struct mr_value){.kind = MR_FLOAT, .f = (double)number};
    return end == room + bytes.size;
}

static MR_PG_DECODE(float4_binary)
{
    struct mr_cur cur = mr_cur(bytes);
    uint32_t bits = mr_cur_be32(&cur);
    float number;

    (void)arena, (void)type;
    memcpy(&number, &bits, 4);
    *ret_value = (struct mr_value){.kind = MR_FLOAT, .f = (double)number};
    return bytes.size == 4;
}

static MR_PG_DECODE(text_as_is)
{
    (void)arena, (void)type;
    return set_bytes(ret_value, MR_TEXT, bytes);
}

/* "char" is one byte, and the zero byte is the empty text. A byte above 127 is no text: PostgreSQL 16 prints it as
 * \377, older servers and the binary form give the byte. */
static MR_PG_DECODE(char_any)
{
    unsigned byte = bytes.size == 1 ? (unsigned char)bytes.data[0] : 1;
    char *out;

    (void)type;
    if (byte > 0 && byte < 128)
        return set_bytes(ret_value, MR_TEXT, bytes);
    if (byte == 0)
        return set_bytes(ret_value, MR_TEXT, mr_slice(bytes.data, 0));
    out = mr_arena_alloc(arena, 4, 1);
    out[0] = '\\';
    for (int i = 1; i < 4; i++)
        out[i] = (char)('0' + (byte >> (9 - 3 * i)) % 8);
    return set_bytes(ret_value, MR_TEXT, mr_slice(out, 4));
}

/* jsonb, ltree: a version byte stands before the text. */
static MR_PG_DECODE(text_versioned)
{
    (void)arena, (void)type;
    if (bytes.size < 1 || bytes.data[0] != 1)
        return false;
    return set_bytes(ret_value, MR_TEXT, mr_slice(bytes.data + 1, bytes.size - 1));
}

static MR_PG_DECODE(bytea_binary)
{
    (void)arena, (void)type;
    return set_bytes(ret_value, MR_BYTES, bytes);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static MR_PG_DECODE(bytea_text)
{
    size_t size = bytes.size / 2;
    char *out;

    (void)type;
    if (bytes.size < 2 || bytes.size % 2 || bytes.data[0] != '\\' || bytes.data[1] != 'x')
        return false;
    out = mr_arena_alloc(arena, size, 1);
    for (size_t i = 1; i < size; i++) {
        int high = hex_digit(bytes.data[2 * i]), low = hex_digit(bytes.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i - 1] = (char)(high << 4 | low);
    }
    return set_bytes(ret_value, MR_BYTES, mr_slice(out, size - 1));
}

static MR_PG_DECODE(uuid_binary)
{
    (void)arena, (void)type;
    return bytes.size == 16 && set_bytes(ret_value, MR_UUID, bytes);
}

static MR_PG_DECODE(uuid_text)
{
    char *out = mr_arena_alloc(arena, 16, 1);
    size_t nibbles = 0;

    (void)type;
    memset(out, 0, 16);
    for (size_t i = 0; i < bytes.size; i++) {
        int digit = hex_digit(bytes.data[i]);
        if (digit < 0 && bytes.data[i] == '-')
            continue;
        if (digit < 0 || nibbles == 32)
            return false;
        out[nibbles / 2] = (char)(out[nibbles / 2] << 4 | digit);
        nibbles++;
    }
    return nibbles == 32 && set_bytes(ret_value, MR_UUID, mr_slice(out, 16));
}

/* macaddr, macaddr8: bytes in hex, joined by colons. */
static MR_PG_DECODE(mac_binary)
{
    static const char digits[] = "0123456789abcdef";
    char *out = mr_arena_alloc(arena, bytes.size * 3 + 1, 1);

    (void)type;
    if (bytes.size != 6 && bytes.size != 8)
        return false;
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned byte = (unsigned char)bytes.data[i];
        out[3 * i] = digits[byte >> 4];
        out[3 * i + 1] = digits[byte & 15];
        out[3 * i + 2] = ':';
    }
    return set_bytes(ret_value, MR_TEXT, mr_slice(out, bytes.size * 3 - 1));
}

#define T(oid, array, name, type, text, binary)                                                    \
    {                                                                                              \
        oid, array, name, MR_TYPE_##type, text, binary                                             \
    }

/* Sorted by nothing: looked up once per column of a table version. */
static const struct mr_pg_codec codecs[] = {
    T(16, 1000, "bool", BOOL, bool_text, bool_binary),
    T(21, 1005, "int2", INT16, int_text, int2_binary),
    T(23, 1007, "int4", INT32, int_text, int4_binary),
    T(20, 1016, "int8", INT64, int_text, int8_binary),
    T(26, 1028, "oid", INT64, int_text, oid_binary),
    T(700, 1021, "float4", FLOAT32, float4_text, float4_binary),
    T(701, 1022, "float8", FLOAT64, float8_text, float8_binary),
    T(1700, 1231, "numeric", DECIMAL, mr_pg_numeric_text, mr_pg_numeric_binary),
    T(790, 791, "money", MONEY, mr_pg_money_text, mr_pg_money_binary),
    T(25, 1009, "text", TEXT, text_as_is, text_as_is),
    T(1043, 1015, "varchar", TEXT, text_as_is, text_as_is),
    T(1042, 1014, "bpchar", TEXT, text_as_is, text_as_is),
    T(19, 1003, "name", TEXT, text_as_is, text_as_is),
    T(18, 1002, "char", TEXT, char_any, char_any),
    T(17, 1001, "bytea", BYTES, bytea_text, bytea_binary),
    T(2950, 2951, "uuid", UUID, uuid_text, uuid_binary),
    T(114, 199, "json", JSON, text_as_is, text_as_is),
    T(3802, 3807, "jsonb", JSON, text_as_is, text_versioned),
    T(142, 143, "xml", XML, text_as_is, text_as_is),
    T(1082, 1182, "date", DATE, mr_pg_date_text, mr_pg_date_binary),
    T(1083, 1183, "time", TIME, mr_pg_time_text, mr_pg_time_binary),
    T(1266, 1270, "timetz", TIMETZ, mr_pg_timetz_text, mr_pg_timetz_binary),
    T(1114, 1115, "timestamp", TIMESTAMP, mr_pg_timestamp_text, mr_pg_timestamp_binary),
    T(1184, 1185, "timestamptz", TIMESTAMPTZ, mr_pg_timestamp_text, mr_pg_timestamp_binary),
    T(1186, 1187, "interval", INTERVAL, mr_pg_interval_text, mr_pg_interval_binary),
    T(1560, 1561, "bit", BITS, mr_pg_bits_text, mr_pg_bits_binary),
    T(1562, 1563, "varbit", BITS, mr_pg_bits_text, mr_pg_bits_binary),
    T(869, 1041, "inet", TEXT, text_as_is, NULL),
    T(650, 651, "cidr", TEXT, text_as_is, NULL),
    T(829, 1040, "macaddr", TEXT, text_as_is, mac_binary),
    T(774, 775, "macaddr8", TEXT, text_as_is, mac_binary),
    T(3904, 3905, "int4range", TEXT, text_as_is, NULL),
    T(3906, 3907, "numrange", TEXT, text_as_is, NULL),
    T(3908, 3909, "tsrange", TEXT, text_as_is, NULL),
    T(3910, 3911, "tstzrange", TEXT, text_as_is, NULL),
    T(3912, 3913, "daterange", TEXT, text_as_is, NULL),
    T(3926, 3927, "int8range", TEXT, text_as_is, NULL),
    T(3614, 3643, "tsvector", TSVECTOR, text_as_is, NULL),
    T(600, 1017, "point", POINT, mr_pg_shape_text, NULL),
    T(628, 629, "line", LINE, mr_pg_shape_text, NULL),
    T(718, 719, "circle", CIRCLE, mr_pg_shape_text, NULL),
    T(601, 1018, "lseg", SHAPE, mr_pg_shape_text, NULL),
    T(603, 1020, "box", SHAPE, mr_pg_shape_text, NULL),
    T(602, 1019, "path", SHAPE, mr_pg_shape_text, NULL),
    T(604, 1027, "polygon", SHAPE, mr_pg_shape_text, NULL),
    T(0, 0, "citext", TEXT, text_as_is, text_as_is),
    T(0, 0, "ltree", LTREE, text_as_is, text_versioned),
    T(0, 0, "hstore", HSTORE, mr_pg_hstore_text, NULL),
    T(0, 0, "geometry", GEOMETRY, mr_pg_postgis_text, NULL),
    T(0, 0, "geography", GEOGRAPHY, mr_pg_postgis_text, NULL),
    T(0, 0, "vector", VECTOR, mr_pg_vector_text, NULL),
    T(0, 0, "halfvec", HALFVEC, mr_pg_vector_text, NULL),
    T(0, 0, "sparsevec", SPARSEVEC, mr_pg_sparsevec_text, NULL),
    T(0, 0, "isbn", TEXT, text_as_is, NULL),
};
#define CODECS (sizeof(codecs) / sizeof(codecs[0]))

const struct mr_pg_codec mr_pg_codec_enum = T(0, 0, "enum", ENUM, text_as_is, text_as_is);
const struct mr_pg_codec mr_pg_codec_array = T(0, 0, "array", ARRAY, mr_pg_array_text, NULL);
const struct mr_pg_codec mr_pg_codec_other = T(0, 0, "other", OTHER, text_as_is, NULL);

const struct mr_pg_codec *mr_pg_codec_by_oid(uint32_t oid)
{
    for (size_t i = 0; i < CODECS && oid != 0; i++) {
        if (codecs[i].oid == oid)
            return &codecs[i];
    }
    return NULL;
}

const struct mr_pg_codec *mr_pg_codec_of_array(uint32_t oid)
{
    for (size_t i = 0; i < CODECS && oid != 0; i++) {
        if (codecs[i].array_oid == oid)
            return &codecs[i];
    }
    return NULL;
}

const struct mr_pg_codec *mr_pg_codec_by_name(struct mr_slice name)
{
    for (size_t i = 0; i < CODECS; i++) {
        if (codecs[i].oid == 0 && mr_slice_is(name, codecs[i].name))
            return &codecs[i];
    }
    return NULL;
}

/* Table maps, whole (MySQL source, Table_map_event; MariaDB writes the same with other counting).
 *
 * Types and their metadata:
 *
 *     FLOAT DOUBLE BLOB JSON GEOMETRY VECTOR   u8     bytes of a value, or of its length
 *     VARCHAR                                  u16    most bytes
 *     NEWDECIMAL                               u8 precision, u8 scale
 *     BIT                                      u8 bits % 8, u8 bits / 8
 *     TIMESTAMP2 DATETIME2 TIME2               u8     digits of the fraction
 *     STRING                                   2 bytes: b0 & 0x30 != 0x30: type b0 | 0x30, most bytes b1 and two bits
 *                                              of b0, inverted; else type b0 (CHAR, ENUM, SET) and size b1
 *
 * The optional fields count columns of a kind, not of the table: signs the numeric ones, collations the ones with
 * characters, labels ENUM or SET. Which ones have characters differs: MariaDB counts GEOMETRY and JSON (which it
 * writes as BLOB) among them, MySQL does not. Bits of signs and visibility begin at the highest, all others at the
 * lowest. */
#include "connectors/source_mysql/wire/tablemap.h"

#include <string.h>

#include "connectors/source_mysql/wire/packed.h"

static uint64_t table_id(const struct mr_my_format *format, struct mr_cur *cur)
{
    return mr_cur_le(cur, format->post_header[MR_MY_TABLE_MAP - 1] == 6 ? 4 : 6);
}

bool mr_my_map_content(const struct mr_my_format *format, struct mr_slice body,
                       uint64_t *ret_table_id, struct mr_slice *ret_content)
{
    struct mr_cur cur = mr_cur(body);

    *ret_table_id = table_id(format, &cur);
    *ret_content = mr_cur_bytes(&cur, mr_cur_left(&cur));
    return !cur.failed && ret_content->size > 0;
}

static struct mr_slice name(struct mr_cur *cur)
{
    struct mr_slice text = mr_cur_bytes(cur, mr_cur_u8(cur));

    if (mr_cur_u8(cur) != 0)
        cur->failed = true;
    return text;
}

bool mr_my_map_name(const struct mr_my_format *format, struct mr_slice body,
                    struct mr_slice *ret_database, struct mr_slice *ret_table)
{
    struct mr_cur cur = mr_cur(body);

    (void)table_id(format, &cur);
    (void)mr_cur_le16(&cur);
    *ret_database = name(&cur);
    *ret_table = name(&cur);
    return !cur.failed;
}

static void string_meta(struct mr_cur *cur, struct mr_my_column *column)
{
    uint8_t b0 = mr_cur_u8(cur), b1 = mr_cur_u8(cur);

    if ((b0 & 0x30) != 0x30) {
        column->type = b0 | 0x30;
        column->size = b1 | (uint32_t)((b0 & 0x30) ^ 0x30) << 4;
    } else {
        column->type = b0;
        column->size = b1;
    }
    switch (column->type) {
    case MR_MY_ENUM: cur->failed |= column->size < 1 || column->size > 2; break;
    case MR_MY_SET: cur->failed |= column->size < 1 || column->size > 8; break;
    case MR_MY_STRING:
    case MR_MY_VAR_STRING:
        column->type = MR_MY_STRING;
        column->length_bytes = column->size > 255 ? 2 : 1;
        break;
    default: cur->failed = true;
    }
}

static void length_meta(struct mr_cur *cur, struct mr_my_column *column)
{
    column->length_bytes = mr_cur_u8(cur);
    cur->failed |= column->length_bytes < 1 || column->length_bytes > 4;
}

static void fraction_meta(struct mr_cur *cur, struct mr_my_column *column, uint32_t whole)
{
    column->precision = mr_cur_u8(cur);
    cur->failed |= column->precision > 6;
    column->size = whole + (column->precision + 1U) / 2;
}

static void decimal_meta(struct mr_cur *cur, struct mr_my_column *column)
{
    static const uint8_t bytes[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
    unsigned whole;

    column->precision = mr_cur_u8(cur);
    column->scale = mr_cur_u8(cur);
    if (column->precision < 1 || column->precision > 65 || column->scale > 38 ||
        column->scale > column->precision) {
        cur->failed = true;
        return;
    }
    whole = column->precision - (unsigned)column->scale;
    column->size =
        whole / 9 * 4 + bytes[whole % 9] + column->scale / 9U * 4 + bytes[column->scale % 9];
}

static void bit_meta(struct mr_cur *cur, struct mr_my_column *column)
{
    uint8_t rest = mr_cur_u8(cur), bytes = mr_cur_u8(cur);

    column->bits = bytes * 8U + rest;
    column->size = bytes + (rest > 0 ? 1U : 0U);
    cur->failed |= rest > 7 || column->bits < 1 || column->bits > 64;
}

/* False: nobody knows the type. */
static bool column_meta(struct mr_cur *cur, struct mr_my_column *column)
{
    switch (column->type) {
    case MR_MY_TINY:
    case MR_MY_YEAR: column->size = 1; return true;
    case MR_MY_SHORT: column->size = 2; return true;
    case MR_MY_INT24:
    case MR_MY_DATE:
    case MR_MY_NEWDATE:
    case MR_MY_TIME: column->size = 3; return true;
    case MR_MY_LONG:
    case MR_MY_TIMESTAMP: column->size = 4; return true;
    case MR_MY_LONGLONG:
    case MR_MY_DATETIME: column->size = 8; return true;
    case MR_MY_NULL: return true;
    case MR_MY_FLOAT:
    case MR_MY_DOUBLE:
        column->size = mr_cur_u8(cur);
        cur->failed |= column->size != (column->type == MR_MY_FLOAT ? 4 : 8);
        return true;
    case MR_MY_VARCHAR:
    case MR_MY_VAR_STRING:
    case MR_MY_VARCHAR_COMPRESSED:
        column->size = mr_cur_le16(cur);
        column->length_bytes = column->size > 255 ? 2 : 1;
        return true;
    case MR_MY_STRING:
    case MR_MY_ENUM:
    case MR_MY_SET: string_meta(cur, column); return true;
    case MR_MY_TINY_BLOB:
    case MR_MY_MEDIUM_BLOB:
    case MR_MY_LONG_BLOB:
    case MR_MY_BLOB:
    case MR_MY_BLOB_COMPRESSED:
    case MR_MY_JSON:
    case MR_MY_GEOMETRY:
    case MR_MY_VECTOR: length_meta(cur, column); return true;
    case MR_MY_TIMESTAMP2: fraction_meta(cur, column, 4); return true;
    case MR_MY_DATETIME2: fraction_meta(cur, column, 5); return true;
    case MR_MY_TIME2: fraction_meta(cur, column, 3); return true;
    case MR_MY_NEWDECIMAL: decimal_meta(cur, column); return true;
    case MR_MY_BIT: bit_meta(cur, column); return true;
    default: return false;
    }
}

static bool numeric(const struct mr_my_column *column)
{
    switch (column->type) {
    case MR_MY_TINY:
    case MR_MY_SHORT:
    case MR_MY_INT24:
    case MR_MY_LONG:
    case MR_MY_LONGLONG:
    case MR_MY_FLOAT:
    case MR_MY_DOUBLE:
    case MR_MY_NEWDECIMAL:
    case MR_MY_YEAR: return true;
    default: return false;
    }
}

static bool blob(uint8_t type)
{
    return type == MR_MY_BLOB || type == MR_MY_TINY_BLOB || type == MR_MY_MEDIUM_BLOB ||
           type == MR_MY_LONG_BLOB;
}

/* Of which kinds the optional fields count columns. */
enum counted { NUMERIC, CHARACTERS, LABELLED, ENUMS, SETS, GEOMETRIES, VECTORS, ALL };

static bool counts(const struct mr_my_map *map, const struct mr_my_column *column,
                   enum counted kind)
{
    switch (kind) {
    case NUMERIC: return numeric(column);
    case CHARACTERS:
        if (column->type == MR_MY_GEOMETRY)
            return map->mariadb;
        return column->type == MR_MY_STRING || column->type == MR_MY_VARCHAR ||
               column->type == MR_MY_VAR_STRING || blob(column->type) ||
               column->type == MR_MY_VECTOR || column->type == MR_MY_BLOB_COMPRESSED ||
               column->type == MR_MY_VARCHAR_COMPRESSED;
    case LABELLED: return column->type == MR_MY_ENUM || column->type == MR_MY_SET;
    case ENUMS: return column->type == MR_MY_ENUM;
    case SETS: return column->type == MR_MY_SET;
    case GEOMETRIES: return column->type == MR_MY_GEOMETRY;
    case VECTORS: return column->type == MR_MY_VECTOR;
    case ALL: break;
    }
    return true;
}

/* The next counted column from *at on, or NULL. */
static struct mr_my_column *next_counted(struct mr_my_map *map, enum counted kind, uint32_t *at)
{
    while (*at < map->column_count) {
        struct mr_my_column *column = &map->columns[(*at)++];
        if (counts(map, column, kind))
            return column;
    }
    return NULL;
}

static struct mr_my_column *nth_counted(struct mr_my_map *map, enum counted kind, uint64_t n)
{
    struct mr_my_column *column = NULL;
    uint32_t at = 0;

    for (uint64_t i = 0; i <= n; i++) {
        column = next_counted(map, kind, &at);
        if (!column)
            return NULL;
    }
    return column;
}

/* One bit each, the first the highest of its byte. */
static void bits_field(struct mr_cur *cur, struct mr_my_map *map, enum counted kind)
{
    struct mr_my_column *column;
    uint8_t byte = 0;
    uint32_t at = 0;

    for (unsigned i = 0; (column = next_counted(map, kind, &at)) != NULL && !cur->failed; i++) {
        bool set;
        if (i % 8 == 0)
            byte = mr_cur_u8(cur);
        set = byte >> (7 - i % 8) & 1;
        if (kind == NUMERIC)
            column->is_unsigned = set;
        else
            column->invisible = !set;
    }
}

static void default_collations(struct mr_cur *cur, struct mr_my_map *map, enum counted kind)
{
    uint64_t usual = mr_my_packed(cur);
    struct mr_my_column *column;
    uint32_t at = 0;

    while ((column = next_counted(map, kind, &at)) != NULL)
        column->collation = (uint32_t)usual;
    while (mr_cur_left(cur) > 0 && !cur->failed) {
        uint64_t n = mr_my_packed(cur);
        uint32_t collation = (uint32_t)mr_my_packed(cur);
        column = n < map->column_count ? nth_counted(map, kind, n) : NULL;
        if (column)
            column->collation = collation;
        else
            cur->failed = true;
    }
}

/* One packed number each: its meaning is the field's. */
static void numbers_field(struct mr_cur *cur, struct mr_my_map *map, enum counted kind)
{
    struct mr_my_column *column;
    uint32_t at = 0;

    while (!cur->failed && (column = next_counted(map, kind, &at)) != NULL) {
        uint32_t number = (uint32_t)mr_my_packed(cur);
        if (kind == GEOMETRIES)
            column->geometry = number;
        else if (kind == VECTORS)
            column->dimensions = number;
        else
            column->collation = number;
    }
}

static void names_field(struct mr_cur *cur, struct mr_my_map *map)
{
    for (uint32_t i = 0; i < map->column_count && !cur->failed; i++)
        map->columns[i].name = mr_my_packed_bytes(cur);
}

static void labels_field(struct mr_cur *cur, struct mr_my_map *map, enum counted kind,
                         struct mr_arena *arena)
{
    struct mr_my_column *column;
    uint32_t at = 0;

    while (!cur->failed && (column = next_counted(map, kind, &at)) != NULL) {
        uint64_t count = mr_my_packed(cur);
        if (count > mr_cur_left(cur)) {
            cur->failed = true;
            return;
        }
        column->labels = MR_ARENA_ARRAY(arena, struct mr_slice, count + 1);
        column->label_count = (uint32_t)count;
        for (uint64_t i = 0; i < count; i++)
            column->labels[i] = mr_my_packed_bytes(cur);
    }
}

static void key_field(struct mr_cur *cur, struct mr_my_map *map, bool prefixes)
{
    while (mr_cur_left(cur) > 0 && !cur->failed) {
        uint64_t i = mr_my_packed(cur);
        uint64_t prefix = prefixes ? mr_my_packed(cur) : 0;
        if (i >= map->column_count || map->columns[i].key != 0 || map->key_count >= UINT16_MAX) {
            cur->failed = true;
            return;
        }
        map->columns[i].key = (uint16_t)++map->key_count;
        map->columns[i].key_prefix = (uint32_t)prefix;
    }
}

static bool optional_field(uint8_t field, struct mr_slice value, struct mr_my_map *map,
                           struct mr_arena *arena)
{
    struct mr_cur cur = mr_cur(value);

    switch (field) {
    case 1:
        bits_field(&cur, map, NUMERIC);
        map->told |= MR_MY_TOLD_SIGNS;
        break;
    case 2:
        default_collations(&cur, map, CHARACTERS);
        map->told |= MR_MY_TOLD_COLLATIONS;
        break;
    case 3:
        numbers_field(&cur, map, CHARACTERS);
        map->told |= MR_MY_TOLD_COLLATIONS;
        break;
    case 4:
        names_field(&cur, map);
        map->told |= MR_MY_TOLD_NAMES;
        break;
    case 5: labels_field(&cur, map, SETS, arena); break;
    case 6: labels_field(&cur, map, ENUMS, arena); break;
    case 7: numbers_field(&cur, map, GEOMETRIES); break;
    case 8:
        key_field(&cur, map, false);
        map->told |= MR_MY_TOLD_KEY;
        break;
    case 9:
        key_field(&cur, map, true);
        map->told |= MR_MY_TOLD_KEY;
        break;
    case 10: default_collations(&cur, map, LABELLED); break;
    case 11: numbers_field(&cur, map, LABELLED); break;
    case 12:
        bits_field(&cur, map, ALL);
        map->told |= MR_MY_TOLD_VISIBILITY;
        break;
    case 13: numbers_field(&cur, map, VECTORS); break;
    default: break; /* a later release's: what we need stands without it */
    }
    return !cur.failed;
}

static bool types(struct mr_cur *cur, struct mr_my_map *map, struct mr_arena *arena,
                  uint8_t *ret_unknown)
{
    const uint8_t *types, *nulls;
    struct mr_cur meta;
    uint64_t count = mr_my_packed(cur);

    types = count <= mr_cur_left(cur) ? mr_cur_take(cur, (size_t)count) : NULL;
    if (!types || count == 0 || count > UINT16_MAX)
        return false;
    meta = mr_cur(mr_my_packed_bytes(cur));
    nulls = mr_cur_take(cur, ((size_t)count + 7) / 8);
    if (!nulls)
        return false;
    map->column_count = (uint32_t)count;
    map->columns = MR_ARENA_ARRAY(arena, struct mr_my_column, count);
    memset(map->columns, 0, sizeof *map->columns * count);
    for (uint32_t i = 0; i < count; i++) {
        struct mr_my_column *column = &map->columns[i];
        column->type = types[i];
        column->nullable = nulls[i / 8] >> i % 8 & 1;
        if (!column_meta(&meta, column)) {
            *ret_unknown = types[i];
            return false;
        }
        if (column->type == MR_MY_JSON)
            column->json = (uint16_t)++map->json_count;
    }
    return !meta.failed && mr_cur_left(&meta) == 0;
}

static bool labels_told(const struct mr_my_map *map)
{
    for (uint32_t i = 0; i < map->column_count; i++) {
        if (counts(map, &map->columns[i], LABELLED) && !map->columns[i].labels)
            return false;
    }
    return true;
}

static int no_map(const struct mr_my_map *map, uint8_t unknown, struct mr_err *err)
{
    if (unknown == 0)
        return mr_err_set(err, MR_RETRY, "source.protocol",
                          "the description of table %.*s.%.*s is damaged",
                          MR_SLICE_ARG(map->database), MR_SLICE_ARG(map->table));
    mr_err_set(err, MR_CONFIG, "source.column_unknown",
               "table %.*s.%.*s has a column of type %u, which nobody here knows",
               MR_SLICE_ARG(map->database), MR_SLICE_ARG(map->table), unknown);
    mr_err_hint(err, "Leave the table out (source.tables), or use a millrace that knows the type.");
    return MR_CONFIG;
}

int mr_my_map_parse(const struct mr_my_format *format, struct mr_slice body, struct mr_arena *arena,
                    struct mr_my_map **ret_map, struct mr_err *err)
{
    struct mr_my_map *map = MR_ARENA_NEW(arena, struct mr_my_map);
    struct mr_slice copy = mr_arena_copy(arena, body);
    struct mr_cur cur = mr_cur(copy);
    uint8_t unknown = 0;
    bool fine;

    *map = (struct mr_my_map){.mariadb = format->mariadb};
    map->table_id = table_id(format, &cur);
    map->content = mr_slice(cur.at, mr_cur_left(&cur));
    map->flags = mr_cur_le16(&cur);
    map->database = name(&cur);
    map->table = name(&cur);
    fine = !cur.failed && types(&cur, map, arena, &unknown);
    while (fine && mr_cur_left(&cur) > 0) {
        uint8_t field = mr_cur_u8(&cur);
        struct mr_slice value = mr_my_packed_bytes(&cur);
        fine = !cur.failed && optional_field(field, value, map, arena);
    }
    if (!fine)
        return no_map(map, unknown, err);
    if ((map->told & MR_MY_TOLD_NAMES) && labels_told(map))
        map->told |= MR_MY_TOLD_LABELS;
    *ret_map = map;
    return 0;
}

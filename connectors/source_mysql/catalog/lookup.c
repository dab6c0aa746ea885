/* The catalogue, by SQL: columns, the key that tells rows, and what kind of table it is.
 *
 * Three questions a table: COLUMNS, STATISTICS, TABLES. Of keys the primary one is taken, else the first unique one
 * whose columns are all whole and NOT NULL.
 *
 * For a snapshot the catalogue's columns are written as a map of the log would have them (mr_my_lookup_map), so that
 * tables read and tables streamed are described by the same code and come to the same version. */
#include "connectors/source_mysql/catalog/lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "connectors/source_mysql/types/charset.h"

static int ask_table(void *state, struct mr_arena *arena, struct mr_slice database,
                     struct mr_slice table, struct mr_my_table_info *ret_info, struct mr_err *err)
{
    struct mr_my_lookup *lookup = state;

    return mr_my_lookup_table(lookup, lookup->session, arena, database, table, ret_info, err);
}

void mr_my_lookup_init(struct mr_my_lookup *lookup)
{
    *lookup = (struct mr_my_lookup){.hints = {.state = lookup, .table = ask_table}};
    mr_buf_init(&lookup->sql, 1 << 20);
}

void mr_my_lookup_done(struct mr_my_lookup *lookup)
{
    mr_buf_done(&lookup->sql);
}

/* A field of the row at hand, in the arena; data == NULL for NULL. */
static struct mr_slice field(struct mr_arena *arena, const struct mr_my_result *result, uint32_t i)
{
    struct mr_slice value = result->values[i];

    return value.data ? mr_slice_str(mr_arena_str(arena, value)) : value;
}

static uint32_t number(struct mr_slice text)
{
    char digits[24];
    unsigned long long value;

    (void)snprintf(digits, sizeof(digits), "%.*s", MR_SLICE_ARG(text));
    value = strtoull(digits, NULL, 10);

    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static void add_where(struct mr_my_lookup *lookup, struct mr_slice database, struct mr_slice table)
{
    mr_buf_add_str(&lookup->sql, " WHERE TABLE_SCHEMA = ");
    mr_my_add_literal(&lookup->sql, database);
    mr_buf_add_str(&lookup->sql, " AND TABLE_NAME = ");
    mr_my_add_literal(&lookup->sql, table);
}

static void take_column(struct mr_arena *arena, const struct mr_my_result *result,
                        struct mr_my_column_info *column)
{
    *column = (struct mr_my_column_info){
        .name = field(arena, result, 0),
        .declared = field(arena, result, 1),
        .kind = field(arena, result, 2),
        .charset = field(arena, result, 3),
        .collation = field(arena, result, 4),
        .comment = field(arena, result, 5),
        .standard = field(arena, result, 6),
        .extra = field(arena, result, 7),
        .nullable = mr_slice_is(result->values[8], "YES"),
        .precision = number(result->values[9]),
        .scale = number(result->values[10]),
        .characters = number(result->values[11]),
        .bytes = number(result->values[12]),
        .digits = number(result->values[13]),
    };
}

static void add_column(struct mr_arena *arena, const struct mr_my_result *result,
                       struct mr_my_table_info *info, uint32_t *capacity)
{
    if (info->count == *capacity) {
        struct mr_my_column_info *more;
        *capacity = *capacity ? 2 * *capacity : 16;
        more = MR_ARENA_ARRAY(arena, struct mr_my_column_info, *capacity);
        if (info->count > 0)
            memcpy(more, info->columns, info->count * sizeof(*more));
        info->columns = more;
    }
    take_column(arena, result, &info->columns[info->count++]);
}

static int ask_columns(struct mr_my_lookup *lookup, struct mr_my_session *session,
                       struct mr_arena *arena, struct mr_slice database, struct mr_slice table,
                       struct mr_my_table_info *info, struct mr_err *err)
{
    struct mr_my_result *result = NULL;
    uint32_t capacity = 0;
    int rc;

    mr_buf_clear(&lookup->sql);
    mr_buf_add_str(&lookup->sql,
                   "SELECT COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, CHARACTER_SET_NAME, "
                   "COLLATION_NAME, COLUMN_COMMENT, COLUMN_DEFAULT, EXTRA, IS_NULLABLE, "
                   "NUMERIC_PRECISION, NUMERIC_SCALE, CHARACTER_MAXIMUM_LENGTH, "
                   "CHARACTER_OCTET_LENGTH, DATETIME_PRECISION FROM information_schema.COLUMNS");
    add_where(lookup, database, table);
    mr_buf_add_str(&lookup->sql, " ORDER BY ORDINAL_POSITION");
    rc = mr_my_query(session, mr_buf_cstr(&lookup->sql), "describe a table", &result, err);
    if (rc < 0)
        return rc;
    while ((rc = mr_my_next(result, err)) > 0)
        add_column(arena, result, info, &capacity);
    mr_my_end(result);
    return rc;
}

/* An index in the making: its columns' numbers, until the next one begins. */
struct candidate {
    struct mr_slice name;
    uint32_t columns[64];
    uint32_t count;
    bool good;
};

static uint32_t find_column(const struct mr_my_table_info *info, struct mr_slice name)
{
    for (uint32_t i = 0; i < info->count; i++) {
        if (mr_slice_equal(info->columns[i].name, name))
            return i;
    }
    return UINT32_MAX;
}

/* One row: INDEX_NAME, COLUMN_NAME, NULLABLE, SUB_PART. */
static void add_part(struct candidate *candidate, const struct mr_my_table_info *info,
                     const struct mr_my_result *result)
{
    bool primary = mr_slice_is(candidate->name, "PRIMARY");
    uint32_t column = find_column(info, result->values[1]);

    if (column == UINT32_MAX || candidate->count == 64 ||
        (!primary && (mr_slice_is(result->values[2], "YES") || result->values[3].data)))
        candidate->good = false;
    else
        candidate->columns[candidate->count++] = column;
}

static void choose(const struct candidate *candidate, struct mr_my_table_info *info, bool *chosen)
{
    if (*chosen || !candidate->good || candidate->count == 0)
        return;
    *chosen = true;
    for (uint32_t i = 0; i < candidate->count; i++)
        info->columns[candidate->columns[i]].key = (uint16_t)(i + 1);
}

static int ask_keys(struct mr_my_lookup *lookup, struct mr_my_session *session,
                    struct mr_arena *arena, struct mr_slice database, struct mr_slice table,
                    struct mr_my_table_info *info, struct mr_err *err)
{
    struct mr_my_result *result = NULL;
    struct candidate candidate = {.good = false};
    bool chosen = false;
    int rc;

    mr_buf_clear(&lookup->sql);
    mr_buf_add_str(&lookup->sql, "SELECT INDEX_NAME, COLUMN_NAME, NULLABLE, SUB_PART FROM "
                                 "information_schema.STATISTICS");
    add_where(lookup, database, table);
    mr_buf_add_str(
        &lookup->sql,
        " AND NON_UNIQUE = 0 ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX");
    rc = mr_my_query(session, mr_buf_cstr(&lookup->sql), "read a table's keys", &result, err);
    if (rc < 0)
        return rc;
    while ((rc = mr_my_next(result, err)) > 0) {
        if (!mr_slice_equal(candidate.name, result->values[0])) {
            choose(&candidate, info, &chosen);
            candidate = (struct candidate){.name = field(arena, result, 0), .good = true};
        }
        add_part(&candidate, info, result);
    }
    mr_my_end(result);
    choose(&candidate, info, &chosen);
    return rc;
}

static int ask_kind(struct mr_my_lookup *lookup, struct mr_my_session *session,
                    struct mr_arena *arena, struct mr_slice database, struct mr_slice table,
                    struct mr_my_table_info *info, struct mr_err *err)
{
    struct mr_my_result *result = NULL;
    int rc;

    mr_buf_clear(&lookup->sql);
    mr_buf_add_str(&lookup->sql, "SELECT TABLE_TYPE, ENGINE, TABLE_COMMENT, TABLE_COLLATION FROM "
                                 "information_schema.TABLES");
    add_where(lookup, database, table);
    rc = mr_my_query(session, mr_buf_cstr(&lookup->sql), "read a table's kind", &result, err);
    if (rc < 0)
        return rc;
    rc = mr_my_next(result, err);
    if (rc > 0) {
        info->view =
            mr_slice_is(result->values[0], "VIEW") || mr_slice_is(result->values[0], "SYSTEM VIEW");
        info->sequence = mr_slice_is(result->values[0], "SEQUENCE");
        info->versioned = mr_slice_is(result->values[0], "SYSTEM VERSIONED");
        info->engine = field(arena, result, 1);
        info->comment = field(arena, result, 2);
        info->collation = field(arena, result, 3);
    }
    mr_my_end(result);
    return rc < 0 ? rc : 0;
}

int mr_my_lookup_table(struct mr_my_lookup *lookup, struct mr_my_session *session,
                       struct mr_arena *arena, struct mr_slice database, struct mr_slice table,
                       struct mr_my_table_info *ret_info, struct mr_err *err)
{
    struct mr_my_table_info info = {.count = 0};
    int rc = ask_columns(lookup, session, arena, database, table, &info, err);

    if (rc == 0 && info.count > 0)
        rc = ask_keys(lookup, session, arena, database, table, &info, err);
    if (rc == 0 && info.count > 0)
        rc = ask_kind(lookup, session, arena, database, table, &info, err);
    if (rc == 0)
        *ret_info = info;
    return rc;
}

static const struct {
    const char *kind;
    uint8_t type, length_bytes;
    uint32_t geometry;
} kinds[] = {
    {"tinyint", MR_MY_TINY, 0, 0},
    {"smallint", MR_MY_SHORT, 0, 0},
    {"mediumint", MR_MY_INT24, 0, 0},
    {"int", MR_MY_LONG, 0, 0},
    {"bigint", MR_MY_LONGLONG, 0, 0},
    {"float", MR_MY_FLOAT, 0, 0},
    {"double", MR_MY_DOUBLE, 0, 0},
    {"decimal", MR_MY_NEWDECIMAL, 0, 0},
    {"bit", MR_MY_BIT, 0, 0},
    {"year", MR_MY_YEAR, 0, 0},
    {"date", MR_MY_DATE, 0, 0},
    {"time", MR_MY_TIME2, 0, 0},
    {"datetime", MR_MY_DATETIME2, 0, 0},
    {"timestamp", MR_MY_TIMESTAMP2, 0, 0},
    {"char", MR_MY_STRING, 1, 0},
    {"binary", MR_MY_STRING, 1, 0},
    {"varchar", MR_MY_VARCHAR, 2, 0},
    {"varbinary", MR_MY_VARCHAR, 2, 0},
    {"tinytext", MR_MY_BLOB, 1, 0},
    {"text", MR_MY_BLOB, 2, 0},
    {"mediumtext", MR_MY_BLOB, 3, 0},
    {"longtext", MR_MY_BLOB, 4, 0},
    {"tinyblob", MR_MY_BLOB, 1, 0},
    {"blob", MR_MY_BLOB, 2, 0},
    {"mediumblob", MR_MY_BLOB, 3, 0},
    {"longblob", MR_MY_BLOB, 4, 0},
    {"enum", MR_MY_ENUM, 0, 0},
    {"set", MR_MY_SET, 0, 0},
    {"json", MR_MY_JSON, 4, 0},
    {"vector", MR_MY_VECTOR, 4, 0},
    {"uuid", MR_MY_STRING, 1, 0},
    {"inet4", MR_MY_STRING, 1, 0},
    {"inet6", MR_MY_STRING, 1, 0},
    {"geometry", MR_MY_GEOMETRY, 4, 0},
    {"point", MR_MY_GEOMETRY, 4, 1},
    {"linestring", MR_MY_GEOMETRY, 4, 2},
    {"polygon", MR_MY_GEOMETRY, 4, 3},
    {"multipoint", MR_MY_GEOMETRY, 4, 4},
    {"multilinestring", MR_MY_GEOMETRY, 4, 5},
    {"multipolygon", MR_MY_GEOMETRY, 4, 6},
    {"geometrycollection", MR_MY_GEOMETRY, 4, 7},
    {"geomcollection", MR_MY_GEOMETRY, 4, 7},
};

/* A collation's number stands for its character set; any of the set's will do. */
static uint32_t collation_of(const struct mr_my_column_info *column)
{
    const struct mr_my_charset *charset =
        column->charset.data ? mr_my_charset_named(column->charset) : NULL;

    for (uint32_t id = 1; charset && id < 4096; id++) {
        if (mr_my_charset_of(id) == charset)
            return id;
    }
    return MR_MY_BINARY;
}

static uint32_t size_of(const struct mr_my_column_info *column)
{
    if (mr_slice_is(column->kind, "uuid") || mr_slice_is(column->kind, "inet6"))
        return 16;
    return mr_slice_is(column->kind, "inet4") ? 4 : column->bytes;
}

static uint32_t in_brackets(struct mr_slice declared)
{
    const char *bracket = declared.size ? memchr(declared.data, '(', declared.size) : NULL;

    return bracket ? (uint32_t)strtoul(bracket + 1, NULL, 10) : 0;
}

static void to_column(const struct mr_my_column_info *info, bool mariadb, struct mr_my_column *out)
{
    *out = (struct mr_my_column){
        .name = info->name,
        .type = MR_MY_BLOB,
        .nullable = info->nullable,
        .is_unsigned =
            strcasestr(info->declared.data, "unsigned") != NULL || mr_slice_is(info->kind, "year"),
        .key = info->key,
        .collation = collation_of(info),
        .size = size_of(info),
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!mr_slice_is(info->kind, kinds[i].kind))
            continue;
        out->type = kinds[i].type;
        out->length_bytes = kinds[i].length_bytes;
        out->geometry = kinds[i].geometry;
    }
    if (out->type == MR_MY_NEWDECIMAL) {
        out->precision = (uint8_t)info->precision;
        out->scale = (uint8_t)info->scale;
    } else if (out->type == MR_MY_BIT) {
        out->bits = info->precision;
        out->size = (info->precision + 7) / 8;
    } else if (out->type == MR_MY_VECTOR) {
        out->dimensions = in_brackets(info->declared);
        out->type = mariadb ? MR_MY_VARCHAR : MR_MY_VECTOR;
    } else {
        out->precision = (uint8_t)info->digits;
    }
}

struct mr_my_map *mr_my_lookup_map(const struct mr_my_table_info *info, bool mariadb,
                                   struct mr_slice database, struct mr_slice table,
                                   struct mr_arena *arena)
{
    struct mr_my_map *map = MR_ARENA_NEW(arena, struct mr_my_map);

    *map = (struct mr_my_map){
        .mariadb = mariadb,
        .told = MR_MY_TOLD_SIGNS | MR_MY_TOLD_COLLATIONS | MR_MY_TOLD_NAMES | MR_MY_TOLD_KEY,
        .database = database,
        .table = table,
        .column_count = info->count,
        .columns = MR_ARENA_ARRAY(arena, struct mr_my_column, info->count + 1),
    };
    for (uint32_t i = 0; i < info->count; i++) {
        to_column(&info->columns[i], mariadb, &map->columns[i]);
        map->key_count += map->columns[i].key != 0;
        if (map->columns[i].type == MR_MY_JSON)
            map->columns[i].json = (uint16_t)++map->json_count;
    }
    return map;
}

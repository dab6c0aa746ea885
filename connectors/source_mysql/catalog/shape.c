/* Columns: the wire's numbers turned into the model's types (model/table.h has the table), with what only the
 * catalogue tells where it agrees: the type as declared, a default, a comment.
 *
 *     collation 63 or none     bytes; CHAR(n) CHARACTER SET binary is BINARY(n)
 *     any other collation      text of so many characters: bytes of the column / bytes of the widest character
 *     binary strings of MariaDB that the catalogue calls uuid, inet6, inet4, vector
 *
 * Nullability is the map's, so it is true for just these rows; no version is ever too strict.
 *
 * A default is a constant, or nothing: CURRENT_TIMESTAMP is told as such, and an expression is no default at all.
 * MySQL marks expressions in EXTRA (DEFAULT_GENERATED); MariaDB puts constants in quotes, and writes NULL as a word.
 * */
#include "connectors/source_mysql/catalog/shape.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool starts(struct mr_slice text, const char *with)
{
    size_t size = strlen(with);

    return text.size >= size && strncasecmp(text.data, with, size) == 0;
}

static bool has(struct mr_slice text, const char *part)
{
    for (size_t i = 0; text.size >= strlen(part) && i <= text.size - strlen(part); i++) {
        if (strncasecmp(text.data + i, part, strlen(part)) == 0)
            return true;
    }
    return false;
}

enum mr_my_meaning mr_my_meaning_of(const struct mr_my_column_info *info)
{
    static const struct {
        const char *kind;
        enum mr_my_meaning meaning;
    } kinds[] = {{"uuid", MR_MY_MEANS_UUID},
                 {"inet4", MR_MY_MEANS_INET4},
                 {"inet6", MR_MY_MEANS_INET6},
                 {"vector", MR_MY_MEANS_VECTOR}};

    for (size_t i = 0; info && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (starts(info->kind, kinds[i].kind))
            return kinds[i].meaning;
    }
    return MR_MY_PLAIN;
}

static const char *integer_name(uint8_t type)
{
    switch (type) {
    case MR_MY_TINY: return "tinyint";
    case MR_MY_SHORT: return "smallint";
    case MR_MY_INT24: return "mediumint";
    case MR_MY_LONG: return "int";
    default: return "bigint";
    }
}

static void set_integer(const struct mr_my_column *column, struct mr_arena *arena,
                        struct mr_column *out)
{
    bool bare = column->is_unsigned;

    switch (column->type) {
    case MR_MY_TINY: out->type = bare ? MR_TYPE_INT16 : MR_TYPE_INT8; break;
    case MR_MY_SHORT: out->type = bare ? MR_TYPE_INT32 : MR_TYPE_INT16; break;
    case MR_MY_INT24: out->type = MR_TYPE_INT32; break;
    case MR_MY_LONG: out->type = bare ? MR_TYPE_INT64 : MR_TYPE_INT32; break;
    default: out->type = bare ? MR_TYPE_UINT64 : MR_TYPE_INT64; break;
    }
    out->native_type = mr_slice_str(
        mr_arena_printf(arena, "%s%s", integer_name(column->type), bare ? " unsigned" : ""));
}

static const char *blob_name(const struct mr_my_column *column, bool text)
{
    switch (column->length_bytes) {
    case 1: return text ? "tinytext" : "tinyblob";
    case 3: return text ? "mediumtext" : "mediumblob";
    case 4: return text ? "longtext" : "longblob";
    default: return text ? "text" : "blob";
    }
}

static void set_string(const struct mr_my_reader *reader, struct mr_column *out)
{
    const struct mr_my_column *column = reader->column;
    bool text = reader->how == MR_MY_READ_TEXT, fixed = column->type == MR_MY_STRING;
    bool varying = column->type == MR_MY_VARCHAR || column->type == MR_MY_VAR_STRING ||
                   column->type == MR_MY_VARCHAR_COMPRESSED;
    uint32_t width = text ? mr_my_charset_width(reader->charset) : 1;

    out->type = text ? MR_TYPE_TEXT : MR_TYPE_BYTES;
    out->native_type = mr_slice_str(fixed     ? (text ? "char" : "binary")
                                    : varying ? (text ? "varchar" : "varbinary")
                                              : blob_name(column, text));
    if (fixed || varying)
        out->length = (int32_t)(column->size / (width ? width : 1));
    if (text)
        out->charset = mr_slice_str(mr_my_charset_name(reader->charset));
}

static void set_labels(const struct mr_my_reader *reader, struct mr_arena *arena,
                       struct mr_column *out)
{
    struct mr_slice *labels =
        MR_ARENA_ARRAY(arena, struct mr_slice, reader->label_count ? reader->label_count : 1);

    for (uint32_t i = 0; i < reader->label_count; i++)
        labels[i] = mr_arena_copy(arena, reader->labels[i]);
    out->labels = labels;
    out->label_count = reader->label_count;
}

static void set_plain(struct mr_column *out, enum mr_type type, const char *name)
{
    out->type = type;
    out->native_type = mr_slice_str(name);
}

static void set_timed(const struct mr_my_reader *reader, enum mr_type type, const char *name,
                      struct mr_column *out)
{
    set_plain(out, type, name);
    out->precision = reader->precision;
}

static void set_number(const struct mr_my_column *column, struct mr_arena *arena,
                       struct mr_column *out)
{
    const char *more = column->is_unsigned ? " unsigned" : "";

    switch (column->type) {
    case MR_MY_FLOAT: out->type = MR_TYPE_FLOAT32; break;
    case MR_MY_DOUBLE: out->type = MR_TYPE_FLOAT64; break;
    default:
        out->type = MR_TYPE_DECIMAL;
        out->precision = column->precision;
        out->scale = column->scale;
        break;
    }
    out->native_type = mr_slice_str(mr_arena_printf(arena, "%s%s",
                                                    out->type == MR_TYPE_DECIMAL   ? "decimal"
                                                    : out->type == MR_TYPE_FLOAT32 ? "float"
                                                                                   : "double",
                                                    more));
}

static void set_type(const struct mr_my_reader *reader, struct mr_arena *arena,
                     struct mr_column *out)
{
    const struct mr_my_column *column = reader->column;

    switch (reader->how) {
    case MR_MY_READ_INT:
    case MR_MY_READ_UINT: set_integer(column, arena, out); break;
    case MR_MY_READ_FLOAT:
    case MR_MY_READ_DOUBLE:
    case MR_MY_READ_DECIMAL: set_number(column, arena, out); break;
    case MR_MY_READ_BITS:
        set_plain(out, MR_TYPE_BITS, "bit");
        out->length = (int32_t)column->bits;
        break;
    case MR_MY_READ_YEAR: set_plain(out, MR_TYPE_YEAR, "year"); break;
    case MR_MY_READ_DATE: set_plain(out, MR_TYPE_DATE, "date"); break;
    case MR_MY_READ_TIME:
    case MR_MY_READ_TIME2: set_timed(reader, MR_TYPE_TIME, "time", out); break;
    case MR_MY_READ_DATETIME:
    case MR_MY_READ_DATETIME2: set_timed(reader, MR_TYPE_TIMESTAMP, "datetime", out); break;
    case MR_MY_READ_TIMESTAMP:
    case MR_MY_READ_TIMESTAMP2: set_timed(reader, MR_TYPE_TIMESTAMPTZ, "timestamp", out); break;
    case MR_MY_READ_ENUM:
        set_plain(out, MR_TYPE_ENUM, "enum");
        set_labels(reader, arena, out);
        break;
    case MR_MY_READ_SET:
        set_plain(out, MR_TYPE_SET, "set");
        set_labels(reader, arena, out);
        break;
    case MR_MY_READ_JSON: set_plain(out, MR_TYPE_JSON, "json"); break;
    case MR_MY_READ_GEOMETRY:
        set_plain(out, column->geometry == 1 ? MR_TYPE_SPATIAL_POINT : MR_TYPE_SPATIAL,
                  column->geometry == 1 ? "point" : "geometry");
        break;
    case MR_MY_READ_VECTOR:
        set_plain(out, MR_TYPE_HALFVEC, "vector");
        out->length = (int32_t)column->dimensions;
        break;
    case MR_MY_READ_UUID: set_plain(out, MR_TYPE_UUID, "uuid"); break;
    case MR_MY_READ_INET4: set_plain(out, MR_TYPE_TEXT, "inet4"); break;
    case MR_MY_READ_INET6: set_plain(out, MR_TYPE_TEXT, "inet6"); break;
    case MR_MY_READ_TEXT:
    case MR_MY_READ_BYTES: set_string(reader, out); break;
    case MR_MY_READ_NOTHING: set_plain(out, MR_TYPE_OTHER, "null"); break;
    }
}

/* MariaDB's constants stand in quotes, doubled inside; MySQL's stand bare. */
static struct mr_slice bare_default(struct mr_slice text, struct mr_arena *arena)
{
    char *copy;
    size_t size = 0;

    if (text.size < 2 || text.data[0] != '\'' || text.data[text.size - 1] != '\'')
        return text;
    copy = mr_arena_alloc(arena, text.size, 1);
    for (size_t i = 1; i < text.size - 1; i++) {
        if ((text.data[i] == '\'' || text.data[i] == '\\') && i + 1 < text.size - 1)
            i++;
        copy[size++] = text.data[i];
    }
    return mr_slice(copy, size);
}

static void set_default(const struct mr_my_reader *reader, const struct mr_my_column_info *info,
                        struct mr_arena *arena, struct mr_column *out)
{
    struct mr_my_reading reading = {.arena = arena, .limit = 1 << 20, .utf8 = true};
    struct mr_slice text = info->standard;

    out->serial = has(info->extra, "auto_increment");
    if (!text.data || mr_slice_is(text, "NULL"))
        return;
    if (starts(text, "current_timestamp") || starts(text, "now(")) {
        out->default_now = true;
        return;
    }
    if (has(info->extra, "DEFAULT_GENERATED"))
        return;
    text = bare_default(mr_arena_copy(arena, text), arena);
    out->has_default = mr_my_read_text(reader, &reading, text, &out->default_value) &&
                       out->default_value.kind != MR_NULL;
}

static bool is_generated(const struct mr_my_column_info *info)
{
    return has(info->extra, "VIRTUAL") || has(info->extra, "STORED GENERATED") ||
           has(info->extra, "PERSISTENT");
}

void mr_my_shape(const struct mr_my_reader *reader, const struct mr_my_column_info *info,
                 struct mr_arena *arena, struct mr_column *ret_column)
{
    const struct mr_my_column *column = reader->column;
    struct mr_column out = {.native_id = column->type,
                            .native_modifier = -1,
                            .optional = column->nullable,
                            .key = column->key};

    out.name = mr_arena_copy(arena, column->name.data || !info ? column->name : info->name);
    set_type(reader, arena, &out);
    if (info) {
        out.declared = mr_arena_copy(arena, info->declared);
        out.collation = mr_arena_copy(arena, info->collation);
        if (info->comment.size > 0)
            out.comment = mr_arena_copy(arena, info->comment);
        out.generated = is_generated(info);
        if (out.type == MR_TYPE_INT8 && starts(info->declared, "tinyint(1)"))
            out.length = 1;
        if (out.type == MR_TYPE_FLOAT32 && info->scale > 0) {
            out.precision = (int32_t)info->precision;
            out.scale = (int32_t)info->scale;
        }
        set_default(reader, info, arena, &out);
    }
    *ret_column = out;
}

/* Names of types and the numbers that stand for them in the log. */
static const struct {
    const char *kind;
    uint8_t types[5];
} wire_types[] = {
    {"tinyint", {MR_MY_TINY}},
    {"smallint", {MR_MY_SHORT}},
    {"mediumint", {MR_MY_INT24}},
    {"int", {MR_MY_LONG}},
    {"bigint", {MR_MY_LONGLONG}},
    {"float", {MR_MY_FLOAT}},
    {"double", {MR_MY_DOUBLE}},
    {"decimal", {MR_MY_NEWDECIMAL}},
    {"bit", {MR_MY_BIT}},
    {"year", {MR_MY_YEAR}},
    {"date", {MR_MY_DATE, MR_MY_NEWDATE}},
    {"time", {MR_MY_TIME, MR_MY_TIME2}},
    {"datetime", {MR_MY_DATETIME, MR_MY_DATETIME2}},
    {"timestamp", {MR_MY_TIMESTAMP, MR_MY_TIMESTAMP2}},
    {"char", {MR_MY_STRING, MR_MY_VAR_STRING}},
    {"binary", {MR_MY_STRING, MR_MY_VAR_STRING}},
    {"varchar", {MR_MY_VARCHAR, MR_MY_VAR_STRING, MR_MY_VARCHAR_COMPRESSED}},
    {"varbinary", {MR_MY_VARCHAR, MR_MY_VAR_STRING, MR_MY_VARCHAR_COMPRESSED}},
    {"tinytext", {MR_MY_BLOB, MR_MY_BLOB_COMPRESSED}},
    {"text", {MR_MY_BLOB, MR_MY_BLOB_COMPRESSED}},
    {"mediumtext", {MR_MY_BLOB, MR_MY_BLOB_COMPRESSED}},
    {"longtext", {MR_MY_BLOB, MR_MY_BLOB_COMPRESSED}},
    {"tinyblob", {MR_MY_BLOB, MR_MY_BLOB_COMPRESSED}},
    {"blob", {MR_MY_BLOB, MR_MY_BLOB_COMPRESSED}},
    {"mediumblob", {MR_MY_BLOB, MR_MY_BLOB_COMPRESSED}},
    {"longblob", {MR_MY_BLOB, MR_MY_BLOB_COMPRESSED}},
    {"enum", {MR_MY_ENUM}},
    {"set", {MR_MY_SET}},
    {"json", {MR_MY_JSON, MR_MY_BLOB}},
    {"vector", {MR_MY_VECTOR, MR_MY_VARCHAR}},
    {"uuid", {MR_MY_STRING}},
    {"inet4", {MR_MY_STRING}},
    {"inet6", {MR_MY_STRING}},
};

static bool type_agrees(uint8_t type, struct mr_slice kind)
{
    for (size_t i = 0; i < sizeof(wire_types) / sizeof(wire_types[0]); i++) {
        if (!mr_slice_is(kind, wire_types[i].kind))
            continue;
        for (size_t t = 0; t < 5; t++) {
            if (wire_types[i].types[t] == type)
                return true;
        }
        return false;
    }
    return true; /* geometry of all shapes, and what is not known here */
}

bool mr_my_shape_agrees(const struct mr_my_column *column, const struct mr_my_column_info *info)
{
    if (column->name.data && !mr_slice_equal(column->name, info->name))
        return false;
    if (column->nullable != info->nullable)
        return false;
    return type_agrees(column->type, info->kind);
}

static bool same_labels(const struct mr_column *a, const struct mr_column *b)
{
    if (a->label_count != b->label_count)
        return false;
    for (uint32_t i = 0; i < a->label_count; i++) {
        if (!mr_slice_equal(a->labels[i], b->labels[i]))
            return false;
    }
    return true;
}

static bool same_column(const struct mr_column *a, const struct mr_column *b)
{
    return mr_slice_equal(a->name, b->name) && a->type == b->type && a->precision == b->precision &&
           a->scale == b->scale && a->length == b->length && a->optional == b->optional &&
           a->generated == b->generated && a->has_default == b->has_default &&
           a->serial == b->serial && a->default_now == b->default_now && a->key == b->key &&
           a->native_id == b->native_id && mr_slice_equal(a->native_type, b->native_type) &&
           mr_slice_equal(a->declared, b->declared) && mr_slice_equal(a->charset, b->charset) &&
           mr_slice_equal(a->collation, b->collation) && mr_slice_equal(a->comment, b->comment) &&
           same_labels(a, b) &&
           (!a->has_default || mr_value_equal(&a->default_value, &b->default_value));
}

bool mr_my_same_shape(const struct mr_table *a, const struct mr_table *b)
{
    if (a->column_count != b->column_count || a->key_count != b->key_count ||
        !mr_slice_equal(a->comment, b->comment))
        return false;
    for (uint32_t i = 0; i < a->column_count; i++) {
        if (!same_column(&a->columns[i], &b->columns[i]))
            return false;
    }
    return memcmp(a->key_columns, b->key_columns, a->key_count * sizeof(a->key_columns[0])) == 0;
}

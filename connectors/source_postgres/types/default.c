/* Reading a default expression.
 *
 * pg_get_expr prints a constant in few forms:
 *
 *     42    1.5    true    '-5'::integer    'it''s'::text    '2024-01-01'::date    '{}'::integer[]
 *
 * i.e. one literal, then casts. That literal's text goes through the column's own text reader, so a default is
 * exactly what a row with that text would be. What begins with a function call, and SQL's words for the time (now(),
 * nextval('s'::regclass), (now() + '1 day'::interval), CURRENT_DATE), gives the type's zero, as Debezium has it: its
 * schemas are in everyone's registry. Anything else with an operator or a second literal ('a' || 'b') leaves the
 * column without a default: what the database will put in later cannot be known here; but a boolean that cannot be
 * read is false, as there. Nor has a column of a type whose defaults Debezium does not read, domains among them, a
 * default. E'' strings are not read (the pinned session never prints them for what a column can hold without a
 * backslash). */
#include "connectors/source_postgres/types/default.h"

#include <string.h>

/* The literal at the start, unquoted; *ret_rest what follows. data == NULL: none. */
static struct mr_slice literal(struct mr_arena *arena, struct mr_slice text,
                               struct mr_slice *ret_rest)
{
    char *out = mr_arena_alloc(arena, text.size + 1, 1);
    size_t i = 1, size = 0;

    if (text.size == 0 || text.data[0] != '\'') {
        for (i = 0; i < text.size && text.data[i] != ':'; i++)
            ;
        *ret_rest = mr_slice(text.data + i, text.size - i);
        return mr_slice(text.data, i);
    }
    for (; i < text.size; i++) {
        if (text.data[i] == '\'') {
            if (i + 1 < text.size && text.data[i + 1] == '\'')
                i++;
            else
                break;
        }
        out[size++] = text.data[i];
    }
    if (i >= text.size)
        return (struct mr_slice){NULL, 0};
    *ret_rest = mr_slice(text.data + i + 1, text.size - i - 1);
    return mr_slice(out, size);
}

/* "::character varying(10)[]": nothing but casts. */
static bool only_casts(struct mr_slice rest)
{
    if (rest.size == 0)
        return true;
    if (rest.size < 3 || rest.data[0] != ':' || rest.data[1] != ':')
        return false;
    for (size_t i = 2; i < rest.size; i++) {
        char c = rest.data[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (unsigned char)c >= 0x80;
        if (!word && !strchr(" _()[],:.\"", c))
            return false;
    }
    return true;
}

/* Whether it begins with a call, f(...) or s.f(...), perhaps in a parenthesis: then Debezium takes it for a call
 * whatever follows. Names in quotes are none for it. */
static bool begins_with_call(struct mr_slice text)
{
    size_t start = text.size > 0 && text.data[0] == '(', i = start;

    while (i < text.size && (text.data[i] == '_' || text.data[i] == '.' ||
                             (text.data[i] >= 'a' && text.data[i] <= 'z') ||
                             (text.data[i] >= 'A' && text.data[i] <= 'Z') ||
                             (text.data[i] >= '0' && text.data[i] <= '9')))
        i++;
    if (i == start || i == text.size || text.data[i] != '(')
        return false;
    while (i < text.size && text.data[i] != ')' && text.data[i] != '\n')
        i++;
    return i < text.size && text.data[i] == ')';
}

static bool is_time_word(struct mr_slice text)
{
    static const char *const words[] = {"CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_TIME",
                                        "LOCALTIMESTAMP", "LOCALTIME"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (mr_slice_is(text, words[i]))
            return true;
    }
    return false;
}

/* Debezium reads the defaults of these types and of enums, and of no domain. */
static bool read_by_debezium(const struct mr_column *column, const struct mr_pg_type *type)
{
    static const char *const names[] = {
        "bit",    "varbit", "bool", "bpchar", "varchar",   "text",        "numeric",
        "float4", "float8", "int2", "int4",   "int8",      "json",        "jsonb",
        "xml",    "uuid",   "date", "time",   "timestamp", "timestamptz", "interval"};

    if (type->domain)
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (type->codec->oid != 0 && mr_slice_is(column->native_type, names[i]))
            return true;
    }
    return column->type == MR_TYPE_ENUM;
}

/* numeric(5,2) DEFAULT 1 is 1.00 when it is stored. A number that would have to be rounded is none for Debezium, nor
 * are the infinities, nor is NaN where there is a scale. */
static void to_scale(struct mr_column *column)
{
    struct mr_value *value = &column->default_value;
    int64_t larger;

    if (!column->has_default || value->kind != MR_DECIMAL || column->precision <= 0)
        return;
    while (value->scale < column->scale && !__builtin_mul_overflow(value->i, 10, &larger)) {
        value->i = larger;
        value->scale++;
    }
    while (value->scale > column->scale && value->i % 10 == 0 && value->scale > 0) {
        value->i /= 10;
        value->scale--;
    }
    column->has_default = value->scale <= column->scale;
}

static bool is_special(const struct mr_column *column)
{
    const struct mr_value *value = &column->default_value;
    const char *text = value->p;

    if (value->kind != MR_DECIMAL_TEXT || value->size == 0)
        return false;
    return memchr(text, 'I', value->size) || (text[0] == 'N' && column->precision > 0);
}

/* What it cannot read as "true" is false for Debezium; but for NULL, which is no default. */
static void set_bool(struct mr_column *column, struct mr_slice expression)
{
    if (column->type != MR_TYPE_BOOL ||
        (expression.size >= 4 && memcmp(expression.data, "NULL", 4) == 0))
        return;
    column->default_value = (struct mr_value){.kind = MR_BOOL};
    column->has_default = true;
}

/* The zero of the types for which Debezium publishes one. */
static void set_zero(struct mr_column *column)
{
    static const struct mr_interval no_time = {0, 0, 0};
    struct mr_value zero = {.kind = MR_NULL};

    switch (column->type) {
    case MR_TYPE_BOOL: zero.kind = MR_BOOL; break;
    case MR_TYPE_INT16:
    case MR_TYPE_INT32:
    case MR_TYPE_INT64: zero.kind = MR_INT; break;
    case MR_TYPE_FLOAT32:
    case MR_TYPE_FLOAT64: zero.kind = MR_FLOAT; break;
    case MR_TYPE_DECIMAL:
        zero.kind = MR_DECIMAL;
        zero.scale = column->precision > 0 ? 0 : 1;
        break;
    case MR_TYPE_DATE: zero.kind = MR_DATE; break;
    case MR_TYPE_TIME: zero.kind = MR_TIME; break;
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMPTZ: zero.kind = MR_TIMESTAMP; break;
    case MR_TYPE_INTERVAL:
        zero.kind = MR_INTERVAL;
        zero.interval = &no_time;
        break;
    case MR_TYPE_UUID:
        zero =
            (struct mr_value){.kind = MR_UUID, .size = 16, .p = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"};
        break;
    case MR_TYPE_TEXT:
    case MR_TYPE_XML: zero = (struct mr_value){.kind = MR_TEXT, .p = ""}; break;
    case MR_TYPE_JSON: zero = (struct mr_value){.kind = MR_TEXT, .size = 2, .p = "{}"}; break;
    default: return;
    }
    column->default_value = zero;
    column->has_default = true;
    to_scale(column);
}

void mr_pg_default(struct mr_arena *arena, struct mr_column *column, const struct mr_pg_type *type,
                   struct mr_slice expression)
{
    bool quoted = expression.size > 0 && expression.data[0] == '\'';
    struct mr_slice rest, text;

    if (!read_by_debezium(column, type))
        return;
    if (begins_with_call(expression) || is_time_word(expression)) {
        set_zero(column);
        return;
    }
    text = literal(arena, expression, &rest);
    if (!text.data || !only_casts(rest)) {
        set_bool(column, expression);
        return;
    }
    if (!quoted && mr_slice_is(text, "true"))
        text = (struct mr_slice)MR_SLICE("t");
    else if (!quoted && mr_slice_is(text, "false"))
        text = (struct mr_slice)MR_SLICE("f");
    else if (!quoted && (text.size == 0 || strchr("0123456789-", text.data[0]) == NULL)) {
        set_bool(column, expression);
        return;
    }
    if (quoted && column->type == MR_TYPE_BOOL)
        text.size = text.size > 0;
    column->has_default = type->codec->text(arena, type, text, &column->default_value);
    to_scale(column);
    if (column->has_default && is_special(column))
        column->has_default = false;
}

/* Reading a default expression.
 *
 * pg_get_expr prints a constant in few forms:
 *
 *     42    1.5    true    '-5'::integer    'it''s'::text    '2024-01-01'::date    '{}'::integer[]
 *
 * i.e. one literal, then casts. That literal's text goes through the column's own text reader, so a default is
 * exactly what a row with that text would be. A single function call or one of SQL's words for the time (now(),
 * nextval('s'::regclass), CURRENT_DATE) gives the type's zero, as Debezium has it: its schemas are in everyone's
 * registry. Anything with an operator or a second literal ('a' || 'b') leaves the column without a default: what the
 * database will put in later cannot be known here. E'' strings are not read (the pinned session never prints them for
 * what a column can hold without a backslash). */
#include "connectors/source_postgres/default.h"

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

/* f(...), s.f(...), perhaps with casts behind it, and nothing else. */
static bool is_call(struct mr_slice text)
{
    size_t i = 0, depth = 0;
    bool quoted = false;

    while (i < text.size && (text.data[i] == '_' || text.data[i] == '.' || text.data[i] == '"' ||
                             (text.data[i] >= 'a' && text.data[i] <= 'z') ||
                             (text.data[i] >= '0' && text.data[i] <= '9')))
        i++;
    if (i == 0 || i == text.size || text.data[i] != '(')
        return false;
    for (; i < text.size; i++) {
        if (text.data[i] == '\'')
            quoted = !quoted;
        else if (!quoted && text.data[i] == '(')
            depth++;
        else if (!quoted && text.data[i] == ')' && --depth == 0)
            break;
    }
    return i < text.size && only_casts(mr_slice(text.data + i + 1, text.size - i - 1));
}

static bool is_time_word(struct mr_slice text)
{
    static const char *const words[] = {"CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_TIME",
                                        "LOCALTIMESTAMP", "LOCALTIME"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t size = strlen(words[i]);
        if (text.size >= size && memcmp(text.data, words[i], size) == 0 &&
            (text.size == size || text.data[size] == '(' || text.data[size] == ':'))
            return true;
    }
    return false;
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
    case MR_TYPE_DECIMAL: zero.kind = MR_DECIMAL; break;
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
    default: return;
    }
    column->default_value = zero;
    column->has_default = true;
}

void mr_pg_default(struct mr_arena *arena, struct mr_column *column, const struct mr_pg_type *type,
                   struct mr_slice expression)
{
    bool quoted = expression.size > 0 && expression.data[0] == '\'';
    struct mr_slice rest, text;

    if (is_call(expression) || is_time_word(expression)) {
        set_zero(column);
        return;
    }
    text = literal(arena, expression, &rest);
    if (!text.data || !only_casts(rest))
        return;
    if (!quoted && mr_slice_is(text, "true"))
        text = (struct mr_slice)MR_SLICE("t");
    else if (!quoted && mr_slice_is(text, "false"))
        text = (struct mr_slice)MR_SLICE("f");
    else if (!quoted && (text.size == 0 || strchr("0123456789-", text.data[0]) == NULL))
        return;
    if (column->type == MR_TYPE_ARRAY || column->type == MR_TYPE_OTHER)
        return;
    if (quoted && column->type == MR_TYPE_BOOL)
        text.size = text.size > 0;
    column->has_default = type->codec->text(arena, type, text, &column->default_value);
}

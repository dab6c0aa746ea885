/* Arrays, from their text.
 *
 *     {1,NULL,3}     {"a b","q\"uote",""}     {{1,2},{3,4}}     [0:1][2:3]={{1,2},{3,4}}     {(1,1),(0,0);...}
 *
 * An element is bare or in double quotes with backslash escapes; bare NULL is null. The delimiter is the element
 * type's (';' for box). Sub-arrays of one level have equal sizes, so items stand in row-major order with one
 * size per dimension. Lower bounds other than 1 are read over. A value of more than one dimension also keeps its
 * text, for schemas that have no place for nesting.
 *
 * oidvector and int2vector print their elements with spaces and without braces; an empty one is no text at all.
 *
 * Items are allocated once: an array has at most one element more than it has delimiters. */
#include "connectors/source_postgres/types/decode.h"

#include <string.h>

#define MAX_DIMENSIONS 6

struct walk {
    struct mr_arena *arena;
    const struct mr_pg_type *element;
    const char *at, *end;
    char delimiter;
    struct mr_array *array;
    uint32_t room; /* array->count <= room */
};

/* Unescapes a quoted element; at stands behind the opening quote. */
static bool quoted(struct walk *walk, struct mr_slice *ret_text)
{
    const char *close = walk->at;
    char *out;
    size_t size = 0;

    while (close < walk->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    if (close >= walk->end)
        return false;
    out = mr_arena_alloc(walk->arena, (size_t)(close - walk->at) + 1, 1);
    while (walk->at < close) {
        if (*walk->at == '\\')
            walk->at++;
        out[size++] = *walk->at++;
    }
    walk->at = close + 1;
    *ret_text = mr_slice(out, size);
    return true;
}

static bool element(struct walk *walk)
{
    struct mr_slice text;
    struct mr_value *value;
    const char *start = walk->at;

    if (walk->array->count == walk->room)
        return false;
    value = &walk->array->items[walk->array->count++];
    if (walk->at < walk->end && *walk->at == '"') {
        walk->at++;
        return quoted(walk, &text) &&
               walk->element->codec->text(walk->arena, walk->element, text, value);
    }
    while (walk->at < walk->end && *walk->at != walk->delimiter && *walk->at != '}')
        walk->at++;
    text = mr_slice(start, (size_t)(walk->at - start));
    if (text.size == 0)
        return false;
    if (mr_slice_is(text, "NULL")) {
        *value = (struct mr_value){.kind = MR_NULL};
        return true;
    }
    return walk->element->codec->text(walk->arena, walk->element, text, value);
}

/* One pair of braces and all in it; recursion is bounded by MAX_DIMENSIONS. */
static bool level(struct walk *walk, uint32_t depth)
{
    uint32_t items = 0;

    if (depth == MAX_DIMENSIONS || walk->at == walk->end || *walk->at++ != '{')
        return false;
    if (depth + 1 > walk->array->dimensions)
        walk->array->dimensions = depth + 1;
    for (;;) {
        bool nested = walk->at < walk->end && *walk->at == '{';
        if (nested != (depth + 1 < walk->array->dimensions) &&
            (nested ? walk->array->count > 0 : true))
            return false;
        if (nested ? !level(walk, depth + 1) : !element(walk))
            return false;
        items++;
        if (walk->at == walk->end)
            return false;
        if (*walk->at == '}')
            break;
        if (*walk->at++ != walk->delimiter)
            return false;
    }
    walk->at++;
    if (walk->array->sizes[depth] == 0)
        walk->array->sizes[depth] = items;
    return walk->array->sizes[depth] == items;
}

/* Every delimiter or brace, in quotes or not, may add one element at most. */
static uint32_t most_elements(struct mr_slice bytes, char delimiter)
{
    size_t count = 1;

    for (size_t i = 0; i < bytes.size; i++)
        count += bytes.data[i] == delimiter;
    return count > UINT32_MAX / 16 ? 0 : (uint32_t)count;
}

/* 1 2 3 */
static bool vector(struct walk *walk)
{
    walk->delimiter = ' ';
    walk->array->dimensions = 1;
    while (walk->at < walk->end) {
        if (!element(walk))
            return false;
        if (walk->at < walk->end && *walk->at++ != ' ')
            return false;
    }
    walk->array->sizes[0] = walk->array->count;
    return true;
}

MR_PG_DECODE(mr_pg_array_text)
{
    struct mr_array *array = MR_ARENA_NEW(arena, struct mr_array);
    struct walk walk = {arena,
                        type->element,
                        bytes.data,
                        bytes.data + bytes.size,
                        type->delimiter,
                        array,
                        most_elements(bytes, type->delimiter)};

    *array = (struct mr_array){0};
    *ret_value = (struct mr_value){.kind = MR_ARRAY, .array = array};
    if (bytes.size == 0)
        return true;
    if (*walk.at != '[' && *walk.at != '{') {
        walk.room = most_elements(bytes, ' ');
        array->items = MR_ARENA_ARRAY(arena, struct mr_value, walk.room);
        return vector(&walk);
    }
    if (*walk.at == '[') {
        const char *equals = memchr(walk.at, '=', bytes.size);
        if (!equals)
            return false;
        walk.at = equals + 1;
    }
    if (mr_slice_is(mr_slice(walk.at, (size_t)(walk.end - walk.at)), "{}"))
        return true;
    array->items = MR_ARENA_ARRAY(arena, struct mr_value, walk.room);
    if (!level(&walk, 0) || walk.at != walk.end)
        return false;
    if (array->dimensions > 1)
        array->text = bytes;
    return true;
}

/* A declaration in pieces.
 *
 *     decimal(10,2) unsigned     DECIMAL UNSIGNED     10   2
 *     timestamp(6)               TIMESTAMP             6
 *     enum('a','b')              ENUM                  1
 *
 * Without a declaration the native type stands for it, which has no numbers. The text is the server's own: nothing in
 * it is trusted further than that it ends. */
#include "schema/form/declared.h"

#include <stdio.h>

/* How long a value of labels can be: one for an enum, all of them and their commas for a set. */
static int32_t labels_length(const struct mr_column *column)
{
    size_t length = column->label_count > 0 ? column->label_count - 1 : 0;

    if (column->type == MR_TYPE_ENUM)
        return 1;
    for (uint32_t i = 0; i < column->label_count; i++) {
        for (size_t c = 0; c < column->labels[i].size; c++)
            length += (column->labels[i].data[c] & 0xc0) != 0x80;
    }
    return (int32_t)length;
}

struct mr_declared mr_form_declared(struct mr_arena *arena, const struct mr_column *column)
{
    struct mr_slice text = column->declared.data ? column->declared : column->native_type;
    struct mr_declared declared = {.length = -1, .scale = -1};
    char *name = mr_arena_alloc(arena, text.size + 1, 1), *at = name;
    size_t i = 0;

    for (; i < text.size && text.data[i] != '('; i++)
        *at++ = text.data[i];
    if (i < text.size && sscanf(text.data + i, "(%d,%d)", &declared.length, &declared.scale) < 1)
        declared.length = -1; /* labels */
    while (text.size > i && text.data[text.size - 1] != ')')
        text.size--;
    for (const char *end = column->declared.data + column->declared.size;
         column->declared.data && text.data + text.size < end; text.size++)
        *at++ = text.data[text.size];
    for (char *c = name; c < at; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    declared.name = mr_slice(name, (size_t)(at - name));
    if (column->type == MR_TYPE_ENUM || column->type == MR_TYPE_SET)
        declared.length = labels_length(column);
    return declared;
}

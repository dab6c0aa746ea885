/* Character sets by the numbers of their collations, and what each needs to become UTF-8.
 *
 *     UTF-8 (utf8mb4, utf8mb3, ascii)   the same bytes, looked at
 *     latin1                            windows-1252, whose five holes are the C1 controls (never ISO 8859-1)
 *
 * Whether text is UTF-8 is asked of every value, although the server has looked at it already: text that is not would
 * be refused by every reader behind us. Eight ASCII bytes are looked at at a time. */
#include "connectors/source_mysql/types/charset.h"

#include <string.h>

enum how { AS_IT_IS, ONE_BYTE };

struct mr_my_charset {
    const char *name;
    enum how how;
    uint32_t width;
    const uint16_t *upper; /* ONE_BYTE: of 0x80..0xff */
};

/* 0x80..0x9f of windows-1252 as MySQL has it; above, a byte is its own code point. */
static const uint16_t latin1_upper[128] = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178};

static const struct mr_my_charset utf8mb4 = {"utf8mb4", AS_IT_IS, 4, NULL};
static const struct mr_my_charset utf8mb3 = {"utf8mb3", AS_IT_IS, 3, NULL};
static const struct mr_my_charset ascii = {"ascii", AS_IT_IS, 1, NULL};
static const struct mr_my_charset latin1 = {"latin1", ONE_BYTE, 1, latin1_upper};

/* First and last collation number of a run with one character set. */
static const struct {
    uint16_t first, last;
    const struct mr_my_charset *charset;
} runs[] = {
    {5, 5, &latin1},        {8, 8, &latin1},        {11, 11, &ascii},       {15, 15, &latin1},
    {31, 31, &latin1},      {33, 33, &utf8mb3},     {45, 46, &utf8mb4},     {47, 49, &latin1},
    {65, 65, &ascii},       {76, 76, &utf8mb3},     {83, 83, &utf8mb3},     {94, 94, &latin1},
    {192, 223, &utf8mb3},   {224, 247, &utf8mb4},   {255, 323, &utf8mb4},   {576, 578, &utf8mb3},
    {608, 610, &utf8mb4},   {1057, 1057, &utf8mb3}, {1069, 1070, &utf8mb4}, {2048, 2303, &utf8mb3},
    {2304, 2559, &utf8mb4},
};

const struct mr_my_charset *mr_my_charset_of(uint32_t collation)
{
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        if (collation >= runs[i].first && collation <= runs[i].last)
            return runs[i].charset;
    }
    return NULL;
}

const struct mr_my_charset *mr_my_charset_named(struct mr_slice name)
{
    if (mr_slice_is(name, "utf8"))
        return &utf8mb3;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        if (mr_slice_is(name, runs[i].charset->name))
            return runs[i].charset;
    }
    return NULL;
}

const char *mr_my_charset_name(const struct mr_my_charset *charset)
{
    return charset->name;
}

uint32_t mr_my_charset_width(const struct mr_my_charset *charset)
{
    return charset->width;
}

/* Bytes of the character at `at`, 0 when there is none. */
static size_t sequence(const uint8_t *at, size_t left)
{
    uint8_t first = at[0];
    uint8_t least = 0x80, most = 0xbf;
    size_t size = first < 0x80   ? 1
                  : first < 0xc2 ? 0
                  : first < 0xe0 ? 2
                  : first < 0xf0 ? 3
                  : first < 0xf5 ? 4
                                 : 0;

    if (size > left)
        return 0;
    if (first == 0xe0)
        least = 0xa0;
    else if (first == 0xed)
        most = 0x9f;
    else if (first == 0xf0)
        least = 0x90;
    else if (first == 0xf4)
        most = 0x8f;
    for (size_t i = 1; i < size; i++, least = 0x80, most = 0xbf) {
        if (at[i] < least || at[i] > most)
            return 0;
    }
    return size;
}

static size_t valid_until(struct mr_slice text)
{
    const uint8_t *at = (const uint8_t *)text.data;
    size_t i = 0;

    while (i < text.size) {
        uint64_t eight;
        size_t size;
        if (i + 8 <= text.size) {
            memcpy(&eight, at + i, 8);
            if ((eight & 0x8080808080808080ULL) == 0) {
                i += 8;
                continue;
            }
        }
        size = sequence(at + i, text.size - i);
        if (size == 0)
            break;
        i += size;
    }
    return i;
}

bool mr_my_utf8_valid(struct mr_slice text)
{
    return valid_until(text) == text.size;
}

static char *put(char *out, uint32_t point)
{
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xc0 | point >> 6);
        *out++ = (char)(0x80 | (point & 63));
    } else if (point < 0x10000) {
        *out++ = (char)(0xe0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 63));
        *out++ = (char)(0x80 | (point & 63));
    } else {
        *out++ = (char)(0xf0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 63));
        *out++ = (char)(0x80 | (point >> 6 & 63));
        *out++ = (char)(0x80 | (point & 63));
    }
    return out;
}

static bool all_ascii(struct mr_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] & 0x80)
            return false;
    }
    return true;
}

static struct mr_slice one_byte(const struct mr_my_charset *charset, struct mr_arena *arena,
                                struct mr_slice text)
{
    char *begin = mr_arena_alloc(arena, text.size * 3 + 1, 1), *out = begin;

    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        uint32_t point = byte < 0x80 ? byte : charset->upper[byte - 0x80];
        out = put(out, point ? point : byte);
    }
    return mr_slice(begin, (size_t)(out - begin));
}

bool mr_my_charset_utf8(const struct mr_my_charset *charset, struct mr_arena *arena,
                        struct mr_slice text, struct mr_slice *ret_text)
{
    if (charset->how == ONE_BYTE && !all_ascii(text))
        *ret_text = one_byte(charset, arena, text);
    else if (charset->how == AS_IT_IS && !mr_my_utf8_valid(text))
        return false;
    else
        *ret_text = text;
    return true;
}

struct mr_slice mr_my_charset_replace(const struct mr_my_charset *charset, struct mr_arena *arena,
                                      struct mr_slice text)
{
    char *begin, *out;

    (void)charset;
    begin = out = mr_arena_alloc(arena, text.size * 3 + 1, 1);
    for (size_t i = 0; i < text.size;) {
        size_t size = sequence((const uint8_t *)text.data + i, text.size - i);
        if (size == 0)
            out = put(out, 0xfffd);
        else
            memcpy(out, text.data + i, size), out += size;
        i += size ? size : 1;
    }
    return mr_slice(begin, (size_t)(out - begin));
}

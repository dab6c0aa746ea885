/* Character sets by the numbers of their collations, and what each needs to become UTF-8.
 *
 *     as it is      utf8mb4, utf8mb3, binary (labels): looked at
 *     one byte      a table of the upper half, made by asking the servers (charset_tables.c): latin1 is windows-1252
 *                   whose holes are C1 controls, never ISO 8859-1, and the C library differs in half of the others,
 * too
 *     two bytes     gbk, big5, sjis, ...: a table of 64 KiB that the C library's iconv fills when the set is first
 * met,
 *                   with the few places patched where the servers differ; ujis and eucjpms have a second one behind
 * 8f
 *     four bytes    gb18030: such a table, another of its four-byte codes, and arithmetic above U+FFFF
 *     wide          ucs2, utf16, utf16le, utf32
 *
 * Whether text is UTF-8 is asked of every value, although the server has looked at it already: text that is not would
 * be refused by every reader behind us. Eight ASCII bytes are looked at at a time; ASCII is ASCII in every set but
 * swe7 and the wide ones, so that such text is never copied. */
#include "connectors/source_mysql/types/charset.h"

#include <iconv.h>
#include <pthread.h>
#include <string.h>

#include "connectors/source_mysql/types/charset_tables.h"

enum how { AS_IT_IS, ONE_BYTE, TWO_BYTES, FOUR_BYTES, UCS2, UTF16, UTF16LE, UTF32 };

/* Filled once, when text of the set is first met; never freed. */
struct wide_table {
    pthread_once_t once;
    bool usable;
    uint16_t *two;   /* [lead - 0x80][trail] */
    uint16_t *other; /* behind 8f, likewise; of gb18030: its four-byte codes in order */
};

struct mr_my_charset {
    const char *name;
    enum how how;
    uint32_t width;
    const uint16_t *upper; /* ONE_BYTE; NULL: no characters there */
    const uint16_t *lower; /* NULL: ASCII */
    const char *iconv;     /* the C library's name */
    const struct mr_my_patch *patches;
    bool kana;  /* a byte of a1..df is a character by itself: halfwidth katakana */
    bool third; /* 8f and two bytes are a character */
    struct wide_table *table;
    void (*fill)(void);
};

#define GB18030_CODES 39420
#define REPLACEMENT   0xfffdU

static void fill_table(const struct mr_my_charset *charset);
static const struct mr_my_charset *wide_set(size_t i);

/* pthread_once takes no argument: a function for each set that has a table. */
static struct wide_table tables[9] = {
    {.once = PTHREAD_ONCE_INIT}, {.once = PTHREAD_ONCE_INIT}, {.once = PTHREAD_ONCE_INIT},
    {.once = PTHREAD_ONCE_INIT}, {.once = PTHREAD_ONCE_INIT}, {.once = PTHREAD_ONCE_INIT},
    {.once = PTHREAD_ONCE_INIT}, {.once = PTHREAD_ONCE_INIT}, {.once = PTHREAD_ONCE_INIT}};
#define FILL(i)                                                                                    \
    static void fill_##i(void)                                                                     \
    {                                                                                              \
        fill_table(wide_set(i));                                                                   \
    }
FILL(0)
FILL(1)
FILL(2)
FILL(3)
FILL(4)
FILL(5)
FILL(6)
FILL(7)
FILL(8)

#define ONE(set)                                                                                   \
    {                                                                                              \
        .name = #set, .how = ONE_BYTE, .width = 1, .upper = mr_my_upper_##set                      \
    }
static const struct mr_my_charset sets[] = {
    {.name = "big5",
     .how = TWO_BYTES,
     .width = 2,
     .iconv = "BIG5",
     .patches = mr_my_patches_big5,
     .table = &tables[0],
     .fill = fill_0},
    {.name = "cp932",
     .how = TWO_BYTES,
     .width = 2,
     .iconv = "CP932",
     .kana = true,
     .table = &tables[1],
     .fill = fill_1},
    {.name = "sjis",
     .how = TWO_BYTES,
     .width = 2,
     .iconv = "SJIS",
     .kana = true,
     .patches = mr_my_patches_sjis,
     .table = &tables[2],
     .fill = fill_2},
    {.name = "euckr",
     .how = TWO_BYTES,
     .width = 2,
     .iconv = "UHC",
     .table = &tables[3],
     .fill = fill_3},
    {.name = "gb2312",
     .how = TWO_BYTES,
     .width = 2,
     .iconv = "EUC-CN",
     .table = &tables[4],
     .fill = fill_4},
    {.name = "gbk",
     .how = TWO_BYTES,
     .width = 2,
     .iconv = "GBK",
     .table = &tables[5],
     .fill = fill_5},
    {.name = "ujis",
     .how = TWO_BYTES,
     .width = 3,
     .iconv = "EUC-JP-MS",
     .third = true,
     .patches = mr_my_patches_ujis,
     .table = &tables[6],
     .fill = fill_6},
    {.name = "eucjpms",
     .how = TWO_BYTES,
     .width = 3,
     .iconv = "EUC-JP-MS",
     .third = true,
     .table = &tables[7],
     .fill = fill_7},
    {.name = "gb18030",
     .how = FOUR_BYTES,
     .width = 4,
     .iconv = "GB18030",
     .patches = mr_my_patches_gb18030,
     .table = &tables[8],
     .fill = fill_8},
    {.name = "utf8mb4", .how = AS_IT_IS, .width = 4},
    {.name = "utf8mb3", .how = AS_IT_IS, .width = 3},
    {.name = "binary", .how = AS_IT_IS, .width = 1},
    {.name = "ascii", .how = ONE_BYTE, .width = 1},
    {.name = "swe7", .how = ONE_BYTE, .width = 1, .lower = mr_my_lower_swe7},
    {.name = "ucs2", .how = UCS2, .width = 2},
    {.name = "utf16", .how = UTF16, .width = 4},
    {.name = "utf16le", .how = UTF16LE, .width = 4},
    {.name = "utf32", .how = UTF32, .width = 4},
    ONE(armscii8),
    ONE(cp1250),
    ONE(cp1251),
    ONE(cp1256),
    ONE(cp1257),
    ONE(cp850),
    ONE(cp852),
    ONE(cp866),
    ONE(dec8),
    ONE(geostd8),
    ONE(greek),
    ONE(hebrew),
    ONE(hp8),
    ONE(keybcs2),
    ONE(koi8r),
    ONE(koi8u),
    ONE(latin1),
    ONE(latin2),
    ONE(latin5),
    ONE(latin7),
    ONE(macce),
    ONE(macroman),
    ONE(tis620),
};

static const struct mr_my_charset *wide_set(size_t i)
{
    return &sets[i];
}

const struct mr_my_charset *mr_my_charset_named(struct mr_slice name)
{
    if (mr_slice_is(name, "utf8"))
        name = mr_slice_str("utf8mb3");
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (mr_slice_is(name, sets[i].name))
            return &sets[i];
    }
    return NULL;
}

const struct mr_my_charset *mr_my_charset_of(uint32_t collation)
{
    for (size_t i = 0; mr_my_collation_runs[i].charset; i++) {
        if (collation >= mr_my_collation_runs[i].first && collation <= mr_my_collation_runs[i].last)
            return mr_my_charset_named(mr_slice_str(mr_my_collation_runs[i].charset));
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

/* UTF-8: bytes of the character at `at`, 0 when there is none. */
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

/* Bytes of ASCII that the text begins with. */
static size_t ascii_until(struct mr_slice text, size_t i)
{
    while (i + 8 <= text.size) {
        uint64_t eight;
        memcpy(&eight, text.data + i, 8);
        if (eight & 0x8080808080808080ULL)
            break;
        i += 8;
    }
    while (i < text.size && !(text.data[i] & 0x80))
        i++;
    return i;
}

bool mr_my_utf8_valid(struct mr_slice text)
{
    size_t i = ascii_until(text, 0);

    while (i < text.size) {
        size_t size = sequence((const uint8_t *)text.data + i, text.size - i);
        if (size == 0)
            return false;
        i += size;
        if (i < text.size && !(text.data[i] & 0x80))
            i = ascii_until(text, i);
    }
    return true;
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

/* The C library's code point of one character; 0: none. */
static uint32_t asked(iconv_t library, const uint8_t *bytes, size_t size)
{
    char in[4], out[8];
    char *from = in, *to = out;
    size_t left = size, room = sizeof out;

    memcpy(in, bytes, size);
    (void)iconv(library, NULL, NULL, NULL, NULL);
    if (iconv(library, &from, &left, &to, &room) == (size_t)-1 || left != 0 ||
        room != sizeof out - 4)
        return 0;
    return (uint32_t)(uint8_t)out[0] | (uint32_t)(uint8_t)out[1] << 8 |
           (uint32_t)(uint8_t)out[2] << 16;
}

static void fill_two(iconv_t library, uint16_t *table, bool behind_8f)
{
    for (unsigned lead = 0x80; lead < 0x100; lead++) {
        for (unsigned trail = 0x40; trail < 0x100; trail++) {
            const uint8_t bytes[3] = {0x8f, (uint8_t)lead, (uint8_t)trail};
            uint32_t point = behind_8f ? asked(library, bytes, 3) : asked(library, bytes + 1, 2);
            table[(lead - 0x80) * 256 + trail] = point > 0xffff ? 0 : (uint16_t)point;
        }
    }
}

static uint32_t gb18030_code(uint32_t code)
{
    return (((code >> 24) - 0x81) * 10 + ((code >> 16 & 0xff) - 0x30)) * 1260 +
           ((code >> 8 & 0xff) - 0x81) * 10 + ((code & 0xff) - 0x30);
}

static uint16_t *place(const struct mr_my_charset *charset, uint32_t code)
{
    if (code > 0xffff && charset->how == FOUR_BYTES)
        return &charset->table->other[gb18030_code(code)];
    return &(code > 0xffff
                 ? charset->table->other
                 : charset->table->two)[((code >> 8 & 0xff) - 0x80) * 256 + (code & 0xff)];
}

static void patch(const struct mr_my_charset *charset)
{
    for (const struct mr_my_patch *at = charset->patches; at && at->last != 0; at++) {
        for (uint32_t code = at->first; code <= at->last; code++)
            *place(charset, code) = (uint16_t)(at->point + (code - at->first) * at->step);
    }
}

static void fill_four(iconv_t library, uint16_t *table)
{
    for (unsigned i = 0; i < GB18030_CODES; i++) {
        const uint8_t bytes[4] = {(uint8_t)(0x81 + i / 12600), (uint8_t)(0x30 + i / 1260 % 10),
                                  (uint8_t)(0x81 + i / 10 % 126), (uint8_t)(0x30 + i % 10)};
        uint32_t point = asked(library, bytes, 4);
        table[i] = point > 0xffff ? 0 : (uint16_t)point;
    }
}

static void fill_table(const struct mr_my_charset *charset)
{
    iconv_t library = iconv_open("UTF-32LE", charset->iconv);

    if (library == (iconv_t)-1)
        return;
    charset->table->two = mr_alloc_zero((size_t)128 * 256 * 2);
    fill_two(library, charset->table->two, false);
    if (charset->third) {
        charset->table->other = mr_alloc_zero((size_t)128 * 256 * 2);
        fill_two(library, charset->table->other, true);
    } else if (charset->how == FOUR_BYTES) {
        charset->table->other = mr_alloc_zero((size_t)GB18030_CODES * 2);
        fill_four(library, charset->table->other);
    }
    patch(charset);
    charset->table->usable = true;
    (void)iconv_close(library);
}

/* One character: its bytes (0: none here) and code point. */
static size_t next_two(const struct mr_my_charset *charset, const uint8_t *at, size_t left,
                       uint32_t *ret_point)
{
    const struct wide_table *table = charset->table;

    if (charset->kana && at[0] >= 0xa1 && at[0] <= 0xdf) {
        *ret_point = 0xff61U + at[0] - 0xa1U;
        return 1;
    }
    if (charset->third && at[0] == 0x8f && left >= 3 && at[1] >= 0x80) {
        *ret_point = table->other[(at[1] - 0x80) * 256 + at[2]];
        return *ret_point ? 3 : 0;
    }
    if (left < 2)
        return 0;
    *ret_point = table->two[(at[0] - 0x80) * 256 + at[1]];
    return *ret_point ? 2 : 0;
}

static size_t next_four(const struct mr_my_charset *charset, const uint8_t *at, size_t left,
                        uint32_t *ret_point)
{
    uint32_t code;

    if (left < 2 || at[1] < 0x30 || at[1] > 0x39)
        return next_two(charset, at, left, ret_point);
    if (left < 4 || at[0] < 0x81 || at[2] < 0x81 || at[2] == 0xff || at[3] < 0x30 || at[3] > 0x39)
        return 0;
    code =
        gb18030_code((uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]);
    if (code >= 189000)
        *ret_point = code - 189000 + 0x10000 <= 0x10ffff ? code - 189000 + 0x10000 : 0;
    else
        *ret_point = code < GB18030_CODES ? charset->table->other[code] : 0;
    return *ret_point ? 4 : 0;
}

static size_t next_utf16(const uint8_t *at, size_t left, bool little, bool pairs,
                         uint32_t *ret_point)
{
    uint32_t low,
        unit = left >= 2 ? (little ? at[0] | (uint32_t)at[1] << 8 : (uint32_t)at[0] << 8 | at[1])
                         : 0xdc00;

    *ret_point = unit;
    if (unit < 0xd800 || unit > 0xdfff)
        return 2;
    if (!pairs || unit > 0xdbff || left < 4)
        return 0;
    low = little ? at[2] | (uint32_t)at[3] << 8 : (uint32_t)at[2] << 8 | at[3];
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *ret_point = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    return 4;
}

static size_t next_utf32(const uint8_t *at, size_t left, uint32_t *ret_point)
{
    if (left < 4)
        return 0;
    *ret_point = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    return *ret_point > 0x10ffff || (*ret_point >= 0xd800 && *ret_point <= 0xdfff) ? 0 : 4;
}

static size_t next_one(const struct mr_my_charset *charset, uint8_t byte, uint32_t *ret_point)
{
    *ret_point = byte < 0x80      ? (charset->lower ? charset->lower[byte] : byte)
                 : charset->upper ? charset->upper[byte - 0x80]
                                  : 0;
    return *ret_point || byte == 0 ? 1 : 0;
}

static size_t next(const struct mr_my_charset *charset, const uint8_t *at, size_t left,
                   uint32_t *ret_point)
{
    switch (charset->how) {
    case AS_IT_IS: *ret_point = 0; return sequence(at, left);
    case ONE_BYTE: return next_one(charset, at[0], ret_point);
    case UCS2: return next_utf16(at, left, false, false, ret_point);
    case UTF16: return next_utf16(at, left, false, true, ret_point);
    case UTF16LE: return next_utf16(at, left, true, true, ret_point);
    case UTF32: return next_utf32(at, left, ret_point);
    case TWO_BYTES:
    case FOUR_BYTES: break;
    }
    if (at[0] < 0x80) {
        *ret_point = at[0];
        return 1;
    }
    if (!charset->table->usable)
        return 0;
    return charset->how == FOUR_BYTES ? next_four(charset, at, left, ret_point)
                                      : next_two(charset, at, left, ret_point);
}

static bool narrow(const struct mr_my_charset *charset)
{
    return charset->how < UCS2 && !charset->lower;
}

/* No character of any set takes more than three bytes of UTF-8 for each of its own. */
static bool convert(const struct mr_my_charset *charset, struct mr_arena *arena,
                    struct mr_slice text, bool replace, struct mr_slice *ret_text)
{
    char *begin = mr_arena_alloc(arena, text.size * 3 + 1, 1), *out = begin;

    if (charset->fill)
        (void)pthread_once(&charset->table->once, charset->fill);
    for (size_t i = 0; i < text.size;) {
        uint32_t point = 0;
        size_t size = next(charset, (const uint8_t *)text.data + i, text.size - i, &point);
        if (size == 0 && !replace)
            return false;
        if (size == 0) {
            out = put(out, REPLACEMENT);
        } else if (charset->how == AS_IT_IS) {
            memcpy(out, text.data + i, size);
            out += size;
        } else {
            out = put(out, point);
        }
        i += size ? size : 1;
    }
    *ret_text = mr_slice(begin, (size_t)(out - begin));
    return true;
}

bool mr_my_charset_utf8(const struct mr_my_charset *charset, struct mr_arena *arena,
                        struct mr_slice text, struct mr_slice *ret_text)
{
    if (charset->how == AS_IT_IS ? mr_my_utf8_valid(text)
                                 : narrow(charset) && ascii_until(text, 0) == text.size) {
        *ret_text = text;
        return true;
    }
    return charset->how != AS_IT_IS && convert(charset, arena, text, false, ret_text);
}

struct mr_slice mr_my_charset_replace(const struct mr_my_charset *charset, struct mr_arena *arena,
                                      struct mr_slice text)
{
    struct mr_slice utf8 = {NULL, 0};

    (void)convert(charset, arena, text, true, &utf8);
    return utf8;
}

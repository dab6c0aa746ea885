/* Text of each character set as MySQL 9.7 and MariaDB 10.11 convert it; the places where the C library says otherwise
 * are among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/source_mysql/types/charset.h"
#include "test/connector/source_mysql/wire.h"

static const struct {
    const char *set, *hex, *utf8;
} texts[] = {
    {"utf8mb4", "61c3a9f09f9880", "aé😀"},
    {"utf8mb3", "61c3a9", "aé"},
    {"utf8", "61c3a9", "aé"},
    {"ascii", "7e", "~"},
    {"latin1", "80e99f", "€éŸ"},
    {"latin1", "81", "\xc2\x81"},
    {"latin2", "b1", "ą"},
    {"latin5", "f0", "ğ"},
    {"latin7", "e0", "ą"},
    {"cp1250", "8a", "Š"},
    {"cp1251", "cff0", "Пр"},
    {"cp1256", "c7", "ا"},
    {"cp1257", "e0", "ą"},
    {"cp850", "82", "é"},
    {"cp852", "a5", "ą"},
    {"cp866", "8f", "П"},
    {"koi8r", "f0d2", "Пр"},
    {"koi8u", "a4", "є"},
    {"greek", "e1", "α"},
    {"hebrew", "e0", "א"},
    {"hp8", "c5", "é"},
    {"dec8", "e9", "é"},
    {"swe7", "415b5d60", "AÄÅé"},
    {"macce", "88", "ą"},
    {"macroman", "8e", "é"},
    {"keybcs2", "82", "é"},
    {"armscii8", "b2", "Ա"},
    {"geostd8", "c0", "ა"},
    {"tis620", "a1", "ก"},
    {"gbk", "d6d0b9fa", "中国"},
    {"gb2312", "d6d0", "中"},
    {"gb18030", "d6d08130813095328239", "中\xc2\x80\xf0\xa0\x80\x83"},
    {"gb18030", "a6d9fe5182359037", "\xee\x9e\x8d\xee\xa0\x96\xe9\xbe\xb4"},
    {"big5", "a4a4b0ea", "中國"},
    {"big5", "a145", "•"},
    {"big5", "c7b3", "Ё"},
    {"sjis", "93fa967b5cb1815f", "日本\\ｱ\\"},
    {"cp932", "93fa815fb1", "日＼ｱ"},
    {"ujis", "c6fccbdc8eb1a1c0", "日本ｱ\\"},
    {"ujis", "8fb0a1", "丂"},
    {"eucjpms", "c6fca1c0ada1", "日＼①"},
    {"euckr", "c7d1b1db", "한글"},
    {"ucs2", "00e94e2d", "é中"},
    {"utf16", "00e9d83dde00", "é😀"},
    {"utf16le", "e9003dd800de", "é😀"},
    {"utf32", "000000e90001f600", "é😀"},
};

static const struct {
    const char *set, *hex, *replaced;
} wrong[] = {
    {"utf8mb4", "61ff62",
     "a\xef\xbf\xbd"
     "b"},
    {"utf8mb4", "eda080", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"utf8mb4", "c080", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"utf8mb4", "f4908080", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"ascii", "e9", "\xef\xbf\xbd"},
    {"cp1250", "81", "\xef\xbf\xbd"},
    {"gbk", "d6", "\xef\xbf\xbd"},
    {"big5", "f9dd", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"ujis", "ada1", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"utf16", "d83d0041", "\xef\xbf\xbd\xe3\xb4\x80\xef\xbf\xbd"},
    {"utf32", "00110000", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
};

static void as_the_servers_do(void **state)
{
    struct mr_arena arena;

    (void)state;
    mr_arena_init(&arena, 65536, 65536);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct mr_my_charset *charset = mr_my_charset_named(mr_slice_str(texts[i].set));
        struct mr_slice utf8 = {0};
        if (!charset || !mr_my_charset_utf8(charset, &arena, wire_hex(&arena, texts[i].hex), &utf8))
            fail_msg("%s: %s is refused", texts[i].set, texts[i].hex);
        if (!mr_slice_is(utf8, texts[i].utf8))
            fail_msg("%s: %.*s instead of %s", texts[i].set, MR_SLICE_ARG(utf8), texts[i].utf8);
    }
    mr_arena_done(&arena);
}

static void bytes_that_are_no_characters(void **state)
{
    struct mr_arena arena;

    (void)state;
    mr_arena_init(&arena, 65536, 65536);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct mr_my_charset *charset = mr_my_charset_named(mr_slice_str(wrong[i].set));
        struct mr_slice bytes = wire_hex(&arena, wrong[i].hex), utf8;
        if (mr_my_charset_utf8(charset, &arena, bytes, &utf8))
            fail_msg("%s: %s was taken", wrong[i].set, wrong[i].hex);
        utf8 = mr_my_charset_replace(charset, &arena, bytes);
        if (!mr_slice_is(utf8, wrong[i].replaced))
            fail_msg("%s: %s becomes \"%.*s\"", wrong[i].set, wrong[i].hex, MR_SLICE_ARG(utf8));
    }
    mr_arena_done(&arena);
}

static void collations(void **state)
{
    static const struct {
        uint32_t collation;
        const char *set;
    } cases[] = {{8, "latin1"},  {33, "utf8mb3"},  {45, "utf8mb4"},   {46, "utf8mb4"},
                 {47, "latin1"}, {63, "binary"},   {255, "utf8mb4"},  {2304, "utf8mb4"},
                 {2560, "ucs2"}, {248, "gb18030"}, {1069, "utf8mb4"}, {28, "gbk"},
                 {97, "eucjpms"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct mr_my_charset *charset = mr_my_charset_of(cases[i].collation);
        assert_non_null(charset);
        assert_string_equal(mr_my_charset_name(charset), cases[i].set);
    }
    assert_null(mr_my_charset_of(0));
    assert_null(mr_my_charset_of(65535));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_servers_do),
        cmocka_unit_test(bytes_that_are_no_characters),
        cmocka_unit_test(collations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Binary JSON as MySQL 9.7 stores it, its text as that server prints it, and documents that are damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/source_mysql/types/json.h"
#include "connectors/source_mysql/types/json_patch.h"
#include "test/connector/source_mysql/wire.h"

/* {"a": 1, "b": [1, 70000, "x"], "c": null, "d": 1.5} */
#define DOCUMENT                                                                                   \
    "00 0400 3f00 2000 0100 2100 0100 2200 0100 2300 0100 05 0100 02 2400 04 0000 0b 3700 61 62 "  \
    "63 64 0300 1300 05 0100 "                                                                     \
    "07 0d00 0c 1100 70110100 0178 000000000000f83f"

static const struct {
    const char *hex, *text, *compact;
} values[] = {
    {"", "null", "null"},
    {DOCUMENT, "{\"a\": 1, \"b\": [1, 70000, \"x\"], \"c\": null, \"d\": 1.5}",
     "{\"a\":1,\"b\":[1,70000,\"x\"],\"c\":null,\"d\":1.5}"},
    {"04 01", "true", "true"},
    {"05 ffff", "-1", "-1"},
    {"06 ffff", "65535", "65535"},
    {"0a ffffffffffffffff", "18446744073709551615", "18446744073709551615"},
    {"09 0000000000000080", "-9223372036854775808", "-9223372036854775808"},
    {"0b 000000000000f03f", "1.0", "1.0"},
    {"0b 0000000000000080", "-0.0", "-0.0"},
    {"0b 00003426f56b0c43", "1e15", "1e15"},
    {"0b 355800662deb417e", "1.5e300", "1.5e300"},
    /* An update in place has left five bytes that nothing points to. */
    {"0c 0178 2222222222", "\"x\"", "\"x\""},
    {"0c 03 22 5c 01", "\"\\\"\\\\\\u0001\"", "\"\\\"\\\\\\u0001\""},
    {"0f f6 05 0602 84d22d", "1234.45", "1234.45"},
    {"0f 0b 08 e05ef84737ffffff", "\"-12:34:56.500000\"", "\"-12:34:56.500000\""},
    {"0f 0f 02 00ff", "\"base64:type15:AP8=\"", "\"base64:type15:AP8=\""},
    {"02 0000 0400", "[]", "[]"},
    {"00 0000 0400", "{}", "{}"},
};

static void texts(void **state)
{
    struct mr_value value;
    struct mr_arena arena;

    (void)state;
    mr_arena_init(&arena, 4096, 4096);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct mr_slice bytes = wire_hex(&arena, values[i].hex);
        if (!mr_my_json_value(bytes, false, &arena, &value))
            fail_msg("%s is refused", values[i].text);
        if (!mr_slice_is(mr_value_slice(&value), values[i].text))
            fail_msg("%.*s instead of %s", (int)value.size, value.p, values[i].text);
        assert_true(mr_my_json_value(bytes, true, &arena, &value));
        assert_true(mr_slice_is(mr_value_slice(&value), values[i].compact));
    }
    mr_arena_done(&arena);
}

/* Whatever is cut off: never read beyond, never taken for another document of the same text. */
static void cut_short(void **state)
{
    struct mr_arena arena;
    struct mr_value value;
    struct mr_slice bytes;

    (void)state;
    mr_arena_init(&arena, 4096, 4096);
    bytes = wire_hex(&arena, DOCUMENT);
    for (size_t size = 1; size < bytes.size; size++)
        assert_false(mr_my_json_value(mr_slice(bytes.data, size), false, &arena, &value));
    mr_arena_done(&arena);
}

static void damaged(void **state)
{
    static const char *const documents[] = {
        "04 03",                          /* a literal that is none */
        "0d 00",                          /* a type that is none */
        "02 0100 0700 02 0000",           /* an array that holds itself */
        "02 0200 0a00 02 0000 02 0000",   /* twice */
        "02 ffff ffff",                   /* a count beyond its bytes */
        "02 0100 0700 0c ffff",           /* an offset beyond its container */
        "00 0100 0b00 ffff 0100 04 0000", /* a key there */
        "0c ff ff ff ff 7f 61",           /* a length beyond its bytes */
        "0c 01 ff",                       /* no UTF-8 */
        "0b 000000000000f07f",            /* infinity */
        "0f f6 03 0602 80",               /* a decimal too short */
        "0f 0c 04 00000000",              /* a time too short */
    };
    struct mr_arena arena;
    struct mr_value value;

    (void)state;
    mr_arena_init(&arena, 4096, 4096);
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        if (mr_my_json_value(wire_hex(&arena, documents[i]), false, &arena, &value))
            fail_msg("%s became %.*s", documents[i], (int)value.size, value.p);
    }
    mr_arena_done(&arena);
}

/* Diffs as they stand in PARTIAL_UPDATE_ROWS, after their length. */
static void patches(void **state)
{
    static const struct {
        const char *diffs, *text;
    } cases[] = {
        {"", "{\"a\":1,\"b\":[1,70000,\"x\"],\"c\":null,\"d\":1.5}"},
        {"00 03 242e61 03 050200", "{\"a\":2,\"b\":[1,70000,\"x\"],\"c\":null,\"d\":1.5}"},
        {"01 03 242e65 05 0c036e6577",
         "{\"a\":1,\"b\":[1,70000,\"x\"],\"c\":null,\"d\":1.5,\"e\":\"new\"}"},
        {"01 03 242e30 03 050200", "{\"0\":2,\"a\":1,\"b\":[1,70000,\"x\"],\"c\":null,\"d\":1.5}"},
        {"02 03 242e62", "{\"a\":1,\"c\":null,\"d\":1.5}"},
        {"02 06 242e625b315d", "{\"a\":1,\"b\":[1,\"x\"],\"c\":null,\"d\":1.5}"},
        {"01 06 242e625b315d 02 0401", "{\"a\":1,\"b\":[1,true,70000,\"x\"],\"c\":null,\"d\":1.5}"},
        {"01 06 242e625b395d 02 0401", "{\"a\":1,\"b\":[1,70000,\"x\",true],\"c\":null,\"d\":1.5}"},
        {"00 06 242e625b305d 05 0200000400 00 09 242e625b305d2e78 02 0401", NULL},
        {"00 06 242e625b305d 05 0000000400 01 08 242e625b305d2e78 02 0401",
         "{\"a\":1,\"b\":[{\"x\":true},70000,\"x\"],\"c\":null,\"d\":1.5}"},
        {"00 01 24 02 0402", "false"},
        {"01 07 242e2278222279 02 0401", NULL},
        {"01 08 242e227820792200 02 0401", NULL},
        {"01 07 242e2278207922 02 0401",
         "{\"a\":1,\"b\":[1,70000,\"x\"],\"c\":null,\"d\":1.5,\"x y\":true}"},
        {"01 03 242e61 02 0401", NULL}, /* it is there */
        {"00 03 242e65 02 0401", NULL}, /* it is not */
        {"02 06 242e615b305d", NULL},   /* leads through a number */
        {"02 06 242e625b335d", NULL},
        {"03 03 242e61", NULL},
        {"00 03 242e61", NULL},
        {"00 7f 242e61", NULL},
    };
    struct mr_arena arena;
    struct mr_value value;

    (void)state;
    mr_arena_init(&arena, 4096, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool fine = mr_my_json_patched(wire_hex(&arena, DOCUMENT), wire_hex(&arena, cases[i].diffs),
                                       true, &arena, &value);
        if (fine != (cases[i].text != NULL) ||
            (fine && !mr_slice_is(mr_value_slice(&value), cases[i].text)))
            fail_msg("%s: %.*s", cases[i].diffs, fine ? (int)value.size : 7,
                     fine ? value.p : "refused");
    }
    mr_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(damaged),
        cmocka_unit_test(patches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

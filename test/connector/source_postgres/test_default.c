/* Which default expressions become defaults in schemas, and as what: as recorded from Debezium. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "connectors/source_postgres/types/default.h"

#define NONE "(none)"

/* pg_get_expr's text, and the default: its text, or its number. */
static const struct {
    uint32_t oid;
    const char *expression, *wanted;
} constants[] = {
    {23, "42", "42"},
    {23, "'-5'::integer", "-5"},
    {23, "(1 + 2)", NONE},
    {21, "(5)::smallint", NONE},
    {16, "true", "1"},
    {16, "(1 = 1)", "0"},
    {16, "(NOT true)", "0"},
    {16, "(1)::boolean", "0"},
    {16, "NULL::boolean", NONE},
    {25, "'it''s'::text", "it's"},
    {25, "('a'::text || 'b'::text)", NONE},
    {25, "CURRENT_USER", NONE},
    {25, "upper('x'::text)", ""},
    {1043, "(f())::text", ""},
    {142, "xmlcomment('x'::text)", ""},
    {3802, "'[]'::jsonb", "[]"},
    {1114, "'1970-01-01 00:00:01'::timestamp without time zone", "1000000"},
    /* what begins with a call is a call, whatever follows */
    {20, "nextval('s'::regclass)", "0"},
    {23, "f()", "0"},
    {23, "(f() + 1)", "0"},
    {23, "COALESCE(NULL::integer, 5)", "0"},
    {23, "\"My Fn\"()", NONE},
    {1114, "now()", "0"},
    {1114, "(now() AT TIME ZONE 'utc'::text)", "0"},
    {1114, "timezone('utc'::text, now())", "0"},
    {1184, "(now() + '1 day'::interval)", "0"},
    {1184, "CURRENT_TIMESTAMP", "0"},
    {1184, "CURRENT_TIMESTAMP(3)", "0"},
    {1184, "(CURRENT_TIMESTAMP + '1 day'::interval)", NONE},
    {1082, "(now())::date", "0"},
    {3802, "jsonb_build_object('a', 1)", "{}"},
    /* types whose defaults Debezium does not read */
    {26, "5", NONE},
    {18, "'c'::\"char\"", NONE},
    {19, "'nm'::name", NONE},
    {869, "'1.2.3.4'::inet", NONE},
    {3614, "'''a'''::tsvector", NONE},
    {1266, "'01:02:00+02'::time with time zone", NONE},
};

static void check(struct mr_pg_type *type, const char *native, const char *expression,
                  const char *wanted)
{
    struct mr_column column = {.type = type->codec->type, .native_type = mr_slice_str(native)};
    struct mr_arena arena;
    char text[64] = NONE;

    mr_arena_init(&arena, 4096, 0);
    mr_pg_default(&arena, &column, type, mr_slice_str(expression));
    if (column.has_default && column.default_value.kind == MR_TEXT)
        snprintf(text, sizeof(text), "%.*s", MR_SLICE_ARG(mr_value_slice(&column.default_value)));
    else if (column.has_default)
        snprintf(text, sizeof(text), "%lld", (long long)column.default_value.i);
    if (strcmp(text, wanted) != 0)
        fail_msg("%s default %s: %s and not %s", native, expression, text, wanted);
    mr_arena_done(&arena);
}

static void expressions_are_defaults_as_debezium_has_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
        struct mr_pg_type type = {.codec = mr_pg_codec_by_oid(constants[i].oid), .delimiter = ','};
        check(&type, type.codec->name, constants[i].expression, constants[i].wanted);
    }
}

static void numbers_have_the_declared_scale(void **state)
{
    static const struct {
        const char *expression;
        int64_t unscaled;
        int precision, scale, wanted;
    } cases[] = {
        {"1", 100, 5, 2, 2},
        {"'-1'::integer", -100, 5, 2, 2},
        {"12.3400", 1234, 5, 2, 2},
        {"f()", 0, 5, 2, 2},
        {"f()", 0, 0, 0, 1},
        {"5", 5, 0, 0, 0},
        {"'-5.50'::numeric", -550, 0, 0, 2},
        /* would have to be rounded: none */
        {"1.005", 0, 5, 2, -1},
        {"3.7", 0, 10, 0, -1},
        {"'NaN'::numeric", 0, 5, 2, -1},
        {"'-Infinity'::numeric", 0, 0, 0, -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_pg_type type = {.codec = mr_pg_codec_by_oid(1700), .delimiter = ','};
        struct mr_column column = {.type = MR_TYPE_DECIMAL,
                                   .native_type = mr_slice_str("numeric"),
                                   .precision = cases[i].precision,
                                   .scale = cases[i].scale};
        struct mr_arena arena;

        mr_arena_init(&arena, 4096, 0);
        mr_pg_default(&arena, &column, &type, mr_slice_str(cases[i].expression));
        assert_int_equal(column.has_default, cases[i].wanted >= 0);
        if (column.has_default) {
            assert_int_equal(column.default_value.i, cases[i].unscaled);
            assert_int_equal(column.default_value.scale, cases[i].wanted);
        }
        mr_arena_done(&arena);
    }
}

static void domains_have_none(void **state)
{
    struct mr_pg_type type = {.codec = mr_pg_codec_by_oid(23), .domain = true, .delimiter = ','};

    (void)state;
    check(&type, "d_int", "7", NONE);
    check(&type, "int4", "7", NONE);
    type.codec = &mr_pg_codec_enum;
    type.domain = true;
    check(&type, "d_mood", "'ok'::mood", NONE);
}

static void types_of_extensions_have_none(void **state)
{
    static const char *const names[] = {"citext", "ltree", "hstore"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct mr_pg_type type = {.codec = mr_pg_codec_by_name(mr_slice_str(names[i])),
                                  .delimiter = ','};
        check(&type, names[i], "'a'::text", NONE);
    }
}

static void enums_have_theirs(void **state)
{
    struct mr_pg_type type = {.codec = &mr_pg_codec_enum, .delimiter = ','};

    (void)state;
    check(&type, "mood", "'ok'::mood", "ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_are_defaults_as_debezium_has_them),
        cmocka_unit_test(numbers_have_the_declared_scale),
        cmocka_unit_test(domains_have_none),
        cmocka_unit_test(types_of_extensions_have_none),
        cmocka_unit_test(enums_have_theirs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

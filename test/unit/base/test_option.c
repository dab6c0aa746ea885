/* Scalars against their option: every type, every fault, and what is said to be expected. */
#include "base/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/suggest.h"

struct settings {
    bool flag;
    int64_t number, size, duration;
    const char *text;
    int choice;
    struct mr_option_list list;
    struct {
        int64_t inner;
    } group;
};

static const char *const choices[] = {"initial", "no_data", NULL};
static const struct mr_option inner[] = {{.key = "inner", .type = MR_OPTION_INT, .standard = "7"},
                                         {0}};
static const struct mr_option options[] = {
    {.key = "flag",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(struct settings, flag),
     .standard = "true"},
    {.key = "number",
     .type = MR_OPTION_INT,
     .offset = offsetof(struct settings, number),
     .min = 1,
     .max = 65535},
    {.key = "size",
     .type = MR_OPTION_SIZE,
     .offset = offsetof(struct settings, size),
     .min = 1024,
     .max = 1 << 30},
    {.key = "duration", .type = MR_OPTION_DURATION, .offset = offsetof(struct settings, duration)},
    {.key = "text",
     .type = MR_OPTION_STRING,
     .offset = offsetof(struct settings, text),
     .standard = "x"},
    {.key = "choice",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct settings, choice),
     .choices = choices,
     .standard = "no_data"},
    {.key = "list",
     .type = MR_OPTION_LIST,
     .offset = offsetof(struct settings, list),
     .standard = "[a, b]"},
    {.key = "group",
     .type = MR_OPTION_GROUP,
     .offset = offsetof(struct settings, group),
     .group = inner},
    {0}};

static void numbers_and_units(void **state)
{
    static const struct {
        const char *key, *text;
        enum mr_option_fault fault;
        int64_t value;
    } cases[] = {
        {"number", "1", MR_OPTION_OK, 1},
        {"number", "012", MR_OPTION_OK, 12},
        {"number", "65536", MR_OPTION_FAULT_RANGE, 0},
        {"number", "0", MR_OPTION_FAULT_RANGE, 0},
        {"number", "-1", MR_OPTION_FAULT_RANGE, 0},
        {"number", "1e3", MR_OPTION_FAULT_TYPE, 0},
        {"number", "", MR_OPTION_FAULT_TYPE, 0},
        {"number", "-", MR_OPTION_FAULT_TYPE, 0},
        {"number", " 1", MR_OPTION_FAULT_TYPE, 0},
        {"number", "99999999999999999999", MR_OPTION_FAULT_RANGE, 0},
        {"number", "99999999999999999999x", MR_OPTION_FAULT_TYPE, 0},
        {"size", "64MiB", MR_OPTION_OK, 64 << 20},
        {"size", "1.5KiB", MR_OPTION_OK, 1536},
        {"size", "2kB", MR_OPTION_OK, 2000},
        {"size", "1500B", MR_OPTION_OK, 1500},
        {"size", "64", MR_OPTION_FAULT_UNIT, 0},
        {"size", "0", MR_OPTION_FAULT_UNIT, 0},
        {"size", "64MB ", MR_OPTION_FAULT_TYPE, 0},
        {"size", "64 MiB", MR_OPTION_FAULT_TYPE, 0},
        {"size", "64mib", MR_OPTION_FAULT_TYPE, 0},
        {"size", "0.1B", MR_OPTION_FAULT_TYPE, 0},
        {"size", "2GiB", MR_OPTION_FAULT_RANGE, 0},
        {"size", "9999999999TiB", MR_OPTION_FAULT_RANGE, 0},
        {"duration", "10s", MR_OPTION_OK, 10000000000LL},
        {"duration", "1.5s", MR_OPTION_OK, 1500000000LL},
        {"duration", "250us", MR_OPTION_OK, 250000LL},
        {"duration", "0", MR_OPTION_OK, 0},
        {"duration", "1d", MR_OPTION_OK, 86400000000000LL},
        {"duration", "10", MR_OPTION_FAULT_UNIT, 0},
        {"duration", "10sec", MR_OPTION_FAULT_TYPE, 0},
        {"duration", ".5s", MR_OPTION_FAULT_TYPE, 0},
        {"duration", "5.s", MR_OPTION_FAULT_TYPE, 0},
        {"duration", "999999999999d", MR_OPTION_FAULT_RANGE, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct settings settings = {.number = -9, .size = -9, .duration = -9};
        const struct mr_option *option = mr_option_find(options, cases[i].key);
        int64_t *field = (int64_t *)(void *)((char *)&settings + option->offset);
        enum mr_option_fault fault = mr_option_set(option, cases[i].text, &settings);
        if (fault != cases[i].fault)
            fail_msg("%s %s: fault %d", cases[i].key, cases[i].text, fault);
        assert_int_equal(*field, fault == MR_OPTION_OK ? cases[i].value : -9);
    }
}

static void words(void **state)
{
    struct settings settings = {0};

    (void)state;
    assert_int_equal(mr_option_set(&options[0], "true", &settings), MR_OPTION_OK);
    assert_true(settings.flag);
    assert_int_equal(mr_option_set(&options[0], "yes", &settings), MR_OPTION_FAULT_TYPE);
    assert_int_equal(mr_option_set(&options[0], "False", &settings), MR_OPTION_FAULT_TYPE);
    assert_int_equal(mr_option_set(&options[5], "no_data", &settings), MR_OPTION_OK);
    assert_int_equal(settings.choice, 1);
    assert_int_equal(mr_option_set(&options[5], "never", &settings), MR_OPTION_FAULT_CHOICE);
    assert_null(mr_option_find(options, "nothing"));
}

static void defaults(void **state)
{
    struct settings settings = {0};
    struct mr_arena arena;

    (void)state;
    mr_arena_init(&arena, 1024, 0);
    mr_option_defaults(options, &settings, &arena);
    assert_true(settings.flag);
    assert_int_equal(settings.number, 0);
    assert_string_equal(settings.text, "x");
    assert_int_equal(settings.choice, 1);
    assert_int_equal(settings.list.count, 2);
    assert_string_equal(settings.list.items[0], "a");
    assert_string_equal(settings.list.items[1], "b");
    assert_int_equal(settings.group.inner, 7);
    mr_arena_done(&arena);
}

static void expectations(void **state)
{
    static const char *const wanted[] = {"true or false",
                                         "an integer from 1 to 65535",
                                         "a size with a unit, such as 64MiB, from 1KiB to 1GiB",
                                         "a duration with a unit, such as 10s or 500ms",
                                         "a text",
                                         "one of initial, no_data",
                                         "a list",
                                         "a mapping"};
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        mr_option_expected(&options[i], text, sizeof(text));
        assert_string_equal(text, wanted[i]);
    }
}

static void formats(void **state)
{
    static const struct {
        enum mr_option_type type;
        int64_t value;
        const char *text;
    } cases[] = {
        {MR_OPTION_SIZE, 64 << 20, "64MiB"},
        {MR_OPTION_SIZE, 2000000, "2MB"},
        {MR_OPTION_SIZE, 1500, "1500B"},
        {MR_OPTION_SIZE, 0, "0B"},
        {MR_OPTION_DURATION, 0, "0"},
        {MR_OPTION_DURATION, 90000000000LL, "90s"},
        {MR_OPTION_DURATION, 1500000000LL, "1500ms"},
        {MR_OPTION_INT, -3, "-3"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        mr_option_format(cases[i].type, cases[i].value, text, sizeof(text));
        assert_string_equal(text, cases[i].text);
    }
}

static const char *nearest(const char *wanted)
{
    static const char *const names[] = {"source",   "sink", "topic", "tables",
                                        "password", "slot", "dsn"};
    struct mr_suggest suggest = mr_suggest(wanted);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        mr_suggest_offer(&suggest, names[i]);
    return suggest.best ? suggest.best : "";
}

static void suggestions(void **state)
{
    (void)state;
    assert_string_equal(nearest("pasword"), "password");
    assert_string_equal(nearest("passwrod"), "password");
    assert_string_equal(nearest("Table"), "tables");
    assert_string_equal(nearest("snik"), "sink");
    assert_string_equal(nearest("dns"), "dsn");
    assert_string_equal(nearest("colour"), "");
    assert_string_equal(nearest(""), "");
    assert_string_equal(
        nearest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_units), cmocka_unit_test(words),
        cmocka_unit_test(defaults),          cmocka_unit_test(expectations),
        cmocka_unit_test(formats),           cmocka_unit_test(suggestions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

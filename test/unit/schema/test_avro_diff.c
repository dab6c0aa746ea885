/* Each change of a column under each level: what is found, and that it is said in the column's name, once. */
#include "schema/avro/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A row inside an envelope, as Debezium has it: described in before, named in after. */
static struct mr_slice envelope(char *room, const char *fields)
{
    int size = snprintf(
        room, 4096,
        "{\"type\":\"record\",\"name\":\"Envelope\",\"namespace\":\"s.public.t\",\"fields\":["
        "{\"name\":\"before\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Value\","
        "\"fields\":[%s]}],\"default\":null},"
        "{\"name\":\"after\",\"type\":[\"null\",\"Value\"],\"default\":null},"
        "{\"name\":\"op\",\"type\":\"string\"}]}",
        fields);
    return mr_slice(room, (size_t)size);
}

#define ID                   "{\"name\":\"id\",\"type\":\"int\"}"
#define OPTIONAL(name, type) "{\"name\":\"" name "\",\"type\":[\"null\"," type "],\"default\":null}"
#define REQUIRED(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define DECIMAL              "{\"type\":\"bytes\",\"scale\":2,\"precision\":10,\"logicalType\":\"decimal\"}"

static void each_change_under_each_level(void **state)
{
    static const struct {
        const char *old_fields, *new_fields;
        const char *backward, *forward; /* part of the finding; NULL: compatible */
    } cases[] = {
        {ID, ID, NULL, NULL},
        {ID, ID "," OPTIONAL("a", "\"string\""), NULL, NULL},
        {ID, ID "," REQUIRED("a", "\"string\""), "column a is new and has no default", NULL},
        {ID "," OPTIONAL("a", "\"string\""), ID, NULL, NULL},
        {ID "," REQUIRED("a", "\"string\""), ID, NULL, "column a is gone (or renamed)"},
        {ID "," REQUIRED("a", "\"int\""), ID "," REQUIRED("a", "\"long\""), NULL,
         "column a changed its type from int to long"},
        {ID "," REQUIRED("a", "\"long\""), ID "," REQUIRED("a", "\"int\""),
         "column a changed its type from long to int", NULL},
        {ID "," REQUIRED("a", "\"int\""), ID "," REQUIRED("a", "\"string\""),
         "column a changed its type from int to string",
         "column a changed its type from int to string"},
        {ID "," OPTIONAL("a", "\"int\""), ID "," REQUIRED("a", "\"int\""),
         "column a became NOT NULL", NULL},
        {ID "," REQUIRED("a", "\"int\""), ID "," OPTIONAL("a", "\"int\""), NULL,
         "column a may now be NULL"},
        {ID "," OPTIONAL("a", DECIMAL), ID "," OPTIONAL("a", "\"string\""), NULL, NULL},
        {ID "," REQUIRED("a", "{\"type\":\"array\",\"items\":[\"null\",\"int\"]}"),
         ID "," REQUIRED("a", "{\"type\":\"array\",\"items\":[\"null\",\"string\"]}"),
         "column a changed its type from int to string",
         "column a changed its type from int to string"},
        {ID, REQUIRED("key", "\"int\""), "column key is new", "column id is gone"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const levels[] = {"BACKWARD", "FORWARD_TRANSITIVE", "FULL", "NONE"};
        char old_room[4096], new_room[4096];
        struct mr_slice old_schema = envelope(old_room, cases[i].old_fields);
        struct mr_slice new_schema = envelope(new_room, cases[i].new_fields);

        for (size_t level = 0; level < 4; level++) {
            const char *backward = level == 0 || level == 2 ? cases[i].backward : NULL;
            const char *forward = level == 1 || level == 2 ? cases[i].forward : NULL;
            struct mr_buf text;
            size_t found;

            mr_buf_init(&text, 1 << 16);
            found = mr_avro_diff(old_schema, new_schema, levels[level], &text);
            if ((found > 0) != (backward || forward))
                fail_msg("case %zu, %s: %zu findings: %s", i, levels[level], found,
                         mr_buf_cstr(&text));
            if (backward && !strstr(mr_buf_cstr(&text), backward))
                fail_msg("case %zu, %s: %s", i, levels[level], mr_buf_cstr(&text));
            if (forward && !strstr(mr_buf_cstr(&text), forward))
                fail_msg("case %zu, %s: %s", i, levels[level], mr_buf_cstr(&text));
            mr_buf_done(&text);
        }
    }
}

/* The row stands in before and in after: one column, one finding. */
static void a_column_is_named_once(void **state)
{
    char old_room[4096], new_room[4096];
    struct mr_buf text;

    (void)state;
    mr_buf_init(&text, 1 << 16);
    assert_int_equal(mr_avro_diff(envelope(old_room, ID "," REQUIRED("a", "\"long\"")),
                                  envelope(new_room, ID "," REQUIRED("a", "\"int\"")), "BACKWARD",
                                  &text),
                     1);
    assert_null(strstr(strstr(mr_buf_cstr(&text), "column a") + 1, "column a"));
    mr_buf_done(&text);
}

static void what_is_no_schema_finds_nothing_and_ends(void **state)
{
    static const char recursive[] =
        "{\"type\":\"record\",\"name\":\"T\",\"fields\":[{\"name\":\"t\","
        "\"type\":\"T\"}]}";
    static const char *const broken[] = {"", "{", "3", "{\"type\":\"T\",\"name\":\"T\"}",
                                         recursive};
    struct mr_buf text;

    (void)state;
    mr_buf_init(&text, 1 << 16);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(
            mr_avro_diff(mr_slice_str(broken[i]), mr_slice_str(broken[i]), "FULL", &text), 0);
    mr_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_under_each_level),
        cmocka_unit_test(a_column_is_named_once),
        cmocka_unit_test(what_is_no_schema_finds_nothing_and_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

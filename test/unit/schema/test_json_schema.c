/* JSON Schema texts against what the everit library prints (the one in Confluent's converter, on Java 17), and what is
 * said of two that do not fit. */
#include "schema/json/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct mr_connect *simple(struct mr_arena *arena, enum mr_connect_type type, bool optional)
{
    return mr_connect_new(arena, type, optional);
}

/* Each kind of field once. */
static struct mr_connect *row(struct mr_arena *arena)
{
    struct mr_connect *schema =
        mr_connect_struct(arena, false, (struct mr_slice)MR_SLICE("shop.public.t.Value"), 0, 8);
    struct mr_connect *flag = simple(arena, MR_CONNECT_BOOLEAN, false);
    struct mr_connect *price = mr_connect_named(arena, MR_CONNECT_BYTES, false,
                                                "org.apache.kafka.connect.data.Decimal", 1);
    struct mr_connect *tags = simple(arena, MR_CONNECT_ARRAY, true);
    struct mr_connect *attrs = simple(arena, MR_CONNECT_MAP, false);
    struct mr_connect *sparse = simple(arena, MR_CONNECT_MAP, false);
    struct mr_connect *size = simple(arena, MR_CONNECT_FLOAT32, false);

    schema->doc = (struct mr_slice)MR_SLICE("rows");
    flag->standard = (struct mr_value){.kind = MR_BOOL};
    mr_connect_parameter(arena, price, "scale", (struct mr_slice)MR_SLICE("2"));
    mr_connect_parameter(arena, price, "connect.decimal.precision",
                         (struct mr_slice)MR_SLICE("12"));
    tags->item = simple(arena, MR_CONNECT_STRING, true);
    attrs->map_key = simple(arena, MR_CONNECT_STRING, false);
    attrs->item = simple(arena, MR_CONNECT_STRING, true);
    sparse->map_key = simple(arena, MR_CONNECT_INT16, false);
    sparse->item = simple(arena, MR_CONNECT_FLOAT64, false);
    size->standard = (struct mr_value){.kind = MR_FLOAT, .f = 1.0};
    mr_connect_add(schema, mr_slice_str("id"), simple(arena, MR_CONNECT_INT64, false));
    mr_connect_add(schema, mr_slice_str("name"), simple(arena, MR_CONNECT_STRING, true));
    mr_connect_add(schema, mr_slice_str("flag"), flag);
    mr_connect_add(schema, mr_slice_str("price"), price);
    mr_connect_add(schema, mr_slice_str("tags"), tags);
    mr_connect_add(schema, mr_slice_str("attrs"), attrs);
    mr_connect_add(schema, mr_slice_str("sparse"), sparse);
    mr_connect_add(schema,
                   mr_slice_str("gr\xc3\xb6\xc3\x9f"
                                "e"),
                   size);
    return schema;
}

static const char *const expected =
    "{\"type\":\"object\",\"additionalProperties\":false,\"title\":\"shop.public.t.Value\","
    "\"description\":\"rows\",\"properties\":{\"flag\":{\"default\":false,\"connect.index\":2,"
    "\"type\":\"boolean\"},\"gr\xc3\xb6\xc3\x9f"
    "e\":{\"type\":\"number\",\"default\":1,"
    "\"connect.index\":7,\"connect.type\":\"float32\"},\"sparse\":{\"type\":\"array\","
    "\"connect.index\":6,\"connect.type\":\"map\",\"items\":{\"type\":\"object\",\"properties\":{"
    "\"value\":{\"type\":\"number\",\"connect.index\":1,\"connect.type\":\"float64\"},"
    "\"key\":{\"type\":\"integer\",\"connect.index\":0,\"connect.type\":\"int16\"}}}},"
    "\"price\":{\"type\":\"string\",\"title\":\"org.apache.kafka.connect.data.Decimal\","
    "\"connect.index\":3,\"connect.version\":1,\"connect.type\":\"bytes\",\"connect.parameters\":{"
    "\"scale\":\"2\",\"connect.decimal.precision\":\"12\"}},\"name\":{\"connect.index\":1,"
    "\"oneOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]},\"id\":{\"type\":\"integer\","
    "\"connect.index\":0,\"connect.type\":\"int64\"},\"tags\":{\"connect.index\":4,\"oneOf\":["
    "{\"type\":\"null\"},{\"type\":\"array\",\"items\":{\"oneOf\":[{\"type\":\"null\"},"
    "{\"type\":\"string\"}]}}]},\"attrs\":{\"type\":\"object\",\"connect.index\":5,"
    "\"connect.type\":\"map\",\"additionalProperties\":{\"oneOf\":[{\"type\":\"null\"},"
    "{\"type\":\"string\"}]}}}}";

static void the_text_is_what_confluents_library_prints(void **state)
{
    struct mr_json_schema_style style = {.closed = true};
    struct mr_arena arena;
    struct mr_buf buf;

    (void)state;
    mr_arena_init(&arena, 4096, 0);
    mr_buf_init(&buf, 1 << 20);
    mr_json_schema_text(row(&arena), &style, &buf);
    assert_string_equal(mr_buf_cstr(&buf), expected);
    mr_buf_clear(&buf);
    style = (struct mr_json_schema_style){.numeric = true};
    mr_json_schema_text(row(&arena), &style, &buf);
    assert_non_null(strstr(mr_buf_cstr(&buf), "\"price\":{\"type\":\"number\""));
    assert_null(strstr(mr_buf_cstr(&buf), "\"additionalProperties\":false"));
    mr_buf_done(&buf);
    mr_arena_done(&arena);
}

static void keys_come_as_out_of_a_java_map(void **state)
{
    /* keys, and the indexes in the order of `new HashMap<>(map)` on Java 17 */
    static const struct {
        const char *keys, *order;
    } cases[] = {
        {"a_22gllm ", "0 "},
        {"63jd0hh d ", "1 0 "},
        {"f 5_1 e2i7rk ", "0 2 1 "},
        {"n90b5_92 1_\xe6\x97\xa5ncf rj 8ca\xc3\xa9 ", "2 1 3 0 "},
        {"dkq369r hj5\xe6\x97\xa5k_e52 he2 k6h\xc3\xa9lq6r n__l ", "0 3 2 1 4 "},
        {"3p d_696p a le7qk d3 ooa\xe6\x97\xa5"
         "f_3 ",
         "1 2 5 3 0 4 "},
        {"0 mk085 ji8bfbq95 i0g3 lf2ob \xe6\x97\xa5"
         "50o3jn_ c ",
         "0 3 6 4 2 1 5 "},
        {"m_q mob5kp7 n\xc3\xa9rlcr\xc3\xa9"
         "6 e46_6gob a lb0qof 0\xc3\xa9\xe6\x97\xa5"
         "3ja\xc3\xa9n fljg r \xe6\x97\xa5\xc3\xa9mdg7bq hgh5i6h e7 ",
         "4 6 9 2 3 5 10 1 8 11 7 0 "},
        {"8lrc3\xe6\x97\xa5p 8h48io 8a14\xe6\x97\xa5"
         "ajal n5hf 0le456 c5_ro m68q cjkg3cn32 dk05 p355 3oj5djeo 7gm\xc3\xa9"
         "db e0524i78 ",
         "8 4 5 2 6 9 0 11 12 7 3 1 10 "},
        {"jh86jqdn h0 f3468 3 f8a pd \xe6\x97\xa5"
         "fn31aii mkn7 fl34a 64\xc3\xa9l\xc3\xa9"
         "b j4oc2nfh6 \xe6\x97\xa5"
         "d5dh 4615 bh9_renm3 d5 kfohie gfm cgq306e g2qd 90qrajnn6 p0 rden 3eaq56m13 n0dqda34 ",
         "20 22 17 1 4 10 14 18 19 7 9 8 23 6 21 16 0 3 5 11 13 15 2 12 "},
        {"\xc3\xa9"
         "en2iq_ 0p7i7 b_m qom\xe6\x97\xa5\xe6\x97\xa5"
         "d_ 2b2 r a\xe6\x97\xa5"
         "2n q a13 c_185 h\xe6\x97\xa5"
         "28n 1b_oa6n g9 r\xe6\x97\xa5o 9nm4 c7 8 \xc3\xa9_\xc3\xa9"
         "101ka 5m i\xc3\xa9phnrk\xe6\x97\xa5 4n75r0 m4344\xc3\xa9 mdn 8cd\xc3\xa9 1d\xc3\xa9 "
         "_\xe6\x97\xa5"
         "9b\xc3\xa9ie 3p j4f3l2rof 2dkh _pd14a5b \xc3\xa9 9r\xe6\x97\xa5ja3nj2 6e\xc3\xa9"
         "9k4gm\xe6\x97\xa5 kr6hmip kn1 7 obeh054i 3mqkk qi kof ",
         "10 29 4 8 11 39 19 21 25 6 9 2 17 13 28 18 38 0 26 36 31 32 14 30 23 27 34 3 7 5 12 15 "
         "20 22 24 33 37 35 16 1 "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mr_slice keys[128];
        uint32_t order[128], count = 0;
        const char *at = cases[i].keys;
        char *next = NULL;

        for (; *at; at += keys[count++].size + 1)
            keys[count] = mr_slice(at, strcspn(at, " "));
        mr_java_order(keys, count, MR_JAVA_COPIED, order);
        at = cases[i].order;
        for (uint32_t k = 0; k < count; k++, at = next)
            assert_int_equal(order[k], strtoul(at, &next, 10));
    }
}

#define OBJECT(properties, rest)                                                                   \
    "{\"type\":\"object\"" rest ",\"properties\":{\"after\":{\"connect.index\":1,\"oneOf\":["      \
    "{\"type\":\"null\"},{\"type\":\"object\"" rest ",\"properties\":{" properties "}}]}}}"
#define ID       "\"id\":{\"type\":\"integer\"}"
#define NAME     "\"name\":{\"connect.index\":1,\"oneOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}"
#define NEEDED   "\"name\":{\"type\":\"string\",\"connect.index\":1}"
#define FRACTION "\"id\":{\"type\":\"number\"}"
#define CLOSED   ",\"additionalProperties\":false"

static void findings_name_column_and_rule(void **state)
{
    static const struct {
        const char *before, *after, *level, *finding;
    } cases[] = {
        {OBJECT(ID, ""), OBJECT(ID "," NAME, ""), "BACKWARD", "column name is new, and older"},
        {OBJECT(ID, ""), OBJECT(ID "," NAME, ""), "FORWARD", NULL},
        {OBJECT(ID "," NAME, ""), OBJECT(ID, ""), "FORWARD_TRANSITIVE", "column name is gone"},
        {OBJECT(ID "," NAME, ""), OBJECT(ID, ""), "BACKWARD", NULL},
        {OBJECT(ID, CLOSED), OBJECT(ID "," NAME, CLOSED), "BACKWARD", NULL},
        {OBJECT(ID, CLOSED), OBJECT(ID "," NAME, CLOSED), "FORWARD", "closed objects refuse"},
        {OBJECT(ID "," NAME, CLOSED), OBJECT(ID, CLOSED), "BACKWARD", "column name is gone"},
        {OBJECT(ID "," NAME, ""), OBJECT(ID "," NEEDED, ""), "BACKWARD", "became NOT NULL"},
        {OBJECT(ID "," NEEDED, ""), OBJECT(ID "," NAME, ""), "BACKWARD", NULL},
        {OBJECT(ID "," NEEDED, ""), OBJECT(ID "," NAME, ""), "FULL", "may now be NULL"},
        {OBJECT(ID, ""), OBJECT(FRACTION, ""), "BACKWARD", NULL},
        {OBJECT(ID, ""), OBJECT(FRACTION, ""), "FORWARD", "from integer to number"},
        {OBJECT(ID, ""), OBJECT(ID "," NAME, ""), "NONE", NULL},
        {OBJECT(ID, ""), "no schema", "FULL", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mr_buf text;
        size_t found;

        mr_buf_init(&text, 1 << 16);
        found = mr_json_schema_diff(mr_slice_str(cases[i].before), mr_slice_str(cases[i].after),
                                    cases[i].level, &text);
        if (cases[i].finding ? !strstr(mr_buf_cstr(&text), cases[i].finding) : found != 0)
            fail_msg("case %zu, %s: \"%s\"", i, cases[i].level, mr_buf_cstr(&text));
        mr_buf_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_what_confluents_library_prints),
        cmocka_unit_test(keys_come_as_out_of_a_java_map),
        cmocka_unit_test(findings_name_column_and_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

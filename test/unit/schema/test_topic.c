/* Topic templates: what expands to what, and what is refused. */
#include "schema/names/owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct mr_table *table(const char *schema, const char *name)
{
    struct mr_table *made = mr_table_new(0);

    made->server = mr_slice_str("shop");
    made->database = mr_slice_str("db");
    made->schema = mr_slice_str(schema);
    made->name = mr_slice_str(name);
    return made;
}

static void expands(void **state)
{
    static const struct {
        const char *template, *schema, *name, *topic;
    } cases[] = {
        {"{name}.{schema}.{table}", "public", "orders", "shop.public.orders"},
        {"{name}.{schema}.{table}", "public", "Order lines", "shop.public.Order_lines"},
        {"{name}.{schema}.{table}", "public", "日本", "shop.public.__"},
        {"{name}.{schema}.{table}", NULL, "orders", "shop.db.orders"},
        {"{name}.{database}.{schema}.{table}", NULL, "orders", "shop.db.orders"},
        {"{database}-{table}", "public", "a.b", "db-a.b"},
        {"all", "public", "t", "all"},
        {"a b", "public", "t", "a_b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_table *t = table(cases[i].schema, cases[i].name);
        struct mr_err err;

        assert_int_equal(mr_topic_assign(cases[i].template, NULL, t, &err), 0);
        assert_true(mr_slice_is(t->topic, cases[i].topic));
        mr_table_unref(t);
    }
}

static void refuses(void **state)
{
    static const char *const templates[] = {"", "{tabel}", "{table", "a}b", "{}"};
    struct mr_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
        assert_int_equal(mr_topic_check(templates[i], &err), MR_CONFIG);
        assert_string_equal(err.code, "config.topic_template");
    }
}

static void refuses_names_kafka_does_not_allow(void **state)
{
    char name[260];
    struct mr_err err;
    struct mr_table *t;

    (void)state;
    memset(name, 'x', sizeof(name));
    name[249] = '\0';
    t = table("public", name);
    assert_int_equal(mr_topic_assign("{table}", NULL, t, &err), 0);
    assert_int_equal(mr_topic_assign("{table}y", NULL, t, &err), MR_CONFIG);
    assert_string_equal(err.code, "config.topic_name");
    t->name = mr_slice_str("..");
    assert_int_equal(mr_topic_assign("{table}", NULL, t, &err), MR_CONFIG);
    mr_table_unref(t);
}

/* What a name is made of, the sink says. */
static void a_sink_has_rules_of_its_own(void **state)
{
    static const struct mr_sink_names index = {
        .what = "index", .also = "-_.+", .not_first = "-_+", .instead = '-', .longest = 12};
    static const struct {
        const char *template, *name, *topic; /* NULL: refused */
    } cases[] = {{"{table}", "Order Lines", "order-lines"},
                 {"{table}", "a+b", "a+b"},
                 {"{table}", "_hidden", NULL},
                 {"{table}", "thirteen_long", NULL},
                 {"{table}", "..", NULL},
                 {"A{table}", "_x", "a_x"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mr_table *t = table("public", cases[i].name);
        struct mr_err err;
        int rc = mr_topic_assign(cases[i].template, &index, t, &err);

        assert_int_equal(rc, cases[i].topic ? 0 : MR_CONFIG);
        if (cases[i].topic)
            assert_true(mr_slice_is(t->topic, cases[i].topic));
        else
            assert_string_equal(err.code, "config.topic_name");
        mr_table_unref(t);
    }
}

static void two_tables_become_one_topic_only_on_purpose(void **state)
{
    static const struct {
        const char *template, *schema, *table;
        uint64_t native_id;
        int rc;
    } takes[] = {
        {"{name}.{schema}.{table}", "public", "a b", 1, 0},
        {"{name}.{schema}.{table}", "public", "a b", 1, 0},
        {"{name}.{schema}.{table}", "public", "a_b", 2, MR_CONFIG},
        {"{name}.{schema}.{table}", "public", "a-b", 2, 0},
        {"{name}.{schema}.{table}", "public", "a_b", 1, 0}, /* renamed */
        {"{name}.{schema}.{table}", "public", "a b", 3, MR_CONFIG},
        {"{schema}.{table}", "x.y", "z", 4, 0},
        {"{schema}.{table}", "x", "y.z", 5, MR_CONFIG},
        {"all", "public", "a", 6, 0},
        {"all", "public", "b", 7, 0},
        {"{name}", "public", "b", 8, 0},
        {"{name}", "other", "c", 9, 0},
    };
    struct mr_topic_owners owners;
    struct mr_err err;

    (void)state;
    mr_topic_owners_init(&owners);
    for (size_t i = 0; i < sizeof takes / sizeof takes[0]; i++) {
        struct mr_table *t = table(takes[i].schema, takes[i].table);
        t->native_id = takes[i].native_id;
        assert_int_equal(mr_topic_assign(takes[i].template, NULL, t, &err), 0);
        if (mr_topic_owners_take(&owners, takes[i].template, t, &err) != takes[i].rc)
            fail_msg("take %zu", i);
        mr_table_unref(t);
    }
    assert_string_equal(err.code, "config.topic_collision");
    assert_non_null(strstr(err.text, "x.y.z and x.y.z"));
    mr_topic_owners_done(&owners);
}

static void a_topic_of_other_records_is_no_table_s(void **state)
{
    static const struct mr_side_topic beats = {"the heartbeats", "change this"},
                                      letters = {"the dead letters", "change that"};
    struct mr_table *t = table("public", "a");
    struct mr_topic_owners owners;
    struct mr_err err;

    (void)state;
    mr_topic_owners_init(&owners);
    assert_int_equal(mr_topic_assign("x.{table}", NULL, t, &err), 0);
    for (int i = 0; i < 2; i++) /* as when a sink is opened again */
        assert_int_equal(mr_topic_owners_reserve(&owners, mr_slice_str("x.a"), &beats, &err), 0);
    assert_int_equal(mr_topic_owners_take(&owners, "x.{table}", t, &err), MR_CONFIG);
    assert_string_equal(err.code, "config.topic_collision");
    assert_non_null(strstr(err.text, "table public.a would go to the topic x.a, which has the"));
    assert_string_equal(err.hint, "change this");
    assert_int_equal(mr_topic_owners_reserve(&owners, mr_slice_str("x.a"), &letters, &err),
                     MR_CONFIG);
    assert_non_null(strstr(err.text, "the heartbeats and the dead letters would share"));
    assert_int_equal(mr_topic_assign("y.{table}", NULL, t, &err), 0);
    assert_int_equal(mr_topic_owners_take(&owners, "y.{table}", t, &err), 0);
    assert_int_equal(mr_topic_owners_reserve(&owners, mr_slice_str("y.a"), &letters, &err),
                     MR_CONFIG);
    assert_non_null(strstr(err.text, "public.a"));
    mr_topic_owners_done(&owners);
    mr_table_unref(t);
}

static void schemas_are_named_by_the_table_whatever_its_topic(void **state)
{
    struct mr_table *made = table("public", "o t");
    struct mr_arena arena;
    struct mr_err err;

    (void)state;
    mr_arena_init(&arena, 1024, 0);
    assert_int_equal(mr_topic_assign("everything", NULL, made, &err), 0);
    assert_true(
        mr_slice_is(mr_topic_logical(&arena, made),
                    mr_arena_printf(&arena, "%.*s.public.o_t", MR_SLICE_ARG(made->server))));
    made->schema = (struct mr_slice){NULL, 0};
    assert_true(mr_slice_is(mr_topic_logical(&arena, made),
                            mr_arena_printf(&arena, "%.*s.%.*s.o_t", MR_SLICE_ARG(made->server),
                                            MR_SLICE_ARG(made->database))));
    mr_table_unref(made);
    mr_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expands),
        cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_names_kafka_does_not_allow),
        cmocka_unit_test(schemas_are_named_by_the_table_whatever_its_topic),
        cmocka_unit_test(a_sink_has_rules_of_its_own),
        cmocka_unit_test(two_tables_become_one_topic_only_on_purpose),
        cmocka_unit_test(a_topic_of_other_records_is_no_table_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

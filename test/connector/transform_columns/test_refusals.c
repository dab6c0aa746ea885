/* What the transform `columns` refuses, when it opens and when it meets a table. */
#include "test/connector/transform_columns/fixture.h"

struct refusal {
    const char *code, *says;
    void (*configure)(struct mr_columns_config *config);
    enum mr_identity identity;
};

static void mask_id(struct mr_columns_config *config)
{
    PAIRS(&config->mask, {"public.r.i*", "3"});
}

static void hash_date(struct mr_columns_config *config)
{
    ITEMS(&config->hash.columns, "public.r.day");
    config->hash.salt = "s";
}

static void truncate_date(struct mr_columns_config *config)
{
    PAIRS(&config->truncate, {"public.r.day", "3"});
}

static void exclude_key(struct mr_columns_config *config)
{
    ITEMS(&config->exclude, "/.*\\.K/");
}

static void include_no_key(struct mr_columns_config *config)
{
    ITEMS(&config->include, "public.r.t");
}

static void include_nothing(struct mr_columns_config *config)
{
    ITEMS(&config->include, "nowhere");
    PAIRS(&config->keys, {"public.r", "t"});
}

static void mask_key(struct mr_columns_config *config)
{
    PAIRS(&config->mask, {"public.r.k", "3"});
}

static void truncate_key(struct mr_columns_config *config)
{
    PAIRS(&config->truncate, {"*.k", "3"});
}

static void hash_short_key(struct mr_columns_config *config)
{
    ITEMS(&config->hash.columns, "public.r.k");
    config->hash.salt = "s";
}

static void missing_key(struct mr_columns_config *config)
{
    PAIRS(&config->keys, {"public.r", "t,T"});
}

static void empty_key(struct mr_columns_config *config)
{
    PAIRS(&config->keys, {"public.r", " , "});
}

static void key_not_sent(struct mr_columns_config *config)
{
    PAIRS(&config->keys, {"public.r", "k,t"});
}

static void what_cannot_be_done_is_refused(void **state)
{
    static const struct refusal refusals[] = {
        {"transform.columns.cannot_mask", "public.r.i (x) is no text", mask_id, MR_IDENTITY_FULL},
        {"transform.columns.cannot_mask", "public.r.day", hash_date, MR_IDENTITY_FULL},
        {"transform.columns.cannot_mask", "public.r.day", truncate_date, MR_IDENTITY_FULL},
        {"transform.columns.key_excluded", "public.r.k", exclude_key, MR_IDENTITY_FULL},
        {"transform.columns.key_excluded", "public.r.k", include_no_key, MR_IDENTITY_FULL},
        {"transform.columns.key_excluded", "public.r.t", include_nothing, MR_IDENTITY_FULL},
        {"transform.columns.key_masked", "public.r.k", mask_key, MR_IDENTITY_FULL},
        {"transform.columns.key_masked", "public.r.k", truncate_key, MR_IDENTITY_FULL},
        {"transform.columns.key_masked", "too short", hash_short_key, MR_IDENTITY_FULL},
        {"transform.columns.key_missing", "\"T\" in the key of public.r", missing_key,
         MR_IDENTITY_FULL},
        {"transform.columns.key_missing", "public.r", empty_key, MR_IDENTITY_FULL},
        {"transform.columns.key_not_sent", "public.r.t", key_not_sent, MR_IDENTITY_DEFAULT},
        {"transform.columns.key_not_sent", "public.r.t", key_not_sent, MR_IDENTITY_INDEX},
    };
    static const struct spec columns[] = {{"k", MR_TYPE_TEXT, 10},
                                          {"i", MR_TYPE_INT64, 0},
                                          {"day", MR_TYPE_DATE, 0},
                                          {"t", MR_TYPE_TEXT, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct fixture *f;
        struct mr_value row[4] = {text("k"), number(1), {.kind = MR_DATE, .i = 1}, text("t")};
        setup((void **)&f);
        f->table = make_table("r", columns, 4);
        f->table->identity = refusals[i].identity;
        refusals[i].configure(&f->config);
        assert_int_equal(open_transform(f), 0);
        add(f, MR_OP_CREATE, NULL, row);
        assert_int_equal(apply(f), MR_CONFIG);
        assert_string_equal(f->err.code, refusals[i].code);
        if (!strstr(f->err.text, refusals[i].says))
            fail_msg("%s is not in: %s", refusals[i].says, f->err.text);
        assert_true(f->err.hint[0] != 0);
        assert_ptr_equal(f->batch->changes[0].table, f->table);
        assert_ptr_equal(f->batch->changes[0].after, row);
        teardown((void **)&f);
    }
}

static void a_table_without_a_key_and_without_columns_is_refused(void **state)
{
    struct fixture *f = *state;

    f->table = make_table("keep", keep_columns, 4);
    f->table->key_count = 0;
    f->table->columns[0].key = 0;
    ITEMS(&f->config.include, "public.else.*");
    assert_int_equal(open_transform(f), 0);
    add(f, MR_OP_TRUNCATE, NULL, NULL);
    assert_int_equal(apply(f), MR_CONFIG);
    assert_string_equal(f->err.code, "transform.columns.nothing_left");
}

static void a_key_need_not_be_sent_where_the_server_refuses_deletes(void **state)
{
    struct fixture *f = *state;

    f->table = make_table("a", a_columns, 3);
    f->table->key_count = 0;
    f->table->columns[0].key = 0;
    PAIRS(&f->config.keys, {"public.a", "x"});
    assert_int_equal(open_transform(f), 0);
    add(f, MR_OP_TRUNCATE, NULL, NULL);
    assert_int_equal(apply(f), 0);
    assert_int_equal(f->batch->tables[0]->key_count, 1);
}

static void bad_number(struct mr_columns_config *config)
{
    PAIRS(&config->mask, {"public.r.t", "5 "});
}

static void negative_number(struct mr_columns_config *config)
{
    PAIRS(&config->truncate, {"public.r.t", "-1"});
}

static void large_number(struct mr_columns_config *config)
{
    PAIRS(&config->truncate, {"public.r.t", "99999999999999999999"});
}

static void both_lists(struct mr_columns_config *config)
{
    ITEMS(&config->include, "public.r.t");
    ITEMS(&config->exclude, "public.r.u");
}

static void no_salt(struct mr_columns_config *config)
{
    ITEMS(&config->hash.columns, "public.r.t");
    config->hash.salt = "";
}

static void odd_algorithm(struct mr_columns_config *config)
{
    ITEMS(&config->hash.columns, "public.r.t");
    config->hash.salt = "s";
    config->hash.algorithm = "SHA-257";
}

static void bad_pattern(struct mr_columns_config *config)
{
    ITEMS(&config->exclude, "/(/");
}

static void settings_that_cannot_work_are_refused_at_open(void **state)
{
    static const struct refusal refusals[] = {
        {"transform.columns.number", "\"5 \"", bad_number, 0},
        {"transform.columns.number", "\"-1\"", negative_number, 0},
        {"transform.columns.number", "from 0 to", large_number, 0},
        {"transform.columns.conflict", "include and exclude", both_lists, 0},
        {"transform.columns.salt", "hash.salt", no_salt, 0},
        {"transform.columns.algorithm", "SHA-257", odd_algorithm, 0},
        {"config.pattern", "/(/", bad_pattern, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct fixture *f;
        setup((void **)&f);
        refusals[i].configure(&f->config);
        assert_int_equal(open_transform(f), MR_CONFIG);
        assert_string_equal(f->err.code, refusals[i].code);
        if (!strstr(f->err.text, refusals[i].says))
            fail_msg("%s is not in: %s", refusals[i].says, f->err.text);
        teardown((void **)&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_done_is_refused),
        cmocka_unit_test_setup_teardown(a_table_without_a_key_and_without_columns_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_key_need_not_be_sent_where_the_server_refuses_deletes,
                                        setup, teardown),
        cmocka_unit_test(settings_that_cannot_work_are_refused_at_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

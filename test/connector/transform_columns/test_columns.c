/* The transform `columns` over batches made by hand. The table m, its rows and what becomes of them are a recording
 * of Debezium 3.7 with the same settings (there as column.mask.with.5.chars and so on). */
#include "test/connector/transform_columns/fixture.h"

#include "test/support/counting.h"

/* ---- recorded values ---- */

static void hashes_as_recorded(void **state)
{
    static const struct {
        const char *algorithm, *salt;
        int version;
        const char *text;
        int32_t length;
        const char *expected;
    } cases[] = {
        {"SHA-256", "CzQMA0cB5K", MR_COLUMNS_V1, "secret", 0,
         "122e56d6f15256f7a553c665138b101b52d5201a2cd0fd8f61b54c0c28a14efa"},
        {"SHA-256", "CzQMA0cB5K", MR_COLUMNS_V1, "secret", 20, "122e56d6f15256f7a553"},
        {"SHA-256", "CzQMA0cB5K", MR_COLUMNS_V1, "ünï 😀", 0,
         "7235a765295e9f561372eb20a27bc7bc3481169e6a321299ef1e6d83d35a94f4"},
        {"SHA-256", "CzQMA0cB5K", MR_COLUMNS_V1, "", 20, "7b061bc77caec9afdc6b"},
        {"SHA-256", "CzQMA0cB5K", MR_COLUMNS_V2, "secret", 0,
         "8b41ea6bee11d6298cbf86dab70bb64aabef4ff6119d9c929ace2a16123117a5"},
        {"SHA-256", "CzQMA0cB5K", MR_COLUMNS_V2, "secret", 20, "8b41ea6bee11d6298cbf"},
        {"SHA-256", "CzQMA0cB5K", MR_COLUMNS_V2, "ünï 😀", 0,
         "a560c9420690556f7c156d7bef7dba890431591b6a3bc42bd997fdd5cfb0ed8d"},
        {"SHA-256", "CzQMA0cB5K", MR_COLUMNS_V2, "", 20, "38bc986eb4a5475fab16"},
        {"MD5", "s", MR_COLUMNS_V2, "secret", 0, "1590a9c2e6ee3fc96982de1ba80c6534"},
        {"MD5", "s", MR_COLUMNS_V2, "", 0, "03c7c0ace395d80182db07ae2c30f034"},
        {"MD5", "s", MR_COLUMNS_V2, NULL, 0, NULL},
        {"MD5", "s", MR_COLUMNS_V1, NULL, 20, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture *f;
        struct mr_value row[2] = {number(1), text(cases[i].text)};
        setup((void **)&f);
        f->table = make_table(
            "m",
            (const struct spec[]){{"id", MR_TYPE_INT32, 0}, {"h", MR_TYPE_TEXT, cases[i].length}},
            2);
        f->config.hash.algorithm = cases[i].algorithm;
        f->config.hash.salt = cases[i].salt;
        f->config.hash.version = cases[i].version;
        ITEMS(&f->config.hash.columns, "public.m.h");
        assert_int_equal(open_transform(f), 0);
        add(f, MR_OP_CREATE, NULL, row);
        assert_int_equal(apply(f), 0);
        expect(&f->batch->changes[0].after[1], cases[i].expected);
        assert_true(f->batch->changes[0].table->columns[1].masked);
        teardown((void **)&f);
    }
}

/* Java writes strings above 65535 bytes of modified UTF-8 with another head; U+0000 is two bytes there. */
static void hashes_of_long_texts_take_javas_other_head(void **state)
{
    struct mr_columns_digest java = {.java = true}, plain = {.java = false};
    size_t size = 70000;
    char *long_text = malloc(size), *serial = malloc(size + 64);
    struct mr_arena arena;
    struct mr_err err;
    struct mr_slice a, b;

    (void)state;
    mr_arena_init(&arena, 4096, 0);
    memset(long_text, 'x', size);
    assert_int_equal(mr_columns_digest_init(&java, "SHA-256", "s", true, &err), 0);
    assert_int_equal(mr_columns_digest_init(&plain, "SHA-256", "s", false, &err), 0);
    memcpy(serial, "\xac\xed\x00\x05\x7c\x00\x00\x00\x00\x00\x01\x11\x70", 13);
    memcpy(serial + 13, long_text, size);
    a = mr_columns_digest_hex(&java, mr_slice(long_text, size), 0, &arena);
    b = mr_columns_digest_hex(&plain, mr_slice(serial, size + 13), 0, &arena);
    assert_true(mr_slice_equal(a, b));
    a = mr_columns_digest_hex(&java, mr_slice("a\0b", 3), 0, &arena);
    b = mr_columns_digest_hex(&plain,
                              mr_slice("\xac\xed\x00\x05t\x00\x04"
                                       "a\xc0\x80"
                                       "b",
                                       11),
                              0, &arena);
    assert_true(mr_slice_equal(a, b));
    /* A text that ends inside a character is hashed as it is and not read beyond its end. */
    a = mr_columns_digest_hex(&java, mr_slice("\xf0\x9f", 2), 0, &arena);
    b = mr_columns_digest_hex(&plain, mr_slice("\xac\xed\x00\x05t\x00\x02\xf0\x9f", 9), 0, &arena);
    assert_true(mr_slice_equal(a, b));
    mr_columns_digest_done(&java);
    mr_columns_digest_done(&plain);
    mr_arena_done(&arena);
    free(long_text);
    free(serial);
}

static const struct spec mask_columns[] = {
    {"id", MR_TYPE_INT32, 0}, {"m5", MR_TYPE_TEXT, 0},   {"m0", MR_TYPE_TEXT, 0},
    {"m3", MR_TYPE_TEXT, 20}, {"t4", MR_TYPE_TEXT, 0},   {"t4v", MR_TYPE_TEXT, 10},
    {"t4s", MR_TYPE_TEXT, 3}, {"t4b", MR_TYPE_BYTES, 0}, {"t0", MR_TYPE_TEXT, 0},
};

static void masks_and_cuts_as_recorded(void **state)
{
    static const char *const rows[][8] = {
        {"secret", "secret", "secret", "secret", "secret", "abc", "12345678", "secret"},
        {NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
        {"ünï 😀😀😀", "", "x", "😀😀😀😀", "ünïcö", "", "", ""},
    };
    static const char *const expected[][8] = {
        {"*****", "", "***", "secr", "secr", "abc", "1234", ""},
        {"*****", "", "***", NULL, NULL, NULL, NULL, NULL},
        {"*****", "", "***", "😀😀", "ünïc", "", "", ""},
    };
    struct fixture *f = *state;
    struct mr_value values[3][9];

    f->table = make_table("m", mask_columns, 9);
    PAIRS(&f->config.mask, {"public.m.m5", "5"}, {"public.m.m0", "0"}, {"public.m.m3", "3"});
    PAIRS(&f->config.truncate, {"/public.m.(t4|t4v|t4s|t4b)/", "4"}, {"public.m.t0", "0"});
    assert_int_equal(open_transform(f), 0);
    for (size_t r = 0; r < 3; r++) {
        values[r][0] = number((int64_t)r + 1);
        for (size_t c = 0; c < 8; c++)
            values[r][c + 1] = text(rows[r][c]);
        if (values[r][7].kind == MR_TEXT)
            values[r][7].kind = MR_BYTES;
        add(f, MR_OP_READ, NULL, values[r]);
    }
    assert_int_equal(apply(f), 0);
    for (size_t r = 0; r < 3; r++) {
        struct mr_value *after = f->batch->changes[r].after;
        assert_int_equal(after[0].i, r + 1);
        if (after[7].kind == MR_BYTES)
            after[7].kind = MR_TEXT;
        for (size_t c = 0; c < 8; c++)
            expect(&after[c + 1], expected[r][c]);
    }
}

static void schemas_say_what_was_done(void **state)
{
    static const int cut[9] = {-1, -1, -1, -1, 4, 4, -1, 4, 0};
    struct fixture *f = *state;
    const struct mr_table *derived;

    f->table = make_table("m", mask_columns, 9);
    f->table->columns[1].has_default = true;
    f->table->columns[1].default_value = text("the secret default");
    f->table->columns[4].has_default = true;
    f->table->columns[4].default_value = text("a long default");
    PAIRS(&f->config.mask, {"public.m.m?", "5"});
    PAIRS(&f->config.truncate, {"*.t4*", "4"}, {"public.m.t0", "0"});
    assert_int_equal(open_transform(f), 0);
    add(f, MR_OP_TRUNCATE, NULL, NULL);
    assert_int_equal(apply(f), 0);
    derived = f->batch->changes[0].table;
    assert_ptr_equal(f->batch->tables[0], derived);
    assert_int_equal(f->batch->table_count, 1);
    assert_int_equal(derived->derivation, 1);
    for (uint32_t i = 0; i < 9; i++) {
        assert_int_equal(derived->columns[i].masked, i >= 1 && i <= 3);
        assert_int_equal(derived->columns[i].truncated, cut[i] >= 0);
        if (cut[i] >= 0)
            assert_int_equal(derived->columns[i].truncate_length, cut[i]);
    }
    assert_false(derived->columns[1].has_default);
    assert_int_equal(derived->columns[1].default_value.kind, MR_NULL);
    expect(&derived->columns[4].default_value, "a long default"); /* as Debezium leaves it */
    assert_int_equal(derived->key_count, 1);
    assert_int_equal(derived->columns[0].key, 1);
}

static void cuts_never_split_a_character(void **state)
{
    static const struct {
        const char *text;
        uint32_t units;
        const char *expected;
    } cases[] = {
        {"abc", 3, "abc"},     {"abc", 2, "ab"}, {"", 0, ""},      {"ü", 1, "ü"},
        {"üü", 1, "ü"},        {"😀😀", 3, "😀"},   {"😀", 1, ""},     {"a😀", 2, "a"},
        {"日本語", 2, "日本"}, {"abc", 0, ""},   {"a😀b", 3, "a😀"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mr_slice cut = mr_columns_cut(mr_slice_str(cases[i].text), cases[i].units);
        if (!mr_slice_is(cut, cases[i].expected))
            fail_msg("%s to %u: %.*s", cases[i].text, cases[i].units, MR_SLICE_ARG(cut));
    }
}

/* ---- which columns ---- */

static void excluded_columns_are_gone(void **state)
{
    struct fixture *f = *state;
    struct mr_value before[4] = {
        number(1), {.kind = MR_ABSENT}, {.kind = MR_ABSENT}, {.kind = MR_ABSENT}};
    struct mr_value after[4] = {number(2), text("a"), text("b"), {.kind = MR_UNCHANGED}};
    struct mr_change *change;

    f->table = make_table("keep", keep_columns, 4);
    ITEMS(&f->config.exclude, "*.keep.b");
    assert_int_equal(open_transform(f), 0);
    change = add(f, MR_OP_UPDATE, before, after);
    change->before_is_key = change->key_changed = true;
    assert_int_equal(apply(f), 0);
    change = &f->batch->changes[0];
    assert_int_equal(change->table->column_count, 3);
    assert_true(mr_slice_is(change->table->columns[2].name, "c"));
    assert_int_equal(change->before[0].i, 1);
    assert_int_equal(change->before[2].kind, MR_ABSENT);
    assert_int_equal(change->after[0].i, 2);
    expect(&change->after[1], "a");
    assert_int_equal(change->after[2].kind, MR_UNCHANGED);
    assert_true(change->key_changed && change->before_is_key);
    assert_int_equal(change->number, 1);
}

static void included_columns_stay_alone(void **state)
{
    struct fixture *f = *state;
    struct mr_value after[4] = {number(2), text("a"), text("b"), text("c")};

    f->table = make_table("keep", keep_columns, 4);
    ITEMS(&f->config.include, "public.*.id", "public.keep.c");
    assert_int_equal(open_transform(f), 0);
    add(f, MR_OP_CREATE, NULL, after);
    assert_int_equal(apply(f), 0);
    assert_int_equal(f->batch->changes[0].table->column_count, 2);
    expect(&f->batch->changes[0].after[1], "c");
}

static void other_tables_are_left_alone(void **state)
{
    struct fixture *f = *state;
    struct mr_value after[4] = {number(2), text("a"), text("b"), text("c")};

    f->table = make_table("other", keep_columns, 4);
    ITEMS(&f->config.exclude, "public.keep.*");
    assert_int_equal(open_transform(f), 0);
    add(f, MR_OP_CREATE, NULL, after);
    mr_batch_add_change(f->batch)->op = MR_OP_MESSAGE;
    assert_int_equal(apply(f), 0);
    assert_ptr_equal(f->batch->changes[0].table, f->table);
    assert_ptr_equal(f->batch->changes[0].after, after);
    assert_ptr_equal(f->batch->tables[0], f->table);
    assert_null(f->batch->changes[1].table);
}

static void the_mask_wins_over_what_hides_less(void **state)
{
    struct fixture *f = *state;
    struct mr_value after[4] = {number(2), text("aaaa"), text("bbbb"), text("cccc")};

    f->table = make_table("keep", keep_columns, 4);
    PAIRS(&f->config.mask, {"*.a", "2"});
    PAIRS(&f->config.truncate, {"*", "1"});
    ITEMS(&f->config.hash.columns, "*.a", "*.b");
    f->config.hash.salt = "s";
    assert_int_equal(open_transform(f), 0);
    add(f, MR_OP_CREATE, NULL, after);
    assert_int_equal(apply(f), 0);
    expect(&f->batch->changes[0].after[1], "**");
    assert_int_equal(f->batch->changes[0].after[2].size, 64);
    expect(&f->batch->changes[0].after[3], "c");
    assert_int_equal(f->batch->changes[0].after[0].i, 2);
}

static void what_was_not_sent_is_masked_but_not_hashed_or_cut(void **state)
{
    struct fixture *f = *state;
    struct mr_value after[4] = {
        number(2), {.kind = MR_UNCHANGED}, {.kind = MR_UNCHANGED}, {.kind = MR_UNCHANGED}};

    f->table = make_table("keep", keep_columns, 4);
    PAIRS(&f->config.mask, {"*.a", "2"});
    PAIRS(&f->config.truncate, {"*.c", "1"});
    ITEMS(&f->config.hash.columns, "*.b");
    f->config.hash.salt = "s";
    assert_int_equal(open_transform(f), 0);
    add(f, MR_OP_UPDATE, NULL, after);
    assert_int_equal(apply(f), 0);
    expect(&f->batch->changes[0].after[1], "**");
    assert_int_equal(f->batch->changes[0].after[2].kind, MR_UNCHANGED);
    assert_int_equal(f->batch->changes[0].after[3].kind, MR_UNCHANGED);
}

static void texts_with_a_meaning_become_plain_ones(void **state)
{
    static const struct mr_slice labels[] = {MR_SLICE("happy")};
    struct fixture *f = *state;
    struct mr_value after[3] = {number(2), text("{\"a\":1}"), text("happy")};
    const struct mr_table *derived;

    f->table =
        make_table("j",
                   (const struct spec[]){
                       {"id", MR_TYPE_INT32, 0}, {"j", MR_TYPE_JSON, 0}, {"e", MR_TYPE_ENUM, 0}},
                   3);
    f->table->columns[2].labels = labels;
    f->table->columns[2].label_count = 1;
    PAIRS(&f->config.mask, {"public.j.j", "3"}, {"public.j.e", "1"});
    assert_int_equal(open_transform(f), 0);
    add(f, MR_OP_CREATE, NULL, after);
    assert_int_equal(apply(f), 0);
    derived = f->batch->changes[0].table;
    expect(&f->batch->changes[0].after[1], "***");
    assert_int_equal(derived->columns[1].type, MR_TYPE_TEXT);
    assert_int_equal(derived->columns[2].type, MR_TYPE_TEXT);
    assert_int_equal(derived->columns[2].label_count, 0);
}

/* ---- keys of the user's own ---- */

static void own_keys_as_recorded(void **state)
{
    struct mr_value rows[][3] = {{number(2), text("x2"), number(2)},
                                 {number(2), text("changed"), number(2)},
                                 {number(2), text("changed"), number(3)},
                                 {number(5), text("changed"), number(3)}};
    static const bool changed[] = {true, true, false};
    struct fixture *f = *state;

    f->table = make_table("a", a_columns, 3);
    f->table->identity = MR_IDENTITY_FULL;
    PAIRS(&f->config.keys, {"public.a", " x, y"}, {"*.c", "v"});
    assert_int_equal(open_transform(f), 0);
    for (size_t i = 0; i < 3; i++)
        add(f, MR_OP_UPDATE, rows[i], rows[i + 1])->key_changed = i == 2;
    add(f, MR_OP_UPDATE, NULL, rows[0])->key_changed = true;
    assert_int_equal(apply(f), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(f->batch->changes[i].key_changed, changed[i]);
    assert_false(f->batch->changes[3].key_changed);
    assert_int_equal(f->batch->tables[0]->key_count, 2);
    assert_int_equal(f->batch->tables[0]->key_columns[0], 1);
    assert_int_equal(f->batch->tables[0]->key_columns[1], 2);
    assert_int_equal(f->batch->tables[0]->columns[0].key, 0);
    assert_int_equal(f->batch->tables[0]->columns[2].key, 2);
}

static void an_own_key_frees_the_primary_key(void **state)
{
    struct mr_value before[3] = {number(2), text("x"), number(2)};
    struct mr_value after[3] = {number(3), text("y"), number(2)};
    struct fixture *f = *state;

    f->table = make_table("a", a_columns, 3);
    f->table->identity = MR_IDENTITY_FULL;
    PAIRS(&f->config.keys, {"public.a", "y,x"});
    ITEMS(&f->config.exclude, "public.a.id");
    ITEMS(&f->config.hash.columns, "public.a.x");
    f->config.hash.salt = "s";
    assert_int_equal(open_transform(f), 0);
    add(f, MR_OP_UPDATE, before, after);
    assert_int_equal(apply(f), 0);
    assert_true(f->batch->changes[0].key_changed);
    assert_int_equal(f->batch->tables[0]->column_count, 2);
    assert_int_equal(f->batch->tables[0]->key_columns[0], 1);
    assert_int_equal(f->batch->tables[0]->key_columns[1], 0);
    assert_int_equal(f->batch->changes[0].after[0].size, 64);
}

/* ---- memory ---- */

enum { MANY_ROWS = 100000 };

static void fill_many(struct fixture *f)
{
    mr_batch_reset(f->batch);
    for (int64_t i = 0; i < MANY_ROWS; i++) {
        struct mr_value *row = MR_ARENA_ARRAY(&f->batch->arena, struct mr_value, 9);
        row[0] = number(i);
        for (size_t c = 1; c < 9; c++)
            row[c] = text("somebody@example.com");
        row[7].kind = MR_BYTES;
        add(f, MR_OP_CREATE, NULL, row);
    }
}

static uint64_t calls_of_a_warm_batch(struct fixture *f)
{
    uint64_t before;

    f->table = make_table("m", mask_columns, 9);
    PAIRS(&f->config.mask, {"public.m.m5", "5"});
    PAIRS(&f->config.truncate, {"public.m.t4*", "4"});
    ITEMS(&f->config.exclude, "public.m.t0");
    assert_int_equal(open_transform(f), 0);
    fill_many(f);
    assert_int_equal(apply(f), 0);
    fill_many(f);
    before = mr_counting_calls_here();
    assert_int_equal(apply(f), 0);
    assert_int_equal(f->batch->changes[MANY_ROWS - 1].after[0].i, MANY_ROWS - 1);
    return mr_counting_calls_here() - before;
}

static void no_row_asks_the_heap(void **state)
{
    MR_COUNTING_OR_SKIP();
    assert_int_equal(calls_of_a_warm_batch(*state), 0);
}

static void a_hash_asks_it_once_inside_openssl(void **state)
{
    struct fixture *f = *state;

    MR_COUNTING_OR_SKIP();
    ITEMS(&f->config.hash.columns, "public.m.m0", "public.m.m3");
    f->config.hash.salt = "CzQMA0cB5K";
    f->config.hash.version = MR_COLUMNS_V1;
    assert_true(calls_of_a_warm_batch(f) <= 2 * MANY_ROWS);
}

/* A session makes versions anew each time it opens: what is kept of them has an end. */
static void plans_of_ten_thousand_versions_do_not_pile_up(void **state)
{
    struct fixture *f = *state;
    struct mr_table *first = NULL;
    unsigned last = 0;

    ITEMS(&f->config.exclude, "*.b");
    assert_int_equal(open_transform(f), 0);
    for (size_t i = 0; i < 10000; i++) {
        mr_table_unref(f->table);
        f->table = make_table("keep", keep_columns, 4);
        mr_batch_reset(f->batch);
        add(f, MR_OP_TRUNCATE, NULL, NULL);
        assert_int_equal(apply(f), 0);
        if (!first)
            first = mr_table_ref(f->batch->tables[0]);
        last = atomic_load(&first->references);
    }
    assert_int_equal(last, 1);
    mr_table_unref(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_as_recorded),
        cmocka_unit_test(hashes_of_long_texts_take_javas_other_head),
        cmocka_unit_test_setup_teardown(masks_and_cuts_as_recorded, setup, teardown),
        cmocka_unit_test_setup_teardown(schemas_say_what_was_done, setup, teardown),
        cmocka_unit_test(cuts_never_split_a_character),
        cmocka_unit_test_setup_teardown(excluded_columns_are_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(included_columns_stay_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(other_tables_are_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(the_mask_wins_over_what_hides_less, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_not_sent_is_masked_but_not_hashed_or_cut, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(texts_with_a_meaning_become_plain_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(own_keys_as_recorded, setup, teardown),
        cmocka_unit_test_setup_teardown(an_own_key_frees_the_primary_key, setup, teardown),
        cmocka_unit_test_setup_teardown(no_row_asks_the_heap, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hash_asks_it_once_inside_openssl, setup, teardown),
        cmocka_unit_test_setup_teardown(plans_of_ten_thousand_versions_do_not_pile_up, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Content csv: the text of each kind of value, the rows of each kind of change, which file they stand in, and what the
 * reader that `files verify` uses finds in texts that are whole and texts that are not. */
#include "connectors/sink_file/content/csv.h"

#include "connectors/sink_file/content/csv_read.h"
#include "connectors/sink_file/content/csv_value.h"
#include "plug/plug.h"
#include "test/connector/sink_file/fixture.h"

#define TEXT(kind_, literal)                                                                       \
    {                                                                                              \
        .kind = (kind_), .size = sizeof(literal) - 1, .p = (literal)                               \
    }

static const struct mr_interval interval = {14, 3, -4500000};
static const struct mr_bits bits = {10, (const uint8_t *)"\xa5\x40"};
static const double numbers[] = {1.5, -2, 3, 4};
static const uint32_t places[] = {1, 3};
static const struct mr_geometry point = {.srid = -1, .count = 2, .numbers = numbers};
static const struct mr_geometry circle = {.srid = -1, .count = 3, .numbers = numbers};
static const struct mr_geometry path = {.srid = -1, .count = 4, .numbers = numbers};
static const struct mr_geometry place = {.srid = 4326, .wkb = {"\x01\x02", 2}};
static const struct mr_vector vector = {3, 3, NULL, numbers};
static const struct mr_vector sparse = {5, 2, places, numbers};
static struct mr_value items[] = {
    TEXT(MR_TEXT, "a \"b\""), {.kind = MR_NULL}, TEXT(MR_TEXT, "c,\\d")};
static struct mr_value counts[] = {{.kind = MR_INT, .i = 1}, {.kind = MR_NULL}};
static const struct mr_array texts = {1, 3, {3}, items, {NULL, 0}};
static const struct mr_array ints = {1, 2, {2}, counts, {NULL, 0}};
static const struct mr_array nested = {2, 0, {1, 1}, NULL, {"{{1},{2}}", 9}};
static const struct mr_array empty = {0, 0, {0}, NULL, {NULL, 0}};
static const struct mr_column text_column = {.type = MR_TYPE_TEXT};
static const struct mr_column int_column = {.type = MR_TYPE_INT32};

struct value_case {
    enum mr_type type;
    const char *expected;
    struct mr_value value;
    const char *native_type;
    const struct mr_column *element;
};

#define VALUE(type_, expected_, ...)                                                               \
    {                                                                                              \
        .type = MR_TYPE_##type_, .expected = (expected_), .value = __VA_ARGS__                     \
    }

static const struct value_case values[] = {
    VALUE(TEXT, "", {.kind = MR_NULL}),
    VALUE(TEXT, "", {.kind = MR_UNCHANGED}),
    VALUE(TEXT, "", {.kind = MR_ABSENT}),
    VALUE(TEXT, "\"\"", TEXT(MR_TEXT, "")),
    VALUE(TEXT, "Ada", TEXT(MR_TEXT, "Ada")),
    VALUE(TEXT, "\"a,b\"", TEXT(MR_TEXT, "a,b")),
    VALUE(TEXT, "\"say \"\"hi\"\"\"", TEXT(MR_TEXT, "say \"hi\"")),
    VALUE(TEXT, "\"two\nlines\"", TEXT(MR_TEXT, "two\nlines")),
    VALUE(TEXT, "\"\r\"", TEXT(MR_TEXT, "\r")),
    VALUE(TEXT, "\" a\"", TEXT(MR_TEXT, " a")),
    VALUE(TEXT, "\"\\.\"", TEXT(MR_TEXT, "\\.")),
    VALUE(TEXT, "NULL", TEXT(MR_TEXT, "NULL")),
    VALUE(BOOL, "true", {.kind = MR_BOOL, .i = 1}),
    VALUE(INT64, "-9223372036854775808", {.kind = MR_INT, .i = INT64_MIN}),
    VALUE(UINT64, "18446744073709551615", {.kind = MR_UINT, .u = UINT64_MAX}),
    VALUE(FLOAT64, "0.1", {.kind = MR_FLOAT, .f = 0.1}),
    VALUE(FLOAT32, "0.1", {.kind = MR_FLOAT, .f = 0.1f}),
    VALUE(FLOAT64, "NaN", {.kind = MR_FLOAT, .f = __builtin_nan("")}),
    VALUE(FLOAT64, "-Infinity", {.kind = MR_FLOAT, .f = -__builtin_inf()}),
    VALUE(DECIMAL, "-12.345", {.kind = MR_DECIMAL, .i = -12345, .scale = 3}),
    VALUE(DECIMAL, "NaN", TEXT(MR_DECIMAL_TEXT, "NaN")),
    VALUE(BYTES, "\\x00ff", TEXT(MR_BYTES, "\0\xff")),
    VALUE(UUID, "30313233-3435-3637-3839-616263646566", TEXT(MR_UUID, "0123456789abcdef")),
    VALUE(DATE, "1970-01-02", {.kind = MR_DATE, .i = 1}),
    VALUE(DATE, "infinity", {.kind = MR_DATE, .i = MR_TIME_INFINITY}),
    VALUE(TIME, "00:00:01.5", {.kind = MR_TIME, .i = 1500000}),
    VALUE(TIMETZ, "00:00:01-03:30", {.kind = MR_TIMETZ, .i = 1000000, .zone = -12600}),
    VALUE(TIMESTAMP, "1970-01-01 00:00:00.000001", {.kind = MR_TIMESTAMP, .i = 1}),
    VALUE(TIMESTAMPTZ, "1970-01-01 00:00:00.000001Z", {.kind = MR_TIMESTAMP, .i = 1}),
    VALUE(TIMESTAMPTZ, "-infinity", {.kind = MR_TIMESTAMP, .i = MR_TIME_NEG_INFINITY}),
    VALUE(INTERVAL, "P1Y2M3DT0H0M-4.5S", {.kind = MR_INTERVAL, .interval = &interval}),
    VALUE(BITS, "1010010101", {.kind = MR_BITS, .bits = &bits}),
    VALUE(POINT, "\"(1.5,-2.0)\"", {.kind = MR_GEOMETRY, .geometry = &point}),
    VALUE(LINE, "\"{1.5,-2.0,3.0}\"", {.kind = MR_GEOMETRY, .geometry = &circle}),
    VALUE(CIRCLE, "\"<(1.5,-2.0),3.0>\"", {.kind = MR_GEOMETRY, .geometry = &circle}),
    {MR_TYPE_SHAPE,
     "\"[(1.5,-2.0),(3.0,4.0)]\"",
     {.kind = MR_GEOMETRY, .geometry = &path},
     "path",
     NULL},
    {MR_TYPE_SHAPE,
     "\"(1.5,-2.0),(3.0,4.0)\"",
     {.kind = MR_GEOMETRY, .geometry = &path},
     "box",
     NULL},
    {MR_TYPE_SHAPE,
     "\"((1.5,-2.0),(3.0,4.0))\"",
     {.kind = MR_GEOMETRY, .geometry = &path},
     "polygon",
     NULL},
    VALUE(GEOMETRY, "SRID=4326;0102", {.kind = MR_GEOMETRY, .geometry = &place}),
    VALUE(VECTOR, "\"[1.5,-2.0,3.0]\"", {.kind = MR_VECTOR, .vector = &vector}),
    VALUE(SPARSEVEC, "\"{1:1.5,3:-2.0}/5\"", {.kind = MR_VECTOR, .vector = &sparse}),
    {MR_TYPE_ARRAY,
     "\"{\"\"a \\\"\"b\\\"\"\"\",NULL,\"\"c,\\\\d\"\"}\"",
     {.kind = MR_ARRAY, .array = &texts},
     "_text",
     &text_column},
    {MR_TYPE_ARRAY, "\"{1,NULL}\"", {.kind = MR_ARRAY, .array = &ints}, "_int4", &int_column},
    {MR_TYPE_ARRAY, "\"{{1},{2}}\"", {.kind = MR_ARRAY, .array = &nested}, "_int4", &int_column},
    {MR_TYPE_ARRAY, "{}", {.kind = MR_ARRAY, .array = &empty}, "_int4", &int_column},
};

static void each_kind_of_value_has_its_text(void **unused)
{
    struct mr_csv_text text = {0};

    (void)unused;
    mr_csv_text_init(&text);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        const struct mr_column column = {
            .type = values[i].type,
            .native_type = mr_slice_str(values[i].native_type ? values[i].native_type : "x"),
            .element = values[i].element};
        mr_buf_clear(&text.line);
        mr_csv_put_value(&text, &column, &values[i].value);
        assert_string_equal(mr_buf_cstr(&text.line), values[i].expected);
    }
    mr_csv_text_done(&text);
}

struct read_case {
    const char *text;
    bool whole, ascending;
    uint64_t records, first, last;
};

static const struct read_case texts_read[] = {
    {"op,n\nc,7\nu,7\nd,9\n", true, true, 3, 7, 9},
    {"op,n,\"a,b\"\nc,7,\"x\ny\"\n", true, true, 1, 7, 7},
    {"op,n,v\nc,7,\"say \"\"hi\"\"\"\nc,8,\n", true, true, 2, 7, 8},
    {"op,n\n", true, true, 0, 0, 0},
    {"op,n\nc,8\nc,7\n", true, false, 2, 8, 7},
    {"", false, true, 0, 0, 0},
    {"op,n\nc,7", false, true, 0, 0, 0},
    {"op,n,v\nc,7,\"x\n", false, true, 0, 0, 0},
    {"op,n,v\nc,7\n", false, true, 1, 7, 7},
    {"op,n,v\nc,7,a,b\n", false, true, 1, 7, 7},
    {"op,n\nc,x\n", false, true, 1, 0, 0},
    {"op,n,v\nc,7,\"x\"y\n", false, true, 1, 7, 7},
    {"op,n,v\nc,7,x\"y\n", false, true, 1, 7, 7},
};

/* Cut at each place: a reader of pieces must find the same. */
static void a_text_is_read_back_however_it_is_cut(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(texts_read) / sizeof(texts_read[0]); i++) {
        const struct read_case *c = &texts_read[i];
        size_t size = strlen(c->text);
        for (size_t cut = 0; cut <= size; cut++) {
            struct mr_csv_reader reader = {0};
            struct mr_file_found found;
            mr_csv_take(&reader, c->text, cut);
            mr_csv_take(&reader, c->text + cut, size - cut);
            mr_csv_end(&reader, &found);
            if (found.whole != c->whole || found.ascending != c->ascending ||
                found.records != c->records || found.first != c->first || found.last != c->last)
                fail_msg("%s: whole %d, ascending %d, %d records, %d to %d", c->text, found.whole,
                         found.ascending, (int)found.records, (int)found.first, (int)found.last);
        }
    }
}

static void column(struct mr_table *table, uint32_t place_, const char *name, enum mr_type type)
{
    table->columns[place_] = (struct mr_column){
        .name = mr_slice_str(name), .type = type, .optional = place_ > 0, .key = place_ == 0};
}

static struct mr_table *make_table(uint32_t columns)
{
    struct mr_table *table = mr_table_new(columns);

    table->server = mr_slice_str("s");
    table->schema = mr_slice_str("public");
    table->name = mr_slice_str("t");
    table->topic = mr_slice_str("s.t");
    column(table, 0, "id", MR_TYPE_INT32);
    column(table, 1, "na,me", MR_TYPE_TEXT);
    if (columns > 2)
        column(table, 2, "more", MR_TYPE_TEXT);
    table->key_count = 1;
    return table;
}

static struct mr_value *row(struct mr_batch *batch, const struct mr_table *table, int64_t id,
                            uint8_t kind, const char *name)
{
    struct mr_value *values_ = MR_ARENA_ARRAY(&batch->arena, struct mr_value, table->column_count);

    values_[0] = (struct mr_value){.kind = MR_INT, .i = id};
    values_[1] =
        (struct mr_value){.kind = kind, .size = name ? (uint32_t)strlen(name) : 0, .p = name};
    if (table->column_count > 2)
        values_[2] = values_[1];
    return values_;
}

static struct mr_change *add(struct mr_batch *batch, struct mr_table *table, enum mr_op op,
                             uint64_t number)
{
    struct mr_change *change = mr_batch_add_change(batch);

    if (table)
        mr_batch_use_table(batch, table);
    change->op = op;
    change->table = table;
    change->number = number;
    batch->received_us = NOON;
    return change;
}

static void deliver(struct mr_bench *bench, struct mr_batch *batch)
{
    struct mr_err err = {0};

    assert_int_equal(bench->sink->write(bench->state, batch, &err), 0);
    bench->written++;
    assert_int_equal(mr_bench_commit(bench, false, "{\"p\":2}", &err), 0);
}

static void expect_file(const char *name, const char *expected)
{
    char path_[800], text[4096];
    FILE *file;
    size_t size;

    snprintf(path_, sizeof(path_), "%s/%s", directory, name);
    file = fopen(path_, "r");
    if (!file)
        fail_msg("there is no %s", path_);
    size = fread(text, 1, sizeof(text) - 1, file);
    text[size] = 0;
    fclose(file);
    assert_string_equal(text, expected);
}

static void the_row_after_each_change(void **unused)
{
    struct mr_bench bench;
    struct mr_batch *batch = mr_batch_new(1 << 16, 1 << 16);
    struct mr_table *table = make_table(2);
    struct mr_message message = {.prefix = MR_SLICE("audit"), .content = MR_SLICE("hi")};
    struct mr_change *change;

    (void)unused;
    config.path = NULL;
    config.content = MR_FILE_CSV;
    open_and_claim(&bench, "one", "");
    add(batch, table, MR_OP_READ, 1)->after = row(batch, table, 1, MR_NULL, NULL);
    add(batch, table, MR_OP_CREATE, 2)->after = row(batch, table, 2, MR_TEXT, "");
    add(batch, table, MR_OP_UPDATE, 3)->after = row(batch, table, 2, MR_UNCHANGED, NULL);
    change = add(batch, table, MR_OP_UPDATE, 4);
    change->before = row(batch, table, 2, MR_ABSENT, NULL);
    change->after = row(batch, table, 3, MR_TEXT, "moved");
    change->key_changed = true;
    add(batch, table, MR_OP_DELETE, 5)->before = row(batch, table, 3, MR_ABSENT, NULL);
    (void)add(batch, table, MR_OP_TRUNCATE, 6);
    add(batch, NULL, MR_OP_MESSAGE, 7)->message = &message;
    deliver(&bench, batch);
    expect_file("s.t/2026-11-21/s.t+00000000000000000001.csv",
                "__op,__number,__unchanged,id,\"na,me\"\n"
                "r,1,,1,\n"
                "c,2,,2,\"\"\n"
                "u,3,\"na,me\",2,\n"
                "d,4,,2,\n"
                "c,4,,3,moved\n"
                "d,5,,3,\n"
                "t,6,,,\n");
    expect_file("test.message/2026-11-21/test.message+00000000000000000007.csv",
                "__op,__number,prefix,content\nm,7,audit,\\x6869\n");
    mr_bench_close(&bench);
    mr_table_unref(table);
    must_verify(0, "2 commits, 2 files, 8 records");
}

/* Another version of the same shape goes on in the same file; another shape begins one. */
static void a_change_of_the_schema_begins_a_file(void **unused)
{
    struct mr_bench bench;
    struct mr_batch *batch = mr_batch_new(1 << 16, 1 << 16);
    struct mr_table *tables[] = {make_table(2), make_table(2), make_table(3)};

    (void)unused;
    config.path = NULL;
    config.content = MR_FILE_CSV;
    open_and_claim(&bench, "one", "");
    for (uint64_t i = 0; i < 3; i++)
        add(batch, tables[i], MR_OP_CREATE, i + 1)->after =
            row(batch, tables[i], (int64_t)i, MR_TEXT, "x");
    deliver(&bench, batch);
    expect_file("s.t/2026-11-21/s.t+00000000000000000001.csv",
                "__op,__number,__unchanged,id,\"na,me\"\nc,1,,0,x\nc,2,,1,x\n");
    expect_file("s.t/2026-11-21/s.t+00000000000000000003.csv",
                "__op,__number,__unchanged,id,\"na,me\",more\nc,3,,2,x,x\n");
    mr_bench_close(&bench);
    for (size_t i = 0; i < 3; i++)
        mr_table_unref(tables[i]);
    must_verify(0, "2 commits, 2 files, 3 records");
}

/* Rows of two tables in one topic stand in two files whose numbers interleave: in order, each table by itself. */
static void two_tables_of_one_topic_have_files_of_their_own(void **unused)
{
    struct mr_bench bench;
    struct mr_batch *batch = mr_batch_new(1 << 16, 1 << 16);
    struct mr_table *tables[] = {make_table(2), make_table(3)};

    (void)unused;
    tables[1]->name = mr_slice_str("u");
    config.path = NULL;
    config.content = MR_FILE_CSV;
    open_and_claim(&bench, "one", "");
    for (uint64_t i = 0; i < 6; i++)
        add(batch, tables[i % 2], MR_OP_CREATE, i + 1)->after =
            row(batch, tables[i % 2], (int64_t)i, MR_TEXT, "x");
    deliver(&bench, batch);
    mr_bench_close(&bench);
    for (size_t i = 0; i < 2; i++)
        mr_table_unref(tables[i]);
    must_verify(0, "2 commits, 2 files, 6 records");
}

static void a_column_named_as_ours_is_refused(void **unused)
{
    struct mr_bench bench;
    struct mr_table *table = make_table(2);
    struct mr_err err = {0};

    (void)unused;
    config.content = MR_FILE_CSV;
    open_and_claim(&bench, "one", "");
    assert_int_equal(bench.sink->describe(bench.state, table, INT64_MAX, &err), 0);
    assert_int_equal(bench.sink->fit(&bench.args, table, &err), 0);
    table->columns[1].name = mr_slice_str("__op");
    assert_int_equal(bench.sink->describe(bench.state, table, INT64_MAX, &err), MR_CONFIG);
    assert_string_equal(err.code, "sink.file.column_name");
    assert_int_equal(bench.sink->fit(&bench.args, table, &err), MR_CONFIG);
    mr_bench_close(&bench);
    mr_table_unref(table);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_value_has_its_text),
        cmocka_unit_test(a_text_is_read_back_however_it_is_cut),
        TEST(the_row_after_each_change),
        TEST(a_change_of_the_schema_begins_a_file),
        TEST(two_tables_of_one_topic_have_files_of_their_own),
        TEST(a_column_named_as_ours_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

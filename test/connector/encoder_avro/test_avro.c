/* What the Avro encoder writes, read by avro-c: every type, random rows, frames, headers, refusals. */
#include "plug/encoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include <avro.h>

#include "connectors/encoder_avro/plan.h"
#include "schema/avro/text.h"
#include "test/support/counting.h"
#include "test/support/fake_registry.h"

extern const struct mr_encoder mr_encoder_avro;

struct fixture {
    struct fake_registry fake;
    const char *urls[1];
    struct mr_context context;
    struct mr_counters counters;
    struct avro_config config;
    void *encoder;
    struct mr_table *table;
    struct mr_batch *batch;
    struct mr_transaction transaction;
    avro_schema_t schema;
    avro_value_iface_t *class;
};

static const struct {
    const char *name;
    enum mr_type type;
    int32_t precision, scale, length;
    const char *native;
} columns[] = {
    {"id", MR_TYPE_INT64, -1, 0, 0, "int8"},
    {"small", MR_TYPE_INT16, -1, 0, 0, "int2"},
    {"flag", MR_TYPE_BOOL, -1, 0, 0, "bool"},
    {"real", MR_TYPE_FLOAT32, -1, 0, 0, "float4"},
    {"dbl", MR_TYPE_FLOAT64, -1, 0, 0, "float8"},
    {"price", MR_TYPE_DECIMAL, 12, 2, 0, "numeric"},
    {"any", MR_TYPE_DECIMAL, 0, 0, 0, "numeric"},
    {"name", MR_TYPE_TEXT, -1, 0, 0, "text"},
    {"photo", MR_TYPE_BYTES, -1, 0, 0, "bytea"},
    {"uid", MR_TYPE_UUID, -1, 0, 0, "uuid"},
    {"day", MR_TYPE_DATE, -1, 0, 0, "date"},
    {"clock", MR_TYPE_TIME, 3, 0, 0, "time"},
    {"tz", MR_TYPE_TIMETZ, -1, 0, 0, "timetz"},
    {"ts", MR_TYPE_TIMESTAMP, -1, 0, 0, "timestamp"},
    {"ts3", MR_TYPE_TIMESTAMP, 3, 0, 0, "timestamp"},
    {"tstz", MR_TYPE_TIMESTAMPTZ, 6, 0, 0, "timestamptz"},
    {"iv", MR_TYPE_INTERVAL, -1, 0, 0, "interval"},
    {"bits", MR_TYPE_BITS, -1, 0, 13, "bit"},
    {"point", MR_TYPE_POINT, -1, 0, 0, "point"},
    {"path", MR_TYPE_SHAPE, -1, 0, 0, "path"},
    {"ints", MR_TYPE_ARRAY, -1, 0, 0, "_int4"},
    {"sparse", MR_TYPE_SPARSEVEC, -1, 0, 0, "sparsevec"},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static struct mr_table *make_table(void)
{
    static const struct mr_column element = {
        .type = MR_TYPE_INT32, .optional = true, .precision = -1, .native_type = MR_SLICE("int4")};
    struct mr_table *table = mr_table_new(COLUMNS);

    for (uint32_t i = 0; i < COLUMNS; i++) {
        table->columns[i] = (struct mr_column){.name = mr_slice_str(columns[i].name),
                                               .type = columns[i].type,
                                               .optional = i > 0,
                                               .precision = columns[i].precision,
                                               .scale = columns[i].scale,
                                               .length = columns[i].length,
                                               .native_type = mr_slice_str(columns[i].native),
                                               .element = &element};
    }
    table->connector = mr_slice_str("postgresql");
    table->server = mr_slice_str("shop");
    table->database = mr_slice_str("db");
    table->schema = mr_slice_str("public");
    table->name = mr_slice_str("t");
    table->topic = mr_slice_str("shop.public.t");
    table->key_count = 1;
    table->key_columns[0] = 0;
    return table;
}

static void setup(struct fixture *f, const struct fake_answer *answers)
{
    memset(f, 0, sizeof(*f));
    fake_registry_start(&f->fake, answers);
    f->urls[0] = f->fake.url;
    f->context = (struct mr_context){.pipeline = "p", .server = "shop", .counters = &f->counters};
    f->config = (struct avro_config){
        .common = {.subjects.registry = {.urls = {f->urls, 1},
                                         .auto_register = true,
                                         .timeout_ns = 5000000000},
                   .events = {.tombstones = true, .source_version = "3.7.0.Final"},
                   .forms = {.placeholder = "PH", .include_unknown = true}}};
    f->table = make_table();
    f->batch = mr_batch_new(1 << 20, 8 << 20);
    f->transaction = (struct mr_transaction){.origin = {MR_ORIGIN_POSTGRES,
                                                        {.postgres = {.xid = 771,
                                                                      .first_lsn = 24026984,
                                                                      .end_lsn = 24026984,
                                                                      .previous_lsn = 24026448}}},
                                             .commit_us = 1787220930123456};
}

static int open_encoder(struct fixture *f, struct mr_err *err)
{
    struct mr_encoder_args args = {
        .context = &f->context, .config = &f->config, .transactions = MR_SLICE("shop.transaction")};
    int rc;

    f->encoder = mr_alloc_zero(mr_encoder_avro.state_size);
    rc = mr_encoder_avro.open(f->encoder, &args, err);
    return rc < 0 ? rc : mr_encoder_avro.describe(f->encoder, f->table, err);
}

static void teardown(struct fixture *f)
{
    mr_encoder_avro.close(f->encoder);
    free(f->encoder);
    mr_batch_free(f->batch);
    mr_table_unref(f->table);
    fake_registry_stop(&f->fake);
}

static uint64_t random_state = 88172645463325252ULL;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static int64_t number(int bits)
{
    return (int64_t)(next_random() >> (64 - (next_random() % (unsigned)bits + 1))) -
           (int64_t)(next_random() % 2) * (int64_t)(next_random() % 1000);
}

static struct mr_value bytes_value(struct mr_arena *arena, enum mr_kind kind)
{
    uint32_t size = (uint32_t)(next_random() % (next_random() % 50 == 0 ? 9000 : 40));
    char *data = mr_arena_alloc(arena, size + 1, 1);

    for (uint32_t i = 0; i < size; i++)
        data[i] = (char)(kind == MR_TEXT ? 'a' + next_random() % 26 : next_random());
    return (struct mr_value){.kind = (uint8_t)kind, .size = size, .p = data};
}

static struct mr_value decimal_value(struct mr_arena *arena, int16_t scale)
{
    char *text;
    int size;

    if (next_random() % 2)
        return (struct mr_value){.kind = MR_DECIMAL, .scale = scale, .i = number(50)};
    text =
        mr_arena_printf(arena, "%s%lld%lld.%02lld", next_random() % 2 ? "-" : "",
                        (long long)(number(60) & 0xfffffffffffffff) + 1,
                        (long long)(number(60) & 0xfffffffffffffff), (long long)(number(6) & 63));
    size = (int)strlen(text);
    return (struct mr_value){.kind = MR_DECIMAL_TEXT, .size = (uint32_t)size, .p = text};
}

static struct mr_value shape_value(struct mr_arena *arena, uint32_t points)
{
    struct mr_geometry *geometry = MR_ARENA_NEW(arena, struct mr_geometry);
    double *numbers = MR_ARENA_ARRAY(arena, double, 2 * points);

    for (uint32_t i = 0; i < 2 * points; i++)
        numbers[i] = (double)number(40) / 7;
    *geometry = (struct mr_geometry){
        .closed = next_random() % 2, .srid = -1, .count = 2 * points, .numbers = numbers};
    return (struct mr_value){.kind = MR_GEOMETRY, .geometry = geometry};
}

static struct mr_value array_value(struct mr_arena *arena)
{
    struct mr_array *array = MR_ARENA_NEW(arena, struct mr_array);
    uint32_t count = (uint32_t)(next_random() % 5);

    *array = (struct mr_array){.dimensions = count > 0, .count = count, .sizes = {count}};
    array->items = MR_ARENA_ARRAY(arena, struct mr_value, count);
    for (uint32_t i = 0; i < count; i++)
        array->items[i] = next_random() % 4 ? (struct mr_value){.kind = MR_INT, .i = number(30)}
                                            : (struct mr_value){.kind = MR_NULL};
    return (struct mr_value){.kind = MR_ARRAY, .array = array};
}

static struct mr_value sparse_value(struct mr_arena *arena)
{
    struct mr_vector *vector = MR_ARENA_NEW(arena, struct mr_vector);
    uint32_t count = (uint32_t)(next_random() % 4),
             *indexes = MR_ARENA_ARRAY(arena, uint32_t, count);
    double *numbers = MR_ARENA_ARRAY(arena, double, count);

    for (uint32_t i = 0; i < count; i++) {
        indexes[i] = i * 3 + 1;
        numbers[i] = (double)number(30) / 3;
    }
    *vector = (struct mr_vector){100, count, indexes, numbers};
    return (struct mr_value){.kind = MR_VECTOR, .vector = vector};
}

static struct mr_value other_value(struct mr_arena *arena, enum mr_type type)
{
    struct mr_interval *interval;
    struct mr_bits *bits;
    uint8_t *data;

    switch (type) {
    case MR_TYPE_INTERVAL:
        interval = MR_ARENA_NEW(arena, struct mr_interval);
        *interval = (struct mr_interval){(int32_t)number(20), (int32_t)number(20), number(50)};
        return (struct mr_value){.kind = MR_INTERVAL, .interval = interval};
    case MR_TYPE_BITS:
        bits = MR_ARENA_NEW(arena, struct mr_bits);
        data = mr_arena_alloc(arena, 2, 1);
        data[0] = (uint8_t)next_random();
        data[1] = (uint8_t)(next_random() & 0xf8);
        *bits = (struct mr_bits){13, data};
        return (struct mr_value){.kind = MR_BITS, .bits = bits};
    case MR_TYPE_POINT: return shape_value(arena, 1);
    case MR_TYPE_SHAPE: return shape_value(arena, (uint32_t)(next_random() % 4 + 1));
    case MR_TYPE_ARRAY: return array_value(arena);
    default: return sparse_value(arena);
    }
}

static struct mr_value random_value(struct mr_arena *arena, uint32_t i)
{
    struct mr_value value;

    switch (columns[i].type) {
    case MR_TYPE_INT64: return (struct mr_value){.kind = MR_INT, .i = number(64)};
    case MR_TYPE_INT16: return (struct mr_value){.kind = MR_INT, .i = number(14)};
    case MR_TYPE_BOOL: return (struct mr_value){.kind = MR_BOOL, .i = next_random() % 2};
    case MR_TYPE_FLOAT32:
    case MR_TYPE_FLOAT64:
        return (struct mr_value){.kind = MR_FLOAT, .f = (double)(float)number(40) / 8};
    case MR_TYPE_DECIMAL: return decimal_value(arena, 2);
    case MR_TYPE_TEXT: return bytes_value(arena, MR_TEXT);
    case MR_TYPE_BYTES: return bytes_value(arena, MR_BYTES);
    case MR_TYPE_UUID:
        value = bytes_value(arena, MR_BYTES);
        return (struct mr_value){
            .kind = MR_UUID, .size = 16, .p = value.size >= 16 ? value.p : "0123456789abcdef"};
    case MR_TYPE_DATE: return (struct mr_value){.kind = MR_DATE, .i = number(20)};
    case MR_TYPE_TIME:
    case MR_TYPE_TIMETZ:
        return (struct mr_value){.kind = columns[i].type == MR_TYPE_TIME ? MR_TIME : MR_TIMETZ,
                                 .i = (int64_t)(next_random() % 86400000000),
                                 .zone = (int32_t)(next_random() % 10000)};
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMPTZ: return (struct mr_value){.kind = MR_TIMESTAMP, .i = number(55)};
    default: return other_value(arena, columns[i].type);
    }
}

static struct mr_value *random_row(struct fixture *f)
{
    struct mr_arena *arena = &f->batch->arena;
    struct mr_value *row = MR_ARENA_ARRAY(arena, struct mr_value, COLUMNS);

    for (uint32_t i = 0; i < COLUMNS; i++) {
        row[i] = random_value(arena, i);
        if (i > 0 && next_random() % 8 == 0)
            row[i] = (struct mr_value){.kind = next_random() % 3 ? MR_NULL : MR_UNCHANGED};
    }
    return row;
}

static struct mr_change *change(struct fixture *f, enum mr_op op)
{
    struct mr_change *made = mr_batch_add_change(f->batch);

    *made = (struct mr_change){.op = op,
                               .table = f->table,
                               .transaction = &f->transaction,
                               .origin.postgres.lsn = 24026984,
                               .read_us = 1787220930351042};
    return made;
}

static void encode(struct fixture *f)
{
    struct mr_err err;
    size_t failed;

    if (mr_encoder_avro.encode(f->encoder, f->batch, &failed, &err) < 0)
        fail_msg("%s", err.text);
}

/* The schema text that was posted, parsed by avro-c. */
static void parse_schema(struct fixture *f)
{
    struct mr_envelope envelope;
    struct mr_arena arena;
    struct mr_buf buf;

    mr_arena_init(&arena, 4096, 0);
    mr_buf_init(&buf, 1 << 20);
    f->config.common.forms.whole_scales = true;
    mr_envelope_make(&arena, f->table, f->table->topic, &f->config.common.forms, &envelope);
    mr_avro_text(envelope.value, MR_AVRO_CONFLUENT, &buf);
    assert_int_equal(avro_schema_from_json_length(buf.data, buf.size, &f->schema), 0);
    f->class = avro_generic_class_from_schema(f->schema);
    mr_buf_done(&buf);
    mr_arena_done(&arena);
}

static const struct fake_answer two_ids[] = {{.method = "POST",
                                              .path = "/subjects/shop.public.t-key/versions",
                                              .status = 200,
                                              .body = "{\"id\":7}"},
                                             {.method = "POST",
                                              .path = "/subjects/shop.public.t-value/versions",
                                              .status = 200,
                                              .body = "{\"id\":258}"},
                                             {0}};

/* avro-c reads the record and writes it again: the same bytes. */
static void check_by_avro_c(struct fixture *f, struct mr_slice record)
{
    static char again[64 << 10];
    avro_reader_t reader = avro_reader_memory(record.data + 5, (int64_t)record.size - 5);
    avro_writer_t writer = avro_writer_memory(again, sizeof(again));
    avro_value_t value;

    assert_memory_equal(record.data, "\0\0\0\1\2", 5);
    avro_generic_value_new(f->class, &value);
    if (avro_value_read(reader, &value) != 0)
        fail_msg("avro-c: %s", avro_strerror());
    assert_int_equal(avro_value_write(writer, &value), 0);
    assert_int_equal(avro_writer_tell(writer), record.size - 5);
    assert_memory_equal(again, record.data + 5, record.size - 5);
    avro_value_decref(&value);
    avro_reader_free(reader);
    avro_writer_free(writer);
}

static void random_rows_are_what_avro_c_writes(void **state)
{
    const char *asked = getenv("MR_RANDOM_ROWS");
    long rows = asked ? strtol(asked, NULL, 10) : 20000;
    struct fixture f;
    struct mr_err err;

    (void)state;
    setup(&f, two_ids);
    if (open_encoder(&f, &err) < 0)
        fail_msg("%s", err.text);
    parse_schema(&f);
    for (long done = 0; done < rows; done += 200) {
        mr_batch_reset(f.batch);
        for (int i = 0; i < 200; i++) {
            struct mr_change *made = change(&f, i % 3 ? MR_OP_CREATE : MR_OP_UPDATE);
            made->after = random_row(&f);
            made->before = i % 3 ? NULL : random_row(&f);
        }
        encode(&f);
        assert_int_equal(f.batch->record_count, 200);
        for (size_t i = 0; i < f.batch->record_count; i++)
            check_by_avro_c(&f, f.batch->records[i].value);
    }
    avro_value_iface_decref(f.class);
    avro_schema_decref(f.schema);
    teardown(&f);
}

static void keys_tombstones_and_headers(void **state)
{
    struct fixture f;
    struct mr_change *made;
    struct mr_err err;

    (void)state;
    setup(&f, two_ids);
    assert_int_equal(open_encoder(&f, &err), 0);
    made = change(&f, MR_OP_UPDATE);
    made->before = random_row(&f);
    made->before[0].i = 1;
    made->after = random_row(&f);
    made->after[0].i = 2;
    made->key_changed = true;
    encode(&f);
    assert_int_equal(f.batch->record_count, 3);
    assert_int_equal(f.batch->records[0].key.size, 6);
    assert_memory_equal(f.batch->records[0].key.data, "\0\0\0\0\7\2", 6);
    assert_null(f.batch->records[1].value.data);
    assert_memory_equal(f.batch->records[1].key.data, "\0\0\0\0\7\2", 6);
    assert_memory_equal(f.batch->records[2].key.data, "\0\0\0\0\7\4", 6);
    assert_true(mr_slice_is(f.batch->records[0].headers[0].name, "__debezium.newkey"));
    assert_true(mr_slice_is(f.batch->records[0].headers[0].value, "{\"id\":2}"));
    assert_true(mr_slice_is(f.batch->records[2].headers[0].value, "{\"id\":1}"));
    teardown(&f);
}

static void a_flat_row_is_the_row_alone(void **state)
{
    struct fixture f;
    struct mr_err err;

    (void)state;
    setup(&f, two_ids);
    f.config.common.events.envelope = MR_ENVELOPE_FLAT;
    f.config.common.events.deletes = MR_DELETES_REWRITE;
    assert_int_equal(open_encoder(&f, &err), 0);
    change(&f, MR_OP_DELETE)->before = random_row(&f);
    encode(&f);
    assert_int_equal(f.batch->record_count, 1);
    assert_memory_equal(f.batch->records[0].value.data + f.batch->records[0].value.size - 6,
                        "\2\10true", 6);
    teardown(&f);
}

static void names_that_avro_forbids_are_refused_before_they_are_registered(void **state)
{
    static const struct fake_answer none[] = {{0}};
    struct fixture f;
    struct mr_err err;

    (void)state;
    setup(&f, none);
    f.table->columns[1].name = mr_slice_str("not legal");
    assert_int_equal(open_encoder(&f, &err), MR_CONFIG);
    assert_string_equal(err.code, "schema.invalid");
    teardown(&f);
}

static void a_value_that_does_not_fit_names_its_column(void **state)
{
    struct fixture f;
    struct mr_change *made;
    struct mr_err err;
    size_t failed = 9;

    (void)state;
    setup(&f, two_ids);
    assert_int_equal(open_encoder(&f, &err), 0);
    made = change(&f, MR_OP_CREATE);
    made->after = random_row(&f);
    made->after[5] = (struct mr_value){.kind = MR_DECIMAL_TEXT, .size = 3, .p = "NaN"};
    assert_int_equal(mr_encoder_avro.encode(f.encoder, f.batch, &failed, &err), MR_DATA);
    assert_int_equal(failed, 0);
    assert_string_equal(err.code, "encode.value");
    assert_non_null(strstr(err.text, "public.t, column price"));
    assert_int_equal(f.batch->record_count, 0);
    teardown(&f);
}

static void a_record_that_its_schema_cannot_read_is_found_before_it_is_sent(void **state)
{
    struct fixture f;
    struct mr_change *made;
    struct mr_err err;
    size_t failed;

    (void)state;
    setup(&f, two_ids);
    assert_int_equal(open_encoder(&f, &err), 0);
    made = change(&f, MR_OP_CREATE);
    made->after = random_row(&f);
    made->after[1] = (struct mr_value){.kind = MR_INT, .i = 1LL << 40}; /* a smallint */
    assert_int_equal(mr_encoder_avro.encode(f.encoder, f.batch, &failed, &err), MR_BUG);
    assert_string_equal(err.code, "encode.sample");
    teardown(&f);
}

static void messages_have_their_ids_before_they_are_encoded(void **state)
{
    static const struct fake_answer answers[] = {{.method = "POST",
                                                  .path = "/subjects/shop.message-key/versions",
                                                  .status = 200,
                                                  .body = "{\"id\":3}"},
                                                 {.method = "POST",
                                                  .path = "/subjects/shop.message-value/versions",
                                                  .status = 200,
                                                  .body = "{\"id\":4}"},
                                                 {0}};
    struct mr_message message = {.prefix = MR_SLICE("note"), .content = MR_SLICE("hello")};
    struct mr_encoder_args args;
    struct mr_change *made;
    struct fixture f;
    struct mr_err err;

    (void)state;
    setup(&f, answers);
    args = (struct mr_encoder_args){.context = &f.context, .config = &f.config};
    f.encoder = mr_alloc_zero(mr_encoder_avro.state_size);
    assert_int_equal(mr_encoder_avro.open(f.encoder, &args, &err), 0);
    assert_int_equal(mr_encoder_avro.describe_messages(f.encoder, &err), 0);
    assert_int_equal(f.fake.requests, 2);
    assert_non_null(strstr(mr_encoder_avro.remember(f.encoder).data, "shop.message-value\":4"));
    made = change(&f, MR_OP_MESSAGE);
    made->table = NULL;
    made->message = &message;
    encode(&f);
    assert_int_equal(f.fake.requests, 2);
    assert_memory_equal(f.batch->records[0].key.data, "\0\0\0\0\3\2\10note", 11);
    teardown(&f);
}

static void ten_plain_columns(struct fixture *f, int64_t from)
{
    static const enum mr_type kept[] = {
        MR_TYPE_INT64,   MR_TYPE_INT16, MR_TYPE_BOOL,      MR_TYPE_FLOAT64, MR_TYPE_TEXT,
        MR_TYPE_DECIMAL, MR_TYPE_DATE,  MR_TYPE_TIMESTAMP, MR_TYPE_TEXT,    MR_TYPE_INT64};

    for (int row = 0; row < 1000; row++) {
        struct mr_change *made = change(f, MR_OP_CREATE);

        made->after = MR_ARENA_ARRAY(&f->batch->arena, struct mr_value, 10);
        for (int i = 0; i < 10; i++) {
            struct mr_value value = {.kind = MR_INT, .i = from + row};
            if (kept[i] == MR_TYPE_TEXT)
                value = (struct mr_value){.kind = MR_TEXT, .size = 20, .p = "twenty letters here."};
            else if (kept[i] == MR_TYPE_FLOAT64)
                value = (struct mr_value){.kind = MR_FLOAT, .f = 1.5};
            else if (kept[i] == MR_TYPE_BOOL)
                value = (struct mr_value){.kind = MR_BOOL, .i = 1};
            else if (kept[i] == MR_TYPE_DECIMAL)
                value = (struct mr_value){.kind = MR_DECIMAL, .scale = 2, .i = 125000 + row};
            else if (kept[i] == MR_TYPE_DATE)
                value = (struct mr_value){.kind = MR_DATE, .i = 20685};
            else if (kept[i] == MR_TYPE_TIMESTAMP)
                value = (struct mr_value){.kind = MR_TIMESTAMP, .i = 1787220930351042 + row};
            made->after[i] = value;
        }
    }
}

static struct mr_table *ten_columns(void)
{
    static const enum mr_type kept[] = {
        MR_TYPE_INT64,   MR_TYPE_INT16, MR_TYPE_BOOL,      MR_TYPE_FLOAT64, MR_TYPE_TEXT,
        MR_TYPE_DECIMAL, MR_TYPE_DATE,  MR_TYPE_TIMESTAMP, MR_TYPE_TEXT,    MR_TYPE_INT64};
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    struct mr_table *table = mr_table_new(10);
    struct mr_table *model = make_table();

    for (int i = 0; i < 10; i++)
        table->columns[i] = (struct mr_column){.name = mr_slice_str(names[i]),
                                               .type = kept[i],
                                               .optional = i > 0,
                                               .precision = kept[i] == MR_TYPE_DECIMAL ? 12 : -1,
                                               .scale = kept[i] == MR_TYPE_DECIMAL ? 2 : 0};
    table->connector = model->connector;
    table->server = model->server;
    table->database = model->database;
    table->schema = model->schema;
    table->name = model->name;
    table->topic = model->topic;
    table->key_count = 1;
    table->key_columns[0] = 0;
    mr_table_unref(model);
    return table;
}

/* Of this thread: the machine may be busy with other tests. */
static int64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void warm_rows_make_no_malloc(void **state)
{
    struct fixture f;
    uint64_t calls = 0;
    int64_t spent = 0;
    struct mr_err err;

    (void)state;
    MR_COUNTING_OR_SKIP();
    setup(&f, two_ids);
    mr_table_unref(f.table);
    f.table = ten_columns();
    assert_int_equal(open_encoder(&f, &err), 0);
    for (int i = -5; i < 100; i++) {
        uint64_t before;
        int64_t start;

        mr_batch_reset(f.batch);
        ten_plain_columns(&f, i * 1000);
        before = mr_counting_calls_here();
        start = cpu_ns();
        encode(&f);
        if (i < 0)
            continue;
        spent += cpu_ns() - start;
        calls += mr_counting_calls_here() - before;
    }
    print_message("%.0f ns and %zu bytes a row of ten columns\n", (double)spent / 100000,
                  f.batch->records[0].value.size);
    assert_int_equal(calls, 0);
    teardown(&f);
}

/* What Confluent's converter registers for Debezium's side records. */
static const char end_schema[] =
    "{\"type\":\"record\",\"name\":\"TransactionMetadataValue\",\"namespace\":"
    "\"io.debezium.connector.common\",\"fields\":[{\"name\":\"status\",\"type\":\"string\"},{"
    "\"name\":\"id\",\"type\":\"string\"},{\"name\":\"event_count\",\"type\":[\"null\",\"long\"],"
    "\"default\":null},{\"name\":\"data_collections\",\"type\":[\"null\",{\"type\":\"array\","
    "\"items\":[\"null\",{\"type\":\"record\",\"name\":\"collection\",\"namespace\":\"event\","
    "\"fields\":[{\"name\":\"data_collection\",\"type\":\"string\"},{\"name\":\"event_count\","
    "\"type\":\"long\"}],\"connect.version\":1,\"connect.name\":\"event.collection\"}]}],"
    "\"default\":null},{\"name\":\"ts_ms\",\"type\":\"long\"}],\"connect.version\":1,"
    "\"connect.name\":\"io.debezium.connector.common.TransactionMetadataValue\"}";

/* The text that avro-c prints of a record. */
static void expect_json(const char *schema, struct mr_slice record, const char *wanted)
{
    avro_reader_t reader = avro_reader_memory(record.data + 5, (int64_t)record.size - 5);
    avro_value_iface_t *class;
    avro_schema_t parsed;
    avro_value_t value;
    char *got = NULL;

    assert_int_equal(avro_schema_from_json_length(schema, strlen(schema), &parsed), 0);
    class = avro_generic_class_from_schema(parsed);
    avro_generic_value_new(class, &value);
    assert_int_equal(avro_value_read(reader, &value), 0);
    assert_int_equal(avro_value_to_json(&value, 1, &got), 0);
    assert_string_equal(got, wanted);
    free(got);
    avro_value_decref(&value);
    avro_value_iface_decref(class);
    avro_schema_decref(parsed);
    avro_reader_free(reader);
}

static struct mr_change *side(struct fixture *f, enum mr_op op)
{
    struct mr_change *made = change(f, op);

    made->table = NULL;
    return made;
}

static void side_records_have_schemas_of_their_own(void **state)
{
    static const struct fake_answer ids[] = {
        {"POST", "/subjects/shop.public.t-key/versions", 200, "{\"id\":7}"},
        {"POST", "/subjects/shop.public.t-value/versions", 200, "{\"id\":258}"},
        {"POST", "/subjects/shop.transaction-key/versions", 200, "{\"id\":1}"},
        {"POST", "/subjects/shop.transaction-value/versions", 200, "{\"id\":2}"},
        {"POST", "/subjects/beat.shop-key/versions", 200, "{\"id\":3}"},
        {"POST", "/subjects/beat.shop-value/versions", 200, "{\"id\":4}"},
        {0}};
    static const struct mr_collection_count tables[] = {{MR_SLICE("public.t"), 2}};
    static const struct mr_counts counts = {2, 1, tables}, none = {0, 0, NULL};
    static const struct mr_heartbeat heartbeat = {.topic = MR_SLICE("beat.shop"),
                                                  .time_us = 1787220940000999};
    struct mr_change *made;
    struct mr_err err;
    struct fixture f;
    char posted[4096] = "";

    (void)state;
    setup(&f, ids);
    assert_int_equal(open_encoder(&f, &err), 0);
    made = side(&f, MR_OP_BEGIN);
    assert_int_equal(mr_encoder_avro.describe_side(f.encoder, made, &err), 0);
    for (const char *from = f.fake.last_body, *end = from + strlen(from); from < end; from++) {
        if (*from != '\\')
            strncat(posted, from, 1);
    }
    if (!strstr(posted, end_schema))
        fail_msg("%s", posted);
    side(&f, MR_OP_END)->counts = &counts;
    side(&f, MR_OP_END)->counts = &none;
    side(&f, MR_OP_HEARTBEAT)->heartbeat = &heartbeat;
    encode(&f);
    assert_int_equal(f.fake.wrong, 0);
    assert_int_equal(f.fake.requests, 6);
    assert_int_equal(f.batch->record_count, 4);
    assert_memory_equal(f.batch->records[0].key.data,
                        "\0\0\0\0\1\030"
                        "771:24026984",
                        18);
    assert_memory_equal(f.batch->records[0].value.data, "\0\0\0\0\2", 5);
    expect_json(end_schema, f.batch->records[0].value,
                "{\"status\": \"BEGIN\", \"id\": \"771:24026984\", \"event_count\": null, "
                "\"data_collections\": null, \"ts_ms\": 1787220930123}");
    expect_json(end_schema, f.batch->records[1].value,
                "{\"status\": \"END\", \"id\": \"771:24026984\", \"event_count\": {\"long\": 2}, "
                "\"data_collections\": {\"array\": [{\"collection\": {\"data_collection\": "
                "\"public.t\", \"event_count\": 2}}]}, \"ts_ms\": 1787220930123}");
    expect_json(end_schema, f.batch->records[2].value,
                "{\"status\": \"END\", \"id\": \"771:24026984\", \"event_count\": {\"long\": 0}, "
                "\"data_collections\": {\"array\": []}, \"ts_ms\": 1787220930123}");
    assert_true(mr_slice_is(f.batch->records[3].topic, "beat.shop"));
    assert_memory_equal(f.batch->records[3].key.data, "\0\0\0\0\3\010shop", 10);
    assert_int_equal(f.batch->records[3].partition, 0);
    teardown(&f);
}

/* The block stands where null stood, and the record is still its schema's. */
static void events_say_their_place(void **state)
{
    struct mr_change *made;
    struct mr_err err;
    struct fixture f;

    (void)state;
    setup(&f, two_ids);
    assert_int_equal(open_encoder(&f, &err), 0);
    parse_schema(&f);
    made = change(&f, MR_OP_CREATE);
    made->after = random_row(&f);
    made->total_order = 70;
    made->collection_order = 3;
    encode(&f);
    check_by_avro_c(&f, f.batch->records[0].value);
    assert_non_null(memmem(f.batch->records[0].value.data, f.batch->records[0].value.size,
                           "\2\030"
                           "771:24026984\214\1\6",
                           17));
    avro_value_iface_decref(f.class);
    avro_schema_decref(f.schema);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(side_records_have_schemas_of_their_own),
        cmocka_unit_test(events_say_their_place),
        cmocka_unit_test(random_rows_are_what_avro_c_writes),
        cmocka_unit_test(keys_tombstones_and_headers),
        cmocka_unit_test(a_flat_row_is_the_row_alone),
        cmocka_unit_test(names_that_avro_forbids_are_refused_before_they_are_registered),
        cmocka_unit_test(a_value_that_does_not_fit_names_its_column),
        cmocka_unit_test(a_record_that_its_schema_cannot_read_is_found_before_it_is_sent),
        cmocka_unit_test(messages_have_their_ids_before_they_are_encoded),
        cmocka_unit_test(warm_rows_make_no_malloc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

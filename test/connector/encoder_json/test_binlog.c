/* Events of MySQL and MariaDB in Debezium's envelope, letter by letter as recorded: rows, places, side records, changes
 * of schemas. */
#include "plug/encoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "connectors/encoder_json/plan.h"

extern const struct mr_encoder mr_encoder_json;

#define GTID "6d696c6c-7261-4365-8000-000000013316:24"

struct fixture {
    struct mr_context context;
    struct json_config config;
    struct mr_table *table;
    struct mr_batch *batch;
    struct mr_transaction transaction;
    void *state;
    struct mr_err err;
};

static struct mr_table *orders(const char *connector)
{
    static const struct mr_slice labels[] = {MR_SLICE("new"), MR_SLICE("it's")};
    struct mr_table *table = mr_table_new(4);

    table->connector = mr_slice_str(connector);
    table->server = mr_slice_str("shop");
    table->database = mr_slice_str("dd");
    table->name = mr_slice_str("orders");
    table->topic = mr_slice_str("shop.dd.orders");
    table->charset = mr_slice_str("utf8mb4");
    table->columns[0] = (struct mr_column){.name = MR_SLICE("id"),
                                           .type = MR_TYPE_INT64,
                                           .key = 1,
                                           .serial = true,
                                           .native_type = MR_SLICE("int unsigned"),
                                           .declared = MR_SLICE("int(10) unsigned")};
    table->columns[1] = (struct mr_column){.name = MR_SLICE("total"),
                                           .type = MR_TYPE_DECIMAL,
                                           .optional = true,
                                           .precision = 12,
                                           .scale = 4,
                                           .declared = MR_SLICE("decimal(12,4)"),
                                           .default_text = MR_SLICE("0")};
    table->columns[2] = (struct mr_column){.name = MR_SLICE("state"),
                                           .type = MR_TYPE_ENUM,
                                           .optional = true,
                                           .labels = labels,
                                           .label_count = 2,
                                           .charset = MR_SLICE("latin1"),
                                           .declared = MR_SLICE("enum('new','it''s')"),
                                           .default_text = MR_SLICE("new")};
    table->columns[3] = (struct mr_column){.name = MR_SLICE("at"),
                                           .type = MR_TYPE_TIMESTAMPTZ,
                                           .precision = 3,
                                           .optional = true,
                                           .declared = MR_SLICE("timestamp(3)"),
                                           .comment = MR_SLICE("when")};
    table->key_count = 1;
    return table;
}

static void open_it(struct fixture *f, const char *connector)
{
    struct mr_encoder_args args = {
        .context = &f->context, .config = &f->config, .transactions = MR_SLICE("shop.transaction")};

    memset(f, 0, sizeof(*f));
    f->context = (struct mr_context){.server = "shop"};
    f->config.common.events =
        (struct mr_event_options){.source_version = "3.6.1.Final", .tombstones = true};
    f->config.common.forms = (struct mr_form_options){.placeholder = "PH", .include_unknown = true};
    f->table = orders(connector);
    f->batch = mr_batch_new(1 << 20, 8 << 20);
    f->transaction =
        (struct mr_transaction){.commit_us = 1795226098668123,
                                .origin = {.kind = MR_ORIGIN_BINLOG,
                                           .binlog = {.gtid = MR_SLICE(GTID),
                                                      .file = MR_SLICE("binlog.000002"),
                                                      .begin = 6150,
                                                      .end = 6800,
                                                      .server_id = 13316,
                                                      .thread = 19}}};
    f->state = mr_alloc_zero(mr_encoder_json.state_size);
    assert_int_equal(mr_encoder_json.open(f->state, &args, &f->err), 0);
    assert_int_equal(mr_encoder_json.describe(f->state, f->table, &f->err), 0);
}

static void close_it(struct fixture *f)
{
    mr_encoder_json.close(f->state);
    free(f->state);
    mr_batch_free(f->batch);
    mr_table_unref(f->table);
}

static struct mr_change *add(struct fixture *f, enum mr_op op)
{
    struct mr_change *change = mr_batch_add_change(f->batch);

    change->op = op;
    change->transaction = &f->transaction;
    change->read_us = 1795226098700456;
    return change;
}

static struct mr_change *add_row(struct fixture *f, enum mr_op op)
{
    static struct mr_value row[] = {{.kind = MR_INT, .i = 7},
                                    {.kind = MR_DECIMAL, .i = 10500, .scale = 4},
                                    {.kind = MR_TEXT, .size = 4, .p = "it's"},
                                    {.kind = MR_TIMESTAMP, .i = 946684800100000}};
    struct mr_change *change = add(f, op);

    change->table = f->table;
    change->origin.binlog.offset = 6227;
    change->origin.binlog.row = 3;
    if (op == MR_OP_DELETE)
        change->before = row;
    else
        change->after = row;
    return change;
}

static void encode(struct fixture *f)
{
    size_t failed;

    assert_int_equal(mr_encoder_json.encode(f->state, f->batch, &failed, &f->err), 0);
}

static void check(const struct fixture *f, size_t i, const char *topic, const char *text)
{
    const struct mr_record *record = &f->batch->records[i];
    char got[4096];

    assert_true(i < f->batch->record_count);
    assert_true(mr_slice_is(record->topic, topic));
    snprintf(got, sizeof got, "%.*s %.*s", MR_SLICE_ARG(record->key), MR_SLICE_ARG(record->value));
    assert_string_equal(got, text);
}

#define CHECK(f, i, topic, key, value) check((f), (i), (topic), key " " value)

#define ROW "{\"id\":7,\"total\":\"KQQ=\",\"state\":\"it's\",\"at\":\"2000-01-01T00:00:00.100Z\"}"
#define SOURCE(connector, snapshot, table)                                                         \
    "\"source\":{\"version\":\"3.6.1.Final\",\"connector\":\"" connector                           \
    "\",\"name\":\"shop\",\"ts_ms\":1795226098668,\"snapshot\":\"" snapshot                        \
    "\",\"db\":\"dd\",\"sequence\":null,\"ts_us\":1795226098668123,\"ts_ns\":1795226098668123000," \
    "\"table\":" table
#define PLACE                                                                                      \
    ",\"server_id\":13316,\"gtid\":\"" GTID "\",\"file\":\"binlog.000002\",\"pos\":6227,\"row\":3" \
    ",\"thread\":19,\"query\":"
#define TIMES "\"ts_ms\":1795226098700,\"ts_us\":1795226098700456,\"ts_ns\":1795226098700456000}"

static void rows_say_where_they_stand_in_the_binlog(void **state)
{
    static const struct mr_slice query = MR_SLICE("INSERT INTO orders VALUES (7, \"x\")");
    struct fixture f;

    (void)state;
    open_it(&f, "mysql");
    add_row(&f, MR_OP_CREATE)->origin.binlog.query = &query;
    add_row(&f, MR_OP_DELETE);
    encode(&f);
    assert_int_equal(f.batch->record_count, 3); /* the delete has a tombstone */
    CHECK(&f, 0, "shop.dd.orders", "{\"id\":7}",
          "{\"before\":null,\"after\":" ROW "," SOURCE("mysql", "false", "\"orders\"") PLACE
          "\"INSERT INTO orders VALUES (7, \\\"x\\\")\"},\"transaction\":null,\"op\":\"c\"," TIMES);
    CHECK(&f, 1, "shop.dd.orders", "{\"id\":7}",
          "{\"before\":" ROW ",\"after\":null," SOURCE("mysql", "false", "\"orders\"") PLACE
          "null},\"transaction\":null,\"op\":\"d\"," TIMES);
    close_it(&f);
}

/* A view stands at a place of the log, and no transaction made it. */
static void rows_of_a_snapshot_have_the_place_of_their_view(void **state)
{
    struct fixture f;
    struct mr_change *change;

    (void)state;
    open_it(&f, "mariadb");
    f.transaction.origin.binlog =
        (struct mr_origin_binlog){.file = MR_SLICE("mariadb-bin.000007"), .begin = 902};
    change = add_row(&f, MR_OP_READ);
    change->mark = MR_SNAPSHOT_FIRST;
    change->origin = (union mr_origin_row){0};
    encode(&f);
    CHECK(&f, 0, "shop.dd.orders", "{\"id\":7}",
          "{\"before\":null,\"after\":" ROW "," SOURCE(
              "mariadb", "first", "\"orders\"") ",\"server_id\":0,\"gtid\":null,\"file\":\"mariadb-"
                                                "bin.000007\",\"pos\":902,\"row\":0,"
                                                "\"thread\":null,\"query\":null},\"transaction\":"
                                                "null,\"op\":\"r\"," TIMES);
    close_it(&f);
}

static void transactions_are_called_by_their_gtid(void **state)
{
    static const struct mr_collection_count collection = {MR_SLICE("dd.orders"), 1};
    static const struct mr_counts counts = {1, 1, &collection};
    struct fixture f;

    (void)state;
    open_it(&f, "mysql");
    add(&f, MR_OP_BEGIN);
    add(&f, MR_OP_END)->counts = &counts;
    encode(&f);
    CHECK(&f, 0, "shop.transaction", "{\"id\":\"" GTID "\"}",
          "{\"status\":\"BEGIN\",\"id\":\"" GTID
          "\",\"event_count\":null,\"data_collections\":null,\"ts_ms\":1795226098668}");
    CHECK(&f, 1, "shop.transaction", "{\"id\":\"" GTID "\"}",
          "{\"status\":\"END\",\"id\":\"" GTID
          "\",\"event_count\":1,\"data_collections\":[{\"data_collection\":\"dd.orders\","
          "\"event_count\":1}],\"ts_ms\":1795226098668}");
    close_it(&f);
}

#define COLUMN(name, jdbc, type, charset, length, scale, place, optional, serial, standard,        \
               labels)                                                                             \
    "{\"name\":\"" name "\",\"jdbcType\":" jdbc ",\"nativeType\":null,\"typeName\":\"" type        \
    "\",\"typeExpression\":\"" type "\",\"charsetName\":" charset ",\"length\":" length            \
    ",\"scale\":" scale ",\"position\":" place ",\"optional\":" optional                           \
    ",\"autoIncremented\":" serial ",\"generated\":" serial                                        \
    ",\"comment\":null,\"defaultValueExpression\":" standard ",\"enumValues\":" labels "}"

#define ALTERED                                                                                      \
    "{" SOURCE("mysql", "false", "\"orders,old\"") PLACE                                             \
        "null},\"ts_ms\":1795226098700,\"databaseName\":\"dd\",\"schemaName\":null,"                 \
        "\"ddl\":\"ALTER TABLE orders ADD at "                                                       \
        "TIMESTAMP(3)\",\"tableChanges\":[{\"type\":\"ALTER\","                                      \
        "\"id\":\"\\\"dd\\\".\\\"orders\\\"\",\"table\":{\"defaultCharsetName\":\"utf8mb4\","        \
        "\"primaryKeyColumnNames\":[\"id\"],\"columns\":[" COLUMN(                                   \
            "id", "4", "INT UNSIGNED", "null", "10", "null", "1", "false", "true", "null",           \
            "null") "," COLUMN("total", "3", "DECIMAL", "null", "12", "4", "2", "true", "false",     \
                               "\"0\"",                                                              \
                               "null") "," COLUMN("state", "1", "ENUM", "\"latin1\"", "1", "null",   \
                                                  "3", "true", "false", "\"new\"",                   \
                                                  "[\"'new'\",\"'it's'\"]") "," COLUMN("at",         \
                                                                                       "2014",       \
                                                                                       "TIMESTAM"    \
                                                                                       "P",          \
                                                                                       "null",       \
                                                                                       "3",          \
                                                                                       "null",       \
                                                                                       "4",          \
                                                                                       "true",       \
                                                                                       "false",      \
                                                                                       "null",       \
                                                                                       "null") "]"   \
                                                                                               ","   \
                                                                                               "\"c" \
                                                                                               "o"   \
                                                                                               "m"   \
                                                                                               "m"   \
                                                                                               "e"   \
                                                                                               "n"   \
                                                                                               "t"   \
                                                                                               "\":" \
                                                                                               "n"   \
                                                                                               "u"   \
                                                                                               "l"   \
                                                                                               "l"   \
                                                                                               "}"   \
                                                                                               "}"   \
                                                                                               ","   \
                                                                                               "{"   \
                                                                                               "\"t" \
                                                                                               "y"   \
                                                                                               "p"   \
                                                                                               "e"   \
                                                                                               "\":" \
                                                                                               "\"D" \
                                                                                               "R"   \
                                                                                               "O"   \
                                                                                               "P"   \
                                                                                               "\"," \
                                                                                               "\"i" \
                                                                                               "d"   \
                                                                                               "\""  \
                                                                                               ":"   \
                                                                                               "\""  \
                                                                                               "\\"  \
                                                                                               "\"d" \
                                                                                               "d"   \
                                                                                               "\\"  \
                                                                                               "\"." \
                                                                                               "\\"  \
                                                                                               "\"o" \
                                                                                               "l"   \
                                                                                               "d"   \
                                                                                               "\\"  \
                                                                                               "\""  \
                                                                                               "\"," \
                                                                                               "\"t" \
                                                                                               "a"   \
                                                                                               "b"   \
                                                                                               "l"   \
                                                                                               "e"   \
                                                                                               "\""  \
                                                                                               ":"   \
                                                                                               "n"   \
                                                                                               "u"   \
                                                                                               "l"   \
                                                                                               "l"   \
                                                                                               "}"   \
                                                                                               "]"   \
                                                                                               "}"

static void a_changed_schema_is_told_with_its_statement(void **state)
{
    struct fixture f;
    struct mr_table_change changes[2] = {{MR_TABLE_ALTER, MR_SLICE("dd"), MR_SLICE("orders"), NULL},
                                         {MR_TABLE_DROP, MR_SLICE("dd"), MR_SLICE("old"), NULL}};
    struct mr_schema_change schema = {.connector = MR_SLICE("mysql"),
                                      .database = MR_SLICE("dd"),
                                      .tables = MR_SLICE("orders,old"),
                                      .ddl = MR_SLICE("ALTER TABLE orders ADD at TIMESTAMP(3)"),
                                      .change_count = 2,
                                      .changes = changes};
    struct mr_change *change;

    (void)state;
    open_it(&f, "mysql");
    changes[0].table = f.table;
    change = add(&f, MR_OP_SCHEMA);
    change->schema = &schema;
    change->origin.binlog.offset = 6227;
    change->origin.binlog.row = 3;
    encode(&f);
    CHECK(&f, 0, "shop", "{\"databaseName\":\"dd\"}", ALTERED);
    assert_int_equal(f.batch->records[0].partition, 0);
    close_it(&f);
}

/* The whole server's, as the first record of a snapshot: no database, no table. */
static void a_statement_without_a_table_changes_none(void **state)
{
    static const char *const pieces[] = {"\"db\":\"\",", "\"table\":null,\"server_id\"",
                                         "\"tableChanges\":[]}"};
    struct fixture f;
    struct mr_schema_change schema = {.connector = MR_SLICE("mariadb"),
                                      .ddl = MR_SLICE("SET character_set_server=utf8mb4")};
    struct mr_change *change;

    (void)state;
    open_it(&f, "mariadb");
    change = add(&f, MR_OP_SCHEMA);
    change->schema = &schema;
    encode(&f);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        assert_non_null(memmem(f.batch->records[0].value.data, f.batch->records[0].value.size,
                               pieces[i], strlen(pieces[i])));
    close_it(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_say_where_they_stand_in_the_binlog),
        cmocka_unit_test(rows_of_a_snapshot_have_the_place_of_their_view),
        cmocka_unit_test(transactions_are_called_by_their_gtid),
        cmocka_unit_test(a_changed_schema_is_told_with_its_statement),
        cmocka_unit_test(a_statement_without_a_table_changes_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

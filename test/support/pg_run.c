/* The driver, and how a change is printed. Printing covers every kind of value the source makes. */
#include "test/support/pg_run.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "connectors/source_postgres/session/server.h"
#include "plug/plug.h"

#define QUIET_NS    (100 * MR_MS_NS)
#define PATIENCE_NS (60 * MR_SECOND_NS) /* with a server that is slow: nothing here proves speed */

struct pg_server pg_run_server;
const struct mr_source *pg_run_source;

bool pg_run_start_server(void)
{
    if (getenv("MR_TEST")) /* one test of a file */
        cmocka_set_test_filter(getenv("MR_TEST"));
    pg_run_source = mr_plug_source("postgres");
    return pg_server_start(&pg_run_server, "logical");
}

int pg_run_stop_server(int failed)
{
    pg_server_stop(&pg_run_server);
    return failed;
}

static int databases;

static void note(void *state, int level, const char *code, const char *format, ...)
{
    struct pg_run *run = state;
    size_t at = strlen(run->noted);
    va_list args;

    (void)level;
    at += (size_t)snprintf(run->noted + at, sizeof(run->noted) - at, "%s: ", code);
    va_start(args, format);
    (void)vsnprintf(run->noted + at, sizeof(run->noted) - at, format, args);
    va_end(args);
}

void pg_run_sql(struct pg_run *run, const char *text)
{
    PGresult *result = PQexec(run->sql, text);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQresultErrorMessage(result));
    PQclear(result);
}

const char *pg_run_one(struct pg_run *run, const char *text)
{
    static char value[2000];
    PGresult *result = PQexec(run->sql, text);

    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQresultErrorMessage(result));
    (void)snprintf(value, sizeof(value), "%s", PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return value;
}

void pg_run_begin(struct pg_run *run)
{
    char text[100], dsn[200];
    PGconn *conn;

    memset(run, 0, sizeof(*run));
    (void)snprintf(run->database, sizeof(run->database), "d%d", ++databases);
    (void)snprintf(dsn, sizeof(dsn), "%s dbname=postgres", pg_run_server.dsn);
    conn = PQconnectdb(dsn);
    (void)snprintf(text, sizeof(text), "CREATE DATABASE %s", run->database);
    PQclear(PQexec(conn, text));
    PQfinish(conn);
    (void)snprintf(run->dsn, sizeof(run->dsn), "%s dbname=%s", pg_run_server.dsn, run->database);
    run->sql = PQconnectdb(run->dsn);
    assert_int_equal(PQstatus(run->sql), CONNECTION_OK);
    run->config = (struct mr_pg_config){
        .dsn = run->dsn,
        .capture = {.snapshot = MR_SNAPSHOT_MODE_NO_DATA, .connect_timeout = 10 * MR_SECOND_NS},
        .decoding_memory = 64 << 20,
        .status_interval = 10 * MR_SECOND_NS};
    run->context = (struct mr_context){.pipeline = run->database,
                                       .server = run->database,
                                       .notes = {note, run},
                                       .counters = &run->counters,
                                       .stopping = &run->stopping};
    run->args = (struct mr_source_args){
        .context = &run->context, .config = &run->config, .batch_bytes = 1 << 20};
    run->state = calloc(1, pg_run_source->state_size);
}

void pg_run_hang_up(struct pg_run *run)
{
    mr_transactions_close(&run->transactions);
    if (run->opened)
        pg_run_source->close(run->state);
    run->opened = false;
}

void pg_run_end(struct pg_run *run)
{
    pg_run_hang_up(run);
    for (int i = 0; run->sql && i < 1500; i++) {
        PGresult *result =
            PQexec(run->sql, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                             "WHERE NOT active AND slot_name <> 'kept'");
        bool done = PQresultStatus(result) == PGRES_TUPLES_OK &&
                    strcmp(pg_run_one(run, "SELECT count(*) FROM pg_replication_slots"), "0") == 0;
        PQclear(result);
        if (done)
            break;
        (void)poll(NULL, 0, 20);
    }
    PQfinish(run->sql);
    for (size_t i = 0; i < run->seen_count; i++)
        free(run->seen[i]);
    for (size_t i = 0; i < run->batches; i++)
        free(run->positions[i]);
    mr_table_unref(run->table);
    free(run->state);
}

int pg_run_try_open(struct pg_run *run)
{
    struct mr_slice claim = {NULL, 0};
    int rc;

    pg_run_hang_up(run);
    memset(run->state, 0, pg_run_source->state_size);
    run->args.take_over = false;
    run->args.resume = mr_slice_str(run->resume[0] ? run->resume : NULL);
    mr_err_clear(&run->err);
    rc = pg_run_source->open(run->state, &run->args, &claim, &run->err);
    run->opened = true;
    if (rc == 0 && run->args.boundaries) {
        run->pipeline = (struct mr_pipeline_config){.encoder = mr_plug_encoder("json"),
                                                    .events = {true, "{name}.transaction", false}};
        rc = mr_transactions_open(&run->transactions, &run->pipeline, "s", &run->err);
    }
    if (rc == 0 && !run->resume[0])
        (void)snprintf(run->resume, sizeof(run->resume), "%.*s", MR_SLICE_ARG(claim));
    return rc;
}

int pg_run_try_start(struct pg_run *run)
{
    int rc = pg_run_try_open(run);

    if (rc < 0)
        return rc;
    run->args.take_over = true;
    return pg_run_source->start(run->state, &run->err);
}

void pg_run_start(struct pg_run *run)
{
    int rc = pg_run_try_start(run);

    if (rc < 0)
        fail_msg("%s: %s", run->err.code, run->err.text);
}

static size_t print_value(const struct mr_value *value, char *at, size_t room);

static size_t print_items(const struct mr_array *array, char *at, size_t room)
{
    size_t size = (size_t)snprintf(at, room, "%u[", array->dimensions);

    for (uint32_t i = 0; i < array->count; i++)
        size += print_value(&array->items[i], at + size, room - size);
    return size + (size_t)snprintf(at + size, room - size, "]%.*s", MR_SLICE_ARG(array->text));
}

static size_t print_hex(const void *bytes, size_t count, char *at, size_t room)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += (size_t)snprintf(at + size, room - size, "%02x", ((const uint8_t *)bytes)[i]);
    return size;
}

static size_t print_geometry(const struct mr_geometry *geometry, char *at, size_t room)
{
    size_t size = (size_t)snprintf(at, room, "%u:", geometry->closed);

    for (uint32_t i = 0; i < geometry->count; i++)
        size += (size_t)snprintf(at + size, room - size, "%g,", geometry->numbers[i]);
    return size;
}

static size_t print_value(const struct mr_value *value, char *at, size_t room)
{
    size_t size = (size_t)snprintf(at, room, " %u/%d:", value->kind, value->scale);

    at += size;
    room -= size;
    switch (value->kind) {
    case MR_NULL:
    case MR_UNCHANGED:
    case MR_ABSENT: return size;
    case MR_TEXT:
    case MR_DECIMAL_TEXT:
        return size + (size_t)snprintf(at, room, "%.*s", (int)value->size, value->p);
    case MR_BYTES:
    case MR_UUID: return size + print_hex(value->p, value->size, at, room);
    case MR_FLOAT: return size + (size_t)snprintf(at, room, "%.17g", value->f);
    case MR_ARRAY: return size + print_items(value->array, at, room);
    case MR_GEOMETRY: return size + print_geometry(value->geometry, at, room);
    case MR_BITS:
        size += (size_t)snprintf(at, room, "%u:", value->bits->count);
        return size + print_hex(value->bits->bytes, (value->bits->count + 7) / 8, at + 4, room - 4);
    case MR_INTERVAL:
        return size + (size_t)snprintf(at, room, "%d,%d,%lld", value->interval->months,
                                       value->interval->days, (long long)value->interval->micros);
    default: return size + (size_t)snprintf(at, room, "%lld,%d", (long long)value->i, value->zone);
    }
}

static size_t print_row(const struct mr_change *change, const struct mr_value *row, char *at,
                        size_t room)
{
    size_t size = 0;

    for (uint32_t i = 0; row && i < change->table->column_count; i++)
        size += print_value(&row[i], at + size, room - size);
    return size;
}

/* "B 771:24026", "E 771:24999 3 public.t=3", "h topic". */
static void see_side(struct pg_run *run, const struct mr_change *change)
{
    const struct mr_origin_postgres *origin =
        change->transaction ? &change->transaction->origin.postgres : NULL;
    char line[2000];
    size_t size;

    if (change->op == MR_OP_HEARTBEAT)
        size =
            (size_t)snprintf(line, sizeof(line), "h %.*s", MR_SLICE_ARG(change->heartbeat->topic));
    else
        size = (size_t)snprintf(
            line, sizeof(line), "%c %llu:%llu", change->op, (unsigned long long)origin->xid,
            (unsigned long long)(change->op == MR_OP_BEGIN ? origin->first_lsn : origin->end_lsn));
    if (change->counts)
        size += (size_t)snprintf(line + size, sizeof(line) - size, " %llu",
                                 (unsigned long long)change->counts->events);
    for (uint32_t i = 0; change->counts && i < change->counts->collection_count; i++)
        size += (size_t)snprintf(line + size, sizeof(line) - size, " %.*s=%llu",
                                 MR_SLICE_ARG(change->counts->collections[i].name),
                                 (unsigned long long)change->counts->collections[i].events);
    run->seen[run->seen_count++] = strdup(line);
}

static void see(struct pg_run *run, const struct mr_change *change)
{
    static char line[100000];
    size_t size;

    assert_true(run->seen_count < PG_RUN_MAX);
    if (!change->table && !change->message) {
        see_side(run, change);
        return;
    }
    if (run->last_number && !run->gaps)
        assert_int_equal(change->number, run->last_number + 1);
    run->last_number = change->number;
    if (change->table && change->table != run->table) {
        mr_table_unref(run->table);
        run->table = mr_table_ref(change->table);
    }
    size = (size_t)snprintf(line, sizeof(line), "%c %.*s", change->op,
                            change->table ? (int)change->table->name.size : 7,
                            change->table ? change->table->name.data : "message");
    if (change->total_order)
        size += (size_t)snprintf(line + size, sizeof(line) - size, " %llu/%llu",
                                 (unsigned long long)change->total_order,
                                 (unsigned long long)change->collection_order);
    if (change->key_changed)
        size += (size_t)snprintf(line + size, sizeof(line) - size, " key_changed");
    if (change->message)
        size += (size_t)snprintf(line + size, sizeof(line) - size, " %.*s",
                                 MR_SLICE_ARG(change->message->content));
    if (change->before) {
        size += (size_t)snprintf(line + size, sizeof(line) - size, " before");
        size += print_row(change, change->before, line + size, sizeof(line) - size);
    }
    if (change->after) {
        size += (size_t)snprintf(line + size, sizeof(line) - size, " after");
        size += print_row(change, change->after, line + size, sizeof(line) - size);
    }
    run->seen[run->seen_count++] = strdup(line);
}

/* Whether the source has read all that was committed when `end` was taken, snapshot and stream. */
static bool read_up_to(const struct pg_run *run, uint64_t end)
{
    struct mr_source_lag lag;
    uint64_t read = 0;

    pg_run_source->lag(run->state, &lag);
    (void)mr_pg_lsn_parse(lag.read, &read);
    return run->last || (!lag.inside && read >= end);
}

static uint64_t log_end(struct pg_run *run)
{
    uint64_t end = 0;

    if (run->sql)
        (void)mr_pg_lsn_parse(pg_run_one(run, "SELECT pg_current_wal_lsn()"), &end);
    return end;
}

/* As the engine's writer does it: BEGIN, END and heartbeats stand among the changes after it. */
static void count_transactions(struct pg_run *run, struct mr_batch *batch)
{
    if (run->args.boundaries) {
        mr_transactions_look(&run->transactions, batch);
        mr_transactions_place(&run->transactions, batch);
    }
}

int pg_run_read_some(struct pg_run *run, size_t most)
{
    struct mr_batch *batch = mr_batch_new(64 << 10, 1 << 20);
    int64_t quiet_ns = mr_clock_mono_ns() + QUIET_NS;
    uint64_t end = log_end(run);
    int rc = 0;

    for (size_t n = 0; n < most && rc == 0 && !run->last;) {
        int64_t now_ns = mr_clock_mono_ns();
        if (now_ns >= quiet_ns + (read_up_to(run, end) ? 0 : PATIENCE_NS))
            break;
        mr_batch_reset(batch);
        rc = pg_run_source->read(run->state, batch, mr_clock_mono_ns() + 50 * MR_MS_NS, &run->err);
        count_transactions(run, batch);
        for (size_t i = 0; i < batch->change_count; i++)
            see(run, &batch->changes[i]);
        run->last = batch->last;
        if (batch->position.text.data) {
            run->whole[run->batches] = batch->position.whole;
            run->positions[run->batches++] =
                strndup(batch->position.text.data, batch->position.text.size);
            if (!run->silent)
                pg_run_source->confirm(run->state, &batch->position);
            n++;
        }
        if (batch->change_count > 0)
            quiet_ns = mr_clock_mono_ns() + QUIET_NS;
    }
    mr_batch_free(batch);
    return rc;
}

void pg_run_read_all(struct pg_run *run)
{
    int rc = pg_run_read_some(run, SIZE_MAX);

    if (rc < 0)
        fail_msg("%s: %s", run->err.code, run->err.text);
}

void pg_run_resume_at(struct pg_run *run, const char *position)
{
    (void)snprintf(run->resume, sizeof(run->resume), "%s", position);
}

void pg_run_expect_code(struct pg_run *run, int rc, int class, const char *code)
{
    if (rc != class || strcmp(run->err.code, code) != 0)
        fail_msg("wanted %d %s, got %d %s: %s", class, code, rc, run->err.code, run->err.text);
    assert_true(run->err.text[0] != 0);
}

/* A pipeline that has run: slot, publication, two rows out, position at the end. */
void pg_run_begin_used(struct pg_run *run)
{
    pg_run_begin(run);
    pg_run_sql(run, "CREATE TABLE t (id int PRIMARY KEY, v text)");
    pg_run_start(run);
    pg_run_sql(run, "INSERT INTO t VALUES (1, 'a'), (2, 'b')");
    pg_run_read_all(run);
    assert_int_equal(run->seen_count, 2);
    pg_run_resume_at(run, run->positions[run->batches - 1]);
    pg_run_hang_up(run);
}

void pg_run_replace(struct pg_run *run, const char *key, const char *value)
{
    char copy[sizeof(run->resume)], *at = strstr(run->resume, key), *rest;

    assert_non_null(at);
    (void)snprintf(copy, sizeof(copy), "%s", run->resume);
    at += strlen(key);
    rest = copy + (at - run->resume) + strcspn(at, ",}");
    (void)snprintf(at, sizeof(run->resume) - (size_t)(at - run->resume), "%s%s", value, rest);
}

void pg_run_wait(struct pg_run *run, const char *text, const char *wanted)
{
    int64_t deadline_ns = mr_clock_mono_ns() + PATIENCE_NS;

    while (strcmp(pg_run_one(run, text), wanted) != 0) {
        if (mr_clock_mono_ns() >= deadline_ns)
            fail_msg("%s: wanted %s, is %s", text, wanted, pg_run_one(run, text));
        (void)poll(NULL, 0, 20);
    }
}

/* A slot stays active for a moment after its session has gone. */
void pg_run_wait_left(struct pg_run *run)
{
    pg_run_wait(run,
                "SELECT count(*) FROM pg_replication_slots WHERE active AND database = "
                "current_database()",
                "0");
}

void pg_run_drop_slot(struct pg_run *run)
{
    char text[200];

    pg_run_wait_left(run);
    (void)snprintf(text, sizeof(text), "SELECT pg_drop_replication_slot('millrace_%s')",
                   run->database);
    pg_run_sql(run, text);
}

void pg_run_make_slot(struct pg_run *run, const char *how)
{
    char text[200];

    (void)snprintf(text, sizeof(text), "SELECT %s", how);
    for (char *at; (at = strstr(text, "NAME"));) {
        char rest[200];
        (void)snprintf(rest, sizeof(rest), "%s", at + 4);
        (void)snprintf(at, sizeof(text) - (size_t)(at - text), "millrace_%s%s", run->database,
                       rest);
    }
    pg_run_sql(run, text);
}

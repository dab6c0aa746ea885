/* What the PostgreSQL source refuses, and that it says what to do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "connectors/source_postgres/place/open.h"
#include "connectors/source_postgres/place/slot.h"
#include "test/support/pg_run.h"

static void a_position_of_another_server_is_refused(void **state)
{
    static const struct {
        const char *key, *value, *code;
        int class;
    } cases[] = {
        {"\"system\":", "\"7000000000000000000\"", "source.system_changed", MR_GAP},
        {"\"database\":", "\"elsewhere\"", "source.database_changed", MR_GAP},
        {"\"slot\":", "\"other\"", "source.slot_changed", MR_CONFIG},
        {"\"timeline\":", "9", "source.timeline_behind", MR_GAP},
        {"\"resume\":", "\"FF/0\"", "source.position_ahead", MR_GAP},
        {"\"resume\":", "\"0/10\"", "source.slot_ahead", MR_GAP},
        {"\"resume\":", "12", "source.position", MR_GAP},
    };
    struct pg_run run;
    char good[sizeof(run.resume)];

    (void)state;
    pg_run_begin_used(&run);
    (void)snprintf(good, sizeof(good), "%s", run.resume);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pg_run_resume_at(&run, good);
        pg_run_replace(&run, cases[i].key, cases[i].value);
        pg_run_expect_code(&run, pg_run_try_open(&run), cases[i].class, cases[i].code);
    }
    pg_run_resume_at(&run, good);
    assert_int_equal(pg_run_try_open(&run), 0);
    pg_run_end(&run);
}

/* A standby that is started again comes up before it has replayed all that it had. */
static void a_standby_that_is_behind_is_waited_for(void **state)
{
    const struct mr_context context = {.pipeline = "p"};
    struct mr_pg_position position = {.system = "1",
                                      .database = "d",
                                      .slot = "s",
                                      .timeline = 1,
                                      .standing.started = true,
                                      .resume = 200};
    struct mr_pg_server server = {
        .system = "1", .database = "d", .timeline = 1, .wal_end = 100, .standby = true};
    struct mr_pg_place place = {.context = &context, .slot = "s", .server = &server};
    struct mr_err err;

    (void)state;
    assert_int_equal(mr_pg_check_position(&place, &position, &err), MR_RETRY);
    server.standby = false;
    assert_int_equal(mr_pg_check_position(&place, &position, &err), MR_GAP);
    assert_string_equal(err.code, "source.position_ahead");
}

static void a_slot_that_does_not_fit_is_refused(void **state)
{
    struct mr_buf position;
    struct pg_run run;

    (void)state;
    pg_run_begin_used(&run);
    pg_run_drop_slot(&run);
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_GAP, "source.slot_missing");
    assert_non_null(strstr(run.err.hint, "checkpoint set"));
    pg_run_make_slot(&run, "pg_create_logical_replication_slot('NAME', 'test_decoding')");
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_CONFIG, "source.slot_plugin");
    pg_run_drop_slot(&run);
    pg_run_make_slot(&run, "pg_create_physical_replication_slot('NAME')");
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_CONFIG, "source.slot_plugin");
    pg_run_hang_up(&run);
    mr_buf_init(&position, 64 << 10);
    pg_run_expect_code(&run, pg_run_source->locate(&run.args, "now", &position, &run.err),
                       MR_CONFIG, "source.slot_plugin");
    mr_buf_done(&position);
    pg_run_drop_slot(&run);
    pg_run_make_slot(&run, "pg_create_logical_replication_slot('NAME', 'pgoutput', false, true)");
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_CONFIG, "source.slot_two_phase");
    pg_run_drop_slot(&run);
    pg_run_make_slot(&run, "pg_create_logical_replication_slot('NAME', 'pgoutput')");
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_GAP, "source.slot_ahead");
    run.resume[0] = 0;
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_CONFIG, "source.slot_not_ours");
    assert_non_null(strstr(run.err.hint, "adopt_slot"));
    run.config.adopt_slot = true;
    assert_int_equal(pg_run_try_open(&run), 0);
    run.config.slot = "Not A Slot";
    run.resume[0] = 0;
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_CONFIG, "source.slot_name");
    pg_run_end(&run);
}

static void a_slot_of_another_database_is_refused(void **state)
{
    struct pg_run run, other;

    (void)state;
    pg_run_begin_used(&other);
    pg_run_begin(&run);
    run.config.slot = "of_another";
    other.config.slot = "of_another";
    pg_run_sql(&other, "SELECT pg_create_logical_replication_slot('of_another', 'pgoutput')");
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_CONFIG, "source.slot_database");
    pg_run_sql(&other, "SELECT pg_drop_replication_slot('of_another')");
    pg_run_end(&run);
    pg_run_end(&other);
}

static void a_publication_that_is_gone_is_a_gap(void **state)
{
    struct pg_run run;
    char text[100];

    (void)state;
    pg_run_begin_used(&run);
    (void)snprintf(text, sizeof(text), "DROP PUBLICATION millrace_%s", run.database);
    pg_run_sql(&run, text);
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_GAP, "source.publication_gone");
    (void)snprintf(text, sizeof(text), "CREATE PUBLICATION millrace_%s FOR TABLE t", run.database);
    pg_run_sql(&run, "INSERT INTO t VALUES (3, 'unseen')");
    pg_run_sql(&run, text);
    pg_run_start(&run);
    pg_run_expect_code(&run, pg_run_read_some(&run, SIZE_MAX), MR_GAP, "source.publication_gone");
    pg_run_end(&run);
}

static void what_cannot_be_made_is_said_with_its_sql(void **state)
{
    static const char *const tables[] = {"public.nothing"}, *const bad[] = {"orders"},
                             *const wrong[] = {"/(/"}, *const skipped[] = {"x"};
    struct pg_run run;
    char dsn[250];

    (void)state;
    pg_run_begin(&run);
    pg_run_sql(&run, "CREATE TABLE t (id int PRIMARY KEY)");
    run.config.publication.create = MR_PG_CREATE_NEVER;
    pg_run_expect_code(&run, pg_run_try_start(&run), MR_CONFIG, "source.publication_missing");
    assert_non_null(strstr(run.err.hint, "CREATE PUBLICATION"));
    run.config.publication.create = MR_PG_CREATE_FILTERED;
    run.config.capture.tables = (struct mr_option_list){(const char **)(uintptr_t)tables, 1};
    pg_run_expect_code(&run, pg_run_try_start(&run), MR_CONFIG, "source.no_tables");
    run.config.capture.tables = (struct mr_option_list){(const char **)(uintptr_t)bad, 1};
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_CONFIG, "source.tables");
    run.config.capture.tables = (struct mr_option_list){(const char **)(uintptr_t)wrong, 1};
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_CONFIG, "source.tables");
    run.config.capture.tables.count = 0;
    run.config.capture.skipped_operations =
        (struct mr_option_list){(const char **)(uintptr_t)skipped, 1};
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_CONFIG, "source.skipped_operations");
    run.config.capture.skipped_operations.count = 0;
    run.config.publication.name = "a_name_that_is_longer_than_fifty_five_bytes_so_no_room_is_left";
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_CONFIG, "source.publication_name");
    run.config.publication.name = NULL;
    run.args.until = "tomorrow";
    run.resume[0] = 0;
    pg_run_expect_code(&run, pg_run_try_start(&run), MR_CONFIG, "source.until");
    run.args.until = NULL;
    pg_run_drop_slot(&run);
    pg_run_sql(&run, "DROP PUBLICATION IF EXISTS millrace_; CREATE ROLE reader LOGIN REPLICATION");
    (void)snprintf(dsn, sizeof(dsn), "%s user=reader", run.dsn);
    run.config.dsn = dsn;
    run.config.publication.name = "other";
    run.resume[0] = 0;
    pg_run_expect_code(&run, pg_run_try_start(&run), MR_CONFIG, "source.publication_rights");
    assert_int_equal(run.err.exit_code, 77);
    pg_run_end(&run);
}

/* One of other tables: nothing would ever come. Ours, once read from, follows the patterns instead. */
static void a_publication_of_other_tables_is_refused(void **state)
{
    static const char *const tables[] = {"public.t"}, *const renamed[] = {"public.fresh"};
    struct pg_run run;

    (void)state;
    pg_run_begin(&run);
    pg_run_sql(&run, "CREATE TABLE t (id int PRIMARY KEY)");
    pg_run_sql(&run, "CREATE TABLE theirs (id int PRIMARY KEY)");
    pg_run_sql(&run, "CREATE PUBLICATION shared FOR TABLE theirs");
    run.config.publication.name = "shared";
    run.config.capture.tables = (struct mr_option_list){(const char **)(uintptr_t)tables, 1};
    pg_run_expect_code(&run, pg_run_try_start(&run), MR_CONFIG, "source.publication_other");
    assert_non_null(strstr(run.err.text, "public.theirs"));
    assert_non_null(
        strstr(run.err.hint, "ALTER PUBLICATION \"shared\" ADD TABLE ONLY \"public\".\"t\";"));
    pg_run_sql(&run, "ALTER PUBLICATION shared ADD TABLE t");
    pg_run_start(&run);
    pg_run_sql(&run, "INSERT INTO t VALUES (1)");
    pg_run_read_all(&run);
    pg_run_resume_at(&run, run.positions[run.batches - 1]);
    pg_run_hang_up(&run);
    pg_run_sql(&run, "ALTER TABLE t RENAME TO gone; CREATE TABLE fresh (id int PRIMARY KEY)");
    run.config.capture.tables = (struct mr_option_list){(const char **)(uintptr_t)renamed, 1};
    run.config.publication.create = MR_PG_CREATE_NEVER;
    pg_run_expect_code(&run, pg_run_try_start(&run), MR_CONFIG, "source.publication_other");
    run.config.publication.create = MR_PG_CREATE_FILTERED;
    pg_run_start(&run);
    assert_non_null(strstr(run.noted, "source.table_added"));
    pg_run_end(&run);
}

/* A publication that sends partitions otherwise than it is wanted. One that sends them as their root although nobody
 * asked is taken as it is. */
static void partitions_that_come_otherwise_are_refused(void **state)
{
    struct pg_run run;
    char text[200];

    (void)state;
    pg_run_begin_used(&run);
    run.config.publication.via_root = true;
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_CONFIG, "source.partition_root");
    (void)snprintf(text, sizeof(text),
                   "ALTER PUBLICATION \"millrace_%s\" SET (publish_via_partition_root = true)",
                   run.database);
    assert_non_null(strstr(run.err.hint, text));
    pg_run_sql(&run, text);
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_CONFIG, "source.partition_root");
    (void)snprintf(text, sizeof(text),
                   "ALTER PUBLICATION \"millrace_%s_inserts\" SET (publish_via_partition_root = "
                   "true)",
                   run.database);
    assert_non_null(strstr(run.err.hint, text));
    pg_run_sql(&run, text);
    assert_int_equal(pg_run_try_open(&run), 0);
    run.config.publication.via_root = false;
    assert_int_equal(pg_run_try_open(&run), 0);
    pg_run_end(&run);
}

static void a_login_that_fails_says_why(void **state)
{
    static const struct {
        const char *dsn, *code;
        int class, exit_code;
    } cases[] = {
        {"user=nobody_here", "source.auth", MR_CONFIG, 77},
        {"dbname=nowhere", "source.no_database", MR_CONFIG, 78},
        {"port=1", "source.connect", MR_RETRY, 69},
        {"user=norep", "source.no_replication_right", MR_CONFIG, 77},
        {"nonsense", "source.dsn", MR_CONFIG, 78},
    };
    struct pg_run run;
    char dsn[250];

    (void)state;
    pg_run_begin(&run);
    pg_run_sql(&run, "DROP ROLE IF EXISTS norep; CREATE ROLE norep LOGIN");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(dsn, sizeof(dsn), "%s %s", run.dsn, cases[i].dsn);
        run.config.dsn = dsn;
        pg_run_expect_code(&run, pg_run_try_open(&run), cases[i].class, cases[i].code);
        assert_int_equal(mr_err_exit(&run.err), cases[i].exit_code);
    }
    pg_run_end(&run);
}

static void a_log_without_rows_is_refused(void **state)
{
    struct pg_run run;

    (void)state;
    pg_run_begin(&run);
    PQfinish(run.sql);
    run.sql = NULL;
    assert_true(pg_server_restart(&pg_run_server, "replica"));
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_CONFIG, "source.wal_level");
    pg_run_end(&run);
}

/* Log that the server was told not to keep for ever is gone when the slot comes to read it. */
static void a_slot_whose_log_is_gone_is_a_gap(void **state)
{
    static const char lost[] = "SELECT bool_and(wal_status = 'lost') FROM pg_replication_slots "
                               "WHERE database = current_database()";
    struct pg_run run;

    (void)state;
    pg_run_begin_used(&run);
    pg_run_sql(&run, "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
    pg_run_sql(&run, "SELECT pg_reload_conf()");
    for (int i = 0; i < 100 && strcmp(pg_run_one(&run, lost), "t") != 0; i++)
        pg_run_sql(&run, "INSERT INTO t VALUES (100 + (random() * 1e9)::int); SELECT "
                         "pg_switch_wal(); CHECKPOINT");
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_GAP, "source.slot_lost");
    pg_run_sql(&run, "ALTER SYSTEM RESET max_slot_wal_keep_size");
    pg_run_sql(&run, "SELECT pg_reload_conf()");
    pg_run_end(&run);
}

/* Between the look and the making of a slot somebody else makes it: here, we ourselves. */
static void make_slot_twice(struct pg_run *run)
{
    struct mr_pg_connect connect = {.context = &run->context,
                                    .dsn = run->dsn,
                                    .application = "twice",
                                    .timeout_ns = 10 * MR_SECOND_NS};
    struct mr_pg_session sql, stream;
    struct mr_pg_server server = {0};
    struct mr_arena arena;
    struct mr_pg_place place = {.context = &run->context,
                                .config = &run->config,
                                .args = &run->args,
                                .sql = &sql,
                                .stream = &stream,
                                .server = &server,
                                .arena = &arena};

    mr_arena_init(&arena, 4096, 4096);
    mr_pg_session_init(&sql, &connect);
    connect.replication = true;
    mr_pg_session_init(&stream, &connect);
    assert_int_equal(mr_pg_slot_name(&place, &run->err), 0);
    assert_int_equal(mr_pg_open_sessions(&place, &run->err), 0);
    assert_int_equal(mr_pg_slot_create(&place, false, &run->err), 0);
    pg_run_expect_code(run, mr_pg_slot_create(&place, false, &run->err), MR_RETRY,
                       "source.slot_exists");
    mr_pg_session_done(&stream);
    mr_pg_session_done(&sql);
    mr_arena_done(&arena);
}

static void slots_can_be_taken_by_others(void **state)
{
    struct pg_run run;

    (void)state;
    pg_run_begin(&run);
    pg_run_sql(&run, "CREATE TABLE t (id int PRIMARY KEY)");
    make_slot_twice(&run);
    pg_run_drop_slot(&run);
    assert_int_equal(pg_run_try_open(&run), 0);
    pg_run_sql(&run,
               "SELECT pg_create_physical_replication_slot('taken_' || g) FROM generate_series(1, "
               "current_setting('max_replication_slots')::int) g");
    pg_run_expect_code(&run, pg_run_try_start(&run), MR_CONFIG, "source.slots_full");
    pg_run_end(&run);
}

static void a_stop_ends_every_wait(void **state)
{
    struct pg_run run;

    (void)state;
    pg_run_begin(&run);
    atomic_store(&run.stopping, true);
    pg_run_expect_code(&run, pg_run_try_open(&run), MR_RETRY, "source.stopping");
    pg_run_end(&run);
}

/* A server that hears nothing from us for long hangs up, without a word. */
static void a_session_that_is_hung_up_is_retried(void **state)
{
    struct pg_run run;

    (void)state;
    pg_run_begin_used(&run);
    pg_run_sql(&run, "ALTER SYSTEM SET wal_sender_timeout = '300ms'");
    pg_run_sql(&run, "SELECT pg_reload_conf()");
    pg_run_start(&run);
    pg_run_wait_left(&run);
    pg_run_expect_code(&run, pg_run_read_some(&run, 1), MR_RETRY, "source.connection_lost");
    pg_run_sql(&run, "ALTER SYSTEM RESET wal_sender_timeout");
    pg_run_sql(&run, "SELECT pg_reload_conf()");
    pg_run_end(&run);
}

/* A snapshot needs more rights than the stream. */
static void rows_that_may_not_be_read_are_named(void **state)
{
    struct pg_run run;
    char dsn[250], text[200];

    (void)state;
    pg_run_begin(&run);
    pg_run_sql(&run, "CREATE TABLE t (id int PRIMARY KEY); CREATE ROLE poor LOGIN REPLICATION");
    (void)snprintf(text, sizeof(text), "CREATE PUBLICATION millrace_%s FOR TABLE t", run.database);
    pg_run_sql(&run, text);
    (void)snprintf(dsn, sizeof(dsn), "%s user=poor", run.dsn);
    run.config.dsn = dsn;
    run.config.capture.snapshot = MR_SNAPSHOT_MODE_INITIAL;
    pg_run_start(&run);
    pg_run_expect_code(&run, pg_run_read_some(&run, 1), MR_CONFIG, "source.permission");
    assert_non_null(strstr(run.err.hint, "GRANT SELECT"));
    pg_run_end(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_position_of_another_server_is_refused),
        cmocka_unit_test(a_standby_that_is_behind_is_waited_for),
        cmocka_unit_test(a_slot_that_does_not_fit_is_refused),
        cmocka_unit_test(a_slot_of_another_database_is_refused),
        cmocka_unit_test(a_publication_that_is_gone_is_a_gap),
        cmocka_unit_test(a_publication_of_other_tables_is_refused),
        cmocka_unit_test(what_cannot_be_made_is_said_with_its_sql),
        cmocka_unit_test(partitions_that_come_otherwise_are_refused),
        cmocka_unit_test(a_login_that_fails_says_why),
        cmocka_unit_test(a_slot_whose_log_is_gone_is_a_gap),
        cmocka_unit_test(slots_can_be_taken_by_others),
        cmocka_unit_test(a_stop_ends_every_wait),
        cmocka_unit_test(a_session_that_is_hung_up_is_retried),
        cmocka_unit_test(rows_that_may_not_be_read_are_named),
        cmocka_unit_test(a_log_without_rows_is_refused),
    };

    return PG_RUN_TESTS(tests);
}

/* Which tables are read, and how far: partitions, publications, locks, tables that come, change and go. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "test/support/pg_run.h"

/* A pattern that names a partitioned table means its partitions, in the snapshot, in the stream and when they are
 * new. */
static void a_partitioned_table_is_its_partitions(void **state)
{
    static const char *const tables[] = {"public.orders", "!public.orders_old"};
    struct pg_run run;

    (void)state;
    pg_run_begin(&run);
    run.config.capture.tables = (struct mr_option_list){(const char **)(uintptr_t)tables, 2};
    run.config.capture.snapshot = MR_SNAPSHOT_MODE_INITIAL;
    pg_run_sql(
        &run,
        "CREATE TABLE orders (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE orders_old "
        "PARTITION OF orders FOR VALUES FROM (0) TO (10); CREATE TABLE orders_new PARTITION OF "
        "orders FOR "
        "VALUES FROM (10) TO (20); INSERT INTO orders VALUES (1), (11)");
    pg_run_start(&run);
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count, 1);
    assert_string_equal(run.seen[0], "r orders_new after 4/0:11,0");
    pg_run_sql(&run, "CREATE TABLE orders_next PARTITION OF orders FOR VALUES FROM (20) TO (30); "
                     "INSERT INTO orders "
                     "VALUES (2), (12), (22)");
    run.last_number = 0;
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count, 3);
    assert_string_equal(run.seen[2], "c orders_next after 4/0:22,0");
    pg_run_end(&run);
}

/* Published as their root, partitions are the partitioned table: in the snapshot, which reads each row once, in the
 * stream, and in what is new. */
static void a_partitioned_table_can_be_one(void **state)
{
    static const char *const tables[] = {"public.orders*"};
    struct pg_run run;

    (void)state;
    pg_run_begin(&run);
    run.config.capture.tables = (struct mr_option_list){(const char **)(uintptr_t)tables, 1};
    run.config.capture.snapshot = MR_SNAPSHOT_MODE_INITIAL;
    run.config.publication.via_root = true;
    pg_run_sql(&run, "CREATE TABLE orders (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE "
                     "TABLE orders_low PARTITION OF orders FOR VALUES FROM (0) TO (20) PARTITION "
                     "BY RANGE (id); CREATE TABLE orders_0 PARTITION OF orders_low FOR VALUES FROM "
                     "(0) TO (10); CREATE TABLE orders_1 PARTITION OF orders_low FOR VALUES FROM "
                     "(10) TO (20); INSERT INTO orders VALUES (1), (11)");
    pg_run_start(&run);
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count, 2);
    assert_string_equal(run.seen[1], "r orders after 4/0:11,0");
    assert_string_equal(
        pg_run_one(&run, "SELECT string_agg(tablename, ',') FROM pg_publication_tables"), "orders");
    pg_run_sql(&run, "CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM (20) TO (30); "
                     "INSERT INTO orders VALUES (2), (22); UPDATE orders SET id = 12 WHERE id = 1");
    run.last_number = 0;
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count, 6);
    assert_string_equal(run.seen[3], "c orders after 4/0:22,0");
    assert_int_equal(strncmp(run.seen[4], "d orders before", 15), 0);
    assert_string_equal(run.seen[5], "c orders after 4/0:12,0");
    pg_run_end(&run);
}

/* A partition that is gone cannot be asked whose it was. Its last changes are read where the publication holds only
 * what is wanted, and left out otherwise; both is said. */
static void a_partition_that_is_gone_is_told(void **state)
{
    static const char *const tables[] = {"public.orders"};

    (void)state;
    for (int others = 0; others < 2; others++) {
        struct pg_run run;
        pg_run_begin(&run);
        run.config.capture.tables = (struct mr_option_list){(const char **)(uintptr_t)tables, 1};
        run.config.publication.create = others ? MR_PG_CREATE_ALL_TABLES : MR_PG_CREATE_FILTERED;
        pg_run_sql(&run, "CREATE TABLE orders (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE "
                         "TABLE old PARTITION OF orders FOR VALUES FROM (0) TO (10); CREATE TABLE "
                         "new PARTITION OF orders FOR VALUES FROM (10) TO (20); CREATE TABLE x (id "
                         "int PRIMARY KEY)");
        pg_run_start(&run);
        pg_run_sql(&run, "INSERT INTO orders VALUES (1); INSERT INTO orders VALUES (11); DROP "
                         "TABLE old");
        run.last_number = 0;
        pg_run_read_all(&run);
        assert_int_equal(run.seen_count, others ? 1 : 2);
        assert_string_equal(run.seen[run.seen_count - 1], "c new after 4/0:11,0");
        assert_non_null(strstr(run.noted, "source.table_gone"));
        pg_run_end(&run);
    }
}

/* A partition that is dropped while a transaction with its rows is half delivered is no other history. */
static void a_partition_dropped_inside_a_split_transaction_is_no_gap(void **state)
{
    static const char *const tables[] = {"public.orders"};

    (void)state;
    for (int others = 0; others < 2; others++) {
        struct pg_run run;
        pg_run_begin(&run);
        run.gaps = true;
        run.args.batch_bytes = 1;
        run.config.capture.tables = (struct mr_option_list){(const char **)(uintptr_t)tables, 1};
        run.config.publication.create = others ? MR_PG_CREATE_ALL_TABLES : MR_PG_CREATE_FILTERED;
        pg_run_sql(&run, "CREATE TABLE orders (b int, a int, PRIMARY KEY (a, b)) PARTITION BY "
                         "RANGE (a); CREATE TABLE old PARTITION OF orders FOR VALUES FROM (0) TO "
                         "(10); ALTER TABLE old REPLICA IDENTITY FULL; CREATE TABLE new PARTITION "
                         "OF orders FOR VALUES FROM (10) TO (20)");
        pg_run_start(&run);
        pg_run_sql(&run, "INSERT INTO orders VALUES (7, 1), (8, 11), (9, 12)");
        while (run.seen_count < 2)
            assert_int_equal(pg_run_read_some(&run, 1), 0);
        assert_false(run.whole[run.batches - 1]);
        pg_run_resume_at(&run, run.positions[run.batches - 1]);
        pg_run_hang_up(&run);
        pg_run_sql(&run, "DROP TABLE old");
        pg_run_start(&run);
        pg_run_read_all(&run);
        assert_int_equal(run.seen_count, 3);
        assert_string_equal(run.seen[2], "c new after 4/0:9,0 4/0:12,0");
        pg_run_end(&run);
    }
}

/* Who holds a table's lock holds up its publication; that is told, or tried again, and never waited for in silence. */
static void a_lock_on_a_table_is_not_waited_for_in_silence(void **state)
{
    static const char hold[] = "BEGIN; LOCK TABLE late IN SHARE UPDATE EXCLUSIVE MODE";
    struct pg_run run;
    char drop[100];
    PGconn *other;

    (void)state;
    pg_run_begin(&run);
    pg_run_sql(&run, "CREATE TABLE late (id int PRIMARY KEY)");
    other = PQconnectdb(run.dsn);
    PQclear(PQexec(other, hold));
    pg_run_expect_code(&run, pg_run_try_start(&run), MR_RETRY, "source.server_busy");
    PQclear(PQexec(other, "ROLLBACK"));
    pg_run_start(&run);
    (void)snprintf(drop, sizeof(drop), "ALTER PUBLICATION millrace_%s DROP TABLE late",
                   run.database);
    pg_run_sql(&run, drop);
    PQclear(PQexec(other, hold));
    pg_run_hang_up(&run);
    pg_run_start(&run);
    assert_null(strstr(run.noted, "source.table_added"));
    assert_null(strstr(run.noted, "source.not_published"));
    PQclear(PQexec(other, "ROLLBACK"));
    pg_run_hang_up(&run);
    pg_run_start(&run);
    assert_non_null(strstr(run.noted, "source.table_added"));
    PQfinish(other);
    pg_run_end(&run);
}

static char waited_for[500];

/* Stops what waits, once it is said why it waits. */
static void stop_when_told(void *state, int level, const char *code, const char *format, ...)
{
    struct pg_run *run = state;
    va_list args;

    (void)level;
    if (strcmp(code, "source.lock_waits") != 0)
        return;
    va_start(args, format);
    (void)vsnprintf(waited_for, sizeof(waited_for), format, args);
    va_end(args);
    atomic_store(&run->stopping, true);
}

/* A table that is locked cannot be read: who holds it is named. A stop ends that wait, too. */
static void a_snapshot_names_who_holds_a_table(void **state)
{
    struct pg_run run;
    PGconn *other;

    (void)state;
    pg_run_begin(&run);
    run.config.capture.snapshot = MR_SNAPSHOT_MODE_INITIAL;
    pg_run_sql(&run, "CREATE TABLE held (id int PRIMARY KEY); INSERT INTO held VALUES (1)");
    other = PQconnectdb(run.dsn);
    pg_run_start(&run);
    PQclear(PQexec(other, "BEGIN; LOCK TABLE held"));
    run.context.notes.note = stop_when_told;
    pg_run_expect_code(&run, pg_run_read_some(&run, 1), MR_RETRY, "source.stopping");
    assert_non_null(strstr(waited_for, "waits for the lock on public.held of pid "));
    PQfinish(other);
    pg_run_end(&run);
}

/* Read again in the middle of a transaction: the rows are whole, and the replay is no other transaction, although
 * what it did to the table was left out before. */
static void a_table_read_again_inside_a_split_transaction_is_no_gap(void **state)
{
    static const char *const tables[] = {"public.t"};
    struct mr_buf position;
    struct pg_run run;
    size_t split;

    (void)state;
    pg_run_begin(&run);
    run.args.batch_bytes = 1;
    run.gaps = true;
    pg_run_sql(&run, "CREATE TABLE t (id int PRIMARY KEY)");
    pg_run_start(&run);
    pg_run_sql(&run, "INSERT INTO t VALUES (1), (2), (3)");
    while (run.seen_count < 2)
        assert_int_equal(pg_run_read_some(&run, 1), 0);
    split = run.batches - 1;
    assert_false(run.whole[split]);
    pg_run_resume_at(&run, run.positions[split]);
    pg_run_hang_up(&run);
    run.args.resume = mr_slice_str(run.resume);
    mr_buf_init(&position, 64 << 10);
    assert_int_equal(pg_run_source->again(&run.args, tables, 1, &position, &run.err), 0);
    pg_run_resume_at(&run, mr_buf_cstr(&position));
    mr_buf_done(&position);
    run.last_number = 0;
    pg_run_start(&run);
    while (run.seen_count < 5)
        assert_int_equal(pg_run_read_some(&run, 1), 0);
    assert_true(run.whole[run.batches - 1]);
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count, 6);
    assert_string_equal(run.seen[4], "r t after 4/0:3,0");
    assert_string_equal(run.seen[5], "c t after 4/0:3,0");
    pg_run_end(&run);
}

/* As the stream has it: what one of the publications lets pass is read. */
static void row_filters_of_two_publications_are_alternatives(void **state)
{
    struct pg_run run;
    char text[400];

    (void)state;
    pg_run_begin(&run);
    run.config.capture.snapshot = MR_SNAPSHOT_MODE_INITIAL;
    (void)snprintf(
        text, sizeof(text),
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3); CREATE "
        "TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1), (2), (3); CREATE "
        "PUBLICATION millrace_%s FOR TABLE t WHERE (id > 2), u WHERE (id > 2); CREATE "
        "PUBLICATION millrace_%s_inserts FOR TABLE t WHERE (id < 2), u",
        run.database, run.database);
    pg_run_sql(&run, text);
    pg_run_start(&run);
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count, 5);
    assert_string_equal(run.seen[1], "r t after 4/0:3,0");
    pg_run_end(&run);
}

/* The primary key that we advised: from then on updates come, too. */
static void a_table_that_is_given_an_identity_is_read_whole(void **state)
{
    struct pg_run run;

    (void)state;
    pg_run_begin(&run);
    pg_run_sql(&run, "CREATE TABLE t (id int NOT NULL); CREATE TABLE u (id int NOT NULL)");
    pg_run_start(&run);
    assert_non_null(strstr(run.noted, "source.no_identity"));
    pg_run_hang_up(&run);
    pg_run_sql(&run, "ALTER TABLE t ADD PRIMARY KEY (id)");
    pg_run_start(&run);
    assert_non_null(strstr(run.noted, "source.table_added: table public.t has a replica identity"));
    assert_null(strstr(run.noted, "table public.u has a replica identity"));
    pg_run_sql(&run, "INSERT INTO t VALUES (1); UPDATE t SET id = 2; INSERT INTO u VALUES (1)");
    run.last_number = 0;
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count, 3);
    assert_int_equal(run.seen[1][0], 'u');
    pg_run_end(&run);
}

/* Ends the wait for a standby that does not exist, half a second from now, in a process of its own. */
static pid_t release_commits(const char *dsn)
{
    pid_t child = fork();

    if (child == 0) {
        PGconn *sql = PQconnectdb(dsn);
        (void)poll(NULL, 0, 500);
        PQclear(PQexec(sql, "ALTER SYSTEM RESET synchronous_standby_names"));
        PQclear(PQexec(sql, "SELECT pg_reload_conf()"));
        _exit(0);
    }
    return child;
}

static void read_three(struct pg_run *run)
{
    int64_t deadline_ns = mr_clock_mono_ns() + 60 * MR_SECOND_NS;

    while (run->seen_count < 3) {
        assert_true(mr_clock_mono_ns() < deadline_ns);
        assert_int_equal(pg_run_read_some(run, 1), 0);
    }
}

/* A walsender sends what is committed in the log, which other sessions may see later only: here, once a synchronous
 * standby would have answered. The table must not be described as it was before. */
static void a_table_is_described_as_its_transaction_left_it(void **state)
{
    static const char alter[] = "BEGIN; ALTER TABLE t ADD COLUMN w int NOT NULL DEFAULT 5; INSERT "
                                "INTO t VALUES (3, 'c', 6); COMMIT";
    const struct mr_table *table;
    struct pg_run run;
    PGconn *other;
    uint32_t oid;
    pid_t child;

    (void)state;
    pg_run_begin_used(&run);
    pg_run_start(&run);
    oid = (uint32_t)strtoul(pg_run_one(&run, "SELECT 't'::regclass::oid"), NULL, 10);
    pg_run_sql(&run, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    pg_run_sql(&run, "SELECT pg_reload_conf()");
    (void)poll(NULL, 0, 200);
    other = PQconnectdb(run.dsn);
    assert_int_equal(PQsendQuery(other, alter), 1);
    child = release_commits(run.dsn);
    read_three(&run);
    table = run.table;
    assert_int_equal(table->native_id, oid);
    assert_int_equal(table->column_count, 3);
    assert_true(table->columns[2].has_default);
    assert_false(table->columns[2].optional);
    assert_int_equal(waitpid(child, NULL, 0), child);
    PQfinish(other);
    pg_run_end(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_partitioned_table_is_its_partitions),
        cmocka_unit_test(a_partitioned_table_can_be_one),
        cmocka_unit_test(a_partition_that_is_gone_is_told),
        cmocka_unit_test(a_partition_dropped_inside_a_split_transaction_is_no_gap),
        cmocka_unit_test(a_lock_on_a_table_is_not_waited_for_in_silence),
        cmocka_unit_test(a_table_is_described_as_its_transaction_left_it),
        cmocka_unit_test(a_snapshot_names_who_holds_a_table),
        cmocka_unit_test(a_table_read_again_inside_a_split_transaction_is_no_gap),
        cmocka_unit_test(row_filters_of_two_publications_are_alternatives),
        cmocka_unit_test(a_table_that_is_given_an_identity_is_read_whole),
    };

    return PG_RUN_TESTS(tests);
}

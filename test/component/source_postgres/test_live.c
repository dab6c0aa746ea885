/* The PostgreSQL source against a server of its own: what it reads and how it resumes. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "test/support/pg_run.h"

static const char all_types[] =
    "CREATE TABLE types (id int PRIMARY KEY, b bool, i2 int2, i8 int8, o oid, f4 float4, f8 float8,"
    "n numeric, n2 numeric(12,3), nn numeric(60,20), m money, t text, v varchar(9), c char(5), nm "
    "name,"
    "qc \"char\", by bytea, u uuid, j json, jb jsonb, x xml, d date, t3 time(3), tz timetz, ts "
    "timestamp,"
    "tsz timestamptz, iv interval, bt bit(10), vb varbit, ine inet, ci cidr, ma macaddr, m8 "
    "macaddr8,"
    "r int4range, tr tstzrange, tv tsvector, p point, l line, ls lseg, bx box, pa path, po "
    "polygon, ci2 circle,"
    "ai int[], at text[], a2 int[], an numeric[], atz timestamptz[], abx box[], e mood, dm posnum, "
    "co pair,"
    "lsn pg_lsn, ae mood[])";
static const char type_rows[] =
    "INSERT INTO types VALUES (1, true, -2, 9223372036854775807, 4294967295, 1.1, 0.1, 123.4500, "
    "-12345.678,"
    "1234567890123456789012345678901234567890.12345678901234567890, -1234.56, 'te''xt é', 'vc', "
    "'ab', 'nam', 'q',"
    "'\\x00ff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{\"a\" : 1}', '{\"b\": [1, 2.50]}', "
    "'<a/>', '2024-02-29',"
    "'11:14:15.123', '11:14:15.5+05:30', '2024-02-29 11:14:15.123456', '2024-02-29 "
    "11:14:15.123456+02',"
    "'1 year 2 mons -3 days 04:05:06.789', '1011111111', '101', '192.168.1.5', '10.0.0.0/8', "
    "'08:00:2b:01:02:03',"
    "'08:00:2b:01:02:03:04:05', '[1,10)', '[2024-01-01,)', 'a fat cat', '(1.5,-2)', '{1,2,3}', "
    "'[(0,0),(1,1)]',"
    "'(2,3),(0,1)', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(1,2),3>', '{1,NULL,3}',"
    "'{\"a b\",\"q\\\"u\",NULL,\"\"}', '{{1,2},{3,4}}', '{1.5,NaN}', '{2024-01-01 00:00:00+00}',"
    "'{(1,1),(0,0);(2,2),(1,1)}', 'ok', 1.25, '(1,x)', '16/B374D848', '{sad,ok}'),"
    "(2, false, 0, -9223372036854775808, 0, 'NaN', '-Infinity', 'NaN', 0, 0, 0, '', '', '', '', "
    "'', '',"
    "'00000000-0000-0000-0000-000000000000', '1', 'null', 'x', 'infinity', '24:00', "
    "'24:00:00-15:59', '-infinity',"
    "'infinity', '-1 mons', B'0000000000', '', '::1/64', '::/0', '08:00:2b:01:02:03', "
    "'08:00:2b:01:02:03:04:05',"
    "'empty', '(,)', '', '(0,0)', '{1,2,3}', '[(0,0),(1,1)]', '(2,3),(0,1)', '((0,0),(1,1))', "
    "'((0,0),(1,1))',"
    "'<(1,2),0>', '{}', '{}', '{{1},{2}}', '{}', '{}', '{}', 'sad', 0, '(,)', '0/0', '{}'),"
    "(3, null, null, null, null, 'Infinity', 1e300, 0.00012, 1.5, 0.00000000000000000001, "
    "92233720368547758.07,"
    "null, null, null, null, null, null, null, null, null, null, '0044-03-15 BC', '00:00', null,"
    "'0044-03-15 10:00:00 BC', '20240-02-29 01:02:03.456789+00', '178000000 years', null, null, "
    "null, null, null,"
    "null, null, null, null, null, null, null, null, null, null, null, '[0:1]={5,6}', null, null, "
    "null, null, null,"
    "null, null, null, null, null)";

static void make_types(struct pg_run *run)
{
    pg_run_sql(run, "CREATE TYPE mood AS ENUM ('sad', 'ok')");
    pg_run_sql(run, "CREATE DOMAIN posnum AS numeric(6,2)");
    pg_run_sql(run, "CREATE TYPE pair AS (a int, b text)");
    pg_run_sql(run, all_types);
}

/* The values of one line, without operation and table. */
static const char *values_of(const char *line)
{
    return strstr(line, " after");
}

/* Rows that the snapshot read and the same rows streamed give the same values, in text and in binary. */
static void a_row_is_the_same_from_snapshot_and_stream(void **state)
{
    static const char *const narrow =
        "CREATE TABLE narrow AS SELECT id, b, i2, i8, o, f4, f8, n, n2, nn, m, t, v, c, nm, qc, "
        "by, u, j, jb, x, d,"
        " t3, tz, ts, tsz, iv, bt, vb, ma, m8, e, dm FROM types WITH NO DATA";
    struct pg_run run;

    (void)state;
    for (int round = 0; round < 4; round++) {
        bool binary_table = round & 1;
        pg_run_begin(&run);
        make_types(&run);
        run.config.capture.snapshot = MR_SNAPSHOT_MODE_INITIAL;
        run.config.binary = round & 2 ? MR_PG_BINARY_NEVER : MR_PG_BINARY_AUTO;
        pg_run_sql(&run, type_rows);
        if (binary_table) {
            pg_run_sql(&run, narrow);
            pg_run_sql(&run,
                       "INSERT INTO narrow SELECT id, b, i2, i8, o, f4, f8, n, n2, nn, m, t, v, c, "
                       "nm, qc, by, u, j,"
                       " jb, x, d, t3, tz, ts, tsz, iv, bt, vb, ma, m8, e, dm FROM types");
            pg_run_sql(
                &run, "DROP TABLE types; ALTER TABLE narrow RENAME TO types; ALTER TABLE types ADD "
                      "PRIMARY KEY (id)");
        }
        pg_run_start(&run);
        pg_run_read_all(&run);
        assert_int_equal(run.seen_count, 3);
        pg_run_sql(&run, "CREATE TEMP TABLE keep AS SELECT * FROM types; DELETE FROM types");
        pg_run_sql(&run, "INSERT INTO types SELECT * FROM keep ORDER BY id");
        pg_run_read_all(&run);
        assert_int_equal(run.seen_count, 9);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(run.seen[i][0], 'r');
            assert_int_equal(run.seen[6 + i][0], 'c');
            assert_string_equal(values_of(run.seen[i]), values_of(run.seen[6 + i]));
        }
        pg_run_end(&run);
    }
}

static void text_and_binary_sessions_agree(void **state)
{
    char *seen[2] = {NULL, NULL};

    (void)state;
    for (int round = 0; round < 2; round++) {
        struct pg_run run;
        pg_run_begin(&run);
        run.config.binary = round ? MR_PG_BINARY_NEVER : MR_PG_BINARY_AUTO;
        pg_run_sql(&run,
                   "CREATE TABLE t (id int PRIMARY KEY, n numeric, f float8, ts timestamptz, iv "
                   "interval, by bytea, "
                   "u uuid, jb jsonb, m money, tz timetz, vb varbit, f4 float4)");
        pg_run_start(&run);
        pg_run_sql(&run,
                   "INSERT INTO t VALUES (1, -0.00012, 1e-5, '0044-03-15 10:00:00+00 BC', '-1 mons "
                   "+2 days', "
                   "'\\xdead', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{\"a\":1}', 12.5, "
                   "'10:00:00.1-03', '1011', 3.3)");
        pg_run_read_all(&run);
        assert_int_equal(run.seen_count, 1);
        seen[round] = strdup(run.seen[0]);
        pg_run_end(&run);
    }
    assert_string_equal(seen[0], seen[1]);
    free(seen[0]);
    free(seen[1]);
}

/* What a run gave, to compare others with. */
struct whole {
    size_t count, batches, before[PG_RUN_MAX];
    char *lines[PG_RUN_MAX], *positions[PG_RUN_MAX];
};

/* A history with everything in it, read with one message a batch: it ends at every place a batch can end. */
static void read_history(struct pg_run *run, struct whole *whole)
{
    pg_run_sql(run, "CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (x text, y int, "
                    "PRIMARY KEY (y, x));"
                    "CREATE TABLE f (id int PRIMARY KEY, v text); ALTER TABLE f REPLICA IDENTITY "
                    "FULL; ALTER TABLE f "
                    "ALTER v SET STORAGE EXTERNAL; CREATE TABLE copy_me (id int PRIMARY KEY)");
    run->args.batch_bytes = 1;
    pg_run_start(run);
    pg_run_sql(run, "INSERT INTO a SELECT g, 'v' || g FROM generate_series(1, 5) g");
    pg_run_sql(run, "BEGIN; UPDATE a SET v = 'w' WHERE id < 3; INSERT INTO b VALUES ('k', 1), "
                    "('k', 2); UPDATE a SET "
                    "id = 9 WHERE id = 1; SAVEPOINT s; INSERT INTO b VALUES ('gone', 3); ROLLBACK "
                    "TO s; DELETE FROM a "
                    "WHERE id = 4; SELECT pg_logical_emit_message(true, 'p', 'inside'); COMMIT");
    pg_run_sql(run, "SELECT pg_logical_emit_message(false, 'p', 'alone')");
    pg_run_sql(run, "BEGIN; TRUNCATE a, b; INSERT INTO f VALUES (1, repeat('x', 5000)); UPDATE f "
                    "SET id = 2; DELETE "
                    "FROM f; COMMIT");
    pg_run_sql(run, "COPY copy_me FROM PROGRAM 'seq 100 110'");
    for (size_t had = SIZE_MAX; had != run->batches;) {
        had = run->batches;
        assert_int_equal(pg_run_read_some(run, 1), 0);
        if (run->batches > had)
            whole->before[run->batches - 1] = run->seen_count;
    }
    whole->count = run->seen_count;
    whole->batches = run->batches;
    for (size_t i = 0; i < whole->count; i++)
        whole->lines[i] = strdup(run->seen[i]);
    for (size_t i = 0; i < whole->batches; i++)
        whole->positions[i] = strdup(run->positions[i]);
    pg_run_hang_up(run);
}

static void resume_and_compare(struct pg_run *run, const struct whole *whole, size_t batch)
{
    size_t at = whole->before[batch];

    run->args.batch_bytes = 1 << 20;
    pg_run_resume_at(run, whole->positions[batch]);
    for (size_t i = 0; i < run->seen_count; i++)
        free(run->seen[i]);
    run->seen_count = 0;
    run->last_number = 0;
    pg_run_start(run);
    pg_run_read_all(run);
    assert_int_equal(run->seen_count, whole->count - at);
    for (size_t i = 0; i < run->seen_count; i++)
        assert_string_equal(run->seen[i], whole->lines[at + i]);
}

/* Stops at every place a batch can end, even inside transactions, and goes on from there: nothing is lost, doubled
 * or changed. */
static void resume_everywhere(bool boundaries)
{
    static const char *const none[] = {"none"};
    static struct whole whole;
    struct pg_run run;
    size_t split = 0;

    pg_run_begin(&run);
    run.args.boundaries = boundaries;
    run.config.capture.skipped_operations =
        (struct mr_option_list){(const char **)(uintptr_t)none, 1};
    run.silent = true;
    read_history(&run, &whole);
    assert_true(whole.count > 25);
    for (size_t i = 0; i < whole.batches; i++) {
        split += !run.whole[i];
        resume_and_compare(&run, &whole, i);
    }
    assert_true(split > 5);
    for (size_t i = 0; i < whole.count; i++)
        free(whole.lines[i]);
    for (size_t i = 0; i < whole.batches; i++)
        free(whole.positions[i]);
    pg_run_end(&run);
}

static void a_run_resumes_at_every_place(void **state)
{
    (void)state;
    resume_everywhere(false);
}

/* The same with BEGIN, END and the order of events: what a replay counts is what was counted. */
static void orders_and_counts_are_the_same_from_every_place(void **state)
{
    (void)state;
    resume_everywhere(true);
}

/* What an END says of a transaction: key changes are two events, messages count by their prefix; and one that only
 * touches what is not captured has its ends too. */
static void ends_of_transactions_say_what_was_in_them(void **state)
{
    static const char *const tables[] = {"public.*", "!public.hidden"};
    struct pg_run run;

    (void)state;
    pg_run_begin(&run);
    run.args.boundaries = true;
    run.config.capture.tables = (struct mr_option_list){(const char **)(uintptr_t)tables, 2};
    run.config.publication.create = MR_PG_CREATE_ALL_TABLES;
    run.gaps = true;
    pg_run_sql(&run, "CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY "
                     "KEY); CREATE TABLE hidden (id int PRIMARY KEY)");
    pg_run_start(&run);
    pg_run_sql(&run, "BEGIN; INSERT INTO a VALUES (1, 'x'), (2, 'y'); INSERT INTO hidden VALUES "
                     "(1); UPDATE a SET id = 3 WHERE id = 1; INSERT INTO b VALUES (1); SELECT "
                     "pg_logical_emit_message(true, 'p', 'c'); DELETE FROM a WHERE id = 2; COMMIT");
    pg_run_sql(&run, "INSERT INTO hidden VALUES (2)");
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count, 10);
    assert_int_equal(strncmp(run.seen[0], "B ", 2), 0);
    assert_int_equal(strncmp(run.seen[3], "u a 3/3 key_changed", 19), 0);
    assert_int_equal(strncmp(run.seen[4], "c b 5/1", 7), 0);
    assert_int_equal(strncmp(run.seen[5], "m message 6/1", 13), 0);
    assert_int_equal(strncmp(run.seen[6], "d a 7/5", 7), 0);
    assert_non_null(strstr(run.seen[7], " 7 p=1 public.a=5 public.b=1"));
    assert_int_equal(strncmp(run.seen[8], "B ", 2), 0);
    assert_string_equal(strrchr(run.seen[9], ' '), " 0");
    pg_run_end(&run);
}

static void read_until(struct pg_run *run, bool (*enough)(const struct pg_run *run))
{
    int64_t deadline_ns = mr_clock_mono_ns() + 60 * MR_SECOND_NS;

    while (!enough(run)) {
        assert_true(mr_clock_mono_ns() < deadline_ns);
        assert_int_equal(pg_run_read_some(run, 1), 0);
    }
}

static bool heard_twice(const struct pg_run *run)
{
    size_t beats = 0, ends = 0;

    for (size_t i = 0; i < run->seen_count; i++) {
        beats += run->seen[i][0] == 'h';
        ends += run->seen[i][0] == 'E';
    }
    return beats >= 2 && ends >= 2;
}

static bool noted_anything(const struct pg_run *run)
{
    return run->noted[0] != 0;
}

/* A heartbeat comes at once and by the clock, between transactions; its query runs, and one that fails is noted. */
static void heartbeats_come_by_the_clock(void **state)
{
    struct pg_run run;

    (void)state;
    pg_run_begin(&run);
    run.args.boundaries = true; /* the engine's part runs in the test */
    run.config.capture.heartbeat.interval = 200 * MR_MS_NS;
    run.config.capture.heartbeat.topic = "beat.{name}";
    run.config.capture.heartbeat.query = "UPDATE public.beat SET n = n + 1";
    pg_run_sql(&run,
               "CREATE TABLE beat (id int PRIMARY KEY, n int); INSERT INTO beat VALUES (1, 0)");
    pg_run_start(&run);
    read_until(&run, heard_twice);
    for (size_t i = 0; i < run.seen_count; i++) /* no heartbeat inside B, u, E */
        assert_int_equal(run.seen[i][0], i > 0 && run.seen[i - 1][0] == 'B'   ? 'u'
                                         : i > 0 && run.seen[i - 1][0] == 'u' ? 'E'
                                         : run.seen[i][0] == 'B'              ? 'B'
                                                                              : 'h');
    assert_int_equal(strncmp(run.seen[0], "h beat.d", 8), 0);
    assert_null(strstr(run.noted, "source.heartbeat_query"));
    pg_run_hang_up(&run);
    run.config.capture.heartbeat.query = "BEGIN; UPDATE beat SET n = 0";
    pg_run_start(&run);
    read_until(&run, noted_anything);
    assert_non_null(strstr(run.noted, "source.heartbeat_query: heartbeats go on, but"));
    pg_run_end(&run);
}

/* A type that only text can carry comes into a binary session: it begins again in text, and nothing is lost. */
static void a_binary_session_goes_back_to_text(void **state)
{
    struct pg_run run;

    (void)state;
    pg_run_begin(&run);
    pg_run_sql(&run, "CREATE TABLE t (id int PRIMARY KEY)");
    pg_run_start(&run);
    pg_run_sql(&run, "INSERT INTO t VALUES (1)");
    pg_run_read_all(&run);
    pg_run_sql(&run, "BEGIN; INSERT INTO t VALUES (2); ALTER TABLE t ADD at inet; INSERT INTO t "
                     "VALUES (3, '::1'); "
                     "COMMIT; INSERT INTO t VALUES (4, '10.0.0.1')");
    pg_run_read_all(&run);
    assert_non_null(strstr(run.noted, "source.binary"));
    assert_int_equal(run.seen_count, 4);
    assert_string_equal(run.seen[2], "c t after 4/0:3,0 9/0:::1");
    pg_run_end(&run);
}

static void a_predecessor_is_ended_and_a_stranger_is_not(void **state)
{
    struct pg_run run, second;

    (void)state;
    pg_run_begin_used(&run);
    pg_run_start(&run);
    second = run;
    second.state = calloc(1, pg_run_source->state_size);
    second.opened = false;
    second.context.pipeline = "stranger";
    second.args.context = &second.context;
    second.args.config = &second.config;
    pg_run_expect_code(&second, pg_run_try_start(&second), MR_RETRY, "source.slot_in_use");
    pg_run_hang_up(&second);
    second.context.pipeline = run.context.pipeline;
    pg_run_start(&second);
    pg_run_expect_code(&run, pg_run_read_some(&run, 1000), MR_RETRY, "source.server_busy");
    pg_run_hang_up(&second);
    free(second.state);
    pg_run_end(&run);
}

/* Tables finished before a kill are not read again; the others are, in a view of their own. Of a table whose rows
 * came in two views everything that was committed in between comes, or a reader would keep what was deleted. */
static void a_snapshot_goes_on_after_a_kill(void **state)
{
    struct pg_run run;
    size_t first;

    (void)state;
    pg_run_begin(&run);
    run.config.capture.snapshot = MR_SNAPSHOT_MODE_INITIAL;
    pg_run_sql(&run,
               "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, v text);"
               "INSERT INTO a VALUES (1), (2); INSERT INTO b SELECT g, 'old' FROM "
               "generate_series(1, 50) g");
    pg_run_start(&run);
    assert_int_equal(pg_run_read_some(&run, 1), 0);
    assert_int_equal(run.seen_count, 2);
    assert_true(run.whole[0]);
    pg_run_resume_at(&run, run.positions[0]);
    pg_run_hang_up(&run);
    pg_run_sql(&run,
               "INSERT INTO a VALUES (3); UPDATE b SET v = 'new' WHERE id = 7; DELETE FROM b WHERE "
               "id = 8");
    run.args.batch_bytes = 100;
    pg_run_start(&run);
    pg_run_sql(&run, "UPDATE b SET v = 'newer' WHERE id = 7");
    assert_int_equal(pg_run_read_some(&run, 3), 0);
    assert_false(run.whole[run.batches - 1]);
    pg_run_resume_at(&run, run.positions[run.batches - 1]);
    pg_run_hang_up(&run);
    first = run.seen_count;
    pg_run_start(&run);
    assert_non_null(strstr(run.noted, "source.snapshot_repeats"));
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count - first, 49 + 4);
    assert_string_equal(run.seen[first + 48], "r b after 4/0:7,0 9/0:newer");
    assert_string_equal(run.seen[first + 49], "c a after 4/0:3,0");
    assert_string_equal(run.seen[first + 50], "u b after 4/0:7,0 9/0:new");
    assert_memory_equal(run.seen[first + 51], "d b ", 4);
    assert_string_equal(run.seen[first + 52], "u b after 4/0:7,0 9/0:newer");
    pg_run_resume_at(&run, run.positions[run.batches - 1]);
    pg_run_start(&run);
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count - first, 53);
    pg_run_end(&run);
}

/* A table that is rewritten, or loses a column, between the view and its turn is read in a view of its own: in the
 * old one it would be empty, or not be readable. (The table that comes next is locked already.) */
static void a_table_altered_while_others_are_read_is_whole(void **state)
{
    static const char *const alterations[] = {
        "ALTER TABLE c ALTER v TYPE bigint",
        "ALTER TABLE c DROP w",
        "TRUNCATE c; INSERT INTO c VALUES (7, 7, 7), (8, 8, 8)",
        "DROP TABLE d",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(alterations) / sizeof(alterations[0]); i++) {
        struct pg_run run;
        size_t had;
        pg_run_begin(&run);
        run.config.capture.snapshot = MR_SNAPSHOT_MODE_INITIAL;
        pg_run_sql(&run,
                   "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY);"
                   "CREATE TABLE c (id int PRIMARY KEY, v int, w int); CREATE TABLE d (id int "
                   "PRIMARY KEY); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1);"
                   "INSERT INTO c VALUES (1, 1, 1), (2, 2, 2)");
        pg_run_start(&run);
        assert_int_equal(pg_run_read_some(&run, 1), 0);
        assert_int_equal(run.seen_count, 1);
        pg_run_sql(&run, alterations[i]);
        pg_run_expect_code(&run, pg_run_read_some(&run, 100), MR_RETRY, "source.table_altered");
        assert_memory_equal(run.seen[1], "r b ", 4);
        pg_run_resume_at(&run, run.positions[run.batches - 1]);
        pg_run_hang_up(&run);
        had = run.seen_count;
        pg_run_start(&run);
        pg_run_read_all(&run);
        assert_int_equal(run.seen_count, had + 2);
        for (size_t n = had; n < run.seen_count; n++)
            assert_memory_equal(run.seen[n], "r c ", 4);
        pg_run_end(&run);
    }
}

/* The key of a table may be so large that it lies outside the row. */
static void a_key_outside_its_row_stays_the_key(void **state)
{
    struct pg_run run;

    (void)state;
    pg_run_begin(&run);
    pg_run_sql(&run,
               "CREATE TABLE t (k text PRIMARY KEY, n int); ALTER TABLE t ALTER k SET STORAGE "
               "EXTERNAL");
    pg_run_start(&run);
    pg_run_sql(&run,
               "INSERT INTO t VALUES (repeat('k', 2500), 1); UPDATE t SET n = 2; DELETE FROM t");
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count, 3);
    assert_int_equal(run.seen[1][0], 'u');
    assert_null(strstr(run.seen[1], "key_changed"));
    assert_non_null(strstr(strstr(run.seen[1], " after"), "kkkkkkkk"));
    pg_run_end(&run);
}

static void a_snapshot_can_be_all(void **state)
{
    struct pg_run run;

    (void)state;
    pg_run_begin(&run);
    run.config.capture.snapshot = MR_SNAPSHOT_MODE_INITIAL_ONLY;
    pg_run_sql(&run,
               "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE e (id int PRIMARY KEY); INSERT "
               "INTO a VALUES (1)");
    pg_run_start(&run);
    pg_run_read_all(&run);
    assert_true(run.last);
    assert_int_equal(run.seen_count, 1);
    pg_run_resume_at(&run, run.positions[run.batches - 1]);
    run.last = false;
    pg_run_start(&run);
    pg_run_read_all(&run);
    assert_true(run.last);
    assert_int_equal(run.seen_count, 1);
    pg_run_end(&run);
}

/* when_needed: a position that cannot be resumed means reading the tables again, with numbers above the old ones. */
static void a_hole_is_filled_by_reading_again_when_that_is_asked_for(void **state)
{
    struct pg_run run;
    uint64_t number;

    (void)state;
    pg_run_begin_used(&run);
    run.config.capture.snapshot = MR_SNAPSHOT_MODE_WHEN_NEEDED;
    number = run.last_number;
    pg_run_drop_slot(&run);
    pg_run_sql(&run, "INSERT INTO t VALUES (3, 'in the hole')");
    run.args.resume_number = number;
    run.last_number = 0;
    pg_run_start(&run);
    assert_non_null(strstr(run.noted, "source.snapshot_again"));
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count, 2 + 3);
    assert_string_equal(run.seen[4], "r t after 4/0:3,0 9/0:in the hole");
    assert_true(run.last_number > number + 3);
    pg_run_resume_at(&run, run.positions[run.batches - 1]);
    pg_run_replace(&run, "\"resume\":", "\"0/10\"");
    run.last_number = 0;
    pg_run_start(&run);
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count, 5 + 3);
    pg_run_sql(&run, "INSERT INTO t VALUES (4, 'on')");
    pg_run_read_all(&run);
    assert_string_equal(run.seen[8], "c t after 4/0:4,0 9/0:on");
    pg_run_end(&run);
}

/* libpq's buffer for a large message is given back by a new session at the head of the log. */
static void a_large_message_leaves_no_memory_behind(void **state)
{
    struct pg_run run;
    char first[64];

    (void)state;
    pg_run_begin_used(&run);
    run.args.batch_bytes = 1 << 20;
    pg_run_start(&run);
    pg_run_read_all(&run);
    (void)snprintf(
        first, sizeof(first), "%s",
        pg_run_one(&run, "SELECT pid FROM pg_stat_replication WHERE state = 'streaming'"));
    pg_run_sql(&run, "SELECT pg_logical_emit_message(true, 'p', repeat('x', 20000000))");
    pg_run_sql(&run, "INSERT INTO t VALUES (3, 'c')");
    pg_run_read_all(&run);
    (void)poll(NULL, 0, 5100);
    pg_run_sql(&run, "INSERT INTO t VALUES (4, 'd')");
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count, 5);
    assert_string_not_equal(
        first, pg_run_one(&run, "SELECT pid FROM pg_stat_replication WHERE state = 'streaming'"));
    pg_run_end(&run);
}

static bool at_its_last(const struct pg_run *run)
{
    return run->last;
}

static void until_now_ends_by_itself(void **state)
{
    struct pg_run run;

    (void)state;
    pg_run_begin_used(&run);
    pg_run_sql(&run, "INSERT INTO t VALUES (3, 'c')");
    run.args.until = "now";
    pg_run_start(&run);
    pg_run_sql(&run, "INSERT INTO t VALUES (4, 'after')");
    read_until(&run, at_its_last);
    assert_int_equal(run.seen_count, 3);
    pg_run_end(&run);
}

/* A position without rows is given, and only when it is confirmed does the slot move. */
static void an_idle_slot_moves_when_confirmed(void **state)
{
    struct pg_run run;
    char text[200];
    uint64_t before, after;

    (void)state;
    pg_run_begin_used(&run);
    (void)snprintf(text, sizeof(text),
                   "SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = "
                   "'millrace_%s'",
                   run.database);
    pg_run_wait_left(&run);
    before = strtoull(pg_run_one(&run, text), NULL, 10);
    run.silent = true;
    pg_run_start(&run);
    pg_run_sql(&run, "CREATE TABLE elsewhere AS SELECT generate_series(1, 1000)");
    pg_run_read_all(&run);
    pg_run_hang_up(&run);
    pg_run_wait_left(&run);
    after = strtoull(pg_run_one(&run, text), NULL, 10);
    run.silent = false;
    pg_run_start(&run);
    /* A server that was asked while it still read gives a position on the way; the next comes ten seconds later. */
    for (int i = 0; i < 200 && strtoull(pg_run_one(&run, text), NULL, 10) <= after + 10000; i++)
        pg_run_read_all(&run);
    pg_run_hang_up(&run);
    assert_int_equal(run.seen_count, 2);
    assert_true(after - before < 1000);
    assert_true(strtoull(pg_run_one(&run, text), NULL, 10) > after + 10000);
    pg_run_end(&run);
}

static void a_tail_leaves_nothing(void **state)
{
    struct pg_run run;

    (void)state;
    pg_run_begin(&run);
    pg_run_sql(&run, "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE n (v int);"
                     "CREATE PUBLICATION millrace_tail_1_dead FOR TABLE t");
    run.args.temporary = true;
    pg_run_start(&run);
    assert_non_null(strstr(run.noted, "public.n has no replica identity"));
    pg_run_sql(&run, "INSERT INTO t VALUES (1); INSERT INTO n VALUES (2); UPDATE n SET v = 3");
    pg_run_read_all(&run);
    assert_int_equal(run.seen_count, 2);
    assert_string_equal(pg_run_one(&run, "SELECT count(*) FROM pg_publication"), "2");
    pg_run_hang_up(&run);
    assert_string_equal(pg_run_one(&run, "SELECT count(*) FROM pg_publication"), "0");
    pg_run_wait(&run, "SELECT count(*) FROM pg_replication_slots WHERE temporary", "0");
    pg_run_end(&run);
}

/* For a sink that keeps no position; two pipelines whose slots have long names that differ in the end alone. */
static void the_mark_of_unread_tables_goes_when_none_are_to_be_read(void **state)
{
    static const char marks[] = "SELECT count(*) FROM pg_replication_slots WHERE slot_type = "
                                "'physical' AND slot_name ~ '^s12345.*_unread$'";
    char slot[64] = "s12345678901234567890123456789012345678901234567890123456789_1";
    struct pg_run run;

    (void)state;
    pg_run_begin(&run);
    pg_run_sql(&run, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
    run.args.adopt = true;
    run.config.slot = slot;
    run.config.publication.name = "p";
    for (int i = 0; i < 4; i++) {
        run.resume[0] = 0;
        slot[61] = i % 2 ? '2' : '1';
        run.config.capture.snapshot = i < 2 ? MR_SNAPSHOT_MODE_INITIAL : MR_SNAPSHOT_MODE_NO_DATA;
        pg_run_start(&run);
        pg_run_hang_up(&run);
        assert_string_equal(pg_run_one(&run, marks), ((const char *[]){"1", "2", "1", "0"})[i]);
    }
    assert_int_equal(run.seen_count, 0);
    pg_run_end(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_the_same_from_snapshot_and_stream),
        cmocka_unit_test(text_and_binary_sessions_agree),
        cmocka_unit_test(a_run_resumes_at_every_place),
        cmocka_unit_test(orders_and_counts_are_the_same_from_every_place),
        cmocka_unit_test(ends_of_transactions_say_what_was_in_them),
        cmocka_unit_test(heartbeats_come_by_the_clock),
        cmocka_unit_test(a_binary_session_goes_back_to_text),
        cmocka_unit_test(a_predecessor_is_ended_and_a_stranger_is_not),
        cmocka_unit_test(a_snapshot_goes_on_after_a_kill),
        cmocka_unit_test(a_table_altered_while_others_are_read_is_whole),
        cmocka_unit_test(a_key_outside_its_row_stays_the_key),
        cmocka_unit_test(a_snapshot_can_be_all),
        cmocka_unit_test(a_hole_is_filled_by_reading_again_when_that_is_asked_for),
        cmocka_unit_test(a_large_message_leaves_no_memory_behind),
        cmocka_unit_test(until_now_ends_by_itself),
        cmocka_unit_test(an_idle_slot_moves_when_confirmed),
        cmocka_unit_test(a_tail_leaves_nothing),
        cmocka_unit_test(the_mark_of_unread_tables_goes_when_none_are_to_be_read),
    };

    return PG_RUN_TESTS(tests);
}

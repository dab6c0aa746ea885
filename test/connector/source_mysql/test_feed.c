/* Events to changes, without a server: groups, XA, what is refused, positions and their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "connectors/source_mysql/read/take.h"
#include "test/connector/source_mysql/wire.h"

static struct mr_counters counters;
static atomic_bool stopping;
static struct mr_context context = {
    .pipeline = "p", .server = "s", .counters = &counters, .stopping = &stopping};

#define SERVER "00000000-0000-0000-0000-000000000001"
/* t (id int primary key) in d, with and without names. */
#define MAP_BARE "010000000000 0100 01 6400 01 7400 01 03 00 00 0101 00"
#define MAP      MAP_BARE " 0403 026964 0801 00"
#define ROW      "010000000000 0100 0200 01 01 00 07000000"

struct rig {
    struct mr_my_feed feed;
    struct mr_batch *batch;
    struct mr_my_format format;
    struct mr_arena arena;
    struct mr_err err;
    uint64_t next;
};

static void begin_rig(struct rig *rig, const char *position)
{
    struct mr_my_position parsed;

    memset(rig, 0, sizeof(*rig));
    assert_int_equal(mr_my_position_parse(mr_slice_str(position), &parsed, &rig->err), 0);
    mr_my_feed_init(&rig->feed, &context, parsed);
    rig->feed.relations.mariadb = parsed.mariadb;
    rig->batch = mr_batch_new(4096, 4096);
    mr_arena_init(&rig->arena, 4096, 4096);
    rig->format = (struct mr_my_format){.known = true, .mariadb = parsed.mariadb};
    memset(rig->format.post_header, 10, sizeof(rig->format.post_header));
    rig->format.post_header[MR_MY_TABLE_MAP - 1] = 8;
    rig->next = 1000;
}

static void end_rig(struct rig *rig)
{
    mr_my_feed_done(&rig->feed);
    mr_batch_free(rig->batch);
    mr_arena_done(&rig->arena);
}

static int give(struct rig *rig, struct mr_my_event event)
{
    rig->next += 100;
    event.header.size = 50;
    event.next = rig->next;
    mr_err_clear(&rig->err);
    return mr_my_feed_take(&rig->feed, rig->batch, &rig->format, "log.000001", &event, &rig->err);
}

static int bytes(struct rig *rig, uint8_t type, const char *hex)
{
    struct mr_slice body = wire_hex(&rig->arena, hex);

    return give(rig, (struct mr_my_event){.header = {.type = type}, .body = body, .bytes = body});
}

static int words(struct rig *rig, const char *sql)
{
    return give(rig, (struct mr_my_event){
                         .header = {.type = MR_MY_QUERY},
                         .query = {.sql = mr_slice_str(sql), .database = mr_slice_str("d")}});
}

static int gtid(struct rig *rig, uint64_t number)
{
    struct mr_my_event event = {.header = {.type = number ? MR_MY_GTID : MR_MY_ANONYMOUS_GTID}};

    event.group.gtid.number = number;
    event.group.gtid.uuid[15] = 1;
    return give(rig, event);
}

static int row(struct rig *rig)
{
    int rc = bytes(rig, MR_MY_TABLE_MAP, MAP);

    return rc < 0 ? rc : bytes(rig, MR_MY_WRITE_V2, ROW);
}

static int commit(struct rig *rig)
{
    return give(rig, (struct mr_my_event){.header = {.type = MR_MY_XID}});
}

static const char *position_of(struct rig *rig)
{
    mr_my_feed_close_batch(&rig->feed, rig->batch);
    return mr_arena_str(&rig->arena, rig->batch->position.text);
}

#define AT                                                                                         \
    "{\"flavour\":\"mysql\",\"server\":\"" SERVER "\",\"by\":\"gtids\",\"done\":\"" SERVER         \
    ":1-4\",\"n\":0,\"base\":100,\"count\":0}"

static void a_transaction_gives_its_rows(void **state)
{
    struct rig rig;

    (void)state;
    begin_rig(&rig, AT);
    assert_int_equal(gtid(&rig, 5), 0);
    assert_int_equal(words(&rig, "BEGIN"), 0);
    assert_int_equal(row(&rig), 0);
    assert_non_null(strstr(position_of(&rig), "\"inside\":\"" SERVER ":5\""));
    assert_int_equal(commit(&rig), 0);
    assert_int_equal(rig.batch->change_count, 1);
    assert_int_equal(rig.batch->changes[0].after[0].i, 7);
    assert_int_equal(rig.batch->changes[0].number, 100);
    assert_int_equal(rig.batch->changes[0].table->key_count, 1);
    assert_non_null(strstr(position_of(&rig), SERVER ":1-5\""));
    assert_true(rig.batch->position.whole);
    end_rig(&rig);
}

static void what_is_finished_is_dropped(void **state)
{
    struct rig rig;

    (void)state;
    begin_rig(&rig, AT);
    assert_int_equal(gtid(&rig, 4), 0);
    assert_int_equal(words(&rig, "BEGIN"), 0);
    assert_int_equal(row(&rig), 0);
    assert_int_equal(commit(&rig), 0);
    assert_int_equal(rig.batch->change_count, 0);
    end_rig(&rig);
}

/* Prepares x with one row, as transaction `number`. */
static void prepare(struct rig *rig, uint64_t number)
{
    struct mr_my_event event = {.header = {.type = MR_MY_XA_PREPARE},
                                .prepare = {.xid = {1, mr_slice_str("x"), {NULL, 0}}}};

    assert_int_equal(gtid(rig, number), 0);
    assert_int_equal(words(rig, "XA START X'78',X'',1"), 0);
    assert_int_equal(row(rig), 0);
    assert_int_equal(words(rig, "XA END X'78',X'',1"), 0);
    assert_int_equal(give(rig, event), 0);
}

static int play(struct rig *rig)
{
    int rc = 0;

    while (rc == 0 && rig->feed.playing)
        rc = mr_my_feed_play(&rig->feed, rig->batch, &rig->err);
    return rc;
}

static void a_prepared_transaction_waits_for_its_commit(void **state)
{
    struct rig rig;

    (void)state;
    begin_rig(&rig, AT);
    prepare(&rig, 5);
    assert_int_equal(rig.batch->change_count, 0);
    assert_non_null(
        strstr(position_of(&rig), "\"resume\":\"" SERVER ":1-4\",\"done\":\"" SERVER ":1-5\""));
    assert_int_equal(gtid(&rig, 6), 0);
    assert_int_equal(words(&rig, "XA COMMIT X'78',X'',1"), 0);
    assert_int_equal(play(&rig), 0);
    assert_int_equal(rig.batch->change_count, 1);
    assert_true(mr_slice_is(rig.batch->changes[0].transaction->origin.binlog.gtid, SERVER ":6"));
    assert_null(strstr(position_of(&rig), "resume"));
    end_rig(&rig);
}

/* The position says: 1-5 are done, and 5 is to be read again. */
static void a_prepared_transaction_is_found_again_after_a_restart(void **state)
{
    struct rig rig;

    (void)state;
    begin_rig(&rig, "{\"flavour\":\"mysql\",\"server\":\"" SERVER
                    "\",\"by\":\"gtids\",\"resume\":\"" SERVER ":1-4\",\"done\":\"" SERVER
                    ":1-5\",\"n\":0,\"base\":100,\"count\":0}");
    assert_non_null(strstr(position_of(&rig), "\"resume\":\"" SERVER ":1-4\""));
    prepare(&rig, 5);
    assert_non_null(strstr(position_of(&rig), "\"resume\":\"" SERVER ":1-4\""));
    assert_int_equal(gtid(&rig, 6), 0);
    assert_int_equal(words(&rig, "XA ROLLBACK X'78',X'',1"), 0);
    assert_int_equal(rig.batch->change_count, 0);
    assert_null(strstr(position_of(&rig), "resume"));
    end_rig(&rig);
}

static void what_was_prepared_before_us_is_a_hole(void **state)
{
    struct rig rig;

    (void)state;
    begin_rig(&rig, AT);
    assert_int_equal(gtid(&rig, 5), 0);
    assert_int_equal(words(&rig, "XA COMMIT X'78',X'',1"), MR_GAP);
    assert_string_equal(rig.err.code, "source.xa_unknown");
    end_rig(&rig);
}

static void rows_that_are_undone_are_a_hole(void **state)
{
    struct rig rig;

    (void)state;
    begin_rig(&rig, AT);
    assert_int_equal(gtid(&rig, 5), 0);
    assert_int_equal(words(&rig, "BEGIN"), 0);
    assert_int_equal(row(&rig), 0);
    assert_int_equal(words(&rig, "ROLLBACK"), MR_GAP);
    assert_string_equal(rig.err.code, "source.rolled_back");
    end_rig(&rig);
}

static void an_incident_is_a_hole(void **state)
{
    struct rig rig;

    (void)state;
    begin_rig(&rig, AT);
    assert_int_equal(give(&rig, (struct mr_my_event){.header = {.type = MR_MY_INCIDENT},
                                                     .incident = {1, mr_slice_str("LOST")}}),
                     MR_GAP);
    assert_string_equal(rig.err.code, "source.incident");
    end_rig(&rig);
}

static void a_transaction_without_a_gtid_is_refused(void **state)
{
    struct rig rig;

    (void)state;
    begin_rig(&rig, AT);
    assert_int_equal(gtid(&rig, 0), MR_CONFIG);
    assert_string_equal(rig.err.code, "source.gtid_mode");
    end_rig(&rig);
}

static void columns_without_names_are_not_guessed(void **state)
{
    struct rig rig;

    (void)state;
    begin_rig(&rig, AT);
    assert_int_equal(gtid(&rig, 5), 0);
    assert_int_equal(words(&rig, "BEGIN"), 0);
    assert_int_equal(bytes(&rig, MR_MY_TABLE_MAP, MAP_BARE), MR_CONFIG);
    assert_string_equal(rig.err.code, "source.row_metadata");
    end_rig(&rig);
}

static void a_disk_that_refuses_a_held_transaction_is_said(void **state)
{
    struct rig rig;

    (void)state;
    context.state_directory = "/nowhere/at/all";
    begin_rig(&rig, AT);
    context.state_directory = NULL;
    rig.feed.holds.limit = 0;
    assert_int_equal(gtid(&rig, 5), 0);
    assert_int_equal(words(&rig, "XA START X'78',X'',1"), 0);
    assert_int_equal(bytes(&rig, MR_MY_TABLE_MAP, MAP), MR_RETRY);
    assert_string_equal(rig.err.code, "source.hold");
    end_rig(&rig);
}

static void positions_have_an_order(void **state)
{
#define GTIDS(done)                                                                                \
    "{\"flavour\":\"mysql\",\"server\":\"a\",\"by\":\"gtids\",\"done\":\"" done "\",\"n\":0}"
#define FILE_AT(server, done)                                                                      \
    "{\"flavour\":\"mariadb\",\"server\":\"" server "\",\"by\":\"file\",\"done\":\"" done          \
    "\",\"n\":0}"
    static const struct {
        const char *a, *b;
        enum mr_order wanted;
    } cases[] = {
        {GTIDS(SERVER ":1-4"), GTIDS(SERVER ":1-5"), MR_BEFORE},
        {GTIDS(SERVER ":1-5"), GTIDS(SERVER ":1-5"), MR_SAME},
        {GTIDS(SERVER ":1-5"), GTIDS(SERVER ":1-3:5"), MR_AFTER},
        {GTIDS(SERVER ":1-4"), GTIDS(SERVER ":1-3:5"), MR_APART},
        {FILE_AT("1", "b.999999:4"), FILE_AT("1", "b.1000000:4"), MR_BEFORE},
        {FILE_AT("1", "b.000001:400"), FILE_AT("1", "b.000001:5"), MR_AFTER},
        {FILE_AT("1", "b.000001:4"), FILE_AT("2", "b.000001:4"), MR_APART},
        {GTIDS(SERVER ":1"), FILE_AT("1", "b.000001:4"), MR_APART},
        {GTIDS(SERVER ":1"), "{}", MR_APART},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (mr_my_position_order(mr_slice_str(cases[i].a), mr_slice_str(cases[i].b)) !=
            cases[i].wanted)
            fail_msg("case %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_gives_its_rows),
        cmocka_unit_test(what_is_finished_is_dropped),
        cmocka_unit_test(a_prepared_transaction_waits_for_its_commit),
        cmocka_unit_test(a_prepared_transaction_is_found_again_after_a_restart),
        cmocka_unit_test(what_was_prepared_before_us_is_a_hole),
        cmocka_unit_test(rows_that_are_undone_are_a_hole),
        cmocka_unit_test(an_incident_is_a_hole),
        cmocka_unit_test(a_transaction_without_a_gtid_is_refused),
        cmocka_unit_test(columns_without_names_are_not_guessed),
        cmocka_unit_test(a_disk_that_refuses_a_held_transaction_is_said),
        cmocka_unit_test(positions_have_an_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

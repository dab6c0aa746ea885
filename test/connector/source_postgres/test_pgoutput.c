/* The message parser against bytes PostgreSQL 15 really sent (docs: manual 55.9), whole and cut short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "connectors/source_postgres/wire/pgoutput.h"

#define R_BYTES                                                                                    \
    "R\0\0\x41\xb1public\0t_pk\0d\0\3\1id\0\0\0\0\x17\xff\xff\xff\xff\0a\0\0\0\0\x19\xff\xff\xff"  \
    "\xff\0big\0\0\0\0\x19\xff\xff\xff\xff"
#define U_TOAST                                                                                    \
    "U\0\0\x41\xb1N\0\3t\0\0\0\1"                                                                  \
    "1t\0\0\0\1"                                                                                   \
    "bu"
#define U_KEY                                                                                      \
    "U\0\0\x41\xb1K\0\3t\0\0\0\1"                                                                  \
    "1nnN\0\3t\0\0\0\1"                                                                            \
    "2t\0\0\0\1"                                                                                   \
    "bu"
#define D_KEY                                                                                      \
    "D\0\0\x41\xb1K\0\3t\0\0\0\1"                                                                  \
    "2nn"

static struct mr_slice bytes_of(const char *bytes, size_t size)
{
    return mr_slice(bytes, size);
}
#define BYTES(literal) bytes_of(literal, sizeof(literal) - 1)

static void relation_is_read_column_by_column(void **state)
{
    struct mr_pg_message message;
    struct mr_pg_column column;
    struct mr_cur cur;

    (void)state;
    assert_int_equal(mr_pg_parse(BYTES(R_BYTES), &message, NULL), 0);
    assert_int_equal(message.type, MR_PG_RELATION);
    assert_int_equal(message.relation.oid, 0x41b1);
    assert_true(mr_slice_is(message.relation.schema, "public"));
    assert_true(mr_slice_is(message.relation.name, "t_pk"));
    assert_int_equal(message.relation.identity, 'd');
    assert_int_equal(message.relation.columns, 3);
    cur = mr_cur(message.relation.bytes);
    mr_pg_column_next(&cur, &column);
    assert_true(column.key && mr_slice_is(column.name, "id"));
    assert_int_equal(column.type, 23);
    mr_pg_column_next(&cur, &column);
    assert_false(column.key);
    assert_int_equal(column.modifier, -1);
    mr_pg_column_next(&cur, &column);
    assert_true(mr_slice_is(column.name, "big"));
    assert_false(cur.failed);
}

static void update_tells_unchanged_toast_from_null(void **state)
{
    struct mr_pg_message message;
    struct mr_slice value;
    struct mr_cur cur;

    (void)state;
    assert_int_equal(mr_pg_parse(BYTES(U_TOAST), &message, NULL), 0);
    assert_int_equal(message.row.old_kind, 0);
    cur = mr_cur(message.row.after.bytes);
    assert_int_equal(mr_pg_value_next(&cur, &value), 't');
    assert_true(mr_slice_is(value, "1"));
    assert_int_equal(mr_pg_value_next(&cur, &value), 't');
    assert_int_equal(mr_pg_value_next(&cur, &value), 'u');
    assert_int_equal(mr_pg_value_next(&cur, &value), 0);
    assert_true(cur.failed);
}

static void key_rows_are_told_apart(void **state)
{
    struct mr_pg_message message;

    (void)state;
    assert_int_equal(mr_pg_parse(BYTES(U_KEY), &message, NULL), 0);
    assert_int_equal(message.row.old_kind, 'K');
    assert_int_equal(message.row.before.columns, 3);
    assert_int_equal(message.row.after.columns, 3);
    assert_int_equal(mr_pg_parse(BYTES(D_KEY), &message, NULL), 0);
    assert_int_equal(message.row.old_kind, 'K');
    assert_null(message.row.after.bytes.data);
}

static void transactions_carry_their_places(void **state)
{
    struct mr_pg_message message;

    (void)state;
    assert_int_equal(
        mr_pg_parse(BYTES("B\0\0\0\0\1\x99\x8f\x78\0\0\0\0\0\0\0\1\0\0\2\xe2"), &message, NULL), 0);
    assert_int_equal(message.begin.commit_lsn, 0x1998f78);
    assert_int_equal(message.begin.commit_us, MR_PG_EPOCH_US + 1);
    assert_int_equal(message.begin.xid, 738);
    assert_int_equal(
        mr_pg_parse(BYTES("C\0\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\x8\0\0\0\0\0\0\0\0"), &message, NULL),
        0);
    assert_int_equal(message.commit.commit_lsn, 7);
    assert_int_equal(message.commit.end_lsn, 8);
}

static void truncate_and_messages(void **state)
{
    struct mr_pg_message message;

    (void)state;
    assert_int_equal(mr_pg_parse(BYTES("T\0\0\0\2\1\0\0\0\5\0\0\0\6"), &message, NULL), 0);
    assert_int_equal(message.truncate.count, 2);
    assert_int_equal(mr_pg_truncate_oid(&message, 1), 6);
    assert_int_equal(mr_pg_parse(BYTES("M\1\0\0\0\0\0\0\0\x9p\0\0\0\0\2hi"), &message, NULL), 0);
    assert_true(message.logical.transactional);
    assert_int_equal(message.logical.lsn, 9);
    assert_true(mr_slice_is(message.logical.content, "hi"));
}

/* Every prefix of a good message, and a good message with a byte too many, must be refused. */
static void a_cut_message_is_refused(void **state)
{
    static const struct mr_slice good[] = {
        MR_SLICE(R_BYTES),
        MR_SLICE(U_TOAST),
        MR_SLICE(U_KEY),
        MR_SLICE(D_KEY),
        MR_SLICE("T\0\0\0\2\1\0\0\0\5\0\0\0\6"),
        MR_SLICE("O\0\0\0\0\0\0\0\1pub\0"),
        MR_SLICE("Y\0\0\x40\0public\0mood\0"),
    };
    struct mr_pg_message message;
    struct mr_err err;
    char longer[256];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(mr_pg_parse(good[i], &message, NULL), 0);
        for (size_t size = 0; size < good[i].size; size++) {
            assert_int_equal(mr_pg_parse(mr_slice(good[i].data, size), &message, &err), MR_RETRY);
            assert_string_equal(err.code, "source.protocol");
        }
        memcpy(longer, good[i].data, good[i].size);
        longer[good[i].size] = 0;
        assert_int_equal(mr_pg_parse(mr_slice(longer, good[i].size + 1), &message, &err), MR_RETRY);
    }
}

/* Rows of a streamed transaction are not committed yet; we never ask for them. */
static void streamed_and_two_phase_messages_are_refused(void **state)
{
    struct mr_pg_message message;
    const char types[] = "SEcAbPKrp";

    (void)state;
    for (size_t i = 0; i < sizeof(types) - 1; i++)
        assert_int_equal(mr_pg_parse(mr_slice(&types[i], 1), &message, NULL), MR_RETRY);
}

static void counts_from_the_wire_are_not_believed(void **state)
{
    struct mr_pg_message message;

    (void)state;
    assert_int_equal(mr_pg_parse(BYTES("T\xff\xff\xff\xff\0\0\0\0\1"), &message, NULL), MR_RETRY);
    assert_int_equal(mr_pg_parse(BYTES("I\0\0\0\1N\0\1t\xff\xff\xff\xff"), &message, NULL),
                     MR_RETRY);
    assert_int_equal(mr_pg_parse(BYTES("R\0\0\0\1a\0b\0d\xff\xff"), &message, NULL), MR_RETRY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relation_is_read_column_by_column),
        cmocka_unit_test(update_tells_unchanged_toast_from_null),
        cmocka_unit_test(key_rows_are_told_apart),
        cmocka_unit_test(transactions_carry_their_places),
        cmocka_unit_test(truncate_and_messages),
        cmocka_unit_test(a_cut_message_is_refused),
        cmocka_unit_test(streamed_and_two_phase_messages_are_refused),
        cmocka_unit_test(counts_from_the_wire_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

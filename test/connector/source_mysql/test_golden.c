/* A table of all common types as MySQL 9.7.4 and MariaDB 11.8.6 wrote it to their logs, read back.
 *
 *   create table t1(id int unsigned not null auto_increment, ti tinyint, tu tinyint unsigned, si smallint,
 *     su smallint unsigned, mi mediumint, mu mediumint unsigned, i int, bi bigint, bu bigint unsigned, f float,
 *     d double, dec1 decimal(20,6), dec2 decimal(10,0), b1 bit(1), b17 bit(17), y year, dt date, t0 time, t3 time(3),
 *     t6 time(6), dt0 datetime, dt6 datetime(6), ts0 timestamp null, ts3 timestamp(3) null, c1 char(10), c2
 * char(255),
 *     vc varchar(20), vl varchar(2000), cl varchar(20) character set latin1, bn binary(5), vb varbinary(10),
 *     tt tinytext, bb blob, e enum('a','b','cc'), s set('x','y','z'), j json, g geometry, p point, nn int, primary
 *     key(id)) default character set utf8mb4 collate utf8mb4_bin */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "connectors/source_mysql/types/reader.h"
#include "connectors/source_mysql/wire/rows.h"
#include "connectors/source_mysql/wire/tablemap.h"
#include "test/connector/source_mysql/golden.h"
#include "test/connector/source_mysql/wire.h"

struct golden {
    struct mr_arena arena;
    struct mr_my_format format;
    struct mr_my_map *map;
    struct mr_my_reader readers[64];
    struct mr_slice fields[64];
    struct mr_value values[64];
};

static void open_golden(struct golden *golden, bool mariadb, const char *map)
{
    struct mr_err err;

    mr_arena_init(&golden->arena, 65536, 65536);
    golden->format = (struct mr_my_format){.known = true, .mariadb = mariadb};
    if (mr_my_map_parse(&golden->format, wire_hex(&golden->arena, map), &golden->arena,
                        &golden->map, &err) < 0)
        fail_msg("%s", err.text);
    for (uint32_t i = 0; i < golden->map->column_count; i++) {
        if (mr_my_reader_init(&golden->readers[i], golden->map, &golden->map->columns[i], NULL,
                              &golden->arena, &err) < 0)
            fail_msg("%s", err.text);
    }
}

static void read_golden(struct golden *golden, uint8_t type, const char *rows)
{
    struct mr_my_reading reading = {.arena = &golden->arena, .limit = 1 << 20};
    struct mr_my_event event = {.header = {.type = type}, .body = wire_hex(&golden->arena, rows)};
    struct mr_my_rows found;
    struct mr_err err;

    assert_int_equal(
        mr_my_rows_parse(&golden->format, &event, &golden->arena, 1 << 20, &found, &err), 0);
    assert_int_equal(found.kind, MR_MY_INSERT);
    assert_int_equal(found.flags & MR_MY_ROWS_STATEMENT_END, MR_MY_ROWS_STATEMENT_END);
    assert_int_equal(mr_my_rows_next(&found, golden->map, NULL, golden->fields, &err), 1);
    if (mr_my_read_row(golden->readers, golden->map, &reading, golden->fields, MR_UNCHANGED,
                       golden->values, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(mr_my_rows_next(&found, golden->map, NULL, golden->fields, &err), 0);
}

static const struct mr_value *column(const struct golden *golden, const char *name)
{
    for (uint32_t i = 0; i < golden->map->column_count; i++) {
        if (mr_slice_is(golden->map->columns[i].name, name))
            return &golden->values[i];
    }
    fail_msg("no column %s", name);
    return NULL;
}

static void expect_number(const struct golden *golden, const char *name, enum mr_kind kind,
                          int64_t number)
{
    const struct mr_value *value = column(golden, name);

    if (value->kind != kind || value->i != number)
        fail_msg("%s: kind %u, %lld instead of kind %u, %lld", name, value->kind,
                 (long long)value->i, kind, (long long)number);
}

static void expect_bytes(const struct golden *golden, const char *name, enum mr_kind kind,
                         const void *bytes, size_t size)
{
    const struct mr_value *value = column(golden, name);

    if (value->kind != kind || value->size != size || memcmp(value->p, bytes, size) != 0)
        fail_msg("%s: kind %u, \"%.*s\"", name, value->kind, (int)value->size, value->p);
}

static void expect_text(const struct golden *golden, const char *name, const char *text)
{
    expect_bytes(golden, name, MR_TEXT, text, strlen(text));
}

static void expect_values(const struct golden *golden)
{
    const struct mr_value *value;

    expect_number(golden, "id", MR_INT, 7);
    expect_number(golden, "ti", MR_INT, -1);
    expect_number(golden, "tu", MR_INT, 255);
    expect_number(golden, "si", MR_INT, -2);
    expect_number(golden, "su", MR_INT, 65535);
    expect_number(golden, "mi", MR_INT, -3);
    expect_number(golden, "mu", MR_INT, 16777215);
    expect_number(golden, "i", MR_INT, -4);
    expect_number(golden, "bi", MR_INT, -5);
    expect_number(golden, "bu", MR_UINT, -1);
    assert_true(column(golden, "f")->f == 1.5);
    assert_true(column(golden, "d")->f == -2.25);
    expect_bytes(golden, "dec1", MR_DECIMAL_TEXT, "-12345678901234.567890", 22);
    expect_number(golden, "dec2", MR_DECIMAL, 1234567890);
    expect_number(golden, "b1", MR_UINT, 1);
    expect_number(golden, "b17", MR_UINT, 65537);
    expect_number(golden, "y", MR_INT, 2024);
    expect_number(golden, "dt", MR_DATE, 19782);
    expect_number(golden, "t0", MR_TIME, -3020399000000);
    expect_number(golden, "t3", MR_TIME, -1500000);
    expect_number(golden, "t6", MR_TIME, -45296000001);
    expect_number(golden, "dt0", MR_TIMESTAMP, 1709210096000000);
    expect_number(golden, "dt6", MR_TIMESTAMP, 1709210096789012);
    expect_number(golden, "ts0", MR_TIMESTAMP, 1709210096000000);
    expect_number(golden, "ts3", MR_TIMESTAMP, 1709210096789000);
    expect_text(golden, "c1", "abc");
    expect_text(golden, "c2", "def");
    expect_text(golden, "vc", "v");
    expect_text(golden, "vl", "long");
    expect_text(golden, "cl", "\xc3\xa9");
    expect_bytes(golden, "bn", MR_BYTES, "\x01\0\0\0", 5);
    expect_bytes(golden, "vb", MR_BYTES, "\0\x01", 2);
    expect_text(golden, "tt", "tt");
    expect_bytes(golden, "bb", MR_BYTES, "bb", 2);
    expect_text(golden, "e", "cc");
    expect_text(golden, "s", "x,z");
    expect_number(golden, "nn", MR_NULL, 0);
    value = column(golden, "p");
    assert_int_equal(value->kind, MR_GEOMETRY);
    assert_int_equal(value->geometry->count, 2);
    assert_true(value->geometry->numbers[0] == 1.0 && value->geometry->numbers[1] == 2.0);
    assert_int_equal(value->geometry->srid, 0);
    assert_int_equal(value->geometry->wkb.size, 21);
    assert_int_equal(column(golden, "g")->geometry->wkb.size, 41);
}

static void expect_map(const struct golden *golden)
{
    const struct mr_my_map *map = golden->map;

    assert_true(mr_slice_is(map->database, "gold") && mr_slice_is(map->table, "t1"));
    assert_int_equal(map->column_count, 40);
    assert_int_equal(map->key_count, 1);
    assert_int_equal(map->columns[0].key, 1);
    assert_true(map->columns[0].is_unsigned && !map->columns[0].nullable &&
                map->columns[1].nullable);
    assert_int_equal(map->told & MR_MY_TOLD_LABELS, MR_MY_TOLD_LABELS);
    assert_int_equal(map->columns[15].bits, 17);
    assert_int_equal(map->columns[26].size, 1020);
    assert_int_equal(map->columns[38].geometry, 1);
    assert_int_equal(map->columns[29].collation, 8);
}

static void what_mysql_wrote(void **state)
{
    struct golden golden;

    (void)state;
    open_golden(&golden, false, MYSQL_MAP);
    expect_map(&golden);
    assert_int_equal(golden.map->table_id, 0x55);
    assert_int_equal(golden.map->told & MR_MY_TOLD_VISIBILITY, MR_MY_TOLD_VISIBILITY);
    assert_int_equal(golden.map->json_count, 1);
    read_golden(&golden, MR_MY_WRITE_V2, MYSQL_ROWS);
    expect_values(&golden);
    expect_text(&golden, "j", "{\"a\": 1, \"b\": [1, 70000, \"x\"], \"c\": null, \"d\": 1.5}");
    mr_arena_done(&golden.arena);
}

static void what_mariadb_wrote(void **state)
{
    struct golden golden;

    (void)state;
    open_golden(&golden, true, MARIADB_MAP);
    expect_map(&golden);
    read_golden(&golden, MR_MY_WRITE_V1, MARIADB_ROWS);
    expect_values(&golden);
    expect_text(&golden, "j", "{\"a\":1,\"b\":[1,70000,\"x\"],\"c\":null,\"d\":1.5}");
    mr_arena_done(&golden.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_mysql_wrote),
        cmocka_unit_test(what_mariadb_wrote),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

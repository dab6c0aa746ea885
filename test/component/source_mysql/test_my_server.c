/* What the component tests of the MySQL source stand on: a real server of either vendor that logs rows, answers, and
 * has what was committed after it was killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "test/support/my_server.h"

static void prove(enum my_server_kind kind)
{
    struct my_server server;
    char out[4000];

    if (!my_server_start(&server, kind, "--max-connections=41")) {
        skip();
        return;
    }
    assert_true(my_server_sql(
        &server, "select @@global.max_connections, @@global.server_id = @@port", out, sizeof(out)));
    assert_string_equal(out, "41\t1\n");
    assert_true(my_server_sql(&server,
                              "create database a; create table a.t (id int primary key); "
                              "insert into a.t values (1), (2)",
                              out, sizeof(out)));
    assert_true(my_server_sql(&server, "show binlog events", out, sizeof(out)));
    assert_non_null(strstr(out, "Write_rows"));
    assert_true(my_server_restart(&server, true));
    assert_true(my_server_sql(&server, "select id from a.t", out, sizeof(out)));
    assert_string_equal(out, "1\n2\n");
    assert_false(my_server_sql(&server, "select id from a.nowhere", out, sizeof(out)));
    my_server_stop(&server);
}

static void test_mysql(void **state)
{
    (void)state;
    prove(MY_SERVER_MYSQL);
}

static void test_mariadb(void **state)
{
    (void)state;
    prove(MY_SERVER_MARIADB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mysql),
        cmocka_unit_test(test_mariadb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

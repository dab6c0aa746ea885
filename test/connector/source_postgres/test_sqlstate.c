/* What the server's errors are turned into: class, code, exit code, next step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "connectors/source_postgres/session/sqlstate.h"

static void the_sqlstate_is_found_in_any_language(void **state)
{
    static const struct {
        const char *message, *sqlstate;
    } cases[] = {
        {"connection to server failed: FATAL:  28P01: password authentication failed", "28P01"},
        {"Verbindung fehlgeschlagen: FATAL:  42501: keine Berechtigung\nLOCATION:  x.c", "42501"},
        {"a failed: FATAL:  57P03: starting\nb failed: FATAL:  53300: too many", "53300"},
        {"Connection refused\n\tIs the server running?", ""},
        {"a:  short", ""},
    };
    char sqlstate[6];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mr_pg_find_sqlstate(cases[i].message, sqlstate);
        assert_string_equal(sqlstate, cases[i].sqlstate);
    }
}

static void a_login_that_failed_is_classified(void **state)
{
    static const struct {
        const char *sqlstate, *message, *code;
        int class, exit_code;
        bool replication;
    } cases[] = {
        {"28P01", "wrong password", "source.auth", MR_CONFIG, 77, false},
        {"28000", "no pg_hba.conf entry", "source.auth", MR_CONFIG, 77, true},
        {"42501", "must be replication role", "source.no_replication_right", MR_CONFIG, 77, true},
        {"3D000", "no database", "source.no_database", MR_CONFIG, 78, false},
        {"", "fe_sendauth: no password supplied", "source.auth", MR_CONFIG, 77, false},
        {"", "Connection refused", "source.connect", MR_RETRY, 69, false},
        {"", "invalid sslmode value: \"nonsense\"", "source.dsn", MR_CONFIG, 78, false},
        {"53300", "too many connections", "source.connect", MR_RETRY, 69, false},
        {"57P03", "the database system is starting up", "source.connect", MR_RETRY, 69, false},
        {"57014", "canceling authentication due to timeout", "source.connect", MR_RETRY, 69, false},
        {"08P01", "unsupported startup parameter: replication", "source.pooler", MR_CONFIG, 78,
         true},
        {"08P01", "protocol violation", "source.connect", MR_RETRY, 69, false},
        {"55000", "database is not currently accepting connections", "source.connect_refused",
         MR_CONFIG, 78, false},
    };
    struct mr_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mr_err_clear(&err);
        assert_int_equal(mr_pg_login_error(&err, cases[i].sqlstate, cases[i].message, "cdc", "shop",
                                           cases[i].replication),
                         cases[i].class);
        assert_string_equal(err.code, cases[i].code);
        assert_int_equal(mr_err_exit(&err), cases[i].exit_code);
        assert_string_equal(err.native, cases[i].sqlstate);
        assert_non_null(strstr(err.text, cases[i].message));
    }
}

static void a_statement_that_failed_is_classified(void **state)
{
    static const struct {
        const char *sqlstate, *code;
        int class, exit_code;
    } cases[] = {
        {"", "source.connection_lost", MR_RETRY, 69},
        {"57P01", "source.server_busy", MR_RETRY, 69},
        {"08006", "source.server_busy", MR_RETRY, 69},
        {"55P03", "source.server_busy", MR_RETRY, 69},
        {"57014", "source.server_busy", MR_RETRY, 69},
        {"42501", "source.permission", MR_CONFIG, 77},
        {"42601", "source.sql", MR_CONFIG, 78},
    };
    struct mr_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mr_err_clear(&err);
        assert_int_equal(
            mr_pg_sql_error(&err, cases[i].sqlstate, "it\nfailed", "a detail", "read a table"),
            cases[i].class);
        assert_string_equal(err.code, cases[i].code);
        assert_int_equal(mr_err_exit(&err), cases[i].exit_code);
        assert_non_null(strstr(err.text, "read a table: it; failed"));
    }
    assert_int_equal(mr_pg_sql_error(&err, "42601", "syntax error at or near \"IDENTIFY_SYSTEM\"",
                                     NULL, "identify the server"),
                     MR_CONFIG);
    assert_string_equal(err.code, "source.pooler");
}

/* Servers before 17 and since then have another code for a view whose session has ended. */
static void a_view_that_is_gone_is_known_by_every_server_s_code(void **state)
{
    (void)state;
    assert_true(mr_pg_view_gone("22023"));
    assert_true(mr_pg_view_gone("42704"));
    assert_true(mr_pg_view_gone("55000"));
    assert_false(mr_pg_view_gone("42501"));
    assert_false(mr_pg_view_gone(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sqlstate_is_found_in_any_language),
        cmocka_unit_test(a_login_that_failed_is_classified),
        cmocka_unit_test(a_statement_that_failed_is_classified),
        cmocka_unit_test(a_view_that_is_gone_is_known_by_every_server_s_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

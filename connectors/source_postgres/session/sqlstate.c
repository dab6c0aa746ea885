/* One table from SQLSTATE to what a user is told.
 *
 * The classes: away and busy (08, 53, 57P0x, 55006, 55P03, no SQLSTATE at all) and what was cancelled by somebody or
 * by the server's own clock (57014) are retried for ever; rights (28, 42501) and everything else need a human. The
 * server's own sentence is always kept, because it names things we do not know; ours says what we were doing and what
 * to type. */
#include "connectors/source_postgres/session/sqlstate.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_sqlstate(const char *text)
{
    for (int i = 0; i < 5; i++) {
        if (!isdigit((unsigned char)text[i]) && !isupper((unsigned char)text[i]))
            return false;
    }
    return text[5] == ':';
}

void mr_pg_find_sqlstate(const char *message, char ret_sqlstate[6])
{
    ret_sqlstate[0] = 0;
    for (const char *at = strstr(message, ":  "); at; at = strstr(at + 1, ":  ")) {
        if (strlen(at) >= 9 && is_sqlstate(at + 3)) {
            memcpy(ret_sqlstate, at + 3, 5);
            ret_sqlstate[5] = 0;
        }
    }
}

/* The message without its end of line and without LOCATION and the like, which verbose errors add. */
static void one_line(const char *message, char *ret_line, size_t room)
{
    size_t size = 0;
    const char *end = strstr(message, "\nLOCATION:");

    for (const char *at = message; *at && at != end && size + 2 < room; at++) {
        bool blank = *at == '\n' || *at == '\t' || *at == ' ';
        if (*at == '\n' && size > 0)
            ret_line[size++] = ';';
        if (!blank || (size > 0 && ret_line[size - 1] != ' '))
            ret_line[size++] = blank ? ' ' : *at;
    }
    while (size > 0 && (ret_line[size - 1] == ' ' || ret_line[size - 1] == ';'))
        size--;
    ret_line[size] = 0;
}

static bool any_of(const char *sqlstate, const char *const *list)
{
    for (; *list; list++) {
        if (strncmp(sqlstate, *list, strlen(*list)) == 0)
            return true;
    }
    return false;
}

static bool transient(const char *sqlstate)
{
    static const char *const list[] = {"08",    "53",    "57P0",  "57014", "55006",
                                       "55P03", "40001", "40P01", "58030", NULL};

    return sqlstate[0] == 0 || any_of(sqlstate, list);
}

bool mr_pg_view_gone(const char *sqlstate)
{
    static const char *const list[] = {"22023", "42704", "55000", NULL};

    return sqlstate[0] != 0 && any_of(sqlstate, list);
}

static int permission(struct mr_err *err, const char *sqlstate)
{
    mr_err_native(err, sqlstate);
    if (err)
        err->exit_code = 77;
    return MR_CONFIG;
}

static int no_rights_to_log_in(struct mr_err *err, const char *sqlstate, const char *line,
                               const char *user, const char *database, bool replication)
{
    if (strcmp(sqlstate, "42501") == 0 && replication) {
        mr_err_set(err, MR_CONFIG, "source.no_replication_right",
                   "role %s may not read the change log: %s", user, line);
        mr_err_hint(err,
                    "ALTER ROLE \"%s\" REPLICATION;\n(Amazon RDS: GRANT rds_replication TO "
                    "\"%s\";)",
                    user, user);
    } else {
        mr_err_set(err, MR_CONFIG, "source.auth", "the server refuses the login of %s to %s: %s",
                   user, database, line);
        mr_err_hint(err,
                    "Check user, dbname and password (source.dsn, source.password); and that "
                    "pg_hba.conf has a line such as: host \"%s\" \"%s\" <our address>/32 "
                    "scram-sha-256",
                    database, user);
    }
    return permission(err, sqlstate);
}

/* What speaks the protocol, but not its replication part: PgBouncer before 1.23, RDS Proxy, Supavisor, a pooled
 * address. */
static int pooler(struct mr_err *err, const char *sqlstate, const char *line)
{
    mr_err_set(err, MR_CONFIG, "source.pooler",
               "what answers at this address does not know replication connections, as a "
               "connection pooler does not: %s",
               line);
    mr_err_hint(err, "Give the address of the PostgreSQL server itself in source.dsn, not that of "
                     "a pooler before it (PgBouncer before 1.23, RDS Proxy, Supavisor, a "
                     "\"pooled\" host name).");
    mr_err_native(err, sqlstate);
    return MR_CONFIG;
}

int mr_pg_login_error(struct mr_err *err, const char *sqlstate, const char *message,
                      const char *user, const char *database, bool replication)
{
    char line[800];

    one_line(message, line, sizeof(line));
    user = user && *user ? user : "(nobody)";
    database = database && *database ? database : user;
    if (strncmp(sqlstate, "28", 2) == 0 || strcmp(sqlstate, "42501") == 0)
        return no_rights_to_log_in(err, sqlstate, line, user, database, replication);
    if (replication && strcmp(sqlstate, "08P01") == 0)
        return pooler(err, sqlstate, line);
    if (strcmp(sqlstate, "3D000") == 0) {
        mr_err_set(err, MR_CONFIG, "source.no_database", "there is no database \"%s\": %s",
                   database, line);
        mr_err_hint(err,
                    "Set dbname in source.dsn to a database that exists (psql -l lists them).");
    } else if (strstr(line, "no password supplied")) {
        mr_err_set(err, MR_CONFIG, "source.auth", "the server wants a password for %s: %s", user,
                   line);
        mr_err_hint(err, "Set source.password, for example to ${file:/run/secrets/pg} or "
                         "${env:PGPASSWORD}. tail takes it from PGPASSWORD, ~/.pgpass or the "
                         "DSN's password=.");
        return permission(err, sqlstate);
    } else if (sqlstate[0] == 0 && strncmp(line, "invalid ", 8) == 0) {
        /* libpq refuses a setting of the conninfo before it connects: "invalid sslmode value". */
        mr_err_set(err, MR_CONFIG, "source.dsn", "source.dsn cannot be used: %s", line);
        return MR_CONFIG;
    } else if (transient(sqlstate)) {
        mr_err_set(err, MR_RETRY, "source.connect", "cannot connect to the database: %s", line);
    } else {
        mr_err_set(err, MR_CONFIG, "source.connect_refused",
                   "the server refuses the connection: %s", line);
    }
    mr_err_native(err, sqlstate);
    return err ? (int)err->class : transient(sqlstate) ? MR_RETRY : MR_CONFIG;
}

int mr_pg_sql_error(struct mr_err *err, const char *sqlstate, const char *message,
                    const char *detail, const char *what)
{
    char line[800];
    int rc;

    one_line(message, line, sizeof(line));
    /* A pooler that was told to ignore the parameter: an ordinary session gets the command. */
    if (strcmp(sqlstate, "42601") == 0 && strstr(line, "IDENTIFY_SYSTEM"))
        return pooler(err, sqlstate, line);
    if (sqlstate[0] == 0)
        rc = mr_err_set(err, MR_RETRY, "source.connection_lost", "cannot %s: %s", what,
                        line[0] ? line : "the server closed the connection");
    else if (transient(sqlstate))
        rc = mr_err_set(err, MR_RETRY, "source.server_busy", "cannot %s: %s%s%s", what, line,
                        detail ? " - " : "", detail ? detail : "");
    else if (strcmp(sqlstate, "42501") == 0) {
        rc = mr_err_set(err, MR_CONFIG, "source.permission", "no right to %s: %s", what, line);
        (void)permission(err, sqlstate);
    } else
        rc = mr_err_set(err, MR_CONFIG, "source.sql", "cannot %s: %s%s%s", what, line,
                        detail ? " - " : "", detail ? detail : "");
    if (sqlstate[0])
        mr_err_native(err, sqlstate);
    return rc;
}

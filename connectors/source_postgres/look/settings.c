/* Settings judged by themselves.
 *
 * A start refuses patterns, names and operations before it connects: the same is done here, with the same code, while
 * the file is read. Added is what only libpq would say of the DSN, and the files it names: a missing CA file is found
 * before the first connection is tried.
 *
 * Two pipelines cannot read one slot. Which server it is on, the DSN and libpq's environment say; a service file or two
 * names of one host are not looked into, so two slots may be one all the same: the server tells then. */
#include "connectors/source_postgres/look/settings.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "connectors/source_postgres/session/connect.h"

static bool is_file(const PQconninfoOption *option)
{
    static const char *const files[] = {"sslrootcert", "sslcert", "sslkey", "sslcrl"};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (strcmp(option->keyword, files[i]) == 0)
            return option->val && option->val[0] && strcmp(option->val, "system") != 0;
    return false;
}

static int check_files(const PQconninfoOption *options, struct mr_err *err)
{
    for (; options->keyword; options++) {
        if (!is_file(options) || access(options->val, R_OK) == 0)
            continue;
        mr_err_errno(err, MR_CONFIG, "source.dsn", errno, "source.dsn: %s=%.300s cannot be read",
                     options->keyword, options->val);
        mr_err_hint(err, "name a file that the user millrace runs as can read");
        return MR_CONFIG;
    }
    return 0;
}

int mr_pg_check_dsn(const char *dsn, struct mr_err *err)
{
    PQconninfoOption *options;
    int rc;

    if (dsn && strncmp(dsn, "jdbc:", 5) == 0) {
        mr_err_set(err, MR_CONFIG, "source.dsn", "source.dsn is a URL for Java");
        mr_err_hint(err, "Write it as libpq does: postgresql://cdc@db:5432/shop, without jdbc: and "
                         "without Java's parameters.");
        return MR_CONFIG;
    }
    rc = mr_pg_dsn_parse(dsn, &options, err);
    if (rc == 0)
        rc = check_files(options, err);
    PQconninfoFree(options);
    return rc;
}

/* As the DSN has it, else as libpq's environment or defaults do. */
static const char *part(const PQconninfoOption *given, const PQconninfoOption *standard,
                        const char *keyword)
{
    for (; given && given->keyword; given++)
        if (strcmp(given->keyword, keyword) == 0 && given->val && given->val[0])
            return given->val;
    for (; standard && standard->keyword; standard++)
        if (strcmp(standard->keyword, keyword) == 0 && standard->val && standard->val[0])
            return standard->val;
    return NULL;
}

void mr_pg_add_alone(const char *dsn, const char *slot, struct mr_buf *ret_what)
{
    PQconninfoOption *given = NULL, *standard = PQconndefaults();
    const char *host, *port;

    if (mr_pg_dsn_parse(dsn, &given, NULL) == 0) {
        host = part(given, standard, "host");
        port = part(given, standard, "port");
        /* A slot's name is the server's, whatever the database. */
        mr_buf_printf(ret_what, "slot %s on %s port %s", slot, host ? host : "this machine",
                      port ? port : "5432");
    }
    PQconninfoFree(given);
    PQconninfoFree(standard);
}

/* Connections, by libmariadb.
 *
 * Hosts are tried in order; the first that lets us in is taken. A host that is away is passed over and named at the
 * end, but one that says no (a wrong password, a certificate that does not verify) ends the search: another host's
 * yes would hide a mistake.
 *
 * No option file is read, LOAD DATA LOCAL is off (a server could ask for any file of ours), and reconnecting is ours
 * to do. Whatever TLS mode is asked for is set explicitly, since releases of the library differ in their defaults.
 *
 * After login the session's settings are pinned by SET. They are chosen so that a value read by SQL equals the one
 * in the log: UTC for timestamps, no padding of CHAR, stored bytes without conversion; and so that nothing ends a
 * session that is quiet or a result that is long. Waiting is done on the socket before the library is called, which
 * would wait blindly: bytes may stand in its own buffer or in TLS's, and these are looked at first. */
#include "connectors/source_mysql/session/connect.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "connectors/source_mysql/session/failure.h"
#include "connectors/source_mysql/session/inside.h"

#define SLICE_NS   (200 * MR_MS_NS)
#define CONNECT_NS (10 * MR_SECOND_NS)
#define ANSWER_NS  (30 * MR_SECOND_NS)

static int64_t connect_ns(const struct mr_my_connect *connect)
{
    return connect->timeout_ns > 0 ? connect->timeout_ns : CONNECT_NS;
}

static unsigned seconds(int64_t ns)
{
    return (unsigned)((ns + MR_SECOND_NS - 1) / MR_SECOND_NS);
}

static void set_tls(MYSQL *mysql, const struct mr_my_address *address)
{
    my_bool on = 1, verify = address->tls == MR_MY_TLS_VERIFY_IDENTITY, off = 0;
    bool certified = address->tls >= MR_MY_TLS_VERIFY_CA;

    if (address->tls == MR_MY_TLS_DISABLED) {
        mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &off);
        return;
    }
    /* An authority that is named is looked at by the library in every mode. */
    mysql_ssl_set(mysql, address->tls_key, address->tls_cert, certified ? address->tls_ca : NULL,
                  certified && !address->tls_ca ? "/etc/ssl/certs" : NULL, NULL);
    mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    if (address->tls != MR_MY_TLS_PREFERRED)
        mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &on);
    if (address->tls_versions)
        mysql_optionsv(mysql, MARIADB_OPT_TLS_VERSION, address->tls_versions);
}

static MYSQL *prepare(const struct mr_my_connect *connect)
{
    MYSQL *mysql = mysql_init(NULL);
    unsigned wait = seconds(connect_ns(connect));
    unsigned answer = seconds(connect->answer_ns > 0 ? connect->answer_ns : ANSWER_NS);
    unsigned long packet = 1UL << 30;
    unsigned no_files = 0;
    my_bool off = 0;

    if (!mysql)
        mr_out_of_memory(0);
    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &wait);
    mysql_optionsv(mysql, MYSQL_OPT_READ_TIMEOUT, &answer);
    mysql_optionsv(mysql, MYSQL_OPT_WRITE_TIMEOUT, &answer);
    mysql_optionsv(mysql, MYSQL_OPT_LOCAL_INFILE, &no_files);
    mysql_optionsv(mysql, MYSQL_OPT_RECONNECT, &off);
    mysql_optionsv(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "millrace");
    if (connect->address->plugin_dir)
        mysql_optionsv(mysql, MYSQL_PLUGIN_DIR, connect->address->plugin_dir);
    set_tls(mysql, connect->address);
    return mysql;
}

/* "8.0.11" as 80011; MariaDB's text says so. */
static void know(MYSQL *mysql, const struct mr_my_host *host, struct mr_my_server *server)
{
    const char *text = mysql_get_server_info(mysql), *at;
    unsigned parts[3] = {0, 0, 0};

    *server = (struct mr_my_server){.host = *host};
    if (!text)
        text = "";
    if (strncmp(text, "5.5.5-", 6) == 0)
        text += 6;
    server->mariadb = strstr(text, "MariaDB") != NULL;
    for (at = text; *at && strlen(server->text) + 1 < sizeof server->text; at++)
        server->text[strlen(server->text)] = *at;
    at = text;
    for (unsigned i = 0; i < 3 && *at >= '0' && *at <= '9'; i++) {
        for (; *at >= '0' && *at <= '9' && parts[i] < 1000; at++)
            parts[i] = parts[i] * 10 + (unsigned)(*at - '0');
        at += *at == '.';
    }
    server->version = parts[0] * 10000 + parts[1] * 100 + parts[2];
}

/* The library takes a server without TLS in every mode but verify_identity. */
static int not_encrypted(const struct mr_my_host *host, struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, "source.tls", "%s port %u offers no TLS, and ssl-mode asks for it",
               host->name, host->port);
    mr_err_hint(err, "Let the server have a certificate, or say ssl-mode=preferred.");
    return MR_CONFIG;
}

/* One host. 0, or the failure; `away` says that the next one may be tried. */
static int try_host(const struct mr_my_connect *connect, const struct mr_my_host *host,
                    MYSQL **ret_mysql, struct mr_err *err)
{
    const struct mr_my_address *address = connect->address;
    bool local = host->name[0] == '/';
    MYSQL *mysql = prepare(connect);
    char what[300];
    int rc;

    if (mysql_real_connect(mysql, local ? NULL : host->name, address->user, address->password,
                           address->database, local ? 0 : host->port, local ? host->name : NULL,
                           0)) {
        if (local || address->tls < MR_MY_TLS_REQUIRED || mr_my_tls_of(mysql)) {
            *ret_mysql = mysql;
            return 0;
        }
        mysql_close(mysql);
        return not_encrypted(host, err);
    }
    if (local)
        (void)snprintf(what, sizeof what, "connect to %.200s", host->name);
    else
        (void)snprintf(what, sizeof what, "connect to %.200s port %u", host->name, host->port);
    rc = mr_my_failure(err, mysql_errno(mysql), mysql_sqlstate(mysql), mysql_error(mysql), what);
    /* A server that goes down during the login, and the like. */
    if (rc == MR_RETRY && err->trait != MR_TRAIT_BUSY)
        memcpy(err->code, "source.connect", sizeof "source.connect");
    mysql_close(mysql);
    return rc;
}

static int try_hosts(const struct mr_my_connect *connect, struct mr_my_session *session,
                     struct mr_err *err)
{
    const struct mr_my_address *address = connect->address;
    struct mr_buf failures;
    int rc = mr_err_set(err, MR_CONFIG, "source.dsn", "source.dsn names no host");

    mr_buf_init(&failures, 1000);
    for (uint32_t i = 0; i < address->host_count; i++) {
        rc = try_host(connect, &address->hosts[i], &session->mysql, err);
        if (rc == 0)
            know(session->mysql, &address->hosts[i], &session->server);
        if (rc != MR_RETRY ||
            atomic_load_explicit(connect->context->stopping, memory_order_relaxed))
            break;
        mr_buf_printf(&failures, "%s%s", i > 0 ? "; " : "", err->text);
    }
    if (rc == MR_RETRY && address->host_count > 1)
        mr_err_set(err, MR_RETRY, "source.connect", "no host answers: %s", mr_buf_cstr(&failures));
    mr_buf_done(&failures);
    return rc;
}

static const char *const pinned[] = {
    "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES', time_zone = '+00:00', autocommit = 1, "
    "sql_select_limit = DEFAULT, "
    "sql_big_selects = 1, sql_auto_is_null = 0, net_read_timeout = 600, net_write_timeout = 600, "
    "wait_timeout = 86400, "
    "character_set_results = NULL",
    "SET SESSION sql_select_limit = 18446744073709551615",
    NULL,
};

static int pin(struct mr_my_session *session, struct mr_err *err)
{
    const char *limit = session->server.mariadb            ? "SET SESSION max_statement_time = 0"
                        : session->server.version >= 50708 ? "SET SESSION max_execution_time = 0"
                                                           : NULL;

    for (size_t i = 0; pinned[i] || limit; i++) {
        const char *sql = pinned[i] ? pinned[i] : limit;
        if (mysql_real_query(session->mysql, sql, strlen(sql)) != 0)
            return mr_my_failure(err, mysql_errno(session->mysql), mysql_sqlstate(session->mysql),
                                 mysql_error(session->mysql), "set up the session");
        if (!pinned[i])
            break;
    }
    return 0;
}

int mr_my_open(const struct mr_my_connect *connect, struct mr_my_session **ret_session,
               struct mr_err *err)
{
    struct mr_my_session *session = mr_alloc_zero(sizeof *session);
    int rc;

    session->connect = connect;
    session->answer_ns = connect->answer_ns > 0 ? connect->answer_ns : ANSWER_NS;
    rc = try_hosts(connect, session, err);
    if (rc == 0)
        rc = pin(session, err);
    if (rc < 0) {
        mr_my_close(session);
        return rc;
    }
    *ret_session = session;
    return 0;
}

void mr_my_close(struct mr_my_session *session)
{
    if (!session)
        return;
    if (session->mysql)
        mysql_close(session->mysql);
    free(session);
}

int mr_my_wait(struct mr_my_session *session, int64_t deadline_ns, struct mr_err *err)
{
    struct pollfd fd = {.fd = mysql_get_socket(session->mysql), .events = POLLIN};

    if (mr_my_buffered(session->mysql))
        return 1;
    for (;;) {
        int64_t left = deadline_ns - mr_clock_mono_ns();
        if (atomic_load_explicit(session->connect->context->stopping, memory_order_relaxed))
            return mr_err_set(err, MR_RETRY, "source.stopping", "a stop was asked for");
        if (left > SLICE_NS)
            left = SLICE_NS;
        if (poll(&fd, 1, left > 0 ? (int)((left + MR_MS_NS - 1) / MR_MS_NS) : 0) > 0)
            return 1;
        if (left <= 0)
            return 0;
    }
}

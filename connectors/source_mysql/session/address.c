/* The text of an address.
 *
 *     mysql://user:password@host:port,host:port/database?name=value&name=value
 *     [scheme]  [user info ]  [hosts .........] [path]    [parameters ......]
 *
 * Clients of MySQL agree on this form only in outline; this one takes several hosts, as PostgreSQL's does, and the
 * names of parameters that MySQL's own programs have as options. A parameter that is not known is an error: silence
 * would let a misspelt ssl-mode go on without encryption.
 *
 * The text is cut in place in a copy. Nothing of it is ever printed. */
#include "connectors/source_mysql/session/address.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOSTS_MAX 16

const char *const mr_my_tls_modes[] = {"preferred", "disabled",        "required",
                                       "verify_ca", "verify_identity", NULL};

static int wrong(struct mr_err *err, const char *what)
{
    mr_err_set(err, MR_CONFIG, "source.dsn", "source.dsn is no address of a MySQL server: %s",
               what);
    mr_err_hint(
        err, "Write it as \"mysql://user@host:3306\", several hosts with commas, and parameters as "
             "\"?ssl-mode=verify_identity&ssl-ca=/path/ca.pem\".");
    return MR_CONFIG;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes percent signs out of the text, in place. False: one is followed by no two hex digits, or stands for NUL. */
static bool unescape(char *text)
{
    char *out = text;

    for (; *text; text++) {
        if (*text != '%') {
            *out++ = *text;
            continue;
        }
        if (digit(text[1]) < 0 || digit(text[2]) < 0 || (text[1] == '0' && text[2] == '0'))
            return false;
        *out++ = (char)(digit(text[1]) << 4 | digit(text[2]));
        text += 2;
    }
    *out = 0;
    return true;
}

/* Cuts the text at the first of this character; what follows it, or NULL. */
static char *cut(char *text, char c)
{
    char *at = strchr(text, c);

    if (!at)
        return NULL;
    *at = 0;
    return at + 1;
}

static bool port_of(const char *text, uint16_t *ret_port)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || port < 1 || port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static bool host_of(char *text, struct mr_my_host *ret_host)
{
    char *port;

    *ret_host = (struct mr_my_host){.port = 3306};
    if (*text == '[') {
        char *end = strchr(text, ']');
        if (!end || (end[1] && end[1] != ':'))
            return false;
        *end = 0;
        ret_host->name = text + 1;
        port = end[1] == ':' ? end + 2 : NULL;
    } else {
        port = cut(text, ':');
        ret_host->name = text;
    }
    if (!*ret_host->name)
        ret_host->name = "127.0.0.1";
    return (!port || port_of(port, &ret_host->port)) && unescape(text);
}

static int hosts_of(char *text, struct mr_arena *arena, struct mr_my_address *address,
                    struct mr_err *err)
{
    struct mr_my_host *hosts = MR_ARENA_ARRAY(arena, struct mr_my_host, HOSTS_MAX);
    uint32_t count = 0;

    while (text) {
        char *next = cut(text, ',');
        if (count == HOSTS_MAX)
            return wrong(err, "it has more than 16 hosts");
        if (!host_of(text, &hosts[count++]))
            return wrong(err, "a host or its port cannot be read");
        text = next;
    }
    address->hosts = hosts;
    address->host_count = count;
    return 0;
}

static bool tls_mode(const char *text, enum mr_my_tls *ret_tls)
{
    for (int i = 0; mr_my_tls_modes[i]; i++) {
        if (strcasecmp(text, mr_my_tls_modes[i]) == 0) {
            *ret_tls = (enum mr_my_tls)i;
            return true;
        }
    }
    return false;
}

static int socket_of(const char *path, struct mr_arena *arena, struct mr_my_address *address)
{
    struct mr_my_host *host = MR_ARENA_NEW(arena, struct mr_my_host);

    *host = (struct mr_my_host){.name = path};
    address->hosts = host;
    address->host_count = 1;
    return 0;
}

static int parameter(char *name, struct mr_arena *arena, struct mr_my_address *address,
                     struct mr_err *err)
{
    char *value = cut(name, '=');

    if (!value || !unescape(name) || !unescape(value))
        return wrong(err, "a parameter is not of the form name=value");
    if (strcmp(name, "ssl-mode") == 0)
        return tls_mode(value, &address->tls)
                   ? 0
                   : wrong(
                         err,
                         "ssl-mode is disabled, preferred, required, verify_ca or verify_identity");
    if (strcmp(name, "ssl-ca") == 0)
        address->tls_ca = value;
    else if (strcmp(name, "ssl-cert") == 0)
        address->tls_cert = value;
    else if (strcmp(name, "ssl-key") == 0)
        address->tls_key = value;
    else if (strcmp(name, "tls-version") == 0)
        address->tls_versions = value;
    else if (strcmp(name, "plugin-dir") == 0)
        address->plugin_dir = value;
    else if (strcmp(name, "socket") == 0)
        return *value == '/' ? socket_of(value, arena, address)
                             : wrong(err, "socket is no absolute path");
    else
        return wrong(
            err,
            "it has a parameter that is not known; known are ssl-mode, ssl-ca, ssl-cert, ssl-key, "
            "tls-version, socket, plugin-dir");
    return 0;
}

static int user_of(char *text, struct mr_my_address *address, struct mr_err *err)
{
    char *password = cut(text, ':');

    if (!unescape(text) || (password && !unescape(password)))
        return wrong(err, "a percent sign in user or password is followed by no two hex digits");
    if (*text)
        address->user = text;
    if (password)
        address->password = password;
    return 0;
}

int mr_my_dsn_parse(const char *dsn, struct mr_arena *arena, struct mr_my_address *address,
                    struct mr_err *err)
{
    char *text = mr_arena_str(arena, mr_slice_str(dsn)), *parameters, *database, *at;
    int rc;

    if (strncmp(text, "mysql://", 8) == 0)
        text += 8;
    else if (strncmp(text, "mariadb://", 10) == 0)
        text += 10;
    else
        return wrong(err, "it does not begin with mysql:// or mariadb://");
    parameters = cut(text, '?');
    database = cut(text, '/');
    at = strrchr(text, '@');
    if (at) {
        *at = 0;
        rc = user_of(text, address, err);
        if (rc < 0)
            return rc;
        text = at + 1;
    }
    rc = hosts_of(text, arena, address, err);
    if (rc == 0 && database && *database) {
        if (!unescape(database))
            return wrong(err,
                         "a percent sign in the database's name is followed by no two hex digits");
        address->database = database;
    }
    while (rc == 0 && parameters && *parameters) {
        char *next = cut(parameters, '&');
        rc = parameter(parameters, arena, address, err);
        parameters = next;
    }
    return rc;
}

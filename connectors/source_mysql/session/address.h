/* Where a server is and how one logs in: from one text, and from options. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum mr_my_tls {
    MR_MY_TLS_PREFERRED, /* encrypted where the server can, its certificate not looked at */
    MR_MY_TLS_DISABLED,
    MR_MY_TLS_REQUIRED,        /* encrypted, its certificate not looked at */
    MR_MY_TLS_VERIFY_CA,       /* signed by a known authority */
    MR_MY_TLS_VERIFY_IDENTITY, /* and issued for the host's name */
};
/* "preferred", "disabled", ... in this order; NULL-terminated. */
extern const char *const mr_my_tls_modes[];

struct mr_my_host {
    const char *name; /* or the path of a Unix-domain socket, beginning with / */
    uint16_t port;
};

/* Everything lives as long as the connector. */
struct mr_my_address {
    const struct mr_my_host *hosts; /* tried in this order; at least one */
    uint32_t host_count;
    const char *user, *password; /* NULL: none given */
    const char *database;        /* NULL: none */
    enum mr_my_tls tls;
    const char *tls_ca, *tls_cert,
        *tls_key;             /* files; NULL: the system's authorities, no certificate of ours */
    const char *tls_versions; /* "TLSv1.2,TLSv1.3"; NULL: the library's choice */
    const char *plugin_dir;   /* of libmariadb's authentication plugins; NULL: its own */
};

/* "mysql://user:password@host:3306,other/database?ssl-mode=verify_ca&ssl-ca=/x.pem": mariadb:// is the same; the
 * parameters are ssl-mode, ssl-ca, ssl-cert, ssl-key, tls-version, socket, plugin-dir; percent signs escape; an IPv6
 * address stands in brackets. Whatever the text does not say is left as it is in *address, but for the hosts.
 * MR_CONFIG source.dsn, which never repeats the text: it may hold a password. */
int mr_my_dsn_parse(const char *dsn, struct mr_arena *arena, struct mr_my_address *address,
                    struct mr_err *err) MR_MUST_CHECK;

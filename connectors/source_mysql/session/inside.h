/* What is needed of libmariadb's connection and has no function: what it has read already, and its TLS. */
#pragma once

#include <mysql.h>
#include <openssl/ssl.h>
#include <stdbool.h>

/* Whether the library, or TLS, holds bytes that were read and not given out; or the connection is closed, so that a
 * wait for bytes would be in vain. */
bool mr_my_buffered(MYSQL *mysql);
/* NULL: the connection is plain. */
SSL *mr_my_tls_of(MYSQL *mysql);

/* The one file that looks into libmariadb's connection (its ma_pvio header, installed for plugins).
 *
 *     socket --> TLS record --> read-ahead of 16 KiB --> packets
 *
 * Both middle parts may hold bytes while the socket has none: who polled the socket then would wait for what is here
 * already. The library has no function that tells; its structures do, and have been the same from 3.0 to 3.4.
 *
 * Nothing is changed through them. */
#include "connectors/source_mysql/session/inside.h"

#define HAVE_TLS 1
typedef unsigned char uchar;
#define _global_h
#include <ma_pvio.h>

bool mr_my_buffered(MYSQL *mysql)
{
    MARIADB_PVIO *pvio = mysql->net.pvio;

    if (!pvio)
        return true;
    if (pvio->cache && pvio->cache_pos < pvio->cache + pvio->cache_size)
        return true;
    return pvio->ctls && SSL_pending((SSL *)pvio->ctls->ssl) > 0;
}

SSL *mr_my_tls_of(MYSQL *mysql)
{
    MARIADB_PVIO *pvio = mysql->net.pvio;

    return pvio && pvio->ctls ? (SSL *)pvio->ctls->ssl : NULL;
}

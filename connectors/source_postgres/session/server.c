/* Who the server is.
 *
 * The replication session is asked first: only there are the system identifier and the timeline to be had, which say
 * whether a position is this server's (place/open.c judges that). The log's end is as of that moment; a standby's is
 * what it has replayed.
 *
 * Places in the log are 64 bits, written as two hexadecimal numbers of 32 with a slash between. */
#include "connectors/source_postgres/session/server.h"

#include <stdio.h>
#include <string.h>

bool mr_pg_lsn_parse(const char *text, uint64_t *ret_lsn)
{
    unsigned high, low;
    int size = 0;

    if (strlen(text) > 17 || sscanf(text, "%8x/%8x%n", &high, &low, &size) != 2 ||
        text[size] != 0 || text[0] == '-' || text[0] == '+')
        return false;
    *ret_lsn = (uint64_t)high << 32 | low;
    return true;
}

char *mr_pg_lsn_format(uint64_t lsn, char text[24])
{
    (void)snprintf(text, 24, "%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
    return text;
}

int mr_pg_check_version(int version, struct mr_err *err)
{
    if (version >= 120000)
        return 0;
    return mr_err_set(err, MR_CONFIG, "source.version",
                      "the server is PostgreSQL %d; 12 is the oldest that is supported",
                      version / 10000);
}

int mr_pg_identify(struct mr_pg_session *stream, struct mr_pg_server *server, struct mr_err *err)
{
    PGresult *result;
    uint64_t end = 0;
    int rc = mr_pg_session_open(stream, err);

    if (rc == 0)
        rc = mr_pg_ask(stream, "IDENTIFY_SYSTEM", "identify the server", &result, err);
    if (rc < 0)
        return rc;
    server->version = PQserverVersion(stream->conn);
    (void)snprintf(server->system, sizeof(server->system), "%s", mr_pg_text(result, 0, 0));
    server->timeline = (uint32_t)mr_pg_number(result, 0, 1);
    if (mr_pg_lsn_parse(mr_pg_text(result, 0, 2), &end))
        server->wal_end = end;
    (void)snprintf(server->database, sizeof(server->database), "%s", mr_pg_text(result, 0, 3));
    PQclear(result);
    return 0;
}

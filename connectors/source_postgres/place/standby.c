/* A standby that is promoted while it is read.
 *
 *     timeline 1   ---- row A ---- switch                     position {"timeline":1, done: A}
 *     timeline 2                     '---- row B ----         position {"timeline":2, done: B}
 *
 * From PostgreSQL 16 on a slot on a standby can be read, and the session that reads it survives a promotion: of that
 * standby, or of the primary above it, whose new timeline it then follows. The stream tells nothing of it. A position
 * that held row B and timeline 1 would look, ever after, as if B had been read from a server that is no more.
 *
 * So before a batch is given away the server is asked, over a replication session of its own, which timeline it is on.
 * What it answers after a batch was read is never older than what stands in the batch; when it has changed, the batch
 * is dropped, and the next session reads it again under the new name. One question a batch, and on standbys only. */
#include "connectors/source_postgres/place/standby.h"

#include <stdlib.h>

static int ask_timeline(struct mr_pg_place *place, uint32_t *ret_timeline, struct mr_err *err)
{
    PGresult *result;
    int rc = place->watch.conn ? 0 : mr_pg_session_open(&place->watch, err);

    if (rc == 0)
        rc = mr_pg_ask(&place->watch, "IDENTIFY_SYSTEM", "ask the standby for its timeline",
                       &result, err);
    if (rc < 0)
        return rc;
    *ret_timeline = (uint32_t)mr_pg_number(result, 0, 1);
    PQclear(result);
    return 0;
}

int mr_pg_standby_check(struct mr_pg_place *place, struct mr_err *err)
{
    uint32_t timeline;
    int rc;

    if (!place->server->standby)
        return 0;
    rc = ask_timeline(place, &timeline, err);
    if (rc == 0 && timeline != place->server->timeline)
        rc = mr_err_set(err, MR_RETRY, "source.connection_lost",
                        "the standby was promoted, or follows a server that was: it is on timeline "
                        "%u now, and was on %u",
                        timeline, place->server->timeline);
    return rc;
}

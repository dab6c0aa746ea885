/* Who is the server, and is it the one we know?
 *
 *     system identifier   another: this is not the cluster the position is from            source.system_changed
 *     database            another                                                          source.database_changed
 *     slot                another name than the position's                                 source.slot_changed
 *     timeline            smaller than ours: the old primary came back                     source.timeline_behind
 *                         larger: its history must contain ours, left after our position   source.timeline_left
 *                         not ours although it has its number (below)                      source.timeline_unknown
 *     resume              above what the server has written: a restored backup             source.position_ahead
 *                         above what a standby has replayed: it was restarted, and is waited for
 *
 * LSNs stay valid over a physical promotion; a row we delivered that the promoted standby never got does not
 * exist any more, and that is what the switch point tells.
 *
 * A timeline's number is no name: two standbys that were promoted without knowing of each other are both on timeline
 * 2. So a position holds where its timeline began, which the two have in common only when nothing was lost. */
#include "connectors/source_postgres/place/open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static int read_facts(struct mr_pg_place *place, struct mr_err *err)
{
    static const char sql[] =
        "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('wal_level'), "
        "(SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'), "
        "pg_catalog.current_setting('server_encoding')";
    PGresult *result;
    int rc = mr_pg_ask(place->sql, sql, "read the server's settings", &result, err);

    if (rc < 0)
        return rc;
    place->server->standby = mr_pg_true(result, 0, 0);
    place->server->sender_timeout_ns = mr_pg_number(result, 0, 2) * MR_MS_NS;
    place->server->any_encoding = strcmp(mr_pg_text(result, 0, 3), "SQL_ASCII") == 0;
    if (strcmp(mr_pg_text(result, 0, 1), "logical") != 0) {
        rc = mr_err_set(err, MR_CONFIG, "source.wal_level",
                        "the server writes its log at wal_level = %s, which holds no row changes",
                        mr_pg_text(result, 0, 1));
        mr_err_hint(err,
                    "ALTER SYSTEM SET wal_level = logical; then restart the server.\n(Amazon RDS: "
                    "rds.logical_replication = 1; Cloud SQL: cloudsql.logical_decoding = on)");
    }
    PQclear(result);
    return rc;
}

/* The history of the server's timeline, as a text of lines "timeline LSN reason", oldest first. */
static int read_history(struct mr_pg_place *place, struct mr_err *err)
{
    char sql[64];
    PGresult *result;
    int rc;

    if (place->history || place->server->timeline <= 1)
        return 0;
    (void)snprintf(sql, sizeof(sql), "TIMELINE_HISTORY %u", place->server->timeline);
    rc = mr_pg_ask(place->stream, sql, "read the timeline's history", &result, err);
    if (rc < 0)
        return rc;
    place->history = mr_arena_str(place->arena, mr_slice_str(mr_pg_text(result, 0, 1)));
    PQclear(result);
    return 0;
}

int mr_pg_open_sessions(struct mr_pg_place *place, struct mr_err *err)
{
    int rc = mr_pg_identify(place->stream, place->server, err);

    if (rc == 0)
        rc = mr_pg_check_version(place->server->version, err);
    if (rc == 0 && read_history(place, NULL) == 0) /* needed only when timelines differ */
        place->server->began = mr_pg_history_began(place->history, place->server->timeline);
    if (rc == 0)
        rc = mr_pg_session_open(place->sql, err);
    return rc < 0 ? rc : read_facts(place, err);
}

bool mr_pg_history_find(const char *history, uint32_t timeline, uint64_t *ret_switch)
{
    while (history && *history) {
        char lsn[24];
        unsigned tli;
        uint64_t found;
        if (sscanf(history, "%u %23s", &tli, lsn) == 2 && tli == timeline &&
            mr_pg_lsn_parse(lsn, &found)) {
            *ret_switch = found;
            return true;
        }
        history = strchr(history, '\n');
        history += history != NULL;
    }
    return false;
}

uint64_t mr_pg_history_began(const char *history, uint32_t timeline)
{
    uint64_t began = 0;

    while (history && *history) {
        char lsn[24];
        unsigned tli;
        if (sscanf(history, "%u %23s", &tli, lsn) == 2) {
            if (tli == timeline)
                break;
            (void)mr_pg_lsn_parse(lsn, &began);
        }
        history = strchr(history, '\n');
        history += history != NULL;
    }
    return began;
}

static int gap_hint(const char *pipeline, struct mr_err *err)
{
    mr_err_hint(
        err,
        "If this server is the right one and changes may be left out, go on from now:\n  "
        "millrace checkpoint set %s now\nor read the tables again:\n  millrace resnapshot %s",
        pipeline, pipeline);
    return MR_GAP;
}

/* The timeline of that number in the server's history began elsewhere: it is not ours. */
static bool is_namesake(const struct mr_pg_position *position, const char *history)
{
    return position->began != 0 && history &&
           mr_pg_history_began(history, position->timeline) != position->began;
}

int mr_pg_check_timeline(const struct mr_pg_position *position, uint32_t timeline,
                         const char *history, const char *pipeline, struct mr_err *err)
{
    char at[24], left[24];
    uint64_t switched = UINT64_MAX;
    bool found = timeline == position->timeline ||
                 mr_pg_history_find(history, position->timeline, &switched);
    bool namesake = is_namesake(position, history);
    uint64_t delivered = position->done > position->read ? position->done : position->read;

    if (found && !namesake && delivered <= switched &&
        (position->standing.n == 0 || position->resume < switched))
        return 0;
    if (found && namesake)
        mr_err_set(err, MR_GAP, "source.timeline_unknown",
                   "the timeline %u in the history of this server is another one than ours, which "
                   "began at %s: two servers were promoted, and this is not the one we read",
                   position->timeline, mr_pg_lsn_format(position->began, at));
    else if (!found)
        mr_err_set(err, MR_GAP, "source.timeline_unknown",
                   "the server is on timeline %u, whose history does not contain our timeline %u",
                   timeline, position->timeline);
    else
        mr_err_set(err, MR_GAP, "source.timeline_left",
                   "the server was promoted from timeline %u at %s, and we have delivered changes "
                   "of it up to %s: those after the promotion do not exist any more",
                   position->timeline, mr_pg_lsn_format(switched, left),
                   mr_pg_lsn_format(delivered, at));
    return gap_hint(pipeline, err);
}

/* All we have delivered is on the server's history, but an idle position may lie beyond the promotion: on log that
 * held nothing for us and does not exist any more. What stands there now was never read. */
static void pull_back(struct mr_pg_position *position, const char *history)
{
    uint64_t switched;

    if (mr_pg_history_find(history, position->timeline, &switched) && position->standing.n == 0 &&
        position->resume > switched)
        position->resume = switched;
}

static int check_history(struct mr_pg_place *place, struct mr_pg_position *position,
                         struct mr_err *err)
{
    int rc = position->timeline < place->server->timeline ? read_history(place, err) : 0;

    if (rc == 0)
        rc = mr_pg_check_timeline(position, place->server->timeline, place->history,
                                  place->context->pipeline, err);
    if (rc == 0 && position->timeline < place->server->timeline)
        pull_back(position, place->history);
    return rc;
}

static int check_log_end(struct mr_pg_place *place, const struct mr_pg_position *position,
                         struct mr_err *err)
{
    char at[24], end[24];

    if (!position->standing.started || position->resume <= place->server->wal_end)
        return 0;
    if (place->server->standby)
        return mr_err_set(err, MR_RETRY, "source.position_ahead",
                          "the sink stands at %s, and the standby has replayed its log up to %s "
                          "only; it is waited for",
                          mr_pg_lsn_format(position->resume, at),
                          mr_pg_lsn_format(place->server->wal_end, end));
    mr_err_set(
        err, MR_GAP, "source.position_ahead",
        "the sink stands at %s, but the server's log ends at %s: it was restored from a backup, or "
        "it is another server",
        mr_pg_lsn_format(position->resume, at), mr_pg_lsn_format(place->server->wal_end, end));
    return gap_hint(place->context->pipeline, err);
}

int mr_pg_check_position(struct mr_pg_place *place, struct mr_pg_position *position,
                         struct mr_err *err)
{
    const struct mr_pg_server *server = place->server;

    if (strcmp(position->system, server->system) != 0) {
        mr_err_set(err, MR_GAP, "source.system_changed",
                   "the position is of the server with system identifier %s; this one's is %s",
                   position->system, server->system);
        return gap_hint(place->context->pipeline, err);
    }
    if (strcmp(position->database, server->database) != 0) {
        mr_err_set(err, MR_GAP, "source.database_changed",
                   "the position is of database %s; source.dsn leads to %s", position->database,
                   server->database);
        return gap_hint(place->context->pipeline, err);
    }
    if (strcmp(position->slot, place->slot) != 0) {
        mr_err_set(err, MR_CONFIG, "source.slot_changed",
                   "the position was read through slot %s; source.slot now says %s", position->slot,
                   place->slot);
        mr_err_hint(err,
                    "Set source.slot back to %s, or begin anew: millrace checkpoint set %s now",
                    position->slot, place->context->pipeline);
        return MR_CONFIG;
    }
    if (position->timeline > server->timeline) {
        mr_err_set(
            err, MR_GAP, "source.timeline_behind",
            "the server is on timeline %u, older than our %u: this is a primary from before a "
            "failover",
            server->timeline, position->timeline);
        return gap_hint(place->context->pipeline, err);
    }
    if (position->standing.started) {
        int rc = check_history(place, position, err);
        if (rc < 0)
            return rc;
    }
    return check_log_end(place, position, err);
}

void mr_pg_set_identity(struct mr_pg_place *place, const char *publication)
{
    struct mr_pg_position *position = place->position;

    (void)snprintf(position->system, sizeof(position->system), "%s", place->server->system);
    (void)snprintf(position->database, sizeof(position->database), "%s", place->server->database);
    (void)snprintf(position->slot, sizeof(position->slot), "%s", place->slot);
    (void)snprintf(position->publication, sizeof(position->publication), "%s", publication);
    position->timeline = place->server->timeline;
    position->began = place->server->began;
    if (place->first)
        mr_standing_rebase(&position->standing, place->args->resume_number);
}

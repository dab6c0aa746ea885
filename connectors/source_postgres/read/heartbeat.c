/* A heartbeat stands between two transactions, at the end of its batch, so that the batch's position is what is
 * committed with it: a reader of the record has everything up to there. It is made by the reader thread when it is due
 * and the log has been followed, hence none while tables are read, and none while the queue is full.
 *
 * The query is the user's, and runs in our ordinary session between two reads of the stream. It is cut off after
 * QUERY_MS, because meanwhile nobody answers the server's keepalives. What it writes comes back through the log like
 * anything else; no record waits for it. When it fails the heartbeat goes out all the same, for it says that we live,
 * and the failure is noted once a minute. */
#include "connectors/source_postgres/read/heartbeat.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "schema/names/topic.h"

#define QUERY_MS "5000"
#define NOTE_NS  (60 * MR_SECOND_NS)

int mr_pg_heartbeat_topic(const struct mr_pg_config *config, const char *server,
                          struct mr_arena *arena, struct mr_slice *ret_topic, struct mr_err *err)
{
    const char *topic = config->heartbeat.topic;
    struct mr_table *name;
    int rc;

    *ret_topic = (struct mr_slice){NULL, 0};
    if (config->heartbeat.interval == 0)
        return 0;
    if (strstr(topic, "{table}") || strstr(topic, "{schema}") || strstr(topic, "{database}"))
        return mr_err_set(err, MR_CONFIG, "config.topic_template",
                          "source.heartbeat.topic \"%s\": heartbeats have one topic, it cannot be "
                          "named for a table",
                          topic);
    name = mr_table_new(0);
    name->server = mr_slice_str(server);
    rc = mr_topic_assign(topic, name, err);
    if (rc == 0)
        *ret_topic = mr_arena_copy(arena, name->topic);
    mr_table_unref(name);
    return rc;
}

int mr_pg_heartbeat_set_up(struct mr_pg_source *source, struct mr_err *err)
{
    return mr_pg_heartbeat_topic(source->config, source->context->server, &source->arena,
                                 &source->beat_topic, err);
}

bool mr_pg_heartbeat_due(const struct mr_pg_source *source)
{
    int64_t interval = source->config->heartbeat.interval;

    return interval > 0 && !source->feed.open && source->feed.skip == 0 &&
           (source->beat_ns == 0 || mr_clock_mono_ns() - source->beat_ns >= interval);
}

static int command(struct mr_pg_source *source, const char *sql, struct mr_err *err)
{
    return mr_pg_command(&source->sql_connect, source->sql, sql,
                         "run source.heartbeat.action_query", err);
}

static int run_query(struct mr_pg_source *source, struct mr_err *err)
{
    int64_t now = mr_clock_mono_ns();
    struct mr_err failed;
    int rc = command(source, "SET statement_timeout = " QUERY_MS, err);

    if (rc < 0)
        return rc;
    rc = command(source, source->config->heartbeat.query, &failed);
    if (PQstatus(source->sql) != CONNECTION_OK) {
        if (err)
            *err = failed;
        return rc;
    }
    if (PQtransactionStatus(source->sql) != PQTRANS_IDLE)
        mr_pg_try(source->sql, "ROLLBACK");
    mr_pg_try(source->sql, "SET statement_timeout = 0");
    if (rc == 0)
        return 0;
    if (source->beat_failed_ns == 0 || now - source->beat_failed_ns >= NOTE_NS) {
        source->beat_failed_ns = now;
        mr_pg_note(source, MR_LOG_WARN, "source.heartbeat_query",
                   "heartbeats go on, but %s: tables are named with their schema, and the role "
                   "needs the right to write them",
                   failed.text);
    }
    return 0;
}

int mr_pg_heartbeat_add(struct mr_pg_source *source, struct mr_batch *batch, struct mr_err *err)
{
    int rc = source->config->heartbeat.query ? run_query(source, err) : 0;
    struct mr_milestone *milestone;

    if (rc < 0)
        return rc;
    source->beat_ns = mr_clock_mono_ns();
    milestone = mr_batch_add_milestone(batch, MR_OP_HEARTBEAT);
    milestone->number = mr_pg_position_number(&source->feed.position);
    milestone->heartbeat = MR_ARENA_NEW(&batch->arena, struct mr_heartbeat);
    *milestone->heartbeat = (struct mr_heartbeat){
        .topic = mr_arena_copy(&batch->arena, source->beat_topic), .time_us = mr_clock_wall_us()};
    return 0;
}

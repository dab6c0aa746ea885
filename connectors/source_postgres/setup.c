/* A source's state, from settings to nothing and back, without a connection.
 *
 * The same state serves a pipeline and a preflight: names, patterns, the position held, who we are to the server.
 * Taking it down is safe at any stage, because every part is empty until it is made. Settings that cannot be right
 * (names, patterns, operations) are refused here, before anybody connects. */
#include "connectors/source_postgres/setup.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "connectors/source_postgres/catalog/catalog.h"
#include "connectors/source_postgres/read/heartbeat.h"
#include "connectors/source_postgres/session/locks.h"
#include "connectors/source_postgres/publish/publication.h"
#include "connectors/source_postgres/place/slot.h"
#include "connectors/source_postgres/read/snapshot.h"
#include "connectors/source_postgres/place/standby.h"
#include "connectors/source_postgres/read/stream.h"

static int wanted(void *state, uint32_t oid, struct mr_slice schema, struct mr_slice table,
                  bool *ret_wanted, struct mr_err *err)
{
    return mr_pg_captured(state, oid, schema, table, ret_wanted, err);
}

static int set_skipped(struct mr_pg_source *source, struct mr_err *err)
{
    const struct mr_option_list *list = &source->config->skipped_operations;
    struct mr_pg_feed *feed = &source->feed;

    feed->skip_truncate = list->count == 0;
    for (size_t i = 0; i < list->count; i++) {
        const char *item = list->items[i];
        if (strcmp(item, "c") == 0)
            feed->skip_create = true;
        else if (strcmp(item, "u") == 0)
            feed->skip_update = true;
        else if (strcmp(item, "d") == 0)
            feed->skip_delete = true;
        else if (strcmp(item, "t") == 0)
            feed->skip_truncate = true;
        else if (strcmp(item, "none") != 0 || list->count > 1)
            return mr_err_set(err, MR_CONFIG, "source.skipped_operations",
                              "skipped_operations knows c, u, d, t, or none alone; not \"%s\"",
                              item);
    }
    feed->relations.truncates = !feed->skip_truncate;
    return 0;
}

static int set_filters(struct mr_pg_source *source, struct mr_err *err)
{
    const struct mr_pg_config *config = source->config;
    int rc = mr_pg_filter_init(&source->filter, &config->tables, err);

    if (rc == 0)
        rc = mr_pg_filter_init(&source->snapshot_filter, &config->snapshot_tables, err);
    if (rc == 0)
        rc = mr_pg_filter_init_text(&source->prefixes, &config->message_prefixes, err);
    if (config->message_prefixes.count > 0)
        source->feed.prefixes = &source->prefixes;
    return rc;
}

static void set_connects(struct mr_pg_source *source)
{
    mr_pg_application(source->context->pipeline, source->application);
    source->sql_connect = (struct mr_pg_connect){
        .context = source->context,
        .dsn = source->config->dsn,
        .password = source->config->password,
        .application = source->application,
        .timeout_ns = source->config->connect_timeout,
        .waits = mr_pg_name_lock,
        .waits_state = source,
    };
    source->stream_connect = source->sql_connect;
    source->stream_connect.replication = true;
}

int mr_pg_set_up(struct mr_pg_source *source, const struct mr_source_args *args, struct mr_err *err)
{
    struct mr_pg_position position = {0};
    int rc = 0;

    *source = (struct mr_pg_source){
        .context = args->context,
        .config = args->config,
        .until = args->until,
        .temporary = args->temporary,
        .args = args,
        .batch_bytes = args->batch_bytes ? args->batch_bytes : 1 << 20,
        .resume_number = args->resume_number,
        .first = args->resume.size == 0,
    };
    mr_map_init(&source->named);
    mr_arena_init(&source->arena, 64 << 10, 64 << 10);
    mr_buf_init(&source->sql_text, 16 << 20);
    mr_buf_init(&source->claim, 64 << 20);
    set_connects(source);
    if (args->resume.size > 0)
        rc = mr_pg_position_parse(args->resume, &position, err);
    mr_pg_feed_init(&source->feed, source->context, position);
    source->feed.relations.filter = wanted;
    source->feed.relations.filter_state = source;
    mr_pg_catalog_init(source);
    source->feed.relations.hints = &source->hints;
    source->feed.boundaries = args->boundaries;
    source->via_root = source->config->publication.via_root;
    if (rc == 0)
        rc = set_filters(source, err);
    if (rc == 0)
        rc = set_skipped(source, err);
    if (rc == 0)
        rc = mr_pg_heartbeat_set_up(source, err);
    if (rc == 0)
        rc = mr_pg_slot_name(source, err);
    if (rc == 0)
        rc = mr_pg_publication_name(source, err);
    return rc;
}

/* Who we are on which server: all of a position but where it stands. */
void mr_pg_set_identity(struct mr_pg_source *source)
{
    struct mr_pg_position *position = &source->feed.position;
    int64_t now_us = mr_clock_wall_us();

    (void)snprintf(position->system, sizeof(position->system), "%s", source->server.system);
    (void)snprintf(position->database, sizeof(position->database), "%s", source->server.database);
    (void)snprintf(position->slot, sizeof(position->slot), "%s", source->slot);
    (void)snprintf(position->publication, sizeof(position->publication), "%s", source->publication);
    position->timeline = source->server.timeline;
    position->began = source->server.began;
    source->feed.relations.database = mr_slice_str(position->database);
    if (!source->first)
        return;
    position->base = source->resume_number + 1;
    if (now_us > 0 && (uint64_t)now_us > position->base)
        position->base = (uint64_t)now_us;
}

void mr_pg_tear_down(struct mr_pg_source *source)
{
    mr_pg_snapshot_close(source);
    mr_pg_stream_close(source);
    mr_pg_standby_close(source);
    if (source->temporary && source->sql)
        mr_pg_publication_drop(source);
    PQfinish(source->sql);
    source->sql = NULL;
    mr_pg_feed_done(&source->feed);
    mr_pg_filter_done(&source->filter);
    mr_pg_filter_done(&source->snapshot_filter);
    mr_pg_filter_done(&source->prefixes);
    mr_map_done(&source->named);
    mr_arena_done(&source->arena);
    mr_buf_done(&source->sql_text);
    mr_buf_done(&source->claim);
}

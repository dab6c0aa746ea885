/* A source's state, from settings to nothing and back, without a connection.
 *
 * The same state serves a pipeline and a preflight: names, patterns, the position held, who we are to the server.
 * Taking it down is safe at any stage, because every part is empty until it is made. Settings that cannot be right
 * (names, patterns, operations) are refused here, before anybody connects. */
#include "connectors/source_postgres/setup.h"

#include <stdio.h>
#include <string.h>

#include "connectors/source_postgres/catalog/catalog.h"
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

static int set_selections(struct mr_pg_source *source, struct mr_err *err)
{
    static const char *const system_schemas[] = {"information_schema", "pg_*", NULL};
    static const struct mr_select_rules tables = {"source.tables", "source.tables", true,
                                                  system_schemas};
    static const struct mr_select_rules snapshot = {"source.snapshot_include_collection_list",
                                                    "source.tables", true, system_schemas};
    static const struct mr_select_rules prefixes = {"source.message_prefixes", "source.tables",
                                                    false, NULL};
    const struct mr_pg_config *config = source->config;
    int rc = mr_select_new(&config->capture.tables, &tables, &source->selected, err);

    if (rc == 0)
        rc = mr_select_new(&config->capture.snapshot_tables, &snapshot, &source->snapshot_selected,
                           err);
    if (rc == 0)
        rc = mr_select_new(&config->message_prefixes, &prefixes, &source->prefixes, err);
    if (config->message_prefixes.count > 0)
        source->feed.prefixes = source->prefixes;
    return rc;
}

static int set_skipped(struct mr_pg_source *source, struct mr_err *err)
{
    struct mr_left_out *left_out = &source->feed.track.left_out;
    int rc = mr_left_out_set(left_out, &source->config->capture.skipped_operations, err);

    source->feed.relations.truncates = !left_out->truncates;
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
        .timeout_ns = source->config->capture.connect_timeout,
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
    source->feed.track.boundaries = args->boundaries;
    source->via_root = source->config->publication.via_root;
    if (rc == 0)
        rc = set_selections(source, err);
    if (rc == 0)
        rc = set_skipped(source, err);
    if (rc == 0)
        rc = mr_heartbeat_open(&source->beats, &source->config->capture.heartbeat,
                               source->context->server, &source->arena, err);
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

    (void)snprintf(position->system, sizeof(position->system), "%s", source->server.system);
    (void)snprintf(position->database, sizeof(position->database), "%s", source->server.database);
    (void)snprintf(position->slot, sizeof(position->slot), "%s", source->slot);
    (void)snprintf(position->publication, sizeof(position->publication), "%s", source->publication);
    position->timeline = source->server.timeline;
    position->began = source->server.began;
    source->feed.relations.database = mr_slice_str(position->database);
    if (source->first)
        mr_standing_rebase(&position->standing, source->resume_number);
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
    mr_select_free(source->selected);
    mr_select_free(source->snapshot_selected);
    mr_select_free(source->prefixes);
    mr_map_done(&source->named);
    mr_arena_done(&source->arena);
    mr_buf_done(&source->sql_text);
    mr_buf_done(&source->claim);
}

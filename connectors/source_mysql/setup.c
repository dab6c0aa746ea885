/* A source's state, from settings to nothing and back.
 *
 * The same state serves a pipeline and a preflight: patterns, the position held, who we are to the server. Taking it
 * down is safe at any stage, because every part is empty until it is made. Settings that cannot be right are refused
 * here, before anybody connects. */
#include "connectors/source_mysql/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const system_databases[] = {"mysql", "sys", "performance_schema",
                                               "information_schema", NULL};
static const struct mr_select_rules table_rules = {
    .option = "source.tables", .code = "source.tables", .tables = true, .system = system_databases};
static const struct mr_select_rules snapshot_rules = {.option =
                                                          "source.snapshot_include_collection_list",
                                                      .code = "source.tables",
                                                      .tables = true,
                                                      .system = system_databases};

static int wanted(void *state, struct mr_slice database, struct mr_slice table, bool *ret_wanted,
                  struct mr_err *err)
{
    const struct mr_my_source *source = state;

    return mr_select_table(source->tables, database, table, ret_wanted, err);
}

static const char *view_of(void *state, const char *name)
{
    const struct mr_my_source *source = state;
    const struct mr_snapshot_table *done =
        mr_snapshot_find_done(&source->feed.position.standing.snapshot, name);

    return done ? done->lo : NULL;
}

static int set_server_id(const struct mr_my_source *source, struct mr_err *err)
{
    const char *text = source->config->server_id;
    char *end = NULL;
    unsigned long long number = strtoull(text, &end, 10);

    if (strcmp(text, "auto") == 0 || (*end == 0 && number >= 1 && number <= UINT32_MAX))
        return 0;
    return mr_err_set(err, MR_CONFIG, "source.server_id",
                      "source.server_id \"%s\" is neither auto nor a number from 1 to 4294967295",
                      text);
}

static int set_address(struct mr_my_source *source, struct mr_err *err)
{
    const struct mr_my_config *config = source->config;
    int rc = mr_my_dsn_parse(config->dsn, &source->arena, &source->address, err);

    if (rc == 0 && config->password)
        source->address.password = config->password;
    return rc;
}

static void set_feed(struct mr_my_source *source)
{
    struct mr_my_feed *feed = &source->feed;

    feed->relations.filter = wanted;
    feed->relations.filter_state = source;
    feed->relations.view = view_of;
    feed->relations.view_state = source;
    feed->track.boundaries = source->args->boundaries;
    feed->words_pass = source->config->words == MR_MY_WORDS_WARN;
    feed->event_limit = (size_t)source->config->largest_event;
    feed->relations.truncates = !feed->track.left_out.truncates;
    source->stream.context = source->context;
    source->stream.feed = feed;
    source->stream.batch_bytes = source->batch_bytes;
    source->stream.connect = &source->connect;
    source->stream.beats = &source->beats;
    source->stream.beat_query = source->config->capture.heartbeat.query;
    mr_my_lookup_init(&source->lookup);
    mr_my_lookup_init(&source->snapshot.lookup);
    source->snapshot.options = &source->config->capture;
    source->snapshot.feed = feed;
    source->snapshot.wanted = source->tables;
    source->snapshot.only = source->snapshot_tables;
    source->snapshot.view.connect = &source->connect;
    source->snapshot.view.context = source->context;
    feed->relations.hints = &source->lookup.hints;
}

static int set_all(struct mr_my_source *source, struct mr_err *err)
{
    const struct mr_capture_options *capture = &source->config->capture;
    int rc = mr_left_out_set(&source->feed.track.left_out, &capture->skipped_operations, err);

    if (rc == 0)
        rc = mr_select_new(&capture->tables, &table_rules, &source->tables, err);
    if (rc == 0)
        rc = mr_select_new(&capture->snapshot_tables, &snapshot_rules, &source->snapshot_tables,
                           err);
    if (rc == 0)
        rc = mr_heartbeat_open(&source->beats, &capture->heartbeat, source->context->server,
                               &source->arena, err);
    if (rc == 0)
        rc = set_server_id(source, err);
    return rc < 0 ? rc : set_address(source, err);
}

int mr_my_set_up(struct mr_my_source *source, const struct mr_source_args *args, struct mr_err *err)
{
    struct mr_my_position position = {.by_gtid = false};
    int rc = 0;

    *source = (struct mr_my_source){
        .context = args->context,
        .config = args->config,
        .args = args,
        .batch_bytes = args->batch_bytes ? args->batch_bytes : 1 << 20,
        .first = args->resume.size == 0,
    };
    mr_arena_init(&source->arena, 64 << 10, 64 << 10);
    mr_buf_init(&source->claim, 64 << 20);
    source->connect = (struct mr_my_connect){.context = source->context,
                                             .address = &source->address,
                                             .timeout_ns = source->config->capture.connect_timeout};
    if (args->resume.size > 0)
        rc = mr_my_position_parse(args->resume, &position, err);
    mr_my_feed_init(&source->feed, source->context, position);
    if (rc == 0)
        rc = set_all(source, err);
    set_feed(source);
    return rc;
}

static int log_off(struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, "source.log_off", "the server writes no binary log");
    mr_err_hint(err, "Set log_bin in the server's configuration file, and restart it. (Amazon RDS: "
                     "turn automated backups on.)");
    return MR_CONFIG;
}

int mr_my_meet(struct mr_my_source *source, struct mr_err *err)
{
    int rc = mr_my_open(&source->connect, &source->sql, err);

    if (rc == 0)
        rc = mr_my_facts_look(source->sql, &source->facts, err);
    if (rc < 0)
        return rc;
    if (!source->facts.log_on)
        return log_off(err);
    source->stream.session = source->sql;
    source->lookup.session = source->snapshot.lookup.session = source->sql;
    source->feed.relations.mariadb = source->facts.mariadb;
    source->feed.relations.fold_names = source->facts.fold_names;
    source->feed.dialect.mariadb = source->facts.mariadb;
    source->feed.dialect.version = source->facts.version;
    return 0;
}

void mr_my_set_identity(struct mr_my_source *source)
{
    struct mr_my_position *position = &source->feed.position;

    (void)snprintf(position->server, sizeof(position->server), "%s", source->facts.identity);
    source->feed.relations.by_gtid = source->first ? source->facts.by_gtid : position->by_gtid;
    if (!source->first)
        return;
    position->mariadb = source->facts.mariadb;
    position->by_gtid = source->facts.by_gtid;
    mr_my_place_init(&position->resume, position->mariadb);
    mr_my_place_init(&position->done, position->mariadb);
    mr_my_place_init(&source->feed.seen, position->mariadb);
    mr_standing_rebase(&position->standing, source->args->resume_number);
}

void mr_my_begin_anew(struct mr_my_source *source)
{
    mr_my_position_done(&source->feed.position);
    mr_track_forget(&source->feed.track);
    source->feed.catching = false;
    source->first = true;
}

void mr_my_tear_down(struct mr_my_source *source)
{
    mr_my_tables_close(&source->snapshot);
    mr_my_stream_close(&source->stream);
    mr_my_close(source->sql);
    source->sql = NULL;
    mr_my_feed_done(&source->feed);
    mr_my_lookup_done(&source->lookup);
    mr_my_lookup_done(&source->snapshot.lookup);
    mr_select_free(source->tables);
    mr_select_free(source->snapshot_tables);
    mr_arena_done(&source->arena);
    mr_buf_done(&source->claim);
}

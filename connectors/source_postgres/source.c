/* The PostgreSQL source: what the engine calls.
 *
 *     open   two sessions; who is the server; the position held, checked against server, slot, publication
 *     (the engine commits the claim)
 *     start  publication, then slot, in this order; then START_REPLICATION at the position
 *     read   snapshot.c until the tables are read, then stream.c
 *     close  last status; a tail's slot goes with its session, its publication is dropped
 *
 * Nothing is made on the server before the claim is committed, so a loser of two instances leaves no slot. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "capture/select.h"
#include "connectors/source_postgres/catalog/catalog.h"
#include "connectors/source_postgres/look/preflight.h"
#include "connectors/source_postgres/look/settings.h"
#include "connectors/source_postgres/look/tables.h"
#include "connectors/source_postgres/options.h"
#include "connectors/source_postgres/place/begin.h"
#include "connectors/source_postgres/place/locate.h"
#include "connectors/source_postgres/place/open.h"
#include "connectors/source_postgres/place/slot.h"
#include "connectors/source_postgres/place/unread.h"
#include "connectors/source_postgres/publish/publication.h"
#include "connectors/source_postgres/publish/types.h"
#include "connectors/source_postgres/read/feed.h"
#include "connectors/source_postgres/read/snapshot.h"
#include "connectors/source_postgres/read/stream.h"
#include "connectors/source_postgres/session/locks.h"
#include "plug/source.h"

/* One of each room's, and what they share. */
struct source {
    const struct mr_source_args *args;
    const struct mr_pg_config *config;
    struct mr_arena arena; /* names and the like, as long as the source is open */
    char application[64];
    struct mr_pg_session sql, replication;
    struct mr_pg_server server;
    struct mr_select *selected, *snapshot_selected, *prefixes;
    struct mr_pg_published published;
    struct mr_pg_catalog catalog;
    struct mr_pg_publish publish;
    struct mr_pg_place place;
    struct mr_pg_feed feed;
    struct mr_pg_stream stream;
    struct mr_pg_snapshot *snapshot; /* NULL: not reading tables */
    struct mr_buf claim;
};

static int wanted(void *state, uint32_t oid, struct mr_slice schema, struct mr_slice table,
                  bool *ret_wanted, struct mr_err *err)
{
    return mr_pg_captured(state, oid, schema, table, ret_wanted, err);
}

static int set_selections(struct source *source, struct mr_err *err)
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
    source->catalog.selected = source->selected;
    if (config->message_prefixes.count > 0)
        source->feed.prefixes = source->prefixes;
    return rc;
}

static int set_skipped(struct source *source, struct mr_err *err)
{
    struct mr_left_out *left_out = &source->feed.track.left_out;
    int rc = mr_left_out_set(left_out, &source->config->capture.skipped_operations, err);

    source->feed.relations.truncates = !left_out->truncates;
    return rc;
}

static void set_sessions(struct source *source)
{
    struct mr_pg_connect connect = {
        .context = source->args->context,
        .dsn = source->config->dsn,
        .password = source->config->password,
        .application = source->application,
        .timeout_ns = source->config->capture.connect_timeout,
        .waits = mr_pg_name_lock,
        .waits_state = &source->sql,
    };

    mr_pg_application(source->args->context->pipeline, source->application);
    mr_pg_session_init(&source->sql, &connect);
    connect.replication = true;
    mr_pg_session_init(&source->replication, &connect);
    mr_pg_session_init(&source->place.watch, &connect);
}

/* Gives each room what it needs of the others. */
static void connect_rooms(struct source *source)
{
    const struct mr_context *context = source->args->context;

    source->published.via_root = source->config->publication.via_root;
    source->catalog.context = context;
    source->catalog.sql = &source->sql;
    source->catalog.server = &source->server;
    source->catalog.published = &source->published;
    source->catalog.track = &source->feed.track;
    mr_pg_catalog_init(&source->catalog);
    source->publish.config = source->config;
    source->publish.catalog = &source->catalog;
    source->publish.published = &source->published;
    source->publish.relations = &source->feed.relations;
    source->publish.track = &source->feed.track;
    source->publish.arena = &source->arena;
    source->publish.temporary = source->args->temporary;
    mr_map_init(&source->publish.named);
    source->place.context = context;
    source->place.config = source->config;
    source->place.args = source->args;
    source->place.sql = &source->sql;
    source->place.stream = &source->replication;
    source->place.server = &source->server;
    source->place.position = &source->feed.position;
    source->place.arena = &source->arena;
    source->place.first = source->args->resume.size == 0;
    source->feed.relations.filter = wanted;
    source->feed.relations.filter_state = &source->catalog;
    source->feed.relations.hints = &source->catalog.hints;
    source->feed.track.boundaries = source->args->boundaries;
    source->stream.session = &source->replication;
    source->stream.place = &source->place;
    source->stream.publish = &source->publish;
    source->stream.feed = &source->feed;
    source->stream.batch_bytes = source->args->batch_bytes ? source->args->batch_bytes : 1 << 20;
}

/* From settings and position to a state that can connect. On failure, too, it must be torn down. */
static int set_up(struct source *source, const struct mr_source_args *args, struct mr_err *err)
{
    struct mr_pg_position position = {0};
    int rc = 0;

    *source = (struct source){.args = args, .config = args->config};
    mr_arena_init(&source->arena, 64 << 10, 64 << 10);
    mr_buf_init(&source->claim, 64 << 20);
    set_sessions(source);
    if (args->resume.size > 0)
        rc = mr_pg_position_parse(args->resume, &position, err);
    mr_pg_feed_init(&source->feed, args->context, position);
    connect_rooms(source);
    if (rc == 0)
        rc = set_selections(source, err);
    if (rc == 0)
        rc = set_skipped(source, err);
    if (rc == 0)
        rc = mr_heartbeat_open(&source->stream.beats, &source->config->capture.heartbeat,
                               args->context->server, &source->arena, err);
    if (rc == 0)
        rc = mr_pg_slot_name(&source->place, err);
    if (rc == 0)
        rc = mr_pg_publication_name(&source->publish, source->place.slot, err);
    return rc;
}

/* Ends sessions and frees all; removes a tail's publication. Safe at any stage: each part is empty until it is made. */
static void tear_down(struct source *source)
{
    mr_pg_snapshot_close(source->snapshot);
    mr_pg_stream_close(&source->stream);
    if (source->args->temporary && source->sql.conn)
        mr_pg_publication_drop(&source->publish);
    mr_pg_session_done(&source->place.watch);
    mr_pg_session_done(&source->replication);
    mr_pg_session_done(&source->sql);
    mr_pg_feed_done(&source->feed);
    mr_select_free(source->selected);
    mr_select_free(source->snapshot_selected);
    mr_select_free(source->prefixes);
    mr_map_done(&source->publish.named);
    mr_arena_done(&source->arena);
    mr_buf_done(&source->claim);
}

static int open_sessions(struct source *source, struct mr_err *err)
{
    int rc = mr_pg_open_sessions(&source->place, err);

    source->feed.check_utf8 = source->server.any_encoding;
    return rc;
}

static void set_identity(struct source *source)
{
    mr_pg_set_identity(&source->place, source->published.publication);
    source->feed.relations.database = mr_slice_str(source->feed.position.database);
}

static int check_publication(struct source *source, struct mr_err *err)
{
    bool exists;
    int rc = mr_pg_publication_look(&source->publish, &exists, err);

    if (rc == 0 && !exists && source->feed.position.standing.started)
        return mr_pg_publication_gone(&source->publish, NULL, err);
    return rc;
}

/* Whether what the sink holds can be resumed here. */
static int check_all(struct source *source, const struct mr_pg_slot *slot, struct mr_err *err)
{
    int rc =
        source->place.first ? 0 : mr_pg_check_position(&source->place, &source->feed.position, err);

    if (rc == 0)
        rc = mr_pg_slot_check(&source->place, slot, err);
    return rc < 0 ? rc : check_publication(source, err);
}

static int source_open(void *state, const struct mr_source_args *args, struct mr_slice *ret_claim,
                       struct mr_err *err)
{
    struct source *source = state;
    struct mr_pg_slot slot;
    int rc = set_up(source, args, err);

    if (rc == 0)
        rc = open_sessions(source, err);
    if (rc == 0)
        rc = mr_pg_slot_look(&source->place, &slot, err);
    if (rc < 0)
        return rc;
    rc = check_all(source, &slot, err);
    if (rc == MR_GAP && source->config->capture.snapshot == MR_SNAPSHOT_MODE_WHEN_NEEDED) {
        rc = mr_pg_begin_anew(&source->place, &slot, err);
        mr_track_forget(&source->feed.track);
    }
    if (rc < 0)
        return rc;
    mr_pg_feed_resume(&source->feed);
    if (slot.exists)
        source->place.slot_point = slot.confirmed;
    set_identity(source);
    mr_pg_position_write(&source->feed.position, &source->feed.position.standing, &source->claim);
    *ret_claim = mr_buf_slice(&source->claim);
    return 0;
}

static int start_reading(struct source *source, struct mr_err *err)
{
    const struct mr_pg_snapshot_parts parts = {.place = &source->place,
                                               .catalog = &source->catalog,
                                               .feed = &source->feed,
                                               .selected = source->snapshot_selected};
    bool tables = source->feed.position.standing.snapshot.active;

    source->stream.ended =
        source->config->capture.snapshot == MR_SNAPSHOT_MODE_INITIAL_ONLY && !tables;
    if (source->stream.ended)
        return 0;
    return tables ? mr_pg_snapshot_open(&parts, &source->snapshot, err)
                  : mr_pg_stream_start(&source->stream, err);
}

static int source_start(void *state, struct mr_err *err)
{
    struct source *source = state;
    struct mr_pg_stream *stream = &source->stream;
    bool *started = &source->feed.position.standing.started;
    int rc = mr_pg_publication_ensure(&source->publish, err);

    if (rc == 0)
        rc = mr_pg_unread_look(&source->place, err);
    if (rc == 0 && !*started) {
        rc = mr_pg_begin_at_slot(&source->place, err);
        mr_pg_feed_resume(&source->feed);
    }
    if (rc == 0)
        rc = mr_pg_begin_until(&source->place, &stream->until_lsn, err);
    if (rc == 0)
        rc = mr_pg_sent_types(&source->publish, &stream->binary, err);
    if (rc < 0)
        return rc;
    source->feed.stop_lsn = stream->until_lsn;
    atomic_store(&stream->flush, source->feed.position.resume);
    return start_reading(source, err);
}

static int read_tables(struct source *source, struct mr_batch *batch, int64_t deadline_ns,
                       struct mr_err *err)
{
    bool finished;
    int rc = mr_pg_snapshot_read(source->snapshot, batch, source->stream.batch_bytes, deadline_ns,
                                 &finished, err);

    if (finished) {
        mr_pg_snapshot_close(source->snapshot);
        source->snapshot = NULL;
        source->stream.ended = source->config->capture.snapshot == MR_SNAPSHOT_MODE_INITIAL_ONLY;
    }
    batch->last = source->stream.ended;
    return rc;
}

static int source_read(void *state, struct mr_batch *batch, int64_t deadline_ns, struct mr_err *err)
{
    struct source *source = state;
    int rc = 0;

    mr_pg_unread_settle(&source->place);
    if (source->snapshot)
        return read_tables(source, batch, deadline_ns, err);
    if (!source->stream.active && !source->stream.ended)
        rc = mr_pg_stream_start(&source->stream, err);
    return rc < 0 ? rc : mr_pg_stream_read(&source->stream, batch, deadline_ns, err);
}

static int source_tend(void *state, struct mr_err *err)
{
    struct source *source = state;

    mr_pg_unread_settle(&source->place);
    return mr_pg_stream_tend(&source->stream, err);
}

static void source_lag(const void *state, struct mr_source_lag *ret_lag)
{
    const struct source *source = state;
    uint64_t read = source->feed.position.resume, end = source->stream.server_end;
    struct mr_source_lag lag = {
        .inside = source->snapshot || source->feed.track.open,
        .bytes = end == 0     ? UINT64_MAX
                 : end > read ? end - read
                              : 0,
    };

    (void)mr_pg_lsn_format(read, lag.read);
    if (end != 0)
        (void)mr_pg_lsn_format(end, lag.end);
    *ret_lag = lag;
}

static void source_confirm(void *state, const struct mr_position *position)
{
    struct source *source = state;
    _Atomic uint64_t *flush = &source->stream.flush;
    struct mr_pg_position held;

    if (position->text.size == 0 || mr_pg_position_parse(position->text, &held, NULL) < 0)
        return;
    if (held.standing.started && held.resume > atomic_load_explicit(flush, memory_order_relaxed))
        atomic_store_explicit(flush, held.resume, memory_order_relaxed);
    if (held.standing.started && !held.standing.snapshot.active)
        atomic_store(&source->place.rows_out, true);
    mr_pg_position_done(&held);
}

static void source_close(void *state)
{
    struct source *source = state;

    mr_pg_unread_settle(&source->place);
    tear_down(source);
}

/* A state for a verb beside a run; to be given to end_verb, whatever rc is. */
static struct source *begin_verb(const struct mr_source_args *args, bool connect, int *ret_rc,
                                 struct mr_err *err)
{
    struct source *source = mr_alloc_zero(sizeof(*source));

    *ret_rc = set_up(source, args, err);
    if (*ret_rc == 0 && connect)
        *ret_rc = open_sessions(source, err);
    return source;
}

static int end_verb(struct source *source, int rc)
{
    tear_down(source);
    free(source);
    return rc;
}

static int preflight(const struct mr_source_args *args, const struct mr_findings *findings,
                     struct mr_err *err)
{
    int rc;
    struct source *source = begin_verb(args, true, &rc, err);

    return end_verb(source,
                    rc < 0 ? rc : mr_pg_preflight(&source->place, &source->publish, findings, err));
}

static int plan(const struct mr_source_args *args, const struct mr_findings *findings,
                struct mr_err *err)
{
    int rc;
    struct source *source = begin_verb(args, true, &rc, err);

    return end_verb(source,
                    rc < 0 ? rc : mr_pg_plan(&source->place, &source->publish, findings, err));
}

static int tables(const struct mr_source_args *args,
                  void (*each)(void *user, struct mr_table *table), void *user, struct mr_err *err)
{
    int rc;
    struct source *source = begin_verb(args, true, &rc, err);

    if (rc == 0) {
        set_identity(source);
        rc = mr_pg_tables(&source->publish, each, user, err);
    }
    return end_verb(source, rc);
}

static int locate(const struct mr_source_args *args, const char *where, struct mr_buf *ret_position,
                  struct mr_err *err)
{
    struct mr_source_args anew = *args;
    struct source *source;
    int rc;

    anew.resume = (struct mr_slice){NULL, 0};
    source = begin_verb(&anew, false, &rc, err);
    if (rc == 0)
        rc = mr_pg_locate(&source->place, &source->publish, where, args->resume.size > 0,
                          ret_position, err);
    return end_verb(source, rc);
}

static int again(const struct mr_source_args *args, const char *const *names, size_t count,
                 struct mr_buf *ret_position, struct mr_err *err)
{
    int rc;
    struct source *source = begin_verb(args, false, &rc, err);

    if (rc == 0)
        rc = mr_pg_again(&source->place, source->published.publication, names, count, ret_position,
                         err);
    return end_verb(source, rc);
}

static int sides(const struct mr_source_args *args, struct mr_arena *arena,
                 struct mr_source_sides *ret_sides, struct mr_err *err)
{
    const struct mr_pg_config *config = args->config;
    struct mr_source_sides found = {.messages = true,
                                    .messages_wanted = config->message_prefixes.count > 0};
    int rc = mr_heartbeat_topic(&config->capture.heartbeat, args->context->server, arena,
                                &found.heartbeats, err);

    if (rc == 0)
        *ret_sides = found;
    return rc;
}

static int check(const struct mr_source_args *args, const char **ret_key, struct mr_err *err)
{
    const struct mr_pg_config *config = args->config;
    struct source *source;
    int rc = mr_pg_check_dsn(config->dsn, err);

    if (rc < 0) {
        *ret_key = "dsn";
        return rc;
    }
    source = begin_verb(args, false, &rc, err);
    return end_verb(source, rc);
}

static void alone(const struct mr_source_args *args, struct mr_buf *ret_what)
{
    const struct mr_pg_config *config = args->config;
    struct mr_err err;
    int rc;
    struct source *source = begin_verb(args, false, &rc, &err);

    if (rc == 0)
        mr_pg_add_alone(config->dsn, source->place.slot, ret_what);
    (void)end_verb(source, rc);
}

const struct mr_source mr_source_postgres = {
    .name = "postgres",
    .summary =
        "Reads the change log of PostgreSQL 12 and newer through a logical replication slot.",
    .options = mr_pg_options,
    .config_size = sizeof(struct mr_pg_config),
    .state_size = sizeof(struct source),
    .open = source_open,
    .start = source_start,
    .read = source_read,
    .confirm = source_confirm,
    .order = mr_pg_position_order,
    .tend = source_tend,
    .lag = source_lag,
    .preflight = preflight,
    .plan = plan,
    .tables = tables,
    .sides = sides,
    .locate = locate,
    .again = again,
    .check = check,
    .alone = alone,
    .close = source_close,
};

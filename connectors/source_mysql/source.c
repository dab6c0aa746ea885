/* The MySQL and MariaDB source: what the engine calls.
 *
 *     open   a session; who is the server; the position held, checked against it
 *     (the engine commits the claim)
 *     start  where the log begins for us, at a first start; then the tables, or the log at the position
 *     read   tables until they are read, then the log
 *     close  nothing is left on the server: a replica of our kind leaves no trace */
#include "connectors/source_mysql/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "connectors/source_mysql/look/places.h"
#include "connectors/source_mysql/look/preflight.h"
#include "connectors/source_mysql/place/resume.h"

/* when_needed: the position cannot be resumed, err says why. */
static int begin_anew(struct mr_my_source *source, struct mr_err *err)
{
    const struct mr_notes *notes = &source->context->notes;

    if (notes->note)
        notes->note(notes->state, MR_LOG_WARN, "source.snapshot_again",
                    "%s; source.snapshot is when_needed, so the tables are read again", err->text);
    mr_my_begin_anew(source);
    mr_err_clear(err);
    return 0;
}

static int source_open(void *state, const struct mr_source_args *args, struct mr_slice *ret_claim,
                       struct mr_err *err)
{
    struct mr_my_source *source = state;
    int rc = mr_my_set_up(source, args, err);

    if (rc == 0)
        rc = mr_my_meet(source, err);
    if (rc == 0 && !source->first)
        rc = mr_my_resume_check(source->sql, &source->facts, &source->feed.position,
                                source->context->pipeline, err);
    if (rc == MR_GAP && source->config->capture.snapshot == MR_SNAPSHOT_MODE_WHEN_NEEDED)
        rc = begin_anew(source, err);
    if (rc < 0)
        return rc;
    mr_my_set_identity(source);
    mr_my_position_write(&source->feed.position, &source->feed.position.standing, &source->claim);
    *ret_claim = mr_buf_slice(&source->claim);
    return 0;
}

static int set_until(struct mr_my_source *source, struct mr_err *err)
{
    const struct mr_my_position *position = &source->feed.position;
    const char *until = source->args->until;
    int rc;

    if (!until)
        return 0;
    mr_my_place_init(&source->feed.until, position->mariadb);
    if (strcmp(until, "now") == 0)
        rc = mr_my_facts_end(source->sql, position->mariadb, position->by_gtid, &source->feed.until,
                             err);
    else
        rc = mr_my_place_parse(mr_slice_str(until), position->mariadb, position->by_gtid,
                               &source->feed.until, err);
    source->feed.has_until = rc == 0;
    return rc;
}

/* A first start: the log is read from its end as of now, and the tables in views that are newer. */
static int begin_here(struct mr_my_source *source, struct mr_err *err)
{
    struct mr_my_position *position = &source->feed.position;
    int rc =
        mr_my_facts_end(source->sql, position->mariadb, position->by_gtid, &position->done, err);

    mr_my_place_copy(&position->resume, &position->done);
    position->standing.started = rc == 0;
    position->standing.snapshot.active =
        rc == 0 && source->config->capture.snapshot != MR_SNAPSHOT_MODE_NO_DATA;
    return rc;
}

static uint32_t server_id(const struct mr_my_source *source)
{
    uint64_t hash;

    if (strcmp(source->config->server_id, "auto") != 0)
        return (uint32_t)strtoull(source->config->server_id, NULL, 10);
    hash = mr_hash(mr_slice_str(source->context->pipeline),
                   mr_hash(mr_slice_str(source->context->server), source->args->temporary));
    if (source->args->temporary)
        hash ^= (uint64_t)mr_clock_wall_us();
    return (uint32_t)(hash >> 32) | 0x40000000u;
}

static void set_uuid(struct mr_my_source *source)
{
    uint64_t a = mr_hash(mr_slice_str(source->context->pipeline), 7);
    uint64_t b = mr_hash(mr_slice_str(source->context->server), server_id(source));
    uint8_t bytes[16];

    memcpy(bytes, &a, 8);
    memcpy(bytes + 8, &b, 8);
    mr_my_uuid_print(bytes, source->uuid);
}

static int start_stream(struct mr_my_source *source, struct mr_err *err)
{
    return mr_my_stream_start(&source->stream, server_id(source), source->uuid, err);
}

static int start_tables(struct mr_my_source *source, struct mr_err *err)
{
    struct mr_my_view *view = &source->snapshot.view;

    view->mariadb = source->feed.position.mariadb;
    view->by_gtid = source->feed.position.by_gtid;
    view->server_id = server_id(source);
    view->uuid = source->uuid;
    return mr_my_tables_open(&source->snapshot, err);
}

static int source_start(void *state, struct mr_err *err)
{
    struct mr_my_source *source = state;
    const struct mr_standing *standing = &source->feed.position.standing;
    int rc = standing->started ? 0 : begin_here(source, err);

    set_uuid(source);
    if (rc == 0)
        rc = set_until(source, err);
    if (rc < 0)
        return rc;
    source->ended = source->config->capture.snapshot == MR_SNAPSHOT_MODE_INITIAL_ONLY &&
                    !standing->snapshot.active;
    if (source->ended)
        return 0;
    return standing->snapshot.active ? start_tables(source, err) : start_stream(source, err);
}

static int read_tables(struct mr_my_source *source, struct mr_batch *batch, int64_t deadline_ns,
                       struct mr_err *err)
{
    bool finished = false;
    int rc = mr_my_tables_read(&source->snapshot, batch, source->batch_bytes, deadline_ns,
                               &finished, err);

    if (rc < 0 || !finished)
        return rc;
    mr_my_tables_close(&source->snapshot);
    mr_my_relations_set_views(&source->feed.relations);
    source->ended = source->config->capture.snapshot == MR_SNAPSHOT_MODE_INITIAL_ONLY;
    batch->last = source->ended;
    return 0;
}

static int source_read(void *state, struct mr_batch *batch, int64_t deadline_ns, struct mr_err *err)
{
    struct mr_my_source *source = state;
    int rc = 0;

    if (source->snapshot.active)
        return read_tables(source, batch, deadline_ns, err);
    if (source->ended) {
        batch->last = true;
        return 0;
    }
    if (!source->stream.dump)
        rc = start_stream(source, err);
    if (rc == 0)
        rc = mr_my_stream_read(&source->stream, batch, deadline_ns, &source->ended, err);
    /* What the server says of a hole has no command in it. */
    if (rc == MR_GAP && err->hint[0] == 0)
        rc = mr_my_way_on(source->context->pipeline, err);
    return rc;
}

/* A server of this kind is told nothing. */
static void source_confirm(void *state, const struct mr_position *position)
{
    (void)state;
    (void)position;
}

static int source_tend(void *state, struct mr_err *err)
{
    (void)state;
    (void)err;
    return 0;
}

static int source_sides(const struct mr_source_args *args, struct mr_arena *arena,
                        struct mr_source_sides *ret_sides, struct mr_err *err)
{
    const struct mr_my_config *config = args->config;

    *ret_sides = (struct mr_source_sides){.messages = false};
    return mr_heartbeat_topic(&config->capture.heartbeat, args->context->server, arena,
                              &ret_sides->heartbeats, err);
}

static int locate(struct mr_my_source *source, const char *place, struct mr_buf *ret_position,
                  struct mr_err *err)
{
    struct mr_my_position *position = &source->feed.position;
    int rc = mr_my_meet(source, err);

    if (rc < 0)
        return rc;
    mr_my_set_identity(source);
    rc = mr_my_look_place(source->sql, &source->facts, place, source->context->pipeline, position,
                          err);
    if (rc == 0)
        mr_my_position_write(position, &position->standing, ret_position);
    return rc;
}

static int source_locate(const struct mr_source_args *args, const char *place,
                         struct mr_buf *ret_position, struct mr_err *err)
{
    struct mr_my_source *source = mr_alloc_zero(sizeof(*source));
    struct mr_source_args anew = *args;
    int rc;

    anew.resume = (struct mr_slice){NULL, 0};
    rc = mr_my_set_up(source, &anew, err);
    if (rc == 0)
        rc = locate(source, place, ret_position, err);
    mr_my_tear_down(source);
    free(source);
    return rc;
}

/* The position cannot be resumed (err says why): all tables can be read again, as at a first start. */
static int again_anew(struct mr_my_source *source, size_t count, struct mr_err *err)
{
    if (count > 0) {
        mr_err_hint(err,
                    "Single tables can be read again only when the stream can go on. For all:\n"
                    "  millrace resnapshot %s",
                    source->context->pipeline);
        return (int)err->class;
    }
    if (source->config->capture.snapshot == MR_SNAPSHOT_MODE_NO_DATA)
        return mr_err_set(err, MR_CONFIG, "source.place",
                          "source.snapshot is no_data: no table would be read; set it to initial");
    mr_my_begin_anew(source);
    mr_my_set_identity(source);
    return 0;
}

static int again(struct mr_my_source *source, const char *const *tables, size_t count,
                 struct mr_buf *ret_position, struct mr_err *err)
{
    struct mr_my_position *position = &source->feed.position;
    int rc = mr_my_meet(source, err);

    if (rc == 0)
        rc = mr_my_resume_check(source->sql, &source->facts, position, source->context->pipeline,
                                err);
    if (rc == 0)
        mr_snapshot_ask_again(&position->standing.snapshot, tables, count);
    else if (rc == MR_GAP)
        rc = again_anew(source, count, err);
    if (rc == 0)
        mr_my_position_write(position, &position->standing, ret_position);
    return rc;
}

static int source_again(const struct mr_source_args *args, const char *const *tables, size_t count,
                        struct mr_buf *ret_position, struct mr_err *err)
{
    struct mr_my_source *source = mr_alloc_zero(sizeof(*source));
    int rc = mr_my_set_up(source, args, err);

    if (rc == 0 && !source->feed.position.standing.started)
        rc = mr_err_set(err, MR_CONFIG, "source.place",
                        "nothing was read yet: the next start reads the tables anyway");
    if (rc == 0)
        rc = again(source, tables, count, ret_position, err);
    mr_my_tear_down(source);
    free(source);
    return rc;
}

static int inspect(struct mr_my_source *source, const struct mr_findings *findings,
                   struct mr_err *err)
{
    struct mr_my_dump_args dump = {.server_id = server_id(source), .uuid = source->uuid};
    struct mr_my_inspection inspection = {.session = source->sql,
                                          .connect = &source->connect,
                                          .facts = &source->facts,
                                          .tables = source->tables,
                                          .dump = &dump,
                                          .findings = findings};
    struct mr_err why;

    set_uuid(source);
    /* One of its own: that of a pipeline that runs would be driven out. */
    dump.server_id ^= 0x20000000u;
    source->uuid[0] = source->uuid[0] == 'f' ? 'e' : 'f';
    mr_err_clear(&why);
    if (!source->first && mr_my_resume_check(source->sql, &source->facts, &source->feed.position,
                                             source->context->pipeline, &why) < 0)
        findings->add(findings->state, mr_finding_of(&why), why.code, why.text, why.hint);
    return mr_my_inspect(&inspection, err);
}

static int source_preflight(const struct mr_source_args *args, const struct mr_findings *findings,
                            struct mr_err *err)
{
    struct mr_my_source *source = mr_alloc_zero(sizeof(*source));
    struct mr_err why;
    int rc = mr_my_set_up(source, args, err);

    mr_err_clear(&why);
    if (rc == 0 && mr_my_meet(source, &why) < 0)
        findings->add(findings->state, mr_finding_of(&why), why.code, why.text,
                      why.hint[0] ? why.hint : NULL);
    else if (rc == 0)
        rc = inspect(source, findings, err);
    mr_my_tear_down(source);
    free(source);
    return rc;
}

static int show(struct mr_my_source *source, void (*each)(void *user, struct mr_table *table),
                void *user, struct mr_err *err)
{
    int rc = mr_my_meet(source, err);

    if (rc == 0)
        rc = mr_my_tables_show(&source->snapshot, source->sql, each, user, err);
    return rc;
}

static int source_tables(const struct mr_source_args *args,
                         void (*each)(void *user, struct mr_table *table), void *user,
                         struct mr_err *err)
{
    struct mr_my_source *source = mr_alloc_zero(sizeof(*source));
    struct mr_source_args anew = *args;
    int rc;

    anew.resume = (struct mr_slice){NULL, 0};
    rc = mr_my_set_up(source, &anew, err);
    if (rc == 0)
        rc = show(source, each, user, err);
    mr_my_tear_down(source);
    free(source);
    return rc;
}

static void source_close(void *state)
{
    mr_my_tear_down(state);
}

const struct mr_source mr_source_mysql = {
    .name = "mysql",
    .summary =
        "Reads the binary log of MySQL 5.7 and newer and MariaDB 10.5 and newer as a replica.",
    .options = mr_my_options,
    .config_size = sizeof(struct mr_my_config),
    .state_size = sizeof(struct mr_my_source),
    .open = source_open,
    .start = source_start,
    .read = source_read,
    .confirm = source_confirm,
    .order = mr_my_position_order,
    .tend = source_tend,
    .sides = source_sides,
    .preflight = source_preflight,
    .tables = source_tables,
    .locate = source_locate,
    .again = source_again,
    .close = source_close,
};

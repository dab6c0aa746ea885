/* The PostgreSQL source: what the engine calls.
 *
 *     open   two sessions; who is the server; the position held, checked against server, slot, publication
 *     (the engine commits the claim)
 *     start  publication, then slot, in this order; then START_REPLICATION at the position
 *     read   snapshot.c until the tables are read, then stream.c
 *     close  last status; a tail's slot goes with its session, its publication is dropped
 *
 * Nothing is made on the server before the claim is committed, so a loser of two instances leaves no slot. */
#include "connectors/source_postgres/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "connectors/source_postgres/catalog/catalog.h"
#include "connectors/source_postgres/catalog/identity.h"
#include "connectors/source_postgres/place/locate.h"
#include "connectors/source_postgres/place/open.h"
#include "connectors/source_postgres/look/preflight.h"
#include "connectors/source_postgres/look/settings.h"
#include "connectors/source_postgres/publish/publication.h"
#include "connectors/source_postgres/setup.h"
#include "connectors/source_postgres/place/slot.h"
#include "connectors/source_postgres/read/snapshot.h"
#include "connectors/source_postgres/read/stream.h"
#include "connectors/source_postgres/look/tables.h"
#include "connectors/source_postgres/place/unread.h"

static int check_publication(struct mr_pg_source *source, struct mr_err *err)
{
    bool exists;
    int rc = mr_pg_publication_look(source, &exists, err);

    if (rc == 0 && !exists && source->feed.position.standing.started)
        return mr_pg_publication_gone(source, NULL, err);
    return rc;
}

/* Whether what the sink holds can be resumed here. */
static int check_all(struct mr_pg_source *source, const struct mr_pg_slot *slot, struct mr_err *err)
{
    int rc = source->first ? 0 : mr_pg_check_position(source, &source->feed.position, err);

    mr_pg_feed_resume(&source->feed);
    if (rc == 0)
        rc = mr_pg_slot_check(source, slot, err);
    return rc < 0 ? rc : check_publication(source, err);
}

/* when_needed: the position cannot be resumed (err says why), so this is a first start again. The slot is made
 * anew when it is ours; on another server a slot of its name is somebody's. */
static int begin_anew(struct mr_pg_source *source, const struct mr_pg_slot *slot,
                      struct mr_err *err)
{
    struct mr_pg_position *position = &source->feed.position;

    mr_pg_note(source, MR_LOG_WARN, "source.snapshot_again",
               "%s; source.snapshot is when_needed, so the tables are read again", err->text);
    source->anew = slot->exists && strcmp(position->system, source->server.system) == 0 &&
                   strcmp(position->slot, source->slot) == 0;
    mr_pg_position_done(position);
    mr_track_forget(&source->feed.track);
    mr_pg_feed_resume(&source->feed);
    source->first = true;
    mr_err_clear(err);
    return source->anew ? 0 : mr_pg_slot_check(source, slot, err);
}

static int source_open(void *state, const struct mr_source_args *args, struct mr_slice *ret_claim,
                       struct mr_err *err)
{
    struct mr_pg_source *source = state;
    struct mr_pg_slot slot;
    int rc = mr_pg_set_up(source, args, err);

    if (rc == 0)
        rc = mr_pg_open_sessions(source, err);
    if (rc == 0)
        rc = mr_pg_slot_look(source, &slot, err);
    if (rc < 0)
        return rc;
    rc = check_all(source, &slot, err);
    if (rc == MR_GAP && source->config->capture.snapshot == MR_SNAPSHOT_MODE_WHEN_NEEDED)
        rc = begin_anew(source, &slot, err);
    if (rc < 0)
        return rc;
    if (slot.exists)
        source->slot_point = slot.confirmed;
    mr_pg_set_identity(source);
    mr_pg_position_write(&source->feed.position, &source->feed.position.standing, &source->claim);
    *ret_claim = mr_buf_slice(&source->claim);
    return 0;
}

/* The log's end as of now, for `until: now`. Behind a page's header nothing was written yet. */
static int log_end(struct mr_pg_source *source, uint64_t *ret_lsn, struct mr_err *err)
{
    PGresult *result;
    uint64_t lsn = 0;
    int rc = mr_pg_query(&source->sql_connect, source->sql,
                         source->server.standby ? "SELECT pg_catalog.pg_last_wal_replay_lsn()"
                                                : "SELECT pg_catalog.pg_current_wal_insert_lsn()",
                         "read the end of the log", &result, err);

    if (rc < 0)
        return rc;
    (void)mr_pg_lsn_parse(mr_pg_text(result, 0, 0), &lsn);
    PQclear(result);
    *ret_lsn = lsn % 8192 <= 40 ? lsn - lsn % 8192 : lsn;
    return 0;
}

static int set_until(struct mr_pg_source *source, struct mr_err *err)
{
    int rc = 0;

    if (!source->until)
        return 0;
    if (strcmp(source->until, "now") == 0)
        rc = log_end(source, &source->until_lsn, err);
    else if (!mr_pg_lsn_parse(source->until, &source->until_lsn) || source->until_lsn == 0)
        rc =
            mr_err_set(err, MR_CONFIG, "source.until",
                       "\"%s\" is neither now nor a log position such as 0/1A2B3C8", source->until);
    source->feed.stop_lsn = source->until_lsn;
    return rc;
}

/* The first start, or one that got no further than its claim. A sink without positions (args->adopt) that finds
 * its slot has read the tables before, unless the mark says otherwise (unread.h). */
static int make_slot(struct mr_pg_source *source, struct mr_err *err)
{
    struct mr_pg_position *position = &source->feed.position;
    bool snapshot = source->config->capture.snapshot != MR_SNAPSHOT_MODE_NO_DATA;
    struct mr_pg_slot slot;
    int rc = mr_pg_slot_look(source, &slot, err);

    if (rc == 0)
        rc = mr_pg_slot_finished(source, &slot, err);
    if (rc == 0 && slot.exists && (slot.lost || source->anew))
        rc = mr_pg_slot_drop(source, err);
    if (rc == 0 && (!slot.exists || slot.lost || source->anew)) {
        rc = mr_pg_unread_mark(source, err);
        if (rc == 0)
            rc = mr_pg_slot_create(source, snapshot, err);
    } else if (rc == 0)
        source->slot_point = slot.confirmed;
    if (rc < 0)
        return rc;
    position->standing.started = true;
    position->resume = source->slot_point;
    position->standing.snapshot.active =
        snapshot && (source->slot_made || source->unread || !source->args->adopt);
    position->standing.snapshot.again = snapshot && source->unread && !source->slot_made;
    mr_pg_feed_resume(&source->feed);
    return 0;
}

/* Types that arrive as text are named once; any type without a binary reader makes the session text. */
static int look_at_types(struct mr_pg_source *source, struct mr_err *err)
{
    struct mr_table *scratch = mr_table_new(1);
    bool binary = source->server.version >= 140000 && source->config->binary == MR_PG_BINARY_AUTO;
    PGresult *result;
    int rc;

    mr_buf_clear(&source->sql_text);
    mr_pg_identity_with(&source->sql_text, source->server.version, source->computed);
    mr_pg_sent_with(&source->sql_text, source->server.version, source->publication,
                    source->inserts);
    mr_buf_add_str(
        &source->sql_text,
        "SELECT a.atttypid, pg_catalog.format_type(a.atttypid, NULL), "
        "min(n.nspname || '.' || c.relname || '.' || a.attname), count(*) FROM (SELECT DISTINCT "
        "oid FROM sent) t JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN "
        "pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON "
        "a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped GROUP BY 1, 2");
    rc = mr_pg_query(&source->sql_connect, source->sql, mr_buf_cstr(&source->sql_text),
                     "read the published tables' types", &result, err);
    for (int i = 0; rc == 0 && i < PQntuples(result); i++) {
        struct mr_pg_type type;
        rc = mr_pg_type_probe(&source->feed.relations, scratch,
                              (uint32_t)mr_pg_number(result, i, 0), &type, err);
        if (rc < 0)
            break;
        binary &= type.codec->binary != NULL;
        if (type.codec == &mr_pg_codec_other)
            mr_pg_note(source, MR_LOG_INFO, "source.type_as_text",
                       "type %s (column %s%s) arrives as text", mr_pg_text(result, i, 1),
                       mr_pg_text(result, i, 2),
                       mr_pg_number(result, i, 3) > 1 ? " and others" : "");
    }
    if (rc == 0)
        PQclear(result);
    mr_table_unref(scratch);
    source->stream.binary = binary;
    return rc;
}

static int source_start(void *state, struct mr_err *err)
{
    struct mr_pg_source *source = state;
    int rc = mr_pg_publication_ensure(source, err);

    if (rc == 0)
        rc = mr_pg_unread_look(source, err);
    if (rc == 0 && !source->feed.position.standing.started)
        rc = make_slot(source, err);
    if (rc == 0)
        rc = set_until(source, err);
    if (rc == 0)
        rc = look_at_types(source, err);
    if (rc < 0)
        return rc;
    atomic_store(&source->flush, source->feed.position.resume);
    source->ended = source->config->capture.snapshot == MR_SNAPSHOT_MODE_INITIAL_ONLY &&
                    !source->feed.position.standing.snapshot.active;
    if (source->ended)
        return 0;
    return source->feed.position.standing.snapshot.active ? mr_pg_snapshot_open(source, err)
                                                          : mr_pg_stream_start(source, err);
}

static int source_read(void *state, struct mr_batch *batch, int64_t deadline_ns, struct mr_err *err)
{
    struct mr_pg_source *source = state;
    int rc = 0;

    mr_pg_unread_settle(source);
    if (source->snapshot)
        return mr_pg_snapshot_read(source, batch, deadline_ns, err);
    if (!source->stream.active && !source->ended)
        rc = mr_pg_stream_start(source, err);
    return rc < 0 ? rc : mr_pg_stream_read(source, batch, deadline_ns, err);
}

static int source_tend(void *state, struct mr_err *err)
{
    mr_pg_unread_settle(state);
    return mr_pg_stream_tend(state, err);
}

static void source_confirm(void *state, const struct mr_position *position)
{
    struct mr_pg_source *source = state;
    struct mr_pg_position held;

    if (position->text.size == 0 || mr_pg_position_parse(position->text, &held, NULL) < 0)
        return;
    if (held.standing.started &&
        held.resume > atomic_load_explicit(&source->flush, memory_order_relaxed))
        atomic_store_explicit(&source->flush, held.resume, memory_order_relaxed);
    if (held.standing.started && !held.standing.snapshot.active)
        atomic_store(&source->rows_out, true);
    mr_pg_position_done(&held);
}

static void source_close(void *state)
{
    struct mr_pg_source *source = state;

    mr_pg_unread_settle(source);
    mr_pg_tear_down(source);
}

const struct mr_source mr_source_postgres = {
    .name = "postgres",
    .summary =
        "Reads the change log of PostgreSQL 12 and newer through a logical replication slot.",
    .options = mr_pg_options,
    .config_size = sizeof(struct mr_pg_config),
    .state_size = sizeof(struct mr_pg_source),
    .open = source_open,
    .start = source_start,
    .read = source_read,
    .confirm = source_confirm,
    .order = mr_pg_position_order,
    .tend = source_tend,
    .preflight = mr_pg_preflight,
    .plan = mr_pg_plan,
    .tables = mr_pg_tables,
    .sides = mr_pg_sides,
    .locate = mr_pg_locate,
    .again = mr_pg_again,
    .check = mr_pg_check,
    .alone = mr_pg_alone,
    .close = source_close,
};

/* Showing the tables before anything runs.
 *
 * Sessions are opened as for a run; whether a position can be resumed does not matter here. Every table that the
 * user's patterns take in is described by the Relation message that a snapshot would write for it: so what is shown is
 * what the stream will bring, as far as the catalogue can know. Before the publication exists a table has all its
 * columns; afterwards those that are published. A partitioned table is shown as its partitions, or as itself, since
 * that is how its rows arrive. */
#include "connectors/source_postgres/look/tables.h"

#include <stdlib.h>

#include "connectors/source_postgres/catalog/catalog.h"
#include "connectors/source_postgres/place/open.h"
#include "connectors/source_postgres/publish/publication.h"
#include "connectors/source_postgres/setup.h"
#include "connectors/source_postgres/read/snapshot_state.h"

static int show(struct mr_pg_source *source, const struct mr_pg_candidate *candidate,
                bool published, struct mr_table **ret_table, struct mr_err *err)
{
    struct mr_pg_snapshot_item item = {.oid = candidate->oid,
                                       .schema = candidate->schema,
                                       .name = candidate->name,
                                       .partitioned = candidate->kind == 'p',
                                       .unpublished = !published};
    struct mr_pg_snapshot snapshot = {.connect = source->sql_connect, .conn = source->sql};
    struct mr_buf sql;
    int rc;

    mr_buf_init(&sql, 16 << 20);
    rc = mr_pg_view_describe(source, &snapshot, &item, &sql, err);
    mr_buf_done(&sql);
    if (rc == 0)
        *ret_table = snapshot.relation->table;
    return rc;
}

static int show_all(struct mr_pg_source *source, void (*each)(void *user, struct mr_table *table),
                    void *user, struct mr_err *err)
{
    struct mr_pg_candidates candidates;
    bool published = false;
    int rc = mr_pg_publication_look(source, &published, err);

    if (rc == 0)
        rc = mr_pg_candidates_load(source, &source->arena, &candidates, err);
    for (size_t i = 0; rc == 0 && i < candidates.count; i++) {
        struct mr_table *table = NULL;
        if (!source->via_root && candidates.items[i].kind == 'p')
            continue;
        rc = show(source, &candidates.items[i], published, &table, err);
        if (rc == 0 && table->column_count > 0)
            each(user, table);
    }
    return rc;
}

int mr_pg_tables(const struct mr_source_args *args,
                 void (*each)(void *user, struct mr_table *table), void *user, struct mr_err *err)
{
    struct mr_pg_source *source = mr_alloc_zero(sizeof *source);
    int rc = mr_pg_set_up(source, args, err);

    if (rc == 0)
        rc = mr_pg_open_sessions(source, err);
    if (rc == 0) {
        mr_pg_set_identity(source);
        rc = show_all(source, each, user, err);
    }
    mr_pg_tear_down(source);
    free(source);
    return rc;
}

int mr_pg_sides(const struct mr_source_args *args, struct mr_arena *arena,
                struct mr_source_sides *ret_sides, struct mr_err *err)
{
    const struct mr_pg_config *config = args->config;
    struct mr_source_sides sides = {.messages = true,
                                    .messages_wanted = config->message_prefixes.count > 0};
    int rc = mr_heartbeat_topic(&config->capture.heartbeat, args->context->server, arena,
                                &sides.heartbeats, err);

    if (rc == 0)
        *ret_sides = sides;
    return rc;
}

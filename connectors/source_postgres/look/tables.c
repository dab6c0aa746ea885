/* Showing the tables before anything runs.
 *
 * Sessions are opened as for a run; whether a position can be resumed does not matter here. Every table that the
 * user's patterns take in is described by the Relation message that a snapshot would write for it: so what is shown is
 * what the stream will bring, as far as the catalogue can know. Before the publication exists a table has all its
 * columns; afterwards those that are published. A partitioned table is shown as its partitions, or as itself, since
 * that is how its rows arrive. */
#include "connectors/source_postgres/look/tables.h"

#include "connectors/source_postgres/read/snapshot_state.h"

static int show(struct mr_pg_publish *publish, const struct mr_pg_candidate *candidate,
                bool published, struct mr_table **ret_table, struct mr_err *err)
{
    struct mr_pg_snapshot_item item = {.oid = candidate->oid,
                                       .schema = candidate->schema,
                                       .name = candidate->name,
                                       .partitioned = candidate->kind == 'p',
                                       .unpublished = !published};
    struct mr_pg_relation *relation;
    struct mr_buf sql;
    int rc;

    mr_buf_init(&sql, 16 << 20);
    rc = mr_pg_view_describe(publish->catalog->sql, publish->catalog, publish->relations, &item,
                             &relation, &sql, err);
    mr_buf_done(&sql);
    if (rc == 0)
        *ret_table = relation->table;
    return rc;
}

int mr_pg_tables(struct mr_pg_publish *publish, void (*each)(void *user, struct mr_table *table),
                 void *user, struct mr_err *err)
{
    struct mr_pg_candidates candidates;
    bool published = false;
    int rc = mr_pg_publication_look(publish, &published, err);

    if (rc == 0)
        rc = mr_pg_candidates_load(publish->catalog, publish->arena, &candidates, err);
    for (size_t i = 0; rc == 0 && i < candidates.count; i++) {
        struct mr_table *table = NULL;
        if (!publish->published->via_root && candidates.items[i].kind == 'p')
            continue;
        rc = show(publish, &candidates.items[i], published, &table, err);
        if (rc == 0 && table->column_count > 0)
            each(user, table);
    }
    return rc;
}

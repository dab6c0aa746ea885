/* The application comes first (rule 10): what would make one of its statements fail is refused, or told.
 *
 *     publication               who put the table there           what happens
 *     <name>, ours to alter     we, before it lost its key        follow.c moves it to <name>_inserts
 *     <name>, ours to alter     somebody else                     refused at a first start, a warning later
 *     never altered by us       somebody else                     the same
 *     all_tables, to be made    nobody yet                        refused: every table of the database is in it
 *
 * A publication of somebody else breaks those statements with or without us. It is refused all the same at a first
 * start, since that is the moment at which somebody looks; later a pipeline that refused to start would add a full
 * disk to the trouble. */
#include "connectors/source_postgres/publish/breaks.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "connectors/source_postgres/catalog/identity.h"

#define NAMED 10 /* tables by name; the rest is counted */

/* Those that are sent with updates and have no identity; "top" is the table that stands in the publication for them.
 * */
static void breaks_sql(struct mr_pg_publish *publish, bool made, struct mr_buf *sql)
{
    mr_buf_clear(sql);
    mr_pg_identity_with(sql, publish->catalog->server->version, publish->published->computed);
    mr_pg_sent_with(sql, publish->catalog->server->version, publish->published->publication,
                    publish->published->inserts);
    mr_buf_printf(
        sql,
        "SELECT n.nspname, c.relname, %s FROM one o %s JOIN pg_catalog.pg_class c ON c.oid = o.oid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE o.kind = 'r' AND NOT "
        "o.own AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1, 2",
        made ? "t.top" : "0", made ? "JOIN sent t ON t.oid = o.oid AND t.changes" : "");
}

/* follow.c takes it out of the publication: by itself, or with the root it is sent for. */
static bool is_moved(const struct mr_pg_publish *publish, const struct mr_pg_candidates *candidates,
                     uint32_t top)
{
    if (publish->config->publication.create != MR_PG_CREATE_FILTERED ||
        !publish->published->use_inserts)
        return false;
    for (size_t i = 0; i < candidates->count; i++) {
        if (candidates->items[i].oid == top)
            return candidates->items[i].owned && !candidates->items[i].identity;
    }
    return false;
}

/* Fills err with the tables, MR_CONFIG; 0 when there is none. */
static int judge(struct mr_pg_publish *publish, const struct mr_pg_candidates *candidates,
                 const PGresult *result, bool made, struct mr_err *err)
{
    struct mr_buf names;
    size_t count = 0;

    mr_buf_init(&names, 4 << 10);
    for (int i = 0; i < PQntuples(result); i++) {
        if (made && is_moved(publish, candidates, (uint32_t)mr_pg_number(result, i, 2)))
            continue;
        if (count++ < NAMED)
            mr_buf_printf(&names, "%s%.64s.%.64s", count > 1 ? ", " : "", mr_pg_text(result, i, 0),
                          mr_pg_text(result, i, 1));
    }
    if (count > NAMED)
        mr_buf_printf(&names, " and %zu more", count - NAMED);
    if (count > 0) {
        mr_err_set(err, MR_CONFIG, "source.breaks_updates",
                   "publication %s %s updates and deletes of tables without a replica identity, so "
                   "that the application's own UPDATE and DELETE of them fail%s: %s",
                   publish->published->publication, made ? "sends" : "for all tables would send",
                   made ? "" : " from then on", mr_buf_cstr(&names));
        mr_err_hint(err,
                    "%s, or give each of them a primary key that is not deferrable, or ALTER TABLE "
                    "... REPLICA IDENTITY FULL; or set source.publication.no_identity to accept.",
                    made ? "Take them out of it (ALTER PUBLICATION ... DROP TABLE), or let it "
                           "send inserts only"
                         : "Set source.publication.create to filtered, which publishes such tables "
                           "for insert only");
    }
    mr_buf_done(&names);
    return count > 0 ? MR_CONFIG : 0;
}

static int look(struct mr_pg_publish *publish, const struct mr_pg_candidates *candidates, bool made,
                bool *ret_broken, struct mr_err *err)
{
    PGresult *result;
    int rc;

    breaks_sql(publish, made, &publish->catalog->sql->text);
    rc = mr_pg_ask_text(publish->catalog->sql, "look for tables that would lose their updates",
                        &result, err);
    if (rc < 0)
        return rc;
    *ret_broken = judge(publish, candidates, result, made, err) < 0;
    PQclear(result);
    return 0;
}

int mr_pg_breaks_look(struct mr_pg_publish *publish, const struct mr_pg_candidates *candidates,
                      bool made, struct mr_err *ret_found, struct mr_err *err)
{
    bool broken = false;
    int rc = 0;

    mr_err_clear(ret_found);
    if (made || publish->config->publication.create == MR_PG_CREATE_ALL_TABLES)
        rc = look(publish, candidates, made, &broken, ret_found);
    if (rc < 0 && err)
        *err = *ret_found;
    return rc;
}

static void warn(struct mr_pg_publish *publish, const struct mr_err *found)
{
    uint64_t hash = mr_hash(mr_slice_str(found->text), 0);

    if (hash == publish->broken_told)
        return;
    publish->broken_told = hash;
    mr_note(publish->catalog->context, MR_LOG_WARN, found->code, "%s; %s", found->text,
            found->hint);
}

int mr_pg_breaks_judge(struct mr_pg_publish *publish, const struct mr_pg_candidates *candidates,
                       bool made, struct mr_err *err)
{
    struct mr_err found;
    int rc = mr_pg_breaks_look(publish, candidates, made, &found, err);

    if (rc < 0 || !found.code[0])
        return rc;
    if (!mr_pg_breaks_refuses(publish)) {
        warn(publish, &found);
        return 0;
    }
    if (err)
        *err = found;
    return MR_CONFIG;
}

bool mr_pg_breaks_refuses(const struct mr_pg_publish *publish)
{
    return !publish->track->standing->started &&
           publish->config->publication.no_identity == MR_PG_NO_IDENTITY_REFUSE;
}

/* Tables that come after the publication was made.
 *
 * A table that the patterns take in but the publication does not hold gives no events, silently, on the server's
 * side. So it is looked for: at start, and every half minute while streaming. Where we made the publication and may
 * alter it, the table is added, in the publication that fits its replica identity; else it is named, once, with the
 * SQL. Rows committed before the table was added are not in the stream; that is said, too.
 *
 * A table without a replica identity is published for insert only. When it is given one, as we advised, it is moved
 * to the other publication in the same way; when it loses it (its key is dropped), it is moved back, since the
 * application's UPDATE and DELETE fail until then. What is moved is moved by one statement, so that its inserts
 * never stop.
 *
 * Only publications that were there when the stream began are altered: the server looks for each of them at every
 * place of the log, and one that was made later is missing at the earlier ones.
 *
 * A table that this session has read and that is published no more was taken out by somebody. What was committed
 * meanwhile is missing, and that is a warning, whether the table is added again or not.
 *
 * A publication that holds tables, but none of those that the patterns take in, is somebody else's or the wrong one.
 * While nothing was read from it yet, and wherever we are not to alter it, that is refused: the pipeline would stand
 * there and read nothing.
 *
 * A partitioned table itself is left out of this: its partitions are what is published; unless they are published as
 * their root (then mr_pg_candidates_load leaves the partitions out). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "connectors/source_postgres/catalog/identity.h"
#include "connectors/source_postgres/publish/breaks.h"
#include "connectors/source_postgres/publish/publication.h"

#define OTHER_SIZE 200

enum { MAIN = 1, INSERTS = 2 }; /* in which publications a table stands */

static char flags[4];

/* By OID: flags + (MAIN | INSERTS) of each table that stands in a publication by itself. */
static int load_members(struct mr_pg_publish *publish, struct mr_map *members, struct mr_err *err)
{
    struct mr_buf *sql = &publish->catalog->sql->text;
    PGresult *result;
    int rc;

    mr_buf_clear(sql);
    mr_pg_identity_with(sql, publish->catalog->server->version, publish->published->computed);
    mr_pg_sent_with(sql, publish->catalog->server->version, publish->published->publication,
                    publish->published->inserts);
    mr_buf_add_str(sql, "SELECT oid, name FROM member");
    rc = mr_pg_ask_text(publish->catalog->sql, "list the published tables", &result, err);
    if (rc < 0)
        return rc;
    for (int i = 0; i < PQntuples(result); i++) {
        uint64_t oid = (uint64_t)mr_pg_number(result, i, 0);
        int more =
            strcmp(mr_pg_text(result, i, 1), publish->published->publication) == 0 ? MAIN : INSERTS;
        const char *known = mr_map_get_number(members, oid);
        (void)mr_map_put_number(members, oid, &flags[(known ? known - flags : 0) | more]);
    }
    PQclear(result);
    return 0;
}

static int standing(const struct mr_map *members, uint64_t oid)
{
    const char *known = mr_map_get_number(members, oid);

    return known ? (int)(known - flags) : 0;
}

/* What stands in the publications for a table because of the partitioned tables above it. Those that are leaving the
 * main one count as if they stood in the other already. */
static int standing_above(const struct mr_map *members, const struct mr_map *leaving,
                          const char *parents)
{
    int all = 0;
    char *end = NULL;

    for (unsigned long oid; *parents && (oid = strtoul(parents, &end, 10)) != 0; parents = end) {
        all |= mr_map_get_number(leaving, oid) ? INSERTS : standing(members, oid);
        end += *end == ',';
    }
    return all;
}

/* Where the table is to go, given where it and those above it stand. */
static enum mr_pg_move move_of(const struct mr_pg_candidate *table, int own, int above)
{
    if (!table->identity && own & MAIN)
        return own & INSERTS ? MR_PG_MOVE_LEAVE : MR_PG_MOVE_OUT;
    if (table->identity && !((own | above) & MAIN))
        return own & INSERTS ? MR_PG_MOVE_IN : MR_PG_MOVE_ADD;
    return (own | above) == 0 ? MR_PG_MOVE_ADD : MR_PG_MOVE_NONE;
}

static bool may_alter(const struct mr_pg_publish *publish)
{
    return publish->config->publication.create == MR_PG_CREATE_FILTERED;
}

/* Partitioned tables that are taken out leave those below them to be published by themselves. */
static void find_leaving(const struct mr_pg_publish *publish, const struct mr_pg_candidates *all,
                         const struct mr_map *members, struct mr_map *leaving)
{
    for (size_t i = 0; may_alter(publish) && publish->published->use_inserts && i < all->count;
         i++) {
        struct mr_pg_candidate *table = &all->items[i];
        if (table->kind == 'p' && !table->identity && standing(members, table->oid) & MAIN)
            (void)mr_map_put_number(leaving, table->oid, table);
    }
}

/* A table of the publication, as "schema.table". OTHER_SIZE bytes; "": it is empty. */
static int name_other(struct mr_pg_publish *publish, char *ret_other, struct mr_err *err)
{
    struct mr_buf *sql = &publish->catalog->sql->text;
    PGresult *result;
    int rc;

    mr_buf_clear(sql);
    mr_pg_identity_with(sql, publish->catalog->server->version, publish->published->computed);
    mr_pg_sent_with(sql, publish->catalog->server->version, publish->published->publication,
                    publish->published->inserts);
    mr_buf_add_str(sql,
                   "SELECT n.nspname || '.' || c.relname FROM member m JOIN pg_catalog.pg_class "
                   "c ON c.oid = m.oid JOIN pg_catalog.pg_namespace n ON n.oid = "
                   "c.relnamespace ORDER BY 1 LIMIT 1");
    rc = mr_pg_ask_text(publish->catalog->sql, "list the published tables", &result, err);
    if (rc < 0)
        return rc;
    (void)snprintf(ret_other, OTHER_SIZE, "%s",
                   PQntuples(result) > 0 ? mr_pg_text(result, 0, 0) : "");
    PQclear(result);
    return 0;
}

/* Keeps the candidates that stand elsewhere than they should. ret_other: a published table when none of them is, ""
 * else; OTHER_SIZE bytes. */
static int keep_uncovered(struct mr_pg_publish *publish, struct mr_arena *arena,
                          const struct mr_pg_candidates *all,
                          struct mr_pg_candidates *ret_uncovered, char *ret_other,
                          struct mr_err *err)
{
    struct mr_pg_candidates uncovered = {0};
    size_t wanted = 0, absent = 0;
    struct mr_map members, leaving;
    int rc;

    *ret_other = 0;
    mr_map_init(&members);
    mr_map_init(&leaving);
    rc = load_members(publish, &members, err);
    if (rc == 0)
        find_leaving(publish, all, &members, &leaving);
    uncovered.items = MR_ARENA_ARRAY(arena, struct mr_pg_candidate, all->count + 1);
    for (size_t i = 0; rc == 0 && i < all->count; i++) {
        const struct mr_pg_candidate *table = &all->items[i];
        int own = standing(&members, table->oid);
        int above = standing_above(&members, &leaving, table->parents);
        enum mr_pg_move move = move_of(table, own, above);
        if (table->kind == 'p' && !publish->published->via_root && own == 0)
            continue;
        wanted++;
        absent += (own | above) == 0;
        uncovered.items[uncovered.count] = *table;
        uncovered.items[uncovered.count].move = move;
        uncovered.count += move != MR_PG_MOVE_NONE;
    }
    if (rc == 0 && wanted > 0 && absent == wanted)
        rc = name_other(publish, ret_other, err);
    mr_map_done(&leaving);
    mr_map_done(&members);
    *ret_uncovered = uncovered;
    return rc;
}

static void add_table(struct mr_buf *sql, const char *publication, const char *verb,
                      const struct mr_pg_candidate *table)
{
    mr_buf_add_str(sql, "ALTER PUBLICATION ");
    mr_pg_add_name(sql, mr_slice_str(publication));
    mr_buf_printf(sql, " %s TABLE ONLY ", verb);
    mr_pg_add_name(sql, table->schema);
    mr_buf_add_char(sql, '.');
    mr_pg_add_name(sql, table->name);
    mr_buf_add_char(sql, ';');
}

static void add_sql(const struct mr_pg_publish *publish, const struct mr_pg_candidate *table,
                    struct mr_buf *sql)
{
    bool into_inserts = !table->identity && publish->published->use_inserts;

    mr_buf_clear(sql);
    if (!table->identity && !publish->published->use_inserts) {
        mr_buf_add_str(sql, "ALTER TABLE ");
        mr_pg_add_name(sql, table->schema);
        mr_buf_add_char(sql, '.');
        mr_pg_add_name(sql, table->name);
        mr_buf_add_str(sql, " REPLICA IDENTITY FULL; ");
    }
    if (table->move != MR_PG_MOVE_LEAVE)
        add_table(sql, into_inserts ? publish->published->inserts : publish->published->publication,
                  "ADD", table);
    if (table->move == MR_PG_MOVE_OUT || table->move == MR_PG_MOVE_LEAVE)
        add_table(sql, publish->published->publication, "DROP", table);
    if (table->move == MR_PG_MOVE_IN)
        add_table(sql, publish->published->inserts, "DROP", table);
}

static int refuse_other(struct mr_pg_publish *publish, const struct mr_pg_candidate *table,
                        const char *other, struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, "source.publication_other",
               "publication %s is of other tables (%s and so on): none that source.tables takes "
               "in is in it",
               publish->published->publication, other);
    add_sql(publish, table, &publish->catalog->sql->text);
    mr_err_hint(err,
                "Name another one as source.publication.name, correct source.tables, or let its "
                "owner add what is wanted:\n  %s",
                mr_buf_cstr(&publish->catalog->sql->text));
    return MR_CONFIG;
}

/* What a start asks: as keep_uncovered, and refuses a publication of other tables. */
static int look_at_start(struct mr_pg_publish *publish, struct mr_arena *arena,
                         const struct mr_pg_candidates *candidates,
                         struct mr_pg_candidates *ret_uncovered, struct mr_err *err)
{
    bool ours = publish->config->publication.create == MR_PG_CREATE_FILTERED &&
                publish->track->standing->started;
    char other[OTHER_SIZE];
    int rc = keep_uncovered(publish, arena, candidates, ret_uncovered, other, err);

    if (rc == 0 && other[0] && !ours)
        rc = refuse_other(publish, &ret_uncovered->items[0], other, err);
    return rc;
}

int mr_pg_publication_uncovered(struct mr_pg_publish *publish,
                                const struct mr_pg_candidates *candidates,
                                const struct mr_findings *findings, struct mr_err *err)
{
    struct mr_pg_candidates uncovered;
    char text[300];
    int rc = look_at_start(publish, publish->arena, candidates, &uncovered, err);

    if (rc == MR_CONFIG) {
        findings->add(findings->state, mr_finding_of(err), err->code, err->text, err->hint);
        return 0;
    }
    for (size_t i = 0; rc == 0 && i < uncovered.count; i++) {
        const struct mr_pg_candidate *table = &uncovered.items[i];
        if (table->move != MR_PG_MOVE_ADD)
            continue;
        add_sql(publish, table, &publish->catalog->sql->text);
        (void)snprintf(text, sizeof(text), "table %.*s.%.*s is not in publication %s",
                       MR_SLICE_ARG(table->schema), MR_SLICE_ARG(table->name),
                       publish->published->publication);
        findings->add(findings->state, MR_FINDING_WARN, "source.not_published", text,
                      mr_buf_cstr(&publish->catalog->sql->text));
    }
    return rc;
}

/* Tries to publish the table. Its lock may be held, by a VACUUM for one: that is not waited for here, where the
 * stream stands still meanwhile, but tried again at the next look. */
static int try_publish(struct mr_pg_publish *publish, struct mr_err *err)
{
    struct mr_buf sql;
    int rc;

    mr_buf_init(&sql, 64 << 10);
    mr_buf_printf(&sql, "SET lock_timeout = '1s'; %s SET lock_timeout = 0",
                  mr_buf_cstr(&publish->catalog->sql->text));
    rc =
        mr_pg_tell(publish->catalog->sql, mr_buf_cstr(&sql), "add a table to the publication", err);
    mr_buf_done(&sql);
    return rc;
}

static void tell_taken_out(struct mr_pg_publish *publish, const struct mr_pg_candidate *table,
                           bool added)
{
    mr_note(publish->catalog->context, MR_LOG_WARN, "source.table_taken_out",
            "table %.*s.%.*s was read and is no more in publication %s: what was committed to "
            "it since it was taken out does not come; %s%s (millrace resnapshot %s %.*s.%.*s "
            "reads the table again)",
            MR_SLICE_ARG(table->schema), MR_SLICE_ARG(table->name), publish->published->publication,
            added ? "it was added again, and its changes come from now on"
                  : "its owner can add it again: ",
            added ? "" : mr_buf_cstr(&publish->catalog->sql->text),
            publish->catalog->context->pipeline, MR_SLICE_ARG(table->schema),
            MR_SLICE_ARG(table->name));
}

/* Says what became of a table that was not published; its statement is in sql_text. */
static void tell(struct mr_pg_publish *publish, const struct mr_pg_candidate *table, bool added)
{
    if (mr_pg_relations_find(publish->relations, table->oid))
        tell_taken_out(publish, table, added);
    else if (added)
        mr_note(publish->catalog->context, MR_LOG_INFO, "source.table_added",
                "table %.*s.%.*s was added to publication %s: its changes are read from now "
                "on, rows it already had are not (millrace resnapshot %s %.*s.%.*s reads them)",
                MR_SLICE_ARG(table->schema), MR_SLICE_ARG(table->name),
                table->identity ? publish->published->publication : publish->published->inserts,
                publish->catalog->context->pipeline, MR_SLICE_ARG(table->schema),
                MR_SLICE_ARG(table->name));
    else
        mr_note(publish->catalog->context, MR_LOG_WARN, "source.not_published",
                "table %.*s.%.*s matches the patterns but is not in publication %s, so its "
                "changes do not come; its owner can add it: %s",
                MR_SLICE_ARG(table->schema), MR_SLICE_ARG(table->name),
                publish->published->publication, mr_buf_cstr(&publish->catalog->sql->text));
}

/* A table that was published for insert only. */
static void tell_identity(struct mr_pg_publish *publish, const struct mr_pg_candidate *table,
                          bool added)
{
    if (added)
        mr_note(publish->catalog->context, MR_LOG_INFO, "source.table_added",
                "table %.*s.%.*s has a replica identity now and was added to publication %s: "
                "its updates and deletes are read from now on, those before are not (millrace "
                "resnapshot %s %.*s.%.*s reads the rows as they are)",
                MR_SLICE_ARG(table->schema), MR_SLICE_ARG(table->name),
                publish->published->publication, publish->catalog->context->pipeline,
                MR_SLICE_ARG(table->schema), MR_SLICE_ARG(table->name));
    else
        mr_note(publish->catalog->context, MR_LOG_WARN, "source.not_published",
                "table %.*s.%.*s has a replica identity now but is published for insert only, so "
                "its updates and deletes do not come; its owner can change that: %s",
                MR_SLICE_ARG(table->schema), MR_SLICE_ARG(table->name),
                mr_buf_cstr(&publish->catalog->sql->text));
}

static void tell_move(struct mr_pg_publish *publish, const struct mr_pg_candidate *table, bool done)
{
    if (table->move == MR_PG_MOVE_ADD)
        tell(publish, table, done);
    else if (table->move == MR_PG_MOVE_IN)
        tell_identity(publish, table, done);
    else if (done)
        mr_pg_publication_note_no_identity(
            publish, table,
            " any more, so that the application's updates and deletes failed, and was moved to "
            "the publication for inserts");
    /* What could not be moved out is told by breaks.c, with all the others. */
}

static void follow_one(struct mr_pg_publish *publish, const struct mr_pg_candidate *table)
{
    bool may = may_alter(publish) && (table->identity || publish->published->use_inserts);
    uint64_t name = table->oid | (uint64_t)table->move << 32;
    struct mr_err err;
    int rc;

    if (mr_map_get_number(&publish->named, name))
        return;
    add_sql(publish, table, &publish->catalog->sql->text);
    rc = may ? try_publish(publish, &err) : MR_CONFIG;
    if (rc == MR_RETRY)
        return;
    if (rc < 0)
        (void)mr_map_put_number(&publish->named, name, publish);
    tell_move(publish, table, rc == 0);
}

int mr_pg_publication_follow(struct mr_pg_publish *publish, bool starting, struct mr_err *err)
{
    struct mr_pg_candidates all, uncovered;
    struct mr_arena arena;
    char other[OTHER_SIZE];
    int rc;

    mr_arena_init(&arena, 16 << 10, 0);
    rc = mr_pg_candidates_load(publish->catalog, &arena, &all, err);
    if (rc == 0 && starting)
        rc = look_at_start(publish, &arena, &all, &uncovered, err);
    else if (rc == 0)
        rc = keep_uncovered(publish, &arena, &all, &uncovered, other, err);
    for (size_t i = 0; rc == 0 && i < uncovered.count; i++)
        follow_one(publish, &uncovered.items[i]);
    if (rc == 0)
        rc = mr_pg_breaks_judge(publish, &all, true, err);
    mr_arena_done(&arena);
    return rc;
}

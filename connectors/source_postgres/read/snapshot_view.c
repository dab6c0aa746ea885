/* The view a snapshot reads in, and the tables as they are in it.
 *
 *     first start   CREATE_REPLICATION_SLOT ... EXPORT_SNAPSHOT gives consistent point C and a view that holds
 *                   exactly the commits before C. An ordinary session imports it.
 *     later         that view is gone with its session. A TEMPORARY slot made with USE_SNAPSHOT gives another one,
 *                   exact at its own C2, to the session that makes it. The main slot still stands at C; events of
 *                   these tables with a commit LSN below C2 are in the view already and are dropped (feed.c), unless
 *                   rows of an earlier view are out (snapshot.c).
 *
 * A view is good only for tables that nobody has altered since. ALTER TABLE ... TYPE and TRUNCATE make a table that
 * is empty in older views, without an error (PostgreSQL manual 13.6); a column that was dropped is not to be had at
 * all. So a table's shape is taken in the view, and again, as it is now, once the reading has locked it; when they
 * differ, a new view is made (snapshot.c).
 *
 * A table is described by a Relation message that we write ourselves from the catalogue, byte for byte as
 * pgoutput would: so the stream's own message later means the same version, not a second one. */
#include "connectors/source_postgres/read/snapshot_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "connectors/source_postgres/catalog/catalog.h"
#include "connectors/source_postgres/session/sqlstate.h"

static int import_view(struct mr_pg_snapshot *snapshot, struct mr_err *err)
{
    const struct mr_pg_place *place = snapshot->place;
    struct mr_buf sql;
    int rc;

    snapshot->view.connect = place->sql->connect;
    snapshot->point = place->slot_point;
    rc = mr_pg_session_open(&snapshot->view, err);
    if (rc < 0)
        return rc;
    mr_buf_init(&sql, 4096);
    mr_buf_add_str(&sql,
                   "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ");
    mr_pg_add_literal(&sql, place->snapshot_name);
    rc = mr_pg_tell(&snapshot->view, mr_buf_cstr(&sql), "read in the slot's view", err);
    mr_buf_done(&sql);
    if (rc < 0 && err && mr_pg_view_gone(err->native))
        rc = mr_err_set(err, MR_RETRY, "source.connection_lost",
                        "the slot's view went away with the connection that made the slot; the "
                        "tables are read in another one");
    return rc;
}

static int make_view(struct mr_pg_snapshot *snapshot, struct mr_err *err)
{
    char sql[160];
    PGresult *result;
    int rc;

    snapshot->view.connect = snapshot->place->stream->connect;
    rc = mr_pg_session_open(&snapshot->view, err);
    if (rc == 0)
        rc = mr_pg_tell(&snapshot->view, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                        "begin to read", err);
    (void)snprintf(sql, sizeof(sql),
                   "CREATE_REPLICATION_SLOT \"millrace_view_%d_%llx\" TEMPORARY LOGICAL pgoutput "
                   "USE_SNAPSHOT",
                   (int)getpid(), (unsigned long long)mr_clock_mono_ns());
    if (rc == 0)
        rc = mr_pg_ask(&snapshot->view, sql, "make a view to read the tables in", &result, err);
    if (rc < 0)
        return rc;
    (void)mr_pg_lsn_parse(mr_pg_text(result, 0, 1), &snapshot->point);
    PQclear(result);
    return 0;
}

int mr_pg_view_open(struct mr_pg_snapshot *snapshot, struct mr_err *err)
{
    PGresult *result;
    int rc = snapshot->place->snapshot_name ? import_view(snapshot, err) : make_view(snapshot, err);

    snapshot->place->snapshot_name = NULL;
    if (rc == 0)
        rc = mr_pg_ask(&snapshot->view,
                       "SELECT pg_catalog.txid_snapshot_xmax(pg_catalog.txid_current_snapshot()) & "
                       "4294967295, (EXTRACT(epoch FROM pg_catalog.now()) * 1000000)::bigint",
                       "look at the view", &result, err);
    if (rc < 0)
        return rc;
    snapshot->transaction = (struct mr_transaction){
        .origin = {MR_ORIGIN_POSTGRES,
                   {.postgres = {.xid = (uint64_t)mr_pg_number(result, 0, 0),
                                 .commit_lsn = snapshot->point,
                                 .end_lsn = snapshot->point,
                                 .first_lsn = snapshot->point}}},
        .commit_us = mr_pg_number(result, 0, 1),
    };
    PQclear(result);
    return 0;
}

static void add_published(const struct mr_pg_published *published, struct mr_buf *sql)
{
    mr_pg_add_literal(sql, published->publication);
    mr_buf_add_char(sql, ',');
    mr_pg_add_literal(sql, published->inserts);
}

/* A partition's rows are read with its root, though both be listed (13 and 14 list them so). */
static void without_published_root(const struct mr_pg_published *published, struct mr_buf *sql)
{
    mr_buf_add_str(
        sql, " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_partition_ancestors(c.oid) a JOIN "
             "pg_catalog.pg_class r ON r.oid = a.relid JOIN pg_catalog.pg_namespace s ON s.oid = "
             "r.relnamespace JOIN pg_catalog.pg_publication_tables t ON t.schemaname = s.nspname "
             "AND t.tablename = r.relname WHERE a.relid <> c.oid AND t.pubname IN (");
    add_published(published, sql);
    mr_buf_add_str(sql, "))");
}

/* As in the stream: the row filters of two publications are alternatives, and none in one of them lets all pass. */
static void list_sql(const struct mr_pg_catalog *catalog, struct mr_buf *sql)
{
    mr_buf_clear(sql);
    mr_buf_printf(
        sql,
        "SELECT c.oid, n.nspname, c.relname, c.relkind, c.reltuples, %s FROM "
        "pg_catalog.pg_publication_tables p JOIN pg_catalog.pg_namespace n ON n.nspname = "
        "p.schemaname JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = "
        "p.tablename WHERE c.relkind IN ('r', 'p') AND p.pubname IN (",
        catalog->server->version >= 150000
            ? "CASE WHEN bool_and(p.rowfilter IS NOT NULL) THEN string_agg(DISTINCT '(' || "
              "p.rowfilter || ')', ' OR ') END"
            : "NULL::text");
    add_published(catalog->published, sql);
    mr_buf_add_char(sql, ')');
    if (catalog->published->via_root)
        without_published_root(catalog->published, sql);
    mr_buf_add_str(sql, " GROUP BY 1, 2, 3, 4, 5 ORDER BY 2, 3");
}

static struct mr_slice field(struct mr_arena *arena, const PGresult *result, int row, int column)
{
    return mr_arena_copy(
        arena, mr_slice(PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column)));
}

static int asked_for(struct mr_pg_snapshot *snapshot, const struct mr_pg_snapshot_item *item,
                     bool *ret_asked, struct mr_err *err)
{
    bool listed = true, named, captured = false;
    int rc = 0;

    *ret_asked = mr_snapshot_remains(&snapshot->course, item->full, &named);
    if (!*ret_asked || named)
        return 0;
    rc = mr_pg_captured(snapshot->catalog, item->oid, item->schema, item->name, &captured, err);
    if (rc == 0 && captured && snapshot->place->config->capture.snapshot_tables.count > 0)
        rc = mr_select_table(snapshot->selected, item->schema, item->name, &listed, err);
    *ret_asked = captured && listed;
    return rc;
}

static struct mr_pg_snapshot_item item_of(const struct mr_capture_options *options,
                                          struct mr_arena *arena, const PGresult *result, int row)
{
    struct mr_pg_snapshot_item item = {
        .oid = (uint32_t)mr_pg_number(result, row, 0),
        .schema = field(arena, result, row, 1),
        .name = field(arena, result, row, 2),
        .partitioned = mr_pg_text(result, row, 3)[0] == 'p',
        .rows = strtod(mr_pg_text(result, row, 4), NULL),
    };

    if (!PQgetisnull(result, row, 5))
        item.where = field(arena, result, row, 5);
    item.full =
        mr_arena_printf(arena, "%.*s.%.*s", MR_SLICE_ARG(item.schema), MR_SLICE_ARG(item.name));
    item.select = mr_capture_select_of(options, item.full);
    return item;
}

int mr_pg_view_list(struct mr_pg_snapshot *snapshot, struct mr_err *err)
{
    struct mr_arena *arena = &snapshot->course.arena;
    PGresult *result;
    int rc;

    list_sql(snapshot->catalog, &snapshot->view.text);
    rc = mr_pg_ask_text(&snapshot->view, "list the tables to read", &result, err);
    if (rc < 0)
        return rc;
    for (int i = 0; i < PQntuples(result) && rc == 0; i++) {
        struct mr_pg_snapshot_item *item = MR_ARENA_NEW(arena, struct mr_pg_snapshot_item);
        bool asked = false;
        *item = item_of(&snapshot->place->config->capture, arena, result, i);
        rc = asked_for(snapshot, item, &asked, err);
        if (rc == 0 && asked)
            mr_snapshot_list(
                &snapshot->course,
                &(struct mr_snapshot_item){
                    .schema = item->schema,
                    .name = item->name,
                    .full = item->full,
                    .select = item->select,
                    .rows = item->rows,
                    .rank = mr_select_rank(snapshot->catalog->selected, item->schema, item->name),
                    .own = item});
    }
    PQclear(result);
    return rc;
}

static void columns_sql(const struct mr_pg_catalog *catalog, const struct mr_pg_snapshot_item *item,
                        struct mr_buf *sql)
{
    int version = catalog->server->version;

    mr_buf_clear(sql);
    mr_buf_printf(
        sql,
        "SELECT a.attname, a.atttypid, a.atttypmod, c.relreplident, c.relreplident = 'f' OR "
        "a.attnum = ANY (coalesce((SELECT (i.indkey::int2[])[0:i.indnkeyatts - 1] FROM "
        "pg_catalog.pg_index i WHERE i.indrelid = c.oid AND CASE c.relreplident WHEN 'd' THEN "
        "i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END LIMIT 1), "
        "'{}'::int2[])) FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = "
        "a.attrelid WHERE a.attrelid = %" PRIu32 " AND a.attnum > 0 AND NOT a.attisdropped",
        item->oid);
    if (version < 180000)
        mr_buf_add_str(sql, " AND a.attgenerated = ''");
    if (version >= 150000 && !item->unpublished) {
        mr_buf_add_str(sql, " AND EXISTS (SELECT 1 FROM pg_catalog.pg_publication_tables p WHERE "
                            "p.pubname IN (");
        add_published(catalog->published, sql);
        mr_buf_add_str(sql,
                       ") AND a.attname = ANY (p.attnames) AND (p.schemaname, p.tablename) = "
                       "(SELECT n.nspname, c.relname FROM pg_catalog.pg_namespace n WHERE n.oid = "
                       "c.relnamespace))");
    }
    mr_buf_add_str(sql, " ORDER BY a.attnum");
}

static void put32(struct mr_buf *out, uint32_t number)
{
    number = __builtin_bswap32(number);
    mr_buf_add(out, &number, 4);
}

static void put_str(struct mr_buf *out, struct mr_slice text)
{
    mr_buf_add_slice(out, text);
    mr_buf_add_char(out, 0);
}

/* The Relation message for these columns. */
static void write_relation(const struct mr_pg_snapshot_item *item, const PGresult *columns,
                           struct mr_buf *out)
{
    uint16_t count = __builtin_bswap16((uint16_t)PQntuples(columns));

    mr_buf_add_char(out, 'R');
    put32(out, item->oid);
    put_str(out, item->schema);
    put_str(out, item->name);
    mr_buf_add_char(out, PQntuples(columns) ? mr_pg_text(columns, 0, 3)[0] : 'd');
    mr_buf_add(out, &count, 2);
    for (int i = 0; i < PQntuples(columns); i++) {
        mr_buf_add_char(out, mr_pg_true(columns, i, 4) ? 1 : 0);
        put_str(out, mr_slice_str(mr_pg_text(columns, i, 0)));
        put32(out, (uint32_t)mr_pg_number(columns, i, 1));
        put32(out, (uint32_t)mr_pg_number(columns, i, 2));
    }
}

static void add_from(const struct mr_pg_snapshot_item *item, struct mr_buf *sql)
{
    if (item->select) {
        mr_buf_printf(sql, " FROM (%s) millrace_rows", item->select);
        return;
    }
    mr_buf_add_str(sql, item->partitioned ? " FROM " : " FROM ONLY ");
    mr_pg_add_name(sql, item->schema);
    mr_buf_add_char(sql, '.');
    mr_pg_add_name(sql, item->name);
    if (item->where.data) {
        mr_buf_add_str(sql, " WHERE ");
        mr_buf_add_slice(sql, item->where);
    }
}

int mr_pg_view_describe(struct mr_pg_session *session, const struct mr_pg_catalog *catalog,
                        struct mr_pg_relations *relations, const struct mr_pg_snapshot_item *item,
                        struct mr_pg_relation **ret_relation, struct mr_buf *sql,
                        struct mr_err *err)
{
    struct mr_pg_message message;
    struct mr_buf wire;
    PGresult *columns;
    int rc;

    columns_sql(catalog, item, &session->text);
    rc = mr_pg_ask_text(session, "describe a table", &columns, err);
    if (rc < 0)
        return rc;
    mr_buf_init(&wire, 1 << 20);
    write_relation(item, columns, &wire);
    rc = mr_pg_parse(mr_buf_slice(&wire), &message, err);
    if (rc == 0)
        rc = mr_pg_relations_take(relations, &message, ret_relation, err);
    mr_buf_done(&wire);
    mr_buf_add_str(sql, "SELECT ");
    for (int i = 0; i < PQntuples(columns); i++) {
        mr_buf_add_str(sql, i ? ", " : "");
        mr_pg_add_name(sql, mr_slice_str(mr_pg_text(columns, i, 0)));
    }
    add_from(item, sql);
    PQclear(columns);
    return rc;
}

/* Columns, names and the file that holds the rows, of all its partitions. */
int mr_pg_view_shape(struct mr_pg_session *session, const struct mr_pg_snapshot_item *item,
                     struct mr_buf *ret_shape, struct mr_err *err)
{
    char partitions[100] = "";
    PGresult *result;
    int rc;

    if (item->partitioned)
        (void)snprintf(partitions, sizeof(partitions),
                       " OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(%" PRIu32 "))",
                       item->oid);
    mr_buf_clear(&session->text);
    mr_buf_printf(
        &session->text,
        "SELECT coalesce(string_agg(pg_catalog.concat_ws(' ', c.relfilenode, n.nspname, c.relname, "
        "(SELECT string_agg(pg_catalog.concat_ws(' ', a.attname, a.atttypid, a.atttypmod), ',' "
        "ORDER BY a.attnum) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > "
        "0 AND NOT a.attisdropped)), ';' ORDER BY c.oid), '') FROM pg_catalog.pg_class c JOIN "
        "pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %" PRIu32 "%s",
        item->oid, partitions);
    rc = mr_pg_ask_text(session, "see how a table looks", &result, err);
    if (rc < 0)
        return rc;
    mr_buf_add_str(ret_shape, mr_pg_text(result, 0, 0));
    PQclear(result);
    return 0;
}

int mr_pg_view_altered(const struct mr_pg_snapshot_item *item, struct mr_err *err)
{
    return mr_err_set(err, MR_RETRY, "source.table_altered",
                      "table %s was altered, truncated or dropped after the view was made in which "
                      "it is to be read; the tables that remain are read in a new one",
                      item->full);
}

int mr_pg_view_failure(const struct mr_pg_snapshot_item *item, int rc, struct mr_err *err)
{
    bool gone = rc < 0 && err && !item->select &&
                (strcmp(err->native, "42P01") == 0 || strcmp(err->native, "42703") == 0);

    return gone ? mr_pg_view_altered(item, err) : rc;
}

int mr_pg_view_more(struct mr_pg_snapshot *snapshot, bool *ret_more, struct mr_err *err)
{
    *ret_more = false;
    for (size_t i = snapshot->course.next + 1; i < snapshot->course.count && !*ret_more; i++) {
        const struct mr_pg_snapshot_item *item = snapshot->course.items[i].own;
        PGresult *result;
        int rc;
        mr_buf_clear(&snapshot->view.text);
        mr_buf_add_str(&snapshot->view.text, "SELECT EXISTS (SELECT 1");
        add_from(item, &snapshot->view.text);
        mr_buf_add_char(&snapshot->view.text, ')');
        rc = mr_pg_ask_text(&snapshot->view, "see whether more rows follow", &result, err);
        if (rc < 0)
            return mr_pg_view_failure(item, rc, err);
        *ret_more = mr_pg_true(result, 0, 0);
        PQclear(result);
    }
    return 0;
}

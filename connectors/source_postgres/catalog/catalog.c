/* Asking pg_class, pg_attribute, pg_index and pg_type.
 *
 * All of this is *now*, while the stream may be hours behind: answers are hints (relation.h). Names are written
 * with their schema, because the session's search_path is empty. Each table is asked for once per version of it,
 * each user type once per table version that uses it: never per row.
 *
 * It may also be *behind* the stream for a moment: a walsender sends a transaction as soon as its commit is in the
 * log, and other sessions see it a little later, or much later when the commit waits for a synchronous standby. A
 * table altered in that transaction would be described as it was before. So the first question in a transaction waits
 * until it is seen, for two seconds at most.
 *
 * A unique index counts as a table's key when there is no primary key and it is complete (not partial, no
 * expression, not deferred, all columns NOT NULL); the one created first wins. */
#include "connectors/source_postgres/catalog/catalog.h"

#include "connectors/source_postgres/catalog/identity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define SEEN_NS (2 * MR_SECOND_NS)

static struct mr_slice copy(struct mr_arena *arena, const PGresult *result, int row, int column)
{
    return mr_arena_copy(
        arena, mr_slice(PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column)));
}

/* Transaction ids are compared as the server compares them: by 32 bits, around the circle. */
static int ask_seen(struct mr_pg_catalog *catalog, uint32_t xid, bool *ret_seen, struct mr_err *err)
{
    PGresult *result;
    int rc;

    mr_buf_clear(&catalog->sql->text);
    mr_buf_printf(&catalog->sql->text,
                  "SELECT ((pg_catalog.txid_snapshot_xmax(s) - %" PRIu32 ") & 4294967295) BETWEEN "
                  "1 AND 2147483648 AND NOT EXISTS (SELECT 1 FROM "
                  "pg_catalog.txid_snapshot_xip(s) x WHERE x & 4294967295 = %" PRIu32 ") "
                  "FROM pg_catalog.txid_current_snapshot() s",
                  xid, xid);
    rc = mr_pg_ask_text(catalog->sql, "see whether a transaction is visible", &result, err);
    if (rc < 0)
        return rc;
    *ret_seen = mr_pg_true(result, 0, 0);
    PQclear(result);
    return 0;
}

/* Waits until other sessions see the transaction that is being read. */
static int await_seen(struct mr_pg_catalog *catalog, struct mr_err *err)
{
    int64_t deadline = mr_clock_mono_ns() + SEEN_NS;
    uint64_t xid = catalog->track->open ? catalog->track->transaction.origin.postgres.xid : 0;
    bool seen = xid == 0 || xid == catalog->seen_xid;
    int rc = 0;

    while (rc == 0 && !seen) {
        rc = ask_seen(catalog, (uint32_t)xid, &seen, err);
        if (rc < 0 || seen || mr_clock_mono_ns() >= deadline)
            break;
        rc = mr_pg_tell(catalog->sql, "SELECT pg_catalog.pg_sleep(0.005)",
                        "wait until a transaction is visible", err);
    }
    catalog->seen_xid = xid;
    return rc;
}

static int ask_type(void *state, struct mr_arena *arena, uint32_t oid,
                    struct mr_pg_type_info *ret_info, struct mr_err *err)
{
    struct mr_pg_catalog *catalog = state;
    struct mr_slice *labels;
    PGresult *result;
    int rc;

    mr_buf_clear(&catalog->sql->text);
    mr_buf_printf(
        &catalog->sql->text,
        "SELECT t.typname, t.typtype, CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN "
        "t.typelem ELSE 0 END, t.typbasetype, t.typtypmod, t.typdelim, e.enumlabel "
        "FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_enum e ON e.enumtypid = t.oid "
        "WHERE t.oid = %" PRIu32 " ORDER BY e.enumsortorder",
        oid);
    rc = mr_pg_ask_text(catalog->sql, "read the catalogue's description of a type", &result, err);
    if (rc < 0)
        return rc;
    if (PQntuples(result) > 0) {
        ret_info->oid = oid;
        ret_info->name = copy(arena, result, 0, 0);
        ret_info->kind = mr_pg_text(result, 0, 1)[0];
        ret_info->element = (uint32_t)mr_pg_number(result, 0, 2);
        ret_info->base = (uint32_t)mr_pg_number(result, 0, 3);
        ret_info->modifier = (int32_t)mr_pg_number(result, 0, 4);
        ret_info->delimiter = mr_pg_text(result, 0, 5)[0];
        if (!PQgetisnull(result, 0, 6)) {
            labels = MR_ARENA_ARRAY(arena, struct mr_slice, (size_t)PQntuples(result));
            for (int i = 0; i < PQntuples(result); i++)
                labels[i] = copy(arena, result, i, 6);
            ret_info->labels = labels;
            ret_info->label_count = (uint32_t)PQntuples(result);
        }
    }
    PQclear(result);
    return 0;
}

static void table_sql(struct mr_buf *sql, uint32_t oid, int version)
{
    mr_buf_clear(sql);
    mr_buf_printf(
        sql,
        "SELECT a.attname, a.attnotnull, %s, pg_catalog.pg_get_expr(d.adbin, d.adrelid), "
        "coalesce(pg_catalog.array_position((p.indkey::int2[])[0:p.indnkeyatts - 1], a.attnum), "
        "0), "
        "coalesce(pg_catalog.array_position((u.indkey::int2[])[0:u.indnkeyatts - 1], a.attnum), "
        "0), "
        "coalesce(pg_catalog.array_position((r.indkey::int2[])[0:r.indnkeyatts - 1], a.attnum), 0) "
        "FROM pg_catalog.pg_attribute a "
        "LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum "
        "LEFT JOIN pg_catalog.pg_index p ON p.indrelid = a.attrelid AND p.indisprimary "
        "LEFT JOIN pg_catalog.pg_index r ON r.indrelid = a.attrelid AND r.indisreplident "
        "LEFT JOIN LATERAL (SELECT i.indkey, i.indnkeyatts FROM pg_catalog.pg_index i WHERE "
        "i.indrelid = a.attrelid "
        "AND i.indisunique AND NOT i.indisprimary AND i.indisvalid AND i.indimmediate AND "
        "i.indpred IS NULL "
        "AND i.indexprs IS NULL AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute x WHERE "
        "x.attrelid = i.indrelid AND x.attnum = ANY (i.indkey::int2[]) AND NOT x.attnotnull) "
        "ORDER BY i.indexrelid LIMIT 1) u ON true "
        "WHERE a.attrelid = %" PRIu32 " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
        version >= 120000 ? "a.attgenerated <> ''" : "false", oid);
}

static uint16_t place(const PGresult *result, int row, int column)
{
    return (uint16_t)mr_pg_number(result, row, column);
}

static int ask_table(void *state, struct mr_arena *arena, uint32_t oid,
                     struct mr_pg_table_info *ret_info, struct mr_err *err)
{
    struct mr_pg_catalog *catalog = state;
    struct mr_pg_column_info *columns;
    PGresult *result;
    int rc = await_seen(catalog, err);

    if (rc < 0)
        return rc;
    table_sql(&catalog->sql->text, oid, catalog->server->version);
    rc = mr_pg_ask_text(catalog->sql, "read the catalogue's description of a table", &result, err);
    if (rc < 0)
        return rc;
    columns = MR_ARENA_ARRAY(arena, struct mr_pg_column_info, (size_t)PQntuples(result) + 1);
    for (int i = 0; i < PQntuples(result); i++) {
        columns[i] = (struct mr_pg_column_info){
            .name = copy(arena, result, i, 0),
            .not_null = mr_pg_true(result, i, 1),
            .generated = mr_pg_true(result, i, 2),
            .key = place(result, i, 4),
            .unique = place(result, i, 5),
            .identity = place(result, i, 6),
        };
        if (!PQgetisnull(result, i, 3) && !columns[i].generated)
            columns[i].standard = copy(arena, result, i, 3);
    }
    ret_info->columns = columns;
    ret_info->count = (uint32_t)PQntuples(result);
    PQclear(result);
    return 0;
}

void mr_pg_catalog_init(struct mr_pg_catalog *catalog)
{
    catalog->hints = (struct mr_pg_hints){catalog, ask_type, ask_table};
}

/* PostgreSQL 12 publishes no partitioned table, only its partitions one by one. */
static void candidates_sql(struct mr_buf *sql, int version, bool computed)
{
    mr_buf_clear(sql);
    mr_pg_identity_with(sql, version, computed);
    mr_buf_add_str(
        sql,
        "SELECT c.oid, n.nspname, c.relname, c.relkind, " MR_PG_IDENTITY ", "
        "pg_catalog.pg_has_role(c.relowner, 'USAGE'), c.relispartition, c.relpersistence <> 'p', "
        "c.reltuples, u.parents "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "LEFT JOIN one o ON o.oid = c.oid LEFT JOIN spoilt s ON s.oid = c.oid LEFT JOIN (SELECT "
        "b.oid, pg_catalog.string_agg(b.top::bigint::text, ',') AS parents FROM below b GROUP BY "
        "b.oid) u ON u.oid = c.oid "
        "WHERE c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> "
        "'information_schema' AND c.relkind IN ('r'");
    mr_buf_printf(sql, "%s) ORDER BY n.nspname, c.relname", version >= 130000 ? ", 'p'" : "");
}

/* Whether one of the tables, listed by OID, is among the candidates. */
static bool any_among(const struct mr_map *candidates, const char *list)
{
    char *end = NULL;

    for (unsigned long oid; *list && (oid = strtoul(list, &end, 10)) != 0; list = end) {
        if (mr_map_get_number(candidates, oid))
            return true;
        end += *end == ',';
    }
    return false;
}

/* Takes out what comes as its root. `rows` are the candidates' rows of the result. */
static void keep_roots(struct mr_pg_candidates *candidates, const PGresult *result, const int *rows)
{
    struct mr_map all;
    size_t kept = 0;

    mr_map_init(&all);
    for (size_t i = 0; i < candidates->count; i++)
        (void)mr_map_put_number(&all, candidates->items[i].oid, candidates);
    for (size_t i = 0; i < candidates->count; i++) {
        if (!any_among(&all, mr_pg_text(result, rows[i], 9)))
            candidates->items[kept++] = candidates->items[i];
    }
    candidates->count = kept;
    mr_map_done(&all);
}

int mr_pg_candidates_load(struct mr_pg_catalog *catalog, struct mr_arena *arena,
                          struct mr_pg_candidates *ret_candidates, struct mr_err *err)
{
    struct mr_pg_candidates found = {0};
    PGresult *result;
    int *rows;
    int rc;

    candidates_sql(&catalog->sql->text, catalog->server->version, catalog->published->computed);
    rc = mr_pg_ask(catalog->sql, mr_buf_cstr(&catalog->sql->text), "list the tables", &result, err);
    if (rc < 0)
        return rc;
    found.items = MR_ARENA_ARRAY(arena, struct mr_pg_candidate, (size_t)PQntuples(result) + 1);
    rows = MR_ARENA_ARRAY(arena, int, (size_t)PQntuples(result) + 1);
    for (int i = 0; i < PQntuples(result) && rc == 0; i++) {
        struct mr_pg_candidate *candidate = &found.items[found.count];
        bool wanted = false;
        *candidate = (struct mr_pg_candidate){
            .oid = (uint32_t)mr_pg_number(result, i, 0),
            .schema = copy(arena, result, i, 1),
            .name = copy(arena, result, i, 2),
            .kind = mr_pg_text(result, i, 3)[0],
            .identity = mr_pg_true(result, i, 4),
            .owned = mr_pg_true(result, i, 5),
            .partition = mr_pg_true(result, i, 6),
            .unlogged = mr_pg_true(result, i, 7),
            .rows = strtod(mr_pg_text(result, i, 8), NULL),
            .parents = mr_arena_str(arena, copy(arena, result, i, 9)),
        };
        rows[found.count] = i;
        rc = mr_select_table(catalog->selected, candidate->schema, candidate->name, &wanted, err);
        found.count += wanted && !candidate->unlogged;
    }
    if (rc == 0 && catalog->published->via_root)
        keep_roots(&found, result, rows);
    PQclear(result);
    *ret_candidates = found;
    return rc;
}

/* Its parents; a row of nulls when there is no such table any more. */
static void parents_sql(struct mr_buf *sql, uint32_t oid)
{
    mr_buf_clear(sql);
    mr_buf_printf(
        sql,
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_partition_ancestors(%" PRIu32
        ") a JOIN pg_catalog.pg_class c ON c.oid = a.relid JOIN pg_catalog.pg_namespace n ON "
        "n.oid = c.relnamespace UNION ALL SELECT NULL, NULL WHERE NOT EXISTS (SELECT 1 FROM "
        "pg_catalog.pg_class WHERE oid = %" PRIu32 ")",
        oid, oid);
}

static void published_sql(struct mr_pg_catalog *catalog, struct mr_buf *sql)
{
    mr_buf_clear(sql);
    mr_pg_identity_with(sql, catalog->server->version, catalog->published->computed);
    mr_pg_sent_with(sql, catalog->server->version, catalog->published->publication,
                    catalog->published->inserts);
    mr_buf_add_str(
        sql, "SELECT DISTINCT c.oid, n.nspname, c.relname FROM sent t JOIN pg_catalog.pg_class c "
             "ON c.oid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = "
             "c.relnamespace WHERE c.relkind = 'r'");
}

/* Whether the publication holds nothing but what the patterns want: then what is gone was wanted, too. */
static int is_all_wanted(struct mr_pg_catalog *catalog, bool *ret_all, struct mr_err *err)
{
    PGresult *result;
    bool captured = true;
    int rc;

    published_sql(catalog, &catalog->sql->text);
    rc = mr_pg_ask_text(catalog->sql, "list the published tables", &result, err);
    if (rc < 0)
        return rc;
    for (int i = 0; i < PQntuples(result) && captured && rc == 0; i++)
        rc = mr_pg_captured(catalog, (uint32_t)mr_pg_number(result, i, 0),
                            mr_slice_str(mr_pg_text(result, i, 1)),
                            mr_slice_str(mr_pg_text(result, i, 2)), &captured, err);
    *ret_all = captured && PQntuples(result) > 0;
    PQclear(result);
    return rc;
}

/* A table that is gone cannot be asked for its parents. */
static int guess_captured(struct mr_pg_catalog *catalog, struct mr_slice schema,
                          struct mr_slice table, bool *ret_captured, struct mr_err *err)
{
    int rc = is_all_wanted(catalog, ret_captured, err);

    if (rc == 0)
        mr_note(catalog->context, MR_LOG_WARN, "source.table_gone",
                "table %.*s.%.*s does not exist any more; whether it was a partition of a "
                "table in source.tables cannot be told: its last changes are %s",
                MR_SLICE_ARG(schema), MR_SLICE_ARG(table),
                *ret_captured
                    ? "read, because the publication holds nothing but tables of source.tables"
                    : "left out, because the publication holds other tables, too");
    return rc;
}

/* By the parents of a partition. */
static int look_at_parents(struct mr_pg_catalog *catalog, uint32_t oid, bool *ret_captured,
                           bool *ret_gone, struct mr_err *err)
{
    PGresult *result;
    int rc;

    parents_sql(&catalog->sql->text, oid);
    rc = mr_pg_ask_text(catalog->sql, "look for a table's parents", &result, err);
    if (rc < 0)
        return rc;
    for (int i = 0; i < PQntuples(result) && rc == 0 && !*ret_captured; i++) {
        *ret_gone |= PQgetisnull(result, i, 1);
        if (!*ret_gone)
            rc = mr_select_table(catalog->selected, mr_slice_str(mr_pg_text(result, i, 0)),
                                 mr_slice_str(mr_pg_text(result, i, 1)), ret_captured, err);
    }
    PQclear(result);
    return rc;
}

int mr_pg_captured(struct mr_pg_catalog *catalog, uint32_t oid, struct mr_slice schema,
                   struct mr_slice table, bool *ret_captured, struct mr_err *err)
{
    bool captured, gone = false, out = false;
    int rc = mr_select_table(catalog->selected, schema, table, &captured, err);

    if (rc == 0 && !captured)
        rc = mr_select_excludes(catalog->selected, schema, table, &out, err);
    if (rc == 0 && !captured && !out && catalog->sql->conn)
        rc = look_at_parents(catalog, oid, &captured, &gone, err);
    if (rc < 0)
        return rc;
    if (gone)
        return guess_captured(catalog, schema, table, ret_captured, err);
    *ret_captured = captured;
    return 0;
}

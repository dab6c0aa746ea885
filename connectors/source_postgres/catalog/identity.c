/* Who has an identity, by the server's rule.
 *
 *     REPLICA IDENTITY FULL                                                                    yes
 *     DEFAULT, and a primary key                                                               yes, unless deferrable
 *     USING INDEX, and that index is there                                                     yes
 *     anything else (NOTHING, the index dropped, the key dropped, a unique index only)         no
 *     18: FULL, and a generated column that is not published; or one in the index              no
 *
 * A table that is published with updates and has none is refused by the *application's* UPDATE and DELETE (55000). A
 * partitioned table has no rows: its leaves are asked. One with a primary key passes it on to each partition, also to
 * those that come later; REPLICA IDENTITY FULL it does not pass on, so that without a key the next partition would
 * have no identity, and its updates would fail before anybody could look. */
#include "connectors/source_postgres/catalog/identity.h"

#include "connectors/source_postgres/session/connect.h"

/* An index of table c that the server takes, and which columns it may not have. */
static void add_index(struct mr_buf *sql, const char *which, const char *unpublished)
{
    mr_buf_printf(
        sql,
        "EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisvalid "
        "AND i.indislive AND i.indisunique AND i.indimmediate AND i.indpred IS NULL AND %s",
        which);
    if (unpublished)
        mr_buf_printf(sql,
                      " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid "
                      "= c.oid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) AND "
                      "a.attgenerated IN (%s))",
                      unpublished);
    mr_buf_add_char(sql, ')');
}

void mr_pg_identity_with(struct mr_buf *sql, int version, bool computed)
{
    const char *unpublished = version < 180000 ? NULL : computed ? "'v'" : "'s', 'v'";

    mr_buf_add_str(sql, "WITH RECURSIVE one AS (SELECT c.oid, c.relkind AS kind, (c.relreplident = "
                        "'f'");
    if (unpublished)
        mr_buf_printf(sql,
                      " AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid "
                      "= c.oid AND NOT a.attisdropped AND a.attgenerated IN (%s))",
                      unpublished);
    mr_buf_add_str(sql, ") OR ");
    add_index(sql,
              "CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident "
              "ELSE false END",
              unpublished);
    mr_buf_add_str(sql, " AS own, ");
    add_index(sql, "i.indisprimary", unpublished);
    mr_buf_add_str(
        sql,
        " AS keyed FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p') AND c.relpersistence "
        "= 'p'), below AS (SELECT h.inhparent AS top, h.inhrelid AS oid FROM "
        "pg_catalog.pg_inherits h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent AND p.relkind "
        "= 'p' UNION SELECT b.top, h.inhrelid FROM below b JOIN pg_catalog.pg_inherits h ON "
        "h.inhparent = b.oid), spoilt AS (SELECT DISTINCT b.top AS oid FROM below b JOIN one o ON "
        "o.oid = b.oid WHERE o.kind = 'r' AND NOT o.own) ");
}

void mr_pg_sent_with(struct mr_buf *sql, int version, const char *publication, const char *inserts)
{
    mr_buf_add_str(sql,
                   ", wanted AS (SELECT p.oid, p.pubname AS name, p.pubupdate OR p.pubdelete AS "
                   "changes, p.puballtables AS whole FROM pg_catalog.pg_publication p WHERE "
                   "p.pubname IN (");
    mr_pg_add_literal(sql, publication);
    mr_buf_add_char(sql, ',');
    mr_pg_add_literal(sql, inserts);
    mr_buf_add_str(
        sql,
        ")), member AS (SELECT r.prrelid AS oid, w.name, w.changes FROM wanted w JOIN "
        "pg_catalog.pg_publication_rel r ON r.prpubid = w.oid UNION SELECT o.oid, w.name, "
        "w.changes FROM wanted w JOIN one o ON w.whole JOIN pg_catalog.pg_class c ON c.oid = o.oid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND "
        "n.nspname <> 'information_schema'");
    if (version >= 150000)
        mr_buf_add_str(
            sql,
            " UNION SELECT o.oid, w.name, w.changes FROM wanted w JOIN "
            "pg_catalog.pg_publication_namespace s ON s.pnpubid = w.oid JOIN pg_catalog.pg_class c "
            "ON c.relnamespace = s.pnnspid JOIN one o ON o.oid = c.oid");
    mr_buf_add_str(sql, "), sent AS (SELECT m.oid, m.oid AS top, m.name, m.changes FROM member m "
                        "UNION SELECT b.oid, m.oid, m.name, m.changes FROM member m JOIN below b "
                        "ON b.top = m.oid) ");
}

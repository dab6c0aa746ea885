/* The types of what is sent.
 *
 * The server sends values in binary when it is asked to, and then all of them. A type that has no binary reader here
 * would stop the stream (it is then read again in text), so the types of the published tables are looked at before it
 * begins; one that comes later is the rare case. What arrives as the server's text is named once.
 *
 * Asked of the catalogue without a lock on any table, as every list of published tables. */
#include "connectors/source_postgres/publish/types.h"

#include "base/log.h"
#include "connectors/source_postgres/catalog/identity.h"

int mr_pg_sent_types(struct mr_pg_publish *publish, bool *ret_binary, struct mr_err *err)
{
    struct mr_table *scratch = mr_table_new(1);
    bool binary =
        publish->catalog->server->version >= 140000 && publish->config->binary == MR_PG_BINARY_AUTO;
    PGresult *result;
    int rc;

    mr_buf_clear(&publish->catalog->sql->text);
    mr_pg_identity_with(&publish->catalog->sql->text, publish->catalog->server->version,
                        publish->published->computed);
    mr_pg_sent_with(&publish->catalog->sql->text, publish->catalog->server->version,
                    publish->published->publication, publish->published->inserts);
    mr_buf_add_str(
        &publish->catalog->sql->text,
        "SELECT a.atttypid, pg_catalog.format_type(a.atttypid, NULL), "
        "min(n.nspname || '.' || c.relname || '.' || a.attname), count(*) FROM (SELECT DISTINCT "
        "oid FROM sent) t JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN "
        "pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON "
        "a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped GROUP BY 1, 2");
    rc = mr_pg_ask_text(publish->catalog->sql, "read the published tables' types", &result, err);
    for (int i = 0; rc == 0 && i < PQntuples(result); i++) {
        struct mr_pg_type type;
        rc = mr_pg_type_probe(publish->relations, scratch, (uint32_t)mr_pg_number(result, i, 0),
                              &type, err);
        if (rc < 0)
            break;
        binary &= type.codec->binary != NULL;
        if (type.codec == &mr_pg_codec_other)
            mr_note(publish->catalog->context, MR_LOG_INFO, "source.type_as_text",
                    "type %s (column %s%s) arrives as text", mr_pg_text(result, i, 1),
                    mr_pg_text(result, i, 2), mr_pg_number(result, i, 3) > 1 ? " and others" : "");
    }
    if (rc == 0)
        PQclear(result);
    mr_table_unref(scratch);
    *ret_binary = rc == 0 && binary;
    return rc;
}

/* Looking before reading.
 *
 * Each check is one question to the catalogue and one finding, with the SQL that mends it. What cannot be asked at
 * all (no connection, no right to log in) is the error of the whole. The order is that of the way to the first
 * row: server, settings, free places, slot and position, publication and rights, tables. */
#include "connectors/source_postgres/look/preflight.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "connectors/source_postgres/place/open.h"
#include "connectors/source_postgres/publish/breaks.h"
#include "connectors/source_postgres/place/slot.h"

#define MOST_TABLES 20 /* named one by one; the rest is counted */

struct look {
    struct mr_pg_place *place;
    struct mr_pg_publish *publish;
    const struct mr_findings *findings;
    char text[1500], hint[3000];
};

static void add(struct look *look, enum mr_finding_level level, const char *code, const char *hint)
{
    look->findings->add(look->findings->state, level, code, look->text, hint);
}

static void add_err(struct look *look, const struct mr_err *err)
{
    look->findings->add(look->findings->state, mr_finding_of(err), err->code, err->text,
                        err->hint[0] ? err->hint : NULL);
}

#define SAY(look, ...)  ((void)snprintf((look)->text, sizeof((look)->text), __VA_ARGS__))
#define HINT(look, ...) ((void)snprintf((look)->hint, sizeof((look)->hint), __VA_ARGS__))

static int ask(struct look *look, const char *sql, PGresult **ret_result, struct mr_err *err)
{
    return mr_pg_ask(look->place->sql, sql, "look at the server", ret_result, err);
}

static void look_at_server(struct look *look)
{
    const struct mr_pg_server *server = look->place->server;

    SAY(look, "PostgreSQL %d.%d%s, system %s, timeline %u, database %s, wal_level logical",
        server->version / 10000, server->version % 10000, server->standby ? " (standby)" : "",
        server->system, server->timeline, server->database);
    add(look, MR_FINDING_PASS, "source.server", NULL);
    if (server->standby && server->version < 160000) {
        SAY(look, "the server is a standby, and standbys of PostgreSQL %d cannot decode their log",
            server->version / 10000);
        add(look, MR_FINDING_FAIL, "source.standby",
            "Connect to the primary: add target_session_attrs=read-write to source.dsn.");
    } else if (server->standby) {
        SAY(look, "the server is a standby: its slot is lost unless hot_standby_feedback is on");
        add(look, MR_FINDING_WARN, "source.standby",
            "On the standby: ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf();");
    }
    if (look->place->server->any_encoding) {
        SAY(look,
            "the database's encoding is SQL_ASCII: text that is not UTF-8 will stop the pipeline");
        add(look, MR_FINDING_WARN, "source.encoding", NULL);
    }
}

/* A place is needed where the slot is still to be made, a sender where nobody of ours reads it. */
static int look_at_places(struct look *look, const struct mr_pg_slot *slot, struct mr_err *err)
{
    static const char sql[] =
        "SELECT pg_catalog.current_setting('max_replication_slots')::int - (SELECT count(*) FROM "
        "pg_catalog.pg_replication_slots), pg_catalog.current_setting('max_wal_senders')::int - "
        "(SELECT "
        "count(*) FROM pg_catalog.pg_stat_replication)";
    PGresult *result;
    int rc = ask(look, sql, &result, err);
    int64_t slots, senders;
    bool enough, needed;

    if (rc < 0)
        return rc;
    slots = mr_pg_number(result, 0, 0);
    senders = mr_pg_number(result, 0, 1);
    PQclear(result);
    SAY(look, "%lld replication slots and %lld WAL senders are free", (long long)slots,
        (long long)senders);
    enough = slots > 0 && senders > 0;
    needed = (slots <= 0 && !slot->exists) || (senders <= 0 && !slot->active);
    add(look,
        enough   ? MR_FINDING_PASS
        : needed ? MR_FINDING_FAIL
                 : MR_FINDING_WARN,
        "source.places",
        enough ? NULL
               : "ALTER SYSTEM SET max_replication_slots = 20; ALTER SYSTEM SET "
                 "max_wal_senders = 20; then restart the server.");
    return 0;
}

static int look_at_limits(struct look *look, struct mr_err *err)
{
    const struct mr_pg_server *server = look->place->server;
    PGresult *result;
    int rc = ask(look,
                 server->version >= 130000
                     ? "SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = "
                       "'max_slot_wal_keep_size'"
                     : "SELECT -1",
                 &result, err);

    if (rc < 0)
        return rc;
    if (mr_pg_number(result, 0, 0) < 0) {
        SAY(look,
            "nothing limits the log a slot holds back: while millrace is stopped the server's disk "
            "can fill up");
        add(look, MR_FINDING_WARN, "source.keep_size",
            "Choose what may be held at most (what is beyond is lost to us, loudly): ALTER SYSTEM "
            "SET "
            "max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf();");
    }
    PQclear(result);
    if (server->sender_timeout_ns > 0 && server->sender_timeout_ns < 30 * MR_SECOND_NS) {
        SAY(look, "wal_sender_timeout is %lld s: a short stall ends the stream",
            (long long)(server->sender_timeout_ns / MR_SECOND_NS));
        add(look, MR_FINDING_WARN, "source.sender_timeout",
            "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();");
    }
    return 0;
}

/* Whether a start would be refused for where the sink or the slot stands; adds why. */
static bool refused(struct look *look, const struct mr_pg_slot *slot)
{
    struct mr_err found;
    int rc =
        look->place->first ? 0 : mr_pg_check_position(look->place, look->place->position, &found);

    if (rc == 0)
        rc = mr_pg_slot_check(look->place, slot, &found);
    if (rc == MR_GAP && look->place->config->capture.snapshot == MR_SNAPSHOT_MODE_WHEN_NEEDED) {
        SAY(look, "the tables will be read again, because %.1400s", found.text);
        add(look, MR_FINDING_WARN, "source.snapshot_again", NULL);
    } else if (rc < 0) {
        add_err(look, &found);
    }
    return rc < 0;
}

static int look_at_slot(struct look *look, struct mr_err *err)
{
    struct mr_pg_slot slot;
    char at[24];
    int rc = mr_pg_slot_look(look->place, &slot, err);

    if (rc == 0)
        rc = look_at_places(look, &slot, err);
    if (rc < 0)
        return rc;
    if (refused(look, &slot))
        return 0;
    if (slot.exists)
        SAY(look, "slot %s is there, confirmed up to %s%s", look->place->slot,
            mr_pg_lsn_format(slot.confirmed, at), slot.active ? ", and being read now" : "");
    else
        SAY(look, "slot %s will be created", look->place->slot);
    add(look, MR_FINDING_PASS, "source.slot", NULL);
    return 0;
}

static void look_at_rights(struct look *look, const struct mr_pg_candidates *candidates)
{
    const char *user = PQuser(look->place->sql->conn), *owner = NULL;
    size_t foreign = 0;

    for (size_t i = 0; i < candidates->count; i++) {
        if (candidates->items[i].owned)
            continue;
        owner = owner ? owner : candidates->items[i].name.data;
        foreign++;
    }
    if (foreign == 0)
        return;
    SAY(look, "%s does not own %zu of the %zu tables, and only an owner can publish them", user,
        foreign, candidates->count);
    HINT(look, "GRANT <the tables' owner> TO \"%s\"; or let the owner create publication %s.", user,
         look->publish->published->publication);
    add(look, MR_FINDING_DENIED, "source.publication_rights", look->hint);
}

/* made: the publication is there. */
static int look_at_breaks(struct look *look, const struct mr_pg_candidates *candidates, bool made,
                          struct mr_err *err)
{
    struct mr_err found;
    int rc = mr_pg_breaks_look(look->publish, candidates, made, &found, err);

    if (rc < 0 || !found.code[0])
        return rc;
    look->findings->add(look->findings->state,
                        look->place->config->publication.no_identity == MR_PG_NO_IDENTITY_ACCEPT
                            ? MR_FINDING_WARN
                            : MR_FINDING_FAIL,
                        found.code, found.text, found.hint);
    return 0;
}

static int look_at_publication(struct look *look, const struct mr_pg_candidates *candidates,
                               struct mr_err *err)
{
    struct mr_err found;
    bool exists;
    int rc = mr_pg_publication_look(look->publish, &exists, err);

    if (rc < 0)
        return rc;
    if (exists) {
        SAY(look, "publication %s is there", look->publish->published->publication);
        add(look, MR_FINDING_PASS, "source.publication", NULL);
        mr_pg_publication_left_out(look->publish, &found);
        if (found.code[0])
            look->findings->add(look->findings->state, MR_FINDING_WARN, found.code, found.text,
                                found.hint);
        rc = mr_pg_publication_uncovered(look->publish, candidates, look->findings, err);
        return rc < 0 ? rc : look_at_breaks(look, candidates, true, err);
    }
    if (look->place->position->standing.started) {
        struct mr_err gone;
        (void)mr_pg_publication_gone(look->publish, NULL, &gone);
        add_err(look, &gone);
        return 0;
    }
    if (look->place->config->publication.create == MR_PG_CREATE_NEVER) {
        struct mr_err missing;
        (void)mr_pg_publication_missing(look->publish, candidates, &missing);
        add_err(look, &missing);
        return 0;
    }
    rc = look_at_breaks(look, candidates, false, err);
    SAY(look, "publication %s will be created for %zu tables",
        look->publish->published->publication, candidates->count);
    add(look, MR_FINDING_PASS, "source.publication", NULL);
    look_at_rights(look, candidates);
    return rc;
}

static int look_at_create(struct look *look, struct mr_err *err)
{
    PGresult *result;
    bool exists;
    int rc = mr_pg_publication_look(look->publish, &exists, err);

    if (rc < 0 || exists || look->place->config->publication.create == MR_PG_CREATE_NEVER)
        return rc;
    rc = ask(look,
             "SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')",
             &result, err);
    if (rc < 0)
        return rc;
    if (!mr_pg_true(result, 0, 0)) {
        SAY(look, "%s may not create a publication in database %s", PQuser(look->place->sql->conn),
            look->place->server->database);
        HINT(look, "GRANT CREATE ON DATABASE \"%s\" TO \"%s\";", look->place->server->database,
             PQuser(look->place->sql->conn));
        add(look, MR_FINDING_DENIED, "source.publication_rights", look->hint);
    }
    PQclear(result);
    return 0;
}

static void look_at_identities(struct look *look, const struct mr_pg_candidates *candidates)
{
    size_t count = 0;

    for (size_t i = 0; i < candidates->count; i++) {
        const struct mr_pg_candidate *table = &candidates->items[i];
        if (table->identity || (table->kind == 'p' && !look->publish->published->via_root) ||
            ++count > MOST_TABLES)
            continue;
        SAY(look, "table %.*s.%.*s has no replica identity: only its inserts are read",
            MR_SLICE_ARG(table->schema), MR_SLICE_ARG(table->name));
        mr_buf_clear(&look->place->sql->text);
        mr_pg_publication_advise(table, &look->place->sql->text);
        add(look, MR_FINDING_WARN, "source.no_identity", mr_buf_cstr(&look->place->sql->text));
    }
    if (count > MOST_TABLES) {
        SAY(look, "and %zu more tables without a replica identity", count - MOST_TABLES);
        add(look, MR_FINDING_WARN, "source.no_identity", NULL);
    }
}

static void list_oids(const struct mr_pg_candidates *candidates, struct mr_buf *sql)
{
    mr_buf_add_str(sql, "'{");
    for (size_t i = 0; i < candidates->count; i++)
        mr_buf_printf(sql, "%s%u", i ? "," : "", candidates->items[i].oid);
    mr_buf_add_str(sql, "}'::oid[]");
}

/* One row: how many tables, and the first of them. */
static int count_tables(struct look *look, const struct mr_pg_candidates *candidates,
                        const char *condition, enum mr_finding_level level, const char *code,
                        const char *what, const char *hint, struct mr_err *err)
{
    struct mr_buf *sql = &look->place->sql->text;
    PGresult *result;
    int rc;

    mr_buf_clear(sql);
    mr_buf_add_str(
        sql, "SELECT count(*), min(c.oid::regclass::text) FROM pg_catalog.pg_class c WHERE c.oid "
             "= ANY (");
    list_oids(candidates, sql);
    mr_buf_printf(sql, ") AND %s", condition);
    rc = ask(look, mr_buf_cstr(sql), &result, err);
    if (rc < 0)
        return rc;
    if (mr_pg_number(result, 0, 0) > 0) {
        SAY(look, "%s: %lld tables, %s among them", what, (long long)mr_pg_number(result, 0, 0),
            mr_pg_text(result, 0, 1));
        add(look, level, code, hint);
    }
    PQclear(result);
    return 0;
}

/* Types without a rule of their own: what arrives is the server's text. */
static int look_at_types(struct look *look, const struct mr_pg_candidates *candidates,
                         struct mr_err *err)
{
    struct mr_table *scratch = mr_table_new(1);
    PGresult *result = NULL;
    int rc;

    mr_buf_clear(&look->place->sql->text);
    mr_buf_add_str(
        &look->place->sql->text,
        "SELECT a.atttypid, pg_catalog.format_type(a.atttypid, NULL), min(a.attrelid::regclass || "
        "'.' || a.attname), count(*) FROM pg_catalog.pg_attribute a WHERE a.attnum > 0 AND NOT "
        "a.attisdropped AND a.attrelid = ANY (");
    list_oids(candidates, &look->place->sql->text);
    mr_buf_add_str(&look->place->sql->text, ") GROUP BY 1, 2 ORDER BY 2");
    rc = ask(look, mr_buf_cstr(&look->place->sql->text), &result, err);
    for (int i = 0; rc == 0 && i < PQntuples(result); i++) {
        struct mr_pg_type type;
        rc = mr_pg_type_probe(look->publish->relations, scratch,
                              (uint32_t)mr_pg_number(result, i, 0), &type, err);
        if (rc < 0 || type.codec != &mr_pg_codec_other)
            continue;
        SAY(look, "type %s (column %s%s) arrives as text", mr_pg_text(result, i, 1),
            mr_pg_text(result, i, 2), mr_pg_number(result, i, 3) > 1 ? " and others" : "");
        add(look, MR_FINDING_PASS, "source.type_as_text", NULL);
    }
    PQclear(result);
    mr_table_unref(scratch);
    return rc;
}

static int look_at_tables(struct look *look, const struct mr_pg_candidates *candidates,
                          struct mr_err *err)
{
    int rc;

    if (candidates->count == 0 &&
        look->place->config->publication.create != MR_PG_CREATE_ALL_TABLES) {
        struct mr_err none;
        (void)mr_pg_no_tables(look->publish, &none);
        add_err(look, &none);
        return 0;
    }
    look_at_identities(look, candidates);
    rc = look_at_types(look, candidates, err);
    if (rc < 0)
        return rc;
    rc = count_tables(
        look, candidates,
        "c.relreplident <> 'f' AND EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE "
        "a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attstorage IN ('x', "
        "'e')) AND c.reltoastrelid <> 0 AND pg_catalog.pg_relation_size(c.reltoastrelid) > 0",
        MR_FINDING_WARN, "source.toast",
        "large values that an update leaves alone are not in the log",
        "Such a field arrives as unchanged (__debezium_unavailable_value). To have it: ALTER "
        "TABLE ... REPLICA IDENTITY FULL;",
        err);
    if (rc == 0 && look->place->config->capture.snapshot != MR_SNAPSHOT_MODE_NO_DATA)
        rc = count_tables(
            look, candidates,
            "NOT (pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE') AND "
            "pg_catalog.has_table_privilege(c.oid, 'SELECT'))",
            MR_FINDING_DENIED, "source.permission", "the snapshot may not read every table",
            "GRANT USAGE ON SCHEMA ... TO ...; GRANT SELECT ON ALL TABLES IN SCHEMA ... TO ...; or "
            "source.snapshot: no_data",
            err);
    if (rc == 0)
        rc = count_tables(look, candidates, "pg_catalog.row_security_active(c.oid)",
                          MR_FINDING_WARN, "source.row_security",
                          "row security would hide rows from the snapshot, which is refused then",
                          "ALTER ROLE ... BYPASSRLS; or source.snapshot: no_data", err);
    return rc;
}

/* How partitions are sent decides which tables there are to look at. */
static int look_at_root(struct look *look, bool *ret_refused, struct mr_err *err)
{
    struct mr_err found;
    bool exists;
    int rc = mr_pg_publication_look(look->publish, &exists, &found);

    *ret_refused = rc == MR_CONFIG;
    if (*ret_refused)
        add_err(look, &found);
    else if (rc < 0 && err)
        *err = found;
    return *ret_refused ? 0 : rc;
}

static int look_at_all(struct look *look, struct mr_err *err)
{
    struct mr_pg_candidates candidates;
    bool refused = false;
    int rc;

    look_at_server(look);
    rc = look_at_limits(look, err);
    if (rc == 0)
        rc = look_at_slot(look, err);
    if (rc == 0)
        rc = look_at_root(look, &refused, err);
    if (rc < 0 || refused)
        return rc;
    rc = mr_pg_candidates_load(look->publish->catalog, look->place->arena, &candidates, err);
    if (rc == 0)
        rc = look_at_create(look, err);
    if (rc == 0)
        rc = look_at_publication(look, &candidates, err);
    return rc < 0 ? rc : look_at_tables(look, &candidates, err);
}

int mr_pg_preflight(struct mr_pg_place *place, struct mr_pg_publish *publish,
                    const struct mr_findings *findings, struct mr_err *err)
{
    struct look look = {.place = place, .publish = publish, .findings = findings};

    return look_at_all(&look, err);
}

static int plan(struct look *look, struct mr_err *err)
{
    struct mr_pg_candidates candidates;
    struct mr_pg_slot slot;
    bool exists;
    int rc = mr_pg_publication_look(look->publish, &exists, err);

    if (rc == 0)
        rc = mr_pg_candidates_load(look->publish->catalog, look->place->arena, &candidates, err);
    if (rc == 0)
        rc = mr_pg_slot_look(look->place, &slot, err);
    if (rc == 0 && !look->place->position->standing.started)
        rc = look_at_breaks(look, &candidates, exists, err);
    if (rc < 0)
        return rc;
    if (refused(look, &slot))
        return 0;
    if (!exists) {
        struct mr_buf sql;
        mr_buf_init(&sql, 1 << 20);
        mr_pg_publication_sql(look->publish, &candidates, &sql);
        for (char *line = (char *)(uintptr_t)mr_buf_cstr(&sql), *end; *line; line = end) {
            end = line + strcspn(line, "\n");
            SAY(look, "%.*s", (int)(end - line), line);
            end += *end == '\n';
            add(look, MR_FINDING_PASS, "source.publication", NULL);
        }
        mr_buf_done(&sql);
    }
    if (!slot.exists) {
        SAY(look, "SELECT pg_create_logical_replication_slot('%s', 'pgoutput');",
            look->place->slot);
        add(look, MR_FINDING_PASS, "source.slot", NULL);
    }
    if (!look->place->position->standing.started &&
        look->place->config->capture.snapshot != MR_SNAPSHOT_MODE_NO_DATA) {
        SAY(look, "read the rows of %zu tables", candidates.count);
        add(look, MR_FINDING_PASS, "source.snapshot", NULL);
    }
    return 0;
}

int mr_pg_plan(struct mr_pg_place *place, struct mr_pg_publish *publish,
               const struct mr_findings *findings, struct mr_err *err)
{
    struct look look = {.place = place, .publish = publish, .findings = findings};

    return plan(&look, err);
}

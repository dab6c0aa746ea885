/* Publications.
 *
 * Two of them may belong to a pipeline: <name> for tables whose updates and deletes can be published, and
 * <name>_inserts for those without a replica identity (catalog/identity.c). Publishing updates of the latter would
 * make the *application's* UPDATE and DELETE fail (55000), so they are published for insert and truncate only, and
 * named. The second one is made even when it is empty: a table without identity may come later, and a publication
 * that is made after the slot cannot be read through it. Tables are added with ONLY: their children by inheritance
 * are tables of their own, which may have no identity, and which the patterns may not want.
 *
 * A publication is always made before the slot, because decoding looks at it as of each change's place in the
 * log. For the same reason a publication that is missing while a position is held is a gap and is not simply
 * made again: the changes since could not be decoded.
 *
 * A tail makes its own, named millrace_tail_<pid>_<random>, and holds an advisory lock on the name as long as it
 * lives; the next tail drops those whose lock nobody holds. */
#include "connectors/source_postgres/publish/publication.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "connectors/source_postgres/publish/breaks.h"

#define TAIL_LOCK "hashtext('millrace tail')"
#define ROOT      " WITH (publish_via_partition_root = true)"

int mr_pg_publication_name(struct mr_pg_publish *publish, char slot[MR_PG_NAME], struct mr_err *err)
{
    const char *name = publish->config->publication.name;
    char made[MR_PG_NAME];
    uint32_t random = 0;

    if (publish->temporary) {
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
            random = (uint32_t)mr_clock_mono_ns();
        (void)snprintf(made, sizeof(made), "millrace_tail_%d_%08" PRIx32, (int)getpid(), random);
        (void)snprintf(slot, MR_PG_NAME, "%s", made);
        name = made;
    }
    if (!name) {
        (void)snprintf(made, sizeof(made), "%s", slot);
        mr_pg_shorten(made, 55);
        name = made;
    }
    if (strlen(name) > 55)
        return mr_err_set(err, MR_CONFIG, "source.publication_name",
                          "source.publication.name: \"%s\" is longer than 55 bytes", name);
    (void)snprintf(publish->published->publication, MR_PG_NAME, "%s", name);
    (void)snprintf(publish->published->inserts, MR_PG_NAME, "%.55s_inserts", name);
    return 0;
}

/* The settings want partitions sent as their root, and one of ours does not do so. */
static int refuse_leaves(const char *publication, struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, "source.partition_root",
               "publication %s sends rows of partitions under the partitions' names, and "
               "source.publication.publish_via_partition_root is true",
               publication);
    mr_err_hint(err,
                "ALTER PUBLICATION \"%s\" SET (publish_via_partition_root = true); what was "
                "committed before still comes under the partitions' names. Or set the option to "
                "false.",
                publication);
    return MR_CONFIG;
}

/* Operations that are wanted and that the publication in this row does not send: "update, delete". */
static void read_left_out(struct mr_pg_publish *publish, const PGresult *result, int row)
{
    static const char *const names[] = {"insert", "update", "delete", "truncate"};
    const struct mr_left_out *out = &publish->track->left_out;
    const bool unwanted[] = {out->creates, out->updates, out->deletes, out->truncates};
    size_t size = 0;

    publish->left_out[0] = 0;
    for (int i = 0; i < 4; i++) {
        if (unwanted[i] || mr_pg_true(result, row, 3 + i))
            continue;
        size += (size_t)snprintf(publish->left_out + size, sizeof(publish->left_out) - size, "%s%s",
                                 size ? ", " : "", names[i]);
    }
}

void mr_pg_publication_left_out(const struct mr_pg_publish *publish, struct mr_err *ret_found)
{
    mr_err_clear(ret_found);
    if (!publish->left_out[0])
        return;
    mr_err_set(ret_found, MR_CONFIG, "source.operations_left_out",
               "publication %s does not send these operations, so that no event of them comes: %s",
               publish->published->publication, publish->left_out);
    mr_err_hint(ret_found,
                "ALTER PUBLICATION \"%s\" SET (publish = 'insert, update, delete, truncate'); or "
                "name them in source.skipped_operations.",
                publish->published->publication);
}

static int read_look(struct mr_pg_publish *publish, const PGresult *result, bool *ret_exists,
                     struct mr_err *err)
{
    *ret_exists = false;
    publish->published->use_inserts = false;
    publish->published->computed = false;
    publish->left_out[0] = 0;
    publish->published->via_root = publish->config->publication.via_root;
    for (int i = 0; i < PQntuples(result); i++) {
        bool ours = strcmp(mr_pg_text(result, i, 0), publish->published->publication) == 0;
        if (publish->config->publication.via_root && !mr_pg_true(result, i, 1))
            return refuse_leaves(mr_pg_text(result, i, 0), err);
        *ret_exists |= ours;
        publish->published->use_inserts |= !ours;
        if (!ours)
            continue;
        publish->published->via_root = mr_pg_true(result, i, 1);
        publish->published->computed = mr_pg_true(result, i, 2);
        read_left_out(publish, result, i);
    }
    return 0;
}

int mr_pg_publication_look(struct mr_pg_publish *publish, bool *ret_exists, struct mr_err *err)
{
    PGresult *result;
    int rc;

    if (publish->config->publication.via_root && publish->catalog->server->version < 130000)
        return mr_err_set(err, MR_CONFIG, "source.partition_root",
                          "PostgreSQL %d cannot send partitions as their root: "
                          "source.publication.publish_via_partition_root needs 13 or newer",
                          publish->catalog->server->version / 10000);
    mr_buf_clear(&publish->catalog->sql->text);
    mr_buf_printf(&publish->catalog->sql->text,
                  "SELECT pubname, %s, %s, pubinsert, pubupdate, pubdelete, pubtruncate FROM "
                  "pg_catalog.pg_publication WHERE pubname IN (",
                  publish->catalog->server->version >= 130000 ? "pubviaroot" : "false",
                  publish->catalog->server->version >= 180000 ? "pubgencols = 's'" : "false");
    mr_pg_add_literal(&publish->catalog->sql->text, publish->published->publication);
    mr_buf_add_char(&publish->catalog->sql->text, ',');
    mr_pg_add_literal(&publish->catalog->sql->text, publish->published->inserts);
    mr_buf_add_char(&publish->catalog->sql->text, ')');
    rc = mr_pg_ask_text(publish->catalog->sql, "look for the publication", &result, err);
    if (rc < 0)
        return rc;
    rc = read_look(publish, result, ret_exists, err);
    PQclear(result);
    return rc;
}

static size_t add_tables(struct mr_buf *sql, const struct mr_pg_candidates *candidates,
                         bool identity)
{
    size_t count = 0;

    for (size_t i = 0; i < candidates->count; i++) {
        const struct mr_pg_candidate *table = &candidates->items[i];
        if (table->identity != identity)
            continue;
        mr_buf_add_str(sql, count++ ? ", ONLY " : " FOR TABLE ONLY ");
        mr_pg_add_name(sql, table->schema);
        mr_buf_add_char(sql, '.');
        mr_pg_add_name(sql, table->name);
    }
    return count;
}

static size_t count_identity(const struct mr_pg_candidates *candidates, bool identity)
{
    size_t count = 0;

    for (size_t i = 0; i < candidates->count; i++)
        count += candidates->items[i].identity == identity;
    return count;
}

void mr_pg_publication_sql(const struct mr_pg_publish *publish,
                           const struct mr_pg_candidates *candidates, struct mr_buf *sql)
{
    mr_buf_add_str(sql, "CREATE PUBLICATION ");
    mr_pg_add_name(sql, mr_slice_str(publish->published->publication));
    if (publish->config->publication.create == MR_PG_CREATE_ALL_TABLES) {
        mr_buf_printf(sql, " FOR ALL TABLES%s;\n", publish->published->via_root ? ROOT : "");
        return;
    }
    (void)add_tables(sql, candidates, true);
    mr_buf_printf(sql, "%s;\n", publish->published->via_root ? ROOT : "");
    if (publish->temporary && count_identity(candidates, false) == 0)
        return;
    mr_buf_add_str(sql, "CREATE PUBLICATION ");
    mr_pg_add_name(sql, mr_slice_str(publish->published->inserts));
    (void)add_tables(sql, candidates, false);
    mr_buf_printf(sql, " WITH (publish = 'insert, truncate'%s);\n",
                  publish->published->via_root ? ", publish_via_partition_root = true" : "");
}

void mr_pg_publication_advise(const struct mr_pg_candidate *table, struct mr_buf *sql)
{
    mr_buf_add_str(sql, "ALTER TABLE ");
    mr_pg_add_name(sql, table->schema);
    mr_buf_add_char(sql, '.');
    mr_pg_add_name(sql, table->name);
    mr_buf_add_str(sql,
                   table->kind == 'p'
                       ? " ADD PRIMARY KEY (...), which its partitions inherit; REPLICA "
                         "IDENTITY FULL of the partitioned table itself helps nothing"
                       : " ADD PRIMARY KEY (...), not deferrable; or ... REPLICA IDENTITY FULL");
}

void mr_pg_publication_note_no_identity(struct mr_pg_publish *publish,
                                        const struct mr_pg_candidate *table, const char *became)
{
    mr_buf_clear(&publish->catalog->sql->text);
    mr_pg_publication_advise(table, &publish->catalog->sql->text);
    mr_note(publish->catalog->context, MR_LOG_WARN, "source.no_identity",
            "table %.*s.%.*s has no replica identity%s: its inserts are read, its updates and "
            "deletes are not; to read them: %s",
            MR_SLICE_ARG(table->schema), MR_SLICE_ARG(table->name), became,
            mr_buf_cstr(&publish->catalog->sql->text));
}

static void note_without_identity(struct mr_pg_publish *publish,
                                  const struct mr_pg_candidates *candidates)
{
    for (size_t i = 0; i < candidates->count; i++) {
        const struct mr_pg_candidate *table = &candidates->items[i];
        if (!table->identity && (table->kind == 'r' || publish->published->via_root))
            mr_pg_publication_note_no_identity(publish, table, "");
    }
}

int mr_pg_publication_missing(struct mr_pg_publish *publish,
                              const struct mr_pg_candidates *candidates, struct mr_err *err)
{
    struct mr_buf sql;

    mr_buf_init(&sql, 1 << 20);
    mr_pg_publication_sql(publish, candidates, &sql);
    mr_err_set(err, MR_CONFIG, "source.publication_missing",
               "publication %s does not exist, and source.publication.create is never",
               publish->published->publication);
    mr_err_hint(err, "%s", mr_buf_cstr(&sql));
    mr_buf_done(&sql);
    return MR_CONFIG;
}

/* Who may not create it is told what has to be typed, and by whom. */
static int no_rights(struct mr_pg_publish *publish, const struct mr_pg_candidates *candidates,
                     struct mr_err *err)
{
    const char *user = PQuser(publish->catalog->sql->conn),
               *database = publish->catalog->server->database;
    struct mr_buf sql;
    char why[300];

    (void)snprintf(why, sizeof(why), "%.290s", err->text);
    mr_err_set(err, MR_CONFIG, "source.publication_rights", "publication %s cannot be created: %s",
               publish->published->publication, why);
    err->exit_code = 77;
    if (publish->temporary) {
        mr_err_hint(
            err,
            "A role may publish tables it owns, in a database it may create things in:\n  GRANT "
            "CREATE ON DATABASE \"%s\" TO \"%s\";\n  GRANT <the tables' owner> TO \"%s\";",
            database, user, user);
        return MR_CONFIG;
    }
    mr_buf_init(&sql, 1 << 20);
    mr_pg_publication_sql(publish, candidates, &sql);
    mr_err_hint(err, "Let the tables' owner or a superuser run:\n%s", mr_buf_cstr(&sql));
    mr_buf_done(&sql);
    return MR_CONFIG;
}

static int create(struct mr_pg_publish *publish, const struct mr_pg_candidates *candidates,
                  struct mr_err *err)
{
    struct mr_buf sql;
    int rc;

    mr_buf_init(&sql, 16 << 20);
    /* Publishing waits for whoever holds a table, a VACUUM for one: not without a word. */
    mr_buf_add_str(&sql, "BEGIN; SET LOCAL lock_timeout = '5s';");
    mr_pg_publication_sql(publish, candidates, &sql);
    mr_buf_add_str(&sql, "COMMIT");
    rc = mr_pg_tell(publish->catalog->sql, mr_buf_cstr(&sql), "create the publication", err);
    mr_buf_done(&sql);
    if (rc == MR_CONFIG) {
        mr_pg_try(publish->catalog->sql->conn, "ROLLBACK");
        return no_rights(publish, candidates, err);
    }
    if (rc == 0)
        publish->published->use_inserts =
            publish->config->publication.create == MR_PG_CREATE_FILTERED &&
            (!publish->temporary || count_identity(candidates, false) > 0);
    return rc;
}

/* What tails that were killed have left. */
static int drop_leftovers(struct mr_pg_publish *publish, struct mr_err *err)
{
    PGresult *result = NULL;
    int rc = mr_pg_ask(publish->catalog->sql,
                       "SELECT pubname FROM pg_catalog.pg_publication WHERE pubname LIKE "
                       "'millrace\\_tail\\_%' AND pg_catalog.pg_has_role(pubowner, 'USAGE')",
                       "look for what earlier tails left", &result, err);

    for (int i = 0; rc == 0 && i < PQntuples(result); i++) {
        char name[MR_PG_NAME], owner[MR_PG_NAME];
        PGresult *locked = NULL;
        (void)snprintf(name, sizeof(name), "%s", mr_pg_text(result, i, 0));
        (void)snprintf(owner, sizeof(owner), "%s", name);
        if (strlen(owner) > 8 && strcmp(owner + strlen(owner) - 8, "_inserts") == 0)
            owner[strlen(owner) - 8] = 0;
        mr_buf_clear(&publish->catalog->sql->text);
        mr_buf_add_str(&publish->catalog->sql->text,
                       "SELECT pg_catalog.pg_try_advisory_xact_lock(" TAIL_LOCK ", hashtext(");
        mr_pg_add_literal(&publish->catalog->sql->text, owner);
        mr_buf_add_str(&publish->catalog->sql->text, "))");
        rc = mr_pg_ask_text(publish->catalog->sql, "see whether that tail is alive", &locked, err);
        if (rc == 0 && mr_pg_true(locked, 0, 0)) {
            mr_buf_clear(&publish->catalog->sql->text);
            mr_buf_add_str(&publish->catalog->sql->text, "DROP PUBLICATION IF EXISTS ");
            mr_pg_add_name(&publish->catalog->sql->text, mr_slice_str(name));
            mr_pg_try(publish->catalog->sql->conn, mr_buf_cstr(&publish->catalog->sql->text));
        }
        PQclear(locked);
    }
    PQclear(result);
    return rc;
}

static int lock_name(struct mr_pg_publish *publish, struct mr_err *err)
{
    mr_buf_clear(&publish->catalog->sql->text);
    mr_buf_add_str(&publish->catalog->sql->text,
                   "SELECT pg_catalog.pg_advisory_lock(" TAIL_LOCK ", hashtext(");
    mr_pg_add_literal(&publish->catalog->sql->text, publish->published->publication);
    mr_buf_add_str(&publish->catalog->sql->text, "))");
    return mr_pg_tell_text(publish->catalog->sql, "lock the tail's name", err);
}

int mr_pg_no_tables(struct mr_pg_publish *publish, struct mr_err *err)
{
    const struct mr_option_list *tables = &publish->config->capture.tables;

    mr_err_set(err, MR_CONFIG, "source.no_tables", "no table of database %s matches %s%s%s",
               publish->catalog->server->database, tables->count ? "\"" : "",
               tables->count ? tables->items[0] : "(all tables)", tables->count ? "\"" : "");
    mr_err_hint(
        err, "See what there is: psql -c '\\dt *.*'. Patterns are schema.table, with case as the "
             "database has it.");
    return MR_CONFIG;
}

int mr_pg_publication_ensure(struct mr_pg_publish *publish, struct mr_err *err)
{
    struct mr_pg_candidates candidates;
    bool exists;
    int rc = mr_pg_publication_look(publish, &exists, err);

    if (rc == 0)
        rc = mr_pg_candidates_load(publish->catalog, publish->arena, &candidates, err);
    if (rc < 0)
        return rc;
    if (exists) {
        struct mr_err found;
        mr_pg_publication_left_out(publish, &found);
        if (found.code[0])
            mr_note(publish->catalog->context, MR_LOG_WARN, found.code, "%s; %s", found.text,
                    found.hint);
        return publish->temporary ? 0 : mr_pg_publication_follow(publish, true, err);
    }
    rc = mr_pg_breaks_judge(publish, &candidates, false, err);
    if (rc < 0)
        return rc;
    if (candidates.count == 0 && publish->config->publication.create != MR_PG_CREATE_ALL_TABLES)
        return mr_pg_no_tables(publish, err);
    if (publish->config->publication.create == MR_PG_CREATE_NEVER && !publish->temporary)
        return mr_pg_publication_missing(publish, &candidates, err);
    if (publish->temporary) {
        rc = drop_leftovers(publish, err);
        if (rc == 0)
            rc = lock_name(publish, err);
    }
    if (rc == 0)
        rc = create(publish, &candidates, err);
    if (rc == 0 && publish->config->publication.create != MR_PG_CREATE_ALL_TABLES)
        note_without_identity(publish, &candidates);
    return rc;
}

int mr_pg_publication_gone(struct mr_pg_publish *publish, const char *message, struct mr_err *err)
{
    mr_err_set(err, MR_GAP, "source.publication_gone",
               "publication %s does not exist at the place in the log that is to be read%s%s",
               publish->published->publication, message ? ": " : "", message ? message : "");
    mr_err_hint(
        err,
        "It was dropped, or made after the slot. The changes in between cannot be read. To go on "
        "from now, accepting that: create it again, drop the slot, then\n  millrace checkpoint "
        "set %s now",
        publish->catalog->context->pipeline);
    return MR_GAP;
}

void mr_pg_publication_drop(struct mr_pg_publish *publish)
{
    mr_buf_clear(&publish->catalog->sql->text);
    mr_buf_add_str(&publish->catalog->sql->text, "DROP PUBLICATION IF EXISTS ");
    mr_pg_add_name(&publish->catalog->sql->text, mr_slice_str(publish->published->publication));
    mr_buf_add_str(&publish->catalog->sql->text, ", ");
    mr_pg_add_name(&publish->catalog->sql->text, mr_slice_str(publish->published->inserts));
    mr_pg_try(publish->catalog->sql->conn, mr_buf_cstr(&publish->catalog->sql->text));
}

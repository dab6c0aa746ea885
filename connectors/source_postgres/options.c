/* The option table of the PostgreSQL source: what a user may write below `source:`, in the words they read.
 *
 * Type and name are keys of every source and are not listed here. Names and defaults follow Debezium's where a
 * user would look for them (snapshot modes, skipped_operations), without its dots. What needs more than one option
 * to be judged is judged in source.c, when the source is made. */
#include "connectors/source_postgres/options.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"

#define AT(field) offsetof(struct mr_pg_config, field)
#define GROUP_AT(field)                                                                            \
    (offsetof(struct mr_pg_config, publication.field) - offsetof(struct mr_pg_config, publication))

static const char *const creates[] = {"filtered", "all_tables", "never", NULL};
static const char *const no_identities[] = {"refuse", "accept", NULL};
static const char *const binaries[] = {"auto", "never", NULL};

static const struct mr_option publication_options[] = {
    {.key = "name",
     .type = MR_OPTION_STRING,
     .offset = GROUP_AT(name),
     .doc = "The publication to read. Default: the slot's name."},
    {.key = "create",
     .type = MR_OPTION_ENUM,
     .offset = GROUP_AT(create),
     .standard = "filtered",
     .choices = creates,
     .doc =
         "What to do when it does not exist: filtered creates it for exactly the tables of "
         "`tables`; "
         "all_tables for every table (needs a superuser, see no_identity); never stops and prints "
         "the SQL. Tables "
         "without a replica identity are published for insert only, in a second publication with "
         "_inserts at the end of its name, because publishing their updates would make the "
         "application's UPDATE fail."},
    {.key = "publish_via_partition_root",
     .type = MR_OPTION_BOOL,
     .offset = GROUP_AT(via_root),
     .standard = "false",
     .doc = "Send the rows of partitions as rows of the partitioned table at the top (13 and "
            "newer): they share its topic, tables and transforms know them by its name, and a row "
            "that moves between partitions is an update. Otherwise they come under the "
            "partition's own name. A publication that exists has its own setting: true refuses "
            "one that is set otherwise."},
    {.key = "no_identity",
     .type = MR_OPTION_ENUM,
     .offset = GROUP_AT(no_identity),
     .standard = "refuse",
     .choices = no_identities,
     .doc = "What to do at a first start when the publication, one of somebody else or one for all "
            "tables, sends updates of tables without a replica identity, so that the "
            "application's own UPDATE and DELETE of them fail: refuse, or accept it with a "
            "warning."},
    {0},
};

const struct mr_option mr_pg_options[] = {
    {.key = "dsn",
     .type = MR_OPTION_STRING,
     .offset = AT(dsn),
     .doc =
         "Where the database is, as libpq writes it: \"host=db dbname=shop user=cdc\" or "
         "postgresql://cdc@db/shop. Every libpq key works (sslmode, service, target_session_attrs, "
         "several hosts). What is missing comes from PGHOST, PGUSER and so on."},
    {.key = "password",
     .type = MR_OPTION_STRING,
     .flags = MR_OPTION_SECRET,
     .offset = AT(password),
     .doc =
         "The password, best as ${file:/run/secrets/pg} or ${env:PGPASSWORD}. Default: what libpq "
         "finds (.pgpass, PGPASSWORD)."},
    MR_CAPTURE_OPTIONS(struct mr_pg_config, capture),
    {.key = "slot",
     .type = MR_OPTION_STRING,
     .offset = AT(slot),
     .doc = "The replication slot, created if absent. Lower case letters, digits and _. Default: "
            "millrace_ and the name of the source."},
    {.key = "publication",
     .type = MR_OPTION_GROUP,
     .offset = AT(publication),
     .group = publication_options,
     .doc = "The publication that says which tables the server sends."},
    {.key = "adopt_slot",
     .type = MR_OPTION_BOOL,
     .offset = AT(adopt_slot),
     .standard = "false",
     .doc = "Take over a slot that exists although this pipeline never made it, and begin where it "
            "stands. Without this such a slot is refused: it may be somebody else's."},
    {.key = "message_prefixes",
     .type = MR_OPTION_LIST,
     .offset = AT(message_prefixes),
     .doc = "Which logical messages (pg_logical_emit_message), by their prefix: patterns as in "
            "tables. Default: all."},
    {.key = "binary",
     .type = MR_OPTION_ENUM,
     .offset = AT(binary),
     .standard = "auto",
     .choices = binaries,
     .doc = "auto asks the server (14 and newer) for values in binary when every type in use can "
            "be read "
            "so; never always reads text. The events are the same."},
    {.key = "decoding_memory",
     .type = MR_OPTION_SIZE,
     .offset = AT(decoding_memory),
     .standard = "256MiB",
     .min = 64 << 10,
     .max = 1LL << 40,
     .doc =
         "logical_decoding_work_mem of our session: how much of unfinished transactions the server "
         "keeps in memory before it writes them to its disk (13 and newer)."},
    {.key = "status_interval",
     .type = MR_OPTION_DURATION,
     .offset = AT(status_interval),
     .standard = "10s",
     .min = 100000000,
     .max = 3600LL * 1000000000,
     .doc = "How often the server is told where we are, at the latest; a quarter of its "
            "wal_sender_timeout when that is less."},
    {0},
};

void mr_pg_shorten(char *name, size_t most)
{
    uint64_t hash = mr_hash(mr_slice_str(name), 0);

    if (strlen(name) > most)
        (void)snprintf(name + most - 9, 10, "_%08x", (unsigned)(hash ^ hash >> 32));
}

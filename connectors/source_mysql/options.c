/* The option table of the MySQL source: what a user may write below `source:`, in the words they read.
 *
 * Type and name are keys of every source and are not listed here; what every source of tables has stands in
 * capture/options.h, where schema means database: MySQL has no schemas of its own. What needs more than one option to
 * be judged is judged in setup.c, when the source is made. */
#include "connectors/source_mysql/options.h"

#include <stddef.h>

#define AT(field) offsetof(struct mr_my_config, field)

static const char *const words[] = {"fail", "warn", NULL};

const struct mr_option mr_my_options[] = {
    {.key = "dsn",
     .type = MR_OPTION_STRING,
     .offset = AT(dsn),
     .doc = "Where the server is: mysql://cdc@db:3306. MySQL or MariaDB is found out."},
    {.key = "password",
     .type = MR_OPTION_STRING,
     .flags = MR_OPTION_SECRET,
     .offset = AT(password),
     .doc = "The password, best as ${file:/run/secrets/mysql} or ${env:MYSQL_PWD}."},
    MR_CAPTURE_OPTIONS(struct mr_my_config, capture),
    {.key = "server_id",
     .type = MR_OPTION_STRING,
     .offset = AT(server_id),
     .standard = "auto",
     .doc = "The number by which the server knows this replica, from 1 to 4294967295; no other "
            "replica of it may have the same. auto makes one of the pipeline's and the source's "
            "name, the same at every start."},
    {.key = "statement_rows",
     .type = MR_OPTION_ENUM,
     .offset = AT(words),
     .standard = "fail",
     .choices = words,
     .doc = "What to do when rows of a captured table were changed by a session that does not log "
            "rows (binlog_format STATEMENT or MIXED), so that they are missing: fail stops the "
            "pipeline, warn notes it and goes on without them."},
    {.key = "largest_event",
     .type = MR_OPTION_SIZE,
     .offset = AT(largest_event),
     .standard = "1GiB",
     .min = 1 << 20,
     .max = 4LL << 30,
     .doc = "A single event of the log above this stops the pipeline instead of taking the memory. "
            "A row is never more than one event."},
    {0},
};

/* Settings that every source of tables has, as a user may write them below `source:`.
 *
 * A source's config struct has a struct mr_capture_options as a member, and its option table begins or ends with
 * MR_CAPTURE_OPTIONS(struct mr_x_config, member). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/option.h"

enum mr_snapshot_mode {
    MR_SNAPSHOT_MODE_INITIAL,
    MR_SNAPSHOT_MODE_INITIAL_ONLY,
    MR_SNAPSHOT_MODE_NO_DATA,
    MR_SNAPSHOT_MODE_WHEN_NEEDED,
};

struct mr_heartbeat_options {
    int64_t interval; /* 0: none */
    const char *topic, *query;
};

struct mr_capture_options {
    struct mr_option_list tables;
    int snapshot; /* enum mr_snapshot_mode */
    struct mr_option_list snapshot_tables;
    struct mr_option_map snapshot_selects;
    struct mr_option_list skipped_operations;
    struct mr_heartbeat_options heartbeat;
    int64_t connect_timeout;
};

extern const struct mr_option mr_heartbeat_option_table[];
extern const char *const mr_snapshot_modes[], *const mr_operation_letters[];

/* The statement that reads this table ("schema.table"); NULL: none was given. */
const char *mr_capture_select_of(const struct mr_capture_options *options, const char *full);

#define MR_CAPTURE_OPTIONS(config, member)                                                         \
    {.key = "tables",                                                                              \
     .type = MR_OPTION_LIST,                                                                       \
     .offset = offsetof(config, member.tables),                                                    \
     .doc = "Which tables: patterns of schema.table with * and ?; a leading ! takes tables out "   \
            "again; /.../ is a regular expression that must match the whole name, without regard " \
            "to case, as in Debezium's lists; a backslash takes the next character as it is. "     \
            "Default: all tables that are not the system's."},                                     \
        {.key = "snapshot",                                                                        \
         .type = MR_OPTION_ENUM,                                                                   \
         .offset = offsetof(config, member.snapshot),                                              \
         .standard = "initial",                                                                    \
         .choices = mr_snapshot_modes,                                                             \
         .doc = "initial reads the tables' rows at the first start, then the changes from "        \
                "exactly there; initial_only ends after the rows; no_data reads changes only; "    \
                "when_needed is initial, and reads the tables again when the position cannot be "  \
                "resumed."},                                                                       \
        {.key = "snapshot_include_collection_list",                                                \
         .type = MR_OPTION_LIST,                                                                   \
         .offset = offsetof(config, member.snapshot_tables),                                       \
         .doc = "Read the rows of these tables only (patterns as in tables). Changes still come "  \
                "from all."},                                                                      \
        {.key = "snapshot_select_statement_overrides",                                             \
         .type = MR_OPTION_MAP,                                                                    \
         .offset = offsetof(config, member.snapshot_selects),                                      \
         .doc = "For single tables (schema.table), the SELECT that reads their rows instead of "   \
                "the whole table. It must give the table's columns."},                             \
        {.key = "skipped_operations",                                                              \
         .type = MR_OPTION_LIST,                                                                   \
         .offset = offsetof(config, member.skipped_operations),                                    \
         .choices = mr_operation_letters,                                                          \
         .standard = "t",                                                                          \
         .doc = "Operations that give no events: c (insert), u (update), d (delete), t "           \
                "(truncate); none skips nothing."},                                                \
        {.key = "heartbeat",                                                                       \
         .type = MR_OPTION_GROUP,                                                                  \
         .flags = MR_OPTION_SHORT,                                                                 \
         .offset = offsetof(config, member.heartbeat),                                             \
         .group = mr_heartbeat_option_table,                                                       \
         .doc = "A record now and then although nothing changes, of Debezium's form, as a sign "   \
                "of life. Its header __millrace.position has the position that is committed with " \
                "it: whoever reads the record has everything up to there."},                       \
    {                                                                                              \
        .key = "connect_timeout", .type = MR_OPTION_DURATION,                                      \
        .offset = offsetof(config, member.connect_timeout), .standard = "10s", .min = 100000000,   \
        .max = 600LL * 1000000000, .doc = "How long one attempt to connect may take."              \
    }

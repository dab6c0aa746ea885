/* The settings of the PostgreSQL source, as the engine fills them from the option table. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/option.h"

enum mr_pg_create { MR_PG_CREATE_FILTERED, MR_PG_CREATE_ALL_TABLES, MR_PG_CREATE_NEVER };
enum mr_pg_snapshot_mode {
    MR_PG_SNAPSHOT_INITIAL,
    MR_PG_SNAPSHOT_INITIAL_ONLY,
    MR_PG_SNAPSHOT_NO_DATA,
    MR_PG_SNAPSHOT_WHEN_NEEDED,
};
enum mr_pg_binary { MR_PG_BINARY_AUTO, MR_PG_BINARY_NEVER };

struct mr_pg_config {
    const char *dsn, *password;
    struct mr_option_list tables;
    const char *slot;
    struct {
        const char *name;
        int create;
        bool via_root; /* publish_via_partition_root */
    } publication;
    struct {
        int64_t interval; /* 0: none */
        const char *topic, *query;
    } heartbeat;
    int snapshot;
    struct mr_option_list snapshot_tables;
    struct mr_option_map snapshot_selects;
    bool adopt_slot;
    struct mr_option_list skipped_operations, message_prefixes;
    int binary;
    int64_t decoding_memory;
    int64_t status_interval, connect_timeout;
};

extern const struct mr_option mr_pg_options[];

/* The settings of the PostgreSQL source, as the engine fills them from the option table. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/option.h"
#include "capture/options.h"

enum mr_pg_create { MR_PG_CREATE_FILTERED, MR_PG_CREATE_ALL_TABLES, MR_PG_CREATE_NEVER };
enum mr_pg_no_identity { MR_PG_NO_IDENTITY_REFUSE, MR_PG_NO_IDENTITY_ACCEPT };
enum mr_pg_binary { MR_PG_BINARY_AUTO, MR_PG_BINARY_NEVER };

struct mr_pg_config {
    const char *dsn, *password;
    struct mr_capture_options capture;
    const char *slot;
    struct {
        const char *name;
        int create;
        bool via_root;   /* publish_via_partition_root */
        int no_identity; /* enum mr_pg_no_identity */
    } publication;
    bool adopt_slot;
    struct mr_option_list message_prefixes;
    int binary;
    int64_t decoding_memory;
    int64_t status_interval;
};

extern const struct mr_option mr_pg_options[];

/* Cuts a name that we made to `most` bytes, and then ends it with a hash of all of it, so that two long ones still
 * differ. */
void mr_pg_shorten(char *name, size_t most);

/* Driving the PostgreSQL source in a test, as the engine drives it: open, start, read until nothing comes, close.
 *
 * Each run has a database, a slot and a publication of its own; what it read is kept as one line a change, values
 * and all, so that two readings can be compared. Failures fail the cmocka test that runs. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libpq-fe.h>

#include "connectors/source_postgres/options.h"
#include "engine/events/transactions.h"
#include "plug/source.h"
#include "test/support/pg_server.h"

#define PG_RUN_MAX 4000

extern struct pg_server pg_run_server;
extern const struct mr_source *pg_run_source;

/* One pipeline: settings, state, and what it has given so far. */
struct pg_run {
    struct mr_pg_config config;
    char dsn[200], database[32];
    struct mr_counters counters;
    atomic_bool stopping;
    struct mr_context context;
    struct mr_source_args args;
    char resume[20000];
    struct mr_err err;
    /* for counting: what the engine does with args.boundaries */
    struct mr_pipeline_config pipeline;
    struct mr_transactions transactions; /* open while the source is, if args.boundaries */
    void *state;
    bool opened;
    PGconn *sql;
    char noted[20000];
    char *seen[PG_RUN_MAX]; /* one line a change, values and all */
    char *positions[PG_RUN_MAX];
    bool whole[PG_RUN_MAX];
    size_t seen_count, batches;
    struct mr_table *table; /* of the last change seen, referenced; NULL: none */
    uint64_t last_number;
    bool silent; /* confirm nothing */
    bool gaps;   /* changes that are not wanted take numbers */
    bool last;
};

/* A new database and the settings for it; nothing is opened. */
void pg_run_begin(struct pg_run *run);
/* ... with table t(id, v) and its first two rows read: position at the end, closed. */
void pg_run_begin_used(struct pg_run *run);
void pg_run_end(struct pg_run *run);

void pg_run_sql(struct pg_run *run, const char *text);
/* The first field of the first row; valid until the next call. */
const char *pg_run_one(struct pg_run *run, const char *text);

int pg_run_try_open(struct pg_run *run);
int pg_run_try_start(struct pg_run *run);
void pg_run_start(struct pg_run *run);
void pg_run_hang_up(struct pg_run *run);
/* Reads until all that is committed at the call was read and nothing new came for 100 ms, `most` batches with a
 * position came, or the source is done. */
int pg_run_read_some(struct pg_run *run, size_t most);
void pg_run_read_all(struct pg_run *run);
/* The position the next open is given; replace changes the value of one of its keys. */
void pg_run_resume_at(struct pg_run *run, const char *position);
void pg_run_replace(struct pg_run *run, const char *key, const char *value);
void pg_run_expect_code(struct pg_run *run, int rc, int class, const char *code);
/* Asks until the answer is `wanted`; what ends a session ends it a moment later. */
void pg_run_wait(struct pg_run *run, const char *text, const char *wanted);
/* Until no session holds a slot of this database. */
void pg_run_wait_left(struct pg_run *run);
void pg_run_drop_slot(struct pg_run *run);
/* SELECT how, with NAME replaced by the run's slot. */
void pg_run_make_slot(struct pg_run *run, const char *how);

/* Starts the server, runs the tests, stops it; 77 when there is no server. */
#define PG_RUN_TESTS(tests)                                                                        \
    (pg_run_start_server() ? pg_run_stop_server(cmocka_run_group_tests((tests), NULL, NULL)) : 77)
bool pg_run_start_server(void);
int pg_run_stop_server(int failed);

/* What every connector has in common, and how one is found by name.
 *
 * connectors/connectors.def lists them, one line each; a line makes CMake add the folder and plug.c list the
 * symbol. Each folder exports exactly one symbol, a const struct with designated initialisers, last thing in
 * its file: `const struct mr_sink mr_sink_kafka = {...}`. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/option.h"
#include "base/slice.h"

struct mr_source;
struct mr_transform;
struct mr_encoder;
struct mr_sink;

const struct mr_source *mr_plug_source(const char *name); /* NULL when there is none */
const struct mr_transform *mr_plug_transform(const char *name);
const struct mr_encoder *mr_plug_encoder(const char *name);
const struct mr_sink *mr_plug_sink(const char *name);
/* NULL-terminated lists in the order of connectors.def, for help, schema and contract tests. */
const struct mr_source *const *mr_plug_sources(void);
const struct mr_transform *const *mr_plug_transforms(void);
const struct mr_encoder *const *mr_plug_encoders(void);
const struct mr_sink *const *mr_plug_sinks(void);

/* Something a user should know that is no failure: "type box of column t.b arrives as text". Connectors do not
 * log; they note. Any thread of the pipeline may call it. level is an enum mr_log_level. */
struct mr_notes {
    void (*note)(void *state, int level, const char *code, const char *format, ...) MR_PRINTF(4, 5);
    void *state;
};

/* One finding of a preflight, for `check --environment` and the start. */
enum mr_finding_level {
    MR_FINDING_PASS,
    MR_FINDING_WARN,
    MR_FINDING_FAIL,
    MR_FINDING_DENIED, /* a FAIL for want of a right: exit code 77, as a run would have */
    MR_FINDING_GAP,    /* a FAIL because changes are missing: exit code 65, as a run would have */
    MR_FINDING_LEVELS
};
/* What an error that would end a run is as a finding. */
static inline enum mr_finding_level mr_finding_of(const struct mr_err *err)
{
    if (err->class == MR_GAP)
        return MR_FINDING_GAP;
    return err->exit_code == 77 ? MR_FINDING_DENIED : MR_FINDING_FAIL;
}
struct mr_findings {
    void (*add)(void *state, enum mr_finding_level level, const char *code, const char *text,
                const char *hint); /* hint: the SQL or command that mends it; NULL = none */
    void *state;
};

/* Counters of one pipeline. Each is written by one thread only, with relaxed stores; a scrape reads them. */
struct mr_counters {
    _Atomic uint64_t source_bytes, source_transactions, source_reconnects;
    _Atomic uint64_t source_reads, source_creates, source_updates, source_deletes, source_truncates,
        source_messages, source_filtered, source_schema_changes, source_decode_errors;
    _Atomic uint64_t source_position, source_server_position; /* LSNs: lag in bytes */
    _Atomic int64_t source_last_commit_us;
    _Atomic uint64_t encoded_records, encoded_bytes;
    _Atomic uint64_t encode_nulled,
        encode_skipped; /* values and events that could not be converted */
    _Atomic uint64_t sink_records, sink_bytes, sink_commits, sink_aborts, sink_retries,
        sink_rotations, dead_letters;
    _Atomic int64_t checkpoint_us;
    _Atomic uint64_t queue_bytes, blocked_ns;
    _Atomic uint64_t snapshot_rows, snapshot_rows_estimated, snapshot_tables, snapshot_tables_done;
};

static inline void mr_count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

/* What every open() is given. All pointers outlive the instance. */
struct mr_context {
    const char *pipeline;        /* the pipeline's name in the file */
    const char *server;          /* logical server name (source.name): Debezium's topic.prefix */
    const char *state_directory; /* for what may be lost; nobody uses it yet; may be NULL */
    struct mr_notes notes;
    struct mr_counters *counters;
    const atomic_bool *stopping; /* true once a stop was asked for: return soon */
};

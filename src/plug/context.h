/* What every connector is given and gives back besides its own interface: notes, findings, counters, and the context
 * of the pipeline it runs in. Includes nothing of the interfaces, which all include it. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/option.h"
#include "base/slice.h"

/* Something a user should know that is no failure: "type box of column t.b arrives as text". Connectors do not
 * log; they note. Any thread of the pipeline may call it. level is an enum mr_log_level. */
struct mr_notes {
    void (*note)(void *state, int level, const char *code, const char *format, ...) MR_PRINTF(4, 5);
    void *state;
};

/* Notes it, where somebody listens. */
#define mr_note(context, level, code, ...)                                                         \
    ((context)->notes.note                                                                         \
         ? (context)->notes.note((context)->notes.state, (level), (code), __VA_ARGS__)             \
         : (void)0)

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

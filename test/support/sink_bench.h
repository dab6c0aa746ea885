/* Driving one sink by hand, for tests of sinks that keep things on disk: open, write, commit, wait. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plug/sink.h"

struct mr_bench {
    const struct mr_sink *sink;
    void *state;
    struct mr_context context;
    struct mr_sink_args args;
    struct mr_buf checkpoint; /* what open() answered */
    uint64_t next_commit;
    uint64_t durable;
    size_t written, released;   /* batches */
    bool snapshot;              /* changes are rows of a snapshot */
    bool types;                 /* the sink takes changes: batches hold rows of (id, n) */
    struct mr_table *tables[8]; /* by topic, then */
    char notes[512];            /* codes of all notes, each followed by a space */
};

/* config outlives the bench. Returns what open() returned. */
int mr_bench_open(struct mr_bench *bench, const struct mr_sink *sink, const void *config,
                  const char *owner, struct mr_err *err);
/* The same; `noted` is what the sink keeps of its claim from one open to the next. */
int mr_bench_open_noting(struct mr_bench *bench, const struct mr_sink *sink, const void *config,
                         const char *owner, struct mr_sink_claim *noted, struct mr_err *err);
void mr_bench_close(struct mr_bench *bench);
/* A batch of `count` records of `topic`, numbered from `first`, with values {"n":<number>}, or rows (1, number) for a
 * sink that takes changes; the transaction commits at `commit_us`. Polls while the sink is full. */
int mr_bench_write(struct mr_bench *bench, const char *topic, uint64_t first, size_t count,
                   int64_t commit_us, struct mr_err *err);
/* Asks for a commit with this checkpoint and waits until it is durable; returns what poll() says. */
int mr_bench_commit(struct mr_bench *bench, bool claim, const char *checkpoint, struct mr_err *err);
/* Drops what is not committed; the batches count as released. */
int mr_bench_abort(struct mr_bench *bench, struct mr_err *err);

/* Findings kept as text: "FAIL files.missing ...\n" a line. */
struct mr_bench_findings {
    struct mr_buf text;
    size_t passes, warnings, failures;
};
struct mr_findings mr_bench_findings_init(struct mr_bench_findings *findings);

/* How far a snapshot is, said while it runs: a bar on a terminal, a log line every ten seconds otherwise. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "plug/context.h"

struct mr_progress {
    int fd; /* the terminal the bar is drawn on; -1 = log lines instead */
    int64_t begun_ns, said_ns;
    uint64_t rows_at_begin; /* a resumed snapshot counts on */
    bool drawn;
    struct mr_log_site said, ended; /* this pipeline's lines, not all pipelines' together */
};

/* bar: draw on standard error if it is a terminal. */
void mr_progress_init(struct mr_progress *progress, bool bar);
/* Called often while snapshotting; says something when it is time. */
void mr_progress_tick(struct mr_progress *progress, const char *pipeline,
                      const struct mr_counters *counters, int64_t now_ns);
/* The snapshot is over, or was cut: the last line. Harmless when none ever ran. */
void mr_progress_end(struct mr_progress *progress, const char *pipeline,
                     const struct mr_counters *counters, int64_t now_ns);
/* One line of text for the state of things, without colour: what the bar shows. At least 160 bytes. */
void mr_progress_format(const struct mr_progress *progress, const struct mr_counters *counters,
                        int64_t now_ns, char *ret_text, size_t room);

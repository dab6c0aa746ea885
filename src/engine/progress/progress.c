/* Telling how far a snapshot is.
 *
 *     [#########...............] 38 % | 760000 of about 2000000 rows | 310000 rows/s | 4 s left | table 2 of 7
 *
 * Rows come from the source's counters, the estimate from the server's statistics, so the bar can pass a hundred
 * percent on a table that was never analysed; it is then shown full and the time left is not. The rate is the mean
 * since the snapshot began here: a resumed one starts its own. Nothing is measured for this: it reads counters that are
 * kept anyway, on the writer thread, twice a second at most. */
#include "engine/progress/progress.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define BAR_WIDTH 24
#define BAR_NS    (500 * MR_MS_NS)
#define LINE_NS   (10 * MR_SECOND_NS)

struct view {
    uint64_t rows, estimated, tables, done;
    uint64_t rate;    /* rows a second */
    int64_t left_s;   /* -1: cannot be told */
    unsigned percent; /* 0..100 */
};

static struct view look(const struct mr_progress *progress, const struct mr_counters *counters,
                        int64_t now_ns)
{
    struct view view = {
        .rows = atomic_load_explicit(&counters->snapshot_rows, memory_order_relaxed),
        .estimated = atomic_load_explicit(&counters->snapshot_rows_estimated, memory_order_relaxed),
        .tables = atomic_load_explicit(&counters->snapshot_tables, memory_order_relaxed),
        .done = atomic_load_explicit(&counters->snapshot_tables_done, memory_order_relaxed),
        .left_s = -1,
    };
    int64_t elapsed_ms = (now_ns - progress->begun_ns) / MR_MS_NS;

    if (progress->begun_ns && elapsed_ms > 0)
        view.rate = (view.rows - progress->rows_at_begin) * 1000 / (uint64_t)elapsed_ms;
    if (view.estimated > 0)
        view.percent =
            (unsigned)(view.rows >= view.estimated ? 100 : view.rows * 100 / view.estimated);
    if (view.rate > 0 && view.rows < view.estimated)
        view.left_s = (int64_t)((view.estimated - view.rows) / view.rate);
    return view;
}

void mr_progress_init(struct mr_progress *progress, bool bar)
{
    *progress = (struct mr_progress){.fd = bar && isatty(STDERR_FILENO) ? STDERR_FILENO : -1};
}

static uint64_t table_at_hand(const struct view *view)
{
    return view->done < view->tables ? view->done + 1 : view->tables;
}

void mr_progress_format(const struct mr_progress *progress, const struct mr_counters *counters,
                        int64_t now_ns, char *ret_text, size_t room)
{
    struct view view = look(progress, counters, now_ns);
    unsigned full = view.percent * BAR_WIDTH / 100;
    char bar[BAR_WIDTH + 1], left[40] = "";

    memset(bar, '#', full);
    memset(bar + full, '.', BAR_WIDTH - full);
    bar[BAR_WIDTH] = '\0';
    if (view.left_s >= 0)
        snprintf(left, sizeof left, " | %" PRId64 " s left", view.left_s);
    snprintf(ret_text, room,
             "[%s] %u %% | %" PRIu64 " of about %" PRIu64 " rows | %" PRIu64
             " rows/s%s | table %" PRIu64 " of %" PRIu64,
             bar, view.percent, view.rows, view.estimated, view.rate, left, table_at_hand(&view),
             view.tables);
}

static void draw(struct mr_progress *progress, const struct mr_counters *counters, int64_t now_ns)
{
    char text[256], line[300];
    int length;

    mr_progress_format(progress, counters, now_ns, text, sizeof text);
    length = snprintf(line, sizeof line, "\r%s\033[K", text);
    if (length > 0 && write(progress->fd, line, (size_t)length) < 0)
        progress->fd = -1;
    progress->drawn = true;
}

static void log_line(struct mr_progress *progress, struct mr_log_site *site, const char *pipeline,
                     const char *msg, const struct mr_counters *counters, int64_t now_ns)
{
    struct view view = look(progress, counters, now_ns);

    if (mr_log_enabled(MR_LOG_INFO))
        mr_log_write(site, MR_LOG_INFO, pipeline, msg,
                     (const struct mr_log_field[]){MR_U("rows", view.rows),
                                                   MR_U("rows_estimated", view.estimated),
                                                   MR_U("rows_per_second", view.rate),
                                                   MR_I("seconds_left", view.left_s),
                                                   MR_U("table", table_at_hand(&view)),
                                                   MR_U("tables", view.tables),
                                                   {0}});
}

void mr_progress_tick(struct mr_progress *progress, const char *pipeline,
                      const struct mr_counters *counters, int64_t now_ns)
{
    if (progress->begun_ns == 0) {
        progress->begun_ns = progress->said_ns = now_ns;
        progress->rows_at_begin =
            atomic_load_explicit(&counters->snapshot_rows, memory_order_relaxed);
        return;
    }
    if (now_ns - progress->said_ns < (progress->fd >= 0 ? BAR_NS : LINE_NS))
        return;
    progress->said_ns = now_ns;
    if (progress->fd >= 0)
        draw(progress, counters, now_ns);
    else
        log_line(progress, &progress->said, pipeline, "snapshot progress", counters, now_ns);
}

void mr_progress_end(struct mr_progress *progress, const char *pipeline,
                     const struct mr_counters *counters, int64_t now_ns)
{
    if (progress->begun_ns == 0)
        return;
    if (progress->drawn) {
        draw(progress, counters, now_ns);
        (void)!write(progress->fd, "\n", 1);
    }
    log_line(progress, &progress->ended, pipeline, "snapshot ended", counters, now_ns);
    mr_progress_init(progress, progress->fd >= 0);
}

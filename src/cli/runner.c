/* The controlling thread of a run: starts pipelines, listens for signals, counts the ends.
 *
 *     SIGINT, SIGTERM   first: all pipelines stop reading, deliver, commit (at most limits.drain), exit code 0
 *                       second: 130 or 143 at once; what was not committed is read again at the next start
 *                       a call of the kernel or a library that does not return (a disk or a mount that hangs) is waited
 *                       for LATE_NS beyond that limit and then left
 *     SIGUSR1           sinks roll their files
 *
 * The signals are blocked before the first thread starts, so every thread inherits the block and only
 * signalfd sees them. Between two looks at it the thread waits for a pipeline to end, at most TICK_NS: an end is
 * noticed at once, a signal within a tenth of a second, and an idle process wakes ten times a second.
 *
 * Pipelines do not know of each other: one that fails leaves the others running, and the exit code is the worst
 * of all, by the order in `severity`. */
#include "cli/runner.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#define TICK_NS (250 * MR_MS_NS)
#define LATE_NS (2 * MR_SECOND_NS)

struct running {
    struct mr_pipeline *pipeline; /* NULL: did not start, or was freed */
    struct mr_pipeline_status status;
    struct mr_counters counters;
    int code;
    bool ended;
};

static void watch_signals(int *ret_fd, sigset_t *ret_before)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, ret_before);
    *ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The next signal that came, or 0. */
static int next_signal(int fd)
{
    struct signalfd_siginfo info;

    return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

static int severity(int code)
{
    static const int worst_last[] = {MR_EXIT_OK,     MR_EXIT_FAILURE, MR_EXIT_UNAVAILABLE,
                                     MR_EXIT_FENCED, MR_EXIT_CONFIG,  MR_EXIT_PERMISSION,
                                     MR_EXIT_GAP,    MR_EXIT_SOFTWARE};

    for (int i = 0; i < (int)(sizeof(worst_last) / sizeof(worst_last[0])); i++) {
        if (worst_last[i] == code)
            return i;
    }
    return 1;
}

static void start(struct mr_runner *runner, struct running *running, size_t i)
{
    struct mr_err err;

    mr_err_clear(&err);
    if (mr_pipeline_start(runner->configs[i], &runner->options, &running->pipeline, &err) == 0)
        return;
    running->pipeline = NULL;
    running->status = (struct mr_pipeline_status){.state = MR_PIPELINE_FAILED, .err = err};
    running->code = mr_err_exit(&err);
    running->ended = true;
}

static void collect(struct running *running)
{
    mr_pipeline_get_status(running->pipeline, &running->status);
    memcpy((void *)&running->counters, (const void *)mr_pipeline_counters(running->pipeline),
           sizeof(running->counters));
    running->code = mr_pipeline_free(running->pipeline);
    running->pipeline = NULL;
    running->ended = true;
}

/* Waits a tick for the first pipeline that still runs and takes in those that ended; how many still run. */
static size_t wait_a_tick(struct mr_runner *runner, struct running *all)
{
    int64_t deadline = mr_clock_mono_ns() + TICK_NS;
    size_t left = 0;

    for (size_t i = 0; i < runner->count; i++) {
        if (all[i].ended)
            continue;
        if (mr_pipeline_wait(all[i].pipeline, left == 0 ? deadline : 0))
            collect(&all[i]);
        else
            left++;
    }
    return left;
}

static void tell(struct mr_runner *runner, struct running *all, int signal)
{
    for (size_t i = 0; i < runner->count; i++) {
        if (all[i].ended)
            continue;
        if (signal == SIGUSR1)
            mr_pipeline_roll(all[i].pipeline);
        else
            mr_pipeline_stop(all[i].pipeline, false);
    }
}

/* No pipeline may take longer to stop. */
static int64_t stop_deadline(const struct mr_runner *runner)
{
    int64_t longest = 0;

    for (size_t i = 0; i < runner->count; i++) {
        if (runner->configs[i]->drain_ns > longest)
            longest = runner->configs[i]->drain_ns;
    }
    return mr_clock_mono_ns() + longest + LATE_NS;
}

/* Those that have not ended by now hang where nobody can wake them. */
static void leave_behind(struct mr_runner *runner, struct running *all)
{
    for (size_t i = 0; i < runner->count; i++) {
        struct running *running = &all[i];
        if (running->ended)
            continue;
        mr_pipeline_get_status(running->pipeline, &running->status);
        memcpy((void *)&running->counters, (const void *)mr_pipeline_counters(running->pipeline),
               sizeof(running->counters));
        running->code = MR_EXIT_FAILURE;
        mr_err_set(&running->status.err, MR_RETRY, "pipeline.drain_cut",
                   "pipeline %s does not stop: something it waits for does not answer; what was "
                   "not committed is read again at the next start",
                   runner->configs[i]->name);
        running->status.err.exit_code = MR_EXIT_FAILURE;
        mr_log(MR_LOG_ERROR, runner->configs[i]->name, "pipeline failed",
               MR_ERR_FIELDS(&running->status.err));
    }
}

/* 0 when all have ended; 128 + signal when a second one cut that short; MR_EXIT_LEFT when some do not end. */
static int wait_for_all(struct mr_runner *runner, struct running *all, int signals)
{
    bool stopped = false;
    int64_t deadline_ns = INT64_MAX;

    while (wait_a_tick(runner, all) > 0) {
        int signal;
        if (mr_clock_mono_ns() >= deadline_ns) {
            leave_behind(runner, all);
            return MR_EXIT_LEFT;
        }
        while ((signal = next_signal(signals)) != 0) {
            if (signal == SIGUSR1) {
                tell(runner, all, signal);
            } else if (stopped) {
                return 128 + signal;
            } else {
                stopped = true;
                deadline_ns = stop_deadline(runner);
                if (!runner->options.quiet)
                    mr_log(MR_LOG_INFO, NULL, "stopping: a second signal ends at once",
                           MR_S("signal", signal == SIGINT ? "SIGINT" : "SIGTERM"));
                tell(runner, all, signal);
            }
        }
    }
    return 0;
}

static void add_result(struct mr_cli *cli, const char *name, const struct running *running)
{
    struct mr_buf *json = &cli->result;
    const struct mr_counters *counters = &running->counters;

    mr_buf_add_str(json, json->data[json->size - 1] == '[' ? "{" : ",{");
    mr_cli_json_str(json, "name", name);
    mr_cli_json_str(json, "state", mr_pipeline_state_name(running->status.state));
    mr_cli_json_num(json, "exit_code", (uint64_t)running->code);
    mr_cli_json_num(json, "transactions", counters->source_transactions);
    mr_cli_json_num(json, "records", counters->sink_records);
    mr_cli_json_num(json, "bytes", counters->sink_bytes);
    mr_cli_json_num(json, "commits", counters->sink_commits);
    mr_cli_json_num(json, "dead_letters", counters->dead_letters);
    mr_cli_json_num(json, "nulled", counters->encode_nulled);
    mr_cli_json_num(json, "skipped", counters->encode_skipped);
    if (running->code != 0) {
        mr_cli_json_str(json, "code", running->status.err.code);
        mr_cli_json_str(json, "error", running->status.err.text);
        mr_cli_json_str(json, "hint", running->status.err.hint);
    }
    mr_buf_add_str(json, "}");
}

/* What was sent otherwise than it is in the database, by the user's leave. */
static void log_losses(const char *name, const struct mr_counters *counters)
{
    if (counters->encode_nulled > 0 || counters->encode_skipped > 0)
        mr_log(MR_LOG_WARN, name, "not all could be sent as it is in the database",
               MR_U("nulled", counters->encode_nulled), MR_U("skipped", counters->encode_skipped));
}

/* Results of all, the worst code, and its error as the command's. */
static int sum_up(struct mr_runner *runner, const struct running *all)
{
    struct mr_cli *cli = runner->cli;
    int worst = 0;
    size_t failed = 0;

    mr_buf_add_str(&cli->result, "{\"pipelines\":[");
    for (size_t i = 0; i < runner->count; i++) {
        add_result(cli, runner->configs[i]->name, &all[i]);
        log_losses(runner->configs[i]->name, &all[i].counters);
        failed += all[i].code != 0;
        if (severity(all[i].code) > severity(worst)) {
            worst = all[i].code;
            cli->err = all[i].status.err;
        }
    }
    mr_buf_add_str(&cli->result, "]}");
    if (worst == 0)
        mr_err_clear(&cli->err);
    cli->ok = worst == 0;
    if (!runner->options.quiet)
        mr_buf_printf(&cli->summary, "%zu of %zu pipelines ended well", runner->count - failed,
                      runner->count);
    return worst;
}

int mr_runner_run(struct mr_runner *runner)
{
    struct running *all = mr_alloc_zero((runner->count + 1) * sizeof(*all));
    sigset_t before;
    int signals, code;

    watch_signals(&signals, &before);
    for (size_t i = 0; i < runner->count; i++)
        start(runner, &all[i], i);
    code = wait_for_all(runner, all, signals);
    if (code != 0)
        return code == MR_EXIT_LEFT ? MR_EXIT_LEFT + sum_up(runner, all) : code;
    close(signals);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    code = sum_up(runner, all);
    free(all);
    return code;
}

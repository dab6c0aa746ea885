/* millrace files verify: proves that a directory of the file sink holds what it says it holds.
 *
 * What is checked (order, completeness, uniqueness, checksums) is the sink's knowledge; this verb asks the sink
 * that has it. Every finding is listed; the exit code is 65 when something does not hold, because that means
 * missing or changed data. */
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "plug/plug.h"
#include "plug/sink.h"

struct report {
    struct mr_cli *cli;
    size_t counts[3];
};

static void add_finding(void *state, enum mr_finding_level level, const char *code,
                        const char *text, const char *hint)
{
    static const char *const names[] = {"pass", "warn", "fail"}, *const marks[] = {"ok  ", "warn",
                                                                                   "FAIL"};
    struct report *report = state;
    struct mr_buf *json = &report->cli->result;

    report->counts[level]++;
    mr_buf_add_str(json, json->data[json->size - 1] == '[' ? "{" : ",{");
    mr_cli_json_str(json, "level", names[level]);
    mr_cli_json_str(json, "code", code);
    mr_cli_json_str(json, "text", text);
    mr_cli_json_str(json, "hint", hint);
    mr_buf_add_str(json, "}");
    if (level == MR_FINDING_PASS && report->cli->quiet)
        return;
    mr_buf_printf(&report->cli->text, "%s  %s", marks[level], text);
    mr_buf_printf(&report->cli->text, level == MR_FINDING_PASS ? "\n" : " (%s)\n", code);
    if (level != MR_FINDING_PASS && hint)
        mr_buf_printf(&report->cli->text, "      %s\n", hint);
}

static int run(struct mr_cli *cli)
{
    const struct mr_sink *sink = mr_plug_sink("file");
    struct report report = {.cli = cli};
    struct mr_findings findings = {add_finding, &report};
    int rc;

    if (!sink || !sink->files)
        return mr_cli_usage(cli, "usage.unknown_verb", "this build has no file sink");
    mr_buf_add_str(&cli->result, "{\"findings\":[");
    rc = sink->files->verify(cli->args[0], &findings, &cli->err);
    mr_buf_add_str(&cli->result, "]}");
    if (rc < 0)
        return mr_err_exit(&cli->err);
    cli->ok = report.counts[MR_FINDING_FAIL] == 0;
    mr_buf_printf(&cli->summary, "%zu passed, %zu warnings, %zu failed",
                  report.counts[MR_FINDING_PASS], report.counts[MR_FINDING_WARN],
                  report.counts[MR_FINDING_FAIL]);
    return cli->ok ? MR_EXIT_OK : MR_EXIT_GAP;
}

const struct mr_verb mr_verb_files_verify = {
    .name = "files verify",
    .arguments = "DIRECTORY",
    .summary = "prove order, completeness, uniqueness and checksums of a file sink's directory",
    .least = 1,
    .most = 1,
    .names = true,
    .run = run,
};

/* millrace check: is this configuration right, and with --environment: would it run here?
 *
 * Four levels: syntax, tables, cross-references (all by loading the file), and the environment: each pipeline's
 * checkpoint, source and sink are asked for their preflight, which connects and looks but changes nothing.
 *
 *     shop
 *       ok    wal_level is logical
 *       FAIL  table public.audit has no replica identity (source.no_identity)
 *             ALTER TABLE public.audit REPLICA IDENTITY FULL;
 *
 * A finding is no error of the command. The exit code is 78 when something must be mended, 77 when a right is among
 * it, 65 when changes are missing, or that of the error that kept a preflight from looking (69 unreachable, 77 no
 * permission). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/inspect.h"

static const struct mr_flag flags[] = {
    {"config", 'c', "FILE", "a configuration file, besides the arguments"},
    {"pipeline", 'p', "NAME", "only this pipeline; may be repeated"},
    {"environment", 'e', NULL, "also connect, and check servers, rights and directories"},
    {0}};

static const char *const level_names[] = {"pass", "warn", "fail", "fail", "fail"};
static const char *const marks[MR_FINDING_LEVELS] = {"ok  ", "warn", "FAIL", "FAIL", "FAIL"};
static const char *const colours[] = {"\033[32mok  \033[0m", "\033[33mwarn\033[0m",
                                      "\033[31mFAIL\033[0m", "\033[31mFAIL\033[0m",
                                      "\033[31mFAIL\033[0m"};

struct report {
    struct mr_cli *cli;
    const char *pipeline;
    size_t counts[MR_FINDING_LEVELS];
};

static void add_finding(void *state, enum mr_finding_level level, const char *code,
                        const char *text, const char *hint)
{
    struct report *report = state;
    struct mr_buf *out = &report->cli->text, *json = &report->cli->result;
    const char *mark = mr_cli_colour(1) ? colours[level] : marks[level];

    mr_buf_add_str(json, json->data[json->size - 1] == '[' ? "{" : ",{");
    mr_cli_json_str(json, "pipeline", report->pipeline);
    mr_cli_json_str(json, "level", level_names[level]);
    mr_cli_json_str(json, "code", code);
    mr_cli_json_str(json, "text", text);
    mr_cli_json_str(json, "hint", hint);
    mr_buf_add_str(json, "}");
    if (level == MR_FINDING_PASS && report->cli->quiet) {
        report->counts[level]++;
        return;
    }
    mr_buf_printf(out, "  %s  %s", mark, text);
    mr_buf_printf(out, level == MR_FINDING_PASS ? "\n" : " (%s)\n", code);
    while (level != MR_FINDING_PASS && hint && *hint) {
        size_t line = strcspn(hint, "\n");
        mr_buf_printf(out, "        %.*s\n", (int)line, hint);
        hint += line + (hint[line] == '\n');
    }
    report->counts[level]++;
}

/* What kept a preflight from looking is a finding as well. */
static void keep_worst(struct report *report, const struct mr_err *err, int *code)
{
    add_finding(report, mr_finding_of(err), err->code, err->text, err->hint[0] ? err->hint : NULL);
    if (*code == MR_EXIT_OK)
        *code = mr_err_exit(err);
}

static void check_state(struct report *report, const char *directory)
{
    struct stat info;
    char text[600];

    if (!directory)
        return;
    if (stat(directory, &info) == 0 && S_ISDIR(info.st_mode) &&
        access(directory, W_OK | X_OK) == 0) {
        snprintf(text, sizeof(text), "state directory %s is writable", directory);
        add_finding(report, MR_FINDING_PASS, "state.directory", text, NULL);
    } else {
        int saved = errno;
        char hint[700];
        snprintf(text, sizeof(text), "state directory %s cannot be written: %s", directory,
                 saved ? strerrordesc_np(saved) : "not a directory");
        snprintf(hint, sizeof(hint), "mkdir -p %s, owned by the user millrace runs as", directory);
        add_finding(report, MR_FINDING_FAIL, "state.directory", text, hint);
    }
}

/* Tries transforms, topics and format on every table the source would capture. */
static int check_tables(struct report *report, struct mr_inspect *inspect, struct mr_err *err)
{
    struct mr_findings findings = {add_finding, report};
    struct mr_inspect_tables tried = {.findings = &findings};
    char text[200];
    int rc = mr_inspect_tables(inspect, &tried, err);

    if (rc < 0)
        return rc;
    snprintf(text, sizeof(text), "%zu tables have events and topics of their own", tried.count);
    if (tried.fit == tried.count && tried.count > 0)
        add_finding(report, MR_FINDING_PASS, "source.tables_fit", text, NULL);
    return 0;
}

static void check_pipeline(struct report *report, const struct mr_pipeline_config *config,
                           const char *state_directory, int *code)
{
    struct mr_findings findings = {add_finding, report};
    struct mr_inspect inspect;
    struct mr_err err;

    report->pipeline = config->name;
    mr_buf_printf(&report->cli->text, "%s\n", config->name);
    mr_inspect_init(&inspect, config, state_directory, (struct mr_notes){0});
    mr_err_clear(&err);
    if (mr_inspect_checkpoint(&inspect, &err) < 0)
        keep_worst(report, &err, code);
    if (config->source->preflight &&
        config->source->preflight(&inspect.source, &findings, &err) < 0)
        keep_worst(report, &err, code);
    else if (check_tables(report, &inspect, &err) < 0)
        keep_worst(report, &err, code);
    if (config->sink->preflight && config->sink->preflight(&inspect.sink, &findings, &err) < 0)
        keep_worst(report, &err, code);
    mr_inspect_done(&inspect);
}

static int check_environment(struct mr_cli *cli, const struct mr_config *config)
{
    const struct mr_pipeline_config **pipelines =
        calloc(config->pipeline_count + MR_CLI_MOST, sizeof(*pipelines));
    struct report report = {.cli = cli};
    size_t count, failed;
    int code = mr_cli_pipelines(cli, config, pipelines, &count);

    if (code == MR_EXIT_OK) {
        mr_buf_add_str(&cli->result, "{\"findings\":[");
        check_state(&report, config->state_directory);
        for (size_t i = 0; i < count; i++)
            check_pipeline(&report, pipelines[i], config->state_directory, &code);
        mr_buf_add_str(&cli->result, "]}");
        failed = report.counts[MR_FINDING_FAIL] + report.counts[MR_FINDING_DENIED] +
                 report.counts[MR_FINDING_GAP];
        mr_buf_printf(&cli->summary, "%zu passed, %zu warnings, %zu failed",
                      report.counts[MR_FINDING_PASS], report.counts[MR_FINDING_WARN], failed);
        cli->ok = failed == 0;
        if (code == MR_EXIT_OK && !cli->ok)
            code = report.counts[MR_FINDING_GAP] > 0      ? MR_EXIT_GAP
                   : report.counts[MR_FINDING_DENIED] > 0 ? MR_EXIT_PERMISSION
                                                          : MR_EXIT_CONFIG;
    }
    free(pipelines);
    return code;
}

static int run(struct mr_cli *cli)
{
    struct mr_config *config;
    int code = mr_cli_config(cli, &config);

    if (code != MR_EXIT_OK) {
        if (code == MR_EXIT_CONFIG)
            mr_err_clear(&cli->err); /* the findings are the result: the command itself worked */
        return code;
    }
    if (mr_cli_has(cli, "environment")) {
        code = check_environment(cli, config);
    } else {
        mr_buf_printf(&cli->summary, "the configuration is valid: %zu pipeline%s",
                      config->pipeline_count, config->pipeline_count == 1 ? "" : "s");
        mr_buf_add_str(&cli->result, "{\"findings\":[]}");
    }
    mr_config_free(config);
    return code;
}

const struct mr_verb mr_verb_check = {
    .name = "check",
    .arguments = "FILE...",
    .summary = "check a configuration, and with --environment the servers it names",
    .details = "Without --environment nothing is contacted. With it, sources and sinks are asked "
               "for everything that would\n"
               "keep them from running, with the SQL or command that mends it; nothing is changed.",
    .flags = flags,
    .most = MR_CLI_MOST,
    .run = run,
};

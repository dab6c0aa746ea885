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

/* What the registry says of the schemas. */
struct subjects {
    struct report *report;
    const struct mr_inspect_tables *tried;
    size_t same, fresh, refused;
};

static void look_at_subject(void *user, const struct mr_subject_plan *subject)
{
    struct subjects *subjects = user;
    char text[600];

    if (subjects->tried->perhaps)
        return;
    subjects->same += subject->same;
    subjects->fresh += !subject->same && subject->compatible;
    if (subject->same || subject->compatible)
        return;
    subjects->refused++;
    if (subject->read_only)
        snprintf(text, sizeof(text), "subject %.300s takes no new schema, and has not this one",
                 subject->subject);
    else
        snprintf(text, sizeof(text),
                 "subject %.300s does not take the schema as version %d: its level is %s",
                 subject->subject, subject->version + 1, subject->level);
    add_finding(subjects->report, MR_FINDING_FAIL,
                subject->read_only ? "registry.read_only" : "registry.incompatible", text,
                "millrace schema plan --show");
}

/* Tries transforms, topics and format on every table the source would capture, and asks the format's registry. */
static int check_tables(struct report *report, struct mr_inspect *inspect, struct mr_err *err)
{
    struct mr_findings findings = {add_finding, report};
    struct subjects subjects = {.report = report};
    struct mr_inspect_tables tried = {
        .findings = &findings, .each = look_at_subject, .user = &subjects};
    char text[200];
    int rc;

    subjects.tried = &tried;
    rc = mr_inspect_tables(inspect, &tried, err);
    if (rc < 0)
        return rc;
    snprintf(text, sizeof(text), "%zu tables have events and topics of their own", tried.count);
    if (tried.fit == tried.count && tried.count > 0)
        add_finding(report, MR_FINDING_PASS, "source.tables_fit", text, NULL);
    snprintf(text, sizeof(text), "the registry has %zu schemas and takes %zu more", subjects.same,
             subjects.fresh);
    if (subjects.same + subjects.fresh > 0)
        add_finding(report, MR_FINDING_PASS, "registry.subjects", text, NULL);
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

static bool is_chosen(const struct mr_cli *cli, const char *pipeline)
{
    const char *name;

    for (size_t i = 0; (name = mr_cli_value_at(cli, "pipeline", i)) != NULL; i++)
        if (strcmp(name, pipeline) == 0)
            return true;
    return !mr_cli_has(cli, "pipeline");
}

static void check_environment(struct report *report, const struct mr_config *config, int *code)
{
    check_state(report, config->state_directory);
    for (size_t i = 0; i < config->pipeline_count; i++)
        if (is_chosen(report->cli, config->pipelines[i].name))
            check_pipeline(report, &config->pipelines[i], config->state_directory, code);
}

/* The files, each by itself. */
struct checked {
    const char *paths[2 * MR_CLI_MOST];
    struct mr_config *configs[2 * MR_CLI_MOST]; /* NULL: not valid */
    size_t count, valid, pipelines;
};

/* A name on the command line that no file has; only where all could be read. */
static int find_names(struct mr_cli *cli, const struct checked *checked)
{
    const char *name;

    for (size_t i = 0; (name = mr_cli_value_at(cli, "pipeline", i)) != NULL; i++) {
        bool found = checked->valid < checked->count;
        for (size_t k = 0; k < checked->count && !found; k++) {
            const struct mr_config *config = checked->configs[k];
            for (size_t at = 0; at < config->pipeline_count; at++)
                found |= strcmp(config->pipelines[at].name, name) == 0;
        }
        if (!found)
            return mr_cli_pipeline(cli, checked->configs[0], name) ? MR_EXIT_OK : MR_EXIT_USAGE;
    }
    return MR_EXIT_OK;
}

static void load_all(struct mr_cli *cli, struct checked *checked)
{
    struct mr_buf findings;

    mr_buf_init(&findings, 1 << 20);
    for (size_t i = 0; i < checked->count; i++) {
        mr_buf_clear(&findings);
        if (mr_cli_config_load(cli, &checked->paths[i], 1, &checked->configs[i], &findings) ==
            MR_EXIT_OK) {
            checked->valid++;
            checked->pipelines += checked->configs[i]->pipeline_count;
            continue;
        }
        checked->configs[i] = NULL;
        mr_err_clear(&cli->err); /* the findings are the result: the command itself worked */
        if (cli->result.data[cli->result.size - 1] != '[')
            mr_buf_add_char(&cli->result, ',');
        mr_buf_add_slice(&cli->result, mr_buf_slice(&findings));
    }
    mr_buf_done(&findings);
}

static int conclude_environment(struct report *report, int code)
{
    struct mr_cli *cli = report->cli;
    size_t failed = report->counts[MR_FINDING_FAIL] + report->counts[MR_FINDING_DENIED] +
                    report->counts[MR_FINDING_GAP];

    mr_buf_printf(&cli->summary, "%zu passed, %zu warnings, %zu failed",
                  report->counts[MR_FINDING_PASS], report->counts[MR_FINDING_WARN], failed);
    if (failed > 0)
        cli->ok = false;
    if (code != MR_EXIT_OK || failed == 0)
        return code;
    return report->counts[MR_FINDING_GAP] > 0      ? MR_EXIT_GAP
           : report->counts[MR_FINDING_DENIED] > 0 ? MR_EXIT_PERMISSION
                                                   : MR_EXIT_CONFIG;
}

static int check_all(struct mr_cli *cli, struct checked *checked)
{
    struct report report = {.cli = cli};
    int code = MR_EXIT_OK;

    mr_buf_add_str(&cli->result, "{\"findings\":[");
    load_all(cli, checked);
    if (find_names(cli, checked) != MR_EXIT_OK) {
        mr_buf_clear(&cli->result);
        return MR_EXIT_USAGE;
    }
    for (size_t i = 0; i < checked->count && mr_cli_has(cli, "environment"); i++)
        if (checked->configs[i])
            check_environment(&report, checked->configs[i], &code);
    mr_buf_add_str(&cli->result, "]}");
    if (checked->valid > 0 && mr_cli_has(cli, "environment"))
        code = conclude_environment(&report, code);
    else if (checked->valid == checked->count)
        mr_buf_printf(&cli->summary, "the configuration is valid: %zu pipeline%s",
                      checked->pipelines, checked->pipelines == 1 ? "" : "s");
    else if (checked->count > 1)
        mr_buf_printf(&cli->summary, "%zu of %zu files are valid", checked->valid, checked->count);
    return code == MR_EXIT_OK && checked->valid < checked->count ? MR_EXIT_CONFIG : code;
}

static int run(struct mr_cli *cli)
{
    struct checked *checked = mr_alloc_zero(sizeof(*checked));
    int code;

    checked->count = mr_cli_config_paths(cli, checked->paths, 2 * MR_CLI_MOST);
    if (checked->count == 0) {
        mr_cli_usage(cli, "usage.too_few", "check needs a configuration file");
        mr_err_hint(&cli->err, "name it, or set MILLRACE_CONFIG");
        code = MR_EXIT_USAGE;
    } else {
        code = check_all(cli, checked);
    }
    for (size_t i = 0; i < checked->count; i++)
        mr_config_free(checked->configs[i]);
    free(checked);
    return code;
}

const struct mr_verb mr_verb_check = {
    .name = "check",
    .arguments = "FILE...",
    .summary = "check a configuration, and with --environment the servers it names",
    .details = "Each file is checked by itself. Without --environment nothing is contacted. With "
               "it, sources and sinks are asked "
               "for everything that would\n"
               "keep them from running, with the SQL or command that mends it; nothing is changed.",
    .flags = flags,
    .most = MR_CLI_MOST,
    .run = run,
};

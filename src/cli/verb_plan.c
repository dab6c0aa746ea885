/* millrace plan: what a first start would make, and nothing is touched.
 *
 * Per pipeline: where it would begin (the checkpoint the sink holds, or a first start), what the source would
 * create (slot, publication, with the SQL), what the sink says of its place (its preflight looks and changes
 * nothing), and where events would go.
 *
 * --sample N reads N events through the pipeline's own source and format and prints them. The run is temporary:
 * the source uses a slot that ends with it, and the pipeline's own position and sink are not touched. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/inspect.h"
#include "cli/runner.h"

static const struct mr_flag flags[] = {
    {"config", 'c', "FILE", "a configuration file, besides the arguments"},
    {"pipeline", 'p', "NAME", "only this pipeline; may be repeated"},
    {"sample", 0, "N", "read N events as they come and print them, without moving the pipeline"},
    {0}};

struct plan {
    struct mr_cli *cli;
    const char *pipeline, *part;
    bool gap; /* changes are missing */
};

static void add_step(void *state, enum mr_finding_level level, const char *code, const char *text,
                     const char *hint)
{
    static const char *const marks[MR_FINDING_LEVELS] = {"  ", "! ", "X ", "X ", "X "};
    struct plan *plan = state;
    struct mr_buf *json = &plan->cli->result, *out = &plan->cli->text;

    mr_buf_add_str(json, json->data[json->size - 1] == '[' ? "{" : ",{");
    mr_cli_json_str(json, "pipeline", plan->pipeline);
    mr_cli_json_str(json, "part", plan->part);
    mr_cli_json_str(json, "code", code);
    mr_cli_json_str(json, "text", text);
    mr_cli_json_str(json, "hint", hint);
    mr_buf_add_str(json, "}");
    mr_buf_printf(out, "  %-7s %s%s\n", plan->part, marks[level], text);
    if (level != MR_FINDING_PASS && hint)
        mr_buf_printf(out, "            %s\n", hint);
    if (level >= MR_FINDING_FAIL)
        plan->cli->ok = false;
    plan->gap = plan->gap || level == MR_FINDING_GAP;
}

static void MR_PRINTF(2, 3) add_line(struct plan *plan, const char *format, ...)
{
    char text[2000];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    add_step(plan, MR_FINDING_PASS, "plan", text, NULL);
}

static void keep_error(struct plan *plan, const struct mr_err *err, int *code)
{
    add_step(plan, mr_finding_of(err), err->code, err->text, err->hint[0] ? err->hint : NULL);
    if (*code == MR_EXIT_OK)
        *code = mr_err_exit(err);
}

static void plan_start(struct plan *plan, struct mr_inspect *inspect, int *code)
{
    struct mr_err err;

    plan->part = "start";
    mr_err_clear(&err);
    if (mr_inspect_checkpoint(inspect, &err) < 0)
        keep_error(plan, &err, code);
    else if (!inspect->config->sink->checkpoint_read)
        add_line(plan, "where the source stands: the sink %s keeps no position",
                 inspect->config->sink->name);
    else if (inspect->source.resume.size == 0)
        add_line(plan, "a first start: the sink holds no position");
    else if (!strstr(mr_buf_cstr(&inspect->text), "\"resume\":"))
        add_line(plan, "a first start: the one before ended before anything was read");
    else
        add_line(plan, "at the position the sink holds: %.*s",
                 MR_SLICE_ARG(inspect->source.resume));
}

/* Of what `check` would find, that which keeps a run from going on and is not among the steps. */
static void add_failure(void *state, enum mr_finding_level level, const char *code,
                        const char *text, const char *hint)
{
    struct plan *plan = state;
    struct mr_buf member;

    if (level < MR_FINDING_FAIL)
        return;
    mr_buf_init(&member, 1 << 16);
    mr_cli_json_str(&member, "text", text);
    if (!memmem(plan->cli->result.data, plan->cli->result.size, member.data, member.size))
        add_step(state, level, code, text, hint);
    mr_buf_done(&member);
}

/* By the one list that `check --environment` asks. */
static void plan_source(struct plan *plan, struct mr_inspect *inspect, int *code)
{
    const struct mr_source *source = inspect->config->source;
    struct mr_findings steps = {add_step, plan}, failures = {add_failure, plan};
    struct mr_inspect_tables tried = {.findings = &failures};
    struct mr_err err;

    mr_err_clear(&err);
    if (source->plan && source->plan(&inspect->source, &steps, &err) < 0) {
        keep_error(plan, &err, code);
        return;
    }
    if (source->preflight && source->preflight(&inspect->source, &failures, &err) < 0)
        keep_error(plan, &err, code);
    else if (mr_inspect_tables(inspect, &tried, &err) < 0)
        keep_error(plan, &err, code);
}

static void plan_pipeline(struct plan *plan, const struct mr_pipeline_config *config,
                          const char *state_directory, int *code)
{
    struct mr_findings findings = {add_step, plan};
    struct mr_inspect inspect;
    struct mr_err err;

    plan->pipeline = config->name;
    mr_buf_printf(&plan->cli->text, "%s\n", config->name);
    mr_inspect_init(&inspect, config, state_directory, (struct mr_notes){0});
    mr_err_clear(&err);
    plan_start(plan, &inspect, code);
    plan->part = "source";
    plan_source(plan, &inspect, code);
    plan->part = "format";
    add_line(plan, "%s, topics %s", config->encoder ? config->encoder->name : "typed values",
             config->topic);
    plan->part = "sink";
    if (config->sink->preflight && config->sink->preflight(&inspect.sink, &findings, &err) < 0)
        keep_error(plan, &err, code);
    mr_inspect_done(&inspect);
}

static int plan_all(struct mr_cli *cli, const struct mr_config *config,
                    const struct mr_pipeline_config *const *pipelines, size_t count)
{
    struct plan plan = {.cli = cli};
    int code = MR_EXIT_OK;

    mr_buf_add_str(&cli->result, "{\"steps\":[");
    for (size_t i = 0; i < count; i++)
        plan_pipeline(&plan, pipelines[i], config->state_directory, &code);
    mr_buf_add_str(&cli->result, "]}");
    mr_buf_printf(&cli->summary, "nothing was changed");
    if (code == MR_EXIT_OK && !cli->ok)
        code = plan.gap ? MR_EXIT_GAP : MR_EXIT_CONFIG;
    return code;
}

/* A stdout sink with a limit, loaded like any other. */
static int load_printer(struct mr_cli *cli, uint64_t limit, const char *source_type,
                        struct mr_config **ret_config)
{
    char yaml[300];
    struct mr_config_input input = {.label = "plan"};

    snprintf(yaml, sizeof(yaml),
             "version: 1\npipelines: {plan: {source: {type: %s}, sink: {type: stdout, limit: %llu, "
             "content: record}}}\n",
             source_type, (unsigned long long)limit);
    input.text = mr_slice_str(yaml);
    return mr_config_read(&input, ret_config, NULL, NULL, &cli->err);
}

static int sample(struct mr_cli *cli, const struct mr_config *config,
                  const struct mr_pipeline_config *pipeline, uint64_t limit)
{
    struct mr_pipeline_config copy = *pipeline;
    const struct mr_pipeline_config *only = &copy;
    struct mr_runner runner = {
        .cli = cli,
        .configs = &only,
        .count = 1,
        .options = {.temporary = true, .quiet = true, .require_healthy = true}};
    struct mr_config *printer;
    int code;

    if (load_printer(cli, limit, pipeline->source->name, &printer) < 0)
        return mr_err_exit(&cli->err);
    copy.sink = printer->pipelines[0].sink;
    copy.sink_config = printer->pipelines[0].sink_config;
    if (!copy.encoder) {
        copy.encoder = printer->pipelines[0].encoder;
        copy.encoder_config = printer->pipelines[0].encoder_config;
    }
    mr_log_setup(2, MR_LOG_WARN, (enum mr_log_format)config->log_format);
    code = mr_runner_run(&runner);
    if (code < 128)
        mr_config_free(printer);
    return code;
}

static int run_config(struct mr_cli *cli, const struct mr_config *config)
{
    const struct mr_pipeline_config **pipelines =
        calloc(config->pipeline_count + MR_CLI_MOST, sizeof(*pipelines));
    size_t count;
    uint64_t limit = 0;
    int code = mr_cli_pipelines(cli, config, pipelines, &count);

    if (code == MR_EXIT_OK && mr_cli_number(cli, "sample", &limit) < 0)
        code = MR_EXIT_USAGE;
    if (code == MR_EXIT_OK && limit > 0 && count != 1)
        code = mr_cli_usage(cli, "usage.unknown_pipeline",
                            "--sample reads one pipeline: name it with --pipeline");
    if (code == MR_EXIT_OK)
        code = limit > 0 ? sample(cli, config, pipelines[0], limit)
                         : plan_all(cli, config, pipelines, count);
    if (code < 128)
        free(pipelines);
    return code;
}

static int run(struct mr_cli *cli)
{
    struct mr_config *config;
    int code = mr_cli_config(cli, &config);

    if (code != MR_EXIT_OK)
        return code;
    code = run_config(cli, config);
    if (code < 128)
        mr_config_free(config);
    return code;
}

const struct mr_verb mr_verb_plan = {
    .name = "plan",
    .arguments = "FILE...",
    .summary = "say what a start would make or change, and touch nothing",
    .flags = flags,
    .most = MR_CLI_MOST,
    .run = run,
};

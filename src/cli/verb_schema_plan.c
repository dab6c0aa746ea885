/* millrace schema plan: which schemas a run would register, and whether the registry would take them.
 *
 *     shop.public.orders-key     version 1, the same
 *     shop.public.orders-value   version 3 -> a new one, compatible (BACKWARD)
 *     shop.public.users-value    version 1 -> REFUSED by BACKWARD
 *     shop.message-value         new, with the first logical message
 *
 * The source shows its tables as the stream would describe them, transforms and format do what they would do in a
 * run, and the registry is asked, but nothing is registered. With --show the schema texts are printed too, ready to
 * be registered by other means. A schema that would be refused is a finding: exit code 78. Those of logical messages
 * count only when the settings name some (message_prefixes): most databases never send one. */
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/inspect.h"

static const struct mr_flag flags[] = {
    {"config", 'c', "FILE", "the configuration file; else MILLRACE_CONFIG"},
    {"show", 0, NULL, "print the schemas too"},
    {0}};

struct plan {
    struct mr_cli *cli;
    const struct mr_inspect_tables *tried;
    size_t subjects, fresh, refused, failed;
};

static void add_subject(void *user, const struct mr_subject_plan *subject)
{
    struct plan *plan = user;
    struct mr_buf *text = &plan->cli->text, *json = &plan->cli->result;
    bool perhaps = plan->tried->perhaps;

    mr_buf_printf(text, "%-48s ", subject->subject);
    if (subject->version > 0)
        mr_buf_printf(text, "version %d", subject->version);
    if (subject->same)
        mr_buf_add_str(text, ", the same");
    else if (subject->read_only)
        mr_buf_add_str(text, " -> REFUSED: mode READONLY");
    else if (subject->version == 0)
        mr_buf_add_str(text, "new");
    else if (subject->compatible)
        mr_buf_printf(text, " -> another, compatible (%s)", subject->level);
    else
        mr_buf_printf(text, " -> REFUSED by %s", subject->level);
    mr_buf_add_str(text, perhaps && !subject->same ? ", with the first logical message\n" : "\n");
    if (mr_cli_has(plan->cli, "show"))
        mr_buf_printf(text, "%.*s\n", MR_SLICE_ARG(subject->schema));
    mr_buf_add_str(json, json->data[json->size - 1] == '[' ? "{" : ",{");
    mr_cli_json_str(json, "subject", subject->subject);
    mr_cli_json_str(json, "type", subject->type);
    mr_cli_json_num(json, "version", (uint64_t)subject->version);
    mr_json_add_key(json, "same");
    mr_buf_add_str(json, subject->same ? "true" : "false");
    mr_json_add_key(json, "compatible");
    mr_buf_add_str(json, subject->compatible ? "true" : "false");
    mr_json_add_key(json, "read_only");
    mr_buf_add_str(json, subject->read_only ? "true" : "false");
    mr_json_add_key(json, "perhaps");
    mr_buf_add_str(json, perhaps ? "true" : "false");
    mr_cli_json_str(json, "level", subject->level);
    mr_json_add_key(json, "schema");
    mr_json_add_str(json, subject->schema);
    mr_buf_add_str(json, "}");
    plan->subjects++;
    plan->fresh += !perhaps && !subject->same && subject->compatible;
    plan->refused += !perhaps && !subject->compatible;
}

static void add_finding(void *state, enum mr_finding_level level, const char *code,
                        const char *text, const char *hint)
{
    struct plan *plan = state;

    plan->failed += level >= MR_FINDING_FAIL;
    mr_buf_printf(&plan->cli->problem, "%s (%s)\n", text, code);
    if (hint)
        mr_buf_printf(&plan->cli->problem, "  %s\n", hint);
}

static int no_schemas(struct mr_cli *cli, const struct mr_pipeline_config *pipeline)
{
    return mr_cli_usage(cli, "usage.value", "the format of pipeline %s registers no schemas",
                        pipeline->name);
}

static int plan_pipeline(struct mr_cli *cli, const struct mr_pipeline_config *pipeline,
                         const char *state_directory)
{
    struct plan plan = {.cli = cli};
    struct mr_findings findings = {add_finding, &plan};
    struct mr_inspect_tables tried = {.findings = &findings, .each = add_subject, .user = &plan};
    struct mr_inspect inspect;
    int rc;

    plan.tried = &tried;
    if (!pipeline->encoder || !pipeline->encoder->plan)
        return no_schemas(cli, pipeline);
    mr_inspect_init(&inspect, pipeline, state_directory, (struct mr_notes){0});
    mr_buf_add_str(&cli->result, "{\"subjects\":[");
    rc = mr_inspect_checkpoint(&inspect, &cli->err); /* else the slot would be nobody's */
    if (rc == 0)
        rc = mr_inspect_tables(&inspect, &tried, &cli->err);
    mr_buf_add_str(&cli->result, "]}");
    mr_inspect_done(&inspect);
    if (rc < 0)
        return mr_err_exit(&cli->err);
    if (tried.count > 0 && plan.subjects == 0 && plan.failed == 0)
        return no_schemas(cli, pipeline);
    cli->ok = plan.refused == 0 && plan.failed == 0;
    mr_buf_printf(&cli->summary, "%zu tables, %zu subjects: %zu to register, %zu refused",
                  tried.count, plan.subjects, plan.fresh, plan.refused);
    return cli->ok ? MR_EXIT_OK : MR_EXIT_CONFIG;
}

static int run(struct mr_cli *cli)
{
    const struct mr_pipeline_config *pipeline;
    struct mr_config *config;
    int code = mr_cli_config(cli, &config);

    if (code != MR_EXIT_OK)
        return code;
    pipeline = mr_cli_pipeline(cli, config, cli->arg_count > 0 ? cli->args[0] : NULL);
    code = pipeline ? plan_pipeline(cli, pipeline, config->state_directory) : MR_EXIT_USAGE;
    mr_config_free(config);
    return code;
}

const struct mr_verb mr_verb_schema_plan = {
    .name = "schema plan",
    .arguments = "[PIPELINE]",
    .summary = "say which schemas would be registered, and whether the registry takes them",
    .flags = flags,
    .most = 1,
    .names = true,
    .run = run,
};

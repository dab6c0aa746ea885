/* millrace checkpoint: where a pipeline stands, as its sink holds it.
 *
 *     show [PIPELINE]             readable; every pipeline without a name
 *     export PIPELINE             the object itself, to keep or to set elsewhere
 *     set PIPELINE POSITION       replaces it: now, a position of the source, or --from a file of export's
 *
 * The sink stores the position with the data and is the only one who knows it, so all three ask the sink. `set`
 * is how a human steps over a hole that millrace refuses to: whatever lies between the old position and the new
 * one is read twice or never. It therefore shows both and wants a confirmation: --yes, or the pipeline's name
 * typed on a terminal. `resnapshot` is such a change too: the position stays, and tables are read once more. The
 * new checkpoint counts as a claim (start + 1), so an instance that still runs is fenced by it. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/inspect.h"

static const struct mr_flag show_flags[] = {
    {"config", 'c', "FILE", "the configuration file; else MILLRACE_CONFIG"}, {0}};

static const struct mr_flag set_flags[] = {
    {"config", 'c', "FILE", "the configuration file; else MILLRACE_CONFIG"},
    {"from", 0, "FILE",
     "take the position from what `checkpoint export` wrote; - is standard input"},
    {"yes", 'y', NULL, "do not ask"},
    {0}};

static int fail(struct mr_cli *cli)
{
    return mr_err_exit(&cli->err);
}

static int unsupported(struct mr_cli *cli, const struct mr_pipeline_config *pipeline)
{
    mr_err_set(&cli->err, MR_CONFIG, "checkpoint.unsupported",
               "the sink %s keeps no checkpoint: pipeline %s starts where its source stands",
               pipeline->sink->name, pipeline->name);
    return fail(cli);
}

/* The source's position as lines of text, one member each. */
static void add_members(struct mr_buf *text, const char *indent, struct mr_slice object)
{
    json_error_t problem;
    json_t *root = json_loadb(object.data, object.size, 0, &problem);
    const char *key;
    json_t *value;

    json_object_foreach(root, key, value)
    {
        char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        if (json_is_string(value))
            mr_buf_printf(text, "%s%-12s %s\n", indent, key, json_string_value(value));
        else
            mr_buf_printf(text, "%s%-12s %s\n", indent, key, shown ? shown : "");
        free(shown);
    }
    json_decref(root);
}

static void show_text(struct mr_buf *text, const struct mr_inspect *inspect)
{
    mr_buf_printf(text, "%s\n", inspect->config->name);
    if (inspect->text.size == 0) {
        mr_buf_add_str(text, inspect->config->sink->checkpoint_read
                                 ? "  none: the next start is a first one\n"
                                 : "  this sink keeps none\n");
        return;
    }
    mr_buf_printf(text, "  %-12s %s\n  %-12s %llu\n  %-12s %llu\n", "owner",
                  inspect->checkpoint.owner, "start", (unsigned long long)inspect->checkpoint.start,
                  "number", (unsigned long long)inspect->checkpoint.number);
    if (inspect->checkpoint.source.size == 0)
        mr_buf_add_str(text, "  claimed, nothing read yet\n");
    else
        add_members(text, "  ", mr_buf_slice(&inspect->checkpoint.source));
}

static int show_one(struct mr_cli *cli, const struct mr_pipeline_config *pipeline,
                    const char *state_directory)
{
    struct mr_inspect inspect;
    int rc;

    mr_inspect_init(&inspect, pipeline, state_directory, (struct mr_notes){0});
    rc = mr_inspect_checkpoint(&inspect, &cli->err);
    if (rc == 0) {
        show_text(&cli->text, &inspect);
        mr_json_add_key(&cli->result, pipeline->name);
        if (inspect.text.size > 0)
            mr_buf_add_slice(&cli->result, mr_buf_slice(&inspect.text));
        else
            mr_buf_add_str(&cli->result, "null");
    }
    mr_inspect_done(&inspect);
    return rc;
}

static int run_show(struct mr_cli *cli)
{
    const struct mr_pipeline_config *only = NULL;
    struct mr_config *config;
    int code = mr_cli_config(cli, &config), rc = 0;

    if (code != MR_EXIT_OK)
        return code;
    if (cli->arg_count == 1 && !(only = mr_cli_pipeline(cli, config, cli->args[0]))) {
        mr_config_free(config);
        return MR_EXIT_USAGE;
    }
    mr_buf_add_str(&cli->result, "{");
    for (size_t i = 0; rc == 0 && i < config->pipeline_count; i++) {
        if (!only || only == &config->pipelines[i])
            rc = show_one(cli, &config->pipelines[i], config->state_directory);
    }
    mr_buf_add_str(&cli->result, "}");
    if (rc < 0)
        mr_buf_clear(&cli->result);
    mr_config_free(config);
    return rc < 0 ? fail(cli) : MR_EXIT_OK;
}

static int export_one(struct mr_cli *cli, const struct mr_pipeline_config *pipeline,
                      const char *state_directory)
{
    struct mr_inspect inspect;
    int code = MR_EXIT_OK;

    if (!pipeline->sink->checkpoint_read)
        return unsupported(cli, pipeline);
    mr_inspect_init(&inspect, pipeline, state_directory, (struct mr_notes){0});
    if (mr_inspect_checkpoint(&inspect, &cli->err) < 0) {
        code = fail(cli);
    } else if (inspect.text.size == 0) {
        mr_err_set(&cli->err, MR_CONFIG, "checkpoint.none",
                   "the sink of pipeline %s holds no checkpoint yet", pipeline->name);
        cli->err.exit_code = MR_EXIT_FAILURE;
        code = fail(cli);
    } else {
        mr_buf_add_slice(&cli->text, mr_buf_slice(&inspect.text));
        mr_buf_add_char(&cli->text, '\n');
        mr_buf_add_slice(&cli->result, mr_buf_slice(&inspect.text));
    }
    mr_inspect_done(&inspect);
    return code;
}

static int run_export(struct mr_cli *cli)
{
    const struct mr_pipeline_config *pipeline;
    struct mr_config *config;
    int code = mr_cli_config(cli, &config);

    if (code != MR_EXIT_OK)
        return code;
    pipeline = mr_cli_pipeline(cli, config, cli->args[0]);
    code = pipeline ? export_one(cli, pipeline, config->state_directory) : MR_EXIT_USAGE;
    mr_config_free(config);
    cli->quiet = false;
    return code;
}

/* The source's part of what `checkpoint export` wrote. */
static int read_exported(struct mr_cli *cli, const char *path, struct mr_checkpoint *ret_checkpoint)
{
    FILE *stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    struct mr_buf text;
    char part[4096];
    size_t got;
    int rc;

    if (!stream)
        return mr_err_errno(&cli->err, MR_CONFIG, "checkpoint.file", errno, "cannot read %s", path);
    mr_buf_init(&text, 16 << 20);
    while ((got = fread(part, 1, sizeof(part), stream)) > 0)
        mr_buf_add(&text, part, got);
    if (stream != stdin)
        fclose(stream);
    rc = mr_checkpoint_parse(mr_buf_slice(&text), ret_checkpoint, &cli->err);
    mr_buf_done(&text);
    return rc;
}

/* Where it is to stand: the source's text into next->source. */
static int find_position(struct mr_cli *cli, struct mr_inspect *inspect, struct mr_checkpoint *next)
{
    const char *from = mr_cli_value(cli, "from");
    const struct mr_source *source = inspect->config->source;
    struct mr_checkpoint exported;
    int rc;

    if (cli->verb == &mr_verb_resnapshot)
        return source->again(&inspect->source, cli->args + 1, cli->arg_count - 1, &next->source,
                             &cli->err);
    if (!from && source->locate)
        return source->locate(&inspect->source, cli->args[1], &next->source, &cli->err);
    if (!from)
        return mr_cli_usage(cli, "usage.value",
                            "the source %s cannot turn \"%s\" into a position: use --from FILE",
                            source->name, cli->args[1]),
               -1;
    mr_checkpoint_init(&exported);
    rc = read_exported(cli, from, &exported);
    if (rc == 0) {
        mr_buf_add_slice(&next->source, mr_buf_slice(&exported.source));
        if (exported.number > next->number)
            next->number = exported.number;
    }
    mr_checkpoint_done(&exported);
    return rc;
}

static bool typed_name(const char *name)
{
    char line[200];

    fprintf(stderr, "Type the pipeline's name to go on: ");
    if (!fgets(line, sizeof(line), stdin))
        return false;
    line[strcspn(line, "\n")] = '\0';
    return strcmp(line, name) == 0;
}

/* What becomes of the changes between the position held and the next one; "" when none is held. */
static const char *between(const struct mr_cli *cli, const struct mr_inspect *inspect,
                           const struct mr_checkpoint *next)
{
    struct mr_slice held = mr_buf_slice(&inspect->checkpoint.source);

    if (held.size == 0 || cli->verb == &mr_verb_resnapshot)
        return "";
    switch (inspect->config->source->order(held, mr_buf_slice(&next->source))) {
    case MR_BEFORE: return "changes between the two are never delivered";
    case MR_AFTER: return "changes between the two are delivered again";
    case MR_SAME: return "nothing lies between the two";
    default: return "the two are of different histories: what lies between them cannot be told";
    }
}

/* 0, or an exit code when the user did not agree. */
static int confirm(struct mr_cli *cli, const struct mr_inspect *inspect,
                   const struct mr_checkpoint *next)
{
    struct mr_buf text;
    bool agreed = false;

    if (mr_cli_has(cli, "yes"))
        return MR_EXIT_OK;
    if (isatty(STDIN_FILENO) && !cli->json) {
        mr_buf_init(&text, 1 << 20);
        show_text(&text, inspect);
        mr_buf_add_str(&text, "becomes\n");
        add_members(&text, "  ", mr_buf_slice(&next->source));
        if (between(cli, inspect, next)[0])
            mr_buf_printf(&text, "Note: %s.\n", between(cli, inspect, next));
        mr_buf_add_str(&text, "The pipeline must be stopped.\n");
        fwrite(text.data, 1, text.size, stderr);
        mr_buf_done(&text);
        agreed = typed_name(inspect->config->name);
    }
    if (agreed)
        return MR_EXIT_OK;
    mr_cli_usage(cli, "usage.confirmation",
                 "nothing was changed: setting a checkpoint needs a confirmation");
    mr_err_hint(&cli->err,
                "stop the pipeline, look at `millrace checkpoint show %s`, then add --yes",
                inspect->config->name);
    return MR_EXIT_USAGE;
}

static int write_next(struct mr_cli *cli, struct mr_inspect *inspect,
                      const struct mr_checkpoint *next)
{
    struct mr_buf text;
    int rc, code = confirm(cli, inspect, next);

    if (code != MR_EXIT_OK)
        return code;
    mr_buf_init(&text, 16 << 20);
    rc = mr_checkpoint_render(next, &text, &cli->err);
    if (rc == 0)
        rc =
            inspect->config->sink->checkpoint_write(&inspect->sink, mr_buf_slice(&text), &cli->err);
    if (rc == 0) {
        mr_buf_add_slice(&cli->result, mr_buf_slice(&text));
        mr_buf_printf(&cli->summary, "the checkpoint of pipeline %s was set%s%s",
                      inspect->config->name, between(cli, inspect, next)[0] ? ": " : "",
                      between(cli, inspect, next));
    }
    mr_buf_done(&text);
    return rc < 0 ? fail(cli) : MR_EXIT_OK;
}

static int set_one(struct mr_cli *cli, const struct mr_pipeline_config *pipeline,
                   const char *state_directory)
{
    struct mr_inspect inspect;
    struct mr_checkpoint next;
    int code;

    if (!pipeline->sink->checkpoint_write || !pipeline->sink->checkpoint_read ||
        (cli->verb == &mr_verb_resnapshot && !pipeline->source->again))
        return unsupported(cli, pipeline);
    mr_inspect_init(&inspect, pipeline, state_directory, (struct mr_notes){0});
    mr_checkpoint_init(&next);
    if (mr_inspect_checkpoint(&inspect, &cli->err) < 0 && cli->err.trait != MR_TRAIT_UNREADABLE) {
        code = fail(cli);
    } else {
        mr_err_clear(&cli->err);
        snprintf(next.pipeline, sizeof(next.pipeline), "%s", pipeline->name);
        snprintf(next.owner, sizeof(next.owner), "checkpoint-set");
        next.start = inspect.checkpoint.start + 1;
        next.number = inspect.checkpoint.number;
        mr_buf_add_slice(&next.encoder, mr_buf_slice(&inspect.checkpoint.encoder));
        code =
            find_position(cli, &inspect, &next) < 0 ? fail(cli) : write_next(cli, &inspect, &next);
    }
    mr_checkpoint_done(&next);
    mr_inspect_done(&inspect);
    return code;
}

static int set_in_config(struct mr_cli *cli)
{
    const struct mr_pipeline_config *pipeline;
    struct mr_config *config;
    int code = mr_cli_config(cli, &config);

    if (code != MR_EXIT_OK)
        return code;
    pipeline = mr_cli_pipeline(cli, config, cli->args[0]);
    code = pipeline ? set_one(cli, pipeline, config->state_directory) : MR_EXIT_USAGE;
    mr_config_free(config);
    return code;
}

static int run_set(struct mr_cli *cli)
{
    if (cli->arg_count == 1 && !mr_cli_has(cli, "from"))
        return mr_cli_usage(cli, "usage.too_few",
                            "checkpoint set needs a position: now, one in the source's notation, "
                            "or --from FILE");
    if (cli->arg_count == 2 && mr_cli_has(cli, "from"))
        return mr_cli_usage(cli, "usage.too_many", "give a position or --from, not both");
    return set_in_config(cli);
}

const struct mr_verb mr_verb_checkpoint_show = {
    .name = "checkpoint show",
    .arguments = "[PIPELINE]",
    .summary = "show the position that the sink holds",
    .flags = show_flags,
    .most = 1,
    .names = true,
    .run = run_show,
};

const struct mr_verb mr_verb_checkpoint_export = {
    .name = "checkpoint export",
    .arguments = "PIPELINE",
    .summary = "print the checkpoint as the JSON object it is",
    .flags = show_flags,
    .least = 1,
    .most = 1,
    .names = true,
    .run = run_export,
};

const struct mr_verb mr_verb_checkpoint_set = {
    .name = "checkpoint set",
    .arguments = "PIPELINE now|POSITION",
    .summary = "replace the position, while the pipeline is stopped",
    .details =
        "This is how a human steps over a hole that millrace refuses to step over: what "
        "lies between the old and the\n"
        "new position is read again or never. Refused while an instance reads the source; one that "
        "lives on without\n"
        "it is fenced.",
    .flags = set_flags,
    .least = 1,
    .most = 2,
    .names = true,
    .run = run_set,
};

static const struct mr_flag resnapshot_flags[] = {
    {"config", 'c', "FILE", "the configuration file; else MILLRACE_CONFIG"},
    {"yes", 'y', NULL, "do not ask"},
    {0}};

const struct mr_verb mr_verb_resnapshot = {
    .name = "resnapshot",
    .arguments = "PIPELINE [SCHEMA.TABLE...]",
    .summary = "have tables read once more at the next start; all of them without a name",
    .details = "While the pipeline is stopped. The rows arrive as snapshot events (op r) before "
               "the stream goes on where it\n"
               "stood. When the stream cannot go on (the slot is gone), name no table: everything "
               "is read anew.",
    .flags = resnapshot_flags,
    .least = 1,
    .most = MR_CLI_MOST,
    .names = true,
    .run = set_in_config,
};

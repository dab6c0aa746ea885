/* millrace tail: the changes of a database on the terminal, without a configuration and without a trace.
 *
 * The flags are written out as the YAML a user could have written, and loaded like any file, so that there is
 * one way into the engine:
 *
 *     pipelines:
 *       tail:
 *         source: {type: postgres, dsn: "...", tables: [...], snapshot: no_data}
 *         format: {type: pretty}
 *         sink: {type: stdout, content: text}
 *
 * The run is temporary: the source makes a slot that ends with its session and takes away what else it made.
 * Ctrl-C is how it ends: exit code 0. A server that cannot be reached at the first try is an error, not a reason
 * to wait; one that goes away later is waited for. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/runner.h"

static const struct mr_flag flags[] = {
    {"table", 't', "GLOB", "only tables that match (public.ord*, !public.audit); may be repeated"},
    {"format", 'f', "FORMAT",
     "pretty (default), json (Debezium's envelope) or flat (the row alone)"},
    {"snapshot", 's', NULL, "begin with the rows that are there"},
    {"until", 0, "now|POSITION", "end there, instead of waiting for more"},
    {"limit", 'n', "N", "end after N lines"},
    {"wide", 'w', NULL, "pretty: do not cut long values"},
    {"log-level", 0, "LEVEL", "what is said on standard error: warn by default"},
    {0}};

/* Text as a YAML scalar that no substitution touches. */
static void add_quoted(struct mr_buf *yaml, const char *text)
{
    struct mr_buf doubled;

    mr_buf_init(&doubled, 1 << 20);
    for (; *text; text++) {
        if (*text == '$')
            mr_buf_add_char(&doubled, '$');
        mr_buf_add_char(&doubled, *text);
    }
    mr_json_add_str(yaml, mr_buf_slice(&doubled));
    mr_buf_done(&doubled);
}

static const char *source_of(const char *dsn)
{
    if (strncmp(dsn, "mysql://", 8) == 0 || strncmp(dsn, "mariadb://", 10) == 0)
        return "mysql";
    return "postgres";
}

static void add_source(const struct mr_cli *cli, struct mr_buf *yaml)
{
    const char *table;

    mr_buf_printf(yaml, "    source:\n      type: %s\n      dsn: ", source_of(cli->args[0]));
    add_quoted(yaml, cli->args[0]);
    mr_buf_printf(yaml, "\n      snapshot: %s\n      skipped_operations: [none]\n",
                  mr_cli_has(cli, "snapshot") ? "initial" : "no_data");
    if (!mr_cli_has(cli, "table"))
        return;
    mr_buf_add_str(yaml, "      tables: [");
    for (size_t i = 0; (table = mr_cli_value_at(cli, "table", i)) != NULL; i++) {
        mr_buf_add_str(yaml, i ? ", " : "");
        add_quoted(yaml, table);
    }
    mr_buf_add_str(yaml, "]\n");
}

/* 0, or -1 with usage in cli->err. */
static int add_format(struct mr_cli *cli, struct mr_buf *yaml)
{
    const char *format = mr_cli_value(cli, "format");
    uint64_t limit = 0;
    bool pretty = !format || strcmp(format, "pretty") == 0;

    if (pretty)
        mr_buf_printf(yaml, "    format: {type: pretty, colour: %s, width: %d}\n",
                      mr_cli_colour(STDOUT_FILENO) ? "true" : "false",
                      mr_cli_has(cli, "wide") ? 0 : 60);
    else if (strcmp(format, "json") == 0)
        mr_buf_add_str(yaml, "    format: {type: json, envelope: debezium}\n");
    else if (strcmp(format, "flat") == 0)
        mr_buf_add_str(yaml, "    format: {type: json, envelope: flat, deletes: rewrite}\n");
    else
        return mr_cli_usage(cli, "usage.value", "unknown format \"%s\": pretty, json or flat",
                            format),
               -1;
    if (mr_cli_number(cli, "limit", &limit) < 0)
        return -1;
    mr_buf_printf(yaml, "    sink: {type: stdout, content: %s, limit: %llu}\n",
                  pretty ? "text" : "value", (unsigned long long)limit);
    return 0;
}

static int run_config(struct mr_cli *cli, struct mr_config *config)
{
    const struct mr_pipeline_config *pipeline = &config->pipelines[0];
    struct mr_runner runner = {
        .cli = cli,
        .configs = &pipeline,
        .count = 1,
        .options = {.until = mr_cli_value(cli, "until"),
                    .temporary = true,
                    .quiet = true,
                    .require_healthy = true},
    };
    int code;

    config->log_level = MR_LOG_WARN;
    config->log_format = isatty(STDERR_FILENO) ? MR_LOG_LOGFMT : MR_LOG_AUTO;
    code = mr_cli_log(cli, config);
    return code == MR_EXIT_OK ? mr_runner_run(&runner) : code;
}

static int run(struct mr_cli *cli)
{
    struct mr_config_input input = {.label = "tail"};
    struct mr_config *config;
    struct mr_buf yaml;
    int code = MR_EXIT_USAGE;

    mr_buf_init(&yaml, 4 << 20);
    mr_buf_add_str(&yaml, "version: 1\npipelines:\n  tail:\n");
    add_source(cli, &yaml);
    if (add_format(cli, &yaml) == 0) {
        input.text = mr_buf_slice(&yaml);
        code = mr_config_read(&input, &config, NULL, NULL, &cli->err);
        if (code == 0) {
            code = run_config(cli, config);
            if (code < 128)
                mr_config_free(config);
        } else {
            code = mr_err_exit(&cli->err);
        }
    }
    mr_buf_done(&yaml);
    return code;
}

const struct mr_verb mr_verb_tail = {
    .name = "tail",
    .arguments = "DSN",
    .summary = "show a database's changes as they are committed",
    .details = "DSN is libpq's: \"host=db dbname=shop user=cdc\" or postgresql://cdc@db/shop. "
               "Nothing is needed but the right\n"
               "to replicate; a temporary slot and publication are used and taken away. Ctrl-C "
               "ends it.\n\n"
               "  + insert   ~ update   - delete   ! truncate   = row of a snapshot   @ message",
    .flags = flags,
    .least = 1,
    .most = 1,
    .streams = true,
    .run = run,
};

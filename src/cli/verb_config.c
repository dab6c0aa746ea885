/* What the option tables and the files amount to.
 *
 *     millrace config show    the configuration as it takes effect: merged, with defaults, without secrets
 *     millrace schema         JSON Schema 2020-12 of the file, for editors
 *
 * Both are rendered by config/print.h; here is only the way there. */
#include "cli/cli.h"
#include "config/print.h"

static const struct mr_flag show_flags[] = {
    {"config", 'c', "FILE", "a configuration file, besides the arguments"},
    {"origin", 0, NULL, "say of each value which file and line it comes from"},
    {0}};

static int run_show(struct mr_cli *cli)
{
    struct mr_config *config;
    int code = mr_cli_config(cli, &config);

    if (code != MR_EXIT_OK)
        return code;
    mr_config_show(config, mr_cli_has(cli, "origin"), &cli->text);
    mr_config_show_json(config, &cli->result);
    mr_config_free(config);
    cli->quiet = false;
    return MR_EXIT_OK;
}

const struct mr_verb mr_verb_config_show = {
    .name = "config show",
    .arguments = "FILE...",
    .summary = "print the effective configuration: merged, with defaults, without secrets",
    .flags = show_flags,
    .most = MR_CLI_MOST,
    .run = run_show,
};

static int run_schema(struct mr_cli *cli)
{
    mr_config_schema(&cli->text);
    mr_buf_add(&cli->result, cli->text.data, cli->text.size - 1);
    for (size_t i = 0; i < cli->result.size; i++) {
        if (cli->result.data[i] == '\n')
            cli->result.data[i] = ' ';
    }
    cli->quiet = false;
    return MR_EXIT_OK;
}

const struct mr_verb mr_verb_schema = {
    .name = "schema",
    .arguments = "",
    .summary = "print the JSON Schema (2020-12) of the configuration, for editors",
    .details = "millrace schema > millrace.schema.json, and as first line of the YAML file:\n"
               "# yaml-language-server: $schema=millrace.schema.json",
    .run = run_schema,
};

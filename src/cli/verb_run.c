/* millrace run: the daemon.
 *
 * Loads the configuration, sets up the log (file, then MILLRACE_LOG_LEVEL, then flags) and runs its pipelines
 * until `--until` is reached, a signal comes, or each has ended with an error that needs a human. Errors that
 * time can mend are retried for ever by the engine.
 * The log goes to standard error; standard output is left to a sink that writes there. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/runner.h"

static const struct mr_flag flags[] = {
    {"config", 'c', "FILE", "a configuration file, besides the arguments"},
    {"pipeline", 'p', "NAME", "only this pipeline; may be repeated"},
    {"until", 0, "now|POSITION", "commit everything up to there, then exit with 0"},
    {"require-healthy", 0, NULL, "exit with 69 when a server cannot be reached at the first try"},
    {"log-level", 0, "LEVEL", "trace, debug, info, warn or error"},
    {"log-format", 0, "FORMAT", "auto, logfmt or json"},
    {0}};

/* The log has said in one line what failed, for machines; on a terminal it is said once more, to be read. */
static void keep_error_for_terminals(struct mr_cli *cli)
{
    if (!cli->json && !isatty(2) && cli->err.code[0])
        mr_err_clear(&cli->err);
}

static int run_config(struct mr_cli *cli, const struct mr_config *config)
{
    const struct mr_pipeline_config **pipelines =
        calloc(config->pipeline_count + MR_CLI_MOST, sizeof(*pipelines));
    struct mr_runner runner = {.cli = cli, .configs = pipelines};
    int code = mr_cli_pipelines(cli, config, pipelines, &runner.count);

    if (code == MR_EXIT_OK)
        code = mr_cli_log(cli, config);
    if (code == MR_EXIT_OK) {
        runner.options =
            (struct mr_run_options){.until = mr_cli_value(cli, "until"),
                                    .require_healthy = mr_cli_has(cli, "require-healthy"),
                                    .state_directory = config->state_directory};
        code = mr_runner_run(&runner);
        if (code < 128)
            keep_error_for_terminals(cli);
    }
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

const struct mr_verb mr_verb_run = {
    .name = "run",
    .arguments = "FILE...",
    .summary = "run the pipelines of a configuration",
    .details =
        "Several files merge into one configuration, later ones win. SIGTERM and SIGINT deliver "
        "and commit what was\n"
        "read, within limits.drain, and exit with 0; a second one exits at once with 143 or 130. "
        "SIGUSR1 makes\n"
        "sinks roll their files. With several pipelines the exit code is the worst of theirs.",
    .flags = flags,
    .most = MR_CLI_MOST,
    .streams = true,
    .run = run,
};

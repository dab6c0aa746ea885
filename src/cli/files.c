/* The configuration a verb works on: where it is looked for, and what becomes of its findings.
 *
 *     arguments and --config, in this order  >  MILLRACE_CONFIG  >  usage error
 *
 * Only what belongs to the process may come from the environment or flags (MILLRACE_CONFIG, MILLRACE_LOG_LEVEL,
 * --log-level): what a pipeline does stands in its file. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/suggest.h"

const struct mr_flag mr_config_flag = {"config", 'c', "FILE",
                                       "a configuration file, besides the arguments"};

size_t mr_cli_config_paths(const struct mr_cli *cli, const char **paths, size_t room)
{
    const char *path, *fallback = getenv("MILLRACE_CONFIG");
    size_t count = 0;

    for (size_t i = 0; !cli->verb->names && i < cli->arg_count && count < room; i++)
        paths[count++] = cli->args[i];
    for (size_t i = 0; (path = mr_cli_value_at(cli, "config", i)) != NULL && count < room; i++)
        paths[count++] = path;
    if (count == 0 && fallback && fallback[0])
        paths[count++] = fallback;
    return count;
}

int mr_cli_config(struct mr_cli *cli, struct mr_config **ret_config)
{
    const char *paths[2 * MR_CLI_MOST];
    struct mr_buf findings;
    int code;

    mr_buf_init(&findings, 1 << 20);
    code = mr_cli_config_load(cli, paths, mr_cli_config_paths(cli, paths, 2 * MR_CLI_MOST),
                              ret_config, &findings);
    if (code == MR_EXIT_CONFIG) {
        mr_buf_clear(&cli->result);
        mr_buf_printf(&cli->result, "{\"findings\":[%s]}", mr_buf_cstr(&findings));
    }
    mr_buf_done(&findings);
    return code;
}

int mr_cli_config_load(struct mr_cli *cli, const char *const *paths, size_t count,
                       struct mr_config **ret_config, struct mr_buf *ret_findings)
{
    struct mr_config_input input = {.paths = paths, .count = count};

    if (input.count == 0) {
        mr_cli_usage(cli, "usage.too_few", "%s needs a configuration file", cli->verb->name);
        mr_err_hint(&cli->err, "name it, or set MILLRACE_CONFIG");
        return MR_EXIT_USAGE;
    }
    if (mr_config_read(&input, ret_config, &cli->problem, ret_findings, &cli->err) == 0)
        return MR_EXIT_OK;
    /* The rendered findings say it all; the first of them as an error again would say it twice. */
    cli->ok = false;
    if (!cli->json)
        mr_err_clear(&cli->err);
    return MR_EXIT_CONFIG;
}

static const struct mr_pipeline_config *find(struct mr_cli *cli, const struct mr_config *config,
                                             const char *name)
{
    struct mr_suggest suggest = mr_suggest(name);

    for (size_t i = 0; i < config->pipeline_count; i++) {
        if (strcmp(config->pipelines[i].name, name) == 0)
            return &config->pipelines[i];
        mr_suggest_offer(&suggest, config->pipelines[i].name);
    }
    mr_cli_usage(cli, "usage.unknown_pipeline", "there is no pipeline \"%s\"", name);
    if (suggest.best)
        mr_err_hint(&cli->err, "did you mean \"%s\"?", suggest.best);
    return NULL;
}

const struct mr_pipeline_config *mr_cli_pipeline(struct mr_cli *cli, const struct mr_config *config,
                                                 const char *name)
{
    if (name)
        return find(cli, config, name);
    if (config->pipeline_count == 1)
        return &config->pipelines[0];
    mr_cli_usage(cli, "usage.unknown_pipeline", "the configuration has %zu pipelines: name one",
                 config->pipeline_count);
    return NULL;
}

int mr_cli_pipelines(struct mr_cli *cli, const struct mr_config *config,
                     const struct mr_pipeline_config **ret_pipelines, size_t *ret_count)
{
    const char *name;
    size_t count = 0;

    for (size_t i = 0; (name = mr_cli_value_at(cli, "pipeline", i)) != NULL; i++) {
        ret_pipelines[count] = find(cli, config, name);
        if (!ret_pipelines[count++])
            return MR_EXIT_USAGE;
    }
    for (size_t i = 0; !mr_cli_has(cli, "pipeline") && i < config->pipeline_count; i++)
        ret_pipelines[count++] = &config->pipelines[i];
    *ret_count = count;
    return MR_EXIT_OK;
}

/* The index of a word in a list, or -1. */
static int index_of(const char *const *words, const char *word)
{
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], word) == 0)
            return i;
    }
    return -1;
}

int mr_cli_log(struct mr_cli *cli, const struct mr_config *config)
{
    static const char *const levels[] = {"trace", "debug", "info", "warn", "error", NULL};
    static const char *const formats[] = {"auto", "logfmt", "json", NULL};
    const char *level = mr_cli_value(cli, "log-level"), *format = mr_cli_value(cli, "log-format");
    int level_index = config->log_level, format_index = config->log_format;

    if (!level)
        level = getenv("MILLRACE_LOG_LEVEL");
    if (level && level[0] && (level_index = index_of(levels, level)) < 0)
        return mr_cli_usage(cli, "usage.value",
                            "unknown log level \"%s\": trace, debug, info, warn or error", level);
    if (format && (format_index = index_of(formats, format)) < 0)
        return mr_cli_usage(cli, "usage.value", "unknown log format \"%s\": auto, logfmt or json",
                            format);
    mr_log_setup(2, (enum mr_log_level)level_index, (enum mr_log_format)format_index);
    return MR_EXIT_OK;
}

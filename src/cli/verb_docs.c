/* millrace docs: the pages that are made from the tables in the code.
 *
 *     docs configuration   docs/reference/configuration.md
 *     docs cli             docs/reference/cli.md
 *     docs example         config/millrace.yaml
 *     docs schema          config/millrace.schema.json
 *
 * Hidden from help: it is for the repository's gate, which fails when a page differs from what this prints, and
 * for whoever added an option and makes the page anew (scripts/docs). */
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "config/print.h"

static void add_flags(struct mr_buf *text, const struct mr_flag *flags)
{
    for (; flags && flags->name; flags++) {
        mr_buf_printf(text, "- `--%s%s%s`", flags->name, flags->argument ? " " : "",
                      flags->argument ? flags->argument : "");
        if (flags->letter)
            mr_buf_printf(text, ", `-%c`", flags->letter);
        mr_buf_printf(text, ": %s\n", flags->doc);
    }
}

static void add_verb(struct mr_buf *text, const struct mr_verb *verb)
{
    mr_buf_printf(text, "\n## millrace %s\n\n```\nmillrace %s%s%s%s\n```\n\n%s.\n", verb->name,
                  verb->name, verb->flags ? " [flags]" : "", verb->arguments[0] ? " " : "",
                  verb->arguments, verb->summary);
    if (verb->details)
        mr_buf_printf(text, "\n%s\n", verb->details);
    if (verb->flags)
        mr_buf_add_char(text, '\n');
    add_flags(text, verb->flags);
}

static void add_cli(struct mr_buf *text)
{
    mr_buf_add_str(
        text, "# Command line\n\n"
              "<!-- Made by `millrace docs cli` from the tables in the code. Do not edit. -->\n\n"
              "Flags and arguments stand in any order; `--` ends the flags; `-` as a file is "
              "standard input. Every verb "
              "knows:\n\n");
    add_flags(text, mr_common_flags);
    mr_buf_add_str(
        text,
        "\nWith `--json` the answer is one line: `{\"command\", \"ok\", \"summary\", \"result\", "
        "\"error\"}`. `ok` "
        "false with `error`\nnull means that the command worked and found something wrong. Verbs "
        "whose sink writes "
        "to standard output (`run`,\n`tail`) print it to standard error.\n\n"
        "| exit code | meaning |\n|---|---|\n| 0 | done, or stopped in good order |\n| 1 | failed "
        "|\n"
        "| 64 | wrong usage |\n| 65 | changes are missing or damaged: nothing is stepped over |\n"
        "| 69 | a server cannot be reached |\n| 70 | a fault of millrace |\n"
        "| 75 | another instance owns the pipeline |\n| 77 | a right is missing |\n"
        "| 78 | the configuration, or something it names, must be changed |\n"
        "| 130, 143 | a second SIGINT or SIGTERM cut a stop short |\n\n"
        "Environment: `MILLRACE_CONFIG` (the configuration when none is named), "
        "`MILLRACE_LOG_LEVEL`, `NO_COLOR`.\n");
    for (size_t i = 0; mr_verbs[i]; i++) {
        if (!mr_verbs[i]->hidden)
            add_verb(text, mr_verbs[i]);
    }
}

static int run(struct mr_cli *cli)
{
    const char *page = cli->args[0];

    if (strcmp(page, "configuration") == 0)
        mr_config_reference(&cli->text);
    else if (strcmp(page, "cli") == 0)
        add_cli(&cli->text);
    else if (strcmp(page, "example") == 0)
        mr_config_example(&cli->text);
    else if (strcmp(page, "schema") == 0)
        mr_config_schema(&cli->text);
    else
        return mr_cli_usage(cli, "usage.value",
                            "there is no page \"%s\": configuration, cli, example or schema", page);
    mr_json_add_str(&cli->result, mr_buf_slice(&cli->text));
    cli->quiet = false;
    return MR_EXIT_OK;
}

const struct mr_verb mr_verb_docs = {
    .name = "docs",
    .arguments = "PAGE",
    .summary = "print a page that is made from the tables",
    .least = 1,
    .most = 1,
    .hidden = true,
    .names = true,
    .run = run,
};

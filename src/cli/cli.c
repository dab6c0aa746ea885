/* The table of verbs, and the way from words to an exit code: parse, run, print.
 *
 * The order of the table is the order in which a user meets the verbs, and that of `help`, of the reference
 * page and of completion, which are all made from it. A verb prints nothing and does not end the process; what
 * it leaves in struct mr_cli is printed here, so that --json and --quiet mean the same everywhere. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

const struct mr_verb *const mr_verbs[] = {&mr_verb_tail,
                                          &mr_verb_check,
                                          &mr_verb_plan,
                                          &mr_verb_run,
                                          &mr_verb_checkpoint_show,
                                          &mr_verb_checkpoint_export,
                                          &mr_verb_checkpoint_set,
                                          &mr_verb_resnapshot,
                                          &mr_verb_files_verify,
                                          &mr_verb_config_show,
                                          &mr_verb_schema_plan,
                                          &mr_verb_schema,
                                          &mr_verb_version,
                                          &mr_verb_help,
                                          &mr_verb_completion,
                                          &mr_verb_docs,
                                          NULL};

static void init(struct mr_cli *cli)
{
    memset(cli, 0, sizeof(*cli));
    cli->ok = true;
    mr_buf_init(&cli->text, 64 << 20);
    mr_buf_init(&cli->problem, 4 << 20);
    mr_buf_init(&cli->summary, 64 << 10);
    mr_buf_init(&cli->result, 64 << 20);
    mr_err_clear(&cli->err);
}

static void done(struct mr_cli *cli)
{
    mr_buf_done(&cli->text);
    mr_buf_done(&cli->problem);
    mr_buf_done(&cli->summary);
    mr_buf_done(&cli->result);
}

/* `VERB --help` is `help VERB`. */
static int run_verb(struct mr_cli *cli)
{
    if (cli->help && cli->verb != &mr_verb_help) {
        cli->args[0] = cli->verb->name;
        cli->arg_count = 1;
        cli->verb = &mr_verb_help;
    }
    return cli->verb->run(cli);
}

/* A flag that could not be parsed does not hide that --json was wanted. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            return true;
    }
    return false;
}

int mr_cli_main(int argc, char **argv)
{
    struct mr_cli cli;
    int code = MR_EXIT_USAGE;

    init(&cli);
    if (mr_cli_parse(&cli, argc, argv) == 0)
        code = run_verb(&cli);
    else
        cli.json = wants_json(argc, argv);
    mr_cli_print(&cli);
    if (fflush(stdout) != 0 && code == MR_EXIT_OK)
        code = MR_EXIT_FAILURE;
    done(&cli);
    return code;
}

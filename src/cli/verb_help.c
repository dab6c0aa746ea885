/* millrace help: the list of verbs, or one verb's page.
 *
 * Both are made from the table of verbs and their tables of flags, as the reference page and the completion
 * are. `VERB --help` comes here too. The text is for people; with --json it is the result, as one string.
 * A verb of two words may be given as two arguments. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/suggest.h"
#include "cli/cli.h"

static void add_flag(struct mr_buf *text, const struct mr_flag *flag)
{
    char name[80];
    struct mr_buf left;

    mr_buf_init(&left, sizeof(name));
    if (flag->letter)
        mr_buf_printf(&left, "-%c, ", flag->letter);
    mr_buf_printf(&left, "--%s%s%s", flag->name, flag->argument ? " " : "",
                  flag->argument ? flag->argument : "");
    mr_buf_printf(text, "  %-28s %s\n", mr_buf_cstr(&left), flag->doc);
    mr_buf_done(&left);
}

static void one_verb(struct mr_buf *text, const struct mr_verb *verb)
{
    mr_buf_printf(text, "%s\n\nusage: millrace %s%s%s%s\n", verb->summary, verb->name,
                  verb->flags ? " [flags]" : "", verb->arguments[0] ? " " : "", verb->arguments);
    if (verb->details)
        mr_buf_printf(text, "\n%s\n", verb->details);
    mr_buf_add_str(text, "\nflags:\n");
    for (const struct mr_flag *flag = verb->flags; flag && flag->name; flag++)
        add_flag(text, flag);
    for (const struct mr_flag *flag = mr_common_flags; flag->name; flag++)
        add_flag(text, flag);
}

static void all_verbs(struct mr_buf *text)
{
    mr_buf_add_str(text,
                   "millrace reads a database's change log and delivers every row change once.\n\n"
                   "usage: millrace VERB [flags] [arguments]\n\n");
    for (size_t i = 0; mr_verbs[i]; i++) {
        if (!mr_verbs[i]->hidden)
            mr_buf_printf(text, "  %-18s %s\n", mr_verbs[i]->name, mr_verbs[i]->summary);
    }
    mr_buf_add_str(text, "\nmillrace help VERB explains one of them. Begin with:\n\n"
                         "  millrace tail \"host=localhost dbname=shop user=postgres\"\n");
}

static const struct mr_verb *find(struct mr_cli *cli, const char *name)
{
    struct mr_suggest suggest = mr_suggest(name);

    for (size_t i = 0; mr_verbs[i]; i++) {
        if (strcmp(mr_verbs[i]->name, name) == 0)
            return mr_verbs[i];
        if (!mr_verbs[i]->hidden)
            mr_suggest_offer(&suggest, mr_verbs[i]->name);
    }
    mr_cli_usage(cli, "usage.unknown_verb", "there is no verb \"%s\"", name);
    if (suggest.best)
        mr_err_hint(&cli->err, "did you mean \"%s\"?", suggest.best);
    return NULL;
}

static int run(struct mr_cli *cli)
{
    char name[100] = "";
    const struct mr_verb *verb;

    if (cli->arg_count > 0)
        snprintf(name, sizeof(name), "%s%s%s", cli->args[0], cli->arg_count > 1 ? " " : "",
                 cli->arg_count > 1 ? cli->args[1] : "");
    if (name[0]) {
        verb = find(cli, name);
        if (!verb)
            return MR_EXIT_USAGE;
        one_verb(&cli->text, verb);
    } else {
        all_verbs(&cli->text);
    }
    mr_json_add_str(&cli->result, mr_slice_str(mr_buf_cstr(&cli->text)));
    cli->quiet = false;
    return MR_EXIT_OK;
}

const struct mr_verb mr_verb_help = {
    .name = "help",
    .arguments = "[VERB]",
    .summary = "list the verbs, or explain one",
    .most = 2,
    .run = run,
};

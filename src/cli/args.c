/* Words of the command line into a verb, its flags and its arguments.
 *
 *     millrace [VERB [SUBVERB]] [--flag VALUE | --flag=VALUE | -f VALUE | --switch | ARGUMENT | --]...
 *
 * Flags and arguments may stand in any order; "--" ends the flags; "-" is an argument (standard input). A flag
 * of the verb's own table or a common one is taken, anything else is refused with the nearest name: a mistyped
 * flag that was silently an argument would be read as a file name. getopt_long would do most of this, but it
 * prints in its own way, knows no tables and accepts abbreviations that later become ambiguous. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

const struct mr_flag mr_common_flags[] = {
    {"json", 0, NULL, "print one JSON object: command, ok, summary, result, error"},
    {"quiet", 'q', NULL, "print only what needs a hand"},
    {"help", 'h', NULL, "explain the verb"},
    {0}};

int mr_cli_usage(struct mr_cli *cli, const char *code, const char *format, ...)
{
    char text[1000];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    mr_err_set(&cli->err, MR_CONFIG, code, "%s", text);
    cli->err.exit_code = MR_EXIT_USAGE;
    return MR_EXIT_USAGE;
}

/* How many of the words at argv make the verb's name: 0 = not this verb. */
static int matches(const struct mr_verb *verb, int argc, char **argv)
{
    const char *space = strchr(verb->name, ' ');
    size_t first = space ? (size_t)(space - verb->name) : strlen(verb->name);

    if (argc < 1 || strlen(argv[0]) != first || strncmp(argv[0], verb->name, first) != 0)
        return 0;
    if (!space)
        return 1;
    return argc > 1 && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

static int unknown_verb(struct mr_cli *cli, int argc, char **argv)
{
    struct mr_suggest suggest;
    char words[200];
    const char *group = NULL;

    for (size_t i = 0; mr_verbs[i]; i++) {
        size_t size = strcspn(mr_verbs[i]->name, " ");
        if (mr_verbs[i]->name[size] && strlen(argv[0]) == size &&
            strncmp(mr_verbs[i]->name, argv[0], size) == 0)
            group = argv[0];
    }
    snprintf(words, sizeof(words), "%s%s%s", argv[0], group && argc > 1 ? " " : "",
             group && argc > 1 ? argv[1] : "");
    suggest = mr_suggest(words);
    for (size_t i = 0; mr_verbs[i]; i++) {
        if (!mr_verbs[i]->hidden)
            mr_suggest_offer(&suggest, mr_verbs[i]->name);
    }
    if (group && argc == 1)
        mr_cli_usage(cli, "usage.unknown_verb", "%s what? See the verbs that begin with it", group);
    else
        mr_cli_usage(cli, "usage.unknown_verb", "there is no verb \"%s\"", words);
    if (suggest.best)
        mr_err_hint(&cli->err, "did you mean \"%s\"?", suggest.best);
    else
        mr_err_hint(&cli->err, "millrace help lists the verbs");
    return -1;
}

static const struct mr_flag *find_in(const struct mr_flag *flags, const char *name, size_t size)
{
    for (; flags && flags->name; flags++) {
        if (strlen(flags->name) == size && strncmp(flags->name, name, size) == 0)
            return flags;
        if (size == 1 && flags->letter == name[0])
            return flags;
    }
    return NULL;
}

static int unknown_flag(struct mr_cli *cli, const char *word)
{
    struct mr_suggest suggest;
    char name[100];
    const struct mr_flag *lists[] = {cli->verb->flags, mr_common_flags};

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
    suggest = mr_suggest(name + strspn(name, "-"));
    for (size_t i = 0; i < 2; i++) {
        for (const struct mr_flag *flag = lists[i]; flag && flag->name; flag++)
            mr_suggest_offer(&suggest, flag->name);
    }
    mr_cli_usage(cli, "usage.unknown_flag", "%s has no flag %s", cli->verb->name, name);
    if (suggest.best)
        mr_err_hint(&cli->err, "did you mean --%s?", suggest.best);
    else
        mr_err_hint(&cli->err, "millrace help %s lists its flags", cli->verb->name);
    return -1;
}

static int keep_flag(struct mr_cli *cli, const struct mr_flag *flag, const char *value)
{
    if (cli->given_count == MR_CLI_MOST)
        return mr_cli_usage(cli, "usage.too_many", "more than %d flags", MR_CLI_MOST), -1;
    cli->given[cli->given_count].flag = flag;
    cli->given[cli->given_count++].value = value;
    return 0;
}

/* One word that begins with a dash; *at moves on when the next word is its value. */
static int take_flag(struct mr_cli *cli, int argc, char **argv, int *at)
{
    const char *word = argv[*at], *name = word + strspn(word, "-"), *value = strchr(name, '=');
    size_t size = value ? (size_t)(value - name) : strlen(name);
    const struct mr_flag *flag = NULL;

    if (size > 0 && (word[1] == '-' ? size > 1 : size == 1)) {
        flag = find_in(cli->verb->flags, name, size);
        flag = flag ? flag : find_in(mr_common_flags, name, size);
    }
    if (!flag)
        return unknown_flag(cli, word);
    if (value && !flag->argument)
        return mr_cli_usage(cli, "usage.value", "--%s takes no value", flag->name), -1;
    if (!flag->argument)
        return keep_flag(cli, flag, "");
    if (value)
        return keep_flag(cli, flag, value + 1);
    if (*at + 1 >= argc)
        return mr_cli_usage(cli, "usage.value", "--%s needs a value: %s", flag->name,
                            flag->argument),
               -1;
    return keep_flag(cli, flag, argv[++*at]);
}

static int check_count(struct mr_cli *cli)
{
    const struct mr_verb *verb = cli->verb;

    if (cli->help || (cli->arg_count >= verb->least && cli->arg_count <= verb->most))
        return 0;
    if (cli->arg_count < verb->least)
        mr_cli_usage(cli, "usage.too_few", "%s needs %s", verb->name, verb->arguments);
    else
        mr_cli_usage(cli, "usage.too_many", "%s takes no further argument: \"%s\"", verb->name,
                     cli->args[verb->most]);
    mr_err_hint(&cli->err, "usage: millrace %s %s", verb->name, verb->arguments);
    return -1;
}

static int take_words(struct mr_cli *cli, int argc, char **argv)
{
    bool flags = true;

    for (int i = 0; i < argc; i++) {
        if (flags && strcmp(argv[i], "--") == 0) {
            flags = false;
        } else if (flags && argv[i][0] == '-' && argv[i][1]) {
            if (take_flag(cli, argc, argv, &i) < 0)
                return -1;
        } else if (cli->arg_count < MR_CLI_MOST) {
            cli->args[cli->arg_count++] = argv[i];
        } else {
            return mr_cli_usage(cli, "usage.too_many", "more than %d arguments", MR_CLI_MOST), -1;
        }
    }
    return 0;
}

int mr_cli_parse(struct mr_cli *cli, int argc, char **argv)
{
    int used = 0;

    cli->verb = &mr_verb_help;
    if (argc < 2)
        return 0;
    for (size_t i = 0; mr_verbs[i] && used == 0; i++) {
        used = matches(mr_verbs[i], argc - 1, argv + 1);
        if (used > 0)
            cli->verb = mr_verbs[i];
    }
    if (strcmp(argv[1], "--version") == 0)
        cli->verb = &mr_verb_version, used = 1;
    if (used == 0 && argv[1][0] != '-')
        return unknown_verb(cli, argc - 1, argv + 1);
    if (take_words(cli, argc - 1 - used, argv + 1 + used) < 0)
        return -1;
    cli->json = mr_cli_has(cli, "json");
    cli->quiet = mr_cli_has(cli, "quiet");
    cli->help = mr_cli_has(cli, "help");
    return check_count(cli);
}

const char *mr_cli_value_at(const struct mr_cli *cli, const char *flag, size_t i)
{
    for (size_t g = 0; g < cli->given_count; g++) {
        if (strcmp(cli->given[g].flag->name, flag) == 0 && i-- == 0)
            return cli->given[g].value;
    }
    return NULL;
}

const char *mr_cli_value(const struct mr_cli *cli, const char *flag)
{
    const char *value = NULL;

    for (size_t g = 0; g < cli->given_count; g++) {
        if (strcmp(cli->given[g].flag->name, flag) == 0)
            value = cli->given[g].value;
    }
    return value;
}

bool mr_cli_has(const struct mr_cli *cli, const char *flag)
{
    return mr_cli_value(cli, flag) != NULL;
}

int mr_cli_number(struct mr_cli *cli, const char *flag, uint64_t *ret_number)
{
    const char *value = mr_cli_value(cli, flag);
    char *end;

    if (!value)
        return 0;
    if (value[0] && strspn(value, "0123456789") == strlen(value) && strlen(value) < 19) {
        *ret_number = strtoull(value, &end, 10);
        return 0;
    }
    mr_cli_usage(cli, "usage.value", "--%s needs a number, got \"%s\"", flag, value);
    return -1;
}

/* millrace completion bash: words for the shell, from the same tables as everything else.
 *
 * The function that is printed knows three places: the first word is a verb, the second may be the second half
 * of one ("checkpoint show"), and everything after it is a flag of the verb or a file. It runs no millrace while
 * it completes: the words are in it. */
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"

static void add_flags(struct mr_buf *text, const struct mr_flag *flags)
{
    for (; flags && flags->name; flags++)
        mr_buf_printf(text, "--%s ", flags->name);
}

/* First words, each once. */
static void add_first_words(struct mr_buf *text)
{
    for (size_t i = 0; mr_verbs[i]; i++) {
        size_t size = strcspn(mr_verbs[i]->name, " ");
        bool again = i > 0 && strncmp(mr_verbs[i]->name, mr_verbs[i - 1]->name, size) == 0 &&
                     strcspn(mr_verbs[i - 1]->name, " ") == size;
        if (!mr_verbs[i]->hidden && !again)
            mr_buf_printf(text, "%.*s ", (int)size, mr_verbs[i]->name);
    }
}

/* "show export set" for "checkpoint". */
static void add_second_words(struct mr_buf *text, const char *first, size_t size)
{
    for (size_t i = 0; mr_verbs[i]; i++) {
        const char *name = mr_verbs[i]->name;
        if (strncmp(name, first, size) == 0 && name[size] == ' ')
            mr_buf_printf(text, "%s ", name + size + 1);
    }
}

static int run(struct mr_cli *cli)
{
    struct mr_buf *text = &cli->text;

    if (strcmp(cli->args[0], "bash") != 0)
        return mr_cli_usage(cli, "usage.value", "completion knows bash only, not \"%s\"",
                            cli->args[0]);
    mr_buf_add_str(text, "_millrace() {\n    local cur=${COMP_WORDS[COMP_CWORD]} words=''\n"
                         "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words='");
    add_first_words(text);
    mr_buf_add_str(text, "'\n    else\n        case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; mr_verbs[i]; i++) {
        const char *name = mr_verbs[i]->name;
        size_t size = strcspn(name, " ");
        if (mr_verbs[i]->hidden)
            continue;
        mr_buf_printf(text, "        %.*s) words+=' ", (int)size, name);
        if (name[size])
            add_second_words(text, name, size);
        add_flags(text, mr_verbs[i]->flags);
        add_flags(text, mr_common_flags);
        mr_buf_add_str(text, "' ;;&\n");
    }
    mr_buf_add_str(
        text,
        "        esac\n    fi\n"
        "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
        "    [[ $cur == -* || $COMP_CWORD -eq 1 ]] || COMPREPLY+=($(compgen -f -- \"$cur\"))\n"
        "}\ncomplete -o filenames -F _millrace millrace\n");
    mr_json_add_str(&cli->result, mr_buf_slice(text));
    cli->quiet = false;
    return MR_EXIT_OK;
}

const struct mr_verb mr_verb_completion = {
    .name = "completion",
    .arguments = "bash",
    .summary = "print completion for the shell: source <(millrace completion bash)",
    .least = 1,
    .most = 1,
    .run = run,
};

/* What a verb leaves behind, printed in one of two forms.
 *
 *     people   text to standard output; summary after it; problem and error to standard error:
 *                  error: cannot connect to db:5432 (source.connect, 08006)
 *                    check that the server runs ...
 *     --json   {"command":..,"ok":..,"summary":..,"result":..,"error":null | {code,class,native,text,hint}}
 *
 * The object goes to standard output, except for the verbs whose sink writes there: then to standard error, last
 * line. An error is written once, here, and nowhere else in cli/. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"

bool mr_cli_colour(int fd)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(fd) && !(no_color && no_color[0]) && !(term && strcmp(term, "dumb") == 0);
}

void mr_cli_json_str(struct mr_buf *json, const char *key, const char *value)
{
    if (!value)
        return;
    mr_json_add_key(json, key);
    mr_json_add_str(json, mr_slice_str(value));
}

void mr_cli_json_num(struct mr_buf *json, const char *key, uint64_t value)
{
    mr_json_add_key(json, key);
    mr_json_add_u64(json, value);
}

static void add_error(struct mr_buf *json, const struct mr_err *err)
{
    mr_json_add_key(json, "error");
    if (!err->code[0]) {
        mr_buf_add_str(json, "null");
        return;
    }
    mr_buf_add_str(json, "{");
    mr_cli_json_str(json, "code", err->code);
    mr_cli_json_str(json, "class", mr_class_name(err->class));
    mr_cli_json_str(json, "native", err->native[0] ? err->native : NULL);
    mr_cli_json_str(json, "text", err->text);
    mr_cli_json_str(json, "hint", err->hint[0] ? err->hint : NULL);
    mr_buf_add_str(json, "}");
}

static void print_json(struct mr_cli *cli, FILE *stream)
{
    struct mr_buf json;

    mr_buf_init(&json, 64 << 20);
    mr_buf_add_str(&json, "{");
    mr_cli_json_str(&json, "command", cli->verb->name);
    mr_json_add_key(&json, "ok");
    mr_buf_add_str(&json, cli->ok && !cli->err.code[0] ? "true" : "false");
    mr_cli_json_str(&json, "summary", mr_buf_cstr(&cli->summary));
    mr_json_add_key(&json, "result");
    mr_buf_add_str(&json, cli->result.size ? mr_buf_cstr(&cli->result) : "null");
    add_error(&json, &cli->err);
    mr_buf_add_str(&json, "}\n");
    fwrite(json.data, 1, json.size, stream);
    mr_buf_done(&json);
}

void mr_cli_print_error(const struct mr_err *err)
{
    const char *hint = err->hint;

    fprintf(stderr, "%serror:%s %s (%s%s%s)\n", mr_cli_colour(2) ? "\033[31m" : "",
            mr_cli_colour(2) ? "\033[0m" : "", err->text, err->code, err->native[0] ? ", " : "",
            err->native);
    while (*hint) {
        size_t line = strcspn(hint, "\n");
        fprintf(stderr, "  %.*s\n", (int)line, hint);
        hint += line + (hint[line] == '\n');
    }
}

void mr_cli_print(struct mr_cli *cli)
{
    FILE *stream = cli->verb->streams ? stderr : stdout;
    bool well = cli->ok && !cli->err.code[0];

    if (cli->json) {
        print_json(cli, stream);
        return;
    }
    if (!cli->quiet || !well)
        fwrite(mr_buf_cstr(&cli->text), 1, cli->text.size, stream);
    fflush(stream);
    fwrite(mr_buf_cstr(&cli->problem), 1, cli->problem.size, stderr);
    if (cli->err.code[0])
        mr_cli_print_error(&cli->err);
    if (cli->summary.size && (!cli->quiet || !well))
        fprintf(well ? stream : stderr, "%s\n", mr_buf_cstr(&cli->summary));
}

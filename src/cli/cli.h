/* What every verb is given, and what it must leave behind.
 *
 * A verb is one line of the table in cli.c and one file. It reads its flags and arguments from struct mr_cli,
 * and writes what it found twice: `text` for people, `result` as a JSON value for --json. It prints nothing
 * itself (run and tail excepted: their sink owns standard output while they run) and returns the exit code.
 *
 *     --json     {"command":"check","ok":true,"summary":"...","result":{...},"error":null}, one line
 *     -q         only what needs a hand: no summary, no text of a success
 *
 * ok false with error null means that the command worked and found something wrong. Exit codes: 0 done, 1
 * failure, 64 usage, 65 changes are missing, 69 unreachable, 70 fault of ours, 75 another instance owns it, 77
 * no permission, 78 configuration, 130/143 a second signal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/read.h"

enum {
    MR_EXIT_OK = 0,
    MR_EXIT_FAILURE = 1,
    MR_EXIT_USAGE = 64,
    MR_EXIT_GAP = 65,
    MR_EXIT_UNAVAILABLE = 69,
    MR_EXIT_SOFTWARE = 70,
    MR_EXIT_FENCED = 75,
    MR_EXIT_PERMISSION = 77,
    MR_EXIT_CONFIG = 78,
    MR_EXIT_LEFT = 256, /* added to a code: pipelines still run, so nothing they use may be freed */
};

enum { MR_CLI_MOST = 128 }; /* arguments, and flags */

/* Ends in {0}. argument NULL: a switch. */
struct mr_flag {
    const char *name; /* without the dashes */
    char letter;      /* 0 = none */
    const char *argument, *doc;
};

struct mr_cli;

struct mr_verb {
    const char *name;      /* "run", "config show" */
    const char *arguments; /* as in the usage line: "FILE..." */
    const char *summary;   /* one line */
    const char *details;   /* NULL, or paragraphs for `help VERB` */
    const struct mr_flag *flags;
    size_t least, most; /* how many arguments */
    bool hidden;        /* not in the list of help */
    bool names;         /* arguments name things, not files: the configuration is --config's */
    bool streams;       /* a sink owns standard output: the summary goes to standard error */
    int (*run)(struct mr_cli *cli);
};

struct mr_cli {
    const struct mr_verb *verb;
    const char *args[MR_CLI_MOST];
    size_t arg_count;
    struct {
        const struct mr_flag *flag;
        const char *value;
    } given[MR_CLI_MOST];
    size_t given_count;
    bool json, quiet, help;
    bool ok;               /* starts true */
    struct mr_buf text;    /* for people, standard output */
    struct mr_buf problem; /* for people, standard error, before the error */
    struct mr_buf summary; /* one line, no line end */
    struct mr_buf result;  /* a JSON value; empty = null */
    struct mr_err err;     /* code "" = none */
};

/* NULL-ended, in the order in which a user meets them. */
extern const struct mr_verb *const mr_verbs[];
extern const struct mr_flag mr_common_flags[];

/* The whole program behind main: parses, runs, prints. Returns the exit code. */
int mr_cli_main(int argc, char **argv);

/* args.c. 0, or MR_CONFIG with exit code 64 in cli->err: unknown verb or flag, too few or many arguments. */
int mr_cli_parse(struct mr_cli *cli, int argc, char **argv) MR_MUST_CHECK;
/* The last value of a flag, or NULL. */
const char *mr_cli_value(const struct mr_cli *cli, const char *flag);
/* The i-th value of a flag that may be repeated, or NULL. */
const char *mr_cli_value_at(const struct mr_cli *cli, const char *flag, size_t i);
bool mr_cli_has(const struct mr_cli *cli, const char *flag);
/* A count such as --limit: 0 and *ret_number, unchanged when the flag is absent; MR_CONFIG, exit 64. */
int mr_cli_number(struct mr_cli *cli, const char *flag, uint64_t *ret_number) MR_MUST_CHECK;
/* Sets cli->err for wrong usage and returns the exit code 64. */
int mr_cli_usage(struct mr_cli *cli, const char *code, const char *format, ...) MR_PRINTF(3, 4);

/* output.c */
void mr_cli_print(struct mr_cli *cli);
/* The error, as people read it. */
void mr_cli_print_error(const struct mr_err *err);
/* True when standard output (1) or error (2) is a terminal that wants colour: NO_COLOR and TERM are honoured. */
bool mr_cli_colour(int fd);

/* files.c: the configuration of the arguments, --config and MILLRACE_CONFIG. Returns an exit code, 0 with
 * *ret_config; else the findings are in cli. Arguments count as files unless the verb's names is set. */
int mr_cli_config(struct mr_cli *cli, struct mr_config **ret_config);
/* The two halves of it: which files are meant, and loading some of them as one configuration, with what is wrong as
 * JSON objects by a comma. */
size_t mr_cli_config_paths(const struct mr_cli *cli, const char **paths, size_t room);
int mr_cli_config_load(struct mr_cli *cli, const char *const *paths, size_t count,
                       struct mr_config **ret_config, struct mr_buf *ret_findings);
/* The pipeline of that name; NULL name: the only one there is. NULL after an error in cli (exit code 64). */
const struct mr_pipeline_config *mr_cli_pipeline(struct mr_cli *cli, const struct mr_config *config,
                                                 const char *name);
/* The pipelines --pipeline names, all of them without the flag: 0, or exit code 64 for an unknown name. */
int mr_cli_pipelines(struct mr_cli *cli, const struct mr_config *config,
                     const struct mr_pipeline_config **ret_pipelines, size_t *ret_count);
/* Sets up the log by configuration, environment and --log-level/--log-format. */
int mr_cli_log(struct mr_cli *cli, const struct mr_config *config);
extern const struct mr_flag mr_config_flag;

/* Appends `"key":"value"` pairs to a JSON object under construction. NULL is left out. */
void mr_cli_json_str(struct mr_buf *json, const char *key, const char *value);
void mr_cli_json_num(struct mr_buf *json, const char *key, uint64_t value);

extern const struct mr_verb mr_verb_run, mr_verb_tail, mr_verb_check, mr_verb_plan,
    mr_verb_config_show, mr_verb_schema, mr_verb_checkpoint_show, mr_verb_checkpoint_export,
    mr_verb_checkpoint_set, mr_verb_resnapshot, mr_verb_files_verify, mr_verb_version, mr_verb_help,
    mr_verb_completion, mr_verb_docs, mr_verb_schema_plan;

/* One table describes every setting, and everything else is made from it.
 *
 * A component lists its settings in a `const struct mr_option[]` that ends in {0}. From these tables come the
 * check of a file, the filled struct, `millrace schema`, `config show --origin`, the reference page and
 * completion. The component's settings live in a plain struct of its own; each option names the offset.
 *
 * Field types in that struct, by option type:
 *   BOOL bool | INT int64_t | SIZE int64_t bytes | DURATION int64_t nanoseconds | STRING const char * (NULL when
 *   absent) | ENUM int (index into choices) | LIST struct mr_option_list | MAP struct mr_option_map |
 *   GROUP the nested struct itself, at offset.
 * All strings live as long as the configuration (process). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum mr_option_type {
    MR_OPTION_END = 0,
    MR_OPTION_BOOL,     /* true | false only */
    MR_OPTION_INT,      /* decimal, min..max */
    MR_OPTION_SIZE,     /* with unit: B, KiB, MiB, GiB, kB, MB, GB; a bare number is an error */
    MR_OPTION_DURATION, /* with unit: ms, s, m, h, d (us too); a bare number is an error, except 0 */
    MR_OPTION_STRING,
    MR_OPTION_ENUM,  /* one of choices */
    MR_OPTION_LIST,  /* a YAML sequence of scalars; a single scalar counts as a list of one */
    MR_OPTION_MAP,   /* a YAML mapping of scalar to scalar, order kept */
    MR_OPTION_GROUP, /* a YAML mapping described by `group` */
};

enum mr_option_flag {
    MR_OPTION_REQUIRED = 1,   /* absence is an error */
    MR_OPTION_SECRET = 2,     /* never printed: *** in show, logs and errors */
    MR_OPTION_RELOADABLE = 4, /* may change without a restart of the pipeline */
    MR_OPTION_SHORT = 8,      /* GROUP: a scalar in its place sets the group's first option */
};

struct mr_option {
    const char *key; /* as written in YAML: lower case, words joined by _ */
    enum mr_option_type type;
    unsigned flags;
    size_t offset;              /* into the component's config struct */
    const char *standard;       /* the default, as the user would write it; NULL = none */
    int64_t min, max;           /* INT, SIZE (bytes), DURATION (ns): inclusive; both 0 = no check */
    const char *const *choices; /* ENUM; LIST: what an item may be; NULL-terminated */
    const struct mr_option *group; /* GROUP: the nested table */
    const char *doc;               /* one to three sentences, for a user; plain text, no markup */
};

struct mr_option_list {
    const char **items;
    size_t count;
};

struct mr_option_map {
    const char **keys, **values;
    size_t count;
};

/* The option of that key, or NULL. */
const struct mr_option *mr_option_find(const struct mr_option *options, const char *key);

/* What is wrong with a scalar. Each but OK has an error code of its own in the reference. */
enum mr_option_fault {
    MR_OPTION_OK = 0,
    MR_OPTION_FAULT_TYPE,   /* not a value of that type at all */
    MR_OPTION_FAULT_UNIT,   /* a bare number where a unit is needed */
    MR_OPTION_FAULT_RANGE,  /* outside min..max, or of int64 */
    MR_OPTION_FAULT_CHOICE, /* none of the choices */
};

/* Reads `text` as a BOOL, INT, SIZE, DURATION, STRING or ENUM and writes the field in `config`; a failure
 * leaves it untouched. A STRING field points to `text` itself, which must live as long as the config. */
enum mr_option_fault mr_option_set(const struct mr_option *option, const char *text, void *config);

/* What the option takes, to stand after "expected": "an integer from 1 to 65535". */
void mr_option_expected(const struct mr_option *option, char *ret_text, size_t size);

/* Writes every default of the table (nested groups too) into a zeroed struct; lists take memory from arena. */
void mr_option_defaults(const struct mr_option *options, void *config, struct mr_arena *arena);
/* The same for one option. Without a default the field stays as it is. */
void mr_option_default(const struct mr_option *option, void *config, struct mr_arena *arena);

/* A size or duration as a user would write it: "64MiB", "1500ms". */
void mr_option_format(enum mr_option_type type, int64_t value, char *ret_text, size_t size);

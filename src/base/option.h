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
    const char *key;           /* as written in YAML: lower case, words joined by _ */
    enum mr_option_type type;
    unsigned flags;
    size_t offset;             /* into the component's config struct */
    const char *standard;      /* the default, as the user would write it; NULL = none */
    int64_t min, max;          /* INT, SIZE (bytes), DURATION (ns): inclusive; both 0 = no check */
    const char *const *choices; /* ENUM: NULL-terminated */
    const struct mr_option *group; /* GROUP: the nested table */
    const char *doc;           /* one to three sentences, for a user; plain text, no markup */
};

struct mr_option_list {
    const char **items;
    size_t count;
};

struct mr_option_map {
    const char **keys, **values;
    size_t count;
};

/* From options to rules: patterns compiled, numbers read, one digest.
 *
 * All of it is checked here, before a server is asked for anything, so that `check` can tell: patterns that are
 * none, lengths that are no numbers (they are values of a mapping and therefore text until now), an unknown digest,
 * a missing salt, lists that exclude each other. What needs a table (is the column a text? is it part of the key?)
 * waits for plan.c. */
#include "connectors/transform_columns/columns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 1000000 };

static int read_lengths(const struct mr_option_map *map, const char *option, uint32_t **ret_lengths,
                        struct mr_err *err)
{
    uint32_t *lengths = mr_alloc_zero((map->count + 1) * sizeof *lengths);

    for (size_t i = 0; i < map->count; i++) {
        const char *text = map->values[i];
        char *end = NULL;
        unsigned long value = 0;
        errno = 0;
        if (text[0] >= '0' && text[0] <= '9')
            value = strtoul(text, &end, 10);
        if (!end || *end || errno || value > LONGEST) {
            free(lengths);
            mr_err_set(err, MR_CONFIG, "transform.columns.number",
                       "%s of \"%s\" is \"%s\", but a length is a number from 0 to %d", option,
                       map->keys[i], text, LONGEST);
            mr_err_hint(err, "Write %s: {\"%s\": 8}.", option, map->keys[i]);
            return MR_CONFIG;
        }
        lengths[i] = (uint32_t)value;
    }
    *ret_lengths = lengths;
    return 0;
}

static int compile_all(struct mr_columns_rules *rules, struct mr_err *err)
{
    const struct mr_columns_config *config = rules->config;
    const struct {
        const char **patterns;
        size_t count;
        const char *option;
        struct mr_match **ret_match;
    } lists[] = {
        {config->include.items, config->include.count, "include", &rules->include},
        {config->exclude.items, config->exclude.count, "exclude", &rules->exclude},
        {config->mask.keys, config->mask.count, "mask", &rules->mask},
        {config->truncate.keys, config->truncate.count, "truncate", &rules->truncate},
        {config->hash.columns.items, config->hash.columns.count, "hash.columns", &rules->hash},
        {config->keys.keys, config->keys.count, "keys", &rules->keys},
    };
    int rc = 0;

    for (size_t i = 0; i < sizeof lists / sizeof lists[0] && rc == 0; i++) {
        if (lists[i].count > 0)
            rc = mr_match_new(lists[i].patterns, lists[i].count, lists[i].option,
                              lists[i].ret_match, err);
    }
    return rc;
}

static int make_digest(struct mr_columns_rules *rules, struct mr_err *err)
{
    const struct mr_columns_config *config = rules->config;
    const char *salt = config->hash.salt;

    if (config->hash.columns.count == 0)
        return 0;
    if (!salt || !salt[0]) {
        mr_err_set(
            err, MR_CONFIG, "transform.columns.salt",
            "hash.salt is missing: without a salt anybody can hash all phone numbers and compare");
        mr_err_hint(err, "Set hash.salt to a long random text from ${env:NAME} or ${file:/path}.");
        return MR_CONFIG;
    }
    return mr_columns_digest_init(&rules->digest, config->hash.algorithm, salt,
                                  config->hash.version == MR_COLUMNS_V1, err);
}

int mr_columns_rules_init(struct mr_columns_rules *rules, const struct mr_columns_config *config,
                          struct mr_err *err)
{
    int rc;

    rules->config = config;
    if (config->include.count > 0 && config->exclude.count > 0) {
        mr_err_set(err, MR_CONFIG, "transform.columns.conflict",
                   "include and exclude are both set: a column is named in one or the other");
        mr_err_hint(err, "Keep one of them. Two transforms of type columns may follow each other.");
        return MR_CONFIG;
    }
    rc = compile_all(rules, err);
    if (rc == 0)
        rc = read_lengths(&config->mask, "mask", &rules->mask_lengths, err);
    if (rc == 0)
        rc = read_lengths(&config->truncate, "truncate", &rules->truncate_lengths, err);
    return rc < 0 ? rc : make_digest(rules, err);
}

void mr_columns_rules_done(struct mr_columns_rules *rules)
{
    mr_match_free(rules->include);
    mr_match_free(rules->exclude);
    mr_match_free(rules->mask);
    mr_match_free(rules->truncate);
    mr_match_free(rules->hash);
    mr_match_free(rules->keys);
    free(rules->mask_lengths);
    free(rules->truncate_lengths);
    mr_columns_digest_done(&rules->digest);
    memset(rules, 0, sizeof *rules);
}

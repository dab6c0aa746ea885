/* The parts of the transform `columns`, between its files.
 *
 *     options   what the user wrote                          transform_columns.c
 *     rules     patterns compiled, numbers read, digest found  rules.c
 *     plan      what one table version becomes               plan.c
 *     apply     rows rewritten by their plan                 transform_columns.c, hash.c
 */
#pragma once

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/match.h"
#include "base/option.h"
#include "model/table.h"

enum mr_columns_version { MR_COLUMNS_V1, MR_COLUMNS_V2 };

struct mr_columns_config {
    struct mr_option_list include, exclude;
    struct mr_option_map mask, truncate, keys;
    struct {
        const char *algorithm, *salt;
        int version; /* enum mr_columns_version */
        struct mr_option_list columns;
    } hash;
};

struct mr_columns_digest {
    EVP_MD *algorithm;
    EVP_MD_CTX *context;
    struct mr_slice salt;
    bool java; /* v1: the value as Java serialises a string */
};

struct mr_columns_rules {
    const struct mr_columns_config *config;
    struct mr_match *include, *exclude, *mask, *truncate, *hash, *keys;
    uint32_t *mask_lengths, *truncate_lengths; /* one a pattern */
    struct mr_columns_digest digest;
};

/* MR_CONFIG: config.pattern, transform.columns.number, .conflict, .salt, .algorithm. What was made before a failure
 * is freed by rules_done, as is a zeroed struct. */
int mr_columns_rules_init(struct mr_columns_rules *rules, const struct mr_columns_config *config,
                          struct mr_err *err) MR_MUST_CHECK;
void mr_columns_rules_done(struct mr_columns_rules *rules);

enum mr_columns_action { MR_COLUMNS_KEEP, MR_COLUMNS_MASK, MR_COLUMNS_HASH, MR_COLUMNS_TRUNCATE };

/* How one column of the derived version comes about. */
struct mr_columns_step {
    uint32_t from; /* column of the origin */
    enum mr_columns_action action;
    uint32_t length;       /* TRUNCATE: to so many; HASH: hex digits at most, 0 = all of them */
    struct mr_value value; /* MASK: what stands there */
};

/* What one table version becomes. */
struct mr_columns_plan {
    struct mr_table *table; /* the derived version, one reference; NULL: nothing changes */
    uint32_t column_count;
    struct mr_columns_step *steps; /* column_count of them, in the derived version's arena */
    bool rekeyed;                  /* the key is the user's: key_changed is for us to say */
};

/* Decides it all for one version, or refuses (MR_CONFIG transform.columns.*) with table and column. */
int mr_columns_plan_make(const struct mr_columns_rules *rules, struct mr_table *origin,
                         struct mr_columns_plan *ret_plan, struct mr_err *err) MR_MUST_CHECK;

int mr_columns_digest_init(struct mr_columns_digest *digest, const char *algorithm,
                           const char *salt, bool java, struct mr_err *err) MR_MUST_CHECK;
void mr_columns_digest_done(struct mr_columns_digest *digest);
/* Hex digits of a digest. */
uint32_t mr_columns_digest_size(const struct mr_columns_digest *digest);
/* Lower-case hex digits, the first `most` of them (0: all), in the arena. OpenSSL allocates its state once a call. */
struct mr_slice mr_columns_digest_hex(struct mr_columns_digest *digest, struct mr_slice text,
                                      uint32_t most, struct mr_arena *arena);
/* The longest prefix of at most `units` UTF-16 units that cuts no character. */
struct mr_slice mr_columns_cut(struct mr_slice text, uint32_t units);

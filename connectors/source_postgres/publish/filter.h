/* Which tables a user means: a list of patterns over "schema.table". */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/option.h"
#include "base/slice.h"

struct mr_pg_pattern;

struct mr_pg_filter {
    struct mr_pg_pattern *patterns;
    size_t count;
    bool positive; /* at least one pattern takes tables in; otherwise all are in to begin with */
};

/* MR_CONFIG source.tables: a pattern that cannot be one. */
int mr_pg_filter_init(struct mr_pg_filter *filter, const struct mr_option_list *list,
                      struct mr_err *err) MR_MUST_CHECK;
void mr_pg_filter_done(struct mr_pg_filter *filter);
/* System schemas never match. */
bool mr_pg_filter_match(const struct mr_pg_filter *filter, struct mr_slice schema,
                        struct mr_slice table);
/* Patterns over any text and not over names of tables: no pattern needs a dot, nothing is the system's. */
int mr_pg_filter_init_text(struct mr_pg_filter *filter, const struct mr_option_list *list,
                           struct mr_err *err) MR_MUST_CHECK;
bool mr_pg_filter_match_text(const struct mr_pg_filter *filter, struct mr_slice text);
/* True when a pattern with ! takes it out. */
bool mr_pg_filter_excludes(const struct mr_pg_filter *filter, struct mr_slice schema,
                           struct mr_slice table);
/* Index of the first pattern that takes the table in; count when none does: the order in which tables are read. */
size_t mr_pg_filter_rank(const struct mr_pg_filter *filter, struct mr_slice schema,
                         struct mr_slice table);

/* What a user means by a list of patterns: which tables of a source, or which texts.
 *
 *     public.ord*        patterns as base/match.h has them
 *     !public.audit_*    takes out what other patterns take in; alone, "all but these"
 *     *                  every table
 *
 * A selection is made once and immutable then. It is asked once per table version, never per row. A pattern that
 * cannot be tried on a name (a regular expression that gives up) is an error, neither yes nor no: a table that is left
 * out in silence is lost, one that is taken in by chance may hold a secret. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/option.h"
#include "base/slice.h"

struct mr_select;

struct mr_select_rules {
    const char *option; /* where the list stands, for errors: "source.tables" */
    const char *code;   /* of an error in the list: "source.tables" */
    bool tables;        /* of names of tables: a glob needs the dot between schema and table */
    /* Globs of schemas that are the database's own: no pattern takes them in. NULL-terminated; NULL: none. */
    const char *const *system;
};

/* The list and the rules must outlive the selection; an empty list selects everything that is not the system's.
 * MR_CONFIG, rules->code: a pattern that cannot be one; the text names option and pattern. */
int mr_select_new(const struct mr_option_list *list, const struct mr_select_rules *rules,
                  struct mr_select **ret_select, struct mr_err *err) MR_MUST_CHECK;
void mr_select_free(struct mr_select *select); /* NULL is allowed */

/* Whether the table is meant. Where the database has no schemas, its databases stand in their place. A name longer
 * than 1000 bytes is never meant. MR_CONFIG, rules->code: a pattern cannot be tried on this name. */
int mr_select_table(const struct mr_select *select, struct mr_slice schema, struct mr_slice table,
                    bool *ret_in, struct mr_err *err) MR_MUST_CHECK;
/* The same of any text. */
int mr_select_text(const struct mr_select *select, struct mr_slice text, bool *ret_in,
                   struct mr_err *err) MR_MUST_CHECK;
/* *ret_out: a pattern with ! takes the table out, or it is the system's. */
int mr_select_excludes(const struct mr_select *select, struct mr_slice schema,
                       struct mr_slice table, bool *ret_out, struct mr_err *err) MR_MUST_CHECK;
/* Index of the first pattern that takes the table in: the order in which tables are read. The number of patterns when
 * none does. */
size_t mr_select_rank(const struct mr_select *select, struct mr_slice schema,
                      struct mr_slice table);

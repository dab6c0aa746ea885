/* Names by pattern, as users write them for tables and columns.
 *
 *     public.orders        that name
 *     public.*             * is any run of characters (dots too), ? is one character
 *     public.odd\*name     a backslash takes the next character as it is
 *     /public\.(a|b)/      a Perl regular expression (PCRE2), which must match the whole name; case does not count
 *
 * A list is compiled once and immutable then: any thread may ask. Not for every row: once per table version. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct mr_match;

/* Compiles `count` patterns, which must outlive the list; an empty list matches nothing. option: where they stand in
 * the file, for errors ("columns.include"); NULL: not told. MR_CONFIG, code config.pattern: an empty pattern, a regular
 * expression that is none or has no end; the text names option and pattern. */
int mr_match_new(const char *const *patterns, size_t count, const char *option,
                 struct mr_match **ret_match, struct mr_err *err) MR_MUST_CHECK;
void mr_match_free(struct mr_match *match); /* NULL is allowed */
/* Index of the first pattern that matches the whole name, or -1; NULL matches nothing. For lists that hide: a name on
 * which a pattern gives up counts as matched. */
int32_t mr_match_find(const struct mr_match *match, struct mr_slice name);
/* Whether some pattern matches. For lists that show: a name on which a pattern gives up counts as not matched. */
bool mr_match_shows(const struct mr_match *match, struct mr_slice name);

enum mr_match_verdict {
    MR_MATCH_NO,
    MR_MATCH_YES,
    MR_MATCH_UNKNOWN, /* a regular expression took too long, or the name is not UTF-8 */
};
/* What the i-th pattern says. */
enum mr_match_verdict mr_match_try(const struct mr_match *match, size_t i, struct mr_slice name);
size_t mr_match_count(const struct mr_match *match);
const char *mr_match_pattern(const struct mr_match *match, size_t i);
/* True when the pattern can match one name only: nothing in it is wild. */
bool mr_match_literal(const struct mr_match *match, size_t i);

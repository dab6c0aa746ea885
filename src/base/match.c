/* Matching names against globs and regular expressions.
 *
 * Globs are what nearly everybody writes, so they are matched by hand: two cursors and one place to come back to, the
 * last `*`, which is linear for the usual pattern and at worst pattern times name. Between slashes stands a Perl
 * regular expression, for those who bring one from elsewhere; it is anchored at both ends, so that `/a/` does not
 * match "ab". Its steps are limited, so that a pattern which explodes on an unlucky name does not stop a pipeline for
 * ever. What a name at which it gives up counts as depends on what the list is for: hidden, when it says what is to be
 * hidden; not shown, when it says what is to be shown; and where neither is safe the caller asks pattern by pattern.
 *
 * Names are bytes to a glob and UTF-8 to a regular expression. Globs respect case, since "UPPER" and "upper" are two
 * columns to PostgreSQL; regular expressions do not, as Debezium's lists do not, from which they are brought. What it
 * does not do: character classes in globs, negation. */
#include "base/match.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/arena.h"

enum { MOST_STEPS = 1000000 };

struct pattern {
    const char *text;
    const char *option; /* where it stands in the file; NULL: not told */
    size_t size;
    pcre2_code *code; /* NULL: a glob */
    bool literal;
};

struct mr_match {
    size_t count;
    pcre2_match_context *context;
    struct pattern patterns[];
};

static int bad(struct mr_err *err, const struct pattern *pattern, const char *why, size_t at)
{
    mr_err_set(err, MR_CONFIG, "config.pattern",
               "%s%sthe pattern \"%s\" is not usable: %s (at character %zu)",
               pattern->option ? pattern->option : "", pattern->option ? ": " : "", pattern->text,
               why, at + 1);
    mr_err_hint(err,
                "Write a name with * and ? for what varies (public.*), or a regular expression "
                "between slashes (/public\\.(a|b)/), which must match the whole name.");
    return MR_CONFIG;
}

/* `/.../`; text begins with a slash. */
static int compile(struct pattern *pattern, struct mr_err *err)
{
    const uint32_t options =
        PCRE2_UTF | PCRE2_CASELESS | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY;
    PCRE2_SIZE at = 0;
    int problem = 0;
    char why[200];

    if (pattern->size < 3 || pattern->text[pattern->size - 1] != '/')
        return bad(err, pattern, "a regular expression stands between two slashes", pattern->size);
    pattern->code = pcre2_compile((PCRE2_SPTR)pattern->text + 1, pattern->size - 2, options,
                                  &problem, &at, NULL);
    if (pattern->code)
        return 0;
    pcre2_get_error_message(problem, (PCRE2_UCHAR *)why, sizeof why);
    return bad(err, pattern, why, at + 1);
}

static int prepare(struct pattern *pattern, const char *text, struct mr_err *err)
{
    pattern->text = text;
    pattern->size = strlen(text);
    if (pattern->size == 0)
        return bad(err, pattern, "it is empty", 0);
    if (text[0] == '/')
        return compile(pattern, err);
    if (text[pattern->size - 1] == '\\' && (pattern->size < 2 || text[pattern->size - 2] != '\\'))
        return bad(err, pattern, "nothing follows the backslash", pattern->size - 1);
    pattern->literal = strpbrk(text, "*?\\") == NULL;
    return 0;
}

int mr_match_new(const char *const *patterns, size_t count, const char *option,
                 struct mr_match **ret_match, struct mr_err *err)
{
    struct mr_match *match = mr_alloc_zero(sizeof *match + count * sizeof match->patterns[0]);
    int rc = 0;

    match->context = pcre2_match_context_create(NULL);
    if (!match->context)
        mr_out_of_memory(sizeof match->context);
    pcre2_set_match_limit(match->context, MOST_STEPS);
    for (; match->count < count && rc == 0; match->count++) {
        match->patterns[match->count].option = option;
        rc = prepare(&match->patterns[match->count], patterns[match->count], err);
    }
    if (rc < 0)
        mr_match_free(match);
    else
        *ret_match = match;
    return rc;
}

void mr_match_free(struct mr_match *match)
{
    if (!match)
        return;
    for (size_t i = 0; i < match->count; i++)
        pcre2_code_free(match->patterns[i].code);
    pcre2_match_context_free(match->context);
    free(match);
}

/* Whether the glob element at `at` takes the character; *ret_next is behind the element. */
static bool takes(const char *at, char c, const char **ret_next)
{
    bool escaped = *at == '\\';

    at += escaped;
    *ret_next = at + 1;
    return (*at == '?' && !escaped) || *at == c;
}

static bool glob(const char *at, const char *end, struct mr_slice name)
{
    const char *c = name.data, *stop = name.data + name.size;
    const char *star = NULL, *back = NULL, *next;

    while (c < stop) {
        if (at < end && *at == '*') {
            star = ++at;
            back = c;
        } else if (at < end && takes(at, *c, &next)) {
            at = next;
            c++;
        } else if (star) {
            at = star;
            c = ++back;
        } else {
            return false;
        }
    }
    while (at < end && *at == '*')
        at++;
    return at == end;
}

static enum mr_match_verdict regex(const struct mr_match *match, const pcre2_code *code,
                                   struct mr_slice name)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    int rc;

    if (!data)
        mr_out_of_memory(name.size);
    rc = pcre2_match(code, (PCRE2_SPTR)(name.data ? name.data : ""), name.size, 0, 0, data,
                     match->context);
    pcre2_match_data_free(data);
    return rc >= 0 ? MR_MATCH_YES : rc == PCRE2_ERROR_NOMATCH ? MR_MATCH_NO : MR_MATCH_UNKNOWN;
}

enum mr_match_verdict mr_match_try(const struct mr_match *match, size_t i, struct mr_slice name)
{
    const struct pattern *pattern = &match->patterns[i];

    if (pattern->code)
        return regex(match, pattern->code, name);
    return glob(pattern->text, pattern->text + pattern->size, name) ? MR_MATCH_YES : MR_MATCH_NO;
}

int32_t mr_match_find(const struct mr_match *match, struct mr_slice name)
{
    for (size_t i = 0; match && i < match->count; i++) {
        if (mr_match_try(match, i, name) != MR_MATCH_NO)
            return (int32_t)i;
    }
    return -1;
}

bool mr_match_shows(const struct mr_match *match, struct mr_slice name)
{
    for (size_t i = 0; match && i < match->count; i++) {
        if (mr_match_try(match, i, name) == MR_MATCH_YES)
            return true;
    }
    return false;
}

size_t mr_match_count(const struct mr_match *match)
{
    return match ? match->count : 0;
}

const char *mr_match_pattern(const struct mr_match *match, size_t i)
{
    return match->patterns[i].text;
}

bool mr_match_literal(const struct mr_match *match, size_t i)
{
    return match->patterns[i].literal;
}

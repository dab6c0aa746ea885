/* Table patterns.
 *
 *     public.ord*        * is any run of characters, ? any one
 *     !public.audit_*    takes out what other patterns take in; alone, "all but these"
 *     /public\.(a|b)/    PCRE2, anchored at both ends, without regard to case
 *
 * Globs respect case, as names in PostgreSQL do; regular expressions do not, as Debezium's lists do not. A glob
 * needs its dot, because a bare "orders" could mean any schema's; "*" alone means every table. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "connectors/source_postgres/publish/filter.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct mr_pg_pattern {
    const char *glob; /* NULL: a regular expression */
    pcre2_code *regex;
    bool negative;
};

static bool glob_match(const char *glob, const char *at, const char *end)
{
    const char *star = NULL, *mark = NULL;

    while (at < end) {
        if (*glob == '*') {
            star = glob++;
            mark = at;
        } else if (*glob && (*glob == '?' || *glob == *at)) {
            glob++;
            at++;
        } else if (star) {
            glob = star + 1;
            at = ++mark;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return *glob == 0;
}

static int compile(const char *text, struct mr_pg_pattern *pattern, struct mr_err *err)
{
    size_t size = strlen(text), offset;
    PCRE2_UCHAR why[120];
    int code;

    if (size < 3 || text[size - 1] != '/')
        return mr_err_set(err, MR_CONFIG, "source.tables",
                          "the pattern %s begins with / but does not end with it", text);
    pattern->regex = pcre2_compile((PCRE2_SPTR)text + 1, size - 2,
                                   PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_CASELESS | PCRE2_UTF,
                                   &code, &offset, NULL);
    if (pattern->regex)
        return 0;
    (void)pcre2_get_error_message(code, why, sizeof(why));
    return mr_err_set(err, MR_CONFIG, "source.tables",
                      "the pattern %s is no regular expression: %s at its character %zu", text,
                      (const char *)why, offset + 1);
}

static int add(struct mr_pg_filter *filter, const char *text, bool tables, struct mr_err *err)
{
    struct mr_pg_pattern *pattern = &filter->patterns[filter->count++];

    *pattern = (struct mr_pg_pattern){.negative = text[0] == '!'};
    text += pattern->negative;
    filter->positive |= !pattern->negative;
    if (text[0] == '/')
        return compile(text, pattern, err);
    pattern->glob = text;
    if (!tables || strchr(text, '.') || strcmp(text, "*") == 0)
        return 0;
    mr_err_set(err, MR_CONFIG, "source.tables", "the table pattern \"%s\" has no schema", text);
    mr_err_hint(err, "Write \"public.%s\", or \"*.%s\" for the table of that name in any schema.",
                text, text);
    return MR_CONFIG;
}

static int init(struct mr_pg_filter *filter, const struct mr_option_list *list, bool tables,
                struct mr_err *err)
{
    int rc = 0;

    *filter = (struct mr_pg_filter){0};
    filter->patterns = mr_alloc_zero((list->count + 1) * sizeof(struct mr_pg_pattern));
    for (size_t i = 0; i < list->count && rc == 0; i++)
        rc = add(filter, list->items[i], tables, err);
    if (rc < 0)
        mr_pg_filter_done(filter);
    return rc;
}

int mr_pg_filter_init(struct mr_pg_filter *filter, const struct mr_option_list *list,
                      struct mr_err *err)
{
    return init(filter, list, true, err);
}

int mr_pg_filter_init_text(struct mr_pg_filter *filter, const struct mr_option_list *list,
                           struct mr_err *err)
{
    return init(filter, list, false, err);
}

void mr_pg_filter_done(struct mr_pg_filter *filter)
{
    for (size_t i = 0; i < filter->count; i++)
        pcre2_code_free(filter->patterns[i].regex);
    free(filter->patterns);
    *filter = (struct mr_pg_filter){0};
}

static bool regex_match(const pcre2_code *regex, const char *name, size_t size)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int found = data ? pcre2_match(regex, (PCRE2_SPTR)name, size, 0, 0, data, NULL) : -1;

    pcre2_match_data_free(data);
    return found >= 0;
}

/* "schema.table" at name; 0 for what no pattern may take in. */
static size_t full_name(struct mr_slice schema, struct mr_slice table, char name[256])
{
    size_t size = schema.size + 1 + table.size;

    if (size >= 256 || mr_slice_is(schema, "information_schema") ||
        (schema.size >= 3 && memcmp(schema.data, "pg_", 3) == 0))
        return 0;
    memcpy(name, schema.data, schema.size);
    name[schema.size] = '.';
    memcpy(name + schema.size + 1, table.data, table.size);
    return size;
}

static bool pattern_match(const struct mr_pg_pattern *pattern, const char *name, size_t size)
{
    return pattern->glob ? glob_match(pattern->glob, name, name + size)
                         : regex_match(pattern->regex, name, size);
}

static bool match(const struct mr_pg_filter *filter, const char *name, size_t size)
{
    bool in = !filter->positive, out = false;

    for (size_t i = 0; i < filter->count; i++) {
        const struct mr_pg_pattern *pattern = &filter->patterns[i];

        if (!pattern_match(pattern, name, size))
            continue;
        if (pattern->negative)
            out = true;
        else
            in = true;
    }
    return in && !out;
}

bool mr_pg_filter_match(const struct mr_pg_filter *filter, struct mr_slice schema,
                        struct mr_slice table)
{
    char name[256];
    size_t size = full_name(schema, table, name);

    return size > 0 && match(filter, name, size);
}

bool mr_pg_filter_match_text(const struct mr_pg_filter *filter, struct mr_slice text)
{
    return match(filter, text.data, text.size);
}

bool mr_pg_filter_excludes(const struct mr_pg_filter *filter, struct mr_slice schema,
                           struct mr_slice table)
{
    char name[256];
    size_t size = full_name(schema, table, name);

    for (size_t i = 0; i < filter->count; i++) {
        if (filter->patterns[i].negative && pattern_match(&filter->patterns[i], name, size))
            return true;
    }
    return size == 0;
}

size_t mr_pg_filter_rank(const struct mr_pg_filter *filter, struct mr_slice schema,
                         struct mr_slice table)
{
    char name[256];
    size_t size = full_name(schema, table, name);

    for (size_t i = 0; size > 0 && i < filter->count; i++) {
        if (!filter->patterns[i].negative && pattern_match(&filter->patterns[i], name, size))
            return i;
    }
    return filter->count;
}

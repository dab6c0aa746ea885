/* Selecting tables.
 *
 * The patterns are base/match.h's, so that a table's pattern, a column's and a topic's follow one set of rules; what
 * is added here is what a list of tables needs: patterns that take out (!), the dot that a glob must have, since a bare
 * "orders" could mean any schema's, and schemas that are never meant because they are the database's own.
 *
 *     in      some pattern without ! matches, or there is none
 *     out     some pattern with ! matches, or the schema is the system's
 *
 * A name is meant when it is in and not out; the order of the patterns does not matter for that, only for the order in
 * which tables are read (rank). A pattern that gives up on a name is an error. What it does not do: ask the database
 * what there is. */
#include "capture/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/match.h"

enum { LONGEST = 1000 };

struct mr_select {
    const struct mr_select_rules *rules;
    struct mr_match *match, *system;
    bool *negative;
    size_t count;
    bool positive; /* at least one pattern takes in; otherwise all are in to begin with */
};

static int no_schema(const struct mr_select_rules *rules, const char *text, struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, rules->code, "%s: the table pattern \"%s\" has no schema",
               rules->option, text);
    mr_err_hint(err, "Write \"public.%s\", or \"*.%s\" for the table of that name in any schema.",
                text, text);
    return MR_CONFIG;
}

static int check_dots(const struct mr_select *select, struct mr_err *err)
{
    for (size_t i = 0; select->rules->tables && i < select->count; i++) {
        const char *text = mr_match_pattern(select->match, i);
        if (text[0] != '/' && !strchr(text, '.') && strcmp(text, "*") != 0)
            return no_schema(select->rules, text, err);
    }
    return 0;
}

static int compile_system(struct mr_select *select, struct mr_err *err)
{
    const char *const *system = select->rules->system;
    size_t count = 0;

    while (system && system[count])
        count++;
    return mr_match_new(system, count, NULL, &select->system, err);
}

static int compile(struct mr_select *select, const struct mr_option_list *list, struct mr_err *err)
{
    const char **texts = mr_alloc_zero((list->count + 1) * sizeof(*texts));
    int rc;

    for (size_t i = 0; i < list->count; i++) {
        select->negative[i] = list->items[i][0] == '!';
        select->positive |= !select->negative[i];
        texts[i] = list->items[i] + select->negative[i];
    }
    rc = mr_match_new(texts, list->count, select->rules->option, &select->match, err);
    free(texts);
    if (rc < 0 && err)
        (void)snprintf(err->code, sizeof(err->code), "%s", select->rules->code);
    return rc;
}

int mr_select_new(const struct mr_option_list *list, const struct mr_select_rules *rules,
                  struct mr_select **ret_select, struct mr_err *err)
{
    struct mr_select *select = mr_alloc_zero(sizeof(*select));
    int rc;

    select->rules = rules;
    select->count = list->count;
    select->negative = mr_alloc_zero((list->count + 1) * sizeof(bool));
    rc = compile(select, list, err);
    if (rc == 0)
        rc = compile_system(select, err);
    if (rc == 0)
        rc = check_dots(select, err);
    if (rc < 0)
        mr_select_free(select);
    else
        *ret_select = select;
    return rc;
}

void mr_select_free(struct mr_select *select)
{
    if (!select)
        return;
    mr_match_free(select->match);
    mr_match_free(select->system);
    free(select->negative);
    free(select);
}

static int gave_up(const struct mr_select *select, size_t i, struct mr_slice name,
                   struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, select->rules->code,
               "%s: whether the pattern %s matches \"%.*s\" cannot be told: it takes too long, or "
               "the name is not UTF-8",
               select->rules->option, mr_match_pattern(select->match, i), MR_SLICE_ARG(name));
    mr_err_hint(err, "Write a simpler pattern: nothing is left out, and nothing taken in, on a "
                     "guess.");
    return MR_CONFIG;
}

/* Which of the two kinds of patterns match. */
static int look(const struct mr_select *select, struct mr_slice name, bool *ret_in, bool *ret_out,
                struct mr_err *err)
{
    bool in = !select->positive, out = false;

    for (size_t i = 0; i < select->count; i++) {
        bool *found = select->negative[i] ? &out : &in;
        enum mr_match_verdict verdict;
        if (*found)
            continue;
        verdict = mr_match_try(select->match, i, name);
        if (verdict == MR_MATCH_UNKNOWN)
            return gave_up(select, i, name, err);
        *found = verdict == MR_MATCH_YES;
    }
    *ret_in = in;
    *ret_out = out;
    return 0;
}

/* "schema.table" at text; {NULL, 0} for what no pattern may take in. */
static struct mr_slice full_name(const struct mr_select *select, struct mr_slice schema,
                                 struct mr_slice table, char text[LONGEST])
{
    size_t size = schema.size + 1 + table.size;

    if (size > LONGEST || mr_match_find(select->system, schema) >= 0)
        return (struct mr_slice){NULL, 0};
    memcpy(text, schema.data, schema.size);
    text[schema.size] = '.';
    memcpy(text + schema.size + 1, table.data, table.size);
    return mr_slice(text, size);
}

int mr_select_table(const struct mr_select *select, struct mr_slice schema, struct mr_slice table,
                    bool *ret_in, struct mr_err *err)
{
    char text[LONGEST];
    struct mr_slice name = full_name(select, schema, table, text);

    if (name.data)
        return mr_select_text(select, name, ret_in, err);
    *ret_in = false;
    return 0;
}

int mr_select_text(const struct mr_select *select, struct mr_slice text, bool *ret_in,
                   struct mr_err *err)
{
    bool in, out;
    int rc = look(select, text, &in, &out, err);

    if (rc == 0)
        *ret_in = in && !out;
    return rc;
}

int mr_select_excludes(const struct mr_select *select, struct mr_slice schema,
                       struct mr_slice table, bool *ret_out, struct mr_err *err)
{
    char text[LONGEST];
    struct mr_slice name = full_name(select, schema, table, text);
    bool in;

    if (name.data)
        return look(select, name, &in, ret_out, err);
    *ret_out = true;
    return 0;
}

size_t mr_select_rank(const struct mr_select *select, struct mr_slice schema, struct mr_slice table)
{
    char text[LONGEST];
    struct mr_slice name = full_name(select, schema, table, text);

    for (size_t i = 0; name.data && i < select->count; i++) {
        if (!select->negative[i] && mr_match_try(select->match, i, name) == MR_MATCH_YES)
            return i;
    }
    return select->count;
}

/* What becomes of one table version: which columns stay, what happens to their values, which are the key.
 *
 * All decisions fall here, once per version, so that rewriting a row looks at no name and no pattern. A column is
 * named "schema.table.column" ("database.table.column" where there are no schemas). Of several rules for one column
 * the one that hides most wins: exclude, then mask, hash, truncate.
 *
 * What cannot be done is refused with table and column instead of being left undone, because a mask that does
 * nothing is worse than none:
 *   - mask and hash work on text: text kinds with a meaning (json, enum, xml, ...) become plain text in the derived
 *     version, since "****" is no JSON; numbers, dates, bytes, uuids and arrays are refused;
 *   - truncate works on plain text and bytes; a pattern with wildcards passes over other columns, for nothing is
 *     disclosed by a number that stays whole;
 *   - a key must tell rows apart: its columns cannot be excluded, masked or cut, and a hash in a key must keep
 *     at least 128 bits, or two rows would be one to a compacted topic;
 *   - a key of the user's own must be in the old rows that the server sends (the replica identity), or deletes
 *     would go out under a null key.
 * Defaults of masked and hashed columns are dropped: a schema must not show what rows do not. That of a cut column
 * stays whole, as Debezium has it: it was made with the table, and where it stands for a NULL it is no row's own. */
#include "connectors/transform_columns/columns.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

enum { LEAST_KEY_DIGITS = 32, NAME_LIMIT = 64 << 10 };

struct planner {
    const struct mr_columns_rules *rules;
    struct mr_table *origin;
    struct mr_buf name; /* "schema.table", then "schema.table.column" */
    size_t prefix;      /* size of "schema.table" */
    bool *drop;         /* per column of the origin */
    uint32_t *key;      /* columns of the origin, in key order */
    uint32_t key_count;
    bool rekeyed;
    struct mr_arena arena; /* of drop and key */
};

static const char *table_name(struct planner *planner)
{
    planner->name.size = planner->prefix;
    return mr_buf_cstr(&planner->name);
}

/* "schema.table.column"; valid until the next call. */
static struct mr_slice column_name(struct planner *planner, uint32_t column)
{
    planner->name.size = planner->prefix;
    mr_buf_add_char(&planner->name, '.');
    mr_buf_add_slice(&planner->name, planner->origin->columns[column].name);
    return mr_buf_slice(&planner->name);
}

static int refuse(struct planner *planner, uint32_t column, const char *code, const char *what,
                  const char *hint, struct mr_err *err)
{
    struct mr_slice name = column_name(planner, column);
    char text[512];

    snprintf(text, sizeof text, "%.*s", MR_SLICE_ARG(name));
    mr_err_set(err, MR_CONFIG, code, "column %s (%.*s) %s", text,
               MR_SLICE_ARG(planner->origin->columns[column].native_type), what);
    mr_err_hint(err, "%s", hint);
    return MR_CONFIG;
}

static bool is_text(enum mr_type type)
{
    switch (type) {
    case MR_TYPE_TEXT:
    case MR_TYPE_OTHER:
    case MR_TYPE_JSON:
    case MR_TYPE_XML:
    case MR_TYPE_ENUM:
    case MR_TYPE_SET:
    case MR_TYPE_HSTORE:
    case MR_TYPE_LTREE:
    case MR_TYPE_TSVECTOR: return true;
    default: return false;
    }
}

static bool may_truncate(enum mr_type type)
{
    return type == MR_TYPE_TEXT || type == MR_TYPE_OTHER || type == MR_TYPE_BYTES;
}

static void choose_columns(struct planner *planner)
{
    const struct mr_columns_rules *rules = planner->rules;

    for (uint32_t i = 0; i < planner->origin->column_count; i++) {
        struct mr_slice name = column_name(planner, i);
        planner->drop[i] = (rules->include && !mr_match_shows(rules->include, name)) ||
                           mr_match_find(rules->exclude, name) >= 0;
    }
}

static bool in_key(const struct planner *planner, uint32_t column)
{
    for (uint32_t i = 0; i < planner->key_count; i++) {
        if (planner->key[i] == column)
            return true;
    }
    return false;
}

/* Takes one name of a message_key_columns entry. */
static int add_key(struct planner *planner, struct mr_slice name, struct mr_err *err)
{
    int32_t column = mr_table_find(planner->origin, name);

    if (column < 0) {
        mr_err_set(err, MR_CONFIG, "transform.columns.key_missing",
                   "message_key_columns wants the column \"%.*s\" in the key of %s, which has no "
                   "such column",
                   MR_SLICE_ARG(name), table_name(planner));
        mr_err_hint(err,
                    "Column names are compared exactly, case included; separate them by commas.");
        return MR_CONFIG;
    }
    if (!in_key(planner, (uint32_t)column))
        planner->key[planner->key_count++] = (uint32_t)column;
    return 0;
}

static int read_keys(struct planner *planner, const char *list, struct mr_err *err)
{
    int rc = 0;

    while (*list && rc == 0) {
        const char *start = list + strspn(list, " ,");
        size_t size = strcspn(start, ",");
        list = start + size;
        while (size > 0 && start[size - 1] == ' ')
            size--;
        if (size > 0)
            rc = add_key(planner, mr_slice(start, size), err);
    }
    if (rc == 0 && planner->key_count == 0)
        rc = add_key(planner, (struct mr_slice){NULL, 0}, err);
    return rc;
}

/* Old rows must carry the key. Without any identity the server refuses updates and deletes itself. */
static int check_identity(struct planner *planner, struct mr_err *err)
{
    const struct mr_table *origin = planner->origin;
    bool partial = origin->identity == MR_IDENTITY_DEFAULT || origin->identity == MR_IDENTITY_INDEX;

    for (uint32_t i = 0; partial && origin->key_count > 0 && i < planner->key_count; i++) {
        uint32_t column = planner->key[i];
        char hint[400];
        if (origin->columns[column].key > 0)
            continue;
        snprintf(hint, sizeof hint, "ALTER TABLE \"%.*s\".\"%.*s\" REPLICA IDENTITY FULL;",
                 MR_SLICE_ARG(origin->schema), MR_SLICE_ARG(origin->name));
        return refuse(
            planner, column, "transform.columns.key_not_sent",
            "is in message_key_columns, but the server does not send it with deleted rows", hint,
            err);
    }
    return 0;
}

static int choose_key(struct planner *planner, struct mr_err *err)
{
    const struct mr_table *origin = planner->origin;
    int32_t entry =
        mr_match_find(planner->rules->keys, mr_slice(planner->name.data, planner->prefix));
    int rc;

    if (entry >= 0) {
        planner->rekeyed = true;
        rc = read_keys(planner, planner->rules->config->keys.values[entry], err);
        return rc < 0 ? rc : check_identity(planner, err);
    }
    planner->key_count = origin->key_count;
    memcpy(planner->key, origin->key_columns, origin->key_count * sizeof *planner->key);
    return 0;
}

static int check_key(struct planner *planner, struct mr_err *err)
{
    for (uint32_t i = 0; i < planner->key_count; i++) {
        if (planner->drop[planner->key[i]])
            return refuse(
                planner, planner->key[i], "transform.columns.key_excluded",
                "is part of the key and cannot be left out",
                "Take it off exclude (or add it to include), hash it, or choose another key "
                "with message_key_columns.",
                err);
    }
    return 0;
}

static int cannot(struct planner *planner, uint32_t column, const char *what, struct mr_err *err)
{
    return refuse(planner, column, "transform.columns.cannot_mask", what,
                  "Leave the column out with exclude, or name the columns one by one.", err);
}

static int refuse_key(struct planner *planner, uint32_t column, const char *what,
                      struct mr_err *err)
{
    return refuse(planner, column, "transform.columns.key_masked", what,
                  "Hash the column instead, or choose another key with message_key_columns.", err);
}

static int plan_mask(struct planner *planner, uint32_t length, struct mr_table *table,
                     struct mr_columns_step *step, struct mr_err *err)
{
    char *stars;

    if (!is_text(planner->origin->columns[step->from].type))
        return cannot(planner, step->from, "is no text and cannot be masked", err);
    if (in_key(planner, step->from))
        return refuse_key(planner, step->from, "is part of the key: masked, all rows would be one",
                          err);
    stars = mr_arena_alloc(&table->arena, length + 1, 1);
    memset(stars, '*', length);
    step->action = MR_COLUMNS_MASK;
    step->value = (struct mr_value){.kind = MR_TEXT, .size = length, .p = stars};
    return 0;
}

static int plan_hash(struct planner *planner, struct mr_columns_step *step, struct mr_err *err)
{
    const struct mr_column *column = &planner->origin->columns[step->from];
    uint32_t digits = mr_columns_digest_size(&planner->rules->digest);

    if (!is_text(column->type))
        return cannot(planner, step->from, "is no text and cannot be hashed", err);
    step->action = MR_COLUMNS_HASH;
    if (column->type == MR_TYPE_TEXT && column->length > 0 && (uint32_t)column->length < digits)
        step->length = digits = (uint32_t)column->length;
    if (digits < LEAST_KEY_DIGITS && in_key(planner, step->from))
        return refuse_key(planner, step->from,
                          "is part of the key and too short for a hash that tells rows apart", err);
    return 0;
}

static int plan_truncate(struct planner *planner, size_t rule, struct mr_columns_step *step,
                         struct mr_err *err)
{
    const struct mr_column *column = &planner->origin->columns[step->from];
    uint32_t length = planner->rules->truncate_lengths[rule];

    if (!may_truncate(column->type)) {
        if (!mr_match_literal(planner->rules->truncate, rule))
            return 0;
        return cannot(planner, step->from, "is neither text nor bytes and cannot be truncated",
                      err);
    }
    if (column->length > 0 && (uint32_t)column->length <= length)
        return 0;
    if (in_key(planner, step->from))
        return refuse_key(planner, step->from, "is part of the key: cut, several rows would be one",
                          err);
    step->action = MR_COLUMNS_TRUNCATE;
    step->length = length;
    return 0;
}

static int plan_column(struct planner *planner, struct mr_table *table,
                       struct mr_columns_step *step, struct mr_err *err)
{
    const struct mr_columns_rules *rules = planner->rules;
    struct mr_slice name = column_name(planner, step->from);
    int32_t rule;

    if ((rule = mr_match_find(rules->mask, name)) >= 0)
        return plan_mask(planner, rules->mask_lengths[rule], table, step, err);
    if (mr_match_find(rules->hash, name) >= 0)
        return plan_hash(planner, step, err);
    if ((rule = mr_match_find(rules->truncate, name)) >= 0)
        return plan_truncate(planner, (size_t)rule, step, err);
    return 0;
}

static void describe_column(const struct mr_columns_step *step, struct mr_column *column)
{
    column->key = 0;
    if (step->action == MR_COLUMNS_MASK || step->action == MR_COLUMNS_HASH) {
        column->masked = true;
        column->has_default = false;
        column->default_value = (struct mr_value){.kind = MR_NULL};
        if (column->type != MR_TYPE_OTHER)
            column->type = MR_TYPE_TEXT;
        column->labels = NULL;
        column->label_count = 0;
    } else if (step->action == MR_COLUMNS_TRUNCATE) {
        column->truncated = true;
        column->truncate_length = step->length;
    }
}

static void set_key(const struct planner *planner, const struct mr_columns_plan *plan)
{
    struct mr_table *table = plan->table;

    table->key_count = planner->key_count;
    for (uint32_t i = 0; i < planner->key_count; i++) {
        for (uint32_t c = 0; c < plan->column_count; c++) {
            if (plan->steps[c].from != planner->key[i])
                continue;
            table->key_columns[i] = c;
            table->columns[c].key = (uint16_t)(i + 1);
        }
    }
}

/* Makes the derived version; *ret_changes tells whether it differs from its origin. */
static int derive(struct planner *planner, struct mr_columns_plan *plan, bool *ret_changes,
                  struct mr_err *err)
{
    const struct mr_table *origin = planner->origin;
    uint32_t at = 0;
    int rc = 0;

    *ret_changes = planner->rekeyed || plan->column_count < origin->column_count;
    plan->steps = MR_ARENA_ARRAY(&plan->table->arena, struct mr_columns_step, plan->column_count);
    for (uint32_t i = 0; i < origin->column_count && rc == 0; i++) {
        struct mr_columns_step *step = &plan->steps[at];
        if (planner->drop[i])
            continue;
        *step = (struct mr_columns_step){.from = i};
        rc = plan_column(planner, plan->table, step, err);
        plan->table->columns[at] = origin->columns[i];
        describe_column(step, &plan->table->columns[at]);
        *ret_changes |= step->action != MR_COLUMNS_KEEP;
        at++;
    }
    set_key(planner, plan);
    return rc;
}

static int nothing_left(struct planner *planner, struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, "transform.columns.nothing_left", "no column of %s is left",
               table_name(planner));
    mr_err_hint(err,
                "Name its columns in include, or leave the table out with the source's tables.");
    return MR_CONFIG;
}

static int plan_table(struct planner *planner, struct mr_columns_plan *ret_plan, struct mr_err *err)
{
    struct mr_columns_plan plan = {.rekeyed = false};
    bool changes = false;
    int rc;

    choose_columns(planner);
    rc = choose_key(planner, err);
    if (rc == 0)
        rc = check_key(planner, err);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < planner->origin->column_count; i++)
        plan.column_count += !planner->drop[i];
    if (plan.column_count == 0 && planner->origin->column_count > 0)
        return nothing_left(planner, err);
    plan.rekeyed = planner->rekeyed;
    plan.table = mr_table_derive(planner->origin, plan.column_count);
    rc = derive(planner, &plan, &changes, err);
    if (rc < 0 || !changes) {
        mr_table_unref(plan.table);
        plan = (struct mr_columns_plan){.table = NULL};
    }
    if (rc == 0)
        *ret_plan = plan;
    return rc;
}

int mr_columns_plan_make(const struct mr_columns_rules *rules, struct mr_table *origin,
                         struct mr_columns_plan *ret_plan, struct mr_err *err)
{
    struct planner planner = {.rules = rules, .origin = origin};
    int rc;

    mr_arena_init(&planner.arena, 4096, 0);
    mr_buf_init(&planner.name, NAME_LIMIT);
    planner.drop = MR_ARENA_ARRAY(&planner.arena, bool, origin->column_count + 1);
    planner.key = MR_ARENA_ARRAY(&planner.arena, uint32_t, origin->column_count + 1);
    mr_buf_add_slice(&planner.name, origin->schema.data ? origin->schema : origin->database);
    mr_buf_add_char(&planner.name, '.');
    mr_buf_add_slice(&planner.name, origin->name);
    planner.prefix = planner.name.size;
    rc = plan_table(&planner, ret_plan, err);
    mr_buf_done(&planner.name);
    mr_arena_done(&planner.arena);
    return rc;
}

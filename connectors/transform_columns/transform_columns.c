/* The transform `columns`: leaves columns out, hides or cuts their values, chooses the key.
 *
 *     - type: columns
 *       exclude: [public.customers.notes]
 *       mask: {public.customers.phone: 8}                            "********", null too
 *       hash: {salt: "${env:SALT}", columns: [public.customers.email]}
 *       truncate: {public.posts.body: 200}
 *       message_key_columns: {public.orders: "tenant,number"}
 *
 * For each table version the plan (plan.c) is made once and kept by the version's id. Applying it gives each row a
 * new array of values in the batch's arena, a 16-byte value a column; bytes are not copied, a mask points to
 * asterisks in the derived version. Versions are planned before the first row is touched, so a batch that is refused is
 * whole. The derived versions take the places of their origins in batch->tables; nothing after this transform sees
 * a column it took away.
 *
 * A value that the source did not send (UNCHANGED) is masked all the same, as Debezium does it, but neither hashed
 * nor cut: its placeholder stays recognisable. With a key of the user's own, whether an update changed the key is
 * decided here, on the values before they are hashed.
 *
 * Logical messages pass as they are: their content is not made of columns. */
#include "connectors/transform_columns/columns.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/map.h"
#include "plug/transform.h"

enum { FEW_PLANS = 1024 }; /* so many are kept whatever becomes of their versions */

struct transform_columns {
    struct mr_columns_rules rules;
    struct mr_map plans; /* version id -> struct mr_columns_plan */
    size_t sweep_at;     /* number of plans at which to look for those of no further use */
};

#define AT(member) offsetof(struct mr_columns_config, member)

static const char *const versions[] = {"v1", "v2", NULL};

static const struct mr_option hash_options[] = {
    {.key = "algorithm",
     .type = MR_OPTION_STRING,
     .offset = AT(hash.algorithm) - AT(hash),
     .standard = "SHA-256",
     .doc = "The digest: SHA-256, SHA-512, SHA3-256, SHA-1 or MD5."},
    {.key = "salt",
     .type = MR_OPTION_STRING,
     .flags = MR_OPTION_SECRET,
     .offset = AT(hash.salt) - AT(hash),
     .doc = "A long random text that goes before every value. Who knows it can find values by "
            "trying."},
    {.key = "version",
     .type = MR_OPTION_ENUM,
     .offset = AT(hash.version) - AT(hash),
     .standard = "v2",
     .choices = versions,
     .doc = "v2 digests the salt and the bytes of the text. v1 is Debezium's older form, which "
            "digests "
            "Java's serialised string; use it to go on with hashes that exist."},
    {.key = "columns",
     .type = MR_OPTION_LIST,
     .offset = AT(hash.columns) - AT(hash),
     .doc =
         "Which columns: patterns of schema.table.column. The hash is cut to the length the column "
         "declares; null stays null."},
    {0}};

static const struct mr_option options[] = {
    {.key = "include",
     .type = MR_OPTION_LIST,
     .offset = AT(include),
     .doc = "The only columns that are sent: patterns of schema.table.column with * and ?, or a "
            "regular "
            "expression between slashes. It counts for all tables: name their key columns too."},
    {.key = "exclude",
     .type = MR_OPTION_LIST,
     .offset = AT(exclude),
     .doc = "Columns that are left out: patterns as in include. A column of the key is refused."},
    {.key = "mask",
     .type = MR_OPTION_MAP,
     .offset = AT(mask),
     .doc = "Patterns and lengths: every value of these columns, null too, becomes so many "
            "asterisks. A "
            "column that is no text is refused."},
    {.key = "hash",
     .type = MR_OPTION_GROUP,
     .offset = AT(hash),
     .group = hash_options,
     .doc = "Columns whose values are replaced by a salted hash: equal values stay equal."},
    {.key = "truncate",
     .type = MR_OPTION_MAP,
     .offset = AT(truncate),
     .doc = "Patterns and lengths: longer values are cut to so many characters (as UTF-16 counts "
            "them; "
            "bytes of a bytea). A pattern with wildcards passes over columns that are neither."},
    {.key = "message_key_columns",
     .type = MR_OPTION_MAP,
     .offset = AT(keys),
     .doc = "Patterns of schema.table and the columns that make their key, separated by commas. "
            "Columns "
            "outside the primary key need REPLICA IDENTITY FULL."},
    {0}};

static int columns_open(void *state, const struct mr_transform_args *args, struct mr_err *err)
{
    struct transform_columns *transform = state;

    mr_map_init(&transform->plans);
    transform->sweep_at = FEW_PLANS;
    return mr_columns_rules_init(&transform->rules, args->config, err);
}

static void free_plan(struct mr_columns_plan *plan)
{
    mr_table_unref(plan->table);
    free(plan);
}

/* Sessions make versions anew, so plans of old ones must go: those whose origin nobody but the derived version holds
 * any more, and those that change nothing, which cost nothing to make again. */
static void sweep(struct transform_columns *transform)
{
    struct mr_columns_plan *plan;
    struct mr_map kept;
    size_t at = 0;
    uint64_t id;

    mr_map_init(&kept);
    while ((plan = mr_map_next(&transform->plans, &at, NULL, &id))) {
        if (plan->table && atomic_load(&plan->table->origin->references) > 1)
            mr_map_put_number(&kept, id, plan);
        else
            free_plan(plan);
    }
    mr_map_done(&transform->plans);
    transform->plans = kept;
    transform->sweep_at = kept.count > FEW_PLANS / 2 ? 2 * kept.count : FEW_PLANS;
}

static int make_plan(struct transform_columns *transform, struct mr_table *table,
                     struct mr_err *err)
{
    struct mr_columns_plan made, *plan;
    int rc;

    if (mr_map_get_number(&transform->plans, table->id))
        return 0;
    rc = mr_columns_plan_make(&transform->rules, table, &made, err);
    if (rc < 0)
        return rc;
    plan = mr_alloc(sizeof *plan);
    *plan = made;
    mr_map_put_number(&transform->plans, table->id, plan);
    return 0;
}

static bool key_differs(const struct mr_columns_plan *plan, const struct mr_change *change)
{
    for (uint32_t i = 0; i < plan->table->key_count; i++) {
        uint32_t from = plan->steps[plan->table->key_columns[i]].from;
        const struct mr_value *before = &change->before[from], *after = &change->after[from];
        bool known = before->kind != MR_ABSENT && before->kind != MR_UNCHANGED &&
                     after->kind != MR_ABSENT && after->kind != MR_UNCHANGED;
        if (known && !mr_value_equal(before, after))
            return true;
    }
    return false;
}

static void hash(struct transform_columns *transform, const struct mr_columns_step *step,
                 struct mr_value *value, struct mr_arena *arena)
{
    struct mr_slice hex;

    if (!mr_value_present(value))
        return;
    if (value->kind != MR_TEXT) { /* no source makes it; never let it through in clear */
        *value = (struct mr_value){.kind = MR_NULL};
        return;
    }
    hex =
        mr_columns_digest_hex(&transform->rules.digest, mr_value_slice(value), step->length, arena);
    value->p = hex.data;
    value->size = (uint32_t)hex.size;
}

static void truncate(const struct mr_columns_step *step, struct mr_value *value)
{
    if (value->kind == MR_TEXT)
        value->size = (uint32_t)mr_columns_cut(mr_value_slice(value), step->length).size;
    else if (value->kind == MR_BYTES && value->size > step->length)
        value->size = step->length;
}

static struct mr_value *rewrite(struct transform_columns *transform,
                                const struct mr_columns_plan *plan, const struct mr_value *row,
                                struct mr_arena *arena)
{
    struct mr_value *values;

    if (!row)
        return NULL;
    values = MR_ARENA_ARRAY(arena, struct mr_value, plan->column_count);
    for (uint32_t i = 0; i < plan->column_count; i++) {
        const struct mr_columns_step *step = &plan->steps[i];
        values[i] = row[step->from];
        switch (step->action) {
        case MR_COLUMNS_KEEP: break;
        case MR_COLUMNS_MASK: values[i] = step->value; break;
        case MR_COLUMNS_HASH: hash(transform, step, &values[i], arena); break;
        case MR_COLUMNS_TRUNCATE: truncate(step, &values[i]); break;
        }
    }
    return values;
}

static void apply_change(struct transform_columns *transform, const struct mr_columns_plan *plan,
                         struct mr_change *change, struct mr_arena *arena)
{
    if (plan->rekeyed && change->op == MR_OP_UPDATE)
        change->key_changed = change->before && change->after && key_differs(plan, change);
    change->before = rewrite(transform, plan, change->before, arena);
    change->after = rewrite(transform, plan, change->after, arena);
    change->table = plan->table;
}

static int columns_apply(void *state, struct mr_batch *batch, struct mr_err *err)
{
    struct transform_columns *transform = state;
    const struct mr_columns_plan *plan = NULL;
    const struct mr_table *table = NULL;
    int rc = 0;

    if (transform->plans.count >= transform->sweep_at)
        sweep(transform);
    for (size_t i = 0; i < batch->table_count && rc == 0; i++)
        rc = make_plan(transform, batch->tables[i], err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < batch->change_count; i++) {
        struct mr_change *change = &batch->changes[i];
        if (change->table && change->table != table) {
            table = change->table;
            plan = mr_map_get_number(&transform->plans, table->id);
        }
        if (change->table && plan->table)
            apply_change(transform, plan, change, &batch->arena);
    }
    for (size_t i = 0; i < batch->table_count; i++) {
        plan = mr_map_get_number(&transform->plans, batch->tables[i]->id);
        if (!plan->table)
            continue;
        mr_table_unref(batch->tables[i]);
        batch->tables[i] = mr_table_ref(plan->table);
    }
    return 0;
}

static void columns_close(void *state)
{
    struct transform_columns *transform = state;
    struct mr_columns_plan *plan;
    size_t at = 0;

    while ((plan = mr_map_next(&transform->plans, &at, NULL, NULL)))
        free_plan(plan);
    mr_map_done(&transform->plans);
    mr_columns_rules_done(&transform->rules);
}

const struct mr_transform mr_transform_columns = {
    .name = "columns",
    .summary = "Leaves columns out, masks, hashes or cuts their values, and chooses keys",
    .options = options,
    .config_size = sizeof(struct mr_columns_config),
    .state_size = sizeof(struct transform_columns),
    .open = columns_open,
    .apply = columns_apply,
    .close = columns_close,
};

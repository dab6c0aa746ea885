/* The cache of plans.
 *
 *     table->id  -->  { table, plan }        rows of one table come in runs: the last plan is kept at hand
 *
 * A version that no batch, source or queue holds any more has one reference left, the plan's own. Such plans are let
 * go only when there are many: a table that was silent for an hour should not pay for its plan again. */
#include "schema/event/plans.h"

#include <stdlib.h>

#include "base/arena.h"

#define PLANS_MAX 1024

struct slot {
    const struct mr_table *table;
    void *plan;
};

void mr_plans_init(struct mr_plans *plans, void (*free_plan)(void *plan))
{
    *plans = (struct mr_plans){.free = free_plan};
    mr_map_init(&plans->slots);
}

static void free_slot(struct mr_plans *plans, struct slot *slot)
{
    plans->free(slot->plan);
    free(slot);
}

void mr_plans_done(struct mr_plans *plans)
{
    struct slot *slot;
    size_t at = 0;

    while ((slot = mr_map_next(&plans->slots, &at, NULL, NULL)) != NULL)
        free_slot(plans, slot);
    mr_map_done(&plans->slots);
}

/* Lets go of the plans whose table version nobody else holds. */
static void forget(struct mr_plans *plans)
{
    struct mr_map kept;
    struct slot *slot;
    size_t at = 0;
    uint64_t id;

    mr_map_init(&kept);
    while ((slot = mr_map_next(&plans->slots, &at, NULL, &id)) != NULL) {
        if (atomic_load(&slot->table->references) == 1)
            free_slot(plans, slot);
        else
            mr_map_put_number(&kept, id, slot);
    }
    mr_map_done(&plans->slots);
    plans->slots = kept;
    plans->table = NULL;
    plans->plan = NULL;
}

void mr_plans_put(struct mr_plans *plans, const struct mr_table *table, void *plan)
{
    struct slot *slot = mr_alloc_zero(sizeof *slot);

    if (plans->slots.count >= PLANS_MAX)
        forget(plans);
    slot->table = table;
    slot->plan = plan;
    mr_map_put_number(&plans->slots, table->id, slot);
}

void *mr_plans_look(struct mr_plans *plans, const struct mr_table *table)
{
    struct slot *slot = mr_map_get_number(&plans->slots, table->id);

    plans->table = slot ? table : NULL;
    plans->plan = slot ? slot->plan : NULL;
    return plans->plan;
}

/* An encoder's plans by table version. A plan holds one reference to its table; the cache knows plans as pointers
 * that it gives back to `free` when nobody else uses their version any more, or at the end. */
#pragma once

#include "base/map.h"
#include "model/table.h"

struct mr_plans {
    struct mr_map slots;          /* by table->id */
    const struct mr_table *table; /* of the plan used last */
    void *plan;                   /* that plan; NULL with table NULL */
    void (*free)(void *plan);
};

void mr_plans_init(struct mr_plans *plans, void (*free)(void *plan));
void mr_plans_done(struct mr_plans *plans);
/* Keeps the plan of a version that has none yet. With many plans, lets go of those whose version is in no batch. */
void mr_plans_put(struct mr_plans *plans, const struct mr_table *table, void *plan);
/* NULL when there is none. */
void *mr_plans_look(struct mr_plans *plans, const struct mr_table *table);

/* The same, for every row. */
static inline void *mr_plans_find(struct mr_plans *plans, const struct mr_table *table)
{
    return plans->table == table ? plans->plan : mr_plans_look(plans, table);
}

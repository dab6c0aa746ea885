/* Which table has which topic, so that two do not become one by accident.
 *
 * A template without {table} sends several tables to one topic on purpose. But "a b" and "a_b" are two tables whose
 * names become the same topic only because a topic cannot have a space: Debezium merges them silently. */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "schema/topic.h"

struct mr_topic_owners {
    struct mr_map by_topic; /* -> what topic_owners.c keeps */
    struct mr_arena arena;
};

void mr_topic_owners_init(struct mr_topic_owners *owners);
void mr_topic_owners_done(struct mr_topic_owners *owners);

/* Notes that the table, whose topic was assigned by this template, has it. MR_CONFIG config.topic_collision: another
 * table has, whose names differ where the template looks at them. */
int mr_topic_owners_take(struct mr_topic_owners *owners, const char *template,
                         const struct mr_table *table, struct mr_err *err) MR_MUST_CHECK;

/* Which table has which topic, so that two do not become one by accident, nor one of them and a topic that is no
 * table's.
 *
 * A template without {table} sends several tables to one topic on purpose. But "a b" and "a_b" are two tables whose
 * names become the same topic only because a topic cannot have a space: Debezium merges them silently. */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "schema/names/topic.h"

/* A topic that is no table's; lives as long as the program. */
struct mr_side_topic {
    const char *what; /* "the heartbeats" */
    const char *hint; /* which options keep them apart */
};

struct mr_topic_owners {
    struct mr_map by_topic; /* -> what names/owners.c keeps */
    struct mr_arena arena;
};

void mr_topic_owners_init(struct mr_topic_owners *owners);
void mr_topic_owners_done(struct mr_topic_owners *owners);

/* Notes that the table, whose topic was assigned by this template, has it. MR_CONFIG config.topic_collision: another
 * table has, whose names differ where the template looks at them. */
int mr_topic_owners_take(struct mr_topic_owners *owners, const char *template,
                         const struct mr_table *table, struct mr_err *err) MR_MUST_CHECK;
/* Takes the topic for records that belong to no table. MR_CONFIG config.topic_collision: it is a table's, or of others
 * such. What has it already may take it again. */
int mr_topic_owners_reserve(struct mr_topic_owners *owners, struct mr_slice topic,
                            const struct mr_side_topic *side, struct mr_err *err) MR_MUST_CHECK;

/* The topics of a pipeline that are no table's: the transactions' BEGIN and END, dead letters, heartbeats.
 *
 * No two of them may be one, and none may be a table's: readers of either would be given records they cannot read. */
#pragma once

#include "config/config.h"
#include "schema/names/owners.h"

/* Shows each that the configuration asks for, by its topic. MR_CONFIG: a name that cannot be one. */
int mr_side_topics_each(const struct mr_pipeline_config *config,
                        void (*each)(void *user, const struct mr_side_topic *side,
                                     struct mr_slice topic),
                        void *user, struct mr_err *err) MR_MUST_CHECK;
/* Takes all of them. MR_CONFIG config.topic_collision. May be called again. */
int mr_side_topics_reserve(const struct mr_pipeline_config *config, struct mr_topic_owners *owners,
                           struct mr_err *err) MR_MUST_CHECK;

/* Statements of the log, as far as they concern the feed. */
#pragma once

#include "connectors/source_mysql/read/feed.h"

/* A QUERY event. */
int mr_my_words_in(struct mr_my_feed *feed, struct mr_batch *batch, const struct mr_my_event *event,
                   struct mr_err *err) MR_MUST_CHECK;

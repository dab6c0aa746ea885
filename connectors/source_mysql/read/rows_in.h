/* A rows event of the log, turned into changes of the batch. */
#pragma once

#include "connectors/source_mysql/read/feed.h"

/* The table must have been described since its statement began. */
int mr_my_rows_in(struct mr_my_feed *feed, struct mr_batch *batch, const struct mr_my_event *event,
                  struct mr_err *err) MR_MUST_CHECK;

/* Taking events in: which kind goes where. */
#pragma once

#include "connectors/source_mysql/read/feed.h"

/* Takes one event of this file in. When feed->stopped is set on return, the event was not taken and nothing more is
 * wanted. While feed->playing is set, mr_my_feed_play comes first. MR_GAP source.replay_differs: a replayed
 * transaction is not the one that was split; source.statement_rows: rows are in words; source.xa_unknown. MR_DATA
 * source.decode. */
int mr_my_feed_take(struct mr_my_feed *feed, struct mr_batch *batch,
                    const struct mr_my_format *format, const char *file,
                    const struct mr_my_event *event, struct mr_err *err) MR_MUST_CHECK;
/* The next event of a decided XA transaction. */
int mr_my_feed_play(struct mr_my_feed *feed, struct mr_batch *batch,
                    struct mr_err *err) MR_MUST_CHECK;

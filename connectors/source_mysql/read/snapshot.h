/* Reading the tables: what src/capture/snapshot.h leaves to the source. Reader thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "capture/options.h"
#include "capture/select.h"
#include "capture/snapshot.h"
#include "connectors/source_mysql/catalog/lookup.h"
#include "connectors/source_mysql/read/feed.h"
#include "connectors/source_mysql/read/view.h"

struct mr_my_tables {
    struct mr_snapshot course;
    bool active;
    const struct mr_capture_options *options;
    struct mr_my_feed *feed;
    const struct mr_select *wanted, *only; /* source.tables, snapshot_include_collection_list */
    struct mr_my_view view;
    struct mr_my_lookup lookup;
    struct mr_my_result *result;     /* the table's rows; NULL: none, or the table is gone */
    struct mr_my_relation *relation; /* of the table being read */
    struct mr_buf held; /* the last row read: u32 size or UINT32_MAX, bytes, for each column */
    bool has_held;
    struct mr_buf sql;
};

/* Lists what is to be read. The members above `view` are set before, and view.connect, server_id, uuid. */
int mr_my_tables_open(struct mr_my_tables *tables, struct mr_err *err) MR_MUST_CHECK;
void mr_my_tables_close(struct mr_my_tables *tables);
/* Shows a version of every table that is wanted, described as for reading it. */
int mr_my_tables_show(struct mr_my_tables *tables, struct mr_my_session *session,
                      void (*each)(void *user, struct mr_table *table), void *user,
                      struct mr_err *err) MR_MUST_CHECK;
/* As struct mr_source's read(). *ret_finished: all tables are read. */
int mr_my_tables_read(struct mr_my_tables *tables, struct mr_batch *batch, size_t limit,
                      int64_t deadline_ns, bool *ret_finished, struct mr_err *err) MR_MUST_CHECK;

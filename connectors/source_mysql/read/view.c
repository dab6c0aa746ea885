/* START TRANSACTION WITH CONSISTENT SNAPSHOT, and the place in the log that it shows.
 *
 *     MariaDB   SHOW STATUS LIKE 'binlog_snapshot_%' inside the transaction tells its place exactly
 *     MySQL     lo: gtid_executed before the view, which it surely holds
 *               hi: the log's end after the view: a transaction is written there before it can be seen
 *               nothing between the two: the view stands at lo. Else it is tried again, a number of times.
 *
 * hi is found by reading the log from lo to its end, for gtid_executed lags behind what can be seen. Where a server
 * never rests for so long, the view is taken to stand at lo: changes between the two then come twice, as rows and as
 * events, and end in the same state; that is noted.
 *
 * A view costs the server the old versions of rows for as long as it is open. One serves tables that are read within
 * YOUNG_NS of its making; then the next table gets another one. */
#include "connectors/source_mysql/read/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "connectors/source_mysql/place/facts.h"

#define YOUNG_NS (5 * MR_SECOND_NS)
#define TRIES    50

void mr_my_view_close(struct mr_my_view *view)
{
    mr_my_close(view->session);
    view->session = NULL;
    mr_my_place_done(&view->place);
}

static int begin(struct mr_my_view *view, struct mr_err *err)
{
    return mr_my_command(view->session, "START TRANSACTION WITH CONSISTENT SNAPSHOT",
                         "open a view of the tables", err);
}

/* The place that MariaDB tells, as file and offset. */
static int status_place(struct mr_my_view *view, struct mr_my_place *place, struct mr_err *err)
{
    struct mr_my_result *result = NULL;
    int rc = mr_my_query(view->session, "SHOW STATUS LIKE 'binlog_snapshot_%'",
                         "see where a view stands", &result, err);

    if (rc < 0)
        return rc;
    while ((rc = mr_my_next(result, err)) > 0) {
        char text[MR_MY_FILE];
        (void)snprintf(text, sizeof(text), "%.*s", MR_SLICE_ARG(result->values[1]));
        if (mr_slice_is(result->values[0], "Binlog_snapshot_file"))
            memcpy(place->file, text, sizeof(text));
        else if (mr_slice_is(result->values[0], "Binlog_snapshot_position"))
            place->offset = strtoull(text, NULL, 10);
    }
    mr_my_end(result);
    if (rc == 0 && !place->file[0])
        rc = mr_err_set(err, MR_CONFIG, "source.log_off", "the server writes no binary log");
    return rc;
}

static int open_exact(struct mr_my_view *view, struct mr_err *err)
{
    struct mr_my_result *result = NULL;
    struct mr_buf sql;
    int rc = begin(view, err);

    if (rc == 0)
        rc = status_place(view, &view->place, err);
    if (rc < 0)
        return rc;
    mr_buf_init(&sql, 4096);
    mr_buf_add_str(&sql, "SELECT BINLOG_GTID_POS(");
    mr_my_add_literal(&sql, mr_slice_str(view->place.file));
    mr_buf_printf(&sql, ", %llu)", (unsigned long long)view->place.offset);
    rc = mr_my_query(view->session, mr_buf_cstr(&sql), "turn a place into GTIDs", &result, err);
    mr_buf_done(&sql);
    if (rc < 0)
        return rc;
    rc = mr_my_next(result, err);
    if (rc > 0)
        rc = mr_my_gtids_parse(&view->place.gtids, result->values[0], "the view's GTIDs", err);
    mr_my_end(result);
    return rc;
}

static bool is_transaction(uint8_t type)
{
    return type == MR_MY_GTID || type == MR_MY_GTID_TAGGED || type == MR_MY_ANONYMOUS_GTID;
}

/* Whether the log has a transaction behind `place`. */
static int log_goes_on(struct mr_my_view *view, const struct mr_my_place *place, bool *ret_more,
                       struct mr_err *err)
{
    struct mr_my_dump_args args = {.server_id = view->server_id,
                                   .uuid = view->uuid,
                                   .until_end = true,
                                   .gtids = view->by_gtid ? &place->gtids : NULL,
                                   .file = view->by_gtid ? NULL : place->file,
                                   .position = view->by_gtid ? 4 : place->offset};
    struct mr_my_dump *dump = NULL;
    struct mr_my_event event;
    int rc = mr_my_dump_open(view->connect, &args, &dump, err);

    *ret_more = false;
    while (rc == 0 && !*ret_more && !mr_my_dump_ended(dump)) {
        rc = mr_my_dump_next(dump, mr_clock_mono_ns() + MR_SECOND_NS, &event, err);
        if (rc > 0)
            *ret_more = is_transaction(event.header.type);
        rc = rc > 0 ? 0 : rc;
    }
    mr_my_dump_close(dump);
    return rc;
}

static void note_overlap(const struct mr_my_view *view)
{
    const struct mr_notes *notes = &view->context->notes;

    if (notes->note)
        notes->note(notes->state, MR_LOG_WARN, "source.view_overlap",
                    "the server was never at rest for long enough to tell which of the last "
                    "transactions a view of its tables shows: their changes may come twice, as "
                    "rows that were read and as changes");
}

static int open_bracketed(struct mr_my_view *view, struct mr_err *err)
{
    bool more = true;
    int rc = 0;

    for (int i = 0; rc == 0 && more && i < TRIES; i++) {
        if (i > 0)
            rc = mr_my_command(view->session, "ROLLBACK", "close a view", err);
        if (rc == 0)
            rc = mr_my_facts_end(view->session, false, view->by_gtid, &view->place, err);
        if (rc == 0)
            rc = begin(view, err);
        if (rc == 0)
            rc = log_goes_on(view, &view->place, &more, err);
    }
    if (rc == 0 && more)
        note_overlap(view);
    return rc;
}

int mr_my_view_open(struct mr_my_view *view, struct mr_err *err)
{
    int rc;

    if (view->session && mr_clock_mono_ns() - view->opened_ns < YOUNG_NS)
        return 0;
    mr_my_view_close(view);
    mr_my_place_init(&view->place, view->mariadb);
    rc = mr_my_open(view->connect, &view->session, err);
    if (rc == 0)
        rc = mr_my_command(view->session, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
                           "choose an isolation level", err);
    if (rc == 0)
        rc = view->mariadb ? open_exact(view, err) : open_bracketed(view, err);
    view->opened_ns = mr_clock_mono_ns();
    return rc;
}

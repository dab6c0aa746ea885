/* Reading the tables.
 *
 *     for each table:   COPY (SELECT columns FROM ONLY table) TO STDOUT     in binary when every type allows it
 *
 * The course of it (order, markers, what the position says, what is read again) is capture/snapshot.h's; here are the
 * operations it calls. All tables are read in one view (snapshot_view.c). The row held back is the last message, as it
 * came.
 *
 * A table that was altered since the view was made is not in it as it should be. The read then ends with MR_RETRY: the
 * next session makes a view of its own, as after a kill.
 *
 * Rows have the place of the view: LSN and commit LSN are its consistent point. Of a table of which rows of an earlier
 * view are out the stream leaves out nothing but what it has passed already. */
#include "connectors/source_postgres/read/snapshot.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "connectors/source_postgres/read/copy.h"
#include "connectors/source_postgres/read/snapshot_state.h"

static const struct mr_pg_snapshot_item *at_hand(const struct mr_pg_snapshot *snapshot)
{
    return snapshot->course.items[snapshot->course.next].own;
}

static bool all_binary(const struct mr_pg_relation *relation)
{
    for (uint32_t i = 0; i < relation->table->column_count; i++) {
        if (!relation->types[i].codec->binary)
            return false;
    }
    return relation->table->column_count > 0;
}

static void permission_hint(const struct mr_pg_place *place, const struct mr_pg_snapshot_item *item,
                            struct mr_err *err)
{
    const char *user = PQuser(place->sql->conn);

    if (err && strcmp(err->native, "42501") == 0)
        mr_err_hint(
            err,
            "GRANT USAGE ON SCHEMA \"%.*s\" TO \"%s\"; GRANT SELECT ON \"%.*s\".\"%.*s\" TO "
            "\"%s\";\n(if a row security policy hides rows: ALTER ROLE \"%s\" BYPASSRLS;) Or read "
            "changes only, with source.snapshot: no_data.",
            MR_SLICE_ARG(item->schema), user, MR_SLICE_ARG(item->schema), MR_SLICE_ARG(item->name),
            user, user);
}

/* The SELECT as a COPY, and what its failure means. */
static int begin_copy(struct mr_pg_snapshot *snapshot, const char *select, struct mr_err *err)
{
    const struct mr_pg_snapshot_item *item = at_hand(snapshot);
    struct mr_buf copy;
    PGresult *result = NULL;
    int rc;

    mr_buf_init(&copy, 1 << 20);
    mr_buf_printf(&copy, "COPY (%s) TO STDOUT%s", select,
                  snapshot->binary ? " (FORMAT binary)" : "");
    rc = mr_pg_ask(&snapshot->view, mr_buf_cstr(&copy), "read a table", &result, err);
    PQclear(result);
    mr_buf_done(&copy);
    rc = mr_pg_view_failure(item, rc, err);
    permission_hint(snapshot->place, item, rc < 0 ? err : NULL);
    return rc;
}

/* Once the copy runs, the table is locked against what would change its shape. */
static int begin_held(struct mr_pg_snapshot *snapshot, const char *select, struct mr_err *err)
{
    const struct mr_pg_snapshot_item *item = at_hand(snapshot);
    struct mr_buf seen, now;
    int rc;

    mr_buf_init(&seen, 16 << 20);
    mr_buf_init(&now, 16 << 20);
    rc = mr_pg_view_shape(&snapshot->view, item, &seen, err);
    if (rc == 0)
        rc = begin_copy(snapshot, select, err);
    if (rc == 0)
        rc = mr_pg_view_shape(snapshot->place->sql, item, &now, err);
    if (rc == 0 && !mr_slice_equal(mr_buf_slice(&seen), mr_buf_slice(&now)))
        rc = mr_pg_view_altered(item, err);
    mr_buf_done(&seen);
    mr_buf_done(&now);
    return rc;
}

static int list(void *state, struct mr_snapshot *course, struct mr_err *err)
{
    struct mr_pg_snapshot *snapshot = state;

    (void)course;
    return mr_pg_view_list(snapshot, err);
}

static void set_place(struct mr_pg_snapshot *snapshot)
{
    struct mr_pg_position *position = snapshot->place->position;
    struct mr_snapshot *course = &snapshot->course;

    if (position->read < snapshot->point)
        position->read = snapshot->point;
    course->table = snapshot->relation->table;
    course->transaction = snapshot->transaction;
    course->place.postgres.lsn = snapshot->point;
    (void)mr_pg_lsn_format(snapshot->point, course->point);
}

static int begin(void *state, struct mr_snapshot *course, const struct mr_snapshot_item *item,
                 struct mr_err *err)
{
    struct mr_pg_snapshot *snapshot = state;
    struct mr_buf sql;
    int rc;

    (void)course;
    mr_buf_init(&sql, 1 << 20);
    rc = mr_pg_view_describe(&snapshot->view, snapshot->catalog, &snapshot->feed->relations,
                             item->own, &snapshot->relation, &sql, err);
    if (rc == 0) {
        snapshot->binary =
            snapshot->place->config->binary == MR_PG_BINARY_AUTO && all_binary(snapshot->relation);
        rc = begin_held(snapshot, mr_buf_cstr(&sql), err);
    }
    mr_buf_done(&sql);
    if (rc < 0)
        return rc;
    snapshot->header = false;
    set_place(snapshot);
    return 0;
}

static int broken_row(const struct mr_pg_relation *relation, struct mr_err *err)
{
    return mr_err_set(err, MR_RETRY, "source.protocol",
                      "a row of %.*s.%.*s does not fit the COPY format",
                      MR_SLICE_ARG(relation->table->schema), MR_SLICE_ARG(relation->table->name));
}

static int decode_row(struct mr_pg_snapshot *snapshot, struct mr_batch *batch,
                      struct mr_slice bytes, struct mr_value **ret_row, struct mr_err *err)
{
    struct mr_pg_relation *relation = snapshot->relation;
    uint32_t count = relation->table->column_count;
    struct mr_cur cur = mr_cur(bytes);
    struct mr_value *row = MR_ARENA_ARRAY(&batch->arena, struct mr_value, count ? count : 1);

    if (snapshot->binary && mr_cur_be16(&cur) != count)
        return broken_row(relation, err);
    for (uint32_t i = 0; i < count; i++) {
        struct mr_slice value;
        int rc = 0;
        if (snapshot->binary ? !mr_pg_copy_binary_next(&cur, &value)
                             : !mr_pg_copy_text_next(&bytes, &value))
            return broken_row(relation, err);
        row[i] = (struct mr_value){.kind = MR_NULL};
        if (value.data)
            rc = mr_pg_decode_column(snapshot->feed, &batch->arena, relation, i,
                                     snapshot->binary ? 'b' : 't', value, &row[i], err);
        else
            rc = mr_pg_feed_null(snapshot->feed, relation, i, err);
        if (rc < 0)
            return rc;
    }
    *ret_row = row;
    return 0;
}

/* Takes the row held back, if there is one; `end` is its mark when it is its table's last. */
static int take_held(struct mr_pg_snapshot *snapshot, struct mr_batch *batch,
                     enum mr_snapshot_mark end, struct mr_err *err)
{
    struct mr_value *row = NULL;
    struct mr_slice bytes;
    int rc;

    if (!snapshot->held)
        return 0;
    bytes = mr_arena_copy(&batch->arena, mr_slice(snapshot->held, snapshot->held_size));
    PQfreemem(snapshot->held);
    snapshot->held = NULL;
    if (snapshot->binary && !snapshot->header && !mr_pg_copy_header(&bytes))
        return broken_row(snapshot->relation, err);
    snapshot->header = true;
    rc = decode_row(snapshot, batch, bytes, &row, err);
    if (rc < 0)
        return rc;
    snapshot->course.table = snapshot->relation->table; /* a NULL may have made another version */
    (void)mr_snapshot_add(&snapshot->course, batch, row, end);
    return 0;
}

/* The end mark of a binary copy, with the header in front when the table is empty. */
static bool is_end_mark(const struct mr_pg_snapshot *snapshot, struct mr_slice bytes)
{
    if (!snapshot->binary)
        return false;
    if (!snapshot->header && !snapshot->held)
        (void)mr_pg_copy_header(&bytes);
    return mr_pg_copy_trailer(bytes);
}

static int wait_readable(struct mr_pg_snapshot *snapshot, int64_t deadline_ns, struct mr_err *err)
{
    struct pollfd fd = {.fd = PQsocket(snapshot->view.conn), .events = POLLIN};
    int64_t left = deadline_ns - mr_clock_mono_ns();

    if (left > 0 && poll(&fd, 1, (int)((left + MR_MS_NS - 1) / MR_MS_NS)) < 0 && errno != EINTR)
        return mr_err_errno(err, MR_RETRY, "source.connection_lost", errno,
                            "cannot wait for the server");
    if (!PQconsumeInput(snapshot->view.conn))
        return mr_pg_error(err, snapshot->view.conn, NULL, "read a table");
    return 0;
}

static int take_message(struct mr_pg_snapshot *snapshot, struct mr_batch *batch, char *buffer,
                        size_t size, struct mr_err *err)
{
    int rc;

    batch->bytes += size;
    mr_count(&snapshot->place->context->counters->source_bytes, (uint64_t)size);
    if (is_end_mark(snapshot, mr_slice(buffer, size))) {
        PQfreemem(buffer);
        return 0;
    }
    rc = take_held(snapshot, batch, MR_SNAPSHOT_NONE, err);
    snapshot->held = buffer;
    snapshot->held_size = size;
    return rc;
}

static int next(void *state, struct mr_snapshot *course, struct mr_batch *batch, size_t limit,
                int64_t deadline_ns, bool *ret_end, struct mr_err *err)
{
    struct mr_pg_snapshot *snapshot = state;
    int rc = 0;

    (void)course;
    while (rc == 0 && batch->bytes < limit) {
        char *buffer = NULL;
        int size = PQgetCopyData(snapshot->view.conn, &buffer, 1);
        if (size > 0) {
            rc = take_message(snapshot, batch, buffer, (size_t)size, err);
        } else if (size == 0) {
            rc = wait_readable(snapshot, deadline_ns, err);
            if (mr_clock_mono_ns() >= deadline_ns)
                break;
        } else if (size == -1) {
            *ret_end = true;
            break;
        } else {
            rc = mr_pg_error(err, snapshot->view.conn, NULL, "read a table");
        }
    }
    return rc;
}

static int end(void *state, struct mr_snapshot *course, bool *ret_held, struct mr_err *err)
{
    struct mr_pg_snapshot *snapshot = state;
    PGresult *result = NULL;
    int rc =
        mr_pg_result(&snapshot->view.connect, snapshot->view.conn, "read a table", &result, err);

    (void)course;
    if (rc == 0 && PQresultStatus(result) != PGRES_COMMAND_OK)
        rc = mr_pg_error(err, snapshot->view.conn, result, "read a table");
    PQclear(result);
    *ret_held = snapshot->held != NULL;
    return rc;
}

static int more(void *state, struct mr_snapshot *course, bool *ret_more, struct mr_err *err)
{
    struct mr_pg_snapshot *snapshot = state;

    (void)course;
    return mr_pg_view_more(snapshot, ret_more, err);
}

static int last(void *state, struct mr_snapshot *course, struct mr_batch *batch,
                enum mr_snapshot_mark mark, struct mr_err *err)
{
    (void)course;
    return take_held(state, batch, mark, err);
}

static void covers(void *state, struct mr_snapshot *course)
{
    struct mr_pg_snapshot *snapshot = state;

    course->key = course->repeats ? snapshot->place->position->resume : snapshot->point;
    (void)mr_pg_lsn_format(course->key, course->lo);
}

static void close_view(void *state, struct mr_snapshot *course)
{
    struct mr_pg_snapshot *snapshot = state;

    (void)course;
    PQfreemem(snapshot->held);
    mr_pg_session_done(&snapshot->view);
    snapshot->held = NULL;
}

static const struct mr_snapshot_operations operations = {
    .list = list,
    .begin = begin,
    .next = next,
    .end = end,
    .more = more,
    .last = last,
    .covers = covers,
    .close = close_view,
};

int mr_pg_snapshot_open(const struct mr_pg_snapshot_parts *parts,
                        struct mr_pg_snapshot **ret_snapshot, struct mr_err *err)
{
    struct mr_pg_snapshot *snapshot = mr_alloc_zero(sizeof(*snapshot));
    int rc;

    *ret_snapshot = snapshot;
    snapshot->place = parts->place;
    snapshot->catalog = parts->catalog;
    snapshot->feed = parts->feed;
    snapshot->selected = parts->selected;
    mr_pg_session_init(&snapshot->view, &parts->place->sql->connect);
    rc = mr_pg_view_open(snapshot, err);
    if (rc == 0)
        rc = mr_snapshot_open(&snapshot->course, &operations, snapshot, &parts->feed->track, err);
    return rc;
}

void mr_pg_snapshot_close(struct mr_pg_snapshot *snapshot)
{
    if (!snapshot)
        return;
    mr_snapshot_close(&snapshot->course);
    close_view(snapshot, NULL); /* which may have been opened in vain */
    free(snapshot);
}

int mr_pg_snapshot_read(struct mr_pg_snapshot *snapshot, struct mr_batch *batch, size_t limit,
                        int64_t deadline_ns, bool *ret_finished, struct mr_err *err)
{
    bool close;
    int rc;

    batch->received_us = snapshot->feed->track.read_us = mr_clock_wall_us();
    rc = mr_snapshot_read(&snapshot->course, batch, limit, deadline_ns, &close, ret_finished, err);
    if (!close)
        return rc;
    mr_pg_feed_close_batch(snapshot->feed, batch);
    /* Tables read again while the stream stands inside a transaction: it is not that which is cut here. */
    batch->position.whole = !batch->position.in_table;
    return rc;
}

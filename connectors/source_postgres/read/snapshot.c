/* Reading the tables.
 *
 *     for each table:   COPY (SELECT columns FROM ONLY table) TO STDOUT     in binary when every type allows it
 *
 * One row is held back, because whether it is its table's last one is known only when the next message arrives:
 * that is what Debezium's markers tell (first, first_in_data_collection, true, last_in_data_collection, last).
 *
 * Position: while a table is being read it names that table and its rows so far, and is not whole, so that a sink
 * that can commits a table as one. At a table's end it stands in `done`, and is never read again. After a kill
 * the table in progress is read again from its beginning; a sink that had committed part of it sees these rows
 * twice, as reads, and that is noted.
 *
 * A table that was altered since the view was made is not in it as it should be (snapshot_view.c). The read then ends
 * with MR_RETRY: the next session makes a view of its own, as after a kill.
 *
 * When it is read again, rows of two views are out, and what happened between them happened to rows a reader has: a
 * row deleted meanwhile would stay with him for ever. So of such a table the stream leaves nothing out. The same
 * goes for a table that is read again by request.
 *
 * Rows have the place of the view: LSN and commit LSN are its consistent point. */
#include "connectors/source_postgres/read/snapshot.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "connectors/source_postgres/read/copy.h"
#include "connectors/source_postgres/read/snapshot_state.h"

#define PROGRESS(source) (&(source)->feed.position.snapshot)

static void set_estimates(struct mr_pg_source *source, const struct mr_pg_snapshot *snapshot)
{
    struct mr_counters *counters = source->context->counters;
    double rows = 0;

    for (size_t i = 0; i < snapshot->count; i++)
        rows += snapshot->items[i].rows > 0 ? snapshot->items[i].rows : 0;
    atomic_store_explicit(&counters->snapshot_rows, 0, memory_order_relaxed);
    atomic_store_explicit(&counters->snapshot_rows_estimated, (uint64_t)rows, memory_order_relaxed);
    atomic_store_explicit(&counters->snapshot_tables,
                          PROGRESS(source)->done_count + snapshot->count, memory_order_relaxed);
    atomic_store_explicit(&counters->snapshot_tables_done, PROGRESS(source)->done_count,
                          memory_order_relaxed);
}

int mr_pg_snapshot_open(struct mr_pg_source *source, struct mr_err *err)
{
    struct mr_pg_snapshot *snapshot = mr_alloc_zero(sizeof(*snapshot));
    struct mr_pg_snapshot_progress *progress = PROGRESS(source);
    int rc;

    source->snapshot = snapshot;
    mr_arena_init(&snapshot->arena, 16 << 10, 0);
    rc = mr_pg_view_open(source, snapshot, err);
    if (rc == 0)
        rc = mr_pg_view_list(source, snapshot, err);
    if (rc < 0)
        return rc;
    if (progress->current && progress->rows > 0)
        mr_pg_note(source, MR_LOG_WARN, "source.snapshot_repeats",
                   "table %s was being read when the last run ended and is read again: up to %llu "
                   "rows may "
                   "arrive twice, as reads, where the sink could not hold the table back",
                   progress->current, (unsigned long long)progress->rows);
    progress->point = snapshot->point;
    set_estimates(source, snapshot);
    return 0;
}

void mr_pg_snapshot_close(struct mr_pg_source *source)
{
    struct mr_pg_snapshot *snapshot = source->snapshot;

    if (!snapshot)
        return;
    PQfreemem(snapshot->held);
    PQfinish(snapshot->conn);
    mr_arena_done(&snapshot->arena);
    free(snapshot);
    source->snapshot = NULL;
}

static bool all_binary(const struct mr_pg_relation *relation)
{
    for (uint32_t i = 0; i < relation->table->column_count; i++) {
        if (!relation->types[i].codec->binary)
            return false;
    }
    return relation->table->column_count > 0;
}

static void permission_hint(const struct mr_pg_source *source,
                            const struct mr_pg_snapshot_item *item, struct mr_err *err)
{
    const char *user = PQuser(source->sql);

    if (err && strcmp(err->native, "42501") == 0)
        mr_err_hint(
            err,
            "GRANT USAGE ON SCHEMA \"%.*s\" TO \"%s\"; GRANT SELECT ON \"%.*s\".\"%.*s\" TO "
            "\"%s\";\n(if a row security policy hides rows: ALTER ROLE \"%s\" BYPASSRLS;) Or read "
            "changes only, with source.snapshot: no_data.",
            MR_SLICE_ARG(item->schema), user, MR_SLICE_ARG(item->schema), MR_SLICE_ARG(item->name),
            user, user);
}

static void leave_table(struct mr_pg_snapshot_progress *progress)
{
    free(progress->current);
    progress->current = NULL;
    progress->rows = 0;
}

/* The SELECT as a COPY, and what its failure means. */
static int begin_copy(struct mr_pg_source *source, struct mr_pg_snapshot *snapshot,
                      const char *select, struct mr_err *err)
{
    const struct mr_pg_snapshot_item *item = &snapshot->items[snapshot->next];
    struct mr_buf copy;
    PGresult *result = NULL;
    int rc;

    mr_buf_init(&copy, 1 << 20);
    mr_buf_printf(&copy, "COPY (%s) TO STDOUT%s", select,
                  snapshot->binary ? " (FORMAT binary)" : "");
    rc = mr_pg_query(&snapshot->connect, snapshot->conn, mr_buf_cstr(&copy), "read a table",
                     &result, err);
    PQclear(result);
    mr_buf_done(&copy);
    rc = mr_pg_view_failure(item, rc, err);
    permission_hint(source, item, rc < 0 ? err : NULL);
    return rc;
}

/* Once the copy runs, the table is locked against what would change its shape. */
static int begin_held(struct mr_pg_source *source, struct mr_pg_snapshot *snapshot,
                      const char *select, struct mr_err *err)
{
    const struct mr_pg_snapshot_item *item = &snapshot->items[snapshot->next];
    struct mr_buf seen, now;
    int rc;

    mr_buf_init(&seen, 16 << 20);
    mr_buf_init(&now, 16 << 20);
    rc = mr_pg_view_shape(source, snapshot->conn, item, &seen, err);
    if (rc == 0)
        rc = begin_copy(source, snapshot, select, err);
    if (rc == 0)
        rc = mr_pg_view_shape(source, source->sql, item, &now, err);
    if (rc == 0 && !mr_slice_equal(mr_buf_slice(&seen), mr_buf_slice(&now)))
        rc = mr_pg_view_altered(item, err);
    mr_buf_done(&seen);
    mr_buf_done(&now);
    return rc;
}

static int begin_table(struct mr_pg_source *source, struct mr_pg_snapshot *snapshot,
                       struct mr_err *err)
{
    const struct mr_pg_snapshot_item *item = &snapshot->items[snapshot->next];
    struct mr_pg_snapshot_progress *progress = PROGRESS(source);
    struct mr_buf sql;
    int rc;

    mr_buf_init(&sql, 1 << 20);
    rc = mr_pg_view_describe(source, snapshot, item, &sql, err);
    if (rc == 0) {
        snapshot->binary =
            source->config->binary == MR_PG_BINARY_AUTO && all_binary(snapshot->relation);
        rc = begin_held(source, snapshot, mr_buf_cstr(&sql), err);
    }
    mr_buf_done(&sql);
    if (rc < 0)
        return rc;
    snapshot->copying = true;
    snapshot->header = false;
    if (source->feed.position.read < snapshot->point)
        source->feed.position.read = snapshot->point;
    snapshot->table_rows = 0;
    if (!progress->current || strcmp(progress->current, item->full) != 0) {
        leave_table(progress);
        progress->current = mr_strdup(item->full);
    }
    snapshot->repeats = progress->again || progress->rows > 0;
    return 0;
}

static int broken_row(const struct mr_pg_relation *relation, struct mr_err *err)
{
    return mr_err_set(err, MR_RETRY, "source.protocol",
                      "a row of %.*s.%.*s does not fit the COPY format",
                      MR_SLICE_ARG(relation->table->schema), MR_SLICE_ARG(relation->table->name));
}

static int decode_row(struct mr_pg_source *source, struct mr_batch *batch, struct mr_slice bytes,
                      struct mr_value **ret_row, struct mr_err *err)
{
    const struct mr_pg_snapshot *snapshot = source->snapshot;
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
            rc = mr_pg_decode_column(&source->feed, &batch->arena, relation, i,
                                     snapshot->binary ? 'b' : 't', value, &row[i], err);
        else
            rc = mr_pg_feed_null(&source->feed, relation, i, err);
        if (rc < 0)
            return rc;
    }
    *ret_row = row;
    return 0;
}

static struct mr_transaction *shared_transaction(struct mr_pg_snapshot *snapshot,
                                                 struct mr_batch *batch)
{
    if (!snapshot->shared) {
        snapshot->shared = MR_ARENA_NEW(&batch->arena, struct mr_transaction);
        *snapshot->shared = snapshot->transaction;
    }
    return snapshot->shared;
}

static void add_read(struct mr_pg_source *source, struct mr_batch *batch, struct mr_value *row,
                     enum mr_snapshot_mark mark)
{
    struct mr_pg_snapshot *snapshot = source->snapshot;
    struct mr_pg_position *position = &source->feed.position;
    struct mr_change *change = mr_batch_add_change(batch);

    change->op = MR_OP_READ;
    change->mark = mark;
    change->table = snapshot->relation->table;
    change->transaction = shared_transaction(snapshot, batch);
    change->after = row;
    change->number = position->base + position->count++;
    change->ordinal = snapshot->rows++;
    change->origin.postgres.lsn = snapshot->point;
    change->read_us = source->feed.read_us;
    mr_batch_use_table(batch, change->table);
    position->snapshot.rows++;
    snapshot->table_rows++;
    mr_count(&source->context->counters->source_reads, 1);
    mr_count(&source->context->counters->snapshot_rows, 1);
}

/* Takes the row held back, if there is one; `end` is its mark when it is its table's last. */
static int take_held(struct mr_pg_source *source, struct mr_batch *batch, enum mr_snapshot_mark end,
                     struct mr_err *err)
{
    struct mr_pg_snapshot *snapshot = source->snapshot;
    enum mr_snapshot_mark mark = MR_SNAPSHOT_TRUE;
    struct mr_value *row = NULL;
    struct mr_slice bytes;
    bool first;
    int rc;

    if (!snapshot->held)
        return 0;
    bytes = mr_arena_copy(&batch->arena, mr_slice(snapshot->held, snapshot->held_size));
    PQfreemem(snapshot->held);
    snapshot->held = NULL;
    if (snapshot->binary && !snapshot->header && !mr_pg_copy_header(&bytes))
        return broken_row(snapshot->relation, err);
    snapshot->header = true;
    rc = decode_row(source, batch, bytes, &row, err);
    if (rc < 0)
        return rc;
    first = snapshot->table_rows == 0;
    if (end == MR_SNAPSHOT_LAST)
        mark = end;
    else if (first && snapshot->rows == 0 && PROGRESS(source)->done_count == 0)
        mark = MR_SNAPSHOT_FIRST;
    else if (end != MR_SNAPSHOT_NONE)
        mark = end;
    else if (first)
        mark = MR_SNAPSHOT_FIRST_IN_TABLE;
    add_read(source, batch, row, mark);
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

static int end_table(struct mr_pg_source *source, struct mr_batch *batch, struct mr_err *err)
{
    struct mr_pg_snapshot *snapshot = source->snapshot;
    const struct mr_pg_snapshot_item *item = &snapshot->items[snapshot->next];
    struct mr_pg_snapshot_progress *progress = PROGRESS(source);
    PGresult *result = NULL;
    bool more = false;
    int rc = mr_pg_result(&snapshot->connect, snapshot->conn, "read a table", &result, err);

    if (rc == 0 && PQresultStatus(result) != PGRES_COMMAND_OK)
        rc = mr_pg_error(err, snapshot->conn, result, "read a table");
    PQclear(result);
    if (rc == 0 && snapshot->held)
        rc = mr_pg_view_more(source, snapshot, &more, err);
    if (rc == 0)
        rc = take_held(source, batch, more ? MR_SNAPSHOT_LAST_IN_TABLE : MR_SNAPSHOT_LAST, err);
    if (rc < 0)
        return rc;
    mr_pg_snapshot_add_done(progress, item->full,
                            snapshot->repeats ? source->feed.position.resume : snapshot->point);
    leave_table(progress);
    snapshot->copying = false;
    snapshot->next++;
    mr_count(&source->context->counters->snapshot_tables_done, 1);
    return 0;
}

/* All tables are read: the position says so, and the stream begins with the next read. */
static void finish(struct mr_pg_source *source)
{
    struct mr_pg_snapshot_progress *progress = PROGRESS(source);

    progress->active = progress->again = false;
    leave_table(progress); /* one that is gone since */
    for (size_t i = 0; i < progress->only_count; i++)
        free(progress->only[i]);
    progress->only_count = 0;
    mr_pg_snapshot_close(source);
    source->ended = source->config->snapshot == MR_PG_SNAPSHOT_INITIAL_ONLY;
}

static int wait_readable(struct mr_pg_snapshot *snapshot, int64_t deadline_ns, struct mr_err *err)
{
    struct pollfd fd = {.fd = PQsocket(snapshot->conn), .events = POLLIN};
    int64_t left = deadline_ns - mr_clock_mono_ns();

    if (left > 0 && poll(&fd, 1, (int)((left + MR_MS_NS - 1) / MR_MS_NS)) < 0 && errno != EINTR)
        return mr_err_errno(err, MR_RETRY, "source.connection_lost", errno,
                            "cannot wait for the server");
    if (!PQconsumeInput(snapshot->conn))
        return mr_pg_error(err, snapshot->conn, NULL, "read a table");
    return 0;
}

/* One step: a row, the end of a table, or waiting. */
static int step(struct mr_pg_source *source, struct mr_batch *batch, int64_t deadline_ns,
                bool *ret_table_end, struct mr_err *err)
{
    struct mr_pg_snapshot *snapshot = source->snapshot;
    char *buffer = NULL;
    int size, rc;

    if (!snapshot->copying)
        return begin_table(source, snapshot, err);
    size = PQgetCopyData(snapshot->conn, &buffer, 1);
    if (size > 0) {
        batch->bytes += (size_t)size;
        mr_count(&source->context->counters->source_bytes, (uint64_t)size);
        if (is_end_mark(snapshot, mr_slice(buffer, (size_t)size))) {
            PQfreemem(buffer);
            return 0;
        }
        rc = take_held(source, batch, MR_SNAPSHOT_NONE, err);
        snapshot->held = buffer;
        snapshot->held_size = (size_t)size;
        return rc;
    }
    if (size == 0)
        return wait_readable(snapshot, deadline_ns, err);
    if (size == -2)
        return mr_pg_error(err, snapshot->conn, NULL, "read a table");
    *ret_table_end = true;
    return end_table(source, batch, err);
}

int mr_pg_snapshot_read(struct mr_pg_source *source, struct mr_batch *batch, int64_t deadline_ns,
                        struct mr_err *err)
{
    struct mr_pg_snapshot *snapshot = source->snapshot;
    bool table_end = false;
    int rc = 0;

    snapshot->shared = NULL;
    batch->received_us = source->feed.read_us = mr_clock_wall_us();
    while (rc == 0 && snapshot->next < snapshot->count && batch->bytes < source->batch_bytes) {
        rc = step(source, batch, deadline_ns, &table_end, err);
        if ((table_end && batch->change_count > 0) || mr_clock_mono_ns() >= deadline_ns)
            break;
    }
    if (rc == 0 && snapshot->next == snapshot->count) {
        finish(source);
        table_end = true;
    }
    batch->last = source->ended;
    if (batch->change_count > 0 || table_end) {
        mr_pg_feed_close_batch(&source->feed, batch);
        /* Tables read again while the stream stands inside a transaction: it is not that which is cut here. */
        batch->position.whole = !batch->position.in_table;
        batch->transactions += table_end;
    }
    return rc;
}

/* The operations of a snapshot (capture/snapshot.h) for MySQL and MariaDB.
 *
 *     begin   a view (view.c); the table as the catalogue has it, written as a map of the log; SELECT its columns
 *     next    rows as text, each held back until the next one has come
 *     covers  the place of the view: the stream leaves out what it holds
 *
 * Columns are named one by one: SELECT * leaves out invisible ones. Values are read by the readers of the stream,
 * from the server's text under a session in UTC that sends stored bytes, so that a row read and a row changed are
 * equal.
 *
 * The catalogue is of now and the view is older: a table that was altered in between cannot be read in it (error
 * 1412); then the source is opened anew, with another view. */
#include "connectors/source_mysql/read/snapshot.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define DEFINITION_CHANGED 1412

static int consider(struct mr_my_tables *tables, struct mr_snapshot *course,
                    const struct mr_my_result *result, struct mr_err *err)
{
    struct mr_snapshot_item item = {.rows = -1};
    bool named, wanted = false;
    int rc;

    item.schema = mr_arena_copy(&course->arena, result->values[0]);
    item.name = mr_arena_copy(&course->arena, result->values[1]);
    item.full = mr_arena_printf(&course->arena, "%.*s.%.*s", MR_SLICE_ARG(item.schema),
                                MR_SLICE_ARG(item.name));
    if (!mr_snapshot_remains(course, item.full, &named))
        return 0;
    rc = mr_select_table(tables->wanted, item.schema, item.name, &wanted, err);
    if (rc == 0 && wanted && tables->options->snapshot_tables.count > 0)
        rc = mr_select_table(tables->only, item.schema, item.name, &wanted, err);
    if (rc < 0)
        return rc;
    item.select = mr_capture_select_of(tables->options, item.full);
    item.rank = mr_select_rank(tables->wanted, item.schema, item.name);
    if (named || wanted)
        mr_snapshot_list(course, &item);
    return 0;
}

static int list(void *state, struct mr_snapshot *course, struct mr_err *err)
{
    struct mr_my_tables *tables = state;
    struct mr_my_result *result = NULL;
    int rc = mr_my_query(tables->lookup.session,
                         "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE "
                         "TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA NOT IN "
                         "('mysql', 'sys', 'performance_schema', 'information_schema') ORDER BY 1, "
                         "2",
                         "list the tables to read", &result, err);

    if (rc < 0)
        return rc;
    while ((rc = mr_my_next(result, err)) > 0) {
        rc = consider(tables, course, result, err);
        if (rc < 0)
            break;
    }
    mr_my_end(result);
    return rc;
}

static void add_from(const struct mr_snapshot_item *item, struct mr_buf *sql)
{
    mr_buf_add_str(sql, " FROM ");
    if (item->select) {
        mr_buf_printf(sql, "(%s) millrace_rows", item->select);
        return;
    }
    mr_my_add_name(sql, item->schema);
    mr_buf_add_char(sql, '.');
    mr_my_add_name(sql, item->name);
}

static void select_sql(const struct mr_my_tables *tables, const struct mr_snapshot_item *item,
                       struct mr_buf *sql)
{
    const struct mr_table *table = tables->relation->table;

    mr_buf_clear(sql);
    mr_buf_add_str(sql, "SELECT ");
    for (uint32_t i = 0; i < table->column_count; i++) {
        mr_buf_add_str(sql, i ? ", " : "");
        mr_my_add_name(sql, table->columns[i].name);
        mr_buf_add_str(sql, mr_my_reader_suffix(&tables->relation->readers[i]));
    }
    add_from(item, sql);
}

static int altered(const struct mr_my_tables *tables, const struct mr_snapshot_item *item, int rc,
                   struct mr_err *err)
{
    if (tables->view.session->number != DEFINITION_CHANGED)
        return rc;
    return mr_err_set(err, MR_RETRY, "source.table_altered",
                      "table %s was altered after the view was made in which it is to be read; the "
                      "tables that remain are read in a new one",
                      item->full);
}

static int too_long(const struct mr_buf *text, struct mr_err *err)
{
    return mr_err_set(err, MR_CONFIG, "source.gtid",
                      "the server's GTID set takes %zu bytes, which is more than a snapshot's "
                      "position has room for: set source.snapshot to no_data",
                      text->size);
}

static int set_place(struct mr_my_tables *tables, struct mr_snapshot *course, struct mr_err *err)
{
    const struct mr_my_place *place = &tables->view.place;
    struct mr_buf text;
    int rc = 0;

    mr_buf_init(&text, 1 << 20);
    mr_my_place_print(place, tables->view.by_gtid, &text);
    (void)snprintf(course->point, sizeof(course->point), "%s", mr_buf_cstr(&text));
    if (text.size >= sizeof(course->point))
        rc = too_long(&text, err);
    mr_buf_done(&text);
    course->transaction = (struct mr_transaction){
        .origin = {MR_ORIGIN_BINLOG,
                   {.binlog = {.file = mr_slice_str(place->file), .begin = place->offset}}},
        .commit_us = mr_clock_wall_us(),
    };
    course->place = (union mr_origin_row){.binlog = {.offset = place->offset}};
    return rc;
}

static int describe(struct mr_my_tables *tables, struct mr_my_session *session,
                    const struct mr_snapshot_item *item, struct mr_err *err)
{
    struct mr_my_table_info info = {.count = 0};
    struct mr_arena answers;
    int rc;

    tables->relation = NULL;
    mr_arena_init(&answers, 16 << 10, 0);
    rc = mr_my_lookup_table(&tables->lookup, session, &answers, item->schema, item->name, &info,
                            err);
    if (rc == 0 && info.count > 0)
        rc = mr_my_relations_take_map(
            &tables->feed->relations,
            mr_my_lookup_map(&info, tables->view.mariadb, item->schema, item->name, &answers),
            &info, &tables->relation, err);
    mr_arena_done(&answers);
    return rc;
}

static int begin(void *state, struct mr_snapshot *course, const struct mr_snapshot_item *item,
                 struct mr_err *err)
{
    struct mr_my_tables *tables = state;
    int rc = mr_my_view_open(&tables->view, err);

    tables->has_held = false;
    if (rc == 0)
        rc = describe(tables, tables->view.session, item, err);
    if (rc < 0)
        return rc;
    rc = set_place(tables, course, err);
    if (rc < 0)
        return rc;
    if (!tables->relation || !tables->relation->table)
        return 0;
    course->table = tables->relation->table;
    select_sql(tables, item, &tables->sql);
    rc = mr_my_query(tables->view.session, mr_buf_cstr(&tables->sql), "read a table",
                     &tables->result, err);
    return rc < 0 ? altered(tables, item, rc, err) : 0;
}

static void hold(struct mr_my_tables *tables)
{
    const struct mr_my_result *result = tables->result;

    mr_buf_clear(&tables->held);
    for (uint32_t i = 0; i < result->columns; i++) {
        struct mr_slice value = result->values[i];
        uint32_t size = value.data ? (uint32_t)value.size : UINT32_MAX;
        mr_buf_add(&tables->held, &size, 4);
        if (value.data)
            mr_buf_add_slice(&tables->held, value);
    }
    tables->has_held = true;
}

/* Puts the row held back into the batch. */
static int take_held(struct mr_my_tables *tables, struct mr_snapshot *course,
                     struct mr_batch *batch, enum mr_snapshot_mark mark, struct mr_err *err)
{
    const struct mr_my_relation *relation = tables->relation;
    struct mr_my_reading reading = {.arena = &batch->arena, .limit = tables->feed->event_limit};
    struct mr_slice bytes = mr_arena_copy(&batch->arena, mr_buf_slice(&tables->held));
    uint32_t count = relation->table->column_count;
    struct mr_value *row = MR_ARENA_ARRAY(&batch->arena, struct mr_value, count + 1);
    const char *at = bytes.data;

    tables->has_held = false;
    for (uint32_t i = 0; i < count; i++) {
        struct mr_slice value = {NULL, 0};
        uint32_t size;
        memcpy(&size, at, 4);
        at += 4;
        if (size != UINT32_MAX) {
            value = mr_slice(at, size);
            at += size;
        }
        if (!mr_my_read_text(&relation->readers[i], &reading, value, &row[i]))
            return mr_my_no_value(relation->map, i, value, err);
    }
    batch->bytes += bytes.size;
    mr_count(&tables->feed->context->counters->source_bytes, bytes.size);
    (void)mr_snapshot_add(course, batch, row, mark);
    return 0;
}

static int next(void *state, struct mr_snapshot *course, struct mr_batch *batch, size_t limit,
                int64_t deadline_ns, bool *ret_end, struct mr_err *err)
{
    struct mr_my_tables *tables = state;
    int rc;

    *ret_end = !tables->result;
    while (!*ret_end && batch->bytes < limit && mr_clock_mono_ns() < deadline_ns) {
        rc = mr_my_next(tables->result, err);
        if (rc < 0)
            return altered(tables, &course->items[course->next], rc, err);
        *ret_end = rc == 0;
        if (rc > 0 && tables->has_held)
            rc = take_held(tables, course, batch, MR_SNAPSHOT_NONE, err);
        if (rc < 0)
            return rc;
        if (!*ret_end)
            hold(tables);
    }
    return 0;
}

static int end(void *state, struct mr_snapshot *course, bool *ret_held, struct mr_err *err)
{
    struct mr_my_tables *tables = state;

    (void)course;
    (void)err;
    mr_my_end(tables->result);
    tables->result = NULL;
    *ret_held = tables->has_held;
    return 0;
}

static int has_row(struct mr_my_tables *tables, const struct mr_snapshot_item *item, bool *ret_has,
                   struct mr_err *err)
{
    struct mr_my_result *result = NULL;
    int rc;

    mr_buf_clear(&tables->sql);
    mr_buf_add_str(&tables->sql, "SELECT 1");
    add_from(item, &tables->sql);
    mr_buf_add_str(&tables->sql, " LIMIT 1");
    rc = mr_my_query(tables->view.session, mr_buf_cstr(&tables->sql),
                     "see whether more rows follow", &result, err);
    if (rc < 0)
        return altered(tables, item, rc, err);
    rc = mr_my_next(result, err);
    *ret_has = rc > 0;
    mr_my_end(result);
    return rc > 0 ? 0 : rc;
}

static int more(void *state, struct mr_snapshot *course, bool *ret_more, struct mr_err *err)
{
    int rc = 0;

    *ret_more = false;
    for (size_t i = course->next + 1; rc == 0 && i < course->count && !*ret_more; i++)
        rc = has_row(state, &course->items[i], ret_more, err);
    return rc;
}

static int last(void *state, struct mr_snapshot *course, struct mr_batch *batch,
                enum mr_snapshot_mark mark, struct mr_err *err)
{
    return take_held(state, course, batch, mark, err);
}

static void covers(void *state, struct mr_snapshot *course)
{
    struct mr_my_tables *tables = state;
    const struct mr_my_position *position = &tables->feed->position;
    struct mr_buf text;

    mr_buf_init(&text, 1 << 20);
    mr_my_place_print(course->repeats ? &position->done : &tables->view.place, position->by_gtid,
                      &text);
    (void)snprintf(course->lo, sizeof(course->lo), "%s", mr_buf_cstr(&text));
    mr_buf_done(&text);
}

static void close(void *state, struct mr_snapshot *course)
{
    struct mr_my_tables *tables = state;

    (void)course;
    mr_my_end(tables->result);
    tables->result = NULL;
    mr_my_view_close(&tables->view);
}

static const struct mr_snapshot_operations operations = {
    .list = list,
    .begin = begin,
    .next = next,
    .end = end,
    .more = more,
    .last = last,
    .covers = covers,
    .close = close,
};

int mr_my_tables_show(struct mr_my_tables *tables, struct mr_my_session *session,
                      void (*each)(void *user, struct mr_table *table), void *user,
                      struct mr_err *err)
{
    int rc = mr_my_tables_open(tables, err);

    for (size_t i = 0; rc == 0 && i < tables->course.count; i++) {
        rc = describe(tables, session, &tables->course.items[i], err);
        if (rc == 0 && tables->relation && tables->relation->table)
            each(user, tables->relation->table);
    }
    return rc;
}

int mr_my_tables_open(struct mr_my_tables *tables, struct mr_err *err)
{
    mr_buf_init(&tables->held, (size_t)4 << 30);
    mr_buf_init(&tables->sql, 1 << 20);
    tables->active = true;
    return mr_snapshot_open(&tables->course, &operations, tables, &tables->feed->track, err);
}

void mr_my_tables_close(struct mr_my_tables *tables)
{
    if (!tables->active)
        return;
    mr_snapshot_close(&tables->course);
    mr_buf_done(&tables->held);
    mr_buf_done(&tables->sql);
    tables->active = false;
}

int mr_my_tables_read(struct mr_my_tables *tables, struct mr_batch *batch, size_t limit,
                      int64_t deadline_ns, bool *ret_finished, struct mr_err *err)
{
    struct mr_my_feed *feed = tables->feed;
    bool closing = false;
    int rc;

    batch->received_us = mr_clock_wall_us();
    mr_my_feed_new_batch(feed, batch->received_us);
    rc = mr_snapshot_read(&tables->course, batch, limit, deadline_ns, &closing, ret_finished, err);
    if (!closing)
        return rc;
    mr_my_feed_render(feed);
    mr_snapshot_set_position(&feed->track, batch, mr_buf_slice(&feed->text));
    return rc;
}

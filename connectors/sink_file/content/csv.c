/* The row after each change.
 *
 *     __op,__number,__unchanged,id,name,note
 *     c,17,,1,Ada,""                            empty text          c insert, u update, r a row of a snapshot
 *     u,18,note,1,"Ada, L.",                    not sent: note      its columns are named, their fields empty
 *     d,19,,1,,                                 the old row         its key alone, unless all of it was sent
 *     t,20,,,,                                  a truncate
 *
 * An update that changes the key is two rows of one number: d with the old key, c with the new row. Whoever reads in
 * the order of the commits and the lines, and keeps by key the last row that is no d, has the table.
 *
 * A file has the rows of one shape: names and types of columns. A new version of the table with another shape begins
 * another file, in the same commit. The commit file names the table, its columns and their types for each file; a shape
 * is known by a hash of that text, so that a version which only a new connection made goes on in the same file.
 *
 * Logical messages are rows of a file of their own topic: op m, number, prefix, content in hex. */
#include "connectors/sink_file/content/csv.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "connectors/sink_file/content/csv_read.h"
#include "connectors/sink_file/content/csv_value.h"
#include "schema/event/event.h"

#define SHAPES_MAX 4096 /* remembered */
#define SHAPE_MAX  ((size_t)1 << 30)
#define LEAD       "__op,__number,__unchanged"

/* The beginning of a file, as long as the writer remembers it. */
struct shape {
    struct mr_file_shape shape;
    struct mr_buf header, about;
};

struct csv_writer {
    struct mr_csv_text text;
    /* By id of the table version, to struct shape. */
    struct mr_map shapes;
    struct shape messages;
    struct mr_arena names;
    struct mr_slice message_topic;
};

static bool is_reserved(struct mr_slice name)
{
    return mr_slice_is(name, "__op") || mr_slice_is(name, "__number") ||
           mr_slice_is(name, "__unchanged");
}

static int fit(const struct mr_table *table, struct mr_err *err)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (!is_reserved(table->columns[i].name))
            continue;
        mr_err_set(err, MR_CONFIG, "sink.file.column_name",
                   "column %.*s of table %.*s.%.*s has a name that files of content csv use "
                   "themselves",
                   MR_SLICE_ARG(table->columns[i].name), MR_SLICE_ARG(mr_table_space(table)),
                   MR_SLICE_ARG(table->name));
        mr_err_hint(err,
                    "rename it with a transform, leave it out, or choose another sink.content");
        return MR_CONFIG;
    }
    return 0;
}

static void finish_shape(struct shape *shape)
{
    mr_buf_add_char(&shape->header, '\n');
    shape->shape.header = mr_buf_slice(&shape->header);
    shape->shape.about = mr_buf_slice(&shape->about);
    shape->shape.id = mr_hash(shape->shape.about, mr_hash(shape->shape.header, 1)) | 1;
}

static void begin_shape(struct shape *shape, const char *lead)
{
    mr_buf_init(&shape->header, SHAPE_MAX);
    mr_buf_init(&shape->about, SHAPE_MAX);
    mr_buf_add_str(&shape->header, lead);
}

static void add_column(struct mr_buf *about, const struct mr_column *column)
{
    mr_buf_add_str(about, "{\"name\":");
    mr_json_add_str(about, column->name);
    mr_buf_add_str(about, ",\"type\":");
    mr_json_add_str(about, column->native_type.data ? column->native_type
                                                    : mr_slice_str(mr_type_name(column->type)));
    if (column->precision > 0)
        mr_buf_printf(about, ",\"precision\":%d", column->precision);
    if (column->type == MR_TYPE_DECIMAL && column->precision > 0)
        mr_buf_printf(about, ",\"scale\":%d", column->scale);
    if (column->length > 0)
        mr_buf_printf(about, ",\"length\":%d", column->length);
    mr_buf_printf(about, ",\"null\":%s", column->optional ? "true" : "false");
    if (column->key > 0)
        mr_buf_printf(about, ",\"key\":%u", column->key);
    mr_buf_add_char(about, '}');
}

static void free_shape(struct shape *shape)
{
    mr_buf_done(&shape->header);
    mr_buf_done(&shape->about);
}

static void forget_shapes(struct csv_writer *writer)
{
    struct shape *shape;
    size_t at = 0;

    while ((shape = mr_map_next(&writer->shapes, &at, NULL, NULL)) != NULL) {
        free_shape(shape);
        free(shape);
    }
    mr_map_done(&writer->shapes);
    mr_map_init(&writer->shapes);
}

static const struct mr_file_shape *shape_of(struct csv_writer *writer, const struct mr_table *table)
{
    struct shape *shape = mr_map_get_number(&writer->shapes, table->id);

    if (shape)
        return &shape->shape;
    if (writer->shapes.count >= SHAPES_MAX)
        forget_shapes(writer);
    shape = mr_alloc_zero(sizeof(*shape));
    begin_shape(shape, LEAD);
    mr_buf_add_str(&shape->about, "\"table\":");
    mr_buf_clear(&writer->text.scratch);
    mr_buf_printf(&writer->text.scratch, "%.*s.%.*s", MR_SLICE_ARG(mr_table_space(table)),
                  MR_SLICE_ARG(table->name));
    mr_json_add_str(&shape->about, mr_buf_slice(&writer->text.scratch));
    mr_buf_add_str(&shape->about, ",\"columns\":[");
    for (uint32_t i = 0; i < table->column_count; i++) {
        mr_buf_add_char(&shape->header, ',');
        mr_csv_put_text(&shape->header, table->columns[i].name);
        if (i > 0)
            mr_buf_add_char(&shape->about, ',');
        add_column(&shape->about, &table->columns[i]);
    }
    mr_buf_add_char(&shape->about, ']');
    finish_shape(shape);
    mr_map_put_number(&writer->shapes, table->id, shape);
    return &shape->shape;
}

static void open_csv(void *state, const struct mr_file_config *config, const char *server)
{
    struct csv_writer *writer = state;

    (void)config;
    mr_csv_text_init(&writer->text);
    mr_map_init(&writer->shapes);
    begin_shape(&writer->messages, "__op,__number,prefix,content");
    finish_shape(&writer->messages);
    mr_arena_init(&writer->names, 1024, 0);
    writer->message_topic = mr_event_topic(&writer->names, server ? server : "", "message");
}

static void close_csv(void *state)
{
    struct csv_writer *writer = state;

    forget_shapes(writer);
    mr_map_done(&writer->shapes);
    free_shape(&writer->messages);
    mr_arena_done(&writer->names);
    mr_csv_text_done(&writer->text);
}

static void begin_row(struct csv_writer *writer, char op, uint64_t number)
{
    struct mr_buf *line = &writer->text.line;

    mr_buf_clear(line);
    mr_buf_add_char(line, op);
    mr_buf_add_char(line, ',');
    mr_json_add_u64(line, number);
    mr_buf_add_char(line, ',');
}

/* The names of what was not sent, by a comma. */
static void put_unchanged(struct csv_writer *writer, const struct mr_table *table,
                          const struct mr_value *row)
{
    struct mr_buf *names = &writer->text.scratch;
    bool any = false;

    for (uint32_t i = 0; i < table->column_count; i++) {
        if (row[i].kind != MR_UNCHANGED)
            continue;
        if (!any)
            mr_buf_clear(names);
        else
            mr_buf_add_char(names, ',');
        mr_buf_add_slice(names, table->columns[i].name);
        any = true;
    }
    if (any)
        mr_csv_put_text(&writer->text.line, mr_buf_slice(names));
}

static int put_line(struct csv_writer *writer, struct mr_file_spool *spool,
                    const struct mr_file_place *place, struct mr_err *err)
{
    struct mr_buf *line = &writer->text.line;
    char *at;
    int rc;

    mr_buf_add_char(line, '\n');
    rc = mr_file_spool_reserve(spool, place, line->size, &at, err);
    if (rc < 0)
        return rc;
    memcpy(at, line->data, line->size);
    mr_file_spool_take(spool, at + line->size);
    return 0;
}

static int put_row(struct csv_writer *writer, struct mr_file_spool *spool,
                   const struct mr_file_place *place, const struct mr_table *table, char op,
                   const struct mr_value *row, struct mr_err *err)
{
    begin_row(writer, op, place->number);
    if (row)
        put_unchanged(writer, table, row);
    for (uint32_t i = 0; i < table->column_count; i++) {
        mr_buf_add_char(&writer->text.line, ',');
        if (row)
            mr_csv_put_value(&writer->text, &table->columns[i], &row[i]);
    }
    return put_line(writer, spool, place, err);
}

static int put_message(struct csv_writer *writer, struct mr_file_spool *spool,
                       struct mr_file_place *place, const struct mr_message *message,
                       struct mr_err *err)
{
    const struct mr_value content = {
        .kind = MR_BYTES, .p = message->content.data, .size = (uint32_t)message->content.size};

    place->topic = writer->message_topic;
    place->shape = &writer->messages.shape;
    begin_row(writer, MR_OP_MESSAGE, place->number);
    mr_csv_put_text(&writer->text.line, message->prefix);
    mr_buf_add_char(&writer->text.line, ',');
    mr_csv_put_value(&writer->text, NULL, &content);
    return put_line(writer, spool, place, err);
}

static int put_change(struct csv_writer *writer, struct mr_file_spool *spool,
                      const struct mr_batch *batch, const struct mr_change *change,
                      struct mr_err *err)
{
    const struct mr_table *table = change->table;
    struct mr_file_place place = {.commit_us = mr_file_content_time(batch, change),
                                  .number = change->number,
                                  .snapshot = change->mark != MR_SNAPSHOT_NONE};
    bool moved = change->op == MR_OP_UPDATE && change->key_changed && change->before;
    int rc = 0;

    if (!table)
        return put_message(writer, spool, &place, change->message, err);
    place.topic = table->topic;
    place.shape = shape_of(writer, table);
    if (moved)
        rc = put_row(writer, spool, &place, table, MR_OP_DELETE, change->before, err);
    if (rc < 0)
        return rc;
    return put_row(writer, spool, &place, table, moved ? MR_OP_CREATE : (char)change->op,
                   change->op == MR_OP_DELETE ? change->before : change->after, err);
}

static int write_csv(void *state, struct mr_file_spool *spool, const struct mr_batch *batch,
                     struct mr_err *err)
{
    int rc = 0;

    for (size_t i = 0; i < batch->change_count && rc == 0; i++)
        rc = put_change(state, spool, batch, &batch->changes[i], err);
    return rc;
}

const struct mr_file_content mr_file_csv = {
    .name = "csv",
    .path = "{topic}/{date}/{topic}+{sequence}.csv",
    .wants = MR_SINK_CHANGES,
    .numbers = true,
    .writer_size = sizeof(struct csv_writer),
    .open = open_csv,
    .fit = fit,
    .write = write_csv,
    .close = close_csv,
    .reader_size = sizeof(struct mr_csv_reader),
    .take = mr_csv_take,
    .end = mr_csv_end,
};

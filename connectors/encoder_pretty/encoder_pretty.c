/* Events for people: one readable line each, for `millrace tail` and for log files.
 *
 *     09:05:01.123 + public.orders  id=42 status=new total=10.00
 *     09:05:02.001 ~ public.orders  id=42  status: new -> paid
 *     09:05:02.417 - public.orders  id=42
 *     09:05:03.000 ! public.orders  truncated
 *
 * The time is that of the commit, UTC. Key columns come first. An update shows what changed where the source
 * sent the old row (replica identity FULL), else the new values of all columns that are not the key; when the
 * key itself changed, both keys. Colours are the terminal's eight, switched by an option, because an encoder
 * does not know where its bytes go.
 *
 * A line is the record's value; there is no key. Nothing is kept per table, so there is no plan to make. Values
 * are cut at `width`: who wants all of a row wants another format. */
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "connectors/encoder_pretty/value.h"
#include "plug/encoder.h"

struct pretty_config {
    bool colour;
    int64_t width;
};

struct pretty_state {
    struct pretty_writer writer;
    bool colour;
};

static const struct mr_option options[] = {
    {.key = "colour",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(struct pretty_config, colour),
     .standard = "false",
     .doc = "Use a terminal's colours. millrace tail sets it when it writes to one."},
    {.key = "width",
     .type = MR_OPTION_INT,
     .offset = offsetof(struct pretty_config, width),
     .standard = "60",
     .min = 0,
     .max = 1000000,
     .doc = "A value longer than this many characters is cut; 0 shows all of it."},
    {0},
};

static int pretty_open(void *memory, const struct mr_encoder_args *args, struct mr_err *err)
{
    struct pretty_state *state = memory;
    const struct pretty_config *config = args->config;

    (void)err;
    mr_buf_init(&state->writer.line, (size_t)1 << 30);
    mr_buf_init(&state->writer.scratch, (size_t)1 << 30);
    state->writer.width = (size_t)config->width;
    state->colour = config->colour;
    return 0;
}

static int pretty_describe(void *memory, struct mr_table *table, struct mr_err *err)
{
    (void)memory;
    (void)table;
    (void)err;
    return 0;
}

static void paint(struct pretty_state *state, const char *colour)
{
    if (state->colour)
        mr_buf_printf(&state->writer.line, "\033[%sm", colour);
}

static const char *sign_of(enum mr_op op, const char **ret_colour)
{
    static const struct {
        enum mr_op op;
        const char *sign, *colour;
    } signs[] = {{MR_OP_READ, "=", "36"},     {MR_OP_CREATE, "+", "32"},
                 {MR_OP_UPDATE, "~", "33"},   {MR_OP_DELETE, "-", "31"},
                 {MR_OP_TRUNCATE, "!", "35"}, {MR_OP_MESSAGE, "@", "34"}};

    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (signs[i].op == op) {
            *ret_colour = signs[i].colour;
            return signs[i].sign;
        }
    }
    *ret_colour = "0";
    return "?";
}

static void add_head(struct pretty_state *state, const struct mr_change *change)
{
    struct mr_buf *line = &state->writer.line;
    int64_t at = change->transaction && change->transaction->commit_us
                     ? change->transaction->commit_us
                     : change->read_us;
    char time[40];
    const char *colour, *sign = sign_of(change->op, &colour);

    mr_clock_format(at, time);
    paint(state, "2");
    mr_buf_printf(line, "%.12s", time + 11);
    paint(state, "0");
    mr_buf_add_char(line, ' ');
    paint(state, colour);
    mr_buf_add_str(line, sign);
    mr_buf_add_char(line, ' ');
    if (change->table && mr_table_space(change->table).size > 0) {
        mr_buf_add_slice(line, mr_table_space(change->table));
        mr_buf_add_char(line, '.');
    }
    if (change->table)
        mr_buf_add_slice(line, change->table->name);
    paint(state, "0");
    mr_buf_add_char(line, ' ');
}

static void add_column(struct pretty_state *state, const struct mr_column *column,
                       const struct mr_value *value)
{
    mr_buf_add_char(&state->writer.line, ' ');
    paint(state, column->key ? "1" : "2");
    mr_buf_add_slice(&state->writer.line, column->name);
    paint(state, "0");
    mr_buf_add_char(&state->writer.line, '=');
    pretty_value(&state->writer, column, value);
}

static void add_key(struct pretty_state *state, const struct mr_table *table,
                    const struct mr_value *row)
{
    for (uint32_t i = 0; i < table->key_count; i++)
        add_column(state, &table->columns[table->key_columns[i]], &row[table->key_columns[i]]);
}

/* The columns that are not the key; without a key, all. */
static void add_rest(struct pretty_state *state, const struct mr_table *table,
                     const struct mr_value *row)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].key == 0 && row[i].kind != MR_UNCHANGED && row[i].kind != MR_ABSENT)
            add_column(state, &table->columns[i], &row[i]);
    }
}

/* Where in the line a value begins and ends, so that two can be compared as they read. */
static bool reads_equal(struct pretty_state *state, const struct mr_column *column,
                        const struct mr_value *before, const struct mr_value *after)
{
    struct mr_buf *line = &state->writer.line;
    size_t start = line->size, middle, width = state->writer.width;
    bool equal;

    state->writer.width = 0;
    pretty_value(&state->writer, column, before);
    middle = line->size;
    pretty_value(&state->writer, column, after);
    equal = mr_slice_equal(mr_slice(line->data + start, middle - start),
                           mr_slice(line->data + middle, line->size - middle));
    state->writer.width = width;
    line->size = start;
    return equal;
}

static void add_difference(struct pretty_state *state, const struct mr_table *table,
                           const struct mr_change *change)
{
    struct mr_buf *line = &state->writer.line;

    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct mr_column *column = &table->columns[i];
        const struct mr_value *before = &change->before[i], *after = &change->after[i];
        if (after->kind == MR_UNCHANGED || before->kind == MR_ABSENT ||
            reads_equal(state, column, before, after))
            continue;
        mr_buf_add_str(line, "  ");
        paint(state, "2");
        mr_buf_add_slice(line, column->name);
        paint(state, "0");
        mr_buf_add_str(line, ": ");
        pretty_value(&state->writer, column, before);
        mr_buf_add_str(line, " -> ");
        pretty_value(&state->writer, column, after);
    }
}

static void add_update(struct pretty_state *state, const struct mr_change *change)
{
    const struct mr_table *table = change->table;

    add_key(state, table, change->after);
    if (change->before)
        add_difference(state, table, change);
    if (!change->before || change->before_is_key)
        add_rest(state, table, change->after);
}

static void add_message(struct pretty_state *state, const struct mr_message *message)
{
    struct mr_value content = {
        .kind = MR_TEXT, .size = (uint32_t)message->content.size, .p = message->content.data};
    struct mr_column none = {0};

    mr_buf_printf(&state->writer.line, "%.*s  ", MR_SLICE_ARG(message->prefix));
    pretty_value(&state->writer, &none, &content);
}

static void add_change(struct pretty_state *state, const struct mr_change *change)
{
    add_head(state, change);
    switch (change->op) {
    case MR_OP_READ:
    case MR_OP_CREATE:
        add_key(state, change->table, change->after);
        add_rest(state, change->table, change->after);
        break;
    case MR_OP_UPDATE: add_update(state, change); break;
    case MR_OP_DELETE:
        add_key(state, change->table, change->before);
        if (change->table->key_count == 0)
            add_rest(state, change->table, change->before);
        break;
    case MR_OP_TRUNCATE: mr_buf_add_str(&state->writer.line, " truncated"); break;
    case MR_OP_MESSAGE: add_message(state, change->message); break;
    case MR_OP_SCHEMA:
    case MR_OP_BEGIN:
    case MR_OP_END:
    case MR_OP_HEARTBEAT: break;
    }
}

/* What is no row and no message says nothing to people. */
static bool is_shown(const struct mr_change *change)
{
    return change->table || change->message;
}

static int pretty_encode(void *memory, struct mr_batch *batch, size_t *ret_failed,
                         struct mr_err *err)
{
    struct pretty_state *state = memory;
    struct mr_buf *line = &state->writer.line;

    for (size_t i = 0; i < batch->change_count; i++) {
        const struct mr_change *change = &batch->changes[i];
        struct mr_record *record;
        if (!is_shown(change))
            continue;
        mr_buf_clear(line);
        add_change(state, change);
        if (line->failed) {
            *ret_failed = i;
            return mr_err_set(err, MR_DATA, "encode.value", "a row of more than 1 GiB");
        }
        record = mr_batch_add_record(batch);
        record->topic = change->table ? change->table->topic : change->message->prefix;
        record->value = mr_arena_copy(&batch->arena, mr_buf_slice(line));
        record->partition = -1;
        record->change = change;
        record->table = change->table;
    }
    return 0;
}

static void pretty_close(void *memory)
{
    struct pretty_state *state = memory;

    mr_buf_done(&state->writer.line);
    mr_buf_done(&state->writer.scratch);
}

const struct mr_encoder mr_encoder_pretty = {
    .name = "pretty",
    .summary = "one readable line per event, for people",
    .options = options,
    .config_size = sizeof(struct pretty_config),
    .state_size = sizeof(struct pretty_state),
    .open = pretty_open,
    .describe = pretty_describe,
    .encode = pretty_encode,
    .close = pretty_close,
};

/* How a change that no encoder takes is still written down.
 *
 * The row writer that JSON events use is used here with forms that lose nothing and refuse next to nothing:
 * decimals and times as text, bytes as base64, every column optional. Forms are made anew for each dead letter,
 * since there are few: their number within a time is bounded, and beyond it the pipeline stops with the last
 * reason, because a stream of dead letters is no delivery.
 *
 * Connect's headers say where the record would have gone and why it did not; there is no stack trace in them. What
 * Connect calls partition and offset of the original record has no counterpart: millrace.position has the change's
 * number and place in the log. */
#include "engine/events/dead_letter.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "schema/json/row.h"
#include "schema/names/topic.h"

enum { LARGEST_KEY = 64 << 10 };

/* Everything about writing one of them. */
struct letter {
    struct mr_arena *arena; /* the batch's */
    struct mr_arena scratch;
    struct mr_row_writer writer;
    const struct mr_change *change;
    struct mr_form *forms;
};

int mr_dead_letters_open(struct mr_dead_letters *letters, const struct mr_pipeline_config *config,
                         const struct mr_context *context, struct mr_err *err)
{
    *letters = (struct mr_dead_letters){.config = &config->errors,
                                        .context = context,
                                        .stage_class = config->encoder ? config->encoder->name
                                                                       : config->sink->name};
    if (config->errors.policy != MR_ERRORS_DEAD_LETTER)
        return 0;
    letters->name = mr_table_new(0);
    letters->name->server = mr_slice_str(context->server);
    return mr_topic_assign(config->errors.topic, config->sink ? config->sink->names : NULL,
                           letters->name, err);
}

void mr_dead_letters_close(struct mr_dead_letters *letters)
{
    mr_table_unref(letters->name);
    letters->name = NULL;
}

bool mr_dead_letters_wanted(const struct mr_dead_letters *letters)
{
    return letters->name != NULL;
}

static void make_forms(struct letter *letter)
{
    static const struct mr_form_options lossless = {.decimal = MR_DECIMAL_AS_STRING,
                                                    .time = MR_TIME_ISOSTRING,
                                                    .interval = MR_INTERVAL_STRING,
                                                    .binary = MR_BINARY_BASE64,
                                                    .bigint = MR_BIGINT_PRECISE,
                                                    .keep_years = true,
                                                    .moments_as_text = true,
                                                    .include_unknown = true,
                                                    .placeholder = ""};
    const struct mr_table *table = letter->change->table;

    letter->forms = MR_ARENA_ARRAY(&letter->scratch, struct mr_form, table->column_count + 1);
    for (uint32_t i = 0; i < table->column_count; i++) {
        struct mr_column *column = MR_ARENA_NEW(&letter->scratch, struct mr_column);
        *column = table->columns[i];
        column->optional = true;
        column->has_default = column->default_now = false;
        mr_form_make(&letter->scratch, mr_form_mapping_of(table->connector), column, &lossless,
                     &letter->forms[i]);
    }
}

/* The columns of the list that stand in the row; NULL stands for all columns. */
static uint32_t sent(struct letter *letter, const struct mr_value *row, const uint32_t *list,
                     uint32_t count, struct mr_row_column **ret_columns)
{
    uint32_t *indexes = MR_ARENA_ARRAY(&letter->scratch, uint32_t, count + 1);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = list ? list[i] : i;
        if (row[index].kind != MR_UNCHANGED && row[index].kind != MR_ABSENT)
            indexes[kept++] = index;
    }
    return mr_row_plan(&letter->scratch, letter->forms, indexes, kept, false, ret_columns);
}

/* A row as JSON, or null; a row that even this cannot write is null too. */
static void add_row(struct letter *letter, const struct mr_value *row, const uint32_t *list,
                    uint32_t count)
{
    struct mr_out *out = &letter->writer.out;
    const struct mr_row_column *failed;
    struct mr_row_column *columns = NULL;
    size_t start = (size_t)(out->at - out->start);
    uint32_t kept = row ? sent(letter, row, list, count, &columns) : 0;
    struct mr_err err;

    if (!row) {
        MR_OUT_LITERAL(out, "null");
    } else if (kept == 0) {
        MR_OUT_LITERAL(out, "{}");
    } else if (mr_row_write(&letter->writer, columns, kept, row, NULL, &failed, &err) < 0) {
        out->at = out->start + start;
        MR_OUT_LITERAL(out, "null");
    }
}

static void add_text(struct mr_out *out, const char *key, struct mr_slice text)
{
    mr_out_raw(out, mr_slice_str(key));
    if (text.data)
        mr_out_text(out, text);
    else
        MR_OUT_LITERAL(out, "null");
}

static void add_number(struct mr_out *out, const char *key, uint64_t number)
{
    mr_out_raw(out, mr_slice_str(key));
    mr_out_u64(out, number);
}

static void add_table(struct mr_out *out, const struct mr_table *table)
{
    if (!table)
        return;
    add_text(out, ",\"connector\":", table->connector);
    add_text(out, ",\"database\":", table->database);
    add_text(out, ",\"schema\":", table->schema);
    add_text(out, ",\"table\":", table->name);
}

static void add_message(struct mr_out *out, const struct mr_message *message)
{
    if (!message)
        return;
    add_text(out, ",\"prefix\":", message->prefix);
    mr_out_raw(out, mr_slice_str(",\"content\":"));
    mr_out_base64(out, message->content);
}

/* Where the change stands in its log. */
static void add_place(struct mr_out *out, const struct mr_change *change)
{
    const struct mr_origin *origin = change->transaction ? &change->transaction->origin : NULL;
    struct mr_buf text;

    if (!origin || origin->kind == MR_ORIGIN_NONE)
        return;
    if (origin->kind == MR_ORIGIN_POSTGRES) {
        add_number(out, ",\"lsn\":", change->origin.postgres.lsn);
        add_number(out, ",\"transaction\":", origin->postgres.xid);
        return;
    }
    mr_buf_init(&text, 4096);
    mr_origin_add_json(origin, &change->origin, &text);
    MR_OUT_LITERAL(out, ",");
    mr_out_raw(out, mr_buf_slice(&text));
    mr_buf_done(&text);
}

static struct mr_slice write_value(struct letter *letter, bool rows, const struct mr_err *why)
{
    const struct mr_change *change = letter->change;
    struct mr_out *out = &letter->writer.out;
    char op = (char)change->op;

    mr_out_begin(out, letter->arena, 1024);
    add_text(out, "{\"error\":{\"code\":", mr_slice_str(why->code));
    add_text(out, ",\"text\":", mr_slice_str(why->text));
    add_text(out, "},\"op\":", mr_slice(&op, 1));
    add_number(out, ",\"number\":", change->number);
    add_place(out, change);
    add_table(out, change->table);
    if (rows)
        add_message(out, change->message);
    if (rows && change->table) {
        MR_OUT_LITERAL(out, ",\"before\":");
        add_row(letter, change->before, NULL, change->table->column_count);
        MR_OUT_LITERAL(out, ",\"after\":");
        add_row(letter, change->after, NULL, change->table->column_count);
    }
    MR_OUT_LITERAL(out, "}");
    return mr_out_end(out);
}

/* The key columns of the row that is there; {NULL, 0}: none, or a key that is itself too large. */
static struct mr_slice write_key(struct letter *letter)
{
    const struct mr_change *change = letter->change;
    const struct mr_value *row = change->after ? change->after : change->before;
    struct mr_slice key;

    if (!row || !change->table || change->table->key_count == 0)
        return (struct mr_slice){NULL, 0};
    mr_out_begin(&letter->writer.out, letter->arena, 256);
    add_row(letter, row, change->table->key_columns, change->table->key_count);
    key = mr_out_end(&letter->writer.out);
    return key.size <= LARGEST_KEY ? key : (struct mr_slice){NULL, 0};
}

static void add_header(struct mr_header *headers, uint32_t *count, const char *name,
                       struct mr_slice value)
{
    headers[(*count)++] = (struct mr_header){mr_slice_str(name), value};
}

/* {"number":17,"lsn":98,"commit_lsn":99} */
static struct mr_slice position_of(struct mr_arena *arena, const struct mr_change *change)
{
    struct mr_slice copy;
    struct mr_buf text;

    mr_buf_init(&text, 4096);
    mr_buf_printf(&text, "{\"number\":%llu", (unsigned long long)change->number);
    mr_origin_add_json(change->transaction ? &change->transaction->origin : NULL, &change->origin,
                       &text);
    mr_buf_add_char(&text, '}');
    copy = mr_arena_copy(arena, mr_buf_slice(&text));
    mr_buf_done(&text);
    return copy;
}

static void add_headers(const struct mr_dead_letters *letters, struct mr_arena *arena,
                        const struct mr_change *change, const struct mr_err *why,
                        struct mr_record *record)
{
    struct mr_header *headers = MR_ARENA_ARRAY(arena, struct mr_header, 9);
    uint32_t count = 0;

    if (change->table && change->table->topic.data)
        add_header(headers, &count, "__connect.errors.topic",
                   mr_arena_copy(arena, change->table->topic));
    add_header(headers, &count, "__connect.errors.connector.name",
               mr_slice_str(letters->context->pipeline));
    add_header(headers, &count, "__connect.errors.task.id", mr_slice_str("0"));
    add_header(headers, &count, "__connect.errors.stage", mr_slice_str("VALUE_CONVERTER"));
    add_header(headers, &count, "__connect.errors.class.name", mr_slice_str(letters->stage_class));
    add_header(headers, &count, "__connect.errors.exception.class.name",
               mr_arena_copy(arena, mr_slice_str(why->code)));
    add_header(headers, &count, "__connect.errors.exception.message",
               mr_arena_copy(arena, mr_slice_str(why->text)));
    add_header(headers, &count, "millrace.pipeline", mr_slice_str(letters->context->pipeline));
    add_header(headers, &count, "millrace.position", position_of(arena, change));
    record->headers = headers;
    record->header_count = count;
}

/* Counts one more; MR_DATA when there are too many. */
static int count_one(struct mr_dead_letters *letters, struct mr_err *err)
{
    int64_t now_ns = mr_clock_mono_ns();
    char within[32], last[600];

    if (letters->count == 0 || now_ns - letters->window_ns > letters->config->within_ns) {
        letters->window_ns = now_ns;
        letters->count = 0;
    }
    if (++letters->count <= letters->config->most)
        return 0;
    mr_option_format(MR_OPTION_DURATION, letters->config->within_ns, within, sizeof within);
    snprintf(last, sizeof last, "%s: %.500s", err->code, err->text);
    mr_err_set(err, MR_DATA, "pipeline.dead_letters",
               "more than %lld dead letters within %s; the last one: %s",
               (long long)letters->config->most, within, last);
    mr_err_hint(
        err,
        "Look at the topic %.*s. When the cause is mended, start again: the position has not "
        "moved past what is not delivered. Or raise errors.most.",
        MR_SLICE_ARG(letters->name->topic));
    return MR_DATA;
}

int mr_dead_letters_fill(struct mr_dead_letters *letters, struct mr_batch *batch,
                         const struct mr_change *change, bool rows, struct mr_record *record,
                         struct mr_err *err)
{
    struct letter letter = {.arena = &batch->arena, .change = change};
    uint64_t *highest = &letters->highest[rows];
    bool again = change->number > 0 && change->number <= *highest;
    int rc = again ? 0 : count_one(letters, err);

    if (rc < 0)
        return rc;
    if (change->number > *highest)
        *highest = change->number;
    mr_arena_init(&letter.scratch, 16 << 10, 0);
    mr_buf_init(&letter.writer.scratch, 1 << 30);
    letter.writer.nested = letter.writer.null_bad_values = true;
    if (change->table)
        make_forms(&letter);
    *record = (struct mr_record){.topic = letters->name->topic,
                                 .key = write_key(&letter),
                                 .partition = -1,
                                 .change = change,
                                 .table = change->table};
    record->value = write_value(&letter, rows, err);
    add_headers(letters, &batch->arena, change, err, record);
    mr_buf_done(&letter.writer.scratch);
    mr_arena_done(&letter.scratch);
    mr_count(&letters->context->counters->dead_letters, 1);
    mr_log(MR_LOG_WARN, letters->context->pipeline, "a change was set aside as a dead letter",
           MR_S("code", err->code), MR_S("err", err->text), MR_U("number", change->number));
    mr_err_clear(err);
    return 0;
}

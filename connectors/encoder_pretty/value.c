/* One value of a row, short and without doubt.
 *
 *     42   true   12.50   2024-02-29   10:05:01.5   paid   "Jo Ann"   \x00ff   [1, 2]   null
 *
 * Text that could be mistaken for something else, or hides something (spaces, quotes, control characters, the
 * empty text, the word null), stands in double quotes with JSON's escapes; a terminal therefore never sees a
 * control character from a row. Long values are cut, with the number of bytes they have. */
#include "connectors/encoder_pretty/value.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "schema/form/decimal.h"

static bool is_plain(struct mr_slice text)
{
    if (text.size == 0 || mr_slice_is(text, "null") || text.data[0] == '(')
        return false;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == ',' || c == 0x7f ||
            (c == 0xc2 && i + 1 < text.size && (unsigned char)text.data[i + 1] < 0xa0))
            return false;
    }
    return true;
}

/* At most `width` characters of it, never half a character. */
static struct mr_slice cut(struct mr_slice text, size_t width)
{
    size_t characters = 0;

    if (width == 0 || text.size <= width)
        return text;
    for (size_t i = 0; i < text.size; i++) {
        if (((unsigned char)text.data[i] & 0xc0) != 0x80 && characters++ == width)
            return mr_slice(text.data, i);
    }
    return text;
}

static void add_text(struct pretty_writer *writer, struct mr_slice text)
{
    struct mr_slice shown = cut(text, writer->width);

    if (is_plain(shown))
        mr_buf_add_slice(&writer->line, shown);
    else
        mr_json_add_str(&writer->line, shown);
    if (shown.size < text.size)
        mr_buf_printf(&writer->line, "...(%zu bytes)", text.size);
}

static void add_bytes(struct pretty_writer *writer, struct mr_slice bytes)
{
    struct mr_slice shown = bytes;

    if (writer->width > 0 && shown.size > writer->width / 2)
        shown.size = writer->width / 2;
    mr_buf_add_str(&writer->line, "\\x");
    if (mr_buf_room(&writer->line, 2 * shown.size)) {
        mr_put_hex(writer->line.data + writer->line.size, shown);
        writer->line.size += 2 * shown.size;
    }
    if (shown.size < bytes.size)
        mr_buf_printf(&writer->line, "...(%zu bytes)", bytes.size);
}

static void add_uuid(struct mr_buf *line, const char *raw)
{
    for (int i = 0; i < 16; i++)
        mr_buf_printf(line, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                      (unsigned char)raw[i]);
}

static void add_time(struct pretty_writer *writer, const struct mr_value *value)
{
    char text[2 * MR_TIME_TEXT], *end = text;

    if (value->kind != MR_TIME && value->kind != MR_TIMETZ && value->kind != MR_NO_DATE &&
        (value->i == MR_TIME_INFINITY || value->i == MR_TIME_NEG_INFINITY)) {
        mr_buf_add_str(&writer->line, value->i == MR_TIME_INFINITY ? "infinity" : "-infinity");
        return;
    }
    switch (value->kind) {
    case MR_DATE: end = mr_time_put_day(text, value->i); break;
    case MR_TIME: end = mr_time_put_clock(text, value->i, -1); break;
    case MR_TIMETZ: end = mr_time_put_timetz(text, value->i, value->zone); break;
    case MR_NO_DATE: end = mr_time_put_parts(text, value); break;
    default: end = mr_time_put_timestamp(text, value->i, -1, &writer->day); break;
    }
    mr_buf_add(&writer->line, text, (size_t)(end - text));
}

static void add_interval(struct mr_buf *line, const struct mr_interval *interval)
{
    char text[2 * MR_TIME_TEXT];
    char *end = mr_time_put_interval(text, interval);

    mr_buf_add(line, text, (size_t)(end - text));
}

static void add_bits(struct pretty_writer *writer, const struct mr_bits *bits)
{
    uint32_t shown = bits->count;

    if (writer->width > 0 && shown > writer->width)
        shown = (uint32_t)writer->width;
    for (uint32_t i = 0; i < shown; i++)
        mr_buf_add_char(&writer->line, bits->bytes[i / 8] >> (7 - i % 8) & 1 ? '1' : '0');
    if (shown < bits->count)
        mr_buf_printf(&writer->line, "...(%u bits)", bits->count);
}

/* How many of `count` elements are shown. */
static uint32_t some(const struct pretty_writer *writer, uint32_t count)
{
    uint32_t most = writer->width == 0 ? count : (uint32_t)(writer->width / 4 + 1);

    return count < most ? count : most;
}

static void add_array(struct pretty_writer *writer, const struct mr_column *column,
                      const struct mr_array *array)
{
    uint32_t shown = some(writer, array->count);

    if (array->dimensions > 1 && array->text.data) {
        add_text(writer, array->text);
        return;
    }
    mr_buf_add_char(&writer->line, '[');
    for (uint32_t i = 0; i < shown; i++) {
        mr_buf_add_str(&writer->line, i ? ", " : "");
        pretty_value(writer, column->element ? column->element : column, &array->items[i]);
    }
    if (shown < array->count)
        mr_buf_printf(&writer->line, ", ...(%u elements)", array->count);
    mr_buf_add_char(&writer->line, ']');
}

static void add_numbers(struct pretty_writer *writer, const double *numbers,
                        const uint32_t *indexes, uint32_t count)
{
    uint32_t shown = some(writer, count);

    mr_buf_add_char(&writer->line, '(');
    for (uint32_t i = 0; i < shown; i++) {
        mr_buf_add_str(&writer->line, i ? ", " : "");
        if (indexes)
            mr_buf_printf(&writer->line, "%u:", indexes[i]);
        mr_json_add_f64(&writer->line, numbers[i]);
    }
    if (shown < count)
        mr_buf_printf(&writer->line, ", ...(%u numbers)", count);
    mr_buf_add_char(&writer->line, ')');
}

static void add_decimal(struct pretty_writer *writer, const struct mr_value *value)
{
    if (value->kind == MR_DECIMAL_TEXT) {
        mr_buf_add(&writer->line, value->p, value->size);
        return;
    }
    (void)mr_decimal_text(value, &writer->scratch);
    mr_buf_add_slice(&writer->line, mr_buf_slice(&writer->scratch));
}

void pretty_value(struct pretty_writer *writer, const struct mr_column *column,
                  const struct mr_value *value)
{
    struct mr_buf *line = &writer->line;

    switch ((enum mr_kind)value->kind) {
    case MR_NULL: mr_buf_add_str(line, "null"); break;
    case MR_UNCHANGED:
    case MR_ABSENT: mr_buf_add_str(line, "(unchanged)"); break;
    case MR_BOOL: mr_buf_add_str(line, value->i ? "true" : "false"); break;
    case MR_INT: mr_json_add_i64(line, value->i); break;
    case MR_UINT: mr_json_add_u64(line, value->u); break;
    case MR_FLOAT: mr_json_add_f64(line, value->f); break;
    case MR_DECIMAL:
    case MR_DECIMAL_TEXT: add_decimal(writer, value); break;
    case MR_TEXT: add_text(writer, mr_value_slice(value)); break;
    case MR_BYTES: add_bytes(writer, mr_value_slice(value)); break;
    case MR_UUID: add_uuid(line, value->p); break;
    case MR_DATE:
    case MR_TIME:
    case MR_TIMETZ:
    case MR_TIMESTAMP:
    case MR_NO_DATE: add_time(writer, value); break;
    case MR_INTERVAL: add_interval(line, value->interval); break;
    case MR_BITS: add_bits(writer, value->bits); break;
    case MR_ARRAY: add_array(writer, column, value->array); break;
    case MR_GEOMETRY:
        if (value->geometry->count > 0)
            add_numbers(writer, value->geometry->numbers, NULL, value->geometry->count);
        else
            add_bytes(writer, value->geometry->wkb);
        break;
    case MR_VECTOR:
        add_numbers(writer, value->vector->numbers, value->vector->indexes, value->vector->count);
        break;
    }
}

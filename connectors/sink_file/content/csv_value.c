/* Values as PostgreSQL reads them.
 *
 *     42   -12.50   true   "a, b"   ""   2024-02-29   2024-02-29 10:05:01.5   ...Z with a zone   P1Y2M3DT0H0M4S
 *     \x00ff   1010   {1,NULL,"x y"}   (1.5,2)   [1,2,3]   c7d1...-...-...
 *
 * So `COPY ... FROM ... (FORMAT csv, HEADER)` takes a file back into such a table, and the rules are somebody's who has
 * written them down. Nothing stands for NULL, two quotes for the empty text: CSV has no other way to tell them apart,
 * and this one is PostgreSQL's. A field is quoted only where it must be.
 *
 * What differs: an hstore is JSON, a year before 1 or after 9999 is written as ISO 8601 does it, and values that only
 * MySQL has (a date that is no day) are written as MySQL prints them. */
#include "connectors/sink_file/content/csv_value.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "schema/form/decimal.h"
#include "schema/form/form.h"

/* A row is bounded by what its source sends: its text has at most some four times as many bytes. */
#define ROW_MAX (SIZE_MAX / 2)

void mr_csv_text_init(struct mr_csv_text *text)
{
    mr_buf_init(&text->line, ROW_MAX);
    mr_buf_init(&text->scratch, ROW_MAX);
    mr_buf_init(&text->digits, ROW_MAX);
}

void mr_csv_text_done(struct mr_csv_text *text)
{
    mr_buf_done(&text->line);
    mr_buf_done(&text->scratch);
    mr_buf_done(&text->digits);
}

static bool must_be_quoted(struct mr_slice text)
{
    if (text.size == 0 || text.data[0] == ' ' || text.data[text.size - 1] == ' ')
        return true;
    for (size_t i = 0; i < text.size; i++) {
        char byte = text.data[i];
        if (byte == ',' || byte == '"' || byte == '\n' || byte == '\r')
            return true;
    }
    return mr_slice_is(text, "\\.");
}

void mr_csv_put_text(struct mr_buf *line, struct mr_slice text)
{
    const char *at = text.data, *end = text.data + text.size, *quote;

    if (!must_be_quoted(text)) {
        mr_buf_add_slice(line, text);
        return;
    }
    mr_buf_add_char(line, '"');
    while (at < end && (quote = memchr(at, '"', (size_t)(end - at))) != NULL) {
        mr_buf_add(line, at, (size_t)(quote + 1 - at));
        mr_buf_add_char(line, '"');
        at = quote + 1;
    }
    if (at < end)
        mr_buf_add(line, at, (size_t)(end - at));
    mr_buf_add_char(line, '"');
}

static void put_hex(struct mr_buf *out, struct mr_slice bytes)
{
    if (!mr_buf_room(out, 2 * bytes.size))
        return;
    mr_put_hex(out->data + out->size, bytes);
    out->size += 2 * bytes.size;
}

static void put_uuid(struct mr_buf *out, const char *raw)
{
    static const uint8_t runs[] = {4, 2, 2, 2, 6};

    for (size_t i = 0; i < sizeof(runs); i++) {
        if (i > 0)
            mr_buf_add_char(out, '-');
        put_hex(out, mr_slice(raw, runs[i]));
        raw += runs[i];
    }
}

static void put_float(struct mr_buf *out, const struct mr_column *column, double number)
{
    char text[40], *end;

    if (isnan(number)) {
        mr_buf_add_str(out, "NaN");
    } else if (isinf(number)) {
        mr_buf_add_str(out, number < 0 ? "-Infinity" : "Infinity");
    } else {
        end = column && (column->type == MR_TYPE_FLOAT32 || column->type == MR_TYPE_HALFVEC)
                  ? mr_json_put_f32(text, (float)number)
                  : mr_json_put_f64(text, number);
        mr_buf_add(out, text, (size_t)(end - text));
    }
}

static void put_decimal(struct mr_csv_text *text, struct mr_buf *out, const struct mr_value *value)
{
    if (value->kind == MR_DECIMAL_TEXT) {
        mr_buf_add_slice(out, mr_value_slice(value));
        return;
    }
    (void)mr_decimal_text(value, &text->digits);
    mr_buf_add_slice(out, mr_buf_slice(&text->digits));
}

static char *put_zone(char *at, int32_t zone)
{
    uint32_t size = zone < 0 ? (uint32_t)-zone : (uint32_t)zone;
    uint32_t parts[] = {size / 3600, size / 60 % 60, size % 60};

    *at++ = zone < 0 ? '-' : '+';
    for (int i = 0; i < (parts[2] ? 3 : 2); i++) {
        if (i > 0)
            *at++ = ':';
        *at++ = (char)('0' + parts[i] / 10);
        *at++ = (char)('0' + parts[i] % 10);
    }
    return at;
}

/* A zone only where the column has one. */
static char *put_timestamp(struct mr_csv_text *text, char *at, const struct mr_column *column,
                           const struct mr_value *value)
{
    char *end = mr_time_put_timestamp(at, value->i, -1, &text->day);
    char *between = memchr(at, 'T', (size_t)(end - at));

    *between = ' ';
    return column->type == MR_TYPE_TIMESTAMPTZ ? end : end - 1;
}

static void put_time(struct mr_csv_text *text, struct mr_buf *out, const struct mr_column *column,
                     const struct mr_value *value)
{
    char bytes[2 * MR_TIME_TEXT], *end = bytes;

    if ((value->kind == MR_DATE || value->kind == MR_TIMESTAMP) &&
        (value->i == MR_TIME_INFINITY || value->i == MR_TIME_NEG_INFINITY)) {
        mr_buf_add_str(out, value->i == MR_TIME_INFINITY ? "infinity" : "-infinity");
        return;
    }
    switch (value->kind) {
    case MR_DATE: end = mr_time_put_day(bytes, value->i); break;
    case MR_TIME: end = mr_time_put_clock(bytes, value->i, -1); break;
    case MR_TIMETZ: end = put_zone(mr_time_put_clock(bytes, value->i, -1), value->zone); break;
    case MR_NO_DATE: end = mr_time_put_parts(bytes, value); break;
    case MR_INTERVAL: end = mr_time_put_interval(bytes, value->interval); break;
    default: end = put_timestamp(text, bytes, column, value); break;
    }
    mr_buf_add(out, bytes, (size_t)(end - bytes));
}

static void put_bits(struct mr_buf *out, const struct mr_bits *bits)
{
    for (uint32_t i = 0; i < bits->count; i++)
        mr_buf_add_char(out, bits->bytes[i / 8] >> (7 - i % 8) & 1 ? '1' : '0');
}

/* "(x,y),(x,y)" */
static void put_points(struct mr_buf *out, const double *numbers, uint32_t count)
{
    for (uint32_t i = 0; i + 1 < count; i += 2) {
        mr_buf_add_str(out, i ? ",(" : "(");
        put_float(out, NULL, numbers[i]);
        mr_buf_add_char(out, ',');
        put_float(out, NULL, numbers[i + 1]);
        mr_buf_add_char(out, ')');
    }
}

static void put_numbers(struct mr_buf *out, const struct mr_column *column, const double *numbers,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            mr_buf_add_char(out, ',');
        put_float(out, column, numbers[i]);
    }
}

/* Extended WKB: what PostGIS prints, and reads. */
static void put_wkb(struct mr_buf *out, const struct mr_geometry *geometry)
{
    if (geometry->srid >= 0)
        mr_buf_printf(out, "SRID=%d;", geometry->srid);
    put_hex(out, geometry->wkb);
}

static void put_shape(struct mr_buf *out, struct mr_slice shape, const struct mr_geometry *geometry)
{
    const char *around = mr_slice_is(shape, "box")                             ? ""
                         : mr_slice_is(shape, "lseg")                          ? "[]"
                         : mr_slice_is(shape, "path") && geometry->closed == 0 ? "[]"
                                                                               : "()";

    if (around[0])
        mr_buf_add_char(out, around[0]);
    put_points(out, geometry->numbers, geometry->count);
    if (around[0])
        mr_buf_add_char(out, around[1]);
}

static void put_geometry(struct mr_buf *out, const struct mr_column *column,
                         const struct mr_geometry *geometry)
{
    if (geometry->wkb.data) {
        put_wkb(out, geometry);
    } else if (column->type == MR_TYPE_LINE) {
        mr_buf_add_char(out, '{');
        put_numbers(out, NULL, geometry->numbers, geometry->count);
        mr_buf_add_char(out, '}');
    } else if (column->type == MR_TYPE_CIRCLE && geometry->count == 3) {
        mr_buf_add_char(out, '<');
        put_points(out, geometry->numbers, 2);
        mr_buf_add_char(out, ',');
        put_float(out, NULL, geometry->numbers[2]);
        mr_buf_add_char(out, '>');
    } else if (column->type == MR_TYPE_POINT) {
        put_points(out, geometry->numbers, geometry->count);
    } else {
        put_shape(out, mr_form_shape(column), geometry);
    }
}

static void put_vector(struct mr_buf *out, const struct mr_column *column,
                       const struct mr_vector *vector)
{
    mr_buf_add_char(out, vector->indexes ? '{' : '[');
    if (!vector->indexes)
        put_numbers(out, column, vector->numbers, vector->count);
    for (uint32_t i = 0; vector->indexes && i < vector->count; i++) {
        mr_buf_printf(out, "%s%u:", i ? "," : "", vector->indexes[i]);
        put_float(out, column, vector->numbers[i]);
    }
    mr_buf_add_char(out, vector->indexes ? '}' : ']');
    if (vector->indexes)
        mr_buf_printf(out, "/%u", vector->dimensions);
}

static void put_plain(struct mr_csv_text *text, struct mr_buf *out, const struct mr_column *column,
                      const struct mr_value *value);

/* An element in quotes, with a backslash before what would end them. */
static void put_item(struct mr_csv_text *text, struct mr_buf *out, const struct mr_column *element,
                     const struct mr_value *item)
{
    size_t start = out->size, size;

    put_plain(text, out, element, item);
    size = out->size - start;
    mr_buf_clear(&text->digits);
    mr_buf_add(&text->digits, out->data + start, size);
    out->size = start;
    mr_buf_add_char(out, '"');
    for (size_t i = 0; i < size; i++) {
        char byte = text->digits.data[i];
        if (byte == '"' || byte == '\\')
            mr_buf_add_char(out, '\\');
        mr_buf_add_char(out, byte);
    }
    mr_buf_add_char(out, '"');
}

static bool is_number(const struct mr_value *item)
{
    return item->kind == MR_BOOL || item->kind == MR_INT || item->kind == MR_UINT ||
           item->kind == MR_FLOAT || item->kind == MR_DECIMAL;
}

static void put_array(struct mr_csv_text *text, struct mr_buf *out, const struct mr_column *column,
                      const struct mr_array *array)
{
    const struct mr_column *element = column->element ? column->element : column;

    if (array->text.data) {
        mr_buf_add_slice(out, array->text);
        return;
    }
    mr_buf_add_char(out, '{');
    for (uint32_t i = 0; i < array->count; i++) {
        if (i > 0)
            mr_buf_add_char(out, ',');
        if (!mr_value_present(&array->items[i]))
            mr_buf_add_str(out, "NULL");
        else if (is_number(&array->items[i]))
            put_plain(text, out, element, &array->items[i]);
        else
            put_item(text, out, element, &array->items[i]);
    }
    mr_buf_add_char(out, '}');
}

/* The text of a present value that is not text itself, without regard for CSV. */
static void put_plain(struct mr_csv_text *text, struct mr_buf *out, const struct mr_column *column,
                      const struct mr_value *value)
{
    switch ((enum mr_kind)value->kind) {
    case MR_NULL:
    case MR_UNCHANGED:
    case MR_ABSENT: break;
    case MR_BOOL: mr_buf_add_str(out, value->i ? "true" : "false"); break;
    case MR_INT: mr_json_add_i64(out, value->i); break;
    case MR_UINT: mr_json_add_u64(out, value->u); break;
    case MR_FLOAT: put_float(out, column, value->f); break;
    case MR_DECIMAL:
    case MR_DECIMAL_TEXT: put_decimal(text, out, value); break;
    case MR_TEXT: mr_buf_add_slice(out, mr_value_slice(value)); break;
    case MR_BYTES:
        mr_buf_add_str(out, "\\x");
        put_hex(out, mr_value_slice(value));
        break;
    case MR_UUID: put_uuid(out, value->p); break;
    case MR_DATE:
    case MR_TIME:
    case MR_TIMETZ:
    case MR_TIMESTAMP:
    case MR_NO_DATE:
    case MR_INTERVAL: put_time(text, out, column, value); break;
    case MR_BITS: put_bits(out, value->bits); break;
    case MR_ARRAY: put_array(text, out, column, value->array); break;
    case MR_GEOMETRY: put_geometry(out, column, value->geometry); break;
    case MR_VECTOR: put_vector(out, column, value->vector); break;
    }
}

void mr_csv_put_value(struct mr_csv_text *text, const struct mr_column *column,
                      const struct mr_value *value)
{
    if (!mr_value_present(value))
        return;
    if (is_number(value)) {
        put_plain(text, &text->line, column, value);
    } else if (value->kind == MR_TEXT) {
        mr_csv_put_text(&text->line, mr_value_slice(value));
    } else {
        mr_buf_clear(&text->scratch);
        put_plain(text, &text->scratch, column, value);
        mr_csv_put_text(&text->line, mr_buf_slice(&text->scratch));
    }
}

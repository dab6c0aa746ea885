/* Rows as JSON objects.
 *
 *     lead      {"id":      ,"name":    ,"placed_at":
 *     value           1001          "Ada"             "2026-08-20T10:15:30.123456Z"      }
 *
 * The leads are bytes made once per table version. Per value there is one switch on the column's way; each way
 * checks the value's kind and falls back to the slow one (NULL, stand-ins, infinities, odd kinds), so a wrong
 * guess of the plan costs time and never a wrong text. The slow way asks the schema layer to convert and prints
 * what comes out; structs, arrays and maps are in compound.c. */
#include "schema/json/row.h"

#include <math.h>

#include "base/clock.h"
#include "schema/form/decimal.h"

static enum mr_row_way choose_text(const struct mr_form *form)
{
    return form->kind == MR_FORM_STRING ? MR_ROW_TEXT : MR_ROW_SLOW;
}

enum mr_row_way mr_row_choose(const struct mr_form *form, bool numeric)
{
    switch (form->kind) {
    case MR_FORM_BOOLEAN: return MR_ROW_BOOL;
    case MR_FORM_INTEGER: return MR_ROW_INT;
    case MR_FORM_FLOAT: return form->base == MR_CONNECT_FLOAT32 ? MR_ROW_FLOAT : MR_ROW_DOUBLE;
    case MR_FORM_DECIMAL_BYTES: return numeric ? MR_ROW_NUMBER : MR_ROW_DECIMAL;
    case MR_FORM_DATE: return MR_ROW_DATE;
    case MR_FORM_TIME_US:
    case MR_FORM_TIMESTAMP_US: return MR_ROW_MICROS;
    case MR_FORM_TIMESTAMP_MS: return MR_ROW_MILLIS;
    case MR_FORM_TIMESTAMPTZ: return MR_ROW_ZONED;
    case MR_FORM_UUID: return MR_ROW_UUID;
    case MR_FORM_BYTES: return MR_ROW_BYTES;
    default: return choose_text(form);
    }
}

static void put_decimal(struct mr_out *out, int64_t number)
{
    char bytes[8];
    size_t size = (size_t)(mr_decimal_put_i64(bytes, number) - bytes);

    mr_out_need(out, 16);
    out->at = mr_json_put_base64(out->at, mr_slice(bytes, size));
}

static void put_uuid(struct mr_out *out, const char *bytes)
{
    static const uint8_t runs[] = {4, 2, 2, 2, 6};

    mr_out_need(out, 38);
    for (size_t i = 0; i < sizeof(runs); i++) {
        *out->at++ = i == 0 ? '"' : '-';
        out->at = mr_put_hex(out->at, mr_slice(bytes, runs[i]));
        bytes += runs[i];
    }
    *out->at++ = '"';
}

static void put_zoned(struct mr_row_writer *writer, const struct mr_form *form, int64_t micros)
{
    mr_out_need(&writer->out, MR_TIME_TEXT + 2);
    *writer->out.at++ = '"';
    writer->out.at = mr_time_put_timestamp(writer->out.at, micros, form->digits, &writer->day);
    *writer->out.at++ = '"';
}

static void put_float(struct mr_out *out, double number, bool single)
{
    mr_out_need(out, 32);
    out->at = single ? mr_json_put_f32(out->at, (float)number) : mr_json_put_f64(out->at, number);
}

/* True when it wrote the value; false leaves it to the slow way. */
static inline bool put_fast(struct mr_row_writer *writer, const struct mr_row_column *column,
                            const struct mr_value *value)
{
    struct mr_out *out = &writer->out;

    switch ((enum mr_row_way)column->way) {
    case MR_ROW_INT:
        if (value->kind != MR_INT)
            return false;
        mr_out_i64(out, value->i);
        return true;
    case MR_ROW_TEXT:
        if (value->kind != MR_TEXT)
            return false;
        mr_out_text(out, mr_value_slice(value));
        return true;
    case MR_ROW_ZONED:
        if (value->kind != MR_TIMESTAMP || !mr_row_plain_moment(value, column->least))
            return false;
        put_zoned(writer, column->form, value->i);
        return true;
    case MR_ROW_DECIMAL:
        if (value->kind != MR_DECIMAL || value->scale != column->form->scale)
            return false;
        put_decimal(out, value->i);
        return true;
    case MR_ROW_BOOL:
        if (value->kind != MR_BOOL)
            return false;
        mr_out_raw(out, value->i ? (struct mr_slice)MR_SLICE("true")
                                 : (struct mr_slice)MR_SLICE("false"));
        return true;
    case MR_ROW_DOUBLE:
    case MR_ROW_FLOAT:
        if (value->kind != MR_FLOAT || (writer->strict && !isfinite(value->f)))
            return false;
        put_float(out, value->f, column->way == MR_ROW_FLOAT);
        return true;
    case MR_ROW_DATE:
    case MR_ROW_MICROS:
        if (value->kind != MR_TIME && ((value->kind != MR_DATE && value->kind != MR_TIMESTAMP) ||
                                       !mr_row_plain_moment(value, column->least)))
            return false;
        mr_out_i64(out, value->i);
        return true;
    case MR_ROW_MILLIS:
        if (value->kind != MR_TIMESTAMP || !mr_row_plain_moment(value, column->least))
            return false;
        mr_out_i64(out, value->i / 1000 - (value->i % 1000 < 0));
        return true;
    case MR_ROW_UUID:
        if (value->kind != MR_UUID)
            return false;
        put_uuid(out, value->p);
        return true;
    case MR_ROW_BYTES:
        if (value->kind != MR_BYTES)
            return false;
        mr_out_base64(out, mr_value_slice(value));
        return true;
    default: return false;
    }
}

static int no_number(struct mr_err *err)
{
    return mr_err_set(err, MR_DATA, "encode.value",
                      "NaN and infinities are no numbers to a JSON schema");
}

/* A decimal as a JSON number. NaN has none. */
static int write_number(struct mr_row_writer *writer, const struct mr_value *value,
                        struct mr_err *err)
{
    if (!mr_decimal_text(value, &writer->scratch))
        return mr_err_set(err, MR_DATA, "encode.value",
                          "NaN and infinities have no place in a precise decimal");
    mr_out_raw(&writer->out, mr_buf_slice(&writer->scratch));
    return 0;
}

static int write_scalar(struct mr_row_writer *writer, const struct mr_form *form,
                        const struct mr_value *value, struct mr_err *err)
{
    struct mr_out *out = &writer->out;
    struct mr_value plain;
    int rc = mr_form_plain(form, value, &writer->scratch, &writer->day, &plain, err);

    if (rc < 0)
        return rc;
    switch ((enum mr_kind)plain.kind) {
    case MR_NULL: MR_OUT_LITERAL(out, "null"); break;
    case MR_BOOL: mr_out_raw(out, mr_slice_str(plain.i ? "true" : "false")); break;
    case MR_INT: mr_out_i64(out, plain.i); break;
    case MR_UINT: mr_out_u64(out, plain.u); break;
    case MR_FLOAT:
        if (writer->strict && !isfinite(plain.f))
            return no_number(err);
        put_float(out, plain.f, form->base == MR_CONNECT_FLOAT32);
        break;
    case MR_BYTES: mr_out_base64(out, mr_value_slice(&plain)); break;
    default: mr_out_text(out, mr_value_slice(&plain)); break;
    }
    return 0;
}

/* Of the numbers that a shape or vector is written as; those in WKB do not count, elements of arrays have their
 * turn. */
static bool all_finite(struct mr_row_writer *writer, const struct mr_form *form,
                       const struct mr_value *value)
{
    const double *numbers = NULL;
    uint32_t count = 0;

    if (form->kind == MR_FORM_POINT) {
        struct mr_form_point point = mr_form_point(value->geometry, &writer->scratch);
        return isfinite(point.x) && isfinite(point.y);
    }
    if (form->kind == MR_FORM_LINE || form->kind == MR_FORM_CIRCLE) {
        numbers = value->geometry->numbers;
        count = 3;
    } else if (form->kind == MR_FORM_VECTOR || form->kind == MR_FORM_SPARSE) {
        numbers = value->vector->numbers;
        count = value->vector->count;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!isfinite(numbers[i]))
            return false;
    }
    return true;
}

int mr_row_write_value(struct mr_row_writer *writer, const struct mr_form *form,
                       const struct mr_value *value, struct mr_err *err)
{
    value = mr_form_value(form, value);
    if (value->kind == MR_NULL) {
        MR_OUT_LITERAL(&writer->out, "null");
        return 0;
    }
    if (form->kind == MR_FORM_DECIMAL_BYTES && writer->numeric)
        return write_number(writer, value, err);
    if (form->base == MR_CONNECT_STRUCT || form->base == MR_CONNECT_ARRAY ||
        form->base == MR_CONNECT_MAP)
        return writer->strict && !all_finite(writer, form, value)
                   ? no_number(err)
                   : mr_row_compound(writer, form, value, err);
    return write_scalar(writer, form, value, err);
}

/* The value that failed becomes null, or what the schema allows in its place. */
static int write_instead(struct mr_row_writer *writer, const struct mr_row_column *column,
                         struct mr_err *err)
{
    const struct mr_value absent = {.kind = MR_ABSENT};

    mr_form_lose(&writer->losses, column->form);
    return mr_row_write_value(writer, column->form, &absent, err);
}

static int write_slow(struct mr_row_writer *writer, const struct mr_row_column *column,
                      const struct mr_value *value, const struct mr_value *old, struct mr_err *err)
{
    ptrdiff_t before;
    int rc;

    if (value->kind == MR_UNCHANGED) {
        if (old && mr_value_present(&old[column->index]))
            value = &old[column->index];
        else
            writer->unchanged = true;
    }
    if (mr_form_is_no_day(column->form, value)) {
        mr_form_lose(&writer->losses, column->form);
    }
    before = writer->out.at - writer->out.start;
    rc = mr_row_write_value(writer, column->form, value, err);
    if (rc == MR_DATA && writer->null_bad_values) {
        writer->out.at = writer->out.start + before;
        return write_instead(writer, column, err);
    }
    return rc;
}

int mr_row_write(struct mr_row_writer *writer, const struct mr_row_column *columns, size_t count,
                 const struct mr_value *values, const struct mr_value *old,
                 const struct mr_row_column **ret_column, struct mr_err *err)
{
    struct mr_out *out = &writer->out;

    if (!values) {
        MR_OUT_LITERAL(out, "null");
        return 0;
    }
    if (count == 0)
        MR_OUT_LITERAL(out, "{");
    for (size_t i = 0; i < count; i++) {
        const struct mr_row_column *column = &columns[i];
        const struct mr_value *value = &values[column->index];
        int rc;

        mr_out_raw(out, column->lead);
        if (put_fast(writer, column, value))
            continue;
        rc = write_slow(writer, column, value, old, err);
        if (rc < 0) {
            *ret_column = column;
            return rc;
        }
    }
    MR_OUT_LITERAL(out, "}");
    return 0;
}

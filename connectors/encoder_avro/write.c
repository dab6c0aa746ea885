/* Rows as Avro records.
 *
 *     record   its fields in order, nothing between them
 *     optional the union's branch (0 or 1, zig-zag: 00 or 02), then the value; null is its branch alone
 *
 * A field whose default is null has branches ["null",T]; one with another default has [T,"null"], so the bytes
 * of the branches stand in the plan. As in JSON there is a short way for the commonest kinds, which checks each
 * value's kind, and a slow way through the schema layer's conversions for all others. Byte order is the machine's
 * for doubles: little-endian machines only, which is asserted at compile time. */
#include "connectors/encoder_avro/write.h"

#include "schema/form/decimal.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "doubles are written as they stand");

uint32_t avro_plan_columns(const struct mr_form *forms, const uint32_t *indexes, uint32_t count,
                           struct avro_column *columns)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = indexes ? indexes[i] : i;
        const struct mr_form *form = &forms[index];
        bool value_first;

        if (form->kind == MR_FORM_DROPPED)
            continue;
        value_first = form->schema->standard.kind != MR_NULL;
        columns[kept++] = (struct avro_column){.form = form,
                                               .index = index,
                                               .way = (uint8_t)mr_row_choose(form, false),
                                               .least = form->least,
                                               .optional = form->schema->optional,
                                               .null_byte = value_first ? 2 : 0,
                                               .value_byte = value_first ? 0 : 2};
    }
    return kept;
}

static void put_decimal(struct mr_out *out, int64_t number)
{
    char *end = mr_decimal_put_i64(out->at + 1, number);

    *out->at = (char)((end - out->at - 1) << 1);
    out->at = end;
}

static void put_uuid(struct mr_out *out, const char *bytes)
{
    static const uint8_t runs[] = {4, 2, 2, 2, 6};

    *out->at++ = 36 << 1;
    for (size_t i = 0; i < sizeof(runs); i++) {
        if (i > 0)
            *out->at++ = '-';
        out->at = mr_put_hex(out->at, mr_slice(bytes, runs[i]));
        bytes += runs[i];
    }
}

static void put_zoned(struct mr_row_writer *writer, const struct mr_form *form, int64_t micros)
{
    char *size = writer->out.at++;

    writer->out.at = mr_time_put_timestamp(writer->out.at, micros, form->digits, &writer->day);
    *size = (char)((writer->out.at - size - 1) << 1);
}

/* The value's branch byte, in room that is there. */
static inline void put_branch(struct mr_out *out, const struct avro_column *column)
{
    if (column->optional)
        *out->at++ = (char)column->value_byte;
}

#define SHORT_ROOM (MR_TIME_TEXT + 16)

/* Kinds whose value is a number of at most 10 bytes; -1: not this way. */
static inline bool number_of(const struct avro_column *column, const struct mr_value *value,
                             int64_t *ret_number)
{
    switch ((enum mr_row_way)column->way) {
    case MR_ROW_INT: *ret_number = value->i; return value->kind == MR_INT;
    case MR_ROW_DATE:
        *ret_number = value->i;
        return value->kind == MR_DATE && mr_row_plain_moment(value, column->least);
    case MR_ROW_MICROS:
        *ret_number = value->i;
        return value->kind == MR_TIME ||
               (value->kind == MR_TIMESTAMP && mr_row_plain_moment(value, column->least));
    case MR_ROW_MILLIS:
        *ret_number = value->i / 1000 - (value->i % 1000 < 0);
        return value->kind == MR_TIMESTAMP && mr_row_plain_moment(value, column->least);
    default: return false;
    }
}

/* True when it wrote the value; false leaves it to the slow way. */
static inline bool put_fast(struct mr_row_writer *writer, const struct avro_column *column,
                            const struct mr_value *value)
{
    struct mr_out *out = &writer->out;
    int64_t number;

    mr_out_need(out, SHORT_ROOM);
    if (number_of(column, value, &number)) {
        put_branch(out, column);
        out->at = mr_avro_put_long(out->at, number);
        return true;
    }
    if (value->kind == MR_NULL && column->optional && column->form->standard.kind == MR_NULL) {
        *out->at++ = (char)column->null_byte;
        return true;
    }
    switch ((enum mr_row_way)column->way) {
    case MR_ROW_TEXT:
    case MR_ROW_BYTES:
        if (value->kind != (column->way == MR_ROW_TEXT ? MR_TEXT : MR_BYTES))
            return false;
        put_branch(out, column);
        mr_avro_string(out, mr_value_slice(value));
        return true;
    case MR_ROW_ZONED:
        if (value->kind != MR_TIMESTAMP || !mr_row_plain_moment(value, column->least))
            return false;
        put_branch(out, column);
        put_zoned(writer, column->form, value->i);
        return true;
    case MR_ROW_DECIMAL:
        if (value->kind != MR_DECIMAL || value->scale != column->form->scale)
            return false;
        put_branch(out, column);
        put_decimal(out, value->i);
        return true;
    case MR_ROW_BOOL:
        if (value->kind != MR_BOOL)
            return false;
        put_branch(out, column);
        *out->at++ = (char)value->i;
        return true;
    case MR_ROW_DOUBLE:
    case MR_ROW_FLOAT:
        if (value->kind != MR_FLOAT)
            return false;
        put_branch(out, column);
        if (column->way == MR_ROW_FLOAT)
            mr_avro_float(out, value->f);
        else
            mr_avro_double(out, value->f);
        return true;
    case MR_ROW_UUID:
        if (value->kind != MR_UUID)
            return false;
        put_branch(out, column);
        put_uuid(out, value->p);
        return true;
    default: return false;
    }
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
    case MR_BOOL: mr_avro_byte(out, (uint8_t)plain.i); break;
    case MR_INT: mr_avro_long(out, plain.i); break;
    case MR_FLOAT:
        if (form->base == MR_CONNECT_FLOAT32)
            mr_avro_float(out, plain.f);
        else
            mr_avro_double(out, plain.f);
        break;
    case MR_TEXT:
    case MR_BYTES: mr_avro_string(out, mr_value_slice(&plain)); break;
    case MR_UINT:
        if (plain.u <= INT64_MAX) {
            mr_avro_long(out, plain.i);
            break;
        }
        return mr_err_set(err, MR_DATA, "encode.value", "the number does not fit a signed long");
    default: return mr_err_set(err, MR_DATA, "encode.value", "an empty bit string is no boolean");
    }
    return 0;
}

int avro_write_present(struct mr_row_writer *writer, const struct mr_form *form,
                       const struct mr_value *value, struct mr_err *err)
{
    if (form->base == MR_CONNECT_STRUCT || form->base == MR_CONNECT_ARRAY ||
        form->base == MR_CONNECT_MAP)
        return avro_write_compound(writer, form, value, err);
    return write_scalar(writer, form, value, err);
}

int avro_write_value(struct mr_row_writer *writer, const struct mr_form *form,
                     const struct mr_value *value, struct mr_err *err)
{
    bool value_first = form->schema->standard.kind != MR_NULL;

    value = mr_form_value(form, value);
    if (value->kind == MR_BITS && form->kind == MR_FORM_BIT && value->bits->count == 0)
        value = &form->standard;
    if (value->kind == MR_NULL && !form->schema->optional)
        return mr_err_set(err, MR_DATA, "encode.value", "a NULL has no place in a required field");
    if (form->schema->optional)
        mr_avro_byte(&writer->out, (value->kind == MR_NULL) == value_first ? 2 : 0);
    return value->kind == MR_NULL ? 0 : avro_write_present(writer, form, value, err);
}

static int write_slow(struct mr_row_writer *writer, const struct avro_column *column,
                      const struct mr_value *value, const struct mr_value *old, struct mr_err *err)
{
    const struct mr_value absent = {.kind = MR_ABSENT};
    ptrdiff_t before = writer->out.at - writer->out.start;
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
    rc = avro_write_value(writer, column->form, value, err);
    if (rc != MR_DATA || !writer->null_bad_values)
        return rc;
    writer->out.at = writer->out.start + before;
    mr_form_lose(&writer->losses, column->form);
    return avro_write_value(writer, column->form, &absent, err);
}

int avro_write_row(struct mr_row_writer *writer, const struct avro_column *columns, size_t count,
                   const struct mr_value *values, const struct mr_value *old,
                   const struct mr_form **ret_form, struct mr_err *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct mr_value *value = &values[columns[i].index];
        int rc;

        if (put_fast(writer, &columns[i], value))
            continue;
        rc = write_slow(writer, &columns[i], value, old, err);
        if (rc < 0) {
            *ret_form = columns[i].form;
            return rc;
        }
    }
    return 0;
}

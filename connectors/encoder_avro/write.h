/* Avro binary at the end of a batch's arena: the primitives, and rows by a compiled plan. */
#pragma once

#include "schema/json/row.h"

/* One field of a record. */
struct avro_column {
    const struct mr_form *form;
    uint32_t index;    /* into the row image */
    uint8_t way;       /* enum mr_row_way */
    bool optional;     /* a union with null */
    uint8_t null_byte; /* the union's branch, as written: 0 or 2 */
    uint8_t value_byte;
    int64_t least; /* as in struct mr_row_column */
};

/* Fills `columns`, which has room for `count`; returns how many are kept. indexes as for mr_row_plan. */
uint32_t avro_plan_columns(const struct mr_form *forms, const uint32_t *indexes, uint32_t count,
                           struct avro_column *columns);

/* Writes the fields of a record. MR_DATA: *ret_form is the form of the column that failed. */
int avro_write_row(struct mr_row_writer *writer, const struct avro_column *columns, size_t count,
                   const struct mr_value *values, const struct mr_value *old,
                   const struct mr_form **ret_form, struct mr_err *err) MR_MUST_CHECK;

/* A present value without its union branch. */
int avro_write_present(struct mr_row_writer *writer, const struct mr_form *form,
                       const struct mr_value *value, struct mr_err *err) MR_MUST_CHECK;
/* A value with its union branch, if the form is optional. */
int avro_write_value(struct mr_row_writer *writer, const struct mr_form *form,
                     const struct mr_value *value, struct mr_err *err) MR_MUST_CHECK;
/* A present value of a form whose base is STRUCT, ARRAY or MAP. */
int avro_write_compound(struct mr_row_writer *writer, const struct mr_form *form,
                        const struct mr_value *value, struct mr_err *err) MR_MUST_CHECK;

/* int and long: zig-zag, seven bits a byte, low ones first; at most 10 bytes. */
static inline char *out_put_long(char *at, int64_t number)
{
    uint64_t left = (uint64_t)number << 1 ^ (uint64_t)(number >> 63);

    while (left >= 0x80) {
        *at++ = (char)(left | 0x80);
        left >>= 7;
    }
    *at++ = (char)left;
    return at;
}

static inline void out_long(struct mr_out *out, int64_t number)
{
    mr_out_need(out, 10);
    out->at = out_put_long(out->at, number);
}

/* A union of null and long. */
static inline void avro_put_optional_long(struct mr_out *out, uint64_t number, bool present)
{
    mr_out_need(out, 11);
    *out->at++ = present ? 2 : 0;
    if (present)
        out->at = out_put_long(out->at, (int64_t)number);
}

static inline void out_byte(struct mr_out *out, uint8_t byte)
{
    mr_out_need(out, 1);
    *out->at++ = (char)byte;
}

/* string and bytes: the length, then the bytes. */
static inline void out_text(struct mr_out *out, struct mr_slice text)
{
    mr_out_need(out, 10 + text.size);
    out->at = out_put_long(out->at, (int64_t)text.size);
    if (text.size > 0)
        memcpy(out->at, text.data, text.size);
    out->at += text.size;
}

/* Little-endian IEEE 754. */
static inline void out_double(struct mr_out *out, double number)
{
    mr_out_need(out, 8);
    memcpy(out->at, &number, 8);
    out->at += 8;
}

static inline void out_float(struct mr_out *out, double number)
{
    float single = (float)number;

    mr_out_need(out, 4);
    memcpy(out->at, &single, 4);
    out->at += 4;
}

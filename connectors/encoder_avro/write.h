/* Avro binary at the end of a batch's arena: rows by a compiled plan. */
#pragma once

#include "schema/json/row.h"
#include "schema/out/avro.h"

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

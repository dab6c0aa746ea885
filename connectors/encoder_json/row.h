/* Writing values as JSON: the plan of one column, and the one function that goes through a row. */
#pragma once

#include "connectors/encoder_json/out.h"
#include "model/change.h"
#include "schema/form.h"

/* The short cuts; everything else is ROW_SLOW. The value's kind is checked before each. */
enum row_way {
    ROW_SLOW,
    ROW_BOOL,
    ROW_INT,    /* INT values */
    ROW_TEXT,   /* TEXT values */
    ROW_DOUBLE, /* FLOAT values */
    ROW_FLOAT,
    ROW_DECIMAL, /* DECIMAL values of the column's scale, base64 */
    ROW_NUMBER,  /* DECIMAL values as JSON numbers */
    ROW_DATE,    /* finite DATE values as days */
    ROW_MICROS,  /* TIME and finite TIMESTAMP values in microseconds */
    ROW_MILLIS,  /* the same in milliseconds */
    ROW_ZONED,   /* finite TIMESTAMP values as text */
    ROW_UUID,
    ROW_BYTES,
};

struct row_column {
    struct mr_slice lead; /* `{"id":` or `,"name":` */
    const struct mr_form *form;
    uint32_t index; /* into the row image */
    uint8_t way;    /* enum row_way */
};

/* What writing needs besides the plan, one per encoder. */
struct row_writer {
    struct json_out out;
    struct mr_buf scratch;
    struct mr_day_cache day;
    bool numeric; /* decimals as JSON numbers */
    bool nested;  /* arrays of several dimensions as nested JSON arrays: no schema says otherwise */
    bool
        null_bad_values; /* a value that cannot be converted becomes null (or the filler) and is counted */
    uint64_t nulled;                        /* so many, since begin of the encoder */
    const struct row_column *nulled_column; /* the last of them */
    bool unchanged; /* the last row had UNCHANGED values; reset by the caller */
};

enum row_way row_choose(const struct mr_form *form, bool numeric);

/* Writes {...} of the columns, or null when values is NULL. `old` is the full old row where an UNCHANGED value
 * may be found, or NULL. MR_DATA: *ret_column is the column that failed. */
int row_write(struct row_writer *writer, const struct row_column *columns, size_t count,
              const struct mr_value *values, const struct mr_value *old,
              const struct row_column **ret_column, struct mr_err *err) MR_MUST_CHECK;

/* One value; for row_write's slow way and for array elements. */
int row_write_value(struct row_writer *writer, const struct mr_form *form,
                    const struct mr_value *value, struct mr_err *err) MR_MUST_CHECK;

/* Writing values as JSON: the plan of one column, and the one function that goes through a row. */
#pragma once

#include "schema/out/json.h"
#include "model/change.h"
#include "schema/form/form.h"

/* The short cuts; everything else is MR_ROW_SLOW. The value's kind is checked before each. */
enum mr_row_way {
    MR_ROW_SLOW,
    MR_ROW_BOOL,
    MR_ROW_INT,    /* INT values */
    MR_ROW_TEXT,   /* TEXT values */
    MR_ROW_DOUBLE, /* FLOAT values */
    MR_ROW_FLOAT,
    MR_ROW_DECIMAL, /* DECIMAL values of the column's scale, base64 */
    MR_ROW_NUMBER,  /* DECIMAL values as JSON numbers */
    MR_ROW_DATE,    /* finite DATE values as days */
    MR_ROW_MICROS,  /* TIME and finite TIMESTAMP values in microseconds */
    MR_ROW_MILLIS,  /* the same in milliseconds */
    MR_ROW_ZONED,   /* finite TIMESTAMP values as text */
    MR_ROW_UUID,
    MR_ROW_BYTES,
};

struct mr_row_column {
    struct mr_slice lead; /* `{"id":` or `,"name":` */
    const struct mr_form *form;
    uint32_t index; /* into the row image */
    uint8_t way;    /* enum mr_row_way */
    int64_t least;  /* the form's: dates and timestamps below go the slow way */
};

/* Whether a date or timestamp is finite and not below the form's least. */
static inline bool mr_row_plain_moment(const struct mr_value *value, int64_t least)
{
    return value->i >= least && value->i != MR_TIME_INFINITY;
}

/* What writing needs besides the plan, one per encoder. */
struct mr_row_writer {
    struct mr_out out;
    struct mr_buf scratch;
    struct mr_day_cache day;
    bool numeric; /* decimals as JSON numbers */
    bool nested;  /* arrays of several dimensions as nested JSON arrays: no schema says otherwise */
    /* a value that cannot be converted becomes null (or the filler) and is counted */
    bool null_bad_values;
    bool strict; /* a JSON schema describes the rows: no NaN, maps as [{"key":..,"value":..}] */
    struct mr_form_losses losses;
    bool unchanged; /* the last row had UNCHANGED values; reset by the caller */
};

enum mr_row_way mr_row_choose(const struct mr_form *form, bool numeric);

/* Writes {...} of the columns, or null when values is NULL. `old` is the full old row where an UNCHANGED value
 * may be found, or NULL. MR_DATA: *ret_column is the column that failed. */
int mr_row_write(struct mr_row_writer *writer, const struct mr_row_column *columns, size_t count,
                 const struct mr_value *values, const struct mr_value *old,
                 const struct mr_row_column **ret_column, struct mr_err *err) MR_MUST_CHECK;

/* One value; for mr_row_write's slow way and for array elements. */
int mr_row_write_value(struct mr_row_writer *writer, const struct mr_form *form,
                       const struct mr_value *value, struct mr_err *err) MR_MUST_CHECK;

/* A present value of a form whose base is STRUCT, ARRAY or MAP (compound.c). */
int mr_row_compound(struct mr_row_writer *writer, const struct mr_form *form,
                    const struct mr_value *value, struct mr_err *err) MR_MUST_CHECK;

/* The leads and ways of `count` columns (indexes into the table) as a plan, in the arena; dropped ones left out.
 * Returns how many are in *ret_columns. */
uint32_t mr_row_plan(struct mr_arena *arena, const struct mr_form *forms, const uint32_t *indexes,
                     uint32_t count, bool numeric, struct mr_row_column **ret_columns);

/* ["note","photo"]: the names of the columns whose value in `values` is UNCHANGED, as a piece of the arena. */
struct mr_slice mr_row_unchanged(struct mr_row_writer *writer, struct mr_arena *arena,
                                 const struct mr_row_column *columns, size_t count,
                                 const struct mr_value *values);

/* Columns of MySQL and MariaDB as forms.
 *
 *     tinyint                  int16, as up to Debezium 3.6; tinyint(1) a boolean if the options say so
 *     smallint, mediumint, int the smallest type that holds all values
 *     bigint unsigned          int64 that wraps, or a decimal
 *     float(M,D)               double: its value is that of the float that is stored
 *     bit(1), bit(n)           boolean, or little-endian bytes, (n + 7) / 8 of them
 *     time                     microseconds in the adaptive modes, whatever its precision: it is a duration of up to
 *                              839 hours of either sign
 *     timestamp                text in UTC with as many digits as declared, in every mode
 *     point; other shapes      Point; Geometry without the extensions that PostgreSQL's has
 *
 * The rules are read off recordings. Where Debezium's streams and snapshots differ, or its reading of a CREATE TABLE
 * and the catalogue's (boolean, real, binary character sets), there is one rule, by what the server stores. A default
 * is the literal that the server holds, not its text in SQL; what is computed has the type's zero where Debezium sends
 * that, since it stands in registered schemas: the moment of the insert is 1970, but null for a nullable timestamp. */
#include "schema/form/form.h"

static enum mr_form_kind choose_time(int mode)
{
    switch (mode) {
    case MR_TIME_CONNECT: return MR_FORM_TIME_MS;
    case MR_TIME_ISOSTRING: return MR_FORM_TIME_ISO;
    case MR_TIME_NANOSECONDS: return MR_FORM_TIME_NS;
    default: return MR_FORM_TIME_US;
    }
}

static enum mr_form_kind choose_datetime(const struct mr_column *column, int mode)
{
    switch (mode) {
    case MR_TIME_CONNECT: return MR_FORM_TIMESTAMP_MS;
    case MR_TIME_ISOSTRING: return MR_FORM_TIMESTAMP_ISO;
    case MR_TIME_MICROSECONDS: return MR_FORM_TIMESTAMP_US;
    case MR_TIME_NANOSECONDS: return MR_FORM_TIMESTAMP_NS;
    default: return column->precision <= 3 ? MR_FORM_TIMESTAMP_MS : MR_FORM_TIMESTAMP_US;
    }
}

static enum mr_form_kind choose_moment(const struct mr_column *column,
                                       const struct mr_form_options *options)
{
    if (options->moments_as_text)
        return MR_FORM_STRING;
    switch (column->type) {
    case MR_TYPE_DATE:
        return options->time == MR_TIME_ISOSTRING && !options->native ? MR_FORM_DATE_ISO
                                                                      : MR_FORM_DATE;
    case MR_TYPE_TIME: return options->native ? MR_FORM_TIME_US : choose_time(options->time);
    case MR_TYPE_TIMESTAMP:
        return options->native ? MR_FORM_TIMESTAMP_US : choose_datetime(column, options->time);
    default: return options->native ? MR_FORM_TIMESTAMP_US : MR_FORM_TIMESTAMPTZ;
    }
}

static enum mr_form_kind choose_decimal(int mode)
{
    return mode == MR_DECIMAL_AS_DOUBLE   ? MR_FORM_DECIMAL_FLOAT
           : mode == MR_DECIMAL_AS_STRING ? MR_FORM_DECIMAL_TEXT
                                          : MR_FORM_DECIMAL_BYTES;
}

static bool is_tiny_boolean(const struct mr_column *column)
{
    return column->length == 1 &&
           (column->type == MR_TYPE_INT8 || mr_slice_is(column->native_type, "tinyint unsigned"));
}

static enum mr_form_kind choose(const struct mr_column *column,
                                const struct mr_form_options *options)
{
    static const enum mr_form_kind binary[] = {MR_FORM_BYTES, MR_FORM_BASE64, MR_FORM_BASE64_URL,
                                               MR_FORM_HEX};

    switch (column->type) {
    case MR_TYPE_BOOL: return MR_FORM_BOOLEAN;
    case MR_TYPE_INT8:
    case MR_TYPE_INT16:
        return options->tiny_booleans && is_tiny_boolean(column) ? MR_FORM_BOOLEAN
                                                                 : MR_FORM_INTEGER;
    case MR_TYPE_INT32:
    case MR_TYPE_INT64:
    case MR_TYPE_YEAR: return MR_FORM_INTEGER;
    case MR_TYPE_UINT64:
        return options->bigint == MR_BIGINT_PRECISE ? MR_FORM_DECIMAL_BYTES : MR_FORM_INTEGER;
    case MR_TYPE_FLOAT32:
    case MR_TYPE_FLOAT64: return MR_FORM_FLOAT;
    case MR_TYPE_DECIMAL: return choose_decimal(options->decimal);
    case MR_TYPE_BYTES: return binary[options->binary];
    case MR_TYPE_UUID: return MR_FORM_UUID;
    case MR_TYPE_DATE:
    case MR_TYPE_TIME:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMPTZ: return choose_moment(column, options);
    case MR_TYPE_BITS: return column->length == 1 ? MR_FORM_BIT : MR_FORM_BITS;
    case MR_TYPE_SPATIAL_POINT: return MR_FORM_POINT;
    case MR_TYPE_SPATIAL: return MR_FORM_SPATIAL;
    case MR_TYPE_HALFVEC: return MR_FORM_VECTOR;
    case MR_TYPE_OTHER: return options->include_unknown ? MR_FORM_STRING : MR_FORM_DROPPED;
    default: return MR_FORM_STRING;
    }
}

static enum mr_connect_type base(const struct mr_column *column, enum mr_connect_type usual)
{
    if (usual == MR_CONNECT_FLOAT64 && column->type == MR_TYPE_FLOAT32)
        return column->precision > 0 ? MR_CONNECT_FLOAT64 : MR_CONNECT_FLOAT32;
    if (usual != MR_CONNECT_INT64)
        return usual;
    switch (column->type) {
    case MR_TYPE_INT8:
    case MR_TYPE_INT16: return MR_CONNECT_INT16;
    case MR_TYPE_INT32:
    case MR_TYPE_YEAR: return MR_CONNECT_INT32;
    default: return usual;
    }
}

static const struct mr_value none = {.kind = MR_NULL};

static struct mr_value text_value(enum mr_kind kind, const char *text)
{
    return (struct mr_value){.kind = (uint8_t)kind, .size = (uint32_t)strlen(text), .p = text};
}

/* 1970, in the kind that the form converts. */
static struct mr_value epoch(const struct mr_form *form)
{
    if (form->kind == MR_FORM_TIMESTAMPTZ)
        return text_value(MR_TEXT, "1970-01-01T00:00:00Z");
    return (struct mr_value){.kind = form->column->type == MR_TYPE_DATE ? MR_DATE : MR_TIMESTAMP};
}

/* The shortest text, as Debezium publishes it; rows have as many digits as the column. */
static struct mr_value short_timestamp(struct mr_arena *arena, int64_t micros)
{
    struct mr_day_cache cache = {0};
    char text[MR_TIME_TEXT], *end = mr_time_put_timestamp(text, micros, -1, &cache);
    struct mr_slice copy = mr_arena_copy(arena, mr_slice(text, (size_t)(end - text)));

    return (struct mr_value){.kind = MR_TEXT, .size = (uint32_t)copy.size, .p = copy.data};
}

static struct mr_value standard(struct mr_arena *arena, const struct mr_form *form)
{
    const struct mr_column *column = form->column;
    const struct mr_value *value = &column->default_value;

    if (column->default_now)
        return form->optional && column->type == MR_TYPE_TIMESTAMPTZ ? none : epoch(form);
    if (!column->has_default || !mr_value_present(value) || form->base == MR_CONNECT_STRUCT ||
        form->base == MR_CONNECT_ARRAY)
        return none;
    if (value->kind == MR_NO_DATE)
        return form->optional ? none : epoch(form);
    if (form->kind == MR_FORM_TIMESTAMPTZ && value->kind == MR_TIMESTAMP)
        return short_timestamp(arena, value->i);
    if (form->kind == MR_FORM_INTEGER && value->kind == MR_UINT && value->u > INT64_MAX)
        return (struct mr_value){.kind = MR_INT, .i = INT64_MAX};
    return *value;
}

/* Columns that a row image of MINIMAL or NOBLOB does not have. */
static struct mr_value unchanged(struct mr_arena *arena, const struct mr_form *form,
                                 const char *text)
{
    (void)arena;
    switch (form->kind) {
    case MR_FORM_BYTES: return text_value(MR_BYTES, text);
    case MR_FORM_HEX:
    case MR_FORM_DECIMAL_TEXT:
    case MR_FORM_STRING: return text_value(MR_TEXT, text);
    default: return none;
    }
}

const struct mr_form_mapping mr_form_mysql = {.choose = choose,
                                              .base = base,
                                              .standard = standard,
                                              .unchanged = unchanged,
                                              .escapes_labels = true,
                                              .declared_types = true,
                                              .two_digit_years = true};

/* Debezium's connector for it has the comments of columns in their schemas. */
const struct mr_form_mapping mr_form_mariadb = {.choose = choose,
                                                .base = base,
                                                .standard = standard,
                                                .unchanged = unchanged,
                                                .escapes_labels = true,
                                                .declared_types = true,
                                                .comments = true,
                                                .two_digit_years = true};

/* What a column is in the database, told in its schema.
 *
 *     "parameters":{"__debezium.source.column.type":"NUMERIC","__debezium.source.column.length":"8",
 *                   "__debezium.source.column.scale":"3","__debezium.source.column.name":"n"}
 *
 * Sinks that make tables use these. Lengths and scales are those of PostgreSQL's JDBC driver, which Debezium asks:
 * digits of a number, characters of a text (2147483647 where none are declared), and for dates and times the
 * width of their display: time(3) is 8 digits and signs, a point and 3 digits, hence 12. As the driver
 * has it, a column whose default is a sequence's next value is SERIAL, SMALLSERIAL or BIGSERIAL. A numeric without
 * precision has length 0 and no scale, as in Debezium's snapshots; in its streams it has 131089 and 0. */
#include "schema/form/form.h"

#include <stdio.h>

#include "schema/form/declared.h"

#define UNKNOWN_LENGTH INT32_MAX

int mr_form_options_open(struct mr_form_options *options, struct mr_err *err)
{
    int rc = 0;

    options->propagate = options->propagate_types = NULL;
    if (options->propagated.count > 0)
        rc = mr_match_new(options->propagated.items, options->propagated.count,
                          "column_propagate_source_type", &options->propagate, err);
    if (rc == 0 && options->propagated_types.count > 0)
        rc = mr_match_new(options->propagated_types.items, options->propagated_types.count,
                          "datatype_propagate_source_type", &options->propagate_types, err);
    return rc;
}

void mr_form_options_close(struct mr_form_options *options)
{
    mr_match_free(options->propagate);
    mr_match_free(options->propagate_types);
    options->propagate = options->propagate_types = NULL;
}

/* A point and the digits of a second's fraction. */
static int32_t fraction(const struct mr_column *column)
{
    if (column->precision < 0)
        return 7;
    return column->precision == 0 ? 0 : column->precision + 1;
}

static int32_t length_of(const struct mr_column *column)
{
    switch (column->type) {
    case MR_TYPE_BOOL: return 1;
    case MR_TYPE_INT16: return 5;
    case MR_TYPE_INT32: return 10;
    case MR_TYPE_INT64: return mr_slice_is(column->native_type, "oid") ? 10 : 19;
    case MR_TYPE_FLOAT32: return 8;
    case MR_TYPE_FLOAT64: return 17;
    case MR_TYPE_DECIMAL: return column->precision;
    case MR_TYPE_DATE: return 13;
    case MR_TYPE_TIME: return 8 + fraction(column);
    case MR_TYPE_TIMETZ: return 14 + fraction(column);
    case MR_TYPE_TIMESTAMP: return 22 + fraction(column);
    case MR_TYPE_TIMESTAMPTZ: return 28 + fraction(column);
    case MR_TYPE_INTERVAL: return 49;
    case MR_TYPE_ARRAY: return length_of(column->element);
    case MR_TYPE_TEXT:
        if (mr_slice_is(column->native_type, "char")) /* with quotes: one byte */
            return 1;
        return column->length > 0 ? column->length : UNKNOWN_LENGTH;
    default: return column->length > 0 ? column->length : UNKNOWN_LENGTH;
    }
}

static int32_t scale_of(const struct mr_column *column)
{
    switch (column->type) {
    case MR_TYPE_DECIMAL: return column->scale;
    case MR_TYPE_FLOAT32: return 8;
    case MR_TYPE_FLOAT64: return 17;
    case MR_TYPE_TIME:
    case MR_TYPE_TIMETZ:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMPTZ:
    case MR_TYPE_INTERVAL: return column->precision < 0 ? 6 : column->precision;
    case MR_TYPE_ARRAY: return scale_of(column->element);
    default: return 0;
    }
}

static void add_number(struct mr_arena *arena, struct mr_connect *schema, const char *name,
                       int32_t number)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", number);
    mr_connect_parameter(arena, schema, name, mr_slice_str(text));
}

static void add_type(struct mr_arena *arena, struct mr_connect *schema, struct mr_slice type)
{
    char *upper = mr_arena_str(arena, type);

    for (char *at = upper; *at; at++) {
        if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
    }
    mr_connect_parameter(arena, schema, "__debezium.source.column.type", mr_slice_str(upper));
}

/* The type by the name that the driver gives it. */
static struct mr_slice type_of(const struct mr_column *column)
{
    static const struct {
        const char *type, *serial;
    } names[] = {{"int2", "smallserial"}, {"int4", "serial"}, {"int8", "bigserial"}};

    for (size_t i = 0; column->serial && i < sizeof(names) / sizeof(names[0]); i++) {
        if (mr_slice_is(column->native_type, names[i].type))
            return mr_slice_str(names[i].serial);
    }
    return column->native_type;
}

static bool asked(struct mr_arena *arena, const struct mr_match *match,
                  const struct mr_table *table, struct mr_slice last)
{
    char *name;

    if (!match)
        return false;
    name = mr_arena_printf(arena, "%.*s.%.*s.%.*s", MR_SLICE_ARG(mr_table_space(table)),
                           MR_SLICE_ARG(table->name), MR_SLICE_ARG(last));
    return mr_match_find(match, mr_slice_str(name)) >= 0;
}

/* MySQL's and MariaDB's as declared, what is not said there left out. */
static void add_declared(struct mr_arena *arena, struct mr_connect *schema,
                         const struct mr_column *column)
{
    struct mr_declared declared = mr_form_declared(arena, column);

    mr_connect_parameter(arena, schema, "__debezium.source.column.type", declared.name);
    if (declared.length >= 0)
        add_number(arena, schema, "__debezium.source.column.length", declared.length);
    if (declared.scale >= 0)
        add_number(arena, schema, "__debezium.source.column.scale", declared.scale);
}

static void add_native(struct mr_arena *arena, struct mr_connect *schema,
                       const struct mr_column *column)
{
    add_type(arena, schema, type_of(column));
    add_number(arena, schema, "__debezium.source.column.length", length_of(column));
    if (column->type != MR_TYPE_DECIMAL || column->precision > 0)
        add_number(arena, schema, "__debezium.source.column.scale", scale_of(column));
}

void mr_form_propagate(struct mr_arena *arena, const struct mr_table *table,
                       const struct mr_form_options *options, struct mr_form *form)
{
    const struct mr_column *column = form->column;
    struct mr_connect *schema;

    if (form->kind == MR_FORM_DROPPED ||
        (!asked(arena, options->propagate, table, column->name) &&
         !asked(arena, options->propagate_types, table, type_of(column))))
        return;
    schema = MR_ARENA_NEW(arena, struct mr_connect);
    *schema = *form->schema;
    form->schema = schema;
    if (form->mapping->declared_types)
        add_declared(arena, schema, column);
    else
        add_native(arena, schema, column);
    mr_connect_parameter(arena, schema, "__debezium.source.column.name", column->name);
}

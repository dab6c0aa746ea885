/* From a column to Debezium's schema for it.
 *
 *     column (neutral type, precision, ...) + options
 *        |  mapping->choose()     which conversion, which Connect type: by kind of database
 *        |  mr_form_describe()    the Connect schema with semantic name, version and parameters
 *        |  zero(), mapping->..   what is sent for what is missing
 *        v
 *     form
 *
 * Three things can be missing. A NOT NULL column outside the key has no value in the key-only old row of a
 * delete: the schema needs one, so its default or a zero is sent, the filler. An unchanged TOAST value is not on
 * the wire at all: a placeholder is sent where the type can carry one, else null. And a default is published in
 * the schema only for the types for which Debezium does, since those texts are in everyone's registry.
 *
 * The rules are read off recordings of the real thing (docs/reference/debezium-differences.md lists where ours
 * are better on purpose); those of one kind of database are postgres.c's and binlog.c's. Conversion of values is
 * convert.c's. */
#include "schema/form/form.h"

#include "schema/form/describe.h"

const char *const mr_form_decimal_modes[] = {"precise", "double", "string", NULL};
const char *const mr_form_time_modes[] = {
    "adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds",
    NULL};
const char *const mr_form_interval_modes[] = {"numeric", "string", NULL};
const char *const mr_form_binary_modes[] = {"bytes", "base64", "base64-url-safe", "hex", NULL};
const char *const mr_form_hstore_modes[] = {"json", "map", NULL};
const char *const mr_form_failure_modes[] = {"fail", "warn", "skip", NULL};
const char *const mr_form_bigint_modes[] = {"long", "precise", NULL};
const char *const mr_form_comments_modes[] = {"auto", "false", "true", NULL};

const struct mr_form_mapping *mr_form_mapping_of(struct mr_slice connector)
{
    if (mr_slice_is(connector, "mysql"))
        return &mr_form_mysql;
    return mr_slice_is(connector, "mariadb") ? &mr_form_mariadb : &mr_form_postgres;
}

/* The default as a literal in the schema, in bytes of the arena. */
static void publish_default(struct mr_arena *arena, const struct mr_form *form,
                            const struct mr_value *standard, struct mr_connect *schema)
{
    struct mr_day_cache cache = {0};
    struct mr_buf scratch;
    struct mr_value plain;
    struct mr_err err;

    mr_buf_init(&scratch, 16 << 20);
    if (mr_form_plain(form, standard, &scratch, &cache, &plain, &err) == 0) {
        if (plain.kind == MR_TEXT || plain.kind == MR_BYTES)
            plain.p = mr_arena_copy(arena, mr_value_slice(&plain)).data;
        schema->standard = plain;
    }
    mr_buf_done(&scratch);
}

static struct mr_value text_value(enum mr_kind kind, const char *text)
{
    return (struct mr_value){.kind = (uint8_t)kind, .size = (uint32_t)strlen(text), .p = text};
}

static struct mr_value zero_geometry(const struct mr_column *column)
{
    static const double zeros[4] = {0, 0, 0, 0}, line[3] = {0, 1, 0}, corners[4] = {0, 0, 1, 1};
    static const double ends[4] = {0, 0, 1, 0}, triangle[8] = {0, 0, 1, 0, 0, 1, 0, 0};
    static const struct mr_geometry point = {.srid = -1, .count = 2, .numbers = zeros};
    static const struct mr_geometry flat = {.srid = -1, .count = 3, .numbers = line};
    static const struct mr_geometry circle = {.srid = -1, .count = 3, .numbers = zeros};
    static const struct mr_geometry box = {.srid = -1, .count = 4, .numbers = corners};
    static const struct mr_geometry open = {.closed = 2, .srid = -1, .count = 4, .numbers = ends};
    static const struct mr_geometry polygon = {.srid = -1, .count = 8, .numbers = triangle};
    const struct mr_geometry *geometry = &point;

    if (column->type == MR_TYPE_LINE)
        geometry = &flat;
    else if (column->type == MR_TYPE_CIRCLE)
        geometry = &circle;
    else if (column->type == MR_TYPE_SHAPE)
        geometry = mr_slice_is(column->native_type, "box")       ? &box
                   : mr_slice_is(column->native_type, "polygon") ? &polygon
                                                                 : &open;
    return (struct mr_value){.kind = MR_GEOMETRY, .geometry = geometry};
}

/* What is sent for a NOT NULL column that the row image does not have and that has no default. */
static struct mr_value zero(const struct mr_form *form)
{
    static const struct mr_interval no_time = {0, 0, 0};
    static const struct mr_bits no_bits = {0, (const uint8_t *)""};
    static const struct mr_array no_items = {.dimensions = 0};
    static const struct mr_vector no_numbers = {0, 0, NULL, NULL};

    switch (form->kind) {
    case MR_FORM_BIT:
    case MR_FORM_BOOLEAN: return (struct mr_value){.kind = MR_BOOL};
    case MR_FORM_FLOAT: return (struct mr_value){.kind = MR_FLOAT};
    case MR_FORM_BYTES: return text_value(MR_BYTES, "");
    case MR_FORM_DECIMAL_BYTES:
    case MR_FORM_DECIMAL_FLOAT:
    case MR_FORM_DECIMAL_VARIABLE: return (struct mr_value){.kind = MR_DECIMAL};
    case MR_FORM_DATE: return (struct mr_value){.kind = MR_DATE};
    case MR_FORM_TIME_MS:
    case MR_FORM_TIME_US:
    case MR_FORM_TIME_NS: return (struct mr_value){.kind = MR_TIME};
    case MR_FORM_TIMESTAMP_MS:
    case MR_FORM_TIMESTAMP_US:
    case MR_FORM_TIMESTAMP_NS: return (struct mr_value){.kind = MR_TIMESTAMP};
    case MR_FORM_TIMESTAMPTZ: return text_value(MR_TEXT, "1970-01-01T00:00:00Z");
    case MR_FORM_TIMETZ: return text_value(MR_TEXT, "00:00:00Z");
    case MR_FORM_INTERVAL_US: return (struct mr_value){.kind = MR_INTERVAL, .interval = &no_time};
    case MR_FORM_BITS: return (struct mr_value){.kind = MR_BITS, .bits = &no_bits};
    case MR_FORM_HSTORE_MAP: return text_value(MR_TEXT, "{}");
    case MR_FORM_POINT:
    case MR_FORM_LINE:
    case MR_FORM_CIRCLE:
    case MR_FORM_GEOMETRY:
    case MR_FORM_GEOGRAPHY:
    case MR_FORM_SPATIAL: return zero_geometry(form->column);
    case MR_FORM_VECTOR:
    case MR_FORM_SPARSE: return (struct mr_value){.kind = MR_VECTOR, .vector = &no_numbers};
    case MR_FORM_ARRAY: return (struct mr_value){.kind = MR_ARRAY, .array = &no_items};
    case MR_FORM_INTEGER: return (struct mr_value){.kind = MR_INT};
    case MR_FORM_INTERVAL_TEXT: return text_value(MR_TEXT, "P0Y0M0DT0H0M0S");
    default: return text_value(MR_TEXT, form->column->type == MR_TYPE_HSTORE ? "{}" : "");
    }
}

/* The first day of the year 100. */
#define SHORT_YEARS_END (-683003)

/* Infinities, the least of them too, go the slow way. */
static int64_t least(const struct mr_form *form, const struct mr_form_options *options)
{
    if (!form->mapping->two_digit_years || options->keep_years)
        return MR_TIME_NEG_INFINITY + 1;
    if (form->column->type == MR_TYPE_DATE)
        return SHORT_YEARS_END;
    return form->column->type == MR_TYPE_TIMESTAMP ? SHORT_YEARS_END * INT64_C(86400000000)
                                                   : MR_TIME_NEG_INFINITY + 1;
}

/* Numbers, before the schema that tells them is made. */
static void set_numbers(struct mr_form *form, const struct mr_form_options *options)
{
    const struct mr_column *column = form->column;

    form->base = form->mapping->base(column, mr_form_base(form->kind));
    form->scale = column->type == MR_TYPE_MONEY ? 2 : column->scale;
    form->precision = column->type == MR_TYPE_UINT64 ? 20 : column->precision;
    if (form->scale < 0 && options->whole_scales) {
        form->precision -= form->scale;
        form->scale = 0;
    }
    form->digits = column->precision < 0 ? 6 : column->precision;
    form->least = least(form, options);
}

static void set_default(struct mr_arena *arena, const struct mr_form_options *options,
                        struct mr_connect *schema, struct mr_form *form)
{
    struct mr_value standard = form->mapping->standard(arena, form);

    if (standard.kind == MR_NULL)
        return;
    publish_default(arena, form, &standard, schema);
    if (schema->standard.kind == MR_NULL)
        return;
    form->filler = standard;
    if (options->replace_null_with_default)
        form->standard = standard;
}

/* Debezium's element schemas are optional, but for these. */
static bool element_optional(const struct mr_column *column)
{
    return column->element->type != MR_TYPE_ENUM && column->element->type != MR_TYPE_TSVECTOR &&
           !mr_slice_is(column->native_type, "oidvector") &&
           !mr_slice_is(column->native_type, "int2vector");
}

static void make(struct mr_arena *arena, const struct mr_form_mapping *mapping,
                 const struct mr_column *column, bool optional,
                 const struct mr_form_options *options, struct mr_form *form)
{
    struct mr_connect *schema;

    *form = (struct mr_form){.column = column, .optional = optional, .mapping = mapping};
    form->name =
        mr_name_adjust(arena, column->name, (enum mr_name_mode)options->field_names, false);
    form->kind = mapping->choose(column, options);
    if (form->kind == MR_FORM_DROPPED)
        return;
    set_numbers(form, options);
    if (form->kind == MR_FORM_ARRAY) {
        struct mr_form *element = MR_ARENA_NEW(arena, struct mr_form);
        make(arena, mapping, column->element, element_optional(column), options, element);
        form->element = element;
    }
    schema = mr_form_describe(arena, form, options);
    if (column->comment.size > 0 && (options->comments == MR_COMMENTS_TRUE ||
                                     (options->comments == MR_COMMENTS_AUTO && mapping->comments)))
        schema->doc = column->comment;
    form->schema = schema;
    form->filler = zero(form);
    form->unchanged = mapping->unchanged(arena, form, options->placeholder);
    set_default(arena, options, schema, form);
}

void mr_form_make(struct mr_arena *arena, const struct mr_form_mapping *mapping,
                  const struct mr_column *column, const struct mr_form_options *options,
                  struct mr_form *ret_form)
{
    make(arena, mapping, column, column->optional, options, ret_form);
}

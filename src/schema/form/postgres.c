/* PostgreSQL's columns as forms.
 *
 * Debezium's rules for them, read off recordings (docs/reference/debezium-differences.md lists where ours are better
 * on purpose): which types have a form of their own, which defaults stand in the schema, and what an unchanged TOAST
 * value is replaced by. A domain is read as its base type, an array as the form of its elements. */
#include "schema/form/form.h"

#include <openssl/evp.h>

static enum mr_form_kind choose_decimal(const struct mr_column *column, int mode)
{
    if (mode == MR_DECIMAL_AS_DOUBLE)
        return MR_FORM_DECIMAL_FLOAT;
    if (mode == MR_DECIMAL_AS_STRING)
        return MR_FORM_DECIMAL_TEXT;
    return column->type == MR_TYPE_DECIMAL && column->precision == 0 ? MR_FORM_DECIMAL_VARIABLE
                                                                     : MR_FORM_DECIMAL_BYTES;
}

static enum mr_form_kind choose_time(const struct mr_column *column, int mode)
{
    bool coarse = column->precision >= 0 && column->precision <= 3;

    switch (mode) {
    case MR_TIME_ADAPTIVE: return coarse ? MR_FORM_TIME_MS : MR_FORM_TIME_US;
    case MR_TIME_CONNECT: return MR_FORM_TIME_MS;
    case MR_TIME_ISOSTRING: return MR_FORM_TIME_ISO;
    case MR_TIME_NANOSECONDS: return MR_FORM_TIME_NS;
    default: return MR_FORM_TIME_US;
    }
}

static enum mr_form_kind choose_timestamp(const struct mr_column *column, int mode)
{
    bool coarse = column->precision >= 0 && column->precision <= 3;

    switch (mode) {
    case MR_TIME_CONNECT: return MR_FORM_TIMESTAMP_MS;
    case MR_TIME_ISOSTRING: return MR_FORM_TIMESTAMP_ISO;
    case MR_TIME_MICROSECONDS: return MR_FORM_TIMESTAMP_US;
    case MR_TIME_NANOSECONDS: return MR_FORM_TIMESTAMP_NS;
    default: return coarse ? MR_FORM_TIMESTAMP_MS : MR_FORM_TIMESTAMP_US;
    }
}

/* OIDs from here on are of types that users and extensions made. */
#define FIRST_USER_OID 16384

/* A domain is read as its base type; only its OID and name tell. Extensions' own types have kinds of their own. */
static bool is_domain(const struct mr_column *element)
{
    return element->native_id >= FIRST_USER_OID && element->type < MR_TYPE_INTERVAL &&
           element->type != MR_TYPE_ENUM &&
           !(element->type == MR_TYPE_TEXT && mr_slice_is(element->native_type, "citext"));
}

/* Element types whose arrays Debezium drops. */
static bool array_unknown(const struct mr_column *element)
{
    if (is_domain(element))
        return true;
    switch (element->type) {
    case MR_TYPE_MONEY:
    case MR_TYPE_XML:
    case MR_TYPE_INTERVAL:
    case MR_TYPE_POINT:
    case MR_TYPE_OTHER: return true;
    case MR_TYPE_BITS: return mr_slice_is(element->native_type, "varbit");
    case MR_TYPE_TEXT: return mr_slice_is(element->native_type, "name");
    default: return false;
    }
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
    case MR_TYPE_INT32:
    case MR_TYPE_INT64:
    case MR_TYPE_UINT64:
    case MR_TYPE_YEAR: return MR_FORM_INTEGER;
    case MR_TYPE_FLOAT32:
    case MR_TYPE_FLOAT64: return MR_FORM_FLOAT;
    case MR_TYPE_DECIMAL:
    case MR_TYPE_MONEY: return choose_decimal(column, options->decimal);
    case MR_TYPE_BYTES: return binary[options->binary];
    case MR_TYPE_UUID: return MR_FORM_UUID;
    case MR_TYPE_DATE:
        return options->time == MR_TIME_ISOSTRING && !options->native ? MR_FORM_DATE_ISO
                                                                      : MR_FORM_DATE;
    case MR_TYPE_TIME:
        return options->native ? MR_FORM_TIME_US : choose_time(column, options->time);
    case MR_TYPE_TIMETZ: return MR_FORM_TIMETZ;
    case MR_TYPE_TIMESTAMP:
        return options->native ? MR_FORM_TIMESTAMP_US : choose_timestamp(column, options->time);
    case MR_TYPE_TIMESTAMPTZ: return options->native ? MR_FORM_TIMESTAMP_US : MR_FORM_TIMESTAMPTZ;
    case MR_TYPE_INTERVAL:
        return options->interval == MR_INTERVAL_STRING ? MR_FORM_INTERVAL_TEXT
                                                       : MR_FORM_INTERVAL_US;
    case MR_TYPE_BITS: return column->length == 1 ? MR_FORM_BIT : MR_FORM_BITS;
    case MR_TYPE_HSTORE:
        return options->hstore == MR_HSTORE_MAP ? MR_FORM_HSTORE_MAP : MR_FORM_STRING;
    case MR_TYPE_SPATIAL_POINT:
    case MR_TYPE_POINT: return MR_FORM_POINT;
    case MR_TYPE_LINE: return MR_FORM_LINE;
    case MR_TYPE_CIRCLE: return MR_FORM_CIRCLE;
    case MR_TYPE_SHAPE:
    case MR_TYPE_GEOMETRY: return MR_FORM_GEOMETRY;
    case MR_TYPE_GEOGRAPHY: return MR_FORM_GEOGRAPHY;
    case MR_TYPE_SPATIAL: return MR_FORM_SPATIAL;
    case MR_TYPE_VECTOR:
    case MR_TYPE_HALFVEC: return MR_FORM_VECTOR;
    case MR_TYPE_SPARSEVEC: return MR_FORM_SPARSE;
    case MR_TYPE_ARRAY:
        return !options->include_unknown && array_unknown(column->element) ? MR_FORM_DROPPED
                                                                           : MR_FORM_ARRAY;
    case MR_TYPE_OTHER: return options->include_unknown ? MR_FORM_STRING : MR_FORM_DROPPED;
    default: return MR_FORM_STRING;
    }
}

static enum mr_connect_type base(const struct mr_column *column, enum mr_connect_type usual)
{
    switch (column->type) {
    case MR_TYPE_INT16: return MR_CONNECT_INT16;
    case MR_TYPE_INT32: return MR_CONNECT_INT32;
    case MR_TYPE_FLOAT32: return MR_CONNECT_FLOAT32;
    default: return usual;
    }
}

/* Text types whose defaults Debezium publishes. */
static bool plain_text(const struct mr_column *column)
{
    static const char *const names[] = {"text", "varchar", "bpchar", "char", "name", "citext"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (mr_slice_is(column->native_type, names[i]))
            return true;
    }
    return column->native_type.size == 0;
}

static bool publishes_default(const struct mr_form *form)
{
    const struct mr_column *column = form->column;

    if (!column->has_default || !mr_value_present(&column->default_value))
        return false;
    if (form->base == MR_CONNECT_STRUCT || form->base == MR_CONNECT_ARRAY ||
        form->base == MR_CONNECT_MAP)
        return false;
    switch (column->type) {
    case MR_TYPE_DECIMAL: return form->kind != MR_FORM_DECIMAL_VARIABLE;
    case MR_TYPE_MONEY:
    case MR_TYPE_BYTES:
    case MR_TYPE_TIMETZ:
    case MR_TYPE_OTHER: return false;
    case MR_TYPE_DATE:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMPTZ:
        return column->default_value.i != MR_TIME_INFINITY &&
               column->default_value.i != MR_TIME_NEG_INFINITY;
    case MR_TYPE_TEXT: return plain_text(column);
    default: return true;
    }
}

static struct mr_value standard(struct mr_arena *arena, const struct mr_form *form)
{
    (void)arena;
    return publishes_default(form) ? form->column->default_value
                                   : (struct mr_value){.kind = MR_NULL};
}

static struct mr_value text_value(enum mr_kind kind, const char *text)
{
    return (struct mr_value){.kind = (uint8_t)kind, .size = (uint32_t)strlen(text), .p = text};
}

static struct mr_value list_value(struct mr_arena *arena, uint32_t count)
{
    struct mr_array *array = MR_ARENA_NEW(arena, struct mr_array);

    *array = (struct mr_array){.dimensions = 1, .count = count};
    array->sizes[0] = count;
    array->items = MR_ARENA_ARRAY(arena, struct mr_value, count);
    return (struct mr_value){.kind = MR_ARRAY, .array = array};
}

/* The name-based UUID of the placeholder, as Java's UUID.nameUUIDFromBytes makes it. */
static struct mr_value placeholder_uuid(struct mr_arena *arena, const char *text)
{
    unsigned char *bytes = mr_arena_alloc(arena, EVP_MAX_MD_SIZE, 1);
    unsigned size = 0;

    if (!EVP_Digest(text, strlen(text), bytes, &size, EVP_md5(), NULL))
        return (struct mr_value){.kind = MR_NULL};
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x30);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    return (struct mr_value){.kind = MR_UUID, .size = 16, .p = (char *)bytes};
}

static bool text_element(const struct mr_column *element)
{
    return element->type == MR_TYPE_JSON ||
           (element->type == MR_TYPE_TEXT && (mr_slice_is(element->native_type, "text") ||
                                              mr_slice_is(element->native_type, "varchar") ||
                                              mr_slice_is(element->native_type, "bpchar")));
}

static struct mr_value array_placeholder(struct mr_arena *arena, const struct mr_form *form,
                                         const char *text)
{
    const struct mr_column *element = form->column->element;
    enum mr_kind number = element->type == MR_TYPE_DATE ? MR_DATE : MR_INT;
    uint32_t size = (uint32_t)strlen(text);
    struct mr_value list;

    if (form->column->native_id >= FIRST_USER_OID && element->native_id < FIRST_USER_OID)
        return (struct mr_value){.kind = MR_NULL}; /* a domain over an array */
    if (text_element(element) || form->element->kind == MR_FORM_BYTES ||
        element->type == MR_TYPE_UUID) {
        list = list_value(arena, 1);
        list.array->items[0] = element->type == MR_TYPE_UUID ? placeholder_uuid(arena, text)
                               : form->element->kind == MR_FORM_BYTES ? text_value(MR_BYTES, text)
                                                                      : text_value(MR_TEXT, text);
        return list;
    }
    if (element->type != MR_TYPE_INT32 && form->element->kind != MR_FORM_DATE &&
        (element->type != MR_TYPE_INT64 || mr_slice_is(element->native_type, "oid")))
        return (struct mr_value){.kind = MR_NULL};
    list = list_value(arena, size);
    for (uint32_t i = 0; i < size; i++)
        list.array->items[i] =
            (struct mr_value){.kind = (uint8_t)number, .i = (signed char)text[i]};
    return list;
}

static struct mr_value unchanged(struct mr_arena *arena, const struct mr_form *form,
                                 const char *text)
{
    switch (form->kind) {
    case MR_FORM_BYTES: return text_value(MR_BYTES, text);
    case MR_FORM_HEX:
    case MR_FORM_DECIMAL_TEXT: return text_value(MR_TEXT, text);
    case MR_FORM_ARRAY: return array_placeholder(arena, form, text);
    case MR_FORM_HSTORE_MAP:
        if (!mr_slice_is(form->column->native_type, "hstore"))
            return (struct mr_value){.kind = MR_NULL}; /* a domain over it */
        break;
    case MR_FORM_STRING:
        if (form->column->type == MR_TYPE_OTHER)
            return (struct mr_value){.kind = MR_NULL};
        if (!mr_slice_is(form->column->native_type, "hstore"))
            return text_value(MR_TEXT, text);
        break;
    default: return (struct mr_value){.kind = MR_NULL};
    }
    return text_value(MR_TEXT, mr_arena_printf(arena, "{\"%s\":\"%s\"}", text, text));
}

const struct mr_form_mapping mr_form_postgres = {
    .choose = choose, .base = base, .standard = standard, .unchanged = unchanged};

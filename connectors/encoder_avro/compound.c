/* Structs, arrays and maps as Avro binary.
 *
 *     array, map   the number of items, the items, then 00; an empty one is 00 alone
 *     map          each item is its key as a string, then its value
 *     struct       a record: its fields in order, optional ones with their branch
 *
 * Blocks are written whole, with one count in front and without their size in bytes: the number of items is known,
 * and readers accept both. hstore as a map is read back from the JSON text that the source made of it. */
#include "connectors/encoder_avro/write.h"
#include "schema/form/decimal.h"

static int write_variable(struct mr_row_writer *writer, const struct mr_value *value,
                          struct mr_err *err)
{
    int32_t scale;

    if (!mr_decimal_variable(value, &scale, &writer->scratch))
        return mr_err_set(err, MR_DATA, "encode.value",
                          "NaN and infinities have no place in a precise decimal");
    mr_avro_long(&writer->out, scale);
    mr_avro_string(&writer->out, mr_buf_slice(&writer->scratch));
    return 0;
}

static void write_srid(struct mr_out *out, int32_t srid, bool present)
{
    mr_avro_byte(out, present ? 2 : 0);
    if (present)
        mr_avro_long(out, srid);
}

static void write_point(struct mr_row_writer *writer, const struct mr_geometry *geometry)
{
    struct mr_form_point point = mr_form_point(geometry, &writer->scratch);
    struct mr_out *out = &writer->out;

    mr_avro_double(out, point.x);
    mr_avro_double(out, point.y);
    mr_avro_byte(out, 2);
    mr_avro_string(out, point.wkb);
    write_srid(out, point.srid, point.srid != 0);
}

static void write_extensions(struct mr_out *out, const struct mr_form *form,
                             const struct mr_geometry *geometry)
{
    struct mr_slice shape = mr_form_shape(form->column);
    bool path = mr_slice_is(shape, "path") && geometry->closed != 2;

    if (form->kind != MR_FORM_GEOMETRY)
        return;
    if (form->column->type != MR_TYPE_SHAPE) {
        mr_avro_byte(out, 0);
        return;
    }
    mr_avro_byte(out, 2);
    mr_avro_long(out, path ? 2 : 1);
    mr_avro_string(out, mr_slice_str("type"));
    mr_avro_string(out, shape);
    if (path) {
        mr_avro_string(out, mr_slice_str("closed"));
        mr_avro_string(out, mr_slice_str(geometry->closed ? "true" : "false"));
    }
    mr_avro_byte(out, 0);
}

static void write_geometry(struct mr_row_writer *writer, const struct mr_form *form,
                           const struct mr_geometry *geometry)
{
    struct mr_out *out = &writer->out;

    mr_avro_string(out, mr_form_wkb(form->column, geometry, &writer->scratch));
    write_srid(out, mr_form_srid(form, geometry), mr_form_srid(form, geometry) >= 0);
    write_extensions(out, form, geometry);
}

static void write_vector(struct mr_out *out, const struct mr_form *form,
                         const struct mr_vector *vector)
{
    if (vector->count > 0)
        mr_avro_long(out, vector->count);
    for (uint32_t i = 0; i < vector->count; i++) {
        if (form->column->type == MR_TYPE_HALFVEC)
            mr_avro_float(out, vector->numbers[i]);
        else
            mr_avro_double(out, vector->numbers[i]);
    }
    mr_avro_byte(out, 0);
}

static void write_sparse(struct mr_out *out, const struct mr_vector *vector)
{
    mr_avro_long(out, vector->dimensions);
    if (vector->count > 0)
        mr_avro_long(out, vector->count);
    for (uint32_t i = 0; i < vector->count; i++) {
        mr_avro_long(out, vector->indexes[i]);
        mr_avro_double(out, vector->numbers[i]);
    }
    mr_avro_byte(out, 0);
}

/* An element that cannot be converted becomes null by itself where its schema lets it: the others are kept. */
static int write_item(struct mr_row_writer *writer, const struct mr_form *form,
                      const struct mr_value *item, struct mr_err *err)
{
    const struct mr_value null = {.kind = MR_NULL};
    ptrdiff_t before = writer->out.at - writer->out.start;
    int rc = avro_write_value(writer, form->element, item, err);

    if (rc != MR_DATA || !writer->null_bad_values || !form->element->schema->optional)
        return rc;
    writer->out.at = writer->out.start + before;
    mr_form_lose(&writer->losses, form);
    return avro_write_value(writer, form->element, &null, err);
}

static int write_array(struct mr_row_writer *writer, const struct mr_form *form,
                       const struct mr_array *array, struct mr_err *err)
{
    struct mr_out *out = &writer->out;
    int rc = 0;

    if (array->dimensions > 1) {
        struct mr_value text = {
            .kind = MR_TEXT, .size = (uint32_t)array->text.size, .p = array->text.data};
        if (form->element->base != MR_CONNECT_STRING)
            return mr_err_set(err, MR_DATA, "encode.value",
                              "an array of %u dimensions has no place in the schema's array",
                              array->dimensions);
        mr_avro_long(out, 1);
        rc = avro_write_value(writer, form->element, &text, err);
    } else if (array->count > 0) {
        mr_avro_long(out, array->count);
        for (uint32_t i = 0; i < array->count && rc == 0; i++)
            rc = write_item(writer, form, &array->items[i], err);
    }
    mr_avro_byte(out, 0);
    return rc;
}

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* Unescapes a JSON string that our own source wrote; *at stands behind the opening quote and ends behind the
 * closing one. Only the escapes that mr_json_put_escaped makes are known. */
static struct mr_slice json_string(const char **at, const char *end, struct mr_buf *buf)
{
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";

    mr_buf_clear(buf);
    for (; *at < end && **at != '"'; (*at)++) {
        const char *found;

        if (**at != '\\') {
            mr_buf_add_char(buf, **at);
            continue;
        }
        if (end - ++(*at) < 5)
            break;
        found = memchr(plain, **at, sizeof(plain) - 1);
        if (found) {
            mr_buf_add_char(buf, meant[found - plain]);
        } else {
            mr_buf_add_char(buf, (char)(hex_digit((*at)[3]) << 4 | hex_digit((*at)[4])));
            *at += 4;
        }
    }
    (*at)++;
    return mr_buf_slice(buf);
}

/* {"a":"1","b":null} as a map of optional strings. */
static void write_map(struct mr_row_writer *writer, struct mr_slice json)
{
    struct mr_out *out = &writer->out;
    const char *at = json.data, *end = json.data + json.size;

    while (at < end) {
        if (*at != '"') {
            at++;
            continue;
        }
        mr_avro_long(out, 1);
        at++;
        mr_avro_string(out, json_string(&at, end, &writer->scratch));
        at++; /* the colon */
        if (at < end && *at == '"') {
            at++;
            mr_avro_byte(out, 2);
            mr_avro_string(out, json_string(&at, end, &writer->scratch));
        } else {
            mr_avro_byte(out, 0);
        }
    }
    mr_avro_byte(out, 0);
}

int avro_write_compound(struct mr_row_writer *writer, const struct mr_form *form,
                        const struct mr_value *value, struct mr_err *err)
{
    const double *numbers = value->kind == MR_GEOMETRY ? value->geometry->numbers : NULL;

    switch (form->kind) {
    case MR_FORM_DECIMAL_VARIABLE: return write_variable(writer, value, err);
    case MR_FORM_ARRAY: return write_array(writer, form, value->array, err);
    case MR_FORM_HSTORE_MAP: write_map(writer, mr_value_slice(value)); break;
    case MR_FORM_POINT: write_point(writer, value->geometry); break;
    case MR_FORM_LINE:
        for (int i = 0; i < 3; i++)
            mr_avro_double(&writer->out, numbers[i]);
        break;
    case MR_FORM_CIRCLE:
        write_point(writer, value->geometry);
        mr_avro_double(&writer->out, numbers[2]);
        break;
    case MR_FORM_VECTOR: write_vector(&writer->out, form, value->vector); break;
    case MR_FORM_SPARSE: write_sparse(&writer->out, value->vector); break;
    default: write_geometry(writer, form, value->geometry); break;
    }
    return 0;
}

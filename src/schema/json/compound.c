/* Structs, arrays and maps as Connect's JsonConverter prints them.
 *
 *     variable decimal   {"scale":2,"value":"MDk="}
 *     point              {"x":1.5,"y":-2.25,"wkb":"AQEAAAA...","srid":null}
 *     circle             {"center":{a point},"radius":3.5}
 *     geometry           {"wkb":"...","srid":null,"extensions":{"type":"path","closed":"true"}}
 *     map, text keys     {"a":"1"}            other keys   [[1,2.0],[3,4.0]], strict [{"key":1,"value":2.0}]
 *
 * An array of several dimensions has no place in a Connect array of elements. Without schemas it is written as
 * nested JSON arrays; with schemas an array of strings holds the server's own text of it as its one element,
 * and any other is a value that cannot be converted. */
#include "schema/json/row.h"

#include "schema/form/decimal.h"

static void put_double(struct mr_out *out, double number)
{
    mr_out_need(out, 32);
    out->at = mr_json_put_f64(out->at, number);
}

static int write_variable(struct mr_row_writer *writer, const struct mr_value *value,
                          struct mr_err *err)
{
    struct mr_out *out = &writer->out;
    int32_t scale;

    if (!mr_decimal_variable(value, &scale, &writer->scratch))
        return mr_err_set(err, MR_DATA, "encode.value",
                          "NaN and infinities have no place in a precise decimal");
    MR_OUT_LITERAL(out, "{\"scale\":");
    mr_out_i64(out, scale);
    MR_OUT_LITERAL(out, ",\"value\":");
    mr_out_base64(out, mr_buf_slice(&writer->scratch));
    MR_OUT_LITERAL(out, "}");
    return 0;
}

static void write_point(struct mr_row_writer *writer, const struct mr_geometry *geometry)
{
    struct mr_form_point point = mr_form_point(geometry, &writer->scratch);
    struct mr_out *out = &writer->out;

    MR_OUT_LITERAL(out, "{\"x\":");
    put_double(out, point.x);
    MR_OUT_LITERAL(out, ",\"y\":");
    put_double(out, point.y);
    MR_OUT_LITERAL(out, ",\"wkb\":");
    mr_out_base64(out, point.wkb);
    MR_OUT_LITERAL(out, ",\"srid\":");
    if (point.srid)
        mr_out_i64(out, point.srid);
    else
        MR_OUT_LITERAL(out, "null");
    MR_OUT_LITERAL(out, "}");
}

static void write_line(struct mr_out *out, const double *numbers)
{
    MR_OUT_LITERAL(out, "{\"a\":");
    put_double(out, numbers[0]);
    MR_OUT_LITERAL(out, ",\"b\":");
    put_double(out, numbers[1]);
    MR_OUT_LITERAL(out, ",\"c\":");
    put_double(out, numbers[2]);
    MR_OUT_LITERAL(out, "}");
}

static void write_extensions(struct mr_out *out, const struct mr_form *form,
                             const struct mr_geometry *geometry)
{
    struct mr_slice shape = mr_form_shape(form->column);

    if (form->kind != MR_FORM_GEOMETRY)
        return;
    if (form->column->type != MR_TYPE_SHAPE) {
        MR_OUT_LITERAL(out, ",\"extensions\":null");
        return;
    }
    MR_OUT_LITERAL(out, ",\"extensions\":{\"type\":");
    mr_out_text(out, shape);
    if (mr_slice_is(shape, "path") && geometry->closed != 2) {
        MR_OUT_LITERAL(out, ",\"closed\":");
        mr_out_raw(out, mr_slice_str(geometry->closed ? "\"true\"" : "\"false\""));
    }
    MR_OUT_LITERAL(out, "}");
}

static void write_geometry(struct mr_row_writer *writer, const struct mr_form *form,
                           const struct mr_geometry *geometry)
{
    struct mr_out *out = &writer->out;

    MR_OUT_LITERAL(out, "{\"wkb\":");
    mr_out_base64(out, mr_form_wkb(form->column, geometry, &writer->scratch));
    MR_OUT_LITERAL(out, ",\"srid\":");
    if (mr_form_srid(form, geometry) >= 0)
        mr_out_i64(out, geometry->srid);
    else
        MR_OUT_LITERAL(out, "null");
    write_extensions(out, form, geometry);
    MR_OUT_LITERAL(out, "}");
}

static void write_vector(struct mr_out *out, const struct mr_form *form,
                         const struct mr_vector *vector)
{
    MR_OUT_LITERAL(out, "[");
    for (uint32_t i = 0; i < vector->count; i++) {
        if (i > 0)
            MR_OUT_LITERAL(out, ",");
        mr_out_need(out, 32);
        out->at = form->column->type == MR_TYPE_HALFVEC
                      ? mr_json_put_f32(out->at, (float)vector->numbers[i])
                      : mr_json_put_f64(out->at, vector->numbers[i]);
    }
    MR_OUT_LITERAL(out, "]");
}

static void write_sparse(struct mr_row_writer *writer, const struct mr_vector *vector)
{
    struct mr_out *out = &writer->out;

    MR_OUT_LITERAL(out, "{\"dimensions\":");
    mr_out_u64(out, vector->dimensions);
    MR_OUT_LITERAL(out, ",\"vector\":[");
    for (uint32_t i = 0; i < vector->count; i++) {
        if (i > 0)
            MR_OUT_LITERAL(out, ",");
        mr_out_raw(out, mr_slice_str(writer->strict ? "{\"key\":" : "["));
        mr_out_u64(out, vector->indexes[i]);
        mr_out_raw(out, mr_slice_str(writer->strict ? ",\"value\":" : ","));
        put_double(out, vector->numbers[i]);
        mr_out_raw(out, mr_slice_str(writer->strict ? "}" : "]"));
    }
    MR_OUT_LITERAL(out, "]}");
}

/* An element that cannot be converted becomes null by itself where its schema lets it: the others are kept. */
static int write_item(struct mr_row_writer *writer, const struct mr_form *form,
                      const struct mr_value *item, struct mr_err *err)
{
    const struct mr_form *element = form->element;
    ptrdiff_t before = writer->out.at - writer->out.start;
    int rc;

    if (item->kind == MR_NULL && !element->optional && !writer->nested)
        return mr_err_set(err, MR_DATA, "encode.value",
                          "a NULL element has no place in the schema's array");
    rc = mr_row_write_value(writer, element, item, err);
    if (rc != MR_DATA || !writer->null_bad_values || !element->optional)
        return rc;
    writer->out.at = writer->out.start + before;
    mr_form_lose(&writer->losses, form);
    MR_OUT_LITERAL(&writer->out, "null");
    return 0;
}

/* Items of dimension `level` and below, nested; *at is the place in row-major order. */
static int write_level(struct mr_row_writer *writer, const struct mr_form *form,
                       const struct mr_array *array, uint32_t level, uint32_t *at,
                       struct mr_err *err)
{
    struct mr_out *out = &writer->out;
    uint32_t size = array->dimensions == 0 ? 0 : array->sizes[level];
    int rc = 0;

    MR_OUT_LITERAL(out, "[");
    for (uint32_t i = 0; i < size && rc == 0; i++) {
        if (i > 0)
            MR_OUT_LITERAL(out, ",");
        if (level + 1 < array->dimensions)
            rc = write_level(writer, form, array, level + 1, at, err);
        else
            rc = write_item(writer, form, &array->items[(*at)++], err);
    }
    MR_OUT_LITERAL(out, "]");
    return rc;
}

static int write_array(struct mr_row_writer *writer, const struct mr_form *form,
                       const struct mr_array *array, struct mr_err *err)
{
    uint32_t at = 0;

    if (array->dimensions <= 1 || writer->nested)
        return write_level(writer, form, array, 0, &at, err);
    if (form->element->base != MR_CONNECT_STRING)
        return mr_err_set(err, MR_DATA, "encode.value",
                          "an array of %u dimensions has no place in the schema's array",
                          array->dimensions);
    MR_OUT_LITERAL(&writer->out, "[");
    mr_out_text(&writer->out, array->text);
    MR_OUT_LITERAL(&writer->out, "]");
    return 0;
}

int mr_row_compound(struct mr_row_writer *writer, const struct mr_form *form,
                    const struct mr_value *value, struct mr_err *err)
{
    switch (form->kind) {
    case MR_FORM_DECIMAL_VARIABLE: return write_variable(writer, value, err);
    case MR_FORM_ARRAY: return write_array(writer, form, value->array, err);
    case MR_FORM_HSTORE_MAP: mr_out_raw(&writer->out, mr_value_slice(value)); break;
    case MR_FORM_POINT: write_point(writer, value->geometry); break;
    case MR_FORM_LINE: write_line(&writer->out, value->geometry->numbers); break;
    case MR_FORM_CIRCLE:
        MR_OUT_LITERAL(&writer->out, "{\"center\":");
        write_point(writer, value->geometry);
        MR_OUT_LITERAL(&writer->out, ",\"radius\":");
        put_double(&writer->out, value->geometry->numbers[2]);
        MR_OUT_LITERAL(&writer->out, "}");
        break;
    case MR_FORM_VECTOR: write_vector(&writer->out, form, value->vector); break;
    case MR_FORM_SPARSE: write_sparse(writer, value->vector); break;
    default: write_geometry(writer, form, value->geometry); break;
    }
    return 0;
}

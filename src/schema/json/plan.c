/* Plans of JSON rows, and the list of what a row does not have.
 *
 *     columns  id, name        leads  {"id":    ,"name":
 *
 * A lead is the bytes between two values: made here once, copied per row. `indexes` is the order of the fields: all
 * columns of the table, or those of its key in key order. NULL stands for 0, 1, 2 ... */
#include "schema/json/row.h"

static struct mr_slice lead(struct mr_arena *arena, struct mr_slice name, bool first)
{
    struct mr_buf buf;
    struct mr_slice text;

    mr_buf_init(&buf, SIZE_MAX / 2);
    mr_buf_add_char(&buf, first ? '{' : ',');
    mr_json_add_str(&buf, name);
    mr_buf_add_char(&buf, ':');
    text = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_done(&buf);
    return text;
}

uint32_t mr_row_plan(struct mr_arena *arena, const struct mr_form *forms, const uint32_t *indexes,
                     uint32_t count, bool numeric, struct mr_row_column **ret_columns)
{
    struct mr_row_column *columns = MR_ARENA_ARRAY(arena, struct mr_row_column, count);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = indexes ? indexes[i] : i;
        const struct mr_form *form = &forms[index];

        if (form->kind == MR_FORM_DROPPED)
            continue;
        columns[kept] = (struct mr_row_column){.lead = lead(arena, form->name, kept == 0),
                                               .form = form,
                                               .index = index,
                                               .way = (uint8_t)mr_row_choose(form, numeric),
                                               .least = form->least};
        kept++;
    }
    *ret_columns = columns;
    return kept;
}

struct mr_slice mr_row_unchanged(struct mr_row_writer *writer, struct mr_arena *arena,
                                 const struct mr_row_column *columns, size_t count,
                                 const struct mr_value *values)
{
    struct mr_out *out = &writer->out;
    bool first = true;

    mr_out_begin(out, arena, 128);
    for (size_t i = 0; i < count; i++) {
        if (values[columns[i].index].kind != MR_UNCHANGED)
            continue;
        mr_out_raw(out, mr_slice_str(first ? "[" : ","));
        mr_out_text(out, columns[i].form->column->name);
        first = false;
    }
    mr_out_raw(out, mr_slice_str(first ? "[]" : "]"));
    return mr_out_end(out);
}

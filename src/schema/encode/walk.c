/* The part of a walk that is the same for all formats and is seldom needed: the key in a header.
 *
 *     __debezium.newkey  {"id":2}        JSON with every format, as Debezium's header converter makes it
 *
 * The walk itself is in walk.h, where a format's functions are known to the compiler. */
#include "schema/encode/walk.h"

int mr_walk_key_text(struct mr_codec *codec, struct mr_batch *batch,
                     const struct mr_codec_plan *plan, const struct mr_change *change,
                     const struct mr_value *values, struct mr_slice *ret_text, struct mr_err *err)
{
    const struct mr_row_column *column = NULL;
    int rc;

    mr_out_begin(&codec->writer.out, &batch->arena, 128);
    rc = mr_row_write(&codec->writer, plan->json_keys, plan->json_key_count, values, NULL, &column,
                      err);
    if (rc < 0)
        return mr_event_fail(err, plan->table, column->form->column, change);
    *ret_text = mr_out_end(&codec->writer.out);
    return 0;
}

/* The parts of events as JSON.
 *
 *     {"before":  row  ,"after":  row  ,"source":{..}  ,"transaction":{..}  ,"op":"c",  "ts_ms":..,..}
 *     op "m":  {"op":"m"  ,"ts_ms":..  ,"source":{..}  ,"transaction":..  ,"message":{"prefix":..,"content":..}}
 *
 * Which parts there are, and in which order, is schema/encode/walk.h's business. Side records are the same with every
 * envelope, as Debezium's own flattening leaves them alone. */
#include "connectors/encoder_json/events.h"

#include "schema/encode/walk.h"

static void begin(struct mr_codec *codec, const struct mr_codec_plan *common, bool key)
{
    const struct json_plan *plan = (const struct json_plan *)common;

    mr_out_raw(&codec->writer.out, key ? plan->key_open : plan->value_open);
}

static void end(struct mr_codec *codec, const struct mr_codec_plan *common, bool key)
{
    const struct json_plan *plan = (const struct json_plan *)common;

    mr_out_raw(&codec->writer.out, key ? plan->key_close : plan->value_close);
}

static int write_row(struct mr_codec *codec, const struct mr_row_column *columns, uint32_t count,
                     const struct mr_value *values, const struct mr_value *old,
                     const struct mr_form **failed, struct mr_err *err)
{
    const struct mr_row_column *column = NULL;
    int rc = mr_row_write(&codec->writer, columns, count, values, old, &column, err);

    if (rc < 0)
        *failed = column->form;
    return rc;
}

static int write_key(struct mr_codec *codec, const struct mr_codec_plan *plan,
                     const struct mr_value *values, const struct mr_form **failed,
                     struct mr_err *err)
{
    return write_row(codec, plan->json_keys, plan->json_key_count, values, NULL, failed, err);
}

static int write_image(struct mr_codec *codec, const struct mr_codec_plan *plan,
                       enum mr_walk_image image, const struct mr_value *values,
                       const struct mr_value *old, const struct mr_form **failed,
                       struct mr_err *err)
{
    struct mr_out *out = &codec->writer.out;

    if (image == MR_WALK_BEFORE)
        MR_OUT_LITERAL(out, "{\"before\":");
    else if (image == MR_WALK_AFTER)
        MR_OUT_LITERAL(out, ",\"after\":");
    return write_row(codec, plan->json_columns, plan->json_column_count, values, old, failed, err);
}

/* In place of the row's brace. */
static void write_deleted(struct mr_codec *codec, bool deleted)
{
    codec->writer.out.at--;
    mr_out_raw(&codec->writer.out,
               mr_slice_str(deleted ? ",\"__deleted\":\"true\"}" : ",\"__deleted\":\"false\"}"));
}

static void write_source(struct mr_codec *codec, const struct mr_codec_plan *plan,
                         const struct mr_change *change)
{
    mr_source_json(&codec->block, &plan->source, change, &codec->writer.out);
}

static void write_block(struct mr_codec *codec, const struct mr_change *change, uint64_t after)
{
    struct mr_out *out = &codec->writer.out;
    char text[MR_SIDE_ID];

    if (change->total_order == 0) {
        MR_OUT_LITERAL(out, ",\"transaction\":null");
        return;
    }
    MR_OUT_LITERAL(out, ",\"transaction\":{\"id\":");
    mr_out_text(out, mr_side_id(change, text));
    MR_OUT_LITERAL(out, ",\"total_order\":");
    mr_out_u64(out, change->total_order + after);
    MR_OUT_LITERAL(out, ",\"data_collection_order\":");
    mr_out_u64(out, change->collection_order + after);
    MR_OUT_LITERAL(out, "}");
}

static void write_op(struct mr_codec *codec, const struct mr_change *change, enum mr_op op)
{
    struct mr_out *out = &codec->writer.out;

    MR_OUT_LITERAL(out, ",\"op\":\"");
    mr_out_need(out, 3);
    *out->at++ = (char)op;
    *out->at++ = '"';
    *out->at++ = ',';
    mr_source_times_json(&codec->block, change, out);
}

static void write_tree(struct mr_codec *codec, const struct mr_codec_plan *plan,
                       const struct mr_change *change, const struct mr_connect *schema,
                       const struct mr_node *node);

/* Each field with a comma before it, which becomes the brace before the first. */
static void write_struct(struct mr_codec *codec, const struct mr_codec_plan *plan,
                         const struct mr_change *change, const struct mr_connect *schema,
                         const struct mr_node *node)
{
    struct mr_out *out = &codec->writer.out;
    ptrdiff_t start = out->at - out->start;

    for (uint32_t i = 0; i < node->count; i++) {
        if (node->items[i].kind == MR_NODE_SOURCE) {
            write_source(codec, plan, change);
        } else if (node->items[i].kind == MR_NODE_BLOCK) {
            write_block(codec, change, 0);
        } else {
            MR_OUT_LITERAL(out, ",");
            mr_out_text(out, schema->fields[i].name);
            MR_OUT_LITERAL(out, ":");
            write_tree(codec, plan, change, schema->fields[i].schema, &node->items[i]);
        }
    }
    out->start[start] = '{';
    MR_OUT_LITERAL(out, "}");
}

static void write_tree(struct mr_codec *codec, const struct mr_codec_plan *plan,
                       const struct mr_change *change, const struct mr_connect *schema,
                       const struct mr_node *node)
{
    struct mr_out *out = &codec->writer.out;

    switch (node->kind) {
    case MR_NODE_BOOL: mr_out_raw(out, mr_slice_str(node->i ? "true" : "false")); break;
    case MR_NODE_INT: mr_out_i64(out, node->i); break;
    case MR_NODE_TEXT: mr_out_text(out, node->text); break;
    case MR_NODE_BYTES: mr_out_base64(out, node->text); break;
    case MR_NODE_STRUCT: write_struct(codec, plan, change, schema, node); break;
    case MR_NODE_LIST:
        MR_OUT_LITERAL(out, "[");
        for (uint32_t i = 0; i < node->count; i++) {
            if (i > 0)
                MR_OUT_LITERAL(out, ",");
            write_tree(codec, plan, change, schema->item, &node->items[i]);
        }
        MR_OUT_LITERAL(out, "]");
        break;
    default: MR_OUT_LITERAL(out, "null"); break;
    }
}

static const struct mr_walk walk = {.begin = begin,
                                    .end = end,
                                    .key = write_key,
                                    .image = write_image,
                                    .deleted = write_deleted,
                                    .source = write_source,
                                    .block = write_block,
                                    .op = write_op,
                                    .tree = write_tree};

int json_encode(void *memory, struct mr_batch *batch, size_t *ret_failed, struct mr_err *err)
{
    struct json_state *state = memory;

    return mr_walk_batch(&walk, &state->codec, batch, ret_failed, err);
}

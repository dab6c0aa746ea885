/* The parts of events as Avro with Confluent's frame.
 *
 *     key      00 | id | the key columns
 *     value    00 | id | before | after | source | transaction | op | ts_ms | ts_us | ts_ns
 *     side     00 | id | the fields of its schema, one after another
 *
 * Which parts there are, and in which order, is schema/encode/walk.h's business. A tombstone has no value at all, not
 * even a frame. The first value of each version is decoded again with avro-c: one that does not fit its schema is
 * stopped here and not in every consumer. */
#include "connectors/encoder_avro/events.h"

#include <avro.h>

#include "schema/encode/walk.h"

static void begin(struct mr_codec *codec, const struct mr_codec_plan *plan, bool key)
{
    const struct mr_subject *subject = key ? &plan->key : &plan->value;

    mr_out_raw(&codec->writer.out, mr_slice(subject->frame, subject->frame_size));
}

static void end(struct mr_codec *codec, const struct mr_codec_plan *plan, bool key)
{
    (void)codec;
    (void)plan;
    (void)key;
}

static int write_key(struct mr_codec *codec, const struct mr_codec_plan *common,
                     const struct mr_value *values, const struct mr_form **failed,
                     struct mr_err *err)
{
    const struct avro_plan *plan = (const struct avro_plan *)common;

    return avro_write_row(&codec->writer, plan->keys, plan->key_count, values, NULL, failed, err);
}

static int write_image(struct mr_codec *codec, const struct mr_codec_plan *common,
                       enum mr_walk_image image, const struct mr_value *values,
                       const struct mr_value *old, const struct mr_form **failed,
                       struct mr_err *err)
{
    const struct avro_plan *plan = (const struct avro_plan *)common;

    if (image != MR_WALK_ROW)
        mr_avro_byte(&codec->writer.out, values ? 2 : 0);
    return values ? avro_write_row(&codec->writer, plan->columns, plan->column_count, values, old,
                                   failed, err)
                  : 0;
}

static void write_deleted(struct mr_codec *codec, bool deleted)
{
    mr_avro_optional_string(&codec->writer.out, mr_slice_str(deleted ? "true" : "false"));
}

static void write_source(struct mr_codec *codec, const struct mr_codec_plan *plan,
                         const struct mr_change *change)
{
    mr_source_avro(&codec->block, &plan->source, change, &codec->writer.out);
}

static void write_block(struct mr_codec *codec, const struct mr_change *change, uint64_t after)
{
    struct mr_out *out = &codec->writer.out;
    char text[MR_SIDE_ID];

    mr_avro_byte(out, change->total_order ? 2 : 0);
    if (change->total_order == 0)
        return;
    mr_avro_string(out, mr_side_id(change, text));
    mr_avro_long(out, (int64_t)(change->total_order + after));
    mr_avro_long(out, (int64_t)(change->collection_order + after));
}

static void write_op(struct mr_codec *codec, const struct mr_change *change, enum mr_op op)
{
    const char letter = (char)op;

    mr_avro_string(&codec->writer.out, mr_slice(&letter, 1));
    mr_source_times_avro(&codec->block, change, &codec->writer.out);
}

static void write_tree(struct mr_codec *codec, const struct mr_codec_plan *plan,
                       const struct mr_change *change, const struct mr_connect *schema,
                       const struct mr_node *node)
{
    struct mr_out *out = &codec->writer.out;

    if (node->kind == MR_NODE_BLOCK) { /* it has its branch */
        write_block(codec, change, 0);
        return;
    }
    if (schema->optional)
        mr_avro_byte(out, node->kind == MR_NODE_NULL ? 0 : 2);
    switch (node->kind) {
    case MR_NODE_BOOL: mr_avro_byte(out, (uint8_t)node->i); break;
    case MR_NODE_INT: mr_avro_long(out, node->i); break;
    case MR_NODE_TEXT:
    case MR_NODE_BYTES: mr_avro_string(out, node->text); break;
    case MR_NODE_SOURCE: write_source(codec, plan, change); break;
    case MR_NODE_STRUCT:
        for (uint32_t i = 0; i < node->count; i++)
            write_tree(codec, plan, change, schema->fields[i].schema, &node->items[i]);
        break;
    case MR_NODE_LIST:
        if (node->count > 0)
            mr_avro_long(out, node->count);
        for (uint32_t i = 0; i < node->count; i++)
            write_tree(codec, plan, change, schema->item, &node->items[i]);
        mr_avro_byte(out, 0);
        break;
    default: break;
    }
}

/* Decodes one piece with avro-c, schema and all bytes used. */
static int decode_again(const struct mr_subject *subject, struct mr_slice bytes, struct mr_err *err)
{
    avro_schema_t parsed = NULL;
    avro_value_iface_t *class = NULL;
    avro_value_t value = {0};
    avro_reader_t reader;
    int failed;

    if (avro_schema_from_json_length(subject->schema.text.data, subject->schema.text.size,
                                     &parsed) != 0)
        return mr_err_set(err, MR_BUG, "encode.sample", "the schema cannot be parsed again");
    class = avro_generic_class_from_schema(parsed);
    avro_generic_value_new(class, &value);
    reader = avro_reader_memory(bytes.data + subject->frame_size,
                                (int64_t)(bytes.size - subject->frame_size));
    failed = avro_value_read(reader, &value);
    avro_reader_free(reader);
    avro_value_decref(&value);
    avro_value_iface_decref(class);
    avro_schema_decref(parsed);
    if (failed)
        return mr_err_set(
            err, MR_BUG, "encode.sample",
            "the first record for subject %s cannot be decoded with its own schema: %s",
            subject->name, avro_strerror());
    return 0;
}

/* The first value of each version, read back; large ones wait for a smaller one. */
static int sample(struct mr_codec *codec, struct mr_codec_plan *common, struct mr_slice value,
                  struct mr_err *err)
{
    struct avro_plan *plan = (struct avro_plan *)common;

    (void)codec;
    if (plan->sampled || value.size > 1 << 20)
        return 0;
    plan->sampled = true;
    return decode_again(&common->value, value, err);
}

static const struct mr_walk walk = {.begin = begin,
                                    .end = end,
                                    .key = write_key,
                                    .image = write_image,
                                    .deleted = write_deleted,
                                    .source = write_source,
                                    .block = write_block,
                                    .op = write_op,
                                    .tree = write_tree,
                                    .sample = sample};

int avro_encode(void *memory, struct mr_batch *batch, size_t *ret_failed, struct mr_err *err)
{
    struct avro_state *state = memory;

    return mr_walk_batch(&walk, &state->codec, batch, ret_failed, err);
}

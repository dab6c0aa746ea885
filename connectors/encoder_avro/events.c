/* The parts of events as Avro with Confluent's frame.
 *
 *     key      00 | id | the key columns
 *     value    00 | id | before | after | source | transaction | op | ts_ms | ts_us | ts_ns
 *     side     id | status  id  event_count?  data_collections?: [ ?{ data_collection  event_count } ]  ts_ms
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

static void write_message_key(struct mr_codec *codec, const struct mr_change *change)
{
    mr_avro_byte(&codec->writer.out, 2);
    mr_avro_string(&codec->writer.out, change->message->prefix);
}

static void write_message(struct mr_codec *codec, const struct mr_codec_plan *plan,
                          const struct mr_change *change, const struct mr_value *content)
{
    struct mr_out *out = &codec->writer.out;

    mr_avro_string(out, mr_slice_str("m"));
    mr_avro_optional_long(out, (uint64_t)(change->read_us / 1000), true);
    write_source(codec, plan, change);
    write_block(codec, change, 0);
    mr_avro_byte(out, 2);
    mr_avro_string(out, change->message->prefix);
    mr_avro_byte(out, 2);
    mr_avro_string(out, mr_value_slice(content));
}

static void write_side_key(struct mr_codec *codec, const struct mr_change *change,
                           struct mr_slice text)
{
    (void)change;
    mr_avro_string(&codec->writer.out, text);
}

static void write_counts(struct mr_out *out, const struct mr_counts *counts)
{
    mr_avro_optional_long(out, counts ? counts->events : 0, counts != NULL);
    mr_avro_byte(out, counts ? 2 : 0);
    if (!counts)
        return;
    if (counts->collection_count > 0)
        mr_avro_long(out, counts->collection_count);
    for (uint32_t i = 0; i < counts->collection_count; i++) {
        mr_avro_byte(out, 2);
        mr_avro_string(out, counts->collections[i].name);
        mr_avro_long(out, (int64_t)counts->collections[i].events);
    }
    mr_avro_byte(out, 0);
}

static void write_boundary(struct mr_codec *codec, const struct mr_change *change,
                           struct mr_slice id)
{
    struct mr_out *out = &codec->writer.out;

    mr_avro_string(out, mr_slice_str(change->op == MR_OP_BEGIN ? "BEGIN" : "END"));
    mr_avro_string(out, id);
    write_counts(out, change->counts);
    mr_avro_long(out, change->transaction->commit_us / 1000);
}

static void write_heartbeat(struct mr_codec *codec, const struct mr_change *change)
{
    mr_avro_long(&codec->writer.out, change->heartbeat->time_us / 1000);
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
                                    .message_key = write_message_key,
                                    .message = write_message,
                                    .side_key = write_side_key,
                                    .boundary = write_boundary,
                                    .heartbeat = write_heartbeat,
                                    .sample = sample};

int avro_encode(void *memory, struct mr_batch *batch, size_t *ret_failed, struct mr_err *err)
{
    struct avro_state *state = memory;

    return mr_walk_batch(&walk, &state->codec, batch, ret_failed, err);
}

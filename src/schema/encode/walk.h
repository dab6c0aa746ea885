/* The walk through a batch: which records there are, what stands in an event and in which order.
 *
 *     change -> events -> { key, value, headers } -> record
 *                              |
 *                              begin  before  after  source  transaction  op  times  end      the envelope
 *                              begin  row  (deleted)  end                                     flat
 *                              begin  tree  end                                               what has no row
 *
 * A format fills in how each part is written. Everything here is inline and takes the parts by a constant, so that the
 * compiler calls or inlines the format's static functions: no call through a pointer is made per row. Include it in one
 * file of a format only. */
#pragma once

#include "schema/encode/codec.h"
#include "schema/event/schema_change.h"
#include "schema/event/side.h"

#define MR_WALK static inline __attribute__((always_inline))

#define MR_WALK_TYPICAL_MAX (1 << 20)

enum mr_walk_image { MR_WALK_BEFORE, MR_WALK_AFTER, MR_WALK_ROW };

/* All write at codec->writer.out. `failed` is the form of the column that could not be written. */
struct mr_walk {
    /* What stands before and behind a key or value. */
    void (*begin)(struct mr_codec *codec, const struct mr_codec_plan *plan, bool key);
    void (*end)(struct mr_codec *codec, const struct mr_codec_plan *plan, bool key);
    /* The key's columns of a row. */
    int (*key)(struct mr_codec *codec, const struct mr_codec_plan *plan,
               const struct mr_value *values, const struct mr_form **failed, struct mr_err *err);
    /* A row: of an envelope, where it may be missing (values NULL), or alone. */
    int (*image)(struct mr_codec *codec, const struct mr_codec_plan *plan, enum mr_walk_image image,
                 const struct mr_value *values, const struct mr_value *old,
                 const struct mr_form **failed, struct mr_err *err);
    /* "true" or "false" behind a row alone. */
    void (*deleted)(struct mr_codec *codec, bool deleted);
    void (*source)(struct mr_codec *codec, const struct mr_codec_plan *plan,
                   const struct mr_change *change);
    /* The transaction's block; `after` events of the change came before this one. */
    void (*block)(struct mr_codec *codec, const struct mr_change *change, uint64_t after);
    /* The operation and the times behind it. */
    void (*op)(struct mr_codec *codec, const struct mr_change *change, enum mr_op op);
    /* A value of this schema that is no row. */
    void (*tree)(struct mr_codec *codec, const struct mr_codec_plan *plan,
                 const struct mr_change *change, const struct mr_connect *schema,
                 const struct mr_node *node);
    /* MAY. Looks at the first value of a plan. */
    int (*sample)(struct mr_codec *codec, struct mr_codec_plan *plan, struct mr_slice value,
                  struct mr_err *err);
};

/* A key, and the same as JSON text for a header where another key is told. */
struct mr_walk_key {
    const struct mr_value *values; /* it is made of; NULL: none */
    struct mr_slice bytes, text;
};

MR_WALK int mr_walk_key(const struct mr_walk *walk, struct mr_codec *codec, struct mr_batch *batch,
                        const struct mr_codec_plan *plan, const struct mr_change *change,
                        const struct mr_value *values, struct mr_walk_key *ret_key,
                        struct mr_err *err)
{
    const struct mr_form *failed = NULL;
    int rc;

    *ret_key = (struct mr_walk_key){.values = values};
    if (!values)
        return 0;
    mr_out_begin(&codec->writer.out, &batch->arena, 128);
    walk->begin(codec, plan, true);
    rc = walk->key(codec, plan, values, &failed, err);
    if (rc < 0)
        return mr_event_fail(err, plan->table, failed->column, change);
    walk->end(codec, plan, true);
    ret_key->bytes = mr_out_end(&codec->writer.out);
    return 0;
}

/* The key as JSON, for a header: with every format. */
int mr_walk_key_text(struct mr_codec *codec, struct mr_batch *batch,
                     const struct mr_codec_plan *plan, const struct mr_change *change,
                     const struct mr_value *values, struct mr_slice *ret_text,
                     struct mr_err *err) MR_MUST_CHECK;

MR_WALK int mr_walk_envelope(const struct mr_walk *walk, struct mr_codec *codec,
                             const struct mr_codec_plan *plan, const struct mr_change *change,
                             const struct mr_event *event, const struct mr_value *old,
                             const struct mr_form **failed, struct mr_err *err)
{
    int rc = walk->image(codec, plan, MR_WALK_BEFORE, event->before, NULL, failed, err);

    if (rc == 0)
        rc = walk->image(codec, plan, MR_WALK_AFTER, event->after, old, failed, err);
    if (rc < 0)
        return rc;
    walk->source(codec, plan, change);
    walk->block(codec, change, mr_event_before(change, event->op));
    walk->op(codec, change, event->op);
    return 0;
}

MR_WALK int mr_walk_flat(const struct mr_walk *walk, struct mr_codec *codec,
                         const struct mr_codec_plan *plan, const struct mr_event *event,
                         const struct mr_value *old, const struct mr_form **failed,
                         struct mr_err *err)
{
    int rc = walk->image(codec, plan, MR_WALK_ROW, event->after ? event->after : event->before, old,
                         failed, err);

    if (rc == 0 && codec->style.deletes == MR_DELETES_REWRITE)
        walk->deleted(codec, event->op == MR_OP_DELETE);
    return rc;
}

MR_WALK int mr_walk_value(const struct mr_walk *walk, struct mr_codec *codec,
                          struct mr_batch *batch, struct mr_codec_plan *plan,
                          const struct mr_change *change, const struct mr_event *event,
                          struct mr_slice *ret_value, struct mr_err *err)
{
    const struct mr_value *old = change->before_is_key ? NULL : change->before;
    const struct mr_form *failed = NULL;
    int rc;

    mr_out_begin(&codec->writer.out, &batch->arena, plan->typical);
    walk->begin(codec, plan, false);
    rc = codec->style.flat ? mr_walk_flat(walk, codec, plan, event, old, &failed, err)
                           : mr_walk_envelope(walk, codec, plan, change, event, old, &failed, err);
    if (rc < 0)
        return mr_event_fail(err, plan->table, failed->column, change);
    walk->end(codec, plan, false);
    *ret_value = mr_out_end(&codec->writer.out);
    if (ret_value->size > plan->typical)
        plan->typical =
            ret_value->size < MR_WALK_TYPICAL_MAX ? ret_value->size + 64 : MR_WALK_TYPICAL_MAX;
    return walk->sample ? walk->sample(codec, plan, *ret_value, err) : 0;
}

MR_WALK int mr_walk_event(const struct mr_walk *walk, struct mr_codec *codec,
                          struct mr_batch *batch, struct mr_codec_plan *plan,
                          const struct mr_change *change, const struct mr_event *event,
                          struct mr_slice key, struct mr_slice other_key, struct mr_err *err)
{
    struct mr_slice value = {NULL, 0}, unchanged = {NULL, 0};
    struct mr_record *record;
    int rc = 0;

    codec->writer.unchanged = false;
    if (!event->tombstone)
        rc = mr_walk_value(walk, codec, batch, plan, change, event, &value, err);
    if (rc < 0)
        return rc;
    if (codec->writer.unchanged && event->after)
        unchanged = mr_row_unchanged(&codec->writer, &batch->arena, plan->json_columns,
                                     plan->json_column_count, event->after);
    record = mr_event_record(batch, change, plan->topic, event, other_key, codec->context_headers,
                             codec->context_header_count, unchanged);
    record->key = key;
    record->value = value;
    return 0;
}

/* The key of the first event, and of a key change the other one; each with its text where the other is told of it. */
MR_WALK int mr_walk_keys(const struct mr_walk *walk, struct mr_codec *codec, struct mr_batch *batch,
                         const struct mr_codec_plan *plan, const struct mr_change *change,
                         const struct mr_event *event, struct mr_walk_key keys[2],
                         struct mr_err *err)
{
    int rc = mr_walk_key(walk, codec, batch, plan, change, event->key, &keys[0], err);

    keys[1] = (struct mr_walk_key){0};
    if (rc < 0 || !event->other_key)
        return rc;
    rc = mr_walk_key(walk, codec, batch, plan, change, event->other_key, &keys[1], err);
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = mr_walk_key_text(codec, batch, plan, change, keys[i].values, &keys[i].text, err);
    return rc;
}

MR_WALK int mr_walk_row(const struct mr_walk *walk, struct mr_codec *codec, struct mr_batch *batch,
                        struct mr_codec_plan *plan, const struct mr_change *change,
                        struct mr_err *err)
{
    struct mr_event events[MR_EVENTS_MAX];
    size_t before = batch->record_count;
    struct mr_walk_key keys[2];
    uint32_t count = mr_event_list(change, plan->json_key_count > 0, &codec->style, events);
    int rc = count > 0 ? mr_walk_keys(walk, codec, batch, plan, change, &events[0], keys, err) : 0;

    for (uint32_t i = 0; i < count && rc == 0; i++) {
        bool first = events[i].key == events[0].key;
        rc = mr_walk_event(walk, codec, batch, plan, change, &events[i], keys[!first].bytes,
                           keys[first].text, err);
    }
    if (rc < 0)
        batch->record_count = before;
    return rc;
}

/* A key or value that is no row. */
MR_WALK struct mr_slice mr_walk_tree(const struct mr_walk *walk, struct mr_codec *codec,
                                     struct mr_batch *batch, const struct mr_codec_plan *plan,
                                     const struct mr_change *change, const struct mr_node *node,
                                     bool key)
{
    mr_out_begin(&codec->writer.out, &batch->arena, key ? 128 : plan->typical);
    walk->begin(codec, plan, key);
    walk->tree(codec, plan, change, key ? plan->key_schema : plan->value_schema, node);
    walk->end(codec, plan, key);
    return mr_out_end(&codec->writer.out);
}

MR_WALK int mr_walk_message(const struct mr_walk *walk, struct mr_codec *codec,
                            struct mr_batch *batch, const struct mr_codec_plan *plan,
                            const struct mr_change *change, struct mr_err *err)
{
    const struct mr_slice none = {NULL, 0};
    struct mr_record *record;
    struct mr_node_pair nodes;
    struct mr_slice key, value;
    struct mr_value content;
    int rc = mr_form_content(&codec->config->forms, change->message->content,
                             &codec->writer.scratch, &content, err);

    if (rc < 0)
        return rc;
    nodes = mr_side_message_nodes(&batch->arena, change, &content);
    key = mr_walk_tree(walk, codec, batch, plan, change, nodes.key, true);
    value = mr_walk_tree(walk, codec, batch, plan, change, nodes.value, false);
    record =
        mr_event_record(batch, change, plan->topic, &(struct mr_event){0}, none, NULL, 0, none);
    record->key = key;
    record->value = value;
    return 0;
}

/* The record of a BEGIN, END or HEARTBEAT. */
MR_WALK void mr_walk_side(const struct mr_walk *walk, struct mr_codec *codec,
                          struct mr_batch *batch, const struct mr_codec_plan *plan,
                          const struct mr_change *change)
{
    struct mr_node_pair nodes =
        mr_side_nodes(&batch->arena, change, mr_slice_str(codec->context->server));
    struct mr_slice key = mr_walk_tree(walk, codec, batch, plan, change, nodes.key, true);
    struct mr_slice value = mr_walk_tree(walk, codec, batch, plan, change, nodes.value, false);

    mr_side_record(batch, change, plan->topic, key, value);
}

/* The record of a changed schema: in order, hence of one partition. */
MR_WALK void mr_walk_schema(const struct mr_walk *walk, struct mr_codec *codec,
                            struct mr_batch *batch, const struct mr_codec_plan *plan,
                            const struct mr_change *change)
{
    const struct mr_slice none = {NULL, 0};
    bool comments = codec->config->forms.comments == MR_COMMENTS_TRUE;
    struct mr_node_pair nodes = mr_schema_change_nodes(&batch->arena, change, comments);
    struct mr_slice key, value;
    struct mr_record *record;

    mr_codec_schema_source(codec, &batch->arena, change);
    key = mr_walk_tree(walk, codec, batch, plan, change, nodes.key, true);
    value = mr_walk_tree(walk, codec, batch, plan, change, nodes.value, false);
    record = mr_event_record(batch, change, plan->topic, &(struct mr_event){.op = change->op}, none,
                             codec->context_headers, codec->context_header_count, none);
    record->partition = 0;
    record->key = key;
    record->value = value;
}

MR_WALK int mr_walk_change(const struct mr_walk *walk, struct mr_codec *codec,
                           struct mr_batch *batch, const struct mr_change *change,
                           struct mr_err *err)
{
    struct mr_codec_plan *plan = NULL;
    int rc = mr_codec_find(codec, change, &plan, err);

    if (rc < 0)
        return rc;
    if (change->op == MR_OP_MESSAGE)
        return mr_walk_message(walk, codec, batch, plan, change, err);
    if (change->table)
        return mr_walk_row(walk, codec, batch, plan, change, err);
    if (change->op == MR_OP_SCHEMA)
        mr_walk_schema(walk, codec, batch, plan, change);
    else
        mr_walk_side(walk, codec, batch, plan, change);
    return 0;
}

/* What encode() of struct mr_encoder does. */
MR_WALK int mr_walk_batch(const struct mr_walk *walk, struct mr_codec *codec,
                          struct mr_batch *batch, size_t *ret_failed, struct mr_err *err)
{
    mr_source_reset(&codec->block);
    for (size_t i = 0; i < batch->change_count; i++) {
        int rc = mr_walk_change(walk, codec, batch, &batch->changes[i], err);

        if (rc == 0 || mr_event_skipped(codec->context, codec->config->forms.failure, rc, err))
            continue;
        *ret_failed = i;
        return rc;
    }
    mr_event_nulled(codec->context, &codec->writer.losses);
    return 0;
}

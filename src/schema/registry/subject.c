/* From a schema's text to the bytes in front of every record.
 *
 *     topic_name          shop.public.orders-value
 *     record_name         shop.public.orders.Envelope
 *     topic_record_name   shop.public.orders-shop.public.orders.Envelope
 *
 *     make: name, text    --resolve-->    id, frame 00 xx xx xx xx     (the registry is asked once per client)
 *
 * A subject without a name is a schema that there is not; resolving and planning it does nothing, so that callers
 * treat keys and values alike. What the texts say is the formats' business (avro/text.h, json/schema.h). */
#include "schema/registry/subject.h"

#include <assert.h>
#include <string.h>

const char *const mr_strategies[] = {"topic_name", "record_name", "topic_record_name", NULL};

static char *name_of(struct mr_arena *arena, int strategy, struct mr_slice topic,
                     struct mr_slice record, bool key)
{
    if (strategy == MR_STRATEGY_RECORD)
        return mr_arena_str(arena, record);
    if (strategy == MR_STRATEGY_TOPIC_RECORD)
        return mr_arena_printf(arena, "%.*s-%.*s", MR_SLICE_ARG(topic), MR_SLICE_ARG(record));
    return mr_arena_printf(arena, "%.*s-%s", MR_SLICE_ARG(topic), key ? "key" : "value");
}

void mr_subject_make(struct mr_arena *arena, const struct mr_subject_options *options,
                     const struct mr_schema *schema, struct mr_slice topic, struct mr_slice record,
                     bool key, struct mr_subject *ret_subject)
{
    int strategy = key ? options->key_strategy : options->value_strategy;

    *ret_subject = (struct mr_subject){.name = name_of(arena, strategy, topic, record, key),
                                       .schema = *schema,
                                       .frame_size = MR_FRAME_ID};
    ret_subject->schema.text = mr_arena_copy(arena, schema->text);
}

void mr_subject_frame(struct mr_subject *subject, struct mr_slice behind)
{
    assert(behind.size <= MR_FRAME_MAX - MR_FRAME_ID);
    memcpy(subject->frame + MR_FRAME_ID, behind.data, behind.size);
    subject->frame_size = (uint32_t)(MR_FRAME_ID + behind.size);
}

int mr_subject_resolve(struct mr_subject *subject, struct mr_registry *registry, struct mr_err *err)
{
    int rc;

    if (!subject->name || subject->id)
        return 0;
    rc = mr_registry_id(registry, subject->name, &subject->schema, &subject->id, err);
    if (rc < 0)
        return rc;
    mr_registry_frame(subject->frame, subject->id);
    return 0;
}

int mr_subject_plan(const struct mr_subject *subject, struct mr_registry *registry,
                    void (*each)(void *user, const struct mr_subject_plan *subject), void *user,
                    struct mr_err *err)
{
    struct mr_subject_plan plan;
    int rc;

    if (!subject->name)
        return 0;
    rc = mr_registry_plan(registry, subject->name, &subject->schema, &plan, err);
    if (rc == 0)
        each(user, &plan);
    return rc;
}

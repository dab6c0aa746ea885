/* Two tables, one topic: wanted or not?
 *
 *     template {name}.{schema}.{table}    tables public."a b" and public.a_b    both shop.public.a_b
 *     parts    shop NUL public NUL a b    shop NUL public NUL a_b               not the same: an accident
 *
 * What the template's placeholders stand for, one after another with a NUL behind each, are the parts. Equal parts
 * under one topic are what the user asked for (a template without {table} has equal parts for all tables);
 * different ones are a collision. A table that was renamed is still the same table by its native id.
 *
 * One entry is kept per topic for as long as the sink is open, with the names in an arena: tables that come and go
 * under new names add to it, as their topics do to the sink. */
#include "schema/names/owners.h"

struct owner {
    struct mr_slice parts, name;
    uint64_t native_id;
    const struct mr_side_topic *side; /* no table's, but theirs; NULL: a table's */
};

void mr_topic_owners_init(struct mr_topic_owners *owners)
{
    mr_map_init(&owners->by_topic);
    mr_arena_init(&owners->arena, 16 << 10, 0);
}

void mr_topic_owners_done(struct mr_topic_owners *owners)
{
    mr_map_done(&owners->by_topic);
    mr_arena_done(&owners->arena);
}

static struct mr_slice table_name(struct mr_arena *arena, const struct mr_table *table)
{
    return mr_slice_str(mr_arena_printf(arena, "%.*s.%.*s", MR_SLICE_ARG(mr_table_space(table)),
                                        MR_SLICE_ARG(table->name)));
}

static int collision(const struct owner *owner, const struct mr_table *table, struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, "config.topic_collision",
               "tables %.*s and %.*s.%.*s would both go to the topic %.*s, because a topic's name "
               "has no place for what tells them apart",
               MR_SLICE_ARG(owner->name), MR_SLICE_ARG(mr_table_space(table)),
               MR_SLICE_ARG(table->name), MR_SLICE_ARG(table->topic));
    mr_err_hint(err,
                "Leave one of them out with source.tables, rename one, or read it with a pipeline "
                "of its own whose sink.topic differs.");
    return MR_CONFIG;
}

static int collision_beside(const struct mr_side_topic *side, struct mr_slice table,
                            struct mr_slice topic, struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, "config.topic_collision",
               "table %.*s would go to the topic %.*s, which has %s", MR_SLICE_ARG(table),
               MR_SLICE_ARG(topic), side->what);
    mr_err_hint(err, "%s", side->hint);
    return MR_CONFIG;
}

int mr_topic_owners_reserve(struct mr_topic_owners *owners, struct mr_slice topic,
                            const struct mr_side_topic *side, struct mr_err *err)
{
    struct owner *owner = mr_map_get(&owners->by_topic, topic);

    if (owner && !owner->side)
        return collision_beside(side, owner->name, topic, err);
    if (owner && owner->side != side) {
        mr_err_set(err, MR_CONFIG, "config.topic_collision", "%s and %s would share the topic %.*s",
                   owner->side->what, side->what, MR_SLICE_ARG(topic));
        mr_err_hint(err, "%s", side->hint);
        return MR_CONFIG;
    }
    if (owner)
        return 0;
    owner = MR_ARENA_NEW(&owners->arena, struct owner);
    *owner = (struct owner){.side = side};
    mr_map_put(&owners->by_topic, mr_arena_copy(&owners->arena, topic), owner);
    return 0;
}

int mr_topic_owners_take(struct mr_topic_owners *owners, const char *template,
                         const struct mr_table *table, struct mr_err *err)
{
    struct owner *owner = mr_map_get(&owners->by_topic, table->topic);
    struct mr_buf parts;
    bool same;

    if (owner && owner->side)
        return collision_beside(owner->side, table_name(&owners->arena, table), table->topic, err);
    mr_buf_init(&parts, 1 << 20);
    mr_topic_parts(template, table, &parts);
    same = owner && mr_slice_equal(owner->parts, mr_buf_slice(&parts));
    if (owner && !same && (table->native_id == 0 || owner->native_id != table->native_id)) {
        mr_buf_done(&parts);
        return collision(owner, table, err);
    }
    if (!same) {
        owner = MR_ARENA_NEW(&owners->arena, struct owner);
        *owner = (struct owner){.parts = mr_arena_copy(&owners->arena, mr_buf_slice(&parts)),
                                .name = table_name(&owners->arena, table),
                                .native_id = table->native_id};
        mr_map_put(&owners->by_topic, table->topic, owner);
    }
    mr_buf_done(&parts);
    return 0;
}

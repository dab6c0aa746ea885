/* Templates of the configuration, expanded and compared.
 *
 *     format.transaction_topic   {name}.transaction            with provide_transaction_metadata
 *     errors.topic               {name}.dead_letters           with policy dead_letter
 *     source.heartbeat.topic     __debezium-heartbeat.{name}   with an interval; the source knows
 *
 * Logical messages have a topic as well, but whether there are any only the first of them tells: the writer takes it
 * then. The position's topic is the sink's own affair. Where nothing is encoded there are dead letters at
 * most. */
#include "config/side_topics.h"

static const struct mr_side_topic transactions = {
    "the transactions' BEGIN and END", "choose another format.transaction_topic, or another "
                                       "sink.topic"};
static const struct mr_side_topic dead_letters = {
    "the dead letters", "choose another errors.topic, or another sink.topic"};
static const struct mr_side_topic heartbeats = {
    "the heartbeats", "choose another source.heartbeat.topic, or another sink.topic"};

struct walk {
    const struct mr_pipeline_config *config;
    void (*each)(void *user, const struct mr_side_topic *side, struct mr_slice topic);
    void *user;
};

static int show(const struct walk *walk, const struct mr_side_topic *side, const char *template,
                struct mr_err *err)
{
    struct mr_table *name = mr_table_new(0);
    int rc;

    name->server = mr_slice_str(walk->config->server);
    rc =
        mr_topic_assign(template, walk->config->sink ? walk->config->sink->names : NULL, name, err);
    if (rc == 0)
        walk->each(walk->user, side, name->topic);
    mr_table_unref(name);
    return rc;
}

/* Only the source knows of its own. */
static int show_heartbeats(const struct walk *walk, struct mr_err *err)
{
    const struct mr_context context = {.pipeline = walk->config->name,
                                       .server = walk->config->server};
    const struct mr_source_args args = {.context = &context, .config = walk->config->source_config};
    struct mr_source_sides sides = {0};
    struct mr_arena arena;
    int rc;

    if (!walk->config->source || !walk->config->source->sides)
        return 0;
    mr_arena_init(&arena, 1024, 0);
    rc = walk->config->source->sides(&args, &arena, &sides, err);
    if (rc == 0 && sides.heartbeats.data)
        walk->each(walk->user, &heartbeats, sides.heartbeats);
    mr_arena_done(&arena);
    return rc;
}

int mr_side_topics_each(const struct mr_pipeline_config *config,
                        void (*each)(void *user, const struct mr_side_topic *side,
                                     struct mr_slice topic),
                        void *user, struct mr_err *err)
{
    const struct walk walk = {config, each, user};
    int rc = 0;

    if (config->encoder && config->events.provide)
        rc = show(&walk, &transactions, config->events.topic, err);
    if (rc == 0 && config->errors.policy == MR_ERRORS_DEAD_LETTER)
        rc = show(&walk, &dead_letters, config->errors.topic, err);
    return rc < 0 || !config->encoder ? rc : show_heartbeats(&walk, err);
}

struct reservation {
    struct mr_topic_owners *owners;
    struct mr_err *err;
    int rc;
};

static void reserve(void *user, const struct mr_side_topic *side, struct mr_slice topic)
{
    struct reservation *reservation = user;

    if (reservation->rc == 0)
        reservation->rc =
            mr_topic_owners_reserve(reservation->owners, topic, side, reservation->err);
}

int mr_side_topics_reserve(const struct mr_pipeline_config *config, struct mr_topic_owners *owners,
                           struct mr_err *err)
{
    struct reservation reservation = {owners, err, 0};
    int rc = mr_side_topics_each(config, reserve, &reservation, err);

    return rc < 0 ? rc : reservation.rc;
}

/* Will transforms, topics and format take the tables there are?
 *
 * All three decide per table version and refuse there, with table and column. The source shows a version of every
 * table it would capture; each goes through the transforms in a batch of its own that has the table and no row, is
 * given its topic, and is shown to the format, which says what it would refuse without asking anybody (or, for `schema
 * plan`, tells its schemas and what its registry thinks of them). So `check` says exactly what a run would say, by the
 * same code, before anything was made or sent. Behind the tables, `schema plan` hears of the records that belong to
 * none: transactions' ends, heartbeats, and logical messages, of which nobody knows whether one will ever come. */
#include <stdlib.h>

#include "cli/inspect.h"
#include "config/side_topics.h"
#include "engine/events/transactions.h"
#include "schema/names/owners.h"

struct trial {
    struct mr_inspect *inspect;
    const struct mr_pipeline_config *config;
    const struct mr_sink_args *sink;
    void **transforms;
    void *encoder; /* NULL: none, or one that would talk to somebody */
    struct mr_topic_owners topics;
    struct mr_transactions transactions;
    struct mr_inspect_tables *tried;
    bool away; /* the registry did not answer */
};

/* The registry, as long as it answers: who is away once is told once. */
static bool asks(const struct trial *trial)
{
    return trial->tried->each && trial->config->encoder->plan && !trial->away;
}

static int try_format(struct trial *trial, struct mr_table *table, struct mr_err *err)
{
    const struct mr_encoder *encoder = trial->config->encoder;

    if (encoder->leaves_out && encoder->leaves_out(trial->encoder, MR_OP_TRUNCATE))
        table->truncates = false;
    int rc = encoder->check ? encoder->check(trial->encoder, table, err) : 0;

    if (rc < 0 || !asks(trial))
        return rc;
    rc = encoder->plan(trial->encoder, table, trial->tried->each, trial->tried->user, err);
    trial->away |= rc == MR_RETRY;
    return rc;
}

/* The topic's entry among those that the sink's preflight looks at; several tables may have one. */
static struct mr_sink_topic *topic_of(struct mr_inspect *inspect, struct mr_slice name)
{
    struct mr_sink_args *sink = &inspect->sink;
    uintptr_t place = (uintptr_t)mr_map_get(&inspect->topic_places, name);
    struct mr_sink_topic *topic;

    if (place > 0)
        return &inspect->topics[place - 1];
    if (sink->topic_count == inspect->topic_capacity) {
        inspect->topic_capacity = inspect->topic_capacity ? 2 * inspect->topic_capacity : 16;
        inspect->topics =
            mr_realloc(inspect->topics, inspect->topic_capacity * sizeof *inspect->topics);
    }
    sink->topics = inspect->topics;
    topic = &inspect->topics[sink->topic_count++];
    *topic = (struct mr_sink_topic){.name = mr_arena_str(&inspect->arena, name)};
    mr_map_put(&inspect->topic_places, mr_slice_str(topic->name), (void *)sink->topic_count);
    return topic;
}

static void add_table(struct mr_inspect *inspect, const struct mr_table *table)
{
    struct mr_sink_topic *topic = topic_of(inspect, table->topic);
    bool keyless = table->key_count == 0, truncates = table->truncates;

    /* of several tables the one that tells most */
    if (!topic->what || (keyless && !topic->keyless) ||
        (truncates && !topic->truncates && !topic->keyless))
        topic->what =
            mr_arena_printf(&inspect->arena, "table %.*s.%.*s", MR_SLICE_ARG(mr_table_space(table)),
                            MR_SLICE_ARG(table->name));
    topic->keyless |= keyless;
    topic->truncates |= truncates;
}

static void add_side(void *user, const struct mr_side_topic *side, struct mr_slice name)
{
    topic_of(user, name)->what = side->what;
}

/* The tables as the transforms left them. */
static int try_topics(struct trial *trial, const struct mr_batch *batch, struct mr_err *err)
{
    int rc = 0;

    for (size_t i = 0; i < batch->table_count && rc == 0; i++) {
        struct mr_table *table = batch->tables[i];
        rc = mr_topic_assign(trial->config->topic, trial->config->sink->names, table, err);
        if (rc == 0)
            rc = mr_topic_owners_take(&trial->topics, trial->config->topic, table, err);
        if (rc == 0 && trial->encoder)
            rc = try_format(trial, table, err);
        if (rc == 0 && trial->config->sink->fit)
            rc = trial->config->sink->fit(trial->sink, table, err);
        if (rc == 0)
            add_table(trial->inspect, table);
    }
    return rc;
}

static void add_failure(const struct trial *trial, const struct mr_err *err)
{
    const struct mr_findings *findings = trial->tried->findings;

    findings->add(findings->state, mr_finding_of(err), err->code, err->text,
                  err->hint[0] ? err->hint : NULL);
}

static void try_table(void *user, struct mr_table *table)
{
    struct trial *trial = user;
    struct mr_batch *batch = mr_batch_new(4096, 0);
    struct mr_err err;
    int rc = 0;

    mr_err_clear(&err);
    mr_batch_use_table(batch, table);
    for (size_t i = 0; i < trial->config->transform_count && rc == 0; i++)
        rc = trial->config->transforms[i]->apply(trial->transforms[i], batch, &err);
    if (rc == 0)
        rc = try_topics(trial, batch, &err);
    trial->tried->count++;
    trial->tried->fit += rc == 0;
    if (rc < 0)
        add_failure(trial, &err);
    mr_batch_free(batch);
}

static int open_parts(const struct mr_inspect *inspect, struct trial *trial, struct mr_err *err)
{
    const struct mr_pipeline_config *config = inspect->config;
    int rc = 0;

    trial->transforms = mr_alloc_zero((config->transform_count + 1) * sizeof *trial->transforms);
    for (size_t i = 0; i < config->transform_count && rc == 0; i++) {
        struct mr_transform_args args = {&inspect->context, config->transform_configs[i]};
        trial->transforms[i] = mr_alloc_zero(config->transforms[i]->state_size);
        rc = config->transforms[i]->open(trial->transforms[i], &args, err);
    }
    if (rc == 0)
        rc = mr_transactions_open(&trial->transactions, config, inspect->context.server, err);
    if (rc == 0 && config->encoder &&
        ((trial->tried->each && config->encoder->plan) || config->encoder->check)) {
        struct mr_encoder_args args = {.context = &inspect->context,
                                       .config = config->encoder_config,
                                       .transactions = mr_transactions_topic(&trial->transactions)};
        trial->encoder = mr_alloc_zero(config->encoder->state_size);
        rc = config->encoder->open(trial->encoder, &args, err);
    }
    return rc;
}

static void close_parts(struct trial *trial)
{
    const struct mr_pipeline_config *config = trial->config;

    if (trial->encoder)
        config->encoder->close(trial->encoder);
    free(trial->encoder);
    for (size_t i = 0; i < config->transform_count; i++) {
        if (trial->transforms[i])
            config->transforms[i]->close(trial->transforms[i]);
        free(trial->transforms[i]);
    }
    free(trial->transforms);
    mr_transactions_close(&trial->transactions);
}

/* As with a table, what fails is a finding; with a table that failed, it would be the same one. */
static void try_side(const struct trial *trial, const struct mr_change *change)
{
    struct mr_err err;

    mr_err_clear(&err);
    if (trial->config->encoder->plan_side(trial->encoder, change, trial->tried->each,
                                          trial->tried->user, &err) < 0 &&
        trial->tried->fit == trial->tried->count)
        add_failure(trial, &err);
}

static int try_sides(struct trial *trial, const struct mr_source_args *args, struct mr_err *err)
{
    const struct mr_source *source = trial->config->source;
    struct mr_source_sides sides = {0};
    struct mr_heartbeat heartbeat = {0};
    struct mr_arena arena;
    int rc = 0;

    if (!trial->config->encoder || !asks(trial) || !trial->config->encoder->plan_side)
        return 0;
    mr_arena_init(&arena, 1024, 0);
    if (source->sides)
        rc = source->sides(args, &arena, &sides, err);
    heartbeat.topic = sides.heartbeats;
    if (rc == 0 && mr_transactions_topic(&trial->transactions).data)
        try_side(trial, &(struct mr_change){.op = MR_OP_BEGIN});
    if (rc == 0 && heartbeat.topic.data)
        try_side(trial, &(struct mr_change){.op = MR_OP_HEARTBEAT, .heartbeat = &heartbeat});
    trial->tried->perhaps = !sides.messages_wanted;
    if (rc == 0 && sides.messages)
        try_side(trial, &(struct mr_change){.op = MR_OP_MESSAGE});
    mr_arena_done(&arena);
    return rc;
}

int mr_inspect_tables(struct mr_inspect *inspect, struct mr_inspect_tables *tried,
                      struct mr_err *err)
{
    const struct mr_pipeline_config *config = inspect->config;
    struct mr_source_args args = inspect->source;
    struct trial trial = {
        .inspect = inspect, .config = config, .sink = &inspect->sink, .tried = tried};
    int rc;

    rc = mr_side_topics_each(config, add_side, inspect, err);
    if (rc < 0 || !config->source->tables)
        return rc;
    args.adopt = config->sink->delivery == MR_SINK_AT_LEAST_ONCE;
    mr_topic_owners_init(&trial.topics);
    rc = mr_side_topics_reserve(config, &trial.topics, err);
    if (rc == 0)
        rc = open_parts(inspect, &trial, err);
    if (rc == 0)
        rc = config->source->tables(&args, try_table, &trial, err);
    if (rc == 0)
        rc = try_sides(&trial, &args, err);
    close_parts(&trial);
    mr_topic_owners_done(&trial.topics);
    return rc;
}

/* Who is told of what before its first event.
 *
 * Ids of table versions are kept, not the versions: to hold those of every session that ever was would be a leak.
 * A version's topic is chosen here and held against the topics of all others, then the encoder makes its plan, which
 * may need a registry, or, where none runs, the sink makes what it needs for the version. The schemas of logical
 * messages and of side records belong to no table and are described when the first of them comes.
 *
 * A registry that is away is waited for with the batch in hand; the caller polls the sink meanwhile. Encoding starts
 * only when all is known, so a batch is encoded once. */
#include "engine/write/describe.h"

#include "base/clock.h"
#include "config/side_topics.h"
#include "schema/event/event.h"
#include "schema/names/topic.h"

#define MOST_DESCRIBED 65536 /* ids that are remembered */

static const struct mr_side_topic messages = {
    "the logical messages",
    "choose another sink.topic, or leave them out with source.message_prefixes"};

void mr_describing_init(struct mr_describing *describing, const struct mr_pipeline_config *config,
                        const struct mr_context *context)
{
    *describing = (struct mr_describing){.config = config, .context = context};
    mr_map_init(&describing->described);
    mr_topic_owners_init(&describing->topics);
}

void mr_describing_done(struct mr_describing *describing)
{
    mr_map_done(&describing->described);
    mr_topic_owners_done(&describing->topics);
}

int mr_describing_reserve(struct mr_describing *describing, struct mr_err *err)
{
    return mr_side_topics_reserve(describing->config, &describing->topics, err);
}

void mr_describing_forget(struct mr_describing *describing)
{
    mr_map_done(&describing->described);
    mr_map_init(&describing->described);
    describing->messages = false;
}

static int describe_messages(struct mr_describing *describing, void *state, struct mr_batch *batch,
                             struct mr_err *err)
{
    const struct mr_encoder *encoder = describing->config->encoder;
    int rc;

    if (!batch->messages || describing->messages || (encoder && !encoder->describe_messages))
        return 0;
    rc = mr_topic_owners_reserve(
        &describing->topics, mr_event_topic(&batch->arena, describing->context->server, "message"),
        &messages, err);
    if (rc == 0 && encoder)
        rc = encoder->describe_messages(state, err);
    describing->messages = rc == 0;
    return rc;
}

static int describe_sides(const struct mr_describing *describing, void *state,
                          const struct mr_batch *batch, struct mr_err *err)
{
    const struct mr_encoder *encoder = describing->config->encoder;
    int rc = 0;

    if (!batch->sides || !encoder || !encoder->describe_side)
        return 0;
    for (size_t i = 0; i < batch->change_count && rc == 0; i++) {
        const struct mr_change *change = &batch->changes[i];
        if (!change->table && !change->message)
            rc = encoder->describe_side(state, change, err);
    }
    return rc;
}

static int describe_table(struct mr_describing *describing, void *state, struct mr_table *table,
                          int64_t deadline_ns, struct mr_err *err)
{
    const struct mr_pipeline_config *config = describing->config;
    int rc = 0;

    if (mr_map_get_number(&describing->described, table->id))
        return 0;
    if (!table->topic.data)
        rc = mr_topic_assign(config->topic, config->sink->names, table, err);
    if (config->encoder && config->encoder->leaves_out &&
        config->encoder->leaves_out(state, MR_OP_TRUNCATE))
        table->truncates = false;
    if (rc == 0)
        rc = mr_topic_owners_take(&describing->topics, config->topic, table, err);
    if (rc == 0 && config->encoder)
        rc = config->encoder->describe(state, table, err);
    else if (rc == 0 && config->sink->describe)
        rc = config->sink->describe(state, table, deadline_ns, err);
    if (rc == 0)
        mr_map_put_number(&describing->described, table->id, describing);
    return rc;
}

static int describe_all(struct mr_describing *describing, void *state, struct mr_batch *batch,
                        int64_t deadline_ns, struct mr_err *err)
{
    int rc = 0;

    if (describing->described.count > MOST_DESCRIBED)
        mr_describing_forget(describing);
    for (size_t i = 0; i < batch->table_count && rc == 0; i++)
        rc = describe_table(describing, state, batch->tables[i], deadline_ns, err);
    if (rc == 0)
        rc = describe_messages(describing, state, batch, err);
    return rc < 0 ? rc : describe_sides(describing, state, batch, err);
}

int mr_describe(struct mr_describing *describing, void *state, struct mr_batch *batch,
                int64_t deadline_ns, struct mr_err *err)
{
    const struct mr_encoder *calls = describing->config->encoder;
    int64_t now_ns = mr_clock_mono_ns();
    int rc;

    if (now_ns < describing->after_ns)
        return MR_AGAIN;
    if (calls && calls->wait_until)
        calls->wait_until(state, deadline_ns);
    rc = describe_all(describing, state, batch, deadline_ns, err);
    if (rc != (calls ? MR_RETRY : MR_AGAIN))
        return rc;
    if (mr_clock_mono_ns() < deadline_ns)
        describing->after_ns = now_ns + MR_SECOND_NS;
    else
        mr_err_clear(err); /* it had no time to answer: after the commit, which is due now */
    return MR_AGAIN;
}

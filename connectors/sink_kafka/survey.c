/* Names and settings of topics, before the first record.
 *
 *     shop.a_b.c    there already                     shop_a_b_c
 *     shop.a.b_c    would be made for table a.b_c     shop_a_b_c    the same: brokers do not make it
 *
 * Brokers name their metrics by topic, with _ in place of each dot, and refuse to create a topic whose metrics would be
 * another one's. A run finds that out when the table's first event comes; here the topics of all tables are held
 * against one another and against those that are there. What is there already is never refused, whatever its name.
 *
 * Then brokers are asked for each topic: whether it is there, whether we may write to it, and, where it is to be made,
 * whether they would make it. So the heartbeats' topic, which no grant for the tables' prefix covers, is asked for too.
 *
 * A compacted topic takes no record without a key. Tables without a key have only such records, truncates are such
 * records among others, and one of those would stop a pipeline in the middle of its life. */
#include "connectors/sink_kafka/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "client/kafka/admin.h"
#include "connectors/sink_kafka/topics.h"

/* So many topics that are to be made are shown to the brokers; each is a request. */
#define MOST_ABSENT 50

struct survey {
    struct mr_kafka_client *client;
    const struct mr_findings *findings;
    struct mr_arena arena;
    struct mr_map there;     /* names of topics that exist */
    struct mr_map by_metric; /* -> the name that has it */
    size_t failures;
};

static void add(struct survey *survey, const struct mr_err *err)
{
    survey->failures++;
    survey->findings->add(survey->findings->state, mr_finding_of(err), err->code, err->text,
                          err->hint[0] ? err->hint : NULL);
}

static struct mr_slice metric_of(struct survey *survey, const char *name)
{
    char *metric = mr_arena_str(&survey->arena, mr_slice_str(name));

    for (char *at = metric; *at; at++) {
        if (*at == '.')
            *at = '_';
    }
    return mr_slice_str(metric);
}

static void take_name(void *user, const char *name)
{
    struct survey *survey = user;
    char *kept = mr_arena_str(&survey->arena, mr_slice_str(name));

    mr_map_put(&survey->there, mr_slice_str(kept), kept);
    mr_map_put(&survey->by_metric, metric_of(survey, kept), kept);
}

static bool may_be_made(const struct survey *survey, const char *name)
{
    return survey->client->setting->config->create_topics.mode == MR_KAFKA_CREATE_AUTO &&
           !mr_map_get(&survey->there, mr_slice_str(name));
}

static void look_at_name(struct survey *survey, const char *name, const char *what)
{
    struct mr_slice metric = metric_of(survey, name);
    const char *other = mr_map_get(&survey->by_metric, metric);
    struct mr_err err;

    if (!may_be_made(survey, name))
        return;
    if (other && strcmp(other, name) != 0) {
        mr_kafka_name_taken(&err, what, name, other);
        add(survey, &err);
    } else {
        mr_map_put(&survey->by_metric, metric, mr_arena_str(&survey->arena, mr_slice_str(name)));
    }
}

static bool is_compacted(struct survey *survey, const char *name)
{
    struct mr_kafka_client *client = survey->client;
    struct mr_kafka_new_topic wanted = mr_kafka_creation_of(&client->setting->creation, name);
    const char *policy = mr_kafka_creation_setting(&wanted, "cleanup.policy");
    struct mr_buf value;
    struct mr_err unseen;

    mr_buf_init(&value, 4096);
    if (mr_map_get(&survey->there, mr_slice_str(name)) &&
        mr_kafka_admin_setting(&client->handle, name, "cleanup.policy", &value, &unseen) == 0 &&
        value.size)
        policy = mr_buf_cstr(&value);
    bool compacted = policy && strstr(policy, "compact");
    mr_buf_done(&value);
    return compacted;
}

static void look_at_topic(struct survey *survey, const struct mr_sink_topic *topic)
{
    struct mr_err err;

    if (strcmp(topic->name, survey->client->setting->names.checkpoint_topic) == 0) {
        mr_kafka_name_of_position(&err, topic->name);
        add(survey, &err);
        return;
    }
    look_at_name(survey, topic->name, topic->what);
    if ((topic->keyless || topic->truncates) && is_compacted(survey, topic->name)) {
        mr_kafka_needs_keys(&err, topic->name, topic->what, topic->keyless);
        add(survey, &err);
    }
}

/* What a run would be told of this topic at its first event. */
static void judge(struct survey *survey, const struct mr_sink_topic *topic,
                  enum mr_kafka_standing standing, size_t *absent)
{
    struct mr_kafka_client *client = survey->client;
    const char *what = topic->what ? topic->what : "events";
    struct mr_kafka_new_topic wanted;
    struct mr_err err;
    int partitions;

    if (standing == MR_KAFKA_REFUSED || standing == MR_KAFKA_READ_ONLY) {
        (void)mr_kafka_fail(
            &err, client->handle.errors, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, NULL,
            "%s topic %s, which is for %s", standing == MR_KAFKA_REFUSED ? "describe" : "write to",
            topic->name, what);
        add(survey, &err);
    } else if (standing == MR_KAFKA_ABSENT &&
               client->setting->config->create_topics.mode == MR_KAFKA_CREATE_NEVER) {
        mr_err_set(&err, MR_CONFIG, "kafka.topic_missing",
                   "topic %s, which is for %s, does not exist, and create_topics is never",
                   topic->name, what);
        mr_err_hint(&err, "create it, or let millrace: leave create_topics out");
        add(survey, &err);
    } else if (standing == MR_KAFKA_ABSENT && (*absent)++ < MOST_ABSENT) {
        wanted = mr_kafka_creation_of(&client->setting->creation, topic->name);
        wanted.validate_only = true;
        if (mr_kafka_admin_create(&client->handle, &wanted, &partitions, &err) < 0)
            add(survey, &err);
    }
}

static void look_at_standings(struct survey *survey, const struct mr_sink_topic *topics,
                              size_t count)
{
    const char **names = mr_alloc_zero((count + 1) * sizeof *names);
    enum mr_kafka_standing *standings = mr_alloc_zero((count + 1) * sizeof *standings);
    struct mr_err err;
    size_t absent = 0;

    for (size_t i = 0; i < count; i++)
        names[i] = topics[i].name;
    if (count > 0 &&
        mr_kafka_admin_standing(&survey->client->handle, names, count, standings, &err) < 0)
        add(survey, &err);
    else
        for (size_t i = 0; i < count; i++)
            judge(survey, &topics[i], standings[i], &absent);
    free(names);
    free(standings);
}

void mr_kafka_survey(struct mr_kafka_client *client, const struct mr_sink_topic *topics,
                     size_t count, const struct mr_findings *findings)
{
    struct survey survey = {.client = client, .findings = findings};
    struct mr_err err;
    char text[100];

    mr_arena_init(&survey.arena, 16 << 10, 0);
    mr_map_init(&survey.there);
    mr_map_init(&survey.by_metric);
    if (mr_kafka_admin_names(&client->handle, take_name, &survey, &err) < 0)
        add(&survey, &err);
    look_at_name(&survey, client->setting->names.checkpoint_topic, "the position");
    for (size_t i = 0; i < count; i++)
        look_at_topic(&survey, &topics[i]);
    if (survey.failures == 0)
        look_at_standings(&survey, topics, count);
    snprintf(text, sizeof text, "%zu topics can be what is asked of them", count);
    if (survey.failures == 0 && count > 0)
        findings->add(findings->state, MR_FINDING_PASS, "sink.kafka.topics", text, NULL);
    mr_map_done(&survey.there);
    mr_map_done(&survey.by_metric);
    mr_arena_done(&survey.arena);
}

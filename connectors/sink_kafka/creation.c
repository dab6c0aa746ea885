/* Patterns of topics and the settings they stand for.
 *
 *     "partitions=12 replication=3 cleanup.policy=compact,delete"
 *
 * A value of the mapping is a list of words, key=value each, separated by spaces. partitions and replication are the
 * two numbers of a creation; every other key is the topic's own configuration, which only brokers can judge (`check`
 * asks them). A rule is merged with the general settings when it is compiled, so that a topic's creation is a lookup:
 * its own words come last and win. */
#include "connectors/sink_kafka/creation.h"

#include <stdlib.h>
#include <string.h>

#define MOST_PARTITIONS  100000
#define MOST_REPLICATION 100

static struct mr_kafka_new_topic general(const struct mr_kafka_create_topics *config)
{
    return (struct mr_kafka_new_topic){
        .partitions = config->partitions ? (int)config->partitions : -1,
        .replication = config->replication ? (int)config->replication : -1,
        .config = config->config,
    };
}

void mr_kafka_creation_init(struct mr_kafka_creation *creation,
                            const struct mr_kafka_config *config)
{
    memset(creation, 0, sizeof *creation);
    creation->config = &config->create_topics;
    mr_arena_init(&creation->arena, 4096, 0);
}

void mr_kafka_creation_done(struct mr_kafka_creation *creation)
{
    mr_match_free(creation->match);
    mr_arena_done(&creation->arena);
}

static int refuse(const char *pattern, struct mr_slice word, const char *what, struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, "sink.kafka.create_topic",
               "create_topics.topics of \"%s\": \"%.*s\" %s", pattern, MR_SLICE_ARG(word), what);
    mr_err_hint(err,
                "write words separated by spaces, for example \"%s\": \"partitions=12 "
                "cleanup.policy=compact\"",
                pattern);
    return MR_CONFIG;
}

static int take_number(const char *pattern, struct mr_slice word, const char *text, long most,
                       int *ret_number, struct mr_err *err)
{
    char *end = NULL;
    long number = strtol(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end || number < 1 || number > most)
        return refuse(pattern, word, "wants a number from 1 on", err);
    *ret_number = (int)number;
    return 0;
}

static void put_setting(struct mr_option_map *map, const char *key, const char *value)
{
    size_t at = 0;

    while (at < map->count && strcmp(map->keys[at], key) != 0)
        at++;
    map->keys[at] = key;
    map->values[at] = value;
    map->count += at == map->count;
}

static int take_word(struct mr_kafka_creation *creation, const char *pattern, struct mr_slice word,
                     struct mr_kafka_new_topic *rule, struct mr_err *err)
{
    char *key = mr_arena_str(&creation->arena, word), *value = strchr(key, '=');

    if (!value || value == key)
        return refuse(pattern, word, "is not of the form key=value", err);
    *value++ = 0;
    if (strcmp(key, "partitions") == 0)
        return take_number(pattern, word, value, MOST_PARTITIONS, &rule->partitions, err);
    if (strcmp(key, "replication") == 0)
        return take_number(pattern, word, value, MOST_REPLICATION, &rule->replication, err);
    put_setting(&rule->config, key, value);
    return 0;
}

static int compile_rule(struct mr_kafka_creation *creation, const char *pattern, const char *words,
                        struct mr_kafka_new_topic *ret_rule, struct mr_err *err)
{
    const struct mr_option_map *config = &creation->config->config;
    size_t most = config->count + strlen(words) / 2 + 1;
    struct mr_kafka_new_topic rule = general(creation->config);
    int rc = 0;

    rule.config.keys = MR_ARENA_ARRAY(&creation->arena, const char *, most);
    rule.config.values = MR_ARENA_ARRAY(&creation->arena, const char *, most);
    rule.config.count = 0;
    for (size_t i = 0; i < config->count; i++)
        put_setting(&rule.config, config->keys[i], config->values[i]);
    while (*words && rc == 0) {
        const char *start = words + strspn(words, " ");
        size_t size = strcspn(start, " ");
        words = start + size;
        if (size > 0)
            rc = take_word(creation, pattern, mr_slice(start, size), &rule, err);
    }
    *ret_rule = rule;
    return rc;
}

int mr_kafka_creation_compile(struct mr_kafka_creation *creation, struct mr_err *err)
{
    const struct mr_option_map *topics = &creation->config->topics;
    int rc = mr_match_new(topics->keys, topics->count, "topics", &creation->match, err);

    creation->rules =
        MR_ARENA_ARRAY(&creation->arena, struct mr_kafka_new_topic, topics->count + 1);
    for (size_t i = 0; i < topics->count && rc == 0; i++)
        rc = compile_rule(creation, topics->keys[i], topics->values[i], &creation->rules[i], err);
    return rc;
}

struct mr_kafka_new_topic mr_kafka_creation_of(const struct mr_kafka_creation *creation,
                                               const char *name)
{
    int32_t rule = mr_match_find(creation->match, mr_slice_str(name));
    struct mr_kafka_new_topic topic = rule < 0 ? general(creation->config) : creation->rules[rule];

    topic.name = name;
    return topic;
}

const char *mr_kafka_creation_setting(const struct mr_kafka_new_topic *topic, const char *key)
{
    for (size_t i = 0; i < topic->config.count; i++) {
        if (strcmp(topic->config.keys[i], key) == 0)
            return topic->config.values[i];
    }
    return NULL;
}

bool mr_kafka_creation_each(const struct mr_kafka_creation *creation, size_t i,
                            struct mr_kafka_new_topic *ret_topic)
{
    if (i > creation->config->topics.count)
        return false;
    *ret_topic = i == 0 ? general(creation->config) : creation->rules[i - 1];
    return true;
}

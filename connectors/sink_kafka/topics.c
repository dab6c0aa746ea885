/* The table of topics and the placing of records.
 *
 * Records wait per topic and go to librdkafka partition by partition: a call for one partition looks it up, and adds it
 * to the transaction, once; a call with a partition in each message does both for every message, under locks.
 *
 * Looking a topic up costs a pointer comparison for a run of records of one table, a hash for a change of table,
 * and questions to the cluster only the first time. Brokers never create topics for us: their defaults would
 * decide on partitions, and a misspelt name would pass unnoticed.
 *
 * librdkafka remembers for a while that a topic was missing, and refuses records meanwhile. So a topic object
 * (rd_kafka_topic_new) is made only after the cluster was asked and the topic is known to exist. */
#include "connectors/sink_kafka/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "client/kafka/admin.h"
#include "connectors/sink_kafka/checkpoint.h"

#define ABSENT_NS (3 * MR_SECOND_NS)
#define GLANCE_NS (3 * MR_SECOND_NS)
#define KEPT_RUNS 256 /* above it, a topic's room for records (72 kB) goes with each batch */
#define USUAL_MOST                                                                                 \
    1000000 /* a topic whose limit we may not ask for: just below the brokers' default */

void mr_kafka_topics_init(struct mr_kafka_topics *topics)
{
    memset(topics, 0, sizeof *topics);
    mr_map_init(&topics->by_name);
    topics->sorted = mr_alloc(MR_KAFKA_RUN * sizeof *topics->sorted);
}

void mr_kafka_topics_detach(struct mr_kafka_topics *topics)
{
    struct mr_kafka_topic *topic;
    struct mr_slice name;
    size_t at = 0;

    while ((topic = mr_map_next(&topics->by_name, &at, &name, NULL))) {
        if (topic->rkt)
            rd_kafka_topic_destroy(topic->rkt);
        topic->rkt = NULL;
        topic->waiting = 0;
        topic->dirty = false;
    }
    topics->last = NULL;
    topics->last_data = NULL;
}

void mr_kafka_topics_done(struct mr_kafka_topics *topics)
{
    struct mr_kafka_topic *topic;
    struct mr_slice name;
    size_t at = 0;

    mr_kafka_topics_detach(topics);
    while ((topic = mr_map_next(&topics->by_name, &at, &name, NULL))) {
        free(topic->name);
        free(topic->messages);
        free(topic->ends);
        free(topic);
    }
    mr_map_done(&topics->by_name);
    free(topics->sorted);
}

static int create(struct mr_kafka_client *client, const char *name, int *ret_partitions,
                  struct mr_err *err)
{
    struct mr_kafka_new_topic wanted = mr_kafka_creation_of(&client->setting->creation, name);

    if (client->setting->config->create_topics.mode == MR_KAFKA_CREATE_NEVER) {
        mr_err_set(err, MR_CONFIG, "kafka.topic_missing",
                   "topic %s does not exist, and create_topics is never", name);
        mr_err_hint(err, "kafka-topics --create --topic %s --partitions N", name);
        return MR_CONFIG;
    }
    return mr_kafka_admin_create(&client->handle, &wanted, ret_partitions, err);
}

/* Where the sentence on what ails the topics goes: the first one, but a missing leader before all others. */
struct illness {
    char *text;
    size_t room;
};

static int look(struct mr_kafka_client *client, const char *name, struct mr_kafka_look *ret_look,
                struct illness *ill, struct mr_err *err)
{
    static const char gravest[] = "no leader";
    int rc = mr_kafka_admin_look(&client->handle, name, ret_look, err);

    if (rc == 0 && ret_look->ill[0] &&
        (!ill->text[0] || (strstr(ret_look->ill, gravest) && !strstr(ill->text, gravest))))
        snprintf(ill->text, ill->room, "%s", ret_look->ill);
    return rc;
}

/* Partitions of a topic; fewer than `least` only when brokers say so for ABSENT_NS: one that just came up, or has not
 * heard of a new topic yet, may be behind. */
static int count(struct mr_kafka_client *client, const char *name, int least,
                 struct mr_kafka_look *ret_look, struct illness *ill, struct mr_err *err)
{
    int64_t deadline = mr_clock_mono_ns() + ABSENT_NS;
    int rc = look(client, name, ret_look, ill, err);

    while (rc == 0 && ret_look->partitions < least && mr_clock_mono_ns() < deadline) {
        mr_kafka_client_serve(client, 200);
        rc = look(client, name, ret_look, ill, err);
    }
    return rc;
}

static void note(const struct mr_kafka_client *client, const char *code, const char *topic,
                 int before, int now, const char *what)
{
    const struct mr_notes *notes = &client->setting->context->notes;

    if (notes->note)
        notes->note(notes->state, MR_LOG_WARN, code,
                    "topic %s has %d partitions and had %d at the last commit: %s", topic, now,
                    before, what);
}

/* The first count in this process, against the one that the checkpoint remembers. Fewer partitions are another topic of
 * the same name: there is nothing left to keep in order. */
static int settle_count(struct mr_kafka_client *client, struct mr_kafka_topic *topic,
                        int partitions, struct mr_err *err)
{
    static const char code[] = "sink.kafka.partitions_changed";
    int growth = client->setting->config->partition_growth;
    int before = topic->recorded;

    topic->partitions = partitions;
    if (before == 0 || before == partitions)
        return 0;
    if (partitions < before) {
        note(client, code, topic->name, before, partitions,
             "it was made anew; records go on there");
    } else if (growth == MR_KAFKA_GROWTH_USE) {
        note(client, code, topic->name, before, partitions,
             "keys move, and the order of a key's events across the move is lost "
             "(partition_growth: use)");
    } else if (growth == MR_KAFKA_GROWTH_KEEP) {
        topic->partitions = before;
        note(
            client, code, topic->name, before, partitions,
            "the new ones stay empty, so that each key stays where it is (partition_growth: keep)");
    } else {
        topic->partitions = 0;
        mr_err_set(err, MR_CONFIG, code,
                   "topic %s has %d partitions and had %d at the last commit: each key's events "
                   "would go on in another partition",
                   topic->name, partitions, before);
        mr_err_hint(err,
                    "set partition_growth to keep (place over the first %d, the order holds) or "
                    "to use (place over all, the order of keys that move is lost)",
                    before);
        return MR_CONFIG;
    }
    return 0;
}

/* A topic that was deleted and made again under its name holds nothing of what was delivered, and everything else about
 * it may be as before. */
static int check_id(const struct mr_kafka_client *client, const struct mr_kafka_topic *topic,
                    const struct mr_kafka_look *seen, struct mr_err *err)
{
    const char *pipeline = client->setting->context->pipeline;

    if (!topic->id[0] || !seen->id[0] || strcmp(topic->id, seen->id) == 0)
        return 0;
    mr_err_set(err, MR_GAP, "sink.kafka.topic_replaced",
               "topic %s was deleted and made again since events were last committed to it (its id "
               "was %s and is %s): what stood in it is gone",
               topic->name, topic->id, seen->id);
    mr_err_hint(err,
                "to have its tables written anew: millrace resnapshot %s SCHEMA.TABLE; to go on "
                "without what is gone: millrace checkpoint export %s > position.json, then "
                "millrace checkpoint set %s --from position.json",
                pipeline, pipeline, pipeline);
    return MR_GAP;
}

/* A broker that has not heard of the new topic yet denies it for a while: what was made is what there is. */
static int make(struct mr_kafka_client *client, const struct mr_kafka_topic *topic,
                struct mr_kafka_look *ret_seen, struct illness *ill, struct mr_err *err)
{
    int made = 0, rc = create(client, topic->name, &made, err);

    if (rc == 0)
        rc = count(client, topic->name, made, ret_seen, ill, err);
    if (rc == 0 && ret_seen->partitions < made)
        ret_seen->partitions = made;
    return rc;
}

/* Counts partitions, creating the topic if it was never seen. One that was seen and is gone stays gone, also where
 * another one of its name with fewer partitions is there: to go on with that would hide the loss. One that the
 * checkpoint remembers is looked for as patiently: a broker that is behind and denies it would otherwise have us forget
 * over how many partitions its keys were placed. */
static int find_out(struct mr_kafka_client *client, struct mr_kafka_topic *topic,
                    struct illness *ill, struct mr_err *err)
{
    int least = topic->partitions ? topic->partitions : topic->recorded > 0;
    struct mr_kafka_look seen;
    int rc = count(client, topic->name, least, &seen, ill, err);

    if (rc == 0)
        rc = check_id(client, topic, &seen, err);
    if (rc < 0)
        return rc;
    if (seen.partitions < topic->partitions)
        return mr_kafka_fail(err, mr_kafka_sink_errors, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                             NULL, "write to topic %s", topic->name);
    if (seen.partitions == 0) {
        if (topic->recorded)
            note(client, "kafka.topic_missing", topic->name, topic->recorded, 0,
                 "it is gone and made anew; what stood in it is not written again");
        topic->recorded = 0;
        rc = make(client, topic, &seen, ill, err);
    }
    if (rc == 0)
        memcpy(topic->id, seen.id, sizeof topic->id);
    if (rc == 0 && topic->partitions == 0)
        rc = settle_count(client, topic, seen.partitions, err);
    return rc;
}

/* Who may not ask for a topic's settings is told by the first record that it refuses. */
static int ask_settings(struct mr_kafka_client *client, struct mr_kafka_topic *topic,
                        struct mr_err *err)
{
    static const char *const keys[] = {"max.message.bytes", "cleanup.policy"};
    size_t own = mr_kafka_config_most(client->setting->config);
    struct mr_buf values[2];
    struct mr_err problem;

    mr_buf_init(&values[0], 4096);
    mr_buf_init(&values[1], 4096);
    mr_err_clear(&problem);
    int rc = mr_kafka_admin_settings(&client->handle, topic->name, keys, values, 2, &problem);
    topic->most = own ? own : USUAL_MOST; /* a user who may not ask may still say */
    if (rc == 0 && values[0].size)
        topic->most = strtoull(mr_buf_cstr(&values[0]), NULL, 10);
    topic->compacted = rc == 0 && strstr(mr_buf_cstr(&values[1]), "compact");
    topic->judged = 0;
    mr_buf_done(&values[0]);
    mr_buf_done(&values[1]);
    if (rc == MR_RETRY)
        *err = problem;
    return rc == MR_RETRY ? rc : 0;
}

/* The largest record the topic takes. A smaller limit than a batch of the handle's would have the broker refuse whole
 * batches of small records: then the handle is opened again with batches that fit (MR_RETRY). */
static int find_limit(struct mr_kafka_client *client, struct mr_kafka_topic *topic,
                      struct mr_err *err)
{
    size_t own = mr_kafka_config_most(client->setting->config);
    int rc = ask_settings(client, topic, err);

    if (rc < 0) {
        topic->most = 0;
        return rc;
    }
    if ((int64_t)topic->most < client->batch_bytes) {
        client->setting->batch_bytes = (int64_t)topic->most;
        return mr_err_set(err, MR_RETRY, "sink.kafka.batch_too_large",
                          "topic %s takes batches of %zu bytes at most: smaller ones are made",
                          topic->name, topic->most);
    }
    if (own && own < topic->most)
        topic->most = own;
    return 0;
}

int mr_kafka_needs_keys(struct mr_err *err, const char *topic, const char *what, bool keyless)
{
    if (keyless)
        mr_err_set(err, MR_CONFIG, "sink.kafka.compact_needs_keys",
                   "%s has no key, and the topic %s is compacted: brokers refuse records without "
                   "a key there",
                   what, topic);
    else
        mr_err_set(err, MR_CONFIG, "sink.kafka.compact_needs_keys",
                   "truncates of %s are events without a key, and the topic %s is compacted: "
                   "brokers refuse them there",
                   what, topic);
    mr_err_hint(err,
                "%s, or give the topic cleanup.policy=delete: before it exists below "
                "create_topics.topics, and then with kafka-configs --alter --entity-type topics "
                "--entity-name %s --add-config cleanup.policy=delete",
                keyless ? "give the table a primary key or message_key_columns"
                        : "leave truncates out (add t to source.skipped_operations)",
                topic);
    return MR_CONFIG;
}

int mr_kafka_topic_check_keys(struct mr_kafka_topic *topic, const struct mr_record *record,
                              struct mr_err *err)
{
    const struct mr_table *table = record->table;
    bool own = table && mr_slice_equal(record->topic, table->topic); /* no dead letter */
    char what[300];

    if (!topic->compacted || (record->key.data && (!own || topic->judged == table->id)))
        return 0;
    if (record->key.data && table->key_count > 0 && !table->truncates) {
        topic->judged = table->id;
        return 0;
    }
    if (table)
        snprintf(what, sizeof what, "table %.*s.%.*s", MR_SLICE_ARG(mr_table_space(table)),
                 MR_SLICE_ARG(table->name));
    else
        snprintf(what, sizeof what, "an event");
    return mr_kafka_needs_keys(err, topic->name, what, !table || table->key_count == 0);
}

int mr_kafka_name_of_position(struct mr_err *err, const char *topic)
{
    mr_err_set(err, MR_CONFIG, "sink.kafka.topic_collision",
               "events would go to the topic %s, which holds the pipeline's position", topic);
    mr_err_hint(err, "choose another sink.checkpoint_topic, or another sink.topic");
    return MR_CONFIG;
}

/* Lets the client learn the topic's leaders before the first record waits for it. */
static int attach(struct mr_kafka_client *client, struct mr_kafka_topic *topic, struct mr_err *err)
{
    int64_t deadline = mr_clock_mono_ns() + 10 * MR_SECOND_NS;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;

    topic->rkt = rd_kafka_topic_new(client->handle.rk, topic->name, NULL);
    if (!topic->rkt)
        return mr_kafka_fail(err, mr_kafka_sink_errors, rd_kafka_last_error(), NULL,
                             "write to topic %s", topic->name);
    while (code && mr_clock_mono_ns() < deadline && !mr_kafka_stopping(client->setting)) {
        const struct rd_kafka_metadata *metadata = NULL;
        code = rd_kafka_metadata(client->handle.rk, 0, topic->rkt, &metadata, 1000);
        if (!code && metadata->topic_cnt > 0)
            code = metadata->topics[0].err;
        if (metadata)
            rd_kafka_metadata_destroy(metadata);
        if (code)
            mr_kafka_client_serve(client, 50);
    }
    if (!code)
        return 0;
    rd_kafka_topic_destroy(topic->rkt);
    topic->rkt = NULL;
    mr_kafka_fail(err, mr_kafka_sink_errors, code, NULL, "write to topic %s", topic->name);
    return (int)err->class;
}

static struct mr_kafka_topic *entry(struct mr_kafka_topics *topics, struct mr_slice name)
{
    struct mr_kafka_topic *topic = mr_map_get(&topics->by_name, name);

    if (!topic) {
        topic = mr_alloc_zero(sizeof *topic);
        topic->name = mr_alloc(name.size + 1);
        memcpy(topic->name, name.data, name.size);
        topic->name[name.size] = 0;
        mr_map_put(&topics->by_name, name, topic);
    }
    return topic;
}

void mr_kafka_topics_recall(struct mr_kafka_topics *topics, struct mr_slice name, int partitions)
{
    entry(topics, name)->recorded = partitions;
}

/* What this process has seen itself is newer than any checkpoint. */
void mr_kafka_topics_recall_id(struct mr_kafka_topics *topics, struct mr_slice name, const char *id)
{
    struct mr_kafka_topic *topic = entry(topics, name);

    if (!topic->id[0])
        snprintf(topic->id, sizeof topic->id, "%s", id);
}

void mr_kafka_topics_forget_ids(struct mr_kafka_topics *topics)
{
    struct mr_kafka_topic *topic;
    struct mr_slice name;
    size_t at = 0;

    while ((topic = mr_map_next(&topics->by_name, &at, &name, NULL)))
        topic->id[0] = 0;
}

int mr_kafka_topics_check(struct mr_kafka_topics *topics, struct mr_kafka_client *client,
                          struct mr_err *err)
{
    size_t count = 0, at = 0, most = topics->by_name.count;
    const char **names = mr_alloc((most + 1) * sizeof *names);
    struct mr_kafka_look *looks = mr_alloc((most + 1) * sizeof *looks);
    struct mr_kafka_topic *topic, **asked = mr_alloc((most + 1) * sizeof *asked);
    struct mr_slice name;
    struct mr_err unseen;
    int rc = 0;

    while ((topic = mr_map_next(&topics->by_name, &at, &name, NULL))) {
        if (topic->rkt && topic->id[0]) {
            asked[count] = topic;
            names[count++] = topic->name;
        }
    }
    /* brokers that do not answer are no news here */
    if (count > 0 && mr_kafka_admin_looks(&client->handle, names, count, looks, &unseen) == 0) {
        for (size_t i = 0; i < count && rc == 0; i++)
            rc = check_id(client, asked[i], &looks[i], err);
    }
    free(names);
    free(looks);
    free(asked);
    return rc;
}

static int prepare(struct mr_kafka_client *client, struct mr_kafka_topic *topic, struct mr_err *err)
{
    char text[2] = "";
    struct illness ill = {text, sizeof text};
    int rc;

    if (strcmp(topic->name, client->setting->names.checkpoint_topic) == 0)
        return mr_kafka_name_of_position(err, topic->name);
    rc = find_out(client, topic, &ill, err);
    if (rc == 0)
        rc = find_limit(client, topic, err);
    if (rc == 0)
        rc = attach(client, topic, err);
    if (rc < 0)
        return rc;
    topic->ends = mr_realloc(topic->ends, (size_t)topic->partitions * sizeof *topic->ends);
    return 0;
}

int mr_kafka_topics_get(struct mr_kafka_topics *topics, struct mr_kafka_client *client,
                        struct mr_slice name, struct mr_kafka_topic **ret_topic, struct mr_err *err)
{
    if (topics->last && topics->last_data == name.data) {
        *ret_topic = topics->last;
        return 0;
    }
    struct mr_kafka_topic *topic = entry(topics, name);
    int rc = topic->rkt ? 0 : prepare(client, topic, err);
    if (rc < 0)
        return rc;
    topics->last = topic;
    topics->last_data = name.data;
    *ret_topic = topic;
    return 0;
}

void mr_kafka_topic_begin(struct mr_kafka_topic *topic)
{
    if (!topic->messages)
        topic->messages = mr_alloc(MR_KAFKA_RUN * sizeof *topic->messages);
}

void mr_kafka_topic_end(const struct mr_kafka_topics *topics, struct mr_kafka_topic *topic)
{
    topic->waiting = 0;
    if (topics->by_name.count <= KEPT_RUNS)
        return;
    free(topic->messages);
    topic->messages = NULL;
}

/* The position's own topic; and the brokers' log of transactions, which a user may not be allowed to see. */
static int verify_positions(struct mr_kafka_client *client, struct illness *ill, struct mr_err *err)
{
    const char *name = client->setting->names.checkpoint_topic;
    struct mr_err unseen;
    struct mr_kafka_look seen;
    int rc = count(client, name, 1, &seen, ill, err);

    if (rc == 0 && seen.partitions == 0)
        return mr_kafka_checkpoint_gone(client->setting, err);
    if (rc == 0 && client->setting->config->delivery == MR_KAFKA_EXACTLY_ONCE)
        (void)!look(client, "__transaction_state", &seen, ill, &unseen);
    return rc;
}

int mr_kafka_topics_verify(struct mr_kafka_topics *topics, struct mr_kafka_client *client,
                           char *ret_ill, size_t room, struct mr_err *err)
{
    struct illness ill = {ret_ill, room};
    struct mr_kafka_topic *topic;
    struct mr_slice name;
    size_t at = 0;
    int rc = 0;

    ret_ill[0] = 0;
    while (rc == 0 && (topic = mr_map_next(&topics->by_name, &at, &name, NULL))) {
        if (topic->rkt)
            rc = find_out(client, topic, &ill, err);
    }
    return rc < 0 ? rc : verify_positions(client, &ill, err);
}

int mr_kafka_topics_explain(struct mr_kafka_topics *topics, struct mr_kafka_client *client, int rc,
                            struct mr_err *err)
{
    struct mr_err named;
    char ill[2];
    int found;

    if (!err || !mr_kafka_error_missing(err))
        return rc;
    mr_err_clear(&named);
    found = mr_kafka_topics_verify(topics, client, ill, sizeof ill, &named);
    if (found != MR_CONFIG && found != MR_GAP)
        return rc;
    *err = named;
    return found;
}

/* What is ill among them, without a wait for any that is not there. */
static void glance(struct mr_kafka_topics *topics, struct mr_kafka_client *client,
                   struct illness *ill)
{
    int64_t deadline = mr_clock_mono_ns() + GLANCE_NS;
    struct mr_kafka_topic *topic;
    struct mr_err unseen;
    struct mr_kafka_look seen;
    struct mr_slice name;
    size_t at = 0;

    client->handle.patience_ns = GLANCE_NS;
    while (mr_clock_mono_ns() < deadline &&
           (topic = mr_map_next(&topics->by_name, &at, &name, NULL)))
        (void)!look(client, topic->name, &seen, ill, &unseen);
    (void)!look(client, client->setting->names.checkpoint_topic, &seen, ill, &unseen);
    (void)!look(client, "__transaction_state", &seen, ill, &unseen);
}

void mr_kafka_topics_tell(struct mr_kafka_topics *topics, struct mr_kafka_setting *setting,
                          struct mr_err *err)
{
    struct mr_kafka_client client;
    struct mr_err unseen, told = *err;
    char text[400] = "";
    struct illness ill = {text, sizeof text};

    if (!mr_kafka_error_unexplained(err, mr_kafka_sink_errors) ||
        mr_kafka_client_open(&client, setting, MR_KAFKA_READER, &unseen) < 0)
        return;
    glance(topics, &client, &ill);
    mr_kafka_client_close(&client);
    if (!text[0])
        return;
    mr_err_set(err, MR_RETRY, told.code, "%s; %s", told.text, text);
    mr_err_native(err, told.native);
    mr_err_hint(err, MR_KAFKA_ILL_HINT);
}

int32_t mr_kafka_topic_place(const struct mr_kafka_topic *topic, struct mr_slice key)
{
    if (!key.data)
        return (int32_t)(topic->rotation % (uint32_t)topic->partitions);
    return rd_kafka_msg_partitioner_murmur2(topic->rkt, key.data, key.size, topic->partitions, NULL,
                                            NULL);
}

rd_kafka_message_t *mr_kafka_topic_sort(struct mr_kafka_topics *topics,
                                        struct mr_kafka_topic *topic)
{
    uint32_t *ends = topic->ends, start = 0;

    if (topic->partitions == 1) {
        ends[0] = (uint32_t)topic->waiting;
        return topic->messages;
    }
    memset(ends, 0, (size_t)topic->partitions * sizeof *ends);
    for (size_t i = 0; i < topic->waiting; i++)
        ends[topic->messages[i].partition]++;
    for (int p = 0; p < topic->partitions; p++) {
        uint32_t count = ends[p];
        ends[p] = start;
        start += count;
    }
    for (size_t i = 0; i < topic->waiting; i++)
        topics->sorted[ends[topic->messages[i].partition]++] = topic->messages[i];
    return topics->sorted;
}

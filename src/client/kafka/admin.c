/* Topics: there or not, how many partitions, created, configured, from where to where.
 *
 * librdkafka's admin calls answer by an event on a queue. Each function here makes a queue, asks, and waits in
 * short steps, so that a close is obeyed within a fifth of a second, up to the client's patience; then the answer
 * counts as not given (MR_RETRY). Nothing is retried here: who asks knows whether to ask again.
 *
 * A new topic is not at once known to every broker: after a successful creation it is described until it is
 * seen with all its partitions. */
#include "client/kafka/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define STEP_MS   100
#define ASK_MS    1000
#define LEADER_NS (3 * MR_SECOND_NS)

/* The answer to one admin call, or NULL and err. */
static rd_kafka_event_t *answer(struct mr_kafka_handle *handle, rd_kafka_queue_t *queue,
                                const char *doing, struct mr_err *err)
{
    int64_t deadline = mr_clock_mono_ns() + handle->patience_ns;
    rd_kafka_event_t *event = NULL;

    while (!event && mr_clock_mono_ns() < deadline && !mr_kafka_handle_closing(handle)) {
        event = rd_kafka_queue_poll(queue, STEP_MS);
        mr_kafka_handle_serve(handle, 0);
        if (!event && handle->denied)
            break;
    }
    if (!event) {
        mr_kafka_unreachable(err, handle, doing);
        return NULL;
    }
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT) {
        mr_kafka_unreachable(err, handle, doing);
    } else if (code) {
        mr_kafka_fail(err, handle->errors, code, rd_kafka_event_error_string(event), "%s", doing);
    } else {
        return event;
    }
    rd_kafka_event_destroy(event);
    return NULL;
}

static int class_of(const struct mr_err *err)
{
    return (int)err->class;
}

/* The first partition that cannot be written to, or might not be, in words. */
static void find_illness(const char *topic, const rd_kafka_TopicPartitionInfo_t **partitions,
                         size_t count, char *ret_ill, size_t room)
{
    ret_ill[0] = 0;
    for (size_t i = 0; i < count && !ret_ill[0]; i++) {
        size_t in_sync = 0, replicas = 0;
        int number = rd_kafka_TopicPartitionInfo_partition(partitions[i]);
        const rd_kafka_Node_t *leader = rd_kafka_TopicPartitionInfo_leader(partitions[i]);
        rd_kafka_TopicPartitionInfo_isr(partitions[i], &in_sync);
        rd_kafka_TopicPartitionInfo_replicas(partitions[i], &replicas);
        if (!leader || rd_kafka_Node_id(leader) < 0)
            snprintf(ret_ill, room, "partition %d of topic %s has no leader", number, topic);
        else if (in_sync < replicas)
            snprintf(ret_ill, room,
                     "partition %d of topic %s has only %zu of its %zu replicas in sync", number,
                     topic, in_sync, replicas);
    }
}

int mr_kafka_admin_partitions(struct mr_kafka_handle *handle, const char *topic,
                              int *ret_partitions, struct mr_err *err)
{
    struct mr_kafka_look seen;
    int rc = mr_kafka_admin_look(handle, topic, &seen, err);

    if (rc == 0)
        *ret_partitions = seen.partitions;
    return rc;
}

int mr_kafka_admin_look(struct mr_kafka_handle *handle, const char *topic,
                        struct mr_kafka_look *ret_look, struct mr_err *err)
{
    return mr_kafka_admin_looks(handle, &topic, 1, ret_look, err);
}

static int take_description(const struct mr_kafka_handle *handle,
                            const rd_kafka_TopicDescription_t *found, struct mr_kafka_look *look,
                            struct mr_err *err)
{
    const rd_kafka_error_t *error = rd_kafka_TopicDescription_error(found);
    const char *topic = rd_kafka_TopicDescription_name(found);
    const rd_kafka_TopicPartitionInfo_t **partitions;
    const rd_kafka_Uuid_t *id = rd_kafka_TopicDescription_topic_id(found);
    size_t count = 0;

    *look = (struct mr_kafka_look){0};
    if (error && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return 0;
    if (error && rd_kafka_error_code(error))
        return mr_kafka_fail(err, handle->errors, rd_kafka_error_code(error), NULL,
                             "describe topic %s", topic);
    if (id && (rd_kafka_Uuid_most_significant_bits(id) || rd_kafka_Uuid_least_significant_bits(id)))
        snprintf(look->id, sizeof look->id, "%s", rd_kafka_Uuid_base64str(id));
    partitions = rd_kafka_TopicDescription_partitions(found, &count);
    find_illness(topic, partitions, count, look->ill, sizeof look->ill);
    look->partitions = (int)count;
    return 0;
}

/* Answers come in the order of the questions, but nobody promises that. */
static size_t index_of(const char **topics, size_t count, size_t likely, const char *name)
{
    size_t at = 0;

    if (likely < count && strcmp(topics[likely], name) == 0)
        return likely;
    while (at < count && strcmp(topics[at], name) != 0)
        at++;
    return at;
}

int mr_kafka_admin_looks(struct mr_kafka_handle *handle, const char **topics, size_t wanted,
                         struct mr_kafka_look *ret_looks, struct mr_err *err)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(handle->rk);
    rd_kafka_TopicCollection_t *names = rd_kafka_TopicCollection_of_topic_names(topics, wanted);
    size_t count = 0;
    int rc = 0;

    rd_kafka_DescribeTopics(handle->rk, names, NULL, queue);
    rd_kafka_event_t *event = answer(handle, queue, "describe a topic", err);
    if (event) {
        const rd_kafka_TopicDescription_t **found = rd_kafka_DescribeTopics_result_topics(
            rd_kafka_event_DescribeTopics_result(event), &count);
        memset(ret_looks, 0, wanted * sizeof *ret_looks);
        for (size_t i = 0; i < count && rc == 0; i++) {
            size_t at = index_of(topics, wanted, i, rd_kafka_TopicDescription_name(found[i]));
            rc = at < wanted ? take_description(handle, found[i], &ret_looks[at], err) : 0;
        }
        rd_kafka_event_destroy(event);
    } else {
        rc = class_of(err);
    }
    rd_kafka_TopicCollection_destroy(names);
    rd_kafka_queue_destroy(queue);
    return rc;
}

static int take_created(const struct mr_kafka_handle *handle, rd_kafka_event_t *event,
                        const char *topic, struct mr_err *err)
{
    size_t count = 0;
    const rd_kafka_topic_result_t **made =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    rd_kafka_resp_err_t code =
        count ? rd_kafka_topic_result_error(made[0]) : RD_KAFKA_RESP_ERR_NO_ERROR;
    int rc = 0;

    if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        rc = mr_kafka_fail(err, handle->errors, code, rd_kafka_topic_result_error_string(made[0]),
                           "create topic %s", topic);
    rd_kafka_event_destroy(event);
    return rc;
}

int mr_kafka_admin_names(struct mr_kafka_handle *handle, void (*each)(void *user, const char *name),
                         void *user, struct mr_err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    int64_t deadline = mr_clock_mono_ns() + handle->patience_ns;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;

    while (code && mr_clock_mono_ns() < deadline && !mr_kafka_handle_closing(handle)) {
        code = rd_kafka_metadata(handle->rk, 1, NULL, &metadata, ASK_MS);
        mr_kafka_handle_serve(handle, 0);
    }
    if (code)
        return mr_kafka_unreachable(err, handle, "list the topics");
    for (int i = 0; i < metadata->topic_cnt; i++)
        each(user, metadata->topics[i].topic);
    rd_kafka_metadata_destroy(metadata);
    return 0;
}

int mr_kafka_name_taken(struct mr_err *err, const char *what, const char *topic, const char *other)
{
    mr_err_set(err, MR_CONFIG, "sink.kafka.topic_collision",
               "%s would go to the topic %s, which brokers do not create beside %s: the names "
               "differ only by . and _, which are one to their metrics",
               what, topic, other);
    mr_err_hint(err,
                "change the option that names it (sink.topic, or that of the side topic) so that "
                "more than . and _ differs, rename the table, or delete %s if it is no longer used",
                other);
    return MR_CONFIG;
}

struct twin {
    const char *topic;
    char name[256]; /* "": there is none */
};

static void find_twin(void *user, const char *name)
{
    struct twin *twin = user;
    size_t i = 0;

    while (name[i] && (name[i] == twin->topic[i] ||
                       (strchr("._", name[i]) && twin->topic[i] && strchr("._", twin->topic[i]))))
        i++;
    if (!name[i] && !twin->topic[i] && strcmp(name, twin->topic) != 0)
        snprintf(twin->name, sizeof twin->name, "%s", name);
}

/* Brokers say one thing of names that cannot be and of those that cannot be beside another. */
static int explain_name(struct mr_kafka_handle *handle, const char *topic, struct mr_err *err)
{
    struct twin twin = {.topic = topic};
    struct mr_err unseen;

    if (mr_kafka_admin_names(handle, find_twin, &twin, &unseen) < 0 || !twin.name[0])
        return class_of(err);
    return mr_kafka_name_taken(err, "what comes next", topic, twin.name);
}

/* After a creation: until brokers tell of the topic. */
static int await_topic(struct mr_kafka_handle *handle, const char *topic, int *ret_partitions,
                       struct mr_err *err)
{
    int64_t deadline = mr_clock_mono_ns() + handle->patience_ns;

    while (mr_clock_mono_ns() < deadline && !mr_kafka_handle_closing(handle)) {
        int partitions = 0;
        int rc = mr_kafka_admin_partitions(handle, topic, &partitions, err);
        if (rc == 0 && partitions > 0)
            *ret_partitions = partitions;
        if (rc < 0 || partitions > 0)
            return rc;
        mr_kafka_handle_serve(handle, STEP_MS);
    }
    return mr_err_set(err, MR_RETRY, "kafka.unavailable",
                      "topic %s was created but no broker tells of it yet", topic);
}

int mr_kafka_admin_create(struct mr_kafka_handle *handle, const struct mr_kafka_new_topic *topic,
                          int *ret_partitions, struct mr_err *err)
{
    char why[256] = "";
    rd_kafka_NewTopic_t *wanted =
        rd_kafka_NewTopic_new(topic->name, topic->partitions, topic->replication, why, sizeof why);

    if (!wanted)
        return mr_err_set(err, MR_CONFIG, "sink.kafka.create_topic", "cannot create topic %s: %s",
                          topic->name, why);
    for (size_t i = 0; i < topic->config.count; i++)
        rd_kafka_NewTopic_set_config(wanted, topic->config.keys[i], topic->config.values[i]);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(handle->rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(handle->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_operation_timeout(options, 10000, why, sizeof why);
    rd_kafka_AdminOptions_set_validate_only(options, topic->validate_only, why, sizeof why);
    rd_kafka_CreateTopics(handle->rk, &wanted, 1, options, queue);
    rd_kafka_event_t *event = answer(handle, queue, "create a topic", err);
    int rc = event ? take_created(handle, event, topic->name, err) : class_of(err);
    if (rc < 0 && err->number == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION)
        rc = explain_name(handle, topic->name, err);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(wanted);
    return rc < 0 || topic->validate_only ? rc
                                          : await_topic(handle, topic->name, ret_partitions, err);
}

static void take_settings(const rd_kafka_ConfigResource_t *resource, const char *const *keys,
                          struct mr_buf *ret_values, size_t wanted)
{
    size_t count = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);

    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        for (size_t k = 0; k < wanted && value; k++) {
            if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), keys[k]) == 0)
                mr_buf_add_str(&ret_values[k], value);
        }
    }
}

int mr_kafka_admin_settings(struct mr_kafka_handle *handle, const char *topic,
                            const char *const *keys, struct mr_buf *ret_values, size_t wanted_count,
                            struct mr_err *err)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(handle->rk);
    rd_kafka_ConfigResource_t *wanted = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    size_t count = 0;
    int rc = 0;

    rd_kafka_DescribeConfigs(handle->rk, &wanted, 1, NULL, queue);
    rd_kafka_event_t *event = answer(handle, queue, "read a topic's configuration", err);
    if (event) {
        const rd_kafka_ConfigResource_t **found = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &count);
        rd_kafka_resp_err_t code = count ? rd_kafka_ConfigResource_error(found[0]) : 0;
        if (code)
            rc = mr_kafka_fail(err, handle->errors, code,
                               rd_kafka_ConfigResource_error_string(found[0]),
                               "read the configuration of topic %s", topic);
        else if (count)
            take_settings(found[0], keys, ret_values, wanted_count);
        rd_kafka_event_destroy(event);
    } else {
        rc = class_of(err);
    }
    rd_kafka_ConfigResource_destroy(wanted);
    rd_kafka_queue_destroy(queue);
    return rc;
}

int mr_kafka_admin_setting(struct mr_kafka_handle *handle, const char *topic, const char *key,
                           struct mr_buf *ret_value, struct mr_err *err)
{
    return mr_kafka_admin_settings(handle, topic, &key, ret_value, 1, err);
}

/* Without a leader nobody was asked for offsets; the topic itself says when it is gone, or a right to it. */
static void tell_no_leader(struct mr_kafka_handle *handle, const char *topic, struct mr_err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(handle->rk, topic, NULL);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (rkt && !rd_kafka_metadata(handle->rk, 0, rkt, &metadata, ASK_MS) && metadata->topic_cnt > 0)
        code = metadata->topics[0].err;
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        mr_kafka_fail(err, handle->errors, code, NULL, "find the end of topic %s", topic);
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    if (rkt)
        rd_kafka_topic_destroy(rkt);
}

/* ListOffsets looks for the leader at once, and where no broker is connected yet, for the second time after three
 * seconds: a client that was just opened is let connect first. Whatever else is wrong ListOffsets tells. */
static void await_leader(struct mr_kafka_handle *handle, const char *topic)
{
    int64_t deadline = mr_clock_mono_ns() + LEADER_NS;
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(handle->rk, topic, NULL);

    while (rkt && !metadata && !handle->denied && mr_clock_mono_ns() < deadline &&
           !mr_kafka_handle_closing(handle)) {
        if (rd_kafka_metadata(handle->rk, 0, rkt, &metadata, 2 * STEP_MS))
            metadata = NULL;
        mr_kafka_handle_serve(handle, 0);
    }
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    if (rkt)
        rd_kafka_topic_destroy(rkt);
}

static int list_offset(struct mr_kafka_handle *handle, const char *topic,
                       rd_kafka_OffsetSpec_t which, bool committed_only, int64_t *ret_offset,
                       struct mr_err *err)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(handle->rk);
    rd_kafka_topic_partition_list_t *wanted = rd_kafka_topic_partition_list_new(1);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(handle->rk, RD_KAFKA_ADMIN_OP_LISTOFFSETS);
    size_t count = 0;
    int rc = 0;

    rd_kafka_error_destroy(rd_kafka_AdminOptions_set_isolation_level(
        options, committed_only ? RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED
                                : RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED));
    rd_kafka_topic_partition_list_add(wanted, topic, 0)->offset = which;
    rd_kafka_ListOffsets(handle->rk, wanted, options, queue);
    rd_kafka_event_t *event = answer(handle, queue, "find the end of the checkpoint topic", err);
    if (event) {
        const rd_kafka_ListOffsetsResultInfo_t **infos =
            rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event), &count);
        const rd_kafka_topic_partition_t *found =
            count ? rd_kafka_ListOffsetsResultInfo_topic_partition(infos[0]) : NULL;
        if (found && found->err)
            rc = mr_kafka_fail(err, handle->errors, found->err, NULL, "find the end of topic %s",
                               topic);
        else if (!found ||
                 found->offset < 0) /* the leader did not answer: librdkafka calls it a success */
            rc = mr_kafka_unreachable(err, handle, "find the end of the checkpoint topic");
        else
            *ret_offset = found->offset;
        rd_kafka_event_destroy(event);
    } else {
        tell_no_leader(handle, topic, err);
        rc = class_of(err);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_topic_partition_list_destroy(wanted);
    rd_kafka_queue_destroy(queue);
    return rc;
}

int mr_kafka_admin_range(struct mr_kafka_handle *handle, const char *topic, bool committed_only,
                         int64_t *ret_first, int64_t *ret_end, struct mr_err *err)
{
    int64_t first = 0;
    int rc;

    await_leader(handle, topic);
    rc = list_offset(handle, topic, RD_KAFKA_OFFSET_SPEC_EARLIEST, committed_only, &first, err);

    if (rc == 0)
        rc = list_offset(handle, topic, RD_KAFKA_OFFSET_SPEC_LATEST, committed_only, ret_end, err);
    if (rc == 0)
        *ret_first = first;
    return rc;
}

static bool may_write(const rd_kafka_TopicDescription_t *topic)
{
    size_t count = 0;
    const rd_kafka_AclOperation_t *allowed =
        rd_kafka_TopicDescription_authorized_operations(topic, &count);

    for (size_t i = 0; allowed && i < count; i++) {
        if (allowed[i] == RD_KAFKA_ACL_OPERATION_WRITE || allowed[i] == RD_KAFKA_ACL_OPERATION_ALL)
            return true;
    }
    return !allowed; /* brokers that do not say */
}

static enum mr_kafka_standing standing_of(const rd_kafka_TopicDescription_t *topic)
{
    const rd_kafka_error_t *error = rd_kafka_TopicDescription_error(topic);
    rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;

    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return MR_KAFKA_ABSENT;
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        return MR_KAFKA_REFUSED;
    return code || may_write(topic) ? MR_KAFKA_WRITABLE : MR_KAFKA_READ_ONLY;
}

int mr_kafka_admin_standing(struct mr_kafka_handle *handle, const char **topics, size_t count,
                            enum mr_kafka_standing *ret_standings, struct mr_err *err)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(handle->rk);
    rd_kafka_TopicCollection_t *names = rd_kafka_TopicCollection_of_topic_names(topics, count);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(handle->rk, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
    rd_kafka_error_t *refused = rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
    rd_kafka_event_t *event;
    int rc = 0;

    if (refused) /* a librdkafka that does not know how to ask: then nothing is found */
        rd_kafka_error_destroy(refused);
    rd_kafka_DescribeTopics(handle->rk, names, options, queue);
    event = answer(handle, queue, "describe topics", err);
    if (event) {
        size_t found = 0;
        const rd_kafka_TopicDescription_t **all = rd_kafka_DescribeTopics_result_topics(
            rd_kafka_event_DescribeTopics_result(event), &found);
        for (size_t i = 0; i < found; i++) {
            size_t at = index_of(topics, count, i, rd_kafka_TopicDescription_name(all[i]));
            if (at < count)
                ret_standings[at] = standing_of(all[i]);
        }
        rd_kafka_event_destroy(event);
    } else {
        rc = class_of(err);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_TopicCollection_destroy(names);
    rd_kafka_queue_destroy(queue);
    return rc;
}

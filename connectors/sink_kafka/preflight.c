/* Looking without touching, and the one command that does touch.
 *
 * Preflight makes no topic and fences nobody: it asks for the cluster, looks at the checkpoint topic, and lets the
 * brokers validate the creation of a topic with our settings without carrying it out (validate_only), which finds a
 * replication factor too high, a misspelt topic setting, a policy and a missing right in one request.
 *
 * Show reads what is committed now, beside a running instance if there is one. Set writes as a new owner through the
 * ordinary producer: an instance that still runs is fenced by it and stops with the reason. */
#include "connectors/sink_kafka/preflight.h"

#include <stdio.h>
#include <string.h>

#include "connectors/sink_kafka/admin.h"
#include "connectors/sink_kafka/producer.h"

static void setting_init(struct mr_kafka_setting *setting, const struct mr_sink_args *args)
{
    setting->config = args->config;
    setting->context = args->context;
    mr_kafka_names_init(&setting->names, args->config, args->context);
    snprintf(setting->owner, sizeof setting->owner, "%s",
             args->owner ? args->owner : "checkpoint set");
    atomic_init(&setting->closing, false);
}

static void add(const struct mr_findings *findings, enum mr_finding_level level, const char *code,
                const char *text, const char *hint)
{
    if (findings->add)
        findings->add(findings->state, level, code, text, hint);
}

static void add_err(const struct mr_findings *findings, const struct mr_err *err)
{
    add(findings, MR_FINDING_FAIL, err->code, err->text, err->hint[0] ? err->hint : NULL);
}

static int look_at_brokers(struct mr_kafka_client *client, const struct mr_findings *findings,
                           struct mr_err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TRANSPORT;
    char text[200];

    for (int i = 0; i < 5 && code && !client->denied && !(i > 1 && client->trouble); i++) {
        code = rd_kafka_metadata(client->rk, 0, NULL, &metadata, 1000);
        mr_kafka_client_serve(client, 0);
    }
    if (code) {
        mr_kafka_unreachable(err, client, "reach the brokers");
        add_err(findings, err);
        return (int)err->class;
    }
    snprintf(text, sizeof text, "%d broker%s reached", metadata->broker_cnt,
             metadata->broker_cnt == 1 ? "" : "s");
    rd_kafka_metadata_destroy(metadata);
    add(findings, MR_FINDING_PASS, "sink.kafka.brokers", text, NULL);
    return 0;
}

static void look_at_checkpoint(struct mr_kafka_client *client, const struct mr_findings *findings)
{
    const char *topic = client->setting->names.checkpoint_topic;
    int partitions = 0;
    struct mr_err err;
    char text[400];

    if (mr_kafka_admin_partitions(client, topic, &partitions, &err) < 0) {
        add_err(findings, &err);
    } else if (partitions == 0 &&
               client->setting->config->create_topics.mode == MR_KAFKA_CREATE_AUTO) {
        snprintf(text, sizeof text, "checkpoint topic %s will be created", topic);
        add(findings, MR_FINDING_PASS, "sink.kafka.checkpoint_topic", text, NULL);
    } else if (mr_kafka_checkpoint_prepare(client, &err) < 0) {
        add_err(findings, &err);
    } else {
        snprintf(text, sizeof text, "checkpoint topic %s is there and compacted", topic);
        add(findings, MR_FINDING_PASS, "sink.kafka.checkpoint_topic", text, NULL);
    }
}

static void look_at_creation(struct mr_kafka_client *client, const struct mr_findings *findings)
{
    const struct mr_kafka_create_topics *how = &client->setting->config->create_topics;
    char name[200];
    struct mr_kafka_new_topic wanted = {
        .name = name,
        .partitions = how->partitions ? (int)how->partitions : -1,
        .replication = how->replication ? (int)how->replication : -1,
        .config = how->config,
        .validate_only = true,
    };
    struct mr_err err;
    int partitions;

    if (how->mode == MR_KAFKA_CREATE_NEVER)
        return;
    snprintf(name, sizeof name, "%s.millrace.check", client->setting->context->server);
    mr_kafka_legalise(name);
    int rc = mr_kafka_admin_create(client, &wanted, &partitions, &err);
    if (rc < 0 && err.exit_code == 77) /* the real names may be granted all the same */
        add(findings, MR_FINDING_WARN, err.code, err.text, err.hint);
    else if (rc < 0)
        add_err(findings, &err);
    else
        add(findings, MR_FINDING_PASS, "sink.kafka.create_topic",
            "topics can be created as configured", NULL);
    for (size_t i = 0; i < how->config.count; i++) {
        if (strcmp(how->config.keys[i], "cleanup.policy") == 0 &&
            strstr(how->config.values[i], "compact"))
            add(findings, MR_FINDING_WARN, "sink.kafka.invalid_record",
                "new topics are compacted: they refuse events without a key (tables without a "
                "primary key, "
                "truncates)",
                "give every table a primary key or a replica identity index, or leave out "
                "cleanup.policy");
    }
}

int mr_kafka_preflight(const struct mr_sink_args *args, const struct mr_findings *findings,
                       struct mr_err *err)
{
    struct mr_kafka_setting setting;
    struct mr_kafka_client client;

    setting_init(&setting, args);
    int rc = mr_kafka_client_open(&client, &setting, MR_KAFKA_ADMIN, err);
    if (rc < 0) {
        add_err(findings, err);
    } else {
        rc = look_at_brokers(&client, findings, err);
        if (rc == 0) {
            look_at_checkpoint(&client, findings);
            look_at_creation(&client, findings);
        }
        mr_kafka_client_close(&client);
    }
    mr_kafka_names_done(&setting.names);
    return rc;
}

int mr_kafka_checkpoint_show(const struct mr_sink_args *args, struct mr_buf *ret_checkpoint,
                             struct mr_err *err)
{
    struct mr_kafka_setting setting;
    struct mr_kafka_client client;
    struct mr_kafka_checkpoint seen;
    int partitions = 0;

    setting_init(&setting, args);
    mr_kafka_checkpoint_init(&seen);
    int rc = mr_kafka_client_open(&client, &setting, MR_KAFKA_ADMIN, err);
    if (rc == 0) {
        rc = mr_kafka_admin_partitions(&client, setting.names.checkpoint_topic, &partitions, err);
        mr_kafka_client_close(&client);
    }
    if (rc == 0 && partitions > 0)
        rc = mr_kafka_checkpoint_read(&setting, MR_KAFKA_AS_SEEN, &seen, err);
    if (rc == 0)
        mr_buf_add_slice(ret_checkpoint, mr_buf_slice(&seen.text));
    mr_kafka_checkpoint_done(&seen);
    mr_kafka_names_done(&setting.names);
    return rc;
}

int mr_kafka_checkpoint_set(const struct mr_sink_args *args, struct mr_slice checkpoint,
                            struct mr_err *err)
{
    struct mr_kafka_setting setting;
    struct mr_kafka_producer producer;

    setting_init(&setting, args);
    mr_kafka_producer_init(&producer, &setting);
    int rc = mr_kafka_producer_connect(&producer, err);
    if (rc == 0)
        rc = mr_kafka_producer_commit(&producer, checkpoint, 1, err);
    mr_kafka_producer_done(&producer);
    mr_kafka_names_done(&setting.names);
    return rc;
}

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

#include "client/kafka/admin.h"
#include "connectors/sink_kafka/counts.h"
#include "connectors/sink_kafka/connect.h"
#include "connectors/sink_kafka/transaction.h"
#include "connectors/sink_kafka/survey.h"

static void add(const struct mr_findings *findings, enum mr_finding_level level, const char *code,
                const char *text, const char *hint)
{
    if (findings->add)
        findings->add(findings->state, level, code, text, hint);
}

static void add_err(const struct mr_findings *findings, const struct mr_err *err)
{
    add(findings, mr_finding_of(err), err->code, err->text, err->hint[0] ? err->hint : NULL);
}

static int look_at_brokers(struct mr_kafka_client *client, const struct mr_findings *findings,
                           struct mr_err *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TRANSPORT;
    char text[200];

    for (int i = 0; i < 5 && code && !client->handle.denied && !(i > 1 && client->handle.trouble);
         i++) {
        code = rd_kafka_metadata(client->handle.rk, 0, NULL, &metadata, 1000);
        mr_kafka_client_serve(client, 0);
    }
    if (code) {
        mr_kafka_unreachable(err, &client->handle, "reach the brokers");
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

    if (mr_kafka_admin_partitions(&client->handle, topic, &partitions, &err) < 0) {
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

/* The general settings and those of each pattern. */
static void look_at_creation(struct mr_kafka_client *client, const struct mr_findings *findings)
{
    const struct mr_kafka_setting *setting = client->setting;
    struct mr_kafka_new_topic wanted;
    char name[200];
    struct mr_err err;
    int partitions, rc = 0;

    if (setting->config->create_topics.mode == MR_KAFKA_CREATE_NEVER)
        return;
    snprintf(name, sizeof name, "%s.millrace.check", setting->context->server);
    mr_kafka_legalise(name);
    for (size_t i = 0; mr_kafka_creation_each(&setting->creation, i, &wanted) && rc == 0; i++) {
        wanted.name = name;
        wanted.validate_only = true;
        rc = mr_kafka_admin_create(&client->handle, &wanted, &partitions, &err);
    }
    if (rc < 0 && err.exit_code == 77) /* the real names may be granted all the same */
        add(findings, MR_FINDING_WARN, err.code, err.text, err.hint);
    else if (rc < 0)
        add_err(findings, &err);
    else
        add(findings, MR_FINDING_PASS, "sink.kafka.create_topic",
            "topics can be created as configured", NULL);
}

int mr_kafka_fit(const struct mr_sink_args *args, const struct mr_table *table, struct mr_err *err)
{
    struct mr_kafka_setting setting;
    int rc = mr_kafka_setting_init(&setting, args, "", err);

    if (rc == 0)
        rc = mr_kafka_placing_check(&setting.placing, table, err);
    mr_kafka_setting_done(&setting);
    return rc;
}

int mr_kafka_preflight(const struct mr_sink_args *args, const struct mr_findings *findings,
                       struct mr_err *err)
{
    struct mr_kafka_setting setting;
    struct mr_kafka_client client;

    int rc = mr_kafka_setting_init(&setting, args, "", err);
    if (rc == 0)
        rc = mr_kafka_client_open(&client, &setting, MR_KAFKA_ADMIN, err);
    if (rc < 0) {
        add_err(findings, err);
    } else {
        rc = look_at_brokers(&client, findings, err);
        if (rc == 0) {
            look_at_checkpoint(&client, findings);
            look_at_creation(&client, findings);
            mr_kafka_survey(&client, args->topics, args->topic_count, findings);
        }
        mr_kafka_client_close(&client);
    }
    mr_kafka_setting_done(&setting);
    return rc;
}

int mr_kafka_checkpoint_show(const struct mr_sink_args *args, struct mr_buf *ret_checkpoint,
                             struct mr_err *err)
{
    struct mr_kafka_setting setting;
    struct mr_kafka_client client;
    struct mr_kafka_checkpoint seen;
    int partitions = 0;

    mr_kafka_checkpoint_init(&seen);
    int rc = mr_kafka_setting_init(&setting, args, "", err);
    if (rc == 0)
        rc = mr_kafka_client_open(&client, &setting, MR_KAFKA_ADMIN, err);
    if (rc == 0) {
        rc = mr_kafka_admin_partitions(&client.handle, setting.names.checkpoint_topic, &partitions,
                                       err);
        mr_kafka_client_close(&client);
    }
    if (rc == 0 && partitions > 0)
        rc = mr_kafka_checkpoint_read(&setting, MR_KAFKA_AS_SEEN, &seen, err);
    if (rc == 0)
        mr_buf_add_slice(ret_checkpoint, mr_buf_slice(&seen.text));
    mr_kafka_checkpoint_done(&seen);
    mr_kafka_setting_done(&setting);
    return rc;
}

int mr_kafka_checkpoint_set(const struct mr_sink_args *args, struct mr_slice checkpoint,
                            struct mr_err *err)
{
    struct mr_kafka_setting setting;
    struct mr_kafka_producer producer;
    struct mr_buf text;
    int rc = mr_kafka_setting_init(&setting, args, "checkpoint set", err);

    if (rc == 0) {
        mr_buf_init(&text, 64 << 20);
        mr_buf_add_slice(&text, checkpoint);
        mr_kafka_counts_take(NULL, &text); /* what the topics have now is known better here */
        mr_kafka_producer_init(&producer, &setting);
        rc = mr_kafka_connect(&producer, err);
        mr_kafka_topics_forget_ids(&producer.topics); /* the way out of a topic that was replaced */
        if (rc == 0)
            rc = mr_kafka_transaction_commit(&producer, mr_buf_slice(&text), 1, err);
        mr_kafka_producer_done(&producer);
        mr_buf_done(&text);
    }
    mr_kafka_setting_done(&setting);
    return rc;
}

/* What every client of brokers starts from.
 *
 * Why these defaults: reconnects of 50 to 500 ms bring a three second outage of all brokers back in 4 s instead of 11;
 * socket.timeout.ms bounds how long a dead leader's requests are waited for. No code is loaded, no cluster is mocked,
 * whatever a user's file says: those properties are fixed for all. */
#include "client/kafka/conf.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <strings.h>
#include <errno.h>

#include "base/buf.h"

static const struct mr_kafka_fixed always_fixed[] = {
    {"bootstrap.servers", "use `brokers`"},
    {"metadata.broker.list", "use `brokers`"},
    {"plugin.library.paths", "millrace loads no code"},
    {"test.mock.num.brokers", "use real brokers"},
    {"opaque", "it is internal"},
    {"interceptors", "it is internal"},
    {0},
};

static const char *const ours[][2] = {
    {"client.software.name", "millrace"}, {"client.software.version", MR_VERSION},
    {"socket.timeout.ms", "10000"},       {"reconnect.backoff.ms", "50"},
    {"reconnect.backoff.max.ms", "500"},  {"log.connection.close", "false"},
    {"enable.metrics.push", "false"},     {"topic.metadata.refresh.interval.ms", "60000"},
};

rd_kafka_conf_t *mr_kafka_conf_start(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        rd_kafka_conf_set(conf, ours[i][0], ours[i][1], NULL, 0);
    return conf;
}

int mr_kafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *value, struct mr_err *err)
{
    char why[512] = "";

    if (rd_kafka_conf_set(conf, key, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return 0;
    mr_err_set(err, MR_CONFIG, "kafka.client_property", "client property %s: %s", key, why);
    mr_err_hint(err, "librdkafka's CONFIGURATION.md lists all properties and their values");
    return MR_CONFIG;
}

int mr_kafka_conf_set_number(rd_kafka_conf_t *conf, const char *key, int64_t value,
                             struct mr_err *err)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", (long long)value);
    return mr_kafka_conf_set(conf, key, text, err);
}

int mr_kafka_conf_set_pairs(rd_kafka_conf_t *conf, const char *const (*pairs)[2], size_t count,
                            struct mr_err *err)
{
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++)
        rc = mr_kafka_conf_set(conf, pairs[i][0], pairs[i][1], err);
    return rc;
}

static int refuse_fixed(const char *key, const struct mr_kafka_fixed *fixed, struct mr_err *err)
{
    for (; fixed->key; fixed++) {
        if (strcmp(key, fixed->key) == 0)
            return mr_err_set(err, MR_CONFIG, "kafka.client_property",
                              "client property %s cannot be set: %s", fixed->key, fixed->instead);
    }
    return 0;
}

int mr_kafka_conf_client(rd_kafka_conf_t *conf, const struct mr_option_map *client,
                         const struct mr_kafka_fixed *fixed, struct mr_err *err)
{
    int rc = 0;

    for (size_t i = 0; i < client->count && rc == 0; i++) {
        rc = refuse_fixed(client->keys[i], always_fixed, err);
        if (rc == 0)
            rc = refuse_fixed(client->keys[i], fixed, err);
        if (rc == 0)
            rc = mr_kafka_conf_set(conf, client->keys[i], client->values[i], err);
    }
    return rc;
}

/* librdkafka takes a protocol before the name, and nothing else. */
static bool is_address(const char *broker)
{
    static const char *const protocols[] = {"PLAINTEXT://", "SSL://", "SASL_PLAINTEXT://",
                                            "SASL_SSL://"};
    size_t skip = 0;

    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (strncasecmp(broker, protocols[i], strlen(protocols[i])) == 0)
            skip = strlen(protocols[i]);
    }
    return broker[skip] && !strpbrk(broker + skip, "/ ");
}

int mr_kafka_conf_judge(const struct mr_option_list *brokers, struct mr_err *err)
{
    for (size_t i = 0; i < brokers->count; i++) {
        if (is_address(brokers->items[i]))
            continue;
        mr_err_set(err, MR_CONFIG, "kafka.client_property", "brokers: \"%.200s\" is no host:port",
                   brokers->items[i]);
        mr_err_hint(err, "write host:port, such as kafka-1:9092, each as an item of the list; what "
                         "protocol is spoken there, client.security.protocol says");
        return MR_CONFIG;
    }
    return 0;
}

int mr_kafka_conf_files(const rd_kafka_conf_t *conf, struct mr_err *err)
{
    static const char *const files[] = {"ssl.ca.location", "ssl.certificate.location",
                                        "ssl.key.location", "ssl.keystore.location",
                                        "ssl.crl.location"};

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[4096];
        size_t size = sizeof path;
        if (rd_kafka_conf_get(conf, files[i], path, &size) != RD_KAFKA_CONF_OK || !path[0] ||
            strcmp(path, "probe") == 0 || access(path, R_OK) == 0)
            continue;
        return mr_err_errno(err, MR_CONFIG, "kafka.client_property", errno,
                            "client property %s: %.300s cannot be read", files[i], path);
    }
    return 0;
}

int mr_kafka_conf_brokers(rd_kafka_conf_t *conf, const struct mr_option_list *brokers,
                          struct mr_err *err)
{
    struct mr_buf buf;
    int rc = mr_kafka_conf_judge(brokers, err);

    if (rc < 0)
        return rc;
    mr_buf_init(&buf, 1 << 20);
    for (size_t i = 0; i < brokers->count; i++)
        mr_buf_printf(&buf, "%s%s", i ? "," : "", brokers->items[i]);
    rc = mr_kafka_conf_set(conf, "bootstrap.servers", mr_buf_cstr(&buf), err);
    mr_buf_done(&buf);
    return rc;
}

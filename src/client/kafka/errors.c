/* The table of librdkafka's errors, and how one is written down.
 *
 *     authorisation, login, missing topic, policy  -> MR_CONFIG   nothing mends it but a human
 *     record too large, record invalid             -> MR_DATA     this event, again and again
 *     everything else                              -> MR_RETRY    brokers come back, leaders move
 *
 * The table here has what means the same to whoever talks to brokers. What depends on what was being done (rights to
 * grant, options to change) stands in the connector's own table, which is looked at first. */
#include "client/kafka/errors.h"

#include <stdarg.h>
#include <stdio.h>

static const struct mr_kafka_error table[] = {
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, MR_CONFIG, 77, "kafka.login",
     "check sasl.username, sasl.password and sasl.mechanism below `client`"},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, MR_CONFIG, 77, "kafka.login",
     "check sasl.username, sasl.password and sasl.mechanism below `client`"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, MR_CONFIG, 77, "kafka.login",
     "set sasl.mechanism below `client` to one that the brokers offer"},
    {RD_KAFKA_RESP_ERR__SSL, MR_CONFIG, 77, "kafka.tls",
     "check security.protocol, ssl.ca.location, ssl.certificate.location and ssl.key.location "
     "below `client`"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, MR_CONFIG, 0, "kafka.topic_name",
     "a topic's name has up to 249 of the characters a-z A-Z 0-9 . _ - and is not . or .."},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, MR_CONFIG, 0, "kafka.client_property",
     "properties below `client` contradict each other: leave them out one by one"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, MR_CONFIG, 77, "kafka.unauthorized",
     "grant Describe and Read on the topic"},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, MR_CONFIG, 77, "kafka.unauthorized", NULL},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, MR_CONFIG, 0, "kafka.topic_missing", NULL},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, MR_CONFIG, 0, "kafka.topic_missing", NULL},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, MR_CONFIG, 0, "kafka.topic_missing", NULL},
    {0},
};

static const struct mr_kafka_error *find_in(const struct mr_kafka_error *entry,
                                            rd_kafka_resp_err_t code)
{
    while (entry && entry->code && entry->error != code)
        entry++;
    return entry && entry->code ? entry : NULL;
}

const struct mr_kafka_error *mr_kafka_error_find(const struct mr_kafka_error *own,
                                                 rd_kafka_resp_err_t code)
{
    const struct mr_kafka_error *entry = find_in(own, code);

    return entry ? entry : find_in(table, code);
}

int mr_kafka_fail(struct mr_err *err, const struct mr_kafka_error *own, rd_kafka_resp_err_t code,
                  const char *detail, const char *doing, ...)
{
    const struct mr_kafka_error *entry = mr_kafka_error_find(own, code);
    const char *why = detail && detail[0] ? detail : rd_kafka_err2str(code);
    char what[600];
    va_list args;

    va_start(args, doing);
    vsnprintf(what, sizeof what, doing, args);
    va_end(args);
    mr_err_set(err, entry ? (enum mr_class)entry->class : MR_RETRY,
               entry ? entry->code : "kafka.unavailable", "cannot %s: %s", what, why);
    mr_err_native(err, rd_kafka_err2name(code));
    if (entry && entry->hint)
        mr_err_hint(err, "%s", entry->hint);
    if (err) {
        err->number = code;
        err->exit_code = entry ? entry->exit_code : 0;
    }
    return entry ? entry->class : MR_RETRY;
}

bool mr_kafka_error_denies(const struct mr_kafka_error *own, rd_kafka_resp_err_t code)
{
    const struct mr_kafka_error *entry = mr_kafka_error_find(own, code);

    return entry && entry->exit_code == 77;
}

bool mr_kafka_error_missing(const struct mr_err *err)
{
    return err->number == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           err->number == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           err->number == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

bool mr_kafka_error_unexplained(const struct mr_err *err, const struct mr_kafka_error *own)
{
    return err->class == MR_RETRY && err->number != 0 &&
           !mr_kafka_error_find(own, (rd_kafka_resp_err_t)err->number);
}

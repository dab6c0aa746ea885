/* Options, names and the client configuration made from them; placement as Java's producer does it. No server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "connectors/sink_kafka/client.h"
#include "connectors/sink_kafka/config.h"
#include "connectors/sink_kafka/topics.h"

static const char *broker = "127.0.0.1:1";

static struct mr_kafka_config plain(void)
{
    return (struct mr_kafka_config){
        .brokers = {.items = &broker, .count = 1},
        .commit = {.interval = 20 * MR_MS_NS, .bytes = 8 << 20, .split = 1000000},
        .transaction_timeout = 60 * MR_SECOND_NS,
    };
}

static void test_names_follow_the_pipeline(void **state)
{
    struct mr_context context = {.server = "shop", .pipeline = "orders eu"};
    struct mr_kafka_config config = plain();
    struct mr_kafka_names names;

    (void)state;
    mr_kafka_names_init(&names, &config, &context);
    assert_string_equal(names.transactional_id, "millrace.shop.orders eu");
    assert_string_equal(names.checkpoint_topic, "millrace.shop.orders_eu.checkpoint");
    assert_string_equal(names.checkpoint_key, "shop.orders eu");
    mr_kafka_names_done(&names);
    config.transactional_id = "mine";
    config.checkpoint_topic = "positions";
    mr_kafka_names_init(&names, &config, &context);
    assert_string_equal(names.transactional_id, "mine");
    assert_string_equal(names.checkpoint_topic, "positions");
    mr_kafka_names_done(&names);
}

static void expect(rd_kafka_conf_t *conf, const char *key, const char *wanted)
{
    char value[256] = "";
    size_t size = sizeof value;

    assert_int_equal(rd_kafka_conf_get(conf, key, value, &size), RD_KAFKA_CONF_OK);
    assert_string_equal(value, wanted);
}

static void test_the_client_gets_what_users_and_promises_ask_for(void **state)
{
    const char *keys[] = {"linger.ms", "security.protocol"}, *values[] = {"5", "SASL_SSL"};
    struct mr_kafka_config config = plain();
    rd_kafka_conf_t *conf = NULL;
    struct mr_err err;

    (void)state;
    config.client = (struct mr_option_map){.keys = keys, .values = values, .count = 2};
    assert_int_equal(mr_kafka_conf(&config, MR_KAFKA_PRODUCER, "id", &conf, &err), 0);
    expect(conf, "linger.ms", "5");
    expect(conf, "security.protocol", "sasl_ssl");
    expect(conf, "compression.codec", "lz4");
    expect(conf, "enable.idempotence", "true");
    expect(conf, "transactional.id", "id");
    expect(conf, "transaction.timeout.ms", "60000");
    expect(conf, "allow.auto.create.topics", "false");
    rd_kafka_conf_destroy(conf);
    config.transaction_timeout = 3 * MR_SECOND_NS;
    config.client.count = 0;
    assert_int_equal(mr_kafka_conf(&config, MR_KAFKA_PRODUCER, "id", &conf, &err), 0);
    expect(conf, "socket.timeout.ms", "3000");
    expect(conf, "linger.ms", "1000"); /* a third of the transaction's time */
    rd_kafka_conf_destroy(conf);
    assert_int_equal(mr_kafka_conf(&config, MR_KAFKA_READER, NULL, &conf, &err), 0);
    expect(conf, "isolation.level", "read_committed");
    rd_kafka_conf_destroy(conf);
}

static void test_properties_that_are_wrong_are_named(void **state)
{
    static const struct {
        const char *key, *value, *says;
    } cases[] = {
        {"linger.msx", "5", "linger.msx"},
        {"linger.ms", "soon", "linger.ms"},
        {"bootstrap.servers", "k1:9092", "use `brokers`"},
        {"transactional.id", "x", "use `transactional_id`"},
        {"enable.idempotence", "false", "every delivery mode needs it"},
        {"isolation.level", "read_uncommitted", "read_committed"},
        {"plugin.library.paths", "/tmp/x.so", "loads no code"},
        {"compression.type", "zstd", "use `compression`"},
        {"linger.ms", "120000", "not below transaction_timeout"},
        {"queue.buffering.max.ms", "60000", "not below transaction_timeout"},
    };
    struct mr_kafka_config config = plain();
    rd_kafka_conf_t *conf = NULL;
    struct mr_err err;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *key = cases[i].key, *value = cases[i].value;
        config.client = (struct mr_option_map){.keys = &key, .values = &value, .count = 1};
        assert_int_equal(mr_kafka_conf(&config, MR_KAFKA_PRODUCER, "id", &conf, &err), MR_CONFIG);
        assert_string_equal(err.code, "kafka.client_property");
        assert_non_null(strstr(err.text, cases[i].says));
        assert_null(strstr(err.text, "secret"));
    }
}

/* Vectors of org.apache.kafka.common.utils.UtilsTest.testMurmur2. */
static void test_keys_go_where_java_puts_them(void **state)
{
    static const struct {
        const char *key;
        int32_t hash;
    } cases[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int partitions = 1; partitions < 5000; partitions = partitions * 3 + 1) {
            struct mr_kafka_topic topic = {.partitions = partitions};
            assert_int_equal(mr_kafka_topic_place(&topic, mr_slice_str(cases[i].key)),
                             (cases[i].hash & 0x7fffffff) % partitions);
        }
    }
}

static void test_records_without_a_key_rotate(void **state)
{
    struct mr_kafka_topic topic = {.partitions = 3, .rotation = 4};

    (void)state;
    assert_int_equal(mr_kafka_topic_place(&topic, (struct mr_slice){NULL, 0}), 1);
}

static void test_each_error_says_what_to_do(void **state)
{
    static const struct {
        rd_kafka_resp_err_t error;
        int class, exit;
        const char *code;
    } cases[] = {
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, MR_CONFIG, 77, "kafka.unauthorized"},
        {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, MR_CONFIG, 77, "kafka.login"},
        {RD_KAFKA_RESP_ERR__SSL, MR_CONFIG, 77, "kafka.tls"},
        {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, MR_CONFIG, 78,
         "sink.kafka.transaction_timeout"},
        {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, MR_CONFIG, 78, "kafka.topic_name"},
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, MR_DATA, 1, "sink.kafka.too_large"},
        {RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, MR_CONFIG, 78, "sink.kafka.compression"},
        {RD_KAFKA_RESP_ERR__FENCED, MR_RETRY, 69, "sink.kafka.transaction_ended"},
        {RD_KAFKA_RESP_ERR__INVALID_ARG, MR_CONFIG, 78, "kafka.client_property"},
        {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, MR_RETRY, 69, "kafka.unavailable"},
        {RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, MR_RETRY, 69, "kafka.unavailable"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mr_err err;
        assert_int_equal(mr_kafka_fail(&err, mr_kafka_sink_errors, cases[i].error, NULL,
                                       "write to topic %s", "t"),
                         cases[i].class);
        assert_int_equal(err.number, cases[i].error);
        assert_string_equal(err.code, cases[i].code);
        assert_int_equal(mr_err_exit(&err), cases[i].exit);
        assert_string_equal(err.native, rd_kafka_err2name(cases[i].error));
        assert_non_null(strstr(err.text, "cannot write to topic t: "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_follow_the_pipeline),
        cmocka_unit_test(test_the_client_gets_what_users_and_promises_ask_for),
        cmocka_unit_test(test_properties_that_are_wrong_are_named),
        cmocka_unit_test(test_keys_go_where_java_puts_them),
        cmocka_unit_test(test_records_without_a_key_rotate),
        cmocka_unit_test(test_each_error_says_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

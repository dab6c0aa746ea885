/* The registry client against a registry of a script: what is asked, what is kept, what each refusal turns into. */
#include "schema/registry/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "plug/encoder.h"
#include "schema/avro/diff.h"
#include "schema/json/schema.h"
#include "test/support/fake_registry.h"

#define SUBJECT "shop.public.t-value"
#define SCHEMA                                                                                     \
    MR_SLICE("{\"type\":\"record\",\"name\":\"T\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"}]"  \
             "}")
static const struct mr_slice schema = SCHEMA;
static const char *const latest = "{\"subject\":\"s\",\"version\":4,\"id\":9,\"schema\":\"{"
                                  "\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"T\\\","
                                  "\\\"fields\\\":[]}\"}";

struct fixture {
    struct fake_registry fake;
    struct mr_registry_options options;
    struct mr_counters counters;
    struct mr_context context;
    struct mr_registry *registry;
    const char *urls[2];
    struct mr_err err;
};

static void begin(struct fixture *f, const struct fake_answer *answers, struct mr_slice remembered)
{
    memset(f, 0, sizeof *f);
    fake_registry_start(&f->fake, answers);
    f->urls[0] = f->fake.url;
    f->options = (struct mr_registry_options){
        .urls = {f->urls, 1}, .auto_register = true, .timeout_ns = 5000000000};
    f->context = (struct mr_context){.pipeline = "p", .counters = &f->counters};
    assert_int_equal(mr_registry_open(&f->options, &f->context, remembered, &f->registry, &f->err),
                     0);
}

static void end(struct fixture *f)
{
    assert_int_equal(f->fake.wrong, 0);
    mr_registry_close(f->registry);
    fake_registry_stop(&f->fake);
}

static int ask(struct fixture *f, uint32_t *ret_id)
{
    return mr_registry_id(f->registry, SUBJECT,
                          &(struct mr_schema){.kind = &mr_schema_avro, .text = schema}, ret_id,
                          &f->err);
}

static void an_id_is_asked_for_once_and_remembered(void **state)
{
    static const struct fake_answer answers[] = {
        {"POST", "/subjects/" SUBJECT "/versions", 200, "{\"id\":77}"}, {0}};
    static const struct fake_answer other[] = {{NULL, NULL, 200, "{\"id\":3}"}, {0}};
    struct fixture f;
    struct mr_slice remembered;
    char kept[500], without[500], url[200];
    uint32_t id = 0;

    (void)state;
    begin(&f, answers, (struct mr_slice){NULL, 0});
    assert_int_equal(ask(&f, &id), 0);
    assert_int_equal(id, 77);
    assert_int_equal(ask(&f, &id), 0);
    assert_int_equal(f.fake.requests, 1);
    assert_int_equal(mr_registry_changed(f.registry), 1);
    assert_non_null(strstr(f.fake.last_body, "\\\"name\\\":\\\"T\\\""));
    assert_null(strstr(f.fake.last_body, "schemaType"));
    remembered = mr_registry_remember(f.registry);
    assert_true(remembered.size < sizeof kept);
    memcpy(kept, remembered.data, remembered.size);
    remembered.data = kept;
    mr_registry_close(f.registry);
    /* After a restart nobody is asked, whoever asks. */
    f.urls[0] = url;
    snprintf(url, sizeof url, "http://me:secret@%.60s//", f.fake.url + strlen("http://"));
    assert_int_equal(mr_registry_open(&f.options, &f.context, remembered, &f.registry, &f.err), 0);
    assert_int_equal(ask(&f, &id), 0);
    assert_int_equal(id, 77);
    assert_int_equal(f.fake.requests, 1);
    end(&f);
    /* Another registry has ids of its own. */
    begin(&f, other, remembered);
    assert_int_equal(ask(&f, &id), 0);
    assert_int_equal(id, 3);
    end(&f);
    /* What an older version wrote does not say where from. */
    begin(&f, (const struct fake_answer[]){{0}},
          mr_slice(without,
                   (size_t)snprintf(without, sizeof without, "{%.*s",
                                    (int)(remembered.size - (size_t)(strchr(kept, ',') + 1 - kept)),
                                    strchr(kept, ',') + 1)));
    assert_int_equal(ask(&f, &id), 0);
    assert_int_equal(id, 77);
    end(&f);
}

/* Every commit carries the ids: versions and tables of long ago must not make it grow for ever. */
static void ids_not_used_for_longest_are_let_go(void **state)
{
    static const struct fake_answer answers[] = {
        {"POST", "/subjects/" SUBJECT "/versions", 200, "{\"id\":77}"}, {0}};
    struct fixture f;
    struct mr_slice remembered;
    struct mr_buf text;
    const char *entry;
    uint32_t id = 0;

    (void)state;
    begin(&f, answers, (struct mr_slice){NULL, 0});
    assert_int_equal(ask(&f, &id), 0);
    remembered = mr_registry_remember(f.registry);
    entry = strchr(remembered.data, ',') + 1;
    mr_buf_init(&text, 4 << 20);
    mr_buf_printf(&text, "{%.*s", (int)(remembered.data + remembered.size - 1 - entry), entry);
    for (int i = 1; i <= 10000; i++)
        mr_buf_printf(&text, ",\"%032d shop.public.table_%05d-value\":%d", i, i, 100000 + i);
    mr_buf_add_char(&text, '}');
    assert_true(text.size > 600000);
    mr_registry_close(f.registry);
    assert_int_equal(
        mr_registry_open(&f.options, &f.context, mr_buf_slice(&text), &f.registry, &f.err), 0);
    assert_int_equal(ask(&f, &id), 0); /* the oldest, but used again */
    assert_int_equal(f.fake.requests, 1);
    remembered = mr_registry_remember(f.registry);
    assert_in_range(remembered.size, 450000, 530000);
    assert_non_null(strstr(remembered.data, SUBJECT "\":77"));
    assert_non_null(strstr(remembered.data, "table_10000-value\":110000"));
    assert_null(strstr(remembered.data, "table_00001-value"));
    mr_buf_done(&text);
    end(&f);
}

static void a_refusal_names_column_and_rule_and_heals(void **state)
{
    static const struct fake_answer answers[] = {
        {"POST", "/subjects/" SUBJECT "/versions", 409, "{\"error_code\":409,\"message\":\"no\"}"},
        {"GET", "/config/" SUBJECT "?defaultToGlobal=true", 200,
         "{\"compatibilityLevel\":\"BACKWARD\"}"},
        {"GET", "/subjects/" SUBJECT "/versions/latest", 200, NULL},
        {0}};
    struct fake_answer rows[4];
    struct fixture f;
    uint32_t id = 0;

    (void)state;
    memcpy(rows, answers, sizeof rows);
    rows[2].body = latest;
    begin(&f, rows, (struct mr_slice){NULL, 0});
    assert_int_equal(ask(&f, &id), MR_RETRY);
    assert_string_equal(f.err.code, "registry.incompatible");
    assert_non_null(strstr(f.err.text, SUBJECT));
    assert_non_null(strstr(f.err.text, "BACKWARD with version 4"));
    assert_non_null(strstr(f.err.text, "column a is new and has no default"));
    /* Asked again at once, it says the same without another request. */
    assert_int_equal(ask(&f, &id), MR_RETRY);
    assert_int_equal(f.fake.requests, 3);
    end(&f);
}

static void a_json_schema_is_explained_by_its_own_rules(void **state)
{
    static const struct fake_answer answers[] = {
        {"POST", "/subjects/" SUBJECT "/versions", 409, "{\"error_code\":409,\"message\":\"no\"}"},
        {"GET", "/config/" SUBJECT "?defaultToGlobal=true", 200,
         "{\"compatibilityLevel\":\"BACKWARD\"}"},
        {"GET", "/subjects/" SUBJECT "/versions/latest", 200,
         "{\"version\":1,\"id\":2,\"schemaType\":\"JSON\",\"schema\":\"{\\\"type\\\":"
         "\\\"object\\\"}\"}"},
        {0}};
    const struct mr_slice wider =
        MR_SLICE("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}");
    struct fixture f;
    uint32_t id = 0;

    (void)state;
    begin(&f, answers, (struct mr_slice){NULL, 0});
    assert_int_equal(mr_registry_id(f.registry, SUBJECT,
                                    &(struct mr_schema){.kind = &mr_schema_json, .text = wider},
                                    &id, &f.err),
                     MR_RETRY);
    assert_string_equal(f.err.code, "registry.incompatible");
    assert_non_null(strstr(f.err.text, "column a is new, and older events may hold anything"));
    end(&f);
}

static void each_answer_has_its_meaning(void **state)
{
    static const struct {
        unsigned status;
        const char *body, *code;
        int class, exit_code;
    } cases[] = {
        {401, "{\"error_code\":40101,\"message\":\"who\"}", "registry.unauthorized", MR_CONFIG, 77},
        {403, "no", "registry.unauthorized", MR_CONFIG, 77},
        {422, "{\"error_code\":42201,\"message\":\"bad schema\"}", "registry.invalid_schema",
         MR_CONFIG, 78},
        {404, "<html>", "registry.unexpected", MR_CONFIG, 78},
        {429, "", "registry.busy", MR_RETRY, 69},
        {503, "x", "registry.busy", MR_RETRY, 69},
        {200, "{}", "registry.busy", MR_RETRY, 69},
        {200, "not json", "registry.busy", MR_RETRY, 69},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_answer answers[] = {{NULL, NULL, cases[i].status, cases[i].body}, {0}};
        struct fixture f;
        uint32_t id = 0;

        begin(&f, answers, (struct mr_slice){NULL, 0});
        assert_int_equal(ask(&f, &id), cases[i].class);
        assert_string_equal(f.err.code, cases[i].code);
        assert_int_equal(mr_err_exit(&f.err), cases[i].exit_code);
        end(&f);
    }
}

static void a_500_that_comes_three_times_is_an_answer(void **state)
{
    static const struct fake_answer answers[] = {{NULL, NULL, 500, "{\"error_code\":0}"},
                                                 {NULL, NULL, 500, "{\"error_code\":0}"},
                                                 {NULL, NULL, 500, "{\"error_code\":0}"},
                                                 {0}};
    struct fixture f;
    uint32_t id = 0;

    (void)state;
    begin(&f, answers, (struct mr_slice){NULL, 0});
    assert_int_equal(ask(&f, &id), MR_RETRY);
    assert_int_equal(ask(&f, &id), MR_RETRY);
    assert_int_equal(ask(&f, &id), MR_CONFIG);
    assert_string_equal(f.err.code, "registry.refused");
    end(&f);
}

/* Confluent's registry while its Kafka is away. */
static void a_store_that_is_away_is_waited_for(void **state)
{
    static const struct fake_answer answers[] = {{NULL, NULL, 500, "{\"error_code\":50002}"},
                                                 {NULL, NULL, 500, "{\"error_code\":50001}"},
                                                 {NULL, NULL, 500, "{\"error_code\":50003}"},
                                                 {NULL, NULL, 500, "{\"error_code\":50004}"},
                                                 {NULL, NULL, 200, "{\"id\":5}"},
                                                 {0}};
    struct fixture f;
    uint32_t id = 0;

    (void)state;
    begin(&f, answers, (struct mr_slice){NULL, 0});
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ask(&f, &id), MR_RETRY);
        assert_string_equal(f.err.code, "registry.busy");
    }
    assert_int_equal(ask(&f, &id), 0);
    assert_int_equal(id, 5);
    end(&f);
}

static void without_auto_register_it_only_looks_up(void **state)
{
    static const struct fake_answer answers[] = {
        {"POST", "/subjects/" SUBJECT "?normalize=true", 404, "{\"error_code\":40403}"},
        {"POST", "/subjects/" SUBJECT "?normalize=true", 200, "{\"id\":5,\"version\":1}"},
        {0}};
    struct fixture f;
    uint32_t id = 0;

    (void)state;
    begin(&f, answers, (struct mr_slice){NULL, 0});
    f.options.auto_register = false;
    f.options.normalize = true;
    assert_int_equal(ask(&f, &id), MR_CONFIG);
    assert_string_equal(f.err.code, "registry.not_registered");
    assert_int_equal(ask(&f, &id), 0);
    assert_int_equal(id, 5);
    end(&f);
}

static void the_next_url_is_tried_and_credentials_are_sent_and_never_shown(void **state)
{
    static const struct fake_answer answers[] = {{NULL, NULL, 200, "{\"id\":3}"}, {0}};
    struct fake_registry fake;
    struct mr_counters counters = {0};
    struct mr_context context = {.pipeline = "p", .counters = &counters};
    const char *urls[] = {"http://user:geheim@127.0.0.1:9", "x"};
    struct mr_registry_options options = {.urls = {urls, 2},
                                          .user = "me",
                                          .password = "geheim",
                                          .auto_register = true,
                                          .timeout_ns = 3000000000};
    struct mr_registry *registry;
    struct mr_err err;
    uint32_t id = 0;

    (void)state;
    fake_registry_start(&fake, answers);
    urls[1] = fake.url;
    assert_int_equal(
        mr_registry_open(&options, &context, (struct mr_slice){NULL, 0}, &registry, &err), 0);
    assert_int_equal(mr_registry_id(registry, "a/b ü",
                                    &(struct mr_schema){.kind = &mr_schema_json, .text = schema},
                                    &id, &err),
                     0);
    assert_int_equal(id, 3);
    assert_string_equal(fake.authorization, "Basic bWU6Z2VoZWlt");
    assert_non_null(strstr(fake.last_body, "\"schemaType\":\"JSON\""));
    fake_registry_stop(&fake);
    assert_int_equal(mr_registry_id(registry, "other",
                                    &(struct mr_schema){.kind = &mr_schema_avro, .text = schema},
                                    &id, &err),
                     MR_RETRY);
    assert_string_equal(err.code, "registry.unreachable");
    assert_null(strstr(err.text, "geheim"));
    mr_registry_close(registry);
}

static void a_read_only_subject_is_still_looked_up(void **state)
{
    static const struct fake_answer answers[] = {
        {"POST", "/subjects/" SUBJECT "/versions", 422, "{\"error_code\":42205}"},
        {"POST", "/subjects/" SUBJECT, 404, "{\"error_code\":40403}"},
        {"POST", "/subjects/" SUBJECT "/versions", 422, "{\"error_code\":42205}"},
        {"POST", "/subjects/" SUBJECT, 200, "{\"id\":11,\"version\":2}"},
        {0}};
    struct fixture f;
    uint32_t id = 0;

    (void)state;
    begin(&f, answers, (struct mr_slice){NULL, 0});
    assert_int_equal(ask(&f, &id), MR_CONFIG);
    assert_string_equal(f.err.code, "registry.read_only");
    assert_int_equal(ask(&f, &id), 0);
    assert_int_equal(id, 11);
    end(&f);
}

static void a_sick_node_is_passed_over_and_a_500_of_all_is_an_answer(void **state)
{
    static const struct fake_answer sick[] = {{NULL, NULL, 503, "leader?"},
                                              {NULL, NULL, 500, "{\"error_code\":0}"},
                                              {NULL, NULL, 500, "{\"error_code\":0}"},
                                              {0}};
    static const struct fake_answer well[] = {{NULL, NULL, 200, "{\"id\":8}"}, {0}};
    struct fake_registry first, second;
    struct mr_counters counters = {0};
    struct mr_context context = {.pipeline = "p", .counters = &counters};
    const char *urls[2];
    struct mr_registry_options options = {
        .urls = {urls, 2}, .auto_register = true, .timeout_ns = 3000000000};
    struct mr_registry *registry;
    struct mr_err err;
    uint32_t id = 0;

    (void)state;
    fake_registry_start(&first, sick);
    fake_registry_start(&second, well);
    urls[0] = first.url;
    urls[1] = second.url;
    assert_int_equal(
        mr_registry_open(&options, &context, (struct mr_slice){NULL, 0}, &registry, &err), 0);
    assert_int_equal(mr_registry_id(registry, "a",
                                    &(struct mr_schema){.kind = &mr_schema_avro, .text = schema},
                                    &id, &err),
                     0);
    assert_int_equal(id, 8);
    /* The one that answered is asked first; once it is gone, the sick one's fault is what is told. */
    fake_registry_stop(&second);
    assert_int_equal(mr_registry_id(registry, "b",
                                    &(struct mr_schema){.kind = &mr_schema_avro, .text = schema},
                                    &id, &err),
                     MR_RETRY);
    assert_string_equal(err.code, "registry.busy");
    assert_int_equal(first.requests, 2);
    mr_registry_close(registry);
    fake_registry_stop(&first);
}

#define LATEST(text)                                                                               \
    {                                                                                              \
        "GET", "/subjects/s/versions/latest", 200,                                                 \
            "{\"version\":4,\"id\":9,\"schema\":\"" text "\"}"                                     \
    }
#define NONE                                                                                       \
    {                                                                                              \
        "GET", "/subjects/s/versions/latest", 404, "{}"                                            \
    }
#define LEVEL                                                                                      \
    {                                                                                              \
        "GET", "/config/s?defaultToGlobal=true", 200, "{\"compatibilityLevel\":\"FULL\"}"          \
    }
#define MODE(mode)                                                                                 \
    {                                                                                              \
        "GET", "/mode/s?defaultToGlobal=true", 200, "{\"mode\":\"" mode "\"}"                      \
    }
#define FITS(answer)                                                                               \
    {                                                                                              \
        "POST", "/compatibility/subjects/s/versions/latest", 200, "{\"is_compatible\":" answer "}" \
    }

static void a_plan_tells_what_would_become_of_a_schema(void **state)
{
    static const struct {
        struct fake_answer answers[6];
        int version;
        bool same, compatible, read_only;
    } cases[] = {
        {{NONE, LEVEL, MODE("READWRITE")}, 0, false, true, false},
        {{NONE, LEVEL, MODE("READONLY")}, 0, false, false, true},
        {{LATEST("x"), LEVEL}, 4, true, true, false},
        {{LATEST("y"), LEVEL, MODE("READWRITE"), FITS("true")}, 4, false, true, false},
        {{LATEST("y"), LEVEL, MODE("READWRITE"), FITS("false")}, 4, false, false, false},
        {{LATEST("y"), LEVEL, MODE("READONLY_OVERRIDE")}, 4, false, false, true},
        {{LATEST("y"),
          LEVEL,
          {"GET", "/mode/s?defaultToGlobal=true", 404, "{\"error_code\":40409}"},
          {"GET", "/mode", 404, "no such thing"},
          FITS("true")},
         4,
         false,
         true,
         false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mr_subject_plan plan;
        struct fixture f;

        begin(&f, cases[i].answers, (struct mr_slice){NULL, 0});
        assert_int_equal(
            mr_registry_plan(f.registry, "s",
                             &(struct mr_schema){.kind = &mr_schema_json, .text = MR_SLICE("x")},
                             &plan, &f.err),
            0);
        assert_int_equal(plan.version, cases[i].version);
        assert_int_equal(plan.same, cases[i].same);
        assert_int_equal(plan.compatible, cases[i].compatible);
        assert_int_equal(plan.read_only, cases[i].read_only);
        assert_string_equal(plan.level, "FULL");
        end(&f);
    }
}

static void no_url_is_a_configuration_error(void **state)
{
    struct mr_registry_options options = {0};
    struct mr_context context = {.pipeline = "p"};
    struct mr_registry *registry = NULL;
    struct mr_err err;

    (void)state;
    assert_int_equal(
        mr_registry_open(&options, &context, (struct mr_slice){NULL, 0}, &registry, &err),
        MR_CONFIG);
    assert_string_equal(err.code, "registry.no_url");
}

/* Asked too late nobody is asked; what is known is still told. */
static void a_deadline_ends_the_asking(void **state)
{
    static const struct fake_answer answers[] = {
        {"POST", "/subjects/" SUBJECT "/versions", 200, "{\"id\":77}"}, {0}};
    struct fixture f;
    uint32_t id = 0;

    (void)state;
    begin(&f, answers, (struct mr_slice){NULL, 0});
    mr_registry_wait_until(f.registry, mr_clock_mono_ns());
    assert_int_equal(ask(&f, &id), MR_RETRY);
    assert_string_equal(f.err.code, "registry.unreachable");
    assert_int_equal(f.fake.requests, 0);
    mr_registry_wait_until(f.registry, mr_clock_mono_ns() + 60 * MR_SECOND_NS);
    assert_int_equal(ask(&f, &id), 0);
    mr_registry_wait_until(f.registry, 0);
    assert_int_equal(ask(&f, &id), 0);
    assert_int_equal(id, 77);
    assert_int_equal(f.fake.requests, 1);
    end(&f);
}

static void latest_level_and_compatible(void **state)
{
    static const struct fake_answer answers[] = {
        {"GET", "/subjects/s%2Fx/versions/latest", 404, "{\"error_code\":40401}"},
        {"GET", "/config/s%2Fx?defaultToGlobal=true", 404, "{\"error_code\":40408}"},
        {"GET", "/config", 200, "{\"compatibilityLevel\":\"FULL\"}"},
        {"POST", "/compatibility/subjects/s%2Fx/versions/latest", 200, "{\"is_compatible\":false}"},
        {"POST", "/compatibility/subjects/s%2Fx/versions/latest", 404, "{\"error_code\":40401}"},
        {0}};
    struct fixture f;
    struct mr_buf text;
    bool compatible = true;
    char level[32];
    int version = 9;
    uint32_t id;

    (void)state;
    begin(&f, answers, (struct mr_slice){NULL, 0});
    mr_buf_init(&text, 1 << 16);
    assert_int_equal(mr_registry_latest(f.registry, "s/x", &text, &version, &id, &f.err), 0);
    assert_int_equal(version, 0);
    assert_int_equal(mr_registry_level(f.registry, "s/x", level, &f.err), 0);
    assert_string_equal(level, "FULL");
    assert_int_equal(
        mr_registry_compatible(f.registry, "s/x",
                               &(struct mr_schema){.kind = &mr_schema_avro, .text = schema},
                               &compatible, &f.err),
        0);
    assert_false(compatible);
    assert_int_equal(
        mr_registry_compatible(f.registry, "s/x",
                               &(struct mr_schema){.kind = &mr_schema_avro, .text = schema},
                               &compatible, &f.err),
        0);
    assert_true(compatible);
    mr_buf_done(&text);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_asked_for_once_and_remembered),
        cmocka_unit_test(ids_not_used_for_longest_are_let_go),
        cmocka_unit_test(a_refusal_names_column_and_rule_and_heals),
        cmocka_unit_test(a_json_schema_is_explained_by_its_own_rules),
        cmocka_unit_test(each_answer_has_its_meaning),
        cmocka_unit_test(a_500_that_comes_three_times_is_an_answer),
        cmocka_unit_test(a_store_that_is_away_is_waited_for),
        cmocka_unit_test(without_auto_register_it_only_looks_up),
        cmocka_unit_test(the_next_url_is_tried_and_credentials_are_sent_and_never_shown),
        cmocka_unit_test(a_read_only_subject_is_still_looked_up),
        cmocka_unit_test(a_sick_node_is_passed_over_and_a_500_of_all_is_an_answer),
        cmocka_unit_test(a_plan_tells_what_would_become_of_a_schema),
        cmocka_unit_test(no_url_is_a_configuration_error),
        cmocka_unit_test(a_deadline_ends_the_asking),
        cmocka_unit_test(latest_level_and_compatible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The binary's verbs where no server is needed: outputs, exit codes, the object of --json. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char output[1 << 18], folder[] = "/tmp/mr-verbs-XXXXXX";

/* Runs "millrace <words>" in a shell; its exit code, and what it prints in `output`. F in words is the folder. */
static int run(const char *words)
{
    const char *binary = getenv("MR_BINARY");
    char command[2000];
    size_t got;
    FILE *pipe;
    int status;

    snprintf(command, sizeof(command), "F=%s; unset MILLRACE_CONFIG; %s %s", folder,
             binary ? binary : "build/dev/millrace", words);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    got = fread(output, 1, sizeof(output) - 1, pipe);
    output[got] = '\0';
    status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void write_file(const char *name, const char *text)
{
    char path[300];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int set_up(void **state)
{
    char text[1000];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(text, sizeof(text),
             "version: 1\nstate: {directory: /nonexistent/millrace}\npipelines:\n  shop:\n"
             "    source: {type: postgres, dsn: \"host=127.0.0.1 port=1 password=hunter2\"}\n"
             "    sink: {type: file, directory: %s/out}\n",
             folder);
    write_file("file.yaml", text);
    write_file("stdout.yaml", "version: 1\npipelines:\n  shop:\n    source: {type: postgres, dsn: "
                              "\"postgres://u:hunter2@h/d\", password: hunter2}\n    sink: {type: "
                              "stdout}\n");
    write_file("checkpoint.json",
               "{\"format\":1,\"pipeline\":\"shop\",\"owner\":\"me\",\"start\":4,"
               "\"number\":77,\"source\":{\"resume\":\"0/1\"}}");
    return 0;
}

static int tear_down(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

/* The object of --json, whose shape is the same for every verb. */
static json_t *object(void)
{
    json_t *root = json_loads(output, 0, NULL);

    if (!root)
        fail_msg("no JSON: %s", output);
    assert_true(json_is_string(json_object_get(root, "command")));
    assert_true(json_is_boolean(json_object_get(root, "ok")));
    assert_true(json_is_string(json_object_get(root, "summary")));
    assert_non_null(json_object_get(root, "result"));
    assert_non_null(json_object_get(root, "error"));
    return root;
}

static void expect_code(const char *words, int exit_code, const char *code)
{
    json_t *root;
    const char *got;
    int status = run(words);

    if (status != exit_code)
        fail_msg("%s: exit %d: %s", words, status, output);
    root = object();
    got = json_string_value(json_object_get(json_object_get(root, "error"), "code"));
    if (!got || strcmp(got, code) != 0)
        fail_msg("%s: %s", words, output);
    json_decref(root);
}

static void errors_have_codes_and_exit_codes(void **state)
{
    (void)state;
    expect_code("rnu --json", 64, "usage.unknown_verb");
    expect_code("check --json", 64, "usage.too_few");
    expect_code("run --json $F/none.yaml 2>&1", 78, "config.unreadable");
    expect_code("checkpoint export shop -c $F/stdout.yaml --json", 78, "checkpoint.unsupported");
    expect_code("checkpoint set shop now --yes -c $F/stdout.yaml --json", 78,
                "checkpoint.unsupported");
    expect_code("checkpoint export shop -c $F/file.yaml --json", 1, "checkpoint.none");
    expect_code("checkpoint export shp -c $F/file.yaml --json", 64, "usage.unknown_pipeline");
    expect_code("checkpoint set shop -c $F/file.yaml --json", 64, "usage.too_few");
    expect_code("checkpoint set shop now --from x -c $F/file.yaml --json", 64, "usage.too_many");
    expect_code("checkpoint set shop --from $F/none -c $F/file.yaml --json", 78, "checkpoint.file");
    expect_code("checkpoint set shop --from $F/file.yaml -c $F/file.yaml --json", 78,
                "checkpoint.unreadable");
    expect_code("checkpoint set shop --from $F/checkpoint.json -c $F/file.yaml --json </dev/null",
                64, "usage.confirmation");
    expect_code("tail x --format html --json 2>&1", 64, "usage.value");
    expect_code("completion fish --json", 64, "usage.value");
}

static void a_checkpoint_is_set_and_shown(void **state)
{
    json_t *root, *shop;

    (void)state;
    assert_int_equal(run("checkpoint show -c $F/stdout.yaml"), 0);
    assert_string_equal(output, "shop\n  this sink keeps none\n");
    assert_int_equal(run("checkpoint show -c $F/file.yaml"), 0);
    assert_string_equal(output, "shop\n  none: the next start is a first one\n");
    assert_int_equal(run("checkpoint set shop --from $F/checkpoint.json --yes -c $F/file.yaml"), 0);
    assert_string_equal(output, "the checkpoint of pipeline shop was set\n");
    assert_int_equal(run("checkpoint show shop -c $F/file.yaml"), 0);
    assert_non_null(strstr(output, "  resume       0/1\n"));
    assert_int_equal(run("checkpoint show --json -c $F/file.yaml"), 0);
    root = object();
    shop = json_object_get(json_object_get(root, "result"), "shop");
    assert_int_equal(json_integer_value(json_object_get(shop, "number")), 77);
    assert_int_equal(json_integer_value(json_object_get(shop, "start")), 1);
    json_decref(root);
}

static void findings_are_no_error(void **state)
{
    json_t *root;

    (void)state;
    assert_int_equal(run("check --json test/config/broken/no_sink.yaml"), 78);
    root = object();
    assert_false(json_is_true(json_object_get(root, "ok")));
    assert_true(json_is_null(json_object_get(root, "error")));
    json_decref(root);
    assert_true(run("check --environment --json $F/file.yaml") != 0);
    root = object();
    assert_true(json_is_null(json_object_get(root, "error")));
    assert_non_null(strstr(output, "\"code\":\"state.directory\""));
    json_decref(root);
}

static void show_keeps_secrets_and_tells_origins(void **state)
{
    (void)state;
    assert_int_equal(run("config show --origin $F/stdout.yaml"), 0);
    assert_non_null(strstr(output, "dsn: \"postgres://u:***@h/d\""));
    assert_non_null(strstr(output, "password: \"***\""));
    assert_non_null(strstr(output, "stdout.yaml:4\n"));
    assert_non_null(strstr(output, "# default\n"));
    assert_null(strstr(output, "hunter2"));
    assert_int_equal(run("config show --json $F/file.yaml"), 0);
    assert_non_null(
        strstr(output, "\"pipelines.shop.sink.type\":{\"value\":\"file\",\"origin\":\""));
    assert_null(strstr(output, "hunter2"));
}

static void every_verb_explains_itself(void **state)
{
    static const char *const verbs[] = {
        "tail",   "check",          "plan",         "run",     "config show",
        "schema", "checkpoint set", "files verify", "version", "completion"};
    char words[100];

    (void)state;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        snprintf(words, sizeof(words), "%s --help", verbs[i]);
        assert_int_equal(run(words), 0);
        assert_non_null(strstr(output, "usage: millrace "));
        snprintf(words, sizeof(words), "help %s --json", verbs[i]);
        assert_int_equal(run(words), 0);
        json_decref(object());
    }
    assert_int_equal(run("schema"), 0);
    json_decref(json_loads(output, 0, NULL));
    assert_int_equal(run("completion bash | bash -n"), 0);
    assert_int_equal(run("version"), 0);
    assert_non_null(strstr(output, "sinks      "));
}

static void files_merge_and_standard_input_is_one(void **state)
{
    (void)state;
    assert_int_equal(run("config show $F/stdout.yaml - <<'E'\nversion: 1\nlog: {level: debug}\nE"),
                     0);
    assert_non_null(strstr(output, "  level: debug\n"));
    assert_non_null(strstr(output, "type: stdout\n"));
}

static void every_example_is_valid(void **state)
{
    static const char *const files[] = {"millrace.yaml",
                                        "examples/postgres-stdout.yaml",
                                        "examples/postgres-file.yaml",
                                        "examples/postgres-csv.yaml",
                                        "examples/postgres-kafka.yaml",
                                        "examples/postgres-kafka-avro.yaml",
                                        "examples/postgres-null.yaml",
                                        "examples/mysql-kafka.yaml"};
    char words[100];

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(words, sizeof(words), "check config/%s 2>&1", files[i]);
        if (run(words) != 0)
            fail_msg("%s: %s", files[i], output);
    }
    /* each by itself: that all of them have a pipeline of one name does not matter */
    assert_int_equal(run("check config/examples/*.yaml"), 0);
    assert_int_equal(run("check config/examples/*.yaml test/config/broken/tab.yaml 2>&1"), 78);
    assert_non_null(strstr(output, "7 of 8 files are valid"));
    assert_int_equal(run("config show config/examples/*.yaml --json"), 78);
    assert_non_null(strstr(output, "config.duplicate_pipeline"));
}

static void a_name_that_no_file_has_is_told_offline(void **state)
{
    (void)state;
    assert_int_equal(run("check config/examples/postgres-file.yaml -p shop"), 0);
    assert_int_equal(run("check config/examples/postgres-file.yaml -p shpo 2>&1"), 64);
    assert_non_null(strstr(output, "did you mean \"shop\"?"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_codes_and_exit_codes),
        cmocka_unit_test(a_checkpoint_is_set_and_shown),
        cmocka_unit_test(findings_are_no_error),
        cmocka_unit_test(show_keeps_secrets_and_tells_origins),
        cmocka_unit_test(every_verb_explains_itself),
        cmocka_unit_test(files_merge_and_standard_input_is_one),
        cmocka_unit_test(every_example_is_valid),
        cmocka_unit_test(a_name_that_no_file_has_is_told_offline),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

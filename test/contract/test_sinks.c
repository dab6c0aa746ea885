/* One suite for every line MR_SINK() of connectors.def, and for the memory sink, the suite's own reference.
 *
 * What sink.h promises, seen from the engine's side: every batch comes back once, durable only grows and never
 * passes what was asked, an abort gives everything back, a transactional sink answers the last durable checkpoint
 * byte for byte and fences a predecessor. A sink that is not in the table below fails the suite; one that needs a
 * server is skipped, and says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "connectors/sink_file/config.h"
#include "../support/memory_sink.h"
#include "../support/sink_bench.h"
#include "plug/plug.h"

#define BATCHES 40

struct subject {
    const char *label;
    const char *name;
    const struct mr_sink *sink; /* NULL: found by name */
    const char *needs;          /* a server this suite has not: skipped */
    void (*begin)(void);
    const void *(*config)(void);
    void (*end)(void);
};

static char directory[64];
static struct mr_memory_store store;
static int saved_stdout;

static const void *file_config(void)
{
    static const struct mr_file_config config = {.directory = directory,
                                                 .path = "{topic}/{sequence}.jsonl",
                                                 .roll = {1 << 20, MR_SECOND_NS, 1000000}};

    return &config;
}

static const void *csv_config(void)
{
    static const struct mr_file_config config = {
        .directory = directory, .content = MR_FILE_CSV, .roll = {1 << 20, MR_SECOND_NS, 1000000}};

    return &config;
}

static void file_begin(void)
{
    strcpy(directory, "/tmp/sink-contract-XXXXXX");
    assert_non_null(mkdtemp(directory));
}

static void file_end(void)
{
    char command[100];

    snprintf(command, sizeof(command), "rm -r %s", directory);
    assert_int_equal(system(command), 0);
}

static void memory_begin(void)
{
    mr_memory_store_init(&store);
}

static const void *memory_config(void)
{
    static struct mr_memory_config config;

    config.store = &store;
    return &config;
}

static const void *memory_rows_config(void)
{
    static struct mr_memory_config config = {.changes = true};

    config.store = &store;
    return &config;
}

static void memory_end(void)
{
    mr_memory_store_done(&store);
}

static void stdout_begin(void)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    fflush(stdout);
    saved_stdout = dup(STDOUT_FILENO);
    dup2(fd, STDOUT_FILENO);
    close(fd);
}

static void stdout_end(void)
{
    dup2(saved_stdout, STDOUT_FILENO);
    close(saved_stdout);
}

static const void *zero_config(void)
{
    static const char zeroes[4096];

    return zeroes;
}

static void nothing(void)
{
}

static const struct subject subjects[] = {
    {"memory", "memory", &mr_sink_memory, NULL, memory_begin, memory_config, memory_end},
    {"stdout", "stdout", NULL, NULL, stdout_begin, zero_config, stdout_end},
    {"null", "null", NULL, NULL, nothing, zero_config, nothing},
    {"memory, rows", "memory", &mr_sink_memory, NULL, memory_begin, memory_rows_config, memory_end},
    {"file", "file", NULL, NULL, file_begin, file_config, file_end},
    {"file, csv", "file", NULL, NULL, file_begin, csv_config, file_end},
    {"kafka", "kafka", NULL, "a broker: test/connector/sink_kafka has its own suite", nothing,
     zero_config, nothing},
};

static const struct subject *subject;

static const struct mr_sink *sink_of(const struct subject *which)
{
    return which->sink ? which->sink : mr_plug_sink(which->name);
}

static int begin(void **state)
{
    subject = *state;
    if (!subject->needs)
        subject->begin();
    return 0;
}

static int end(void **state)
{
    (void)state;
    if (!subject->needs)
        subject->end();
    return 0;
}

static void skip_without_server(void)
{
    if (subject->needs) {
        print_message("SKIPPED: sink %s needs %s\n", subject->name, subject->needs);
        skip();
    }
}

static int open_subject(struct mr_bench *bench, const char *owner, struct mr_err *err)
{
    return mr_bench_open(bench, sink_of(subject), subject->config(), owner, err);
}

static void must_open(struct mr_bench *bench, const char *owner, const char *expected)
{
    struct mr_err err;

    assert_int_equal(open_subject(bench, owner, &err), 0);
    assert_string_equal(mr_buf_cstr(&bench->checkpoint), expected);
    assert_int_equal(mr_bench_commit(bench, true, "{\"claim\":1}", &err), 0);
}

static void every_sink_is_in_the_table(void **unused)
{
    (void)unused;
    for (const struct mr_sink *const *sink = mr_plug_sinks(); *sink; sink++) {
        bool found = false;
        for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
            found |= strcmp(subjects[i].name, (*sink)->name) == 0;
        if (!found)
            fail_msg("sink %s has no line in test/contract/test_sinks.c", (*sink)->name);
    }
}

static void it_declares_itself_whole(void **unused)
{
    const struct mr_sink *sink = sink_of(subject);

    (void)unused;
    assert_non_null(sink);
    assert_string_equal(sink->name, subject->name);
    assert_true(sink->summary && sink->summary[0] && sink->options && sink->config_size &&
                sink->state_size);
    assert_true(sink->open && sink->pace && sink->write && sink->commit && sink->poll &&
                sink->abort && sink->close);
    assert_true((sink->checkpoint_read == NULL) == (sink->checkpoint_write == NULL));
    for (const struct mr_option *option = sink->options; option->key; option++) {
        assert_true(option->offset < sink->config_size);
        assert_true(option->doc && option->doc[0]);
    }
}

static void its_pace_can_be_kept(void **unused)
{
    struct mr_sink_pace pace;
    struct mr_bench bench;

    (void)unused;
    skip_without_server();
    must_open(&bench, "one", "");
    bench.sink->pace(bench.state, &pace);
    assert_true(pace.split_records > 0);
    assert_true(pace.age_ns >= 0 && pace.caught_up_ns >= 0 && pace.caught_up_ns <= pace.age_ns);
    mr_bench_close(&bench);
}

static void every_batch_comes_back_once(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;
    uint64_t number = 1;

    (void)unused;
    skip_without_server();
    must_open(&bench, "one", "");
    for (size_t i = 0; i < BATCHES; i++) {
        size_t count = i % 7 == 0 ? 0 : i * 37 % 500;
        assert_int_equal(mr_bench_write(&bench, i % 3 ? "a" : "b", number, count, 0, &err), 0);
        number += count;
        if (i % 5 == 4)
            assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":1}", &err), 0);
    }
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":2}", &err), 0);
    assert_int_equal(bench.written, BATCHES);
    assert_int_equal(bench.released, BATCHES);
    mr_bench_close(&bench);
}

static void durable_only_grows(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;
    struct mr_sink_result result;
    uint64_t asked = 1, before = 0;

    (void)unused;
    skip_without_server();
    must_open(&bench, "one", "");
    for (int i = 0; i < 2000 && before < 30; i++) {
        struct mr_commit commit = {
            .id = asked + 1, .text = mr_slice_str("{\"p\":1}"), .whole = true};
        int rc = asked < 30 ? bench.sink->commit(bench.state, &commit, &err) : MR_AGAIN;
        assert_true(rc == 0 || rc == MR_AGAIN);
        asked += rc == 0;
        assert_int_equal(bench.sink->poll(bench.state, rc ? mr_clock_mono_ns() + 10 * MR_MS_NS : 0,
                                          &result, &err),
                         0);
        assert_true(result.durable >= before && result.durable <= asked);
        before = result.durable;
    }
    assert_int_equal(before, 30);
    mr_bench_close(&bench);
}

static void a_poll_without_a_deadline_returns_at_once(void **unused)
{
    struct mr_bench bench;
    struct mr_sink_result result;
    struct mr_err err;
    int64_t before_ns;

    (void)unused;
    skip_without_server();
    must_open(&bench, "one", "");
    before_ns = mr_clock_mono_ns();
    for (int i = 0; i < 10; i++)
        assert_int_equal(bench.sink->poll(bench.state, 0, &result, &err), 0);
    assert_true(mr_clock_mono_ns() - before_ns < MR_SECOND_NS);
    mr_bench_close(&bench);
}

static void an_abort_gives_everything_back(void **unused)
{
    struct mr_bench bench;
    struct mr_sink_result result;
    struct mr_err err;

    (void)unused;
    skip_without_server();
    must_open(&bench, "one", "");
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(mr_bench_write(&bench, "a", 1 + i * 10, 10, 0, &err), 0);
    assert_int_equal(mr_bench_abort(&bench, &err), 0);
    assert_int_equal(bench.sink->poll(bench.state, 0, &result, &err), 0);
    assert_null(result.released);
    assert_int_equal(bench.released, bench.written);
    assert_int_equal(mr_bench_write(&bench, "a", 1, 10, 0, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":10}", &err), 0);
    assert_int_equal(bench.released, bench.written);
    mr_bench_close(&bench);
}

static void a_close_frees_what_is_held(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    skip_without_server();
    must_open(&bench, "one", "");
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(mr_bench_write(&bench, "a", 1 + i * 10, 10, 0, &err), 0);
    mr_bench_close(&bench); /* the sanitizer counts */
    assert_int_equal(open_subject(&bench, "two", &err), 0);
    mr_bench_close(&bench); /* opened, never used */
}

static void the_last_durable_checkpoint_is_answered(void **unused)
{
    const char *text = "{\"a\":[1.50,\"\\u00e4\\\"\"],  \"b\":18446744073709551615}";
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    skip_without_server();
    if (sink_of(subject)->delivery != MR_SINK_TRANSACTIONAL)
        skip();
    must_open(&bench, "one", "");
    assert_int_equal(mr_bench_write(&bench, "a", 1, 10, 0, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, text, &err), 0);
    assert_int_equal(mr_bench_write(&bench, "a", 11, 10, 0, &err), 0);
    assert_int_equal(mr_bench_abort(&bench, &err), 0);
    assert_int_equal(mr_bench_write(&bench, "a", 11, 10, 0, &err), 0);
    mr_bench_close(&bench);
    must_open(&bench, "two", text);
    mr_bench_close(&bench);
}

static void a_successor_fences(void **unused)
{
    struct mr_bench old, new;
    struct mr_err err;

    (void)unused;
    skip_without_server();
    if (sink_of(subject)->delivery != MR_SINK_TRANSACTIONAL)
        skip();
    must_open(&old, "old", "");
    assert_int_equal(mr_bench_write(&old, "a", 1, 10, 0, &err), 0);
    must_open(&new, "new", "{\"claim\":1}");
    assert_int_equal(mr_bench_commit(&old, false, "{\"old\":1}", &err), MR_FENCED);
    assert_int_equal(mr_bench_write(&new, "a", 1, 10, 0, &err), 0);
    assert_int_equal(mr_bench_commit(&new, false, "{\"new\":1}", &err), 0);
    mr_bench_close(&old);
    mr_bench_close(&new);
    must_open(&new, "third", "{\"new\":1}");
    mr_bench_close(&new);
}

static void a_checkpoint_is_read_and_set_from_outside(void **unused)
{
    struct mr_bench bench;
    struct mr_buf text;
    struct mr_err err;

    (void)unused;
    skip_without_server();
    if (!sink_of(subject)->checkpoint_read)
        skip();
    must_open(&bench, "one", "");
    mr_buf_init(&text, 1000);
    assert_int_equal(bench.sink->checkpoint_read(&bench.args, &text, &err), 0);
    assert_string_equal(mr_buf_cstr(&text), "{\"claim\":1}");
    bench.args.owner = "admin";
    assert_int_equal(bench.sink->checkpoint_write(&bench.args, mr_slice_str("{\"p\":5}"), &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":6}", &err), MR_FENCED);
    mr_bench_close(&bench);
    must_open(&bench, "two", "{\"p\":5}");
    mr_bench_close(&bench);
    mr_buf_done(&text);
}

#define PROMISE(test)                                                                              \
    {                                                                                              \
#test, test, begin, end, NULL                                                              \
    }

static const struct CMUnitTest promises[] = {
    PROMISE(it_declares_itself_whole),
    PROMISE(its_pace_can_be_kept),
    PROMISE(every_batch_comes_back_once),
    PROMISE(durable_only_grows),
    PROMISE(a_poll_without_a_deadline_returns_at_once),
    PROMISE(an_abort_gives_everything_back),
    PROMISE(a_close_frees_what_is_held),
    PROMISE(the_last_durable_checkpoint_is_answered),
    PROMISE(a_successor_fences),
    PROMISE(a_checkpoint_is_read_and_set_from_outside),
};

#define PROMISES (sizeof(promises) / sizeof(promises[0]))
#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

int main(void)
{
    static struct CMUnitTest tests[SUBJECTS * PROMISES + 1];
    static char names[SUBJECTS * PROMISES][100];

    for (size_t i = 0; i < SUBJECTS * PROMISES; i++) {
        const struct subject *which = &subjects[i / PROMISES];
        tests[i] = promises[i % PROMISES];
        snprintf(names[i], sizeof(names[i]), "%s: %s", which->label, tests[i].name);
        tests[i].name = names[i];
        tests[i].initial_state = (void *)(uintptr_t)which;
    }
    tests[SUBJECTS * PROMISES] = (struct CMUnitTest)cmocka_unit_test(every_sink_is_in_the_table);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

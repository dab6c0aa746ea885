/* sink_stdout against pipes, sockets and files put in the place of fd 1: a slow reader delays no call, a reader
 * that is gone ends the pipeline in peace, and durable means handed over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "plug/plug.h"
#include "plug/sink.h"

struct fixture {
    const struct mr_sink *sink;
    void *state;
    struct {
        int content; /* enum mr_line_content */
        int64_t limit;
    } config;
    int saved;
};

static const struct mr_change change = {.number = 5};

static void begin(struct fixture *fixture, int fd)
{
    struct mr_buf checkpoint;
    struct mr_err err;
    struct mr_sink_args args = {.config = &fixture->config, .owner = "me"};

    signal(SIGPIPE, SIG_IGN);
    fflush(stdout);
    fixture->saved = dup(STDOUT_FILENO);
    dup2(fd, STDOUT_FILENO);
    close(fd);
    fixture->sink = mr_plug_sink("stdout");
    fixture->state = calloc(1, fixture->sink->state_size);
    mr_buf_init(&checkpoint, 100);
    assert_int_equal(fixture->sink->open(fixture->state, &args, &checkpoint, &err), 0);
    assert_int_equal(checkpoint.size, 0);
    mr_buf_done(&checkpoint);
}

static void end(struct fixture *fixture)
{
    fixture->sink->close(fixture->state);
    free(fixture->state);
    dup2(fixture->saved, STDOUT_FILENO);
    close(fixture->saved);
}

static struct mr_batch *make_batch(size_t records, const char *value)
{
    struct mr_batch *batch = mr_batch_new(4096, 4096);

    for (size_t i = 0; i < records; i++) {
        struct mr_record *record = mr_batch_add_record(batch);
        record->topic = mr_slice_str("t");
        record->value = mr_slice_str(value);
        record->change = &change;
    }
    batch->bytes = records * strlen(value);
    return batch;
}

static void must_write(struct fixture *fixture, size_t records, const char *value, uint64_t commit)
{
    struct mr_err err;

    assert_int_equal(fixture->sink->write(fixture->state, make_batch(records, value), &err), 0);
    assert_int_equal(fixture->sink->commit(fixture->state, &(struct mr_commit){.id = commit}, &err),
                     0);
}

static size_t free_list(struct mr_batch *batch)
{
    size_t count = 0;

    for (; batch; count++) {
        struct mr_batch *next = batch->next;
        mr_batch_free(batch);
        batch = next;
    }
    return count;
}

static void a_limit_ends_in_the_middle_of_a_batch(void **unused)
{
    struct fixture fixture = {.config.limit = 3};
    struct mr_sink_result result;
    struct mr_err err;
    char path[] = "/tmp/stdout-test-XXXXXX", text[64];
    int fd = mkstemp(path), keep = dup(fd);

    (void)unused;
    begin(&fixture, fd);
    must_write(&fixture, 2, "{}", 1);
    assert_int_equal(fixture.sink->poll(fixture.state, 0, &result, &err), 0);
    assert_false(result.done);
    free_list(result.released);
    must_write(&fixture, 2, "{}", 2);
    assert_int_equal(fixture.sink->poll(fixture.state, 0, &result, &err), 0);
    assert_true(result.done);
    free_list(result.released);
    end(&fixture);
    assert_int_equal(pread(keep, text, sizeof(text), 0), 9);
    close(keep);
    unlink(path);
}

static void a_file_gets_every_line_at_once(void **unused)
{
    struct fixture fixture = {0};
    struct mr_sink_result result;
    struct mr_err err;
    char path[] = "/tmp/stdout-test-XXXXXX", text[64];
    int fd = mkstemp(path), keep = dup(fd);

    (void)unused;
    begin(&fixture, fd);
    must_write(&fixture, 2, "{\"a\":1}", 1);
    assert_int_equal(fixture.sink->poll(fixture.state, 0, &result, &err), 0);
    end(&fixture);
    assert_int_equal(result.durable, 1);
    assert_int_equal(free_list(result.released), 1);
    assert_int_equal(pread(keep, text, sizeof(text), 0), 16);
    assert_memory_equal(text, "{\"a\":1}\n{\"a\":1}\n", 16);
    close(keep);
    unlink(path);
}

static size_t drain(int fd)
{
    static char trash[1 << 16];
    ssize_t size = read(fd, trash, sizeof(trash));

    return size > 0 ? (size_t)size : 0;
}

static void a_slow_reader_delays_no_call(void **socket)
{
    struct fixture fixture = {0};
    struct mr_sink_result result;
    struct mr_err err;
    int ends[2];
    size_t got = 0, freed = 0;
    const size_t records =
        200000; /* 1.6 MB: more than a pipe, a socket and our buffer hold together */
    int64_t before_ns;

    if (*(int *)*socket)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    else
        assert_int_equal(pipe(ends), 0);
    begin(&fixture, ends[1]);
    must_write(&fixture, records, "{\"a\":1}", 1);
    before_ns = mr_clock_mono_ns();
    assert_int_equal(fixture.sink->poll(fixture.state, before_ns + 20 * MR_MS_NS, &result, &err),
                     0);
    assert_int_equal(result.durable, 0);
    assert_null(result.released);
    assert_true(mr_clock_mono_ns() - before_ns < 2 * MR_SECOND_NS);
    while (result.durable == 0) {
        got += drain(ends[0]);
        assert_int_equal(fixture.sink->poll(fixture.state, 0, &result, &err), 0);
        freed += free_list(result.released);
    }
    end(&fixture);
    while (got < records * 8)
        got += drain(ends[0]);
    assert_int_equal(freed, 1);
    assert_int_equal(got, records * 8);
    assert_int_equal(drain(ends[0]), 0);
    close(ends[0]);
}

static void a_reader_that_is_gone_ends_it_in_peace(void **unused)
{
    struct fixture fixture = {0};
    struct mr_sink_result result;
    struct mr_err err;
    int ends[2];

    (void)unused;
    assert_int_equal(pipe(ends), 0);
    begin(&fixture, ends[1]);
    assert_int_equal(fixture.sink->poll(fixture.state, 0, &result, &err), 0);
    assert_false(result.done);
    close(ends[0]);
    assert_int_equal(fixture.sink->poll(fixture.state, 0, &result, &err), 0);
    assert_true(result.done); /* seen without a byte being written */
    must_write(&fixture, 1, "{\"a\":1}", 1);
    assert_int_equal(fixture.sink->poll(fixture.state, 0, &result, &err), 0);
    end(&fixture);
    assert_true(result.done);
    assert_int_equal(result.durable, 0); /* what nobody took is not durable */
    free_list(result.released);
}

static void a_full_queue_refuses_and_tells(void **unused)
{
    struct fixture fixture = {0};
    struct mr_sink_result result;
    struct mr_err err;
    int ends[2];
    struct mr_batch *refused = make_batch(1, "{}");
    struct mr_batch *list = NULL;

    (void)unused;
    assert_int_equal(pipe(ends), 0);
    begin(&fixture, ends[1]);
    must_write(&fixture, 1000000, "{\"a\":1}", 1);
    assert_int_equal(fixture.sink->poll(fixture.state, 0, &result, &err), 0);
    assert_true(result.full);
    assert_int_equal(fixture.sink->write(fixture.state, refused, &err), MR_AGAIN);
    assert_int_equal(fixture.sink->abort(fixture.state, &list, &err), 0);
    assert_int_equal(free_list(list), 1);
    assert_int_equal(fixture.sink->poll(fixture.state, 0, &result, &err), 0);
    assert_false(result.full);
    assert_int_equal(result.durable, 0); /* the aborted commit never becomes durable */
    end(&fixture);
    mr_batch_free(refused);
    close(ends[0]);
}

static void a_device_that_is_full_is_a_failure_to_retry(void **unused)
{
    struct fixture fixture = {0};
    struct mr_sink_result result;
    struct mr_err err;
    int rc;

    (void)unused;
    begin(&fixture, open("/dev/full", O_WRONLY));
    must_write(&fixture, 1, "{\"a\":1}", 1);
    rc = fixture.sink->poll(fixture.state, 0, &result, &err);
    end(&fixture);
    assert_int_equal(rc, MR_RETRY);
    assert_string_equal(err.code, "sink.stdout.write");
    assert_int_equal(result.durable, 0);
    free_list(result.released);
}

int main(void)
{
    static int pipe_case = 0, socket_case = 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_gets_every_line_at_once),
        cmocka_unit_test(a_limit_ends_in_the_middle_of_a_batch),
        cmocka_unit_test_prestate(a_slow_reader_delays_no_call, &pipe_case),
        cmocka_unit_test_prestate(a_slow_reader_delays_no_call, &socket_case),
        cmocka_unit_test(a_reader_that_is_gone_ends_it_in_peace),
        cmocka_unit_test(a_full_queue_refuses_and_tells),
        cmocka_unit_test(a_device_that_is_full_is_a_failure_to_retry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

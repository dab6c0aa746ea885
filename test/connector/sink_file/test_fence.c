/* sink_file with two owners: who is stopped, by whom, and what a late riser may touch. Two system calls of this program
 * are its own, so that things happen at their moments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test/connector/sink_file/fixture.h"
#include "plug/plug.h"

static void make_file(const char *name, const char *text)
{
    char path[800];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* An owner that commits all the time: whoever starts beside it would find a newer commit at each of its claims. */
static void a_claim_that_is_always_too_late_stops_the_owner_first(void **unused)
{
    struct mr_bench owner, starter;
    struct mr_err err;
    struct mr_sink_claim noted = {0};

    (void)unused;
    open_and_claim(&owner, "one", "");
    assert_int_equal(
        mr_bench_open_noting(&starter, mr_plug_sink("file"), &config, "two", &noted, &err), 0);
    assert_int_equal(mr_bench_write(&owner, "a", 1, 2, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&owner, false, "{\"p\":2}", &err), 0);
    assert_int_equal(mr_bench_commit(&starter, true, "{\"claim\":1}", &err), MR_RETRY);
    assert_string_equal(err.code, "sink.file.claim_raced");
    mr_bench_close(&starter);
    assert_int_equal(mr_bench_commit(&owner, false, "{\"p\":3}", &err), MR_FENCED);
    mr_bench_close(&owner);
    assert_int_equal(noted.number, 0);
    assert_int_equal(
        mr_bench_open_noting(&starter, mr_plug_sink("file"), &config, "two", &noted, &err), 0);
    assert_string_equal(mr_buf_cstr(&starter.checkpoint), "{\"p\":2}");
    assert_int_equal(mr_bench_commit(&starter, true, "{\"p\":2}", &err), 0);
    assert_int_equal(noted.number, 4);
    /* One who owned it stops nobody: who is faster then is its successor. */
    open_and_claim(&owner, "three", "{\"p\":2}");
    mr_bench_close(&starter);
    assert_int_equal(
        mr_bench_open_noting(&starter, mr_plug_sink("file"), &config, "two", &noted, &err), 0);
    assert_int_equal(mr_bench_commit(&owner, false, "{\"p\":3}", &err), 0);
    assert_int_equal(mr_bench_commit(&starter, true, "{\"p\":2}", &err), MR_RETRY);
    mr_bench_close(&starter);
    assert_int_equal(mr_bench_commit(&owner, false, "{\"p\":4}", &err), 0);
    mr_bench_close(&owner);
    must_verify(0, "1 files, 2 records");
}

/* What happens once when a directory is synced, which is what follows the link of a claim. */
static void (*at_directory_sync)(void);

int fsync(int fd)
{
    void (*hook)(void) = at_directory_sync;
    struct stat about;

    if (hook && fstat(fd, &about) == 0 && S_ISDIR(about.st_mode)) {
        at_directory_sync = NULL;
        hook();
    }
    return (int)syscall(SYS_fsync, fd);
}

static struct mr_bench successor;

/* Claims after the claim that is just being settled, and has a segment on disk that no commit names yet. */
static void claim_after_and_write(void)
{
    struct mr_err err;

    if (mr_bench_open(&successor, mr_plug_sink("file"), &config, "two", &err) < 0 ||
        mr_bench_commit(&successor, true, "{\"claim\":2}", &err) < 0 ||
        mr_bench_write(&successor, "a", 1, 50000, NOON, &err) < 0)
        abort();
    while (count_items("_millrace/tmp") == 0)
        sched_yield();
}

/* It fell asleep between the link and the clearing, and woke when another instance owned the pipeline. */
static void a_claim_that_is_settled_late_spares_its_successor(void **unused)
{
    struct mr_bench sleeper;
    struct mr_err err;

    (void)unused;
    assert_int_equal(mr_bench_open(&sleeper, mr_plug_sink("file"), &config, "one", &err), 0);
    make_file("_millrace/tmp/old-1.segment", "x");
    at_directory_sync = claim_after_and_write;
    assert_int_equal(mr_bench_commit(&sleeper, true, "{\"claim\":1}", &err), 0);
    assert_int_equal(mr_bench_commit(&sleeper, false, "{\"p\":1}", &err), MR_FENCED);
    mr_bench_close(&sleeper);
    assert_int_equal(mr_bench_commit(&successor, false, "{\"p\":2}", &err), 0);
    mr_bench_close(&successor);
    assert_string_equal(successor.notes, "");
    must_verify(0, "1 files, 50000 records");
}

/* renameat2 of this program: there is no room while this is set. */
static atomic_bool no_room;

int renameat2(int from, const char *old, int to, const char *new, unsigned int flags)
{
    if (atomic_load(&no_room)) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_renameat2, from, old, to, new, flags);
}

/* The commit is made, its files wait for room to be moved: the next start's work, not something to be forgotten. */
static void an_abort_does_not_hide_a_commit_that_waits_for_room(void **unused)
{
    struct mr_bench bench;
    struct mr_sink_result result = {0};
    struct mr_err err;
    struct mr_commit commit = {.id = 2, .text = mr_slice_str("{\"p\":2}"), .whole = true};
    int rc = 0;

    (void)unused;
    open_and_claim(&bench, "one", "");
    assert_int_equal(mr_bench_write(&bench, "a", 1, 2, NOON, &err), 0);
    atomic_store(&no_room, true);
    assert_int_equal(bench.sink->commit(bench.state, &commit, &err), 0);
    while (!result.full) {
        assert_int_equal(bench.sink->poll(bench.state, 0, &result, &err), 0);
        mr_batch_free(result.released);
    }
    assert_int_equal(mr_bench_abort(&bench, &err), 0);
    atomic_store(&no_room, false);
    rc = bench.sink->poll(bench.state, 0, &result, &err);
    assert_int_equal(rc, MR_RETRY);
    mr_bench_close(&bench);
    open_and_claim(&bench, "two", "{\"p\":2}");
    mr_bench_close(&bench);
    must_verify(0, "1 files, 2 records");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_claim_that_is_always_too_late_stops_the_owner_first),
        CASE(a_claim_that_is_settled_late_spares_its_successor),
        CASE(an_abort_does_not_hide_a_commit_that_waits_for_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

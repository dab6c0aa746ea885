/* The tool that kills at a call: that it counts what it must and only that, and strikes exactly before the call. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* The counted calls of test/support/killat/victim.c, in order. */
static const char *const calls[] = {
    "open",      "write", "writev", "pwrite", "fdatasync", "link", "fsync",   "rename",
    "ftruncate", "close", "mkdir",  "unlink", "send",      "send", "sendmsg", "shutdown",
};
#define CALLS (sizeof calls / sizeof *calls)

static char folder[64], log_path[96], count_path[96];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/millrace-killat-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(log_path, sizeof log_path, "%s.log", folder);
    snprintf(count_path, sizeof count_path, "%s.count", folder);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const left[] = {"a", "b", "c", "t"};
    char path[96];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, left[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/d", folder);
    rmdir(path);
    unlink(log_path);
    unlink(count_path);
    return rmdir(folder);
}

static const char *beside_binary(const char *name)
{
    static char paths[2][4096];
    static int turn;
    char *binary = strdup(getenv("MR_BINARY") ? getenv("MR_BINARY") : "build/dev/millrace");

    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%s/test/%s", dirname(binary), name);
    free(binary);
    return paths[turn];
}

/* Starts the victim with one variable set. */
static pid_t start_victim(const char *variable, const char *value, const char *how)
{
    const char *preload = beside_binary("killat.so"), *victim = beside_binary("killat_victim");
    pid_t child = fork();

    if (child != 0)
        return child;
    setenv("LD_PRELOAD", preload, 1);
    setenv("MILLRACE_KILLAT_LOG", log_path, 1);
    setenv("MILLRACE_KILLAT_COUNT", count_path, 1);
    if (variable)
        setenv(variable, value, 1);
    execl(victim, victim, folder, how, (char *)NULL);
    _exit(127);
}

static int end_of(pid_t child)
{
    int status = 0;

    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static bool exists(const char *name)
{
    char path[96];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static long size_of(const char *name)
{
    struct stat about;
    char path[96];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &about) == 0 ? (long)about.st_size : -1;
}

/* The log must be calls 1 .. count. */
static void check_log(size_t count)
{
    FILE *log = fopen(log_path, "r");
    char line[4400], name[32];
    size_t lines = 0, number;

    assert_non_null(log);
    while (fgets(line, sizeof line, log)) {
        assert_int_equal(sscanf(line, "%zu %31s", &number, name), 2);
        assert_true(lines < CALLS);
        assert_string_equal(name, calls[lines]);
        assert_int_equal(number, ++lines);
    }
    fclose(log);
    assert_int_equal(lines, count);
}

static long read_count(void)
{
    FILE *file = fopen(count_path, "r");
    long count = -1;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &count), 1);
    fclose(file);
    return count;
}

static void counts_every_call_with_an_effect(void **state)
{
    (void)state;
    assert_int_equal(end_of(start_victim(NULL, NULL, NULL)), 0);
    check_log(CALLS);
    assert_int_equal(read_count(), CALLS);
    assert_true(exists("c") && exists("d") && !exists("a") && !exists("b"));
    assert_int_equal(size_of("c"), 1);
}

/* What is there when call N was not made: each effect belongs to the calls before it. */
static void kills_before_each_call(void **state)
{
    char number[8];

    for (size_t n = 1; n <= CALLS; n++) {
        int status;
        snprintf(number, sizeof number, "%zu", n);
        status = end_of(start_victim("MILLRACE_KILLAT", number, NULL));
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        check_log(n);
        assert_int_equal(exists("a"), n > 1 && n <= 8);
        if (n > 1 && n <= 8)
            assert_int_equal(size_of("a"), n == 2 ? 0 : n == 3 ? 2 : 4);
        assert_int_equal(exists("b"), n > 6 && n <= 12);
        assert_int_equal(exists("c"), n > 8);
        assert_int_equal(exists("d"), n > 11);
        tear_down(state);
        set_up(state);
    }
    snprintf(number, sizeof number, "%zu", CALLS + 1);
    assert_int_equal(end_of(start_victim("MILLRACE_KILLAT", number, NULL)), 0);
}

static void stops_before_a_call_and_goes_on(void **state)
{
    pid_t child = start_victim("MILLRACE_STOPAT", "8", NULL);
    int status;

    (void)state;
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    assert_true(exists("a") && !exists("c"));
    kill(child, SIGCONT);
    assert_int_equal(end_of(child), 0);
    assert_true(exists("c"));
    check_log(CALLS);
}

static void fails_a_call(void **state)
{
    (void)state;
    assert_int_equal(WEXITSTATUS(end_of(start_victim("MILLRACE_FAILAT", "6", NULL))), 1);
    assert_true(exists("c") && !exists("b"));
}

static void counts_only_what_is_listed(void **state)
{
    (void)state;
    assert_int_equal(end_of(start_victim("MILLRACE_KILLAT_CALLS", "link,pwrite,fsyn", NULL)), 0);
    assert_int_equal(read_count(), 2);
}

static void leaves_other_programs_alone(void **state)
{
    (void)state;
    assert_int_equal(end_of(start_victim("MILLRACE_KILLAT_NAME", "other", NULL)), 0);
    assert_int_not_equal(access(count_path, F_OK), 0);
}

static void counts_the_calls_of_all_threads(void **state)
{
    int status;

    (void)state;
    assert_int_equal(end_of(start_victim(NULL, NULL, "threads")), 0);
    assert_int_equal(read_count(), 401);
    assert_int_equal(size_of("t"), 400);
    tear_down(state);
    set_up(state);
    status = end_of(start_victim("MILLRACE_KILLAT", "201", "threads"));
    assert_true(WIFSIGNALED(status));
    assert_in_range(size_of("t"), 196, 399);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(counts_every_call_with_an_effect), TEST(kills_before_each_call),
        TEST(stops_before_a_call_and_goes_on),  TEST(fails_a_call),
        TEST(counts_only_what_is_listed),       TEST(leaves_other_programs_alone),
        TEST(counts_the_calls_of_all_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

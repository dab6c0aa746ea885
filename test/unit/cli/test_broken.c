/* Every file of test/config/broken says in its last lines what is wrong with it:
 *
 *     # code: config.unknown_key
 *     # wanted: did you mean "sink"?
 *
 * `millrace check` must exit with 78, say that with file, line and column, give that code with --json, and never
 * show the secret (hunter2) that many of the files hold. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define FOLDER "test/config/broken/"

static char output[1 << 16], content[1 << 16];

/* Runs the binary; its exit code, all it prints in `output`. */
static int run(const char *flags, const char *path)
{
    const char *binary = getenv("MR_BINARY");
    char command[1000];
    size_t got;
    FILE *pipe;
    int status;

    snprintf(command, sizeof(command), "%s check %s %s 2>&1",
             binary ? binary : "build/dev/millrace", flags, path);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    got = fread(output, 1, sizeof(output) - 1, pipe);
    output[got] = '\0';
    status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* The rest of the line that begins with `mark` in the file. */
static void read_mark(const char *path, const char *mark, char *ret_text, size_t size)
{
    FILE *file = fopen(path, "r");
    const char *at;

    assert_non_null(file);
    content[fread(content, 1, sizeof(content) - 1, file)] = '\0';
    fclose(file);
    at = strstr(content, mark);
    if (!at)
        fail_msg("%s has no line %s", path, mark);
    at += strlen(mark);
    snprintf(ret_text, size, "%.*s", (int)strcspn(at, "\n"), at);
}

static void check_file(const char *name)
{
    char path[300], wanted[300], code[100], member[120], place[310];

    snprintf(path, sizeof(path), FOLDER "%s", name);
    read_mark(path, "# wanted: ", wanted, sizeof(wanted));
    read_mark(path, "# code: ", code, sizeof(code));
    if (run("", path) != 78)
        fail_msg("%s: not 78: %s", path, output);
    if (!strstr(output, wanted))
        fail_msg("%s: no \"%s\" in: %s", path, wanted, output);
    snprintf(place, sizeof(place), "%s:", path);
    if (!strstr(output, place) || !strchr("123456789", strstr(output, place)[strlen(place)]))
        fail_msg("%s: no line and column in: %s", path, output);
    if (strstr(output, "hunter2"))
        fail_msg("%s: a secret in: %s", path, output);
    assert_int_equal(run("--json", path), 78);
    snprintf(member, sizeof(member), "\"code\":\"%s\"", code);
    if (!strstr(output, member) || strstr(output, "hunter2"))
        fail_msg("%s: no %s, or a secret, in: %s", path, member, output);
}

static void every_broken_file_is_explained(void **state)
{
    DIR *folder = opendir(FOLDER);
    struct dirent *entry;
    int count = 0;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        if (!strstr(entry->d_name, ".yaml"))
            continue;
        check_file(entry->d_name);
        count++;
    }
    closedir(folder);
    assert_true(count >= 40);
}

static void a_file_that_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(run("--json", FOLDER "nothing.yml"), 78);
    assert_non_null(strstr(output, "\"code\":\"config.unreadable\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_broken_file_is_explained),
        cmocka_unit_test(a_file_that_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A program to be killed by killat.so: one call after the other whose effect can be seen in a folder.
 *
 * Usage: killat_victim <folder> [threads]. The counted calls, in order, with what they leave behind; the test
 * (test/unit/support/test_killat.c) has the same list. With "threads" as the second argument four threads write
 * 100 times each instead. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int failures;

static void expect(int good, const char *what)
{
    if (!good) {
        perror(what);
        failures++;
    }
}

static void touch_files(void)
{
    struct iovec part = {"cd", 2};
    int folder = open(".", O_RDONLY | O_DIRECTORY);        /* not counted */
    int fd = open("a", O_WRONLY | O_CREAT | O_EXCL, 0600); /* 1 */

    expect(write(STDERR_FILENO, "", 0) == 0, "stderr"); /* not counted */
    expect(write(fd, "ab", 2) == 2, "write");           /* 2 */
    expect(writev(fd, &part, 1) == 2, "writev");        /* 3 */
    expect(pwrite(fd, "x", 1, 0) == 1, "pwrite");       /* 4 */
    expect(fdatasync(fd) == 0, "fdatasync");            /* 5 */
    expect(link("a", "b") == 0, "link");                /* 6 */
    expect(fsync(folder) == 0, "fsync");                /* 7 */
    expect(rename("a", "c") == 0, "rename");            /* 8 */
    expect(ftruncate(fd, 1) == 0, "ftruncate");         /* 9 */
    expect(close(fd) == 0, "close");                    /* 10 */
    expect(mkdir("d", 0700) == 0, "mkdir");             /* 11 */
    expect(unlinkat(folder, "b", 0) == 0, "unlinkat");  /* 12 */
    expect(close(folder) == 0, "close");                /* not counted: was not written */
}

static void touch_sockets(void)
{
    int pair[2];
    struct iovec part = {"c", 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    char got[4] = "";

    expect(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    expect(send(pair[0], "a", 1, 0) == 1, "send");              /* 13 */
    expect(sendto(pair[0], "b", 1, 0, NULL, 0) == 1, "sendto"); /* 14 */
    expect(sendmsg(pair[0], &message, 0) == 1, "sendmsg");      /* 15 */
    expect(recv(pair[1], got, 3, MSG_WAITALL) == 3, "recv");    /* not counted */
    expect(strcmp(got, "abc") == 0, "what was sent");
    expect(shutdown(pair[0], SHUT_RDWR) == 0, "shutdown"); /* 16 */
}

static void *write_often(void *argument)
{
    for (int i = 0; i < 100; i++)
        expect(write(*(int *)argument, "x", 1) == 1, "write");
    return NULL;
}

static void touch_by_threads(void)
{
    pthread_t threads[4];
    int fd = open("t", O_WRONLY | O_CREAT | O_APPEND, 0600);

    for (int i = 0; i < 4; i++)
        expect(pthread_create(&threads[i], NULL, write_often, &fd) == 0, "thread");
    for (int i = 0; i < 4; i++)
        expect(pthread_join(threads[i], NULL) == 0, "join");
}

int main(int argc, char **argv)
{
    expect(argc > 1 && chdir(argv[1]) == 0, "chdir");
    if (argc > 2) {
        touch_by_threads();
    } else {
        touch_files();
        touch_sockets();
    }
    return failures ? 1 : 0;
}

/* Starting and stopping the server: a copy of the data directory that fetch-mysql made, then the server as a child, by
 * the script `server` beside it, which knows the loader and libraries that belong to it. `client`, there too, runs
 * statements. Nothing of it outlives the test program: the child dies with it (PR_SET_PDEATHSIG). */
#include "test/support/my_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/support/free_port.h"

static const char *const packages[] = {
    [MY_SERVER_MYSQL] = "mysql", [MY_SERVER_MARIADB] = "mariadb"};
/* What a killed process may lose is not asked of it here: the system keeps what was written. */
static const char *const common[] = {"--bind-address=127.0.0.1",
                                     "--log-bin=binlog",
                                     "--binlog-format=ROW",
                                     "--binlog-row-image=FULL",
                                     "--binlog-row-metadata=FULL",
                                     "--innodb-buffer-pool-size=32M",
                                     "--innodb-flush-log-at-trx-commit=2",
                                     "--sync-binlog=0",
                                     "--performance-schema=OFF",
                                     "--default-time-zone=+00:00"};
static const char *const own[][4] = {
    [MY_SERVER_MYSQL] = {"--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--mysqlx=0",
                         "--innodb-redo-log-capacity=8388608"},
    [MY_SERVER_MARIADB] = {"--gtid-strict-mode=ON", "--log-slave-updates=ON", "--ssl=0",
                           "--innodb-log-file-size=8M"}};

/* The cache folder's file of the server's package. */
static void in_cache(enum my_server_kind kind, const char *name, char path[400])
{
    const char *cache = getenv("MILLRACE_CACHE"), *home = getenv("HOME");

    if (cache)
        (void)snprintf(path, 400, "%s/%s/%s", cache, packages[kind], name);
    else
        (void)snprintf(path, 400, "%s/.cache/millrace/%s/%s", home ? home : "/root", packages[kind],
                       name);
}

/* Its output goes to out. */
static int run(char *const argv[], int out)
{
    int pid = fork(), null;

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(out >= 0 ? out : null, 1);
    dup2(null, 2);
    execv(argv[0], argv);
    _exit(4);
}

static bool run_to_end(char *const argv[])
{
    int status = 1;

    (void)waitpid(run(argv, -1), &status, 0);
    return status == 0;
}

static bool ended(struct my_server *server)
{
    if (waitpid(server->pid, NULL, WNOHANG) == server->pid)
        server->pid = 0;
    return server->pid == 0;
}

/* A server that is up speaks first. */
static bool greets(const struct my_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)server->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char byte;
    bool up =
        connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && read(fd, &byte, 1) == 1;

    close(fd);
    return up;
}

static bool launch(struct my_server *server)
{
    char program[400], words[5][160];
    char *argv[24] = {program};
    size_t count = 1;

    in_cache(server->kind, "server", program);
    (void)snprintf(words[0], sizeof(words[0]), "--datadir=%s/data", server->folder);
    (void)snprintf(words[1], sizeof(words[1]), "--port=%d", server->port);
    (void)snprintf(words[2], sizeof(words[2]), "--socket=%s/socket", server->folder);
    (void)snprintf(words[3], sizeof(words[3]), "--pid-file=%s/pid", server->folder);
    (void)snprintf(words[4], sizeof(words[4]), "--server-id=%d", server->port);
    for (size_t i = 0; i < 5; i++)
        argv[count++] = words[i];
    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
        argv[count++] = (char *)common[i];
    for (size_t i = 0; i < 4; i++)
        argv[count++] = (char *)own[server->kind][i];
    argv[count] = (char *)server->extra;
    server->pid = run(argv, -1);
    for (int i = 0; i < 2400 && !ended(server); i++) {
        if (greets(server) && !ended(server))
            return true;
        (void)nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    return false;
}

/* Somebody else may take the port between the look and the start. */
static bool launch_somewhere(struct my_server *server)
{
    for (int i = 0; i < 5; i++) {
        server->port = free_port();
        (void)snprintf(server->dsn, sizeof(server->dsn), "mysql://root@127.0.0.1:%d", server->port);
        if (launch(server))
            return true;
        if (server->pid > 0)
            return false;
    }
    return false;
}

bool my_server_start(struct my_server *server, enum my_server_kind kind, const char *extra)
{
    char data[400], copy[128];
    char *argv[] = {"/bin/cp", "-a", data, copy, NULL};

    srandom((unsigned)getpid() ^ (unsigned)time(NULL) << 8);
    *server = (struct my_server){.kind = kind, .extra = extra};
    in_cache(kind, "data", data);
    (void)snprintf(server->folder, sizeof(server->folder), "/tmp/millrace-my-XXXXXX");
    if (access(data, R_OK) != 0 || !mkdtemp(server->folder)) {
        printf("SKIPPED: no %s: scripts/deps --test brings it\n", packages[kind]);
        return false;
    }
    (void)snprintf(copy, sizeof(copy), "%s/data", server->folder);
    if (run_to_end(argv) && launch_somewhere(server))
        return true;
    printf("SKIPPED: the test's %s did not start in %s\n", packages[kind], server->folder);
    my_server_stop(server);
    return false;
}

static void end(struct my_server *server, int signal)
{
    if (server->pid > 0) {
        (void)kill(server->pid, signal);
        (void)waitpid(server->pid, NULL, 0);
    }
    server->pid = 0;
}

bool my_server_restart(struct my_server *server, bool crash)
{
    end(server, crash ? SIGKILL : SIGTERM);
    return launch(server);
}

bool my_server_sql(const struct my_server *server, const char *text, char *ret_out, size_t size)
{
    char program[400], port[16];
    char *argv[] = {program, "-h", "127.0.0.1", "-P", port,         "-u",
                    "root",  "-N", "-B",        "-e", (char *)text, NULL};
    int ends[2], pid, status = 1;
    size_t used = 0;
    ssize_t got;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    in_cache(server->kind, "client", program);
    (void)snprintf(port, sizeof(port), "%d", server->port);
    pid = run(argv, ends[1]);
    close(ends[1]);
    while (used + 1 < size && (got = read(ends[0], ret_out + used, size - 1 - used)) > 0)
        used += (size_t)got;
    close(ends[0]);
    if (size > 0)
        ret_out[used] = 0;
    (void)waitpid(pid, &status, 0);
    return status == 0;
}

void my_server_stop(struct my_server *server)
{
    char *argv[] = {"/bin/rm", "-rf", server->folder, NULL};

    end(server, SIGKILL);
    (void)run_to_end(argv);
}

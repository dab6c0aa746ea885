/* Starting and stopping the server: initdb once, then postgres as a child, under the user postgres when we are
 * root. Nothing of it outlives the test program: the child dies with it (PR_SET_PDEATHSIG). */
#include "test/support/pg_server.h"

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/support/free_port.h"

static bool find_programs(char folder[256])
{
    glob_t found;
    bool any = glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) == 0;

    if (any) {
        (void)snprintf(folder, 256, "%s", found.gl_pathv[found.gl_pathc - 1]);
        *strrchr(folder, '/') = 0;
    }
    globfree(&found);
    return any;
}

static void become_postgres(void)
{
    const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;

    if (user && (initgroups("postgres", user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
                 setuid(user->pw_uid) != 0))
        _exit(3);
}

static int run(char *const argv[])
{
    int pid = fork(), null;

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    become_postgres();
    null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    if (chdir("/") == 0)
        execv(argv[0], argv);
    _exit(4);
}

static bool ended(struct pg_server *server)
{
    if (waitpid(server->pid, NULL, WNOHANG) == server->pid)
        server->pid = 0;
    return server->pid == 0;
}

static bool answers(const struct pg_server *server, const char *programs)
{
    char program[300], port[16];
    char *argv[] = {program, "-q", "-h", "127.0.0.1", "-p", port, NULL};
    int status = 1;

    (void)snprintf(program, sizeof(program), "%s/pg_isready", programs);
    (void)snprintf(port, sizeof(port), "%d", server->port);
    (void)waitpid(run(argv), &status, 0);
    return status == 0;
}

static bool launch(struct pg_server *server, const char *wal_level)
{
    char program[300], data[128], port[16], level[64], programs[256];
    char *argv[] = {program,
                    "-D",
                    data,
                    "-p",
                    port,
                    "-c",
                    level,
                    "-c",
                    "listen_addresses=127.0.0.1",
                    "-c",
                    "unix_socket_directories=",
                    "-c",
                    "fsync=off",
                    "-c",
                    "max_prepared_transactions=5",
                    NULL};

    if (!find_programs(programs))
        return false;
    (void)snprintf(program, sizeof(program), "%s/postgres", programs);
    (void)snprintf(data, sizeof(data), "%s/data", server->folder);
    (void)snprintf(port, sizeof(port), "%d", server->port);
    (void)snprintf(level, sizeof(level), "wal_level=%s", wal_level);
    server->pid = run(argv);
    for (int i = 0; i < 2400 && !ended(server); i++) {
        if (answers(server, programs) && !ended(server))
            return true;
        (void)nanosleep(&(struct timespec){0, 50000000}, NULL);
    }
    return false;
}

static bool init_cluster(struct pg_server *server, const char *programs)
{
    char program[300], data[128];
    char *argv[] = {program,
                    "-D",
                    data,
                    "-U",
                    "postgres",
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--locale=C.UTF-8",
                    "--no-sync",
                    NULL};
    const struct passwd *user = getpwnam("postgres");
    int status = 1;

    (void)snprintf(program, sizeof(program), "%s/initdb", programs);
    (void)snprintf(data, sizeof(data), "%s/data", server->folder);
    if (getuid() == 0 && (!user || chown(server->folder, user->pw_uid, user->pw_gid) != 0))
        return false;
    (void)waitpid(run(argv), &status, 0);
    return status == 0;
}

/* Somebody else may take the port between the look and the start. */
static bool launch_somewhere(struct pg_server *server, const char *wal_level)
{
    for (int i = 0; i < 5; i++) {
        server->port = free_port();
        (void)snprintf(server->dsn, sizeof(server->dsn), "host=127.0.0.1 port=%d user=postgres",
                       server->port);
        if (launch(server, wal_level))
            return true;
        if (server->pid > 0)
            return false;
    }
    return false;
}

bool pg_server_start(struct pg_server *server, const char *wal_level)
{
    char programs[256];

    srandom((unsigned)getpid() ^ (unsigned)time(NULL) << 8);
    *server = (struct pg_server){0};
    (void)snprintf(server->folder, sizeof(server->folder), "/tmp/millrace-pg-XXXXXX");
    if (!find_programs(programs) || !mkdtemp(server->folder)) {
        printf("SKIPPED: no PostgreSQL under /usr/lib/postgresql\n");
        return false;
    }
    if (init_cluster(server, programs) && launch_somewhere(server, wal_level))
        return true;
    printf("SKIPPED: the test's PostgreSQL did not start in %s\n", server->folder);
    pg_server_stop(server);
    return false;
}

static void stop(struct pg_server *server)
{
    if (server->pid > 0) {
        (void)kill(server->pid, SIGINT);
        (void)waitpid(server->pid, NULL, 0);
    }
    server->pid = 0;
}

bool pg_server_restart(struct pg_server *server, const char *wal_level)
{
    stop(server);
    return launch(server, wal_level);
}

void pg_server_stop(struct pg_server *server)
{
    int pid;

    stop(server);
    pid = fork();
    if (pid == 0) {
        execl("/bin/rm", "rm", "-rf", server->folder, (char *)NULL);
        _exit(1);
    }
    (void)waitpid(pid, NULL, 0);
}

/* killat.so: ends, stops or fails a process at its N-th call with an outside effect.
 *
 * Preloaded (LD_PRELOAD) it stands before libc's functions that another process, or we after a restart, could see
 * the effect of: writes, sends, connects, syncs, creations, links, renames, removals, truncations, and the close
 * of what was written or connected. Each such call takes a number from one atomic counter, 1, 2, 3 ...; when the
 * number is the one asked for, the deed is done BEFORE the call, so that call N - 1 has happened and N has not.
 * Running a program with N = 1, 2, 3 ... until it ends by itself puts a kill into every gap there is.
 *
 *     MILLRACE_KILLAT=N          SIGKILL before call N
 *     MILLRACE_STOPAT=N          SIGSTOP before call N; SIGCONT from outside lets it go on with that call
 *     MILLRACE_FAILAT=N          call N fails with MILLRACE_FAILAT_ERRNO (a number; 5, EIO, if absent)
 *     MILLRACE_FAIL_WHILE=f      every counted call fails with that errno for as long as file f exists
 *     MILLRACE_KILLAT_PATH=x     only calls on files whose path contains x count
 *     MILLRACE_KILLAT_CALLS=a,b  only these functions count ("fdatasync,link"); absent: all
 *     MILLRACE_KILLAT_HEAD=h     only what goes into a socket and begins with these bytes takes a number, others are
 *                                logged as 0: hexadecimal digits, "." for any ("........001a": Kafka's EndTxn)
 *     MILLRACE_KILLAT_NAME=x     only a program of this name; others that inherit the preload run untouched
 *     MILLRACE_KILLAT_COUNT=f    at the end the number of calls is written into file f
 *     MILLRACE_KILLAT_LOG=f      a line is appended per call before it is made: "N name what", and for what goes
 *                                into a socket its first bytes in hexadecimal
 *
 * The signal goes to the calling thread (tgkill), which therefore cannot run on into the call. Other threads may
 * still finish calls with a higher number, as they may when a process is killed from outside.
 *
 * Not counted: reads, descriptor 2 (the log), eventfds, pipes that the process made itself and the like (no other
 * process sees them), descriptors that killat itself uses. Not seen: what libc does inside itself (stdio's flush,
 * the resolver) and raw syscalls. The wrappers make the system calls themselves, so nothing is looked up and
 * nothing allocates; the numbers of 64-bit Linux are assumed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(long) == 8, "system calls are made with 64-bit arguments");

#define PUBLIC    __attribute__((visibility("default")))
#define FD_MAX    65536
#define HEAD_SIZE 64
#define LINE_SIZE (4400 + 2 * HEAD_SIZE)

static bool active;
static long kill_at, stop_at, fail_at;
static int fail_errno = EIO;
static const char *only, *only_head, *count_path, *only_path, *fail_while;
static int log_fd = -1;
static atomic_long calls;
static _Atomic bool outside[FD_MAX]; /* opened for writing, or connected: its close counts */
static _Atomic bool inner[FD_MAX];   /* a pipe of its own making */

static long number_of(const char *name)
{
    const char *text = getenv(name);

    return text ? strtol(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void set_up(void)
{
    const char *name = getenv("MILLRACE_KILLAT_NAME"), *log = getenv("MILLRACE_KILLAT_LOG");

    if (name && strcmp(name, program_invocation_short_name) != 0)
        return;
    kill_at = number_of("MILLRACE_KILLAT");
    stop_at = number_of("MILLRACE_STOPAT");
    fail_at = number_of("MILLRACE_FAILAT");
    if (getenv("MILLRACE_FAILAT_ERRNO"))
        fail_errno = (int)number_of("MILLRACE_FAILAT_ERRNO");
    only = getenv("MILLRACE_KILLAT_CALLS");
    only_head = getenv("MILLRACE_KILLAT_HEAD");
    only_path = getenv("MILLRACE_KILLAT_PATH");
    fail_while = getenv("MILLRACE_FAIL_WHILE");
    count_path = getenv("MILLRACE_KILLAT_COUNT");
    if (log)
        log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                              0666);
    active = true;
}

static void write_count(void)
{
    char text[32];
    long fd;
    int size = snprintf(text, sizeof text, "%ld\n", atomic_load(&calls));

    if (!active || !count_path)
        return;
    fd = syscall(SYS_openat, AT_FDCWD, count_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || syscall(SYS_write, fd, text, (long)size) != size)
        fprintf(stderr, "killat: cannot write %s\n", count_path);
    if (fd >= 0)
        syscall(SYS_close, fd);
}

__attribute__((destructor)) static void finish(void)
{
    write_count();
}

static bool is_listed(const char *call)
{
    const char *at = only;
    size_t size = strlen(call);

    while (at && *at) {
        if (strncmp(at, call, size) == 0 && (at[size] == ',' || !at[size]))
            return true;
        at = strchr(at, ',');
        at = at ? at + 1 : NULL;
    }
    return only == NULL;
}

/* The path a call names, or that of its descriptor, into 4096 bytes. */
static const char *path_of(int fd, const char *path, char *ret_target)
{
    char link[32];
    ssize_t got;

    if (path)
        return path;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    got = readlink(link, ret_target, 4095);
    ret_target[got > 0 ? got : 0] = 0;
    return ret_target;
}

static bool has_path(int fd, const char *path)
{
    char target[4096];

    return !only_path || strstr(path_of(fd, path, target), only_path) != NULL;
}

/* What is about to be sent; size 0: nothing, or not into a socket. */
struct head {
    const unsigned char *data;
    size_t size;
};

/* " " and the first bytes in hexadecimal, or nothing. */
static const char *head_text(struct head head, char text[2 * HEAD_SIZE + 2])
{
    static const char digits[] = "0123456789abcdef";
    size_t size = head.size < HEAD_SIZE ? head.size : HEAD_SIZE;
    char *at = text;

    if (size > 0)
        *at++ = ' ';
    for (size_t i = 0; i < size; i++) {
        *at++ = digits[head.data[i] >> 4];
        *at++ = digits[head.data[i] & 15];
    }
    *at = 0;
    return text;
}

static bool has_head(struct head head)
{
    char text[2 * HEAD_SIZE + 2];
    const char *have = head_text(head, text);

    for (const char *want = only_head; want && *want; want++) {
        have += *have == ' ';
        if (!*have || (*want != '.' && *want != *have))
            return false;
        have++;
    }
    return true;
}

static void log_call(long number, const char *call, int fd, const char *path, struct head head)
{
    char line[LINE_SIZE], target[4096], text[2 * HEAD_SIZE + 2];
    int size = snprintf(line, sizeof line, "%ld %s %s%s\n", number, call, path_of(fd, path, target),
                        head_text(head, text));

    if (syscall(SYS_write, (long)log_fd, line, (long)size) < 0)
        syscall(SYS_exit_group, 99L);
}

/* Counts a call and does what is due before it. True: the caller returns failure, errno is set. */
static bool before_with(const char *call, int fd, const char *path, struct head head)
{
    int saved = errno;
    long number;
    bool fails, counted;

    if (!active || !is_listed(call) || !has_path(fd, path))
        return false;
    counted = has_head(head);
    number = counted ? atomic_fetch_add(&calls, 1) + 1 : 0;
    if (log_fd >= 0)
        log_call(number, call, fd, path, head);
    if (!counted)
        return errno = saved, false;
    if (number == kill_at)
        syscall(SYS_tgkill, (long)getpid(), (long)gettid(), (long)SIGKILL);
    if (number == stop_at)
        syscall(SYS_tgkill, (long)getpid(), (long)gettid(), (long)SIGSTOP);
    fails = number == fail_at ||
            (fail_while && syscall(SYS_faccessat, AT_FDCWD, fail_while, F_OK) == 0);
    errno = fails ? fail_errno : saved;
    return fails;
}

static bool before(const char *call, int fd, const char *path)
{
    return before_with(call, fd, path, (struct head){NULL, 0});
}

/* The same for a call on a descriptor, if anybody outside can see it. */
static bool before_head(const char *call, int fd, struct head head)
{
    struct stat about;
    int saved = errno;
    bool own = fd >= 0 && fd < FD_MAX && atomic_load(&inner[fd]);
    bool seen = fd != STDERR_FILENO && fd != log_fd && !own && fstat(fd, &about) == 0 &&
                (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode) || S_ISSOCK(about.st_mode) ||
                 S_ISFIFO(about.st_mode));

    errno = saved;
    if (seen && !S_ISSOCK(about.st_mode))
        head.size = 0;
    return seen && before_with(call, fd, NULL, head);
}

static bool before_fd(const char *call, int fd)
{
    return before_head(call, fd, (struct head){NULL, 0});
}

static bool before_data(const char *call, int fd, const void *data, size_t size)
{
    return before_head(call, fd, (struct head){data, size});
}

static bool before_message(int fd, const struct msghdr *message)
{
    const struct iovec *first = message->msg_iovlen ? message->msg_iov : NULL;

    return before_data("sendmsg", fd, first ? first->iov_base : NULL, first ? first->iov_len : 0);
}

static void mark(long fd, bool on)
{
    if (fd >= 0 && fd < FD_MAX)
        atomic_store(&outside[fd], on);
}

/* -- Writing -- */

PUBLIC ssize_t write(int fd, const void *data, size_t size)
{
    return before_data("write", fd, data, size) ? -1 : syscall(SYS_write, fd, data, size);
}

PUBLIC ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return before_fd("pwrite", fd) ? -1 : syscall(SYS_pwrite64, fd, data, size, at);
}

PUBLIC ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    return before_fd("pwrite", fd) ? -1 : syscall(SYS_pwrite64, fd, data, size, at);
}

PUBLIC ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return before_fd("writev", fd) ? -1 : syscall(SYS_writev, fd, parts, count);
}

PUBLIC ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    return before_fd("pwritev", fd) ? -1 : syscall(SYS_pwritev, fd, parts, count, at, 0);
}

PUBLIC ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags)
{
    return before_fd("pwritev", fd) ? -1 : syscall(SYS_pwritev2, fd, parts, count, at, 0, flags);
}

PUBLIC ssize_t sendfile(int to, int from, off_t *at, size_t size)
{
    return before_fd("sendfile", to) ? -1 : syscall(SYS_sendfile, to, from, at, size);
}

PUBLIC ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t size,
                               unsigned flags)
{
    return before_fd("copy_file_range", to)
               ? -1
               : syscall(SYS_copy_file_range, from, from_at, to, to_at, size, flags);
}

PUBLIC int ftruncate(int fd, off_t size)
{
    return before_fd("ftruncate", fd) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

PUBLIC int ftruncate64(int fd, off64_t size)
{
    return before_fd("ftruncate", fd) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

PUBLIC int truncate(const char *path, off_t size)
{
    return before("truncate", -1, path) ? -1 : (int)syscall(SYS_truncate, path, size);
}

PUBLIC int fallocate(int fd, int mode, off_t at, off_t size)
{
    return before_fd("fallocate", fd) ? -1 : (int)syscall(SYS_fallocate, fd, mode, at, size);
}

PUBLIC int posix_fallocate(int fd, off_t at, off_t size)
{
    return before_fd("fallocate", fd) || syscall(SYS_fallocate, fd, 0, at, size) < 0 ? errno : 0;
}

/* -- Making durable -- */

PUBLIC int fsync(int fd)
{
    return before_fd("fsync", fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

PUBLIC int fdatasync(int fd)
{
    return before_fd("fdatasync", fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

PUBLIC int syncfs(int fd)
{
    return before_fd("syncfs", fd) ? -1 : (int)syscall(SYS_syncfs, fd);
}

PUBLIC int sync_file_range(int fd, off64_t at, off64_t size, unsigned flags)
{
    return before_fd("sync_file_range", fd)
               ? -1
               : (int)syscall(SYS_sync_file_range, fd, at, size, flags);
}

/* -- Names -- */

static int link_at(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    return before("link", -1, to) ? -1
                                  : (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

PUBLIC int link(const char *from, const char *to)
{
    return link_at(AT_FDCWD, from, AT_FDCWD, to, 0);
}

PUBLIC int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    return link_at(from_dir, from, to_dir, to, flags);
}

PUBLIC int symlinkat(const char *target, int dir, const char *path)
{
    return before("symlink", -1, path) ? -1 : (int)syscall(SYS_symlinkat, target, dir, path);
}

PUBLIC int symlink(const char *target, const char *path)
{
    return before("symlink", -1, path) ? -1 : (int)syscall(SYS_symlinkat, target, AT_FDCWD, path);
}

static int rename_at(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return before("rename", -1, to)
               ? -1
               : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

PUBLIC int rename(const char *from, const char *to)
{
    return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0);
}

PUBLIC int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return rename_at(from_dir, from, to_dir, to, 0);
}

PUBLIC int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return rename_at(from_dir, from, to_dir, to, flags);
}

static int unlink_at(const char *call, int dir, const char *path, int flags)
{
    return before(call, -1, path) ? -1 : (int)syscall(SYS_unlinkat, dir, path, flags);
}

PUBLIC int unlink(const char *path)
{
    return unlink_at("unlink", AT_FDCWD, path, 0);
}

PUBLIC int unlinkat(int dir, const char *path, int flags)
{
    return unlink_at("unlink", dir, path, flags);
}

PUBLIC int rmdir(const char *path)
{
    return unlink_at("rmdir", AT_FDCWD, path, AT_REMOVEDIR);
}

PUBLIC int remove(const char *path)
{
    int rc = unlink_at("unlink", AT_FDCWD, path, 0);

    return rc < 0 && errno == EISDIR ? (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR)
                                     : rc;
}

PUBLIC int mkdir(const char *path, mode_t mode)
{
    return before("mkdir", -1, path) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

PUBLIC int mkdirat(int dir, const char *path, mode_t mode)
{
    return before("mkdir", -1, path) ? -1 : (int)syscall(SYS_mkdirat, dir, path, mode);
}

/* -- Opening and closing -- */

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
    bool makes = (flags & (O_CREAT | O_TRUNC)) || (flags & O_TMPFILE) == O_TMPFILE;
    long fd;

    if (makes && before("open", -1, path))
        return -1;
    fd = syscall(SYS_openat, dir, path, flags, mode);
    if (fd >= 0)
        mark(fd, (flags & O_ACCMODE) != O_RDONLY);
    return (int)fd;
}

static bool takes_mode(int flags)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

static mode_t mode_of(int flags, va_list args)
{
    return takes_mode(flags) ? va_arg(args, mode_t) : 0;
}

PUBLIC int open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open_at(AT_FDCWD, path, flags, mode);
}

PUBLIC int open64(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open_at(AT_FDCWD, path, flags, mode);
}

PUBLIC int openat(int dir, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open_at(dir, path, flags, mode);
}

PUBLIC int openat64(int dir, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open_at(dir, path, flags, mode);
}

PUBLIC int creat(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

/* The names that fortified headers use when the flags are no constant. */
int __open_2(const char *path, int flags);
PUBLIC int __open_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dir, const char *path, int flags);
PUBLIC int __openat_2(int dir, const char *path, int flags)
{
    return open_at(dir, path, flags, 0);
}

PUBLIC int close(int fd)
{
    if (fd >= 0 && fd < FD_MAX)
        atomic_store(&inner[fd], false);
    if (fd >= 0 && fd < FD_MAX && atomic_exchange(&outside[fd], false) && before_fd("close", fd))
        return -1;
    return (int)syscall(SYS_close, fd);
}

static int pipe_at(int ends[2], int flags)
{
    int rc = (int)syscall(SYS_pipe2, ends, flags);

    for (int i = 0; i < 2 && rc == 0; i++) {
        if (ends[i] < FD_MAX)
            atomic_store(&inner[ends[i]], true);
    }
    return rc;
}

PUBLIC int pipe(int ends[2])
{
    return pipe_at(ends, 0);
}

PUBLIC int pipe2(int ends[2], int flags)
{
    return pipe_at(ends, flags);
}

/* -- Sockets -- */

PUBLIC int connect(int fd, const struct sockaddr *to, socklen_t size)
{
    if (before_fd("connect", fd))
        return -1;
    mark(fd, true);
    return (int)syscall(SYS_connect, fd, to, size);
}

PUBLIC ssize_t send(int fd, const void *data, size_t size, int flags)
{
    return before_data("send", fd, data, size)
               ? -1
               : syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
}

PUBLIC ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to,
                      socklen_t to_size)
{
    return before_data("send", fd, data, size)
               ? -1
               : syscall(SYS_sendto, fd, data, size, flags, to, to_size);
}

PUBLIC ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return before_message(fd, message) ? -1 : syscall(SYS_sendmsg, fd, message, flags);
}

PUBLIC int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    return before_fd("sendmsg", fd) ? -1 : (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
}

PUBLIC int shutdown(int fd, int how)
{
    return before_fd("shutdown", fd) ? -1 : (int)syscall(SYS_shutdown, fd, how);
}

/* -- Ending -- */

PUBLIC _Noreturn void _exit(int code)
{
    write_count();
    for (;;)
        syscall(SYS_exit_group, code);
}

/* Preflight, and reading or replacing the checkpoint while no pipeline runs.
 *
 * `checkpoint set` is an ordinary commit without files, marked "set": it takes the next number, so an instance
 * that was believed to be stopped is fenced by it, and `files verify` knows that from there on changes may be
 * repeated or left out by a human's will. The preflight tries what a commit needs (a file, a link, a directory
 * sync) on a file of its own, which it removes. */
#include "connectors/sink_file/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "connectors/sink_file/content/contents.h"
#include "connectors/sink_file/store/publish.h"

static void set_up(struct mr_file_publisher *publisher, const struct mr_sink_args *args)
{
    const struct mr_file_config *config = args->config;

    *publisher =
        (struct mr_file_publisher){.directory = -1,
                                   .meta = -1,
                                   .tmp = -1,
                                   .owner = args->owner ? args->owner : "admin",
                                   .pipeline = args->context ? args->context->pipeline : NULL,
                                   .content = mr_file_contents[config->content]};
}

int mr_file_checkpoint_read(const struct mr_sink_args *args, struct mr_buf *ret_checkpoint,
                            struct mr_err *err)
{
    const struct mr_file_config *config = args->config;
    struct mr_file_publisher publisher;
    int rc;

    set_up(&publisher, args);
    rc = mr_file_publisher_open(&publisher, config->directory, false, err);
    if (rc == 0)
        rc = mr_file_publisher_recover(&publisher, false, ret_checkpoint, err);
    mr_file_publisher_close(&publisher);
    return rc == MR_AGAIN ? 0 : rc;
}

int mr_file_checkpoint_write(const struct mr_sink_args *args, struct mr_slice checkpoint,
                             struct mr_err *err)
{
    const struct mr_file_config *config = args->config;
    struct mr_file_job job = {.claim = true, .set = true, .checkpoint = checkpoint};
    struct mr_file_publisher publisher;
    struct mr_buf old;
    int rc;

    set_up(&publisher, args);
    mr_buf_init(&old, MR_FILE_COMMIT_MAX);
    rc = mr_file_publisher_open(&publisher, config->directory, true, err);
    if (rc == 0)
        rc = mr_file_publisher_recover(&publisher, true, &old, err);
    if (rc == 0)
        rc = mr_file_publish(&publisher, &job, err);
    mr_buf_done(&old);
    mr_file_publisher_close(&publisher);
    return rc;
}

static int parse_path(const struct mr_file_config *config, struct mr_file_path *ret_path,
                      struct mr_err *err)
{
    return mr_file_path_parse(mr_file_content_path(config),
                              mr_file_block_suffix((enum mr_file_compression)config->compression),
                              ret_path, err);
}

int mr_file_check(const void *config, const char **ret_key, struct mr_err *err)
{
    struct mr_file_path path;
    int rc = parse_path(config, &path, err);

    *ret_key = "path";
    return rc < 0 ? rc : mr_file_path_judge(&path, mr_slice_str("t"), NAME_MAX, err);
}

/* Another way to the same directory is found once it is there. */
void mr_file_alone(const struct mr_sink_args *args, struct mr_buf *ret_what)
{
    const struct mr_file_config *config = args->config;
    char *real = realpath(config->directory, NULL);

    mr_buf_printf(ret_what, "directory %s", real ? real : config->directory);
    free(real);
}

int mr_file_fit(const struct mr_sink_args *args, const struct mr_table *table, struct mr_err *err)
{
    const struct mr_file_config *config = args->config;
    const struct mr_file_content *content = mr_file_content(config->content);
    long name_max = pathconf(config->directory, _PC_NAME_MAX);
    struct mr_file_path path;
    int rc = parse_path(config, &path, err);

    if (rc == 0)
        rc = mr_file_path_judge(&path, table->topic, name_max > 0 ? (size_t)name_max : NAME_MAX,
                                err);
    return rc < 0 || !content->fit ? rc : content->fit(table, err);
}

/* What a commit does, tried on a file of our own. NULL: all worked. */
static const char *try_commit(int directory, int *ret_errno)
{
    char name[64], other[80];
    const char *failed = NULL;
    int fd;

    snprintf(name, sizeof(name), ".millrace-preflight-%ld", (long)getpid());
    snprintf(other, sizeof(other), "%s-link", name);
    fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        *ret_errno = errno;
        return "no file can be made in it";
    }
    if (write(fd, "x", 1) != 1 || fdatasync(fd) < 0)
        failed = "a file in it cannot be made durable";
    else if (linkat(directory, name, directory, other, 0) < 0)
        failed = "its file system cannot link(2), which publishing needs";
    else if (fsync(directory) < 0)
        failed = "its entries cannot be made durable";
    *ret_errno = errno;
    close(fd);
    (void)unlinkat(directory, name, 0);
    (void)unlinkat(directory, other, 0);
    return failed;
}

static void check_space(const char *path, int64_t roll_bytes, const struct mr_findings *findings)
{
    struct statvfs info;
    unsigned long long free_bytes, wanted = 4 * (unsigned long long)roll_bytes;
    char text[400];

    if (statvfs(path, &info) < 0)
        return;
    free_bytes = (unsigned long long)info.f_bavail * info.f_frsize;
    snprintf(text, sizeof(text), "%.200s: %llu MiB free", path, free_bytes >> 20);
    findings->add(findings->state, free_bytes < wanted ? MR_FINDING_WARN : MR_FINDING_PASS,
                  "sink.file.disk_space", text,
                  free_bytes < wanted ? "make room: a full disk stops reading until there is some"
                                      : NULL);
}

/* The sink makes the last part of its directory itself, if it may. */
static bool can_be_made(const char *path)
{
    char parent[4096];
    char *slash;

    snprintf(parent, sizeof(parent), "%s", path);
    slash = strrchr(parent, '/');
    if (!slash || slash == parent)
        return access(slash ? "/" : ".", W_OK) == 0;
    *slash = 0;
    return access(parent, W_OK | X_OK) == 0;
}

int mr_file_preflight(const struct mr_sink_args *args, const struct mr_findings *findings,
                      struct mr_err *err)
{
    const struct mr_file_config *config = args->config;
    int directory = open(config->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), why = errno;
    const char *failed;
    char text[600], hint[600];

    (void)err;
    snprintf(hint, sizeof(hint), "install -d -o %u %.400s", (unsigned)geteuid(), config->directory);
    failed = directory < 0 ? "it cannot be opened" : try_commit(directory, &why);
    if (directory < 0 && why == ENOENT && can_be_made(config->directory)) {
        snprintf(text, sizeof(text), "directory %.300s will be made", config->directory);
        findings->add(findings->state, MR_FINDING_PASS, "sink.file.directory", text, NULL);
    } else if (failed) {
        snprintf(text, sizeof(text), "directory %.300s: %s: %s", config->directory, failed,
                 strerror(why));
        findings->add(findings->state,
                      why == EACCES || why == EROFS ? MR_FINDING_DENIED : MR_FINDING_FAIL,
                      "sink.file.directory", text, hint);
    } else {
        snprintf(text, sizeof(text), "directory %.300s: files can be written, synced and published",
                 config->directory);
        findings->add(findings->state, MR_FINDING_PASS, "sink.file.directory", text, NULL);
        check_space(config->directory, config->roll.bytes, findings);
    }
    if (directory >= 0)
        close(directory);
    return 0;
}

/* The system calls of the file sink that need care.
 *
 * Durability on POSIX has two halves: fdatasync makes a file's bytes durable, fsync of the directory makes its
 * name durable. Every name this sink relies on after a crash is made durable in that order, here.
 *
 * A file is moved with renameat2(RENAME_NOREPLACE), so that no bug and no interference can replace a published
 * file; file systems without that flag (NFS) get link and unlink, which refuse as well but leave, after a crash
 * between the two, one more name of the same file: the next start's redo removes it. */
#include "connectors/sink_file/store/io.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"

#define PATH_BYTES 4096

bool mr_file_wait(const struct mr_file_patience *patience, int saved_errno)
{
    if (saved_errno != ENOSPC && saved_errno != EDQUOT)
        return false;
    return patience && patience->full && patience->full(patience->state, saved_errno);
}

int mr_file_write(int fd, const char *data, size_t size, const struct mr_file_patience *patience,
                  struct mr_err *err)
{
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written >= 0) {
            data += written;
            size -= (size_t)written;
        } else if (errno != EINTR && !mr_file_wait(patience, errno)) {
            return mr_err_errno(err, MR_RETRY, "sink.file.write", errno, "cannot write a segment");
        }
    }
    return 0;
}

int mr_file_sync(int fd, const char *what, struct mr_err *err)
{
    if (fdatasync(fd) < 0)
        return mr_err_errno(err, MR_RETRY, "sink.file.sync", errno, "cannot make %s durable", what);
    return 0;
}

int mr_file_read(int directory, const char *name, struct mr_buf *ret_content, struct mr_err *err)
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    char piece[1 << 14];
    ssize_t size;

    if (fd < 0 && errno == ENOENT)
        return MR_AGAIN;
    if (fd < 0)
        return mr_err_errno(err, MR_RETRY, "sink.file.read", errno, "cannot open %s", name);
    while ((size = read(fd, piece, sizeof(piece))) > 0)
        mr_buf_add(ret_content, piece, (size_t)size);
    if (size < 0) {
        int saved_errno = errno;
        close(fd);
        return mr_err_errno(err, MR_RETRY, "sink.file.read", saved_errno, "cannot read %s", name);
    }
    close(fd);
    if (ret_content->failed)
        return mr_err_set(err, MR_GAP, "sink.file.commit_damaged",
                          "%s is larger than any commit file this millrace writes", name);
    return 0;
}

/* The folder that the path's last part stands in: "." when there is no other part, "/" of "/x". */
static void parent_of(const char *path, char *ret_parent)
{
    size_t size = strlen(path);

    while (size > 1 && path[size - 1] == '/')
        size--;
    while (size > 0 && path[size - 1] != '/')
        size--;
    while (size > 1 && path[size - 1] == '/')
        size--;
    if (size == 0 || size >= PATH_BYTES) {
        memcpy(ret_parent, ".", 2);
        return;
    }
    memcpy(ret_parent, path, size);
    ret_parent[size] = 0;
}

/* 0, or the errno. */
static int sync_parent(int directory, const char *path, char *ret_parent)
{
    int fd, why = 0;

    parent_of(path, ret_parent);
    fd = openat(directory, ret_parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        why = errno;
    if (fd >= 0)
        close(fd);
    return why;
}

int mr_file_sync_parent(int directory, const char *path, struct mr_err *err)
{
    char parent[PATH_BYTES];
    int why = sync_parent(directory, path, parent);

    return why ? mr_err_errno(err, MR_RETRY, "sink.file.sync", why,
                              "cannot make directory %s durable", parent)
               : 0;
}

int mr_file_sync_given(int directory, const char *path, struct mr_err *err)
{
    char parent[PATH_BYTES];
    int why = sync_parent(directory, path, parent);

    return why && why != EACCES ? mr_err_errno(err, MR_RETRY, "sink.file.sync", why,
                                               "cannot make directory %s durable", parent)
                                : 0;
}

bool mr_file_needs_human(int saved_errno)
{
    static const int needs[] = {ENAMETOOLONG, ENOTDIR, EISDIR, ELOOP,      EXDEV, EACCES,
                                EPERM,        EINVAL,  EILSEQ, EOPNOTSUPP, EMLINK};

    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
        if (needs[i] == saved_errno)
            return true;
    return false;
}

int mr_file_name_refused(const char *name, int saved_errno, struct mr_err *err)
{
    if (!mr_file_needs_human(saved_errno))
        return mr_err_errno(err, MR_RETRY, "sink.file.write", saved_errno,
                            "cannot make a place for %.300s", name);
    mr_err_errno(err, MR_CONFIG, "sink.file.name", saved_errno, "no file can be written as %.600s",
                 name);
    mr_err_hint(err, saved_errno == ENAMETOOLONG
                         ? "choose a shorter sink.path or sink.topic; nothing was published, and "
                           "millrace goes on where it stopped"
                         : "see what stands in the way on this path; nothing was published, and "
                           "millrace goes on where it stopped");
    if (saved_errno == EACCES || saved_errno == EPERM)
        err->exit_code = 77;
    return MR_CONFIG;
}

int mr_file_make_parents(int directory, const char *path, const struct mr_file_patience *patience)
{
    char prefix[PATH_BYTES], parent[PATH_BYTES];
    int why = 0;

    for (const char *slash = strchr(path, '/'); slash && why == 0; slash = strchr(slash + 1, '/')) {
        size_t size = (size_t)(slash - path);
        if (size == 0 || size >= sizeof(prefix))
            continue;
        memcpy(prefix, path, size);
        prefix[size] = 0;
        while (mkdirat(directory, prefix, 0777) < 0 && errno != EEXIST)
            if (!mr_file_wait(patience, errno))
                return errno;
        /* Also when it was there: who made it may have been killed before this fsync. */
        why = sync_parent(directory, prefix, parent);
    }
    return why;
}

int mr_file_move(int from, const char *old, int to, const char *new)
{
    if (renameat2(from, old, to, new, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return errno;
    if (linkat(from, old, to, new, 0) < 0)
        return errno;
    (void)unlinkat(from, old, 0);
    return 0;
}

void mr_file_hash(const void *data, size_t size, char *ret_hex)
{
    unsigned char digest[32];
    unsigned int digest_size = sizeof(digest);

    EVP_Digest(data, size, digest, &digest_size, EVP_sha256(), NULL);
    *mr_put_hex(ret_hex, mr_slice(digest, sizeof(digest))) = 0;
}

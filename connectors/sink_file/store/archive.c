/* A thousand commit files become one gzip file.
 *
 *     <n>.json x 1000  ->  tmp/<owner>-archive, fdatasync  ->  link <first>-<last>.jsonl.gz, fsync
 *                      ->  unlink <n>.json, in ascending order
 *
 * The blocks are fixed (1..1000, 1001..2000) and commit files never change, so whoever archives a block writes
 * the same bytes: two that do it at once do no harm, and EEXIST means that it is done. A crash between the link
 * and the last unlink leaves commit files that are archived too; the next run removes them. A block is archived
 * only when a thousand commits follow it, so the newest thousand always stand as files of their own. */
#include "connectors/sink_file/store/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "connectors/sink_file/store/commit.h"

static void archive_name(uint64_t first, char *ret_name)
{
    snprintf(ret_name, 64, "%020" PRIu64 "-%020" PRIu64 ".jsonl.gz", first,
             first + MR_FILE_ARCHIVE_COMMITS - 1);
}

bool mr_file_archive_covers(int meta, uint64_t n)
{
    char name[64];

    archive_name((n - 1) / MR_FILE_ARCHIVE_COMMITS * MR_FILE_ARCHIVE_COMMITS + 1, name);
    return faccessat(meta, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int copy_commits(int meta, gzFile out, uint64_t first, struct mr_err *err)
{
    struct mr_buf text;
    int rc = 0;

    mr_buf_init(&text, MR_FILE_COMMIT_MAX);
    for (uint64_t n = first; n < first + MR_FILE_ARCHIVE_COMMITS && rc == 0; n++) {
        char name[32];
        mr_buf_clear(&text);
        mr_file_commit_name(n, name);
        rc = mr_file_read(meta, name, &text, err);
        if (rc == 0 && gzwrite(out, text.data, (unsigned)text.size) != (int)text.size)
            rc = MR_AGAIN;
    }
    mr_buf_done(&text);
    return rc;
}

/* Writes the archive under `temporary`. A failure (a full disk, a commit file out of place) means not now:
 * compaction is housekeeping and never stops a pipeline; `files verify` finds what is out of place. */
static int write_archive(int meta, int tmp, const char *temporary, uint64_t first,
                         struct mr_err *err)
{
    int fd = openat(tmp, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    int copy = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    gzFile out = copy >= 0 ? gzdopen(copy, "wb6") : NULL;
    int rc = out ? copy_commits(meta, out, first, err) : MR_AGAIN;

    if (out && gzclose(out) != Z_OK)
        rc = MR_AGAIN;
    else if (!out && copy >= 0)
        close(copy);
    if (rc == 0 && fdatasync(fd) < 0)
        rc = MR_AGAIN;
    if (fd >= 0)
        close(fd);
    return rc;
}

static void unlink_commits(int meta, uint64_t first)
{
    for (uint64_t n = first; n < first + MR_FILE_ARCHIVE_COMMITS; n++) {
        char name[32];
        mr_file_commit_name(n, name);
        (void)unlinkat(meta, name, 0);
    }
}

void mr_file_archive_make(int meta, int tmp, const char *owner, uint64_t highest)
{
    char name[64], temporary[256];
    struct mr_err err;
    uint64_t first;
    int rc;

    if (highest % MR_FILE_ARCHIVE_COMMITS != 0 || highest < 2 * MR_FILE_ARCHIVE_COMMITS)
        return;
    first = highest - 2 * MR_FILE_ARCHIVE_COMMITS + 1;
    archive_name(first, name);
    snprintf(temporary, sizeof(temporary), "%.180s-archive", owner);
    rc = mr_file_archive_covers(meta, first) ? 0 : write_archive(meta, tmp, temporary, first, &err);
    if (rc == 0 && linkat(tmp, temporary, meta, name, 0) < 0 && errno != EEXIST)
        rc = MR_AGAIN;
    (void)unlinkat(tmp, temporary, 0);
    if (rc == 0 && mr_file_archive_covers(meta, first) && fsync(meta) == 0)
        unlink_commits(meta, first);
}

/* One line of any length; false at the end. */
static bool next_line(gzFile in, struct mr_buf *ret_line)
{
    char piece[1 << 14];

    mr_buf_clear(ret_line);
    while (gzgets(in, piece, sizeof(piece))) {
        mr_buf_add_str(ret_line, piece);
        if (ret_line->failed || (ret_line->size && ret_line->data[ret_line->size - 1] == '\n'))
            return true;
    }
    return ret_line->size > 0;
}

int mr_file_archive_read(int meta, uint64_t first,
                         int (*line)(void *state, struct mr_slice bytes, struct mr_err *err),
                         void *state, struct mr_err *err)
{
    char name[64];
    struct mr_buf text;
    gzFile in;
    int fd, rc = 0, failure;

    archive_name(first, name);
    fd = openat(meta, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return MR_AGAIN;
    in = fd >= 0 ? gzdopen(fd, "rb") : NULL;
    if (!in) {
        if (fd >= 0)
            close(fd);
        return mr_err_set(err, MR_CONFIG, "sink.file.read", "cannot open %s", name);
    }
    mr_buf_init(&text, MR_FILE_COMMIT_MAX);
    while (rc == 0 && next_line(in, &text))
        rc = line(state, mr_buf_slice(&text), err);
    (void)gzerror(in, &failure);
    if (rc == 0 && failure != Z_OK && failure != Z_STREAM_END)
        rc = mr_err_set(err, MR_GAP, "sink.file.commit_damaged", "archive %s is damaged", name);
    mr_buf_done(&text);
    gzclose(in);
    return rc;
}

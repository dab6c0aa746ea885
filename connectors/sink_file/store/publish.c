/* The commit protocol of publish.h, and its two guards.
 *
 * Fence. Commit n+1 can be linked once. Two owners that both saw n race for n+1; the loser gets EEXIST. If its
 * commit was an ordinary one, the winner has taken the pipeline over: fenced, for good. If it was a claim, it may
 * have raced with the last commit of the one it replaces: it opens again, sees that commit, claims after it.
 *
 * An owner that is busy commits many times between a starter's look and its claim, which reads a position, connects
 * to the source and only then claims: such claims could lose for ever. So the loser of that race looks again at once
 * and makes a commit that changes nothing, with the checkpoint as it stands. That takes a moment, and is tried until it
 * is linked; from there on the owner is fenced, and the starter begins anew with a position that nobody moves. Not done
 * against another starter's claim, else two of them would stop each other; nor by one who owned the pipeline before,
 * because then the faster one is its successor.
 *
 * Old numbers. Compaction takes old commit files away, so a sleeper that wakes a thousand commits late could
 * link its number into the gap. An archive is published before its commit files go (archive.c), so after each
 * link the archive that would cover n is looked for: if it is there, we slept, and the link is taken back.
 *
 * After the link nothing is taken back: an error from there on is reported, the segments stay for the next
 * start's redo. Temporaries of others are removed after our claim is durable, never before: until then their
 * owner may still publish them. And only those that were there before it: from the link on a successor may claim
 * after us and write its own, while we sleep. */
#include "connectors/sink_file/store/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "connectors/sink_file/store/archive.h"

#define LEFTOVERS_MAX ((size_t)16 << 20) /* names of temporaries */
#define FENCE_TRIES   1000

static int open_directory(int at, const char *name, bool make, int *ret_fd, struct mr_err *err)
{
    bool made = make && mkdirat(at, name, 0777) == 0;
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    /* Also when it was there: nobody knows whether it is durable, and what stands in it must not be lost with it. */

    if (fd < 0 && errno == ENOENT && !make)
        return MR_AGAIN;
    if (fd < 0) {
        mr_err_errno(err, MR_CONFIG, "sink.file.directory", errno, "cannot use directory %.300s",
                     name);
        mr_err_hint(err,
                    "make it, writable by the user millrace runs as (uid %u): install -d -o %u %s",
                    (unsigned)geteuid(), (unsigned)geteuid(), name);
        if (strcmp(err->native, "EACCES") == 0 || strcmp(err->native, "EROFS") == 0)
            err->exit_code = 77;
        return MR_CONFIG;
    }
    *ret_fd = fd;
    if (!make)
        return 0;
    return made ? mr_file_sync_parent(at, name, err) : mr_file_sync_given(at, name, err);
}

int mr_file_publisher_open(struct mr_file_publisher *publisher, const char *path, bool make,
                           struct mr_err *err)
{
    int rc = open_directory(AT_FDCWD, path, make, &publisher->directory, err);

    if (rc == 0)
        rc = open_directory(publisher->directory, MR_FILE_META, make, &publisher->meta, err);
    if (rc == 0)
        rc = open_directory(publisher->meta, "tmp", make, &publisher->tmp, err);
    return rc;
}

void mr_file_publisher_close(struct mr_file_publisher *publisher)
{
    int *const fds[] = {&publisher->directory, &publisher->meta, &publisher->tmp};

    for (size_t i = 0; i < 3; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

static void tell_missing(const struct mr_file_publisher *publisher,
                         const struct mr_file_entry *entry)
{
    if (publisher->notes && publisher->notes->note)
        publisher->notes->note(publisher->notes->state, MR_LOG_WARN, "sink.file.segment_missing",
                               "published file %.300s is neither in its place nor in " MR_FILE_META
                               "/tmp: moved away or deleted by somebody else",
                               entry->name);
}

static int place_all(struct mr_file_publisher *publisher, const struct mr_file_commit *commit,
                     struct mr_err *err)
{
    int rc = 0;

    for (size_t i = 0; i < commit->entry_count && rc == 0; i++) {
        bool missing;
        rc = mr_file_commit_place(publisher->directory, publisher->tmp, &commit->entries[i], true,
                                  publisher->patience, &missing, err);
        if (rc == 0 && missing)
            tell_missing(publisher, &commit->entries[i]);
    }
    return rc;
}

/* commit n must name the hash of n-1, which compaction never takes away before n+999. */
static int check_chain(struct mr_file_publisher *publisher, const struct mr_file_commit *commit,
                       struct mr_err *err)
{
    char name[32], hash[MR_FILE_HASH_SIZE];
    struct mr_buf before;
    int rc;

    memset(hash, '0', sizeof(hash));
    hash[sizeof(hash) - 1] = 0;
    mr_buf_init(&before, MR_FILE_COMMIT_MAX);
    mr_file_commit_name(commit->n - 1, name);
    rc = commit->n == 1 ? 0 : mr_file_read(publisher->meta, name, &before, err);
    if (rc == 0 && commit->n > 1)
        mr_file_hash(before.data, before.size, hash);
    mr_buf_done(&before);
    if (rc != MR_AGAIN && rc < 0)
        return rc;
    if (rc == MR_AGAIN || strcmp(hash, commit->previous) != 0) {
        mr_err_set(err, MR_GAP, "sink.file.commit_damaged",
                   "commit %llu does not follow the commit before it: %s is %s",
                   (unsigned long long)commit->n, name, rc == MR_AGAIN ? "missing" : "changed");
        mr_err_hint(
            err,
            "run: millrace files verify DIRECTORY; restore what is missing from a backup, or go "
            "on at a position you know with: millrace checkpoint set");
        return MR_GAP;
    }
    return 0;
}

static int check_pipeline(const struct mr_file_publisher *publisher,
                          const struct mr_file_commit *commit, struct mr_err *err)
{
    if (!publisher->pipeline || strcmp(publisher->pipeline, commit->pipeline) == 0)
        return 0;
    mr_err_set(err, MR_CONFIG, "sink.file.another_pipeline",
               "the directory belongs to pipeline %.100s, this is pipeline %.100s",
               commit->pipeline, publisher->pipeline);
    mr_err_hint(err, "give each pipeline a directory of its own, or rename the pipeline back");
    return MR_CONFIG;
}

int mr_file_publisher_recover(struct mr_file_publisher *publisher, bool redo,
                              struct mr_buf *ret_checkpoint, struct mr_err *err)
{
    struct mr_file_commit commit = {0};
    struct mr_buf text;
    char name[32];
    int rc;

    memset(publisher->previous, '0', sizeof(publisher->previous));
    publisher->previous[sizeof(publisher->previous) - 1] = 0;
    rc = mr_file_commit_highest(publisher->meta, &publisher->n, err);
    if (rc < 0 || publisher->n == 0)
        return rc;
    mr_buf_init(&text, MR_FILE_COMMIT_MAX);
    mr_file_commit_name(publisher->n, name);
    rc = mr_file_read(publisher->meta, name, &text, err);
    if (rc == MR_AGAIN)
        rc = mr_err_set(err, MR_RETRY, "sink.file.read", "%s went away while it was looked at",
                        name);
    if (rc == 0)
        rc = mr_file_commit_parse(mr_buf_slice(&text), name, &commit, err);
    if (rc == 0 && commit.n != publisher->n)
        rc = mr_err_set(err, MR_GAP, "sink.file.commit_damaged", "%s holds commit %llu", name,
                        (unsigned long long)commit.n);
    if (rc == 0)
        rc = check_pipeline(publisher, &commit, err);
    if (rc == 0)
        rc = check_chain(publisher, &commit, err);
    publisher->follows_claim = commit.claim;
    /* Who linked it may have been killed before it was durable: it must be before its files have their names. */
    if (rc == 0 && redo && fsync(publisher->meta) < 0)
        rc = mr_err_errno(err, MR_RETRY, "sink.file.sync", errno,
                          "cannot make the directory of the commit files durable");
    if (rc == 0 && redo)
        rc = place_all(publisher, &commit, err);
    if (rc == 0) {
        memcpy(publisher->previous, commit.hash, sizeof(commit.hash));
        mr_buf_add_slice(ret_checkpoint, commit.checkpoint);
    }
    mr_file_commit_done(&commit);
    mr_buf_done(&text);
    return rc;
}

static int sync_segments(struct mr_file_publisher *publisher, struct mr_file_segment *segments,
                         struct mr_err *err)
{
    int rc = 0;

    for (struct mr_file_segment *segment = segments; segment && rc == 0; segment = segment->next) {
        if (segment->fd < 0)
            segment->fd = openat(publisher->tmp, segment->entry.temporary, O_WRONLY | O_CLOEXEC);
        if (segment->fd < 0)
            return mr_err_errno(err, MR_RETRY, "sink.file.write", errno, "cannot open segment %s",
                                segment->entry.temporary);
        rc = mr_file_sync(segment->fd, "a segment", err);
        close(segment->fd);
        segment->fd = -1;
    }
    if (rc == 0 && segments && fsync(publisher->tmp) < 0)
        rc = mr_err_errno(err, MR_RETRY, "sink.file.sync", errno,
                          "cannot make directory tmp durable");
    return rc;
}

/* Whether a file can have this name: its folders are made, on the file system of tmp, and nothing has it. A name is
 * only looked up for that: what cannot be looked up cannot be made. *ret_taken: choose another one. */
static int judge_name(const struct mr_file_publisher *publisher, const char *name, bool *ret_taken,
                      struct mr_err *err)
{
    struct stat folder, tmp;
    char parent[4096];
    const char *slash = strrchr(name, '/');
    int why = mr_file_make_parents(publisher->directory, name, publisher->patience);

    *ret_taken = false;
    if (why)
        return mr_file_name_refused(name, why, err);
    if (faccessat(publisher->directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        *ret_taken = true;
        return 0;
    }
    if (errno != ENOENT)
        return mr_file_name_refused(name, errno, err);
    snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - name) : 1, slash ? name : ".");
    if (fstatat(publisher->directory, parent, &folder, 0) < 0 || fstat(publisher->tmp, &tmp) < 0)
        return mr_file_name_refused(name, errno, err);
    return folder.st_dev == tmp.st_dev ? 0 : mr_file_name_refused(name, EXDEV, err);
}

/* Gives a segment a final name that nothing has, on disk or among the others. */
static int name_segment(struct mr_file_publisher *publisher, struct mr_file_segment *segment,
                        struct mr_map *taken, struct mr_buf *path, struct mr_err *err)
{
    struct mr_file_entry *entry = &segment->entry;
    unsigned again = 0;
    bool is_taken = true;
    int rc = 0;

    while (rc == 0 && is_taken) {
        mr_buf_clear(path);
        mr_file_path_put(publisher->path, mr_slice_str(entry->stream), segment->span_us,
                         entry->first, again++, path);
        is_taken = mr_map_get(taken, mr_buf_slice(path)) != NULL;
        if (!is_taken)
            rc = judge_name(publisher, mr_buf_cstr(path), &is_taken, err);
    }
    (void)mr_map_put(taken, mr_buf_slice(path), entry);
    free(entry->name);
    entry->name = mr_strdup(mr_buf_cstr(path));
    return rc;
}

static int name_segments(struct mr_file_publisher *publisher, struct mr_file_segment *segments,
                         struct mr_err *err)
{
    struct mr_map taken;
    struct mr_buf path;
    int rc = 0;

    mr_map_init(&taken);
    mr_buf_init(&path, 1 << 16);
    for (struct mr_file_segment *segment = segments; segment && rc == 0; segment = segment->next)
        rc = name_segment(publisher, segment, &taken, &path, err);
    mr_buf_done(&path);
    mr_map_done(&taken);
    return rc;
}

static void render(const struct mr_file_publisher *publisher, const struct mr_file_job *job,
                   struct mr_buf *ret_text)
{
    struct mr_file_commit commit = {.n = publisher->n + 1,
                                    .time_us = mr_clock_wall_us(),
                                    .pipeline = publisher->pipeline,
                                    .owner = publisher->owner,
                                    .content = publisher->content,
                                    .claim = job->claim,
                                    .set = job->set};

    memcpy(commit.previous, publisher->previous, sizeof(commit.previous));
    mr_file_commit_begin(&commit, ret_text);
    for (struct mr_file_segment *segment = job->segments; segment; segment = segment->next)
        mr_file_commit_entry(&segment->entry, ret_text);
    mr_file_commit_end(job->checkpoint, ret_text);
}

/* Writes the commit file under its temporary name and makes it durable. A full disk is waited for with the file
 * rewritten from the start: a failed fdatasync may have lost any part of it. */
static int write_commit(struct mr_file_publisher *publisher, const char *name, struct mr_slice text,
                        struct mr_err *err)
{
    for (;;) {
        int fd = openat(publisher->tmp, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                        0666);
        int saved_errno = errno, rc = 0;
        if (fd >= 0) {
            rc = mr_file_write(fd, text.data, text.size, publisher->patience, err);
            if (rc == 0 && fdatasync(fd) == 0) {
                close(fd);
                return 0;
            }
            saved_errno = errno;
            close(fd);
        }
        if (rc < 0)
            return rc;
        if (!mr_file_wait(publisher->patience, saved_errno))
            return mr_err_errno(err, MR_RETRY, "sink.file.sync", saved_errno,
                                "cannot write a commit file");
    }
}

static int lost_race(const struct mr_file_publisher *publisher, bool claim, struct mr_err *err)
{
    unsigned long long n = (unsigned long long)publisher->n + 1;

    if (claim) {
        mr_err_set(err, MR_RETRY, "sink.file.claim_raced",
                   "another instance made commit %llu while this one started; looking again", n);
        mr_err_trait(err, MR_TRAIT_RACED);
        return MR_RETRY;
    }
    mr_err_set(err, MR_FENCED, "sink.file.fenced",
               "another instance has taken over: commit %llu exists and is not ours", n);
    mr_err_hint(err,
                "nothing to do: this instance changed nothing after that; the other one goes on");
    return MR_FENCED;
}

static bool is_ours(const struct mr_file_publisher *publisher, const char *temporary,
                    const char *name)
{
    struct stat a, b;

    return fstatat(publisher->tmp, temporary, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstatat(publisher->meta, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* Commit n+1 is there already. Asked after a failure, too: a successor clears our temporaries away, and what we
 * then see is a file that is missing. */
static bool is_superseded(const struct mr_file_publisher *publisher)
{
    char name[32];

    mr_file_commit_name(publisher->n + 1, name);
    return faccessat(publisher->meta, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
           mr_file_archive_covers(publisher->meta, publisher->n + 1);
}

/* Nothing was published. A file system that has no links never will. */
static int cannot_link(const char *name, int why, struct mr_err *err)
{
    if (!mr_file_needs_human(why))
        return mr_err_errno(err, MR_RETRY, "sink.file.write", why, "cannot publish commit %s",
                            name);
    mr_err_errno(err, MR_CONFIG, "sink.file.no_links", why,
                 "commit %s cannot be linked into " MR_FILE_META, name);
    mr_err_hint(err, "Publishing needs link(2): choose a directory on a file system that has it "
                     "(ext4, XFS, btrfs, NFS; not FAT, nor most of what FUSE shows). Nothing was "
                     "published: millrace goes on where it stopped.");
    return MR_CONFIG;
}

/* The atomic act. */
static int link_commit(struct mr_file_publisher *publisher, const char *temporary, bool claim,
                       struct mr_err *err)
{
    char name[32];
    int why;

    mr_file_commit_name(publisher->n + 1, name);
    do {
        why = linkat(publisher->tmp, temporary, publisher->meta, name, 0) < 0 ? errno : 0;
    } while (why && mr_file_wait(publisher->patience, why));
    if (why == EEXIST && is_ours(publisher, temporary, name))
        why = 0; /* NFS: the answer of the first try was lost */
    if (why == EEXIST)
        return lost_race(publisher, claim, err);
    if (why)
        return cannot_link(name, why, err);
    if (mr_file_archive_covers(publisher->meta, publisher->n + 1)) {
        (void)unlinkat(publisher->meta, name, 0);
        return lost_race(publisher, claim, err);
    }
    return 0;
}

/* What stands in tmp and is not ours, each name with its NUL. */
static void list_temporaries(const struct mr_file_publisher *publisher, struct mr_buf *ret_names)
{
    int fd = openat(publisher->tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    size_t size = strlen(publisher->owner);
    struct dirent *item;

    if (!directory) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((item = readdir(directory)) != NULL) {
        bool ours = strncmp(item->d_name, publisher->owner, size) == 0 && item->d_name[size] == '-';
        if (item->d_name[0] != '.' && !ours)
            mr_buf_add(ret_names, item->d_name, strlen(item->d_name) + 1);
    }
    closedir(directory);
}

/* Removes what no commit names, once our claim is durable. */
static void clear_temporaries(const struct mr_file_publisher *publisher, const struct mr_buf *names)
{
    if (names->failed)
        return; /* too many for one time: the next start's */
    for (size_t at = 0; at < names->size; at += strlen(names->data + at) + 1)
        (void)unlinkat(publisher->tmp, names->data + at, 0);
}

static int place_segments(struct mr_file_publisher *publisher, struct mr_file_job *job,
                          struct mr_err *err)
{
    int rc = 0;

    for (struct mr_file_segment *segment = job->segments; segment && rc == 0;
         segment = segment->next) {
        bool missing;
        rc = mr_file_commit_place(publisher->directory, publisher->tmp, &segment->entry, false,
                                  publisher->patience, &missing, err);
        if (rc == 0 && missing)
            tell_missing(publisher, &segment->entry);
        publisher->rotations += rc == 0;
    }
    return rc;
}

/* What follows the link: it is made durable, its files get their names, old commits are compacted. */
static int settle(struct mr_file_publisher *publisher, struct mr_file_job *job,
                  struct mr_slice text, const struct mr_buf *leftovers, struct mr_err *err)
{
    int rc;

    job->published = true;
    if (fsync(publisher->meta) < 0)
        return mr_err_errno(err, MR_RETRY, "sink.file.sync", errno,
                            "cannot make the directory of the commit files durable");
    publisher->n++;
    mr_file_hash(text.data, text.size, publisher->previous);
    rc = place_segments(publisher, job, err);
    if (rc < 0)
        return rc;
    if (job->claim) {
        publisher->claimed = true;
        clear_temporaries(publisher, leftovers);
    }
    mr_file_archive_make(publisher->meta, publisher->tmp, publisher->owner, publisher->n);
    return 0;
}

static int publish_once(struct mr_file_publisher *publisher, struct mr_file_job *job,
                        struct mr_err *err)
{
    char temporary[256];
    struct mr_buf text, leftovers;
    int rc = sync_segments(publisher, job->segments, err);

    if (rc < 0)
        return is_superseded(publisher) ? lost_race(publisher, job->claim, err) : rc;
    mr_buf_init(&text, MR_FILE_COMMIT_MAX);
    mr_buf_init(&leftovers, LEFTOVERS_MAX);
    if (job->claim)
        list_temporaries(publisher, &leftovers);
    snprintf(temporary, sizeof(temporary), "%.180s-%llu.commit", publisher->owner,
             (unsigned long long)publisher->n + 1);
    rc = name_segments(publisher, job->segments, err);
    render(publisher, job, &text);
    if (rc == 0)
        rc = text.failed ? mr_err_set(err, MR_BUG, "sink.file.commit_too_large",
                                      "a commit names too many files")
                         : write_commit(publisher, temporary, mr_buf_slice(&text), err);
    if (rc == 0)
        rc = link_commit(publisher, temporary, job->claim, err);
    if (rc < 0 && rc != MR_FENCED && is_superseded(publisher))
        rc = lost_race(publisher, job->claim, err);
    (void)unlinkat(publisher->tmp, temporary, 0);
    if (rc == 0)
        rc = settle(publisher, job, mr_buf_slice(&text), &leftovers, err);
    mr_buf_done(&text);
    mr_buf_done(&leftovers);
    return rc;
}

static bool is_raced(int rc, const struct mr_err *err)
{
    return rc == MR_RETRY && err->trait == MR_TRAIT_RACED;
}

/* Stops the owner whose commit was faster than our claim; what fails here is left to the next look. */
static void fence_owner(struct mr_file_publisher *publisher)
{
    struct mr_err err = {0};
    struct mr_buf text;
    bool again = true;

    mr_buf_init(&text, MR_FILE_COMMIT_MAX);
    for (int tries = 0; again && tries < FENCE_TRIES; tries++) {
        struct mr_file_job job = {.claim = true};
        int rc;
        mr_buf_clear(&text);
        rc = mr_file_publisher_recover(publisher, true, &text, &err);
        if (rc < 0 || publisher->follows_claim)
            break;
        job.checkpoint = mr_buf_slice(&text);
        rc = publish_once(publisher, &job, &err);
        again = is_raced(rc, &err);
    }
    mr_buf_done(&text);
}

int mr_file_publish(struct mr_file_publisher *publisher, struct mr_file_job *job,
                    struct mr_err *err)
{
    int rc = publish_once(publisher, job, err);

    if (job->claim && publisher->owned) {
        if (rc == 0)
            publisher->owned->number = publisher->n;
        else if (publisher->owned->number == 0 && is_raced(rc, err))
            fence_owner(publisher);
    }
    return rc;
}

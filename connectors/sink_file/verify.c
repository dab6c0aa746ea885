/* `millrace files verify DIR`: the proof that a directory holds every change once, in order.
 *
 *     archives, commit files     1 -> 2 -> 3 ...   none missing, each holds the hash of the one before it
 *     each file they name        is there, has the size, checksum, records and numbers written in its commit
 *     each stream's files        first > last of the file before it: in order, nothing twice
 *     every file in the tree     is named by exactly one commit
 *
 * Change numbers have gaps by design (other topics, filtered changes), so completeness is not read off them: it
 * follows from the chain. A commit states the position reached and names everything delivered since the commit
 * before it, so a chain without a hole whose files are whole is the complete delivery up to its last checkpoint.
 * It only reads, and may run beside a live pipeline: the newest commit's files may still be on their way from
 * tmp, and are looked for there too. What it cannot see is a directory that was replaced as a whole by an older
 * copy of itself. */
#include "connectors/sink_file/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/map.h"
#include "connectors/sink_file/store/archive.h"
#include "connectors/sink_file/content/contents.h"
#include "connectors/sink_file/content/read.h"
#include "connectors/sink_file/store/publish.h"

#define DEPTH_MAX 32

struct stream {
    uint64_t last;
    bool seen;
};

struct verifier {
    const struct mr_findings *findings;
    struct mr_file_publisher at; /* the directories */
    uint64_t *loose;             /* commit files that stand alone, ascending */
    size_t loose_count;
    uint64_t highest;
    uint64_t next;                    /* the number that must come next */
    char previous[MR_FILE_HASH_SIZE]; /* "": unknown, after a hole */
    struct mr_map found;              /* files in the tree, to the verifier itself */
    struct mr_map names;              /* files that commits name, likewise */
    struct mr_map streams;            /* to struct stream */
    uint64_t problems, commits, files, records, bytes;
};

static void report(struct verifier *verifier, enum mr_finding_level level, const char *code,
                   const char *hint, const char *format, ...) MR_PRINTF(5, 6);

static void report(struct verifier *verifier, enum mr_finding_level level, const char *code,
                   const char *hint, const char *format, ...)
{
    char text[1200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    verifier->problems += level == MR_FINDING_FAIL;
    verifier->findings->add(verifier->findings->state, level, code, text, hint);
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* Lists the commit files and finds the highest number, archives included. */
static int list_commits(struct verifier *verifier, struct mr_err *err)
{
    int fd = openat(verifier->at.meta, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    size_t capacity = 0;
    struct dirent *item;

    if (!directory) {
        if (fd >= 0)
            close(fd);
        return mr_err_set(err, MR_CONFIG, "sink.file.read", "cannot list " MR_FILE_META);
    }
    while ((item = readdir(directory)) != NULL) {
        uint64_t n = mr_file_commit_number(item->d_name);
        unsigned long long first, last;
        if (sscanf(item->d_name, "%20llu-%20llu.jsonl", &first, &last) == 2 &&
            last > verifier->highest)
            verifier->highest = last;
        if (n == 0)
            continue;
        if (verifier->loose_count == capacity) {
            capacity = capacity ? 2 * capacity : 256;
            verifier->loose = mr_realloc(verifier->loose, capacity * sizeof(*verifier->loose));
        }
        verifier->loose[verifier->loose_count++] = n;
        if (n > verifier->highest)
            verifier->highest = n;
    }
    closedir(directory);
    if (verifier->loose_count)
        qsort(verifier->loose, verifier->loose_count, sizeof(*verifier->loose), compare_numbers);
    return 0;
}

static bool is_loose(const struct verifier *verifier, uint64_t n)
{
    return verifier->loose_count > 0 && bsearch(&n, verifier->loose, verifier->loose_count,
                                                sizeof(*verifier->loose), compare_numbers) != NULL;
}

static void check_records(struct verifier *verifier, const struct mr_file_content *content,
                          const struct mr_file_entry *entry, const struct mr_file_found *found)
{
    if (!content)
        return;
    if (!found->whole)
        report(verifier, MR_FINDING_FAIL, "files.changed", NULL,
               "%.400s does not end with a whole record", entry->name);
    else if (found->records != entry->records)
        report(verifier, MR_FINDING_FAIL, "files.changed", NULL,
               "%.400s holds %llu records, its commit says %llu", entry->name,
               (unsigned long long)found->records, (unsigned long long)entry->records);
    if (!content->numbers)
        return;
    if (!found->ascending)
        report(verifier, MR_FINDING_FAIL, "files.order", NULL,
               "%.400s: its records are not in the order of their numbers", entry->name);
    else if (found->first != entry->first || found->last != entry->last)
        report(verifier, MR_FINDING_FAIL, "files.order", NULL,
               "%.400s holds changes %llu to %llu, its commit says %llu to %llu", entry->name,
               (unsigned long long)found->first, (unsigned long long)found->last,
               (unsigned long long)entry->first, (unsigned long long)entry->last);
}

static int check_file(struct verifier *verifier, const struct mr_file_commit *commit,
                      const struct mr_file_entry *entry, struct mr_err *err)
{
    const struct mr_file_content *content = mr_file_content_named(commit->content);
    struct mr_file_read_back found;
    int fd = openat(verifier->at.directory, entry->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int rc;

    if (fd < 0 && commit->n == verifier->highest) {
        fd = openat(verifier->at.tmp, entry->temporary, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0)
            report(verifier, MR_FINDING_WARN, "files.unplaced",
                   "start the pipeline again, if it does not run: it says what is in the way",
                   "%.400s stands in " MR_FILE_META "/tmp as yet, as %.200s", entry->name,
                   entry->temporary);
    }
    if (fd < 0) /* or it was moved in this moment */
        fd = openat(verifier->at.directory, entry->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        report(verifier, MR_FINDING_FAIL, "files.missing", "restore it from a backup",
               "%.400s (commit %llu, %llu records) cannot be opened: %s", entry->name,
               (unsigned long long)commit->n, (unsigned long long)entry->records, strerror(errno));
        return 0;
    }
    rc = mr_file_read_back(fd, entry->name, content, &found, err);
    close(fd);
    if (rc < 0)
        return rc;
    if (found.bytes != entry->bytes)
        report(verifier, MR_FINDING_FAIL, "files.changed", "restore it from a backup",
               "%.400s has %llu bytes, its commit says %llu", entry->name,
               (unsigned long long)found.bytes, (unsigned long long)entry->bytes);
    else if (strcmp(found.sha256, entry->sha256) != 0)
        report(verifier, MR_FINDING_FAIL, "files.changed", "restore it from a backup",
               "%.400s has another checksum than its commit says", entry->name);
    check_records(verifier, content, entry, &found.found);
    verifier->records += content ? found.found.records : entry->records;
    verifier->bytes += found.bytes;
    return 0;
}

static void check_order(struct verifier *verifier, const struct mr_file_entry *entry)
{
    struct stream *stream;
    struct mr_buf key;

    mr_buf_init(&key, MR_FILE_COMMIT_MAX);
    mr_buf_printf(&key, "%s\n%s", entry->stream, entry->table ? entry->table : "");
    stream = mr_map_get(&verifier->streams, mr_buf_slice(&key));
    if (!stream) {
        stream = mr_alloc_zero(sizeof(*stream));
        (void)mr_map_put(&verifier->streams, mr_buf_slice(&key), stream);
    }
    mr_buf_done(&key);
    if (entry->last < entry->first || (stream->seen && entry->first <= stream->last))
        report(verifier, MR_FINDING_FAIL, "files.order", NULL,
               "%.400s holds changes %llu to %llu, but %llu was delivered before", entry->name,
               (unsigned long long)entry->first, (unsigned long long)entry->last,
               (unsigned long long)stream->last);
    stream->seen = true;
    stream->last = entry->last;
}

static void forget_order(struct verifier *verifier)
{
    size_t at = 0;
    struct stream *stream;

    while ((stream = mr_map_next(&verifier->streams, &at, NULL, NULL)) != NULL)
        stream->seen = false;
}

static void check_chain(struct verifier *verifier, const struct mr_file_commit *commit)
{
    if (commit->n != verifier->next)
        report(verifier, MR_FINDING_FAIL, "files.chain_broken", NULL,
               "commit %llu stands where commit %llu should", (unsigned long long)commit->n,
               (unsigned long long)verifier->next);
    else if (verifier->previous[0] && strcmp(verifier->previous, commit->previous) != 0)
        report(verifier, MR_FINDING_FAIL, "files.chain_broken", NULL,
               "commit %llu does not follow the commit before it: one of them was changed",
               (unsigned long long)commit->n);
    if (commit->set) {
        report(verifier, MR_FINDING_WARN, "files.position_set", NULL,
               "commit %llu set the position by hand: changes may repeat or be left out there",
               (unsigned long long)commit->n);
        forget_order(verifier);
    }
}

static int check_commit(struct verifier *verifier, struct mr_slice bytes, struct mr_err *err)
{
    struct mr_file_commit commit;
    char name[32];
    int rc = 0;

    mr_file_commit_name(verifier->next, name);
    if (mr_file_commit_parse(bytes, name, &commit, err) < 0) {
        report(verifier, MR_FINDING_FAIL, "files.chain_broken", "restore it from a backup", "%s",
               err->text);
        verifier->previous[0] = 0;
        verifier->next++;
        return 0;
    }
    check_chain(verifier, &commit);
    for (size_t i = 0; i < commit.entry_count && rc == 0; i++) {
        const struct mr_file_entry *entry = &commit.entries[i];
        if (mr_map_put(&verifier->names, mr_slice_str(entry->name), verifier))
            report(verifier, MR_FINDING_FAIL, "files.order", NULL, "%.400s is named by two commits",
                   entry->name);
        check_order(verifier, entry);
        rc = check_file(verifier, &commit, entry, err);
        verifier->files++;
    }
    memcpy(verifier->previous, commit.hash, sizeof(commit.hash));
    verifier->next++;
    verifier->commits++;
    mr_file_commit_done(&commit);
    return rc;
}

/* A line of an archive. A commit file of the same number is left from a crash, if it is the same. */
static int check_archived(void *state, struct mr_slice bytes, struct mr_err *err)
{
    struct verifier *verifier = state;
    struct mr_buf text;
    char name[32];

    if (is_loose(verifier, verifier->next)) {
        mr_buf_init(&text, MR_FILE_COMMIT_MAX);
        mr_file_commit_name(verifier->next, name);
        if (mr_file_read(verifier->at.meta, name, &text, err) == 0 &&
            !mr_slice_equal(mr_buf_slice(&text), bytes))
            report(
                verifier, MR_FINDING_WARN, "files.stray_commit", "it counts for nothing: remove it",
                "%s is not the commit of that number: an instance that was fenced left it", name);
        mr_buf_done(&text);
    }
    return check_commit(verifier, bytes, err);
}

static int check_loose(struct verifier *verifier, struct mr_err *err)
{
    struct mr_buf text;
    char name[32];
    int rc;

    mr_buf_init(&text, MR_FILE_COMMIT_MAX);
    mr_file_commit_name(verifier->next, name);
    rc = mr_file_read(verifier->at.meta, name, &text, err);
    if (rc == MR_AGAIN) /* archived since it was listed */
        rc = mr_file_archive_read(verifier->at.meta, verifier->next, check_archived, verifier, err);
    else if (rc == 0)
        rc = check_commit(verifier, mr_buf_slice(&text), err);
    mr_buf_done(&text);
    return rc;
}

/* The next commit that exists at or after the missing one. */
static void report_hole(struct verifier *verifier)
{
    uint64_t found = verifier->highest + 1;
    uint64_t block = verifier->next;

    for (size_t i = 0; i < verifier->loose_count; i++)
        if (verifier->loose[i] >= verifier->next && verifier->loose[i] < found)
            found = verifier->loose[i];
    block += MR_FILE_ARCHIVE_COMMITS - 1 - (block - 1) % MR_FILE_ARCHIVE_COMMITS + 1;
    for (; block < found; block += MR_FILE_ARCHIVE_COMMITS)
        if (mr_file_archive_covers(verifier->at.meta, block))
            found = block;
    report(verifier, MR_FINDING_FAIL, "files.chain_broken", "restore them from a backup",
           "commits %llu to %llu are missing", (unsigned long long)verifier->next,
           (unsigned long long)found - 1);
    verifier->next = found;
    verifier->previous[0] = 0;
}

static int check_commits(struct verifier *verifier, struct mr_err *err)
{
    int rc = 0;

    verifier->next = 1;
    memset(verifier->previous, '0', sizeof(verifier->previous) - 1);
    while (verifier->next <= verifier->highest && rc == 0) {
        rc = MR_AGAIN;
        if ((verifier->next - 1) % MR_FILE_ARCHIVE_COMMITS == 0)
            rc = mr_file_archive_read(verifier->at.meta, verifier->next, check_archived, verifier,
                                      err);
        if (rc == MR_AGAIN && is_loose(verifier, verifier->next))
            rc = check_loose(verifier, err);
        if (rc == MR_AGAIN) {
            report_hole(verifier);
            rc = 0;
        }
        if (rc == MR_GAP) {
            report(verifier, MR_FINDING_FAIL, "files.chain_broken", "restore it from a backup",
                   "%s", err->text);
            verifier->previous[0] = 0;
            verifier->next =
                (verifier->next - 1) / MR_FILE_ARCHIVE_COMMITS * MR_FILE_ARCHIVE_COMMITS +
                MR_FILE_ARCHIVE_COMMITS + 1;
            rc = 0;
        }
    }
    return rc;
}

static void list_tree(struct verifier *verifier, int fd, struct mr_buf *path, unsigned depth);

static void list_item(struct verifier *verifier, DIR *directory, const char *name,
                      struct mr_buf *path, unsigned depth)
{
    size_t size = path->size;
    struct stat info;

    if (fstatat(dirfd(directory), name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (size > 0)
        mr_buf_add_char(path, '/');
    mr_buf_add_str(path, name);
    if (S_ISDIR(info.st_mode) && depth < DEPTH_MAX)
        list_tree(verifier,
                  openat(dirfd(directory), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW),
                  path, depth + 1);
    else
        (void)mr_map_put(&verifier->found, mr_buf_slice(path), verifier);
    path->size = size;
}

static void list_tree(struct verifier *verifier, int fd, struct mr_buf *path, unsigned depth)
{
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *item;

    if (!directory) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((item = readdir(directory)) != NULL) {
        bool dots = strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0;
        if (!dots && (depth > 0 || strcmp(item->d_name, MR_FILE_META) != 0))
            list_item(verifier, directory, item->d_name, path, depth);
    }
    closedir(directory);
}

/* The tree was listed before the commits, so a live pipeline's newest files are not mistaken for strangers. */
static void check_tree(struct verifier *verifier)
{
    struct mr_slice name;
    size_t at = 0;

    while (mr_map_next(&verifier->found, &at, &name, NULL) != NULL)
        if (!mr_map_get(&verifier->names, name))
            report(verifier, MR_FINDING_FAIL, "files.unnamed",
                   "move it away, if it is not millrace's", "%.*s is named by no commit",
                   MR_SLICE_ARG(name));
}

static void conclude(struct verifier *verifier)
{
    report(verifier, verifier->problems ? MR_FINDING_WARN : MR_FINDING_PASS,
           verifier->problems ? "files.problems" : "files.verified", NULL,
           "%llu commits, %llu files, %llu records, %llu bytes: %s",
           (unsigned long long)verifier->commits, (unsigned long long)verifier->files,
           (unsigned long long)verifier->records, (unsigned long long)verifier->bytes,
           verifier->problems ? "not what was delivered"
                              : "complete, in order, each once, unchanged");
}

static void verifier_done(struct verifier *verifier)
{
    size_t at = 0;
    struct stream *stream;

    while ((stream = mr_map_next(&verifier->streams, &at, NULL, NULL)) != NULL)
        free(stream);
    mr_map_done(&verifier->streams);
    mr_map_done(&verifier->names);
    mr_map_done(&verifier->found);
    free(verifier->loose);
    mr_file_publisher_close(&verifier->at);
}

int mr_file_verify(const char *directory, const struct mr_findings *findings, struct mr_err *err)
{
    struct verifier verifier = {.findings = findings,
                                .at = {.directory = -1, .meta = -1, .tmp = -1}};
    struct mr_buf path;
    int rc;

    mr_map_init(&verifier.found);
    mr_map_init(&verifier.names);
    mr_map_init(&verifier.streams);
    mr_buf_init(&path, 1 << 16);
    rc = mr_file_publisher_open(&verifier.at, directory, false, err);
    if (rc == MR_AGAIN)
        rc = mr_err_set(
            err, MR_CONFIG, "files.no_commits",
            "%.300s is no directory that millrace delivered files to: it has no " MR_FILE_META,
            directory);
    if (rc == 0) {
        list_tree(&verifier, openat(verifier.at.directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                  &path, 0);
        rc = list_commits(&verifier, err);
    }
    if (rc == 0)
        rc = check_commits(&verifier, err);
    if (rc == 0) {
        check_tree(&verifier);
        conclude(&verifier);
    }
    mr_buf_done(&path);
    verifier_done(&verifier);
    return rc;
}

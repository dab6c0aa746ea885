/* Writing and reading commit files side by side, and moving their files into place.
 *
 * A commit file is complete and durable before it gets its name (publish.c), so one that does not parse was
 * damaged afterwards, and nothing is guessed from it: class MR_GAP. Paths in it are checked before they are used,
 * as anything that is read. */
#include "connectors/sink_file/store/commit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"

void mr_file_commit_name(uint64_t n, char *ret_name)
{
    snprintf(ret_name, 32, "%020" PRIu64 ".json", n);
}

uint64_t mr_file_commit_number(const char *name)
{
    uint64_t n = 0;

    if (strspn(name, "0123456789") != 20 || strcmp(name + 20, ".json") != 0)
        return 0;
    for (size_t i = 0; i < 20; i++) {
        unsigned digit = (unsigned)(name[i] - '0');
        if (n > (UINT64_MAX - digit) / 10)
            return 0;
        n = n * 10 + digit;
    }
    return n;
}

static void add_text(struct mr_buf *ret_text, const char *key, const char *value)
{
    mr_json_add_key(ret_text, key);
    mr_json_add_str(ret_text, mr_slice_str(value ? value : ""));
}

static void add_number(struct mr_buf *ret_text, const char *key, uint64_t value)
{
    mr_json_add_key(ret_text, key);
    mr_json_add_u64(ret_text, value);
}

void mr_file_commit_begin(const struct mr_file_commit *commit, struct mr_buf *ret_text)
{
    char time[40];

    mr_clock_format(commit->time_us, time);
    mr_buf_add_str(ret_text, "{\"format\":1");
    add_number(ret_text, "n", commit->n);
    add_text(ret_text, "time", time);
    add_text(ret_text, "pipeline", commit->pipeline);
    add_text(ret_text, "owner", commit->owner);
    mr_buf_printf(ret_text, ",\"claim\":%s,\"set\":%s", commit->claim ? "true" : "false",
                  commit->set ? "true" : "false");
    add_text(ret_text, "content", commit->content);
    add_text(ret_text, "previous", commit->previous);
    mr_buf_add_str(ret_text, ",\"files\":[");
}

void mr_file_commit_entry(const struct mr_file_entry *entry, struct mr_buf *ret_text)
{
    if (ret_text->size > 0 && ret_text->data[ret_text->size - 1] == '}')
        mr_buf_add_char(ret_text, ',');
    mr_buf_add_char(ret_text, '{');
    add_text(ret_text, "name", entry->name);
    add_text(ret_text, "temporary", entry->temporary);
    add_text(ret_text, "stream", entry->stream);
    add_number(ret_text, "bytes", entry->bytes);
    add_number(ret_text, "records", entry->records);
    add_number(ret_text, "first", entry->first);
    add_number(ret_text, "last", entry->last);
    add_text(ret_text, "sha256", entry->sha256);
    if (entry->about && entry->about[0]) {
        mr_buf_add_char(ret_text, ',');
        mr_buf_add_str(ret_text, entry->about);
    }
    mr_buf_add_char(ret_text, '}');
}

void mr_file_commit_end(struct mr_slice checkpoint, struct mr_buf *ret_text)
{
    mr_buf_add_str(ret_text, "],\"checkpoint\":");
    if (checkpoint.size)
        mr_buf_add_slice(ret_text, checkpoint);
    else
        mr_buf_add_str(ret_text, "null");
    mr_buf_add_str(ret_text, "}\n");
}

/* A path that stays below the directory it is used in. */
static bool is_inside(const char *path)
{
    if (!path || path[0] == '/' || path[0] == 0)
        return false;
    for (const char *at = path; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == 0))
            return false;
    return true;
}

static bool parse_entry(json_t *json, struct mr_file_entry *entry)
{
    const char *sha256;
    json_int_t bytes, records, first, last;

    if (json_unpack(json, "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s?s}", "name", &entry->name,
                    "temporary", &entry->temporary, "stream", &entry->stream, "bytes", &bytes,
                    "records", &records, "first", &first, "last", &last, "sha256", &sha256, "table",
                    &entry->table) < 0)
        return false;
    if (!is_inside(entry->name) || !is_inside(entry->temporary) || strchr(entry->temporary, '/') ||
        strlen(sha256) != MR_FILE_HASH_SIZE - 1)
        return false;
    entry->bytes = (uint64_t)bytes;
    entry->records = (uint64_t)records;
    entry->first = (uint64_t)first;
    entry->last = (uint64_t)last;
    memcpy(entry->sha256, sha256, MR_FILE_HASH_SIZE);
    return true;
}

static bool parse_fields(json_t *json, struct mr_file_commit *commit)
{
    json_t *files;
    const char *previous;
    json_int_t n;
    int claim, set, format;

    if (json_unpack(json, "{s:i, s:I, s:s, s:s, s:b, s:b, s:s, s:s, s:o}", "format", &format, "n",
                    &n, "pipeline", &commit->pipeline, "owner", &commit->owner, "claim", &claim,
                    "set", &set, "content", &commit->content, "previous", &previous, "files",
                    &files) < 0)
        return false;
    if (format != 1 || n < 1 || !json_is_array(files) || strlen(previous) != MR_FILE_HASH_SIZE - 1)
        return false;
    commit->n = (uint64_t)n;
    commit->claim = claim;
    commit->set = set;
    memcpy(commit->previous, previous, MR_FILE_HASH_SIZE);
    commit->entry_count = json_array_size(files);
    commit->entries = mr_alloc_zero(commit->entry_count * sizeof(*commit->entries) + 1);
    for (size_t i = 0; i < commit->entry_count; i++)
        if (!parse_entry(json_array_get(files, i), &commit->entries[i]))
            return false;
    return true;
}

/* Parts the line before `,"checkpoint":`. The checkpoint is the engine's text: it is not parsed here, because
 * numbers above 2^63, which it may hold, are not for jansson. */
static bool cut(struct mr_slice bytes, struct mr_slice *ret_fields, struct mr_slice *ret_checkpoint)
{
    static const char key[] = ",\"checkpoint\":";
    const char *at = memmem(bytes.data, bytes.size, key, sizeof(key) - 1);
    struct mr_slice rest;

    if (!at)
        return false;
    *ret_fields = mr_slice(bytes.data, (size_t)(at - bytes.data));
    at += sizeof(key) - 1;
    rest = mr_slice(at, (size_t)(bytes.data + bytes.size - at));
    if (rest.size < 4 || memcmp(rest.data + rest.size - 2, "}\n", 2) != 0)
        return false;
    rest.size -= 2;
    if (mr_slice_is(rest, "null"))
        rest = (struct mr_slice){NULL, 0};
    else if (rest.data[0] != '{' || rest.data[rest.size - 1] != '}')
        return false;
    *ret_checkpoint = rest;
    return true;
}

int mr_file_commit_parse(struct mr_slice bytes, const char *name, struct mr_file_commit *ret_commit,
                         struct mr_err *err)
{
    struct mr_file_commit commit = {0};
    struct mr_slice fields;
    json_error_t where = {0};

    if (cut(bytes, &fields, &commit.checkpoint)) {
        char *text = mr_alloc(fields.size + 1);
        memcpy(text, fields.data, fields.size);
        text[fields.size] = '}';
        commit.json = json_loadb(text, fields.size + 1, JSON_REJECT_DUPLICATES, &where);
        free(text);
    }
    if (!commit.json || !parse_fields(commit.json, &commit)) {
        mr_file_commit_done(&commit);
        mr_err_set(err, MR_GAP, "sink.file.commit_damaged", "commit file %s is damaged: %s", name,
                   where.text[0] ? where.text : "a field is missing or wrong");
        mr_err_hint(
            err, "run: millrace files verify DIRECTORY; restore the file from a backup, or go on "
                 "at a position you know with: millrace checkpoint set");
        return MR_GAP;
    }
    mr_file_hash(bytes.data, bytes.size, commit.hash);
    *ret_commit = commit;
    return 0;
}

void mr_file_commit_done(struct mr_file_commit *commit)
{
    json_decref(commit->json);
    free(commit->entries);
    commit->json = NULL;
    commit->entries = NULL;
    commit->entry_count = 0;
}

int mr_file_commit_highest(int meta, uint64_t *ret_n, struct mr_err *err)
{
    int fd = openat(meta, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    uint64_t highest = 0;
    struct dirent *item;

    if (!directory) {
        int saved_errno = errno;
        if (fd >= 0)
            close(fd);
        return mr_err_errno(err, MR_RETRY, "sink.file.read", saved_errno,
                            "cannot list " MR_FILE_META);
    }
    while ((item = readdir(directory)) != NULL) {
        uint64_t n = mr_file_commit_number(item->d_name);
        if (n > highest)
            highest = n;
    }
    closedir(directory);
    *ret_n = highest;
    return 0;
}

static bool is_same_file(int a, const char *name_a, int b, const char *name_b)
{
    struct stat info_a, info_b;

    return fstatat(a, name_a, &info_a, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstatat(b, name_b, &info_b, AT_SYMLINK_NOFOLLOW) == 0 &&
           info_a.st_dev == info_b.st_dev && info_a.st_ino == info_b.st_ino;
}

static bool stands(int directory, const char *name)
{
    return faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* 0, or the errno. Folders that are gone are made again. */
static int move(int directory, int tmp, const struct mr_file_entry *entry, bool folders,
                const struct mr_file_patience *patience)
{
    int why = folders ? mr_file_make_parents(directory, entry->name, patience) : 0;

    if (why)
        return why;
    do {
        why = mr_file_move(tmp, entry->temporary, directory, entry->name);
    } while (why && mr_file_wait(patience, why));
    if (why == ENOENT && !folders && stands(tmp, entry->temporary))
        return move(directory, tmp, entry, true, patience);
    return why;
}

/* The commit is published: its file must get its name, or be taken away by hand. */
static int cannot_place(const struct mr_file_entry *entry, int why, struct mr_err *err)
{
    if (why == EEXIST) {
        mr_err_set(err, MR_CONFIG, "sink.file.name_taken",
                   "%.300s is published, but another file has its name", entry->name);
        mr_err_hint(err, "move the other file away; nothing is lost, millrace goes on from there");
        return MR_CONFIG;
    }
    if (!mr_file_needs_human(why))
        return mr_err_errno(err, MR_RETRY, "sink.file.write", why,
                            "cannot move a segment to %.300s", entry->name);
    mr_err_errno(err, MR_CONFIG, "sink.file.cannot_place", why,
                 "%.300s is published, but its file cannot get that name", entry->name);
    mr_err_hint(err,
                "It stands, complete, as " MR_FILE_META "/tmp/%.200s. Take away what is in the way "
                "and start again; or, where no file can have such a name, move it to a place of "
                "your own and start again: it is told as missing, and nothing else changes.",
                entry->temporary);
    if (why == EACCES || why == EPERM)
        err->exit_code = 77;
    return MR_CONFIG;
}

int mr_file_commit_place(int directory, int tmp, const struct mr_file_entry *entry, bool redo,
                         const struct mr_file_patience *patience, bool *ret_missing,
                         struct mr_err *err)
{
    int why;

    *ret_missing = false;
    if (faccessat(tmp, entry->temporary, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
        *ret_missing = !stands(directory, entry->name);
        return *ret_missing ? 0 : mr_file_sync_parent(directory, entry->name, err);
    }
    why = move(directory, tmp, entry, redo, patience);
    if (why == EEXIST && is_same_file(tmp, entry->temporary, directory, entry->name))
        why = unlinkat(tmp, entry->temporary, 0) < 0 ? errno : 0;
    if (why && why != ENOENT)
        return cannot_place(entry, why, err);
    return mr_file_sync_parent(directory, entry->name, err);
}

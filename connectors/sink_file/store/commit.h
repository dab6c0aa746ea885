/* One commit file: the atomic act, the checkpoint and the fence in one.
 *
 * `_millrace/<n>.json`, n with 20 digits, one line of JSON, written once, never changed:
 *
 *     {"format":1,"n":42,"time":"2026-11-21T09:05:01.123456Z","pipeline":"shop","owner":"...","claim":false,
 *      "set":false,"content":"value","previous":"<sha256 of the bytes of n-1, 64 zeros for n = 1>",
 *      "files":[{"name":"t/2026-11-21/t+...42.jsonl","temporary":"...","stream":"t","bytes":1,"records":1,
 *                "first":42,"last":42,"sha256":"..."}],
 *      "checkpoint":{...}}
 *
 * What a file's content says of itself stands at the end of its entry: `"table":"public.t","columns":[...]`.
 *
 * The checkpoint is the engine's text, byte for byte, and stands last: `,"checkpoint":` cannot occur before it,
 * because inside a JSON string every quote is escaped. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "connectors/sink_file/store/io.h"

#define MR_FILE_HASH_SIZE  65
#define MR_FILE_META       "_millrace"
#define MR_FILE_COMMIT_MAX ((size_t)64 << 20)

/* One published file. */
struct mr_file_entry {
    char *name;      /* final, relative to the directory */
    char *temporary; /* in _millrace/tmp, until it is moved */
    char *stream;    /* what shares a sequence: the topic, or "" when the path has no {topic} */
    /* As `about` says, and then only files of this table share the sequence; NULL: no word. Read back only. */
    char *table;
    uint64_t bytes, records;
    uint64_t first, last;           /* change numbers; first <= last */
    char sha256[MR_FILE_HASH_SIZE]; /* of the bytes as they stand on disk */
    /* What the content says of the file: members of a JSON object; NULL: nothing. Not read back. */
    char *about;
};

struct mr_file_commit {
    uint64_t n;
    int64_t time_us; /* when written; not read back */
    const char *pipeline, *owner, *content;
    bool claim;
    /* by `checkpoint set`: what follows may repeat or leave out changes, by a human's will */
    bool set;
    char previous[MR_FILE_HASH_SIZE];
    char hash[MR_FILE_HASH_SIZE]; /* of its own bytes; not in the file */
    struct mr_file_entry *entries;
    size_t entry_count;
    struct mr_slice checkpoint; /* {NULL, 0}: none */
    void *json;                 /* owns the strings after a parse */
};

/* "00000000000000000042.json" into 32 bytes. */
void mr_file_commit_name(uint64_t n, char *ret_name);
/* n of such a name; 0 when it is none. */
uint64_t mr_file_commit_number(const char *name);
/* Appends everything of the file up to the entries; then each entry; then the end. */
void mr_file_commit_begin(const struct mr_file_commit *commit, struct mr_buf *ret_text);
void mr_file_commit_entry(const struct mr_file_entry *entry, struct mr_buf *ret_text);
void mr_file_commit_end(struct mr_slice checkpoint, struct mr_buf *ret_text);
/* Reads the bytes of a commit file, which must outlive *ret_commit, and fills in its hash. `name` is for the
 * error: MR_GAP, sink.file.commit_damaged. */
int mr_file_commit_parse(struct mr_slice bytes, const char *name, struct mr_file_commit *ret_commit,
                         struct mr_err *err) MR_MUST_CHECK;
void mr_file_commit_done(struct mr_file_commit *commit);

/* The highest n among the commit files in `meta`; 0: none. */
int mr_file_commit_highest(int meta, uint64_t *ret_n, struct mr_err *err) MR_MUST_CHECK;
/* Moves one file of a published commit from tmp to its place, whose folders are there, and makes it durable; was it
 * moved before, fine. *ret_missing: it is in neither place. `redo`: who published it may have made no folders.
 * MR_CONFIG: something is in the way that only a human can take away; err says what, and how to go on. */
int mr_file_commit_place(int directory, int tmp, const struct mr_file_entry *entry, bool redo,
                         const struct mr_file_patience *patience, bool *ret_missing,
                         struct mr_err *err) MR_MUST_CHECK;

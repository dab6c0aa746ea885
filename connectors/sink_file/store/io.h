/* Bytes and directories on disk, with the patience that a full disk asks for.
 *
 * A full disk or quota is no failure of the pipeline: whoever writes asks `patience` and tries again, for as
 * long as the sink is not being closed. Everything else (EIO, EROFS, a directory that was removed) is an error
 * of class MR_RETRY: what was written since the last commit is thrown away and comes again from the source. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct mr_file_patience {
    /* The disk is full: tell and wait about a second. False: give up, the sink is being closed or aborted. Any
     * of the sink's threads. NULL: never wait. */
    bool (*full)(void *state, int saved_errno);
    void *state;
};

/* True when it was a full disk or quota and waiting was worth it: try again. */
bool mr_file_wait(const struct mr_file_patience *patience, int saved_errno);
/* Writes all of it, waiting for room. */
int mr_file_write(int fd, const char *data, size_t size, const struct mr_file_patience *patience,
                  struct mr_err *err) MR_MUST_CHECK;
int mr_file_sync(int fd, const char *what, struct mr_err *err) MR_MUST_CHECK;
/* Appends the file's content; a file larger than the buffer's limit is an error of class MR_GAP. MR_AGAIN: there
 * is no such file (err is not written). */
int mr_file_read(int directory, const char *name, struct mr_buf *ret_content,
                 struct mr_err *err) MR_MUST_CHECK;
/* Makes all directories above `path` (relative to `directory`) and makes their entries durable. 0, or the errno. */
int mr_file_make_parents(int directory, const char *path, const struct mr_file_patience *patience);
/* Makes the entry of `path` in its directory durable. */
int mr_file_sync_parent(int directory, const char *path, struct mr_err *err) MR_MUST_CHECK;
/* The same of a folder that is there, whoever made it, and perhaps not given to us to read. */
int mr_file_sync_given(int directory, const char *path, struct mr_err *err) MR_MUST_CHECK;
/* Only a human can do something about it: a name too long, something in the way, no right. Neither a disk that is full
 * nor one that fails. */
bool mr_file_needs_human(int saved_errno);
/* A file cannot have this name, and nothing was published: MR_CONFIG where it needs a human, else MR_RETRY. */
int mr_file_name_refused(const char *name, int saved_errno, struct mr_err *err);
/* Moves a file without ever replacing one. 0, or the errno (EEXIST, ENOENT, ...). */
int mr_file_move(int from, const char *old, int to, const char *new);
/* The SHA-256 of bytes as 64 hex digits and a NUL. */
void mr_file_hash(const void *data, size_t size, char *ret_hex);

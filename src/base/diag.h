/* Findings in a text a user wrote, shown with file, line, column and a caret.
 *
 *     shop.yaml:14:11 pipelines.shop.source.port: expected an integer, got "abc"
 *       14 |     port: abc
 *          |           ^
 *       did you mean ...
 *
 * Up to MR_DIAG_MOST findings are kept, further ones are counted. What is marked secret, or looks like a
 * password inside a connection string, is shown as ***: also in the source line of a finding about something
 * else. Single threaded; all memory is the arena's given to mr_diag_init. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum { MR_DIAG_MOST = 50 };

/* Lines and columns count from 1; columns count characters, not bytes. An end is exclusive. */
struct mr_diag_span {
    uint32_t line, column, end_line, end_column;
    struct mr_diag_span *next;
};

struct mr_diag_file {
    const char *path; /* as shown */
    struct mr_slice text;
    uint32_t order; /* findings are sorted by it */
    bool unparsed;  /* its structure is unknown: secrets are guessed from the words of a line */
    struct mr_diag_span *secrets; /* never shown */
};

struct mr_diag_item {
    const char *code, *path, *text, *hint; /* path "" and hint "" = none */
    const struct mr_diag_file *file;       /* NULL: no place */
    uint32_t line, column;
};

struct mr_diag {
    struct mr_arena *arena;
    struct mr_diag_item items[MR_DIAG_MOST];
    size_t count, dropped;
};

void mr_diag_init(struct mr_diag *diag, struct mr_arena *arena);
/* path may be NULL; code and text are copied. The returned item is never NULL; its hint may be set later. */
struct mr_diag_item *mr_diag_add(struct mr_diag *diag, const char *code,
                                 const struct mr_diag_file *file, uint32_t line, uint32_t column,
                                 const char *path, const char *format, ...) MR_PRINTF(7, 8);
void mr_diag_hint(struct mr_diag *diag, struct mr_diag_item *item, const char *format, ...)
    MR_PRINTF(3, 4);
/* Marks a stretch of the file as never to be shown. */
void mr_diag_secret(struct mr_arena *arena, struct mr_diag_file *file, uint32_t line,
                    uint32_t column, uint32_t end_line, uint32_t end_column);
/* By file, line, column; findings without a place first. */
void mr_diag_sort(struct mr_diag *diag);
/* "file:line:column path: text" of one finding. */
void mr_diag_headline(const struct mr_diag_item *item, struct mr_buf *ret_text);
/* All of them, rendered as above, a blank line between two. */
void mr_diag_render(const struct mr_diag *diag, struct mr_buf *ret_text);

/* The next stretch of `text` at or after `from` that looks like a password inside a connection string
 * ("password=x", "//user:x@host"): false when there is none. */
bool mr_diag_password(struct mr_slice text, size_t from, size_t *ret_start, size_t *ret_end);
/* Appends text with such stretches as ***, and control characters as \xNN. */
void mr_diag_add_masked(struct mr_buf *buf, struct mr_slice text);

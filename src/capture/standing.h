/* Where a source stands, as far as it is the same for every log: numbers, the transaction in progress, and how far the
 * tables are read.
 *
 * A position is one JSON object. Its members are those below, and the source's own beside them: who the server is, and
 * where its log is resumed.
 *
 *     {"version":1, ..the source's own.., "base":1732180000000000,"count":42,
 *      "n":0,"hash":"0000000000000000","commit_us":1732180001000000,
 *      "snapshot":{"active":true,"point":"0/1A2B3C8","done":{"public.a":"0/1A2B3C8"},"only":["public.b"],
 *                  "again":true,"table":"public.b","rows":17}}
 *
 * base + count is the next change's number. n > 0: inside a transaction, whose first n changes, with the running hash
 * `hash`, are out already; which transaction that is, the source says. A claim (nothing was begun yet) has no n.
 * Places in the log are texts in the source's own notation. Reader thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "model/position.h"

/* A table that was read to its end, as long as the stream is not past its view. */
struct mr_snapshot_table {
    char *name; /* "schema.table": both parts as they are, joined by a dot */
    /* The view it was read in holds every transaction up to lo and none above hi. hi NULL: as lo, the view is exact.
     * Written as "lo", or as ["lo","hi"]. */
    char *lo, *hi;
    uint64_t key; /* the source's own, not written: lo in a form that is fast to compare */
};

struct mr_snapshot_progress {
    bool active;                    /* tables remain to be read */
    char *point;                    /* where the view being read stands; NULL: not told */
    struct mr_snapshot_table *done; /* read to the end */
    size_t done_count, done_capacity;
    char **only; /* asked for by name (resnapshot); count 0: every table that is not in done */
    size_t only_count;
    bool again;    /* resnapshot: they were read before, and the stream stands behind their view */
    char *current; /* being read; NULL: none */
    uint64_t rows; /* of `current`, that are out, those of earlier views included */
};

struct mr_standing {
    bool started; /* there is a place to resume at; false: a claim */
    uint64_t base, count;
    uint64_t n, hash;
    int64_t commit_us; /* of the last finished transaction; 0 unknown */
    struct mr_snapshot_progress snapshot;
};

/* Frees and zeroes. */
void mr_standing_done(struct mr_standing *standing);

/* Reads a position. `database` completes "is not a ... position"; `own` takes the source's members, and whatever it
 * needs of `standing`, which is filled before; false: they are not such. MR_GAP source.position: the text is no such
 * position, or of a format that is newer than this program; *ret_standing is untouched then. */
int mr_standing_parse(struct mr_slice text, const char *database,
                      bool (*own)(void *state, const json_t *object, struct mr_standing *standing),
                      void *state, struct mr_standing *ret_standing,
                      struct mr_err *err) MR_MUST_CHECK;
/* Members of a JSON object that is being written: the first, and the rest at its end. */
void mr_standing_write_version(struct mr_buf *buf);
void mr_standing_write(const struct mr_standing *standing, struct mr_buf *buf);

/* Number of the last change at or below it; 0 none. */
uint64_t mr_standing_number(const struct mr_standing *standing);
/* A new history begins: numbers go on above `last`, and above every clock there was. */
void mr_standing_rebase(struct mr_standing *standing, uint64_t last);
/* (claim) < (tables being read: by tables finished, then rows) < (the stream). MR_SAME for two in the stream, which
 * the source compares by its log, and then by n. */
enum mr_order mr_standing_order(const struct mr_standing *a, const struct mr_standing *b);
enum mr_order mr_order_of(uint64_t a, uint64_t b);

/* A table was read to its end. hi NULL: the view is exact. */
void mr_snapshot_add_done(struct mr_snapshot_progress *progress, const char *name, const char *lo,
                          const char *hi, uint64_t key);
/* NULL: not (yet) read to the end. */
const struct mr_snapshot_table *mr_snapshot_find_done(const struct mr_snapshot_progress *progress,
                                                      const char *name);
/* Forgets the tables of which `passed` says that the stream is past their view. */
void mr_snapshot_prune(struct mr_snapshot_progress *progress,
                       bool (*passed)(const void *state, const struct mr_snapshot_table *table),
                       const void *state);
/* `resnapshot`: these tables are to be read again; count 0: all. While all tables are being read, it is enough that
 * these no longer count as done. */
void mr_snapshot_ask_again(struct mr_snapshot_progress *progress, const char *const *tables,
                           size_t count);
/* The table being read: NULL for none. Its rows begin at 0 when it is another one. */
void mr_snapshot_set_current(struct mr_snapshot_progress *progress, const char *name);
/* All tables are read. */
void mr_snapshot_finish(struct mr_snapshot_progress *progress);

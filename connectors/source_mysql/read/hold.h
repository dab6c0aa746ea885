/* Transactions whose fate is not known yet: XA transactions that are prepared, by their xid.
 *
 *     XA_PREPARE of x   rows are kept        XA COMMIT x   they come out, as changes of that commit
 *                                            XA ROLLBACK x they are forgotten
 *
 * What is kept are events as they came. It stands in memory up to a limit, then in a file without a name: nothing of
 * it must outlive the process, for the position resumes before the oldest of them. Single threaded. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "connectors/source_mysql/place/position.h"
#include "connectors/source_mysql/wire/event.h"

struct mr_my_held {
    struct mr_my_held *next; /* in the order of the log */
    char *xid;               /* gtrid, bqual and format as one string of bytes */
    size_t xid_size;
    bool prepared;              /* it came to its end */
    struct mr_my_format format; /* that its events are in */
    struct mr_my_gtid gtid;     /* of the group that holds it */
    struct mr_my_place before;  /* where to resume to see it again */
    struct mr_buf events;       /* u32 size, event; what is not in the file yet */
    uint64_t spilled;           /* bytes in the file, in front of those */
    int file;                   /* -1: none */
    /* Reading. */
    struct mr_buf window;
    uint64_t read; /* bytes taken out */
};

struct mr_my_holds {
    struct mr_my_held *first;
    size_t limit;          /* bytes in memory, of each */
    const char *directory; /* for files; NULL: the system's */
};

void mr_my_holds_init(struct mr_my_holds *holds, size_t limit, const char *directory);
void mr_my_holds_done(struct mr_my_holds *holds);

/* A new one behind the others; an older one of the same xid is forgotten. */
struct mr_my_held *mr_my_hold_new(struct mr_my_holds *holds, const struct mr_my_xid *xid,
                                  const struct mr_my_format *format);
/* NULL: no such transaction is prepared. */
struct mr_my_held *mr_my_hold_find(const struct mr_my_holds *holds, const struct mr_my_xid *xid);
void mr_my_hold_drop(struct mr_my_holds *holds, struct mr_my_held *held);

/* Keeps an event. MR_RETRY source.hold: the disk refuses it. */
int mr_my_hold_add(struct mr_my_holds *holds, struct mr_my_held *held,
                   const struct mr_my_event *event, struct mr_err *err) MR_MUST_CHECK;
/* The next event kept: 1, valid until the next call; 0 at the end. */
int mr_my_hold_next(struct mr_my_held *held, struct mr_my_event *ret_event,
                    struct mr_err *err) MR_MUST_CHECK;
/* Begins again at its first event. */
void mr_my_hold_rewind(struct mr_my_held *held);

/* Prepared XA transactions.
 *
 *     memory  [u32 size | header, body] [u32 size | header, body] ...     at most `limit`, then all of it goes to
 *     file    the same, in front of what is in memory                      the file's end, and memory is empty again
 *
 * An event is kept without its checksum, with its header's size made right, so that it reads as one that stood in a
 * PAYLOAD. An event at a time is read back. */
#include "connectors/source_mysql/read/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "connectors/source_mysql/wire/parse.h"

#define MOST ((size_t)1 << 31)

void mr_my_holds_init(struct mr_my_holds *holds, size_t limit, const char *directory)
{
    *holds = (struct mr_my_holds){.limit = limit, .directory = directory};
}

void mr_my_holds_done(struct mr_my_holds *holds)
{
    while (holds->first)
        mr_my_hold_drop(holds, holds->first);
}

static size_t xid_bytes(const struct mr_my_xid *xid, char *ret_bytes)
{
    size_t gtrid = xid->gtrid.size > 64 ? 64 : xid->gtrid.size;
    size_t bqual = xid->bqual.size > 64 ? 64 : xid->bqual.size;

    memcpy(ret_bytes, &xid->format, 4);
    ret_bytes[4] = (char)gtrid;
    if (gtrid > 0)
        memcpy(ret_bytes + 5, xid->gtrid.data, gtrid);
    if (bqual > 0)
        memcpy(ret_bytes + 5 + gtrid, xid->bqual.data, bqual);
    return 5 + gtrid + bqual;
}

struct mr_my_held *mr_my_hold_find(const struct mr_my_holds *holds, const struct mr_my_xid *xid)
{
    char bytes[5 + 128];
    size_t size = xid_bytes(xid, bytes);

    for (struct mr_my_held *held = holds->first; held; held = held->next) {
        if (held->xid_size == size && memcmp(held->xid, bytes, size) == 0)
            return held;
    }
    return NULL;
}

struct mr_my_held *mr_my_hold_new(struct mr_my_holds *holds, const struct mr_my_xid *xid,
                                  const struct mr_my_format *format)
{
    struct mr_my_held *held = mr_my_hold_find(holds, xid), **end = &holds->first;
    char bytes[5 + 128];
    size_t size = xid_bytes(xid, bytes);

    if (held)
        mr_my_hold_drop(holds, held);
    held = mr_alloc_zero(sizeof(*held));
    held->xid = mr_alloc(size);
    memcpy(held->xid, bytes, size);
    held->xid_size = size;
    held->format = *format;
    held->file = -1;
    mr_buf_init(&held->events, MOST);
    mr_buf_init(&held->window, MOST);
    while (*end)
        end = &(*end)->next;
    *end = held;
    return held;
}

void mr_my_hold_drop(struct mr_my_holds *holds, struct mr_my_held *held)
{
    struct mr_my_held **at = &holds->first;

    while (*at != held)
        at = &(*at)->next;
    *at = held->next;
    if (held->file >= 0)
        (void)close(held->file);
    free(held->xid);
    mr_my_place_done(&held->before);
    mr_buf_done(&held->events);
    mr_buf_done(&held->window);
    free(held);
}

static int open_file(const struct mr_my_holds *holds, struct mr_my_held *held, struct mr_err *err)
{
    const char *folder = holds->directory ? holds->directory : getenv("TMPDIR");
    char path[4096];

    if (!folder || !*folder)
        folder = "/tmp";
    (void)snprintf(path, sizeof(path), "%s/millrace-xa-XXXXXX", folder);
    held->file = mkostemp(path, O_CLOEXEC);
    if (held->file < 0)
        return mr_err_errno(err, MR_RETRY, "source.hold", errno,
                            "cannot make a file in %s for an XA transaction that is prepared",
                            folder);
    (void)unlink(path);
    return 0;
}

static int spill(const struct mr_my_holds *holds, struct mr_my_held *held, struct mr_err *err)
{
    size_t done = 0;
    int rc = held->file < 0 ? open_file(holds, held, err) : 0;

    while (rc == 0 && done < held->events.size) {
        ssize_t n = pwrite(held->file, held->events.data + done, held->events.size - done,
                           (off_t)(held->spilled + done));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            rc = mr_err_errno(err, MR_RETRY, "source.hold", n == 0 ? ENOSPC : errno,
                              "cannot keep an XA transaction that is prepared");
    }
    if (rc < 0)
        return rc;
    held->spilled += held->events.size;
    mr_buf_done(&held->events);
    mr_buf_init(&held->events, MOST);
    return 0;
}

int mr_my_hold_add(struct mr_my_holds *holds, struct mr_my_held *held,
                   const struct mr_my_event *event, struct mr_err *err)
{
    struct mr_my_header header = event->header;
    uint32_t size = (uint32_t)(MR_MY_HEADER_SIZE + event->body.size);

    header.size = size;
    mr_buf_add(&held->events, &size, 4);
    mr_my_header_put(&held->events, &header);
    mr_buf_add_slice(&held->events, event->body);
    return held->events.size > holds->limit ? spill(holds, held, err) : 0;
}

void mr_my_hold_rewind(struct mr_my_held *held)
{
    held->read = 0;
    mr_buf_clear(&held->window);
}

/* Bytes [read, read + size) of what is kept: from memory, or from the file into the window. */
static int look(struct mr_my_held *held, size_t size, const char **ret_at, struct mr_err *err)
{
    size_t done = 0;

    if (held->read >= held->spilled) {
        *ret_at = held->events.data + (held->read - held->spilled);
        return 0;
    }
    mr_buf_clear(&held->window);
    if (!mr_buf_room(&held->window, size))
        return mr_err_set(err, MR_BUG, "source.hold", "a kept event of %zu bytes", size);
    while (done < size) {
        ssize_t n =
            pread(held->file, held->window.data + done, size - done, (off_t)(held->read + done));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            return mr_err_errno(err, MR_RETRY, "source.hold", n == 0 ? EIO : errno,
                                "cannot read an XA transaction that was kept");
    }
    *ret_at = held->window.data;
    return 0;
}

int mr_my_hold_next(struct mr_my_held *held, struct mr_my_event *ret_event, struct mr_err *err)
{
    const char *at;
    uint32_t size;
    int rc;

    if (held->read == held->spilled + held->events.size)
        return 0;
    rc = look(held, 4, &at, err);
    if (rc < 0)
        return rc;
    memcpy(&size, at, 4);
    held->read += 4;
    rc = look(held, size, &at, err);
    if (rc == 0)
        rc = mr_my_event_parse(&held->format, mr_slice(at, size), true, ret_event, err);
    held->read += size;
    return rc < 0 ? rc : 1;
}

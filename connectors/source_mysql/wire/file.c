/* Files of the binary log, by the same events as the stream.
 *
 *     buffer  [ handed on | event ....... | event ... ]      a whole event is a piece; one that does not fit comes in
 *                         begin                     end      several, as from the network
 *
 * A relay log is such a file, too, but begins with events of its own server. An encrypted file has another first byte
 * (MySQL) or an event that says so (MariaDB); what follows it is noise, so that it is refused.
 *
 * The last event of a file that a server is writing to, or was killed with, may be torn: that is said, not passed
 * over. */
#include "connectors/source_mysql/wire/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define BUFFER ((size_t)1 << 20)

static int unreadable(struct mr_err *err, const char *path, const char *why)
{
    return mr_err_set(err, MR_CONFIG, "source.file", "%s: %s", path, why);
}

static int magic(struct mr_my_file *file, const char *path, struct mr_err *err)
{
    unsigned char first[4];

    if (fread(first, 1, sizeof first, file->file) != sizeof first ||
        memcmp(first + 1, "bin", 3) != 0)
        return unreadable(err, path, "it is no binary log");
    if (first[0] == 0xfd)
        return unreadable(err, path,
                          "it is encrypted; a server sends it in the clear to a replica");
    return first[0] == 0xfe ? 0 : unreadable(err, path, "it is no binary log");
}

int mr_my_file_open(struct mr_my_file *file, const char *path, size_t limit, bool verify,
                    struct mr_err *err)
{
    const char *slash = strrchr(path, '/');
    int rc;

    *file = (struct mr_my_file){.at = 4};
    file->file = fopen(path, "rbe");
    if (!file->file)
        return mr_err_errno(err, MR_CONFIG, "source.file", errno, "%s cannot be opened", path);
    mr_my_events_init(&file->events, limit, verify);
    file->buffer = mr_alloc(BUFFER);
    (void)snprintf(file->events.file, sizeof file->events.file, "%s", slash ? slash + 1 : path);
    file->events.position = 4;
    rc = magic(file, path, err);
    if (rc < 0)
        mr_my_file_close(file);
    return rc;
}

void mr_my_file_close(struct mr_my_file *file)
{
    if (file->file)
        (void)fclose(file->file);
    free(file->buffer);
    mr_my_events_done(&file->events);
    *file = (struct mr_my_file){.file = NULL};
}

/* At least `least` bytes in the buffer, or all there are. */
static int fill(struct mr_my_file *file, size_t least, struct mr_err *err)
{
    size_t got;

    if (file->end - file->begin >= least)
        return 0;
    memmove(file->buffer, file->buffer + file->begin, file->end - file->begin);
    file->end -= file->begin;
    file->begin = 0;
    got = fread(file->buffer + file->end, 1, BUFFER - file->end, file->file);
    if (got == 0 && ferror(file->file))
        return mr_err_errno(err, MR_CONFIG, "source.file", errno, "%s cannot be read",
                            file->events.file);
    file->end += got;
    return 0;
}

static int torn(const struct mr_my_file *file, struct mr_err *err)
{
    return mr_err_set(err, MR_CONFIG, "source.file", "%s ends inside the event at %llu",
                      file->events.file, (unsigned long long)file->at);
}

/* 1: the next piece; 0: the file's end. */
static int piece(struct mr_my_file *file, struct mr_my_piece *ret_piece, struct mr_err *err)
{
    struct mr_my_header header;
    bool first = !file->inside;
    size_t here;
    int rc = fill(file, first ? MR_MY_HEADER_SIZE : 1, err);

    if (rc < 0)
        return rc;
    here = file->end - file->begin;
    if (first) {
        if (here == 0)
            return 0;
        if (!mr_my_header_parse(mr_slice(file->buffer + file->begin, here), &header))
            return torn(file, err);
        file->left = header.size;
        rc = fill(file, header.size < BUFFER ? header.size : BUFFER, err);
        if (rc < 0)
            return rc;
        here = file->end - file->begin;
    }
    if (here == 0)
        return torn(file, err);
    if (here > file->left)
        here = (size_t)file->left;
    *ret_piece =
        (struct mr_my_piece){mr_slice(file->buffer + file->begin, here), first, here == file->left};
    file->begin += here;
    file->left -= here;
    file->at += here;
    file->inside = file->left > 0;
    return 1;
}

int mr_my_file_next(struct mr_my_file *file, struct mr_my_event *ret_event, struct mr_err *err)
{
    for (;;) {
        struct mr_my_piece next;
        int rc = mr_my_events_next(&file->events, ret_event, err);
        if (rc > 0 && ret_event->header.type == MR_MY_MARIA_START_ENCRYPTION)
            return unreadable(err, file->events.file,
                              "it is encrypted; a server sends it in the clear to a replica");
        if (rc != 0)
            return rc;
        rc = piece(file, &next, err);
        if (rc <= 0)
            return rc;
        mr_my_events_take(&file->events, next);
    }
}

/* Packets cut out of one buffer.
 *
 *     buffer   [ used ... | 3 len, 1 seq, payload | 3 len, 1 seq, pay ... ][ room ]
 *                         begin                                      end
 *
 * A message whose packet lies whole in the buffer is one piece and is not copied. One that cannot fit, or whose
 * packet is a full one of 0xffffff bytes, is handed out as it comes. What is left of an unfinished packet is moved
 * to the front when there is no more room behind it: never more than once per fill of the buffer.
 *
 * A first piece has at least 2 KiB of a message that is larger, so that its head is in one piece.
 *
 * The first byte of a message's payload (OK, EOF, error) is part of its first piece: who owns the socket looks at
 * it. */
#include "connectors/source_mysql/wire/frames.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define HEAD  4
#define FULL  0xffffffU
#define LEAST 4096

void mr_my_frames_init(struct mr_my_frames *frames, size_t capacity)
{
    *frames = (struct mr_my_frames){.capacity = capacity < LEAST ? LEAST : capacity};
    frames->buffer = mr_alloc(frames->capacity);
}

void mr_my_frames_done(struct mr_my_frames *frames)
{
    free(frames->buffer);
    *frames = (struct mr_my_frames){0};
}

char *mr_my_frames_room(struct mr_my_frames *frames, size_t *ret_room)
{
    if (frames->begin > 0) {
        memmove(frames->buffer, frames->buffer + frames->begin, frames->end - frames->begin);
        frames->end -= frames->begin;
        frames->begin = 0;
    }
    *ret_room = frames->capacity - frames->end;
    return frames->buffer + frames->end;
}

void mr_my_frames_added(struct mr_my_frames *frames, size_t size)
{
    frames->end += size;
}

/* The head of the next packet: false until it is here. */
static int head(struct mr_my_frames *frames, struct mr_err *err)
{
    const uint8_t *at = (const uint8_t *)frames->buffer + frames->begin;

    if (at[3] != frames->sequence)
        return mr_err_set(err, MR_RETRY, "source.protocol", "packet %u came where %u was due",
                          at[3], frames->sequence);
    frames->sequence++;
    frames->left = at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16;
    frames->goes_on = frames->left == FULL;
    frames->begin += HEAD;
    return 0;
}

static size_t declared(const struct mr_my_frames *frames)
{
    const uint8_t *at = (const uint8_t *)frames->buffer + frames->begin;

    return at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16;
}

/* As much as is here of the packet in hand. */
static int part(struct mr_my_frames *frames, bool first, struct mr_my_piece *ret_piece)
{
    size_t here = frames->end - frames->begin;
    size_t size = here < frames->left ? here : frames->left;

    *ret_piece = (struct mr_my_piece){.bytes = mr_slice(frames->buffer + frames->begin, size),
                                      .first = first,
                                      .last = size == frames->left && !frames->goes_on};
    frames->begin += size;
    frames->left -= size;
    frames->inside = !ret_piece->last;
    return 1;
}

int mr_my_frames_next(struct mr_my_frames *frames, struct mr_my_piece *ret_piece,
                      struct mr_err *err)
{
    size_t here = frames->end - frames->begin;
    bool first = !frames->inside;
    int rc;

    if (frames->inside && frames->left > 0)
        return here > 0 ? part(frames, false, ret_piece) : 0;
    if (here < HEAD)
        return 0;
    /* Small enough to be waited for. */
    if (here < HEAD + declared(frames) &&
        (HEAD + declared(frames) <= frames->capacity || here < LEAST / 2))
        return 0;
    rc = head(frames, err);
    return rc < 0 ? rc : part(frames, first, ret_piece);
}

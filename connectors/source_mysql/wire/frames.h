/* Packets: 3 bytes of length, 1 of sequence, payload; a payload of 0xffffff bytes goes on in the next packet.
 *
 * One buffer, read into by who owns the socket and handed out in place: a message that fits into it comes as one
 * piece, without being copied; a larger one comes in several. 0 <= begin <= end <= capacity. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "connectors/source_mysql/wire/events.h"

struct mr_my_frames {
    char *buffer;
    size_t capacity, begin, end;
    size_t left;      /* bytes of the packet in hand that were not handed out */
    bool inside;      /* a message was begun and is handed out in pieces */
    bool goes_on;     /* the packet in hand is full: another one follows */
    uint8_t sequence; /* of the next packet */
};

void mr_my_frames_init(struct mr_my_frames *frames, size_t capacity);
void mr_my_frames_done(struct mr_my_frames *frames);
/* Where to read to, and how much fits; never nothing after next() answered 0. Pieces handed out become invalid. */
char *mr_my_frames_room(struct mr_my_frames *frames, size_t *ret_room);
void mr_my_frames_added(struct mr_my_frames *frames, size_t size);
/* 1: a piece; 0: read more. MR_RETRY source.protocol: the sequence has a gap. */
int mr_my_frames_next(struct mr_my_frames *frames, struct mr_my_piece *ret_piece,
                      struct mr_err *err) MR_MUST_CHECK;

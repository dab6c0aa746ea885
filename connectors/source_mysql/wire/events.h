/* From pieces of bytes to events: what lies between packets (or a file) and mr_my_event_parse.
 *
 *     frames.h, a file --piece--> take() -- next() --> struct mr_my_event
 *
 * Most messages come whole and are parsed where they lie. A larger one comes in pieces and is put together, up to
 * `limit`; a TRANSACTION_PAYLOAD is never put together: its pieces go through zstd and the events inside come out one
 * by one, so that memory does not grow with the transaction. MariaDB's fragments of one rows event are joined.
 *
 * It keeps the format in force and the place in the log: `file`, and `position`, the end of the last event as a
 * 64-bit number, told from the sizes where the header does not tell it. A piece must stay until next() answers 0. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "connectors/source_mysql/wire/event.h"

/* A run of bytes of one message (one event). */
struct mr_my_piece {
    struct mr_slice bytes;
    bool first, last;
};

struct mr_my_payload;

struct mr_my_events {
    struct mr_my_format format;
    bool verify;       /* checksums are compared */
    size_t limit;      /* bytes of the largest event that is put together or unpacked */
    char file[512];    /* of the log, as ROTATE named it; "" unknown */
    uint64_t position; /* end of the last event in it; 0 unknown */
    /* Inside: */
    struct mr_my_piece piece;      /* taken and not looked at yet */
    bool taken;                    /* there is one */
    struct mr_buf whole;           /* a message in the making */
    struct mr_buf fragments;       /* MariaDB's pieces of a rows event */
    uint32_t fragment;             /* number of the last of them; 0: none is due */
    struct mr_my_payload *payload; /* kept for the next one, too */
    struct mr_my_header outer;     /* the payload's own header */
    bool inside, pushed;           /* a payload is open; its last piece is not used up */
    size_t outer_left;             /* bytes of it still to come */
    uint32_t crc;                  /* of its bytes so far */
    uint8_t stored[4];             /* its checksum, which may come in two pieces */
    size_t stored_size;
};

void mr_my_events_init(struct mr_my_events *events, size_t limit, bool verify);
void mr_my_events_done(struct mr_my_events *events);
/* As after init: another connection or file begins. */
void mr_my_events_reset(struct mr_my_events *events);
/* Gives the next piece; only after next() answered 0. */
void mr_my_events_take(struct mr_my_events *events, struct mr_my_piece piece);
/* 1: an event, its bytes valid until the next call; 0: give the next piece. Errors as of mr_my_event_parse, and
 * MR_DATA source.event_too_large; MR_RETRY source.payload: the compressed transaction is damaged. */
int mr_my_events_next(struct mr_my_events *events, struct mr_my_event *ret_event,
                      struct mr_err *err) MR_MUST_CHECK;

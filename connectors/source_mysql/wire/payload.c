/* The zstd stream of a TRANSACTION_PAYLOAD, unpacked as far as the next event needs.
 *
 *     packed pieces --> ZSTD_decompressStream --> out [ ....event....|..event.. part ]
 *                                                     begin                       end
 *
 * `out` holds what was unpacked and not given out. It begins with 256 KiB and grows only for an event that is larger,
 * whose size is known from its header by then and compared with the limit. Events are given out in place; what is
 * left of an unfinished one is moved to the front before more is unpacked. A transaction of any size passes through
 * the same room.
 *
 * Not here: checksums (the outer event's covers all of it; the inner ones have none) and what the events mean. */
#include "connectors/source_mysql/wire/payload.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/arena.h"
#include "connectors/source_mysql/wire/event.h"

#define ROOM       ((size_t)256 << 10)
#define WINDOW_LOG 27

struct mr_my_payload {
    ZSTD_DStream *stream;
    bool plain;
    ZSTD_inBuffer in;
    char *out;
    size_t capacity, begin, end, limit;
    uint64_t full_size, given;
};

struct mr_my_payload *mr_my_payload_new(void)
{
    struct mr_my_payload *payload = mr_alloc_zero(sizeof *payload);

    payload->stream = ZSTD_createDStream();
    if (!payload->stream)
        mr_out_of_memory(0);
    return payload;
}

void mr_my_payload_free(struct mr_my_payload *payload)
{
    if (!payload)
        return;
    ZSTD_freeDStream(payload->stream);
    free(payload->out);
    free(payload);
}

static void resize(struct mr_my_payload *payload, size_t capacity)
{
    payload->out = mr_realloc(payload->out, capacity);
    payload->capacity = capacity;
}

int mr_my_payload_begin(struct mr_my_payload *payload, uint64_t compression, uint64_t full_size,
                        size_t limit, struct mr_err *err)
{
    if (compression != 0 && compression != 255)
        return mr_err_set(err, MR_CONFIG, "source.event_unknown",
                          "a transaction is compressed by method %llu, which nobody here knows",
                          (unsigned long long)compression);
    (void)ZSTD_DCtx_reset(payload->stream, ZSTD_reset_session_only);
    (void)ZSTD_DCtx_setParameter(payload->stream, ZSTD_d_windowLogMax, WINDOW_LOG);
    payload->plain = compression == 255;
    payload->in = (ZSTD_inBuffer){0};
    payload->begin = payload->end = 0;
    payload->full_size = full_size;
    payload->given = 0;
    payload->limit = limit;
    /* One large event does not keep its room for ever. */
    if (payload->capacity != ROOM)
        resize(payload, ROOM);
    return 0;
}

void mr_my_payload_push(struct mr_my_payload *payload, struct mr_slice bytes)
{
    payload->in = (ZSTD_inBuffer){.src = bytes.data, .size = bytes.size};
}

/* Bytes of the event that `begin` stands at; 0 while that cannot be told. */
static size_t event_size(const struct mr_my_payload *payload)
{
    struct mr_my_header header;

    if (!mr_my_header_parse(mr_slice(payload->out + payload->begin, payload->end - payload->begin),
                            &header))
        return 0;
    return header.size;
}

static int damaged(const char *what, struct mr_err *err)
{
    return mr_err_set(err, MR_RETRY, "source.payload", "a compressed transaction is damaged: %s",
                      what);
}

static int make_room(struct mr_my_payload *payload, struct mr_err *err)
{
    size_t size = event_size(payload);

    if (payload->end - payload->begin >= MR_MY_HEADER_SIZE && size == 0)
        return damaged("an event in it is shorter than its header", err);
    if (size > payload->limit)
        return mr_err_set(
            err, MR_DATA, "source.event_too_large",
            "an event of %zu bytes in a compressed transaction is above the limit of %zu", size,
            payload->limit);
    if (payload->begin > 0) {
        memmove(payload->out, payload->out + payload->begin, payload->end - payload->begin);
        payload->end -= payload->begin;
        payload->begin = 0;
    }
    if (size > payload->capacity)
        resize(payload, size);
    return 0;
}

static int unpack(struct mr_my_payload *payload, struct mr_err *err)
{
    ZSTD_outBuffer out = {.dst = payload->out, .size = payload->capacity, .pos = payload->end};
    size_t rc;

    if (payload->plain) {
        size_t left = payload->in.size - payload->in.pos, room = out.size - out.pos;
        size_t size = left < room ? left : room;
        if (size > 0)
            memcpy(payload->out + out.pos, (const char *)payload->in.src + payload->in.pos, size);
        payload->in.pos += size;
        payload->end += size;
        return 0;
    }
    rc = ZSTD_decompressStream(payload->stream, &out, &payload->in);
    if (ZSTD_isError(rc))
        return damaged(ZSTD_getErrorName(rc), err);
    payload->end = out.pos;
    return 0;
}

int mr_my_payload_next(struct mr_my_payload *payload, struct mr_slice *ret_event,
                       struct mr_err *err)
{
    for (;;) {
        size_t here = payload->end - payload->begin, size = event_size(payload), before;
        int rc;
        if (size > 0 && size <= here && size <= payload->limit) {
            *ret_event = mr_slice(payload->out + payload->begin, size);
            payload->begin += size;
            payload->given += size;
            return 1;
        }
        rc = make_room(payload, err);
        if (rc < 0)
            return rc;
        before = payload->end;
        rc = unpack(payload, err);
        if (rc < 0)
            return rc;
        if (payload->end == before)
            return payload->in.pos < payload->in.size ? damaged("bytes follow its end", err) : 0;
    }
}

int mr_my_payload_end(struct mr_my_payload *payload, struct mr_err *err)
{
    if (payload->begin != payload->end)
        return damaged("it ends inside an event", err);
    if (payload->full_size > 0 && payload->given != payload->full_size)
        return damaged("it has another size than its head says", err);
    return 0;
}

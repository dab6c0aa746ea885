/* Messages to events.
 *
 *     whole piece -------------------------------------------> parse
 *     first piece, PAYLOAD --> head --> zstd --> inner events -> parse (without checksum)
 *     first piece, other ----> whole (up to limit) ----------> parse
 *     PARTIAL_ROW_DATA ------> fragments, the last one ------> parse
 *
 * A payload's checksum is computed along the way and compared at its end: what was in it has been given out by then,
 * so that an error there takes back a transaction whose end nobody has seen. A reader that lets rows go before their
 * transaction's end must be able to take them back.
 *
 * The place: `position` is where the event ends. The header tells it modulo 2^32, or not at all (0): artificial
 * events take no room in the file; of others the size is added, and a told place corrects the lower half. */
#include "connectors/source_mysql/wire/events.h"

#include <stdlib.h>
#include <string.h>

#include "connectors/source_mysql/wire/body.h"
#include "connectors/source_mysql/wire/parse.h"
#include "connectors/source_mysql/wire/crc.h"
#include "connectors/source_mysql/wire/payload.h"

void mr_my_events_init(struct mr_my_events *events, size_t limit, bool verify)
{
    memset(events, 0, sizeof *events);
    events->limit = limit;
    events->verify = verify;
    mr_buf_init(&events->whole, limit);
    mr_buf_init(&events->fragments, limit);
    mr_my_events_reset(events);
}

void mr_my_events_done(struct mr_my_events *events)
{
    mr_buf_done(&events->whole);
    mr_buf_done(&events->fragments);
    mr_my_payload_free(events->payload);
    memset(events, 0, sizeof *events);
}

void mr_my_events_reset(struct mr_my_events *events)
{
    events->format = (struct mr_my_format){.verify = events->verify};
    events->file[0] = 0;
    events->position = 0;
    events->taken = events->inside = false;
    mr_buf_clear(&events->whole);
    mr_buf_clear(&events->fragments);
}

void mr_my_events_take(struct mr_my_events *events, struct mr_my_piece piece)
{
    events->piece = piece;
    events->taken = true;
}

/* A buffer that one huge event made large gives its memory back. */
static void forget(struct mr_buf *buf, size_t limit)
{
    if (buf->capacity > ((size_t)1 << 20)) {
        mr_buf_done(buf);
        mr_buf_init(buf, limit);
    } else {
        mr_buf_clear(buf);
    }
}

static void new_file(struct mr_my_events *events, const struct mr_my_event *event)
{
    size_t size = event->rotate.name.size;

    if (size >= sizeof events->file)
        size = sizeof events->file - 1;
    memcpy(events->file, event->rotate.name.data, size);
    events->file[size] = 0;
    events->position = event->rotate.position;
}

/* Follows the log with one event that stands in it by itself. */
static void advance(struct mr_my_events *events, struct mr_my_event *event)
{
    const struct mr_my_header *header = &event->header;

    if (header->type == MR_MY_FORMAT) {
        events->format = event->format;
        /* One made for a start in the middle of a file tells no place. */
        if (header->log_pos == 0 || (header->flags & MR_MY_FLAG_ARTIFICIAL))
            return;
    }
    if (header->type == MR_MY_HEARTBEAT || header->type == MR_MY_HEARTBEAT_V2) {
        if (event->heartbeat.position > UINT32_MAX || event->heartbeat.position > events->position)
            events->position = event->heartbeat.position;
    } else if (!(header->flags & MR_MY_FLAG_ARTIFICIAL)) {
        events->position += header->size;
        if (header->log_pos != 0 && (uint32_t)events->position != header->log_pos)
            events->position = (events->position & ~(uint64_t)UINT32_MAX) | header->log_pos;
    }
    if (header->type == MR_MY_ROTATE)
        new_file(events, event);
}

static int whole_event(struct mr_my_events *events, struct mr_slice bytes,
                       struct mr_my_event *ret_event, struct mr_err *err)
{
    int rc = mr_my_event_parse(&events->format, bytes, false, ret_event, err);

    if (rc < 0)
        return rc;
    advance(events, ret_event);
    ret_event->next = events->position;
    return 1;
}

/* The head of a payload: where its data begins in the first piece. */
static int open_payload(struct mr_my_events *events, struct mr_slice bytes,
                        struct mr_my_event *ret_event, size_t *ret_data, struct mr_err *err)
{
    size_t trailer = events->format.checksum ? 4 : 0;
    struct mr_my_event event = {0};
    int rc;

    (void)mr_my_header_parse(bytes, &event.header);
    event.bytes = bytes;
    event.body = mr_slice(bytes.data + MR_MY_HEADER_SIZE, bytes.size - MR_MY_HEADER_SIZE);
    if (!mr_my_body_parse(&events->format, &event))
        return mr_my_broken(&event.header, "its head is not in its first bytes", err);
    if (event.header.size < (size_t)(event.payload.data.data - bytes.data) + trailer)
        return mr_my_broken(&event.header, "it is shorter than its head", err);
    if (!events->payload)
        events->payload = mr_my_payload_new();
    rc = mr_my_payload_begin(events->payload, event.payload.compression, event.payload.full_size,
                             events->limit, err);
    if (rc < 0)
        return rc;
    events->outer = event.header;
    events->crc = 0;
    events->outer_left = event.header.size;
    events->stored_size = 0;
    events->inside = true;
    *ret_data = (size_t)(event.payload.data.data - bytes.data);
    *ret_event = event;
    return 0;
}

/* Bytes of the outer event as they come: the last four are its checksum. */
static int payload_piece(struct mr_my_events *events, struct mr_slice bytes, size_t skip,
                         struct mr_err *err)
{
    size_t trailer = events->format.checksum ? 4 : 0;
    size_t before, take;

    if (bytes.size > events->outer_left)
        return mr_my_broken(&events->outer, "it is longer than its header says", err);
    before = events->outer_left > trailer ? events->outer_left - trailer : 0;
    take = bytes.size < before ? bytes.size : before;
    events->crc = mr_my_crc32(events->crc, bytes.data, take);
    memcpy(events->stored + events->stored_size, bytes.data + take, bytes.size - take);
    events->stored_size += bytes.size - take;
    events->outer_left -= bytes.size;
    if (skip > take)
        return mr_my_broken(&events->outer, "its head is not in its first bytes", err);
    mr_my_payload_push(events->payload, mr_slice(bytes.data + skip, take - skip));
    return 0;
}

static int close_payload(struct mr_my_events *events, struct mr_err *err)
{
    uint32_t stored = 0;
    int rc;

    events->inside = false;
    if (events->outer_left > 0)
        return mr_my_broken(&events->outer, "it is shorter than its header says", err);
    rc = mr_my_payload_end(events->payload, err);
    if (rc < 0)
        return rc;
    if (events->format.checksum && events->verify) {
        memcpy(&stored, events->stored, 4);
        rc = mr_my_checksum(&events->outer, events->crc, stored, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* 1: an inner event; 0: the piece is used up. */
static int inner_event(struct mr_my_events *events, struct mr_my_event *ret_event,
                       struct mr_err *err)
{
    struct mr_slice bytes;
    int rc = mr_my_payload_next(events->payload, &bytes, err);

    if (rc <= 0)
        return rc;
    rc = mr_my_event_parse(&events->format, bytes, true, ret_event, err);
    if (rc < 0)
        return rc;
    if (ret_event->header.type == MR_MY_PAYLOAD)
        return mr_my_broken(&ret_event->header, "it stands inside another one", err);
    ret_event->next = events->position;
    return 1;
}

/* A first piece that begins a payload. */
static int first_of_payload(struct mr_my_events *events, struct mr_my_event *ret_event,
                            struct mr_err *err)
{
    size_t data = 0;
    int rc = open_payload(events, events->piece.bytes, ret_event, &data, err);

    if (rc == 0) {
        advance(events, ret_event);
        rc = payload_piece(events, events->piece.bytes, data, err);
    }
    return rc;
}

/* Whether what the fragments make ends in a checksum of its own: both would be right by what is written of them. */
static bool sealed(const struct mr_my_events *events)
{
    const struct mr_buf *buf = &events->fragments;
    uint32_t stored;

    if (!events->format.checksum || buf->size < MR_MY_HEADER_SIZE + 4)
        return false;
    memcpy(&stored, buf->data + buf->size - 4, 4);
    return mr_my_crc32(0, buf->data, buf->size - 4) == stored;
}

/* MariaDB 12.3: u32 total, u32 number, u8 flags, [u64 size], bytes. */
static int fragment(struct mr_my_events *events, struct mr_my_event *ret_event, struct mr_err *err)
{
    struct mr_cur cur = mr_cur(ret_event->body);
    uint32_t total = mr_cur_le32(&cur), number = mr_cur_le32(&cur);
    uint64_t size = mr_cur_u8(&cur) & 1 ? mr_cur_le64(&cur) : 0;
    int rc;

    if (number == 1) {
        forget(&events->fragments, events->limit);
        events->fragment = 0;
    }
    if (cur.failed || number == 0 || number > total || number != events->fragment + 1)
        return mr_my_broken(&ret_event->header, "it does not follow the fragment before it", err);
    events->fragment = number;
    if (size > events->limit || !mr_buf_room(&events->fragments, mr_cur_left(&cur)))
        return mr_err_set(err, MR_DATA, "source.event_too_large",
                          "a rows event in %u fragments is above the limit of %zu bytes", total,
                          events->limit);
    mr_buf_add(&events->fragments, cur.at, mr_cur_left(&cur));
    if (number < total)
        return 0;
    events->fragment = 0;
    rc = mr_my_event_parse(&events->format, mr_buf_slice(&events->fragments), !sealed(events),
                           ret_event, err);
    if (rc < 0)
        return rc;
    ret_event->inner = false;
    ret_event->next = events->position;
    return 1;
}

/* One more piece of a message that is put together: 1 once it is whole. */
static int gather(struct mr_my_events *events, struct mr_slice *ret_bytes, struct mr_err *err)
{
    struct mr_my_header header;

    if (events->piece.first)
        forget(&events->whole, events->limit);
    if (!mr_buf_room(&events->whole, events->piece.bytes.size)) {
        (void)mr_my_header_parse(mr_buf_slice(&events->whole), &header);
        return mr_err_set(err, MR_DATA, "source.event_too_large",
                          "event %u of %u bytes that ends at %u is above the limit of %zu",
                          header.type, header.size, header.log_pos, events->limit);
    }
    mr_buf_add_slice(&events->whole, events->piece.bytes);
    if (!events->piece.last)
        return 0;
    *ret_bytes = mr_buf_slice(&events->whole);
    return 1;
}

static int take_payload(struct mr_my_events *events, struct mr_my_event *ret_event,
                        struct mr_err *err)
{
    return events->piece.first ? first_of_payload(events, ret_event, err)
                               : payload_piece(events, events->piece.bytes, 0, err);
}

static bool begins_payload(const struct mr_my_events *events)
{
    struct mr_my_header header;

    return events->piece.first && mr_my_header_parse(events->piece.bytes, &header) &&
           header.type == MR_MY_PAYLOAD;
}

/* 1: an event; 0: nothing came of this piece (yet). */
static int take(struct mr_my_events *events, struct mr_my_event *ret_event, struct mr_err *err)
{
    struct mr_slice bytes = events->piece.bytes;
    int rc;

    if (!events->piece.first || !events->piece.last) {
        rc = gather(events, &bytes, err);
        if (rc <= 0)
            return rc;
    }
    rc = whole_event(events, bytes, ret_event, err);
    if (rc > 0 && ret_event->header.type == MR_MY_MARIA_PARTIAL_ROW)
        rc = fragment(events, ret_event, err);
    return rc;
}

int mr_my_events_next(struct mr_my_events *events, struct mr_my_event *ret_event,
                      struct mr_err *err)
{
    bool payload;
    int rc;

    for (;;) {
        if (events->inside && events->pushed) {
            rc = inner_event(events, ret_event, err);
            if (rc != 0)
                return rc;
            events->pushed = false;
            if (events->piece.last) {
                rc = close_payload(events, err);
                if (rc < 0)
                    return rc;
            }
        }
        if (!events->taken)
            return 0;
        events->taken = false;
        if (events->inside && events->piece.first)
            return mr_my_broken(&events->outer, "another one begins inside it", err);
        payload = events->inside || begins_payload(events);
        if (!payload) {
            rc = take(events, ret_event, err);
            if (rc != 0)
                return rc;
            continue;
        }
        rc = take_payload(events, ret_event, err);
        if (rc < 0)
            return rc;
        events->pushed = true;
    }
}

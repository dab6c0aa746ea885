/* Whole events: the checksum off and looked at, the format in force, and what is done with a type that nobody knows.
 *
 *     bytes  [ header 19 | body ............ | crc 4 ]        body: less the checksum, where there is one
 *
 * A type that nobody here knows may be passed over when its sender says so (flag 0x80); else the log cannot be read
 * on, because nobody could tell what was in it. Bodies have a reader each in body.c.
 *
 * FORMAT itself always ends in a checksum's place and names the algorithm in the byte before, whatever was
 * negotiated. The ROTATE that a dump begins with comes before any FORMAT: its checksum is what was negotiated, so
 * whoever negotiates sets `checksum` of the first format. */
#include "connectors/source_mysql/wire/parse.h"

#include <string.h>

#include "connectors/source_mysql/wire/body.h"
#include "connectors/source_mysql/wire/crc.h"
#include "connectors/source_mysql/wire/inflate.h"

/* Whether a server of this version knows checksums: MySQL since 5.6.1, MariaDB since 5.3. */
static bool knows_checksums(const char *version, bool mariadb)
{
    unsigned number = 0;

    for (unsigned part = 0; part < 3; part++) {
        unsigned digits = 0;
        for (; *version >= '0' && *version <= '9' && digits < 100; version++)
            digits = digits * 10 + (unsigned)(*version - '0');
        number = number * 1000 + digits;
        version += *version == '.';
    }
    return number >= (mariadb ? 5003000U : 5006001U);
}

static bool format_parse(struct mr_slice body, struct mr_my_format *format, size_t *ret_trailer)
{
    struct mr_cur cur = mr_cur(body);
    struct mr_slice version, lengths;
    uint8_t header_size;

    if (mr_cur_le16(&cur) != 4)
        return false;
    version = mr_cur_bytes(&cur, 50);
    (void)mr_cur_le32(&cur);
    header_size = mr_cur_u8(&cur);
    if (cur.failed || header_size != MR_MY_HEADER_SIZE)
        return false;
    memset(format->version, 0, sizeof format->version);
    memcpy(format->version, version.data, 50);
    format->mariadb = strstr(format->version, "MariaDB") != NULL;
    *ret_trailer = knows_checksums(format->version, format->mariadb) ? 4 : 0;
    if (*ret_trailer > 0 && mr_cur_left(&cur) < 5)
        return false;
    lengths = mr_cur_bytes(&cur, mr_cur_left(&cur) - (*ret_trailer > 0 ? 5 : 0));
    if (lengths.size > sizeof format->post_header)
        return false;
    memset(format->post_header, 0, sizeof format->post_header);
    memcpy(format->post_header, lengths.data, lengths.size);
    format->types = (uint8_t)lengths.size;
    format->checksum = *ret_trailer > 0 && mr_cur_u8(&cur) == 1;
    format->known = true;
    return !cur.failed;
}

static int unknown(const struct mr_my_event *event, struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, "source.event_unknown",
               "the log has an event of type %u, size %u, server id %u, that ends at %u: nobody "
               "here knows it, and "
               "it is not marked as one that may be passed over",
               event->header.type, event->header.size, event->header.server_id,
               event->header.log_pos);
    mr_err_hint(err, "A newer server wrote it. Use a millrace that knows it.");
    return MR_CONFIG;
}

/* A file that is still in use says so in its FORMAT by a flag that was set afterwards. */
static uint32_t checksum_of(const struct mr_my_event *event)
{
    const char *bytes = event->bytes.data;
    char flags = (char)(bytes[17] & ~MR_MY_FLAG_IN_USE);
    uint32_t crc;

    if (event->header.type != MR_MY_FORMAT || flags == bytes[17])
        return mr_my_crc32(0, bytes, event->bytes.size);
    crc = mr_my_crc32(0, bytes, 17);
    crc = mr_my_crc32(crc, &flags, 1);
    return mr_my_crc32(crc, bytes + 18, event->bytes.size - 18);
}

/* The bytes without their checksum, which is looked at. `format` is the one that this event is written in. */
static int strip(const struct mr_my_format *format, struct mr_my_event *event, struct mr_err *err)
{
    size_t end = event->bytes.size;
    uint32_t stored;

    if (end < MR_MY_HEADER_SIZE + 4)
        return mr_my_broken(&event->header, "there is no room for its checksum", err);
    end -= 4;
    memcpy(&stored, event->bytes.data + end, 4);
    event->bytes.size = end;
    event->body.size -= 4;
    if (!format->checksum || !format->verify)
        return 0;
    return mr_my_checksum(&event->header, checksum_of(event), stored, err);
}

int mr_my_event_parse(const struct mr_my_format *format, struct mr_slice bytes, bool inner,
                      struct mr_my_event *ret_event, struct mr_err *err)
{
    struct mr_my_event *event = ret_event;
    size_t trailer = 0;

    memset(event, 0, sizeof *event);
    if (!mr_my_header_parse(bytes, &event->header) || event->header.size != bytes.size)
        return mr_err_set(err, MR_RETRY, "source.protocol",
                          "%zu bytes are no event of the binary log", bytes.size);
    event->inner = inner;
    event->bytes = bytes;
    event->body = mr_slice(bytes.data + MR_MY_HEADER_SIZE, bytes.size - MR_MY_HEADER_SIZE);
    if (event->header.type == MR_MY_FORMAT) {
        event->format.verify = format->verify;
        if (!format_parse(event->body, &event->format, &trailer))
            return mr_my_broken(&event->header, "it is no format description that can be read here",
                                err);
        return trailer > 0 ? strip(&event->format, event, err) : 0;
    }
    if (format->checksum && !inner) {
        int rc = strip(format, event, err);
        if (rc < 0)
            return rc;
    }
    if (!mr_my_body_parse(format, event))
        return mr_my_broken(&event->header, "its body is too short or not what its type says", err);
    if (mr_my_event_name(event->header.type) == NULL &&
        !(event->header.flags & MR_MY_FLAG_IGNORABLE))
        return unknown(event, err);
    return 0;
}

int mr_my_query_text(const struct mr_my_query *query, struct mr_arena *arena, size_t limit,
                     struct mr_slice *ret_sql, struct mr_err *err)
{
    if (!query->compressed.data) {
        *ret_sql = query->sql;
        return 0;
    }
    return mr_my_inflate(query->compressed, arena, limit, ret_sql, err);
}

/* The bodies of events, one reader each, little-endian but where said (MySQL source, libs/mysql/binlog/event; MariaDB
 * manual, "Replication Protocol").
 *
 *     QUERY   u32 thread, u32 seconds, u8 n, u16 error, u16 m, m bytes of status, database, 0, SQL
 *     GTID    u8 flags, uuid, u64 number, [u8 2, u64 last_committed, u64 sequence, [u56 us, [u56 original us],
 *             packed length, [u32 version, [u32 original version]]]]        each part since a later release
 *     MariaDB GTID   u64 number, u32 domain, u8 flags, [u64 commit id], [XID], [u8 flags, ...]
 *     XA_PREPARE     u8 one phase, u32 format, u32 n, u32 m, gtrid, bqual
 *     HEARTBEAT_V2   (u8 field, packed n, value)*: 1 file, 2 position
 *     PAYLOAD        (packed field, packed n, value)*: 1 size, 2 compression, 3 full size; 0: data follows
 *
 * Later releases append; a reader takes what is there and leaves the rest. Status variables of QUERY are written in
 * growing order of their codes and have no lengths, so that the first unknown one ends their reading. */
#include "connectors/source_mysql/wire/body.h"

#include <string.h>

#include "connectors/source_mysql/wire/packed.h"

static bool rotate(struct mr_cur *cur, struct mr_my_event *event)
{
    event->rotate.position = mr_cur_le64(cur);
    event->rotate.name = mr_cur_bytes(cur, mr_cur_left(cur));
    return !cur->failed && event->rotate.name.size > 0;
}

/* One status variable; false ends the reading. */
static bool status(struct mr_cur *cur, struct mr_my_query *query)
{
    uint8_t flags;

    switch (mr_cur_u8(cur)) {
    case 0: (void)mr_cur_le32(cur); return true;
    case 1:
        query->sql_mode = mr_cur_le64(cur);
        query->has_sql_mode = !cur->failed;
        return true;
    case 2: (void)mr_cur_bytes(cur, mr_cur_u8(cur) + (size_t)1); return true;
    case 3: (void)mr_cur_le32(cur); return true;
    case 4:
        query->client_collation = mr_cur_le16(cur);
        query->connection_collation = mr_cur_le16(cur);
        query->server_collation = mr_cur_le16(cur);
        return true;
    case 5:
    case 6: (void)mr_cur_bytes(cur, mr_cur_u8(cur)); return true;
    case 7:
    case 8:
    case 18: (void)mr_cur_le16(cur); return true;
    case 9: (void)mr_cur_le64(cur); return true;
    case 10: (void)mr_cur_le32(cur); return true;
    case 11:
        (void)mr_cur_bytes(cur, mr_cur_u8(cur));
        (void)mr_cur_bytes(cur, mr_cur_u8(cur));
        return true;
    case 12:
        flags = mr_cur_u8(cur);
        for (unsigned i = 0; flags != 254 && i < flags && !cur->failed; i++)
            (void)mr_cur_str(cur);
        return true;
    case 13: query->microseconds = (uint32_t)mr_cur_le(cur, 3); return true;
    case 16:
    case 19:
    case 20:
    case 21: (void)mr_cur_u8(cur); return true;
    case 17: query->ddl_xid = mr_cur_le64(cur); return true;
    case 128: query->microseconds = (uint32_t)mr_cur_le(cur, 3); return true;
    case 129: (void)mr_cur_le64(cur); return true;
    case 130:
        flags = mr_cur_u8(cur);
        query->alter = flags & 2   ? MR_MY_ALTER_START
                       : flags & 4 ? MR_MY_ALTER_COMMIT
                       : flags & 8 ? MR_MY_ALTER_ROLLBACK
                                   : MR_MY_ALTER_NONE;
        if (flags & 12)
            query->alter_start = mr_cur_le64(cur);
        return true;
    default: return false;
    }
}

static bool query(const struct mr_my_format *format, struct mr_cur *cur, struct mr_my_event *event)
{
    struct mr_my_query *out = &event->query;
    size_t declared = format->post_header[MR_MY_QUERY - 1];
    struct mr_cur vars;
    uint8_t name_size;
    uint16_t vars_size;

    out->thread_id = mr_cur_le32(cur);
    out->seconds = mr_cur_le32(cur);
    name_size = mr_cur_u8(cur);
    out->error = mr_cur_le16(cur);
    vars_size = mr_cur_le16(cur);
    if (declared > 13)
        (void)mr_cur_bytes(cur, declared - 13);
    vars = mr_cur(mr_cur_bytes(cur, vars_size));
    out->database = mr_cur_bytes(cur, name_size);
    (void)mr_cur_u8(cur);
    if (cur->failed)
        return false;
    while (mr_cur_left(&vars) > 0 && !vars.failed && status(&vars, out))
        ;
    if (event->header.type == MR_MY_MARIA_QUERY_COMPRESSED)
        out->compressed = mr_cur_bytes(cur, mr_cur_left(cur));
    else
        out->sql = mr_cur_bytes(cur, mr_cur_left(cur));
    return !cur->failed && !vars.failed;
}

static uint64_t micros(struct mr_cur *cur, bool *ret_more)
{
    uint64_t us = mr_cur_le(cur, 7);

    *ret_more = us >> 55 & 1;
    return us & ~(1ULL << 55);
}

/* 5.7 ends behind `sequence`; each later part is there or not, as a whole. */
static bool gtid(struct mr_cur *cur, struct mr_my_group *group)
{
    bool other = false;
    uint32_t version;

    group->flags = mr_cur_u8(cur) & 0;
    memcpy(group->gtid.uuid,
           cur->failed || mr_cur_left(cur) < 16 ? (const uint8_t[16]){0} : cur->at, 16);
    (void)mr_cur_take(cur, 16);
    group->gtid.number = mr_cur_le64(cur);
    if (cur->failed)
        return false;
    if (mr_cur_left(cur) < 17 || *cur->at != 2)
        return true;
    (void)mr_cur_u8(cur);
    group->last_committed = (int64_t)mr_cur_le64(cur);
    group->sequence = (int64_t)mr_cur_le64(cur);
    if (mr_cur_left(cur) < 7)
        return true;
    group->commit_us = group->original_commit_us = micros(cur, &other);
    if (other)
        group->original_commit_us = micros(cur, &other);
    if (mr_cur_left(cur) > 0)
        group->length = mr_my_packed(cur);
    if (mr_cur_left(cur) >= 4) {
        version = mr_cur_le32(cur);
        group->version = version & 0x7fffffff;
    }
    return !cur->failed;
}

static void tag(struct mr_cur *cur, struct mr_my_gtid *out)
{
    struct mr_slice text = mr_cur_bytes(cur, (size_t)mr_my_varint(cur));

    if (text.size > MR_MY_TAG_MAX) {
        cur->failed = true;
        return;
    }
    if (text.size > 0)
        memcpy(out->tag, text.data, text.size);
    out->tag_size = (uint8_t)text.size;
}

/* Fields of the tagged form, by number; those above the last one known are left, unless their sender says that they
 * must be understood. */
static bool tagged(struct mr_cur *cur, struct mr_my_group *group)
{
    uint64_t needed, version = mr_my_varint(cur), before = 0;
    bool first = true;

    (void)mr_my_varint(cur);
    needed = mr_my_varint(cur);
    if (cur->failed || version != 1 || needed > 12)
        return false;
    while (mr_cur_left(cur) > 0 && !cur->failed) {
        uint64_t field = mr_my_varint(cur);
        if (!first && field <= before)
            return false;
        before = field, first = false;
        switch (field) {
        case 0: (void)mr_my_varint(cur); break;
        case 1:
            for (unsigned i = 0; i < 16; i++)
                group->gtid.uuid[i] = (uint8_t)mr_my_varint(cur);
            break;
        case 2: group->gtid.number = (uint64_t)mr_my_varint_signed(cur); break;
        case 3: tag(cur, &group->gtid); break;
        case 4: group->last_committed = mr_my_varint_signed(cur); break;
        case 5: group->sequence = mr_my_varint_signed(cur); break;
        case 6: group->commit_us = group->original_commit_us = mr_my_varint(cur); break;
        case 7: group->original_commit_us = mr_my_varint(cur); break;
        case 8: group->length = mr_my_varint(cur); break;
        case 9: group->version = (uint32_t)mr_my_varint(cur); break;
        default: return !cur->failed;
        }
    }
    return !cur->failed && (int64_t)group->gtid.number > 0;
}

static void xid(struct mr_cur *cur, size_t gtrid, size_t bqual, struct mr_my_xid *out)
{
    if (gtrid > 64 || bqual > 64)
        cur->failed = true;
    out->gtrid = mr_cur_bytes(cur, gtrid);
    out->bqual = mr_cur_bytes(cur, bqual);
}

static void maria_extra(struct mr_cur *cur, struct mr_my_group *group)
{
    uint8_t extra = mr_cur_left(cur) > 0 ? mr_cur_u8(cur) : 0;

    if (extra & 1)
        (void)mr_cur_u8(cur);
    group->alter = extra & 2   ? MR_MY_ALTER_START
                   : extra & 4 ? MR_MY_ALTER_COMMIT
                   : extra & 8 ? MR_MY_ALTER_ROLLBACK
                               : MR_MY_ALTER_NONE;
    if (extra & 12)
        group->alter_start = mr_cur_le64(cur);
    if (extra & 16)
        group->thread_id = mr_cur_le32(cur);
}

static bool maria_gtid(struct mr_cur *cur, struct mr_my_event *event)
{
    struct mr_my_group *group = &event->group;

    group->gtid.mariadb = true;
    group->gtid.server = event->header.server_id;
    group->gtid.number = mr_cur_le64(cur);
    group->gtid.domain = mr_cur_le32(cur);
    group->flags = mr_cur_u8(cur);
    if (group->flags & 2)
        group->commit_id = mr_cur_le64(cur);
    if (group->flags & (MR_MY_GROUP_PREPARED | MR_MY_GROUP_COMPLETED)) {
        uint8_t gtrid, bqual;
        group->xid.format = mr_cur_le32(cur);
        gtrid = mr_cur_u8(cur);
        bqual = mr_cur_u8(cur);
        xid(cur, gtrid, bqual, &group->xid);
    }
    maria_extra(cur, group);
    return !cur->failed;
}

static bool prepare(struct mr_cur *cur, struct mr_my_event *event)
{
    uint32_t gtrid, bqual;

    event->prepare.one_phase = mr_cur_u8(cur) != 0;
    event->prepare.xid.format = mr_cur_le32(cur);
    gtrid = mr_cur_le32(cur);
    bqual = mr_cur_le32(cur);
    xid(cur, gtrid, bqual, &event->prepare.xid);
    return !cur->failed;
}

static bool incident(struct mr_cur *cur, struct mr_my_event *event)
{
    event->incident.kind = mr_cur_le16(cur);
    if (mr_cur_left(cur) > 0)
        event->incident.message = mr_cur_bytes(cur, mr_cur_u8(cur));
    return !cur->failed;
}

static bool heartbeat(struct mr_cur *cur, struct mr_my_event *event)
{
    event->heartbeat.position = event->header.log_pos;
    event->heartbeat.file = mr_cur_bytes(cur, mr_cur_left(cur));
    return !cur->failed;
}

static bool heartbeat_v2(struct mr_cur *cur, struct mr_my_event *event)
{
    uint8_t field;

    while (mr_cur_left(cur) > 0 && (field = mr_cur_u8(cur)) != 0) {
        struct mr_slice value = mr_my_packed_bytes(cur);
        if (field == 1) {
            event->heartbeat.file = value;
        } else if (field == 2) {
            struct mr_cur inside = mr_cur(value);
            event->heartbeat.position = mr_my_packed(&inside);
            cur->failed |= inside.failed;
        }
    }
    return !cur->failed;
}

static bool payload(struct mr_cur *cur, struct mr_my_event *event)
{
    event->payload.compression = 255;
    for (;;) {
        uint64_t field = mr_my_packed(cur);
        struct mr_slice value = field == 0 ? (struct mr_slice){NULL, 0} : mr_my_packed_bytes(cur);
        struct mr_cur inside = mr_cur(value);
        if (cur->failed)
            return false;
        if (field == 0)
            break;
        if (field == 1)
            event->payload.size = mr_my_packed(&inside);
        else if (field == 2)
            event->payload.compression = (uint8_t)mr_my_packed(&inside);
        else if (field == 3)
            event->payload.full_size = mr_my_packed(&inside);
        if (inside.failed)
            return false;
    }
    event->payload.data = mr_cur_bytes(cur, mr_cur_left(cur));
    return !cur->failed;
}

static bool rows_query(struct mr_cur *cur, struct mr_my_event *event)
{
    (void)mr_cur_u8(cur);
    event->text = mr_cur_bytes(cur, mr_cur_left(cur));
    return !cur->failed;
}

bool mr_my_body_parse(const struct mr_my_format *format, struct mr_my_event *event)
{
    struct mr_cur cur = mr_cur(event->body);

    switch (event->header.type) {
    case MR_MY_ROTATE: return rotate(&cur, event);
    case MR_MY_QUERY:
    case MR_MY_MARIA_QUERY_COMPRESSED: return query(format, &cur, event);
    case MR_MY_XID: event->xid = mr_cur_le64(&cur); return !cur.failed;
    case MR_MY_GTID:
    case MR_MY_ANONYMOUS_GTID: return gtid(&cur, &event->group);
    case MR_MY_GTID_TAGGED: return tagged(&cur, &event->group);
    case MR_MY_MARIA_GTID: return maria_gtid(&cur, event);
    case MR_MY_MARIA_GTID_LIST:
    case MR_MY_PREVIOUS_GTIDS: event->gtids = event->body; return true;
    case MR_MY_XA_PREPARE: return prepare(&cur, event);
    case MR_MY_INCIDENT: return incident(&cur, event);
    case MR_MY_HEARTBEAT: return heartbeat(&cur, event);
    case MR_MY_HEARTBEAT_V2: return heartbeat_v2(&cur, event);
    case MR_MY_PAYLOAD: return payload(&cur, event);
    case MR_MY_ROWS_QUERY: return rows_query(&cur, event);
    case MR_MY_MARIA_ANNOTATE: event->text = event->body; return true;
    default: return true;
    }
}

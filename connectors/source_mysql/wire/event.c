/* Headers of binary log events, their names, and what is said of a broken one.
 *
 *     00..03 time   04 type   05..08 server id   09..12 size   13..16 end in the file   17..18 flags
 *
 * The numbers are MySQL's up to 42 and MariaDB's from 160 on; 100 is Amazon's. A number without a name here may still
 * be harmless: its flags say so (parse.c).
 *
 * Reading and writing stand side by side; bodies are read in body.c and not written. */
#include "connectors/source_mysql/wire/event.h"

#include <string.h>

bool mr_my_header_parse(struct mr_slice bytes, struct mr_my_header *ret_header)
{
    struct mr_cur cur = mr_cur(bytes);

    ret_header->time = mr_cur_le32(&cur);
    ret_header->type = mr_cur_u8(&cur);
    ret_header->server_id = mr_cur_le32(&cur);
    ret_header->size = mr_cur_le32(&cur);
    ret_header->log_pos = mr_cur_le32(&cur);
    ret_header->flags = mr_cur_le16(&cur);
    return !cur.failed && ret_header->size >= MR_MY_HEADER_SIZE;
}

void mr_my_header_put(struct mr_buf *buf, const struct mr_my_header *header)
{
    uint8_t out[MR_MY_HEADER_SIZE];

    memcpy(out, &header->time, 4);
    out[4] = header->type;
    memcpy(out + 5, &header->server_id, 4);
    memcpy(out + 9, &header->size, 4);
    memcpy(out + 13, &header->log_pos, 4);
    memcpy(out + 17, &header->flags, 2);
    mr_buf_add(buf, out, sizeof out);
}

int mr_my_broken(const struct mr_my_header *header, const char *what, struct mr_err *err)
{
    const char *name = mr_my_event_name(header->type);

    return mr_err_set(err, MR_RETRY, "source.protocol", "event %u (%s) that ends at %u: %s",
                      header->type, name ? name : "unknown", header->log_pos, what);
}

int mr_my_checksum(const struct mr_my_header *header, uint32_t computed, uint32_t stored,
                   struct mr_err *err)
{
    if (computed == stored)
        return 0;
    return mr_err_set(err, MR_RETRY, "source.checksum",
                      "event %u (%s) that ends at %u has checksum %08x, its bytes give %08x",
                      header->type,
                      mr_my_event_name(header->type) ? mr_my_event_name(header->type) : "unknown",
                      header->log_pos, stored, computed);
}

const char *mr_my_event_name(uint8_t type)
{
    static const char *const names[256] = {
        [MR_MY_START_V3] = "START_V3",
        [MR_MY_QUERY] = "QUERY",
        [MR_MY_STOP] = "STOP",
        [MR_MY_ROTATE] = "ROTATE",
        [MR_MY_INTVAR] = "INTVAR",
        [MR_MY_APPEND_BLOCK] = "APPEND_BLOCK",
        [MR_MY_DELETE_FILE] = "DELETE_FILE",
        [MR_MY_RAND] = "RAND",
        [MR_MY_USER_VAR] = "USER_VAR",
        [MR_MY_FORMAT] = "FORMAT_DESCRIPTION",
        [MR_MY_XID] = "XID",
        [MR_MY_BEGIN_LOAD] = "BEGIN_LOAD_QUERY",
        [MR_MY_EXECUTE_LOAD] = "EXECUTE_LOAD_QUERY",
        [MR_MY_TABLE_MAP] = "TABLE_MAP",
        [MR_MY_WRITE_V1] = "WRITE_ROWS_V1",
        [MR_MY_UPDATE_V1] = "UPDATE_ROWS_V1",
        [MR_MY_DELETE_V1] = "DELETE_ROWS_V1",
        [MR_MY_INCIDENT] = "INCIDENT",
        [MR_MY_HEARTBEAT] = "HEARTBEAT",
        [MR_MY_IGNORABLE] = "IGNORABLE",
        [MR_MY_ROWS_QUERY] = "ROWS_QUERY",
        [MR_MY_WRITE_V2] = "WRITE_ROWS",
        [MR_MY_UPDATE_V2] = "UPDATE_ROWS",
        [MR_MY_DELETE_V2] = "DELETE_ROWS",
        [MR_MY_GTID] = "GTID",
        [MR_MY_ANONYMOUS_GTID] = "ANONYMOUS_GTID",
        [MR_MY_PREVIOUS_GTIDS] = "PREVIOUS_GTIDS",
        [MR_MY_TRANSACTION_CONTEXT] = "TRANSACTION_CONTEXT",
        [MR_MY_VIEW_CHANGE] = "VIEW_CHANGE",
        [MR_MY_XA_PREPARE] = "XA_PREPARE",
        [MR_MY_PARTIAL_UPDATE] = "PARTIAL_UPDATE_ROWS",
        [MR_MY_PAYLOAD] = "TRANSACTION_PAYLOAD",
        [MR_MY_HEARTBEAT_V2] = "HEARTBEAT_V2",
        [MR_MY_GTID_TAGGED] = "GTID_TAGGED",
        [MR_MY_AURORA_PADDING] = "AURORA_PADDING",
        [MR_MY_MARIA_ANNOTATE] = "ANNOTATE_ROWS",
        [MR_MY_MARIA_CHECKPOINT] = "BINLOG_CHECKPOINT",
        [MR_MY_MARIA_GTID] = "GTID",
        [MR_MY_MARIA_GTID_LIST] = "GTID_LIST",
        [MR_MY_MARIA_START_ENCRYPTION] = "START_ENCRYPTION",
        [MR_MY_MARIA_QUERY_COMPRESSED] = "QUERY_COMPRESSED",
        [MR_MY_MARIA_WRITE_V1_COMPRESSED] = "WRITE_ROWS_COMPRESSED_V1",
        [MR_MY_MARIA_UPDATE_V1_COMPRESSED] = "UPDATE_ROWS_COMPRESSED_V1",
        [MR_MY_MARIA_DELETE_V1_COMPRESSED] = "DELETE_ROWS_COMPRESSED_V1",
        [MR_MY_MARIA_WRITE_COMPRESSED] = "WRITE_ROWS_COMPRESSED",
        [MR_MY_MARIA_UPDATE_COMPRESSED] = "UPDATE_ROWS_COMPRESSED",
        [MR_MY_MARIA_DELETE_COMPRESSED] = "DELETE_ROWS_COMPRESSED",
        [MR_MY_MARIA_PARTIAL_ROW] = "PARTIAL_ROW_DATA",
    };

    return names[type];
}

bool mr_my_event_harmless(uint8_t type)
{
    switch (type) {
    case MR_MY_STOP:
    case MR_MY_IGNORABLE:
    case MR_MY_TRANSACTION_CONTEXT:
    case MR_MY_VIEW_CHANGE:
    case MR_MY_AURORA_PADDING:
    case MR_MY_MARIA_CHECKPOINT:
    case MR_MY_MARIA_START_ENCRYPTION:
    case MR_MY_HEARTBEAT:
    case MR_MY_HEARTBEAT_V2: return true;
    default: return mr_my_event_name(type) == NULL;
    }
}

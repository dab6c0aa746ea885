/* Reading one pgoutput message.
 *
 * The wire grammar (all integers big-endian; str ends in NUL; lsn and ts are 8 bytes):
 *
 *     B  lsn commit, ts, u32 xid                         C  u8 0, lsn commit, lsn end, ts
 *     O  lsn, str name                                   Y  u32 oid, str schema, str name
 *     R  u32 oid, str schema, str name, u8 identity, u16 n, n * (u8 flags, str name, u32 type, i32 typmod)
 *     I  u32 oid, 'N' tuple                              D  u32 oid, ('K' | 'O') tuple
 *     U  u32 oid, [('K' | 'O') tuple], 'N' tuple         T  u32 n, u8 options, n * u32 oid
 *     M  u8 flags, lsn, str prefix, u32 size, bytes
 *     tuple = u16 n, n * ('n' | 'u' | 't' u32 size bytes | 'b' u32 size bytes)
 *
 * Messages of streamed and two-phase transactions (S E c A b P K r p) are refused: we never ask for them, and
 * rows that arrive before their transaction has committed must not be mistaken for committed ones. Bytes left
 * over at a message's end are refused too, because they mean that our grammar is not the server's.
 *
 * It does not decode values (decode.h) and keeps no relations (relation.h). */
#include "connectors/source_postgres/wire/pgoutput.h"

static void skip_columns(struct mr_cur *cur, uint16_t count)
{
    struct mr_pg_column column;

    for (uint16_t i = 0; i < count && !cur->failed; i++)
        mr_pg_column_next(cur, &column);
}

void mr_pg_column_next(struct mr_cur *cur, struct mr_pg_column *ret_column)
{
    ret_column->key = (mr_cur_u8(cur) & 1) != 0;
    ret_column->name = mr_cur_str(cur);
    ret_column->type = mr_cur_be32(cur);
    ret_column->modifier = (int32_t)mr_cur_be32(cur);
}

char mr_pg_value_next(struct mr_cur *cur, struct mr_slice *ret_bytes)
{
    char kind = (char)mr_cur_u8(cur);

    *ret_bytes = (struct mr_slice){NULL, 0};
    switch (kind) {
    case 't':
    case 'b': *ret_bytes = mr_cur_bytes(cur, mr_cur_be32(cur)); return cur->failed ? 0 : kind;
    case 'n':
    case 'u': return kind;
    default: cur->failed = true; return 0;
    }
}

uint32_t mr_pg_truncate_oid(const struct mr_pg_message *message, uint32_t n)
{
    struct mr_cur cur = mr_cur(message->truncate.oids);

    (void)mr_cur_take(&cur, (size_t)n * 4);
    return mr_cur_be32(&cur);
}

static struct mr_pg_tuple tuple(struct mr_cur *cur)
{
    struct mr_pg_tuple row = {.columns = mr_cur_be16(cur)};
    struct mr_slice ignored;
    const uint8_t *start = cur->at;

    for (uint16_t i = 0; i < row.columns && !cur->failed; i++)
        (void)mr_pg_value_next(cur, &ignored);
    row.bytes = mr_slice(start, (size_t)(cur->at - start));
    return row;
}

/* The rows of I, U and D behind the relation's oid. */
static void rows(struct mr_cur *cur, struct mr_pg_message *message)
{
    char kind = (char)mr_cur_u8(cur);

    if (message->type != MR_PG_INSERT && (kind == 'K' || kind == 'O')) {
        message->row.old_kind = kind;
        message->row.before = tuple(cur);
        if (message->type == MR_PG_DELETE)
            return;
        kind = (char)mr_cur_u8(cur);
    }
    if (kind != 'N' || message->type == MR_PG_DELETE)
        cur->failed = true;
    message->row.after = tuple(cur);
}

static void relation(struct mr_cur *cur, struct mr_pg_message *message)
{
    const uint8_t *start;

    message->relation.oid = mr_cur_be32(cur);
    message->relation.schema = mr_cur_str(cur);
    message->relation.name = mr_cur_str(cur);
    message->relation.identity = (char)mr_cur_u8(cur);
    message->relation.columns = mr_cur_be16(cur);
    start = cur->at;
    skip_columns(cur, message->relation.columns);
    message->relation.bytes = mr_slice(start, (size_t)(cur->at - start));
}

static void truncate_message(struct mr_cur *cur, struct mr_pg_message *message)
{
    uint32_t count = mr_cur_be32(cur);

    message->truncate.options = mr_cur_u8(cur);
    if (count > mr_cur_left(cur) / 4)
        cur->failed = true;
    else
        message->truncate.oids = mr_cur_bytes(cur, (size_t)count * 4);
    message->truncate.count = count;
}

static void commit(struct mr_cur *cur, struct mr_pg_message *message)
{
    (void)mr_cur_u8(cur);
    message->commit.commit_lsn = mr_cur_be64(cur);
    message->commit.end_lsn = mr_cur_be64(cur);
    message->commit.commit_us = (int64_t)(mr_cur_be64(cur) + (uint64_t)MR_PG_EPOCH_US);
}

static void logical(struct mr_cur *cur, struct mr_pg_message *message)
{
    message->logical.transactional = (mr_cur_u8(cur) & 1) != 0;
    message->logical.lsn = mr_cur_be64(cur);
    message->logical.prefix = mr_cur_str(cur);
    message->logical.content = mr_cur_bytes(cur, mr_cur_be32(cur));
}

static bool body(struct mr_cur *cur, struct mr_pg_message *message)
{
    switch (message->type) {
    case MR_PG_BEGIN:
        message->begin.commit_lsn = mr_cur_be64(cur);
        message->begin.commit_us = (int64_t)(mr_cur_be64(cur) + (uint64_t)MR_PG_EPOCH_US);
        message->begin.xid = mr_cur_be32(cur);
        return true;
    case MR_PG_COMMIT: commit(cur, message); return true;
    case MR_PG_ORIGIN:
        message->origin.lsn = mr_cur_be64(cur);
        message->origin.name = mr_cur_str(cur);
        return true;
    case MR_PG_RELATION: relation(cur, message); return true;
    case MR_PG_TYPE:
        message->type_name.oid = mr_cur_be32(cur);
        message->type_name.schema = mr_cur_str(cur);
        message->type_name.name = mr_cur_str(cur);
        return true;
    case MR_PG_INSERT:
    case MR_PG_UPDATE:
    case MR_PG_DELETE:
        message->row.oid = mr_cur_be32(cur);
        rows(cur, message);
        return true;
    case MR_PG_TRUNCATE: truncate_message(cur, message); return true;
    case MR_PG_LOGICAL: logical(cur, message); return true;
    default: return false;
    }
}

int mr_pg_parse(struct mr_slice bytes, struct mr_pg_message *ret_message, struct mr_err *err)
{
    struct mr_cur cur = mr_cur(bytes);

    *ret_message = (struct mr_pg_message){.type = (char)mr_cur_u8(&cur)};
    if (!body(&cur, ret_message))
        return mr_err_set(err, MR_RETRY, "source.protocol",
                          "the server sent a message of unknown type 0x%02x",
                          (unsigned)(unsigned char)ret_message->type);
    if (cur.failed || mr_cur_left(&cur) != 0)
        return mr_err_set(
            err, MR_RETRY, "source.protocol",
            "the server sent a message of type %c and %zu bytes that does not fit the "
            "pgoutput protocol",
            ret_message->type, bytes.size);
    if (ret_message->type == MR_PG_RELATION)
        ret_message->relation.all = bytes;
    return 0;
}

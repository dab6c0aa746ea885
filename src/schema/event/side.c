/* Debezium's side records.
 *
 *     <name>.transaction             {"id":"771:24026"}      {"status":"BEGIN","id":"771:24026","event_count":null,
 *                                                             "data_collections":null,"ts_ms":1787220930123}
 *                                    {"id":"771:24999"}      {"status":"END","id":"771:24999","event_count":3,
 *                                                             "data_collections":[{"data_collection":"public.t",
 *                                                             "event_count":3}],"ts_ms":1787220930123}
 *     __debezium-heartbeat.<name>    {"serverName":"shop"}   {"ts_ms":1787220940000}
 *
 * The LSN in a BEGIN's id is that of the transaction's first change, in an END's the place behind the commit; the
 * time of both is the commit's. Of a binlog the id is the GTID, or "file=binlog.000042,pos=5120" without one.
 * Encoders write the fields themselves, in the order given here. */
#include "schema/event/side.h"

#include <stdio.h>

#include "base/json.h"
#include "schema/event/event.h"

static struct mr_connect *named(struct mr_arena *arena, const char *name, uint32_t fields)
{
    return mr_connect_struct(arena, false, mr_slice_str(name), 1, fields);
}

static void add(struct mr_arena *arena, struct mr_connect *schema, const char *name,
                enum mr_connect_type type, bool optional)
{
    mr_connect_add(schema, mr_slice_str(name), mr_connect_new(arena, type, optional));
}

const struct mr_connect *mr_side_transaction_key(struct mr_arena *arena)
{
    struct mr_connect *schema =
        named(arena, "io.debezium.connector.common.TransactionMetadataKey", 1);

    add(arena, schema, "id", MR_CONNECT_STRING, false);
    return schema;
}

const struct mr_connect *mr_side_transaction_value(struct mr_arena *arena)
{
    struct mr_connect *schema =
        named(arena, "io.debezium.connector.common.TransactionMetadataValue", 5);
    struct mr_connect *item =
        mr_connect_struct(arena, true, mr_slice_str("event.collection"), 1, 2);
    struct mr_connect *items = mr_connect_new(arena, MR_CONNECT_ARRAY, true);

    add(arena, item, "data_collection", MR_CONNECT_STRING, false);
    add(arena, item, "event_count", MR_CONNECT_INT64, false);
    items->item = item;
    add(arena, schema, "status", MR_CONNECT_STRING, false);
    add(arena, schema, "id", MR_CONNECT_STRING, false);
    add(arena, schema, "event_count", MR_CONNECT_INT64, true);
    mr_connect_add(schema, mr_slice_str("data_collections"), items);
    add(arena, schema, "ts_ms", MR_CONNECT_INT64, false);
    return schema;
}

const struct mr_connect *mr_side_heartbeat_key(struct mr_arena *arena)
{
    struct mr_connect *schema = named(arena, "io.debezium.connector.common.ServerNameKey", 1);

    add(arena, schema, "serverName", MR_CONNECT_STRING, false);
    return schema;
}

const struct mr_connect *mr_side_heartbeat_value(struct mr_arena *arena)
{
    struct mr_connect *schema = named(arena, "io.debezium.connector.common.Heartbeat", 1);

    add(arena, schema, "ts_ms", MR_CONNECT_INT64, false);
    return schema;
}

static struct mr_slice postgres_id(const struct mr_origin_postgres *origin,
                                   const struct mr_change *change, char text[MR_SIDE_ID])
{
    uint64_t lsn = change->op == MR_OP_BEGIN ? origin->first_lsn
                   : change->op == MR_OP_END ? origin->end_lsn
                                             : change->origin.postgres.lsn;
    char *at = mr_json_put_u64(text, origin->xid);

    *at++ = ':';
    at = mr_json_put_u64(at, lsn);
    return mr_slice(text, (size_t)(at - text));
}

static struct mr_slice binlog_id(const struct mr_origin_binlog *origin, char text[MR_SIDE_ID])
{
    int size;

    if (origin->gtid.data)
        return origin->gtid;
    size = snprintf(text, MR_SIDE_ID, "file=%.*s,pos=%llu",
                    (int)(origin->file.size < 200 ? origin->file.size : 200),
                    origin->file.data ? origin->file.data : "", (unsigned long long)origin->begin);
    return mr_slice(text, (size_t)size);
}

struct mr_slice mr_side_id(const struct mr_change *change, char text[MR_SIDE_ID])
{
    const struct mr_origin *origin = &change->transaction->origin;

    if (origin->kind == MR_ORIGIN_BINLOG)
        return binlog_id(&origin->binlog, text);
    return postgres_id(&origin->postgres, change, text);
}

static void mark_heartbeat(struct mr_batch *batch, struct mr_record *record,
                           struct mr_slice position)
{
    struct mr_header *header;

    record->partition = 0;
    if (!position.data)
        return;
    header = MR_ARENA_NEW(&batch->arena, struct mr_header);
    *header =
        (struct mr_header){MR_SLICE("__millrace.position"), mr_arena_copy(&batch->arena, position)};
    record->headers = header;
    record->header_count = 1;
}

void mr_side_record(struct mr_batch *batch, const struct mr_change *change, struct mr_slice topic,
                    struct mr_slice key, struct mr_slice value)
{
    struct mr_record *record =
        mr_event_record(batch, change, topic, &(struct mr_event){.op = change->op},
                        (struct mr_slice){NULL, 0}, NULL, 0, (struct mr_slice){NULL, 0});

    record->key = key;
    record->value = value;
    if (change->op == MR_OP_HEARTBEAT)
        mark_heartbeat(batch, record, change->heartbeat->position);
}

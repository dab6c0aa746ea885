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
 * Formats write the trees that are made here. */
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

static struct mr_node counts_node(struct mr_arena *arena, const struct mr_counts *counts)
{
    struct mr_node *items = MR_ARENA_ARRAY(arena, struct mr_node, counts->collection_count + 1);

    for (uint32_t i = 0; i < counts->collection_count; i++)
        items[i] = MR_NODE_STRUCT_OF(arena, mr_node_text(counts->collections[i].name),
                                     mr_node_int((int64_t)counts->collections[i].events));
    return mr_node_list(arena, MR_NODE_LIST, items, counts->collection_count);
}

static struct mr_node boundary_node(struct mr_arena *arena, const struct mr_change *change,
                                    struct mr_node id)
{
    const struct mr_node none = {.kind = MR_NODE_NULL};
    const struct mr_counts *counts = change->counts;

    return MR_NODE_STRUCT_OF(
        arena, mr_node_text(mr_slice_str(change->op == MR_OP_BEGIN ? "BEGIN" : "END")), id,
        counts ? mr_node_int((int64_t)counts->events) : none,
        counts ? counts_node(arena, counts) : none,
        mr_node_int(change->transaction->commit_us / 1000));
}

struct mr_node_pair mr_side_nodes(struct mr_arena *arena, const struct mr_change *change,
                                  struct mr_slice server)
{
    char text[MR_SIDE_ID];
    struct mr_node id, value;

    if (change->op == MR_OP_HEARTBEAT) {
        id = mr_node_text(server);
        value = MR_NODE_STRUCT_OF(arena, mr_node_int(change->heartbeat->time_us / 1000));
    } else {
        id = mr_node_text(mr_arena_copy(arena, mr_side_id(change, text)));
        value = boundary_node(arena, change, id);
    }
    return (struct mr_node_pair){.key = mr_node_keep(arena, MR_NODE_STRUCT_OF(arena, id)),
                                 .value = mr_node_keep(arena, value)};
}

struct mr_node_pair mr_side_message_nodes(struct mr_arena *arena, const struct mr_change *change,
                                          const struct mr_value *content)
{
    struct mr_node prefix = mr_node_text(change->message->prefix);
    struct mr_node text = {.kind = content->kind == MR_BYTES ? MR_NODE_BYTES : MR_NODE_TEXT,
                           .text = mr_value_slice(content)};

    return (struct mr_node_pair){
        .key = mr_node_keep(arena, MR_NODE_STRUCT_OF(arena, prefix)),
        .value = mr_node_keep(arena, MR_NODE_STRUCT_OF(arena, mr_node_text(mr_slice_str("m")),
                                                       mr_node_int(change->read_us / 1000),
                                                       (struct mr_node){.kind = MR_NODE_SOURCE},
                                                       (struct mr_node){.kind = MR_NODE_BLOCK},
                                                       MR_NODE_STRUCT_OF(arena, prefix, text)))};
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

/* Records that belong to no row: the begin and end of a transaction, and heartbeats. Their schemas, and the few texts
 * that every format shares. */
#pragma once

#include "base/arena.h"
#include "model/batch.h"
#include "schema/event/tree.h"

/* io.debezium.connector.common.TransactionMetadataKey and -Value. */
const struct mr_connect *mr_side_transaction_key(struct mr_arena *arena);
const struct mr_connect *mr_side_transaction_value(struct mr_arena *arena);
/* io.debezium.connector.common.ServerNameKey and Heartbeat. */
const struct mr_connect *mr_side_heartbeat_key(struct mr_arena *arena);
const struct mr_connect *mr_side_heartbeat_value(struct mr_arena *arena);

#define MR_SIDE_ID 256
/* The transaction's id as of this change. PostgreSQL: "<xid>:<lsn>", where the LSN is the change's own, so that only
 * the part before the colon is the same in a whole transaction. A binlog's: the GTID, else its file and position. */
struct mr_slice mr_side_id(const struct mr_change *change, char text[MR_SIDE_ID]);

/* What a BEGIN, END or HEARTBEAT says, in the arena; server is the logical name. */
struct mr_node_pair mr_side_nodes(struct mr_arena *arena, const struct mr_change *change,
                                  struct mr_slice server);
/* What a logical message says; its content is BYTES or TEXT, as mr_form_content() made it. */
struct mr_node_pair mr_side_message_nodes(struct mr_arena *arena, const struct mr_change *change,
                                          const struct mr_value *content);

/* Appends the record of a BEGIN, END or HEARTBEAT. A heartbeat's is one of partition 0 with the header
 * __millrace.position: how far its reader has got. */
void mr_side_record(struct mr_batch *batch, const struct mr_change *change, struct mr_slice topic,
                    struct mr_slice key, struct mr_slice value);

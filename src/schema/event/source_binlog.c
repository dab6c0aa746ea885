/* The source block of MySQL and MariaDB:
 *
 *     ,"source":{"version":"3.7.0.Final","connector":"mysql","name":"shop","ts_ms":1787220990500,
 *      "snapshot":"false","db":"shop","sequence":null,"ts_us":1787220990500011,"ts_ns":1787220990500011000,
 *      "table":"orders","server_id":11,"gtid":"3f1c5d1e-8a44-11f1-9a53-0242ac120003:57",
 *      "file":"binlog.000042","pos":4711,"row":0,"thread":19,"query":null}
 *
 * Per row only pos, row and query are new; file, GTID and what stands around them are made once per transaction, the
 * rest once per table version (source.c). A row of a snapshot has the file and offset of its view, and neither GTID,
 * server nor thread. A change without a transaction stands nowhere: file "". */
#include "schema/event/source.h"

#include "schema/out/avro.h"

const struct mr_source_field mr_source_binlog_fields[8] = {
    {"table", MR_CONNECT_STRING, true}, {"server_id", MR_CONNECT_INT64, false},
    {"gtid", MR_CONNECT_STRING, true},  {"file", MR_CONNECT_STRING, false},
    {"pos", MR_CONNECT_INT64, false},   {"row", MR_CONNECT_INT32, false},
    {"thread", MR_CONNECT_INT64, true}, {"query", MR_CONNECT_STRING, true},
};

static uint64_t offset_of(const struct mr_change *change, const struct mr_origin_binlog *origin)
{
    return change->origin.binlog.offset ? change->origin.binlog.offset : origin->begin;
}

/* The server's number up to the offset; and the thread, whose length is not known to be that of an LSN. */
static void fill_json(struct mr_source_block *block, const struct mr_transaction *transaction)
{
    const struct mr_origin_binlog *origin = &transaction->origin.binlog;
    char *at = block->id.bytes;

    block->transaction = transaction;
    mr_source_commit_json(block, ",\"ts_us\":", ",", transaction->commit_us);
    mr_buf_clear(&block->tail);
    mr_json_add_u64(&block->tail, origin->server_id);
    mr_buf_add_str(&block->tail, ",\"gtid\":");
    if (origin->gtid.data)
        mr_json_add_str(&block->tail, origin->gtid);
    else
        mr_buf_add_str(&block->tail, "null");
    mr_buf_add_str(&block->tail, ",\"file\":");
    mr_json_add_str(&block->tail, origin->file);
    mr_buf_add_str(&block->tail, ",\"pos\":");
    memcpy(at, ",\"thread\":", 10);
    at += 10;
    if (origin->thread) {
        at = mr_json_put_u64(at, origin->thread);
    } else {
        memcpy(at, "null", 4);
        at += 4;
    }
    block->id.size = (size_t)(at - block->id.bytes);
}

void mr_source_binlog_json(struct mr_source_block *block, const struct mr_source_plan *plan,
                           const struct mr_change *change, struct mr_out *out)
{
    const struct mr_transaction *transaction = mr_source_transaction(change);

    if (block->transaction != transaction)
        fill_json(block, transaction);
    mr_out_raw(out, plan->head);
    mr_source_put(&block->commit_ms, out);
    mr_source_mark_json(plan, change, out);
    mr_source_put(&block->commit, out);
    mr_out_raw(out, plan->table);
    mr_out_raw(out, mr_buf_slice(&block->tail));
    mr_out_u64(out, offset_of(change, &transaction->origin.binlog));
    MR_OUT_LITERAL(out, ",\"row\":");
    mr_out_u64(out, change->origin.binlog.row);
    mr_source_put(&block->id, out);
    MR_OUT_LITERAL(out, ",\"query\":");
    if (change->origin.binlog.query)
        mr_out_text(out, *change->origin.binlog.query);
    else
        MR_OUT_LITERAL(out, "null");
    MR_OUT_LITERAL(out, "}");
}

static void fill_avro(struct mr_source_block *block, const struct mr_transaction *transaction)
{
    const struct mr_origin_binlog *origin = &transaction->origin.binlog;
    char number[10];

    block->transaction = transaction;
    mr_source_commit_avro(block, transaction->commit_us);
    mr_buf_clear(&block->tail);
    mr_buf_add(&block->tail, number,
               (size_t)(mr_avro_put_long(number, origin->server_id) - number));
    mr_buf_add_char(&block->tail, origin->gtid.data ? 2 : 0);
    if (origin->gtid.data) {
        mr_buf_add(&block->tail, number,
                   (size_t)(mr_avro_put_long(number, (int64_t)origin->gtid.size) - number));
        mr_buf_add_slice(&block->tail, origin->gtid);
    }
    mr_buf_add(&block->tail, number,
               (size_t)(mr_avro_put_long(number, (int64_t)origin->file.size) - number));
    mr_buf_add_slice(&block->tail, origin->file);
}

void mr_source_binlog_avro(struct mr_source_block *block, const struct mr_source_plan *plan,
                           const struct mr_change *change, struct mr_out *out)
{
    const struct mr_transaction *transaction = mr_source_transaction(change);
    const struct mr_origin_binlog *origin = &transaction->origin.binlog;
    const struct mr_slice *query = change->origin.binlog.query;

    if (block->transaction != transaction)
        fill_avro(block, transaction);
    mr_out_raw(out, plan->head);
    mr_source_put(&block->commit_ms, out);
    mr_avro_byte(out, 0); /* the marker's default comes first in its union */
    mr_avro_string(out, mr_slice_str(mr_source_mark(change->mark)));
    mr_out_raw(out, plan->db);
    mr_avro_byte(out, 0); /* sequence */
    mr_source_put(&block->commit, out);
    mr_out_raw(out, plan->table);
    mr_out_raw(out, mr_buf_slice(&block->tail));
    mr_avro_long(out, (int64_t)offset_of(change, origin));
    mr_avro_long(out, change->origin.binlog.row);
    mr_avro_optional_long(out, origin->thread, origin->thread != 0);
    mr_avro_optional_string(out, query ? *query : (struct mr_slice){NULL, 0});
}

/* The source block of PostgreSQL:
 *
 *     ,"source":{"version":"3.7.0.Final","connector":"postgresql","name":"shop","ts_ms":1787220930123,
 *      "snapshot":"false","db":"shop","sequence":"[\"24026448\",\"24026984\"]","ts_us":1787220930123456,
 *      "ts_ns":1787220930123456000,"schema":"public","table":"orders","txId":771,"lsn":24026984,"xmin":null,
 *      "origin":null,"origin_lsn":null}
 *
 * Per row only the LSN and the marker are new; the rest is a copy of pieces made per table version (source.c) or per
 * transaction (here). Rows of an incremental snapshot belong to no place in the log: no txId, lsn or sequence.
 * xmin is always null: millrace does not ask the server for it. */
#include "schema/event/source.h"

#include "schema/out/avro.h"

const struct mr_source_field mr_source_postgres_fields[7] = {
    {"schema", MR_CONNECT_STRING, false},   {"table", MR_CONNECT_STRING, false},
    {"txId", MR_CONNECT_INT64, true},       {"lsn", MR_CONNECT_INT64, true},
    {"xmin", MR_CONNECT_INT64, true},       {"origin", MR_CONNECT_STRING, true},
    {"origin_lsn", MR_CONNECT_INT64, true},
};

static char *put(char *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

#define PUT(at, literal) put((at), (literal), sizeof(literal) - 1)

static void set_end(struct mr_source_piece *piece, const char *end)
{
    piece->size = (size_t)(end - piece->bytes);
}

static bool is_in_transaction(const struct mr_change *change)
{
    return change->mark != MR_SNAPSHOT_INCREMENTAL &&
           !(change->message && !change->message->transactional);
}

static void fill_tail(struct mr_source_block *block, const struct mr_origin_postgres *origin)
{
    struct mr_buf *tail = &block->tail;

    if (block->no_origin && !origin->name.data)
        return;
    block->no_origin = !origin->name.data;
    mr_buf_clear(tail);
    mr_buf_add_str(tail, ",\"xmin\":null,\"origin\":");
    if (block->no_origin) {
        mr_buf_add_str(tail, "null,\"origin_lsn\":null}");
        return;
    }
    mr_json_add_str(tail, origin->name);
    mr_buf_add_str(tail, ",\"origin_lsn\":");
    mr_json_add_u64(tail, origin->name_lsn);
    mr_buf_add_char(tail, '}');
}

/* Once per transaction, which may be once per row. */
static void fill_json(struct mr_source_block *block, const struct mr_transaction *transaction)
{
    const struct mr_origin_postgres *origin = &transaction->origin.postgres;
    char *at = block->previous.bytes;

    block->transaction = transaction;
    mr_source_commit_json(block, "]\",\"ts_us\":", ",", transaction->commit_us);
    if (origin->previous_lsn)
        at = PUT(mr_json_put_u64(PUT(at, "\\\""), origin->previous_lsn), "\\\",");
    else
        at = PUT(at, "null,");
    set_end(&block->previous, at);
    at = block->id.bytes;
    at = origin->xid ? mr_json_put_u64(at, origin->xid) : PUT(at, "null");
    set_end(&block->id, at);
    fill_tail(block, origin);
}

void mr_source_postgres_json(struct mr_source_block *block, const struct mr_source_plan *plan,
                             const struct mr_change *change, struct mr_out *out)
{
    const struct mr_transaction *transaction = mr_source_transaction(change);
    uint64_t lsn = change->origin.postgres.lsn;
    bool in_log = change->mark != MR_SNAPSHOT_INCREMENTAL && lsn != 0;

    if (block->transaction != transaction)
        fill_json(block, transaction);
    mr_out_raw(out, plan->head);
    mr_source_put(&block->commit_ms, out);
    mr_source_mark_json(plan, change, out);
    if (change->mark == MR_SNAPSHOT_NONE)
        mr_source_put(&block->previous, out);
    else
        MR_OUT_LITERAL(out, "null,");
    mr_out_need(out, 64);
    if (in_log)
        out->at = PUT(mr_json_put_u64(PUT(out->at, "\\\""), lsn), "\\\"");
    else
        MR_OUT_LITERAL(out, "null");
    mr_source_put(&block->commit, out);
    mr_out_raw(out, plan->table);
    if (is_in_transaction(change))
        mr_source_put(&block->id, out);
    else
        MR_OUT_LITERAL(out, "null");
    MR_OUT_LITERAL(out, ",\"lsn\":");
    if (in_log)
        mr_out_u64(out, lsn);
    else
        MR_OUT_LITERAL(out, "null");
    mr_out_raw(out, mr_buf_slice(&block->tail));
}

static char *put_quoted(char *at, uint64_t number)
{
    return number ? PUT(mr_json_put_u64(PUT(at, "\""), number), "\"") : PUT(at, "null");
}

static void fill_avro(struct mr_source_block *block, const struct mr_transaction *transaction)
{
    block->transaction = transaction;
    mr_source_commit_avro(block, transaction->commit_us);
    set_end(&block->previous,
            put_quoted(block->previous.bytes, transaction->origin.postgres.previous_lsn));
}

static void write_sequence(struct mr_out *out, const struct mr_source_block *block, uint64_t lsn,
                           bool streamed)
{
    char text[64], *at = PUT(text, "[");

    at = streamed ? put(at, block->previous.bytes, block->previous.size) : PUT(at, "null");
    at = PUT(put_quoted(PUT(at, ","), lsn), "]");
    mr_avro_optional_string(out, mr_slice(text, (size_t)(at - text)));
}

void mr_source_postgres_avro(struct mr_source_block *block, const struct mr_source_plan *plan,
                             const struct mr_change *change, struct mr_out *out)
{
    const struct mr_transaction *transaction = mr_source_transaction(change);
    const struct mr_origin_postgres *origin = &transaction->origin.postgres;
    uint64_t lsn = change->mark == MR_SNAPSHOT_INCREMENTAL ? 0 : change->origin.postgres.lsn;

    if (block->transaction != transaction)
        fill_avro(block, transaction);
    mr_out_raw(out, plan->head);
    mr_source_put(&block->commit_ms, out);
    mr_avro_byte(out, 0); /* the marker's default comes first in its union */
    mr_avro_string(out, mr_slice_str(mr_source_mark(change->mark)));
    mr_out_raw(out, plan->db);
    write_sequence(out, block, lsn, change->mark == MR_SNAPSHOT_NONE);
    mr_source_put(&block->commit, out);
    mr_out_raw(out, plan->table);
    mr_avro_optional_long(out, origin->xid, origin->xid != 0 && is_in_transaction(change));
    mr_avro_optional_long(out, lsn, lsn != 0);
    mr_avro_byte(out, 0); /* xmin */
    mr_avro_optional_string(out, origin->name);
    mr_avro_optional_long(out, origin->name_lsn, origin->name.data != NULL);
}

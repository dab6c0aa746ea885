/* The source block of PostgreSQL:
 *
 *     ,"source":{"version":"3.7.0.Final","connector":"postgresql","name":"shop","ts_ms":1787220930123,
 *      "snapshot":"false","db":"shop","sequence":"[\"24026448\",\"24026984\"]","ts_us":1787220930123456,
 *      "ts_ns":1787220930123456000,"schema":"public","table":"orders","txId":771,"lsn":24026984,"xmin":null,
 *      "origin":null,"origin_lsn":null}
 *
 * Per row only the LSN and the marker are new; the rest is a copy of pieces made per table version (plan.c) or per
 * transaction (here). Rows of an incremental snapshot belong to no place in the log: no txId, lsn or sequence.
 * xmin is always null: millrace does not ask the server for it. */
#include "connectors/encoder_json/source_block.h"

static struct mr_buf *const *all(struct source_block *block, struct mr_buf *list[7])
{
    list[0] = &block->commit_ms;
    list[1] = &block->previous;
    list[2] = &block->commit_us;
    list[3] = &block->id;
    list[4] = &block->tail;
    list[5] = &block->times;
    list[6] = &block->message_time;
    return list;
}

void source_block_init(struct source_block *block)
{
    struct mr_buf *list[7];

    *block = (struct source_block){0};
    for (int i = 0; i < 7; i++)
        mr_buf_init(all(block, list)[i], 64 << 10);
}

void source_block_done(struct source_block *block)
{
    struct mr_buf *list[7];

    for (int i = 0; i < 7; i++)
        mr_buf_done(all(block, list)[i]);
}

void source_block_reset(struct source_block *block)
{
    block->transaction = NULL;
    block->read_us = INT64_MIN;
}

static void add_number_or_null(struct mr_buf *buf, uint64_t number, bool present)
{
    if (present)
        mr_json_add_u64(buf, number);
    else
        mr_buf_add_str(buf, "null");
}

static void fill(struct source_block *block, const struct mr_transaction *transaction)
{
    struct mr_buf *list[7];

    for (int i = 0; i < 5; i++)
        mr_buf_clear(all(block, list)[i]);
    block->transaction = transaction;
    mr_json_add_i64(&block->commit_ms, transaction->commit_us / 1000);
    if (transaction->previous_lsn)
        mr_buf_printf(&block->previous, "\\\"%llu\\\",",
                      (unsigned long long)transaction->previous_lsn);
    else
        mr_buf_add_str(&block->previous, "null,");
    mr_buf_add_str(&block->commit_us, "]\",\"ts_us\":");
    mr_json_add_i64(&block->commit_us, transaction->commit_us);
    mr_buf_add_str(&block->commit_us, ",\"ts_ns\":");
    mr_json_add_i64(&block->commit_us, transaction->commit_us * 1000);
    mr_buf_add_char(&block->commit_us, ',');
    add_number_or_null(&block->id, transaction->id, transaction->id != 0);
    mr_buf_add_str(&block->tail, ",\"xmin\":null,\"origin\":");
    if (transaction->origin.data)
        mr_json_add_str(&block->tail, transaction->origin);
    else
        mr_buf_add_str(&block->tail, "null");
    mr_buf_add_str(&block->tail, ",\"origin_lsn\":");
    add_number_or_null(&block->tail, transaction->origin_lsn, transaction->origin.data != NULL);
    mr_buf_add_char(&block->tail, '}');
}

static void write_mark(const struct json_plan *plan, const struct mr_change *change,
                       struct mr_out *out)
{
    if (change->mark == MR_SNAPSHOT_NONE) {
        mr_out_raw(out, plan->source_mark);
        return;
    }
    MR_OUT_LITERAL(out, ",\"snapshot\":\"");
    mr_out_raw(out, mr_slice_str(mr_envelope_mark(change->mark)));
    mr_out_raw(out, plan->source_db);
}

void source_block_write(struct source_block *block, const struct json_plan *plan,
                        const struct mr_change *change, struct mr_out *out)
{
    static const struct mr_transaction unknown = {0};
    const struct mr_transaction *transaction = change->transaction ? change->transaction : &unknown;
    bool in_log = change->mark != MR_SNAPSHOT_INCREMENTAL && change->lsn != 0;
    bool in_transaction = change->mark != MR_SNAPSHOT_INCREMENTAL &&
                          !(change->message && !change->message->transactional);

    if (block->transaction != transaction)
        fill(block, transaction);
    mr_out_raw(out, plan->source_head);
    mr_out_raw(out, mr_buf_slice(&block->commit_ms));
    write_mark(plan, change, out);
    if (change->mark == MR_SNAPSHOT_NONE)
        mr_out_raw(out, mr_buf_slice(&block->previous));
    else
        MR_OUT_LITERAL(out, "null,");
    mr_out_need(out, 64);
    if (in_log) {
        memcpy(out->at, "\\\"", 2);
        out->at = mr_json_put_u64(out->at + 2, change->lsn);
        memcpy(out->at, "\\\"", 2);
        out->at += 2;
    } else {
        MR_OUT_LITERAL(out, "null");
    }
    mr_out_raw(out, mr_buf_slice(&block->commit_us));
    mr_out_raw(out, plan->source_table);
    if (in_transaction)
        mr_out_raw(out, mr_buf_slice(&block->id));
    else
        MR_OUT_LITERAL(out, "null");
    MR_OUT_LITERAL(out, ",\"lsn\":");
    if (in_log)
        mr_out_u64(out, change->lsn);
    else
        MR_OUT_LITERAL(out, "null");
    mr_out_raw(out, mr_buf_slice(&block->tail));
}

void source_block_times(struct source_block *block, const struct mr_change *change,
                        struct mr_out *out)
{
    if (block->read_us != change->read_us) {
        block->read_us = change->read_us;
        mr_buf_clear(&block->times);
        mr_buf_printf(&block->times, "\"ts_ms\":%lld,\"ts_us\":%lld,\"ts_ns\":%lld}",
                      (long long)(change->read_us / 1000), (long long)change->read_us,
                      (long long)(change->read_us * 1000));
        mr_buf_clear(&block->message_time);
        mr_buf_printf(&block->message_time, "\"ts_ms\":%lld", (long long)(change->read_us / 1000));
    }
    mr_out_raw(out,
               mr_buf_slice(change->op == MR_OP_MESSAGE ? &block->message_time : &block->times));
}

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

void source_block_init(struct source_block *block)
{
    *block = (struct source_block){0};
    mr_buf_init(&block->tail, 64 << 10);
    mr_buf_init(&block->times, 64 << 10);
    mr_buf_init(&block->message_time, 64 << 10);
}

void source_block_done(struct source_block *block)
{
    mr_buf_done(&block->tail);
    mr_buf_done(&block->times);
    mr_buf_done(&block->message_time);
}

void source_block_reset(struct source_block *block)
{
    block->transaction = NULL;
    block->read_us = INT64_MIN;
}

static char *put(char *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

#define PUT(at, literal) put((at), (literal), sizeof(literal) - 1)

static void set_end(struct source_text *text, const char *end)
{
    text->size = (size_t)(end - text->text);
}

/* One number three times: whole, without its last three digits, with three more. */
static void fill_times(struct source_block *block, int64_t commit_us)
{
    char *at = PUT(block->commit_us.text, "]\",\"ts_us\":"), *digits = at;
    size_t size;

    at = mr_json_put_i64(digits, commit_us);
    size = (size_t)(at - digits);
    at = put(PUT(at, ",\"ts_ns\":"), digits, size);
    at = commit_us ? PUT(at, "000,") : PUT(at, ",");
    set_end(&block->commit_us, at);
    if (commit_us / 1000)
        at = put(block->commit_ms.text, digits, size - 3);
    else
        at = PUT(block->commit_ms.text, "0");
    set_end(&block->commit_ms, at);
}

static void fill_tail(struct source_block *block, const struct mr_transaction *transaction)
{
    const struct mr_origin_postgres *origin = &transaction->origin.postgres;
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
static void fill(struct source_block *block, const struct mr_transaction *transaction)
{
    const struct mr_origin_postgres *origin = &transaction->origin.postgres;
    char *at = block->previous.text;

    block->transaction = transaction;
    fill_times(block, transaction->commit_us);
    if (origin->previous_lsn)
        at = PUT(mr_json_put_u64(PUT(at, "\\\""), origin->previous_lsn), "\\\",");
    else
        at = PUT(at, "null,");
    set_end(&block->previous, at);
    at = block->id.text;
    at = origin->xid ? mr_json_put_u64(at, origin->xid) : PUT(at, "null");
    set_end(&block->id, at);
    fill_tail(block, transaction);
}

static void write_text(const struct source_text *text, struct mr_out *out)
{
    mr_out_raw(out, mr_slice(text->text, text->size));
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
    bool in_log = change->mark != MR_SNAPSHOT_INCREMENTAL && change->origin.postgres.lsn != 0;
    bool in_transaction = change->mark != MR_SNAPSHOT_INCREMENTAL &&
                          !(change->message && !change->message->transactional);

    if (block->transaction != transaction)
        fill(block, transaction);
    mr_out_raw(out, plan->source_head);
    write_text(&block->commit_ms, out);
    write_mark(plan, change, out);
    if (change->mark == MR_SNAPSHOT_NONE)
        write_text(&block->previous, out);
    else
        MR_OUT_LITERAL(out, "null,");
    mr_out_need(out, 64);
    if (in_log) {
        memcpy(out->at, "\\\"", 2);
        out->at = mr_json_put_u64(out->at + 2, change->origin.postgres.lsn);
        memcpy(out->at, "\\\"", 2);
        out->at += 2;
    } else {
        MR_OUT_LITERAL(out, "null");
    }
    write_text(&block->commit_us, out);
    mr_out_raw(out, plan->source_table);
    if (in_transaction)
        write_text(&block->id, out);
    else
        MR_OUT_LITERAL(out, "null");
    MR_OUT_LITERAL(out, ",\"lsn\":");
    if (in_log)
        mr_out_u64(out, change->origin.postgres.lsn);
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

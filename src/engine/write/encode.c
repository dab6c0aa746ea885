/* From changes to records, and what becomes of those that cannot be one.
 *
 * A change that the encoder refuses becomes a dead letter in its place, when the policy says so, and encoding goes on
 * behind it; a record that the sink would refuse for its size becomes one without its rows.
 *
 * Where the sink looks at nothing but records they are made in memory of their own, so that the rows need not wait for
 * the commit of what was made of them (model/batch.h: divided). Not with logical messages: a text format may point
 * into them. */
#include "engine/write/encode.h"

#include <stdlib.h>

int mr_encoding_open(struct mr_encoding *encoding, struct mr_slice transactions,
                     const struct mr_checkpoint *checkpoint, struct mr_err *err)
{
    const struct mr_encoder *encoder = encoding->config->encoder;
    struct mr_encoder_args args = {.context = encoding->context,
                                   .config = encoding->config->encoder_config,
                                   .transactions = transactions,
                                   .remembered = mr_buf_slice(&checkpoint->encoder),
                                   .kept = mr_buf_slice(&checkpoint->kept)};

    if (!encoder)
        return 0;
    encoding->state = mr_alloc_zero(encoder->state_size);
    return encoder->open(encoding->state, &args, err);
}

void mr_encoding_remember(struct mr_encoding *encoding, struct mr_checkpoint *checkpoint)
{
    const struct mr_encoder *encoder = encoding->config->encoder;
    struct mr_slice kept = {NULL, 0};

    if (!encoding->state)
        return;
    if (encoder->remember) {
        mr_buf_clear(&checkpoint->encoder);
        mr_buf_add_slice(&checkpoint->encoder, encoder->remember(encoding->state));
    }
    if (encoder->keep)
        kept = encoder->keep(encoding->state);
    if (kept.size > 0) {
        mr_buf_clear(&checkpoint->kept);
        mr_buf_add_slice(&checkpoint->kept, kept);
    }
}

void mr_encoding_close(struct mr_encoding *encoding)
{
    if (encoding->state)
        encoding->config->encoder->close(encoding->state);
    free(encoding->state);
    encoding->state = NULL;
    mr_dead_letters_close(&encoding->dead_letters);
}

/* Encodes the changes from `from` on; *ret_failed counts from the first of all. */
static int encode_from(struct mr_encoding *encoding, struct mr_batch *batch, size_t from,
                       size_t *ret_failed, struct mr_err *err)
{
    struct mr_change *changes = batch->changes;
    size_t failed = 0;
    int rc;

    batch->changes += from;
    batch->change_count -= from;
    rc = encoding->config->encoder->encode(encoding->state, batch, &failed, err);
    batch->changes = changes;
    batch->change_count += from;
    *ret_failed = from + failed;
    return rc;
}

/* The change that failed becomes a dead letter in its place; what the encoder had made of it goes. */
static int set_aside(struct mr_encoding *encoding, struct mr_batch *batch,
                     const struct mr_change *change, struct mr_err *err)
{
    struct mr_record record;
    int rc;

    while (batch->record_count > 0 && batch->records[batch->record_count - 1].change == change)
        batch->record_count--;
    rc = mr_dead_letters_fill(&encoding->dead_letters, batch, change, true, &record, err);
    if (rc == 0)
        *mr_batch_add_record(batch) = record;
    return rc;
}

/* What the sink takes of a record that is above what every topic takes. */
static size_t own_limit(const struct mr_encoding *encoding, const struct mr_encoding_limit *limit,
                        const struct mr_record *record)
{
    const struct mr_sink *sink = encoding->config->sink;

    return sink->record_bytes ? sink->record_bytes(limit->sink, record->topic) : limit->least;
}

/* Records that the sink would refuse become dead letters without their rows. */
static int set_aside_large(struct mr_encoding *encoding, const struct mr_encoding_limit *limit,
                           struct mr_batch *batch, struct mr_err *err)
{
    int rc = 0;

    if (limit->least == 0 || !mr_dead_letters_wanted(&encoding->dead_letters))
        return 0;
    for (size_t i = 0; i < batch->record_count && rc == 0; i++) {
        struct mr_record *record = &batch->records[i];
        size_t size = mr_record_size(record), most;
        if (size <= limit->least || size <= (most = own_limit(encoding, limit, record)))
            continue;
        mr_err_set(err, MR_DATA, "encode.too_large",
                   "the record has %zu bytes, the sink takes %zu at most", size, most);
        rc = mr_dead_letters_fill(&encoding->dead_letters, batch, record->change, false, record,
                                  err);
    }
    return rc;
}

static int encode(struct mr_encoding *encoding, const struct mr_encoding_limit *limit,
                  struct mr_batch *batch, struct mr_err *err)
{
    size_t from = 0, failed = 0, bytes = 0;
    int rc;

    if (!encoding->config->encoder)
        return 0;
    do {
        rc = encode_from(encoding, batch, from, &failed, err);
        if (rc != MR_DATA || !mr_dead_letters_wanted(&encoding->dead_letters))
            break;
        rc = set_aside(encoding, batch, &batch->changes[failed], err);
        from = failed + 1;
    } while (rc == 0 && from < batch->change_count);
    if (rc == 0)
        rc = set_aside_large(encoding, limit, batch, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < batch->record_count; i++)
        bytes += batch->records[i].key.size + batch->records[i].value.size;
    mr_count(&encoding->context->counters->encoded_records, batch->record_count);
    mr_count(&encoding->context->counters->encoded_bytes, bytes);
    return 0;
}

int mr_encode(struct mr_encoding *encoding, const struct mr_encoding_limit *limit,
              struct mr_batch *batch, struct mr_err *err)
{
    struct mr_batch *other;
    int rc;

    batch->rows = batch->change_count;
    if (!encoding->divides || batch->messages || batch->change_count == 0)
        return encode(encoding, limit, batch, err);
    other = mr_pool_get_divided(encoding->pool);
    mr_batch_divert(batch, other);
    rc = encode(encoding, limit, batch, err);
    if (rc == 0) {
        mr_batch_divide(batch, other);
    } else {
        mr_batch_divert(batch, other);
        other->divided = true;
    }
    mr_pool_put(encoding->pool, other);
    return rc;
}

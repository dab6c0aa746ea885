/* pgoutput messages, hostile: a stream of them is fed to the parser, the relation cache and the decoders, into a
 * real batch. Input: messages one after another, each with a big-endian u16 length in front. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "connectors/source_postgres/read/feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mr_counters counters;
static atomic_bool stopping;
static const struct mr_context context = {
    .pipeline = "fuzz", .server = "fuzz", .counters = &counters, .stopping = &stopping};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_cur cur = mr_cur(mr_slice(data, size));
    struct mr_batch *batch = mr_batch_new(4096, 4096);
    struct mr_pg_feed feed;
    struct mr_err err;
    uint64_t lsn = 1;

    mr_pg_feed_init(&feed, &context, (struct mr_pg_position){.standing.base = 1});
    while (mr_cur_left(&cur) > 2) {
        struct mr_slice message = mr_cur_bytes(&cur, mr_cur_be16(&cur));
        if (cur.failed)
            break;
        if (mr_pg_feed_keeps(&feed, message.size ? message.data[0] : 0))
            message = mr_arena_copy(&batch->arena, message);
        if (mr_pg_feed_take(&feed, batch, lsn++, message, &err) < 0)
            break;
    }
    mr_pg_feed_close_batch(&feed, batch);
    if (batch->position.text.size == 0)
        abort();
    mr_pg_feed_done(&feed);
    mr_batch_free(batch);
    return 0;
}

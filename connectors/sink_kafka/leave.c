/* Three waits that librdkafka does not make by itself (2.14.2; 2.15 reads the same).
 *
 * Behind, before a flush. It holds the number of messages on their way against its limit of five requests, so that a
 * partition of an idempotent producer has one request on its way at a time; and in a flush its broker thread polls
 * without pause while that one is and more waits, which took a fifth of all our CPU time. So full batches leave first.
 * Whether one is left can only be guessed from the mean size of records: small ones behind large ones look like a full
 * batch, for which no answer ever comes. So a guess is given up after three times what answers took lately, or 50 ms.
 *
 * Caught up, between commits. linger.ms is long (config.c says why), so all records of a block would leave with its
 * commit, and who waits for the commit waits for them too. It ignores linger.ms while somebody flushes: a short flush
 * whenever the thread has nothing else to do leaves the commit little to send.
 *
 *     interval    |-- rows -- rows ---- rows ------- commit --|
 *     without                                       [ all rows ][ end ]
 *     with             [rows] [rows]   [rows]       [][ end ]
 *
 * After a commit. The answer to the end of a transaction comes before its markers are written. A partition that is
 * added to the next transaction meanwhile is refused with CONCURRENT_TRANSACTIONS, and librdkafka's next try is 20 ms
 * later: until then no record leaves. Under load, where rows wait for the commit to end, one transaction in five, and
 * on a busier machine four in five, lost these 20 ms. The markers were written after one to three times what the end
 * took. */
#include "connectors/sink_kafka/leave.h"

#include "base/clock.h"

#define STILL_LEAST (50 * MR_MS_NS)
#define STILL_MOST  MR_SECOND_NS
#define QUIET_NS    (5 * MR_MS_NS)
#define HURRY_MS    5           /* the first records wait for their partition to be added */
#define HURRY_BYTES (32u << 10) /* this much leaves at once */
#define HURRY_LEAST (2u << 10)  /* less goes with the commit: a request costs brokers more */
#define HURRY_NS    (3 * MR_MS_NS)
#define REST_LEAST  (2 * MR_MS_NS)
#define REST_MOST   (10 * MR_MS_NS)

/* How long an answer to a full batch may take. */
static int64_t patience(const struct mr_kafka_producer *producer)
{
    int64_t most_ns = 3 * producer->answer_ns;

    return most_ns < STILL_LEAST ? STILL_LEAST : most_ns > STILL_MOST ? STILL_MOST : most_ns;
}

/* What takes longer counts at once, what takes less by and by. */
static void learn(struct mr_kafka_producer *producer, int64_t took_ns)
{
    int64_t before_ns = producer->answer_ns;

    producer->answer_ns = took_ns > before_ns ? took_ns : before_ns - (before_ns - took_ns) / 4;
}

/* A partition's last batch is not full, so when all full ones have left, less than one for each is left over. With
 * several partitions that much may also be a full one and little else: there, QUIET_NS without an answer tells. */
void mr_kafka_leave_batches(struct mr_kafka_producer *producer)
{
    uint64_t records = producer->records - producer->records_before;
    uint64_t bytes = producer->bytes - producer->bytes_before;
    uint64_t size = records ? bytes / records + 1 : 1,
             batch = (uint64_t)producer->client.batch_bytes;
    uint64_t most = batch * (producer->touched ? producer->touched : 1);
    int64_t quiet_ns = producer->touched > 1 && bytes > batch ? QUIET_NS : 0;
    int64_t moved = mr_clock_mono_ns();
    int left = rd_kafka_outq_len(producer->client.handle.rk);

    while (left > 0 && !producer->client.refused && !mr_kafka_stopping(producer->setting)) {
        int64_t still_ns = mr_clock_mono_ns() - moved;
        if (still_ns >= ((uint64_t)left * size > most ? patience(producer) : quiet_ns))
            break;
        mr_kafka_client_serve(&producer->client, 1);
        int now = rd_kafka_outq_len(producer->client.handle.rk);
        if (now < left) {
            learn(producer, mr_clock_mono_ns() - moved);
            moved = mr_clock_mono_ns();
        }
        left = now;
    }
}

void mr_kafka_leave_now(struct mr_kafka_producer *producer)
{
    uint64_t waiting = producer->bytes - producer->hurried;
    bool soon = mr_clock_mono_ns() - producer->hurried_ns < HURRY_NS;

    if (waiting < (soon ? HURRY_BYTES : HURRY_LEAST))
        return;
    producer->hurried = producer->bytes;
    rd_kafka_flush(producer->client.handle.rk, HURRY_MS);
    producer->hurried_ns = mr_clock_mono_ns();
    mr_kafka_client_serve(&producer->client, 0);
}

int64_t mr_kafka_leave_rest(const struct mr_kafka_producer *producer)
{
    int64_t rest_ns = 3 * producer->commit_ns;

    if (!producer->transactional)
        return 0;
    rest_ns = rest_ns < REST_LEAST ? REST_LEAST : rest_ns > REST_MOST ? REST_MOST : rest_ns;
    return mr_clock_mono_ns() + rest_ns;
}

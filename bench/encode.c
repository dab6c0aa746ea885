/* What a row of ten columns costs between PostgreSQL's bytes and a record, and how much of that is encoding.
 *
 *     bytes of Insert messages --copy, decode--> changes --encode--> records
 *     |<---------- decode -------------------->|
 *     |<---------- decode and Avro, decode and JSON ------------->|
 *
 * encode [ROUNDS [BATCHES]]. The messages are pgoutput's in binary, written here, 1,000 rows a batch in transactions
 * of 100, new ones for each batch and outside what is measured. They go through the feed of source_postgres as its
 * stream gives them to it, copied into the batch's arena first, and through the encoders as the engine calls them. The
 * yardsticks: memcpy of the same messages, one by one, and of the records that were made.
 *
 * A round runs every contestant for BATCHES batches, in turns, and takes CPU time of the thread. What is told is the
 * median over the rounds, in ns a row, and for the encoders the median of the differences to the same round's decoding.
 * Each record is counted; nothing is read back: the tests do that. Avro's ids come from a registry that is played
 * here, once. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "connectors/encoder_avro/plan.h"
#include "connectors/encoder_json/plan.h"
#include "connectors/source_postgres/read/feed.h"
#include "plug/encoder.h"
#include "test/support/fake_registry.h"

extern const struct mr_encoder mr_encoder_avro, mr_encoder_json;

#define TRANSACTIONS 10
#define ROWS_EACH    100
#define ROWS         (TRANSACTIONS * ROWS_EACH)
#define MESSAGES     (ROWS + 2 * TRANSACTIONS)
#define ROUNDS_MAX   1000
#define TABLE        16384

struct wire {
    struct mr_buf bytes;
    size_t ends[MESSAGES];
    size_t count;
    uint64_t lsn;
};

struct contestant {
    const char *name;
    const struct mr_encoder *encoder; /* NULL: none */
    int envelope;
    bool decodes;
    void *state;
    struct mr_pg_feed feed;
    struct mr_batch *batch;
    double wire_bytes, record_bytes; /* a row */
    double spent[ROUNDS_MAX], copied[ROUNDS_MAX];
};

static struct contestant contestants[] = {
    {.name = "memcpy of the messages"},
    {.name = "decode", .decodes = true},
    {.name = "decode and Avro",
     .decodes = true,
     .encoder = &mr_encoder_avro,
     .envelope = MR_ENVELOPE_DEBEZIUM},
    {.name = "decode and Avro, flat",
     .decodes = true,
     .encoder = &mr_encoder_avro,
     .envelope = MR_ENVELOPE_FLAT},
    {.name = "decode and JSON",
     .decodes = true,
     .encoder = &mr_encoder_json,
     .envelope = MR_ENVELOPE_DEBEZIUM},
    {.name = "decode and JSON, flat",
     .decodes = true,
     .encoder = &mr_encoder_json,
     .envelope = MR_ENVELOPE_FLAT},
};

#define CONTESTANTS (sizeof(contestants) / sizeof(contestants[0]))
#define DECODE      1

static struct mr_counters counters;
static atomic_bool stopping;
static const struct mr_context context = {
    .pipeline = "bench", .server = "shop", .counters = &counters, .stopping = &stopping};

static void must(int rc, const struct mr_err *err)
{
    if (rc < 0) {
        fprintf(stderr, "encode: %s: %s\n", err->code, err->text);
        exit(1);
    }
}

/* ---- the messages ---- */

static void put(struct mr_buf *buf, uint64_t number, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        mr_buf_add_char(buf, (char)(number >> (8 * i)));
}

static void put_name(struct mr_buf *buf, const char *name)
{
    mr_buf_add(buf, name, strlen(name) + 1);
}

static void end_message(struct wire *wire)
{
    wire->ends[wire->count++] = wire->bytes.size;
}

static void put_number(struct mr_buf *buf, uint64_t number, uint32_t size)
{
    put(buf, 'b', 1);
    put(buf, size, 4);
    put(buf, number, (int)size);
}

static void put_text(struct mr_buf *buf, const char *text)
{
    put(buf, 'b', 1);
    put(buf, strlen(text), 4);
    mr_buf_add_str(buf, text);
}

/* 1,250 and some, with two digits behind the point: three groups of four digits. */
static void put_numeric(struct mr_buf *buf, uint64_t row)
{
    put(buf, 'b', 1);
    put(buf, 8 + 2 * 2, 4);
    put(buf, 2, 2); /* groups */
    put(buf, 0, 2); /* weight of the first */
    put(buf, 0, 2); /* sign */
    put(buf, 2, 2); /* digits behind the point */
    put(buf, 1250 + row, 2);
    put(buf, row % 100 * 100, 2);
}

static void put_row(struct mr_buf *buf, uint64_t row)
{
    put(buf, 'I', 1);
    put(buf, TABLE, 4);
    put(buf, 'N', 1);
    put(buf, 10, 2);
    put_number(buf, 100000 + row, 8);
    put_number(buf, row % 1000, 2);
    put_number(buf, row & 1, 1);
    put_number(buf, 0x3ff8000000000000 + (row << 32), 8);
    put_text(buf, "twenty letters here.");
    put_numeric(buf, row);
    put_number(buf, 9728 + row % 100, 4);
    put_number(buf, 840535730351042 + row * 1000, 8);
    put_text(buf, "twenty letters more.");
    put_number(buf, row * row, 8);
}

/* The next batch's. */
static void write_messages(struct wire *wire)
{
    mr_buf_clear(&wire->bytes);
    wire->count = 0;
    for (uint64_t i = 0; i < TRANSACTIONS; i++) {
        wire->lsn += 40000;
        put(&wire->bytes, 'B', 1);
        put(&wire->bytes, wire->lsn, 8);
        put(&wire->bytes, 840535730351042, 8);
        put(&wire->bytes, 771 + i, 4);
        end_message(wire);
        for (uint64_t row = 0; row < ROWS_EACH; row++) {
            put_row(&wire->bytes, i * ROWS_EACH + row);
            end_message(wire);
        }
        put(&wire->bytes, 'C', 1);
        put(&wire->bytes, 0, 1);
        put(&wire->bytes, wire->lsn, 8);
        put(&wire->bytes, wire->lsn + 48, 8);
        put(&wire->bytes, 840535730351042, 8);
        end_message(wire);
    }
}

static void write_relation(struct mr_buf *buf)
{
    static const struct {
        const char *name;
        uint32_t type, modifier;
    } columns[] = {{"id", 20, UINT32_MAX},      {"small", 21, UINT32_MAX},
                   {"flag", 16, UINT32_MAX},    {"weight", 701, UINT32_MAX},
                   {"name", 25, UINT32_MAX},    {"price", 1700, (12 << 16 | 2) + 4},
                   {"day", 1082, UINT32_MAX},   {"placed_at", 1114, UINT32_MAX},
                   {"comment", 25, UINT32_MAX}, {"square", 20, UINT32_MAX}};

    put(buf, 'R', 1);
    put(buf, TABLE, 4);
    put_name(buf, "public");
    put_name(buf, "orders");
    put(buf, 'd', 1);
    put(buf, 10, 2);
    for (size_t i = 0; i < 10; i++) {
        put(buf, i == 0, 1);
        put_name(buf, columns[i].name);
        put(buf, columns[i].type, 4);
        put(buf, columns[i].modifier, 4);
    }
}

/* ---- the contestants ---- */

static void open_feed(struct contestant *contestant)
{
    struct mr_pg_position position = {.standing = {.base = 1, .started = true}};
    struct mr_buf relation;
    struct mr_err err;

    (void)snprintf(position.database, sizeof(position.database), "shop");
    mr_pg_feed_init(&contestant->feed, &context, position);
    mr_buf_init(&relation, 1 << 16);
    write_relation(&relation);
    must(mr_pg_feed_take(&contestant->feed, contestant->batch, 1, mr_buf_slice(&relation), &err),
         &err);
    mr_buf_done(&relation);
}

static void open_encoder(struct contestant *contestant, const char *url, struct mr_arena *arena)
{
    const struct mr_encoder *encoder = contestant->encoder;
    void *config = mr_alloc_zero(encoder->config_size);
    struct mr_encoder_args args = {.context = &context, .config = config};
    struct mr_table *table = mr_pg_relations_find(&contestant->feed.relations, TABLE)->table;
    struct mr_codec_config *common = config; /* it begins with it */
    struct mr_err err;

    mr_option_defaults(encoder->options, config, arena);
    common->events.envelope = contestant->envelope;
    if (encoder == &mr_encoder_avro) {
        struct mr_registry_options *registry = &common->subjects.registry;
        const char **urls = (const char **)mr_arena_alloc(arena, sizeof(*urls), sizeof(*urls));
        urls[0] = url;
        registry->urls = (struct mr_option_list){urls, 1};
    }
    table->topic = mr_slice_str("shop.public.orders");
    contestant->state = mr_alloc_zero(encoder->state_size);
    must(encoder->open(contestant->state, &args, &err), &err);
    must(encoder->describe(contestant->state, table, &err), &err);
    free(config);
}

static int64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static struct mr_slice message_at(const struct wire *wire, size_t i)
{
    size_t from = i ? wire->ends[i - 1] : 0;

    return mr_slice(wire->bytes.data + from, wire->ends[i] - from);
}

static void copy_messages(struct mr_batch *batch, const struct wire *wire)
{
    for (size_t i = 0; i < wire->count; i++)
        (void)mr_arena_copy(&batch->arena, message_at(wire, i));
}

static void decode(struct contestant *contestant, const struct wire *wire, struct mr_err *err)
{
    struct mr_pg_feed *feed = &contestant->feed;
    struct mr_batch *batch = contestant->batch;

    mr_track_new_batch(&feed->track, 1787220930351042);
    for (size_t i = 0; i < wire->count; i++) {
        struct mr_slice message = message_at(wire, i);

        if (mr_pg_feed_keeps(feed, message.data[0]))
            message = mr_arena_copy(&batch->arena, message);
        must(mr_pg_feed_take(feed, batch, wire->lsn, message, err), err);
    }
    mr_pg_feed_close_batch(feed, batch);
}

/* memcpy of what was made: the least that a record of this size costs. Returns ns. */
static int64_t copy_records(const struct mr_batch *batch, double *ret_bytes)
{
    static char room[8 << 20];
    int64_t begin = cpu_ns();
    size_t used = 0;

    for (size_t i = 0; i < batch->record_count; i++) {
        const struct mr_record *record = &batch->records[i];

        memcpy(room + used, record->key.data, record->key.size);
        used += record->key.size;
        memcpy(room + used, record->value.data, record->value.size);
        used += record->value.size;
    }
    __asm__ volatile("" : : "r"(room) : "memory"); /* as if it were read */
    *ret_bytes = (double)used / ROWS;
    return cpu_ns() - begin;
}

static void run_batch(struct contestant *contestant, struct wire *wire, double *spent,
                      double *copied)
{
    struct mr_batch *batch = contestant->batch;
    struct mr_err err;
    int64_t begin;
    size_t failed;

    mr_batch_reset(batch);
    write_messages(wire);
    begin = cpu_ns();
    if (contestant->decodes)
        decode(contestant, wire, &err);
    else
        copy_messages(batch, wire);
    if (contestant->encoder)
        must(contestant->encoder->encode(contestant->state, batch, &failed, &err), &err);
    *spent += (double)(cpu_ns() - begin) / ROWS;
    if (contestant->decodes && batch->change_count != ROWS)
        must(mr_err_set(&err, MR_BUG, "bench", "%zu changes", batch->change_count), &err);
    if (contestant->encoder && batch->record_count != ROWS)
        must(mr_err_set(&err, MR_BUG, "bench", "%zu records", batch->record_count), &err);
    contestant->wire_bytes = (double)wire->bytes.size / ROWS;
    *copied += (double)copy_records(batch, &contestant->record_bytes) / ROWS;
}

static void run_rounds(struct wire *wire, int rounds, int batches)
{
    for (int round = -1; round < rounds; round++) {
        for (size_t i = 0; i < CONTESTANTS; i++) {
            double spent = 0, copied = 0;

            for (int n = 0; n < batches; n++)
                run_batch(&contestants[i], wire, &spent, &copied);
            if (round >= 0) {
                contestants[i].spent[round] = spent / batches;
                contestants[i].copied[round] = copied / batches;
            }
        }
    }
}

/* ---- what is told ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Median, least and most of a - b (b NULL: of a). */
static double median(const double *a, const double *b, int count, double *ret_least,
                     double *ret_most)
{
    double sorted[ROUNDS_MAX];

    for (int i = 0; i < count; i++)
        sorted[i] = a[i] - (b ? b[i] : 0);
    qsort(sorted, (size_t)count, sizeof(sorted[0]), compare);
    *ret_least = sorted[0];
    *ret_most = sorted[count - 1];
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static void tell(int rounds, int batches)
{
    double least, most;

    printf("%d rounds of %d batches of %d rows in turns, %.0f bytes a row on the wire\n\n", rounds,
           batches, ROWS, contestants[0].wire_bytes);
    printf("| | ns per row, median | least to most | beyond decoding, median | least to most | "
           "bytes per record | memcpy of them, ns |\n|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < CONTESTANTS; i++) {
        const struct contestant *contestant = &contestants[i];
        double all = median(contestant->spent, NULL, rounds, &least, &most);

        printf("| %s | %.0f | %.0f to %.0f | ", contestant->name, all, least, most);
        if (!contestant->encoder) {
            printf("- | - | - | - |\n");
            continue;
        }
        all = median(contestant->spent, contestants[DECODE].spent, rounds, &least, &most);
        printf("%.0f | %.0f to %.0f | %.0f | ", all, least, most, contestant->record_bytes);
        printf("%.0f |\n", median(contestant->copied, NULL, rounds, &least, &most));
    }
}

static int number_of(const char *text, int most)
{
    long number = strtol(text, NULL, 10);

    return number < 1 ? 1 : number > most ? most : (int)number;
}

int main(int argc, char **argv)
{
    static const struct fake_answer ids[] = {{.status = 200, .body = "{\"id\":7}"},
                                             {.status = 200, .body = "{\"id\":258}"},
                                             {.status = 200, .body = "{\"id\":7}"},
                                             {.status = 200, .body = "{\"id\":259}"},
                                             {0}};
    int rounds = argc > 1 ? number_of(argv[1], ROUNDS_MAX) : 21;
    int batches = argc > 2 ? number_of(argv[2], 1 << 20) : 100;
    struct fake_registry registry = {0};
    struct wire wire = {.lsn = 1000000};
    struct mr_arena arena;

    mr_buf_init(&wire.bytes, 64 << 20);
    mr_arena_init(&arena, 4096, 0);
    fake_registry_start(&registry, ids);
    for (size_t i = 0; i < CONTESTANTS; i++) {
        contestants[i].batch = mr_batch_new(256 << 10, 8 << 20);
        open_feed(&contestants[i]);
        if (contestants[i].encoder)
            open_encoder(&contestants[i], registry.url, &arena);
    }
    run_rounds(&wire, rounds, batches);
    tell(rounds, batches);
    for (size_t i = 0; i < CONTESTANTS; i++) {
        if (contestants[i].encoder)
            contestants[i].encoder->close(contestants[i].state);
        free(contestants[i].state);
        mr_pg_feed_done(&contestants[i].feed);
        mr_batch_free(contestants[i].batch);
    }
    fake_registry_stop(&registry);
    mr_arena_done(&arena);
    mr_buf_done(&wire.bytes);
    return 0;
}

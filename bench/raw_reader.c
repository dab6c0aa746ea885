/* The raw limit: reads a logical replication stream with libpq and does nothing with it.
 *
 *     raw_reader DSN SLOT PUBLICATION UNTIL_LSN plain|lowat|bursts
 *     raw_reader DSN SLOT PUBLICATION FILE delays
 *
 * Three ways to read the same stream: `plain` waits in poll(2) and drains what is there; `lowat` sets
 * SO_RCVLOWAT to 64 KiB first, so that the kernel gathers before it wakes us; `bursts` drains, then pauses for
 * 10 ms while there was something. It asks for binary values, answers keepalives, ends at the commit at or
 * beyond UNTIL_LSN, and prints one JSON object: rows, transactions, bytes, seconds from START_REPLICATION on.
 * `delays` reads as `plain` does until SIGTERM and writes, for each commit, two 64-bit numbers into FILE: its time
 * in microseconds since 1970 and how many microseconds later it was here. "ready" says that the stream is open.
 * Built by bench/run with cc; deliberately one file without millrace's code, so that nothing of ours can make
 * the limit look lower. */
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define MARK     (64 << 10)
#define WAIT_MS  5
#define BURST_NS 10000000L
#define STATUS_S 5.0
#define EPOCH_S  946684800.0

struct tally {
    uint64_t rows, transactions, bytes, seen; /* seen: highest LSN received */
    FILE *delays;                             /* NULL: not wanted */
};

static volatile sig_atomic_t ended;

static void end(int number)
{
    ended = number;
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t be64(const char *at)
{
    uint64_t value;

    memcpy(&value, at, 8);
    return __builtin_bswap64(value);
}

static void put64(char *at, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(at, &value, 8);
}

static void fail(PGconn *connection, const char *what)
{
    fprintf(stderr, "raw_reader: %s: %s", what, PQerrorMessage(connection));
    exit(1);
}

static void send_status(PGconn *connection, uint64_t lsn)
{
    char message[34] = {'r'};
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    put64(message + 1, lsn);
    put64(message + 9, lsn);
    put64(message + 17, lsn);
    put64(message + 25, (uint64_t)(((double)time.tv_sec - EPOCH_S) * 1e6));
    if (PQputCopyData(connection, message, sizeof(message)) != 1 || PQflush(connection) < 0)
        fail(connection, "status");
}

static void write_delay(FILE *file, uint64_t commit)
{
    int64_t pair[2] = {(int64_t)commit + (int64_t)EPOCH_S * 1000000, 0};
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    pair[1] = time.tv_sec * 1000000L + time.tv_nsec / 1000 - pair[0];
    fwrite(pair, sizeof(pair), 1, file);
}

/* True at the commit that ends it. */
static int count(PGconn *connection, struct tally *tally, const char *data, int size,
                 uint64_t until)
{
    tally->bytes += (uint64_t)size;
    if (data[0] == 'k' && size >= 18) {
        if (be64(data + 1) > tally->seen)
            tally->seen = be64(data + 1);
        if (data[17])
            send_status(connection, tally->seen);
        return 0;
    }
    if (data[0] != 'w' || size < 26)
        return 0;
    switch (data[25]) {
    case 'I':
    case 'U':
    case 'D': tally->rows++; break;
    case 'C': /* flags, LSN of the commit, LSN of its end, microseconds since 2000 */
        tally->transactions++;
        tally->seen = be64(data + 25 + 10);
        if (tally->delays)
            write_delay(tally->delays, be64(data + 25 + 18));
        return tally->seen >= until;
    default: break;
    }
    return 0;
}

/* Drains what has come, all of it: libpq reads at most its own buffer at once. Returns 1 at the end, and the
 * number of messages in *ret_drained. */
static int drain(PGconn *connection, struct tally *tally, uint64_t until, int *ret_drained)
{
    char *data;
    int size, done = 0, before;

    *ret_drained = 0;
    do {
        before = *ret_drained;
        if (!PQconsumeInput(connection))
            fail(connection, "read");
        while (!done && (size = PQgetCopyData(connection, &data, 1)) > 0) {
            done = count(connection, tally, data, size, until);
            PQfreemem(data);
            ++*ret_drained;
        }
        if (!done && size < 0)
            fail(connection, "stream ended");
    } while (!done && *ret_drained > before);
    return done;
}

static void start(PGconn *connection, const char *slot, const char *publication)
{
    char command[600];
    PGresult *result;

    snprintf(
        command, sizeof(command),
        "START_REPLICATION SLOT \"%s\" LOGICAL 0/0 (proto_version '1', publication_names '%s', "
        "binary 'true')",
        slot, publication);
    result = PQexec(connection, command);
    if (PQresultStatus(result) != PGRES_COPY_BOTH)
        fail(connection, "start");
    PQclear(result);
}

static void read_stream(PGconn *connection, const char *mode, uint64_t until, struct tally *tally)
{
    double told = now();
    int done = 0, drained = 0;

    while (!done && !ended) {
        struct pollfd ready = {.fd = PQsocket(connection), .events = POLLIN};
        if (drained > 0 && strcmp(mode, "bursts") == 0)
            nanosleep(&(struct timespec){.tv_nsec = BURST_NS}, NULL);
        poll(&ready, 1, WAIT_MS);
        done = drain(connection, tally, until, &drained);
        if (now() - told > STATUS_S) {
            told = now();
            send_status(connection, tally->seen);
        }
    }
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    char dsn[1000];
    unsigned high = UINT32_MAX, low = UINT32_MAX;
    PGconn *connection;
    double begin;
    int mark = MARK, delays = argc == 6 && strcmp(argv[5], "delays") == 0;

    if (argc != 6 || (!delays && sscanf(argv[4], "%X/%X", &high, &low) != 2)) {
        fprintf(stderr, "usage: raw_reader DSN SLOT PUBLICATION UNTIL_LSN plain|lowat|bursts\n"
                        "       raw_reader DSN SLOT PUBLICATION FILE delays\n");
        return 2;
    }
    if (delays && !(tally.delays = fopen(argv[4], "wb"))) {
        perror(argv[4]);
        return 1;
    }
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = end}, NULL);
    snprintf(dsn, sizeof(dsn), "%s replication=database", argv[1]);
    connection = PQconnectdb(dsn);
    if (PQstatus(connection) != CONNECTION_OK)
        fail(connection, "connect");
    if (strcmp(argv[5], "lowat") == 0)
        setsockopt(PQsocket(connection), SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark));
    start(connection, argv[2], argv[3]);
    if (delays) {
        puts("ready");
        fflush(stdout);
    }
    begin = now();
    read_stream(connection, argv[5], ((uint64_t)high << 32) + low, &tally);
    printf("{\"rows\":%llu,\"transactions\":%llu,\"bytes\":%llu,\"seconds\":%.3f}\n",
           (unsigned long long)tally.rows, (unsigned long long)tally.transactions,
           (unsigned long long)tally.bytes, now() - begin);
    if (tally.delays)
        fclose(tally.delays);
    PQfinish(connection);
    return 0;
}

/* The stream's waiting, without a server: libpq and poll(2) are this program's own, and time goes on only as they say.
 *
 * The server here sends a burst of messages every millisecond. What is counted is how often the socket was read and how
 * often the clock: a reader that spins while it should wait reads the clock thousands of times a pause, on any machine.
 * Each reading of the clock costs 100 ns of the time there is, so that one that spins comes to an end, too. */
#include "connectors/source_postgres/read/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define BEGIN_NS  (3600 * MR_SECOND_NS)
#define MESSAGE   1024
#define PERIOD_NS MR_MS_NS

static struct {
    int64_t now_ns,
        sent_ns;           /* sent_ns: when the last burst was sent that the reader has taken in */
    size_t burst, waiting; /* messages a burst; taken in, but not given yet */
    bool inside;           /* messages belong to a transaction that has no end */
    uint64_t lsn;
    size_t clocks, reads, pauses, statuses; /* reads: those that found something */
    size_t behind;                          /* batches of a reader that thought itself behind */
} server;

static int64_t mono_ns(void *unused)
{
    (void)unused;
    server.clocks++;
    return server.now_ns += 100;
}

static int64_t wall_us(void *unused)
{
    (void)unused;
    return server.now_ns / 1000;
}

static const struct mr_clock server_clock = {mono_ns, wall_us, NULL};

/* ---- libpq and the socket ---- */

int PQsocket(const PGconn *conn)
{
    (void)conn;
    return 7;
}

int PQflush(PGconn *conn)
{
    (void)conn;
    return 0;
}

int PQputCopyData(PGconn *conn, const char *buffer, int size)
{
    (void)conn;
    assert_int_equal(buffer[0], 'r');
    assert_int_equal(size, MR_PG_STATUS_SIZE);
    server.statuses++;
    return 1;
}

int PQconsumeInput(PGconn *conn)
{
    (void)conn;
    if (server.sent_ns + PERIOD_NS <= server.now_ns)
        server.reads++;
    while (server.sent_ns + PERIOD_NS <= server.now_ns) {
        server.sent_ns += PERIOD_NS;
        server.waiting += server.burst;
    }
    return 1;
}

static char *put(char *at, uint64_t number, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        *at++ = (char)(number >> (8 * i));
    return at;
}

/* A logical message that fills the frame up. */
int PQgetCopyData(PGconn *conn, char **ret_buffer, int async)
{
    char *at;

    (void)conn;
    (void)async;
    if (server.waiting == 0)
        return 0;
    server.waiting--;
    server.lsn += MESSAGE;
    at = *ret_buffer = calloc(1, MESSAGE);
    at = put(at, 'w', 1);
    at = put(at, server.lsn, 8);
    at = put(at, server.lsn, 8);
    at = put(at, 0, 8);
    at = put(at, 'M', 1);
    at = put(at, server.inside, 1);
    at = put(at, server.lsn, 8);
    at = put(at, 'x', 1);
    at = put(at, 0, 1);
    put(at, (uint64_t)(*ret_buffer + MESSAGE - at - 4), 4);
    return MESSAGE;
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    int64_t deadline_ns = server.now_ns + timeout_ms * MR_MS_NS;

    assert_int_equal(count, 1);
    assert_int_equal(fds->fd, 7);
    assert_true(timeout_ms > 0);
    if (fds->events == 0)
        server.pauses++;
    else if (server.sent_ns + PERIOD_NS < deadline_ns)
        deadline_ns = server.sent_ns + PERIOD_NS;
    if (deadline_ns > server.now_ns)
        server.now_ns = deadline_ns;
    return fds->events != 0 && server.sent_ns + PERIOD_NS <= server.now_ns;
}

/* ---- the tests ---- */

static struct mr_counters counters;
static atomic_bool stopping;
static const struct mr_context context = {
    .pipeline = "p", .server = "s", .counters = &counters, .stopping = &stopping};
static const struct mr_pg_config config;

struct rig {
    struct mr_source_args args;
    struct mr_pg_session session;
    struct mr_pg_server server;
    struct mr_pg_place place;
    struct mr_pg_feed feed;
    struct mr_pg_stream stream;
};

static void begin(struct rig *rig, size_t burst, bool inside, bool until)
{
    struct mr_pg_position position = {.standing = {.base = 1, .started = true}, .database = "d"};

    memset(&server, 0, sizeof(server));
    server.now_ns = server.sent_ns = BEGIN_NS;
    server.burst = burst;
    server.inside = inside;
    mr_clock_use(&server_clock);
    memset(rig, 0, sizeof(*rig));
    mr_pg_session_init(&rig->session, &(struct mr_pg_connect){.context = &context});
    mr_pg_feed_init(&rig->feed, &context, position);
    rig->args.temporary = true; /* does not look for new tables */
    rig->place.context = &context;
    rig->place.config = &config;
    rig->place.args = &rig->args;
    rig->place.position = &rig->feed.position;
    rig->place.server = &rig->server;
    rig->stream.session = &rig->session;
    rig->stream.place = &rig->place;
    rig->stream.feed = &rig->feed;
    rig->stream.batch_bytes = 64 << 20;
    rig->stream.until_lsn = until ? UINT64_MAX : 0;
    rig->stream.active = true;
    rig->stream.interval_ns = 10 * MR_SECOND_NS;
    rig->stream.status_ns = BEGIN_NS;
}

static void open_transaction(struct rig *rig, struct mr_batch *batch)
{
    char message[21], *at = message;
    struct mr_err err;

    at = put(at, 'B', 1);
    at = put(at, 1ull << 40, 8);
    at = put(at, 5, 8);
    put(at, 7, 4);
    assert_int_equal(mr_pg_feed_take(&rig->feed, batch, 1, mr_slice(message, 21), &err), 0);
}

/* Reads for a second, as the engine does. */
static void read_a_second(struct rig *rig)
{
    struct mr_batch *batch = mr_batch_new(64 << 10, 1 << 20);
    struct mr_err err;

    if (server.inside)
        open_transaction(rig, batch);
    while (server.now_ns < BEGIN_NS + MR_SECOND_NS) {
        assert_int_equal(
            mr_pg_stream_read(&rig->stream, batch, server.now_ns + 100 * MR_MS_NS, &err), 0);
        server.behind += !batch->caught_up;
        mr_batch_reset(batch);
    }
    mr_batch_free(batch);
    mr_clock_use(NULL);
    mr_pg_feed_done(&rig->feed);
}

static void it_pauses_as_long_as_a_drain_was_rich_and_does_not_spin(void **unused)
{
    static const struct {
        const char *what;
        size_t burst; /* KiB every ms */
        size_t least, most, pauses;
        bool shallow;
    } cases[] = {
        {"a quiet log is read at once", 1, 900, 1100, 0, false},
        {"from 4 KiB on it waits 2 ms", 5, 300, 550, 300, false},
        {"at 12 MiB/s, too", 12, 300, 550, 300, false},
        {"once 16 MiB/s have come for 50 ms it waits 10 ms", 100, 80, 135, 80, false},
        {"a Unix-domain socket would be full: 1 ms", 100, 450, 1100, 450, true},
        {"a quiet one is read at once, too", 1, 900, 1100, 0, true},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * 4; i++) {
        bool inside = i & 1, until = i & 2;
        struct rig rig;

        begin(&rig, cases[i / 4].burst, inside, until);
        rig.stream.shallow = cases[i / 4].shallow;
        read_a_second(&rig);
        if (server.reads < cases[i / 4].least || server.reads > cases[i / 4].most ||
            server.pauses < cases[i / 4].pauses || server.pauses > cases[i / 4].most ||
            server.clocks > 40 * server.reads || server.statuses > 25 ||
            server.statuses < (until ? 10 : 0))
            fail_msg("%s (%s, %s an end): %zu reads, %zu pauses, %zu clocks, %zu statuses",
                     cases[i / 4].what, inside ? "in a transaction" : "message by message",
                     until ? "with" : "without", server.reads, server.pauses, server.clocks,
                     server.statuses);
    }
}

/* Reads in between, as an engine does that takes so long for each batch. */
static size_t batches_behind(size_t burst, int64_t hiccup_ns, int64_t each_ns)
{
    struct rig rig;
    struct mr_batch *batch = mr_batch_new(64 << 10, 1 << 20);
    struct mr_err err;
    int64_t next_ns = BEGIN_NS;

    begin(&rig, burst, false, false);
    rig.stream.batch_bytes = 256 << 10;
    while (server.now_ns < BEGIN_NS + 3 * MR_SECOND_NS) {
        if (hiccup_ns && server.now_ns >= next_ns) {
            server.now_ns += hiccup_ns;
            next_ns = server.now_ns + 10 * hiccup_ns;
        }
        assert_int_equal(
            mr_pg_stream_read(&rig.stream, batch, server.now_ns + 100 * MR_MS_NS, &err), 0);
        server.behind += !batch->caught_up;
        server.now_ns += each_ns;
        mr_batch_reset(batch);
    }
    mr_batch_free(batch);
    mr_clock_use(NULL);
    mr_pg_feed_done(&rig.feed);
    return server.behind;
}

static void it_is_not_behind_for_a_hiccup(void **unused)
{
    (void)unused;
    assert_int_equal(batches_behind(5, 0, 0), 0);
    assert_int_equal(batches_behind(5, 30 * MR_MS_NS, 0), 0); /* of 150 KiB each */
}

static void it_is_behind_while_more_comes_than_is_taken(void **unused)
{
    (void)unused;
    assert_true(batches_behind(100, 0, 0) > 200);
    assert_true(batches_behind(20, 0, 20 * MR_MS_NS) > 100); /* 400 KiB each time */
}

static void only_a_unix_domain_socket_is_shallow(void **unused)
{
    int pair[2], tcp = socket(AF_INET, SOCK_STREAM, 0);

    (void)unused;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_true(mr_pg_stream_is_shallow(pair[0]));
    assert_false(mr_pg_stream_is_shallow(tcp));
    close(tcp);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_not_behind_for_a_hiccup),
        cmocka_unit_test(it_is_behind_while_more_comes_than_is_taken),
        cmocka_unit_test(it_pauses_as_long_as_a_drain_was_rich_and_does_not_spin),
        cmocka_unit_test(only_a_unix_domain_socket_is_shallow)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Addresses and what errors mean; then a dump from a server played by a thread: what a real one does rarely. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "connectors/source_mysql/session/dump.h"
#include "connectors/source_mysql/session/failure.h"
#include "connectors/source_mysql/session/query.h"
#include "test/connector/source_mysql/wire.h"

static struct mr_err err;
static atomic_bool stopping;
static const struct mr_context context = {.pipeline = "test", .stopping = &stopping};

static void addresses(void **state)
{
    struct mr_my_address address = {.user = "default"};
    struct mr_arena arena;

    (void)state;
    mr_arena_init(&arena, 4096, 0);
    assert_int_equal(
        mr_my_dsn_parse(
            "mysql://c%40d:p%3ass@db1:3307,[::1]:3308,db3/shop?ssl-mode=VERIFY_CA&ssl-ca=/a%20b",
            &arena, &address, &err),
        0);
    assert_string_equal(address.user, "c@d");
    assert_string_equal(address.password, "p:ss");
    assert_int_equal(address.host_count, 3);
    assert_string_equal(address.hosts[0].name, "db1");
    assert_int_equal(address.hosts[0].port, 3307);
    assert_string_equal(address.hosts[1].name, "::1");
    assert_int_equal(address.hosts[1].port, 3308);
    assert_int_equal(address.hosts[2].port, 3306);
    assert_string_equal(address.database, "shop");
    assert_int_equal(address.tls, MR_MY_TLS_VERIFY_CA);
    assert_string_equal(address.tls_ca, "/a b");
    address = (struct mr_my_address){.user = "default"};
    assert_int_equal(mr_my_dsn_parse("mariadb:///?socket=/run/m.sock", &arena, &address, &err), 0);
    assert_string_equal(address.user, "default");
    assert_string_equal(address.hosts[0].name, "/run/m.sock");
    mr_arena_done(&arena);
}

static void addresses_that_are_none(void **state)
{
    static const char *const texts[] = {
        "",
        "postgresql://u:secret@db",
        "mysql://u:secret@db:0",
        "mysql://u:secret@db:70000",
        "mysql://u:%zz@db",
        "mysql://db?ssl-mode=maybe",
        "mysql://db?sslmode=required",
        "mysql://db?socket=x",
        "mysql://[::1",
    };
    struct mr_my_address address = {0};
    struct mr_arena arena;

    (void)state;
    mr_arena_init(&arena, 4096, 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (mr_my_dsn_parse(texts[i], &arena, &address, &err) != MR_CONFIG)
            fail_msg("\"%s\" was taken", texts[i]);
        assert_string_equal(err.code, "source.dsn");
        assert_null(strstr(err.text, "secret"));
    }
    mr_arena_done(&arena);
}

static void what_errors_mean(void **state)
{
    static const struct {
        unsigned number;
        int class;
        const char *code;
        int exit_code;
    } cases[] = {
        {1045, MR_CONFIG, "source.auth", 77},
        {1049, MR_CONFIG, "source.no_database", 0},
        {1142, MR_CONFIG, "source.permission", 77},
        {2002, MR_RETRY, "source.connect", 0},
        {2013, MR_RETRY, "source.connection_lost", 0},
        {1040, MR_RETRY, "source.server_busy", 0},
        {2026, MR_CONFIG, "source.tls", 0},
        {1064, MR_RETRY, "source.sql", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(mr_my_failure(&err, cases[i].number, "HY000", "its words", "do it"),
                         cases[i].class);
        assert_string_equal(err.code, cases[i].code);
        assert_int_equal(err.exit_code, cases[i].exit_code);
        assert_non_null(strstr(err.text, "cannot do it: its words"));
    }
}

/* The servers' own words, as seen. */
static void how_dumps_end(void **state)
{
    static const struct {
        unsigned number;
        int class;
        const char *code, *text;
    } cases[] = {
        {1236, MR_GAP, "source.log_purged",
         "Could not find first log file name in binary log index file"},
        {1236, MR_GAP, "source.log_purged",
         "Cannot replicate because the source purged required binary logs. Replicate the missing "
         "transactions from "
         "elsewhere"},
        {1236, MR_GAP, "source.log_purged",
         "Could not find GTID state requested by slave in any binlog files."},
        {1236, MR_GAP, "source.gtid_ahead",
         "Replica has more GTIDs than the source has, using the source's SERVER_UUID."},
        {1236, MR_GAP, "source.gtid_ahead",
         "Error: connecting slave requested to start from GTID 0-1-99, which is not in the "
         "master's binlog"},
        {1236, MR_GAP, "source.log_position",
         "Client requested source to start replication from position > file size"},
        {1236, MR_FENCED, "source.server_id_taken",
         "A replica with the same server_uuid/server_id as this replica has connected to the "
         "source"},
        {4052, MR_FENCED, "source.server_id_taken",
         "A slave with the same server_uuid/server_id as this slave has connected to the master"},
        {1227, MR_CONFIG, "source.no_replication_right",
         "Access denied; you need the REPLICATION SLAVE privilege"},
        {1236, MR_RETRY, "source.sql", "something nobody has seen"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(mr_my_dump_failure(&err, cases[i].number, "HY000", cases[i].text),
                         cases[i].class);
        assert_string_equal(err.code, cases[i].code);
        assert_string_equal(err.native, cases[i].number == 1236   ? "1236/HY000"
                                        : cases[i].number == 4052 ? "4052/HY000"
                                                                  : "1227/HY000");
    }
}

/* A server for one connection: it lets anybody in, answers every statement with OK or one row "NONE", and plays a tail
 * of bytes once a dump is asked for. */
struct played {
    int listener;
    uint16_t port;
    pthread_t thread;
    atomic_bool mute;     /* statements are not answered, after the login */
    bool hold;            /* the connection is kept open after the tail */
    bool until_end;       /* the dump is asked to stop at the log's end */
    struct mr_slice tail; /* sent in answer to a dump */
    atomic_bool done;
};

static void send_packet(int fd, uint8_t sequence, const void *bytes, size_t size)
{
    uint8_t packet[1024] = {(uint8_t)size, (uint8_t)(size >> 8), 0, sequence};

    memcpy(packet + 4, bytes, size);
    (void)send(fd, packet, size + 4, MSG_NOSIGNAL);
}

static bool receive_packet(int fd, uint8_t *packet, size_t *ret_size)
{
    uint8_t head[4];

    if (recv(fd, head, 4, MSG_WAITALL) != 4)
        return false;
    *ret_size = head[0] | (size_t)head[1] << 8;
    return recv(fd, packet, *ret_size, MSG_WAITALL) == (ssize_t)*ret_size;
}

static void send_row(int fd)
{
    static const char column[] = "\x03"
                                 "def\0\0\0\x01"
                                 "c\0\x0c\x2d\0\x10\0\0\0\xfd\0\0\0\0\0";

    send_packet(fd, 1, "\x01", 1);
    send_packet(fd, 2, column, sizeof column - 1);
    send_packet(fd, 3, "\xfe\0\0\x02\0", 5);
    send_packet(fd, 4, "\x04NONE", 5);
    send_packet(fd, 5, "\xfe\0\0\x02\0", 5);
}

static void *play(void *argument)
{
    static const char greeting[] = "\x0a"
                                   "9.9.9\0"
                                   "\x01\0\0\0"
                                   "12345678\0"
                                   "\xff\xf7\x2d\x02\0\xff\x81\x15"
                                   "\0\0\0\0\0\0\0\0\0\0"
                                   "123456789012\0"
                                   "mysql_native_password";
    static const char okay[] = "\0\0\0\x02\0\0\0";
    struct played *played = argument;
    int fd = accept(played->listener, NULL, NULL);
    uint8_t packet[4096];
    size_t size = 0;

    send_packet(fd, 0, greeting, sizeof greeting);
    if (receive_packet(fd, packet, &size))
        send_packet(fd, 2, okay, sizeof okay - 1);
    while (receive_packet(fd, packet, &size) && packet[0] != 0x12) {
        if (atomic_load(&played->mute))
            continue;
        if (size > 7 && memcmp(packet + 1, "SELECT", 6) == 0)
            send_row(fd);
        else
            send_packet(fd, 1, okay, sizeof okay - 1);
    }
    if (played->tail.size > 0)
        (void)send(fd, played->tail.data, played->tail.size, MSG_NOSIGNAL);
    while (played->hold && !atomic_load(&played->done))
        (void)usleep(1000);
    (void)close(fd);
    return NULL;
}

static void start(struct played *played)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;

    played->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(played->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(played->listener, 1), 0);
    assert_int_equal(getsockname(played->listener, (struct sockaddr *)&at, &size), 0);
    played->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&played->thread, NULL, play, played), 0);
}

static void stop(struct played *played)
{
    atomic_store(&played->done, true);
    (void)pthread_join(played->thread, NULL);
    (void)close(played->listener);
}

/* Opens a dump from the played server and reads to its first failure or end. */
static int dump_of(struct played *played, unsigned *ret_events)
{
    struct mr_my_host host = {.name = "127.0.0.1"};
    struct mr_my_address address = {
        .hosts = &host, .host_count = 1, .user = "u", .password = "p", .tls = MR_MY_TLS_DISABLED};
    struct mr_my_connect connect = {
        .context = &context, .address = &address, .answer_ns = 300 * MR_MS_NS};
    struct mr_my_dump_args args = {.server_id = 5,
                                   .position = 4,
                                   .silence_ns = 300 * MR_MS_NS,
                                   .until_end = played->until_end};
    int64_t deadline_ns = mr_clock_mono_ns() + 20 * MR_SECOND_NS;
    struct mr_my_event event;
    struct mr_my_dump *dump;
    int rc;

    start(played);
    host.port = played->port;
    rc = mr_my_dump_open(&connect, &args, &dump, &err);
    if (rc == 0) {
        while ((rc = mr_my_dump_next(dump, deadline_ns, &event, &err)) == 1)
            ++*ret_events;
        if (rc == 0)
            assert_true(mr_my_dump_ended(dump));
        mr_my_dump_close(dump);
    }
    stop(played);
    return rc;
}

static struct mr_slice with_head(struct mr_buf *buf, uint8_t sequence, struct mr_slice payload)
{
    uint8_t head[4] = {(uint8_t)payload.size, (uint8_t)(payload.size >> 8), 0, sequence};

    mr_buf_add(buf, head, 4);
    mr_buf_add_slice(buf, payload);
    return mr_buf_slice(buf);
}

static void a_server_that_says_nothing(void **state)
{
    struct played played = {.hold = true};
    unsigned events = 0;

    (void)state;
    assert_int_equal(dump_of(&played, &events), MR_RETRY);
    assert_string_equal(err.code, "source.silence");
}

static void a_server_that_does_not_answer(void **state)
{
    struct mr_my_host host = {.name = "127.0.0.1"};
    struct mr_my_address address = {
        .hosts = &host, .host_count = 1, .user = "u", .password = "p", .tls = MR_MY_TLS_DISABLED};
    struct mr_my_connect connect = {.context = &context, .address = &address};
    struct played played = {0};
    struct mr_my_session *session;
    int rc;

    (void)state;
    start(&played);
    host.port = played.port;
    assert_int_equal(mr_my_open(&connect, &session, &err), 0);
    assert_int_equal(session->server.version, 90909);
    atomic_store(&played.mute, true);
    session->answer_ns = 50 * MR_MS_NS;
    rc = mr_my_command(session, "DO 1", "do one", &err);
    assert_int_equal(rc, MR_RETRY);
    assert_string_equal(err.code, "source.no_answer");
    mr_my_close(session);
    stop(&played);
}

static void tails(void **state)
{
    static const struct {
        const char *payload;
        size_t size;
        int rc;
        const char *code;
        unsigned events;
    } cases[] = {
        {"", 0, MR_RETRY, "source.protocol", 0},
        {"\xfe\0\0\x02\0", 5, 0, NULL, 0},
        {"\xfe\0\0\x02\0", 5, MR_RETRY, "source.connection_lost", 0},
        {"\x55", 1, MR_RETRY, "source.protocol", 0},
        {"\xff\xd4\x04#HY000Could not find first log file name", 43, MR_GAP, "source.log_purged",
         0},
        {"\0\0\0\0\0\x10\x07\0\0\0\x1b\0\0\0\x00\x01\0\0\0\0\x09\0\0\0\0\0\0\0", 28, MR_RETRY,
         "source.connection_lost", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct played played = {.until_end = cases[i].rc == 0};
        struct mr_buf buf;
        unsigned events = 0;
        mr_buf_init(&buf, 4096);
        played.tail = with_head(&buf, 1, mr_slice(cases[i].payload, cases[i].size));
        assert_int_equal(dump_of(&played, &events), cases[i].rc);
        if (cases[i].code)
            assert_string_equal(err.code, cases[i].code);
        assert_int_equal(events, cases[i].events);
        mr_buf_done(&buf);
    }
}

static void a_server_without_tls(void **state)
{
    struct mr_my_host host = {.name = "127.0.0.1"};
    struct mr_my_address address = {.hosts = &host, .host_count = 1, .user = "u", .password = "p"};
    struct mr_my_connect connect = {.context = &context, .address = &address};

    (void)state;
    for (int tls = MR_MY_TLS_REQUIRED; tls <= MR_MY_TLS_VERIFY_IDENTITY; tls++) {
        struct played played = {0};
        struct mr_my_session *session;
        start(&played);
        host.port = played.port;
        address.tls = (enum mr_my_tls)tls;
        assert_int_equal(mr_my_open(&connect, &session, &err), MR_CONFIG);
        assert_string_equal(err.code, "source.tls");
        stop(&played);
    }
}

static void a_place_beyond_4_gib(void **state)
{
    struct mr_my_host host = {.name = "127.0.0.1"};
    struct mr_my_address address = {
        .hosts = &host, .host_count = 1, .user = "u", .password = "p", .tls = MR_MY_TLS_DISABLED};
    struct mr_my_connect connect = {.context = &context, .address = &address};
    struct mr_my_dump_args args = {.server_id = 5, .file = "b.1", .position = 1ULL << 32};
    struct played played = {0};
    struct mr_my_dump *dump;

    (void)state;
    start(&played);
    host.port = played.port;
    assert_int_equal(mr_my_dump_open(&connect, &args, &dump, &err), MR_GAP);
    assert_string_equal(err.code, "source.log_position");
    stop(&played);
}

static void nobody_there(void **state)
{
    struct mr_my_host hosts[] = {{.name = "127.0.0.1", .port = 1}, {.name = "/nowhere/sock"}};
    struct mr_my_address address = {.hosts = hosts, .host_count = 2, .user = "u"};
    struct mr_my_connect connect = {.context = &context, .address = &address};
    struct mr_my_session *session;

    (void)state;
    assert_int_equal(mr_my_open(&connect, &session, &err), MR_RETRY);
    assert_string_equal(err.code, "source.connect");
    assert_non_null(strstr(err.text, "127.0.0.1 port 1"));
    assert_non_null(strstr(err.text, "/nowhere/sock"));
}

static void quoting(void **state)
{
    struct mr_buf sql;

    (void)state;
    mr_buf_init(&sql, 100);
    mr_my_add_literal(&sql, mr_slice_str("a'b\\"));
    mr_my_add_name(&sql, mr_slice_str("c`d"));
    assert_string_equal(mr_buf_cstr(&sql), "'a''b\\'`c``d`");
    mr_buf_done(&sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(addresses_that_are_none),
        cmocka_unit_test(what_errors_mean),
        cmocka_unit_test(how_dumps_end),
        cmocka_unit_test(a_server_that_says_nothing),
        cmocka_unit_test(a_server_that_does_not_answer),
        cmocka_unit_test(tails),
        cmocka_unit_test(a_server_without_tls),
        cmocka_unit_test(a_place_beyond_4_gib),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(quoting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

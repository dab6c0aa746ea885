/* Reading the binary log as a replica does (MySQL manual, "Replication Protocol"; MariaDB manual, the same).
 *
 *     REGISTER_SLAVE  u32 server id, u8 n name, u8 n user, u8 n password, u16 port, u32 rank, u32 source id
 *     BINLOG_DUMP     u32 position, u16 flags, u32 server id, file
 *     .._DUMP_GTID    u16 flags, u32 server id, u32 n file, u64 position, u32 n, GTIDs that were had (wire/gtid.h)
 *
 * The session's settings come first: the checksum as the server has it (asked for NONE, it sends stored events with
 * theirs all the same), the heartbeat's period, who we are; on MariaDB that we know its own events (else they are
 * disguised as comments) and where we are, since its dump has no room for GTIDs.
 *
 * Once the request is out the socket is ours: read in large pieces, through TLS where there is one, never blocking,
 * and cut into packets in place. The first byte of each message says what it is: 00 an event, fe the log's end (with
 * until_end, or a server going down), ff an error.
 *
 * A server without news sends heartbeats. One that says nothing at all while we wait is dead or unreachable: the
 * watchdog counts only the time spent waiting, so that a reader that was busy elsewhere blames nobody. */
#include "connectors/source_mysql/session/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "connectors/source_mysql/session/failure.h"
#include "connectors/source_mysql/session/inside.h"
#include "connectors/source_mysql/session/query.h"
#include "connectors/source_mysql/wire/events.h"
#include "connectors/source_mysql/wire/frames.h"

#define COM_REGISTER 0x15
#define COM_DUMP     0x12
#define COM_DUMP_ALL 0x1e
#define BUFFER       ((size_t)1 << 20)
#define SLICE_NS     (200 * MR_MS_NS)
#define SILENCES     3
#define SILENCE_NS   (10 * MR_SECOND_NS)
#define FIRST_NS     (60 * MR_SECOND_NS)

struct mr_my_dump {
    struct mr_my_session *session;
    struct mr_my_frames frames;
    struct mr_my_events events;
    SSL *tls; /* NULL: plain */
    int fd;
    int64_t silence_ns, first_ns; /* how long is too long, and before anything came */
    int64_t waited_ns;            /* how long it has been */
    uint64_t bytes;
    bool begun; /* something came */
    bool until_end, ended;
    bool message; /* the message in hand is an event */
};

static void put_le(struct mr_buf *buf, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        mr_buf_add_char(buf, (char)(number >> 8 * i & 0xff));
}

static void put_short(struct mr_buf *buf, const char *text)
{
    size_t size = text ? strlen(text) : 0;

    if (size > 60)
        size = 60;
    put_le(buf, size, 1);
    mr_buf_add(buf, text ? text : "", size);
}

static int send_command(struct mr_my_session *session, unsigned command, const struct mr_buf *body,
                        bool answered, struct mr_err *err)
{
    MYSQL *mysql = session->mysql;

    if (mysql->methods->db_command(mysql, (enum enum_server_command)command, body->data, body->size,
                                   !answered, NULL) == 0)
        return 0;
    return mr_my_dump_failure(err, mysql_errno(mysql), mysql_sqlstate(mysql), mysql_error(mysql));
}

static int register_replica(struct mr_my_session *session, const struct mr_my_dump_args *args,
                            struct mr_err *err)
{
    struct mr_buf body;
    int rc;

    mr_buf_init(&body, 4096);
    put_le(&body, args->server_id, 4);
    put_short(&body, args->name ? args->name : "millrace");
    put_short(&body, "");
    put_short(&body, "");
    put_le(&body, 0, 2);
    put_le(&body, 0, 4);
    put_le(&body, 0, 4);
    rc = send_command(session, COM_REGISTER, &body, true, err);
    mr_buf_done(&body);
    return rc;
}

/* One SET for all: a user variable that the server does not know is no error. */
static int announce(struct mr_my_session *session, const struct mr_my_dump_args *args,
                    struct mr_err *err)
{
    long long period = args->heartbeat_ns > 0 ? args->heartbeat_ns : MR_SECOND_NS;
    struct mr_buf sql;
    int rc;

    mr_buf_init(&sql, (size_t)64 << 20);
    mr_buf_printf(
        &sql,
        "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = "
        "@@global.binlog_checksum, @master_heartbeat_period = %lld, @source_heartbeat_period = "
        "%lld",
        period, period);
    if (session->server.mariadb)
        mr_buf_add_str(&sql, ", @mariadb_slave_capability = 4");
    if (args->uuid) {
        mr_buf_add_str(&sql, ", @slave_uuid = ");
        mr_my_add_literal(&sql, mr_slice_str(args->uuid));
        mr_buf_add_str(&sql, ", @replica_uuid = ");
        mr_my_add_literal(&sql, mr_slice_str(args->uuid));
    }
    if (session->server.mariadb && args->gtids) {
        mr_buf_add_str(&sql, ", @slave_gtid_strict_mode = 1, @slave_gtid_ignore_duplicates = 0, "
                             "@slave_connect_state = '");
        mr_my_gtids_print(args->gtids, &sql);
        mr_buf_add_char(&sql, '\'');
    }
    rc = mr_my_command(session, mr_buf_cstr(&sql), "announce a replica", err);
    mr_buf_done(&sql);
    return rc;
}

static int checksum_of(struct mr_my_session *session, bool *ret_checksum, struct mr_err *err)
{
    struct mr_slice value;
    struct mr_arena arena;
    int rc;

    mr_arena_init(&arena, 1024, 0);
    rc = mr_my_value(session, "SELECT @@global.binlog_checksum", "ask for binlog_checksum", &arena,
                     &value, err);
    if (rc == 0)
        *ret_checksum = !mr_slice_is(value, "NONE");
    mr_arena_done(&arena);
    return rc;
}

static uint16_t flags_of(const struct mr_my_session *session, const struct mr_my_dump_args *args)
{
    uint16_t flags = args->until_end ? 1 : 0;

    /* 2: MariaDB's statement texts, or MySQL's heartbeats of the second kind, whose position has 64 bits. */
    if (session->server.mariadb ? args->annotations : session->server.version >= 80026)
        flags |= 2;
    return flags;
}

static int request(struct mr_my_session *session, const struct mr_my_dump_args *args,
                   struct mr_err *err)
{
    const char *file = args->file ? args->file : "";
    bool by_gtid = args->gtids && !session->server.mariadb;
    uint64_t position = by_gtid || args->position < 4 || (args->gtids != NULL) ? 4 : args->position;
    struct mr_buf body, set;
    int rc;

    if (position > UINT32_MAX)
        return mr_err_set(err, MR_GAP, "source.log_position",
                          "position %llu of %s cannot be asked for: the protocol's places without "
                          "GTIDs end at 4 GiB",
                          (unsigned long long)position, file);
    if (args->gtids)
        file = "";
    mr_buf_init(&body, (size_t)64 << 20), mr_buf_init(&set, (size_t)64 << 20);
    if (by_gtid) {
        mr_my_gtids_encode(args->gtids, &set);
        put_le(&body, flags_of(session, args), 2);
        put_le(&body, args->server_id, 4);
        put_le(&body, 0, 4);
        put_le(&body, position, 8);
        put_le(&body, set.size, 4);
        mr_buf_add_slice(&body, mr_buf_slice(&set));
    } else {
        put_le(&body, position, 4);
        put_le(&body, flags_of(session, args), 2);
        put_le(&body, args->server_id, 4);
        mr_buf_add_str(&body, file);
    }
    rc = send_command(session, by_gtid ? COM_DUMP_ALL : COM_DUMP, &body, false, err);
    mr_buf_done(&body), mr_buf_done(&set);
    return rc;
}

/* From here on the socket is ours. */
static void take_over(struct mr_my_dump *dump)
{
    int flags;

    dump->fd = mysql_get_socket(dump->session->mysql);
    dump->tls = mr_my_tls_of(dump->session->mysql);
    flags = fcntl(dump->fd, F_GETFL);
    if (flags >= 0)
        (void)fcntl(dump->fd, F_SETFL, flags | O_NONBLOCK);
    /* Answers to a command begin with packet 1. */
    dump->frames.sequence = 1;
}

int mr_my_dump_open(const struct mr_my_connect *connect, const struct mr_my_dump_args *args,
                    struct mr_my_dump **ret_dump, struct mr_err *err)
{
    struct mr_my_dump *dump = mr_alloc_zero(sizeof *dump);
    int64_t period = args->heartbeat_ns > 0 ? args->heartbeat_ns : MR_SECOND_NS;
    bool checksum = false;
    int rc;

    mr_my_frames_init(&dump->frames, BUFFER);
    mr_my_events_init(&dump->events, args->event_limit > 0 ? args->event_limit : (size_t)1 << 30,
                      true);
    dump->silence_ns = SILENCES * period > SILENCE_NS ? SILENCES * period : SILENCE_NS;
    dump->first_ns = FIRST_NS;
    dump->until_end = args->until_end;
    if (args->silence_ns > 0)
        dump->silence_ns = dump->first_ns = args->silence_ns;
    rc = mr_my_open(connect, &dump->session, err);
    if (rc == 0)
        rc = checksum_of(dump->session, &checksum, err);
    if (rc == 0)
        rc = announce(dump->session, args, err);
    if (rc == 0)
        rc = register_replica(dump->session, args, err);
    if (rc == 0)
        rc = request(dump->session, args, err);
    if (rc < 0) {
        mr_my_dump_close(dump);
        return rc;
    }
    dump->events.format.checksum = checksum;
    take_over(dump);
    *ret_dump = dump;
    return 0;
}

void mr_my_dump_close(struct mr_my_dump *dump)
{
    if (!dump)
        return;
    mr_my_close(dump->session);
    mr_my_frames_done(&dump->frames);
    mr_my_events_done(&dump->events);
    free(dump);
}

static int lost(struct mr_err *err, const char *why)
{
    return mr_err_set(err, MR_RETRY, "source.connection_lost",
                      "the server's binary log stream broke off: %s", why);
}

/* Bytes read, 0: none now, negative: an error. *ret_write: TLS wants to send first. */
static ssize_t receive(struct mr_my_dump *dump, char *at, size_t room, bool *ret_write,
                       struct mr_err *err)
{
    ssize_t got;

    *ret_write = false;
    if (dump->tls) {
        int rc;
        ERR_clear_error();
        rc = SSL_read(dump->tls, at, room > INT32_MAX ? INT32_MAX : (int)room);
        if (rc > 0)
            return rc;
        rc = SSL_get_error(dump->tls, rc);
        *ret_write = rc == SSL_ERROR_WANT_WRITE;
        if (rc == SSL_ERROR_WANT_READ || rc == SSL_ERROR_WANT_WRITE)
            return 0;
        return lost(err, rc == SSL_ERROR_ZERO_RETURN ? "it was closed" : "TLS failed");
    }
    got = recv(dump->fd, at, room, MSG_DONTWAIT);
    if (got > 0)
        return got;
    if (got == 0)
        return lost(err, "it was closed");
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return 0;
    return mr_err_errno(err, MR_RETRY, "source.connection_lost", errno,
                        "the server's binary log stream broke off");
}

static int silence(const struct mr_my_dump *dump, struct mr_err *err)
{
    return mr_err_set(err, MR_RETRY, "source.silence",
                      "the server has said nothing for %lld s, not even that there is nothing",
                      (long long)(dump->waited_ns / MR_SECOND_NS));
}

/* 1: something came; 0: the deadline passed. */
static int fill(struct mr_my_dump *dump, int64_t deadline_ns, struct mr_err *err)
{
    size_t room;
    char *at = mr_my_frames_room(&dump->frames, &room);

    for (;;) {
        struct pollfd fd = {.fd = dump->fd, .events = POLLIN};
        bool write;
        int64_t before, left;
        ssize_t got = receive(dump, at, room, &write, err);
        if (got < 0)
            return (int)got;
        if (got > 0) {
            mr_my_frames_added(&dump->frames, (size_t)got);
            dump->bytes += (uint64_t)got;
            dump->waited_ns = 0;
            dump->begun = true;
            return 1;
        }
        if (atomic_load_explicit(dump->session->connect->context->stopping, memory_order_relaxed))
            return mr_err_set(err, MR_RETRY, "source.stopping", "a stop was asked for");
        before = mr_clock_mono_ns();
        left = deadline_ns - before;
        if (left <= 0)
            return 0;
        if (left > SLICE_NS)
            left = SLICE_NS;
        if (write)
            fd.events = POLLOUT;
        (void)poll(&fd, 1, (int)((left + MR_MS_NS - 1) / MR_MS_NS));
        dump->waited_ns += mr_clock_mono_ns() - before;
        if (dump->waited_ns > (dump->begun ? dump->silence_ns : dump->first_ns))
            return silence(dump, err);
    }
}

/* ff, u16 number, '#', state of 5, text */
static int error_packet(struct mr_slice bytes, struct mr_err *err)
{
    struct mr_cur cur = mr_cur(bytes);
    char sqlstate[6] = "", text[1024];
    unsigned number;

    (void)mr_cur_u8(&cur);
    number = mr_cur_le16(&cur);
    if (mr_cur_left(&cur) >= 6 && *cur.at == '#') {
        memcpy(sqlstate, cur.at + 1, 5);
        (void)mr_cur_take(&cur, 6);
    }
    (void)snprintf(text, sizeof text, "%.*s", (int)mr_cur_left(&cur), (const char *)cur.at);
    return mr_my_dump_failure(err, number, sqlstate, text);
}

/* A message's first byte. 1: the piece is of an event; 0: the log ended. */
static int kind(struct mr_my_dump *dump, struct mr_my_piece *piece, struct mr_err *err)
{
    uint8_t first;

    if (piece->bytes.size == 0)
        return mr_err_set(err, MR_RETRY, "source.protocol", "the server sent an empty packet");
    first = (uint8_t)piece->bytes.data[0];
    if (first == 0xff)
        return error_packet(piece->bytes, err);
    if (first == 0xfe && piece->last && piece->bytes.size < 9) {
        if (!dump->until_end)
            return lost(err, "the server ended it: it goes down, or was told to");
        dump->ended = true;
        return 0;
    }
    if (first != 0)
        return mr_err_set(err, MR_RETRY, "source.protocol",
                          "a packet of the stream begins with %02x", first);
    piece->bytes.data++;
    piece->bytes.size--;
    return 1;
}

int mr_my_dump_next(struct mr_my_dump *dump, int64_t deadline_ns, struct mr_my_event *ret_event,
                    struct mr_err *err)
{
    struct mr_my_piece piece;
    int rc;

    while (!dump->ended) {
        rc = mr_my_events_next(&dump->events, ret_event, err);
        if (rc != 0)
            return rc;
        rc = mr_my_frames_next(&dump->frames, &piece, err);
        if (rc == 0)
            rc = fill(dump, deadline_ns, err);
        else if (rc > 0 && piece.first && (rc = kind(dump, &piece, err)) <= 0)
            return rc;
        else if (rc > 0)
            mr_my_events_take(&dump->events, piece);
        if (rc <= 0)
            return rc;
    }
    return 0;
}

bool mr_my_dump_ended(const struct mr_my_dump *dump)
{
    return dump->ended;
}

const struct mr_my_format *mr_my_dump_format(const struct mr_my_dump *dump)
{
    return &dump->events.format;
}

const char *mr_my_dump_file(const struct mr_my_dump *dump)
{
    return dump->events.file;
}

uint64_t mr_my_dump_bytes(const struct mr_my_dump *dump)
{
    return dump->bytes;
}

const struct mr_my_server *mr_my_dump_server(const struct mr_my_dump *dump)
{
    return &dump->session->server;
}

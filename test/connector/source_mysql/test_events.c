/* Events, from packets down to their bodies, and what is said of damaged ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "connectors/source_mysql/types/reader.h"
#include "connectors/source_mysql/wire/parse.h"
#include "connectors/source_mysql/wire/events.h"
#include "connectors/source_mysql/wire/frames.h"
#include "connectors/source_mysql/wire/rows.h"
#include "connectors/source_mysql/wire/tablemap.h"
#include "test/connector/source_mysql/wire.h"

static struct mr_arena arena;
static struct mr_err err;

static int set_up(void **state)
{
    (void)state;
    mr_arena_init(&arena, 65536, 0);
    mr_err_clear(&err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mr_arena_done(&arena);
    return 0;
}

static struct mr_slice hex(const char *text)
{
    return wire_hex(&arena, text);
}

/* One event of these bytes, without a checksum. */
static int parse(uint8_t type, uint16_t flags, const char *body, struct mr_my_event *ret_event)
{
    struct mr_my_format format = {.known = true, .verify = true};
    struct mr_buf buf;
    struct mr_slice bytes;

    mr_buf_init(&buf, 1 << 20);
    wire_event(&buf, type, flags, 1234, hex(body), false);
    bytes = mr_arena_copy(&arena, mr_buf_slice(&buf));
    mr_buf_done(&buf);
    return mr_my_event_parse(&format, bytes, false, ret_event, &err);
}

static void a_gtid_of_mysql(void **state)
{
    struct mr_my_event event;

    (void)state;
    assert_int_equal(parse(MR_MY_GTID_TAGGED, 0,
                           "02 70 00 00 02 02 8a364a3295031422c503c502d804f10300000002 04 04 06 "
                           "0c6d795f746167 08 70 0a "
                           "74 0c 7f2e1a25e5b86006 10 9104 12 83120b",
                           &event),
                     0);
    assert_int_equal(event.group.gtid.number, 1);
    assert_int_equal(event.group.gtid.tag_size, 6);
    assert_memory_equal(event.group.gtid.tag, "my_tag", 6);
    assert_int_equal(event.group.last_committed, 28);
    assert_int_equal(event.group.sequence, 29);
    assert_int_equal(event.group.length, 292);
    assert_int_equal(event.group.version, 90704);
}

static void a_gtid_of_mariadb(void **state)
{
    struct mr_my_event event;

    (void)state;
    assert_int_equal(
        parse(MR_MY_MARIA_GTID, 0, "0600000000000000 07000000 0c 000000000000", &event), 0);
    assert_int_equal(event.group.gtid.domain, 7);
    assert_int_equal(event.group.gtid.server, 7);
    assert_int_equal(event.group.gtid.number, 6);
    assert_int_equal(event.group.flags & MR_MY_GROUP_TRANSACTIONAL, MR_MY_GROUP_TRANSACTIONAL);
    assert_int_equal(
        parse(MR_MY_MARIA_GTID, 0, "0600000000000000 07000000 29 04 2100000000000000", &event), 0);
    assert_int_equal(event.group.alter, MR_MY_ALTER_COMMIT);
    assert_int_equal(event.group.alter_start, 33);
    assert_int_equal(
        parse(MR_MY_MARIA_GTID, 0, "0600000000000000 07000000 0c 10 06000000 00", &event), 0);
    assert_int_equal(event.group.thread_id, 6);
}

static void an_unknown_event(void **state)
{
    struct mr_my_event event;

    (void)state;
    assert_int_equal(parse(99, MR_MY_FLAG_IGNORABLE, "00", &event), 0);
    assert_true(mr_my_event_harmless(event.header.type));
    assert_int_equal(parse(99, 0, "00", &event), MR_CONFIG);
    assert_string_equal(err.code, "source.event_unknown");
    assert_non_null(strstr(err.text, "type 99"));
    assert_non_null(strstr(err.text, "ends at 1234"));
}

static void a_short_body(void **state)
{
    struct mr_my_event event;

    (void)state;
    assert_int_equal(parse(MR_MY_XID, 0, "01020304", &event), MR_RETRY);
    assert_string_equal(err.code, "source.protocol");
}

/* FORMAT of MySQL 9.7 with checksums on, made by hand. */
static void add_format(struct mr_buf *buf)
{
    char body[2 + 50 + 4 + 1 + 42 + 1] = {4, 0, '9', '.', '7', '.', '4'};

    body[56] = 19;
    body[57 + MR_MY_TABLE_MAP - 1] = 8;
    body[57 + MR_MY_QUERY - 1] = 13;
    body[57 + 42] = 1;
    wire_event(buf, MR_MY_FORMAT, 0, 0, mr_slice(body, sizeof body), true);
}

static void take(struct mr_my_events *events, const struct mr_buf *buf, size_t from)
{
    mr_my_events_take(
        events, (struct mr_my_piece){mr_slice(buf->data + from, buf->size - from), true, true});
}

static void a_wrong_checksum(void **state)
{
    struct mr_my_events events;
    struct mr_my_event event;
    struct mr_buf buf;
    size_t at;

    (void)state;
    mr_buf_init(&buf, 4096);
    mr_my_events_init(&events, 1 << 20, true);
    add_format(&buf);
    take(&events, &buf, 0);
    assert_int_equal(mr_my_events_next(&events, &event, &err), 1);
    assert_true(events.format.checksum && !events.format.mariadb);
    assert_int_equal(mr_my_events_next(&events, &event, &err), 0);
    at = buf.size;
    wire_event(&buf, MR_MY_XID, 0, 200, hex("0100000000000000"), true);
    take(&events, &buf, at);
    assert_int_equal(mr_my_events_next(&events, &event, &err), 1);
    assert_int_equal(event.xid, 1);
    buf.data[at + 20] ^= 1;
    take(&events, &buf, at);
    assert_int_equal(mr_my_events_next(&events, &event, &err), MR_RETRY);
    assert_string_equal(err.code, "source.checksum");
    mr_my_events_done(&events);
    mr_buf_done(&buf);
}

/* A payload of two XIDs, packed by zstd, cut into pieces of `step` bytes. */
static int play_payload(size_t step, bool damage, size_t limit, uint64_t *ret_sum)
{
    struct mr_my_events events;
    struct mr_my_event event;
    struct mr_buf inner, outer, body;
    char packed[512];
    size_t size;
    int rc = 0;

    mr_buf_init(&inner, 4096), mr_buf_init(&outer, 8192), mr_buf_init(&body, 8192);
    wire_event(&inner, MR_MY_XID, 0, 0, hex("0100000000000000"), false);
    wire_event(&inner, MR_MY_ROWS_QUERY, 0, 0, hex("01 53454c4543542031"), false);
    wire_event(&inner, MR_MY_XID, 0, 0, hex("0200000000000000"), false);
    size = ZSTD_compress(packed, sizeof packed, inner.data, inner.size, 3);
    assert_false(ZSTD_isError(size));
    if (damage)
        packed[0] ^= 0x55;
    mr_buf_add(&body, "\x02\x01\x00\x03\x01", 5);
    mr_buf_add_char(&body, (char)inner.size);
    mr_buf_add(&body, "\x00", 1);
    mr_buf_add(&body, packed, size);
    mr_my_events_init(&events, limit, true);
    events.format = (struct mr_my_format){.known = true, .checksum = true, .verify = true};
    wire_event(&outer, MR_MY_PAYLOAD, 0, 4000, mr_buf_slice(&body), true);
    for (size_t at = 0; at < outer.size && rc >= 0; at += step) {
        size_t n = outer.size - at < step ? outer.size - at : step;
        mr_my_events_take(&events, (struct mr_my_piece){mr_slice(outer.data + at, n), at == 0,
                                                        at + n == outer.size});
        while ((rc = mr_my_events_next(&events, &event, &err)) == 1) {
            assert_true(event.inner);
            assert_int_equal(event.next, 4000);
            if (event.header.type == MR_MY_XID)
                *ret_sum += event.xid;
        }
    }
    mr_my_events_done(&events);
    mr_buf_done(&inner), mr_buf_done(&outer), mr_buf_done(&body);
    return rc;
}

static void a_payload_in_pieces(void **state)
{
    (void)state;
    for (size_t step = 32; step < 200; step++) {
        uint64_t sum = 0;
        if (play_payload(step, false, 1 << 20, &sum) < 0)
            fail_msg("pieces of %zu: %s", step, err.text);
        assert_int_equal(sum, 3);
    }
}

static void a_damaged_payload(void **state)
{
    uint64_t sum = 0;

    (void)state;
    assert_int_equal(play_payload(4096, true, 1 << 20, &sum), MR_RETRY);
    assert_string_equal(err.code, "source.payload");
}

static void a_large_event(void **state)
{
    uint64_t sum = 0;

    (void)state;
    assert_int_equal(play_payload(4096, false, 20, &sum), MR_DATA);
    assert_string_equal(err.code, "source.event_too_large");
}

/* One rows event in fragments, as MariaDB 12.3 describes them; `lost` is left out. */
static int play_fragments(bool sealed, unsigned lost, struct mr_my_event *ret_event)
{
    struct mr_my_events events;
    struct mr_buf whole, piece;
    int rc = 0;

    mr_buf_init(&whole, 4096), mr_buf_init(&piece, 4096);
    wire_event(&whole, MR_MY_WRITE_V1, 0, 0, hex("550000000000 0100 02 fc 00 07000000 08000000"),
               sealed);
    mr_my_events_init(&events, 1 << 20, true);
    events.format =
        (struct mr_my_format){.known = true, .mariadb = true, .checksum = true, .verify = true};
    for (unsigned i = 0; i < 3 && rc >= 0; i++) {
        uint8_t body[128] = {3, 0, 0, 0, (uint8_t)(i + 1), 0, 0, 0, i == 0, (uint8_t)whole.size};
        size_t head = i == 0 ? 17 : 9, from = whole.size * i / 3,
               size = whole.size * (i + 1) / 3 - from;
        if (i > 0)
            body[9] = 0;
        memcpy(body + head, whole.data + from, size);
        mr_buf_clear(&piece);
        wire_event(&piece, MR_MY_MARIA_PARTIAL_ROW, 0, 0, mr_slice(body, head + size), true);
        if (i + 1 == lost)
            continue;
        take(&events, &piece, 0);
        rc = mr_my_events_next(&events, ret_event, &err);
    }
    if (rc == 1)
        *ret_event = (struct mr_my_event){.header = ret_event->header,
                                          .body = mr_arena_copy(&arena, ret_event->body)};
    mr_my_events_done(&events);
    mr_buf_done(&whole), mr_buf_done(&piece);
    return rc;
}

static void rows_in_fragments(void **state)
{
    struct mr_my_event event;

    (void)state;
    for (int sealed = 0; sealed < 2; sealed++) {
        assert_int_equal(play_fragments(sealed, 0, &event), 1);
        assert_int_equal(event.header.type, MR_MY_WRITE_V1);
        assert_int_equal(event.body.size, 19);
    }
    assert_int_equal(play_fragments(false, 2, &event), MR_RETRY);
    assert_string_equal(err.code, "source.protocol");
}

/* A message of 20,000,000 bytes goes over two packets, through a buffer of 64 KiB. */
static void a_message_over_several_packets(void **state)
{
    struct mr_my_frames frames;
    struct mr_my_piece piece;
    size_t total = 20000000, sent = 0, got = 0, packets = 0, left = 0;
    bool first = true;

    (void)state;
    mr_my_frames_init(&frames, 65536);
    while (got < total) {
        size_t room;
        char *at = mr_my_frames_room(&frames, &room);
        for (size_t i = 0; i < room && (left > 0 || sent < total); i++) {
            if (left == 0) {
                left = total - sent > 0xffffff ? 0xffffff : total - sent;
                if (room - i < 4)
                    left = 0;
                if (left == 0) {
                    room = i;
                    break;
                }
                at[i] = (char)(left & 0xff), at[i + 1] = (char)(left >> 8 & 0xff),
                at[i + 2] = (char)(left >> 16);
                at[i + 3] = (char)packets++;
                i += 3;
                continue;
            }
            at[i] = 'x';
            left--, sent++;
        }
        mr_my_frames_added(&frames, room);
        while (got < total && mr_my_frames_next(&frames, &piece, &err) == 1) {
            assert_int_equal(piece.first, first);
            first = false;
            got += piece.bytes.size;
            assert_int_equal(piece.last, got == total);
        }
    }
    assert_int_equal(packets, 2);
    mr_my_frames_done(&frames);
}

static void a_gap_in_the_packets(void **state)
{
    struct mr_my_frames frames;
    struct mr_my_piece piece;
    size_t room;

    (void)state;
    mr_my_frames_init(&frames, 4096);
    memcpy(mr_my_frames_room(&frames, &room), "\x01\0\0\x05x", 5);
    mr_my_frames_added(&frames, 5);
    assert_int_equal(mr_my_frames_next(&frames, &piece, &err), MR_RETRY);
    assert_string_equal(err.code, "source.protocol");
    mr_my_frames_done(&frames);
}

static int parse_map(const char *body, struct mr_my_map **ret_map)
{
    struct mr_my_format format = {.known = true};

    return mr_my_map_parse(&format, hex(body), &arena, ret_map, &err);
}

static void maps_that_cannot_be_read(void **state)
{
    struct mr_my_map *map;

    (void)state;
    assert_int_equal(parse_map("550000000000 0100 01 64 00 01 74 00 01 77 00 00", &map), MR_CONFIG);
    assert_string_equal(err.code, "source.column_unknown");
    assert_non_null(strstr(err.text, "d.t"));
    assert_non_null(strstr(err.text, "type 119"));
    assert_int_equal(parse_map("550000000000 0100 01 64 00 01 74 00 02 03", &map), MR_RETRY);
    assert_string_equal(err.code, "source.protocol");
}

static void rows_of_another_table(void **state)
{
    struct mr_my_event event = {.header = {.type = MR_MY_WRITE_V2},
                                .body = hex("550000000000 0100 0200 01 ff 00 07000000")};
    struct mr_my_format format = {.known = true};
    struct mr_slice fields[2];
    struct mr_my_rows rows;
    struct mr_my_map *map;

    (void)state;
    assert_int_equal(parse_map("550000000000 0100 01 64 00 01 74 00 02 0303 00 00", &map), 0);
    assert_int_equal(mr_my_rows_parse(&format, &event, &arena, 1 << 20, &rows, &err), 0);
    assert_int_equal(mr_my_rows_next(&rows, map, NULL, fields, &err), MR_GAP);
    assert_string_equal(err.code, "source.map_differs");
}

/* insert into n values(), MINIMAL image: no columns, no bytes, and yet a row. */
static void a_row_of_defaults_alone(void **state)
{
    struct mr_my_event event = {.header = {.type = MR_MY_WRITE_V2},
                                .body = hex("550000000000 0100 0200 02 fc")};
    struct mr_my_format format = {.known = true};
    struct mr_slice fields[2];
    struct mr_my_rows rows;
    struct mr_my_map *map;

    (void)state;
    assert_int_equal(parse_map("550000000000 0100 01 64 00 01 74 00 02 0303 00 00", &map), 0);
    assert_int_equal(mr_my_rows_parse(&format, &event, &arena, 1 << 20, &rows, &err), 0);
    assert_int_equal(mr_my_rows_next(&rows, map, NULL, fields, &err), 1);
    assert_true(fields[0].data == NULL && fields[0].size == 1 && fields[1].size == 1);
    assert_int_equal(mr_my_rows_next(&rows, map, NULL, fields, &err), 0);
}

static void a_collation_nobody_knows(void **state)
{
    struct mr_my_reader reader;
    struct mr_my_map *map;

    (void)state;
    assert_int_equal(
        parse_map("550000000000 0100 01 64 00 01 74 00 01 0f 02 1400 00 02 03 fcffff", &map), 0);
    assert_int_equal(mr_my_reader_init(&reader, map, &map->columns[0], NULL, &arena, &err),
                     MR_CONFIG);
    assert_string_equal(err.code, "source.charset");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_gtid_of_mysql, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_gtid_of_mariadb, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_event, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_short_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_checksum, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_payload_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_payload, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_event, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_in_fragments, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_message_over_several_packets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_gap_in_the_packets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(maps_that_cannot_be_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_of_another_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_row_of_defaults_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_collation_nobody_knows, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

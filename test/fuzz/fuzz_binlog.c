/* Events of the binary log, hostile: pieces of messages go through everything from the parser of events to values.
 * Input: a byte of flags, then messages one after another, each with a big-endian u16 length in front. Flags: 1
 * MariaDB, 2 checksums end the events (they are not compared), 4 messages come in pieces of 64 bytes. */
#include <stddef.h>
#include <stdint.h>

#include "connectors/source_mysql/types/reader.h"
#include "connectors/source_mysql/wire/events.h"
#include "connectors/source_mysql/wire/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COLUMNS 256
#define LIMIT   ((size_t)1 << 20)

struct table {
    struct mr_arena arena;
    struct mr_my_map *map;
    struct mr_my_reader readers[COLUMNS];
};

static void take_map(struct table *table, const struct mr_my_format *format, struct mr_slice body)
{
    struct mr_err err;

    table->map = NULL;
    mr_arena_reset(&table->arena);
    if (mr_my_map_parse(format, body, &table->arena, &table->map, &err) < 0 ||
        table->map->column_count > COLUMNS) {
        table->map = NULL;
        return;
    }
    for (uint32_t i = 0; i < table->map->column_count; i++) {
        const struct mr_my_hint hint = {.meaning = (enum mr_my_meaning)(i % 5)};
        if (mr_my_reader_init(&table->readers[i], table->map, &table->map->columns[i], &hint,
                              &table->arena, &err) < 0)
            table->map = NULL;
        if (!table->map)
            return;
    }
}

static void take_rows(const struct table *table, const struct mr_my_format *format,
                      const struct mr_my_event *event, struct mr_arena *arena)
{
    static struct mr_slice before[COLUMNS], after[COLUMNS];
    static struct mr_value values[COLUMNS];
    struct mr_my_reading reading = {.arena = arena, .limit = LIMIT, .replace = true};
    struct mr_my_rows rows;
    struct mr_err err;
    uint32_t lost = 0;
    int rc;

    if (!table->map || mr_my_rows_parse(format, event, arena, LIMIT, &rows, &err) < 0)
        return;
    for (unsigned n = 0; n < 1000 && mr_my_rows_next(&rows, table->map, before, after, &err) > 0;
         n++) {
        rc = rows.before_bits ? mr_my_read_row(table->readers, table->map, &reading, before,
                                               MR_ABSENT, values, &err)
                              : 0;
        if (rows.after_bits)
            rc = mr_my_read_new_row(table->readers, table->map, &reading, &rows, before, after,
                                    values, &lost, &err);
        (void)rc;
    }
}

static void take_event(struct table *table, const struct mr_my_format *format,
                       const struct mr_my_event *event)
{
    struct mr_my_gtids set;
    struct mr_arena arena;
    struct mr_slice sql;
    struct mr_err err;
    uint64_t id;
    int rc;

    mr_arena_init(&arena, 4096, 0);
    mr_my_gtids_init(&set, format->mariadb);
    if (event->header.type == MR_MY_TABLE_MAP)
        take_map(table, format, event->body);
    else if (mr_my_rows_table(format, event, &id))
        take_rows(table, format, event, &arena);
    else if (event->header.type == MR_MY_PREVIOUS_GTIDS)
        (void)mr_my_gtids_decode(&set, event->gtids);
    else if (event->header.type == MR_MY_MARIA_GTID_LIST)
        (void)mr_my_gtids_decode_list(&set, event->gtids);
    else if (event->header.type == MR_MY_MARIA_QUERY_COMPRESSED) {
        rc = mr_my_query_text(&event->query, &arena, LIMIT, &sql, &err);
        (void)rc;
    }
    mr_my_gtids_done(&set);
    mr_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_cur cur = mr_cur(mr_slice(data, size));
    uint8_t flags = mr_cur_u8(&cur);
    struct table table = {.map = NULL};
    struct mr_my_events events;
    struct mr_my_event event;
    struct mr_err err;
    int rc = 0;

    mr_arena_init(&table.arena, 4096, 4096);
    mr_my_events_init(&events, LIMIT, false);
    events.format =
        (struct mr_my_format){.known = true, .mariadb = flags & 1, .checksum = flags & 2};
    while (mr_cur_left(&cur) > 2 && rc >= 0 && !cur.failed) {
        struct mr_slice message = mr_cur_bytes(&cur, mr_cur_be16(&cur));
        size_t step = flags & 4 ? 64 : message.size;
        for (size_t at = 0; at < message.size && rc >= 0; at += step) {
            size_t here = message.size - at < step ? message.size - at : step;
            mr_my_events_take(&events, (struct mr_my_piece){mr_slice(message.data + at, here),
                                                            at == 0, at + here == message.size});
            while ((rc = mr_my_events_next(&events, &event, &err)) > 0)
                take_event(&table, &events.format, &event);
        }
    }
    mr_my_events_done(&events);
    mr_arena_done(&table.arena);
    return 0;
}

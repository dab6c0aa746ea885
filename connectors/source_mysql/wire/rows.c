/* Rows events and the rows in them (MySQL source, Rows_event; MariaDB source, Rows_log_event).
 *
 *     version 2 only: u16 n, n - 2 bytes of (u8 code, ...): 0 NDB: u8 n, ...; 1 partition: u16 [update: u16 old]
 *     PARTIAL_UPDATE: in front of each new row, packed options; bit 0: bits of the JSON columns that are diffs
 *     compressed: everything behind the bits of columns is packed (inflate.h)
 *
 * The bits of columns have their padding set by MySQL and those of nulls by MariaDB: nobody looks at padding. A row's
 * null bits count the present columns only. What a value's bytes are stands in the map (tablemap.h): a fixed number,
 * or a length in front. */
#include "connectors/source_mysql/wire/rows.h"

#include "connectors/source_mysql/wire/inflate.h"
#include "connectors/source_mysql/wire/packed.h"

struct form {
    enum mr_my_rows_kind kind;
    bool version2, compressed, partial;
};

static bool form_of(uint8_t type, struct form *ret_form)
{
    switch (type) {
    case MR_MY_WRITE_V1: *ret_form = (struct form){.kind = MR_MY_INSERT}; return true;
    case MR_MY_UPDATE_V1: *ret_form = (struct form){.kind = MR_MY_UPDATE}; return true;
    case MR_MY_DELETE_V1: *ret_form = (struct form){.kind = MR_MY_DELETE}; return true;
    case MR_MY_WRITE_V2:
        *ret_form = (struct form){.kind = MR_MY_INSERT, .version2 = true};
        return true;
    case MR_MY_UPDATE_V2:
        *ret_form = (struct form){.kind = MR_MY_UPDATE, .version2 = true};
        return true;
    case MR_MY_DELETE_V2:
        *ret_form = (struct form){.kind = MR_MY_DELETE, .version2 = true};
        return true;
    case MR_MY_PARTIAL_UPDATE:
        *ret_form = (struct form){.kind = MR_MY_UPDATE, .version2 = true, .partial = true};
        return true;
    case MR_MY_MARIA_WRITE_V1_COMPRESSED:
        *ret_form = (struct form){.kind = MR_MY_INSERT, .compressed = true};
        return true;
    case MR_MY_MARIA_UPDATE_V1_COMPRESSED:
        *ret_form = (struct form){.kind = MR_MY_UPDATE, .compressed = true};
        return true;
    case MR_MY_MARIA_DELETE_V1_COMPRESSED:
        *ret_form = (struct form){.kind = MR_MY_DELETE, .compressed = true};
        return true;
    case MR_MY_MARIA_WRITE_COMPRESSED:
        *ret_form = (struct form){.kind = MR_MY_INSERT, .version2 = true, .compressed = true};
        return true;
    case MR_MY_MARIA_UPDATE_COMPRESSED:
        *ret_form = (struct form){.kind = MR_MY_UPDATE, .version2 = true, .compressed = true};
        return true;
    case MR_MY_MARIA_DELETE_COMPRESSED:
        *ret_form = (struct form){.kind = MR_MY_DELETE, .version2 = true, .compressed = true};
        return true;
    default: return false;
    }
}

static uint64_t table_id(const struct mr_my_format *format, uint8_t type, struct mr_cur *cur)
{
    return mr_cur_le(cur, format->post_header[type - 1] == 6 ? 4 : 6);
}

bool mr_my_rows_table(const struct mr_my_format *format, const struct mr_my_event *event,
                      uint64_t *ret_table_id)
{
    struct mr_cur cur = mr_cur(event->body);
    struct form form;

    if (!form_of(event->header.type, &form))
        return false;
    *ret_table_id = table_id(format, event->header.type, &cur);
    return !cur.failed;
}

/* The first unknown code ends the reading: its length is not known. */
static void extra(struct mr_slice bytes, struct mr_my_rows *rows)
{
    struct mr_cur cur = mr_cur(bytes);

    while (mr_cur_left(&cur) > 0 && !cur.failed) {
        uint8_t code = mr_cur_u8(&cur);
        if (code == 0) {
            uint8_t size = mr_cur_u8(&cur);
            (void)mr_cur_bytes(&cur, size > 0 ? size - 1U : 0U);
        } else if (code == 1) {
            rows->partition = mr_cur_le16(&cur);
            if (rows->kind == MR_MY_UPDATE)
                rows->old_partition = mr_cur_le16(&cur);
        } else {
            return;
        }
    }
}

int mr_my_rows_parse(const struct mr_my_format *format, const struct mr_my_event *event,
                     struct mr_arena *arena, size_t limit, struct mr_my_rows *ret_rows,
                     struct mr_err *err)
{
    struct mr_cur cur = mr_cur(event->body);
    struct mr_my_rows rows = {.partition = -1, .old_partition = -1};
    struct form form;
    const uint8_t *first, *second = NULL;
    uint64_t columns;
    size_t bits;

    if (!form_of(event->header.type, &form))
        return mr_my_broken(&event->header, "it holds no rows", err);
    rows.kind = form.kind;
    rows.partial = form.partial;
    rows.table_id = table_id(format, event->header.type, &cur);
    rows.flags = mr_cur_le16(&cur);
    if (form.version2) {
        uint16_t size = mr_cur_le16(&cur);
        extra(mr_cur_bytes(&cur, size > 2 ? size - 2U : 0U), &rows);
    }
    columns = mr_my_packed(&cur);
    bits = columns <= UINT16_MAX ? ((size_t)columns + 7) / 8 : SIZE_MAX;
    first = mr_cur_take(&cur, bits);
    if (rows.kind == MR_MY_UPDATE)
        second = mr_cur_take(&cur, bits);
    if (cur.failed)
        return mr_my_broken(&event->header, "its head is too short", err);
    rows.columns = (uint32_t)columns;
    rows.before_bits = rows.kind == MR_MY_INSERT ? NULL : first;
    rows.after_bits = rows.kind == MR_MY_INSERT ? first : second;
    rows.cur = cur;
    if (form.compressed) {
        struct mr_slice plain;
        int rc = mr_my_inflate(mr_slice(cur.at, mr_cur_left(&cur)), arena, limit, &plain, err);
        if (rc < 0)
            return rc;
        rows.cur = mr_cur(plain);
    }
    *ret_rows = rows;
    return 0;
}

static uint32_t present(const uint8_t *bits, uint32_t columns)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < columns; i++)
        count += mr_my_bit(bits, i);
    return count;
}

static void image(struct mr_cur *cur, const struct mr_my_map *map, const uint8_t *bits,
                  struct mr_slice *fields)
{
    const uint8_t *nulls = mr_cur_take(cur, (present(bits, map->column_count) + 7) / 8);
    uint32_t n = 0;

    for (uint32_t i = 0; i < map->column_count && !cur->failed; i++) {
        const struct mr_my_column *column = &map->columns[i];
        if (!mr_my_bit(bits, i)) {
            fields[i] = MR_MY_FIELD_ABSENT;
        } else if (mr_my_bit(nulls, n++)) {
            fields[i] = MR_MY_FIELD_NULL;
        } else {
            size_t size = column->size;
            if (column->length_bytes > 0)
                size = (size_t)mr_cur_le(cur, column->length_bytes);
            fields[i] = mr_cur_bytes(cur, size);
        }
    }
}

/* What stands in front of the new row of a PARTIAL_UPDATE. */
static const uint8_t *diffs(struct mr_cur *cur, const struct mr_my_map *map)
{
    uint64_t options = mr_my_packed(cur);

    if (options > 1)
        cur->failed = true;
    return options == 1 ? mr_cur_take(cur, (map->json_count + 7) / 8) : NULL;
}

static int differs(const struct mr_my_rows *rows, const struct mr_my_map *map, struct mr_err *err)
{
    return mr_err_set(err, MR_GAP, "source.map_differs",
                      "rows of %u columns came for table %.*s.%.*s, which has %u", rows->columns,
                      MR_SLICE_ARG(map->database), MR_SLICE_ARG(map->table), map->column_count);
}

/* Whether its rows have no columns: INSERT of defaults alone under binlog_row_image=MINIMAL, into a table without a
 * key. Such an event is one row of no bytes. */
static bool bare(const struct mr_my_rows *rows)
{
    const uint8_t *bits = rows->before_bits ? rows->before_bits : rows->after_bits;

    return rows->columns > 0 && present(bits, rows->columns) == 0;
}

int mr_my_rows_next(struct mr_my_rows *rows, const struct mr_my_map *map, struct mr_slice *before,
                    struct mr_slice *after, struct mr_err *err)
{
    struct mr_cur *cur = &rows->cur;
    const uint8_t *begin = cur->at;

    if (mr_cur_left(cur) == 0 && (rows->begun || !bare(rows)))
        return 0;
    if (rows->columns != map->column_count)
        return differs(rows, map, err);
    rows->diff_bits = NULL;
    if (rows->before_bits)
        image(cur, map, rows->before_bits, before);
    if (rows->after_bits) {
        if (rows->partial)
            rows->diff_bits = diffs(cur, map);
        if (!cur->failed)
            image(cur, map, rows->after_bits, after);
    }
    if (cur->failed || (cur->at == begin && rows->begun))
        return mr_err_set(err, MR_RETRY, "source.protocol",
                          "a row of table %.*s.%.*s is longer than the event that holds it",
                          MR_SLICE_ARG(map->database), MR_SLICE_ARG(map->table));
    rows->begun = true;
    return 1;
}

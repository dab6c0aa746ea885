/* Rows events: from one event to the rows in it, and from a row to its columns' bytes.
 *
 *     u48 table_id, u16 flags, [v2: u16 n, extra], packed columns, bits present [update: bits of the new row], rows
 *     a row: null bits over the present columns, then the values; an update: the old row, then the new one
 *
 * mr_my_rows_next checks every length against the event's end and hands out slices into the event: nothing is decoded
 * here (types/reader.h) and nothing allocated, save that MariaDB's compressed rows are unpacked once into the arena.
 * */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cursor.h"
#include "base/err.h"
#include "connectors/source_mysql/wire/event.h"
#include "connectors/source_mysql/wire/tablemap.h"

enum mr_my_rows_kind { MR_MY_INSERT, MR_MY_UPDATE, MR_MY_DELETE };
enum mr_my_rows_flags { MR_MY_ROWS_STATEMENT_END = 0x01 };

/* One column's bytes in one row: data != NULL has a value (its length prefix is off); else one of these. */
#define MR_MY_FIELD_NULL   ((struct mr_slice){NULL, 0})
#define MR_MY_FIELD_ABSENT ((struct mr_slice){NULL, 1})

struct mr_my_rows {
    enum mr_my_rows_kind kind;
    bool partial; /* PARTIAL_UPDATE: new rows may hold JSON diffs */
    uint16_t flags;
    uint64_t table_id;
    uint32_t columns;
    int32_t partition, old_partition;        /* -1: not told */
    const uint8_t *before_bits, *after_bits; /* present columns; NULL: the event has no such row */
    bool begun;                              /* a row was given */
    struct mr_cur cur;                       /* over the rows */
    /* of the row mr_my_rows_next gave last: JSON columns that are diffs; NULL: none */
    const uint8_t *diff_bits;
};

/* The table alone, without looking further: of any rows event. */
bool mr_my_rows_table(const struct mr_my_format *format, const struct mr_my_event *event,
                      uint64_t *ret_table_id);

/* MR_RETRY source.protocol; MR_DATA source.event_too_large: unpacked, it is larger than `limit`. The slices of rows
 * live as long as the event's bytes, or, of compressed ones, in the arena. */
int mr_my_rows_parse(const struct mr_my_format *format, const struct mr_my_event *event,
                     struct mr_arena *arena, size_t limit, struct mr_my_rows *ret_rows,
                     struct mr_err *err) MR_MUST_CHECK;

/* The next row: 1, or 0 at the end. before and after have room for map->column_count slices each and are written
 * where the event has such a row. MR_GAP source.map_differs: the map has another number of columns. MR_RETRY
 * source.protocol. */
int mr_my_rows_next(struct mr_my_rows *rows, const struct mr_my_map *map, struct mr_slice *before,
                    struct mr_slice *after, struct mr_err *err) MR_MUST_CHECK;

/* Whether that new row's JSON column is a sequence of diffs to its old value. */
static inline bool mr_my_rows_diff(const struct mr_my_rows *rows, const struct mr_my_column *column)
{
    unsigned bit = column->json ? column->json - 1U : 0;

    return rows->diff_bits && column->json && rows->diff_bits[bit / 8] >> bit % 8 & 1;
}

/* Whether the image of these bits has the column. */
static inline bool mr_my_bit(const uint8_t *bits, uint32_t i)
{
    return bits[i / 8] >> i % 8 & 1;
}

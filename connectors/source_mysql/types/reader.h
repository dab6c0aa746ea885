/* From a column's bytes to a struct mr_value: of rows events and of SQL results, to equal values.
 *
 * A reader is how one column is read. It is made once per table version from what the map says (wire/tablemap.h) and
 * what only the catalogue knows (hints), and then used for every row: no call through a pointer, no allocation but
 * for what has to be built (other character sets, sets, JSON, geometry), which goes into the arena. Text that is
 * UTF-8, and bytes, are pointed at: they must live as long as the value. Everything a reader points to lives as long
 * as the arena it was made with. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "connectors/source_mysql/types/charset.h"
#include "connectors/source_mysql/wire/rows.h"
#include "connectors/source_mysql/wire/tablemap.h"
#include "model/table.h"
#include "model/value.h"

/* What information_schema.COLUMNS tells and the log does not: of MariaDB, types that are binary strings on the wire.
 * */
enum mr_my_meaning {
    MR_MY_PLAIN,
    MR_MY_MEANS_UUID,
    MR_MY_MEANS_INET4,
    MR_MY_MEANS_INET6,
    MR_MY_MEANS_VECTOR,
    MR_MY_MEANS_JSON,
};

struct mr_my_hint {
    enum mr_my_meaning meaning;
    const struct mr_slice *labels; /* UTF-8, in order; used where the map has none; NULL unknown */
    uint32_t label_count;
};

enum mr_my_read {
    MR_MY_READ_NOTHING, /* MR_NULL always */
    MR_MY_READ_INT,
    MR_MY_READ_UINT,
    MR_MY_READ_FLOAT,
    MR_MY_READ_DOUBLE,
    MR_MY_READ_DECIMAL,
    MR_MY_READ_BITS,
    MR_MY_READ_YEAR,
    MR_MY_READ_DATE,
    MR_MY_READ_TIME,
    MR_MY_READ_TIME2,
    MR_MY_READ_DATETIME,
    MR_MY_READ_DATETIME2,
    MR_MY_READ_TIMESTAMP,
    MR_MY_READ_TIMESTAMP2,
    MR_MY_READ_TEXT,
    MR_MY_READ_BYTES,
    MR_MY_READ_ENUM,
    MR_MY_READ_SET,
    MR_MY_READ_JSON,
    MR_MY_READ_GEOMETRY,
    MR_MY_READ_VECTOR,
    MR_MY_READ_UUID,
    MR_MY_READ_INET4,
    MR_MY_READ_INET6,
};

struct mr_my_reader {
    enum mr_my_read how;
    bool compressed;          /* MariaDB's compressed columns: unpacked first */
    uint8_t precision, scale; /* DECIMAL; digits of a fraction */
    uint32_t size;            /* bytes of a value; BINARY: to which it is padded, 0 not at all */
    uint32_t bits;            /* BIT */
    const struct mr_my_charset *charset; /* TEXT */
    const struct mr_slice *labels;       /* UTF-8 */
    uint32_t label_count;
    const struct mr_my_column *column;
};

/* How values are read, and what came of it. */
struct mr_my_reading {
    struct mr_arena *arena;
    size_t limit; /* bytes that a compressed value may unpack to */
    bool replace; /* bytes that are no characters become U+FFFD; else they are an error */
    /* of mr_my_read_text: text is UTF-8 already (information_schema's), not the column's own */
    bool utf8;
    bool compact;      /* JSON without the spaces that the server prints */
    uint64_t replaced; /* counted here */
};

/* hint may be NULL. MR_CONFIG source.charset: the column's collation is unknown here. */
int mr_my_reader_init(struct mr_my_reader *reader, const struct mr_my_map *map,
                      const struct mr_my_column *column, const struct mr_my_hint *hint,
                      struct mr_arena *arena, struct mr_err *err) MR_MUST_CHECK;

/* A value of a rows event: field as wire/rows.h gives it, with `absent` (an enum mr_kind) for a column that the image
 * does not have. False: the bytes are no such value; *ret_value is then undefined. */
bool mr_my_read(const struct mr_my_reader *reader, struct mr_my_reading *reading,
                struct mr_slice field, enum mr_kind absent, struct mr_value *ret_value);

/* What stands behind the quoted name of a column in a SELECT so that the text is exact: "+0e0", or "". */
const char *mr_my_reader_suffix(const struct mr_my_reader *reader);

/* A value of an SQL result in text form, under the pinned session (session/connect.h): stored bytes, times in UTC.
 * Text and bytes are pointed at: they must live as long as the value. data == NULL: NULL. */
bool mr_my_read_text(const struct mr_my_reader *reader, struct mr_my_reading *reading,
                     struct mr_slice text, struct mr_value *ret_value);

/* All columns of a row. MR_DATA source.decode, with table, column, type and the first bytes. */
int mr_my_read_row(const struct mr_my_reader *readers, const struct mr_my_map *map,
                   struct mr_my_reading *reading, const struct mr_slice *fields,
                   enum mr_kind absent, struct mr_value *ret_values,
                   struct mr_err *err) MR_MUST_CHECK;

/* The new row of an update: as above, and JSON columns that came as diffs are put together with the old row's bytes.
 * Where the old row does not have the document, the value is MR_UNCHANGED and *ret_lost counts it: it did change, and
 * nobody can say to what. */
int mr_my_read_new_row(const struct mr_my_reader *readers, const struct mr_my_map *map,
                       struct mr_my_reading *reading, const struct mr_my_rows *rows,
                       const struct mr_slice *before, const struct mr_slice *after,
                       struct mr_value *ret_values, uint32_t *ret_lost,
                       struct mr_err *err) MR_MUST_CHECK;

/* MR_DATA source.decode, for a value that mr_my_read or mr_my_read_text would not take. */
int mr_my_no_value(const struct mr_my_map *map, uint32_t column, struct mr_slice bytes,
                   struct mr_err *err);

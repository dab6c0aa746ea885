/* Readers: which decoder a column has, and what stands around it.
 *
 *     map column + hint --init--> reader          once per table version
 *     reader + bytes    --read--> struct mr_value  per value: a switch, no call through a pointer
 *
 * The log has two ways to say less than it means. A binary string of fixed width loses zero bytes at its end, and
 * gets them back here from the width that the map tells; and MariaDB's UUID, INET and VECTOR are such strings: only
 * the catalogue knows (struct mr_my_hint). Where it does not, they are bytes.
 *
 * ENUM and SET labels stand in the map in their own character set and are converted once. A number without a label
 * (0 is the server's "invalid value") is the empty text, as the server prints it. */
#include "connectors/source_mysql/types/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connectors/source_mysql/types/compressed.h"
#include "connectors/source_mysql/types/json.h"
#include "connectors/source_mysql/types/json_patch.h"
#include "connectors/source_mysql/types/values.h"

static bool labelled(const struct mr_my_column *column)
{
    return column->type == MR_MY_ENUM || column->type == MR_MY_SET;
}

static int unknown_charset(const struct mr_my_map *map, const struct mr_my_column *column,
                           struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, "source.charset",
               "column %.*s of table %.*s.%.*s has collation %u, unknown here",
               MR_SLICE_ARG(column->name), MR_SLICE_ARG(map->database), MR_SLICE_ARG(map->table),
               column->collation);
    mr_err_hint(err, "Use a millrace that knows it, or leave the column or the table out.");
    return MR_CONFIG;
}

static int take_labels(struct mr_my_reader *reader, const struct mr_my_map *map,
                       const struct mr_my_hint *hint, struct mr_arena *arena, struct mr_err *err)
{
    const struct mr_my_column *column = reader->column;
    const struct mr_my_charset *charset = mr_my_charset_of(column->collation);
    struct mr_slice *labels;

    reader->charset = charset;
    if (!column->labels) {
        reader->labels = hint ? hint->labels : NULL;
        reader->label_count = hint ? hint->label_count : 0;
        return 0;
    }
    if (!charset)
        return unknown_charset(map, column, err);
    labels = MR_ARENA_ARRAY(arena, struct mr_slice, column->label_count + 1U);
    for (uint32_t i = 0; i < column->label_count; i++) {
        if (!mr_my_charset_utf8(charset, arena, column->labels[i], &labels[i]))
            labels[i] = mr_my_charset_replace(charset, arena, column->labels[i]);
    }
    reader->labels = labels;
    reader->label_count = column->label_count;
    return 0;
}

static void string(struct mr_my_reader *reader, enum mr_my_meaning meaning)
{
    const struct mr_my_column *column = reader->column;
    bool binary = column->collation == MR_MY_BINARY || column->collation == 0;

    reader->how = binary ? MR_MY_READ_BYTES : MR_MY_READ_TEXT;
    reader->compressed =
        column->type == MR_MY_BLOB_COMPRESSED || column->type == MR_MY_VARCHAR_COMPRESSED;
    if (column->type == MR_MY_STRING && binary)
        reader->size = column->size;
    switch (meaning) {
    case MR_MY_MEANS_UUID: reader->how = MR_MY_READ_UUID; break;
    case MR_MY_MEANS_INET4: reader->how = MR_MY_READ_INET4; break;
    case MR_MY_MEANS_INET6: reader->how = MR_MY_READ_INET6; break;
    case MR_MY_MEANS_VECTOR: reader->how = MR_MY_READ_VECTOR; break;
    case MR_MY_MEANS_JSON:
    case MR_MY_PLAIN: break;
    }
}

static enum mr_my_read how(const struct mr_my_column *column)
{
    switch (column->type) {
    case MR_MY_TINY:
    case MR_MY_SHORT:
    case MR_MY_INT24:
    case MR_MY_LONG:
    case MR_MY_LONGLONG: return column->is_unsigned ? MR_MY_READ_UINT : MR_MY_READ_INT;
    case MR_MY_FLOAT: return MR_MY_READ_FLOAT;
    case MR_MY_DOUBLE: return MR_MY_READ_DOUBLE;
    case MR_MY_NEWDECIMAL: return MR_MY_READ_DECIMAL;
    case MR_MY_BIT: return MR_MY_READ_BITS;
    case MR_MY_YEAR: return MR_MY_READ_YEAR;
    case MR_MY_DATE:
    case MR_MY_NEWDATE: return MR_MY_READ_DATE;
    case MR_MY_TIME: return MR_MY_READ_TIME;
    case MR_MY_TIME2: return MR_MY_READ_TIME2;
    case MR_MY_DATETIME: return MR_MY_READ_DATETIME;
    case MR_MY_DATETIME2: return MR_MY_READ_DATETIME2;
    case MR_MY_TIMESTAMP: return MR_MY_READ_TIMESTAMP;
    case MR_MY_TIMESTAMP2: return MR_MY_READ_TIMESTAMP2;
    case MR_MY_ENUM: return MR_MY_READ_ENUM;
    case MR_MY_SET: return MR_MY_READ_SET;
    case MR_MY_JSON: return MR_MY_READ_JSON;
    case MR_MY_GEOMETRY: return MR_MY_READ_GEOMETRY;
    case MR_MY_VECTOR: return MR_MY_READ_VECTOR;
    case MR_MY_NULL: return MR_MY_READ_NOTHING;
    default: return MR_MY_READ_BYTES;
    }
}

int mr_my_reader_init(struct mr_my_reader *reader, const struct mr_my_map *map,
                      const struct mr_my_column *column, const struct mr_my_hint *hint,
                      struct mr_arena *arena, struct mr_err *err)
{
    *reader = (struct mr_my_reader){.how = how(column),
                                    .precision = column->precision,
                                    .scale = column->scale,
                                    .bits = column->bits,
                                    .column = column};
    if (labelled(column))
        return take_labels(reader, map, hint, arena, err);
    if (reader->how != MR_MY_READ_BYTES)
        return 0;
    string(reader, hint ? hint->meaning : MR_MY_PLAIN);
    if (reader->how == MR_MY_READ_TEXT) {
        reader->charset = mr_my_charset_of(column->collation);
        if (!reader->charset)
            return unknown_charset(map, column, err);
    }
    return 0;
}

static struct mr_value bytes_value(enum mr_kind kind, struct mr_slice bytes)
{
    return (struct mr_value){.kind = (uint8_t)kind, .size = (uint32_t)bytes.size, .p = bytes.data};
}

static bool text(const struct mr_my_reader *reader, struct mr_my_reading *reading,
                 struct mr_slice bytes, struct mr_value *ret_value)
{
    struct mr_slice utf8;

    if (!mr_my_charset_utf8(reader->charset, reading->arena, bytes, &utf8)) {
        if (!reading->replace)
            return false;
        reading->replaced++;
        utf8 = mr_my_charset_replace(reader->charset, reading->arena, bytes);
    }
    *ret_value = bytes_value(MR_TEXT, utf8);
    return true;
}

static bool padded(const struct mr_my_reader *reader, struct mr_my_reading *reading,
                   struct mr_slice bytes, struct mr_value *ret_value)
{
    char *whole;

    if (bytes.size < reader->size) {
        whole = mr_arena_alloc(reading->arena, reader->size, 1);
        memcpy(whole, bytes.data, bytes.size);
        memset(whole + bytes.size, 0, reader->size - bytes.size);
        bytes = mr_slice(whole, reader->size);
    }
    *ret_value = bytes_value(MR_BYTES, bytes);
    return true;
}

static uint64_t little_endian(struct mr_slice bytes)
{
    uint64_t number = 0;

    memcpy(&number, bytes.data, bytes.size);
    return number;
}

static bool integer(const struct mr_my_reader *reader, struct mr_slice bytes,
                    struct mr_value *ret_value)
{
    unsigned shift;
    uint64_t number;

    if (bytes.size == 0 || bytes.size > 8)
        return false;
    shift = 64 - 8 * (unsigned)bytes.size;
    number = little_endian(bytes);
    if (reader->how == MR_MY_READ_INT)
        *ret_value = (struct mr_value){.kind = MR_INT, .i = (int64_t)(number << shift) >> shift};
    else
        *ret_value = (struct mr_value){.kind = bytes.size == 8 ? MR_UINT : MR_INT, .u = number};
    return true;
}

static bool real(struct mr_slice bytes, struct mr_value *ret_value)
{
    double wide;
    float narrow;

    if (bytes.size == 4) {
        memcpy(&narrow, bytes.data, 4);
        wide = (double)narrow;
    } else if (bytes.size == 8) {
        memcpy(&wide, bytes.data, 8);
    } else {
        return false;
    }
    *ret_value = (struct mr_value){.kind = MR_FLOAT, .f = wide};
    return true;
}

static bool label(const struct mr_my_reader *reader, uint64_t number, struct mr_value *ret_value)
{
    if (number > reader->label_count)
        return false;
    *ret_value = number == 0 ? bytes_value(MR_TEXT, mr_slice("", 0))
                             : bytes_value(MR_TEXT, reader->labels[number - 1]);
    return true;
}

static bool set_of(const struct mr_my_reader *reader, struct mr_my_reading *reading, uint64_t bits,
                   struct mr_value *ret_value)
{
    size_t room = 0;
    char *begin, *out;

    if (reader->label_count < 64 && bits >> reader->label_count != 0)
        return false;
    for (uint32_t i = 0; i < reader->label_count; i++)
        room += bits >> i & 1 ? reader->labels[i].size + 1 : 0;
    begin = out = mr_arena_alloc(reading->arena, room + 1, 1);
    for (uint32_t i = 0; i < reader->label_count; i++) {
        if (!(bits >> i & 1))
            continue;
        if (out > begin)
            *out++ = ',';
        memcpy(out, reader->labels[i].data, reader->labels[i].size);
        out += reader->labels[i].size;
    }
    *ret_value = bytes_value(MR_TEXT, mr_slice(begin, (size_t)(out - begin)));
    return true;
}

/* Kinds that are the same bytes in the log and in a result. */
static bool read_bytes(const struct mr_my_reader *reader, struct mr_my_reading *reading,
                       struct mr_slice field, struct mr_value *ret_value)
{
    switch (reader->how) {
    case MR_MY_READ_BITS: return mr_my_bits(reader->bits, field, ret_value);
    case MR_MY_READ_TEXT: return text(reader, reading, field, ret_value);
    case MR_MY_READ_BYTES: return padded(reader, reading, field, ret_value);
    case MR_MY_READ_GEOMETRY: return mr_my_geometry(reading->arena, field, ret_value);
    case MR_MY_READ_VECTOR: return mr_my_vector(reading->arena, field, ret_value);
    default: return false;
    }
}

bool mr_my_read(const struct mr_my_reader *reader, struct mr_my_reading *reading,
                struct mr_slice field, enum mr_kind absent, struct mr_value *ret_value)
{
    struct mr_arena *arena = reading->arena;

    if (!field.data) {
        *ret_value = (struct mr_value){.kind = field.size > 0 ? (uint8_t)absent : MR_NULL};
        return true;
    }
    if (field.size > UINT32_MAX ||
        (reader->compressed && !mr_my_uncompress(arena, field, reading->limit, &field)))
        return false;
    switch (reader->how) {
    case MR_MY_READ_INT:
    case MR_MY_READ_UINT: return integer(reader, field, ret_value);
    case MR_MY_READ_FLOAT:
    case MR_MY_READ_DOUBLE: return real(field, ret_value);
    case MR_MY_READ_DECIMAL:
        return mr_my_decimal(arena, reader->precision, reader->scale, field, ret_value);
    case MR_MY_READ_YEAR:
        *ret_value = (struct mr_value){
            .kind = MR_INT, .i = (uint8_t)field.data[0] ? 1900 + (uint8_t)field.data[0] : 0};
        return true;
    case MR_MY_READ_DATE: return mr_my_date(field, ret_value);
    case MR_MY_READ_TIME: return mr_my_time(field, ret_value);
    case MR_MY_READ_TIME2: return mr_my_time2(reader->precision, field, ret_value);
    case MR_MY_READ_DATETIME: return mr_my_datetime(field, ret_value);
    case MR_MY_READ_DATETIME2: return mr_my_datetime2(reader->precision, field, ret_value);
    case MR_MY_READ_TIMESTAMP: return mr_my_timestamp(field, ret_value);
    case MR_MY_READ_TIMESTAMP2: return mr_my_timestamp2(reader->precision, field, ret_value);
    case MR_MY_READ_ENUM: return field.size <= 2 && label(reader, little_endian(field), ret_value);
    case MR_MY_READ_SET:
        return field.size <= 8 && set_of(reader, reading, little_endian(field), ret_value);
    case MR_MY_READ_JSON: return mr_my_json_value(field, reading->compact, arena, ret_value);
    case MR_MY_READ_UUID: return mr_my_uuid(arena, field, ret_value);
    case MR_MY_READ_INET4: return mr_my_inet(arena, false, field, ret_value);
    case MR_MY_READ_INET6: return mr_my_inet(arena, true, field, ret_value);
    case MR_MY_READ_NOTHING: *ret_value = (struct mr_value){.kind = MR_NULL}; return true;
    default: return read_bytes(reader, reading, field, ret_value);
    }
}

int mr_my_no_value(const struct mr_my_map *map, uint32_t column, struct mr_slice bytes,
                   struct mr_err *err)
{
    char shown[3 * 16 + 1] = "";
    size_t size = bytes.data ? bytes.size : 0;

    for (size_t i = 0; i < size && i < 16; i++)
        (void)snprintf(shown + 3 * i, 4, " %02x", (uint8_t)bytes.data[i]);
    return mr_err_set(err, MR_DATA, "source.decode",
                      "column %u (%.*s) of table %.*s.%.*s: %zu bytes are no value of type %u:%s%s",
                      column + 1, MR_SLICE_ARG(map->columns[column].name),
                      MR_SLICE_ARG(map->database), MR_SLICE_ARG(map->table), size,
                      map->columns[column].type, shown, size > 16 ? " ..." : "");
}

int mr_my_read_row(const struct mr_my_reader *readers, const struct mr_my_map *map,
                   struct mr_my_reading *reading, const struct mr_slice *fields,
                   enum mr_kind absent, struct mr_value *ret_values, struct mr_err *err)
{
    for (uint32_t i = 0; i < map->column_count; i++) {
        if (!mr_my_read(&readers[i], reading, fields[i], absent, &ret_values[i]))
            return mr_my_no_value(map, i, fields[i], err);
    }
    return 0;
}

int mr_my_read_new_row(const struct mr_my_reader *readers, const struct mr_my_map *map,
                       struct mr_my_reading *reading, const struct mr_my_rows *rows,
                       const struct mr_slice *before, const struct mr_slice *after,
                       struct mr_value *ret_values, uint32_t *ret_lost, struct mr_err *err)
{
    for (uint32_t i = 0; i < map->column_count; i++) {
        bool fine;
        if (!mr_my_rows_diff(rows, &map->columns[i]) || !after[i].data) {
            fine = mr_my_read(&readers[i], reading, after[i], MR_UNCHANGED, &ret_values[i]);
        } else if (!before[i].data) {
            ret_values[i] = (struct mr_value){.kind = MR_UNCHANGED};
            *ret_lost += after[i].size > 0;
            fine = true;
        } else {
            fine = mr_my_json_patched(before[i], after[i], reading->compact, reading->arena,
                                      &ret_values[i]);
        }
        if (!fine)
            return mr_my_no_value(map, i, after[i], err);
    }
    return 0;
}

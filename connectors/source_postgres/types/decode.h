/* From PostgreSQL's bytes to struct mr_value: one table of types, each with a text and a binary reader.
 *
 * The same functions read rows of the stream and rows of a snapshot, so that both give equal values. A reader
 * copies nothing it can point at: the bytes must live as long as the value (they stand in the batch's arena).
 * What it has to build (uuid from text, bytea from hex, arrays) goes into the arena given. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "model/table.h"
#include "model/value.h"

struct mr_pg_type;

/* False when the bytes are not such a value; *ret_value is then undefined. */
#define MR_PG_DECODE(name)                                                                         \
    bool name(struct mr_arena *arena, const struct mr_pg_type *type, struct mr_slice bytes,        \
              struct mr_value *ret_value)

struct mr_pg_codec {
    uint32_t oid;       /* 0: an extension's type, found by name */
    uint32_t array_oid; /* 0: unknown */
    const char *name;   /* pg_type.typname */
    enum mr_type type;
    MR_PG_DECODE((*text));
    MR_PG_DECODE(
        (*binary)); /* NULL: only its text can be read, so the session must not be binary */
};

/* How the values of one column are read. Lives as long as its table version. */
struct mr_pg_type {
    const struct mr_pg_codec *codec;
    const struct mr_pg_type *element; /* arrays only */
    bool domain;                      /* the column's type is a domain over it */
    char delimiter;                   /* between elements in text: ',' but for box */
};

/* NULL when the table does not have it. */
const struct mr_pg_codec *mr_pg_codec_by_oid(uint32_t oid);
const struct mr_pg_codec *mr_pg_codec_by_name(struct mr_slice name);
/* The codec of the element when `oid` is a known array type, else NULL. */
const struct mr_pg_codec *mr_pg_codec_of_array(uint32_t oid);

/* For enum types, arrays, and types nobody knows (text as it comes). */
extern const struct mr_pg_codec mr_pg_codec_enum, mr_pg_codec_array, mr_pg_codec_other;

/* The readers of the table's rows, by file. types/numeric.c: */
MR_PG_DECODE(mr_pg_numeric_text);
MR_PG_DECODE(mr_pg_numeric_binary);
MR_PG_DECODE(mr_pg_money_text);
MR_PG_DECODE(mr_pg_money_binary);
/* types/time.c: */
MR_PG_DECODE(mr_pg_date_text);
MR_PG_DECODE(mr_pg_date_binary);
MR_PG_DECODE(mr_pg_time_text);
MR_PG_DECODE(mr_pg_time_binary);
MR_PG_DECODE(mr_pg_timetz_text);
MR_PG_DECODE(mr_pg_timetz_binary);
MR_PG_DECODE(mr_pg_timestamp_text);
MR_PG_DECODE(mr_pg_timestamp_binary);
MR_PG_DECODE(mr_pg_interval_text);
MR_PG_DECODE(mr_pg_interval_binary);
/* types/array.c: */
MR_PG_DECODE(mr_pg_array_text);
/* types/shape.c: bits, geometry, vectors, hstore */
MR_PG_DECODE(mr_pg_bits_text);
MR_PG_DECODE(mr_pg_bits_binary);
MR_PG_DECODE(mr_pg_shape_text);
MR_PG_DECODE(mr_pg_postgis_text);
MR_PG_DECODE(mr_pg_hstore_text);
MR_PG_DECODE(mr_pg_vector_text);
MR_PG_DECODE(mr_pg_sparsevec_text);

/* Days since 1970-01-01 of a proleptic Gregorian date; year 0 is 1 BC. */
int64_t mr_pg_days(int64_t year, unsigned month, unsigned day);
/* A whole decimal integer; false when the bytes are anything else or do not fit. */
bool mr_pg_parse_i64(struct mr_slice bytes, int64_t *ret_number);
/* A whole floating point number as the server prints it. */
bool mr_pg_parse_f64(struct mr_slice bytes, double *ret_number);

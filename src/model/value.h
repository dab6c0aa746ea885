/* One column's value in one row: 16 bytes, no owner.
 *
 * Sources decode the wire into these neutral kinds once; encoders read nothing else. NULL and UNCHANGED are kinds,
 * not flags, so no reader can forget them. Bytes that a value points to live in the batch's arena (or, for a
 * default value, as long as the table version). Times are proleptic Gregorian. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum mr_kind {
    MR_NULL = 0,
    MR_UNCHANGED, /* the source did not send it: TOAST value untouched by an update, column not in a row image */
    MR_ABSENT,  /* not part of this image at all: a non-key column of a key-only old row */
    MR_BOOL,    /* i: 0 or 1 */
    MR_INT,     /* i; the column's type says the width */
    MR_UINT,    /* u: MySQL bigint unsigned above INT64_MAX and below */
    MR_FLOAT,   /* f (double); a FLOAT32 column's value is exactly a float */
    MR_DECIMAL, /* i * 10^-scale; any decimal whose unscaled value fits int64 */
    MR_DECIMAL_TEXT, /* p, size: "-123.4500" as the server prints it, or "NaN", "Infinity", "-Infinity" */
    MR_TEXT,         /* p, size: UTF-8 by contract of the source */
    MR_BYTES,        /* p, size */
    MR_UUID,         /* p: 16 raw bytes, size 16 */
    MR_DATE,         /* i: days since 1970-01-01; MR_TIME_INFINITY / MR_TIME_NEG_INFINITY */
    MR_TIME, /* i: microseconds since midnight, 0..86400000000; MySQL: of a duration of up to 839 hours, either sign */
    MR_TIMETZ, /* i: microseconds since midnight, local; zone: seconds east of UTC */
    MR_TIMESTAMP, /* i: microseconds since 1970-01-01 00:00 (UTC for timestamptz); infinities as for DATE */
    MR_NO_DATE,  /* i: mr_parts_pack(): a MySQL date that is no day, "0000-00-00" or "2024-02-31" */
    MR_INTERVAL, /* interval: months, days, microseconds */
    MR_BITS,     /* bits: count and bytes, most significant bit first */
    MR_ARRAY,    /* array */
    MR_GEOMETRY, /* geometry: point, line, ... as doubles; PostGIS as WKB */
    MR_VECTOR,   /* vector: pgvector's three types */
};

#define MR_TIME_INFINITY     INT64_MAX
#define MR_TIME_NEG_INFINITY INT64_MIN

struct mr_interval {
    int32_t months, days;
    int64_t micros; /* all three at their max or min: infinity (PostgreSQL 17+) */
};

struct mr_bits {
    uint32_t count; /* bits; (count + 7) / 8 bytes follow, zero padded at the low end of the last */
    const uint8_t *bytes;
};

struct mr_value;

/* Elements in row-major order; dimensions 0 means empty. `text` is the server's own notation of the whole
 * value, for the cases where a schema has no place for nested arrays; {NULL, 0} when dimensions <= 1. */
struct mr_array {
    uint32_t dimensions, count; /* count <= UINT32_MAX / 16, checked by the decoder */
    uint32_t sizes[6];
    struct mr_value *items;
    struct mr_slice text;
};

struct mr_geometry {
    uint8_t closed; /* path: 1 closed, 2 not told */
    int32_t srid;   /* PostGIS, MySQL; -1 = none */
    uint32_t count; /* doubles in numbers */
    /* point x,y | line a,b,c | lseg, box 4 | circle x,y,r | path, polygon x,y,... */
    const double *numbers;
    struct mr_slice wkb; /* PostGIS, MySQL: without the SRID; else {NULL, 0} */
};

struct mr_vector {
    uint32_t dimensions, count;
    const uint32_t *indexes; /* sparse: 1-based as printed; NULL for dense */
    const double *numbers;
};

struct mr_value {
    uint8_t kind; /* enum mr_kind */
    uint8_t reserved;
    int16_t scale; /* DECIMAL; may be negative */
    union {
        uint32_t size; /* bytes at p: TEXT, BYTES, DECIMAL_TEXT, UUID */
        int32_t zone;  /* TIMETZ */
    };
    union {
        int64_t i;
        uint64_t u;
        double f;
        const char *p;
        const struct mr_interval *interval;
        const struct mr_bits *bits;
        const struct mr_array *array;
        const struct mr_geometry *geometry;
        const struct mr_vector *vector;
    };
};
_Static_assert(sizeof(struct mr_value) == 16, "a row is an array of these");

/* The parts of a NO_DATE, as the server holds them; time zero for a column that is a date only. */
struct mr_parts {
    uint32_t year, month, day, hour, minute, second, micros;
};

static inline int64_t mr_parts_pack(struct mr_parts parts)
{
    uint64_t date = ((uint64_t)parts.year << 4 | parts.month) << 5 | parts.day;
    uint64_t clock = ((uint64_t)parts.hour << 6 | parts.minute) << 6 | parts.second;

    return (int64_t)((date << 17 | clock) << 20 | parts.micros);
}

static inline struct mr_parts mr_parts_of(const struct mr_value *value)
{
    uint64_t clock = value->u >> 20, date = clock >> 17;

    return (struct mr_parts){.year = (uint32_t)(date >> 9),
                             .month = date >> 5 & 15,
                             .day = date & 31,
                             .hour = clock >> 12 & 31,
                             .minute = clock >> 6 & 63,
                             .second = clock & 63,
                             .micros = value->u & 0xfffff};
}

static inline struct mr_slice mr_value_slice(const struct mr_value *value)
{
    return (struct mr_slice){value->p, value->size};
}

static inline bool mr_value_present(const struct mr_value *value)
{
    return value->kind > MR_ABSENT;
}

/* True when every encoder would write the same for both. */
bool mr_value_equal(const struct mr_value *a, const struct mr_value *b);

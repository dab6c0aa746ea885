/* One immutable version of a table's description.
 *
 * A source makes a version when the wire describes a table differently from the version it holds (same content
 * sent again makes no new version). A batch holds one reference per version its changes point to; encoders hold
 * one per plan. `id` is unique in the process and never reused: caches key on it, not on the pointer. Column
 * names and types come from the wire; nullability, defaults, labels and keys may come from the catalogue, and
 * are frozen with the version. All bytes live in the version's own arena. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "model/value.h"

/* What a column means, whatever the database calls it. Next to each: the kinds its values may have besides
 * NULL, UNCHANGED, ABSENT. A number has the smallest type that holds all its values, signed where one does.
 *
 * MySQL and MariaDB                                      type
 *     tinyint                                            INT8
 *     tinyint unsigned, smallint                         INT16    `length` is the declared width: 1 of tinyint(1)
 *     smallint unsigned, mediumint, both signs; int      INT32
 *     int unsigned, bigint                               INT64
 *     bigint unsigned                                    UINT64
 *     float, float(M,D)                                  FLOAT32  precision M and scale D where declared, else 0
 *     double                                             FLOAT64
 *     decimal                                            DECIMAL
 *     bit                                                BITS     values are UINT
 *     char, varchar, text; inet4, inet6                  TEXT
 *     binary, varbinary, blob                            BYTES    `length` of binary(n): its values come padded
 *     enum, set                                          ENUM, SET
 *     json (MySQL's; MariaDB's is a longtext: TEXT)      JSON
 *     date, time, datetime, timestamp                    DATE, TIME, TIMESTAMP, TIMESTAMPTZ; precision 0..6
 *     year                                               YEAR
 *     point; all other spatial types                     SPATIAL_POINT, SPATIAL
 *     vector                                             HALFVEC
 *     uuid                                               UUID */
enum mr_type {
    MR_TYPE_BOOL,    /* BOOL */
    MR_TYPE_INT8,    /* INT */
    MR_TYPE_INT16,   /* INT */
    MR_TYPE_INT32,   /* INT */
    MR_TYPE_INT64,   /* INT */
    MR_TYPE_UINT64,  /* UINT */
    MR_TYPE_FLOAT32, /* FLOAT */
    MR_TYPE_FLOAT64, /* FLOAT */
    MR_TYPE_DECIMAL, /* DECIMAL, DECIMAL_TEXT; precision 0 = unconstrained, each value has its own scale */
    MR_TYPE_MONEY,     /* DECIMAL; scale 2 */
    MR_TYPE_TEXT,      /* TEXT: char, varchar, inet, ranges, ...; length in `length` if declared */
    MR_TYPE_BYTES,     /* BYTES */
    MR_TYPE_UUID,      /* UUID */
    MR_TYPE_JSON,      /* TEXT */
    MR_TYPE_XML,       /* TEXT */
    MR_TYPE_ENUM,      /* TEXT; labels */
    MR_TYPE_SET,       /* TEXT: the members by commas, in the order of `labels` */
    MR_TYPE_YEAR,      /* INT: 0, 1901..2155 */
    MR_TYPE_DATE,      /* DATE, NO_DATE */
    MR_TYPE_TIME,      /* TIME; `precision` 0..6, -1 not declared */
    MR_TYPE_TIMETZ,    /* TIMETZ */
    MR_TYPE_TIMESTAMP, /* TIMESTAMP, NO_DATE; no zone */
    MR_TYPE_TIMESTAMPTZ,   /* TIMESTAMP, NO_DATE; UTC */
    MR_TYPE_INTERVAL,      /* INTERVAL */
    MR_TYPE_BITS,          /* BITS, UINT; `length` = declared bits, 0 = unlimited */
    MR_TYPE_HSTORE,        /* TEXT: JSON object text */
    MR_TYPE_LTREE,         /* TEXT */
    MR_TYPE_TSVECTOR,      /* TEXT */
    MR_TYPE_POINT,         /* GEOMETRY */
    MR_TYPE_LINE,          /* GEOMETRY */
    MR_TYPE_CIRCLE,        /* GEOMETRY */
    MR_TYPE_SHAPE,         /* GEOMETRY: lseg, box, path, polygon; native_type tells */
    MR_TYPE_GEOMETRY,      /* GEOMETRY (PostGIS) */
    MR_TYPE_GEOGRAPHY,     /* GEOMETRY (PostGIS) */
    MR_TYPE_SPATIAL,       /* GEOMETRY of any shape as WKB, with its SRID */
    MR_TYPE_SPATIAL_POINT, /* GEOMETRY: a point as WKB, with its SRID */
    MR_TYPE_VECTOR,        /* VECTOR: float64 elements */
    MR_TYPE_HALFVEC,       /* VECTOR: float32 elements */
    MR_TYPE_SPARSEVEC,     /* VECTOR */
    MR_TYPE_ARRAY,         /* ARRAY of `element` */
    MR_TYPE_OTHER,         /* TEXT: no rule covers the type, the server's text */
};

struct mr_column {
    struct mr_slice name;
    enum mr_type type;
    int32_t precision; /* DECIMAL digits; TIME, TIMESTAMP, INTERVAL fraction digits or -1 */
    int32_t scale;     /* DECIMAL; may be negative */
    int32_t length;    /* TEXT characters, BITS bits; 0 = not declared */
    bool optional;     /* false only when every row of this version has a value */
    bool generated;
    bool has_default; /* default_value is a constant known for this version */
    bool serial;      /* the default is the next value of a sequence, or AUTO_INCREMENT */
    bool default_now; /* the default is the moment of the insert; has_default is false */
    struct mr_value default_value;
    uint16_t key; /* 1-based place in the key; 0 = not part of it */
    /* PostgreSQL type OID (the column's own, not a domain's base), MySQL type byte */
    uint32_t native_id;
    int32_t native_modifier;     /* PostgreSQL typmod */
    struct mr_slice native_type; /* "numeric", "_int4", "tinyint unsigned" */
    /* What a catalogue says beside the wire; {NULL, 0} = unknown, or it has none. */
    struct mr_slice declared;           /* the type as printed: "int(10) unsigned zerofill" */
    struct mr_slice charset, collation; /* TEXT, ENUM, SET: "utf8mb4", "utf8mb4_bin" */
    struct mr_slice default_text;       /* the default as printed, where it is a literal */
    struct mr_slice comment;
    bool masked;    /* values are asterisks or hashes: Debezium's schema parameter masked=true */
    bool truncated; /* values may be cut: schema parameter truncateLength=truncate_length */
    uint32_t truncate_length;        /* characters as UTF-16 counts them; of BYTES, bytes */
    const struct mr_column *element; /* ARRAY: the element as a column without a name; else NULL */
    const struct mr_slice *labels;   /* ENUM, SET, in sort order */
    uint32_t label_count;
};

enum mr_identity { MR_IDENTITY_DEFAULT, MR_IDENTITY_INDEX, MR_IDENTITY_FULL, MR_IDENTITY_NOTHING };

struct mr_table {
    atomic_uint references;
    uint64_t id;           /* unique in this process; > 0 */
    struct mr_arena arena; /* owns every byte below */
    /* "postgresql", "mysql", "mariadb": selects the source block's layout */
    struct mr_slice connector;
    struct mr_slice server;                 /* logical server name: Debezium's topic.prefix */
    struct mr_slice database, schema, name; /* schema is {NULL, 0} where the database has none */
    struct mr_slice comment, charset; /* of the table, where a catalogue told; else {NULL, 0} */
    uint64_t native_id;               /* PostgreSQL relation OID, MySQL table id */
    enum mr_identity identity;
    uint32_t column_count;
    struct mr_column *columns;
    uint32_t key_count;    /* 0: rows have no key, records have a null key */
    uint32_t *key_columns; /* indexes into columns, in key order */
    /* Truncates of it become events, which have no key. Set by the source; taken back by the writer thread, before
     * anybody sees the version, where the format leaves them out. */
    bool truncates;
    /* Set once by the writer thread before the first encoder sees the version; see schema/names/topic.h. */
    struct mr_slice topic;
    /* How often it was derived by transforms: 0 as the source made it. */
    uint32_t derivation;
    /* what it was derived from, referenced: its bytes may be shared; or NULL */
    struct mr_table *origin;
};

/* A new version with one reference, `column_count` zeroed columns and room for as many key columns. The maker
 * fills it before anybody else sees it; names are copied by mr_arena_copy(&table->arena, ...). */
struct mr_table *mr_table_new(uint32_t column_count);
/* A new version with one reference that stands for the same table with other columns: everything but columns, key
 * and topic is copied, and `origin` is referenced, so that columns may be copied without their bytes. */
struct mr_table *mr_table_derive(struct mr_table *origin, uint32_t column_count);
struct mr_table *mr_table_ref(struct mr_table *table);
void mr_table_unref(struct mr_table *table); /* any thread; NULL is allowed */
/* What tells tables of one name apart, in patterns and for people: the schema, or the database where there are none. */
static inline struct mr_slice mr_table_space(const struct mr_table *table)
{
    return table->schema.size > 0 ? table->schema : table->database;
}
/* Index of a column by exact name, or -1. */
int32_t mr_table_find(const struct mr_table *table, struct mr_slice name);
const char *mr_type_name(enum mr_type type);

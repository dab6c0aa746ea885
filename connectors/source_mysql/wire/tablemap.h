/* TABLE_MAP: what the rows that follow look like. With binlog_row_metadata=FULL it says everything about a table that
 * decoding and naming need; with less, `told` says what is missing.
 *
 *     u48 table_id, u16 flags, u8 n, database, 0, u8 n, table, 0, packed count, types, packed n, metadata, null bits,
 *     then (u8 field, packed n, value)*                                 (MySQL source, Table_map_event)
 *
 * A map is parsed once per version: a cache compares mr_my_map_content() of a new event with `content`. Everything a
 * map points to lives in the arena it was parsed into. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "connectors/source_mysql/wire/event.h"

/* Column types on the wire. STRING is resolved: a column is CHAR (254), ENUM or SET. */
enum mr_my_type {
    MR_MY_TINY = 1,
    MR_MY_SHORT = 2,
    MR_MY_LONG = 3,
    MR_MY_FLOAT = 4,
    MR_MY_DOUBLE = 5,
    MR_MY_NULL = 6,
    MR_MY_TIMESTAMP = 7,
    MR_MY_LONGLONG = 8,
    MR_MY_INT24 = 9,
    MR_MY_DATE = 10,
    MR_MY_TIME = 11,
    MR_MY_DATETIME = 12,
    MR_MY_YEAR = 13,
    MR_MY_NEWDATE = 14,
    MR_MY_VARCHAR = 15,
    MR_MY_BIT = 16,
    MR_MY_TIMESTAMP2 = 17,
    MR_MY_DATETIME2 = 18,
    MR_MY_TIME2 = 19,
    MR_MY_BLOB_COMPRESSED = 140,
    MR_MY_VARCHAR_COMPRESSED = 141,
    MR_MY_VECTOR = 242,
    MR_MY_JSON = 245,
    MR_MY_NEWDECIMAL = 246,
    MR_MY_ENUM = 247,
    MR_MY_SET = 248,
    MR_MY_TINY_BLOB = 249,
    MR_MY_MEDIUM_BLOB = 250,
    MR_MY_LONG_BLOB = 251,
    MR_MY_BLOB = 252,
    MR_MY_VAR_STRING = 253,
    MR_MY_STRING = 254,
    MR_MY_GEOMETRY = 255,
};

struct mr_my_column {
    uint8_t type; /* enum mr_my_type */
    /* 1..4: a length of so many bytes stands in front of a value; 0: it has `size` bytes */
    uint8_t length_bytes;
    bool is_unsigned, nullable, invisible;
    uint8_t precision; /* NEWDECIMAL digits; temporal types: digits of the fraction */
    uint8_t scale;     /* NEWDECIMAL */
    /* bytes of a value, or the most a declared length allows; BIT, ENUM, SET: bytes */
    uint32_t size;
    uint32_t bits;       /* BIT: declared bits */
    uint32_t collation;  /* of text, ENUM, SET; 63: binary; 0: not told */
    uint32_t geometry;   /* 0 geometry, 1 point, 2 line ... 7 collection */
    uint32_t dimensions; /* VECTOR; 0 not told */
    uint16_t key;        /* 1-based place in the primary key; 0: not part of it, or not told */
    uint32_t key_prefix; /* characters of it that the key holds; 0: all */
    uint16_t json;       /* 1-based place among the JSON columns: for partial updates; 0: no JSON */
    struct mr_slice name;    /* UTF-8; {NULL, 0} not told */
    struct mr_slice *labels; /* ENUM, SET: in their own character set; NULL not told */
    uint32_t label_count;
};

/* What the optional part told. */
enum mr_my_told {
    MR_MY_TOLD_SIGNS = 0x01,
    MR_MY_TOLD_COLLATIONS = 0x02, /* of text columns */
    MR_MY_TOLD_NAMES = 0x04, /* the metadata is FULL: then a missing key means that there is none */
    MR_MY_TOLD_KEY = 0x08,
    MR_MY_TOLD_VISIBILITY = 0x10,
    MR_MY_TOLD_LABELS = 0x20, /* of ENUM and SET columns, all of them */
};

enum mr_my_map_flags { MR_MY_MAP_GENERATED_KEY = 0x04 /* an invisible my_row_id */ };

struct mr_my_map {
    uint64_t table_id;
    uint16_t flags;
    bool mariadb;
    unsigned told; /* enum mr_my_told */
    struct mr_slice database, table;
    struct mr_slice content; /* the event's body behind the table id: equal content, equal map */
    uint32_t column_count;
    struct mr_my_column *columns;
    uint32_t key_count, json_count;
};

/* The id, and the part that tells one version from another. False: too short. */
bool mr_my_map_content(const struct mr_my_format *format, struct mr_slice body,
                       uint64_t *ret_table_id, struct mr_slice *ret_content);
/* MR_RETRY source.protocol: the bytes are no such map. MR_CONFIG source.column_unknown: a column type nobody knows
 * here, named with table and number. */
int mr_my_map_parse(const struct mr_my_format *format, struct mr_slice body, struct mr_arena *arena,
                    struct mr_my_map **ret_map, struct mr_err *err) MR_MUST_CHECK;
/* Database and table alone, for who decides by the name whether he wants more. */
bool mr_my_map_name(const struct mr_my_format *format, struct mr_slice body,
                    struct mr_slice *ret_database, struct mr_slice *ret_table);

/* The dummy that ends a statement's maps: nothing refers to it. */
#define MR_MY_TABLE_DUMMY 0xffffffU

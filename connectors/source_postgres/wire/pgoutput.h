/* The messages of PostgreSQL's pgoutput plugin (PostgreSQL manual 55.9), protocols 1 and 2 without streaming.
 *
 * mr_pg_parse turns the bytes of one message into a struct whose slices point into these bytes: it owns nothing,
 * allocates nothing and knows no state. Tuples and column lists stay raw and are walked with the functions
 * below; mr_pg_parse has already walked them once, so that a message it accepts has no short field in it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/err.h"
#include "base/slice.h"

enum mr_pg_message_type {
    MR_PG_BEGIN = 'B',
    MR_PG_COMMIT = 'C',
    MR_PG_ORIGIN = 'O',
    MR_PG_RELATION = 'R',
    MR_PG_TYPE = 'Y',
    MR_PG_INSERT = 'I',
    MR_PG_UPDATE = 'U',
    MR_PG_DELETE = 'D',
    MR_PG_TRUNCATE = 'T',
    MR_PG_LOGICAL = 'M',
};

/* A row: `columns` values follow in `bytes`. bytes.data == NULL: the message has no such row. */
struct mr_pg_tuple {
    uint16_t columns;
    struct mr_slice bytes;
};

struct mr_pg_message {
    char type;
    union {
        struct {
            uint64_t commit_lsn; /* start of the commit record */
            int64_t commit_us;   /* microseconds since 1970 */
            uint32_t xid;
        } begin;
        struct {
            uint64_t commit_lsn, end_lsn;
            int64_t commit_us;
        } commit;
        struct {
            uint64_t lsn;
            struct mr_slice name;
        } origin;
        struct {
            uint32_t oid;
            struct mr_slice schema, name; /* schema "" means pg_catalog */
            char identity;                /* d, i, f, n */
            uint16_t columns;
            struct mr_slice bytes;
            struct mr_slice all; /* the whole message: equal bytes mean an equal description */
        } relation;
        struct {
            uint32_t oid;
            struct mr_slice schema, name;
        } type_name;
        struct {
            uint32_t oid;
            char old_kind; /* 'K' key, 'O' whole old row, 0 none */
            struct mr_pg_tuple before, after;
        } row; /* I, U, D */
        struct {
            uint8_t options; /* 1 cascade, 2 restart identity */
            uint32_t count;
            struct mr_slice oids; /* count * 4 bytes */
        } truncate;
        struct {
            bool transactional;
            uint64_t lsn; /* end of the record */
            struct mr_slice prefix, content;
        } logical;
    };
};

struct mr_pg_column {
    bool key;
    struct mr_slice name;
    uint32_t type;
    int32_t modifier;
};

/* 0, or MR_RETRY with code source.protocol when the bytes are no such message (a reconnect may mend what a
 * broken proxy spoilt); *ret_message is then undefined. */
int mr_pg_parse(struct mr_slice bytes, struct mr_pg_message *ret_message,
                struct mr_err *err) MR_MUST_CHECK;

/* The next column of a Relation message: cur starts at mr_cur(relation.bytes). */
void mr_pg_column_next(struct mr_cur *cur, struct mr_pg_column *ret_column);

/* The next value of a tuple: 'n' null, 'u' unchanged, 't' text, 'b' binary; *ret_bytes for the last two.
 * 0 and cur->failed at the end or on an unknown kind. */
char mr_pg_value_next(struct mr_cur *cur, struct mr_slice *ret_bytes);

/* The n-th relation of a Truncate message. */
uint32_t mr_pg_truncate_oid(const struct mr_pg_message *message, uint32_t n);

/* Microseconds between 1970-01-01 and PostgreSQL's epoch, 2000-01-01. */
#define MR_PG_EPOCH_US   946684800000000LL
#define MR_PG_EPOCH_DAYS 10957

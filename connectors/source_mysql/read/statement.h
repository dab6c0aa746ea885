/* What a statement in the log is about, as far as a reader of rows has to know.
 *
 * Nothing is decided by SQL that a table map can tell: a statement is read to know where a group of events ends,
 * which XA transaction it decides, which tables were made, altered, renamed, emptied or dropped, and whether rows
 * are changed in words only. What the reader does not understand is MR_MY_VERB_OTHER, never an error. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "connectors/source_mysql/read/tokens.h"

enum mr_my_verb {
    MR_MY_VERB_OTHER, /* concerns no table's rows: GRANT, CREATE VIEW, SET, a comment, what nobody knows */
    MR_MY_VERB_BEGIN,
    MR_MY_VERB_COMMIT,
    MR_MY_VERB_ROLLBACK,
    MR_MY_VERB_SAVEPOINT, /* set, rolled back to, released: what was rolled back is not in the log */
    MR_MY_VERB_XA_BEGIN,
    MR_MY_VERB_XA_END,
    MR_MY_VERB_XA_PREPARE,
    MR_MY_VERB_XA_COMMIT,
    MR_MY_VERB_XA_ROLLBACK,
    MR_MY_VERB_CREATE, /* a table */
    MR_MY_VERB_ALTER,  /* likewise, an index of it too; with a second name it is renamed as well */
    MR_MY_VERB_DROP,
    MR_MY_VERB_RENAME, /* names in pairs: old, new */
    MR_MY_VERB_TRUNCATE,
    MR_MY_VERB_DATABASE, /* CREATE or ALTER: the name is the database's */
    MR_MY_VERB_DROP_DATABASE,
    MR_MY_VERB_ROWS, /* rows are changed, in words: INSERT, UPDATE, DELETE, REPLACE, LOAD */
};

struct mr_my_name {
    struct mr_slice database; /* {NULL, 0}: the session's default */
    struct mr_slice name;
};

#define MR_MY_NAMES_MAX 256

struct mr_my_statement {
    enum mr_my_verb verb;
    bool temporary; /* CREATE or DROP TEMPORARY TABLE */
    bool or_replace;
    bool selects;   /* CREATE ... SELECT: its rows are in the words */
    bool one_phase; /* XA COMMIT ... ONE PHASE */
    /* ALTER ... TRUNCATE, DROP or EXCHANGE PARTITION: rows go or come, and none is logged. */
    bool partitions;
    struct mr_my_name *names; /* at most MR_MY_NAMES_MAX */
    size_t count;
    /* Of an XA statement. */
    struct mr_slice gtrid, bqual;
    uint32_t format;
};

/* sql: in a character set whose bytes below 0x80 are ASCII and stand for themselves. Names point into sql or into the
 * arena. Never fails. */
void mr_my_statement_read(struct mr_slice sql, const struct mr_my_dialect *dialect,
                          struct mr_arena *arena, struct mr_my_statement *ret_statement);

/* A quick look for the statements that a log is full of: BEGIN, COMMIT. OTHER: read it. */
enum mr_my_verb mr_my_statement_glance(struct mr_slice sql);

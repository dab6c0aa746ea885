/* Statements of the log, told apart by their words.
 *
 *     CREATE [OR REPLACE] [TEMPORARY] TABLE [IF NOT EXISTS] t ...      TABLE among the words before the first name
 *     ALTER [ONLINE] [IGNORE] TABLE t ... [, RENAME [TO] u]            CREATE INDEX .. ON t, DROP INDEX .. ON t, too
 *     DROP [TEMPORARY] TABLE[S] [IF EXISTS] t, u      RENAME TABLE[S] t TO u, v TO w      TRUNCATE [TABLE] t
 *     INSERT, REPLACE, UPDATE, DELETE, LOAD, WITH .. UPDATE or DELETE  rows in words, with every table they name
 *     XA COMMIT X'6162',X'',1 [ONE PHASE]                              the three parts of an xid
 *     SET STATEMENT a=1 FOR ...                                        MariaDB: what follows counts
 *
 * This is no parser of SQL. A word that it does not expect ends the reading with what was found until then, and what
 * a table looks like is never taken from here: rows bring a description of their own. */
#include "connectors/source_mysql/read/statement.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reader {
    struct mr_my_tokens tokens;
    struct mr_my_statement *statement;
    size_t capacity;
};

enum mr_my_verb mr_my_statement_glance(struct mr_slice sql)
{
    if (sql.size == 5 && memcmp(sql.data, "BEGIN", 5) == 0)
        return MR_MY_VERB_BEGIN;
    if (sql.size == 6 && memcmp(sql.data, "COMMIT", 6) == 0)
        return MR_MY_VERB_COMMIT;
    return MR_MY_VERB_OTHER;
}

static bool is(const struct reader *reader, const char *word)
{
    return mr_my_tokens_is(&reader->tokens, word);
}

static bool pass(struct reader *reader, const char *word)
{
    return mr_my_tokens_pass(&reader->tokens, word);
}

static void next(struct reader *reader)
{
    mr_my_tokens_next(&reader->tokens);
}

static bool sign(const struct reader *reader, char wanted)
{
    return mr_my_tokens_sign(&reader->tokens, wanted);
}

static bool ended(const struct reader *reader)
{
    return reader->tokens.token.kind == MR_MY_TOKEN_END;
}

static void add_name(struct reader *reader, struct mr_my_name name)
{
    struct mr_my_statement *statement = reader->statement;

    if (statement->count == MR_MY_NAMES_MAX)
        return;
    if (statement->count == reader->capacity) {
        size_t capacity = reader->capacity ? 4 * reader->capacity : 4;
        struct mr_my_name *names =
            MR_ARENA_ARRAY(reader->tokens.arena, struct mr_my_name, capacity);
        if (statement->count > 0)
            memcpy(names, statement->names, statement->count * sizeof(*names));
        statement->names = names;
        reader->capacity = capacity;
    }
    statement->names[statement->count++] = name;
}

static bool is_name(const struct reader *reader)
{
    return reader->tokens.token.kind == MR_MY_TOKEN_WORD ||
           reader->tokens.token.kind == MR_MY_TOKEN_NAME;
}

/* t, db.t, .t */
static bool take_name(struct reader *reader)
{
    struct mr_my_name name = {{NULL, 0}, {NULL, 0}};

    if (!is_name(reader) && !sign(reader, '.'))
        return false;
    if (is_name(reader)) {
        name.name = reader->tokens.token.text;
        next(reader);
    }
    if (sign(reader, '.')) {
        next(reader);
        name.database = name.name;
        name.name = reader->tokens.token.text;
        if (!is_name(reader) && reader->tokens.token.kind != MR_MY_TOKEN_NUMBER)
            return false;
        next(reader);
    }
    add_name(reader, name);
    return true;
}

static void pass_if_exists(struct reader *reader)
{
    if (!pass(reader, "IF"))
        return;
    (void)pass(reader, "NOT");
    (void)pass(reader, "EXISTS");
}

static void pass_wait(struct reader *reader)
{
    if (pass(reader, "WAIT"))
        next(reader);
    else
        (void)pass(reader, "NOWAIT");
}

static bool pass_any(struct reader *reader, const char *const *words)
{
    for (; *words; words++) {
        if (pass(reader, *words))
            return true;
    }
    return false;
}

/* ... INDEX i ON t */
static void read_index(struct reader *reader)
{
    while (!ended(reader) && !is(reader, "ON"))
        next(reader);
    if (pass(reader, "ON") && take_name(reader))
        reader->statement->verb = MR_MY_VERB_ALTER;
}

static bool pass_database(struct reader *reader)
{
    return pass(reader, "DATABASE") || pass(reader, "SCHEMA");
}

static void read_create(struct reader *reader)
{
    static const char *const modifiers[] = {"UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR",
                                            "ONLINE", "OFFLINE",  NULL};
    struct mr_my_statement *statement = reader->statement;

    if (pass(reader, "OR")) {
        (void)pass(reader, "REPLACE");
        statement->or_replace = true;
    }
    statement->temporary = pass(reader, "TEMPORARY");
    while (pass_any(reader, modifiers))
        ;
    if (pass(reader, "TABLE")) {
        pass_if_exists(reader);
        if (take_name(reader))
            statement->verb = MR_MY_VERB_CREATE;
        for (; !ended(reader); next(reader))
            statement->selects |= is(reader, "SELECT");
    } else if (pass(reader, "INDEX")) {
        read_index(reader);
    } else if (pass_database(reader)) {
        pass_if_exists(reader);
        if (take_name(reader))
            statement->verb = MR_MY_VERB_DATABASE;
    }
}

/* RENAME [TO | AS | =] u; not RENAME COLUMN, RENAME INDEX. */
static void read_new_name(struct reader *reader)
{
    if (is(reader, "COLUMN") || is(reader, "INDEX") || is(reader, "KEY"))
        return;
    if (!pass(reader, "TO") && !pass(reader, "AS") && sign(reader, '='))
        next(reader);
    (void)take_name(reader);
}

/* What an ALTER TABLE does besides changing columns. */
static void read_actions(struct reader *reader)
{
    while (!ended(reader)) {
        bool partition = is(reader, "TRUNCATE") || is(reader, "DROP") || is(reader, "EXCHANGE"),
             space = is(reader, "IMPORT") || is(reader, "DISCARD");
        if (pass(reader, "RENAME")) {
            read_new_name(reader);
            continue;
        }
        next(reader);
        if ((partition && is(reader, "PARTITION")) || (space && is(reader, "TABLESPACE")))
            reader->statement->partitions = true;
    }
}

static void read_alter(struct reader *reader)
{
    static const char *const modifiers[] = {"ONLINE", "OFFLINE", "IGNORE", NULL};

    while (pass_any(reader, modifiers))
        ;
    if (pass(reader, "TABLE")) {
        pass_if_exists(reader);
        if (!take_name(reader))
            return;
        reader->statement->verb = MR_MY_VERB_ALTER;
        pass_wait(reader);
        read_actions(reader);
    } else if (pass_database(reader) && take_name(reader)) {
        reader->statement->verb = MR_MY_VERB_DATABASE;
    }
}

static void take_names(struct reader *reader)
{
    while (take_name(reader) && sign(reader, ','))
        next(reader);
}

static void read_drop(struct reader *reader)
{
    struct mr_my_statement *statement = reader->statement;

    statement->temporary = pass(reader, "TEMPORARY");
    if (pass(reader, "TABLE") || pass(reader, "TABLES")) {
        pass_if_exists(reader);
        take_names(reader);
        if (statement->count > 0)
            statement->verb = MR_MY_VERB_DROP;
    } else if (pass_database(reader)) {
        pass_if_exists(reader);
        if (take_name(reader))
            statement->verb = MR_MY_VERB_DROP_DATABASE;
    } else if (pass(reader, "INDEX")) {
        read_index(reader);
    }
}

static void read_rename(struct reader *reader)
{
    struct mr_my_statement *statement = reader->statement;
    bool more = pass(reader, "TABLE") || pass(reader, "TABLES");

    while (more) {
        pass_if_exists(reader);
        if (!take_name(reader))
            break;
        pass_wait(reader);
        if (!pass(reader, "TO") || !take_name(reader))
            break;
        more = sign(reader, ',');
        if (more)
            next(reader);
    }
    statement->count -= statement->count % 2;
    if (statement->count > 0)
        statement->verb = MR_MY_VERB_RENAME;
}

static void read_truncate(struct reader *reader)
{
    (void)pass(reader, "TABLE");
    if (take_name(reader))
        reader->statement->verb = MR_MY_VERB_TRUNCATE;
}

static void read_insert(struct reader *reader)
{
    static const char *const modifiers[] = {"LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED",
                                            "IGNORE",       "INTO",          NULL};

    while (pass_any(reader, modifiers))
        ;
    reader->statement->verb = MR_MY_VERB_ROWS;
    (void)take_name(reader);
}

/* Every name that stands where a table can, until `end`: some are aliases, which harms nobody. */
static void take_tables(struct reader *reader, const char *end)
{
    bool place = true;

    while (!ended(reader) && !is(reader, end)) {
        if (is(reader, "JOIN") || is(reader, "FROM") || is(reader, "USING") || sign(reader, ',') ||
            sign(reader, '(')) {
            place = true;
            next(reader);
        } else if (place && is_name(reader) && !is(reader, "SELECT")) {
            place = false;
            (void)take_name(reader);
        } else {
            place = false;
            next(reader);
        }
    }
}

static void read_update(struct reader *reader)
{
    static const char *const modifiers[] = {"LOW_PRIORITY", "IGNORE", NULL};

    while (pass_any(reader, modifiers))
        ;
    reader->statement->verb = MR_MY_VERB_ROWS;
    take_tables(reader, "SET");
}

static void read_delete(struct reader *reader)
{
    static const char *const modifiers[] = {"LOW_PRIORITY", "QUICK", "IGNORE", "HISTORY", NULL};

    while (pass_any(reader, modifiers))
        ;
    reader->statement->verb = MR_MY_VERB_ROWS;
    take_tables(reader, "WHERE");
}

/* LOAD DATA .. INTO TABLE t */
static void read_load(struct reader *reader)
{
    while (!ended(reader) && !is(reader, "TABLE"))
        next(reader);
    if (pass(reader, "TABLE") && take_name(reader))
        reader->statement->verb = MR_MY_VERB_ROWS;
}

/* WITH .. UPDATE, DELETE: those words stand outside all brackets. */
static void read_with(struct reader *reader)
{
    size_t depth = 0;

    for (; !ended(reader); next(reader)) {
        depth += sign(reader, '(');
        depth -= depth > 0 && sign(reader, ')');
        if (depth == 0 && pass(reader, "UPDATE")) {
            read_update(reader);
            return;
        }
        if (depth == 0 && pass(reader, "DELETE")) {
            read_delete(reader);
            return;
        }
    }
}

static bool take_text(struct reader *reader, struct mr_slice *ret_text)
{
    if (reader->tokens.token.kind != MR_MY_TOKEN_TEXT)
        return false;
    *ret_text = reader->tokens.token.text;
    next(reader);
    if (sign(reader, ','))
        next(reader);
    return true;
}

static void read_xa(struct reader *reader)
{
    static const struct {
        const char *word;
        enum mr_my_verb verb;
    } verbs[] = {{"START", MR_MY_VERB_XA_BEGIN},   {"BEGIN", MR_MY_VERB_XA_BEGIN},
                 {"END", MR_MY_VERB_XA_END},       {"PREPARE", MR_MY_VERB_XA_PREPARE},
                 {"COMMIT", MR_MY_VERB_XA_COMMIT}, {"ROLLBACK", MR_MY_VERB_XA_ROLLBACK}};
    struct mr_my_statement *statement = reader->statement;
    char number[16] = "1";

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (is(reader, verbs[i].word))
            statement->verb = verbs[i].verb;
    }
    next(reader);
    if (take_text(reader, &statement->gtrid))
        (void)take_text(reader, &statement->bqual);
    if (reader->tokens.token.kind == MR_MY_TOKEN_NUMBER &&
        reader->tokens.token.text.size < sizeof(number)) {
        memcpy(number, reader->tokens.token.text.data, reader->tokens.token.text.size);
        number[reader->tokens.token.text.size] = 0;
        next(reader);
    }
    statement->format = (uint32_t)strtoul(number, NULL, 10);
    statement->one_phase = is(reader, "ONE");
}

static void set_verb(struct reader *reader, enum mr_my_verb verb)
{
    reader->statement->verb = verb;
}

static void read_rollback(struct reader *reader)
{
    set_verb(reader, MR_MY_VERB_ROLLBACK);
    for (; !ended(reader); next(reader)) {
        if (is(reader, "TO"))
            set_verb(reader, MR_MY_VERB_SAVEPOINT);
    }
}

/* SET STATEMENT .. FOR: stands on what follows. */
static bool pass_set(struct reader *reader)
{
    if (!pass(reader, "STATEMENT"))
        return false;
    while (!ended(reader) && !is(reader, "FOR"))
        next(reader);
    return pass(reader, "FOR");
}

static void read_words(struct reader *reader)
{
    static const struct {
        const char *word;
        void (*read)(struct reader *reader);
    } readers[] = {
        {"CREATE", read_create},     {"ALTER", read_alter},   {"DROP", read_drop},
        {"RENAME", read_rename},     {"INSERT", read_insert}, {"TRUNCATE", read_truncate},
        {"REPLACE", read_insert},    {"UPDATE", read_update}, {"DELETE", read_delete},
        {"LOAD", read_load},         {"WITH", read_with},     {"XA", read_xa},
        {"ROLLBACK", read_rollback},
    };

    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (pass(reader, readers[i].word)) {
            readers[i].read(reader);
            return;
        }
    }
    if (is(reader, "BEGIN"))
        set_verb(reader, MR_MY_VERB_BEGIN);
    else if (is(reader, "COMMIT"))
        set_verb(reader, MR_MY_VERB_COMMIT);
    else if (is(reader, "SAVEPOINT") || is(reader, "RELEASE"))
        set_verb(reader, MR_MY_VERB_SAVEPOINT);
    else if (pass(reader, "START") && is(reader, "TRANSACTION"))
        set_verb(reader, MR_MY_VERB_BEGIN);
}

void mr_my_statement_read(struct mr_slice sql, const struct mr_my_dialect *dialect,
                          struct mr_arena *arena, struct mr_my_statement *ret_statement)
{
    struct reader reader = {.statement = ret_statement};

    *ret_statement = (struct mr_my_statement){.verb = MR_MY_VERB_OTHER};
    mr_my_tokens_init(&reader.tokens, sql, dialect, arena);
    next(&reader);
    if (mr_my_tokens_is(&reader.tokens, "SET")) {
        next(&reader);
        if (!pass_set(&reader))
            return;
    }
    read_words(&reader);
}

/* SQL cut into tokens: words, names, texts, numbers and signs, without comments. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

/* How the session that sent it reads SQL. */
struct mr_my_dialect {
    bool ansi_quotes;          /* "x" is a name */
    bool no_backslash_escapes; /* \ is a character like any other */
    bool mariadb;
    uint32_t version; /* 90704, 101119: comments for newer servers are comments; 0: none is */
};

/* sql_mode as QUERY events carry it. */
void mr_my_dialect_set_mode(struct mr_my_dialect *dialect, uint64_t sql_mode);

enum mr_my_token_kind {
    MR_MY_TOKEN_END,
    MR_MY_TOKEN_WORD, /* a keyword or a name without quotes */
    MR_MY_TOKEN_NAME, /* in backticks, or in " where the session reads them as names */
    MR_MY_TOKEN_TEXT, /* '...'; X'..' and 0x.. are bytes */
    MR_MY_TOKEN_NUMBER,
    MR_MY_TOKEN_SIGN, /* one character: text.data[0] */
};

struct mr_my_token {
    enum mr_my_token_kind kind;
    struct mr_slice text; /* without quotes, doubled ones made single */
};

struct mr_my_tokens {
    const char *at, *end;
    const struct mr_my_dialect *dialect;
    struct mr_arena *arena;
    struct mr_my_token token; /* the current one */
    unsigned executable;      /* open comments of the kind that is run */
};

/* Stands before the first token. */
void mr_my_tokens_init(struct mr_my_tokens *tokens, struct mr_slice sql,
                       const struct mr_my_dialect *dialect, struct mr_arena *arena);
/* Goes to the next token. At the end it stays there. */
void mr_my_tokens_next(struct mr_my_tokens *tokens);
/* The current token is this word (given in upper case), whatever its case. */
bool mr_my_tokens_is(const struct mr_my_tokens *tokens, const char *word);
/* The same, and then it is passed. */
bool mr_my_tokens_pass(struct mr_my_tokens *tokens, const char *word);
bool mr_my_tokens_sign(const struct mr_my_tokens *tokens, char sign);

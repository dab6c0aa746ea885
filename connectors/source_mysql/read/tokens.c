/* SQL cut into tokens.
 *
 *     -- to the line's end     # to the line's end     / * ... * /           passed over
 *     / *! ... * /   / *!50003 ... * /   / *M!100100 ... * /                run: what stands inside are tokens
 *     'a''b'  'a\'b'  "..."                                                text (or a name: ANSI_QUOTES)
 *     `a``b`                                                               a name
 *     X'6162'  x'..'  0x6162                                               bytes, as text
 *
 * (Blanks inside the comment signs are only here.) A comment for a newer server than the one that ran the statement
 * is a comment; MariaDB does not run those of MySQL 5.7 and 8 without an M either. A quote without an end goes on to
 * the end of the text: nothing here can fail, for what cannot be understood is no reason to stop.
 *
 * Bytes from 0x80 on are parts of words. Texts in GBK, Shift-JIS and the like hold bytes that look like ` and \: who
 * calls has turned them into UTF-8. */
#include "connectors/source_mysql/read/tokens.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define MODE_ANSI_QUOTES          0x4u
#define MODE_NO_BACKSLASH_ESCAPES 0x100000u

void mr_my_dialect_set_mode(struct mr_my_dialect *dialect, uint64_t sql_mode)
{
    dialect->ansi_quotes = (sql_mode & MODE_ANSI_QUOTES) != 0;
    dialect->no_backslash_escapes = (sql_mode & MODE_NO_BACKSLASH_ESCAPES) != 0;
}

void mr_my_tokens_init(struct mr_my_tokens *tokens, struct mr_slice sql,
                       const struct mr_my_dialect *dialect, struct mr_arena *arena)
{
    *tokens = (struct mr_my_tokens){
        .at = sql.data, .end = sql.data + sql.size, .dialect = dialect, .arena = arena};
}

static bool starts(const struct mr_my_tokens *tokens, const char *text)
{
    size_t size = strlen(text);

    return (size_t)(tokens->end - tokens->at) >= size && memcmp(tokens->at, text, size) == 0;
}

static void to_line_end(struct mr_my_tokens *tokens)
{
    const char *found = memchr(tokens->at, '\n', (size_t)(tokens->end - tokens->at));

    tokens->at = found ? found + 1 : tokens->end;
}

static void to_comment_end(struct mr_my_tokens *tokens)
{
    const char *found = memmem(tokens->at, (size_t)(tokens->end - tokens->at), "*/", 2);

    tokens->at = found ? found + 2 : tokens->end;
}

/* A comment that may be run; `at` stands behind its "!". */
static void take_executable(struct mr_my_tokens *tokens, bool for_mariadb)
{
    const struct mr_my_dialect *dialect = tokens->dialect;
    uint32_t version = 0;
    bool run;

    for (int digits = 0;
         digits < 6 && tokens->at < tokens->end && isdigit((unsigned char)*tokens->at); digits++)
        version = version * 10 + (uint32_t)(*tokens->at++ - '0');
    run = dialect->version == 0 || version <= dialect->version;
    if (for_mariadb && !dialect->mariadb)
        run = false;
    else if (!for_mariadb && dialect->mariadb && version >= 50700 && version <= 99999)
        run = false;
    if (run)
        tokens->executable++;
    else
        to_comment_end(tokens);
}

/* Passes over what is between two tokens; false when nothing was there. */
static bool pass_comment(struct mr_my_tokens *tokens)
{
    if (starts(tokens, "/*!")) {
        tokens->at += 3;
        take_executable(tokens, false);
    } else if (starts(tokens, "/*M!")) {
        tokens->at += 4;
        take_executable(tokens, true);
    } else if (starts(tokens, "/*")) {
        tokens->at += 2;
        to_comment_end(tokens);
    } else if (tokens->executable > 0 && starts(tokens, "*/")) {
        tokens->at += 2;
        tokens->executable--;
    } else if (*tokens->at == '#') {
        to_line_end(tokens);
    } else if (starts(tokens, "--") &&
               (tokens->end - tokens->at == 2 || isspace((unsigned char)tokens->at[2]))) {
        to_line_end(tokens);
    } else {
        return false;
    }
    return true;
}

static void pass_gap(struct mr_my_tokens *tokens)
{
    while (tokens->at < tokens->end) {
        if (isspace((unsigned char)*tokens->at) || *tokens->at == 0)
            tokens->at++;
        else if (!pass_comment(tokens))
            return;
    }
}

/* A quoted piece; `at` stands on the quote. */
static struct mr_slice take_quoted(struct mr_my_tokens *tokens, bool escapes)
{
    char quote = *tokens->at++, *copy;
    const char *begin = tokens->at;
    bool plain = true;
    size_t size = 0;

    while (tokens->at < tokens->end) {
        if (escapes && *tokens->at == '\\' && tokens->at + 1 < tokens->end) {
            plain = false;
            tokens->at += 2;
        } else if (*tokens->at != quote) {
            tokens->at++;
        } else if (tokens->at + 1 < tokens->end && tokens->at[1] == quote) {
            plain = false;
            tokens->at += 2;
        } else {
            break;
        }
    }
    if (plain) {
        size = (size_t)(tokens->at - begin);
        tokens->at += tokens->at < tokens->end;
        return mr_slice(begin, size);
    }
    copy = mr_arena_alloc(tokens->arena, (size_t)(tokens->at - begin), 1);
    for (const char *at = begin; at < tokens->at; at++) {
        if ((*at == quote || (escapes && *at == '\\')) && at + 1 < tokens->at)
            at++;
        copy[size++] = *at;
    }
    tokens->at += tokens->at < tokens->end;
    return mr_slice(copy, size);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct mr_slice from_hex(struct mr_my_tokens *tokens, struct mr_slice digits)
{
    char *bytes = mr_arena_alloc(tokens->arena, digits.size / 2 + 1, 1);
    size_t size = 0;

    for (size_t i = 0; i + 1 < digits.size; i += 2) {
        int high = hex_digit(digits.data[i]), low = hex_digit(digits.data[i + 1]);
        if (high < 0 || low < 0)
            break;
        bytes[size++] = (char)(high << 4 | low);
    }
    return mr_slice(bytes, size);
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static void take_word(struct mr_my_tokens *tokens)
{
    const char *begin = tokens->at;
    bool digits = true, hex;
    struct mr_slice text;

    while (tokens->at < tokens->end && is_word(*tokens->at))
        digits &= isdigit((unsigned char)*tokens->at++) != 0;
    text = mr_slice(begin, (size_t)(tokens->at - begin));
    hex = text.size > 2 && text.data[0] == '0' && text.data[1] == 'x';
    tokens->token.kind = digits ? MR_MY_TOKEN_NUMBER : MR_MY_TOKEN_WORD;
    tokens->token.text = text;
    if (text.size == 1 && (*begin | 0x20) == 'x' && tokens->at < tokens->end && *tokens->at == '\'')
        tokens->token =
            (struct mr_my_token){MR_MY_TOKEN_TEXT, from_hex(tokens, take_quoted(tokens, false))};
    else if (hex)
        tokens->token = (struct mr_my_token){
            MR_MY_TOKEN_TEXT, from_hex(tokens, mr_slice(text.data + 2, text.size - 2))};
}

void mr_my_tokens_next(struct mr_my_tokens *tokens)
{
    bool escapes = !tokens->dialect->no_backslash_escapes, ansi = tokens->dialect->ansi_quotes;
    char c;

    pass_gap(tokens);
    if (tokens->at >= tokens->end) {
        tokens->token = (struct mr_my_token){.kind = MR_MY_TOKEN_END};
        return;
    }
    c = *tokens->at;
    if (c == '`' || (c == '"' && ansi)) {
        tokens->token.kind = MR_MY_TOKEN_NAME;
        tokens->token.text = take_quoted(tokens, false);
    } else if (c == '\'' || c == '"') {
        tokens->token.kind = MR_MY_TOKEN_TEXT;
        tokens->token.text = take_quoted(tokens, escapes);
    } else if (is_word(c)) {
        take_word(tokens);
    } else {
        tokens->token = (struct mr_my_token){MR_MY_TOKEN_SIGN, mr_slice(tokens->at++, 1)};
    }
}

bool mr_my_tokens_is(const struct mr_my_tokens *tokens, const char *word)
{
    const struct mr_my_token *token = &tokens->token;

    return token->kind == MR_MY_TOKEN_WORD && token->text.size == strlen(word) &&
           strncasecmp(token->text.data, word, token->text.size) == 0;
}

bool mr_my_tokens_pass(struct mr_my_tokens *tokens, const char *word)
{
    if (!mr_my_tokens_is(tokens, word))
        return false;
    mr_my_tokens_next(tokens);
    return true;
}

bool mr_my_tokens_sign(const struct mr_my_tokens *tokens, char sign)
{
    return tokens->token.kind == MR_MY_TOKEN_SIGN && tokens->token.text.data[0] == sign;
}

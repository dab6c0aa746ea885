/* Rendering findings, and keeping secrets out of them.
 *
 * A source line is shown as the user wrote it, so a finding about `port` in
 *
 *     source: {type: postgres, port: abc, password: hunter2}
 *
 * would print the password. Three nets catch that. Who checks the file marks the span of every value that a
 * table calls secret, and of every value whose key no table knows. A password inside a connection string is
 * found by its form. And when a file does not even parse, nothing is known of its structure: then the rest of a
 * line behind a word such as `password` is not shown, nor the whole line when the line before ends in such a
 * key. Masked stretches become ***, whatever their length, and the caret is moved along.
 *
 * libyaml counts characters and takes U+0085, U+2028 and U+2029 as line ends too; so does line_at(). */
#include "base/diag.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SHOWN = 110, AROUND = 70 }; /* characters of a source line shown; where a long one is cut */

void mr_diag_init(struct mr_diag *diag, struct mr_arena *arena)
{
    memset(diag, 0, sizeof(*diag));
    diag->arena = arena;
}

static const char *format_in(struct mr_arena *arena, const char *format, va_list args)
{
    char text[2000];

    vsnprintf(text, sizeof(text), format, args);
    return mr_arena_str(arena, mr_slice_str(text));
}

struct mr_diag_item *mr_diag_add(struct mr_diag *diag, const char *code,
                                 const struct mr_diag_file *file, uint32_t line, uint32_t column,
                                 const char *path, const char *format, ...)
{
    struct mr_diag_item *item;
    va_list args;

    if (diag->count == MR_DIAG_MOST) {
        diag->dropped++;
        item = MR_ARENA_NEW(diag->arena, struct mr_diag_item);
    } else {
        item = &diag->items[diag->count++];
    }
    va_start(args, format);
    *item = (struct mr_diag_item){.code = mr_arena_str(diag->arena, mr_slice_str(code)),
                                  .path = path ? path : "",
                                  .text = format_in(diag->arena, format, args),
                                  .hint = "",
                                  .file = file,
                                  .line = line,
                                  .column = column};
    va_end(args);
    return item;
}

void mr_diag_hint(struct mr_diag *diag, struct mr_diag_item *item, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    item->hint = format_in(diag->arena, format, args);
    va_end(args);
}

void mr_diag_secret(struct mr_arena *arena, struct mr_diag_file *file, uint32_t line,
                    uint32_t column, uint32_t end_line, uint32_t end_column)
{
    struct mr_diag_span *span = MR_ARENA_NEW(arena, struct mr_diag_span);

    *span = (struct mr_diag_span){line, column, end_line, end_column, file->secrets};
    file->secrets = span;
}

static int by_place(const void *left, const void *right)
{
    const struct mr_diag_item *a = left, *b = right;

    if (!a->file || !b->file)
        return (a->file != NULL) - (b->file != NULL);
    if (a->file->order != b->file->order)
        return a->file->order < b->file->order ? -1 : 1;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return (a->column > b->column) - (a->column < b->column);
}

void mr_diag_sort(struct mr_diag *diag)
{
    qsort(diag->items, diag->count, sizeof(diag->items[0]), by_place);
}

/* Bytes of the line end at p: 0 when there is none. */
static size_t line_end(const char *p, size_t left)
{
    if (p[0] == '\n')
        return 1;
    if (p[0] == '\r')
        return left > 1 && p[1] == '\n' ? 2 : 1;
    if (left > 1 && memcmp(p, "\xc2\x85", 2) == 0)
        return 2;
    if (left > 2 && (memcmp(p, "\xe2\x80\xa8", 3) == 0 || memcmp(p, "\xe2\x80\xa9", 3) == 0))
        return 3;
    return 0;
}

static struct mr_slice line_at(const struct mr_diag_file *file, uint32_t line)
{
    size_t at = 0, start = 0, size = file->text.size, end;
    uint32_t number = 1;

    for (; at < size; at++) {
        end = line_end(file->text.data + at, size - at);
        if (end == 0)
            continue;
        if (number == line)
            break;
        number++;
        start = at + end;
        at += end - 1;
    }
    if (number != line)
        return (struct mr_slice){NULL, 0};
    return mr_slice(file->text.data + start, at - start);
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Where the value of "password=" begins, at or after `from`; false when there is none. */
static bool keyword_value(struct mr_slice text, size_t from, size_t *ret_start)
{
    static const char *const words[] = {"password", "passwd", "pwd", "sslpassword", "secret"};

    for (size_t at = from; at < text.size; at++) {
        if (text.data[at] != '=')
            continue;
        for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
            size_t size = strlen(words[w]), end = at;
            while (end > 0 && text.data[end - 1] == ' ')
                end--;
            if (end >= size && strncasecmp(text.data + end - size, words[w], size) == 0) {
                *ret_start = at + 1;
                return true;
            }
        }
    }
    return false;
}

static size_t keyword_end(struct mr_slice text, size_t start)
{
    size_t at = start;

    while (at < text.size && text.data[at] == ' ')
        at++;
    if (at < text.size && text.data[at] == '\'') {
        for (at++; at < text.size && text.data[at] != '\''; at++)
            at += text.data[at] == '\\' && at + 1 < text.size;
        return at < text.size ? at + 1 : at;
    }
    while (at < text.size && !strchr(" \t\r\n\"&", text.data[at]))
        at += text.data[at] == '\\' && at + 1 < text.size ? 2 : 1;
    return at;
}

/* The password of "scheme://user:password@host". */
static bool url_password(struct mr_slice text, size_t from, size_t *ret_start, size_t *ret_end)
{
    for (size_t at = from; at + 3 <= text.size; at++) {
        size_t colon = 0, last = 0;
        if (memcmp(text.data + at, "://", 3) != 0)
            continue;
        for (size_t i = at + 3; i < text.size && !strchr(" \t\r\n\"'", text.data[i]); i++) {
            if (text.data[i] == ':' && colon == 0)
                colon = i;
            if (text.data[i] == '@')
                last = i;
        }
        if (colon != 0 && last > colon) {
            *ret_start = colon + 1;
            *ret_end = last;
            return true;
        }
    }
    return false;
}

bool mr_diag_password(struct mr_slice text, size_t from, size_t *ret_start, size_t *ret_end)
{
    size_t keyword = 0, start, end;
    bool has_keyword = keyword_value(text, from, &keyword);

    if (url_password(text, from, &start, &end) && (!has_keyword || start < keyword)) {
        *ret_start = start;
        *ret_end = end;
        return true;
    }
    if (!has_keyword)
        return false;
    *ret_start = keyword;
    *ret_end = keyword_end(text, keyword);
    return true;
}

static void add_shown(struct mr_buf *buf, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c < 0x20 || c == 0x7f)
            mr_buf_printf(buf, "\\x%02x", c);
        else
            mr_buf_add_char(buf, data[i]);
    }
}

void mr_diag_add_masked(struct mr_buf *buf, struct mr_slice text)
{
    size_t at = 0, start, end;

    while (mr_diag_password(text, at, &start, &end)) {
        add_shown(buf, text.data + at, start - at);
        mr_buf_add_str(buf, "***");
        at = end;
    }
    add_shown(buf, text.data + at, text.size - at);
}

/* Where in a line of unknown structure the value of a secret-looking key begins; SIZE_MAX when nowhere. */
static size_t guessed_secret(struct mr_slice line)
{
    static const char *const words[] = {"passw",      "secret", "token",
                                        "passphrase", "apikey", "api_key"};

    for (size_t at = 0; at < line.size; at++) {
        for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
            size_t size = strlen(words[w]), end = at + size;
            if (end > line.size || strncasecmp(line.data + at, words[w], size) != 0)
                continue;
            while (end < line.size && (is_word(line.data[end]) || strchr("\"'- ", line.data[end])))
                end++;
            if (end < line.size && line.data[end] == ':')
                return end + 1;
        }
    }
    return SIZE_MAX;
}

/* True when the line before leaves a secret-looking key open, so that this line is its value. */
static bool continues_secret(const struct mr_diag_file *file, uint32_t line)
{
    struct mr_slice before = line > 1 ? line_at(file, line - 1) : (struct mr_slice){NULL, 0};

    return guessed_secret(before) != SIZE_MAX;
}

static bool span_covers(const struct mr_diag_span *span, uint32_t line, uint32_t column)
{
    if (line < span->line || line > span->end_line)
        return false;
    if (line == span->line && column < span->column)
        return false;
    return line < span->end_line || column < span->end_column;
}

static bool is_secret(const struct mr_diag_file *file, uint32_t line, uint32_t column)
{
    for (const struct mr_diag_span *span = file->secrets; span; span = span->next) {
        if (span_covers(span, line, column))
            return true;
    }
    return false;
}

/* The stretches of one line that are guessed, in bytes. */
struct guess {
    size_t rest;       /* everything from here */
    size_t start, end; /* the next password of a connection string */
};

static void next_guess(struct mr_slice line, size_t from, struct guess *guess)
{
    if (!mr_diag_password(line, from, &guess->start, &guess->end))
        guess->start = guess->end = line.size;
}

/* Writes the line with its secrets masked; returns the caret's place in characters of what was written. */
static size_t mask_line(const struct mr_diag_file *file, struct mr_slice line, uint32_t number,
                        uint32_t column, struct mr_buf *ret_shown)
{
    struct guess guess = {SIZE_MAX, 0, 0};
    uint32_t here = 0;
    size_t written = 0, caret = SIZE_MAX;
    bool masked = false;

    if (file->unparsed)
        guess.rest = continues_secret(file, number) ? 0 : guessed_secret(line);
    next_guess(line, 0, &guess);
    for (size_t i = 0; i < line.size; i++) {
        bool starts = ((unsigned char)line.data[i] & 0xc0) != 0x80, hide;
        here += starts;
        if (i >= guess.end && guess.end < line.size)
            next_guess(line, i, &guess);
        if (here == column && starts && caret == SIZE_MAX)
            caret = written;
        hide =
            i >= guess.rest || (i >= guess.start && i < guess.end) || is_secret(file, number, here);
        if (hide && !masked) {
            mr_buf_add_str(ret_shown, "***");
            written += 3;
        } else if (!hide) {
            char c = line.data[i];
            mr_buf_add_char(ret_shown, (unsigned char)c < 0x20 || c == 0x7f ? ' ' : c);
            written += starts;
        }
        masked = hide;
    }
    return caret == SIZE_MAX ? written : caret;
}

/* Moves over `count` characters. */
static const char *skip(const char *at, size_t count)
{
    for (; *at && count > 0; count--) {
        at++;
        while (((unsigned char)*at & 0xc0) == 0x80)
            at++;
    }
    return at;
}

static void render_line(const struct mr_diag_item *item, struct mr_buf *ret_text)
{
    struct mr_slice line = line_at(item->file, item->line);
    struct mr_buf shown;
    const char *from, *to;
    size_t caret;

    if (!line.data)
        return;
    mr_buf_init(&shown, line.size * 4 + 64);
    caret = mask_line(item->file, line, item->line, item->column, &shown);
    from = mr_buf_cstr(&shown);
    mr_buf_printf(ret_text, "%4u | ", item->line);
    if (caret > SHOWN - 20) {
        from = skip(from, caret - AROUND);
        caret = AROUND + 3;
        mr_buf_add_str(ret_text, "...");
    }
    to = skip(from, SHOWN);
    mr_buf_add(ret_text, from, (size_t)(to - from));
    mr_buf_printf(ret_text, "%s\n     | %*s^\n", *to ? "..." : "", (int)caret, "");
    mr_buf_done(&shown);
}

void mr_diag_headline(const struct mr_diag_item *item, struct mr_buf *ret_text)
{
    if (item->file && item->line > 0)
        mr_buf_printf(ret_text, "%s:%u:%u ", item->file->path, item->line, item->column);
    else if (item->file)
        mr_buf_printf(ret_text, "%s ", item->file->path);
    if (item->path[0])
        mr_buf_printf(ret_text, "%s: ", item->path);
    mr_buf_add_str(ret_text, item->text);
}

void mr_diag_render(const struct mr_diag *diag, struct mr_buf *ret_text)
{
    for (size_t i = 0; i < diag->count; i++) {
        const struct mr_diag_item *item = &diag->items[i];
        if (i > 0)
            mr_buf_add_char(ret_text, '\n');
        mr_diag_headline(item, ret_text);
        mr_buf_add_char(ret_text, '\n');
        if (item->file && item->line > 0)
            render_line(item, ret_text);
        if (item->hint[0])
            mr_buf_printf(ret_text, "  %s\n", item->hint);
    }
    if (diag->dropped > 0)
        mr_buf_printf(ret_text, "\nand %zu more\n", diag->dropped);
}

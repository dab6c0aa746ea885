/* Errors without heap: see err.h for what the classes mean.
 *
 * Every text is formatted into a local buffer first and copied afterwards, because callers like to add context
 * by printing an error into itself ("%s: %s", where, err->text). A text that does not fit is cut at the end of
 * a UTF-8 character and ends in "...".
 *
 * The errno's name and description come from strerrorname_np and strerrordesc_np (glibc 2.32): both are thread
 * safe and the same in every locale, so that a code found in a log can be searched for. */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

static void cut(char *text, size_t room)
{
    size_t at = room - 4;

    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    memcpy(text + at, "...", 4);
}

static void vformat(char *ret_text, size_t room, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
static void vformat(char *ret_text, size_t room, const char *format, va_list args)
{
    char text[sizeof((struct mr_err *)0)->text];
    int size = vsnprintf(text, room, format, args);

    if (size < 0)
        text[0] = 0;
    else if ((size_t)size >= room)
        cut(text, room);
    memcpy(ret_text, text, strlen(text) + 1);
}

void mr_err_clear(struct mr_err *err)
{
    err->class = MR_OK;
    err->trait = MR_TRAIT_NONE;
    err->exit_code = err->number = 0;
    err->code[0] = err->native[0] = err->text[0] = err->hint[0] = 0;
}

static void begin(struct mr_err *err, enum mr_class class, const char *code)
{
    err->class = class;
    err->trait = MR_TRAIT_NONE;
    err->exit_code = 0;
    err->number = 0;
    if (code != err->code)
        snprintf(err->code, sizeof err->code, "%s", code);
    err->native[0] = err->hint[0] = 0;
}

int mr_err_set(struct mr_err *err, enum mr_class class, const char *code, const char *format, ...)
{
    va_list args;

    if (!err)
        return class;
    va_start(args, format);
    vformat(err->text, sizeof err->text, format, args);
    va_end(args);
    begin(err, class, code);
    return class;
}

void mr_err_native(struct mr_err *err, const char *native)
{
    if (err)
        snprintf(err->native, sizeof err->native, "%s", native ? native : "");
}

void mr_err_hint(struct mr_err *err, const char *format, ...)
{
    va_list args;

    if (!err)
        return;
    va_start(args, format);
    vformat(err->hint, sizeof err->hint, format, args);
    va_end(args);
}

int mr_err_errno(struct mr_err *err, enum mr_class class, const char *code, int saved_errno,
                 const char *format, ...)
{
    const char *name = strerrorname_np(saved_errno);
    const char *meaning = strerrordesc_np(saved_errno);
    size_t size;
    va_list args;

    if (!err)
        return class;
    va_start(args, format);
    vformat(err->text, sizeof err->text, format, args);
    va_end(args);
    begin(err, class, code);
    err->number = saved_errno;
    size = strlen(err->text);
    snprintf(err->text + size, sizeof err->text - size, ": %s",
             meaning ? meaning : "unknown error");
    if (name)
        mr_err_native(err, name);
    else
        snprintf(err->native, sizeof err->native, "%d", saved_errno);
    return class;
}

int mr_err_exit(const struct mr_err *err)
{
    if (err->exit_code)
        return err->exit_code;
    switch (err->class) {
    case MR_OK: return 0;
    case MR_RETRY: return 69;
    case MR_GAP: return 65;
    case MR_CONFIG: return 78;
    case MR_FENCED: return 75;
    case MR_BUG: return 70;
    case MR_DATA:
    case MR_AGAIN:
    case MR_REPLAY: return 1;
    }
    return 1;
}

const char *mr_class_name(enum mr_class class)
{
    switch (class) {
    case MR_OK: return "ok";
    case MR_AGAIN: return "again";
    case MR_RETRY: return "retry";
    case MR_REPLAY: return "replay";
    case MR_DATA: return "data";
    case MR_GAP: return "gap";
    case MR_CONFIG: return "config";
    case MR_FENCED: return "fenced";
    case MR_BUG: return "bug";
    }
    return "unknown";
}

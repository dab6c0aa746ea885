/* What went wrong, and what the caller is to do about it.
 *
 * Every fallible function returns int: 0, or one of the negative classes below, and takes a `struct mr_err *err`
 * as its last parameter. The struct is owned by the caller, holds no heap memory and is written once, at the
 * place where the fact is known; every level above only says `if (rc < 0) return rc;`.
 *
 * The class says what to do. The code (`source.slot_missing`) is stable, dotted, and has a paragraph in
 * docs/reference/errors.md. `native` is the other side's own code (SQLSTATE, librdkafka's name, errno's name).
 * `text` is one sentence on what is wrong and where; `hint` is what to do, with the command or SQL to type. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/slice.h"

enum mr_class {
    MR_OK = 0,
    MR_AGAIN = -1, /* full: poll, then offer the same thing again. Never reaches a user. */
    MR_RETRY = -2, /* the other side is away: close, back off with jitter, reopen, for ever */
    MR_REPLAY =
        -3, /* the sink lost a block: abort it and replay from its position, do not reopen it */
    MR_DATA = -4,   /* this change is bad: stop, or dead-letter, by policy */
    MR_GAP = -5,    /* changes are missing: stop, never retry, say how to go on. Exit 65 */
    MR_CONFIG = -6, /* a human must change something. Exit 78, or 77 for missing rights */
    MR_FENCED = -7, /* another instance owns the pipeline: touch nothing, stop. Exit 75 */
    MR_BUG = -8,    /* an invariant of ours is broken. Exit 70 */
};

#define MR_MUST_CHECK          __attribute__((warn_unused_result))
#define MR_PRINTF(text, first) __attribute__((format(printf, text, first)))

/* What one caller has to tell apart from other failures of the same class. Codes are for users: no path decides by
 * one. */
enum mr_trait {
    MR_TRAIT_NONE,
    MR_TRAIT_REFUSED,    /* the other side understood, and said no to what it was given */
    MR_TRAIT_RACED,      /* somebody else was faster: look again */
    MR_TRAIT_UNREADABLE, /* what is stored is not ours to read */
    MR_TRAIT_BUSY,       /* the other side has no place for us now */
    MR_TRAIT_BINARY,     /* a value whose binary form we do not read: ask for text */
};

struct mr_err {
    enum mr_class class;
    enum mr_trait trait;
    int exit_code; /* 0: by class; otherwise what main should exit with (77 for permissions, 69, ...) */
    /* The other side's own code as a number, 0: none. Only the code that knows that side writes it and asks for it. */
    int number;
    char code[64];   /* dotted; "" when nothing was written */
    char native[64]; /* SQLSTATE and the like; "" when there is none */
    char text[1500]; /* one sentence or several, no newline at the end, never a secret */
    char hint[1500]; /* what to do; may have several lines (SQL); "" when the text says all */
};

/* Empties err. Call before a sequence whose err may be read without a failure having happened. */
void mr_err_clear(struct mr_err *err);

/* Writes class, code and text, empties native and hint, and returns `class`, so that a place of failure reads
 * `return mr_err_set(err, MR_RETRY, "source.connect", "cannot connect to %s", host);`. err may be NULL. */
int mr_err_set(struct mr_err *err, enum mr_class class, const char *code, const char *format, ...)
    MR_PRINTF(4, 5);

/* Adds the other side's own code to what mr_err_set wrote. */
void mr_err_native(struct mr_err *err, const char *native);

/* Adds a trait to what mr_err_set wrote, which empties it. err may be NULL. */
static inline void mr_err_trait(struct mr_err *err, enum mr_trait trait)
{
    if (err)
        err->trait = trait;
}

/* Adds the next step to what mr_err_set wrote. */
void mr_err_hint(struct mr_err *err, const char *format, ...) MR_PRINTF(2, 3);

/* As mr_err_set, for a call that failed with this errno: native is errno's name ("ENOSPC"), number the errno, and
 * ": <what it means>" is appended to the text. The class is the caller's choice: a full disk may pass, a missing
 * directory may not. */
int mr_err_errno(struct mr_err *err, enum mr_class class, const char *code, int saved_errno,
                 const char *format, ...) MR_PRINTF(5, 6);

/* The process exit code of this error: exit_code if set, else by class
 * (RETRY 69, DATA 1, GAP 65, CONFIG 78, FENCED 75, BUG 70, otherwise 1). */
int mr_err_exit(const struct mr_err *err);

/* "retry", "gap", ...: the class as printed in logs and JSON. */
const char *mr_class_name(enum mr_class class);

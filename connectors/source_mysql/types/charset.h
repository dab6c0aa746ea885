/* MySQL's character sets: from stored bytes to UTF-8, as the server's own CONVERT does it.
 *
 * A collation's number says the character set; which numbers there are is fixed by the servers' releases and known
 * here, so that nothing has to be asked. All functions are pure but for iconv descriptors, which each thread keeps
 * by itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

struct mr_my_charset;

/* The number of the collation `binary`: bytes, no characters. */
#define MR_MY_BINARY 63

/* NULL: no such collation is known here. */
const struct mr_my_charset *mr_my_charset_of(uint32_t collation);
const struct mr_my_charset *mr_my_charset_named(struct mr_slice name); /* "latin1" */
const char *mr_my_charset_name(const struct mr_my_charset *charset);
/* The most bytes of one character, as the server counts them: bytes of a column / this = its characters. */
uint32_t mr_my_charset_width(const struct mr_my_charset *charset);

/* UTF-8 of the text: the same bytes where they are UTF-8 already, else new ones in the arena. False: it has bytes
 * that are no characters of the set. */
bool mr_my_charset_utf8(const struct mr_my_charset *charset, struct mr_arena *arena,
                        struct mr_slice text, struct mr_slice *ret_text);
/* The same, with U+FFFD for each byte that is none. */
struct mr_slice mr_my_charset_replace(const struct mr_my_charset *charset, struct mr_arena *arena,
                                      struct mr_slice text);
/* Whether the bytes are UTF-8: no surrogates, nothing above U+10FFFF, nothing longer than needed. */
bool mr_my_utf8_valid(struct mr_slice text);

/* A run of bytes somebody else owns.
 *
 * A slice is a pointer and a length. It never owns and never ends in NUL. Whoever hands one out says how long
 * the bytes live (process, table version or batch, see arena.h). {NULL, 0} is the empty slice; where a function
 * tells "no value" from "empty value", data == NULL means no value. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct mr_slice {
    const char *data;
    size_t size;
};

/* A slice of a string literal, usable in static initialisers. */
#define MR_SLICE(literal)                                                                          \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static inline struct mr_slice mr_slice(const void *data, size_t size)
{
    return (struct mr_slice){(const char *)data, size};
}

/* The bytes of a C string without its NUL; the empty slice for NULL. */
static inline struct mr_slice mr_slice_str(const char *text)
{
    return text ? (struct mr_slice){text, strlen(text)} : (struct mr_slice){NULL, 0};
}

static inline bool mr_slice_equal(struct mr_slice a, struct mr_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool mr_slice_is(struct mr_slice a, const char *text)
{
    return mr_slice_equal(a, mr_slice_str(text));
}

/* For printf("%.*s", MR_SLICE_ARG(s)); cut at INT_MAX, which only messages reach. */
#define MR_SLICE_ARG(s)                                                                            \
    (int)((s).size > 0x7fffffff ? 0x7fffffff : (s).size), (s).data ? (s).data : ""

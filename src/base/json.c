/* JSON text at the speed of a copy.
 *
 * Strings: nearly all bytes need no escape, so the loop is a copy that looks: 16 bytes are loaded, stored where
 * they go, and compared with the three conditions (below 0x20, quote, backslash) at once; only when one holds is
 * the exact byte handled. The store before the test is safe because 16 bytes of input are left, and each byte of
 * input makes at least one byte of output. Elsewhere, and for the last few bytes, the same is done eight bytes
 * at a time in an ordinary register:
 *
 *     a byte is below 0x20  <=>  (b - 0x20) borrows and b has no high bit
 *     a byte equals c       <=>  (b ^ c) - 1 borrows and (b ^ c) has no high bit
 *
 * A borrow can run on into the next higher byte and mark it falsely, never the lowest marked one: so only the
 * lowest mark is used, and the bytes after it are looked at again.
 *
 * Integers are written from the right, two digits at a time from a table. Doubles are in json_float.c. */
#include "base/json.h"

#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324252627282930"
                                  "31323334353637383940414243444546474849505152535455565758596061"
                                  "62636465666768697071727374757677787980818283848586878889909192"
                                  "93949596979899";

static unsigned count_digits(uint64_t value)
{
    static const uint64_t powers[] = {0,
                                      10,
                                      100,
                                      1000,
                                      10000,
                                      100000,
                                      1000000,
                                      10000000,
                                      100000000,
                                      1000000000,
                                      10000000000,
                                      100000000000,
                                      1000000000000,
                                      10000000000000,
                                      100000000000000,
                                      1000000000000000,
                                      10000000000000000,
                                      100000000000000000,
                                      1000000000000000000,
                                      10000000000000000000u};
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned least = bits * 1233 >> 12; /* log10(2) = 1233 / 4096, a little less */

    return least + (value >= powers[least]);
}

char *mr_json_put_u64(char *at, uint64_t value)
{
    char *end = at + count_digits(value), *from = end;

    while (value >= 100) {
        from -= 2;
        memcpy(from, digit_pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10)
        memcpy(at, digit_pairs + 2 * value, 2);
    else
        *at = (char)('0' + value);
    return end;
}

char *mr_json_put_i64(char *at, int64_t value)
{
    if (value >= 0)
        return mr_json_put_u64(at, (uint64_t)value);
    *at++ = '-';
    return mr_json_put_u64(at, 0 - (uint64_t)value);
}

/* What to write after the backslash; 0: copy the byte; 'u': \u00xx. */
static const char escapes[256] = {
    ['\b'] = 'b',  ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"',
    ['\\'] = '\\', [0] = 'u',    [1] = 'u',    [2] = 'u',    [3] = 'u',    [4] = 'u',
    [5] = 'u',     [6] = 'u',    [7] = 'u',    [11] = 'u',   [14] = 'u',   [15] = 'u',
    [16] = 'u',    [17] = 'u',   [18] = 'u',   [19] = 'u',   [20] = 'u',   [21] = 'u',
    [22] = 'u',    [23] = 'u',   [24] = 'u',   [25] = 'u',   [26] = 'u',   [27] = 'u',
    [28] = 'u',    [29] = 'u',   [30] = 'u',   [31] = 'u',
};

static const char hex_digits[] = "0123456789abcdef";

static inline char *put_byte(char *at, unsigned char byte)
{
    char escape = escapes[byte];

    if (!escape) {
        *at = (char)byte;
        return at + 1;
    }
    at[0] = '\\';
    at[1] = escape;
    if (escape != 'u')
        return at + 2;
    at[2] = at[3] = '0';
    at[4] = hex_digits[byte >> 4];
    at[5] = hex_digits[byte & 15];
    return at + 6;
}

#define ONES  0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

/* The high bit of each byte that needs an escape; exact for the lowest one. */
static inline uint64_t mark8(uint64_t bytes)
{
    uint64_t quote = bytes ^ (ONES * '"'), slash = bytes ^ (ONES * '\\');

    return (((bytes - ONES * 0x20) & ~bytes) | ((quote - ONES) & ~quote) |
            ((slash - ONES) & ~slash)) &
           HIGHS;
}

/* Copies up to eight bytes of at least eight; stops at one that needs an escape. Returns how many. */
static inline size_t copy8(char *at, const char *from)
{
    uint64_t bytes, marks;

    memcpy(&bytes, from, 8);
    memcpy(at, &bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    bytes = __builtin_bswap64(bytes);
#endif
    marks = mark8(bytes);
    return marks ? (size_t)__builtin_ctzll(marks) / 8 : 8;
}

#if defined(__SSE2__)
static inline size_t copy16(char *at, const char *from)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)from);
    /* Unsigned b < 0x20 is min(b, 0x1f) == b: SSE2 has no unsigned comparison. */
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    unsigned marks = (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, slash)));

    _mm_storeu_si128((__m128i *)(void *)at, bytes);
    return marks ? (size_t)__builtin_ctz(marks) : 16;
}
#endif

char *mr_json_put_escaped(char *at, struct mr_slice text)
{
    const char *from = text.data, *end = from + text.size;
    size_t done;

#if defined(__SSE2__)
    while (end - from >= 16) {
        done = copy16(at, from);
        at += done;
        from += done;
        if (done < 16)
            at = put_byte(at, (unsigned char)*from++);
    }
#endif
    while (end - from >= 8) {
        done = copy8(at, from);
        at += done;
        from += done;
        if (done < 8)
            at = put_byte(at, (unsigned char)*from++);
    }
    while (from < end)
        at = put_byte(at, (unsigned char)*from++);
    return at;
}

char *mr_json_put_str(char *at, struct mr_slice text)
{
    *at++ = '"';
    at = mr_json_put_escaped(at, text);
    *at++ = '"';
    return at;
}

char *mr_json_put_base64(char *at, struct mr_slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = (const unsigned char *)bytes.data;
    size_t left = bytes.size;

    *at++ = '"';
    for (; left >= 3; left -= 3, from += 3) {
        uint32_t three = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
        *at++ = digits[three >> 18];
        *at++ = digits[three >> 12 & 63];
        *at++ = digits[three >> 6 & 63];
        *at++ = digits[three & 63];
    }
    if (left) {
        uint32_t rest = (uint32_t)from[0] << 16 | (left == 2 ? (uint32_t)from[1] << 8 : 0);
        *at++ = digits[rest >> 18];
        *at++ = digits[rest >> 12 & 63];
        *at++ = left == 2 ? digits[rest >> 6 & 63] : '=';
        *at++ = '=';
    }
    *at++ = '"';
    return at;
}

char *mr_put_hex(char *at, struct mr_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];
        *at++ = hex_digits[byte >> 4];
        *at++ = hex_digits[byte & 15];
    }
    return at;
}

/* Tells the buffer that its text now ends at `end`, inside the room it has. */
static void end_at(struct mr_buf *buf, const char *end)
{
    buf->size = (size_t)(end - buf->data);
    buf->data[buf->size] = 0;
}

static size_t escaped_size(struct mr_slice text)
{
    size_t size = text.size;

    for (size_t i = 0; i < text.size; i++) {
        char escape = escapes[(unsigned char)text.data[i]];
        size += !escape ? 0 : escape == 'u' ? 5 : 1;
    }
    return size;
}

void mr_json_add_str(struct mr_buf *buf, struct mr_slice text)
{
    if (mr_buf_room(buf, escaped_size(text) + 2))
        end_at(buf, mr_json_put_str(buf->data + buf->size, text));
}

void mr_json_add_i64(struct mr_buf *buf, int64_t value)
{
    char text[20];

    mr_buf_add(buf, text, (size_t)(mr_json_put_i64(text, value) - text));
}

void mr_json_add_u64(struct mr_buf *buf, uint64_t value)
{
    char text[20];

    mr_buf_add(buf, text, (size_t)(mr_json_put_u64(text, value) - text));
}

void mr_json_add_f64(struct mr_buf *buf, double value)
{
    char text[32];

    mr_buf_add(buf, text, (size_t)(mr_json_put_f64(text, value) - text));
}

void mr_json_add_key(struct mr_buf *buf, const char *key)
{
    char last = buf->size ? buf->data[buf->size - 1] : '{';

    if (last != '{' && last != '[')
        mr_buf_add_char(buf, ',');
    mr_json_add_str(buf, mr_slice_str(key));
    mr_buf_add_char(buf, ':');
}

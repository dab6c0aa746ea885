/* Avro's primitives at the end of a batch's arena. Unions with null are those whose null comes first.
 *
 * Source: Avro specification 1.11, "Binary Encoding". Numbers are little-endian, as the machine's are (asserted where
 * rows are written). */
#pragma once

#include "schema/out/json.h"

/* int and long: zig-zag, seven bits a byte, low ones first; at most 10 bytes. */
static inline char *mr_avro_put_long(char *at, int64_t number)
{
    uint64_t left = (uint64_t)number << 1 ^ (uint64_t)(number >> 63);

    while (left >= 0x80) {
        *at++ = (char)(left | 0x80);
        left >>= 7;
    }
    *at++ = (char)left;
    return at;
}

static inline void mr_avro_long(struct mr_out *out, int64_t number)
{
    mr_out_need(out, 10);
    out->at = mr_avro_put_long(out->at, number);
}

/* The same in a union with null. */
static inline void mr_avro_optional_long(struct mr_out *out, uint64_t number, bool present)
{
    mr_out_need(out, 11);
    *out->at++ = present ? 2 : 0;
    if (present)
        out->at = mr_avro_put_long(out->at, (int64_t)number);
}

static inline void mr_avro_byte(struct mr_out *out, uint8_t byte)
{
    mr_out_need(out, 1);
    *out->at++ = (char)byte;
}

/* string and bytes: the length, then the bytes. */
static inline void mr_avro_string(struct mr_out *out, struct mr_slice text)
{
    mr_out_need(out, 10 + text.size);
    out->at = mr_avro_put_long(out->at, (int64_t)text.size);
    if (text.size > 0)
        memcpy(out->at, text.data, text.size);
    out->at += text.size;
}

/* Little-endian IEEE 754. */
static inline void mr_avro_double(struct mr_out *out, double number)
{
    mr_out_need(out, 8);
    memcpy(out->at, &number, 8);
    out->at += 8;
}

static inline void mr_avro_float(struct mr_out *out, double number)
{
    float single = (float)number;

    mr_out_need(out, 4);
    memcpy(out->at, &single, 4);
    out->at += 4;
}

/* string in a union with null; {NULL, 0} is null. */
static inline void mr_avro_optional_string(struct mr_out *out, struct mr_slice text)
{
    mr_avro_byte(out, text.data ? 2 : 0);
    if (text.data)
        mr_avro_string(out, text);
}

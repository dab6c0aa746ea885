/* Writing JSON, fast and exactly.
 *
 * Two kinds of function. mr_json_put_* write at a raw pointer and return the new end; the caller guarantees the
 * room each one's comment names: the hot path reserves once per record. mr_json_* on a struct mr_buf are for
 * everything else (positions, logs, schemas). Parsing is jansson's.
 *
 * Numbers: integers in decimal; doubles and floats as the shortest text that reads back equal, always with a
 * "." or an exponent ("1.0", "0.1", "1e-45", "1.7976931348623157e+308", as Python prints them); NaN and the
 * infinities as the strings "NaN", "Infinity", "-Infinity" (as Kafka Connect's JsonConverter). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* Up to 20 bytes. */
char *mr_json_put_i64(char *at, int64_t value);
char *mr_json_put_u64(char *at, uint64_t value);
/* Up to 32 bytes. Shortest round trip; 1.0 is written "1.0". */
char *mr_json_put_f64(char *at, double value);
char *mr_json_put_f32(char *at, float value);
/* A quoted, escaped string: up to 2 + 6 * size bytes. Escapes ", \, and bytes below 0x20 (\b \t \n \f \r short,
 * others \u00xx); everything else, 0x7f and UTF-8 included, is copied. Invalid UTF-8 is copied as it is. */
char *mr_json_put_str(char *at, struct mr_slice text);
/* The same without quotes. */
char *mr_json_put_escaped(char *at, struct mr_slice text);
/* A quoted base64 string (with padding): 2 + 4 * ((size + 2) / 3) bytes. */
char *mr_json_put_base64(char *at, struct mr_slice bytes);
/* Two hex digits a byte, lower case, no quotes. */
char *mr_put_hex(char *at, struct mr_slice bytes);

void mr_json_add_str(struct mr_buf *buf, struct mr_slice text);
void mr_json_add_i64(struct mr_buf *buf, int64_t value);
void mr_json_add_u64(struct mr_buf *buf, uint64_t value);
void mr_json_add_f64(struct mr_buf *buf, double value);
/* `"key":` with a comma before it unless the last byte written opens an object or array. */
void mr_json_add_key(struct mr_buf *buf, const char *key);

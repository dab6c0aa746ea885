/* MySQL's two codings of whole numbers whose length varies (MySQL manual, "Protocol Basics"; its serialization
 * library).
 *
 *     packed   0..250 itself; 252 + 2 bytes; 253 + 3; 254 + 8          lengths and counts nearly everywhere
 *     varint   n trailing one-bits in byte 0: n more bytes follow;     tagged GTIDs only
 *              value = all of them, lowest first, >> (n + 1)
 *
 * Readers follow the cursor's discipline: zero and `failed` when the bytes end early or are no such number. */
#pragma once

#include "base/buf.h"
#include "base/cursor.h"

uint64_t mr_my_packed(struct mr_cur *cur);
void mr_my_packed_put(struct mr_buf *buf, uint64_t number);
/* A packed length and that many bytes. */
struct mr_slice mr_my_packed_bytes(struct mr_cur *cur);

uint64_t mr_my_varint(struct mr_cur *cur);
/* The signed form: the sign is the lowest bit. */
int64_t mr_my_varint_signed(struct mr_cur *cur);
void mr_my_varint_put(struct mr_buf *buf, uint64_t number);

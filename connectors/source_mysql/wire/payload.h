/* TRANSACTION_PAYLOAD: the events of one transaction as one zstd stream, taken in pieces, given out one by one.
 *
 *     push() gives the next run of packed bytes -- next() answers 1: an event, 0: push more
 *
 * Memory: the window of the stream (at most 128 MiB by its own head; MySQL's default level needs 2 MiB) and the
 * largest event in it. Single threaded. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

struct mr_my_payload;

struct mr_my_payload *mr_my_payload_new(void);
void mr_my_payload_free(struct mr_my_payload *payload); /* NULL is allowed */

/* A new payload begins. compression: 0 zstd, 255 none. MR_CONFIG source.event_unknown: another one. */
int mr_my_payload_begin(struct mr_my_payload *payload, uint64_t compression, uint64_t full_size,
                        size_t limit, struct mr_err *err) MR_MUST_CHECK;
/* These bytes come next; they must stay until next() answers 0. Only after next() answered 0 (or after begin). */
void mr_my_payload_push(struct mr_my_payload *payload, struct mr_slice bytes);
/* 1: a whole event (its header tells its size), valid until the next call. MR_RETRY source.payload: damaged.
 * MR_DATA source.event_too_large. */
int mr_my_payload_next(struct mr_my_payload *payload, struct mr_slice *ret_event,
                       struct mr_err *err) MR_MUST_CHECK;
/* All was pushed and next() answered 0: MR_RETRY source.payload unless it ends with an event and has the size told.
 * */
int mr_my_payload_end(struct mr_my_payload *payload, struct mr_err *err) MR_MUST_CHECK;

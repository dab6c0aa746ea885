/* Errors of librdkafka, by what to do about them.
 *
 * A connector may read some errors in words of its own, with hints that name its options: it hands in a table that is
 * looked at first. Classes: MR_CONFIG for what a human must change, MR_DATA for a record that is refused, MR_RETRY for
 * everything that may pass. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "base/err.h"

struct mr_kafka_error {
    rd_kafka_resp_err_t error;
    int class;     /* enum mr_class */
    int exit_code; /* 0: by class */
    const char *code, *hint;
};

/* Writes err for a librdkafka error and returns its class; err->number is the error. `own` ends in {0}; NULL: none.
 * detail: librdkafka's own sentence, NULL or "": the error's general one. `doing` reads as in "cannot <doing>". */
int mr_kafka_fail(struct mr_err *err, const struct mr_kafka_error *own, rd_kafka_resp_err_t code,
                  const char *detail, const char *doing, ...) MR_PRINTF(5, 6);
/* How the error is read; NULL: it is in neither table, and may pass. */
const struct mr_kafka_error *mr_kafka_error_find(const struct mr_kafka_error *own,
                                                 rd_kafka_resp_err_t code);
/* A login, a certificate or a right: nothing mends it but a human. */
bool mr_kafka_error_denies(const struct mr_kafka_error *own, rd_kafka_resp_err_t code);
/* What mr_kafka_fail wrote says that a topic or partition is not there. */
bool mr_kafka_error_missing(const struct mr_err *err);
/* What mr_kafka_fail wrote may pass, and why it is so was not told. */
bool mr_kafka_error_unexplained(const struct mr_err *err, const struct mr_kafka_error *own);

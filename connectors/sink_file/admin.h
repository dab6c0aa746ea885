/* What is done to a directory of files from the command line, without a running sink. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "plug/context.h"
#include "plug/sink.h"

/* See sink.h: check, alone, fit, preflight, checkpoint_read, checkpoint_write. */
int mr_file_check(const void *config, const char **ret_key, struct mr_err *err) MR_MUST_CHECK;
void mr_file_alone(const struct mr_sink_args *args, struct mr_buf *ret_what);
int mr_file_fit(const struct mr_sink_args *args, const struct mr_table *table,
                struct mr_err *err) MR_MUST_CHECK;
int mr_file_preflight(const struct mr_sink_args *args, const struct mr_findings *findings,
                      struct mr_err *err) MR_MUST_CHECK;
int mr_file_checkpoint_read(const struct mr_sink_args *args, struct mr_buf *ret_checkpoint,
                            struct mr_err *err) MR_MUST_CHECK;
/* Publishes commit n+1 without files: whoever still runs is fenced by it. */
int mr_file_checkpoint_write(const struct mr_sink_args *args, struct mr_slice checkpoint,
                             struct mr_err *err) MR_MUST_CHECK;

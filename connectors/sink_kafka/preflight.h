/* What `check --environment` asks of the brokers, and the stored position for `checkpoint show|set`. */
#pragma once

#include "plug/sink.h"

int mr_kafka_preflight(const struct mr_sink_args *args, const struct mr_findings *findings,
                       struct mr_err *err) MR_MUST_CHECK;
int mr_kafka_fit(const struct mr_sink_args *args, const struct mr_table *table,
                 struct mr_err *err) MR_MUST_CHECK;
int mr_kafka_checkpoint_show(const struct mr_sink_args *args, struct mr_buf *ret_checkpoint,
                             struct mr_err *err) MR_MUST_CHECK;
int mr_kafka_checkpoint_set(const struct mr_sink_args *args, struct mr_slice checkpoint,
                            struct mr_err *err) MR_MUST_CHECK;

/* Positions made by hand: for `checkpoint set` and `resnapshot`. Each opens sessions of its own. */
#pragma once

#include "connectors/source_postgres/source.h"

/* struct mr_source's locate: "now" or an LSN. */
int mr_pg_locate(const struct mr_source_args *args, const char *place, struct mr_buf *ret_position,
                 struct mr_err *err) MR_MUST_CHECK;
/* struct mr_source's again. */
int mr_pg_again(const struct mr_source_args *args, const char *const *tables, size_t count,
                struct mr_buf *ret_position, struct mr_err *err) MR_MUST_CHECK;

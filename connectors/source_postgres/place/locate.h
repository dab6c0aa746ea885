/* Positions made by hand: for `checkpoint set` and `resnapshot`. Each opens the sessions. */
#pragma once

#include "connectors/source_postgres/place/place.h"
#include "connectors/source_postgres/publish/publication.h"

/* struct mr_source's locate: where is "now" or an LSN. held: the sink has a position, which `place` does not. */
int mr_pg_locate(struct mr_pg_place *place, struct mr_pg_publish *publish, const char *where,
                 bool held, struct mr_buf *ret_position, struct mr_err *err) MR_MUST_CHECK;
/* struct mr_source's again. */
int mr_pg_again(struct mr_pg_place *place, const char *publication, const char *const *tables,
                size_t count, struct mr_buf *ret_position, struct mr_err *err) MR_MUST_CHECK;

/* Tables whose UPDATE and DELETE the server refuses, because of a publication that we read or would make. */
#pragma once

#include "connectors/source_postgres/catalog/catalog.h"

/* Asked before a first start. made: the publication is there; else it matters only if it would be made for all
 * tables. MR_CONFIG source.breaks_updates names the tables. What we move into the inserts' publication ourselves
 * does not count. */
int mr_pg_breaks_refuse(struct mr_pg_source *source, const struct mr_pg_candidates *candidates,
                        bool made, struct mr_err *err) MR_MUST_CHECK;
/* The same while a position is held: a pipeline that stood still would hold back the server's log besides, so it is a
 * warning, once per set of tables. */
int mr_pg_breaks_warn(struct mr_pg_source *source, const struct mr_pg_candidates *candidates,
                      struct mr_err *err) MR_MUST_CHECK;

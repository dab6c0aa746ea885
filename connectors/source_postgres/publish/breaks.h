/* Tables whose UPDATE and DELETE the server refuses, because of a publication that we read or would make. */
#pragma once

#include "connectors/source_postgres/publish/publish.h"

/* made: the publication is there; else it matters only if it would be made for all tables. *ret_found is empty, or
 * MR_CONFIG source.breaks_updates with the names of the tables. What we move into the inserts' publication ourselves
 * does not count. The result is that of asking. */
int mr_pg_breaks_look(struct mr_pg_publish *publish, const struct mr_pg_candidates *candidates,
                      bool made, struct mr_err *ret_found, struct mr_err *err) MR_MUST_CHECK;
/* Whether a start would be refused for it: a first one is, unless the settings accept it; later it is a warning,
 * since a pipeline that stood still would hold back the server's log besides. */
bool mr_pg_breaks_refuses(const struct mr_pg_publish *publish);
/* Refuses, or warns once per set of tables. */
int mr_pg_breaks_judge(struct mr_pg_publish *publish, const struct mr_pg_candidates *candidates,
                       bool made, struct mr_err *err) MR_MUST_CHECK;

/* The tables a pipeline would capture, shown without capturing them. */
#pragma once

#include "connectors/source_postgres/source.h"

/* As struct mr_source's sides(). */
int mr_pg_sides(const struct mr_source_args *args, struct mr_arena *arena,
                struct mr_source_sides *ret_sides, struct mr_err *err) MR_MUST_CHECK;
/* As struct mr_source's tables(). */
int mr_pg_tables(const struct mr_source_args *args,
                 void (*each)(void *user, struct mr_table *table), void *user,
                 struct mr_err *err) MR_MUST_CHECK;

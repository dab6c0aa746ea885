/* The publication: whether it is there, what it covers, making it. */
#pragma once

#include "connectors/source_postgres/catalog.h"

/* Sets source->publication and source->inserts from the settings (or, for tail, makes up a name). */
int mr_pg_publication_name(struct mr_pg_source *source, struct mr_err *err) MR_MUST_CHECK;

/* *ret_exists: the main one; source->use_inserts: the second one. */
int mr_pg_publication_look(struct mr_pg_source *source, bool *ret_exists,
                           struct mr_err *err) MR_MUST_CHECK;

/* Appends the statements that would make it for these tables, each ended by ";\n". */
void mr_pg_publication_sql(const struct mr_pg_source *source,
                           const struct mr_pg_candidates *candidates, struct mr_buf *sql);

/* Makes it if absent, as the settings allow; says which tables it leaves out. */
int mr_pg_publication_ensure(struct mr_pg_source *source, struct mr_err *err) MR_MUST_CHECK;

/* The server says it is missing while reading: a gap. */
int mr_pg_publication_gone(struct mr_pg_source *source, const char *message, struct mr_err *err);

/* Removes a tail's own. */
void mr_pg_publication_drop(struct mr_pg_source *source);

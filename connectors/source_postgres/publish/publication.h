/* The publication: whether it is there, what it covers, making it. */
#pragma once

#include "connectors/source_postgres/publish/publish.h"

/* Sets the publications' names from the settings: by default the slot's; for a tail, a name is made up for both. */
int mr_pg_publication_name(struct mr_pg_publish *publish, char slot[MR_PG_NAME],
                           struct mr_err *err) MR_MUST_CHECK;

/* *ret_exists: the main one; published->use_inserts: the second one; ->via_root: how it sends partitions.
 * MR_CONFIG source.partition_root: not as the settings want it, or the server cannot. */
int mr_pg_publication_look(struct mr_pg_publish *publish, bool *ret_exists,
                           struct mr_err *err) MR_MUST_CHECK;

/* Appends the statements that would make it for these tables, each ended by ";\n". */
void mr_pg_publication_sql(const struct mr_pg_publish *publish,
                           const struct mr_pg_candidates *candidates, struct mr_buf *sql);

/* After a look: *ret_found is empty, or source.operations_left_out. */
void mr_pg_publication_left_out(const struct mr_pg_publish *publish, struct mr_err *ret_found);

/* What the table's owner can do so that its updates can be published. */
void mr_pg_publication_advise(const struct mr_pg_candidate *table, struct mr_buf *sql);
/* Notes that only its inserts are read; `became` is put behind "has no replica identity". */
void mr_pg_publication_note_no_identity(struct mr_pg_publish *publish,
                                        const struct mr_pg_candidate *table, const char *became);

/* Makes it if absent, as the settings allow; says which tables it leaves out. */
int mr_pg_publication_ensure(struct mr_pg_publish *publish, struct mr_err *err) MR_MUST_CHECK;

/* Tables that the patterns take in and the publication leaves out: a finding each, with the SQL; a failure
 * when it is of other tables only. */
int mr_pg_publication_uncovered(struct mr_pg_publish *publish,
                                const struct mr_pg_candidates *candidates,
                                const struct mr_findings *findings,
                                struct mr_err *err) MR_MUST_CHECK;

/* Adds such tables where we may, and names the others, once each. Called at start and now and then later, for
 * tables that are new. starting: MR_CONFIG source.publication_other when the publication is of other tables only. */
int mr_pg_publication_follow(struct mr_pg_publish *publish, bool starting,
                             struct mr_err *err) MR_MUST_CHECK;

/* The errors of a publication that is not to be created, and of patterns that match nothing. */
int mr_pg_publication_missing(struct mr_pg_publish *publish,
                              const struct mr_pg_candidates *candidates, struct mr_err *err);
int mr_pg_no_tables(struct mr_pg_publish *publish, struct mr_err *err);

/* The server says it is missing while reading: a gap. */
int mr_pg_publication_gone(struct mr_pg_publish *publish, const char *message, struct mr_err *err);

/* Removes a tail's own. */
void mr_pg_publication_drop(struct mr_pg_publish *publish);

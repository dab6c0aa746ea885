/* Opening: both sessions, who the server is, and whether the position held fits it. */
#pragma once

#include "connectors/source_postgres/place/place.h"

/* Fills place->server over both sessions and checks wal_level. */
int mr_pg_open_sessions(struct mr_pg_place *place, struct mr_err *err) MR_MUST_CHECK;

/* Identity, timeline and place of the position held against this server. MR_GAP, MR_CONFIG. After a promotion `resume`
 * may be pulled back to where the old timeline was left. */
int mr_pg_check_position(struct mr_pg_place *place, struct mr_pg_position *position,
                         struct mr_err *err) MR_MUST_CHECK;

/* Who we are on which server: all of the position but where it stands. After the sessions are open. */
void mr_pg_set_identity(struct mr_pg_place *place, const char *publication);

/* Whether `position` at `lsn` of `timeline` lies on the history of a newer timeline: lines "tli TAB lsn TAB ...".
 * *ret_switch: where the old timeline was left. False: the timeline is not in the history. */
bool mr_pg_history_find(const char *history, uint32_t timeline, uint64_t *ret_switch);

/* Where `timeline` began, by the history of it or of a newer one. 0: it is the first, or history is NULL. */
uint64_t mr_pg_history_began(const char *history, uint32_t timeline);

/* Whether a position of this or an older timeline can be resumed on `timeline`, whose history is given (NULL: it has
 * none, or it is not known). MR_GAP. */
int mr_pg_check_timeline(const struct mr_pg_position *position, uint32_t timeline,
                         const char *history, const char *pipeline,
                         struct mr_err *err) MR_MUST_CHECK;

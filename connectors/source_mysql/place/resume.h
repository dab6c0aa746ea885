/* May we go on at the position held? */
#pragma once

#include "connectors/source_mysql/place/facts.h"

/* MR_GAP: what the position asks for is not to be had here: source.flavour_changed, server_changed, gtid_ahead,
 * log_purged, domain_unknown. MR_CONFIG source.gtid_mode: the position is by GTIDs and the server has none. The hint
 * has the command that goes on. */
int mr_my_resume_check(struct mr_my_session *session, const struct mr_my_facts *facts,
                       const struct mr_my_position *position, const char *pipeline,
                       struct mr_err *err) MR_MUST_CHECK;
/* Says how to go on after a hole; returns MR_GAP. */
int mr_my_way_on(const char *pipeline, struct mr_err *err);

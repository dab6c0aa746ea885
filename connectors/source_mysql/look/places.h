/* Positions that a human asks for: `checkpoint set` and `resnapshot`. */
#pragma once

#include "connectors/source_mysql/place/resume.h"

/* Turns "now", a GTID set or "binlog.000007:1234" into resume and done of a position whose identity stands. MR_CONFIG
 * source.place; what mr_my_resume_check says of a place the server does not have. */
int mr_my_look_place(struct mr_my_session *session, const struct mr_my_facts *facts,
                     const char *place, const char *pipeline, struct mr_my_position *position,
                     struct mr_err *err) MR_MUST_CHECK;

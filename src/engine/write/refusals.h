/* Changes that a sink which takes changes will not take. Writer thread.
 *
 * What the file says of changes that cannot be encoded (`errors.policy`) holds for them too: the pipeline stops before
 * the change, or a dead letter is written in its place. */
#pragma once

#include "engine/write/encode.h"

/* Answers what poll() of the sink with this state told. MR_DATA: stop, err names the change; the sink is then not
 * answered. */
int mr_refusals_answer(struct mr_encoding *encoding, void *sink,
                       const struct mr_sink_result *result, struct mr_err *err) MR_MUST_CHECK;

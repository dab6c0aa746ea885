/* What no two pipelines may have: a slot, a directory, a transactional id. */
#pragma once

#include "config/load.h"

/* Adds a finding for each pipeline of load->config that would use what an earlier one uses; `pipelines` is the mapping
 * they were built from, in its order. */
void mr_config_alone(struct mr_config_load *load, struct mr_yaml_node *pipelines);

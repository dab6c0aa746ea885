/* Which contents there are, and how one is found. */
#pragma once

#include "connectors/sink_file/content/content.h"

/* Names of all, in the order of the option's values; NULL-terminated. */
extern const char *const mr_file_contents[];
/* By the option's value. */
const struct mr_file_content *mr_file_content(int value);
/* NULL: none of this millrace's. */
const struct mr_file_content *mr_file_content_named(const char *name);
/* The path template: the user's, or the content's own. */
const char *mr_file_content_path(const struct mr_file_config *config);

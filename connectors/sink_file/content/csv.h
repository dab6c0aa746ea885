/* Rows as comma-separated values: no encoder, a header, the types in the commit file. Described in csv.c. */
#pragma once

#include "connectors/sink_file/content/content.h"

extern const struct mr_file_content mr_file_csv;

/* A record a line: its value, the whole record as JSON, or its text (model/line.h). */
#pragma once

#include "connectors/sink_file/content/content.h"

extern const struct mr_file_content mr_file_lines_value, mr_file_lines_record, mr_file_lines_text;

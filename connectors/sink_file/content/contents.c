/* The contents there are.
 *
 *     value, record, text   lines that an encoder's records make (lines.c)
 *     csv                   rows with their columns, no encoder (csv.c)
 *
 * The order is that of the option's values: what a file of settings names, and what commit files name, is the same
 * word. */
#include "connectors/sink_file/content/contents.h"

#include <string.h>

#include "connectors/sink_file/content/csv.h"
#include "connectors/sink_file/content/lines.h"

const char *const mr_file_contents[] = {[MR_FILE_VALUE] = "value",
                                        [MR_FILE_RECORD] = "record",
                                        [MR_FILE_TEXT] = "text",
                                        [MR_FILE_CSV] = "csv",
                                        NULL};

static const struct mr_file_content *const contents[] = {
    [MR_FILE_VALUE] = &mr_file_lines_value,
    [MR_FILE_RECORD] = &mr_file_lines_record,
    [MR_FILE_TEXT] = &mr_file_lines_text,
    [MR_FILE_CSV] = &mr_file_csv,
};

const struct mr_file_content *mr_file_content(int value)
{
    return contents[value];
}

const struct mr_file_content *mr_file_content_named(const char *name)
{
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
        if (strcmp(contents[i]->name, name) == 0)
            return contents[i];
    return NULL;
}

const char *mr_file_content_path(const struct mr_file_config *config)
{
    return config->path ? config->path : mr_file_content(config->content)->path;
}

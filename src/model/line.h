/* A record as one line of text, for sinks whose readers read lines.
 *
 * MR_LINE_VALUE writes the value alone; a tombstone has no line, because a line without its key says nothing.
 * MR_LINE_TEXT writes the value's bytes as they are, for formats made for people.
 * MR_LINE_RECORD writes the whole record as one JSON object:
 *
 *     {"topic":"shop.public.t","number":17,"key":{...},"value":{...},"headers":{"name":"text"}}
 *
 * Keys and values that are JSON objects or arrays are embedded as they are; a null stays null; anything else
 * (Avro, Protobuf, text with a line feed) becomes {"base64":"..."}, so that a line is one record whatever the
 * encoder made. `number` is the change number: what consumers may check. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/record.h"

enum mr_line_content { MR_LINE_VALUE, MR_LINE_RECORD, MR_LINE_TEXT };

/* Names of the above for an option table, in the order of the enum; NULL-terminated. */
extern const char *const mr_line_contents[];

/* The most bytes mr_line_put will write for the record, the line feed included; 0: it has no line. */
size_t mr_line_room(const struct mr_record *record, enum mr_line_content content);
/* Writes the line with its line feed at `at`, where mr_line_room() bytes are free; returns the new end. */
char *mr_line_put(char *at, const struct mr_record *record, enum mr_line_content content);

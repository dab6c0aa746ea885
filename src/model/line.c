/* Records as lines: see line.h for the form.
 *
 * What makes a value embeddable is judged by its two ends and the absence of a line feed, not by parsing it: the
 * JSON encoders write whole objects without line feeds, and the binary formats begin with a zero byte. A value
 * that fools this test can garble its own line and no other one, because a line feed is the only separator and
 * is looked for. The room is computed first, so that writing needs no checks: six bytes for each byte that may
 * be escaped, four for three of base64, and the fixed text around them. */
#include "model/line.h"

#include <string.h>

#include "base/json.h"

const char *const mr_line_contents[] = {"value", "record", "text", NULL};

/* {"topic":,"number":,"key":,"value":,"headers":{}} and a line feed, the number's digits included, rounded up. */
#define FRAME_ROOM 96
/* {"base64":""} */
#define BASE64_ROOM 16

static bool is_embeddable(struct mr_slice bytes)
{
    if (bytes.size < 2 || memchr(bytes.data, '\n', bytes.size))
        return false;
    return (bytes.data[0] == '{' && bytes.data[bytes.size - 1] == '}') ||
           (bytes.data[0] == '[' && bytes.data[bytes.size - 1] == ']');
}

static size_t bytes_room(struct mr_slice bytes)
{
    return BASE64_ROOM + 4 * ((bytes.size + 2) / 3);
}

static char *put_text(char *at, const char *text)
{
    size_t size = strlen(text);

    memcpy(at, text, size);
    return at + size;
}

static char *put_bytes(char *at, struct mr_slice bytes)
{
    if (bytes.data == NULL)
        return put_text(at, "null");
    if (is_embeddable(bytes)) {
        memcpy(at, bytes.data, bytes.size);
        return at + bytes.size;
    }
    at = put_text(at, "{\"base64\":");
    at = mr_json_put_base64(at, bytes);
    *at++ = '}';
    return at;
}

static char *put_headers(char *at, const struct mr_record *record)
{
    *at++ = '{';
    for (uint32_t i = 0; i < record->header_count; i++) {
        const struct mr_header *header = &record->headers[i];
        if (i > 0)
            *at++ = ',';
        at = mr_json_put_str(at, header->name);
        *at++ = ':';
        if (header->value.data)
            at = mr_json_put_str(at, header->value);
        else
            at = put_text(at, "null");
    }
    *at++ = '}';
    return at;
}

size_t mr_line_room(const struct mr_record *record, enum mr_line_content content)
{
    size_t room;

    if (content == MR_LINE_VALUE)
        return record->value.data ? bytes_room(record->value) + 1 : 0;
    if (content == MR_LINE_TEXT)
        return record->value.data ? record->value.size + 1 : 0;
    room =
        FRAME_ROOM + 6 * record->topic.size + bytes_room(record->key) + bytes_room(record->value);
    for (uint32_t i = 0; i < record->header_count; i++)
        room += 16 + 6 * (record->headers[i].name.size + record->headers[i].value.size);
    return room;
}

char *mr_line_put(char *at, const struct mr_record *record, enum mr_line_content content)
{
    if (content != MR_LINE_RECORD && record->value.data == NULL)
        return at;
    if (content == MR_LINE_VALUE) {
        at = put_bytes(at, record->value);
    } else if (content == MR_LINE_TEXT) {
        memcpy(at, record->value.data, record->value.size);
        at += record->value.size;
    } else {
        at = put_text(at, "{\"topic\":");
        at = mr_json_put_str(at, record->topic);
        at = put_text(at, ",\"number\":");
        at = mr_json_put_u64(at, record->change->number);
        at = put_text(at, ",\"key\":");
        at = put_bytes(at, record->key);
        at = put_text(at, ",\"value\":");
        at = put_bytes(at, record->value);
        at = put_text(at, ",\"headers\":");
        at = put_headers(at, record);
        *at++ = '}';
    }
    *at++ = '\n';
    return at;
}

/* Lines of records, written and read.
 *
 *     {"topic":"shop.public.t","number":17,"key":{...},"value":{...}}      content record
 *     {"op":"c","after":{...}}                                            content value
 *
 * A tombstone has no line where only values are written. A file ends with a line feed, so one that does not was cut.
 * Reading back, a line's number is looked for in its first bytes, as many as topic and number can take: a quote inside
 * a topic is escaped, so the first `","number":` is the one. */
#include "connectors/sink_file/content/lines.h"

#include <string.h>

#include "model/line.h"

struct lines_writer {
    enum mr_line_content content;
};

static void open_value(void *writer, const struct mr_file_config *config, const char *server)
{
    (void)config, (void)server;
    ((struct lines_writer *)writer)->content = MR_LINE_VALUE;
}

static void open_record(void *writer, const struct mr_file_config *config, const char *server)
{
    (void)config, (void)server;
    ((struct lines_writer *)writer)->content = MR_LINE_RECORD;
}

static void open_text(void *writer, const struct mr_file_config *config, const char *server)
{
    (void)config, (void)server;
    ((struct lines_writer *)writer)->content = MR_LINE_TEXT;
}

static int write_lines(void *state, struct mr_file_spool *spool, const struct mr_batch *batch,
                       struct mr_err *err)
{
    const struct lines_writer *writer = state;
    int rc = 0;

    for (size_t i = 0; i < batch->record_count && rc == 0; i++) {
        const struct mr_record *record = &batch->records[i];
        const struct mr_file_place place = {.topic = record->topic,
                                            .commit_us =
                                                mr_file_content_time(batch, record->change),
                                            .number = record->change->number,
                                            .snapshot = record->change->mark != MR_SNAPSHOT_NONE};
        size_t room = mr_line_room(record, writer->content);
        char *at;
        if (room == 0)
            continue;
        rc = mr_file_spool_reserve(spool, &place, room, &at, err);
        if (rc == 0)
            mr_file_spool_take(spool, mr_line_put(at, record, writer->content));
    }
    return rc;
}

static void close_lines(void *writer)
{
    (void)writer;
}

struct lines_reader {
    struct mr_file_found found;
    /* The beginning of the current line. */
    char head[2048];
    size_t head_size;
    bool in_line, unordered;
};

static bool find_number(const struct lines_reader *reader, uint64_t *ret_number)
{
    static const char key[] = "\",\"number\":";
    const char *end = reader->head + reader->head_size;
    const char *at = memmem(reader->head, reader->head_size, key, sizeof(key) - 1);
    uint64_t number = 0;

    if (!at || reader->head[0] != '{')
        return false;
    at += sizeof(key) - 1;
    if (at == end || *at < '0' || *at > '9')
        return false;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    *ret_number = number;
    return true;
}

static void end_line(struct lines_reader *reader)
{
    struct mr_file_found *found = &reader->found;
    uint64_t number = 0;

    if (!find_number(reader, &number))
        reader->unordered = true;
    if (found->records == 0)
        found->first = number;
    else if (number < found->last)
        reader->unordered = true;
    found->last = number;
    found->records++;
    reader->head_size = 0;
    reader->in_line = false;
}

static void take_lines(void *state, const char *at, size_t size)
{
    struct lines_reader *reader = state;

    while (size > 0) {
        const char *feed = memchr(at, '\n', size);
        size_t length = feed ? (size_t)(feed - at) : size;
        size_t room = sizeof(reader->head) - reader->head_size;
        memcpy(reader->head + reader->head_size, at, length < room ? length : room);
        reader->head_size += length < room ? length : room;
        reader->in_line = true;
        if (feed) {
            end_line(reader);
            length++;
        }
        at += length;
        size -= length;
    }
}

static void end_lines(void *state, struct mr_file_found *ret_found)
{
    struct lines_reader *reader = state;

    *ret_found = reader->found;
    ret_found->whole = !reader->in_line;
    ret_found->ascending = !reader->unordered;
}

#define LINES                                                                                      \
    .path = "{topic}/{date}/{topic}+{sequence}.jsonl", .wants = MR_SINK_RECORDS,                   \
    .writer_size = sizeof(struct lines_writer), .write = write_lines, .close = close_lines,        \
    .reader_size = sizeof(struct lines_reader), .take = take_lines, .end = end_lines

const struct mr_file_content mr_file_lines_value = {.name = "value", .open = open_value, LINES};
const struct mr_file_content mr_file_lines_record = {
    .name = "record", .numbers = true, .open = open_record, LINES};
const struct mr_file_content mr_file_lines_text = {.name = "text", .open = open_text, LINES};

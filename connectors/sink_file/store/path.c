/* Checking and filling in the path template.
 *
 *     "{topic}/{date}/{topic}+{sequence}.jsonl"  ->  shop.public.t/2026-11-21/shop.public.t+00000000000000000042.jsonl
 *
 * The template is walked once per file, never per row. Names from the outside (topics, which transforms may make
 * from row content) are cleaned byte by byte, and cut with a hash at 120 bytes, because a file name ends at 255.
 * Should two topics become the same name, their files still differ by sequence, or by `again`. */
#include "connectors/sink_file/store/path.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/map.h"

#define TOPIC_BYTES 120
#define HOUR_US     (3600 * MR_SECOND_US)
#define DAY_US      (24 * HOUR_US)

enum piece { PIECE_BYTE, PIECE_TOPIC, PIECE_DATE, PIECE_HOUR, PIECE_SEQUENCE, PIECE_BAD };

/* The piece at *at, which is moved behind it. */
static enum piece next_piece(const char **at)
{
    static const struct {
        const char *name;
        enum piece piece;
    } names[] = {{"{topic}", PIECE_TOPIC},
                 {"{date}", PIECE_DATE},
                 {"{hour}", PIECE_HOUR},
                 {"{sequence}", PIECE_SEQUENCE}};

    if (**at != '{' && **at != '}') {
        (*at)++;
        return PIECE_BYTE;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strncmp(*at, names[i].name, strlen(names[i].name)) == 0) {
            *at += strlen(names[i].name);
            return names[i].piece;
        }
    return PIECE_BAD;
}

static bool leads_outside(const char *template)
{
    for (const char *at = template;;) {
        const char *slash = strchr(at, '/');
        size_t size = slash ? (size_t)(slash - at) : strlen(at);
        if (size == 0 || (size == 1 && at[0] == '.') || (size == 2 && at[0] == '.' && at[1] == '.'))
            return true;
        if (!slash)
            return false;
        at = slash + 1;
    }
}

int mr_file_path_parse(const char *template, const char *suffix, struct mr_file_path *ret_path,
                       struct mr_err *err)
{
    struct mr_file_path path = {.template = template, .suffix = suffix};
    const char *last = strrchr(template, '/'), *at = template;
    const char *wrong = NULL;
    bool sequence = false;

    while (*at && !wrong) {
        const char *start = at;
        enum piece piece = next_piece(&at);
        path.topic |= piece == PIECE_TOPIC;
        path.date |= piece == PIECE_DATE;
        path.hour |= piece == PIECE_HOUR;
        sequence |= piece == PIECE_SEQUENCE && (!last || start > last);
        if (piece == PIECE_BAD)
            wrong = "it has a brace that begins none of {topic}, {date}, {hour}, {sequence}";
    }
    if (!wrong && !sequence)
        wrong = "its last part has no {sequence}, so two files would have one name";
    if (!wrong && (leads_outside(template) || strlen(template) > 1000))
        wrong = "it must be a relative path without empty parts, \".\" or \"..\"";
    if (!wrong && strncmp(template, "_millrace", 9) == 0)
        wrong = "_millrace is where millrace keeps its commit files";
    if (wrong) {
        mr_err_set(err, MR_CONFIG, "config.path_template",
                   "sink.path \"%.300s\" cannot be used: %s", template, wrong);
        mr_err_hint(err, "write it as in {topic}/{date}/{topic}+{sequence}.jsonl");
        return MR_CONFIG;
    }
    *ret_path = path;
    return 0;
}

int64_t mr_file_path_span(const struct mr_file_path *path, int64_t commit_us)
{
    int64_t unit = path->hour ? HOUR_US : path->date ? DAY_US : 0;

    return unit ? commit_us - (commit_us % unit + unit) % unit : 0;
}

static void put_topic(struct mr_slice topic, struct mr_buf *ret_path)
{
    size_t size = topic.size > TOPIC_BYTES ? TOPIC_BYTES : topic.size;

    if (size == 0)
        mr_buf_add_char(ret_path, '_');
    else if (topic.data[0] == '.' || (ret_path->size == 0 && topic.data[0] == '_'))
        mr_buf_add_char(ret_path, '_'); /* hidden, "..", or the topic named _millrace */
    for (size_t i = 0; i < size; i++) {
        char byte = topic.data[i];
        bool fine = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                    (byte >= '0' && byte <= '9') || byte == '.' || byte == '-';
        mr_buf_add_char(ret_path, fine ? byte : '_');
    }
    if (topic.size > TOPIC_BYTES)
        mr_buf_printf(ret_path, "-%016llx", (unsigned long long)mr_hash(topic, 0));
}

void mr_file_path_put(const struct mr_file_path *path, struct mr_slice topic, int64_t commit_us,
                      uint64_t sequence, unsigned again, struct mr_buf *ret_path)
{
    time_t seconds = (time_t)(commit_us / MR_SECOND_US);
    struct tm utc;

    gmtime_r(&seconds, &utc);
    for (const char *at = path->template; *at;) {
        char byte = *at;
        switch (next_piece(&at)) {
        case PIECE_TOPIC: put_topic(topic, ret_path); break;
        case PIECE_DATE:
            mr_buf_printf(ret_path, "%04d-%02d-%02d", utc.tm_year + 1900, utc.tm_mon + 1,
                          utc.tm_mday);
            break;
        case PIECE_HOUR: mr_buf_printf(ret_path, "%02d", utc.tm_hour); break;
        case PIECE_SEQUENCE:
            mr_buf_printf(ret_path, "%020llu", (unsigned long long)sequence);
            if (again > 0)
                mr_buf_printf(ret_path, "-%u", again);
            break;
        case PIECE_BYTE:
        case PIECE_BAD: mr_buf_add_char(ret_path, byte);
        }
    }
    mr_buf_add_str(ret_path, path->suffix);
}

int mr_file_path_judge(const struct mr_file_path *path, struct mr_slice topic, size_t name_max,
                       struct mr_err *err)
{
    struct mr_buf name;
    const char *at, *slash = "";
    size_t longest = 0;

    mr_buf_init(&name, 1 << 16);
    mr_file_path_put(path, topic, 0, UINT64_MAX, 0, &name);
    for (at = mr_buf_cstr(&name); slash; at = slash ? slash + 1 : at) {
        size_t size;
        slash = strchr(at, '/');
        size = slash ? (size_t)(slash - at) : strlen(at);
        longest = size > longest ? size : longest;
    }
    mr_buf_done(&name);
    if (longest <= name_max)
        return 0;
    mr_err_set(
        err, MR_CONFIG, "sink.file.name",
        "sink.path \"%.300s\" makes a name of %zu bytes for topic %.*s: a file's name has %zu "
        "at most",
        path->template, longest, MR_SLICE_ARG(topic), name_max);
    mr_err_hint(err, "choose a shorter sink.path or sink.topic");
    return MR_CONFIG;
}

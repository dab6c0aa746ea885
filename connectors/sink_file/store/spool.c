/* The hot path of the file sink: room for an event's bytes in its segment's buffer.
 *
 * What the bytes are, the spool does not know: whoever fills it (content/) reserves, writes, takes. The segment of the
 * last event is remembered by the topic's address (one per table version) and span of time, so that a run of changes of
 * one table costs a compare each; otherwise a map finds it. Events of two shapes never share a file. When a buffer is
 * full it becomes one block: compressed, written, hashed. After each PUSH_BYTES the kernel is asked to begin writing to
 * the disk, so that the fdatasync of a 64 MiB segment finds little left to do.
 *
 * `{date}` follows the commit time, which may step back by a little between transactions. Files are read in the
 * order of their names, so a segment must not be begun, left and begun again: the span of time never goes back,
 * and a transaction that committed just before midnight but comes after one past it stands in the later file.
 *
 * What it does not do: name files, make them durable, publish them. That is publish.c. */
#include "connectors/sink_file/store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"

#define KEY_MAX        ((size_t)340)
#define OPEN_MAX_FILES ((size_t)200)
#define BUFFER_MAX     ((size_t)8 << 20)
#define BUFFER_FIRST   ((size_t)16 << 10)
#define BLOCK_PLAIN    ((size_t)256 << 10)
#define BLOCK_PACKED   ((size_t)1 << 20)
#define PIECE_BYTES    ((size_t)4 << 20)
#define PUSH_BYTES     ((uint64_t)4 << 20)

void mr_file_spool_init(struct mr_file_spool *spool)
{
    spool->last = &spool->first;
    spool->span_us = INT64_MIN;
    mr_map_init(&spool->streams);
    mr_file_block_init(&spool->block, (enum mr_file_compression)spool->config->compression);
}

static void segment_free(struct mr_file_segment *segment)
{
    if (segment->fd >= 0)
        close(segment->fd);
    EVP_MD_CTX_free(segment->hash);
    free(segment->buffer);
    free(segment->entry.name);
    free(segment->entry.temporary);
    free(segment->entry.stream);
    free(segment->entry.about);
    free(segment);
}

void mr_file_segments_free(struct mr_file_segment *segments, int tmp, bool published)
{
    while (segments) {
        struct mr_file_segment *next = segments->next;
        if (!published)
            (void)unlinkat(tmp, segments->entry.temporary, 0);
        segment_free(segments);
        segments = next;
    }
}

static struct mr_file_segment *take_all(struct mr_file_spool *spool)
{
    struct mr_file_segment *segments = spool->first;

    spool->first = NULL;
    spool->last = &spool->first;
    spool->open_files = 0;
    spool->buffered = 0;
    spool->cached = NULL;
    spool->cached_topic = (struct mr_slice){NULL, 0};
    mr_map_done(&spool->streams);
    mr_map_init(&spool->streams);
    return segments;
}

void mr_file_spool_drop(struct mr_file_spool *spool)
{
    mr_file_segments_free(take_all(spool), spool->tmp, false);
}

void mr_file_spool_done(struct mr_file_spool *spool)
{
    mr_file_spool_drop(spool);
    mr_map_done(&spool->streams);
    mr_file_block_done(&spool->block);
}

static struct mr_file_segment *begin_segment(struct mr_file_spool *spool, struct mr_slice stream)
{
    struct mr_file_segment *segment = mr_alloc_zero(sizeof(*segment));
    char name[256];

    snprintf(name, sizeof(name), "%.180s-%" PRIu64 ".segment", spool->owner, ++spool->serial);
    segment->fd = -1;
    segment->span_us = spool->span_us;
    segment->entry.temporary = mr_strdup(name);
    segment->entry.stream = mr_alloc(stream.size + 1);
    if (stream.size)
        memcpy(segment->entry.stream, stream.data, stream.size);
    segment->entry.stream[stream.size] = 0;
    segment->hash = EVP_MD_CTX_new();
    if (!segment->hash || EVP_DigestInit_ex(segment->hash, EVP_sha256(), NULL) != 1)
        mr_out_of_memory(0);
    *spool->last = segment;
    spool->last = &segment->next;
    return segment;
}

/* The map's key of a topic in the current span of time and of a shape, into KEY_MAX bytes. */
static struct mr_slice stream_key(const struct mr_file_spool *spool, struct mr_slice stream,
                                  uint64_t shape, char *ret_key)
{
    size_t size = stream.size > 280 ? 280 : stream.size;

    if (size)
        memcpy(ret_key, stream.data, size);
    size += (size_t)snprintf(ret_key + size, KEY_MAX - size, "\n%" PRIx64 "\n%" PRIx64 "\n%" PRIx64,
                             stream.size > 280 ? mr_hash(stream, 1) : 0, (uint64_t)spool->span_us,
                             shape);
    return mr_slice(ret_key, size);
}

static struct mr_file_segment *find_segment(struct mr_file_spool *spool, struct mr_slice topic,
                                            uint64_t shape)
{
    struct mr_slice stream = spool->path->topic ? topic : (struct mr_slice){NULL, 0};
    char text[KEY_MAX];
    struct mr_slice key = stream_key(spool, stream, shape, text);
    struct mr_file_segment *segment = mr_map_get(&spool->streams, key);

    if (!segment) {
        segment = begin_segment(spool, stream);
        segment->shape = shape;
        (void)mr_map_put(&spool->streams, key, segment);
    }
    spool->cached_topic = topic;
    spool->cached = segment;
    return segment;
}

static void close_files(struct mr_file_spool *spool)
{
    for (struct mr_file_segment *segment = spool->first; segment; segment = segment->next) {
        if (segment->fd >= 0)
            close(segment->fd);
        segment->fd = -1;
    }
    spool->open_files = 0;
}

static int open_file(struct mr_file_spool *spool, struct mr_file_segment *segment,
                     struct mr_err *err)
{
    int how = segment->entry.bytes == 0 ? O_CREAT | O_TRUNC : 0;

    if (spool->open_files >= OPEN_MAX_FILES)
        close_files(spool);
    for (;;) {
        segment->fd = openat(spool->tmp, segment->entry.temporary,
                             O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | how, 0666);
        if (segment->fd >= 0)
            break;
        if (!mr_file_wait(spool->patience, errno))
            return mr_err_errno(err, MR_RETRY, "sink.file.write", errno, "cannot open segment %s",
                                segment->entry.temporary);
    }
    spool->open_files++;
    return 0;
}

/* Packs and writes one piece of lines. */
static int put_piece(struct mr_file_spool *spool, struct mr_file_segment *segment,
                     struct mr_slice lines, struct mr_err *err)
{
    struct mr_slice bytes = mr_file_block_pack(&spool->block, lines);
    int rc = segment->fd < 0 ? open_file(spool, segment, err) : 0;

    if (rc == 0)
        rc = mr_file_write(segment->fd, bytes.data, bytes.size, spool->patience, err);
    if (rc < 0)
        return rc;
    EVP_DigestUpdate(segment->hash, bytes.data, bytes.size);
    segment->entry.bytes += bytes.size;
    if (segment->entry.bytes - segment->pushed >= PUSH_BYTES) {
        (void)sync_file_range(segment->fd, (off_t)segment->pushed,
                              (off_t)(segment->entry.bytes - segment->pushed),
                              SYNC_FILE_RANGE_WRITE);
        segment->pushed = segment->entry.bytes;
    }
    return 0;
}

static int put_lines(struct mr_file_spool *spool, struct mr_file_segment *segment,
                     struct mr_slice lines, struct mr_err *err)
{
    int rc = 0;

    while (lines.size > 0 && rc == 0) {
        size_t size = lines.size > PIECE_BYTES ? PIECE_BYTES : lines.size;
        rc = put_piece(spool, segment, mr_slice(lines.data, size), err);
        lines = mr_slice(lines.data + size, lines.size - size);
    }
    return rc;
}

static int flush(struct mr_file_spool *spool, struct mr_file_segment *segment, struct mr_err *err)
{
    int rc = put_lines(spool, segment, mr_slice(segment->buffer, segment->size), err);

    segment->size = 0;
    return rc;
}

static void give_buffer_back(struct mr_file_spool *spool, struct mr_file_segment *segment)
{
    spool->buffered -= segment->capacity;
    free(segment->buffer);
    segment->buffer = NULL;
    segment->capacity = 0;
}

static int flush_all(struct mr_file_spool *spool, struct mr_err *err)
{
    int rc = 0;

    for (struct mr_file_segment *segment = spool->first; segment && rc == 0;
         segment = segment->next) {
        rc = flush(spool, segment, err);
        give_buffer_back(spool, segment);
    }
    return rc;
}

/* A snapshot's table is one commit, however large, and no transaction that must not be parted: its files end at
 * roll.bytes all the same. The segment is complete; the next record of its stream begins another. */
static int retire(struct mr_file_spool *spool, struct mr_file_segment *segment, struct mr_err *err)
{
    char text[KEY_MAX];
    int rc = flush(spool, segment, err);

    give_buffer_back(spool, segment);
    if (segment->fd >= 0) {
        close(segment->fd);
        segment->fd = -1;
        spool->open_files--;
    }
    (void)mr_map_remove(&spool->streams, stream_key(spool, mr_slice_str(segment->entry.stream),
                                                    segment->shape, text));
    spool->cached = NULL;
    return rc;
}

/* Makes `room` bytes free in the segment's buffer: by growing up to a block, else by writing it out. */
static int make_room(struct mr_file_spool *spool, struct mr_file_segment *segment, size_t room,
                     struct mr_err *err)
{
    size_t block = spool->config->compression == MR_FILE_PLAIN ? BLOCK_PLAIN : BLOCK_PACKED;
    size_t capacity = segment->capacity ? 2 * segment->capacity : BUFFER_FIRST;
    int rc = 0;

    if (segment->size + room > block) {
        rc = flush(spool, segment, err);
        if (segment->capacity > block)
            give_buffer_back(spool, segment);
    }
    if (rc == 0 && spool->buffered > BUFFER_MAX)
        rc = flush_all(spool, err);
    if (rc < 0 || segment->capacity - segment->size >= room)
        return rc;
    while (capacity < segment->size + room)
        capacity *= 2;
    if (capacity > block) /* a record larger than a block gets what it needs and no more */
        capacity = segment->size + room > block ? segment->size + room : block;
    spool->buffered += capacity - segment->capacity;
    segment->buffer = mr_realloc(segment->buffer, capacity);
    segment->capacity = capacity;
    return 0;
}

static void count_record(struct mr_file_entry *entry, uint64_t number)
{
    if (entry->records++ == 0)
        entry->first = number;
    entry->last = number;
}

static struct mr_file_segment *segment_of(struct mr_file_spool *spool,
                                          const struct mr_file_place *place)
{
    uint64_t shape = place->shape ? place->shape->id : 0;

    if (spool->cached && spool->cached_topic.data == place->topic.data &&
        spool->cached_topic.size == place->topic.size && spool->cached->shape == shape)
        return spool->cached;
    return find_segment(spool, place->topic, shape);
}

static int put_header(struct mr_file_spool *spool, struct mr_file_segment *segment,
                      const struct mr_file_shape *shape, struct mr_err *err)
{
    int rc;

    segment->entry.about = mr_alloc(shape->about.size + 1);
    if (shape->about.size > 0)
        memcpy(segment->entry.about, shape->about.data, shape->about.size);
    segment->entry.about[shape->about.size] = 0;
    rc = make_room(spool, segment, shape->header.size, err);
    if (rc < 0)
        return rc;
    if (shape->header.size > 0)
        memcpy(segment->buffer + segment->size, shape->header.data, shape->header.size);
    segment->size += shape->header.size;
    return 0;
}

int mr_file_spool_reserve(struct mr_file_spool *spool, const struct mr_file_place *place,
                          size_t room, char **ret_at, struct mr_err *err)
{
    int64_t span_us = mr_file_path_span(spool->path, place->commit_us);
    struct mr_file_segment *segment;
    int rc = 0;

    if (span_us > spool->span_us) {
        spool->span_us = span_us;
        spool->cached = NULL;
    }
    segment = segment_of(spool, place);
    if (place->snapshot && segment->entry.bytes >= (uint64_t)spool->config->roll.bytes) {
        rc = retire(spool, segment, err);
        if (rc < 0)
            return rc;
        segment = segment_of(spool, place);
    }
    if (place->shape && segment->entry.records == 0)
        rc = put_header(spool, segment, place->shape, err);
    if (rc == 0 && segment->capacity - segment->size < room)
        rc = make_room(spool, segment, room, err);
    if (rc < 0)
        return rc;
    count_record(&segment->entry, place->number);
    *ret_at = segment->buffer + segment->size;
    return 0;
}

void mr_file_spool_take(struct mr_file_spool *spool, const char *end)
{
    spool->cached->size = (size_t)(end - spool->cached->buffer);
}

void mr_file_spool_begin(struct mr_file_spool *spool)
{
    spool->cached = NULL;
}

int mr_file_spool_seal(struct mr_file_spool *spool, struct mr_file_segment **ret_segments,
                       struct mr_err *err)
{
    int rc = flush_all(spool, err);

    if (rc < 0)
        return rc;
    for (struct mr_file_segment *segment = spool->first; segment; segment = segment->next) {
        unsigned char digest[32];
        EVP_DigestFinal_ex(segment->hash, digest, NULL);
        *mr_put_hex(segment->entry.sha256, mr_slice(digest, sizeof(digest))) = 0;
    }
    *ret_segments = take_all(spool);
    return 0;
}

/* A file read once, in pieces: hashed as it stands, unpacked by its suffix, counted line by line.
 *
 *     bytes --+--> SHA-256
 *             '--> inflate / zstd / as they are --> lines --> number of each record
 *
 * gzip members and zstd frames follow one another in a file (block.h); both readers start the next one where the
 * last one ended. A damaged file is no error here: `unpacked` says no, the caller reports it. Of a line only the
 * beginning is kept, as much as the topic and the number can take. */
#include "connectors/sink_file/content/content.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/arena.h"
#include "base/json.h"

#define PIECE ((size_t)256 << 10)

struct reader {
    struct mr_file_content content;
    char head[2048]; /* beginning of the current line */
    size_t head_size;
    bool in_line;
    bool ended; /* the compressed stream stands between two frames */
    z_stream *inflater;
    ZSTD_DCtx *zstd;
    char *in, *out;
};

/* `,"number":17,` of the line's beginning; a quote inside the topic would be escaped, so the first is it. */
static bool find_number(const struct reader *reader, uint64_t *ret_number)
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

static void end_line(struct reader *reader)
{
    struct mr_file_content *content = &reader->content;
    uint64_t number = 0;

    if (!find_number(reader, &number))
        content->numbered = false;
    if (content->lines == 0)
        content->first = number;
    else if (number < content->last)
        content->ascending = false;
    content->last = number;
    content->lines++;
    reader->head_size = 0;
    reader->in_line = false;
}

static void take_lines(struct reader *reader, const char *at, size_t size)
{
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

static void take_gzip(struct reader *reader, size_t size)
{
    z_stream *stream = reader->inflater;

    stream->next_in = (unsigned char *)reader->in;
    stream->avail_in = (uInt)size;
    while (reader->content.unpacked) {
        int rc;
        if (reader->ended && stream->avail_in == 0)
            return;
        if (reader->ended)
            inflateReset(stream);
        stream->next_out = (unsigned char *)reader->out;
        stream->avail_out = (uInt)PIECE;
        rc = inflate(stream, Z_NO_FLUSH);
        reader->ended = rc == Z_STREAM_END;
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            reader->content.unpacked = false;
        take_lines(reader, reader->out, PIECE - stream->avail_out);
        if (rc == Z_BUF_ERROR || (rc == Z_OK && stream->avail_in == 0 && stream->avail_out > 0))
            return;
    }
}

static void take_zstd(struct reader *reader, size_t size)
{
    ZSTD_inBuffer in = {reader->in, size, 0};

    while (reader->content.unpacked) {
        ZSTD_outBuffer out = {reader->out, PIECE, 0};
        size_t left = ZSTD_decompressStream(reader->zstd, &out, &in);
        if (ZSTD_isError(left))
            reader->content.unpacked = false;
        else
            reader->ended = left == 0;
        take_lines(reader, reader->out, out.pos);
        if (in.pos == in.size && out.pos < out.size)
            return;
    }
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t size = strlen(name), suffix_size = strlen(suffix);

    return size >= suffix_size && strcmp(name + size - suffix_size, suffix) == 0;
}

static void begin(struct reader *reader, const char *name)
{
    *reader = (struct reader){.content = {.unpacked = true, .numbered = true, .ascending = true},
                              .ended = true};
    reader->in = mr_alloc(PIECE);
    reader->out = mr_alloc(PIECE);
    if (has_suffix(name, ".gz")) {
        reader->inflater = mr_alloc_zero(sizeof(*reader->inflater));
        if (inflateInit2(reader->inflater, 15 + 32) != Z_OK)
            mr_out_of_memory(0);
    } else if (has_suffix(name, ".zst")) {
        reader->zstd = ZSTD_createDCtx();
        if (!reader->zstd)
            mr_out_of_memory(0);
    }
}

static void end(struct reader *reader)
{
    if (reader->inflater) {
        inflateEnd(reader->inflater);
        free(reader->inflater);
    }
    ZSTD_freeDCtx(reader->zstd);
    free(reader->in);
    free(reader->out);
    reader->content.unpacked = reader->content.unpacked && reader->ended && !reader->in_line;
}

int mr_file_content_read(int fd, const char *name, struct mr_file_content *ret_content,
                         struct mr_err *err)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    unsigned char digest[32];
    struct reader *reader = mr_alloc(sizeof(*reader));
    ssize_t size;
    int rc = 0;

    if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
        mr_out_of_memory(0);
    begin(reader, name);
    while ((size = read(fd, reader->in, PIECE)) > 0) {
        EVP_DigestUpdate(hash, reader->in, (size_t)size);
        reader->content.bytes += (uint64_t)size;
        if (reader->inflater)
            take_gzip(reader, (size_t)size);
        else if (reader->zstd)
            take_zstd(reader, (size_t)size);
        else
            take_lines(reader, reader->in, (size_t)size);
    }
    if (size < 0)
        rc = mr_err_errno(err, MR_CONFIG, "sink.file.read", errno, "cannot read %.300s", name);
    end(reader);
    EVP_DigestFinal_ex(hash, digest, NULL);
    *mr_put_hex(reader->content.sha256, mr_slice(digest, sizeof(digest))) = 0;
    EVP_MD_CTX_free(hash);
    if (rc == 0)
        *ret_content = reader->content;
    free(reader);
    return rc;
}

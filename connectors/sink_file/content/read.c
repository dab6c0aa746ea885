/* A file read once, in pieces: hashed as it stands, unpacked by its suffix, given to its content's reader.
 *
 *     bytes --+--> SHA-256
 *             '--> inflate / zstd / as they are --> content's take() --> records, numbers
 *
 * gzip members and zstd frames follow one another in a file (block.h); both readers start the next one where the
 * last one ended. A damaged file is no error here: it is not `whole`, and the caller reports that. */
#include "connectors/sink_file/content/read.h"

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
    const struct mr_file_content *content;
    void *state;   /* the content's */
    bool unpacked; /* so far */
    bool ended;    /* the compressed stream stands between two frames */
    z_stream *inflater;
    ZSTD_DCtx *zstd;
    char *in, *out;
};

static void take(struct reader *reader, const char *bytes, size_t size)
{
    if (reader->content)
        reader->content->take(reader->state, bytes, size);
}

static void take_gzip(struct reader *reader, size_t size)
{
    z_stream *stream = reader->inflater;

    stream->next_in = (unsigned char *)reader->in;
    stream->avail_in = (uInt)size;
    while (reader->unpacked) {
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
            reader->unpacked = false;
        take(reader, reader->out, PIECE - stream->avail_out);
        if (rc == Z_BUF_ERROR || (rc == Z_OK && stream->avail_in == 0 && stream->avail_out > 0))
            return;
    }
}

static void take_zstd(struct reader *reader, size_t size)
{
    ZSTD_inBuffer in = {reader->in, size, 0};

    while (reader->unpacked) {
        ZSTD_outBuffer out = {reader->out, PIECE, 0};
        size_t left = ZSTD_decompressStream(reader->zstd, &out, &in);
        if (ZSTD_isError(left))
            reader->unpacked = false;
        else
            reader->ended = left == 0;
        take(reader, reader->out, out.pos);
        if (in.pos == in.size && out.pos < out.size)
            return;
    }
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t size = strlen(name), suffix_size = strlen(suffix);

    return size >= suffix_size && strcmp(name + size - suffix_size, suffix) == 0;
}

static void begin(struct reader *reader, const struct mr_file_content *content, const char *name)
{
    *reader = (struct reader){.content = content, .unpacked = true, .ended = true};
    reader->state = content ? mr_alloc_zero(content->reader_size) : NULL;
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

static void end(struct reader *reader, struct mr_file_found *ret_found)
{
    *ret_found = (struct mr_file_found){.whole = true};
    if (reader->content)
        reader->content->end(reader->state, ret_found);
    ret_found->whole = ret_found->whole && reader->unpacked && reader->ended;
    if (reader->inflater) {
        inflateEnd(reader->inflater);
        free(reader->inflater);
    }
    ZSTD_freeDCtx(reader->zstd);
    free(reader->in);
    free(reader->out);
    free(reader->state);
}

int mr_file_read_back(int fd, const char *name, const struct mr_file_content *content,
                      struct mr_file_read_back *ret_read, struct mr_err *err)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    struct mr_file_read_back read_back = {0};
    unsigned char digest[32];
    struct reader reader;
    ssize_t size;
    int rc = 0;

    if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1)
        mr_out_of_memory(0);
    begin(&reader, content, name);
    while ((size = read(fd, reader.in, PIECE)) > 0) {
        EVP_DigestUpdate(hash, reader.in, (size_t)size);
        read_back.bytes += (uint64_t)size;
        if (reader.inflater)
            take_gzip(&reader, (size_t)size);
        else if (reader.zstd)
            take_zstd(&reader, (size_t)size);
        else
            take(&reader, reader.in, (size_t)size);
    }
    if (size < 0)
        rc = mr_err_errno(err, MR_CONFIG, "sink.file.read", errno, "cannot read %.300s", name);
    end(&reader, &read_back.found);
    EVP_DigestFinal_ex(hash, digest, NULL);
    *mr_put_hex(read_back.sha256, mr_slice(digest, sizeof(digest))) = 0;
    EVP_MD_CTX_free(hash);
    if (rc == 0)
        *ret_read = read_back;
    return rc;
}

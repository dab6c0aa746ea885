/* Blocks through zstd and zlib.
 *
 * Both are given all input and room for the worst case (ZSTD_compressBound, deflateBound), so one call makes the
 * whole frame and the only failure left is a lack of memory, which aborts. The output buffer grows to the
 * largest block seen and shrinks again after an outlier: one row of a hundred megabytes must not pin as much for
 * ever. */
#include "connectors/sink_file/store/block.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/arena.h"

#define KEEP_BYTES  ((size_t)4 << 20)
#define GZIP_WINDOW (15 + 16) /* zlib manual: 16 more writes a gzip header */
#define ZSTD_LEVEL  3

void mr_file_block_init(struct mr_file_block *block, enum mr_file_compression compression)
{
    *block = (struct mr_file_block){.compression = compression};
    if (compression == MR_FILE_ZSTD) {
        block->context = ZSTD_createCCtx();
        if (!block->context)
            mr_out_of_memory(0);
    } else if (compression == MR_FILE_GZIP) {
        z_stream *stream = mr_alloc_zero(sizeof(*stream));
        if (deflateInit2(stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                         Z_DEFAULT_STRATEGY) != Z_OK)
            mr_out_of_memory(sizeof(*stream));
        block->context = stream;
    }
}

void mr_file_block_done(struct mr_file_block *block)
{
    if (block->compression == MR_FILE_ZSTD) {
        ZSTD_freeCCtx(block->context);
    } else if (block->compression == MR_FILE_GZIP && block->context) {
        deflateEnd(block->context);
        free(block->context);
    }
    free(block->out);
    *block = (struct mr_file_block){0};
}

static void make_room(struct mr_file_block *block, size_t size)
{
    if (size > block->capacity || (block->capacity > KEEP_BYTES && size <= KEEP_BYTES)) {
        block->out = mr_realloc(block->out, size);
        block->capacity = size;
    }
}

static struct mr_slice pack_gzip(struct mr_file_block *block, struct mr_slice lines)
{
    z_stream *stream = block->context;
    size_t size;

    deflateReset(stream);
    make_room(block, deflateBound(stream, lines.size) + 64);
    stream->next_in = (unsigned char *)(uintptr_t)lines.data;
    stream->next_out = (unsigned char *)block->out;
    stream->avail_in = (uInt)lines.size;
    stream->avail_out = (uInt)block->capacity;
    if (deflate(stream, Z_FINISH) != Z_STREAM_END)
        mr_out_of_memory(block->capacity);
    size = block->capacity - stream->avail_out;
    return mr_slice(block->out, size);
}

static struct mr_slice pack_zstd(struct mr_file_block *block, struct mr_slice lines)
{
    size_t size;

    make_room(block, ZSTD_compressBound(lines.size));
    size = ZSTD_compressCCtx(block->context, block->out, block->capacity, lines.data, lines.size,
                             ZSTD_LEVEL);
    if (ZSTD_isError(size))
        mr_out_of_memory(block->capacity);
    return mr_slice(block->out, size);
}

struct mr_slice mr_file_block_pack(struct mr_file_block *block, struct mr_slice lines)
{
    switch (block->compression) {
    case MR_FILE_GZIP: return pack_gzip(block, lines);
    case MR_FILE_ZSTD: return pack_zstd(block, lines);
    case MR_FILE_PLAIN: break;
    }
    return lines;
}

const char *mr_file_block_suffix(enum mr_file_compression compression)
{
    return compression == MR_FILE_GZIP ? ".gz" : compression == MR_FILE_ZSTD ? ".zst" : "";
}

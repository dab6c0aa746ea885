/* Growing JSON text in the arena of a batch.
 *
 *     arena block   [ committed pieces ...... | start ==== at ........ end ]
 *                                              reserved, not committed
 *
 * The room is doubled when it runs out, so that a value of n bytes is moved log n times at most. Long strings
 * are escaped piece by piece: reserving the worst case of six bytes per byte would take 600 MB for a text of
 * 100 MB that needs hardly any escaping. */
#include "schema/out/json.h"

#define PIECE 4096

void mr_out_begin(struct mr_out *out, struct mr_arena *arena, size_t room)
{
    size_t got;

    out->arena = arena;
    out->start = mr_arena_reserve(arena, room, NULL, 0, &got);
    out->at = out->start;
    out->end = out->start + got;
}

struct mr_slice mr_out_end(struct mr_out *out)
{
    struct mr_slice text = {out->start, (size_t)(out->at - out->start)};

    mr_arena_commit(out->arena, text.size);
    return text;
}

void mr_out_grow(struct mr_out *out, size_t more)
{
    size_t written = (size_t)(out->at - out->start);
    size_t least = written + more, twice = 2 * (size_t)(out->end - out->start), got;

    out->start =
        mr_arena_reserve(out->arena, least > twice ? least : twice, out->start, written, &got);
    out->at = out->start + written;
    out->end = out->start + got;
}

void mr_out_long_text(struct mr_out *out, struct mr_slice text)
{
    mr_out_need(out, text.size + 2);
    *out->at++ = '"';
    while (text.size > 0) {
        size_t piece = text.size < PIECE ? text.size : PIECE;
        mr_out_need(out, 6 * piece + 1);
        out->at = mr_json_put_escaped(out->at, mr_slice(text.data, piece));
        text.data += piece;
        text.size -= piece;
    }
    mr_out_need(out, 1);
    *out->at++ = '"';
}

void mr_out_base64(struct mr_out *out, struct mr_slice bytes)
{
    mr_out_need(out, 2 + 4 * ((bytes.size + 2) / 3));
    out->at = mr_json_put_base64(out->at, bytes);
}

/* The two forms of COPY.
 *
 *     binary   "PGCOPY\n\377\r\n\0" u32 flags, u32 n, n bytes     once, in front of the first row
 *              i16 fields, fields * (i32 size or -1, bytes)       a row
 *              i16 -1                                             the end
 *     text     field TAB field ... LF      \N is null; \b \f \n \r \t \v \\ are escapes
 *
 * The server sends each row as a message of its own; the header comes in the same message as the first row, or as
 * the end when there is none. Values are the same bytes as in the replication stream, so that decode.h reads
 * both. */
#include "connectors/source_postgres/read/copy.h"

#include <string.h>

static const char signature[11] = "PGCOPY\n\377\r\n";

bool mr_pg_copy_header(struct mr_slice *bytes)
{
    struct mr_cur cur = mr_cur(*bytes);
    struct mr_slice start = mr_cur_bytes(&cur, sizeof(signature));

    (void)mr_cur_be32(&cur);
    (void)mr_cur_bytes(&cur, mr_cur_be32(&cur));
    if (cur.failed || memcmp(start.data, signature, sizeof(signature)) != 0)
        return false;
    *bytes = mr_slice(cur.at, mr_cur_left(&cur));
    return true;
}

bool mr_pg_copy_trailer(struct mr_slice bytes)
{
    return bytes.size == 2 && memcmp(bytes.data, "\xff\xff", 2) == 0;
}

bool mr_pg_copy_binary_next(struct mr_cur *cur, struct mr_slice *ret_bytes)
{
    uint32_t size = mr_cur_be32(cur);

    if (size == UINT32_MAX) {
        *ret_bytes = (struct mr_slice){NULL, 0};
        return !cur->failed;
    }
    *ret_bytes = mr_cur_bytes(cur, size);
    return !cur->failed;
}

static char unescape(char c)
{
    switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    default: return c;
    }
}

bool mr_pg_copy_text_next(struct mr_slice *row, struct mr_slice *ret_bytes)
{
    /* Our own copy of the message: unescaping only makes it shorter. */
    char *start = (char *)(uintptr_t)row->data, *out = start;
    size_t i = 0;
    bool null = row->size >= 2 && start[0] == '\\' && start[1] == 'N';

    if (row->size == 0)
        return false;
    for (; i < row->size && start[i] != '\t' && start[i] != '\n'; i++) {
        if (start[i] == '\\' && i + 1 < row->size)
            *out++ = unescape(start[++i]);
        else
            *out++ = start[i];
    }
    if (i == row->size)
        return false;
    *row = mr_slice(start + i + 1, row->size - i - 1);
    *ret_bytes = null ? (struct mr_slice){NULL, 0} : mr_slice(start, (size_t)(out - start));
    return true;
}

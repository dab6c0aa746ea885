/* Places in a log as text.
 *
 * Two readers. People find a place again by what they read in an error: PostgreSQL's LSN in the server's own
 * notation (pg_walinspect takes it), a binlog's file and offset as `mysqlbinlog --start-position` takes them, with the
 * GTID behind, by which one asks after a failover. Programs find it in a dead letter's header, as members of a JSON
 * object with numbers where the logs have numbers.
 *
 * Names come from the server and are cut to what the caller's room allows: a file's name to 200 bytes, a GTID to 120;
 * the longest of either that a server makes is shorter. What it does not do: the ids of Debezium's transaction
 * metadata, which are a format's matter (schema/event/side.c). */
#include "model/origin.h"

#include <stdio.h>

#include "base/json.h"

enum { MOST_OF_FILE = 200, MOST_OF_GTID = 120 };

static int at_most(struct mr_slice text, int most)
{
    return text.size < (size_t)most ? (int)text.size : most;
}

static int binlog_text(const struct mr_origin_binlog *binlog, const union mr_origin_row *row,
                       char text[MR_ORIGIN_TEXT])
{
    int size =
        snprintf(text, MR_ORIGIN_TEXT, "%.*s:%llu, row %lu", at_most(binlog->file, MOST_OF_FILE),
                 binlog->file.data ? binlog->file.data : "", (unsigned long long)row->binlog.offset,
                 (unsigned long)row->binlog.row);

    if (binlog->gtid.data)
        size += snprintf(text + size, MR_ORIGIN_TEXT - (size_t)size, ", of %.*s",
                         at_most(binlog->gtid, MOST_OF_GTID), binlog->gtid.data);
    return size;
}

struct mr_slice mr_origin_text(const struct mr_origin *origin, const union mr_origin_row *row,
                               char text[MR_ORIGIN_TEXT])
{
    int size;

    switch (origin ? origin->kind : MR_ORIGIN_NONE) {
    case MR_ORIGIN_POSTGRES:
        size = snprintf(text, MR_ORIGIN_TEXT, "%X/%X", (unsigned)(row->postgres.lsn >> 32),
                        (unsigned)row->postgres.lsn);
        break;
    case MR_ORIGIN_BINLOG: size = binlog_text(&origin->binlog, row, text); break;
    default: size = snprintf(text, MR_ORIGIN_TEXT, "unknown"); break;
    }
    return mr_slice(text, (size_t)size);
}

static void keep(struct mr_slice *text, struct mr_arena *arena)
{
    if (text->data)
        *text = mr_arena_copy(arena, *text);
}

void mr_origin_keep(struct mr_origin *origin, struct mr_arena *arena)
{
    if (origin->kind == MR_ORIGIN_POSTGRES) {
        keep(&origin->postgres.name, arena);
    } else if (origin->kind == MR_ORIGIN_BINLOG) {
        keep(&origin->binlog.gtid, arena);
        keep(&origin->binlog.file, arena);
    }
}

static void add_number(struct mr_buf *buf, const char *key, uint64_t number)
{
    mr_json_add_key(buf, key);
    mr_json_add_u64(buf, number);
}

static void add_binlog(const struct mr_origin_binlog *binlog, const union mr_origin_row *row,
                       struct mr_buf *buf)
{
    if (binlog->gtid.data) {
        mr_json_add_key(buf, "gtid");
        mr_json_add_str(buf, binlog->gtid);
    }
    mr_json_add_key(buf, "file");
    mr_json_add_str(buf, binlog->file);
    add_number(buf, "pos", row->binlog.offset);
    add_number(buf, "row", row->binlog.row);
}

void mr_origin_add_json(const struct mr_origin *origin, const union mr_origin_row *row,
                        struct mr_buf *buf)
{
    if (!origin)
        return;
    if (origin->kind == MR_ORIGIN_POSTGRES) {
        add_number(buf, "lsn", row->postgres.lsn);
        add_number(buf, "commit_lsn", origin->postgres.commit_lsn);
    } else if (origin->kind == MR_ORIGIN_BINLOG) {
        add_binlog(&origin->binlog, row, buf);
    }
}

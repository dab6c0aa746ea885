/* The common part of positions, as text and in memory.
 *
 * Parsed with jansson, written by hand: a position is written once per batch and read once per start. Members that are
 * not known are ignored, so that an older millrace can go on from a newer one's position where the meaning is the
 * same; where it is not, "version" is larger than ours, and that is refused. A missing or ill-typed member that matters
 * is refused, too.
 *
 * What belongs to a log (where to resume, what is finished) is the source's: a callback reads it, and the source
 * compares it. Here only the order of stages is known: a claim, then tables, then the stream.
 *
 * The lists of a snapshot are small (tables) and change at a table's end: plain arrays, each name a malloc. */
#include "capture/standing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"

enum { FORMAT = 1 };

static void free_table(struct mr_snapshot_table *table)
{
    free(table->name);
    free(table->lo);
    free(table->hi);
}

static void free_only(struct mr_snapshot_progress *progress)
{
    for (size_t i = 0; i < progress->only_count; i++)
        free(progress->only[i]);
    progress->only_count = 0;
}

void mr_standing_done(struct mr_standing *standing)
{
    struct mr_snapshot_progress *progress = &standing->snapshot;

    for (size_t i = 0; i < progress->done_count; i++)
        free_table(&progress->done[i]);
    free_only(progress);
    free(progress->only);
    free(progress->done);
    free(progress->current);
    free(progress->point);
    *standing = (struct mr_standing){0};
}

void mr_snapshot_add_done(struct mr_snapshot_progress *progress, const char *name, const char *lo,
                          const char *hi, uint64_t key)
{
    if (progress->done_count == progress->done_capacity) {
        progress->done_capacity = progress->done_capacity ? 2 * progress->done_capacity : 16;
        progress->done =
            mr_realloc(progress->done, progress->done_capacity * sizeof(progress->done[0]));
    }
    progress->done[progress->done_count++] = (struct mr_snapshot_table){
        .name = mr_strdup(name),
        .lo = mr_strdup(lo),
        .hi = hi ? mr_strdup(hi) : NULL,
        .key = key,
    };
}

const struct mr_snapshot_table *mr_snapshot_find_done(const struct mr_snapshot_progress *progress,
                                                      const char *name)
{
    for (size_t i = 0; i < progress->done_count; i++) {
        if (strcmp(progress->done[i].name, name) == 0)
            return &progress->done[i];
    }
    return NULL;
}

void mr_snapshot_prune(struct mr_snapshot_progress *progress,
                       bool (*passed)(const void *state, const struct mr_snapshot_table *table),
                       const void *state)
{
    size_t kept = 0;

    for (size_t i = 0; i < progress->done_count; i++) {
        if (passed(state, &progress->done[i]))
            free_table(&progress->done[i]);
        else
            progress->done[kept++] = progress->done[i];
    }
    progress->done_count = kept;
}

/* name NULL: all. */
static void forget_done(struct mr_snapshot_progress *progress, const char *name)
{
    for (size_t i = 0; i < progress->done_count; i++) {
        if (name && strcmp(progress->done[i].name, name) != 0)
            continue;
        free_table(&progress->done[i]);
        progress->done[i--] = progress->done[--progress->done_count];
    }
}

static bool has_only(const struct mr_snapshot_progress *progress, const char *name)
{
    for (size_t i = 0; i < progress->only_count; i++) {
        if (strcmp(progress->only[i], name) == 0)
            return true;
    }
    return false;
}

static void add_only(struct mr_snapshot_progress *progress, const char *name)
{
    progress->only =
        mr_realloc(progress->only, (progress->only_count + 1) * sizeof(progress->only[0]));
    progress->only[progress->only_count++] = mr_strdup(name);
}

void mr_snapshot_ask_again(struct mr_snapshot_progress *progress, const char *const *tables,
                           size_t count)
{
    bool all = progress->active && progress->only_count == 0;

    if (count == 0) {
        forget_done(progress, NULL);
        free_only(progress);
    }
    for (size_t i = 0; i < count; i++) {
        forget_done(progress, tables[i]);
        if (!all && !has_only(progress, tables[i]))
            add_only(progress, tables[i]);
    }
    progress->again = progress->active = true;
}

void mr_snapshot_set_current(struct mr_snapshot_progress *progress, const char *name)
{
    if (name && progress->current && strcmp(name, progress->current) == 0)
        return;
    free(progress->current);
    progress->current = name ? mr_strdup(name) : NULL;
    progress->rows = 0;
}

void mr_snapshot_finish(struct mr_snapshot_progress *progress)
{
    progress->active = progress->again = false;
    mr_snapshot_set_current(progress, NULL); /* one that is gone since */
    free_only(progress);
}

static uint64_t get_number(const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));

    return number > 0 ? (uint64_t)number : 0;
}

static char *get_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? mr_strdup(text) : NULL;
}

static bool get_only(const json_t *list, struct mr_snapshot_progress *progress)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name)
            return false;
        add_only(progress, name);
    }
    return true;
}

static bool get_done(const json_t *object, struct mr_snapshot_progress *progress)
{
    const json_t *view;
    const char *name;

    json_object_foreach((json_t *)(uintptr_t)object, name, view)
    {
        bool both = json_is_array(view);
        const char *lo = json_string_value(both ? json_array_get(view, 0) : view);
        const char *hi = both ? json_string_value(json_array_get(view, 1)) : NULL;
        if (!lo || (both && !hi))
            return false;
        mr_snapshot_add_done(progress, name, lo, hi, 0);
    }
    return true;
}

static bool get_snapshot(const json_t *object, struct mr_snapshot_progress *progress)
{
    if (!object)
        return true;
    progress->active = json_is_true(json_object_get(object, "active"));
    progress->point = get_text(object, "point");
    progress->current = get_text(object, "table");
    progress->rows = get_number(object, "rows");
    progress->again = json_is_true(json_object_get(object, "again"));
    return get_done(json_object_get(object, "done"), progress) &&
           get_only(json_object_get(object, "only"), progress);
}

/* n stands in a position that has begun, and only there. */
static bool get_all(const json_t *object, struct mr_standing *standing)
{
    const char *hash = json_string_value(json_object_get(object, "hash"));

    standing->base = get_number(object, "base");
    standing->count = get_number(object, "count");
    standing->started = json_object_get(object, "n") != NULL;
    standing->n = get_number(object, "n");
    standing->hash = hash ? strtoull(hash, NULL, 16) : 0;
    standing->commit_us = (int64_t)get_number(object, "commit_us");
    return (standing->n == 0 || hash) &&
           get_snapshot(json_object_get(object, "snapshot"), &standing->snapshot);
}

static int refuse(struct mr_slice text, const char *database, bool newer, struct mr_err *err)
{
    int shown = (int)(text.size > 300 ? 300 : text.size);

    if (newer)
        mr_err_set(err, MR_GAP, "source.position",
                   "the position held by the sink was written by a newer millrace: %.*s", shown,
                   text.data);
    else
        mr_err_set(err, MR_GAP, "source.position",
                   "the position held by the sink is not a %s position: %.*s", database, shown,
                   text.data ? text.data : "");
    mr_err_hint(err, "Look at it with `millrace checkpoint show`, and set a good one with "
                     "`millrace checkpoint set`.");
    return MR_GAP;
}

int mr_standing_parse(struct mr_slice text, const char *database,
                      bool (*own)(void *state, const json_t *object, struct mr_standing *standing),
                      void *state, struct mr_standing *ret_standing, struct mr_err *err)
{
    json_error_t error;
    json_t *object = json_loadb(text.data ? text.data : "", text.size, 0, &error);
    struct mr_standing standing = {0};
    bool newer = json_is_object(object) && get_number(object, "version") > FORMAT;
    bool ok = json_is_object(object) && !newer && get_all(object, &standing) &&
              own(state, object, &standing);

    json_decref(object);
    if (!ok) {
        mr_standing_done(&standing);
        return refuse(text, database, newer, err);
    }
    *ret_standing = standing;
    return 0;
}

static void add_text(struct mr_buf *buf, const char *key, const char *text)
{
    mr_json_add_key(buf, key);
    mr_json_add_str(buf, mr_slice_str(text));
}

static void add_number(struct mr_buf *buf, const char *key, uint64_t number)
{
    mr_json_add_key(buf, key);
    mr_json_add_u64(buf, number);
}

/* Names of tables are keys: quoted as any text of another's making. */
static void write_done(const struct mr_snapshot_progress *progress, struct mr_buf *buf)
{
    mr_json_add_key(buf, "done");
    mr_buf_add_char(buf, '{');
    for (size_t i = 0; i < progress->done_count; i++) {
        const struct mr_snapshot_table *table = &progress->done[i];
        if (i > 0)
            mr_buf_add_char(buf, ',');
        mr_json_add_str(buf, mr_slice_str(table->name));
        mr_buf_add_str(buf, table->hi ? ":[" : ":");
        mr_json_add_str(buf, mr_slice_str(table->lo));
        if (!table->hi)
            continue;
        mr_buf_add_char(buf, ',');
        mr_json_add_str(buf, mr_slice_str(table->hi));
        mr_buf_add_char(buf, ']');
    }
    mr_buf_add_char(buf, '}');
}

static void write_only(const struct mr_snapshot_progress *progress, struct mr_buf *buf)
{
    if (progress->only_count == 0)
        return;
    mr_json_add_key(buf, "only");
    for (size_t i = 0; i < progress->only_count; i++) {
        mr_buf_add_char(buf, i ? ',' : '[');
        mr_json_add_str(buf, mr_slice_str(progress->only[i]));
    }
    mr_buf_add_char(buf, ']');
}

static void write_snapshot(const struct mr_snapshot_progress *progress, struct mr_buf *buf)
{
    mr_json_add_key(buf, "snapshot");
    mr_buf_add_str(buf, progress->active ? "{\"active\":true" : "{\"active\":false");
    if (progress->point)
        add_text(buf, "point", progress->point);
    write_done(progress, buf);
    write_only(progress, buf);
    if (progress->again)
        mr_buf_add_str(buf, ",\"again\":true");
    if (progress->current) {
        add_text(buf, "table", progress->current);
        add_number(buf, "rows", progress->rows);
    }
    mr_buf_add_char(buf, '}');
}

void mr_standing_write_version(struct mr_buf *buf)
{
    add_number(buf, "version", FORMAT);
}

void mr_standing_write(const struct mr_standing *standing, struct mr_buf *buf)
{
    add_number(buf, "base", standing->base);
    add_number(buf, "count", standing->count);
    if (standing->started) {
        add_number(buf, "n", standing->n);
        mr_json_add_key(buf, "hash");
        mr_buf_printf(buf, "\"%016" PRIx64 "\"", standing->n ? standing->hash : 0);
        add_number(buf, "commit_us", (uint64_t)(standing->commit_us > 0 ? standing->commit_us : 0));
    }
    if (standing->snapshot.active || standing->snapshot.done_count > 0)
        write_snapshot(&standing->snapshot, buf);
}

uint64_t mr_standing_number(const struct mr_standing *standing)
{
    return standing->count > 0 ? standing->base + standing->count - 1 : 0;
}

void mr_standing_rebase(struct mr_standing *standing, uint64_t last)
{
    int64_t now_us = mr_clock_wall_us();

    standing->base = last + 1;
    if (now_us > 0 && (uint64_t)now_us > standing->base)
        standing->base = (uint64_t)now_us;
}

enum mr_order mr_order_of(uint64_t a, uint64_t b)
{
    return a < b ? MR_BEFORE : a > b ? MR_AFTER : MR_SAME;
}

static uint64_t stage(const struct mr_standing *standing)
{
    if (!standing->started)
        return 0;
    return standing->snapshot.active ? 1 : 2;
}

enum mr_order mr_standing_order(const struct mr_standing *a, const struct mr_standing *b)
{
    enum mr_order result = mr_order_of(stage(a), stage(b));

    if (result != MR_SAME || stage(a) != 1)
        return result;
    result = mr_order_of(a->snapshot.done_count, b->snapshot.done_count);
    return result != MR_SAME ? result : mr_order_of(a->snapshot.rows, b->snapshot.rows);
}

/* Positions as text, and their order.
 *
 * Parsed with jansson, written by hand: a position is written once per batch and read once per start. Unknown
 * keys are ignored, so that an older millrace can go on from a newer one's checkpoint where the meaning is the
 * same; a missing or ill-typed key that matters is refused.
 *
 * Order: another system or database is APART, for LSNs of different servers do not compare. Otherwise (claim)
 * < (tables being read: by tables finished, then rows) < (resume, n) of the stream. Timelines do not enter here:
 * whether a position lies on the server's history is checked when a session opens (open.c). */
#include "connectors/source_postgres/place/position.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"

bool mr_pg_lsn_parse(const char *text, uint64_t *ret_lsn)
{
    unsigned high, low;
    int size = 0;

    if (strlen(text) > 17 || sscanf(text, "%8x/%8x%n", &high, &low, &size) != 2 ||
        text[size] != 0 || text[0] == '-' || text[0] == '+')
        return false;
    *ret_lsn = (uint64_t)high << 32 | low;
    return true;
}

char *mr_pg_lsn_format(uint64_t lsn, char text[24])
{
    (void)snprintf(text, 24, "%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
    return text;
}

void mr_pg_position_done(struct mr_pg_position *position)
{
    struct mr_pg_snapshot_progress *snapshot = &position->snapshot;

    for (size_t i = 0; i < snapshot->done_count; i++)
        free(snapshot->done[i].name);
    for (size_t i = 0; i < snapshot->only_count; i++)
        free(snapshot->only[i]);
    free(snapshot->only);
    free(snapshot->done);
    free(snapshot->current);
    *position = (struct mr_pg_position){0};
}

void mr_pg_snapshot_add_done(struct mr_pg_snapshot_progress *snapshot, const char *name,
                             uint64_t below)
{
    if (snapshot->done_count == snapshot->done_capacity) {
        snapshot->done_capacity = snapshot->done_capacity ? 2 * snapshot->done_capacity : 16;
        snapshot->done =
            mr_realloc(snapshot->done, snapshot->done_capacity * sizeof(snapshot->done[0]));
    }
    snapshot->done[snapshot->done_count++] =
        (struct mr_pg_snapshot_table){.name = mr_strdup(name), .below = below};
}

void mr_pg_snapshot_prune(struct mr_pg_snapshot_progress *snapshot, uint64_t lsn)
{
    size_t kept = 0;

    for (size_t i = 0; i < snapshot->done_count; i++) {
        if (snapshot->done[i].below > lsn)
            snapshot->done[kept++] = snapshot->done[i];
        else
            free(snapshot->done[i].name);
    }
    snapshot->done_count = kept;
}

const struct mr_pg_snapshot_table *
mr_pg_snapshot_find_done(const struct mr_pg_snapshot_progress *snapshot, const char *name)
{
    for (size_t i = 0; i < snapshot->done_count; i++) {
        if (strcmp(snapshot->done[i].name, name) == 0)
            return &snapshot->done[i];
    }
    return NULL;
}

static bool get_text(const json_t *object, const char *key, char *ret_text, size_t room)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text && strlen(text) < room && snprintf(ret_text, room, "%s", text) >= 0;
}

static bool get_lsn(const json_t *object, const char *key, uint64_t *ret_lsn)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text && mr_pg_lsn_parse(text, ret_lsn);
}

static uint64_t get_number(const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));

    return number > 0 ? (uint64_t)number : 0;
}

static bool get_only(const json_t *list, struct mr_pg_snapshot_progress *snapshot)
{
    size_t count = json_array_size(list);

    if (count > 0)
        snapshot->only = mr_alloc_zero(count * sizeof(char *));
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name)
            return false;
        snapshot->only[snapshot->only_count++] = mr_strdup(name);
    }
    return true;
}

static bool get_snapshot(const json_t *object, struct mr_pg_snapshot_progress *snapshot)
{
    const json_t *below, *current;
    const char *name;
    uint64_t lsn;

    if (!object)
        return true;
    snapshot->active = json_is_true(json_object_get(object, "active"));
    if (!get_lsn(object, "point", &snapshot->point))
        return false;
    json_object_foreach((json_t *)json_object_get(object, "done"), name, below)
    {
        if (!json_string_value(below) || !mr_pg_lsn_parse(json_string_value(below), &lsn))
            return false;
        mr_pg_snapshot_add_done(snapshot, name, lsn);
    }
    current = json_object_get(object, "table");
    snapshot->current = json_string_value(current) ? mr_strdup(json_string_value(current)) : NULL;
    snapshot->rows = get_number(object, "rows");
    snapshot->again = json_is_true(json_object_get(object, "again"));
    return get_only(json_object_get(object, "only"), snapshot);
}

static bool get_stream(const json_t *object, struct mr_pg_position *position)
{
    const char *hash = json_string_value(json_object_get(object, "hash"));

    position->started = json_object_get(object, "resume") != NULL;
    if (json_object_get(object, "read") && !get_lsn(object, "read", &position->read))
        return false;
    position->base = get_number(object, "base");
    position->count = get_number(object, "count");
    if (!position->started)
        return true;
    position->n = get_number(object, "n");
    position->hash = hash ? strtoull(hash, NULL, 16) : 0;
    position->commit_us = (int64_t)get_number(object, "commit_us");
    return get_lsn(object, "resume", &position->resume) &&
           get_lsn(object, "done", &position->done) && (position->n == 0 || hash);
}

static bool get_all(const json_t *object, struct mr_pg_position *position)
{
    position->timeline = (uint32_t)get_number(object, "timeline");
    if (json_object_get(object, "began") && !get_lsn(object, "began", &position->began))
        return false;
    return get_text(object, "system", position->system, sizeof(position->system)) &&
           get_text(object, "database", position->database, MR_PG_NAME) &&
           get_text(object, "slot", position->slot, MR_PG_NAME) &&
           get_text(object, "publication", position->publication, MR_PG_NAME) &&
           get_stream(object, position) &&
           get_snapshot(json_object_get(object, "snapshot"), &position->snapshot);
}

int mr_pg_position_parse(struct mr_slice text, struct mr_pg_position *ret_position,
                         struct mr_err *err)
{
    json_error_t error;
    json_t *object = json_loadb(text.data, text.size, 0, &error);
    struct mr_pg_position position = {0};
    bool ok = json_is_object(object) && get_all(object, &position);

    json_decref(object);
    if (!ok) {
        mr_pg_position_done(&position);
        mr_err_set(err, MR_GAP, "source.position",
                   "the position held by the sink is not a PostgreSQL position: %.*s",
                   (int)(text.size > 300 ? 300 : text.size), text.data ? text.data : "");
        mr_err_hint(err, "Look at it with `millrace checkpoint show`, and set a good one with "
                         "`millrace checkpoint set`.");
        return MR_GAP;
    }
    *ret_position = position;
    return 0;
}

static void add_str(struct mr_buf *buf, const char *key, const char *text)
{
    mr_json_add_key(buf, key);
    mr_json_add_str(buf, mr_slice_str(text));
}

static void add_lsn(struct mr_buf *buf, const char *key, uint64_t lsn)
{
    char text[24];

    add_str(buf, key, mr_pg_lsn_format(lsn, text));
}

static void add_number(struct mr_buf *buf, const char *key, uint64_t number)
{
    mr_json_add_key(buf, key);
    mr_json_add_u64(buf, number);
}

static void write_snapshot(const struct mr_pg_snapshot_progress *snapshot, struct mr_buf *buf)
{
    mr_json_add_key(buf, "snapshot");
    mr_buf_add_char(buf, '{');
    mr_json_add_key(buf, "active");
    mr_buf_add_str(buf, snapshot->active ? "true" : "false");
    add_lsn(buf, "point", snapshot->point);
    mr_json_add_key(buf, "done");
    mr_buf_add_char(buf, '{');
    for (size_t i = 0; i < snapshot->done_count; i++)
        add_lsn(buf, snapshot->done[i].name, snapshot->done[i].below);
    mr_buf_add_char(buf, '}');
    if (snapshot->only_count > 0) {
        mr_json_add_key(buf, "only");
        for (size_t i = 0; i < snapshot->only_count; i++) {
            mr_buf_add_char(buf, i ? ',' : '[');
            mr_json_add_str(buf, mr_slice_str(snapshot->only[i]));
        }
        mr_buf_add_char(buf, ']');
    }
    if (snapshot->again) {
        mr_json_add_key(buf, "again");
        mr_buf_add_str(buf, "true");
    }
    if (snapshot->current) {
        add_str(buf, "table", snapshot->current);
        add_number(buf, "rows", snapshot->rows);
    }
    mr_buf_add_char(buf, '}');
}

void mr_pg_position_write(const struct mr_pg_position *position, struct mr_buf *buf)
{
    mr_buf_add_char(buf, '{');
    add_str(buf, "system", position->system);
    add_number(buf, "timeline", position->timeline);
    if (position->began)
        add_lsn(buf, "began", position->began);
    add_str(buf, "database", position->database);
    add_str(buf, "slot", position->slot);
    add_str(buf, "publication", position->publication);
    add_number(buf, "base", position->base);
    add_number(buf, "count", position->count);
    if (position->started) {
        add_lsn(buf, "resume", position->resume);
        add_lsn(buf, "done", position->done);
        if (position->read)
            add_lsn(buf, "read", position->read);
        add_number(buf, "n", position->n);
        mr_json_add_key(buf, "hash");
        mr_buf_printf(buf, "\"%016" PRIx64 "\"", position->n ? position->hash : 0);
        add_number(buf, "commit_us", (uint64_t)(position->commit_us > 0 ? position->commit_us : 0));
    }
    if (position->snapshot.active || position->snapshot.done_count > 0)
        write_snapshot(&position->snapshot, buf);
    mr_buf_add_char(buf, '}');
}

uint64_t mr_pg_position_number(const struct mr_pg_position *position)
{
    return position->count > 0 ? position->base + position->count - 1 : 0;
}

static enum mr_order compare(uint64_t a, uint64_t b)
{
    return a < b ? MR_BEFORE : a > b ? MR_AFTER : MR_SAME;
}

static int stage(const struct mr_pg_position *position)
{
    if (!position->started)
        return 0;
    return position->snapshot.active ? 1 : 2;
}

static enum mr_order order(const struct mr_pg_position *a, const struct mr_pg_position *b)
{
    enum mr_order result;

    if (strcmp(a->system, b->system) != 0 || strcmp(a->database, b->database) != 0)
        return MR_APART;
    result = compare((uint64_t)stage(a), (uint64_t)stage(b));
    if (result != MR_SAME || stage(a) == 0)
        return result;
    if (stage(a) == 1) {
        result = compare(a->snapshot.done_count, b->snapshot.done_count);
        return result != MR_SAME ? result : compare(a->snapshot.rows, b->snapshot.rows);
    }
    result = compare(a->resume, b->resume);
    return result != MR_SAME ? result : compare(a->n, b->n);
}

enum mr_order mr_pg_position_order(struct mr_slice a, struct mr_slice b)
{
    struct mr_pg_position left = {0}, right = {0};
    enum mr_order result = MR_APART;

    if (mr_pg_position_parse(a, &left, NULL) == 0 && mr_pg_position_parse(b, &right, NULL) == 0)
        result = order(&left, &right);
    mr_pg_position_done(&left);
    mr_pg_position_done(&right);
    return result;
}

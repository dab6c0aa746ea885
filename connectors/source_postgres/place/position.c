/* PostgreSQL's part of a position as text, and the order of positions.
 *
 * What every source has in its positions is read, written and ordered in capture/standing.c; here are who the server
 * is, and LSNs. The key of a table that was read is its view's LSN, so that the stream compares numbers.
 *
 * Order: another system or database is APART, for LSNs of different servers do not compare. Otherwise by stage, and
 * in the stream by (resume, n). Timelines do not enter here: whether a position lies on the server's history is checked
 * when a session opens (open.c). */
#include "connectors/source_postgres/place/position.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

void mr_pg_position_done(struct mr_pg_position *position)
{
    mr_standing_done(&position->standing);
    *position = (struct mr_pg_position){0};
}

static bool is_passed(const void *state, const struct mr_snapshot_table *table)
{
    return table->key <= *(const uint64_t *)state;
}

void mr_pg_position_prune(struct mr_pg_position *position, uint64_t lsn)
{
    mr_snapshot_prune(&position->standing.snapshot, is_passed, &lsn);
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

static bool get_views(struct mr_snapshot_progress *snapshot)
{
    uint64_t point;

    for (size_t i = 0; i < snapshot->done_count; i++) {
        if (snapshot->done[i].hi || !mr_pg_lsn_parse(snapshot->done[i].lo, &snapshot->done[i].key))
            return false;
    }
    return !snapshot->point || mr_pg_lsn_parse(snapshot->point, &point);
}

static bool get_stream(const json_t *object, struct mr_pg_position *position,
                       struct mr_standing *standing)
{
    standing->started = json_object_get(object, "resume") != NULL;
    if (json_object_get(object, "read") && !get_lsn(object, "read", &position->read))
        return false;
    return !standing->started || (get_lsn(object, "resume", &position->resume) &&
                                  get_lsn(object, "done", &position->done));
}

/* The members that are PostgreSQL's. */
static bool get_own(void *state, const json_t *object, struct mr_standing *standing)
{
    struct mr_pg_position *position = state;

    position->timeline = (uint32_t)json_integer_value(json_object_get(object, "timeline"));
    if (json_object_get(object, "began") && !get_lsn(object, "began", &position->began))
        return false;
    return get_text(object, "system", position->system, sizeof(position->system)) &&
           get_text(object, "database", position->database, MR_PG_NAME) &&
           get_text(object, "slot", position->slot, MR_PG_NAME) &&
           get_text(object, "publication", position->publication, MR_PG_NAME) &&
           get_stream(object, position, standing) && get_views(&standing->snapshot);
}

int mr_pg_position_parse(struct mr_slice text, struct mr_pg_position *ret_position,
                         struct mr_err *err)
{
    struct mr_pg_position position = {0};
    int rc = mr_standing_parse(text, "PostgreSQL", get_own, &position, &position.standing, err);

    if (rc == 0)
        *ret_position = position;
    return rc;
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

void mr_pg_position_write(const struct mr_pg_position *position, const struct mr_standing *standing,
                          struct mr_buf *buf)
{
    mr_buf_add_char(buf, '{');
    mr_standing_write_version(buf);
    add_str(buf, "system", position->system);
    mr_json_add_key(buf, "timeline");
    mr_json_add_u64(buf, position->timeline);
    if (position->began)
        add_lsn(buf, "began", position->began);
    add_str(buf, "database", position->database);
    add_str(buf, "slot", position->slot);
    add_str(buf, "publication", position->publication);
    if (standing->started) {
        add_lsn(buf, "resume", position->resume);
        add_lsn(buf, "done", position->done);
        if (position->read)
            add_lsn(buf, "read", position->read);
    }
    mr_standing_write(standing, buf);
    mr_buf_add_char(buf, '}');
}

static enum mr_order order(const struct mr_pg_position *a, const struct mr_pg_position *b)
{
    enum mr_order result;

    if (strcmp(a->system, b->system) != 0 || strcmp(a->database, b->database) != 0)
        return MR_APART;
    result = mr_standing_order(&a->standing, &b->standing);
    if (result != MR_SAME || !a->standing.started || a->standing.snapshot.active)
        return result;
    result = mr_order_of(a->resume, b->resume);
    return result != MR_SAME ? result : mr_order_of(a->standing.n, b->standing.n);
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

/* Positions as text, and their order.
 *
 * Written by hand: a position is written once per batch and read once per start.
 *
 * Order: another vendor, another way of writing places, or places by file of two servers are APART, for nothing
 * compares them. So are two GTID sets of which neither contains the other: each has what the other lacks. Otherwise
 * (claim) < (tables being read: by tables finished, then rows) < (done, n) of the stream.
 *
 * Names of log files end in a number that may outgrow its six digits (binlog.999999, binlog.1000000): it is compared
 * as a number. */
#include "connectors/source_mysql/place/position.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"

void mr_my_place_init(struct mr_my_place *place, bool mariadb)
{
    *place = (struct mr_my_place){.offset = 0};
    mr_my_gtids_init(&place->gtids, mariadb);
}

void mr_my_place_done(struct mr_my_place *place)
{
    mr_my_gtids_done(&place->gtids);
    place->file[0] = 0;
    place->offset = 0;
}

void mr_my_place_copy(struct mr_my_place *place, const struct mr_my_place *from)
{
    mr_my_gtids_copy(&place->gtids, &from->gtids);
    memcpy(place->file, from->file, sizeof(place->file));
    place->offset = from->offset;
}

void mr_my_place_print(const struct mr_my_place *place, bool by_gtid, struct mr_buf *buf)
{
    if (by_gtid)
        mr_my_gtids_print(&place->gtids, buf);
    else
        mr_buf_printf(buf, "%s:%" PRIu64, place->file, place->offset);
}

static bool parse_file(struct mr_slice text, struct mr_my_place *place)
{
    const char *colon = text.size ? memrchr(text.data, ':', text.size) : NULL;
    size_t name = colon ? (size_t)(colon - text.data) : 0;
    uint64_t offset = 0;

    if (name == 0 || name >= sizeof(place->file) || name + 1 == text.size)
        return false;
    for (size_t i = name + 1; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || offset > UINT64_MAX / 16)
            return false;
        offset = offset * 10 + (uint64_t)(text.data[i] - '0');
    }
    memcpy(place->file, text.data, name);
    place->file[name] = 0;
    place->offset = offset;
    return true;
}

int mr_my_place_parse(struct mr_slice text, bool mariadb, bool by_gtid,
                      struct mr_my_place *ret_place, struct mr_err *err)
{
    struct mr_my_place place;

    mr_my_place_init(&place, mariadb);
    if (by_gtid) {
        int rc = mr_my_gtids_parse(&place.gtids, text, "the place", err);
        if (rc < 0) {
            mr_my_place_done(&place);
            return rc;
        }
    } else if (!parse_file(text, &place)) {
        mr_my_place_done(&place);
        return mr_err_set(err, MR_CONFIG, "source.place",
                          "\"%.*s\" is no place in a log file, such as binlog.000007:1234",
                          (int)(text.size > 200 ? 200 : text.size), text.data ? text.data : "");
    }
    *ret_place = place;
    return 0;
}

static const char *digits_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot ? dot + 1 : name;
}

int mr_my_file_compare(const char *a, const char *b)
{
    const char *left = digits_of(a), *right = digits_of(b);
    uint64_t x = strtoull(left, NULL, 10), y = strtoull(right, NULL, 10);

    if (x != y)
        return x < y ? -1 : 1;
    return strcmp(a, b);
}

enum mr_order mr_my_place_order(const struct mr_my_place *a, const struct mr_my_place *b,
                                bool by_gtid)
{
    int files;

    if (by_gtid)
        return mr_my_gtids_order(&a->gtids, &b->gtids);
    files = mr_my_file_compare(a->file, b->file);
    return files == 0 ? mr_order_of(a->offset, b->offset) : files < 0 ? MR_BEFORE : MR_AFTER;
}

void mr_my_position_done(struct mr_my_position *position)
{
    mr_standing_done(&position->standing);
    mr_my_place_done(&position->resume);
    mr_my_place_done(&position->done);
    *position = (struct mr_my_position){.by_gtid = false};
}

static bool get_place(const json_t *value, const struct mr_my_position *position,
                      struct mr_my_place *ret_place)
{
    const char *text = json_string_value(value);

    return text && mr_my_place_parse(mr_slice_str(text), position->mariadb, position->by_gtid,
                                     ret_place, NULL) == 0;
}

static bool get_inside(const json_t *object, struct mr_my_position *position)
{
    const char *inside = json_string_value(json_object_get(object, "inside"));

    return inside && mr_my_gtid_parse(&position->inside, position->mariadb, mr_slice_str(inside),
                                      "inside", NULL) == 0;
}

static bool get_places(const json_t *object, struct mr_my_position *position,
                       const struct mr_standing *standing)
{
    const json_t *done = json_object_get(object, "done"),
                 *resume = json_object_get(object, "resume");

    if (!standing->started)
        return true;
    if (!get_place(done, position, &position->done) ||
        !get_place(resume ? resume : done, position, &position->resume))
        return false;
    return standing->n == 0 || !position->by_gtid || get_inside(object, position);
}

static bool get_all(void *state, const json_t *object, struct mr_standing *standing)
{
    struct mr_my_position *position = state;
    const char *flavour = json_string_value(json_object_get(object, "flavour"));
    const char *server = json_string_value(json_object_get(object, "server"));
    const char *by = json_string_value(json_object_get(object, "by"));

    if (!flavour || !server || !by || strlen(server) >= sizeof(position->server))
        return false;
    position->mariadb = strcmp(flavour, "mariadb") == 0;
    position->by_gtid = strcmp(by, "gtids") == 0;
    memcpy(position->server, server, strlen(server) + 1);
    if (!position->mariadb && strcmp(flavour, "mysql") != 0)
        return false;
    if (!position->by_gtid && strcmp(by, "file") != 0)
        return false;
    mr_my_place_init(&position->resume, position->mariadb);
    mr_my_place_init(&position->done, position->mariadb);
    return get_places(object, position, standing);
}

int mr_my_position_parse(struct mr_slice text, struct mr_my_position *ret_position,
                         struct mr_err *err)
{
    struct mr_my_position position = {.by_gtid = false};
    int rc =
        mr_standing_parse(text, "MySQL or MariaDB", get_all, &position, &position.standing, err);

    if (rc < 0)
        mr_my_position_done(&position);
    else
        *ret_position = position;
    return rc;
}

static void add_str(struct mr_buf *buf, const char *key, const char *text)
{
    mr_json_add_key(buf, key);
    mr_json_add_str(buf, mr_slice_str(text));
}

/* GTIDs hold nothing that JSON would escape, but names of files might. */
static void add_place(struct mr_buf *buf, const char *key, const struct mr_my_place *place,
                      bool by_gtid)
{
    struct mr_buf text;

    mr_json_add_key(buf, key);
    if (by_gtid) {
        mr_buf_add_char(buf, '"');
        mr_my_gtids_print(&place->gtids, buf);
        mr_buf_add_char(buf, '"');
        return;
    }
    mr_buf_init(&text, 4096);
    mr_my_place_print(place, false, &text);
    mr_json_add_str(buf, mr_buf_slice(&text));
    mr_buf_done(&text);
}

void mr_my_position_write(const struct mr_my_position *position, const struct mr_standing *standing,
                          struct mr_buf *buf)
{
    mr_buf_add_char(buf, '{');
    mr_standing_write_version(buf);
    add_str(buf, "flavour", position->mariadb ? "mariadb" : "mysql");
    add_str(buf, "server", position->server);
    add_str(buf, "by", position->by_gtid ? "gtids" : "file");
    if (standing->started) {
        if (mr_my_place_order(&position->resume, &position->done, position->by_gtid) != MR_SAME)
            add_place(buf, "resume", &position->resume, position->by_gtid);
        add_place(buf, "done", &position->done, position->by_gtid);
    }
    if (standing->n > 0 && position->by_gtid) {
        mr_json_add_key(buf, "inside");
        mr_buf_add_char(buf, '"');
        mr_my_gtid_print(&position->inside, buf);
        mr_buf_add_char(buf, '"');
    }
    mr_standing_write(standing, buf);
    mr_buf_add_char(buf, '}');
}

static enum mr_order order(const struct mr_my_position *a, const struct mr_my_position *b)
{
    enum mr_order result;

    if (a->mariadb != b->mariadb || a->by_gtid != b->by_gtid)
        return MR_APART;
    if (!a->by_gtid && strcmp(a->server, b->server) != 0)
        return MR_APART;
    result = mr_standing_order(&a->standing, &b->standing);
    if (result != MR_SAME || !a->standing.started || a->standing.snapshot.active)
        return result;
    result = mr_my_place_order(&a->done, &b->done, a->by_gtid);
    return result != MR_SAME ? result : mr_order_of(a->standing.n, b->standing.n);
}

enum mr_order mr_my_position_order(struct mr_slice a, struct mr_slice b)
{
    struct mr_my_position left = {.by_gtid = false}, right = {.by_gtid = false};
    enum mr_order result = MR_APART;

    if (mr_my_position_parse(a, &left, NULL) == 0 && mr_my_position_parse(b, &right, NULL) == 0)
        result = order(&left, &right);
    mr_my_position_done(&left);
    mr_my_position_done(&right);
    return result;
}

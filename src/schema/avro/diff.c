/* Comparing two Avro schemas as a reader and a writer.
 *
 * BACKWARD asks whether a reader of the new schema can read what the old one wrote, FORWARD the other way, FULL both.
 * The walk takes both trees side by side; where the reader cannot read, it writes one finding with the path of field
 * names. A column stands in before, after and often in the key with the same fault; the path of a finding is cut to
 * the column's name, and a finding that was made already is not repeated.
 *
 *     reader \ writer        record: fields by name; one that only the reader has needs a default
 *     union of reader        some branch must read the writer; union of writer: each branch must be read
 *     primitives             equal, or int -> long -> float -> double, string <-> bytes
 *
 * Named types are looked up in a table gathered first, because a row is described once and named afterwards. The
 * depth is limited, so that a recursive or hostile schema ends. Logical types do not take part, as in Avro's own
 * rules. */
#include "schema/avro/diff.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 40

struct side {
    json_t *root;
    json_t *names; /* full name -> definition, borrowed from root */
};

struct walk {
    const struct side *reader, *writer;
    bool reader_is_new;
    struct mr_buf *text; /* NULL: only whether it can be read */
    size_t findings;
    const char *column; /* name of the innermost field */
};

static const char *text_of(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void full_name(const char *name, const char *space, char *ret_name, size_t room)
{
    if (strchr(name, '.') || !space || !space[0])
        snprintf(ret_name, room, "%s", name);
    else
        snprintf(ret_name, room, "%.250s.%.250s", space, name);
}

/* Gathers named types below `schema`; space is the enclosing namespace. */
static void gather(json_t *schema, const char *space, json_t *names, int depth)
{
    const char *name = text_of(schema, "name"), *own = text_of(schema, "namespace");
    char full[600], inner[600];
    size_t index;
    json_t *item;

    if (depth > DEPTH_MAX)
        return;
    if (json_is_array(schema)) {
        json_array_foreach(schema, index, item) gather(item, space, names, depth + 1);
        return;
    }
    if (!json_is_object(schema))
        return;
    snprintf(inner, sizeof inner, "%s", own ? own : space ? space : "");
    if (name && json_is_string(json_object_get(schema, "type"))) {
        full_name(name, inner, full, sizeof full);
        json_object_set(names, full, schema);
        if (strchr(name, '.'))
            snprintf(inner, sizeof inner, "%.*s", (int)(strrchr(name, '.') - name), name);
    }
    json_array_foreach(json_object_get(schema, "fields"), index, item)
        gather(json_object_get(item, "type"), inner, names, depth + 1);
    gather(json_object_get(schema, "items"), inner, names, depth + 1);
    gather(json_object_get(schema, "values"), inner, names, depth + 1);
    gather(json_object_get(schema, "type"), inner, names, depth + 1);
}

/* Follows {"type": {...}} wrappers and names. Names are matched by full name, else by their last part. */
static json_t *resolve(const struct side *side, json_t *schema)
{
    for (int hops = 0; hops < DEPTH_MAX; hops++) {
        json_t *type = json_is_object(schema) ? json_object_get(schema, "type") : NULL,
               *named = NULL;
        const char *name = json_string_value(schema), *key;

        if (json_is_object(type) || json_is_array(type)) {
            schema = type;
            continue;
        }
        if (!name)
            return schema;
        named = json_object_get(side->names, name);
        if (!named) {
            json_t *value;
            size_t size = strlen(name);
            json_object_foreach(side->names, key, value)
            {
                size_t length = strlen(key);
                if (length > size && key[length - size - 1] == '.' &&
                    strcmp(key + length - size, name) == 0)
                    named = value;
            }
        }
        if (!named || named == schema)
            return schema;
        schema = named;
    }
    return schema;
}

static const char *kind_of(json_t *schema)
{
    if (json_is_array(schema))
        return "union";
    if (json_is_string(schema))
        return json_string_value(schema);
    return text_of(schema, "type") ? text_of(schema, "type") : "?";
}

static void say(struct walk *walk, const char *what)
{
    char finding[800];
    int size =
        snprintf(finding, sizeof finding, "column %s %s", walk->column ? walk->column : "?", what);

    if (walk->text && walk->text->size > 0) {
        if (memmem(walk->text->data, walk->text->size, finding, (size_t)size))
            return;
        mr_buf_add_str(walk->text, "; ");
    }
    walk->findings++;
    if (walk->text)
        mr_buf_add_str(walk->text, finding);
}

static bool promotes(const char *reader, const char *writer)
{
    static const char *const pairs[][2] = {
        {"long", "int"},    {"float", "int"},    {"double", "int"},   {"float", "long"},
        {"double", "long"}, {"double", "float"}, {"string", "bytes"}, {"bytes", "string"},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (strcmp(reader, pairs[i][0]) == 0 && strcmp(writer, pairs[i][1]) == 0)
            return true;
    }
    return strcmp(reader, writer) == 0;
}

static void compare(struct walk *walk, json_t *reader, json_t *writer, int depth);

static bool can_read(const struct walk *walk, json_t *reader, json_t *writer, int depth)
{
    struct walk probe = *walk;

    probe.text = NULL;
    probe.findings = 0;
    compare(&probe, reader, writer, depth + 1);
    return probe.findings == 0;
}

static json_t *find_field(json_t *record, const char *name)
{
    size_t index;
    json_t *field;

    json_array_foreach(json_object_get(record, "fields"), index, field)
    {
        if (text_of(field, "name") && strcmp(text_of(field, "name"), name) == 0)
            return field;
    }
    return NULL;
}

static void missing(struct walk *walk, const char *name)
{
    const char *column = walk->column;

    walk->column = name;
    if (walk->reader_is_new)
        say(walk,
            "is new and has no default, so consumers of the new schema cannot read older events");
    else
        say(walk, "is gone (or renamed) and had no default, so consumers of the old schema cannot "
                  "read new events");
    walk->column = column;
}

static void compare_records(struct walk *walk, json_t *reader, json_t *writer, int depth)
{
    size_t index;
    json_t *field;

    json_array_foreach(json_object_get(reader, "fields"), index, field)
    {
        const char *name = text_of(field, "name"), *column = walk->column;
        json_t *other = name ? find_field(writer, name) : NULL;

        if (!name)
            continue;
        if (!other) {
            if (!json_object_get(field, "default"))
                missing(walk, name);
            continue;
        }
        walk->column = name;
        compare(walk, json_object_get(field, "type"), json_object_get(other, "type"), depth + 1);
        walk->column = column;
    }
}

static bool has_null(json_t *schema)
{
    size_t index;
    json_t *branch;

    json_array_foreach(schema, index, branch)
    {
        if (json_is_string(branch) && strcmp(json_string_value(branch), "null") == 0)
            return true;
    }
    return false;
}

/* The branch other than null, of a union of two; else the union itself. */
static json_t *payload(json_t *schema)
{
    size_t index;
    json_t *branch, *found = NULL;

    if (!json_is_array(schema) || json_array_size(schema) != 2 || !has_null(schema))
        return schema;
    json_array_foreach(schema, index, branch)
    {
        if (!json_is_string(branch) || strcmp(json_string_value(branch), "null") != 0)
            found = branch;
    }
    return found ? found : schema;
}

static void changed(struct walk *walk, json_t *reader, json_t *writer)
{
    const char *now = kind_of(walk->reader_is_new ? reader : writer);
    const char *before = kind_of(walk->reader_is_new ? writer : reader);
    char what[300];

    snprintf(what, sizeof what, "changed its type from %s to %s, which the other side cannot read",
             before, now);
    say(walk, what);
}

static void compare_unions(struct walk *walk, json_t *reader, json_t *writer, int depth)
{
    size_t index;
    json_t *branch;

    if (has_null(writer) && !has_null(reader) && json_is_array(writer)) {
        if (walk->reader_is_new)
            say(walk, "became NOT NULL, so consumers of the new schema cannot read older events "
                      "with NULL");
        else
            say(walk, "may now be NULL, which consumers of the old schema cannot read");
        return;
    }
    if (payload(reader) != reader || payload(writer) != writer) {
        compare(walk, resolve(walk->reader, payload(reader)),
                resolve(walk->writer, payload(writer)), depth + 1);
        return;
    }
    if (json_is_array(writer)) {
        json_array_foreach(writer, index, branch) compare(walk, reader, branch, depth + 1);
        return;
    }
    json_array_foreach(reader, index, branch)
    {
        if (can_read(walk, branch, writer, depth))
            return;
    }
    changed(walk, reader, writer);
}

static void compare(struct walk *walk, json_t *reader, json_t *writer, int depth)
{
    const char *kind;

    reader = resolve(walk->reader, reader);
    writer = resolve(walk->writer, writer);
    if (depth > DEPTH_MAX || !reader || !writer)
        return;
    if (json_is_array(reader) || json_is_array(writer)) {
        compare_unions(walk, reader, writer, depth);
        return;
    }
    kind = kind_of(reader);
    if (!promotes(kind, kind_of(writer)))
        changed(walk, reader, writer);
    else if (strcmp(kind, "record") == 0)
        compare_records(walk, reader, writer, depth);
    else if (strcmp(kind, "array") == 0)
        compare(walk, json_object_get(reader, "items"), json_object_get(writer, "items"),
                depth + 1);
    else if (strcmp(kind, "map") == 0)
        compare(walk, json_object_get(reader, "values"), json_object_get(writer, "values"),
                depth + 1);
}

static bool load(struct mr_slice text, struct side *side)
{
    side->root = json_loadb(text.data, text.size, JSON_DECODE_ANY, NULL);
    side->names = json_object();
    if (side->root)
        gather(side->root, NULL, side->names, 0);
    return side->root != NULL;
}

static void unload(struct side *side)
{
    json_decref(side->names);
    json_decref(side->root);
}

size_t mr_avro_diff(struct mr_slice old_schema, struct mr_slice new_schema, const char *level,
                    struct mr_buf *ret_text)
{
    bool full = strncmp(level, "FULL", 4) == 0;
    struct side old_side, new_side;
    size_t findings = 0;
    bool loaded = load(old_schema, &old_side);

    loaded = load(new_schema, &new_side) && loaded;
    if (loaded && (full || strncmp(level, "BACKWARD", 8) == 0)) {
        struct walk walk = {&new_side, &old_side, true, ret_text, 0, NULL};
        compare(&walk, new_side.root, old_side.root, 0);
        findings += walk.findings;
    }
    if (loaded && (full || strncmp(level, "FORWARD", 7) == 0)) {
        struct walk walk = {&old_side, &new_side, false, ret_text, 0, NULL};
        compare(&walk, old_side.root, new_side.root, 0);
        findings += walk.findings;
    }
    unload(&new_side);
    unload(&old_side);
    return findings;
}

const struct mr_schema_kind mr_schema_avro = {"AVRO", mr_avro_diff};

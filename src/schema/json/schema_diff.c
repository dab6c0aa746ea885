/* Comparing two JSON Schemas as a reader and a writer, for the schemas that json/schema.c writes.
 *
 * A JSON reader accepts what its schema accepts. With open objects (no "additionalProperties":false) an old event may
 * hold anything under a name that the old schema does not know; so a property that only the reader names is the
 * breaking one, and one that only the writer has is not. Closed objects are the other way round. That is Confluent's
 * reading, and the reason why a new nullable column breaks BACKWARD here and not in Avro.
 *
 *     reader \ writer     only the reader has it     only the writer has it
 *     open                breaks if writer is open   fine
 *     closed              breaks if writer is open   breaks
 *
 *     integer -> number may be read; {"oneOf":[null, T]} may be read where both sides or the reader alone allow null
 *
 * connect.* properties, titles and defaults take no part. The depth is limited: a subject's latest version is
 * somebody else's text. */
#include "schema/json/schema.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 40

struct walk {
    bool reader_is_new;
    struct mr_buf *text;
    size_t findings;
    const char *column; /* name of the innermost property */
};

static void say(struct walk *walk, const char *what)
{
    char finding[800];
    int size = snprintf(finding, sizeof finding, "column %.200s %s",
                        walk->column ? walk->column : "?", what);

    if (walk->text->size > 0) {
        if (memmem(walk->text->data, walk->text->size, finding, (size_t)size))
            return;
        mr_buf_add_str(walk->text, "; ");
    }
    walk->findings++;
    mr_buf_add_str(walk->text, finding);
}

static const char *type_of(json_t *schema)
{
    const char *type = json_string_value(json_object_get(schema, "type"));

    return type ? type : "?";
}

/* The schema without null; *ret_nullable says whether null was allowed. */
static json_t *payload(json_t *schema, bool *ret_nullable)
{
    json_t *branches = json_object_get(schema, "oneOf"), *branch, *found = NULL;
    size_t index;

    *ret_nullable = false;
    if (!json_is_array(branches))
        return schema;
    json_array_foreach(branches, index, branch)
    {
        if (strcmp(type_of(branch), "null") == 0)
            *ret_nullable = true;
        else
            found = branch;
    }
    return found ? found : schema;
}

static bool is_closed(json_t *schema)
{
    return json_is_false(json_object_get(schema, "additionalProperties"));
}

static void only_reader(struct walk *walk)
{
    say(walk, walk->reader_is_new
                  ? "is new, and older events may hold anything under its name, because the "
                    "schema's objects are open"
                  : "is gone (or renamed), and consumers of the old schema may find anything "
                    "under its name, because the schema's objects are open");
}

static void only_writer(struct walk *walk)
{
    say(walk, walk->reader_is_new
                  ? "is gone (or renamed), and the new schema's closed objects refuse older events "
                    "with it"
                  : "is new, and the old schema's closed objects refuse events with it");
}

static void compare(struct walk *walk, json_t *reader, json_t *writer, int depth);

static void compare_objects(struct walk *walk, json_t *reader, json_t *writer, int depth)
{
    json_t *readers = json_object_get(reader, "properties"),
           *writers = json_object_get(writer, "properties"), *property;
    const char *column = walk->column, *name;

    json_object_foreach(readers, name, property)
    {
        json_t *other = json_object_get(writers, name);

        walk->column = name;
        if (other)
            compare(walk, property, other, depth + 1);
        else if (!is_closed(writer))
            only_reader(walk);
    }
    json_object_foreach(writers, name, property)
    {
        walk->column = name;
        if (!json_object_get(readers, name) && is_closed(reader))
            only_writer(walk);
    }
    walk->column = column;
}

static void changed(struct walk *walk, const char *reader, const char *writer)
{
    char what[300];

    snprintf(what, sizeof what,
             "changed its type from %.60s to %.60s, which the other side cannot read",
             walk->reader_is_new ? writer : reader, walk->reader_is_new ? reader : writer);
    say(walk, what);
}

static void compare(struct walk *walk, json_t *reader, json_t *writer, int depth)
{
    bool reader_null, writer_null;
    const char *reads, *writes;

    reader = payload(reader, &reader_null);
    writer = payload(writer, &writer_null);
    if (depth > DEPTH_MAX || !json_is_object(reader) || !json_is_object(writer))
        return;
    if (writer_null && !reader_null)
        say(walk, walk->reader_is_new
                      ? "became NOT NULL, so consumers of the new schema cannot read older events "
                        "with NULL"
                      : "may now be NULL, which consumers of the old schema cannot read");
    reads = type_of(reader);
    writes = type_of(writer);
    if (strcmp(reads, writes) != 0 &&
        (strcmp(reads, "number") != 0 || strcmp(writes, "integer") != 0)) {
        changed(walk, reads, writes);
        return;
    }
    if (json_object_get(reader, "properties") || json_object_get(writer, "properties"))
        compare_objects(walk, reader, writer, depth);
    compare(walk, json_object_get(reader, "items"), json_object_get(writer, "items"), depth + 1);
    compare(walk, json_object_get(reader, "additionalProperties"),
            json_object_get(writer, "additionalProperties"), depth + 1);
}

size_t mr_json_schema_diff(struct mr_slice old_schema, struct mr_slice new_schema,
                           const char *level, struct mr_buf *ret_text)
{
    bool full = strncmp(level, "FULL", 4) == 0;
    json_t *old_root = json_loadb(old_schema.data, old_schema.size, 0, NULL);
    json_t *new_root = json_loadb(new_schema.data, new_schema.size, 0, NULL);
    size_t findings = 0;

    if (old_root && new_root && (full || strncmp(level, "BACKWARD", 8) == 0)) {
        struct walk walk = {true, ret_text, 0, NULL};
        compare(&walk, new_root, old_root, 0);
        findings += walk.findings;
    }
    if (old_root && new_root && (full || strncmp(level, "FORWARD", 7) == 0)) {
        struct walk walk = {false, ret_text, 0, NULL};
        compare(&walk, old_root, new_root, 0);
        findings += walk.findings;
    }
    json_decref(old_root);
    json_decref(new_root);
    return findings;
}

const struct mr_schema_kind mr_schema_json = {"JSON", mr_json_schema_diff};

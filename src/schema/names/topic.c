/* Names of topics, made once per table version.
 *
 *     template   "{name}.{schema}.{table}"
 *     table      server "shop", schema "public", name "Order lines"
 *     topic      "shop.public.Order_lines"
 *
 * A placeholder stands for the table's own name, and whatever Kafka does not allow in a topic becomes "_", in
 * the expanded text and in the template's literal parts alike: this is what Debezium does, so a migrated
 * pipeline keeps its topics. Kafka's limit is 249 bytes; a longer name is an error here, before anything was
 * read, and never cut, because two long names could be cut to the same topic. Where the database has no schemas
 * (MySQL) its databases stand in their place. What expands to nothing takes the dot behind it along.
 *
 * This file does not know whether two tables of a pipeline share a topic: names/owners.c, which sees all tables,
 * does. */
#include "schema/names/topic.h"

#include <stdio.h>

#define TOPIC_MAX 249

bool mr_topic_legal(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static const struct {
    const char *name;
    size_t offset;
} placeholders[] = {
    {"{name}", offsetof(struct mr_table, server)},
    {"{database}", offsetof(struct mr_table, database)},
    {"{schema}", offsetof(struct mr_table, schema)},
    {"{table}", offsetof(struct mr_table, name)},
};
#define PLACEHOLDERS (sizeof(placeholders) / sizeof(placeholders[0]))

/* Index of the placeholder that starts at `at`, or PLACEHOLDERS. */
static size_t placeholder_at(const char *at)
{
    size_t i;

    for (i = 0; i < PLACEHOLDERS; i++) {
        if (strncmp(at, placeholders[i].name, strlen(placeholders[i].name)) == 0)
            break;
    }
    return i;
}

int mr_topic_check(const char *template, struct mr_err *err)
{
    if (!template || !template[0])
        return mr_err_set(err, MR_CONFIG, "config.topic_template", "the topic template is empty");
    for (const char *at = template; *at;) {
        if (*at == '{') {
            size_t i = placeholder_at(at);
            if (i == PLACEHOLDERS) {
                mr_err_set(err, MR_CONFIG, "config.topic_template",
                           "the topic template \"%s\" has an unknown placeholder at \"%s\"",
                           template, at);
                mr_err_hint(err, "use {name}, {database}, {schema} and {table}");
                return MR_CONFIG;
            }
            at += strlen(placeholders[i].name);
        } else if (*at == '}') {
            return mr_err_set(err, MR_CONFIG, "config.topic_template",
                              "the topic template \"%s\" has a } without its {", template);
        } else {
            at++;
        }
    }
    return 0;
}

/* How many _ the byte stands for: one per UTF-16 unit, so none for the later bytes of a UTF-8 sequence and two
 * for the first byte of one of four. */
static size_t units(char byte)
{
    unsigned char first = (unsigned char)byte;

    return (first & 0xc0) == 0x80 ? 0 : first >= 0xf0 ? 2 : 1;
}

/* Appends text with illegal characters replaced; returns the new length, which counts on beyond the room. */
static size_t append(char *topic, size_t size, struct mr_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        bool keep = mr_topic_legal(text.data[i]);

        for (size_t more = keep ? 1 : units(text.data[i]); more > 0; more--, size++) {
            if (size < TOPIC_MAX)
                topic[size] = keep ? text.data[i] : '_';
        }
    }
    return size;
}

/* What placeholder i stands for. */
static struct mr_slice part_of(const struct mr_table *table, size_t i)
{
    struct mr_slice part;

    memcpy(&part, (const char *)table + placeholders[i].offset, sizeof(part));
    if (placeholders[i].offset == offsetof(struct mr_table, schema) && part.size == 0)
        part = table->database;
    return part;
}

static size_t expand(const char *template, const struct mr_table *table, char *topic)
{
    size_t size = 0;

    for (const char *at = template; *at;) {
        size_t i = *at == '{' ? placeholder_at(at) : PLACEHOLDERS;
        struct mr_slice part;

        if (i == PLACEHOLDERS) {
            size = append(topic, size, mr_slice(at, 1));
            at++;
            continue;
        }
        part = part_of(table, i);
        size = append(topic, size, part);
        at += strlen(placeholders[i].name);
        if (part.size == 0 && *at == '.' && (size == 0 || topic[size - 1] == '.'))
            at++;
    }
    return size;
}

int mr_topic_assign(const char *template, struct mr_table *table, struct mr_err *err)
{
    char topic[TOPIC_MAX];
    size_t size;
    int rc = mr_topic_check(template, err);

    if (rc < 0)
        return rc;
    size = expand(template, table, topic);
    if (size == 0 || size > TOPIC_MAX || (size <= 2 && strspn(topic, ".") >= size)) {
        mr_err_set(
            err, MR_CONFIG, "config.topic_name",
            "table %.*s.%.*s gets a topic name of %zu bytes, Kafka allows 1 to %d and not . or ..",
            MR_SLICE_ARG(table->schema), MR_SLICE_ARG(table->name), size, TOPIC_MAX);
        mr_err_hint(err, "choose a shorter sink.topic or source.name");
        return MR_CONFIG;
    }
    table->topic = mr_arena_copy(&table->arena, mr_slice(topic, size));
    return 0;
}

struct mr_slice mr_topic_logical(struct mr_arena *arena, const struct mr_table *table)
{
    char name[TOPIC_MAX];
    size_t size = expand("{name}.{schema}.{table}", table, name);

    return mr_arena_copy(arena, mr_slice(name, size < TOPIC_MAX ? size : TOPIC_MAX));
}

void mr_topic_parts(const char *template, const struct mr_table *table, struct mr_buf *buf)
{
    for (const char *at = template; *at; at++) {
        size_t i = *at == '{' ? placeholder_at(at) : PLACEHOLDERS;
        if (i == PLACEHOLDERS)
            continue;
        mr_buf_add_slice(buf, part_of(table, i));
        mr_buf_add_char(buf, 0);
    }
}

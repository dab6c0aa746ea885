/* Names of destinations, made once per table version.
 *
 *     template   "{name}.{schema}.{table}"
 *     table      server "shop", schema "public", name "Order lines"
 *     topic      "shop.public.Order_lines"
 *     index      "shop.public.order_lines"       a sink whose names have no capitals
 *
 * A placeholder stands for the table's own name, and whatever the sink does not allow becomes its stand-in, in the
 * expanded text and in the template's literal parts alike: with Kafka's rules this is what Debezium does, so a migrated
 * pipeline keeps its topics. A name that is too long is an error here, before anything was read, and never cut,
 * because two long names could be cut to the same. A part that the table does not have expands to nothing, and a dot
 * that would stand alone because of it goes too.
 *
 * This file does not know whether two tables of a pipeline share a topic: names/owners.c, which sees all tables,
 * does. */
#include "schema/names/topic.h"

#include <stdio.h>

static const struct mr_sink_names topics = {
    .what = "topic", .also = "._-", .upper = true, .instead = '_', .longest = 249};

/* The most that any sink's names may have. */
#define NAME_MAX_BYTES 1024

static bool is_legal(const struct mr_sink_names *names, char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'))
        return true;
    return c && strchr(names->also, c);
}

bool mr_topic_legal(char c)
{
    return is_legal(&topics, c);
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

/* For how many stand-ins the byte stands: one per UTF-16 unit, so none for the later bytes of a UTF-8 sequence and two
 * for the first byte of one of four. */
static size_t units(char byte)
{
    unsigned char first = (unsigned char)byte;

    return (first & 0xc0) == 0x80 ? 0 : first >= 0xf0 ? 2 : 1;
}

static char allowed(const struct mr_sink_names *names, char c)
{
    if (!is_legal(names, c))
        return names->instead;
    return (char)(c >= 'A' && c <= 'Z' && !names->upper ? c - 'A' + 'a' : c);
}

/* Appends text with illegal characters replaced; returns the new length, which counts on beyond the room. */
static size_t append(const struct mr_sink_names *names, char *name, size_t size,
                     struct mr_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        size_t more = is_legal(names, text.data[i]) ? 1 : units(text.data[i]);

        for (; more > 0; more--, size++) {
            if (size < NAME_MAX_BYTES)
                name[size] = allowed(names, text.data[i]);
        }
    }
    return size;
}

/* What a placeholder stands for. */
static struct mr_slice part_of(const struct mr_table *table, size_t i, const char *template)
{
    struct mr_slice part;

    memcpy(&part, (const char *)table + placeholders[i].offset, sizeof(part));
    if (part.size == 0 && placeholders[i].offset == offsetof(struct mr_table, schema) &&
        !strstr(template, "{database}"))
        part = table->database;
    return part;
}

static size_t expand(const char *template, const struct mr_sink_names *names,
                     const struct mr_table *table, char *name)
{
    size_t size = 0;

    for (const char *at = template; *at;) {
        size_t i = *at == '{' ? placeholder_at(at) : PLACEHOLDERS;
        struct mr_slice part;

        if (i == PLACEHOLDERS) {
            size = append(names, name, size, mr_slice(at, 1));
            at++;
            continue;
        }
        part = part_of(table, i, template);
        size = append(names, name, size, part);
        at += strlen(placeholders[i].name);
        if (part.size == 0 && *at == '.' && (size == 0 || name[size - 1] == '.'))
            at++;
    }
    return size;
}

static int refuse(const struct mr_sink_names *names, const struct mr_table *table, size_t size,
                  char first, struct mr_err *err)
{
    struct mr_slice schema = mr_table_space(table);
    const char *what = names->what;

    if (size == 0 || size > names->longest)
        mr_err_set(err, MR_CONFIG, "config.topic_name",
                   "table %.*s.%.*s gets a name of %zu bytes for its %s, 1 to %zu are allowed",
                   MR_SLICE_ARG(schema), MR_SLICE_ARG(table->name), size, what, names->longest);
    else
        mr_err_set(err, MR_CONFIG, "config.topic_name",
                   "table %.*s.%.*s gets a name for its %s that begins with \"%c\"%s",
                   MR_SLICE_ARG(schema), MR_SLICE_ARG(table->name), what, first,
                   first == '.' ? ", or is . or .." : "");
    mr_err_hint(err, "choose another sink.topic or source.name");
    return MR_CONFIG;
}

int mr_topic_assign(const char *template, const struct mr_sink_names *names, struct mr_table *table,
                    struct mr_err *err)
{
    char name[NAME_MAX_BYTES];
    bool bad;
    size_t size;
    int rc = mr_topic_check(template, err);

    if (rc < 0)
        return rc;
    if (!names)
        names = &topics;
    size = expand(template, names, table, name);
    bad = size == 0 || size > names->longest || size > sizeof(name) ||
          (size <= 2 && memcmp(name, "..", size) == 0) ||
          (names->not_first && strchr(names->not_first, name[0]));
    if (bad)
        return refuse(names, table, size, name[0], err);
    table->topic = mr_arena_copy(&table->arena, mr_slice(name, size));
    return 0;
}

struct mr_slice mr_topic_logical(struct mr_arena *arena, const struct mr_table *table)
{
    char name[NAME_MAX_BYTES];
    size_t size = expand("{name}.{schema}.{table}", &topics, table, name);

    return mr_arena_copy(arena, mr_slice(name, size < topics.longest ? size : topics.longest));
}

void mr_topic_parts(const char *template, const struct mr_table *table, struct mr_buf *buf)
{
    for (const char *at = template; *at; at++) {
        size_t i = *at == '{' ? placeholder_at(at) : PLACEHOLDERS;
        struct mr_slice part;

        if (i == PLACEHOLDERS)
            continue;
        part = part_of(table, i, template);
        mr_buf_add_slice(buf, part);
        mr_buf_add_char(buf, 0);
    }
}

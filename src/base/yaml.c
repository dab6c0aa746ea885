/* From libyaml's events to a tree of ours.
 *
 * libyaml could build a tree itself, but its loader follows aliases, drops the style of scalars and forgets how
 * deep it is. So events are read one by one, and the stack is ours:
 *
 *     STREAM-START DOCUMENT-START  node  DOCUMENT-END STREAM-END
 *     node = SCALAR | SEQUENCE-START node* SEQUENCE-END | MAPPING-START (SCALAR node)* MAPPING-END
 *
 * What a configuration has no use for becomes a finding with its place, and reading goes on: an alias stands as
 * an empty scalar, an anchor or tag is dropped. Only a syntax error ends it, because libyaml cannot go on then.
 * A mapping's duplicates are found when it closes; the first value stays. Nothing here knows options. */
#include "base/yaml.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    struct mr_diag_file *file;
    struct mr_arena *arena;
    struct mr_diag *diag;
    bool broken; /* a syntax error was reported */
};

static struct mr_yaml_node *read_node(struct reader *reader, const yaml_event_t *event,
                                      const char *path, int depth);

const char *mr_yaml_path(struct mr_arena *arena, const char *path, const char *key)
{
    return mr_arena_printf(arena, "%s%s%s", path, path[0] && key[0] != '[' ? "." : "", key);
}

static void syntax_error(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    yaml_mark_t mark = parser->problem_mark;
    const char *problem = parser->problem ? parser->problem : "unreadable";
    struct mr_diag_item *item;

    reader->broken = true;
    reader->file->unparsed = true;
    if (parser->error == YAML_READER_ERROR) {
        mr_diag_add(reader->diag, "config.syntax", reader->file, 0, 0, NULL,
                    "not UTF-8 text: %s at byte %zu", problem, parser->problem_offset);
        return;
    }
    /* A quote or bracket that is never closed is found at the end of the file; the user looks for its start. */
    if (parser->context && strstr(problem, "end of stream"))
        mark = parser->context_mark;
    item = mr_diag_add(reader->diag, "config.syntax", reader->file, (uint32_t)mark.line + 1,
                       (uint32_t)mark.column + 1, NULL, "not valid YAML: %s%s%s", problem,
                       parser->context ? " " : "", parser->context ? parser->context : "");
    if (strstr(problem, "mapping values are not allowed"))
        mr_diag_hint(reader->diag, item,
                     "a value with \": \" in it needs quotes; otherwise check the indentation");
    else if (strstr(problem, "cannot start any token") || strstr(problem, "a tab character"))
        mr_diag_hint(reader->diag, item,
                     "indent with spaces, not tabs; quote values that begin with @ ` or %%");
    else if (strstr(problem, "expected <block end>") || strstr(problem, "expected key"))
        mr_diag_hint(reader->diag, item, "check the indentation of this line and of the one above");
}

/* False at the first syntax error. The event is the caller's to delete. */
static bool next_event(struct reader *reader, yaml_event_t *ret_event)
{
    memset(ret_event, 0, sizeof(*ret_event));
    if (reader->broken)
        return false;
    if (yaml_parser_parse(&reader->parser, ret_event))
        return true;
    syntax_error(reader);
    return false;
}

static void set_end(struct mr_yaml_node *node, const yaml_event_t *event)
{
    node->end_line = (uint32_t)event->end_mark.line + 1;
    node->end_column = (uint32_t)event->end_mark.column + 1;
}

static struct mr_yaml_node *new_node(struct reader *reader, enum mr_yaml_kind kind,
                                     const yaml_event_t *event)
{
    struct mr_yaml_node *node = MR_ARENA_NEW(reader->arena, struct mr_yaml_node);

    memset(node, 0, sizeof(*node));
    node->kind = kind;
    node->file = reader->file;
    node->text = "";
    node->line = (uint32_t)event->start_mark.line + 1;
    node->column = (uint32_t)event->start_mark.column + 1;
    set_end(node, event);
    return node;
}

static void refuse(struct reader *reader, const char *code, const yaml_event_t *event,
                   const char *path, const char *text)
{
    mr_diag_add(reader->diag, code, reader->file, (uint32_t)event->start_mark.line + 1,
                (uint32_t)event->start_mark.column + 1, path, "%s", text);
}

static void refuse_anchor_and_tag(struct reader *reader, const yaml_event_t *event,
                                  const char *path, const yaml_char_t *anchor,
                                  const yaml_char_t *tag)
{
    if (anchor)
        refuse(reader, "config.alias", event, path,
               "anchors (&name) are not used here: write the value out where it is needed");
    if (tag)
        refuse(reader, "config.tag", event, path,
               "tags (!name) are not used here: each option knows its own type");
}

static struct mr_yaml_node *read_scalar(struct reader *reader, const yaml_event_t *event,
                                        const char *path)
{
    struct mr_yaml_node *node = new_node(reader, MR_YAML_SCALAR, event);
    struct mr_slice text = mr_slice(event->data.scalar.value, event->data.scalar.length);

    refuse_anchor_and_tag(reader, event, path, event->data.scalar.anchor, event->data.scalar.tag);
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (text.size > 0 && memchr(text.data, 0, text.size)) {
        refuse(reader, "config.value", event, path, "a value cannot contain a NUL byte");
        return node;
    }
    node->text = mr_arena_str(reader->arena, text);
    return node;
}

/* Children are gathered in arrays that double. False when there are too many: nothing more is read then. */
static bool add_child(struct reader *reader, struct mr_yaml_node *node, struct mr_yaml_node *key,
                      struct mr_yaml_node *item)
{
    size_t count = node->count;

    if (count == MR_YAML_WIDEST) {
        mr_diag_add(reader->diag, "config.limit", reader->file, node->line, node->column, NULL,
                    "more than %d entries", MR_YAML_WIDEST);
        reader->broken = true;
        return false;
    }
    if ((count & (count - 1)) == 0) {
        size_t room = count ? count * 2 : 1;
        struct mr_yaml_node **keys = MR_ARENA_ARRAY(reader->arena, struct mr_yaml_node *, room);
        struct mr_yaml_node **items = MR_ARENA_ARRAY(reader->arena, struct mr_yaml_node *, room);
        if (count > 0) {
            memcpy(keys, node->keys, count * sizeof(*keys));
            memcpy(items, node->items, count * sizeof(*items));
        }
        node->keys = keys;
        node->items = items;
    }
    node->keys[count] = key;
    node->items[count] = item;
    node->count = count + 1;
    return true;
}

static void read_sequence(struct reader *reader, struct mr_yaml_node *node, const char *path,
                          int depth)
{
    yaml_event_t event;
    char index[32];

    while (next_event(reader, &event)) {
        struct mr_yaml_node *item;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            set_end(node, &event);
            yaml_event_delete(&event);
            return;
        }
        snprintf(index, sizeof(index), "[%zu]", node->count);
        item = read_node(reader, &event, mr_yaml_path(reader->arena, path, index), depth + 1);
        yaml_event_delete(&event);
        if (!item || !add_child(reader, node, NULL, item))
            return;
    }
}

static bool is_duplicate(struct reader *reader, const struct mr_yaml_node *node,
                         const struct mr_yaml_node *key, const char *path)
{
    for (size_t i = 0; i < node->count; i++) {
        if (strcmp(node->keys[i]->text, key->text) != 0)
            continue;
        mr_diag_add(reader->diag, "config.duplicate_key", reader->file, key->line, key->column,
                    path, "given twice; the first is in line %u", node->keys[i]->line);
        return true;
    }
    return false;
}

/* One key and its value; false at a syntax error. */
static bool read_pair(struct reader *reader, struct mr_yaml_node *node, const yaml_event_t *event,
                      const char *path, int depth)
{
    struct mr_yaml_node *key = read_node(reader, event, path, depth + 1), *item;
    const char *item_path;
    yaml_event_t next;
    bool usable;

    if (!key)
        return false;
    if (key->kind != MR_YAML_SCALAR)
        refuse(reader, "config.key", event, path, "a key must be a plain name");
    item_path = mr_yaml_path(reader->arena, path, key->text);
    if (!next_event(reader, &next))
        return false;
    item = read_node(reader, &next, item_path, depth + 1);
    yaml_event_delete(&next);
    if (!item)
        return false;
    usable = key->kind == MR_YAML_SCALAR;
    if (usable && !is_duplicate(reader, node, key, item_path))
        return add_child(reader, node, key, item);
    mr_yaml_hide(item, reader->arena);
    return true;
}

static void read_mapping(struct reader *reader, struct mr_yaml_node *node, const char *path,
                         int depth)
{
    yaml_event_t event;
    bool more = true;

    while (more && next_event(reader, &event)) {
        if (event.type == YAML_MAPPING_END_EVENT) {
            set_end(node, &event);
            more = false;
        } else {
            more = read_pair(reader, node, &event, path, depth);
        }
        yaml_event_delete(&event);
    }
}

static struct mr_yaml_node *too_deep(struct reader *reader, const yaml_event_t *event,
                                     const char *path)
{
    (void)path; /* hundreds of characters that say nothing */
    reader->broken = true;
    refuse(reader, "config.limit", event, NULL, "nested deeper than 32 levels");
    return NULL;
}

/* NULL once the text is broken. */
static struct mr_yaml_node *read_node(struct reader *reader, const yaml_event_t *event,
                                      const char *path, int depth)
{
    struct mr_yaml_node *node;

    if (depth > MR_YAML_DEEPEST)
        return too_deep(reader, event, path);
    switch (event->type) {
    case YAML_SCALAR_EVENT: return read_scalar(reader, event, path);
    case YAML_ALIAS_EVENT:
        refuse(reader, "config.alias", event, path,
               "aliases (*name) are not used here: write the value out where it is needed");
        return new_node(reader, MR_YAML_SCALAR, event);
    case YAML_SEQUENCE_START_EVENT:
        node = new_node(reader, MR_YAML_SEQUENCE, event);
        refuse_anchor_and_tag(reader, event, path, event->data.sequence_start.anchor,
                              event->data.sequence_start.tag);
        read_sequence(reader, node, path, depth);
        break;
    case YAML_MAPPING_START_EVENT:
        node = new_node(reader, MR_YAML_MAPPING, event);
        refuse_anchor_and_tag(reader, event, path, event->data.mapping_start.anchor,
                              event->data.mapping_start.tag);
        read_mapping(reader, node, path, depth);
        break;
    default: return NULL;
    }
    return reader->broken ? NULL : node;
}

/* The one document; a second one is a finding. */
static struct mr_yaml_node *read_stream(struct reader *reader)
{
    struct mr_yaml_node *root = NULL;
    yaml_event_t event;
    bool ended = false;

    while (!ended && next_event(reader, &event)) {
        switch (event.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT: break;
        case YAML_STREAM_END_EVENT:
            ended = true;
            if (!root)
                root = new_node(reader, MR_YAML_MAPPING, &event);
            break;
        case YAML_DOCUMENT_START_EVENT:
            if (!root)
                break;
            refuse(reader, "config.syntax", &event, NULL,
                   "a second document (---) begins here: one file holds one document");
            ended = true;
            break;
        default: root = read_node(reader, &event, "", 0); break;
        }
        yaml_event_delete(&event);
    }
    return reader->broken ? NULL : root;
}

struct mr_yaml_node *mr_yaml_parse(struct mr_diag_file *file, struct mr_arena *arena,
                                   struct mr_diag *diag)
{
    struct reader reader = {.file = file, .arena = arena, .diag = diag};
    struct mr_slice text = file->text;
    struct mr_yaml_node *root;

    if (text.size > MR_YAML_LARGEST) {
        mr_diag_add(diag, "config.limit", file, 0, 0, NULL,
                    "larger than 1 MiB: this is no configuration file");
        return NULL;
    }
    if (!yaml_parser_initialize(&reader.parser))
        mr_out_of_memory(sizeof(reader.parser));
    if (text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
        text = mr_slice(text.data + 3, text.size - 3);
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser,
                                 (const unsigned char *)(text.data ? text.data : ""), text.size);
    root = read_stream(&reader);
    yaml_parser_delete(&reader.parser);
    return root;
}

struct mr_yaml_node *mr_yaml_get(const struct mr_yaml_node *mapping, const char *key)
{
    for (size_t i = 0; mapping->kind == MR_YAML_MAPPING && i < mapping->count; i++) {
        if (strcmp(mapping->keys[i]->text, key) == 0)
            return mapping->items[i];
    }
    return NULL;
}

bool mr_yaml_is_null(const struct mr_yaml_node *node)
{
    return node->kind == MR_YAML_SCALAR && !node->quoted && !node->substituted &&
           (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
            strcmp(node->text, "null") == 0);
}

void mr_yaml_hide(struct mr_yaml_node *node, struct mr_arena *arena)
{
    node->tainted = true;
    mr_diag_secret(arena, node->file, node->line, node->column, node->end_line, node->end_column);
}

const char *mr_yaml_describe(const struct mr_yaml_node *node, struct mr_arena *arena)
{
    struct mr_buf shown;
    size_t size;
    const char *text;

    if (node->kind != MR_YAML_SCALAR)
        return node->kind == MR_YAML_MAPPING ? "a mapping" : "a list";
    if (mr_yaml_is_null(node))
        return "nothing";
    if (node->tainted)
        return "*** (a secret)";
    mr_buf_init(&shown, 4096);
    size = strnlen(node->text, 60);
    while (size > 0 && ((unsigned char)node->text[size] & 0xc0) == 0x80)
        size--;
    mr_diag_add_masked(&shown, mr_slice(node->text, size));
    text = mr_arena_printf(arena, "\"%s%s\"", mr_buf_cstr(&shown), node->text[size] ? "..." : "");
    mr_buf_done(&shown);
    return text;
}

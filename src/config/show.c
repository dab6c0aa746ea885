/* The configuration as it takes effect: what the files say, what the defaults say, and where each comes from.
 *
 * The tables are walked, not the files, so that every option appears once, in the tables' order, whether a file
 * names it or not; the node a file gave is looked up on the way. An option without value and default is left out.
 *
 *     pipelines:
 *       shop:
 *         source:
 *           type: postgres         # shop.yaml:6
 *           password: ***          # conf.d/secret.yaml:3
 *           slot_timeout: 60s      # default
 *
 * The YAML can be loaded again (a dollar is doubled) except for the secrets, which are never shown: those a
 * table calls so, and all that came from ${file:}. */
#include "config/print.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "config/load.h"
#include "config/tables.h"

struct show {
    struct mr_buf *out;
    struct mr_arena *arena;
    bool origin, json;
};

/* The keys of one mapping may be described by two tables. */
struct tables {
    const struct mr_option *shared, *own;
};

static bool is_plain(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-";

    return text[0] && strspn(text, letters) == strlen(text) && text[0] != '-' &&
           strcmp(text, "null") != 0;
}

/* Behind the value of "key=value" or "key = 'value'", `at` being its equals sign. */
static size_t behind_value(const char *text, size_t at)
{
    const char *end = " ";

    at += 1 + strspn(text + at + 1, " ");
    if (text[at] == '\'') {
        end = "'";
        at++;
    }
    while (text[at] && text[at] != end[0])
        at += text[at] == '\\' && text[at + 1] ? 2 : 1;
    return at + (text[at] == '\'');
}

/* In "host=db user=cdc hunter2", what stands by itself: most likely a password without its key. At or after `from`. */
static bool stray_word(const char *text, size_t from, size_t *ret_start, size_t *ret_end)
{
    bool pairs = false;

    for (size_t at = strspn(text, " "); text[at]; at += strspn(text + at, " ")) {
        size_t start = at, end = at + strcspn(text + at, "= "),
               next = end + strspn(text + end, " ");
        if (text[next] == '=') {
            at = behind_value(text, next);
            pairs = true;
            continue;
        }
        if (!pairs)
            return false;
        if (start >= from) {
            *ret_start = start;
            *ret_end = end;
            return true;
        }
        at = end;
    }
    return false;
}

static bool secret_part(struct mr_slice text, size_t from, size_t *ret_start, size_t *ret_end)
{
    size_t start, end;
    bool known = mr_diag_password(text, from, ret_start, ret_end);

    if (!stray_word(text.data, from, &start, &end) || (known && *ret_start <= start))
        return known;
    *ret_start = start;
    *ret_end = end;
    return true;
}

/* A scalar as YAML that reads back as the same text. */
static void add_scalar(struct mr_buf *out, const char *text)
{
    struct mr_slice shown = mr_slice_str(text);
    struct mr_buf doubled;
    size_t at = 0, start, end;

    if (is_plain(text)) {
        mr_buf_add_str(out, text);
        return;
    }
    mr_buf_init(&doubled, 2 * shown.size + 4096);
    while (secret_part(shown, at, &start, &end)) {
        mr_buf_add(&doubled, text + at, start - at);
        mr_buf_add_str(&doubled, "***");
        at = end;
    }
    for (; at < shown.size; at++)
        mr_buf_printf(&doubled, text[at] == '$' ? "$$" : "%c", text[at]);
    mr_json_add_str(out, mr_buf_slice(&doubled));
    mr_buf_done(&doubled);
}

static const char *origin_of(const struct show *show, const struct mr_yaml_node *node)
{
    return node ? mr_arena_printf(show->arena, "%s:%u", node->file->path, node->line) : "default";
}

/* One line, or one member of the JSON object. value is YAML text. */
static void emit(const struct show *show, int depth, const char *path, const char *key,
                 const char *value, const struct mr_yaml_node *node)
{
    const char *origin = origin_of(show, node);
    size_t start = show->out->size;

    if (show->json) {
        mr_json_add_key(show->out, path);
        mr_buf_add_str(show->out, "{");
        mr_json_add_key(show->out, "value");
        mr_json_add_str(show->out, mr_slice_str(value));
        mr_json_add_key(show->out, "origin");
        mr_json_add_str(show->out, mr_slice_str(origin));
        mr_buf_add_str(show->out, "}");
        return;
    }
    mr_buf_printf(show->out, "%*s%s: %s", depth * 2, "", key, value);
    if (show->origin) {
        size_t width = show->out->size - start;
        mr_buf_printf(show->out, "%*s# %s", width < 48 ? (int)(48 - width) : 2, "", origin);
    }
    mr_buf_add_char(show->out, '\n');
}

static void open_group(const struct show *show, int depth, const char *key)
{
    if (!show->json)
        mr_buf_printf(show->out, "%*s%s:\n", depth * 2, "", key);
}

static void add_item(struct mr_buf *value, size_t i, const struct mr_yaml_node *key,
                     const struct mr_yaml_node *item)
{
    mr_buf_add_str(value, i ? ", " : "");
    if (key) {
        add_scalar(value, key->text);
        mr_buf_add_str(value, ": ");
    }
    if (item->tainted)
        mr_buf_add_str(value, "\"***\"");
    else
        add_scalar(value, item->kind == MR_YAML_SCALAR ? item->text : "");
}

/* The value of an option as YAML on one line; NULL when it has none. */
static const char *value_of(const struct show *show, const struct mr_option *option,
                            const struct mr_yaml_node *node)
{
    struct mr_buf value;
    const char *text;
    bool list = option->type == MR_OPTION_LIST;

    if ((option->flags & MR_OPTION_SECRET) || (node && node->tainted))
        return node ? "\"***\"" : NULL;
    if (!node && (!option->standard || list))
        return option->standard;
    mr_buf_init(&value, 8 << 20);
    if (!node || node->kind == MR_YAML_SCALAR) {
        add_scalar(&value, node ? node->text : option->standard);
    } else {
        mr_buf_add_char(&value, list ? '[' : '{');
        for (size_t i = 0; i < node->count; i++)
            add_item(&value, i, list ? NULL : node->keys[i], node->items[i]);
        mr_buf_add_char(&value, list ? ']' : '}');
    }
    text = mr_arena_str(show->arena, mr_slice_str(mr_buf_cstr(&value)));
    mr_buf_done(&value);
    return text;
}

static void show_tables(const struct show *show, int depth, const char *path, struct tables tables,
                        const struct mr_yaml_node *node);

static void show_option(const struct show *show, int depth, const char *path,
                        const struct mr_option *option, const struct mr_yaml_node *node)
{
    const char *here = mr_yaml_path(show->arena, path, option->key), *value;

    if (option->type == MR_OPTION_GROUP && option->group &&
        !(node && node->kind == MR_YAML_SCALAR)) {
        open_group(show, depth, option->key);
        show_tables(show, depth + 1, here, (struct tables){option->group, NULL}, node);
        return;
    }
    if (option->type == MR_OPTION_GROUP && !option->group)
        return; /* filled, and shown, from a connector's table */
    value = value_of(show, option, node);
    if (value)
        emit(show, depth, here, option->key, value, node);
}

static void show_tables(const struct show *show, int depth, const char *path, struct tables tables,
                        const struct mr_yaml_node *node)
{
    const struct mr_option *lists[] = {tables.shared, tables.own};

    for (size_t t = 0; t < 2; t++) {
        for (const struct mr_option *option = lists[t]; option && option->type != MR_OPTION_END;
             option++)
            show_option(show, depth, path, option, node ? mr_yaml_get(node, option->key) : NULL);
    }
}

static void show_part(const struct show *show, const char *path, const char *key,
                      struct tables tables, const struct mr_yaml_node *pipeline)
{
    open_group(show, 2, key);
    show_tables(show, 3, mr_yaml_path(show->arena, path, key), tables, mr_yaml_get(pipeline, key));
}

static void show_transforms(const struct show *show, const char *path,
                            const struct mr_pipeline_config *config,
                            const struct mr_yaml_node *pipeline)
{
    const struct mr_yaml_node *list = mr_yaml_get(pipeline, "transforms");

    if (config->transform_count == 0)
        return;
    open_group(show, 2, "transforms");
    for (size_t i = 0; i < config->transform_count; i++) {
        const char *here = mr_arena_printf(show->arena, "%s.transforms[%zu]", path, i);
        if (!show->json)
            mr_buf_printf(show->out, "      -\n");
        show_tables(show, 4, here,
                    (struct tables){mr_config_transform_options, config->transforms[i]->options},
                    list->items[i]);
    }
}

static void show_pipeline(const struct show *show, const struct mr_pipeline_config *config,
                          const struct mr_yaml_node *pipeline)
{
    const char *path = mr_yaml_path(show->arena, "pipelines", config->name);

    open_group(show, 1, config->name);
    show_part(show, path, "source",
              (struct tables){mr_config_source_options, config->source->options}, pipeline);
    show_transforms(show, path, config, pipeline);
    if (config->encoder)
        show_part(show, path, "format",
                  (struct tables){mr_config_format_options, config->encoder->options}, pipeline);
    show_part(show, path, "sink", (struct tables){mr_config_sink_options, config->sink->options},
              pipeline);
    show_tables(show, 2, path, (struct tables){mr_config_pipeline_options, NULL}, pipeline);
}

static void show_all(const struct show *show, const struct mr_config *config)
{
    const struct mr_config_load *load = config->owner;
    const struct mr_yaml_node *pipelines = mr_yaml_get(load->root, "pipelines");

    show_tables(show, 0, "", (struct tables){mr_config_top_options, NULL}, load->root);
    open_group(show, 0, "pipelines");
    for (size_t i = 0; i < config->pipeline_count; i++)
        show_pipeline(show, &config->pipelines[i], pipelines->items[i]);
}

void mr_config_show(const struct mr_config *config, bool origin, struct mr_buf *ret_text)
{
    struct mr_config_load *load = config->owner;
    struct show show = {ret_text, &load->arena, origin, false};

    show_all(&show, config);
}

void mr_config_show_json(const struct mr_config *config, struct mr_buf *ret_json)
{
    struct mr_config_load *load = config->owner;
    struct show show = {ret_json, &load->arena, true, true};

    mr_buf_add_str(ret_json, "{");
    show_all(&show, config);
    mr_buf_add_str(ret_json, "}");
}

/* One mapping of the tree into the struct its tables describe.
 *
 * For every pair of the mapping the option is looked up in all tables that apply (the keys every source shares,
 * then the source's own); for every option without a pair its default is written, or its absence is a finding
 * when it is required. Values are text until here; base/option.c knows what they mean.
 *
 * What must not be shown is decided here as well: a SECRET option's value, and everything no table knows (a
 * misspelt `pasword` is a password). A value may be shown in "got ..." only if it is neither. */
#include "config/load.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"

/* What the functions below hand along. */
struct fill {
    struct mr_config_load *load;
    const struct mr_config_set *sets;
    size_t set_count;
    const char *path;
};

static const char *const fault_codes[] = {
    [MR_OPTION_FAULT_TYPE] = "config.type",
    [MR_OPTION_FAULT_UNIT] = "config.unit",
    [MR_OPTION_FAULT_RANGE] = "config.range",
    [MR_OPTION_FAULT_CHOICE] = "config.choice",
};

void mr_config_wrong_kind(struct mr_config_load *load, struct mr_yaml_node *node, const char *path,
                          const char *expected)
{
    const char *got = mr_yaml_describe(node, &load->arena);

    mr_diag_add(&load->diag, "config.type", node->file, node->line, node->column, path,
                "expected %s, got %s", expected, got);
    if (node->kind != MR_YAML_SCALAR)
        mr_yaml_hide(node, &load->arena);
}

static const struct mr_option *find(const struct fill *fill, const char *key, void **ret_config)
{
    for (size_t i = 0; i < fill->set_count; i++) {
        const struct mr_option *option = mr_option_find(fill->sets[i].options, key);
        if (option) {
            *ret_config = fill->sets[i].config;
            return option;
        }
    }
    return NULL;
}

/* "known keys here: a, b, c" */
static const char *known_keys(const struct fill *fill)
{
    struct mr_buf text;
    const char *result;
    size_t count = 0;

    mr_buf_init(&text, 1500);
    for (size_t i = 0; i < fill->set_count; i++) {
        const struct mr_option *option = fill->sets[i].options;
        for (; option && option->type != MR_OPTION_END; option++)
            mr_buf_printf(&text, "%s%s", count++ ? ", " : "known keys here: ", option->key);
    }
    result = mr_arena_str(&fill->load->arena, mr_slice_str(mr_buf_cstr(&text)));
    mr_buf_done(&text);
    return result;
}

static void unknown_key(const struct fill *fill, struct mr_yaml_node *key,
                        struct mr_yaml_node *item)
{
    struct mr_suggest suggest = mr_suggest(key->text);
    struct mr_diag_item *finding;

    for (size_t i = 0; i < fill->set_count; i++) {
        const struct mr_option *option = fill->sets[i].options;
        for (; option && option->type != MR_OPTION_END; option++)
            mr_suggest_offer(&suggest, option->key);
    }
    mr_yaml_hide(item, &fill->load->arena);
    finding =
        mr_diag_add(&fill->load->diag, "config.unknown_key", key->file, key->line, key->column,
                    mr_yaml_path(&fill->load->arena, fill->path, key->text), "unknown key");
    if (suggest.best)
        mr_diag_hint(&fill->load->diag, finding, "did you mean \"%s\"?", suggest.best);
    else
        finding->hint = known_keys(fill);
}

static void suggest_choice(const struct fill *fill, const struct mr_option *option,
                           const struct mr_yaml_node *node, struct mr_diag_item *finding)
{
    struct mr_suggest suggest = mr_suggest(node->text);

    for (size_t i = 0; option->choices[i]; i++)
        mr_suggest_offer(&suggest, option->choices[i]);
    if (suggest.best)
        mr_diag_hint(&fill->load->diag, finding, "did you mean \"%s\"?", suggest.best);
}

/* The sink `type: null` is a word like any other. */
static bool is_type(const struct mr_option *option)
{
    return strcmp(option->key, "type") == 0;
}

static void fill_scalar(const struct fill *fill, const struct mr_option *option, void *config,
                        struct mr_yaml_node *node, const char *path)
{
    char expected[512];
    enum mr_option_fault fault = MR_OPTION_FAULT_TYPE;
    struct mr_diag_item *finding;

    if (node->kind == MR_YAML_SCALAR && (!mr_yaml_is_null(node) || is_type(option)))
        fault = mr_option_set(option, node->text, config);
    if (fault == MR_OPTION_OK)
        return;
    mr_option_expected(option, expected, sizeof(expected));
    if (fault == MR_OPTION_FAULT_TYPE) {
        mr_config_wrong_kind(fill->load, node, path, expected);
        return;
    }
    finding = mr_diag_add(&fill->load->diag, fault_codes[fault], node->file, node->line,
                          node->column, path, "expected %s, got %s", expected,
                          mr_yaml_describe(node, &fill->load->arena));
    if (fault == MR_OPTION_FAULT_CHOICE)
        suggest_choice(fill, option, node, finding);
    if (fault == MR_OPTION_FAULT_UNIT && !node->tainted)
        mr_diag_hint(&fill->load->diag, finding, "add the unit: %s%s", node->text,
                     option->type == MR_OPTION_SIZE ? "B, ...KiB, ...MiB" : "s, ...ms, ...m");
}

static bool usable_item(const struct fill *fill, struct mr_yaml_node *item, const char *path)
{
    if (item->kind == MR_YAML_SCALAR && !mr_yaml_is_null(item))
        return true;
    mr_config_wrong_kind(fill->load, item, path, "a text");
    return false;
}

/* An item of a list whose items are words of a few. */
static void check_choice(const struct fill *fill, const struct mr_option *option,
                         struct mr_yaml_node *item, const char *path)
{
    char expected[512];
    struct mr_diag_item *finding;

    for (size_t i = 0; option->choices && option->choices[i]; i++) {
        if (strcmp(option->choices[i], item->text) == 0)
            return;
    }
    if (!option->choices)
        return;
    mr_option_expected(option, expected, sizeof(expected));
    finding =
        mr_diag_add(&fill->load->diag, "config.choice", item->file, item->line, item->column, path,
                    "expected %s, got %s", expected, mr_yaml_describe(item, &fill->load->arena));
    suggest_choice(fill, option, item, finding);
}

static void fill_list(const struct fill *fill, const struct mr_option *option,
                      struct mr_option_list *list, struct mr_yaml_node *node, const char *path)
{
    size_t count = node->kind == MR_YAML_SEQUENCE ? node->count : 1;

    if (node->kind == MR_YAML_MAPPING || mr_yaml_is_null(node)) {
        mr_config_wrong_kind(fill->load, node, path, "a list");
        return;
    }
    list->items = MR_ARENA_ARRAY(&fill->load->arena, const char *, count);
    list->count = 0;
    if (node->kind == MR_YAML_SCALAR) {
        check_choice(fill, option, node, path);
        list->items[list->count++] = node->text;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char index[32];
        const char *here;
        snprintf(index, sizeof(index), "[%zu]", i);
        here = mr_yaml_path(&fill->load->arena, path, index);
        if (!usable_item(fill, node->items[i], here))
            continue;
        check_choice(fill, option, node->items[i], here);
        list->items[list->count++] = node->items[i]->text;
    }
}

/* Names in a free mapping come from elsewhere (librdkafka's, HTTP headers): a secret is told by its name. */
static void hide_by_name(const struct fill *fill, const char *key, struct mr_yaml_node *item)
{
    static const char *const words[] = {"pass",          "secret", "token", "credential",
                                        "authorization", ".pem",   "jaas"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasestr(key, words[i])) {
            if (item->reference)
                item->tainted = true;
            else
                mr_yaml_hide(item, &fill->load->arena);
            return;
        }
    }
}

static void fill_map(const struct fill *fill, struct mr_option_map *map, struct mr_yaml_node *node,
                     const char *path)
{
    if (node->kind != MR_YAML_MAPPING) {
        mr_config_wrong_kind(fill->load, node, path, "a mapping of names to values");
        return;
    }
    map->keys = MR_ARENA_ARRAY(&fill->load->arena, const char *, node->count);
    map->values = MR_ARENA_ARRAY(&fill->load->arena, const char *, node->count);
    map->count = 0;
    for (size_t i = 0; i < node->count; i++) {
        const char *key = node->keys[i]->text;
        hide_by_name(fill, key, node->items[i]);
        if (!usable_item(fill, node->items[i], mr_yaml_path(&fill->load->arena, path, key)))
            continue;
        map->keys[map->count] = key;
        map->values[map->count++] = node->items[i]->text;
    }
}

/* A group; one with a short form also as the value of its first option. */
static void fill_group(const struct fill *fill, const struct mr_option *option, void *field,
                       struct mr_yaml_node *node, const char *path)
{
    struct mr_config_set set = {option->group, field};

    if (!option->group)
        return;
    if (!(option->flags & MR_OPTION_SHORT) || node->kind != MR_YAML_SCALAR) {
        mr_config_fill(fill->load, &set, 1, path, node);
        return;
    }
    mr_option_defaults(option->group, field, &fill->load->arena);
    fill_scalar(fill, option->group, field, node, path);
}

static void fill_option(const struct fill *fill, const struct mr_option *option, void *config,
                        struct mr_yaml_node *node)
{
    const char *path = mr_yaml_path(&fill->load->arena, fill->path, option->key);
    void *field = (char *)config + option->offset;

    if (option->flags & MR_OPTION_SECRET) {
        if (node->reference)
            node->tainted = true;
        else
            mr_yaml_hide(node, &fill->load->arena);
    }
    if (option->type == MR_OPTION_GROUP) {
        fill_group(fill, option, field, node, path);
    } else if (option->type == MR_OPTION_LIST) {
        fill_list(fill, option, field, node, path);
    } else if (option->type == MR_OPTION_MAP) {
        fill_map(fill, field, node, path);
    } else {
        fill_scalar(fill, option, config, node, path);
    }
}

static const char *first_sentence(struct mr_config_load *load, const char *doc)
{
    const char *end = doc ? strstr(doc, ". ") : NULL;

    return end ? mr_arena_str(&load->arena, mr_slice(doc, (size_t)(end + 1 - doc))) : doc;
}

static void fill_absent(const struct fill *fill, const struct mr_option *option, void *config,
                        const struct mr_yaml_node *node)
{
    char expected[512];
    struct mr_diag_item *finding;

    mr_option_default(option, config, &fill->load->arena);
    if (!(option->flags & MR_OPTION_REQUIRED) || !node)
        return;
    mr_option_expected(option, expected, sizeof(expected));
    finding = mr_diag_add(&fill->load->diag, "config.missing", node->file, node->line, node->column,
                          mr_yaml_path(&fill->load->arena, fill->path, option->key),
                          "missing: expected %s", expected);
    if (option->doc)
        finding->hint = first_sentence(fill->load, option->doc);
}

void mr_config_fill(struct mr_config_load *load, const struct mr_config_set *sets, size_t set_count,
                    const char *path, struct mr_yaml_node *node)
{
    struct fill fill = {load, sets, set_count, path};
    const struct mr_option *option;
    void *config;

    if (node && node->kind != MR_YAML_MAPPING && !mr_yaml_is_null(node)) {
        mr_config_wrong_kind(load, node, path, "a mapping");
        node = NULL;
    }
    /* A group whose keys are all commented out is nothing to YAML, and an empty mapping to its author. */
    for (size_t i = 0; node && i < node->count; i++) {
        option = find(&fill, node->keys[i]->text, &config);
        if (!option)
            unknown_key(&fill, node->keys[i], node->items[i]);
        else
            fill_option(&fill, option, config, node->items[i]);
    }
    for (size_t s = 0; s < set_count; s++) {
        for (option = sets[s].options; option && option->type != MR_OPTION_END; option++) {
            if (!node || !mr_yaml_get(node, option->key))
                fill_absent(&fill, option, sets[s].config, node);
        }
    }
}

/* The option tables as JSON Schema 2020-12, for editors.
 *
 * Each table becomes an object with properties and additionalProperties false. Where a mapping's keys depend on
 * its `type`, the shared keys stand in an outer object and one if/then per connector adds the rest:
 *
 *     {"properties": {"type": {"enum": [...]}}, "required": ["type"],
 *      "allOf": [{"if": {"properties": {"type": {"const": "file"}}}, "then": {"properties": {...}}}]}
 *
 * Any scalar may be a ${...} instead, so each is "the real thing, or a string with a substitution in it". */
#include "config/print.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "config/tables.h"
#include "plug/plug.h"

static void add_object(struct mr_buf *json, const struct mr_option *shared,
                       const struct mr_option *own);

static void add_pair(struct mr_buf *json, const char *key, const char *text)
{
    mr_json_add_key(json, key);
    mr_json_add_str(json, mr_slice_str(text));
}

static void add_substitution(struct mr_buf *json)
{
    mr_buf_add_str(json, ",{\"type\":\"string\",\"pattern\":\"\\\\$\\\\{\"}]");
}

static void add_number(struct mr_buf *json, const struct mr_option *option)
{
    mr_json_add_key(json, "anyOf");
    mr_buf_add_str(json, "[{\"type\":\"integer\"");
    if (option->min != 0 || option->max != 0)
        mr_buf_printf(json, ",\"minimum\":%" PRId64 ",\"maximum\":%" PRId64, option->min,
                      option->max);
    mr_buf_add_str(json, "}");
    add_substitution(json);
}

static void add_enum(struct mr_buf *json, const struct mr_option *option)
{
    mr_json_add_key(json, "anyOf");
    mr_buf_add_str(json, "[{\"enum\":[");
    for (size_t i = 0; option->choices[i]; i++) {
        mr_buf_add_str(json, i ? "," : "");
        mr_json_add_str(json, mr_slice_str(option->choices[i]));
        /* YAML readers take a plain true for a boolean. */
        if (strcmp(option->choices[i], "true") == 0 || strcmp(option->choices[i], "false") == 0)
            mr_buf_printf(json, ",%s", option->choices[i]);
    }
    mr_buf_add_str(json, "]}");
    add_substitution(json);
}

/* One of the words, or several. */
static void add_choice_list(struct mr_buf *json, const struct mr_option *option)
{
    mr_json_add_key(json, "anyOf");
    mr_buf_add_str(json, "[{");
    add_enum(json, option);
    mr_buf_add_str(json, "},{\"type\":\"array\",\"items\":{");
    add_enum(json, option);
    mr_buf_add_str(json, "}}]");
}

/* zero: a plain 0 needs no unit. */
static void add_pattern(struct mr_buf *json, const char *pattern, bool zero)
{
    mr_json_add_key(json, "anyOf");
    mr_buf_add_str(json, zero ? "[{\"const\":0}," : "[");
    mr_buf_add_str(json, "{\"type\":\"string\",\"pattern\":");
    mr_json_add_str(json, mr_slice_str(pattern));
    mr_buf_add_str(json, "}");
    add_substitution(json);
}

/* YAML readers of editors see a plain 5 or true as a number or boolean; as a text of ours it is fine. */
#define ANY_SCALAR "{\"type\":[\"string\",\"number\",\"boolean\"]}"

static void add_group(struct mr_buf *json, const struct mr_option *option)
{
    mr_json_add_key(json, "anyOf");
    mr_buf_add_str(json, "[");
    add_object(json, option->group, NULL);
    if (option->flags & MR_OPTION_SHORT)
        mr_buf_add_str(json, "," ANY_SCALAR);
    /* All of its keys commented out: nothing to YAML, defaults to us. */
    if (!(option->flags & MR_OPTION_REQUIRED))
        mr_buf_add_str(json, ",{\"type\":\"null\"}");
    mr_buf_add_str(json, "]");
}

static void add_type(struct mr_buf *json, const struct mr_option *option)
{
    switch (option->type) {
    case MR_OPTION_END: break;
    case MR_OPTION_BOOL:
        mr_json_add_key(json, "anyOf");
        mr_buf_add_str(json, "[{\"type\":\"boolean\"}");
        add_substitution(json);
        break;
    case MR_OPTION_INT: add_number(json, option); break;
    case MR_OPTION_SIZE:
        add_pattern(json, "^[0-9]+([.][0-9]+)?(B|[KMGT]iB|kB|MB|GB)$", false);
        break;
    case MR_OPTION_DURATION:
        add_pattern(json, "^(0|[0-9]+([.][0-9]+)?(us|ms|s|m|h|d))$", true);
        break;
    case MR_OPTION_STRING:
        mr_buf_add_str(json, ",\"type\":[\"string\",\"number\",\"boolean\"");
        mr_buf_add_str(json, strcmp(option->key, "type") == 0 ? ",\"null\"]" : "]");
        break;
    case MR_OPTION_ENUM: add_enum(json, option); break;
    case MR_OPTION_LIST:
        if (option->choices) {
            add_choice_list(json, option);
            break;
        }
        mr_buf_add_str(json,
                       ",\"anyOf\":[" ANY_SCALAR ",{\"type\":\"array\",\"items\":" ANY_SCALAR "}]");
        break;
    case MR_OPTION_MAP:
        mr_buf_add_str(json, ",\"type\":\"object\",\"additionalProperties\":" ANY_SCALAR);
        break;
    case MR_OPTION_GROUP: add_group(json, option); break;
    }
}

static void add_property(struct mr_buf *json, const struct mr_option *option)
{
    mr_json_add_key(json, option->key);
    mr_buf_add_str(json, "{");
    add_pair(json, "description", option->doc ? option->doc : "");
    if (option->standard)
        add_pair(json, "default", option->standard);
    add_type(json, option);
    mr_buf_add_str(json, "}\n"); /* one line per option: differences stay readable */
}

static bool is_elsewhere(const struct mr_option *option)
{
    return option->type == MR_OPTION_GROUP && !option->group;
}

/* Properties and required of one or two tables. */
static void add_object(struct mr_buf *json, const struct mr_option *shared,
                       const struct mr_option *own)
{
    const struct mr_option *lists[] = {shared, own};
    bool first = true;

    mr_buf_add_str(json, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
    for (size_t t = 0; t < 2; t++) {
        for (const struct mr_option *o = lists[t]; o && o->type != MR_OPTION_END; o++) {
            if (!is_elsewhere(o))
                add_property(json, o);
        }
    }
    mr_buf_add_str(json, "},\"required\":[");
    for (size_t t = 0; t < 2; t++) {
        for (const struct mr_option *o = lists[t]; o && o->type != MR_OPTION_END; o++) {
            if (!(o->flags & MR_OPTION_REQUIRED) || is_elsewhere(o))
                continue;
            mr_buf_add_str(json, first ? "" : ",");
            mr_json_add_str(json, mr_slice_str(o->key));
            first = false;
        }
    }
    mr_buf_add_str(json, "]}");
}

/* A connector's name among others. To YAML the plain word null is no text; to us it is a sink. */
static void add_name(struct mr_buf *json, size_t i, const char *name)
{
    mr_buf_printf(json, "%s\"%s\"%s", i ? "," : "", name, strcmp(name, "null") == 0 ? ",null" : "");
}

/* A connector's branch: taken when the type is its name. */
static void add_branch(struct mr_buf *json, size_t i, const char *name,
                       const struct mr_option *shared, const struct mr_option *own)
{
    mr_buf_printf(json, "%s{\"if\":{\"properties\":{\"type\":{\"enum\":[", i ? "," : "");
    add_name(json, 0, name);
    mr_buf_add_str(json, "]}},\"required\":[\"type\"]},\"then\":");
    add_object(json, shared, own);
    mr_buf_add_str(json, "}");
}

static void open_kind(struct mr_buf *json, const char *key)
{
    mr_json_add_key(json, key);
    mr_buf_add_str(json, "{\"type\":\"object\",\"properties\":{\"type\":{\"enum\":[");
}

static void add_sources(struct mr_buf *json)
{
    const struct mr_source *const *list = mr_plug_sources();

    open_kind(json, "source");
    for (size_t i = 0; list[i]; i++)
        add_name(json, i, list[i]->name);
    mr_buf_add_str(json, "]}},\"required\":[\"type\"],\"allOf\":[");
    for (size_t i = 0; list[i]; i++)
        add_branch(json, i, list[i]->name, mr_config_source_options, list[i]->options);
    mr_buf_add_str(json, list[0] ? "]}" : "true]}");
}

static void add_formats(struct mr_buf *json)
{
    const struct mr_encoder *const *list = mr_plug_encoders();

    open_kind(json, "format");
    for (size_t i = 0; list[i]; i++)
        add_name(json, i, list[i]->name);
    mr_buf_add_str(json, "]}},\"allOf\":[");
    for (size_t i = 0; list[i]; i++)
        add_branch(json, i, list[i]->name, mr_config_format_options, list[i]->options);
    mr_buf_add_str(json, list[0] ? "]}" : "true]}");
}

static void add_sinks(struct mr_buf *json)
{
    const struct mr_sink *const *list = mr_plug_sinks();

    open_kind(json, "sink");
    for (size_t i = 0; list[i]; i++)
        add_name(json, i, list[i]->name);
    mr_buf_add_str(json, "]}},\"required\":[\"type\"],\"allOf\":[");
    for (size_t i = 0; list[i]; i++)
        add_branch(json, i, list[i]->name, mr_config_sink_options, list[i]->options);
    mr_buf_add_str(json, list[0] ? "]}" : "true]}");
}

static void add_transforms(struct mr_buf *json)
{
    const struct mr_transform *const *list = mr_plug_transforms();

    mr_buf_add_str(json, ",\"transforms\":{\"type\":\"array\"");
    open_kind(json, "items");
    for (size_t i = 0; list[i]; i++)
        add_name(json, i, list[i]->name);
    mr_buf_add_str(json, "]}},\"required\":[\"type\"],\"allOf\":[");
    for (size_t i = 0; list[i]; i++)
        add_branch(json, i, list[i]->name, mr_config_transform_options, list[i]->options);
    mr_buf_add_str(json, list[0] ? "]}}" : "true]}}");
}

static void add_pipeline(struct mr_buf *json)
{
    mr_buf_add_str(json, "{\"type\":\"object\",\"additionalProperties\":false,"
                         "\"required\":[\"source\",\"sink\"],\"properties\":{");
    add_sources(json);
    add_transforms(json);
    add_formats(json);
    add_sinks(json);
    for (const struct mr_option *o = mr_config_pipeline_options; o->type != MR_OPTION_END; o++) {
        if (!is_elsewhere(o))
            add_property(json, o);
    }
    mr_buf_add_str(json, "}}");
}

void mr_config_schema(struct mr_buf *ret_json)
{
    mr_buf_add_str(ret_json, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
                             "\"title\":\"millrace configuration\",\"type\":\"object\","
                             "\"additionalProperties\":false,\"properties\":{");
    for (const struct mr_option *o = mr_config_top_options; o->type != MR_OPTION_END; o++) {
        if (!is_elsewhere(o))
            add_property(ret_json, o);
    }
    mr_json_add_key(ret_json, "pipelines");
    mr_buf_add_str(ret_json, "{\"type\":\"object\",\"minProperties\":1,"
                             "\"propertyNames\":{\"pattern\":\"^[A-Za-z0-9_-]{1,63}$\"},"
                             "\"additionalProperties\":");
    add_pipeline(ret_json);
    mr_buf_add_str(ret_json, "}}}\n");
}

/* The option tables as pages: docs/reference/configuration.md and config/millrace.yaml.
 *
 * Both walk every table there is, in one order: the top of the file, a pipeline, then each connector that is
 * linked in. The page lists keys with type, default and explanation, nested keys joined by dots. The example is a
 * file that loads: what has a default stands with it, what is required has a sample value, everything else is
 * commented out; one source, format and sink are live, the others are comments below them.
 *
 * Neither file is edited by hand: a gate compares them with what this prints. */
#include "config/print.h"

#include <stdio.h>
#include <string.h>

#include "config/tables.h"
#include "plug/plug.h"

enum { WIDTH = 100 };

/* Values that a reader recognises, for options without a default. */
static const struct {
    const char *key, *value;
} samples[] = {
    {"dsn", "\"host=localhost dbname=shop user=cdc\""},
    {"directory", "/data/changes"},
    {"brokers", "[localhost:9092]"},
    {"password", "${file:/run/secrets/password}"},
    {"tables", "[\"public.*\", \"!public.audit_*\"]"},
    {"include", "[conf.d/*.yaml]"},
    {"name", "shop"},
    {"slot", "millrace_shop"},
    {"client", "{security.protocol: SASL_SSL}"},
    {"transactional_id", "millrace.shop.shop"},
};

static const char *sample_of(const struct mr_option *option)
{
    if (strcmp(option->key, "directory") == 0 && !(option->flags & MR_OPTION_REQUIRED))
        return "/var/lib/millrace"; /* state.directory */
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        if (strcmp(samples[i].key, option->key) == 0)
            return samples[i].value;
    }
    switch (option->type) {
    case MR_OPTION_LIST: return "[...]";
    case MR_OPTION_MAP: return "{name: value}";
    case MR_OPTION_ENUM: return option->choices[0];
    case MR_OPTION_SIZE: return "64MiB";
    case MR_OPTION_DURATION: return "10s";
    case MR_OPTION_INT: return "1";
    case MR_OPTION_BOOL: return "false";
    default: return "\"...\"";
    }
}

static bool is_elsewhere(const struct mr_option *option)
{
    return option->type == MR_OPTION_GROUP && !option->group;
}

/* The length of a summary without the full stop that some have. */
static size_t sentence(const char *summary)
{
    size_t size = strlen(summary);

    return size > 0 && summary[size - 1] == '.' ? size - 1 : size;
}

/* -------- the page -------- */

static void page_options(struct mr_buf *text, const char *prefix, const struct mr_option *options);

static void page_option(struct mr_buf *text, const char *prefix, const struct mr_option *option)
{
    char expected[600], path[200];

    mr_option_expected(option, expected, sizeof(expected));
    if (strcmp(option->key, "transforms") == 0)
        snprintf(expected, sizeof(expected), "a list of mappings");
    snprintf(path, sizeof(path), "%s%s", prefix, option->key);
    mr_buf_printf(text, "- **`%s`**: %s", path, expected);
    if (option->type == MR_OPTION_GROUP && (option->flags & MR_OPTION_SHORT))
        mr_buf_printf(text, ", or a value for `%s.%s` in its place", path, option->group[0].key);
    if (option->standard)
        mr_buf_printf(text, "; default `%s`", option->standard);
    if (option->flags & MR_OPTION_REQUIRED)
        mr_buf_add_str(text, "; **required**");
    if (option->flags & MR_OPTION_SECRET)
        mr_buf_add_str(text, "; secret, never printed");
    mr_buf_printf(text, ".\n  %s\n", option->doc ? option->doc : "");
    if (option->type == MR_OPTION_GROUP && option->group) {
        snprintf(path, sizeof(path), "%s%s.", prefix, option->key);
        page_options(text, path, option->group);
    }
}

static void page_options(struct mr_buf *text, const char *prefix, const struct mr_option *options)
{
    for (; options && options->type != MR_OPTION_END; options++)
        page_option(text, prefix, options);
}

static void page_connector(struct mr_buf *text, const char *kind, const char *name,
                           const char *summary, const struct mr_option *options)
{
    mr_buf_printf(text, "\n### %s `type: %s`\n\n%.*s.\n\n", kind, name, (int)sentence(summary),
                  summary);
    if (!options || options->type == MR_OPTION_END)
        mr_buf_add_str(text, "No options of its own.\n");
    page_options(text, "", options);
}

static void page_pipeline(struct mr_buf *text)
{
    mr_buf_add_str(text, "\n## Sources\n\nKeys that every source has:\n\n");
    page_options(text, "", mr_config_source_options);
    for (size_t i = 0; mr_plug_sources()[i]; i++)
        page_connector(text, "source", mr_plug_sources()[i]->name, mr_plug_sources()[i]->summary,
                       mr_plug_sources()[i]->options);
    mr_buf_add_str(text, "\n## Transforms\n\nKeys that every transform has:\n\n");
    page_options(text, "", mr_config_transform_options);
    for (size_t i = 0; mr_plug_transforms()[i]; i++)
        page_connector(text, "transform", mr_plug_transforms()[i]->name,
                       mr_plug_transforms()[i]->summary, mr_plug_transforms()[i]->options);
    mr_buf_add_str(text, "\n## Formats\n\nKeys that every format has:\n\n");
    page_options(text, "", mr_config_format_options);
    for (size_t i = 0; mr_plug_encoders()[i]; i++)
        page_connector(text, "format", mr_plug_encoders()[i]->name, mr_plug_encoders()[i]->summary,
                       mr_plug_encoders()[i]->options);
    mr_buf_add_str(text, "\n## Sinks\n\nKeys that every sink has:\n\n");
    page_options(text, "", mr_config_sink_options);
    for (size_t i = 0; mr_plug_sinks()[i]; i++)
        page_connector(text, "sink", mr_plug_sinks()[i]->name, mr_plug_sinks()[i]->summary,
                       mr_plug_sinks()[i]->options);
}

void mr_config_reference(struct mr_buf *ret_text)
{
    mr_buf_add_str(ret_text,
                   "# Configuration\n\n"
                   "<!-- Made by `millrace docs configuration` from the tables in the code. Do not "
                   "edit. -->\n\n"
                   "One YAML file, or several that merge. A value means what its option says: `no` "
                   "is not false, a size or\n"
                   "duration needs its unit, unknown and duplicate keys, anchors, aliases and tags "
                   "are errors. All that is wrong\n"
                   "is reported at once, with file, line and column; nothing is contacted by "
                   "`millrace check FILE`.\n\n"
                   "In any value: `${env:NAME}`, `${env:NAME:-default}`, `${file:/path}` (one line "
                   "end at its end is cut), `$$` for\n"
                   "a dollar. They are replaced after the YAML is read, so a value cannot add "
                   "structure. What comes from a file,\n"
                   "and every option marked secret, is printed as `***`.\n\n"
                   "Several files (arguments, `--config`, `include`) merge: mappings key by key, "
                   "other values are replaced, later\n"
                   "wins. `millrace config show --origin` tells where each value comes from.\n\n"
                   "## Top of the file\n\n");
    page_options(ret_text, "", mr_config_top_options);
    mr_buf_add_str(ret_text, "\n## A pipeline\n\nBelow `pipelines:`, by name:\n\n");
    page_options(ret_text, "", mr_config_pipeline_options);
    page_pipeline(ret_text);
}

/* -------- the example -------- */

/* How a line of the example begins: "# " when all of its block is a comment. */
struct place {
    int depth;
    bool comment;
};

static void begin_line(struct mr_buf *text, struct place place, bool comment)
{
    if (place.comment)
        mr_buf_printf(text, "# %*s%s", place.depth * 2, "", comment ? "# " : "");
    else
        mr_buf_printf(text, "%*s%s", place.depth * 2, "", comment ? "# " : "");
}

/* A doc text as comment lines, broken between words. */
static void add_doc(struct mr_buf *text, struct place place, const char *doc)
{
    size_t room = (size_t)(WIDTH - 4 - place.depth * 2);

    while (doc && *doc) {
        size_t size = strlen(doc);
        if (size > room) {
            size = room;
            while (size > 0 && doc[size] != ' ')
                size--;
            if (size == 0)
                size = strcspn(doc, " ");
        }
        begin_line(text, place, true);
        mr_buf_add(text, doc, size);
        mr_buf_add_char(text, '\n');
        doc += size;
        doc += strspn(doc, " ");
    }
}

static void add_choices(struct mr_buf *text, struct place place, const struct mr_option *option)
{
    if (option->type != MR_OPTION_ENUM)
        return;
    begin_line(text, place, true);
    for (size_t i = 0; option->choices[i]; i++)
        mr_buf_printf(text, "%s%s", i ? " | " : "", option->choices[i]);
    mr_buf_add_char(text, '\n');
}

static bool needs_quotes(const struct mr_option *option)
{
    return option->type == MR_OPTION_STRING && option->standard &&
           (option->standard[0] == '\0' || strpbrk(option->standard, "{}[],:#&*!|>'\"%@` $"));
}

static void example_options(struct mr_buf *text, struct place place,
                            const struct mr_option *options);

static void example_option(struct mr_buf *text, struct place place, const struct mr_option *option)
{
    struct place inner = {place.depth + 1, place.comment};
    const char *quote = needs_quotes(option) ? "\"" : "";

    add_doc(text, place, option->doc);
    add_choices(text, place, option);
    if (option->type == MR_OPTION_GROUP) {
        begin_line(text, place, false);
        mr_buf_printf(text, "%s:\n", option->key);
        example_options(text, inner, option->group);
        return;
    }
    begin_line(text, place, !option->standard && !(option->flags & MR_OPTION_REQUIRED));
    mr_buf_printf(text, "%s: %s%s%s\n", option->key, quote,
                  option->standard ? option->standard : sample_of(option), quote);
}

/* A mapping all of whose lines are comments would be no mapping: its first key then stands with its sample. */
static void example_options(struct mr_buf *text, struct place place,
                            const struct mr_option *options)
{
    for (; options && options->type != MR_OPTION_END; options++) {
        if (!is_elsewhere(options) && strcmp(options->key, "type") != 0)
            example_option(text, place, options);
    }
}

static void example_connector(struct mr_buf *text, const char *kind, const char *name,
                              const char *summary, const struct mr_option *shared,
                              const struct mr_option *own, bool comment)
{
    struct place head = {2, comment}, body = {3, comment};

    if (comment)
        mr_buf_add_char(text, '\n');
    begin_line(text, head, true);
    mr_buf_printf(text, "%s%s: %.*s.\n", comment ? "Instead, " : "", name, (int)sentence(summary),
                  summary);
    begin_line(text, head, false);
    mr_buf_printf(text, "%s:\n", kind);
    begin_line(text, body, false);
    mr_buf_printf(text, "type: %s\n", name);
    example_options(text, body, shared);
    example_options(text, body, own);
}

/* The live one of each kind. */
static const char live_source[] = "postgres", live_format[] = "json", live_sink[] = "file";

static void example_pipeline(struct mr_buf *text, bool comment)
{
    for (size_t i = 0; mr_plug_sources()[i]; i++) {
        const struct mr_source *plug = mr_plug_sources()[i];
        if ((strcmp(plug->name, live_source) != 0) == comment)
            example_connector(text, "source", plug->name, plug->summary, mr_config_source_options,
                              plug->options, comment);
    }
    for (size_t i = 0; mr_plug_encoders()[i]; i++) {
        const struct mr_encoder *plug = mr_plug_encoders()[i];
        if ((strcmp(plug->name, live_format) != 0) == comment)
            example_connector(text, "format", plug->name, plug->summary, mr_config_format_options,
                              plug->options, comment);
    }
    for (size_t i = 0; mr_plug_sinks()[i]; i++) {
        const struct mr_sink *plug = mr_plug_sinks()[i];
        if ((strcmp(plug->name, live_sink) != 0) == comment)
            example_connector(text, "sink", plug->name, plug->summary, mr_config_sink_options,
                              plug->options, comment);
    }
}

static void example_transforms(struct mr_buf *text)
{
    for (size_t i = 0; mr_plug_transforms()[i]; i++) {
        const struct mr_transform *plug = mr_plug_transforms()[i];
        mr_buf_printf(text, "\n#     # %s: %.*s.\n#     transforms:\n#       - type: %s\n",
                      plug->name, (int)sentence(plug->summary), plug->summary, plug->name);
        example_options(text, (struct place){4, true}, plug->options);
    }
}

void mr_config_example(struct mr_buf *ret_text)
{
    mr_buf_add_str(
        ret_text,
        "# Every option of millrace with its default. Made by `millrace docs example`; do not "
        "edit, copy.\n"
        "# The lines that are live make a valid file; what is commented out has no default.\n"
        "# yaml-language-server: $schema=millrace.schema.json\n\n");
    example_options(ret_text, (struct place){0, false}, mr_config_top_options);
    mr_buf_add_str(
        ret_text,
        "\npipelines:\n  # One pipeline; there may be several, each by its own name.\n  shop:\n");
    example_pipeline(ret_text, false);
    example_options(ret_text, (struct place){2, false}, mr_config_pipeline_options);
    mr_buf_add_str(ret_text, "\n# Other sources, formats and sinks.\n");
    example_pipeline(ret_text, true);
    example_transforms(ret_text);
}

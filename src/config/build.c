/* From the merged tree to struct mr_config: which connectors, and their structs.
 *
 * A connector is found by its `type` first; only then is it known which table describes the rest of its keys.
 * Where the type is wrong the rest cannot be checked and is hidden from output. Config structs are zeroed, get
 * the defaults of their table, then what the file says; they live in the configuration's arena.
 *
 * What needs more than one value is checked here: names that are used as parts of other names, a topic that is
 * no template, a format for a sink that takes typed changes, two pipelines of one name (which the YAML layer
 * refuses already). What needs a server is `check --environment`. */
#include "config/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "config/alone.h"
#include "config/tables.h"
#include "config/side_topics.h"
#include "schema/names/topic.h"
#include "plug/plug.h"

enum { LONGEST_NAME = 63 };

/* The names of one kind of connector, whatever the kind. */
struct kind {
    const char *what;
    const char *(*name)(size_t i); /* NULL at the end */
};

static const char *source_name(size_t i)
{
    return mr_plug_sources()[i] ? mr_plug_sources()[i]->name : NULL;
}

static const char *encoder_name(size_t i)
{
    return mr_plug_encoders()[i] ? mr_plug_encoders()[i]->name : NULL;
}

static const char *sink_name(size_t i)
{
    return mr_plug_sinks()[i] ? mr_plug_sinks()[i]->name : NULL;
}

static const char *transform_name(size_t i)
{
    return mr_plug_transforms()[i] ? mr_plug_transforms()[i]->name : NULL;
}

static const struct kind sources = {"source", source_name};
static const struct kind encoders = {"format", encoder_name};
static const struct kind sinks = {"sink", sink_name};
static const struct kind transforms = {"transform", transform_name};

static void *config_new(struct mr_config_load *load, size_t size)
{
    void *config = mr_arena_alloc(&load->arena, size ? size : 1, 16);

    memset(config, 0, size ? size : 1);
    return config;
}

static void unknown_type(struct mr_config_load *load, const struct kind *kind,
                         struct mr_yaml_node *node, const char *path)
{
    struct mr_suggest suggest = mr_suggest(node->text);
    struct mr_diag_item *finding;
    struct mr_buf names;

    mr_buf_init(&names, 1000);
    for (size_t i = 0; kind->name(i); i++) {
        mr_suggest_offer(&suggest, kind->name(i));
        mr_buf_printf(&names, "%s%s", i ? ", " : "", kind->name(i));
    }
    finding = mr_diag_add(&load->diag, "config.unknown_type", node->file, node->line, node->column,
                          mr_yaml_path(&load->arena, path, "type"),
                          "there is no %s of the type %s; expected one of %s", kind->what,
                          mr_yaml_describe(node, &load->arena), mr_buf_cstr(&names));
    if (suggest.best)
        mr_diag_hint(&load->diag, finding, "did you mean \"%s\"?", suggest.best);
    mr_buf_done(&names);
}

/* Nothing below was checked: hide what stands there. */
static void hide_rest(struct mr_config_load *load, struct mr_yaml_node *node)
{
    for (size_t i = 0; node->kind == MR_YAML_MAPPING && i < node->count; i++) {
        if (strcmp(node->keys[i]->text, "type") != 0 && strcmp(node->keys[i]->text, "name") != 0)
            mr_yaml_hide(node->items[i], &load->arena);
    }
}

/* The value of `type`, or NULL after a finding. `standard` stands in where the key is absent. */
static const char *type_of(struct mr_config_load *load, const struct kind *kind,
                           struct mr_yaml_node *node, const char *path, const char *standard)
{
    struct mr_yaml_node *type = mr_yaml_get(node, "type");

    if (!type && standard) /* a sink of the type null is no YAML null: text is text here */
        return standard;
    if (node->kind != MR_YAML_MAPPING) {
        mr_config_wrong_kind(load, node, path, "a mapping with a type");
    } else if (!type) {
        mr_diag_add(&load->diag, "config.missing", node->file, node->line, node->column,
                    mr_yaml_path(&load->arena, path, "type"), "missing: the kind of %s",
                    kind->what);
    } else if (type->kind != MR_YAML_SCALAR || type->text[0] == '\0') {
        mr_config_wrong_kind(load, type, mr_yaml_path(&load->arena, path, "type"), "a text");
    } else {
        for (size_t i = 0; kind->name(i); i++) {
            if (strcmp(kind->name(i), type->text) == 0)
                return type->text;
        }
        unknown_type(load, kind, type, path);
    }
    hide_rest(load, node);
    return NULL;
}

/* Fills a connector's struct together with the keys all of its kind share. */
static void *fill_connector(struct mr_config_load *load, const struct mr_option *shared,
                            struct mr_config_common *ret_common, const struct mr_option *options,
                            size_t size, const char *path, struct mr_yaml_node *node)
{
    void *config = config_new(load, size);
    struct mr_config_set sets[] = {{shared, ret_common}, {options, config}};

    mr_config_fill(load, sets, 2, path, node);
    return config;
}

static bool is_name(const char *text)
{
    return text[0] && strlen(text) <= LONGEST_NAME &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
               strlen(text);
}

/* What a connector says of its settings; key: the option at fault, NULL: none. */
static void add_problem(struct mr_config_load *load, const struct mr_err *problem, const char *key,
                        struct mr_yaml_node *node, const char *path)
{
    struct mr_yaml_node *place = key ? mr_yaml_get(node, key) : NULL;

    place = place ? place : node;
    mr_diag_add(&load->diag, problem->code, place->file, place->line, place->column,
                key ? mr_yaml_path(&load->arena, path, key) : path, "%s", problem->text)
        ->hint = mr_arena_str(&load->arena, mr_slice_str(problem->hint));
}

/* What a source's option table cannot tell. Not after a finding, which may be the cause. */
static void check_source(struct mr_config_load *load, const struct mr_pipeline_config *pipeline,
                         struct mr_yaml_node *node, const char *path)
{
    const struct mr_context context = {.pipeline = pipeline->name, .server = pipeline->server};
    const struct mr_source_args args = {.context = &context, .config = pipeline->source_config};
    const char *key = NULL;
    struct mr_err problem;

    mr_err_clear(&problem);
    if (!pipeline->source->check || pipeline->source->check(&args, &key, &problem) == 0)
        return;
    /* What cannot be read may have a secret anywhere. */
    if (key && mr_yaml_get(node, key))
        mr_yaml_hide(mr_yaml_get(node, key), &load->arena);
    add_problem(load, &problem, key, node, path);
}

static void build_source(struct mr_config_load *load, struct mr_pipeline_config *pipeline,
                         struct mr_yaml_node *node, const char *path)
{
    struct mr_config_common common = {0};
    const char *type = type_of(load, &sources, node, path, NULL);
    size_t findings = load->diag.count;

    if (!type)
        return;
    pipeline->source = mr_plug_source(type);
    pipeline->source_config =
        fill_connector(load, mr_config_source_options, &common, pipeline->source->options,
                       pipeline->source->config_size, path, node);
    if (common.other)
        pipeline->server = common.other;
    if (load->diag.count == findings)
        check_source(load, pipeline, node, path);
}

static void check_topic(struct mr_config_load *load, const char *topic, const char *key,
                        struct mr_yaml_node *node, const char *path)
{
    struct mr_yaml_node *place = mr_yaml_get(node, key);
    struct mr_err problem;

    mr_err_clear(&problem);
    if (mr_topic_check(topic, &problem) == 0)
        return;
    place = place ? place : node;
    mr_diag_add(&load->diag, problem.code, place->file, place->line, place->column,
                mr_yaml_path(&load->arena, path, key), "%s", problem.text)
        ->hint = mr_arena_str(&load->arena, mr_slice_str(problem.hint));
}

/* A topic that does not belong to a table. */
static void check_side_topic(struct mr_config_load *load, const char *topic, const char *key,
                             const char *what, struct mr_yaml_node *node, const char *path)
{
    struct mr_yaml_node *place = node ? mr_yaml_get(node, key) : NULL;

    if (!place || !topic)
        return;
    check_topic(load, topic, key, node, path);
    if (strstr(topic, "{table}") || strstr(topic, "{schema}") || strstr(topic, "{database}"))
        mr_diag_add(&load->diag, "config.topic_template", place->file, place->line, place->column,
                    mr_yaml_path(&load->arena, path, key),
                    "%s have one topic: it cannot be named for a table", what);
}

/* What a sink's option table cannot tell. Not after a finding, which may be the cause. */
static void check_sink(struct mr_config_load *load, const struct mr_pipeline_config *pipeline,
                       struct mr_yaml_node *node, const char *path)
{
    const char *key = "type";
    struct mr_err problem;

    mr_err_clear(&problem);
    if (pipeline->sink->check && pipeline->sink->check(pipeline->sink_config, &key, &problem) < 0)
        add_problem(load, &problem, key, node, path);
}

static void build_sink(struct mr_config_load *load, struct mr_pipeline_config *pipeline,
                       struct mr_yaml_node *node, const char *path)
{
    struct mr_config_common common = {0};
    const char *type = type_of(load, &sinks, node, path, NULL);
    size_t findings = load->diag.count;

    if (!type)
        return;
    pipeline->sink = mr_plug_sink(type);
    pipeline->sink_config =
        fill_connector(load, mr_config_sink_options, &common, pipeline->sink->options,
                       pipeline->sink->config_size, path, node);
    pipeline->topic = common.other;
    check_topic(load, common.other, "topic", node, path);
    if (load->diag.count == findings)
        check_sink(load, pipeline, node, path);
}

static bool takes_changes(const struct mr_pipeline_config *pipeline)
{
    return pipeline->sink &&
           mr_sink_wants(pipeline->sink, pipeline->sink_config) == MR_SINK_CHANGES;
}

static void build_format(struct mr_config_load *load, struct mr_pipeline_config *pipeline,
                         struct mr_yaml_node *node, const char *path)
{
    struct mr_config_common common = {0};
    const char *type;

    if (takes_changes(pipeline)) {
        if (!node)
            return;
        mr_diag_add(&load->diag, "config.conflict", node->file, node->line, node->column, path,
                    "the sink %s stores typed values by itself and takes no format",
                    pipeline->sink->name)
            ->hint = "remove this key";
        hide_rest(load, node);
        return;
    }
    type = node ? type_of(load, &encoders, node, path, "json") : "json";
    if (!type || !mr_plug_encoder(type))
        return;
    pipeline->encoder = mr_plug_encoder(type);
    pipeline->encoder_config =
        fill_connector(load, mr_config_format_options, &common, pipeline->encoder->options,
                       pipeline->encoder->config_size, path, node);
    pipeline->events = common.events;
    check_side_topic(load, common.events.topic, "transaction_topic", "the events of transactions",
                     node, path);
}

/* Opening a transform does no I/O and tells what its option table cannot: patterns that are none, settings that
 * exclude each other. Not after a finding, which may be the cause. */
static void try_transform(struct mr_config_load *load, const struct mr_transform *transform,
                          const void *config, struct mr_yaml_node *node, const char *path)
{
    struct mr_transform_args args = {NULL, config};
    void *state = mr_alloc_zero(transform->state_size);
    struct mr_err problem;

    mr_err_clear(&problem);
    if (transform->open(state, &args, &problem) < 0)
        mr_diag_add(&load->diag, problem.code, node->file, node->line, node->column, path, "%s",
                    problem.text)
            ->hint = mr_arena_str(&load->arena, mr_slice_str(problem.hint));
    transform->close(state);
    free(state);
}

static void build_transform(struct mr_config_load *load, struct mr_pipeline_config *pipeline,
                            struct mr_yaml_node *node, const char *path)
{
    struct mr_config_common common = {0};
    const char *type = type_of(load, &transforms, node, path, NULL);
    size_t at = pipeline->transform_count, findings = load->diag.count;

    if (!type)
        return;
    pipeline->transforms[at] = mr_plug_transform(type);
    pipeline->transform_configs[at] = fill_connector(
        load, mr_config_transform_options, &common, pipeline->transforms[at]->options,
        pipeline->transforms[at]->config_size, path, node);
    pipeline->transform_count = at + 1;
    if (load->diag.count == findings)
        try_transform(load, pipeline->transforms[at], pipeline->transform_configs[at], node, path);
}

static void build_transforms(struct mr_config_load *load, struct mr_pipeline_config *pipeline,
                             struct mr_yaml_node *node, const char *path)
{
    if (!node)
        return;
    if (node->kind != MR_YAML_SEQUENCE) {
        mr_config_wrong_kind(load, node, path, "a list of transforms");
        return;
    }
    pipeline->transforms =
        MR_ARENA_ARRAY(&load->arena, const struct mr_transform *, node->count + 1);
    pipeline->transform_configs = MR_ARENA_ARRAY(&load->arena, const void *, node->count + 1);
    for (size_t i = 0; i < node->count; i++)
        build_transform(load, pipeline, node->items[i],
                        mr_arena_printf(&load->arena, "%s[%zu]", path, i));
}

static void check_errors(struct mr_config_load *load, const struct mr_pipeline_config *pipeline,
                         struct mr_yaml_node *node, const char *path)
{
    struct mr_yaml_node *policy = mr_yaml_get(node, "policy");

    if (pipeline->errors.policy == MR_ERRORS_DEAD_LETTER && takes_changes(pipeline) &&
        !pipeline->sink->answer)
        mr_diag_add(&load->diag, "config.conflict", policy->file, policy->line, policy->column,
                    mr_yaml_path(&load->arena, path, "policy"),
                    "the sink %s stores typed values by itself: nothing is encoded that could "
                    "become a dead letter",
                    pipeline->sink->name);
    check_side_topic(load, pipeline->errors.topic, "topic", "dead letters", node, path);
}

/* Topics that are no table's must differ. Not after a finding, which may be the cause. */
static void check_side_topics(struct mr_config_load *load,
                              const struct mr_pipeline_config *pipeline, struct mr_yaml_node *key,
                              const char *path)
{
    struct mr_topic_owners owners;
    struct mr_err problem;

    if (load->diag.count > 0 || !pipeline->source)
        return;
    mr_topic_owners_init(&owners);
    if (mr_side_topics_reserve(pipeline, &owners, &problem) < 0)
        mr_diag_add(&load->diag, problem.code, key->file, key->line, key->column, path, "%s",
                    problem.text)
            ->hint = mr_arena_str(&load->arena, mr_slice_str(problem.hint));
    mr_topic_owners_done(&owners);
}

/* A sink that takes rows has no place for signs of life, which are records; dropping them in silence would be worse. */
static void check_heartbeats(struct mr_config_load *load, const struct mr_pipeline_config *pipeline,
                             struct mr_yaml_node *node, const char *path)
{
    const struct mr_context context = {.pipeline = pipeline->name, .server = pipeline->server};
    const struct mr_source_args args = {.context = &context, .config = pipeline->source_config};
    struct mr_yaml_node *source = mr_yaml_get(node, "source");
    struct mr_source_sides sides = {0};
    struct mr_err problem;

    if (load->diag.count > 0 || !takes_changes(pipeline) || !pipeline->source ||
        !pipeline->source->sides)
        return;
    if (pipeline->source->sides(&args, &load->arena, &sides, &problem) < 0 ||
        !sides.heartbeats.data)
        return;
    mr_diag_add(&load->diag, "config.conflict", source->file, source->line, source->column,
                mr_yaml_path(&load->arena, path, "source.heartbeat"),
                "the sink %s stores rows by themselves: it has no place for heartbeats",
                pipeline->sink->name)
        ->hint = "remove this key: an idle position is committed without it";
}

static void build_pipeline(struct mr_config_load *load, struct mr_yaml_node *key,
                           struct mr_yaml_node *node)
{
    struct mr_pipeline_config *pipeline = &load->config.pipelines[load->config.pipeline_count++];
    const char *path = mr_yaml_path(&load->arena, "pipelines", key->text);
    struct mr_config_limits limits = {0};
    struct mr_config_set set = {mr_config_pipeline_options, &limits};
    struct mr_yaml_node *part;

    *pipeline = (struct mr_pipeline_config){.name = key->text, .server = key->text};
    if (!is_name(key->text))
        mr_diag_add(&load->diag, "config.name", key->file, key->line, key->column, path,
                    "a pipeline's name is 1 to 63 letters, digits, _ or -");
    mr_config_fill(load, &set, 1, path, node);
    pipeline->batch_bytes = limits.batch_bytes;
    pipeline->queue_bytes = limits.queue_bytes;
    pipeline->drain_ns = limits.drain_ns;
    pipeline->errors = limits.errors;
    if ((part = mr_yaml_get(node, "source")) != NULL)
        build_source(load, pipeline, part, mr_yaml_path(&load->arena, path, "source"));
    if ((part = mr_yaml_get(node, "sink")) != NULL)
        build_sink(load, pipeline, part, mr_yaml_path(&load->arena, path, "sink"));
    if ((part = mr_yaml_get(node, "errors")) != NULL)
        check_errors(load, pipeline, part, mr_yaml_path(&load->arena, path, "errors"));
    build_format(load, pipeline, mr_yaml_get(node, "format"),
                 mr_yaml_path(&load->arena, path, "format"));
    build_transforms(load, pipeline, mr_yaml_get(node, "transforms"),
                     mr_yaml_path(&load->arena, path, "transforms"));
    check_side_topics(load, pipeline, key, path);
    check_heartbeats(load, pipeline, node, path);
}

static void build_pipelines(struct mr_config_load *load, struct mr_yaml_node *node)
{
    if (node->kind != MR_YAML_MAPPING) {
        mr_config_wrong_kind(load, node, "pipelines", "a mapping of names to pipelines");
        return;
    }
    if (node->count == 0)
        mr_diag_add(&load->diag, "config.missing", node->file, node->line, node->column,
                    "pipelines", "there is no pipeline in it");
    load->config.pipelines =
        MR_ARENA_ARRAY(&load->arena, struct mr_pipeline_config, node->count + 1);
    for (size_t i = 0; i < node->count; i++)
        build_pipeline(load, node->keys[i], node->items[i]);
    if (load->diag.count == 0)
        mr_config_alone(load, node);
}

void mr_config_build(struct mr_config_load *load)
{
    struct mr_config_top top = {0};
    struct mr_config_set set = {mr_config_top_options, &top};
    struct mr_yaml_node *pipelines;

    mr_config_fill(load, &set, 1, "", load->root);
    load->config.state_directory = top.state_directory;
    load->config.log_level = top.log_level;
    load->config.log_format = top.log_format;
    pipelines = mr_yaml_get(load->root, "pipelines");
    if (pipelines)
        build_pipelines(load, pipelines);
}

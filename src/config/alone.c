/* Two pipelines of a file that cannot both run.
 *
 * Each connector tells what it needs for itself, as a text ("directory /var/lib/out", "slot shop on db port 5432"), by
 * its settings alone; the same text twice is a conflict. A run would find out too, but late and in other words: the
 * second one races for a publication, is fenced by the first, or finds commits of another pipeline. */
#include "config/alone.h"

#include "base/map.h"

static void add_text(struct mr_config_load *load, struct mr_map *owners,
                     const struct mr_pipeline_config *pipeline, struct mr_yaml_node *place,
                     const char *part, struct mr_slice what)
{
    const struct mr_pipeline_config *owner = what.size ? mr_map_get(owners, what) : NULL;
    const char *path = mr_yaml_path(&load->arena, "pipelines", pipeline->name);

    if (owner) {
        mr_diag_add(&load->diag, "config.shared", place->file, place->line, place->column,
                    mr_yaml_path(&load->arena, path, part), "pipelines %s and %s cannot share %.*s",
                    owner->name, pipeline->name, MR_SLICE_ARG(what))
            ->hint = "give each of them one of its own";
    } else if (what.size) {
        (void)mr_map_put(owners, what, (void *)(uintptr_t)pipeline);
    }
}

void mr_config_alone(struct mr_config_load *load, struct mr_yaml_node *pipelines)
{
    struct mr_map owners;
    struct mr_buf what;

    mr_map_init(&owners);
    mr_buf_init(&what, 1 << 16);
    for (size_t i = 0; i < load->config.pipeline_count; i++) {
        const struct mr_pipeline_config *pipeline = &load->config.pipelines[i];
        const struct mr_context context = {.pipeline = pipeline->name, .server = pipeline->server};
        const struct mr_source_args source = {.context = &context,
                                              .config = pipeline->source_config};
        const struct mr_sink_args sink = {
            .context = &context, .config = pipeline->sink_config, .owner = "check"};
        if (pipeline->source && pipeline->source->alone) {
            mr_buf_clear(&what);
            pipeline->source->alone(&source, &what);
            add_text(load, &owners, pipeline, pipelines->items[i], "source", mr_buf_slice(&what));
        }
        if (pipeline->sink && pipeline->sink->alone) {
            mr_buf_clear(&what);
            pipeline->sink->alone(&sink, &what);
            add_text(load, &owners, pipeline, pipelines->items[i], "sink", mr_buf_slice(&what));
        }
    }
    mr_buf_done(&what);
    mr_map_done(&owners);
}

/* The parts of loading a configuration, between the files of this folder; others use read.h.
 *
 *     files   read, parse, substitute, follow include, merge   -> one tree of nodes that know file and line
 *     fill    tree + option tables                             -> structs, findings
 *     build   pipelines: find connectors, fill their structs   -> struct mr_config
 */
#pragma once

#include "base/diag.h"
#include "base/option.h"
#include "base/yaml.h"
#include "config/config.h"

struct mr_config_load {
    struct mr_config config; /* what the caller gets: its owner points back here */
    struct mr_arena arena;
    struct mr_diag diag;
    struct mr_yaml_node *root; /* merged; NULL before the first file */
    struct mr_diag_file **files;
    size_t file_count;
    bool unparsed; /* a file could not be parsed: nothing can be said about what is missing */
};

struct mr_config_load *mr_config_load_new(void);
void mr_config_load_free(struct mr_config_load *load);

/* files.c: findings go to load->diag, the result into load->root. */
void mr_config_add_file(struct mr_config_load *load, const char *path);
void mr_config_add_text(struct mr_config_load *load, const char *label, struct mr_slice text);

/* substitute.c: replaces ${env:}, ${file:} and $$ in every scalar below node. */
void mr_config_substitute(struct mr_config_load *load, struct mr_yaml_node *node, const char *path);

/* fill.c: one mapping, described by several tables at once (common keys, and a connector's own). */
struct mr_config_set {
    const struct mr_option *options;
    void *config; /* zeroed; gets defaults and values */
};
/* node NULL: an absent group, defaults only. `where` is the node to point at for what is missing. */
void mr_config_fill(struct mr_config_load *load, const struct mr_config_set *sets, size_t set_count,
                    const char *path, struct mr_yaml_node *node);
/* Says that node is not what is expected here, and hides it. */
void mr_config_wrong_kind(struct mr_config_load *load, struct mr_yaml_node *node, const char *path,
                          const char *expected);

/* build.c */
void mr_config_build(struct mr_config_load *load);

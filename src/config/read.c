/* Loading a configuration: the order of the steps, and what the caller gets when one of them finds something.
 *
 *     files --> tree --> structs --> sorted findings
 *
 * All files are read and everything in them is checked before anything is said, so that one run shows all there
 * is to mend (up to 50). When a file cannot be parsed, the structure of the whole is unknown: then only that is
 * reported, and secrets in the lines shown are guessed rather than known (base/diag.c). Substitution reads the
 * environment and files, nothing else is touched. */
#include "config/read.h"

#include <stdlib.h>

#include "base/json.h"
#include "config/load.h"

enum { BLOCK = 16384 };

struct mr_config_load *mr_config_load_new(void)
{
    struct mr_config_load *load = mr_alloc_zero(sizeof(*load));

    mr_arena_init(&load->arena, BLOCK, 0);
    mr_diag_init(&load->diag, &load->arena);
    load->config.owner = load;
    return load;
}

void mr_config_load_free(struct mr_config_load *load)
{
    mr_arena_done(&load->arena);
    free(load->files);
    free(load);
}

void mr_config_free(struct mr_config *config)
{
    if (config)
        mr_config_load_free(config->owner);
}

static void add_json(struct mr_buf *json, const struct mr_diag_item *item)
{
    mr_buf_add_str(json, "{");
    mr_json_add_key(json, "code");
    mr_json_add_str(json, mr_slice_str(item->code));
    if (item->file) {
        mr_json_add_key(json, "file");
        mr_json_add_str(json, mr_slice_str(item->file->path));
    }
    if (item->file && item->line > 0) {
        mr_json_add_key(json, "line");
        mr_json_add_u64(json, item->line);
        mr_json_add_key(json, "column");
        mr_json_add_u64(json, item->column);
    }
    mr_json_add_key(json, "path");
    mr_json_add_str(json, mr_slice_str(item->path));
    mr_json_add_key(json, "text");
    mr_json_add_str(json, mr_slice_str(item->text));
    mr_json_add_key(json, "hint");
    mr_json_add_str(json, mr_slice_str(item->hint));
    mr_buf_add_str(json, "}");
}

static int report(const struct mr_diag *diag, struct mr_buf *ret_findings, struct mr_buf *ret_json,
                  struct mr_err *err)
{
    struct mr_buf headline;
    int rc;

    if (ret_findings)
        mr_diag_render(diag, ret_findings);
    for (size_t i = 0; ret_json && i < diag->count; i++) {
        if (i > 0)
            mr_buf_add_char(ret_json, ',');
        add_json(ret_json, &diag->items[i]);
    }
    mr_buf_init(&headline, 4096);
    mr_diag_headline(&diag->items[0], &headline);
    rc = mr_err_set(err, MR_CONFIG, diag->items[0].code, "%s", mr_buf_cstr(&headline));
    if (diag->items[0].hint[0])
        mr_err_hint(err, "%s", diag->items[0].hint);
    mr_buf_done(&headline);
    return rc;
}

int mr_config_read(const struct mr_config_input *input, struct mr_config **ret_config,
                   struct mr_buf *ret_findings, struct mr_buf *ret_json, struct mr_err *err)
{
    struct mr_config_load *load = mr_config_load_new();
    int rc;

    for (size_t i = 0; i < input->count; i++)
        mr_config_add_file(load, input->paths[i]);
    if (input->label)
        mr_config_add_text(load, input->label, input->text);
    if (load->file_count == 0 && load->diag.count == 0)
        mr_diag_add(&load->diag, "config.unreadable", NULL, 0, 0, NULL,
                    "no configuration file is given");
    if (load->unparsed) {
        for (size_t i = 0; i < load->file_count; i++)
            load->files[i]->unparsed = true;
    } else if (load->root) {
        mr_config_build(load);
    }
    if (load->diag.count == 0) {
        *ret_config = &load->config;
        return 0;
    }
    mr_diag_sort(&load->diag);
    rc = report(&load->diag, ret_findings, ret_json, err);
    mr_config_load_free(load);
    return rc;
}

int mr_config_load(const char *const *paths, size_t count, struct mr_config **ret_config,
                   struct mr_buf *ret_findings, struct mr_err *err)
{
    struct mr_config_input input = {.paths = paths, .count = count};

    return mr_config_read(&input, ret_config, ret_findings, NULL, err);
}

/* Reading configuration files into one tree.
 *
 * Files are taken in the order given; the ones a file includes come right after it, so that a drop-in wins over
 * the file that includes it. Mappings merge key by key; any other value is replaced by the later one. The one
 * exception: a pipeline is never merged, because half a pipeline from each of two files is nobody's intention.
 * Every node keeps its own file and line through a merge, which is what `config show --origin` prints.
 *
 * "-" reads standard input. A file may be included once; the depth of includes and the number of files are
 * limited, so a circle ends as a finding. What a later file replaces is hidden from output: no table ever looks
 * at it, so nobody could say whether it is a secret. */
#include "config/load.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_FILES = 256, DEEPEST_INCLUDE = 8 };

static void add_file(struct mr_config_load *load, const char *path,
                     const struct mr_yaml_node *includer, int depth);

static void complain(struct mr_config_load *load, const char *code,
                     const struct mr_yaml_node *includer, const char *path, const char *why)
{
    mr_diag_add(&load->diag, code, includer ? includer->file : NULL, includer ? includer->line : 0,
                includer ? includer->column : 0, includer ? "include" : NULL, "%s: %s", path, why);
}

static struct mr_diag_file *new_file(struct mr_config_load *load, const char *path)
{
    struct mr_diag_file *file = MR_ARENA_NEW(&load->arena, struct mr_diag_file);

    *file = (struct mr_diag_file){.path = mr_arena_str(&load->arena, mr_slice_str(path)),
                                  .order = (uint32_t)load->file_count};
    load->files = mr_realloc(load->files, (load->file_count + 1) * sizeof(load->files[0]));
    load->files[load->file_count++] = file;
    return file;
}

/* 0 or an errno; EFBIG when larger than a configuration may be. */
static int read_all(const char *path, struct mr_buf *ret_text)
{
    FILE *stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char part[8192];
    size_t got;
    int saved = 0;

    if (!stream)
        return errno;
    while ((got = fread(part, 1, sizeof(part), stream)) > 0)
        mr_buf_add(ret_text, part, got);
    if (ferror(stream))
        saved = errno ? errno : EIO;
    if (stream != stdin)
        fclose(stream);
    return saved == 0 && ret_text->failed ? EFBIG : saved;
}

/* Moves the pairs of `from` into `into`; `path` tells where they are. */
static void merge(struct mr_config_load *load, struct mr_yaml_node *into, struct mr_yaml_node *from,
                  const char *path);

static void merge_pair(struct mr_config_load *load, struct mr_yaml_node **there,
                       struct mr_yaml_node *key, struct mr_yaml_node *item, const char *parent)
{
    const char *path = mr_yaml_path(&load->arena, parent, key->text);

    if (strcmp(parent, "pipelines") == 0) {
        mr_diag_add(&load->diag, "config.duplicate_pipeline", key->file, key->line, key->column,
                    path, "this pipeline is also in %s, line %u", (*there)->file->path,
                    (*there)->line);
        mr_yaml_hide(item, &load->arena);
    } else if ((*there)->kind == MR_YAML_MAPPING && item->kind == MR_YAML_MAPPING) {
        merge(load, *there, item, path);
    } else {
        mr_yaml_hide(*there, &load->arena);
        *there = item;
    }
}

static void append(struct mr_arena *arena, struct mr_yaml_node *into, struct mr_yaml_node *key,
                   struct mr_yaml_node *item)
{
    size_t count = into->count;
    struct mr_yaml_node **keys = MR_ARENA_ARRAY(arena, struct mr_yaml_node *, count + 1);
    struct mr_yaml_node **items = MR_ARENA_ARRAY(arena, struct mr_yaml_node *, count + 1);

    if (count > 0) {
        memcpy(keys, into->keys, count * sizeof(*keys));
        memcpy(items, into->items, count * sizeof(*items));
    }
    keys[count] = key;
    items[count] = item;
    into->keys = keys;
    into->items = items;
    into->count = count + 1;
}

static void merge(struct mr_config_load *load, struct mr_yaml_node *into, struct mr_yaml_node *from,
                  const char *path)
{
    for (size_t i = 0; i < from->count; i++) {
        size_t at = 0;
        while (at < into->count && strcmp(into->keys[at]->text, from->keys[i]->text) != 0)
            at++;
        if (at < into->count)
            merge_pair(load, &into->items[at], from->keys[i], from->items[i], path);
        else
            append(&load->arena, into, from->keys[i], from->items[i]);
    }
}

static bool seen(const struct mr_config_load *load, const char *path)
{
    struct stat one, other;

    if (stat(path, &one) != 0)
        return false;
    for (size_t i = 0; i < load->file_count; i++) {
        if (stat(load->files[i]->path, &other) == 0 && one.st_dev == other.st_dev &&
            one.st_ino == other.st_ino)
            return true;
    }
    return false;
}

/* A folder that does not exist has no matches; one that cannot be read is a finding. */
static int unreadable(const char *path, int saved_errno)
{
    (void)path;
    return saved_errno != ENOENT;
}

static void include_pattern(struct mr_config_load *load, const struct mr_yaml_node *item, int depth)
{
    const char *slash = strrchr(item->file->path, '/');
    bool absolute = item->text[0] == '/';
    const char *pattern = mr_arena_printf(
        &load->arena, "%.*s%s", absolute || !slash ? 0 : (int)(slash + 1 - item->file->path),
        item->file->path, item->text);
    glob_t found;
    int rc = glob(pattern, 0, unreadable, &found);

    if (rc == GLOB_NOMATCH && !strpbrk(item->text, "*?["))
        complain(load, "config.include", item, pattern, "no such file");
    else if (rc != 0 && rc != GLOB_NOMATCH)
        complain(load, "config.include", item, pattern, "cannot be read");
    for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
        add_file(load, found.gl_pathv[i], item, depth + 1);
    if (rc == 0)
        globfree(&found);
}

static void follow_includes(struct mr_config_load *load, const struct mr_yaml_node *root, int depth)
{
    const struct mr_yaml_node *include = mr_yaml_get(root, "include");

    if (!include)
        return;
    if (include->kind == MR_YAML_SCALAR && !mr_yaml_is_null(include))
        include_pattern(load, include, depth);
    for (size_t i = 0; include->kind == MR_YAML_SEQUENCE && i < include->count; i++) {
        if (include->items[i]->kind == MR_YAML_SCALAR)
            include_pattern(load, include->items[i], depth);
    }
}

static void add_parsed(struct mr_config_load *load, struct mr_diag_file *file, int depth)
{
    struct mr_yaml_node *root = mr_yaml_parse(file, &load->arena, &load->diag);

    if (!root) {
        load->unparsed = true;
        return;
    }
    if (root->kind != MR_YAML_MAPPING) {
        mr_config_wrong_kind(load, root, NULL, "a mapping with version and pipelines");
        load->unparsed = true;
        return;
    }
    mr_config_substitute(load, root, "");
    if (!load->root)
        load->root = root;
    else
        merge(load, load->root, root, "");
    follow_includes(load, root, depth);
}

static void add_file(struct mr_config_load *load, const char *path,
                     const struct mr_yaml_node *includer, int depth)
{
    struct mr_diag_file *file;
    struct mr_buf text;
    int saved;

    if (depth > DEEPEST_INCLUDE || load->file_count == MOST_FILES) {
        complain(load, "config.include", includer, path, "too many files, or includes too deep");
        return;
    }
    if (seen(load, path)) {
        complain(load, "config.include", includer, path, "this file was read already");
        return;
    }
    mr_buf_init(&text, MR_YAML_LARGEST);
    saved = read_all(path, &text);
    if (saved != 0) {
        complain(load, "config.unreadable", includer, path,
                 saved == EFBIG ? "larger than 1 MiB: this is no configuration file"
                                : strerrordesc_np(saved));
        load->unparsed = true;
    } else {
        file = new_file(load, path);
        file->text = mr_arena_copy(&load->arena, mr_buf_slice(&text));
        add_parsed(load, file, depth);
    }
    mr_buf_done(&text);
}

void mr_config_add_file(struct mr_config_load *load, const char *path)
{
    add_file(load, path, NULL, 0);
}

void mr_config_add_text(struct mr_config_load *load, const char *label, struct mr_slice text)
{
    struct mr_diag_file *file = new_file(load, label);

    file->text = text.size ? mr_arena_copy(&load->arena, text) : text;
    add_parsed(load, file, 0);
}

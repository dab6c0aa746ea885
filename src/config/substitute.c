/* ${env:NAME}, ${env:NAME:-default}, ${file:/path} and $$ in scalars.
 *
 * The text is parsed as YAML first, so whatever a variable holds stays inside its scalar: a line end or a
 * ": " in it cannot add structure. A result is not substituted again. A dollar that begins none of these forms
 * stays as it is, for passwords' sake; only ${ must be one of them.
 *
 * What comes from a file is a secret by assumption (that is what the form is for), and so is a variable whose
 * name says so: the node is tainted, and nothing tainted is ever shown. An undefined variable without a default
 * is a finding at its line, as is a file that cannot be read. A relative path starts at the process's working
 * directory, as for every other path of the configuration. */
#include "config/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { LARGEST_FILE = 1 << 20 };

struct substitution {
    struct mr_config_load *load;
    struct mr_yaml_node *node;
    const char *path;
    struct mr_buf result;
};

static struct mr_diag_item *complain(struct substitution *sub, const char *code, const char *text,
                                     const char *what, const char *why)
{
    return mr_diag_add(&sub->load->diag, code, sub->node->file, sub->node->line, sub->node->column,
                       sub->path, "%s %s%s%s", text, what, why[0] ? ": " : "", why);
}

static bool sounds_secret(const char *name)
{
    static const char *const words[] = {"pass", "secret", "token", "pwd", "credential", "key"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasestr(name, words[i]))
            return true;
    }
    return false;
}

static void from_environment(struct substitution *sub, char *name)
{
    char *fallback = strstr(name, ":-");
    const char *value;

    if (fallback) {
        *fallback = '\0';
        fallback += 2;
    }
    value = getenv(name);
    if (!value || (fallback && value[0] == '\0'))
        value = fallback;
    if (!value) {
        struct mr_diag_item *item =
            complain(sub, "config.undefined_variable", "the environment has no variable", name, "");
        mr_diag_hint(&sub->load->diag, item, "set it, or give a default: ${env:%s:-value}", name);
        return;
    }
    sub->node->tainted |= value != fallback && sounds_secret(name);
    mr_buf_add_str(&sub->result, value);
}

/* The whole file into ret_text; 0 or an errno. */
static int slurp(const char *path, struct mr_buf *ret_text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), saved = 0;
    ssize_t got = 1;
    char part[4096];

    if (fd < 0)
        return errno;
    while (got > 0 && !ret_text->failed) {
        got = read(fd, part, sizeof(part));
        if (got > 0)
            mr_buf_add(ret_text, part, (size_t)got);
    }
    if (got < 0)
        saved = errno;
    close(fd);
    return saved;
}

static void from_file(struct substitution *sub, const char *path)
{
    struct mr_buf text;
    size_t size;
    int saved;

    mr_buf_init(&text, LARGEST_FILE);
    saved = slurp(path, &text);
    size = text.size;
    if (size > 0 && text.data[size - 1] == '\n')
        size--;
    sub->node->tainted = true;
    if (saved != 0)
        complain(sub, "config.file", "cannot read the file", path, strerrordesc_np(saved));
    else if (text.failed)
        complain(sub, "config.file", "cannot use the file", path, "it is larger than 1 MiB");
    else if (size > 0 && memchr(text.data, 0, size))
        complain(sub, "config.file", "cannot use the file", path, "it contains a NUL byte");
    else
        mr_buf_add(&sub->result, text.data, size);
    mr_buf_done(&text);
}

/* The inside of ${...}. */
static void replace(struct substitution *sub, char *inside)
{
    struct mr_diag_item *item;

    if (strncmp(inside, "env:", 4) == 0 && inside[4]) {
        from_environment(sub, inside + 4);
    } else if (strncmp(inside, "file:", 5) == 0 && inside[5]) {
        from_file(sub, inside + 5);
    } else {
        item = complain(sub, "config.substitution", "unknown substitution", "", "");
        item->text =
            "unknown substitution: expected ${env:NAME}, ${env:NAME:-default} or ${file:/path}";
        mr_diag_hint(&sub->load->diag, item, "write $$ for a literal dollar sign");
    }
}

static void substitute_scalar(struct mr_config_load *load, struct mr_yaml_node *node,
                              const char *path)
{
    struct substitution sub = {.load = load, .node = node, .path = path};
    const char *at = node->text, *dollar, *end;

    mr_buf_init(&sub.result, 4 * LARGEST_FILE);
    for (; (dollar = strchr(at, '$')) != NULL; at = end) {
        mr_buf_add(&sub.result, at, (size_t)(dollar - at));
        end = dollar + 1;
        if (*end == '$') {
            mr_buf_add_char(&sub.result, '$');
            end++;
        } else if (*end == '{') {
            const char *brace = strchr(end, '}');
            if (!brace) {
                complain(&sub, "config.substitution", "a ${ without its }", "", "");
                break;
            }
            node->reference = dollar == node->text && brace[1] == '\0' && !strstr(dollar, ":-");
            replace(&sub, mr_arena_str(&load->arena, mr_slice(end + 1, (size_t)(brace - end - 1))));
            end = brace + 1;
        } else {
            mr_buf_add_char(&sub.result, '$');
        }
    }
    if (dollar == NULL)
        mr_buf_add_str(&sub.result, at);
    node->substituted = true;
    node->text = mr_arena_str(&load->arena, mr_buf_slice(&sub.result));
    mr_buf_done(&sub.result);
}

void mr_config_substitute(struct mr_config_load *load, struct mr_yaml_node *node, const char *path)
{
    if (node->kind == MR_YAML_SCALAR) {
        if (strchr(node->text, '$'))
            substitute_scalar(load, node, path);
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        char index[32];
        snprintf(index, sizeof(index), "[%zu]", i);
        mr_config_substitute(
            load, node->items[i],
            mr_yaml_path(&load->arena, path, node->keys[i] ? node->keys[i]->text : index));
    }
}

/* Applying diffs to a binary document.
 *
 *     {"a": 1, "b": [..], "c": {..}}        a node stays closed (its bytes) until a path leads through it; opened, it
 *      closed   closed     opened           is a list of nodes. What no path touched is printed from its bytes.
 *
 * Paths are the server's: $ and then legs, .name or ."name with escapes" or [number]. They lead to what is there
 * (replace, remove) or to where it is to be (insert); anything else means that old row and diffs do not belong
 * together.
 *
 * Members are kept as the server keeps them: shorter keys first, then by their bytes. */
#include "connectors/source_mysql/types/json_patch.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "connectors/source_mysql/types/json.h"
#include "connectors/source_mysql/wire/packed.h"

struct node {
    struct mr_my_json json;
    bool open, object;
    uint32_t count, capacity;
    struct member *members;
};

struct member {
    struct mr_slice key;
    struct node node;
};

enum { REPLACE = 0, INSERT = 1, REMOVE = 2 };

/* Where in the path we are. */
struct path {
    const char *at, *end;
    struct mr_arena *arena;
};

static bool open_node(struct node *node, struct mr_arena *arena)
{
    if (node->open)
        return true;
    if (!mr_my_json_count(&node->json, &node->object, &node->count))
        return false;
    node->capacity = node->count + 1;
    node->members = MR_ARENA_ARRAY(arena, struct member, node->capacity);
    for (uint32_t i = 0; i < node->count; i++) {
        node->members[i] = (struct member){0};
        if (!mr_my_json_member(&node->json, i, &node->members[i].key, &node->members[i].node.json))
            return false;
    }
    node->open = true;
    return true;
}

/* Where the key is, or belongs. */
static uint32_t place_of(const struct node *node, struct mr_slice key, bool *ret_found)
{
    uint32_t i = 0;

    *ret_found = false;
    for (; i < node->count; i++) {
        struct mr_slice other = node->members[i].key;
        int order = other.size != key.size ? (other.size > key.size) - (other.size < key.size)
                                           : memcmp(other.data, key.data, key.size);
        if (order >= 0) {
            *ret_found = order == 0;
            break;
        }
    }
    return i;
}

static void put_member(struct node *node, uint32_t at, struct mr_slice key, struct mr_my_json json,
                       struct mr_arena *arena)
{
    if (node->count == node->capacity) {
        struct member *more = MR_ARENA_ARRAY(arena, struct member, node->capacity * 2);
        memcpy(more, node->members, node->count * sizeof *more);
        node->members = more;
        node->capacity *= 2;
    }
    memmove(&node->members[at + 1], &node->members[at], (node->count - at) * sizeof *node->members);
    node->members[at] = (struct member){.key = key, .node = {.json = json}};
    node->count++;
}

static void take_member(struct node *node, uint32_t at)
{
    node->count--;
    memmove(&node->members[at], &node->members[at + 1], (node->count - at) * sizeof *node->members);
}

static int hex4(const char *at)
{
    int number = 0;

    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'                     ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : -1;
        if (digit < 0)
            return -1;
        number = number << 4 | digit;
    }
    return number;
}

/* One escape behind its backslash. The server writes \u00xx of control characters only. */
static bool escape(struct path *path, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *known;
    int number;

    if (path->at == path->end)
        return false;
    if (*path->at == 'u') {
        if (path->end - path->at < 5 || (number = hex4(path->at + 1)) < 0 || number > 0x7f)
            return false;
        *(*out)++ = (char)number;
        path->at += 5;
        return true;
    }
    known = *path->at ? strchr(from, *path->at) : NULL;
    if (!known)
        return false;
    *(*out)++ = to[known - from];
    path->at++;
    return true;
}

static bool quoted_key(struct path *path, struct mr_slice *ret_key)
{
    char *begin = mr_arena_alloc(path->arena, (size_t)(path->end - path->at) + 1, 1), *out = begin;

    for (path->at++; path->at < path->end && *path->at != '"';) {
        if (*path->at != '\\')
            *out++ = *path->at++;
        else if (path->at++, !escape(path, &out))
            return false;
    }
    if (path->at == path->end)
        return false;
    path->at++;
    *ret_key = mr_slice(begin, (size_t)(out - begin));
    return true;
}

/* The next leg: a key, or an index (*ret_key.data NULL). */
static bool leg(struct path *path, struct mr_slice *ret_key, uint32_t *ret_index)
{
    const char *begin;

    *ret_key = (struct mr_slice){NULL, 0};
    if (*path->at == '[') {
        uint64_t index = 0;
        for (begin = ++path->at;
             path->at < path->end && *path->at >= '0' && *path->at <= '9' && index < UINT32_MAX;)
            index = index * 10 + (uint64_t)(*path->at++ - '0');
        if (path->at == begin || path->at == path->end || *path->at != ']' || index > UINT32_MAX)
            return false;
        path->at++;
        *ret_index = (uint32_t)index;
        return true;
    }
    if (*path->at != '.' || path->end - path->at < 2)
        return false;
    path->at++;
    if (*path->at == '"')
        return quoted_key(path, ret_key);
    for (begin = path->at; path->at < path->end && *path->at != '.' && *path->at != '[';)
        path->at++;
    *ret_key = mr_slice(begin, (size_t)(path->at - begin));
    return path->at > begin;
}

/* What is done at the path's last leg. */
static bool change(struct node *node, unsigned what, struct mr_slice key, uint32_t index,
                   struct mr_my_json json, struct mr_arena *arena)
{
    bool found;
    uint32_t at = index;

    if (key.data) {
        at = place_of(node, key, &found);
    } else {
        found = at < node->count;
        if (what == INSERT && at > node->count)
            at = node->count;
    }
    if (what == INSERT) {
        if (key.data && found)
            return false;
        put_member(node, at, key.data ? key : mr_slice("", 0), json, arena);
        return true;
    }
    if (!found)
        return false;
    if (what == REPLACE)
        node->members[at].node = (struct node){.json = json};
    else
        take_member(node, at);
    return true;
}

static bool apply(struct node *node, unsigned what, struct mr_slice text, struct mr_my_json json,
                  struct mr_arena *arena)
{
    struct path path = {text.data, text.data + text.size, arena};

    if (text.size < 1 || *path.at++ != '$')
        return false;
    if (path.at == path.end) {
        *node = (struct node){.json = json};
        return what == REPLACE;
    }
    for (unsigned depth = 0; depth < MR_MY_JSON_DEPTH; depth++) {
        struct mr_slice key;
        uint32_t index = 0;
        bool found;
        if (!leg(&path, &key, &index) || !open_node(node, arena) ||
            node->object != (key.data != NULL))
            return false;
        if (path.at == path.end)
            return change(node, what, key, index, json, arena);
        if (key.data) {
            index = place_of(node, key, &found);
            if (!found)
                return false;
        } else if (index >= node->count) {
            return false;
        }
        node = &node->members[index].node;
    }
    return false;
}

static void print(struct mr_my_json_out *out, const struct node *node, unsigned depth)
{
    if (!node->open) {
        mr_my_json_print(out, &node->json, depth);
        return;
    }
    if (out->visits == 0 || depth >= MR_MY_JSON_DEPTH) {
        out->failed = true;
        return;
    }
    out->visits--;
    mr_my_json_add(out, node->object ? "{" : "[");
    for (uint32_t i = 0; i < node->count && !out->failed; i++) {
        if (i > 0)
            mr_my_json_add_separator(out);
        if (node->object)
            mr_my_json_add_key(out, node->members[i].key);
        print(out, &node->members[i].node, depth + 1);
    }
    mr_my_json_add(out, node->object ? "}" : "]");
}

bool mr_my_json_patched(struct mr_slice before, struct mr_slice diffs, bool compact,
                        struct mr_arena *arena, struct mr_value *ret_value)
{
    struct mr_cur cur = mr_cur(diffs);
    struct mr_my_json_out out;
    struct node root = {0};

    if (!mr_my_json_root(before, &root.json))
        return false;
    while (mr_cur_left(&cur) > 0) {
        struct mr_my_json json = {0};
        uint8_t what = mr_cur_u8(&cur);
        struct mr_slice path = mr_my_packed_bytes(&cur);
        if (what != REMOVE && !mr_my_json_root(mr_my_packed_bytes(&cur), &json))
            return false;
        if (cur.failed || what > REMOVE || !apply(&root, what, path, json, arena))
            return false;
    }
    mr_my_json_begin(&out, arena, before.size + diffs.size, compact);
    print(&out, &root, 0);
    return mr_my_json_end(&out, ret_value);
}

/* A transform, one table and one batch made by hand: what the tests of `columns` share. */
#pragma once

#include "plug/transform.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "connectors/transform_columns/columns.h"

extern const struct mr_transform mr_transform_columns;

#define PAIRS(map_, ...)                                                                           \
    do {                                                                                           \
        static const char *pairs_[][2] = {__VA_ARGS__};                                            \
        static const char *keys_[8], *values_[8];                                                  \
        (map_)->count = sizeof pairs_ / sizeof pairs_[0];                                          \
        for (size_t p_ = 0; p_ < (map_)->count; p_++) {                                            \
            keys_[p_] = pairs_[p_][0];                                                             \
            values_[p_] = pairs_[p_][1];                                                           \
        }                                                                                          \
        (map_)->keys = keys_;                                                                      \
        (map_)->values = values_;                                                                  \
    } while (0)

#define ITEMS(list_, ...)                                                                          \
    do {                                                                                           \
        static const char *items_[] = {__VA_ARGS__};                                               \
        (list_)->items = items_;                                                                   \
        (list_)->count = sizeof items_ / sizeof items_[0];                                         \
    } while (0)

struct fixture {
    struct mr_columns_config config;
    struct mr_table *table;
    struct mr_batch *batch;
    void *transform;
    struct mr_err err;
};

/* One column of a table. */
struct spec {
    const char *name;
    enum mr_type type;
    int32_t length;
};

static inline struct mr_table *make_table(const char *name, const struct spec *columns,
                                          uint32_t count)
{
    struct mr_table *table = mr_table_new(count);

    table->connector = mr_slice_str("postgresql");
    table->schema = mr_slice_str("public");
    table->name = mr_slice_str(name);
    table->identity = MR_IDENTITY_DEFAULT;
    for (uint32_t i = 0; i < count; i++)
        table->columns[i] = (struct mr_column){.name = mr_slice_str(columns[i].name),
                                               .type = columns[i].type,
                                               .length = columns[i].length,
                                               .optional = i > 0,
                                               .native_type = mr_slice_str("x")};
    table->key_count = 1;
    table->key_columns[0] = 0;
    table->columns[0].key = 1;
    return table;
}

static inline int setup(void **state)
{
    struct fixture *f = mr_alloc_zero(sizeof *f);

    f->config.hash.algorithm = "SHA-256";
    f->config.hash.version = MR_COLUMNS_V2;
    f->batch = mr_batch_new(1 << 16, 64 << 20);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    mr_batch_free(f->batch);
    if (f->transform)
        mr_transform_columns.close(f->transform);
    free(f->transform);
    mr_table_unref(f->table);
    free(f);
    return 0;
}

static inline int open_transform(struct fixture *f)
{
    struct mr_transform_args args = {NULL, &f->config};

    mr_err_clear(&f->err);
    f->transform = mr_alloc_zero(mr_transform_columns.state_size);
    return mr_transform_columns.open(f->transform, &args, &f->err);
}

static inline struct mr_change *add(struct fixture *f, enum mr_op op, const struct mr_value *before,
                                    const struct mr_value *after)
{
    struct mr_change *change = mr_batch_add_change(f->batch);

    change->op = op;
    change->table = f->table;
    change->number = f->batch->change_count;
    change->before = (struct mr_value *)before;
    change->after = (struct mr_value *)after;
    mr_batch_use_table(f->batch, f->table);
    return change;
}

static inline int apply(struct fixture *f)
{
    return mr_transform_columns.apply(f->transform, f->batch, &f->err);
}

static inline struct mr_value text(const char *bytes)
{
    return bytes ? (struct mr_value){.kind = MR_TEXT, .size = (uint32_t)strlen(bytes), .p = bytes}
                 : (struct mr_value){.kind = MR_NULL};
}

static inline struct mr_value number(int64_t i)
{
    return (struct mr_value){.kind = MR_INT, .i = i};
}

static inline void expect(const struct mr_value *value, const char *expected)
{
    if (!expected) {
        assert_int_equal(value->kind, MR_NULL);
        return;
    }
    assert_int_equal(value->kind, MR_TEXT);
    if (!mr_slice_is(mr_value_slice(value), expected))
        fail_msg("%.*s is not %s", MR_SLICE_ARG(mr_value_slice(value)), expected);
}

static const struct spec keep_columns[] = {{"id", MR_TYPE_INT32, 0},
                                           {"a", MR_TYPE_TEXT, 0},
                                           {"b", MR_TYPE_TEXT, 0},
                                           {"c", MR_TYPE_TEXT, 0}};

static const struct spec a_columns[] = {
    {"id", MR_TYPE_INT32, 0}, {"x", MR_TYPE_TEXT, 0}, {"y", MR_TYPE_INT32, 0}};

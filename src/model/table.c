/* Table versions: made, counted, let go.
 *
 * The struct is one malloc, and everything it points to stands in the arena inside it, so that the last unref
 * frees a version with all its names, labels and defaults in two steps. The count is atomic: the reader makes a
 * version, batches carry references to the writer, encoders keep theirs; whoever lets go last frees. The id is
 * drawn from a counter of the process and never comes back, so a cache that keys on it cannot mistake a new
 * version at an old address for the old one. */
#include "model/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 8192

static atomic_uint_fast64_t last_id;

struct mr_table *mr_table_new(uint32_t column_count)
{
    struct mr_table *table = mr_alloc_zero(sizeof *table);

    mr_arena_init(&table->arena, BLOCK_SIZE, 0);
    atomic_init(&table->references, 1);
    table->id = atomic_fetch_add(&last_id, 1) + 1;
    table->column_count = column_count;
    table->columns = MR_ARENA_ARRAY(&table->arena, struct mr_column, column_count);
    memset(table->columns, 0, column_count * sizeof *table->columns);
    table->key_columns = MR_ARENA_ARRAY(&table->arena, uint32_t, column_count);
    memset(table->key_columns, 0, column_count * sizeof *table->key_columns);
    return table;
}

struct mr_table *mr_table_derive(struct mr_table *origin, uint32_t column_count)
{
    struct mr_table *table = mr_table_new(column_count);

    table->connector = origin->connector;
    table->server = origin->server;
    table->database = origin->database;
    table->schema = origin->schema;
    table->name = origin->name;
    table->comment = origin->comment;
    table->charset = origin->charset;
    table->native_id = origin->native_id;
    table->identity = origin->identity;
    table->truncates = origin->truncates;
    table->derivation = origin->derivation + 1;
    table->origin = mr_table_ref(origin);
    return table;
}

struct mr_table *mr_table_ref(struct mr_table *table)
{
    unsigned before = atomic_fetch_add_explicit(&table->references, 1, memory_order_relaxed);

    assert(before > 0);
    (void)before;
    return table;
}

void mr_table_unref(struct mr_table *table)
{
    if (!table || atomic_fetch_sub_explicit(&table->references, 1, memory_order_acq_rel) != 1)
        return;
    mr_table_unref(table->origin);
    mr_arena_done(&table->arena);
    free(table);
}

int32_t mr_table_find(const struct mr_table *table, struct mr_slice name)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        if (mr_slice_equal(table->columns[i].name, name))
            return (int32_t)i;
    return -1;
}

const char *mr_type_name(enum mr_type type)
{
    static const char *const names[] = {
        [MR_TYPE_BOOL] = "bool",
        [MR_TYPE_INT8] = "int8",
        [MR_TYPE_INT16] = "int16",
        [MR_TYPE_INT32] = "int32",
        [MR_TYPE_INT64] = "int64",
        [MR_TYPE_UINT64] = "uint64",
        [MR_TYPE_FLOAT32] = "float32",
        [MR_TYPE_FLOAT64] = "float64",
        [MR_TYPE_DECIMAL] = "decimal",
        [MR_TYPE_MONEY] = "money",
        [MR_TYPE_TEXT] = "text",
        [MR_TYPE_BYTES] = "bytes",
        [MR_TYPE_UUID] = "uuid",
        [MR_TYPE_JSON] = "json",
        [MR_TYPE_XML] = "xml",
        [MR_TYPE_ENUM] = "enum",
        [MR_TYPE_SET] = "set",
        [MR_TYPE_YEAR] = "year",
        [MR_TYPE_DATE] = "date",
        [MR_TYPE_TIME] = "time",
        [MR_TYPE_TIMETZ] = "timetz",
        [MR_TYPE_TIMESTAMP] = "timestamp",
        [MR_TYPE_TIMESTAMPTZ] = "timestamptz",
        [MR_TYPE_INTERVAL] = "interval",
        [MR_TYPE_BITS] = "bits",
        [MR_TYPE_HSTORE] = "hstore",
        [MR_TYPE_LTREE] = "ltree",
        [MR_TYPE_TSVECTOR] = "tsvector",
        [MR_TYPE_POINT] = "point",
        [MR_TYPE_LINE] = "line",
        [MR_TYPE_CIRCLE] = "circle",
        [MR_TYPE_SHAPE] = "shape",
        [MR_TYPE_GEOMETRY] = "geometry",
        [MR_TYPE_GEOGRAPHY] = "geography",
        [MR_TYPE_SPATIAL] = "spatial",
        [MR_TYPE_SPATIAL_POINT] = "spatial_point",
        [MR_TYPE_VECTOR] = "vector",
        [MR_TYPE_HALFVEC] = "halfvec",
        [MR_TYPE_SPARSEVEC] = "sparsevec",
        [MR_TYPE_ARRAY] = "array",
        [MR_TYPE_OTHER] = "other",
    };

    if ((size_t)type >= sizeof names / sizeof *names)
        return "unknown";
    return names[type];
}

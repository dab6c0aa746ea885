/* Partition columns: a plan per table version, a text per row.
 *
 * A row of an orders table placed by its customer stands in one partition with all rows of that customer; a consumer
 * then sees each customer's history in order. Two things follow, and both are checked or said:
 *
 *   - A delete must go where the row went, so the columns must be in the old row that the server sends: part of the
 *     replica identity, or REPLICA IDENTITY FULL. Anything else is refused per version, before the first row.
 *   - An update that changes such a column moves the row to another partition: order between its events before and
 *     after is then a matter of two partitions. That is the user's choice and in the documentation.
 *
 * Only types whose text is beyond doubt are taken. NULL is the empty text. Names are looked up once a version; a row
 * costs the writing of its values, without an allocation once the buffer has grown. */
#include "connectors/sink_kafka/placing.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "schema/form/decimal.h"

#define MOST_PLANS 4096
#define MOST_TEXT  (1 << 20)

struct mr_kafka_placing_plan {
    uint32_t count; /* 0: by the record key */
    uint32_t columns[];
};

void mr_kafka_placing_init(struct mr_kafka_placing *placing, const struct mr_kafka_config *config)
{
    memset(placing, 0, sizeof *placing);
    placing->rules = &config->partition_columns;
    mr_map_init(&placing->plans);
    mr_buf_init(&placing->text, MOST_TEXT);
}

static void forget_plans(struct mr_kafka_placing *placing)
{
    size_t at = 0;
    void *plan;

    while ((plan = mr_map_next(&placing->plans, &at, NULL, NULL)))
        free(plan);
    mr_map_done(&placing->plans);
    mr_map_init(&placing->plans);
    placing->last = NULL;
}

void mr_kafka_placing_done(struct mr_kafka_placing *placing)
{
    forget_plans(placing);
    mr_match_free(placing->match);
    mr_buf_done(&placing->text);
}

int mr_kafka_placing_compile(struct mr_kafka_placing *placing, struct mr_err *err)
{
    return mr_match_new(placing->rules->keys, placing->rules->count, "partition_keys",
                        &placing->match, err);
}

static bool has_text(enum mr_type type)
{
    switch (type) {
    case MR_TYPE_BOOL:
    case MR_TYPE_INT8:
    case MR_TYPE_INT16:
    case MR_TYPE_INT32:
    case MR_TYPE_INT64:
    case MR_TYPE_UINT64:
    case MR_TYPE_DECIMAL:
    case MR_TYPE_TEXT:
    case MR_TYPE_UUID:
    case MR_TYPE_ENUM:
    case MR_TYPE_SET:
    case MR_TYPE_YEAR:
    case MR_TYPE_LTREE: return true;
    default: return false;
    }
}

/* Is the column in the old rows of updates and deletes, as far as there are any? */
static bool is_sent_with_deletes(const struct mr_table *table, struct mr_slice name)
{
    while (table->origin)
        table = table->origin;
    int32_t column = mr_table_find(table, name);
    bool updates = table->identity != MR_IDENTITY_NOTHING && table->key_count > 0;
    return table->identity == MR_IDENTITY_FULL || !updates ||
           (column >= 0 && table->columns[column].key > 0);
}

static int refuse(const struct mr_table *table, struct mr_slice name, const char *what,
                  struct mr_err *err)
{
    return mr_err_set(err, MR_CONFIG, "sink.kafka.partition_columns",
                      "column \"%.*s\" of %.*s.%.*s cannot place records: %s", MR_SLICE_ARG(name),
                      MR_SLICE_ARG(mr_table_space(table)), MR_SLICE_ARG(table->name), what);
}

static int add_column(const struct mr_table *table, struct mr_slice name,
                      struct mr_kafka_placing_plan *plan, struct mr_err *err)
{
    int32_t column = mr_table_find(table, name);

    if (column < 0) {
        refuse(table, name, "there is no such column", err);
        mr_err_hint(err, "names are compared exactly, case included; separate them by commas");
        return MR_CONFIG;
    }
    if (!has_text(table->columns[column].type)) {
        refuse(table, name, "its type has no plain text", err);
        mr_err_hint(err, "take integers, numerics, texts, booleans, uuids or enums");
        return MR_CONFIG;
    }
    if (!is_sent_with_deletes(table, name)) {
        refuse(table, name, "the server does not send it with deleted rows", err);
        mr_err_hint(err, "ALTER TABLE \"%.*s\".\"%.*s\" REPLICA IDENTITY FULL;",
                    MR_SLICE_ARG(mr_table_space(table)), MR_SLICE_ARG(table->name));
        return MR_CONFIG;
    }
    plan->columns[plan->count++] = (uint32_t)column;
    return 0;
}

static int read_list(const struct mr_table *table, const char *list,
                     struct mr_kafka_placing_plan *plan, struct mr_err *err)
{
    int rc = 0;

    while (*list && rc == 0) {
        const char *start = list + strspn(list, " ,");
        size_t size = strcspn(start, ",");
        list = start + size;
        while (size > 0 && start[size - 1] == ' ')
            size--;
        if (size > 0 && plan->count < table->column_count)
            rc = add_column(table, mr_slice(start, size), plan, err);
    }
    return rc == 0 && plan->count == 0
               ? refuse(table, (struct mr_slice){NULL, 0}, "partition_columns names none", err)
               : rc;
}

static int make_plan(struct mr_kafka_placing *placing, const struct mr_table *table,
                     struct mr_kafka_placing_plan **ret_plan, struct mr_err *err)
{
    struct mr_kafka_placing_plan *plan =
        mr_alloc_zero(sizeof *plan + table->column_count * sizeof *plan->columns);
    int rc = 0;

    mr_buf_clear(&placing->text);
    mr_buf_add_slice(&placing->text, mr_table_space(table));
    if (table->schema.data)
        mr_buf_add_char(&placing->text, '.');
    mr_buf_add_slice(&placing->text, table->name);
    int32_t rule = mr_match_find(placing->match, mr_buf_slice(&placing->text));
    if (rule >= 0)
        rc = read_list(table, placing->rules->values[rule], plan, err);
    if (rc < 0)
        free(plan);
    else
        *ret_plan = plan;
    return rc;
}

int mr_kafka_placing_check(struct mr_kafka_placing *placing, const struct mr_table *table,
                           struct mr_err *err)
{
    struct mr_kafka_placing_plan *plan = NULL;
    int rc = make_plan(placing, table, &plan, err);

    free(plan);
    return rc;
}

static int find_plan(struct mr_kafka_placing *placing, const struct mr_table *table,
                     struct mr_err *err)
{
    struct mr_kafka_placing_plan *plan;

    if (placing->last && placing->last_id == table->id)
        return 0;
    plan = mr_map_get_number(&placing->plans, table->id);
    if (!plan) {
        int rc = make_plan(placing, table, &plan, err);
        if (rc < 0)
            return rc;
        if (placing->plans.count >= MOST_PLANS)
            forget_plans(placing);
        mr_map_put_number(&placing->plans, table->id, plan);
    }
    placing->last = plan;
    placing->last_id = table->id;
    return 0;
}

static void add_uuid(struct mr_buf *buf, const char *bytes)
{
    static const size_t groups[] = {4, 2, 2, 2, 6};
    char text[36], *at = text;

    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (i > 0)
            *at++ = '-';
        at = mr_put_hex(at, mr_slice(bytes, groups[i]));
        bytes += groups[i];
    }
    mr_buf_add(buf, text, sizeof text);
}

static void add_decimal(struct mr_buf *buf, const struct mr_value *value)
{
    struct mr_buf text;

    mr_buf_init(&text, MOST_TEXT);
    mr_decimal_text(value, &text);
    mr_buf_add_slice(buf, mr_buf_slice(&text));
    mr_buf_done(&text);
}

/* False when the value is not there at all. */
static bool add_value(struct mr_buf *buf, const struct mr_value *value)
{
    switch (value->kind) {
    case MR_NULL: return true;
    case MR_BOOL: mr_buf_add_str(buf, value->i ? "true" : "false"); return true;
    case MR_INT: mr_json_add_i64(buf, value->i); return true;
    case MR_UINT: mr_json_add_u64(buf, value->u); return true;
    case MR_TEXT: mr_buf_add_slice(buf, mr_value_slice(value)); return true;
    case MR_UUID: add_uuid(buf, value->p); return true;
    case MR_DECIMAL:
    case MR_DECIMAL_TEXT: add_decimal(buf, value); return true;
    default: return false;
    }
}

/* A value that an update left out stands in the old row, if anywhere. */
static const struct mr_value *look_up(const struct mr_record *record, uint32_t column)
{
    const struct mr_value *value = &record->row[column];
    const struct mr_change *change = record->change;

    if (value->kind == MR_UNCHANGED && change->before && !change->before_is_key)
        return &change->before[column];
    return value;
}

int mr_kafka_placing_key(struct mr_kafka_placing *placing, const struct mr_record *record,
                         struct mr_slice *ret_key, struct mr_err *err)
{
    const struct mr_table *table = record->table;
    int rc = record->row && table ? find_plan(placing, table, err) : 0;

    if (rc < 0)
        return rc;
    *ret_key = record->key;
    if (!record->row || !table || placing->last->count == 0)
        return 0;
    mr_buf_clear(&placing->text);
    for (uint32_t i = 0; i < placing->last->count; i++) {
        uint32_t column = placing->last->columns[i];
        if (i > 0)
            mr_buf_add_char(&placing->text, ',');
        if (!add_value(&placing->text, look_up(record, column)))
            return refuse(table, table->columns[column].name, "a row came without its value", err);
    }
    *ret_key = mr_slice(mr_buf_cstr(&placing->text), placing->text.size);
    return 0;
}

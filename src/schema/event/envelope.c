/* The schemas around a row.
 *
 *     <topic>.Envelope v2   before, after: <topic>.Value?   source: ...Source v1   transaction: event.block v1?
 *                           op   ts_ms? ts_us? ts_ns?
 *     <topic>.Key           the key columns, in key order
 *
 * The source block is source.c's. Field order and optionality are Debezium's and part of the contract, since consumers
 * registered them. */
#include "schema/event/envelope.h"

#include "schema/event/source.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void add_fields(struct mr_arena *arena, struct mr_connect *schema,
                       const struct mr_source_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mr_connect_add(schema, mr_slice_str(fields[i].name),
                       mr_connect_new(arena, fields[i].type, fields[i].optional));
}

static const struct mr_connect *block_schema(struct mr_arena *arena)
{
    static const struct mr_source_field fields[] = {
        {"id", MR_CONNECT_STRING, false},
        {"total_order", MR_CONNECT_INT64, false},
        {"data_collection_order", MR_CONNECT_INT64, false}};
    struct mr_connect *schema =
        mr_connect_struct(arena, true, mr_slice_str("event.block"), 1, COUNT(fields));

    add_fields(arena, schema, fields, COUNT(fields));
    return schema;
}

static struct mr_slice join(struct mr_arena *arena, struct mr_slice base, const char *suffix)
{
    return mr_slice_str(mr_arena_printf(arena, "%.*s%s", MR_SLICE_ARG(base), suffix));
}

static const struct mr_connect *row_schema(struct mr_arena *arena,
                                           const struct mr_envelope *envelope, struct mr_slice base)
{
    const struct mr_table *table = envelope->table;
    struct mr_connect *schema =
        mr_connect_struct(arena, true, join(arena, base, ".Value"), 0, table->column_count);

    for (uint32_t i = 0; i < table->column_count; i++) {
        if (envelope->forms[i].kind != MR_FORM_DROPPED)
            mr_connect_add(schema, envelope->forms[i].name, envelope->forms[i].schema);
    }
    return schema;
}

static const struct mr_connect *key_schema(struct mr_arena *arena,
                                           const struct mr_envelope *envelope, struct mr_slice base)
{
    const struct mr_table *table = envelope->table;
    struct mr_connect *schema;

    if (table->key_count == 0)
        return NULL;
    schema = mr_connect_struct(arena, false, join(arena, base, ".Key"), 0, table->key_count);
    for (uint32_t i = 0; i < table->key_count; i++) {
        uint32_t column = table->key_columns[i];
        if (envelope->forms[column].kind != MR_FORM_DROPPED)
            mr_connect_add(schema, envelope->forms[column].name, envelope->forms[column].schema);
    }
    return schema;
}

static const struct mr_connect *
value_schema(struct mr_arena *arena, const struct mr_envelope *envelope, struct mr_slice base)
{
    static const struct mr_source_field times[] = {{"ts_ms", MR_CONNECT_INT64, true},
                                                   {"ts_us", MR_CONNECT_INT64, true},
                                                   {"ts_ns", MR_CONNECT_INT64, true}};
    struct mr_connect *schema =
        mr_connect_struct(arena, false, join(arena, base, ".Envelope"), 2, 8);

    mr_connect_add(schema, mr_slice_str("before"), envelope->row);
    mr_connect_add(schema, mr_slice_str("after"), envelope->row);
    mr_connect_add(schema, mr_slice_str("source"),
                   mr_source_schema(arena, envelope->table->connector));
    mr_connect_add(schema, mr_slice_str("transaction"), block_schema(arena));
    mr_connect_add(schema, mr_slice_str("op"), mr_connect_new(arena, MR_CONNECT_STRING, false));
    add_fields(arena, schema, times, COUNT(times));
    return schema;
}

void mr_envelope_make(struct mr_arena *arena, const struct mr_table *table, struct mr_slice base,
                      const struct mr_form_options *options, struct mr_envelope *ret_envelope)
{
    struct mr_envelope *envelope = ret_envelope;

    *envelope = (struct mr_envelope){.table = table};
    base = mr_name_adjust(arena, base, (enum mr_name_mode)options->schema_names, true);
    envelope->forms = MR_ARENA_ARRAY(arena, struct mr_form, table->column_count);
    for (uint32_t i = 0; i < table->column_count; i++)
        mr_form_make(arena, mr_form_mapping_of(table->connector), &table->columns[i], options,
                     &envelope->forms[i]);
    envelope->key = key_schema(arena, envelope, base);
    for (uint32_t i = 0; i < table->column_count; i++)
        mr_form_propagate(arena, table, options, &envelope->forms[i]); /* keys do not tell */
    envelope->row = row_schema(arena, envelope, base);
    envelope->value = value_schema(arena, envelope, base);
}

const struct mr_connect *mr_envelope_message_key(struct mr_arena *arena)
{
    struct mr_connect *schema = mr_connect_struct(
        arena, false, mr_slice_str("io.debezium.connector.postgresql.MessageKey"), 1, 1);

    mr_connect_add(schema, mr_slice_str("prefix"), mr_connect_new(arena, MR_CONNECT_STRING, true));
    return schema;
}

const struct mr_connect *mr_envelope_message_value(struct mr_arena *arena, int binary)
{
    static const struct mr_source_field head[] = {{"op", MR_CONNECT_STRING, false},
                                                  {"ts_ms", MR_CONNECT_INT64, true}};
    const struct mr_source_field body[] = {
        {"prefix", MR_CONNECT_STRING, true},
        {"content", binary == MR_BINARY_BYTES ? MR_CONNECT_BYTES : MR_CONNECT_STRING, true}};
    struct mr_connect *message = mr_connect_struct(
        arena, false, mr_slice_str("io.debezium.connector.postgresql.Message"), 1, COUNT(body));
    struct mr_connect *schema = mr_connect_struct(
        arena, false, mr_slice_str("io.debezium.connector.postgresql.MessageValue"), 1, 5);

    add_fields(arena, message, body, COUNT(body));
    add_fields(arena, schema, head, COUNT(head));
    mr_connect_add(schema, mr_slice_str("source"),
                   mr_source_schema(arena, mr_slice_str("postgresql")));
    mr_connect_add(schema, mr_slice_str("transaction"), block_schema(arena));
    mr_connect_add(schema, mr_slice_str("message"), message);
    return schema;
}

const struct mr_connect *mr_envelope_flat(struct mr_arena *arena,
                                          const struct mr_envelope *envelope, bool deleted)
{
    const struct mr_connect *row = envelope->row;
    struct mr_connect *schema = mr_connect_struct(arena, false, row->name, 0, row->field_count + 1);

    for (uint32_t i = 0; i < row->field_count; i++)
        mr_connect_add(schema, row->fields[i].name, row->fields[i].schema);
    if (deleted)
        mr_connect_add(schema, mr_slice_str("__deleted"),
                       mr_connect_new(arena, MR_CONNECT_STRING, true));
    return schema;
}

int mr_envelope_check(const struct mr_envelope *envelope, struct mr_err *err)
{
    const struct mr_table *table = envelope->table;

    for (uint32_t i = 0; i < table->column_count; i++) {
        for (uint32_t j = i + 1; j < table->column_count; j++) {
            const struct mr_form *a = &envelope->forms[i], *b = &envelope->forms[j];

            if (!mr_slice_equal(a->name, b->name) || a->kind == MR_FORM_DROPPED ||
                b->kind == MR_FORM_DROPPED)
                continue;
            mr_err_set(
                err, MR_CONFIG, "schema.name_collision",
                "columns \"%.*s\" and \"%.*s\" of table %.*s.%.*s both become field \"%.*s\"",
                MR_SLICE_ARG(a->column->name), MR_SLICE_ARG(b->column->name),
                MR_SLICE_ARG(mr_table_space(table)), MR_SLICE_ARG(table->name),
                MR_SLICE_ARG(a->name));
            mr_err_hint(
                err,
                "set format.field_name_adjustment_mode: avro_unicode, which keeps names apart, "
                "or exclude one of the columns");
            return MR_CONFIG;
        }
    }
    return 0;
}

/* A change of schemas as a record:
 *
 *     {"databaseName":"shop"}    {"source":{..},"ts_ms":..,"databaseName":"shop","schemaName":null,"ddl":"ALTER ..",
 *                                 "tableChanges":[{"type":"ALTER","id":"\"shop\".\"orders\"","table":{..,"columns":[..]}}]}
 *
 * A column is told by the words of SHOW CREATE TABLE: its type without what stands in parentheses, in capitals, then
 * length and scale from there. Numbers of JDBC are those of the driver that Debezium asks. As there, labels keep
 * their quotes, and AUTO_INCREMENT counts as generated. A table that was dropped has no columns to tell. */
#include "schema/event/schema_change.h"

#include "schema/event/source.h"
#include "schema/form/declared.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct mr_source_field column_fields[] = {
    {"name", MR_CONNECT_STRING, false},
    {"jdbcType", MR_CONNECT_INT32, false},
    {"nativeType", MR_CONNECT_INT32, true},
    {"typeName", MR_CONNECT_STRING, false},
    {"typeExpression", MR_CONNECT_STRING, true},
    {"charsetName", MR_CONNECT_STRING, true},
    {"length", MR_CONNECT_INT32, true},
    {"scale", MR_CONNECT_INT32, true},
    {"position", MR_CONNECT_INT32, false},
    {"optional", MR_CONNECT_BOOLEAN, true},
    {"autoIncremented", MR_CONNECT_BOOLEAN, true},
    {"generated", MR_CONNECT_BOOLEAN, true},
    {"comment", MR_CONNECT_STRING, true},
    {"defaultValueExpression", MR_CONNECT_STRING, true},
};

static void add(struct mr_arena *arena, struct mr_connect *schema, const char *name,
                enum mr_connect_type type, bool optional)
{
    mr_connect_add(schema, mr_slice_str(name), mr_connect_new(arena, type, optional));
}

static const struct mr_connect *list_of(struct mr_arena *arena, const struct mr_connect *item,
                                        bool optional)
{
    struct mr_connect *schema = mr_connect_new(arena, MR_CONNECT_ARRAY, optional);

    schema->item = item;
    return schema;
}

static const struct mr_connect *column_schema(struct mr_arena *arena)
{
    struct mr_connect *schema =
        mr_connect_struct(arena, false, mr_slice_str("io.debezium.connector.schema.Column"), 1, 15);

    for (size_t i = 0; i < COUNT(column_fields); i++)
        add(arena, schema, column_fields[i].name, column_fields[i].type, column_fields[i].optional);
    mr_connect_add(schema, mr_slice_str("enumValues"),
                   list_of(arena, mr_connect_new(arena, MR_CONNECT_STRING, false), true));
    return schema;
}

static const struct mr_connect *change_schema(struct mr_arena *arena)
{
    struct mr_connect *table =
        mr_connect_struct(arena, true, mr_slice_str("io.debezium.connector.schema.Table"), 1, 4);
    struct mr_connect *schema =
        mr_connect_struct(arena, false, mr_slice_str("io.debezium.connector.schema.Change"), 1, 3);

    add(arena, table, "defaultCharsetName", MR_CONNECT_STRING, true);
    mr_connect_add(table, mr_slice_str("primaryKeyColumnNames"),
                   list_of(arena, mr_connect_new(arena, MR_CONNECT_STRING, false), true));
    mr_connect_add(table, mr_slice_str("columns"), list_of(arena, column_schema(arena), false));
    add(arena, table, "comment", MR_CONNECT_STRING, true);
    add(arena, schema, "type", MR_CONNECT_STRING, false);
    add(arena, schema, "id", MR_CONNECT_STRING, false);
    mr_connect_add(schema, mr_slice_str("table"), table);
    return schema;
}

static struct mr_connect *named(struct mr_arena *arena, struct mr_slice connector, const char *what,
                                uint32_t fields)
{
    return mr_connect_struct(arena, false,
                             mr_slice_str(mr_arena_printf(arena, "io.debezium.connector.%.*s.%s",
                                                          MR_SLICE_ARG(connector), what)),
                             1, fields);
}

const struct mr_connect *mr_schema_change_key(struct mr_arena *arena, struct mr_slice connector)
{
    struct mr_connect *schema = named(arena, connector, "SchemaChangeKey", 1);

    add(arena, schema, "databaseName", MR_CONNECT_STRING, false);
    return schema;
}

const struct mr_connect *mr_schema_change_value(struct mr_arena *arena, struct mr_slice connector)
{
    struct mr_connect *schema = named(arena, connector, "SchemaChangeValue", 6);

    mr_connect_add(schema, mr_slice_str("source"), mr_source_schema(arena, connector));
    add(arena, schema, "ts_ms", MR_CONNECT_INT64, false);
    add(arena, schema, "databaseName", MR_CONNECT_STRING, true);
    add(arena, schema, "schemaName", MR_CONNECT_STRING, true);
    add(arena, schema, "ddl", MR_CONNECT_STRING, true);
    mr_connect_add(schema, mr_slice_str("tableChanges"),
                   list_of(arena, change_schema(arena), false));
    return schema;
}

/* By the first word, or by its end: tinyblob, mediumtext. */
static int jdbc_type(struct mr_slice name)
{
    static const struct {
        const char *word;
        int number;
    } types[] = {{"TINYINT", 5},     {"SMALLINT", 5},    {"MEDIUMINT", 4}, {"INT", 4},
                 {"BIGINT", -5},     {"FLOAT", 6},       {"DOUBLE", 8},    {"DECIMAL", 3},
                 {"BIT", -7},        {"CHAR", 1},        {"VARCHAR", 12},  {"TINYTEXT", 12},
                 {"TEXT", 12},       {"MEDIUMTEXT", 12}, {"LONGTEXT", 12}, {"BINARY", -2},
                 {"VARBINARY", -3},  {"TINYBLOB", 2004}, {"BLOB", 2004},   {"MEDIUMBLOB", 2004},
                 {"LONGBLOB", 2004}, {"ENUM", 1},        {"SET", 1},       {"DATE", 91},
                 {"TIME", 92},       {"DATETIME", 93},   {"YEAR", 4},      {"TIMESTAMP", 2014}};
    const char *space = memchr(name.data, ' ', name.size);

    if (space)
        name.size = (size_t)(space - name.data);
    for (size_t i = 0; i < COUNT(types); i++) {
        if (mr_slice_is(name, types[i].word))
            return types[i].number;
    }
    return 1111;
}

static struct mr_node labels_node(struct mr_arena *arena, const struct mr_column *column)
{
    struct mr_node *items = MR_ARENA_ARRAY(arena, struct mr_node, column->label_count + 1);

    for (uint32_t i = 0; i < column->label_count; i++)
        items[i] = mr_node_text(
            mr_slice_str(mr_arena_printf(arena, "'%.*s'", MR_SLICE_ARG(column->labels[i]))));
    return mr_node_list(arena, MR_NODE_LIST, items, column->label_count);
}

static struct mr_node known_int(int32_t number)
{
    return number < 0 ? (struct mr_node){.kind = MR_NODE_NULL} : mr_node_int(number);
}

static struct mr_node flag(bool set)
{
    return (struct mr_node){.kind = MR_NODE_BOOL, .i = set};
}

static struct mr_node column_node(struct mr_arena *arena, const struct mr_column *column,
                                  uint32_t place, bool comments)
{
    const struct mr_slice none = {NULL, 0};
    struct mr_declared declared = mr_form_declared(arena, column);
    bool labels = column->type == MR_TYPE_ENUM || column->type == MR_TYPE_SET;

    return MR_NODE_STRUCT_OF(
        arena, mr_node_text(column->name), mr_node_int(jdbc_type(declared.name)),
        (struct mr_node){.kind = MR_NODE_NULL}, mr_node_text(declared.name),
        mr_node_text(declared.name), mr_node_text(column->charset), known_int(declared.length),
        known_int(declared.scale), mr_node_int(place), flag(column->optional), flag(column->serial),
        flag(column->serial), mr_node_text(comments ? column->comment : none),
        mr_node_text(column->default_text),
        labels ? labels_node(arena, column) : (struct mr_node){.kind = MR_NODE_NULL});
}

static struct mr_node table_node(struct mr_arena *arena, const struct mr_table *table,
                                 bool comments)
{
    const struct mr_slice none = {NULL, 0};
    struct mr_node *columns = MR_ARENA_ARRAY(arena, struct mr_node, table->column_count + 1);
    struct mr_node *keys = MR_ARENA_ARRAY(arena, struct mr_node, table->key_count + 1);

    for (uint32_t i = 0; i < table->column_count; i++)
        columns[i] = column_node(arena, &table->columns[i], i + 1, comments);
    for (uint32_t i = 0; i < table->key_count; i++)
        keys[i] = mr_node_text(table->columns[table->key_columns[i]].name);
    return MR_NODE_STRUCT_OF(arena, mr_node_text(table->charset),
                             mr_node_list(arena, MR_NODE_LIST, keys, table->key_count),
                             mr_node_list(arena, MR_NODE_LIST, columns, table->column_count),
                             mr_node_text(comments ? table->comment : none));
}

static struct mr_node change_node(struct mr_arena *arena, const struct mr_table_change *change,
                                  bool comments)
{
    static const char *const types[] = {
        [MR_TABLE_CREATE] = "CREATE", [MR_TABLE_ALTER] = "ALTER", [MR_TABLE_DROP] = "DROP"};
    const char *id = mr_arena_printf(arena, "\"%.*s\".\"%.*s\"", MR_SLICE_ARG(change->database),
                                     MR_SLICE_ARG(change->name));

    return MR_NODE_STRUCT_OF(arena, mr_node_text(mr_slice_str(types[change->action])),
                             mr_node_text(mr_slice_str(id)),
                             change->table ? table_node(arena, change->table, comments)
                                           : (struct mr_node){.kind = MR_NODE_NULL});
}

struct mr_node_pair mr_schema_change_nodes(struct mr_arena *arena, const struct mr_change *change,
                                           bool comments)
{
    const struct mr_schema_change *schema = change->schema;
    struct mr_node *changes = MR_ARENA_ARRAY(arena, struct mr_node, schema->change_count + 1);
    struct mr_node database =
        mr_node_text(schema->database.data ? schema->database : mr_slice_str(""));

    for (uint32_t i = 0; i < schema->change_count; i++)
        changes[i] = change_node(arena, &schema->changes[i], comments);
    return (struct mr_node_pair){
        .key = mr_node_keep(arena, MR_NODE_STRUCT_OF(arena, database)),
        .value = mr_node_keep(
            arena,
            MR_NODE_STRUCT_OF(arena, (struct mr_node){.kind = MR_NODE_SOURCE},
                              mr_node_int(change->read_us / 1000), database,
                              (struct mr_node){.kind = MR_NODE_NULL}, mr_node_text(schema->ddl),
                              mr_node_list(arena, MR_NODE_LIST, changes, schema->change_count)))};
}

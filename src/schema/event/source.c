/* What the source blocks of all logs have in common: nine fields, the marker, times.
 *
 *     version  connector  name  ts_ms  snapshot  db  sequence  ts_us  ts_ns  |  the log's own
 *     head ................... | commit_ms | mark .. db | | commit ........ | table, then the row's
 *
 * In JSON a time is one number three times: whole, without its last three digits, with three more. */
#include "schema/event/source.h"

#include "schema/out/avro.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct mr_source_field common_fields[] = {
    {"version", MR_CONNECT_STRING, false}, {"connector", MR_CONNECT_STRING, false},
    {"name", MR_CONNECT_STRING, false},    {"ts_ms", MR_CONNECT_INT64, false},
    {"snapshot", MR_CONNECT_STRING, true}, {"db", MR_CONNECT_STRING, false},
    {"sequence", MR_CONNECT_STRING, true}, {"ts_us", MR_CONNECT_INT64, true},
    {"ts_ns", MR_CONNECT_INT64, true},
};

static const struct {
    const char *connector, *schema;
    const struct mr_source_field *fields;
    size_t count;
    bool binlog;
} layouts[] = {
    {"mysql", "io.debezium.connector.mysql.Source", mr_source_binlog_fields,
     COUNT(mr_source_binlog_fields), true},
    {"mariadb", "io.debezium.connector.mariadb.Source", mr_source_binlog_fields,
     COUNT(mr_source_binlog_fields), true},
    {"postgresql", "io.debezium.connector.postgresql.Source", mr_source_postgres_fields,
     COUNT(mr_source_postgres_fields), false},
};

/* The last one for a connector that is not known. */
static size_t layout_of(struct mr_slice connector)
{
    size_t i = 0;

    while (i + 1 < COUNT(layouts) && !mr_slice_is(connector, layouts[i].connector))
        i++;
    return i;
}

const char *mr_source_mark(enum mr_snapshot_mark mark)
{
    static const char *const names[] = {
        [MR_SNAPSHOT_NONE] = "false",
        [MR_SNAPSHOT_TRUE] = "true",
        [MR_SNAPSHOT_FIRST] = "first",
        [MR_SNAPSHOT_FIRST_IN_TABLE] = "first_in_data_collection",
        [MR_SNAPSHOT_LAST_IN_TABLE] = "last_in_data_collection",
        [MR_SNAPSHOT_LAST] = "last",
        [MR_SNAPSHOT_INCREMENTAL] = "incremental",
    };

    return names[mark];
}

/* The snapshot marker: the one field of the common part with a semantic type and a default. */
static const struct mr_connect *mark_schema(struct mr_arena *arena)
{
    struct mr_connect *schema =
        mr_connect_named(arena, MR_CONNECT_STRING, true, "io.debezium.data.Enum", 1);

    mr_connect_parameter(arena, schema, "allowed",
                         mr_slice_str("true,first,first_in_data_collection,last_in_data_collection,"
                                      "last,false,incremental"));
    schema->standard = (struct mr_value){.kind = MR_TEXT, .size = 5, .p = "false"};
    return schema;
}

static void add_fields(struct mr_arena *arena, struct mr_connect *schema,
                       const struct mr_source_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mr_connect_add(schema, mr_slice_str(fields[i].name),
                       mr_connect_new(arena, fields[i].type, fields[i].optional));
}

const struct mr_connect *mr_source_schema(struct mr_arena *arena, struct mr_slice connector)
{
    size_t i = layout_of(connector);
    struct mr_connect *schema =
        mr_connect_struct(arena, false, mr_slice_str(layouts[i].schema), 1,
                          (uint32_t)(COUNT(common_fields) + layouts[i].count));

    add_fields(arena, schema, common_fields, COUNT(common_fields));
    schema->fields[4].schema = mark_schema(arena);
    add_fields(arena, schema, layouts[i].fields, layouts[i].count);
    return schema;
}

static struct mr_slice keep(struct mr_arena *arena, struct mr_buf *text)
{
    struct mr_slice piece = mr_arena_copy(arena, mr_buf_slice(text));

    mr_buf_clear(text);
    return piece;
}

static void add_pair(struct mr_buf *text, const char *key, struct mr_slice value)
{
    mr_buf_add_str(text, key);
    mr_json_add_str(text, value);
}

#define MARK_FALSE ",\"snapshot\":\"false"

void mr_source_plan_json(struct mr_arena *arena, const struct mr_source_names *names,
                         struct mr_buf *text, struct mr_source_plan *ret_plan)
{
    struct mr_source_plan *plan = ret_plan;

    plan->binlog = layouts[layout_of(names->connector)].binlog;
    mr_buf_clear(text);
    add_pair(text, ",\"source\":{\"version\":", names->version);
    add_pair(text, ",\"connector\":", names->connector);
    add_pair(text, ",\"name\":", names->server);
    mr_buf_add_str(text, ",\"ts_ms\":");
    plan->head = keep(arena, text);
    mr_buf_add_str(text, MARK_FALSE);
    add_pair(text, "\",\"db\":", names->database);
    mr_buf_add_str(text, plan->binlog ? ",\"sequence\":null" : ",\"sequence\":\"[");
    plan->mark = keep(arena, text);
    plan->db = plan->mark;
    plan->db.data += strlen(MARK_FALSE);
    plan->db.size -= strlen(MARK_FALSE);
    if (!plan->binlog)
        add_pair(text, "\"schema\":", names->schema);
    mr_buf_add_str(text, plan->binlog ? "\"table\":" : ",\"table\":");
    if (names->table.data)
        mr_json_add_str(text, names->table);
    else
        mr_buf_add_str(text, "null");
    mr_buf_add_str(text, plan->binlog ? ",\"server_id\":" : ",\"txId\":");
    plan->table = keep(arena, text);
}

void mr_source_plan_avro(struct mr_arena *arena, const struct mr_source_names *names,
                         struct mr_source_plan *ret_plan)
{
    struct mr_source_plan *plan = ret_plan;
    struct mr_out out;

    plan->binlog = layouts[layout_of(names->connector)].binlog;
    mr_out_begin(&out, arena, 256);
    mr_avro_string(&out, names->version);
    mr_avro_string(&out, names->connector);
    mr_avro_string(&out, names->server);
    plan->head = mr_out_end(&out);
    mr_out_begin(&out, arena, 64);
    mr_avro_string(&out, names->database);
    plan->db = mr_out_end(&out);
    mr_out_begin(&out, arena, 256);
    if (plan->binlog) {
        mr_avro_optional_string(&out, names->table);
    } else {
        mr_avro_string(&out, names->schema);
        mr_avro_string(&out, names->table);
    }
    plan->table = mr_out_end(&out);
}

void mr_source_init(struct mr_source_block *block)
{
    *block = (struct mr_source_block){.read_us = INT64_MIN};
    mr_buf_init(&block->tail, 64 << 10);
    mr_buf_init(&block->times, 64 << 10);
    mr_buf_init(&block->message_time, 64 << 10);
}

void mr_source_done(struct mr_source_block *block)
{
    mr_buf_done(&block->tail);
    mr_buf_done(&block->times);
    mr_buf_done(&block->message_time);
}

void mr_source_reset(struct mr_source_block *block)
{
    block->transaction = NULL;
    block->read_us = INT64_MIN;
}

const struct mr_transaction *mr_source_transaction(const struct mr_change *change)
{
    static const struct mr_transaction unknown = {0};

    return change->transaction ? change->transaction : &unknown;
}

static char *put(char *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

void mr_source_commit_json(struct mr_source_block *block, const char *lead, const char *tail,
                           int64_t commit_us)
{
    char *at = put(block->commit.bytes, lead, strlen(lead)), *digits = at;
    size_t size;

    at = mr_json_put_i64(digits, commit_us);
    size = (size_t)(at - digits);
    at = put(at, ",\"ts_ns\":", 9);
    at = put(at, digits, size);
    if (commit_us)
        at = put(at, "000", 3);
    at = put(at, tail, strlen(tail));
    block->commit.size = (size_t)(at - block->commit.bytes);
    if (commit_us / 1000)
        at = put(block->commit_ms.bytes, digits, size - 3);
    else
        at = put(block->commit_ms.bytes, "0", 1);
    block->commit_ms.size = (size_t)(at - block->commit_ms.bytes);
}

void mr_source_commit_avro(struct mr_source_block *block, int64_t commit_us)
{
    char *at = mr_avro_put_long(block->commit_ms.bytes, commit_us / 1000);

    block->commit_ms.size = (size_t)(at - block->commit_ms.bytes);
    at = block->commit.bytes;
    *at++ = 2;
    at = mr_avro_put_long(at, commit_us);
    *at++ = 2;
    at = mr_avro_put_long(at, commit_us * 1000);
    block->commit.size = (size_t)(at - block->commit.bytes);
}

void mr_source_mark_json(const struct mr_source_plan *plan, const struct mr_change *change,
                         struct mr_out *out)
{
    if (change->mark == MR_SNAPSHOT_NONE) {
        mr_out_raw(out, plan->mark);
        return;
    }
    MR_OUT_LITERAL(out, ",\"snapshot\":\"");
    mr_out_raw(out, mr_slice_str(mr_source_mark(change->mark)));
    mr_out_raw(out, plan->db);
}

void mr_source_times_json(struct mr_source_block *block, const struct mr_change *change,
                          struct mr_out *out)
{
    if (block->read_us != change->read_us) {
        block->read_us = change->read_us;
        mr_buf_clear(&block->times);
        mr_buf_printf(&block->times, "\"ts_ms\":%lld,\"ts_us\":%lld,\"ts_ns\":%lld}",
                      (long long)(change->read_us / 1000), (long long)change->read_us,
                      (long long)(change->read_us * 1000));
        mr_buf_clear(&block->message_time);
        mr_buf_printf(&block->message_time, "\"ts_ms\":%lld", (long long)(change->read_us / 1000));
    }
    mr_out_raw(out,
               mr_buf_slice(change->op == MR_OP_MESSAGE ? &block->message_time : &block->times));
}

void mr_source_times_avro(struct mr_source_block *block, const struct mr_change *change,
                          struct mr_out *out)
{
    if (block->read_us != change->read_us) {
        char bytes[36], *at = bytes;

        block->read_us = change->read_us;
        *at++ = 2;
        at = mr_avro_put_long(at, change->read_us / 1000);
        *at++ = 2;
        at = mr_avro_put_long(at, change->read_us);
        *at++ = 2;
        at = mr_avro_put_long(at, change->read_us * 1000);
        mr_buf_clear(&block->times);
        mr_buf_add(&block->times, bytes, (size_t)(at - bytes));
    }
    mr_out_raw(out, mr_buf_slice(&block->times));
}

/* Making table versions from Relation messages.
 *
 *     R message --(same bytes, same hints)--> the version held
 *               --(else)--> mr_table: columns, types, key          relation->types[i]: how to read column i
 *
 * The server sends R again after ANALYZE, VACUUM, GRANT and much else, so content decides, not arrival.
 *
 * The key of a table, in this order: the columns of the replica identity index when that is what the identity is
 * (anything else could not be told from a delete); the primary key; a unique index over NOT NULL columns that is
 * neither partial nor an expression. Under DEFAULT and INDEX the wire's flags must agree with the catalogue, or
 * else the flags win: the catalogue may be ahead of the stream.
 *
 * The catalogue is ahead of the stream: a column may be dropped or renamed there while rows that have it still come.
 * What it says no more is taken from the version before, or such rows would need a version of their own in which the
 * column is optional.
 *
 * A domain is read as its base type, with the domain's modifier when the column has none of its own. */
#include "connectors/source_postgres/catalog/relation.h"

#include <stdlib.h>
#include <string.h>

#include "connectors/source_postgres/types/default.h"

#define MAX_TYPE_DEPTH 16

void mr_pg_relations_init(struct mr_pg_relations *relations)
{
    *relations = (struct mr_pg_relations){0};
    mr_map_init(&relations->by_oid);
}

static void relation_free(struct mr_pg_relation *relation)
{
    mr_table_unref(relation->table);
    free(relation->wire);
    free(relation);
}

void mr_pg_relations_done(struct mr_pg_relations *relations)
{
    struct mr_pg_relation *relation;
    struct mr_slice key;
    uint64_t number;
    size_t at = 0;

    while ((relation = mr_map_next(&relations->by_oid, &at, &key, &number)))
        relation_free(relation);
    mr_map_done(&relations->by_oid);
    relations->last = NULL;
}

struct mr_pg_relation *mr_pg_relations_find(struct mr_pg_relations *relations, uint32_t oid)
{
    if (!relations->last || relations->last->oid != oid)
        relations->last = mr_map_get_number(&relations->by_oid, oid);
    return relations->last;
}

/* Making one version: what every step needs. */
struct make {
    struct mr_pg_relations *relations;
    struct mr_table *table;
    struct mr_pg_type *types;
    struct mr_pg_table_info info;
    const bool *flags; /* by column: the wire marks it as part of the identity */
    bool captured;
};

static int ask_type(struct make *make, uint32_t oid, struct mr_pg_type_info *ret_info,
                    struct mr_err *err)
{
    const struct mr_pg_hints *hints = make->relations->hints;

    *ret_info = (struct mr_pg_type_info){.modifier = -1};
    return hints ? hints->type(hints->state, &make->table->arena, oid, ret_info, err) : 0;
}

/* The parts of a typmod that a type's meaning depends on. */
static void set_modifier(struct mr_column *column, int32_t modifier)
{
    column->precision = 0;
    switch (column->type) {
    case MR_TYPE_DECIMAL:
        if (modifier >= 4) {
            int32_t scale = (modifier - 4) & 0x7ff;
            column->precision = (modifier - 4) >> 16 & 0xffff;
            column->scale = scale > 1023 ? scale - 2048 : scale;
        }
        break;
    case MR_TYPE_MONEY: column->scale = 2; break;
    case MR_TYPE_TEXT: column->length = modifier >= 4 ? modifier - 4 : 0; break;
    case MR_TYPE_BITS: column->length = modifier > 0 ? modifier : 0; break;
    case MR_TYPE_TIME:
    case MR_TYPE_TIMETZ:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMPTZ:
    case MR_TYPE_INTERVAL: /* which has the fields of its declaration in the upper half */
        modifier = column->type == MR_TYPE_INTERVAL && modifier >= 0 ? modifier & 0xffff : modifier;
        column->precision = modifier >= 0 && modifier <= 6 ? modifier : -1;
        break;
    default: break;
    }
}

static int resolve(struct make *make, uint32_t oid, int32_t modifier, int depth,
                   struct mr_column *column, struct mr_pg_type *type, struct mr_err *err);

static int resolve_array(struct make *make, uint32_t element, int32_t modifier, int depth,
                         struct mr_column *column, struct mr_pg_type *type, struct mr_err *err)
{
    struct mr_column *element_column = MR_ARENA_NEW(&make->table->arena, struct mr_column);
    struct mr_pg_type *element_type = MR_ARENA_NEW(&make->table->arena, struct mr_pg_type);
    int rc;

    *element_column = (struct mr_column){.optional = true, .native_id = element};
    *element_type = (struct mr_pg_type){0};
    rc = resolve(make, element, modifier, depth + 1, element_column, element_type, err);
    if (rc < 0)
        return rc;
    type->codec = &mr_pg_codec_array;
    type->element = element_type;
    column->type = MR_TYPE_ARRAY;
    column->element = element_column;
    return 0;
}

static void use_codec(struct mr_column *column, struct mr_pg_type *type,
                      const struct mr_pg_codec *codec, int32_t modifier)
{
    type->codec = codec;
    column->type = codec->type;
    column->native_modifier = modifier;
    if (!column->native_type.data)
        column->native_type = mr_slice_str(codec->name);
    set_modifier(column, modifier);
}

static char *array_name(struct mr_arena *arena, const char *element)
{
    return mr_arena_printf(arena, "_%s", element);
}

static int resolve_user(struct make *make, uint32_t oid, int32_t modifier, int depth,
                        struct mr_column *column, struct mr_pg_type *type, struct mr_err *err)
{
    const struct mr_pg_codec *codec;
    struct mr_pg_type_info info;
    int rc = depth > MAX_TYPE_DEPTH ? 0 : ask_type(make, oid, &info, err);

    if (rc < 0)
        return rc;
    if (depth > MAX_TYPE_DEPTH || info.oid == 0) {
        use_codec(column, type, &mr_pg_codec_other, modifier);
        return 0;
    }
    if (!column->native_type.data)
        column->native_type = info.name;
    type->domain |= info.kind == 'd';
    if (info.kind == 'd')
        return resolve(make, info.base, modifier >= 0 ? modifier : info.modifier, depth + 1, column,
                       type, err);
    if (info.element != 0) {
        type->delimiter = info.delimiter;
        return resolve_array(make, info.element, modifier, depth, column, type, err);
    }
    codec = info.kind == 'e' ? &mr_pg_codec_enum : mr_pg_codec_by_name(info.name);
    use_codec(column, type, codec && info.kind != 'c' ? codec : &mr_pg_codec_other, modifier);
    column->labels = info.labels;
    column->label_count = info.label_count;
    return 0;
}

static int resolve(struct make *make, uint32_t oid, int32_t modifier, int depth,
                   struct mr_column *column, struct mr_pg_type *type, struct mr_err *err)
{
    const struct mr_pg_codec *codec = mr_pg_codec_by_oid(oid);
    const struct mr_pg_codec *element = mr_pg_codec_of_array(oid);

    type->delimiter = ',';
    if (codec) {
        use_codec(column, type, codec, modifier);
        return 0;
    }
    if (!element)
        return resolve_user(make, oid, modifier, depth, column, type, err);
    if (!column->native_type.data)
        column->native_type = mr_slice_str(array_name(&make->table->arena, element->name));
    column->native_modifier = modifier;
    type->delimiter = element->oid == 603 ? ';' : ',';
    return resolve_array(make, element->oid, modifier, depth, column, type, err);
}

int mr_pg_type_probe(struct mr_pg_relations *relations, struct mr_table *scratch, uint32_t oid,
                     struct mr_pg_type *ret_type, struct mr_err *err)
{
    struct make make = {.relations = relations, .table = scratch};
    struct mr_column column = {0};

    *ret_type = (struct mr_pg_type){0};
    return resolve(&make, oid, -1, 0, &column, ret_type, err);
}

static const struct mr_pg_column_info *column_info(const struct mr_pg_table_info *info,
                                                   struct mr_slice name)
{
    for (uint32_t i = 0; i < info->count; i++) {
        if (mr_slice_equal(info->columns[i].name, name))
            return &info->columns[i];
    }
    return NULL;
}

/* Adds what the hints of the version before say of the columns on the wire that the catalogue has no more. */
static void keep_dropped(struct make *make, const struct mr_pg_message *message,
                         const struct mr_pg_table_info *before)
{
    struct mr_arena *arena = &make->table->arena;
    struct mr_cur cur = mr_cur(message->relation.bytes);
    uint32_t count = make->info.count, room = count + message->relation.columns;
    bool table_gone = count == 0;
    struct mr_pg_column_info *columns =
        MR_ARENA_ARRAY(arena, struct mr_pg_column_info, room ? room : 1);
    struct mr_pg_column wire;

    if (count)
        memcpy(columns, make->info.columns, sizeof(*columns) * count);
    for (uint32_t i = 0; i < message->relation.columns; i++) {
        const struct mr_pg_column_info *old;
        mr_pg_column_next(&cur, &wire);
        old = column_info(before, wire.name);
        if (!old || column_info(&make->info, wire.name))
            continue;
        columns[count] = *old;
        columns[count].name = mr_arena_copy(arena, old->name);
        if (old->standard.data)
            columns[count].standard = mr_arena_copy(arena, old->standard);
        if (!table_gone)
            columns[count].key = columns[count].unique = columns[count].identity = 0;
        count++;
    }
    make->info = (struct mr_pg_table_info){count, columns};
}

static int make_column(struct make *make, const struct mr_pg_column *wire, uint32_t i,
                       struct mr_err *err)
{
    struct mr_column *column = &make->table->columns[i];
    const struct mr_pg_column_info *info = column_info(&make->info, wire->name);
    int rc;

    column->name = mr_arena_copy(&make->table->arena, wire->name);
    column->native_id = wire->type;
    column->native_modifier = wire->modifier;
    column->optional = !(info && info->not_null);
    column->generated = info && info->generated;
    rc = resolve(make, wire->type, wire->modifier, 0, column, &make->types[i], err);
    if (rc < 0)
        return rc;
    column->native_modifier = wire->modifier;
    if (info && info->standard.data) {
        column->serial = memmem(info->standard.data, info->standard.size, "nextval(", 8) != NULL;
        mr_pg_default(&make->table->arena, column, &make->types[i], info->standard);
    }
    return 0;
}

enum key_kind { KEY_FLAGS, KEY_PRIMARY, KEY_UNIQUE, KEY_IDENTITY };

static uint16_t place(const struct mr_pg_column_info *info, enum key_kind kind)
{
    switch (kind) {
    case KEY_PRIMARY: return info->key;
    case KEY_UNIQUE: return info->unique;
    case KEY_IDENTITY: return info->identity;
    default: return 0;
    }
}

/* Sets the key from the catalogue's places; false when a place names a column the wire does not have, or a column has
 * gone from the key since (keep_dropped). */
static bool key_from_places(struct make *make, enum key_kind kind)
{
    struct mr_table *table = make->table;
    uint32_t count = 0, last = 0;

    for (uint32_t i = 0; i < make->info.count; i++) {
        uint16_t at = place(&make->info.columns[i], kind);
        int32_t column = at ? mr_table_find(table, make->info.columns[i].name) : -1;
        if (at && (column < 0 || at > table->column_count))
            return false;
        if (at) {
            table->key_columns[at - 1] = (uint32_t)column;
            last = at > last ? at : last;
            count++;
        }
    }
    table->key_count = count;
    return count > 0 && count == last;
}

static bool key_agrees(const struct mr_table *table, const bool *flags)
{
    uint32_t flagged = 0;

    for (uint32_t i = 0; i < table->column_count; i++)
        flagged += flags[i];
    for (uint32_t i = 0; i < table->key_count; i++) {
        if (!flags[table->key_columns[i]])
            return false;
    }
    return flagged == table->key_count;
}

static void key_from_flags(struct mr_table *table, const bool *flags)
{
    table->key_count = 0;
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (flags[i])
            table->key_columns[table->key_count++] = i;
    }
}

static void make_key(struct make *make, const bool *flags)
{
    struct mr_table *table = make->table;
    bool index = table->identity == MR_IDENTITY_INDEX;
    bool flagged = index || table->identity == MR_IDENTITY_DEFAULT;

    if (!key_from_places(make, index ? KEY_IDENTITY : KEY_PRIMARY))
        table->key_count = 0;
    if (flagged && !key_agrees(table, flags))
        key_from_flags(table, flags);
    if (table->key_count == 0 && !index && !key_from_places(make, KEY_UNIQUE))
        table->key_count = 0;
    for (uint32_t i = 0; i < table->key_count; i++)
        table->columns[table->key_columns[i]].key = (uint16_t)(i + 1);
}

static enum mr_identity identity(char wire)
{
    switch (wire) {
    case 'i': return MR_IDENTITY_INDEX;
    case 'f': return MR_IDENTITY_FULL;
    case 'n': return MR_IDENTITY_NOTHING;
    default: return MR_IDENTITY_DEFAULT;
    }
}

static void make_names(struct make *make, const struct mr_pg_message *message)
{
    struct mr_table *table = make->table;
    struct mr_slice schema = message->relation.schema;

    if (schema.size == 0)
        schema = (struct mr_slice)MR_SLICE("pg_catalog");
    table->connector = (struct mr_slice)MR_SLICE("postgresql");
    table->server = mr_slice_str(make->relations->context->server);
    table->database = mr_arena_copy(&table->arena, make->relations->database);
    table->schema = mr_arena_copy(&table->arena, schema);
    table->name = mr_arena_copy(&table->arena, message->relation.name);
    table->native_id = message->relation.oid;
    table->identity = identity(message->relation.identity);
    table->truncates = make->relations->truncates;
}

/* before: of the version held; NULL when there is none. */
static int make_table(struct make *make, const struct mr_pg_message *message,
                      const struct mr_pg_table_info *before, struct mr_err *err)
{
    const struct mr_pg_hints *hints = make->relations->hints;
    struct mr_cur cur = mr_cur(message->relation.bytes);
    uint16_t count = message->relation.columns;
    struct mr_pg_column wire;
    bool *flags;
    int rc = 0;

    make->table = mr_table_new(count);
    make->types = MR_ARENA_ARRAY(&make->table->arena, struct mr_pg_type, count ? count : 1);
    memset(make->types, 0, sizeof(struct mr_pg_type) * count);
    flags = MR_ARENA_ARRAY(&make->table->arena, bool, count ? count : 1);
    make_names(make, message);
    if (hints)
        rc = hints->table(hints->state, &make->table->arena, message->relation.oid, &make->info,
                          err);
    if (rc == 0 && before)
        keep_dropped(make, message, before);
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        mr_pg_column_next(&cur, &wire);
        flags[i] = wire.key;
        rc = make_column(make, &wire, i, err);
    }
    if (rc == 0)
        make_key(make, flags);
    make->flags = flags;
    make->captured = true;
    if (rc == 0 && make->relations->filter)
        rc = make->relations->filter(make->relations->filter_state, message->relation.oid,
                                     make->table->schema, make->table->name, &make->captured, err);
    return rc;
}

static bool same_column(const struct mr_column *a, const struct mr_column *b)
{
    if (a->optional != b->optional || a->key != b->key || a->generated != b->generated ||
        a->has_default != b->has_default || a->label_count != b->label_count || a->type != b->type)
        return false;
    if (a->has_default && !mr_value_equal(&a->default_value, &b->default_value))
        return false;
    for (uint32_t i = 0; i < a->label_count; i++) {
        if (!mr_slice_equal(a->labels[i], b->labels[i]))
            return false;
    }
    return true;
}

/* Same wire bytes: only the hints can differ. */
static bool same_table(const struct mr_table *a, const struct mr_table *b)
{
    for (uint32_t i = 0; i < a->column_count; i++) {
        if (!same_column(&a->columns[i], &b->columns[i]))
            return false;
    }
    return a->key_count == b->key_count;
}

/* A column that could be null once stays so: rows of the old version may be read again after a restart. */
static void never_tighten(struct mr_table *table, const struct mr_table *old)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        int32_t at = mr_table_find(old, table->columns[i].name);
        if (at >= 0 && old->columns[at].optional)
            table->columns[i].optional = true;
    }
}

/* By the wire alone: a replay finds the same columns, whatever has become of the table in the catalogue. */
static void set_hashed(struct mr_pg_relation *relation, const bool *flags)
{
    relation->hashed_count = 0;
    for (uint32_t i = 0; i < relation->table->column_count; i++) {
        if (flags[i] && relation->types[i].codec->binary && relation->hashed_count < MR_PG_HASHED)
            relation->hashed[relation->hashed_count++] = i;
    }
}

static void install(struct mr_pg_relations *relations, struct mr_pg_relation *relation,
                    struct make *make, const struct mr_pg_message *message)
{
    char *before = relation->wire; /* which the message may be made of */

    mr_table_unref(relation->table);
    relation->table = make->table;
    relation->types = make->types;
    relation->info = make->info;
    relation->wire_size = message->relation.all.size;
    relation->wire = mr_alloc(relation->wire_size);
    memcpy(relation->wire, message->relation.all.data, relation->wire_size);
    free(before);
    relation->hash = mr_hash(make->table->name, mr_hash(make->table->schema, 0));
    set_hashed(relation, make->flags);
    relation->captured = make->captured;
    relations->versions++;
}

int mr_pg_relations_take(struct mr_pg_relations *relations, const struct mr_pg_message *message,
                         struct mr_pg_relation **ret_relation, struct mr_err *err)
{
    uint32_t oid = message->relation.oid;
    struct mr_pg_relation *relation = mr_pg_relations_find(relations, oid);
    struct make make = {.relations = relations};
    bool same_wire = relation && mr_slice_equal(mr_slice(relation->wire, relation->wire_size),
                                                message->relation.all);
    int rc = make_table(&make, message, relation ? &relation->info : NULL, err);

    if (rc < 0) {
        mr_table_unref(make.table);
        return rc;
    }
    if (relation)
        never_tighten(make.table, relation->table);
    if (same_wire && same_table(make.table, relation->table)) {
        mr_table_unref(make.table);
        *ret_relation = relation;
        return 0;
    }
    if (!relation) {
        relation = mr_alloc_zero(sizeof(*relation));
        relation->oid = oid;
        (void)mr_map_put_number(&relations->by_oid, oid, relation);
    }
    install(relations, relation, &make, message);
    relations->last = relation;
    *ret_relation = relation;
    return 0;
}

int mr_pg_relations_loosen(struct mr_pg_relations *relations, struct mr_pg_relation *relation,
                           uint32_t column, struct mr_err *err)
{
    struct make make = {.relations = relations};
    struct mr_pg_message message;
    int rc = mr_pg_parse(mr_slice(relation->wire, relation->wire_size), &message, err);

    if (rc == 0)
        rc = make_table(&make, &message, &relation->info, err);
    if (rc < 0) {
        mr_table_unref(make.table);
        return rc;
    }
    never_tighten(make.table, relation->table);
    make.table->columns[column].optional = true;
    install(relations, relation, &make, &message);
    return 0;
}

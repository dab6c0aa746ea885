/* Versions of tables, by the maps in the log.
 *
 *     map of a name we hold, same content        the version we hold: nothing is parsed
 *     another content, or a statement said so    parsed; when it describes the same table, the version stays
 *
 * information_schema is asked once per version. It is of now; the map is of then. A column of the catalogue is
 * believed when its name and type are those of the map's column, and its key when all columns are. Where the log has
 * no names (binlog_row_metadata is not FULL) the catalogue must agree in every column, or the version cannot be
 * made: guessing would put values under wrong names.
 *
 * MariaDB has a hidden column for each unique key over a long text: BIGINT UNSIGNED at the map's end, DB_ROW_HASH_n
 * by name, unknown to information_schema. Such columns are in the rows and in no version. */
#include "connectors/source_mysql/catalog/relation.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "connectors/source_mysql/catalog/lookup.h"
#include "connectors/source_mysql/catalog/shape.h"

void mr_my_relations_init(struct mr_my_relations *relations)
{
    *relations = (struct mr_my_relations){.hints = NULL};
    mr_map_init(&relations->by_name);
}

static void free_relation(struct mr_my_relation *relation)
{
    mr_table_unref(relation->table);
    if (relation->has_view)
        mr_my_place_done(&relation->view);
    mr_arena_done(&relation->arena);
    free(relation->key);
    free(relation->name);
    free(relation);
}

void mr_my_relations_done(struct mr_my_relations *relations)
{
    struct mr_my_relation *relation;
    size_t at = 0;

    while ((relation = mr_map_next(&relations->by_name, &at, NULL, NULL)) != NULL)
        free_relation(relation);
    mr_map_done(&relations->by_name);
    free(relations->current);
}

uint64_t mr_my_relation_hash(struct mr_slice database, struct mr_slice table)
{
    return mr_hash(table, mr_hash(database, 1));
}

int mr_my_relations_want(const struct mr_my_relations *relations, struct mr_slice database,
                         struct mr_slice table, bool *ret_wanted, struct mr_err *err)
{
    *ret_wanted = true;
    if (!relations->filter)
        return 0;
    return relations->filter(relations->filter_state, database, table, ret_wanted, err);
}

static struct mr_slice make_key(struct mr_slice database, struct mr_slice table, char *room,
                                size_t size)
{
    if (database.size + table.size + 1 > size)
        return (struct mr_slice){NULL, 0};
    if (database.size)
        memcpy(room, database.data, database.size);
    room[database.size] = 0;
    if (table.size)
        memcpy(room + database.size + 1, table.data, table.size);
    return mr_slice(room, database.size + 1 + table.size);
}

static struct mr_my_relation *find_named(const struct mr_my_relations *relations,
                                         struct mr_slice database, struct mr_slice table)
{
    char room[600];
    struct mr_slice key = make_key(database, table, room, sizeof(room));

    return key.data ? mr_map_get(&relations->by_name, key) : NULL;
}

static void add_current(struct mr_my_relations *relations, uint64_t table_id,
                        struct mr_my_relation *relation)
{
    for (size_t i = 0; i < relations->current_count; i++) {
        if (relations->current[i].table_id == table_id) {
            relations->current[i].relation = relation;
            return;
        }
    }
    if (relations->current_count == relations->current_capacity) {
        relations->current_capacity =
            relations->current_capacity ? 2 * relations->current_capacity : 8;
        relations->current = mr_realloc(relations->current, relations->current_capacity *
                                                                sizeof(relations->current[0]));
    }
    relations->current[relations->current_count++] =
        (struct mr_my_current){.table_id = table_id, .relation = relation};
}

struct mr_my_relation *mr_my_relations_find(struct mr_my_relations *relations, uint64_t table_id)
{
    for (size_t i = 0; i < relations->current_count; i++) {
        if (relations->current[i].table_id == table_id)
            return relations->current[i].relation;
    }
    return NULL;
}

void mr_my_relations_end_statement(struct mr_my_relations *relations)
{
    relations->current_count = 0;
}

/* The columns that tell one row from another: of the key, else the first ones. */
static void set_hashed(struct mr_my_relation *relation)
{
    const struct mr_my_map *map = relation->map;

    for (uint16_t place = 1; place <= map->key_count && relation->hashed_count < MR_MY_HASHED;
         place++) {
        for (uint32_t i = 0; i < map->column_count; i++) {
            if (map->columns[i].key == place)
                relation->hashed[relation->hashed_count++] = i;
        }
    }
    for (uint32_t i = 0; map->key_count == 0 && i < map->column_count; i++) {
        if (relation->hashed_count < MR_MY_HASHED)
            relation->hashed[relation->hashed_count++] = i;
    }
}

static bool is_hidden(const struct mr_my_column *column)
{
    static const char prefix[] = "DB_ROW_HASH_";

    return column->type == MR_MY_LONGLONG && column->is_unsigned &&
           column->name.size > sizeof(prefix) - 1 &&
           memcmp(column->name.data, prefix, sizeof(prefix) - 1) == 0;
}

/* Columns that a version has: those of the map but hidden ones at its end. */
static uint32_t shown_columns(const struct mr_my_map *map, const struct mr_my_table_info *info)
{
    uint32_t count = map->column_count;

    if (!map->mariadb || info->count == 0)
        return count;
    while (count > info->count && is_hidden(&map->columns[count - 1]))
        count--;
    return count;
}

static bool all_agree(const struct mr_my_map *map, const struct mr_my_table_info *info,
                      uint32_t shown)
{
    if (shown != info->count)
        return false;
    for (uint32_t i = 0; i < shown; i++) {
        if (!mr_my_shape_agrees(&map->columns[i], &info->columns[i]))
            return false;
    }
    return true;
}

static const struct mr_my_column_info *info_of(const struct mr_my_map *map, uint32_t i, bool agree,
                                               const struct mr_my_table_info *info)
{
    if (agree)
        return &info->columns[i];
    for (uint32_t k = 0; map->columns[i].name.data && k < info->count; k++) {
        if (mr_my_shape_agrees(&map->columns[i], &info->columns[k]))
            return &info->columns[k];
    }
    return NULL;
}

static int no_names(const struct mr_my_relation *relation, const struct mr_my_table_info *info,
                    struct mr_err *err)
{
    const struct mr_my_map *map = relation->map;

    mr_err_set(
        err, MR_CONFIG, "source.row_metadata",
        "the log does not name the columns of %s (binlog_row_metadata is not FULL), and what "
        "the server's catalogue has of it now (%u columns) does not fit the %u columns of "
        "the log: nothing is guessed",
        relation->name, info->count, map->column_count);
    mr_err_hint(
        err,
        "SET GLOBAL binlog_row_metadata = 'FULL'; (and in the server's configuration file). "
        "Changes that were logged before cannot be read any more; go on behind them, and "
        "read the table again:\n  millrace checkpoint set PIPELINE now\n"
        "  millrace resnapshot PIPELINE %s",
        relation->name);
    return MR_CONFIG;
}

static int make_readers(struct mr_my_relation *relation, const struct mr_my_table_info *info,
                        bool agree, struct mr_err *err)
{
    struct mr_my_map *map = relation->map;
    struct mr_my_reader *readers =
        MR_ARENA_ARRAY(&relation->arena, struct mr_my_reader, map->column_count + 1);

    for (uint32_t i = 0; i < map->column_count; i++) {
        const struct mr_my_column_info *column =
            i < info->count || !agree ? info_of(map, i, agree, info) : NULL;
        struct mr_my_hint hint = {.meaning = map->mariadb ? mr_my_meaning_of(column) : MR_MY_PLAIN};
        int rc =
            mr_my_reader_init(&readers[i], map, &map->columns[i], &hint, &relation->arena, err);
        if (rc < 0)
            return rc;
    }
    relation->readers = readers;
    return 0;
}

/* The key: the map's where it tells; else, of a catalogue that agrees, a unique one without NULLs. */
static void set_keys(const struct mr_my_map *map, const struct mr_my_table_info *info, bool agree,
                     struct mr_table *table)
{
    bool ours = map->key_count > 0 || !agree;

    for (uint32_t i = 0; !ours && i < table->column_count; i++)
        table->columns[i].key = info->columns[i].key;
    for (uint16_t place = 1; place <= table->column_count; place++) {
        for (uint32_t i = 0; i < table->column_count; i++) {
            if (table->columns[i].key == place)
                table->key_columns[table->key_count++] = i;
        }
    }
}

static struct mr_table *make_table(const struct mr_my_relations *relations,
                                   const struct mr_my_relation *relation,
                                   const struct mr_my_table_info *info, bool agree, uint32_t shown)
{
    const struct mr_my_map *map = relation->map;
    struct mr_table *table = mr_table_new(shown);

    table->connector = mr_slice_str(map->mariadb ? "mariadb" : "mysql");
    table->server = mr_arena_copy(&table->arena, mr_slice_str(relations->context->server));
    table->database = mr_arena_copy(&table->arena, map->database);
    table->name = mr_arena_copy(&table->arena, map->table);
    if (info->comment.size > 0)
        table->comment = mr_arena_copy(&table->arena, info->comment);
    table->native_id = map->table_id;
    table->truncates = relations->truncates;
    for (uint32_t i = 0; i < shown; i++)
        mr_my_shape(&relation->readers[i], info_of(map, i, agree, info), &table->arena,
                    &table->columns[i]);
    set_keys(map, info, agree, table);
    return table;
}

/* Completes a relation that has its map. old: the version of the same name that is held; NULL: none. */
static int describe(struct mr_my_relations *relations, struct mr_my_relation *relation,
                    const struct mr_my_table_info *info, const struct mr_my_relation *old,
                    struct mr_err *err)
{
    const struct mr_my_map *map = relation->map;
    uint32_t shown = shown_columns(map, info);
    bool agree = all_agree(map, info, shown);
    int rc;

    if (info->sequence) {
        relation->captured = false;
        return 0;
    }
    if (!(map->told & MR_MY_TOLD_NAMES) && !agree)
        return no_names(relation, info, err);
    rc = make_readers(relation, info, agree, err);
    if (rc < 0)
        return rc;
    relation->table = make_table(relations, relation, info, agree, shown);
    if (old && old->table && mr_my_same_shape(old->table, relation->table)) {
        mr_table_unref(relation->table);
        relation->table = mr_table_ref(old->table);
    } else {
        relations->versions++;
    }
    return 0;
}

static struct mr_my_relation *new_relation(void)
{
    struct mr_my_relation *relation = mr_alloc_zero(sizeof(*relation));

    mr_arena_init(&relation->arena, 8 << 10, 0);
    return relation;
}

static void set_view(const struct mr_my_relations *relations, struct mr_my_relation *relation)
{
    const char *view =
        relations->view ? relations->view(relations->view_state, relation->name) : NULL;

    if (relation->has_view)
        mr_my_place_done(&relation->view);
    relation->has_view = view && mr_my_place_parse(mr_slice_str(view), relations->mariadb,
                                                   relations->by_gtid, &relation->view, NULL) == 0;
}

/* Names, room for fields, what the user wants. */
static int set_up(struct mr_my_relations *relations, struct mr_my_relation *relation,
                  struct mr_err *err)
{
    const struct mr_my_map *map = relation->map;
    size_t size = map->database.size + 1 + map->table.size;

    relation->key = mr_alloc(size + 1);
    relation->key_size = make_key(map->database, map->table, relation->key, size + 1).size;
    relation->name = mr_alloc(size + 1);
    memcpy(relation->name, relation->key, size);
    relation->name[map->database.size] = '.';
    relation->name[size] = 0;
    relation->hash = mr_my_relation_hash(map->database, map->table);
    relation->before = MR_ARENA_ARRAY(&relation->arena, struct mr_slice, map->column_count + 1);
    relation->after = MR_ARENA_ARRAY(&relation->arena, struct mr_slice, map->column_count + 1);
    set_view(relations, relation);
    set_hashed(relation);
    return mr_my_relations_want(relations, map->database, map->table, &relation->captured, err);
}

static void put(struct mr_my_relations *relations, struct mr_my_relation *relation,
                struct mr_my_relation *old)
{
    (void)mr_map_put(&relations->by_name, mr_slice(relation->key, relation->key_size), relation);
    for (size_t i = 0; old && i < relations->current_count; i++) {
        if (relations->current[i].relation == old)
            relations->current[i].relation = relation;
    }
    if (old)
        free_relation(old);
}

static int finish(struct mr_my_relations *relations, struct mr_my_relation *relation,
                  const struct mr_my_table_info *known, struct mr_my_relation *old,
                  struct mr_err *err)
{
    struct mr_my_table_info info = {.count = 0};
    struct mr_arena answers;
    int rc = set_up(relations, relation, err);

    mr_arena_init(&answers, 16 << 10, 0);
    if (rc == 0 && relation->captured && known)
        info = *known;
    else if (rc == 0 && relation->captured && relations->hints)
        rc = relations->hints->table(relations->hints->state, &answers, relation->map->database,
                                     relation->map->table, &info, err);
    if (rc == 0 && relation->captured)
        rc = describe(relations, relation, &info, old, err);
    mr_arena_done(&answers);
    if (rc < 0)
        free_relation(relation);
    else
        put(relations, relation, old);
    return rc;
}

int mr_my_relations_take(struct mr_my_relations *relations, const struct mr_my_format *format,
                         struct mr_slice body, struct mr_my_relation **ret_relation,
                         struct mr_err *err)
{
    struct mr_slice content, database, name;
    struct mr_my_relation *relation, *old = NULL;
    uint64_t id;
    int rc;

    if (!mr_my_map_content(format, body, &id, &content) ||
        !mr_my_map_name(format, body, &database, &name))
        return mr_err_set(err, MR_RETRY, "source.protocol", "a table map of %zu bytes is none",
                          body.size);
    old = find_named(relations, database, name);
    if (old && !old->stale && mr_slice_equal(old->map->content, content)) {
        add_current(relations, id, old);
        *ret_relation = old;
        return 0;
    }
    relation = new_relation();
    rc = mr_my_map_parse(format, body, &relation->arena, &relation->map, err);
    if (rc < 0) {
        free_relation(relation);
        return rc;
    }
    rc = finish(relations, relation, NULL, old, err);
    if (rc < 0)
        return rc;
    add_current(relations, id, relation);
    *ret_relation = relation;
    return 0;
}

static struct mr_my_map *copy_map(struct mr_arena *arena, const struct mr_my_map *map)
{
    struct mr_my_map *copy = MR_ARENA_NEW(arena, struct mr_my_map);

    *copy = *map;
    copy->database = mr_arena_copy(arena, map->database);
    copy->table = mr_arena_copy(arena, map->table);
    copy->columns = MR_ARENA_ARRAY(arena, struct mr_my_column, map->column_count + 1);
    memcpy(copy->columns, map->columns, map->column_count * sizeof(map->columns[0]));
    for (uint32_t i = 0; i < map->column_count; i++) {
        struct mr_my_column *column = &copy->columns[i];
        column->name = mr_arena_copy(arena, column->name);
        if (!column->labels)
            continue;
        column->labels = MR_ARENA_ARRAY(arena, struct mr_slice, column->label_count + 1);
        for (uint32_t k = 0; k < column->label_count; k++)
            column->labels[k] = mr_arena_copy(arena, map->columns[i].labels[k]);
    }
    return copy;
}

int mr_my_relations_take_map(struct mr_my_relations *relations, const struct mr_my_map *map,
                             const struct mr_my_table_info *info,
                             struct mr_my_relation **ret_relation, struct mr_err *err)
{
    struct mr_my_relation *relation = new_relation();
    struct mr_my_relation *old = find_named(relations, map->database, map->table);
    int rc;

    relation->map = copy_map(&relation->arena, map);
    rc = finish(relations, relation, info, old, err);
    if (rc == 0)
        *ret_relation = relation;
    return rc;
}

static struct mr_my_relation *find_folded(const struct mr_my_relations *relations,
                                          struct mr_slice database, struct mr_slice table)
{
    struct mr_my_relation *relation = find_named(relations, database, table);
    size_t at = 0;

    if (relation || !relations->fold_names)
        return relation;
    while ((relation = mr_map_next(&relations->by_name, &at, NULL, NULL)) != NULL) {
        const struct mr_my_map *map = relation->map;
        if (map->database.size == database.size && map->table.size == table.size &&
            strncasecmp(map->database.data, database.data, database.size) == 0 &&
            strncasecmp(map->table.data, table.data, table.size) == 0)
            break;
    }
    return relation;
}

/* A table of which no row came since the log was opened: as the catalogue has it now. */
static int by_catalogue(struct mr_my_relations *relations, struct mr_slice database,
                        struct mr_slice table, struct mr_my_relation **ret_relation,
                        struct mr_err *err)
{
    struct mr_my_table_info info = {.count = 0};
    struct mr_arena answers;
    bool wanted = false;
    int rc = mr_my_relations_want(relations, database, table, &wanted, err);

    if (rc < 0 || !wanted || !relations->hints)
        return rc;
    mr_arena_init(&answers, 16 << 10, 0);
    rc = relations->hints->table(relations->hints->state, &answers, database, table, &info, err);
    if (rc == 0 && info.count > 0)
        rc = mr_my_relations_take_map(
            relations, mr_my_lookup_map(&info, relations->mariadb, database, table, &answers),
            &info, ret_relation, err);
    mr_arena_done(&answers);
    return rc;
}

int mr_my_relations_named(struct mr_my_relations *relations, struct mr_slice database,
                          struct mr_slice table, struct mr_my_relation **ret_relation,
                          struct mr_err *err)
{
    struct mr_my_relation *relation = find_folded(relations, database, table);
    int rc = 0;

    *ret_relation = NULL;
    if (!relation)
        rc = by_catalogue(relations, database, table, &relation, err);
    if (rc == 0 && relation && relation->table)
        *ret_relation = relation;
    return rc;
}

void mr_my_relations_changed(struct mr_my_relations *relations, struct mr_slice database,
                             struct mr_slice table)
{
    struct mr_my_relation *relation = find_folded(relations, database, table);

    if (relation)
        relation->stale = true;
}

void mr_my_relations_all_changed(struct mr_my_relations *relations)
{
    struct mr_my_relation *relation;
    size_t at = 0;

    while ((relation = mr_map_next(&relations->by_name, &at, NULL, NULL)) != NULL)
        relation->stale = true;
}

void mr_my_relations_set_views(struct mr_my_relations *relations)
{
    struct mr_my_relation *relation;
    size_t at = 0;

    while ((relation = mr_map_next(&relations->by_name, &at, NULL, NULL)) != NULL)
        set_view(relations, relation);
}

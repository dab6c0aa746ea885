/* Questions to information_schema. Reader thread. */
#pragma once

#include "base/buf.h"
#include "connectors/source_mysql/catalog/info.h"
#include "connectors/source_mysql/session/query.h"
#include "connectors/source_mysql/wire/tablemap.h"

struct mr_my_lookup {
    struct mr_my_session *session; /* set before the first question */
    struct mr_buf sql;
    struct mr_my_hints hints; /* for relations: asks this lookup */
};

void mr_my_lookup_init(struct mr_my_lookup *lookup);
void mr_my_lookup_done(struct mr_my_lookup *lookup);
/* ret_info->count is 0 when there is no such table. Another session may be asked than the lookup's own. */
int mr_my_lookup_table(struct mr_my_lookup *lookup, struct mr_my_session *session,
                       struct mr_arena *arena, struct mr_slice database, struct mr_slice table,
                       struct mr_my_table_info *ret_info, struct mr_err *err) MR_MUST_CHECK;
/* A map as the log would have it, made of the catalogue's columns; in the arena. */
struct mr_my_map *mr_my_lookup_map(const struct mr_my_table_info *info, bool mariadb,
                                   struct mr_slice database, struct mr_slice table,
                                   struct mr_arena *arena);

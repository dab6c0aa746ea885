/* Debezium's records of changed schemas, of MySQL and MariaDB: topic <name>, key {"databaseName":..}. */
#pragma once

#include "schema/event/tree.h"

/* io.debezium.connector.<connector>.SchemaChangeKey and -Value. */
const struct mr_connect *mr_schema_change_key(struct mr_arena *arena, struct mr_slice connector);
const struct mr_connect *mr_schema_change_value(struct mr_arena *arena, struct mr_slice connector);
/* What a SCHEMA change says, in the arena. `comments`: those of tables and columns too. */
struct mr_node_pair mr_schema_change_nodes(struct mr_arena *arena, const struct mr_change *change,
                                           bool comments);

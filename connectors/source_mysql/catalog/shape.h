/* From a column of the log (and of information_schema) to a column of the model. */
#pragma once

#include "connectors/source_mysql/catalog/info.h"
#include "connectors/source_mysql/types/reader.h"
#include "model/table.h"

/* info may be NULL. Everything is copied into the arena. */
void mr_my_shape(const struct mr_my_reader *reader, const struct mr_my_column_info *info,
                 struct mr_arena *arena, struct mr_column *ret_column);
/* What the catalogue knows of a type that the log shows as a binary string. */
enum mr_my_meaning mr_my_meaning_of(const struct mr_my_column_info *info);
/* Whether the column of the log can be the one of the catalogue. */
bool mr_my_shape_agrees(const struct mr_my_column *column, const struct mr_my_column_info *info);
/* Both name the same table: a version for one is one for the other. */
bool mr_my_same_shape(const struct mr_table *a, const struct mr_table *b);

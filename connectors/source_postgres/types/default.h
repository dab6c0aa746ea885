/* Column defaults: from the catalogue's expression to a value, where the expression is a constant. */
#pragma once

#include "connectors/source_postgres/types/decode.h"
#include "model/table.h"

/* Sets column->has_default and default_value when `expression` (as pg_get_expr prints it) is one literal, with
 * casts or without; leaves the column alone otherwise. */
void mr_pg_default(struct mr_arena *arena, struct mr_column *column, const struct mr_pg_type *type,
                   struct mr_slice expression);

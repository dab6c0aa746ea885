/* What SHOW CREATE TABLE of MySQL and MariaDB says of a column's type, in pieces. */
#pragma once

#include "base/arena.h"
#include "model/table.h"

/* "decimal(10,2) unsigned" is DECIMAL UNSIGNED, 10 and 2. */
struct mr_declared {
    struct mr_slice name;  /* in capitals, in the arena */
    int32_t length, scale; /* -1: none */
};

/* Of an enum the length is 1, by JDBC's way of counting; of a set that of all labels with their commas. */
struct mr_declared mr_form_declared(struct mr_arena *arena, const struct mr_column *column);

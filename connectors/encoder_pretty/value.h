/* A value as a person reads it. */
#pragma once

#include "base/buf.h"
#include "model/table.h"
#include "schema/form/timetext.h"

struct pretty_writer {
    struct mr_buf line;    /* where everything is appended */
    struct mr_buf scratch; /* decimals */
    struct mr_day_cache day;
    size_t width; /* characters of one value before it is cut; 0 = never */
};

/* Appends the value; what was not sent is "(unchanged)". */
void pretty_value(struct pretty_writer *writer, const struct mr_column *column,
                  const struct mr_value *value);

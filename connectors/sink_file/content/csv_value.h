/* One value as the text of a field. Used by one thread. */
#pragma once

#include "base/buf.h"
#include "model/table.h"
#include "schema/form/timetext.h"

struct mr_csv_text {
    /* The row so far. */
    struct mr_buf line;
    struct mr_buf scratch, digits;
    struct mr_day_cache day;
};

void mr_csv_text_init(struct mr_csv_text *text);
void mr_csv_text_done(struct mr_csv_text *text);
/* Appends a text as a field; an empty one is quoted, which tells it from NULL. */
void mr_csv_put_text(struct mr_buf *line, struct mr_slice text);
/* Appends a value of this column: nothing at all for one that is NULL or was not sent. */
void mr_csv_put_value(struct mr_csv_text *text, const struct mr_column *column,
                      const struct mr_value *value);

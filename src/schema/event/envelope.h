/* Debezium's envelope as schemas: key, row, envelope, logical message. Its fields are written in the same order by
 * schema/encode/walk.h. */
#pragma once

#include "base/arena.h"
#include "model/change.h"
#include "model/table.h"
#include "schema/form/connect.h"
#include "schema/form/form.h"

/* What an encoder needs of one table version. All in the arena it was made in. */
struct mr_envelope {
    const struct mr_table *table;
    struct mr_form *forms;          /* column_count of them */
    const struct mr_connect *key;   /* <topic>.Key; NULL without a key */
    const struct mr_connect *row;   /* <topic>.Value, optional: as in before and after */
    const struct mr_connect *value; /* <topic>.Envelope */
};

/* Makes forms and schemas; table->topic is set. `base` is the name before .Key and .Value: mr_topic_logical. */
void mr_envelope_make(struct mr_arena *arena, const struct mr_table *table, struct mr_slice base,
                      const struct mr_form_options *options, struct mr_envelope *ret_envelope);

/* The row alone, required; with `deleted`, and the optional field __deleted at its end. */
const struct mr_connect *mr_envelope_flat(struct mr_arena *arena,
                                          const struct mr_envelope *envelope, bool deleted);

/* MR_CONFIG, code schema.name_collision, when an adjustment made two columns' names the same. */
int mr_envelope_check(const struct mr_envelope *envelope, struct mr_err *err) MR_MUST_CHECK;

/* Key and value of logical decoding messages. */
const struct mr_connect *mr_envelope_message_key(struct mr_arena *arena);
/* `binary`, an enum mr_binary_mode, tells whether the content is bytes or text. */
const struct mr_connect *mr_envelope_message_value(struct mr_arena *arena, int binary);

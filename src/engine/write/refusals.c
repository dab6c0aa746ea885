/* From refusals to dead letters.
 *
 *     sink.poll -> refused {batch, index, why}...      no commit that covers them becomes durable
 *     here      -> letters: a record for each, or stop
 *     sink.answer(letters)                             visible with the commit that passes the changes
 *
 * The letters stand in a batch of their own that holds records alone (as a divided one): the changes' batch is the
 * sink's, or on its way back to the reader. One refusal that stops the pipeline stops it for all: nothing was answered,
 * so nothing moved past any of them, and they come again. */
#include "engine/write/refusals.h"

#include <stdio.h>

/* The reason, said of a change one can find. */
static int stop(const struct mr_encoding *encoding, const struct mr_sink_refusal *refusal,
                struct mr_err *err)
{
    const struct mr_change *change = &refusal->batch->changes[refusal->index];
    const struct mr_table *table = change->table;
    char where[300] = "a message";

    if (table)
        snprintf(where, sizeof where, "table %.*s.%.*s", MR_SLICE_ARG(mr_table_space(table)),
                 MR_SLICE_ARG(table->name));
    mr_err_set(
        err, MR_DATA, refusal->why.code, "the sink %s does not take change %llu of %.250s: %.1000s",
        encoding->config->sink->name, (unsigned long long)change->number, where, refusal->why.text);
    mr_err_native(err, refusal->why.native);
    mr_err_hint(err, "%s",
                refusal->why.hint[0]
                    ? refusal->why.hint
                    : "Mend the row or the destination, or set such changes aside with "
                      "errors.policy: dead_letter.");
    return MR_DATA;
}

static int add_letter(struct mr_encoding *encoding, const struct mr_sink_refusal *refusal,
                      struct mr_batch *letters, struct mr_err *err)
{
    const struct mr_change *change = &refusal->batch->changes[refusal->index];
    struct mr_record record;
    int rc;

    *err = refusal->why;
    rc = mr_dead_letters_fill(&encoding->dead_letters, letters, change, true, &record, err);
    if (rc < 0)
        return rc;
    record.change = NULL;
    if (record.table)
        mr_batch_use_table(letters, record.table);
    *mr_batch_add_record(letters) = record;
    return 0;
}

int mr_refusals_answer(struct mr_encoding *encoding, void *sink,
                       const struct mr_sink_result *result, struct mr_err *err)
{
    struct mr_batch *letters;
    int rc = 0;

    if (result->refused_count == 0)
        return 0;
    if (!mr_dead_letters_wanted(&encoding->dead_letters))
        return stop(encoding, &result->refused[0], err);
    letters = mr_pool_get_divided(encoding->pool);
    letters->divided = true;
    for (size_t i = 0; i < result->refused_count && rc == 0; i++)
        rc = add_letter(encoding, &result->refused[i], letters, err);
    if (rc == 0)
        rc = encoding->config->sink->answer(sink, letters, err);
    if (rc < 0)
        mr_pool_put(encoding->pool, letters);
    return rc;
}

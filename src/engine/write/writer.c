/* From batches to commits.
 *
 * The writer counts what it has handed to the sink since the last commit it asked for (rows, bytes, age) and
 * knows whether the position after the last batch is at a transaction's end (`pending.position.whole`). A commit
 * is asked for
 *   - at a transaction's end, when one of the sink's paces is reached (bytes; age; a shorter age once the source
 *     has nothing more to read);
 *   - at once, when only the position moved and no rows did (idle log);
 *   - inside a transaction, only when it passes the split limits: never because memory is short.
 * The checkpoint that goes with it is rendered here, from the position the source gave with its batch.
 *
 * Up to MR_COMMITS_MAX commits may be on their way while the next rows are encoded. When the sink says an id is
 * durable, every older one is too; `durable` then holds the position that the caller may confirm to the source.
 *
 * A batch goes through transform.c, describe.c and encode.c. describe() of a new table version may need a registry that
 * is away: that is MR_AGAIN to the caller, who polls the sink, tends to a stop and comes back with the same batch.
 * Rows written since the last commit stand in a transaction of the sink, which brokers end when it takes too long: a
 * registry is asked no longer than until their commit is due, and at leisure once it was asked for. So a source
 * transaction is split where its split was due anyway, and none is open while a registry is away. */
#include "engine/write/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/write/refusals.h"

#define POSITION_LIMIT (16u << 20)
#define IDLE_NS        (10 * MR_SECOND_NS) /* commits of a position whose rows were all filtered out */

static void mark_init(struct mr_mark *mark)
{
    memset(mark, 0, sizeof *mark);
    mr_buf_init(&mark->text, POSITION_LIMIT);
}

static void mark_set(struct mr_mark *mark, const struct mr_position *position)
{
    struct mr_slice text = position->text;

    mark->position = *position;
    mr_buf_clear(&mark->text);
    mr_buf_add_slice(&mark->text, text);
    mark->position.text = text.data ? mr_buf_slice(&mark->text) : (struct mr_slice){NULL, 0};
}

void mr_writer_init(struct mr_writer *writer, const struct mr_pipeline_config *config,
                    const struct mr_context *context, struct mr_pool *pool)
{
    memset(writer, 0, sizeof *writer);
    writer->config = config;
    writer->context = context;
    writer->pool = pool;
    writer->transforming = (struct mr_transforming){.config = config, .context = context};
    writer->encoding = (struct mr_encoding){.config = config, .context = context, .pool = pool};
    mr_describing_init(&writer->describing, config, context);
    mr_checkpoint_init(&writer->checkpoint);
    mark_init(&writer->pending);
    mark_init(&writer->next);
    mark_init(&writer->durable);
    for (size_t i = 0; i < MR_COMMITS_MAX; i++)
        mark_init(&writer->asked[i].mark);
}

void mr_writer_done(struct mr_writer *writer)
{
    mr_writer_close(writer);
    mr_describing_done(&writer->describing);
    mr_checkpoint_done(&writer->checkpoint);
    mr_buf_done(&writer->pending.text);
    mr_buf_done(&writer->next.text);
    mr_buf_done(&writer->durable.text);
    for (size_t i = 0; i < MR_COMMITS_MAX; i++)
        mr_buf_done(&writer->asked[i].mark.text);
}

static int fenced(const struct mr_writer *writer, struct mr_err *err)
{
    const struct mr_checkpoint *checkpoint = &writer->checkpoint;

    mr_err_set(err, MR_FENCED, "pipeline.fenced",
               "another instance (owner %s, start %llu) has taken over pipeline %s",
               checkpoint->owner, (unsigned long long)checkpoint->start, writer->context->pipeline);
    mr_err_hint(err, "This one has changed nothing since. Run one instance per pipeline.");
    return MR_FENCED;
}

/* A sink that holds nothing: a first start, or one that never keeps a position (then what this process knows
 * stands), or one whose checkpoint was deleted beneath us. */
static int adopt_nothing(struct mr_writer *writer, bool reopened, struct mr_err *err)
{
    if (reopened && writer->config->sink->delivery != MR_SINK_AT_LEAST_ONCE) {
        mr_err_set(err, MR_GAP, "checkpoint.vanished",
                   "the checkpoint of pipeline %s is gone from its sink while the pipeline runs",
                   writer->context->pipeline);
        mr_err_hint(err,
                    "Somebody deleted it. Find out what else is missing, then start again with "
                    "millrace checkpoint set, or with a new snapshot.");
        return MR_GAP;
    }
    writer->checkpoint.start++;
    return 0;
}

/* What the sink holds decides where we stand and whether we may go on at all. */
static int adopt_checkpoint(struct mr_writer *writer, struct mr_slice text, const char *owner,
                            bool reopened, struct mr_err *err)
{
    struct mr_checkpoint *checkpoint = &writer->checkpoint;
    struct mr_position position = {.whole = true};
    uint64_t start = checkpoint->start;
    int rc;

    if (text.size == 0) {
        rc = adopt_nothing(writer, reopened, err);
    } else {
        rc = mr_checkpoint_parse(text, checkpoint, err);
        if (rc == 0 && reopened && strcmp(checkpoint->owner, owner) != 0 &&
            checkpoint->start > start)
            rc = fenced(writer, err);
    }
    if (rc < 0)
        return rc;
    if (text.size > 0) {
        checkpoint->start += strcmp(checkpoint->owner, owner) != 0;
        position.number = checkpoint->number;
        if (checkpoint->source.size > 0)
            position.text = mr_buf_slice(&checkpoint->source);
        mark_set(&writer->durable, &position);
    }
    snprintf(checkpoint->owner, sizeof checkpoint->owner, "%s", owner);
    snprintf(checkpoint->pipeline, sizeof checkpoint->pipeline, "%s", writer->context->pipeline);
    return 0;
}

int mr_writer_open(struct mr_writer *writer, const char *owner, bool reopened, struct mr_err *err)
{
    const struct mr_sink *sink = writer->config->sink;
    struct mr_sink_args args = {.context = writer->context,
                                .config = writer->config->sink_config,
                                .owner = owner,
                                .claim = &writer->claim};
    struct mr_dead_letters *letters = &writer->encoding.dead_letters;
    struct mr_buf text;
    int rc;

    rc = mr_transforming_open(&writer->transforming, err);
    if (rc == 0)
        rc = mr_dead_letters_open(letters, writer->config, writer->context, err);
    if (rc == 0)
        rc = mr_describing_reserve(&writer->describing, err);
    if (rc < 0)
        return rc;
    args.sets_aside = mr_dead_letters_wanted(letters);
    mr_buf_init(&text, POSITION_LIMIT);
    writer->sink = mr_alloc_zero(sink->state_size);
    rc = sink->open(writer->sink, &args, &text, err);
    if (rc == 0)
        rc = adopt_checkpoint(writer, mr_buf_slice(&text), owner, reopened, err);
    mr_buf_done(&text);
    if (rc == 0)
        rc = mr_encoding_open(&writer->encoding,
                              mr_transactions_topic(&writer->transforming.transactions),
                              &writer->checkpoint, err);
    if (rc == 0) {
        sink->pace(writer->sink, &writer->pace);
        writer->encoding.divides =
            writer->encoding.state && sink->records_suffice && sink->records_suffice(writer->sink);
        writer->next_commit = 0;
        writer->next_sequence = 0;
        writer->rows = 0;
        writer->bytes = writer->held = 0;
        writer->moved = false;
        writer->idle_now = false;
        writer->full = false;
        writer->done = false;
    }
    return rc;
}

void mr_writer_close(struct mr_writer *writer)
{
    if (writer->sink)
        writer->config->sink->close(writer->sink);
    free(writer->sink);
    writer->sink = NULL;
    mr_encoding_close(&writer->encoding);
    mr_transforming_close(&writer->transforming);
    mr_describing_forget(&writer->describing);
    for (size_t i = 0; i < MR_COMMITS_MAX; i++)
        writer->asked[i].id = 0;
}

/* What the sink holds now, for whoever asks beside the open sink; false when it cannot tell. */
static bool look(const struct mr_writer *writer, const char *owner, struct mr_checkpoint *seen)
{
    const struct mr_sink *sink = writer->config->sink;
    struct mr_sink_args args = {
        .context = writer->context, .config = writer->config->sink_config, .owner = owner};
    struct mr_buf text;
    struct mr_err err;
    bool told;

    if (!sink->checkpoint_read)
        return false;
    mr_buf_init(&text, POSITION_LIMIT);
    told = sink->checkpoint_read(&args, &text, &err) == 0 && text.size > 0 &&
           mr_checkpoint_parse(mr_buf_slice(&text), seen, &err) == 0;
    mr_buf_done(&text);
    return told;
}

bool mr_writer_overtaken(const struct mr_writer *writer, const char *owner)
{
    struct mr_checkpoint seen;
    bool overtaken;

    mr_checkpoint_init(&seen);
    overtaken = look(writer, owner, &seen) &&
                !mr_slice_equal(mr_buf_slice(&seen.source), writer->durable.position.text);
    mr_checkpoint_done(&seen);
    return overtaken;
}

bool mr_writer_displaced(const struct mr_writer *writer, const char *owner)
{
    struct mr_checkpoint seen;
    bool displaced;

    mr_checkpoint_init(&seen);
    displaced = look(writer, owner, &seen) && strcmp(seen.owner, owner) != 0;
    mr_checkpoint_done(&seen);
    return displaced;
}

static size_t encoded_bytes(const struct mr_writer *writer, const struct mr_batch *batch)
{
    size_t bytes = 0;

    if (!writer->config->encoder)
        return batch->bytes;
    for (size_t i = 0; i < batch->record_count; i++)
        bytes += batch->records[i].key.size + batch->records[i].value.size;
    return bytes;
}

/* The position becomes `pending` only with the rows before it: a commit between two tries of a full sink must
 * not cover rows that are not written. */
static void move_to_next(struct mr_writer *writer, bool moved, bool caught_up)
{
    struct mr_mark old = writer->pending;

    writer->caught_up = caught_up;
    if (!moved)
        return;
    writer->pending = writer->next;
    writer->next = old;
    writer->moved = true;
}

static int hand_over(struct mr_writer *writer, struct mr_batch *batch, struct mr_err *err)
{
    uint64_t rows = batch->rows;
    size_t bytes = encoded_bytes(writer, batch), records = batch->record_count;
    size_t held = mr_batch_held(batch);
    bool moved = batch->position.text.data != NULL, caught_up = batch->caught_up;
    int rc;

    if (moved)
        mark_set(&writer->next, &batch->position);
    if (rows == 0) {
        move_to_next(writer, moved, caught_up);
        mr_pool_put(writer->pool, batch);
        return 0;
    }
    rc = writer->config->sink->write(writer->sink, batch, err);
    if (rc < 0)
        return rc;
    move_to_next(writer, moved, caught_up);
    if (writer->rows == 0)
        writer->first_ns = mr_clock_mono_ns();
    writer->rows += rows;
    writer->bytes += bytes;
    writer->held += held + records * writer->pace.held_record;
    return 0;
}

int mr_writer_take(struct mr_writer *writer, struct mr_batch *batch, struct mr_err *err)
{
    int rc;

    mr_err_clear(err);
    if (batch->sequence == 0) {
        const struct mr_encoding_limit limit = {writer->sink, writer->pace.record_bytes};
        bool idle = mr_batch_empty(batch);
        rc = mr_transforming_apply(&writer->transforming, batch, err);
        if (rc == 0)
            rc = mr_describe(&writer->describing,
                             writer->config->encoder ? writer->encoding.state : writer->sink, batch,
                             writer->rows > 0 ? mr_writer_due(writer) : INT64_MAX, err);
        if (rc == 0)
            rc = mr_encode(&writer->encoding, &limit, batch, err);
        if (rc < 0)
            return rc;
        batch->sequence = ++writer->next_sequence;
        writer->idle_now |= idle;
    }
    return hand_over(writer, batch, err);
}

/* When a commit inside a transaction is due. */
static int64_t split_due(const struct mr_writer *writer)
{
    if (writer->pending.position.in_table && !writer->pace.split_tables)
        return INT64_MAX;
    if (writer->rows >= writer->pace.split_records)
        return 0;
    return writer->pace.split_ns == INT64_MAX ? INT64_MAX
                                              : writer->first_ns + writer->pace.split_ns;
}

int64_t mr_writer_due(const struct mr_writer *writer)
{
    int64_t age = writer->pace.age_ns;

    if (!writer->moved)
        return INT64_MAX;
    if (writer->rows == 0 && writer->pending.position.whole)
        return writer->idle_now ? 0 : writer->asked_ns + IDLE_NS;
    if (writer->rows == 0)
        return INT64_MAX;
    if (!writer->pending.position.whole)
        return split_due(writer);
    if (writer->bytes >= writer->pace.bytes ||
        (writer->pace.held && writer->held >= writer->pace.held))
        return 0;
    if (writer->caught_up && writer->pace.caught_up_ns < age)
        age = writer->pace.caught_up_ns;
    return age == INT64_MAX ? INT64_MAX : writer->first_ns + age;
}

static size_t free_slot(const struct mr_writer *writer)
{
    size_t slot = 0;

    while (slot < MR_COMMITS_MAX && writer->asked[slot].id != 0)
        slot++;
    return slot;
}

static int render(struct mr_writer *writer, const struct mr_mark *mark, struct mr_buf *ret_text,
                  struct mr_err *err)
{
    struct mr_checkpoint checkpoint;

    mr_encoding_remember(&writer->encoding, &writer->checkpoint);
    checkpoint = writer->checkpoint;
    checkpoint.source = mark->text;
    checkpoint.number = mark->position.number;
    return mr_checkpoint_render(&checkpoint, ret_text, err);
}

/* Renders the checkpoint for `mark` and asks the sink. */
static int ask(struct mr_writer *writer, const struct mr_mark *mark, struct mr_commit *commit,
               struct mr_err *err)
{
    size_t slot = free_slot(writer);
    struct mr_buf text;
    int rc;

    if (slot == MR_COMMITS_MAX)
        return MR_AGAIN;
    mr_buf_init(&text, POSITION_LIMIT);
    rc = render(writer, mark, &text, err);
    commit->id = writer->next_commit + 1;
    commit->text = mr_buf_slice(&text);
    commit->number = mark->position.number;
    commit->commit_us = mark->position.commit_us;
    if (rc == 0)
        rc = writer->config->sink->commit(writer->sink, commit, err);
    mr_buf_done(&text);
    if (rc < 0)
        return rc;
    writer->next_commit++;
    writer->asked[slot].id = commit->id;
    mark_set(&writer->asked[slot].mark, &mark->position);
    writer->config->sink->pace(writer->sink,
                               &writer->pace); /* a roll asked for ends with its commit */
    return 0;
}

int mr_writer_claim(struct mr_writer *writer, struct mr_slice position, struct mr_err *err)
{
    struct mr_commit commit = {.claim = true, .whole = true, .idle = true, .urgent = true};
    struct mr_position claimed = writer->durable.position;
    struct mr_mark mark;
    int rc;

    mark_init(&mark);
    claimed.text = position;
    claimed.whole = true;
    mark_set(&mark, &claimed);
    rc = ask(writer, &mark, &commit, err);
    mr_buf_done(&mark.text);
    return rc;
}

int mr_writer_commit(struct mr_writer *writer, bool urgent, struct mr_err *err)
{
    const struct mr_position *position = &writer->pending.position;
    struct mr_commit commit = {.whole = position->whole,
                               .aged = !position->whole && !position->in_table &&
                                       writer->rows < writer->pace.split_records,
                               .idle = writer->rows == 0,
                               .urgent = urgent || writer->caught_up};
    int rc = ask(writer, &writer->pending, &commit, err);

    if (rc < 0)
        return rc;
    writer->rows = 0;
    writer->bytes = writer->held = 0;
    writer->moved = false;
    writer->idle_now = false;
    writer->asked_ns = mr_clock_mono_ns();
    mr_count(&writer->context->counters->sink_commits, 1);
    return 0;
}

static bool note_durable(struct mr_writer *writer, uint64_t durable)
{
    uint64_t best = 0;

    for (size_t i = 0; i < MR_COMMITS_MAX; i++) {
        if (writer->asked[i].id == 0 || writer->asked[i].id > durable)
            continue;
        if (writer->asked[i].id > best) {
            best = writer->asked[i].id;
            mark_set(&writer->durable, &writer->asked[i].mark.position);
        }
        writer->asked[i].id = 0;
    }
    if (best)
        atomic_store_explicit(&writer->context->counters->checkpoint_us, mr_clock_wall_us(),
                              memory_order_relaxed);
    return best != 0;
}

/* Refusals come first: the batches that are released with them are still looked at. */
static int answer(struct mr_writer *writer, const struct mr_sink_result *result, int polled,
                  struct mr_err *err)
{
    struct mr_err problem;
    int rc = mr_refusals_answer(&writer->encoding, writer->sink, result, &problem);

    if (rc == 0)
        return polled;
    *err = problem;
    return rc;
}

int mr_writer_poll(struct mr_writer *writer, int64_t deadline_ns, bool *ret_durable,
                   struct mr_err *err)
{
    struct mr_sink_result result = {0};
    int rc = writer->config->sink->poll(writer->sink, deadline_ns, &result, err);

    if (rc == 0 || rc == MR_AGAIN)
        rc = answer(writer, &result, rc, err);
    mr_pool_put(writer->pool, result.released);
    writer->full = result.full;
    writer->done = result.done;
    *ret_durable = note_durable(writer, result.durable);
    if (*ret_durable)
        writer->config->sink->pace(writer->sink, &writer->pace);
    return rc;
}

bool mr_writer_idle(const struct mr_writer *writer)
{
    for (size_t i = 0; i < MR_COMMITS_MAX; i++) {
        if (writer->asked[i].id != 0)
            return false;
    }
    return true;
}

/* A commit that was under way may have become durable all the same, and only poll tells: what it covers must not be
 * read again. */
int mr_writer_abort(struct mr_writer *writer, struct mr_err *err)
{
    struct mr_batch *released = NULL;
    bool durable;
    int rc = writer->config->sink->abort(writer->sink, &released, err);

    mr_pool_put(writer->pool, released);
    if (rc == 0)
        rc = mr_writer_poll(writer, 0, &durable, err);
    if (rc == MR_AGAIN)
        rc = 0;
    for (size_t i = 0; i < MR_COMMITS_MAX; i++)
        writer->asked[i].id = 0;
    writer->rows = 0;
    writer->bytes = writer->held = 0;
    writer->moved = false;
    mr_count(&writer->context->counters->sink_aborts, 1);
    if (rc == 0)
        writer->config->sink->pace(writer->sink, &writer->pace);
    return rc;
}

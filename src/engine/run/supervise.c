/* What the writer thread does from the first open to the end.
 *
 *     life:    open the sink, read its position            again after MR_RETRY of the sink
 *     session: open the source there, claim, stream        again after MR_RETRY of the source, MR_REPLAY of the sink
 *     pump:    queue -> writer -> sink, commits, confirms
 *
 * A session always begins at the durable position, so whatever was in flight when something broke is simply read
 * again. When the source breaks, what was already handed over and ends at a whole transaction is committed first:
 * a source that fails every few seconds must not keep a slow sink from ever getting anywhere.
 *
 * Errors carry their own decision (base/err.h). Here they are only sorted: by class, and by the side they came
 * from. Retries go on for ever with jitter; the same complaint is logged once a minute, not once a try. */
#include "engine/run/supervise.h"

#include "base/clock.h"
#include "engine/run/inside.h"
#include "engine/run/reader.h"

#define IDLE_POLL_NS (300 * MR_MS_NS)
#define AGAIN_NS     (5 * MR_MS_NS)
#define LOOK_NS      MR_SECOND_NS
#define REST_NS      (10 * MR_SECOND_NS)

enum side { SIDE_NONE, SIDE_SOURCE, SIDE_SINK };

struct outcome {
    int rc;
    enum side side;
    bool over;      /* until was reached, a stop was carried out, or the sink's reader has gone */
    bool displaced; /* the newest claim is not ours: the sink is to be opened again, at once */
    struct mr_err err;
};

static bool cut_short(struct mr_pipeline *pipeline)
{
    if (atomic_load(&pipeline->now))
        return true;
    if (!atomic_load(&pipeline->stopping))
        return false;
    if (pipeline->drain_deadline_ns == 0)
        pipeline->drain_deadline_ns = mr_clock_mono_ns() + pipeline->config->drain_ns;
    return mr_clock_mono_ns() >= pipeline->drain_deadline_ns;
}

static bool asked_to_end(const struct mr_pipeline *pipeline)
{
    return atomic_load(&pipeline->stopping) || atomic_load(&pipeline->now);
}

static struct outcome went_wrong(int rc, enum side side, const struct mr_err *err)
{
    struct outcome outcome = {.rc = rc, .side = side};

    if (err)
        outcome.err = *err;
    return outcome;
}

/* Polls the sink and passes what became durable to the source (if one is open). */
static int poll_sink(struct mr_pipeline *pipeline, struct mr_session *session, int64_t deadline_ns,
                     struct mr_err *err)
{
    struct mr_writer *writer = &pipeline->writer;
    bool durable = false;
    int rc = mr_writer_poll(writer, deadline_ns, &durable, err);

    if (durable && session && writer->durable.position.text.data)
        mr_session_confirm(session, &writer->durable.position);
    if (rc != MR_AGAIN)
        return rc;
    mr_pipeline_report(pipeline, err, false);
    return 0;
}

/* Lets so much time pass. A sink with nothing on its way may return from poll at once, and says nothing by that. */
static int rest_beside_sink(struct mr_pipeline *pipeline, struct mr_session *session, int64_t ns,
                            struct mr_err *err)
{
    int64_t until_ns = mr_clock_mono_ns() + ns;
    int rc = pipeline->writer.sink ? poll_sink(pipeline, session, until_ns, err) : 0;
    int64_t left_ns = until_ns - mr_clock_mono_ns();

    if (rc == 0 && left_ns > 0) {
        struct timespec left = {left_ns / MR_SECOND_NS, left_ns % MR_SECOND_NS};
        nanosleep(&left, NULL);
    }
    return rc;
}

/* Until everything asked for is durable. MR_AGAIN when the drain limit cut it short. */
static int await_durable(struct mr_pipeline *pipeline, struct mr_session *session,
                         struct mr_err *err)
{
    int rc = 0;

    while (rc == 0 && !mr_writer_idle(&pipeline->writer)) {
        if (cut_short(pipeline))
            return MR_AGAIN;
        rc = poll_sink(pipeline, session, mr_clock_mono_ns() + IDLE_POLL_NS, err);
    }
    return rc;
}

/* Commits what is pending if it is whole, drops the rest. */
static int flush(struct mr_pipeline *pipeline, struct mr_session *session, bool *ret_dropped,
                 struct mr_err *err)
{
    struct mr_writer *writer = &pipeline->writer;
    int rc = await_durable(pipeline, session, err);

    if (rc == 0 && writer->moved && writer->pending.position.whole) {
        rc = mr_writer_commit(writer, true, err);
        if (rc == 0)
            rc = await_durable(pipeline, session, err);
    }
    *ret_dropped = rc == 0 && writer->rows > 0;
    if (*ret_dropped)
        rc = mr_writer_abort(writer, err);
    return rc;
}

static int claim(struct mr_pipeline *pipeline, struct mr_slice position, struct mr_err *err)
{
    int rc;

    if (pipeline->claimed)
        return 0;
    rc = mr_writer_claim(&pipeline->writer, position, err);
    if (rc == 0)
        rc = await_durable(pipeline, NULL, err);
    pipeline->hurried = rc == MR_RETRY;
    if (rc == 0) {
        pipeline->claimed = true;
        pipeline->ever_claimed = true;
        mr_pipeline_log(pipeline, pipeline->options.quiet ? MR_LOG_DEBUG : MR_LOG_INFO,
                        "pipeline claimed", MR_S("owner", pipeline->owner),
                        MR_U("start", pipeline->writer.checkpoint.start));
    }
    return rc;
}

/* How long the pump may wait for a batch. */
static int64_t pop_deadline(const struct mr_writer *writer, int64_t now_ns)
{
    int64_t deadline = now_ns + IDLE_POLL_NS, due = mr_writer_due(writer);

    if (!mr_writer_idle(writer))
        deadline = now_ns + MR_MS_NS;
    else if (due < deadline)
        deadline = due;
    return deadline > now_ns ? deadline : 0;
}

struct pump {
    struct mr_pipeline *pipeline;
    struct mr_session *session;
    struct mr_batch *batch; /* the one the writer could not take yet */
    bool closed, last;
    bool rests;       /* nothing was moved for REST_NS, and the pool is empty */
    int64_t moved_ns; /* when a batch with rows was last taken */
};

static void pop(struct pump *pump, int64_t now_ns)
{
    void *item = NULL;

    switch (
        mr_queue_pop(&pump->session->queue, &item, pop_deadline(&pump->pipeline->writer, now_ns))) {
    case MR_QUEUE_OK: pump->batch = item; break;
    case MR_QUEUE_CLOSED: pump->closed = true; break;
    case MR_QUEUE_TIMEOUT: break;
    }
}

static int offer(struct pump *pump, struct mr_err *err)
{
    bool last = pump->batch->last;
    int rc = mr_writer_take(&pump->pipeline->writer, pump->batch, err);

    if (rc == 0) {
        pump->batch = NULL;
        pump->last |= last;
        mr_backoff_reset(&pump->pipeline->backoff);
        return 0;
    }
    if (rc != MR_AGAIN)
        return rc;
    if (err->code[0])
        mr_pipeline_report(pump->pipeline, err, false);
    if (pump->batch->sequence == 0) /* a registry is away: the sink has nothing to wait for */
        return rest_beside_sink(pump->pipeline, pump->session, AGAIN_NS, err);
    return poll_sink(pump->pipeline, pump->session, mr_clock_mono_ns() + AGAIN_NS, err);
}

/* SNAPSHOTTING while tables are left to read, STREAMING after. */
static void note_reading(struct mr_pipeline *pipeline, int64_t now_ns)
{
    const struct mr_counters *counters = &pipeline->counters;
    uint64_t tables = atomic_load_explicit(&counters->snapshot_tables, memory_order_relaxed);
    uint64_t done = atomic_load_explicit(&counters->snapshot_tables_done, memory_order_relaxed);

    pipeline->streamed = true;
    if (done < tables) {
        mr_pipeline_set_state(pipeline, MR_PIPELINE_SNAPSHOTTING);
        if (!pipeline->options.quiet)
            mr_progress_tick(&pipeline->progress, pipeline->config->name, counters, now_ns);
    } else {
        mr_progress_end(&pipeline->progress, pipeline->config->name, counters, now_ns);
        mr_pipeline_set_state(pipeline, MR_PIPELINE_STREAMING);
    }
}

static void note_progress(struct pump *pump, int64_t now_ns)
{
    struct mr_pipeline *pipeline = pump->pipeline;

    if (atomic_load(&pipeline->stopping)) {
        mr_pipeline_set_state(pipeline, MR_PIPELINE_DRAINING);
        (void)cut_short(pipeline);
        mr_session_stop(pump->session, now_ns + pipeline->config->drain_ns / 2);
    } else if (mr_session_reached(pump->session, MR_SESSION_READING, 0)) {
        note_reading(pipeline, now_ns);
    }
    /* A roll with nothing to roll is over at once: it must not cut the next rows short. */
    if (atomic_exchange(&pipeline->roll, false) && pipeline->config->sink->files &&
        pipeline->writer.rows > 0) {
        pipeline->config->sink->files->roll(pipeline->writer.sink);
        pipeline->config->sink->pace(pipeline->writer.sink, &pipeline->writer.pace);
    }
}

/* What a burst of rows needed is given back when the next one is not in sight. */
static void rest(struct pump *pump, int64_t now_ns)
{
    if (pump->batch && !mr_batch_empty(pump->batch)) {
        pump->moved_ns = now_ns;
        pump->rests = false;
    } else if (!pump->rests && now_ns - pump->moved_ns > REST_NS &&
               mr_writer_idle(&pump->pipeline->writer)) {
        mr_pool_trim(&pump->pipeline->pool);
        pump->rests = true;
    }
}

static int step(struct pump *pump, struct mr_err *err)
{
    struct mr_writer *writer = &pump->pipeline->writer;
    int64_t now_ns = mr_clock_mono_ns();
    int rc;

    note_progress(pump, now_ns);
    if (!pump->batch)
        pop(pump, now_ns);
    rest(pump, now_ns);
    if (pump->batch && (rc = offer(pump, err)) < 0)
        return rc;
    now_ns = mr_clock_mono_ns();
    if (mr_writer_due(writer) <= now_ns) {
        rc = mr_writer_commit(writer, false, err);
        if (rc < 0 && rc != MR_AGAIN)
            return rc;
    }
    return poll_sink(pump->pipeline, pump->session, 0, err);
}

static struct outcome pump_all(struct mr_pipeline *pipeline, struct mr_session *session)
{
    struct pump pump = {.pipeline = pipeline, .session = session, .moved_ns = mr_clock_mono_ns()};
    struct outcome outcome = {0};
    struct mr_err err = {0};
    bool left, dropped = false;
    int rc = 0;

    while (rc == 0 && !pump.last && !(pump.closed && !pump.batch) && !pipeline->writer.done &&
           !cut_short(pipeline))
        rc = step(&pump, &err);
    left = pump.batch && !mr_batch_empty(pump.batch);
    mr_pool_put(&pipeline->pool, pump.batch);
    if (rc < 0)
        return went_wrong(rc, SIDE_SINK, &err);
    if (!pipeline->writer.done)
        rc = flush(pipeline, session, &dropped, &err);
    if (rc < 0 && rc != MR_AGAIN)
        return went_wrong(rc, SIDE_SINK, &err);
    if (pump.closed && session->rc < 0 && !atomic_load(&pipeline->stopping))
        return went_wrong(session->rc, SIDE_SOURCE, &session->err);
    outcome.over = true;
    pipeline->reached = rc == 0 && (pump.last || pipeline->writer.done);
    if (rc == MR_AGAIN || (!pipeline->writer.done && (left || dropped)))
        outcome.rc = mr_err_set(
            &outcome.err, MR_RETRY, "pipeline.drain_cut",
            "the stop was cut short: what was not committed is read again at the next start");
    return outcome;
}

/* Waits for the source to open; true when it did. */
static bool wait_opened(struct mr_pipeline *pipeline, struct mr_session *session)
{
    while (!mr_session_reached(session, MR_SESSION_OPENED, mr_clock_mono_ns() + 20 * MR_MS_NS)) {
        if (asked_to_end(pipeline))
            return false;
    }
    return !mr_session_reached(session, MR_SESSION_ENDED, 0);
}

static struct outcome run_session(struct mr_pipeline *pipeline)
{
    struct mr_writer *writer = &pipeline->writer;
    struct mr_source_args args = {
        .context = &pipeline->context,
        .config = pipeline->config->source_config,
        .resume = writer->durable.position.text,
        .resume_number = writer->durable.position.number,
        .until = pipeline->options.until,
        .temporary = pipeline->options.temporary,
        .take_over = pipeline->claimed,
        .adopt = pipeline->config->sink->delivery == MR_SINK_AT_LEAST_ONCE,
        .boundaries = pipeline->config->events.provide,
        .batch_bytes = (size_t)pipeline->config->batch_bytes,
    };
    struct outcome outcome = {.over = true};
    struct mr_session session;
    struct mr_mark resume = {0};
    int rc;

    /* `durable` moves while the session runs; what it began with must not. */
    mr_buf_init(&resume.text, SIZE_MAX);
    mr_buf_add_slice(&resume.text, args.resume);
    if (args.resume.data)
        args.resume = mr_buf_slice(&resume.text);
    mr_session_begin(&session, pipeline->config, &args, &pipeline->pool);
    if (wait_opened(pipeline, &session)) {
        struct mr_err err = {0};
        rc = claim(pipeline, session.claim, &err);
        if (rc == 0) {
            mr_session_go(&session);
            outcome = pump_all(pipeline, &session);
        } else if (rc != MR_AGAIN) {
            outcome = went_wrong(rc, SIDE_SINK, &err);
        }
    } else if (mr_session_reached(&session, MR_SESSION_ENDED, 0) && session.rc < 0) {
        outcome = went_wrong(session.rc, SIDE_SOURCE, &session.err);
    }
    mr_session_cancel(&session);
    mr_session_end(&session);
    mr_buf_done(&resume.text);
    return outcome;
}

/* Sleeps in slices, lets an open sink work meanwhile. */
static int back_off(struct mr_pipeline *pipeline, struct mr_err *err)
{
    int64_t until_ns = mr_clock_mono_ns() + mr_backoff_next(&pipeline->backoff);
    int rc = 0;

    mr_pipeline_set_state(pipeline, MR_PIPELINE_RETRYING);
    while (rc == 0 && mr_clock_mono_ns() < until_ns && !asked_to_end(pipeline))
        rc = rest_beside_sink(pipeline, NULL, 20 * MR_MS_NS, err);
    return rc;
}

static bool gives_up(const struct mr_pipeline *pipeline, const struct outcome *outcome)
{
    if (outcome->rc == MR_RETRY)
        return pipeline->options.require_healthy && !pipeline->streamed;
    return outcome->rc != MR_REPLAY;
}

/* A stop while the source is being opened, or is away: when nothing is in flight that is a good end. */
static bool nothing_to_drain(const struct mr_pipeline *pipeline, const struct outcome *outcome)
{
    return asked_to_end(pipeline) && outcome->rc == MR_RETRY && outcome->side == SIDE_SOURCE &&
           pipeline->writer.rows == 0 && mr_writer_idle(&pipeline->writer);
}

/* A source that broke may have been taken away by a successor. Before its session is ended in turn, the sink is
 * asked whose the pipeline is; otherwise two instances end each other's sessions, and neither comes to the commit
 * that would tell them. Asked after the wait between two tries, not before it: that wait may last half a minute,
 * and who claims meanwhile is a successor like any other. */
static bool is_displaced(struct mr_pipeline *pipeline, enum side side)
{
    int64_t now_ns = mr_clock_mono_ns();

    if (side != SIDE_SOURCE || !pipeline->claimed || now_ns - pipeline->looked_ns < LOOK_NS)
        return false;
    pipeline->looked_ns = now_ns;
    return mr_writer_displaced(&pipeline->writer, pipeline->owner);
}

/* Sessions over one open sink, until one is over, gives up, or the sink itself must be opened again. */
static struct outcome run_sessions(struct mr_pipeline *pipeline)
{
    struct outcome outcome;

    for (;;) {
        mr_pipeline_set_state(pipeline, MR_PIPELINE_CONNECTING);
        outcome = run_session(pipeline);
        if (nothing_to_drain(pipeline, &outcome))
            return (struct outcome){.over = true};
        if (outcome.over || gives_up(pipeline, &outcome) || asked_to_end(pipeline))
            return outcome;
        if (outcome.side == SIDE_SINK && outcome.rc == MR_RETRY)
            return outcome;
        mr_pipeline_report(pipeline, &outcome.err, false);
        mr_count(&pipeline->counters.source_reconnects, 1);
        /* Rows of a cut transaction are still in the sink: they come again. */
        outcome.rc = 0;
        if (outcome.side == SIDE_SINK || pipeline->writer.rows > 0 ||
            !mr_writer_idle(&pipeline->writer))
            outcome.rc = mr_writer_abort(&pipeline->writer, &outcome.err);
        if (outcome.rc == 0)
            outcome.rc = back_off(pipeline, &outcome.err);
        if (outcome.rc < 0)
            return went_wrong(outcome.rc, SIDE_SINK, &outcome.err);
        if (asked_to_end(pipeline))
            return (struct outcome){.over = true};
        if (is_displaced(pipeline, outcome.side)) {
            outcome = went_wrong(MR_RETRY, SIDE_SINK, &outcome.err);
            outcome.displaced = true;
            return outcome;
        }
    }
}

/* An owner that is busy moves the position on faster than a source is opened: what was read is always old by then.
 * Claiming first, with the position as it was just read, stops the owner. Only after an opening has shown that the
 * source is there; a first start, which holds no position, has nobody to race. */
static int claim_at_once(struct mr_pipeline *pipeline, struct mr_err *err)
{
    struct mr_slice held = pipeline->writer.durable.position.text;

    return held.size > 0 ? claim(pipeline, held, err) : 0;
}

static struct outcome run_life(struct mr_pipeline *pipeline)
{
    struct outcome outcome = {0};
    struct mr_err err = {0};
    int rc;

    mr_pipeline_set_state(pipeline, MR_PIPELINE_STARTING);
    rc = mr_writer_open(&pipeline->writer, pipeline->owner, pipeline->ever_claimed, &err);
    pipeline->claimed = false;
    if (rc == 0 && pipeline->hurried)
        rc = claim_at_once(pipeline, &err);
    if (rc == 0)
        outcome = run_sessions(pipeline);
    else if (rc == MR_AGAIN)
        outcome.over = true;
    else
        outcome = went_wrong(rc, SIDE_SINK, &err);
    mr_writer_close(&pipeline->writer);
    return outcome;
}

/* A stop that could not commit what was in flight is no success, but nothing is lost either. */
static void cut_drain(struct outcome *outcome)
{
    struct mr_err cause = outcome->err;

    outcome->rc = mr_err_set(
        &outcome->err, MR_RETRY, "pipeline.drain_cut",
        "stopped before everything was committed (%s); it is read again at the next start",
        cause.text);
    outcome->err.exit_code = 1;
}

/* A hole may be none, a foreign slot may be ours: whoever took the pipeline over while we slept or looked has moved
 * the slot on, or made it, and the position with it. Only the sink knows. The next life reads it, and learns there
 * whether we are fenced. */
static void look_for_successor(struct mr_pipeline *pipeline, struct outcome *outcome)
{
    struct mr_err cause = outcome->err;
    bool final = outcome->rc == MR_GAP || outcome->rc == MR_CONFIG || outcome->rc == MR_DATA;

    if (!final || outcome->side != SIDE_SOURCE ||
        !mr_writer_overtaken(&pipeline->writer, pipeline->owner))
        return;
    pipeline->hurried = true;
    outcome->rc =
        mr_err_set(&outcome->err, MR_RETRY, "pipeline.overtaken",
                   "another instance has moved pipeline %s on since its position was read "
                   "here (%s)",
                   pipeline->config->name, cause.code);
}

/* A stop is a good end of a run without an end; who named one wants to know whether it was reached. */
static void check_until(const struct mr_pipeline *pipeline, struct outcome *outcome)
{
    if (outcome->rc < 0 || !pipeline->options.until || pipeline->reached)
        return;
    outcome->rc = mr_err_set(&outcome->err, MR_RETRY, "pipeline.until_not_reached",
                             "stopped before it had come to --until %s; the next start goes on "
                             "where this one stood",
                             pipeline->options.until);
    outcome->err.exit_code = 1;
}

void mr_pipeline_supervise(struct mr_pipeline *pipeline)
{
    struct outcome outcome;

    for (;;) {
        outcome = run_life(pipeline);
        look_for_successor(pipeline, &outcome);
        if (outcome.over || gives_up(pipeline, &outcome) || asked_to_end(pipeline))
            break;
        if (outcome.displaced)
            continue;
        mr_pipeline_report(pipeline, &outcome.err, false);
        (void)!back_off(pipeline, &outcome.err);
        if (asked_to_end(pipeline)) {
            outcome = (struct outcome){.over = true};
            break;
        }
    }
    if (outcome.rc == MR_RETRY && asked_to_end(pipeline) && !pipeline->ever_claimed)
        outcome = (struct outcome){.over = true}; /* stopped before anything was read */
    if (outcome.rc < 0) {
        if (asked_to_end(pipeline) && (outcome.rc == MR_RETRY || outcome.rc == MR_REPLAY))
            cut_drain(&outcome);
    }
    check_until(pipeline, &outcome);
    if (outcome.rc < 0) {
        mr_pipeline_report(pipeline, &outcome.err, true);
        pipeline->exit_code = mr_err_exit(&outcome.err);
    }
    mr_pipeline_set_state(pipeline, outcome.rc < 0 ? MR_PIPELINE_FAILED : MR_PIPELINE_STOPPED);
}

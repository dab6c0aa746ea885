/* The whole engine over a scripted source and a sink in memory: what is lost, doubled or reordered when things
 * break, and who confirms what to whom. The encoder here writes the id as key and the note as value. */
#include "engine/run/pipeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/write/writer.h"
#include "test/support/engine_rig.h"

/* What describe() was shown, and how often it is to answer that the registry is away. */
static uint32_t described_columns[8];
static size_t described_count, describe_away, transformed_batches;
/* With first_described NULL, the next version described is kept in it; who else holds it when a later one comes. */
static struct mr_table unkept, *first_described = &unkept;
static unsigned first_references;

static int encoder_describe(void *encoder, struct mr_table *table, struct mr_err *err)
{
    (void)encoder;
    if (describe_away > 0) {
        describe_away--;
        return mr_err_set(err, MR_RETRY, "encoder.away", "no registry");
    }
    if (!first_described)
        first_described = mr_table_ref(table);
    else
        first_references = atomic_load(&first_described->references);
    described_columns[described_count++ % 8] = table->column_count;
    if (!mr_slice_is(table->topic, "test.public.t"))
        return mr_err_set(err, MR_BUG, "encoder.topic", "topic %.*s", MR_SLICE_ARG(table->topic));
    return 0;
}

/* Whether batches say that they have logical messages; how often the registry is away for their schemas. */
static bool marks_messages, messages_known;
static size_t messages_asked, messages_away;

static int encoder_describe_messages(void *encoder, struct mr_err *err)
{
    (void)encoder;
    messages_asked++;
    if (messages_away > 0) {
        messages_away--;
        return mr_err_set(err, MR_RETRY, "encoder.away", "no registry");
    }
    messages_known = true;
    return 0;
}

static int encoder_encode(void *encoder, struct mr_batch *batch, size_t *ret_failed,
                          struct mr_err *err)
{
    (void)encoder;
    assert_true(!batch->messages || messages_known);
    for (size_t i = 0; i < batch->change_count; i++) {
        if (mr_slice_is(mr_engine_rig_encode(batch, &batch->changes[i])->value, "bad")) {
            *ret_failed = i;
            return mr_err_set(err, MR_DATA, "encoder.test", "a bad row");
        }
    }
    return 0;
}

static const struct mr_encoder test_encoder = {
    .name = "test",
    .summary = "key and note",
    .state_size = 1,
    .open = mr_engine_rig_encoder_open,
    .describe = encoder_describe,
    .describe_messages = encoder_describe_messages,
    .encode = encoder_encode,
    .close = mr_engine_rig_encoder_close,
};

/* A transform that takes the second column away. */
static int transform_apply(void *transform, struct mr_batch *batch, struct mr_err *err)
{
    struct mr_table **derived = transform;

    (void)err;
    transformed_batches++;
    batch->messages = marks_messages;
    for (size_t i = 0; i < batch->table_count; i++) {
        if (!*derived) {
            *derived = mr_table_derive(batch->tables[i], 1);
            (*derived)->columns[0] = batch->tables[i]->columns[0];
        }
        mr_table_unref(batch->tables[i]);
        batch->tables[i] = mr_table_ref(*derived);
    }
    for (size_t i = 0; i < batch->change_count; i++)
        batch->changes[i].table = *derived;
    return 0;
}

static void transform_close(void *transform)
{
    struct mr_table **derived = transform;

    mr_table_unref(*derived);
}

static const struct mr_transform test_transform = {
    .name = "test",
    .summary = "takes a column away",
    .state_size = sizeof(struct mr_table *),
    .open = mr_engine_rig_transform_open,
    .apply = transform_apply,
    .close = transform_close,
};

static size_t visible_first; /* succeed() waits for so many records */

static int setup(void **state)
{
    visible_first = 0;
    return mr_engine_rig_setup(state, &test_encoder);
}

/* Ends with the exit code and the error code given. */
static void finish_with(struct mr_engine_rig *rig, int exit_code, const char *code)
{
    int ended = mr_engine_rig_finish(rig);

    assert_string_equal(rig->status.err.code, code);
    assert_int_equal(ended, exit_code);
}

/* Either its own look at the claims or the sink's answer to a commit says so first. */
static void finish_fenced(struct mr_engine_rig *rig)
{
    int ended = mr_engine_rig_finish(rig);

    if (strcmp(rig->status.err.code, "sink.fenced") != 0)
        assert_string_equal(rig->status.err.code, "pipeline.fenced");
    assert_int_equal(ended, 75);
}

/* Every change of the script is visible once, in order. */
static void check_all(struct mr_engine_rig *rig, size_t changes)
{
    assert_int_equal(rig->store.visible_count, changes);
    for (size_t i = 0; i < changes; i++)
        assert_int_equal(rig->store.visible[i].number, 1000 + i);
}

/* The encoder finds a topic that cannot be: a fault of ours is no reason to try again. */
static void a_broken_invariant_ends_at_once_with_70(void **state)
{
    struct mr_engine_rig *rig = *state;

    rig->config.topic = "elsewhere";
    mr_script_fill(&rig->script, 1, 1, 1);
    mr_engine_rig_start(rig, NULL);
    finish_with(rig, 70, "encoder.topic");
    assert_int_equal(rig->store.visible_count, 0);
}

static void everything_arrives_once_in_order(void **state)
{
    struct mr_engine_rig *rig = *state;

    mr_script_fill(&rig->script, 50, 7, 1);
    assert_int_equal(mr_engine_rig_run(rig), 0);
    check_all(rig, 350);
    assert_string_equal(rig->store.visible[0].key, "1");
    assert_true(rig->script.claimed_before_start);
    assert_int_equal(rig->store.claims, 1);
    assert_int_equal(rig->script.confirmed_done, 50);
}

static void a_second_run_goes_on_where_the_first_stopped(void **state)
{
    struct mr_engine_rig *rig = *state;

    mr_script_fill(&rig->script, 10, 3, 1);
    assert_int_equal(mr_engine_rig_run(rig), 0);
    mr_script_fill(&rig->script, 10, 3, 31);
    assert_int_equal(mr_engine_rig_run(rig), 0);
    check_all(rig, 60);
    assert_int_equal(rig->store.claims, 2);
}

static void a_source_that_breaks_is_read_again(void **state)
{
    struct mr_engine_rig *rig = *state;

    mr_script_fill(&rig->script, 20, 10, 1);
    rig->script.batch_changes = 4;
    rig->script.fail_read_after = 33;
    rig->script.fail_class = MR_RETRY;
    assert_int_equal(mr_engine_rig_run(rig), 0);
    check_all(rig, 200);
    assert_int_equal(rig->script.opens, 2);
}

static void a_commit_that_fails_is_replayed(void **state)
{
    static const enum mr_class classes[] = {MR_REPLAY, MR_RETRY};

    for (size_t i = 0; i < 2; i++) {
        struct mr_engine_rig *rig;
        if (i > 0)
            setup(state);
        rig = *state;
        mr_script_fill(&rig->script, 30, 5, 1);
        rig->script.batch_changes = 3;
        rig->store.fail_commit = 4;
        rig->store.fail_class = classes[i];
        assert_int_equal(mr_engine_rig_run(rig), 0);
        check_all(rig, 150);
        if (i == 0)
            (void)mr_engine_rig_teardown(state);
    }
}

/* What the sink finds published stands, whether it is opened again (RETRY) or only aborts (REPLAY). */
static void a_commit_whose_answer_was_lost_is_not_doubled(void **state)
{
    for (int reopened = 0; reopened < 2; reopened++) {
        struct mr_engine_rig *rig;
        if (reopened)
            setup(state);
        rig = *state;
        mr_script_fill(&rig->script, 30, 5, 1);
        rig->store.fail_commit = 5;
        rig->store.fail_class = reopened ? MR_RETRY : MR_REPLAY;
        rig->store.fail_after = true;
        assert_int_equal(mr_engine_rig_run(rig), 0);
        check_all(rig, 150);
        assert_int_equal(rig->store.opens > 1, reopened);
        if (!reopened)
            (void)mr_engine_rig_teardown(state);
    }
}

static void a_sink_that_is_away_at_first_is_waited_for(void **state)
{
    struct mr_engine_rig *rig = *state;

    mr_script_fill(&rig->script, 5, 5, 1);
    rig->store.fail_open = 3;
    rig->store.refuse_writes = 20;
    rig->script.fail_open = 2;
    assert_int_equal(mr_engine_rig_run(rig), 0);
    check_all(rig, 25);
}

static void nothing_is_confirmed_before_it_is_durable(void **state)
{
    struct mr_engine_rig *rig = *state;

    rig->store.hold = true;
    mr_script_fill(&rig->script, 5, 2, 1);
    mr_engine_rig_start(rig, NULL);
    for (int i = 0; i < 100; i++) {
        struct timespec slice = {0, 2 * MR_MS_NS};
        nanosleep(&slice, NULL);
        pthread_mutex_lock(&rig->script.lock);
        assert_int_equal(rig->script.confirmed_done, 0);
        pthread_mutex_unlock(&rig->script.lock);
    }
    pthread_mutex_lock(&rig->store.lock);
    rig->store.hold = false;
    pthread_mutex_unlock(&rig->store.lock);
    assert_true(mr_memory_store_wait(&rig->store, 10, 20));
    mr_pipeline_stop(rig->pipeline, false);
    assert_int_equal(mr_engine_rig_finish(rig), 0);
    assert_int_equal(rig->script.confirmed_done, 5);
}

static void a_stop_commits_what_is_whole(void **state)
{
    struct mr_engine_rig *rig = *state;

    rig->store.pace = (struct mr_sink_pace){.bytes = SIZE_MAX,
                                            .age_ns = INT64_MAX,
                                            .caught_up_ns = INT64_MAX,
                                            .split_records = UINT64_MAX,
                                            .split_ns = INT64_MAX};
    mr_script_fill(&rig->script, 40, 5, 1);
    mr_engine_rig_start(rig, NULL);
    for (int i = 0; i < 5000; i++) {
        struct timespec slice = {0, MR_MS_NS};
        pthread_mutex_lock(&rig->store.lock);
        bool enough = rig->store.writes > 3;
        pthread_mutex_unlock(&rig->store.lock);
        if (enough)
            break;
        nanosleep(&slice, NULL);
    }
    mr_pipeline_stop(rig->pipeline, false);
    assert_int_equal(mr_engine_rig_finish(rig), 0);
    assert_true(rig->store.visible_count > 0 && rig->store.visible_count % 5 == 0);
    assert_int_equal(mr_engine_rig_run(rig), 0);
    check_all(rig, 200);
}

static void the_older_of_two_instances_is_fenced(void **state)
{
    struct mr_engine_rig *rig = *state;
    struct mr_pipeline *older;

    mr_script_fill(&rig->script, 3, 2, 1);
    mr_engine_rig_start(rig, NULL);
    older = rig->pipeline;
    assert_true(mr_memory_store_wait(&rig->store, 6, 20));
    assert_int_equal(mr_engine_rig_run(rig), 0);
    mr_script_fill(&rig->script, 3, 2, 7);
    rig->pipeline = older;
    finish_with(rig, 75, "sink.fenced");
    check_all(rig, 6);
}

/* The sink never answers: the stop gives up after limits.drain, says so, and the next start has it all. */
static void a_stop_that_cannot_commit_is_cut_and_loses_nothing(void **state)
{
    struct mr_engine_rig *rig = *state;

    rig->config.drain_ns = 300 * MR_MS_NS;
    mr_script_fill(&rig->script, 4, 2, 1);
    mr_engine_rig_start(rig, NULL);
    assert_true(mr_memory_store_wait(&rig->store, 8, 20));
    pthread_mutex_lock(&rig->store.lock);
    rig->store.hold = true;
    pthread_mutex_unlock(&rig->store.lock);
    mr_script_fill(&rig->script, 4, 2, 9);
    struct timespec slice = {0, 300 * MR_MS_NS};
    nanosleep(&slice, NULL);
    mr_pipeline_stop(rig->pipeline, false);
    finish_with(rig, 1, "pipeline.drain_cut");
    rig->store.hold = false;
    rig->config.drain_ns = 10 * MR_SECOND_NS;
    assert_int_equal(mr_engine_rig_run(rig), 0);
    check_all(rig, 16);
}

/* What a sink that is opened again holds decides whether this process may go on. */
static void a_reopened_sink_may_belong_to_somebody_else(void **state)
{
    static const struct {
        const char *checkpoint, *code;
        enum mr_class class;
    } cases[] = {
        {"{\"format\":1,\"pipeline\":\"p\",\"owner\":\"other\",\"start\":9,\"number\":1,\"source\":"
         "null}",
         "pipeline.fenced", MR_FENCED},
        {NULL, "checkpoint.vanished", MR_GAP},
        {"{\"format\":1,\"pipeline\":\"p\",\"owner\":\"me\",\"start\":9,\"number\":1,\"source\":"
         "null}",
         "", MR_OK},
    };
    struct mr_engine_rig *rig = *state;
    struct mr_counters counters = {0};
    struct mr_context context = {.pipeline = "p", .server = "test", .counters = &counters};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mr_writer writer;
        struct mr_pool pool;
        struct mr_err err = {0};

        free(rig->store.checkpoint);
        rig->store.checkpoint = cases[i].checkpoint ? strdup(cases[i].checkpoint) : NULL;
        mr_pool_init(&pool, 1 << 16, 1 << 16);
        mr_writer_init(&writer, &rig->config, &context, &pool);
        assert_int_equal(mr_writer_open(&writer, "me", true, &err), cases[i].class);
        assert_string_equal(err.code, cases[i].code);
        mr_writer_done(&writer);
        mr_pool_done(&pool);
    }
}

/* A snapshot's table may only be cut where the sink lets its rows come twice; a long transaction may always. */
static void a_table_is_cut_only_where_the_sink_allows_it(void **state)
{
    static const struct {
        bool in_table, split_tables, due;
    } cases[] = {{false, false, true}, {true, false, false}, {true, true, true}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mr_writer writer = {
            .rows = 100,
            .moved = true,
            .pace = {.split_records = 100,
                     .split_ns = INT64_MAX,
                     .split_tables = cases[i].split_tables},
            .pending = {.position = {.in_table = cases[i].in_table}},
        };
        assert_int_equal(mr_writer_due(&writer), cases[i].due ? 0 : INT64_MAX);
    }
}

static void a_row_that_cannot_be_encoded_stops_with_its_position_kept(void **state)
{
    static const struct mr_script_change bad = {MR_OP_CREATE, 99, "bad"};
    struct mr_engine_rig *rig = *state;

    mr_script_fill(&rig->script, 4, 2, 1);
    mr_script_add(&rig->script, &bad, 1);
    mr_engine_rig_start(rig, NULL);
    assert_int_equal(mr_engine_rig_finish(rig), 1);
    assert_true(rig->store.visible_count <= 8);
}

static void only_what_a_transform_made_is_described(void **state)
{
    static const struct mr_transform *transforms[] = {&test_transform};
    static const void *configs[] = {""};
    struct mr_engine_rig *rig = *state;

    described_count = transformed_batches = 0;
    describe_away = 1;
    rig->config.transform_count = 1;
    rig->config.transforms = transforms;
    rig->config.transform_configs = configs;
    mr_script_fill(&rig->script, 1, 7, 1);
    assert_int_equal(mr_engine_rig_run(rig), 0);
    check_all(rig, 7);
    assert_string_equal(rig->store.visible[0].value, "null");
    assert_int_equal(described_count, 1);
    assert_int_equal(described_columns[0], 1);
    assert_true(transformed_batches <= 2); /* the rows, and a last batch without any: none twice */
}

static void the_schemas_of_messages_are_asked_for_once_and_before_their_batch(void **state)
{
    static const struct mr_transform *transforms[] = {&test_transform};
    static const void *configs[] = {""};
    struct mr_engine_rig *rig = *state;

    marks_messages = true;
    messages_known = false;
    messages_asked = 0;
    messages_away = 1;
    rig->config.transform_count = 1;
    rig->config.transforms = transforms;
    rig->config.transform_configs = configs;
    rig->script.batch_changes = 4;
    mr_script_fill(&rig->script, 3, 7, 1);
    assert_int_equal(mr_engine_rig_run(rig), 0);
    marks_messages = false;
    check_all(rig, 21);
    assert_int_equal(messages_asked, 2);
}

/* Each session describes its tables anew; what it leaves behind must not stay for the life of the process. */
static void versions_of_ended_sessions_are_let_go(void **state)
{
    struct mr_engine_rig *rig = *state;

    described_count = 0;
    first_described = NULL;
    mr_script_fill(&rig->script, 20, 10, 1);
    rig->script.batch_changes = 4;
    rig->script.fail_read_after = 33;
    rig->script.fail_class = MR_RETRY;
    assert_int_equal(mr_engine_rig_run(rig), 0);
    check_all(rig, 200);
    assert_true(described_count >= 2);
    assert_int_equal(first_references, 1);
    mr_table_unref(first_described);
    first_described = &unkept;
}

static void a_gap_is_never_retried(void **state)
{
    struct mr_engine_rig *rig = *state;

    mr_script_fill(&rig->script, 4, 2, 1);
    rig->script.fail_open = 1;
    rig->script.fail_class = MR_GAP;
    mr_engine_rig_start(rig, NULL);
    assert_int_equal(mr_engine_rig_finish(rig), 65);
    assert_int_equal(rig->script.opens, 1);
    assert_int_equal(rig->store.claims, 0);
}

/* A successor that runs to the end at the worst moment of the other one. */
static void succeed(void *state)
{
    struct mr_run_options options = {.until = "now", .quiet = true};
    struct mr_engine_rig *rig = state;
    struct mr_pipeline *successor;
    struct mr_err err;

    /* Runs on the other one's reader thread: rig->pipeline is the test's thread's. What the other one has read is
     * committed first, so that its commits do not make this one's claim be tried again. */
    rig->script.before_failing = NULL;
    if (!mr_memory_store_wait(&rig->store, visible_first, 20))
        abort();
    if (mr_pipeline_start(&rig->config, &options, &successor, &err) < 0 ||
        !mr_pipeline_wait(successor, mr_clock_mono_ns() + 30 * MR_SECOND_NS) ||
        mr_pipeline_free(successor) != 0)
        abort();
}

/* Its position was read before the successor moved the slot: what looks like a gap is none. */
static void a_position_that_got_old_before_the_claim_is_read_again(void **state)
{
    struct mr_engine_rig *rig = *state;

    mr_script_fill(&rig->script, 4, 2, 1);
    rig->script.fail_open = 1;
    rig->script.fail_class = MR_GAP;
    rig->script.before_failing = succeed;
    rig->script.before_failing_state = rig;
    mr_engine_rig_start(rig, "now");
    finish_with(rig, 0, "pipeline.overtaken");
    assert_int_equal(rig->script.opens, 3);
    assert_int_equal(rig->store.claims, 2);
    check_all(rig, 8);
}

/* The same after the claim: the successor's is newer, so this one is fenced, and says no word of a gap. */
static void a_gap_made_by_a_successor_is_a_fence(void **state)
{
    struct mr_engine_rig *rig = *state;

    mr_script_fill(&rig->script, 4, 2, 1);
    rig->script.batch_changes = 2;
    rig->script.fail_read_after = 4;
    visible_first = 4;
    rig->script.fail_class = MR_GAP;
    rig->script.before_failing = succeed;
    rig->script.before_failing_state = rig;
    mr_engine_rig_start(rig, "now");
    finish_fenced(rig);
    assert_int_equal(rig->store.claims, 2);
    check_all(rig, 8);
}

static void succeed_once_all_is_committed(void *state)
{
    struct mr_engine_rig *rig = state;

    if (!mr_memory_store_wait(&rig->store, 4, 30))
        abort();
    succeed(rig);
}

/* A session that a successor ended: the sink is asked before the successor's session is ended in turn. */
static void a_session_ended_by_a_successor_is_not_fought_for(void **state)
{
    struct mr_engine_rig *rig = *state;

    mr_script_fill(&rig->script, 4, 2, 1);
    rig->script.batch_changes = 2;
    rig->script.fail_read_after = 4;
    visible_first = 4;
    rig->script.fail_class = MR_RETRY;
    rig->script.before_failing = succeed_once_all_is_committed;
    rig->script.before_failing_state = rig;
    mr_engine_rig_start(rig, "now");
    finish_fenced(rig);
    assert_int_equal(rig->script.opens, 2); /* its own, and the successor's */
    check_all(rig, 8);
}

static void fail_opens(void *state)
{
    struct mr_engine_rig *rig = state;

    rig->script.before_failing = NULL;
    rig->script.fail_open = 5;
}

/* A successor that comes while the other one waits for its next try, and has asked whose the pipeline is before. */
static void *succeed_in_the_wait(void *state)
{
    struct mr_engine_rig *rig = state;
    struct mr_pipeline *first = rig->pipeline;
    struct mr_pipeline_status status = {0};
    bool refused = true;

    while (refused || status.state != MR_PIPELINE_RETRYING) {
        nanosleep(&(struct timespec){.tv_nsec = MR_MS_NS}, NULL);
        pthread_mutex_lock(&rig->script.lock);
        refused = rig->script.opens < 6;
        pthread_mutex_unlock(&rig->script.lock);
        mr_pipeline_get_status(first, &status);
    }
    succeed(rig);
    return NULL;
}

static void a_successor_that_came_in_the_wait_is_not_fought_for(void **state)
{
    struct mr_engine_rig *rig = *state;
    pthread_t thread;

    mr_script_fill(&rig->script, 4, 2, 1);
    rig->script.batch_changes = 2;
    rig->script.fail_read_after = 4;
    visible_first = 4;
    rig->script.fail_class = MR_RETRY;
    rig->script.before_failing = fail_opens;
    rig->script.before_failing_state = rig;
    mr_engine_rig_start(rig, "now");
    assert_int_equal(pthread_create(&thread, NULL, succeed_in_the_wait, rig), 0);
    finish_fenced(rig);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(rig->script.opens, 7); /* its own, five that failed, and the successor's */
    check_all(rig, 8);
}

/* An owner that commits whenever somebody else opens the source. */
static void commit_meanwhile(void *state)
{
    struct mr_engine_rig *rig = state;

    pthread_mutex_lock(&rig->store.lock);
    rig->store.commits += strcmp(rig->store.owner, "busy") == 0;
    pthread_mutex_unlock(&rig->store.lock);
}

/* Its position is old by the time the source is open, each time anew: the claim must come first. */
static void a_busy_owner_does_not_keep_a_starter_out(void **state)
{
    struct mr_engine_rig *rig = *state;

    strcpy(rig->store.owner, "busy");
    rig->store.checkpoint =
        strdup("{\"format\":1,\"pipeline\":\"p\",\"owner\":\"busy\",\"start\":1,"
               "\"number\":999,\"source\":{\"done\":0,\"n\":0}}");
    mr_script_fill(&rig->script, 4, 2, 1);
    rig->script.at_open = commit_meanwhile;
    rig->script.at_open_state = rig;
    assert_int_equal(mr_engine_rig_run(rig), 0);
    assert_int_equal(rig->store.claims, 1);
    assert_int_equal(rig->script.opens, 2);
    check_all(rig, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_broken_invariant_ends_at_once_with_70, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(everything_arrives_once_in_order, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_second_run_goes_on_where_the_first_stopped, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_source_that_breaks_is_read_again, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_commit_that_fails_is_replayed, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_commit_whose_answer_was_lost_is_not_doubled, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_sink_that_is_away_at_first_is_waited_for, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_confirmed_before_it_is_durable, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_stop_commits_what_is_whole, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_stop_that_cannot_commit_is_cut_and_loses_nothing, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_reopened_sink_may_belong_to_somebody_else, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test(a_table_is_cut_only_where_the_sink_allows_it),
        cmocka_unit_test_setup_teardown(the_older_of_two_instances_is_fenced, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_row_that_cannot_be_encoded_stops_with_its_position_kept,
                                        setup, mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(only_what_a_transform_made_is_described, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(
            the_schemas_of_messages_are_asked_for_once_and_before_their_batch, setup,
            mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(versions_of_ended_sessions_are_let_go, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_gap_is_never_retried, setup, mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_position_that_got_old_before_the_claim_is_read_again,
                                        setup, mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_session_ended_by_a_successor_is_not_fought_for, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_successor_that_came_in_the_wait_is_not_fought_for, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_busy_owner_does_not_keep_a_starter_out, setup,
                                        mr_engine_rig_teardown),
        cmocka_unit_test_setup_teardown(a_gap_made_by_a_successor_is_a_fence, setup,
                                        mr_engine_rig_teardown),
    };

    mr_log_setup(2, MR_LOG_ERROR, MR_LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

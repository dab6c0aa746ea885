/* The scripted source: walks a struct mr_script with a cursor (done, n).
 *
 *     script:  [tx 0: c c c][tx 1: c][tx 2: c c] ...        done = 1, n = 0: the next change is tx 1's first
 *
 * Each read() copies changes into the batch until the batch limit, and renders the position behind the last one.
 * `until` "now" is the script's end as of start(). The script is looked at under its lock only, so that a test
 * may append from another thread. */
#include "scripted_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"

struct source_scripted {
    struct mr_script *script;
    struct mr_table *table;
    uint64_t done, n; /* the cursor */
    uint64_t until;   /* transactions; UINT64_MAX for ever */
    bool wants_until;
    bool boundaries;
    uint64_t replay; /* changes of the first transaction to give again */
    uint64_t given;  /* changes since open */
    bool last_told;
    char claim[64];
};

void mr_script_init(struct mr_script *script)
{
    *script = (struct mr_script){.first_number = 1};
    pthread_mutex_init(&script->lock, NULL);
}

void mr_script_done(struct mr_script *script)
{
    for (size_t i = 0; i < script->count; i++)
        free(script->transactions[i].changes);
    free(script->transactions);
    pthread_mutex_destroy(&script->lock);
}

void mr_script_add(struct mr_script *script, const struct mr_script_change *changes, size_t count)
{
    struct mr_script_transaction *transaction;

    pthread_mutex_lock(&script->lock);
    if (script->count == script->capacity) {
        script->capacity = script->capacity ? 2 * script->capacity : 64;
        script->transactions =
            mr_realloc(script->transactions, script->capacity * sizeof(*script->transactions));
    }
    transaction = &script->transactions[script->count++];
    transaction->count = count;
    transaction->changes = mr_alloc(count * sizeof(*changes) + 1);
    if (count)
        memcpy(transaction->changes, changes, count * sizeof(*changes));
    pthread_mutex_unlock(&script->lock);
}

void mr_script_fill(struct mr_script *script, size_t transactions, size_t rows, int64_t first_id)
{
    struct mr_script_change *changes = mr_alloc(rows * sizeof(*changes) + 1);

    for (size_t i = 0; i < transactions; i++) {
        for (size_t k = 0; k < rows; k++)
            changes[k] = (struct mr_script_change){MR_OP_CREATE, first_id++, "note"};
        mr_script_add(script, changes, rows);
    }
    free(changes);
}

static struct mr_table *make_table(void)
{
    struct mr_table *table = mr_table_new(2);

    table->connector = mr_slice_str("postgresql");
    table->server = mr_slice_str("test");
    table->database = mr_slice_str("test");
    table->schema = mr_slice_str("public");
    table->name = mr_slice_str("t");
    table->native_id = 16384;
    table->columns[0] = (struct mr_column){.name = mr_slice_str("id"),
                                           .type = MR_TYPE_INT64,
                                           .key = 1,
                                           .native_id = 20,
                                           .native_type = mr_slice_str("int8")};
    table->columns[1] = (struct mr_column){.name = mr_slice_str("note"),
                                           .type = MR_TYPE_TEXT,
                                           .optional = true,
                                           .native_id = 25,
                                           .native_type = mr_slice_str("text")};
    table->key_count = 1;
    table->key_columns[0] = 0;
    return table;
}

static bool parse_position(struct mr_slice text, uint64_t *ret_done, uint64_t *ret_n)
{
    char copy[64] = "";
    unsigned long long done, n;

    if (text.size >= sizeof(copy))
        return false;
    memcpy(copy, text.data, text.size);
    if (sscanf(copy, "{\"done\":%llu,\"n\":%llu}", &done, &n) != 2)
        return false;
    *ret_done = done;
    *ret_n = n;
    return true;
}

static int scripted_open(void *state, const struct mr_source_args *args, struct mr_slice *ret_claim,
                         struct mr_err *err)
{
    struct source_scripted *source = state;
    struct mr_script *script = ((const struct mr_scripted_config *)args->config)->script;
    bool fails;

    *source = (struct source_scripted){.script = script, .until = UINT64_MAX};
    pthread_mutex_lock(&script->lock);
    script->opens++;
    fails = script->fail_open > 0;
    if (fails)
        script->fail_open--;
    pthread_mutex_unlock(&script->lock);
    if (script->at_open)
        script->at_open(script->at_open_state);
    if (fails && script->before_failing)
        script->before_failing(script->before_failing_state);
    if (fails)
        return mr_err_set(err, script->fail_class ? script->fail_class : MR_RETRY,
                          "source.scripted", "the script was told not to open");
    if (args->resume.data && !parse_position(args->resume, &source->done, &source->n))
        return mr_err_set(err, MR_GAP, "source.scripted", "the position is not one of a script");
    source->wants_until = args->until != NULL;
    source->boundaries = args->boundaries;
    if (source->boundaries && source->n > 0) {
        source->replay = source->n;
        source->n = 0;
    }
    source->table = make_table();
    snprintf(source->claim, sizeof(source->claim), "{\"done\":%llu,\"n\":%llu}",
             (unsigned long long)source->done, (unsigned long long)source->n);
    *ret_claim = mr_slice_str(source->claim);
    return 0;
}

static int scripted_start(void *state, struct mr_err *err)
{
    struct source_scripted *source = state;

    (void)err;
    pthread_mutex_lock(&source->script->lock);
    source->script->starts++;
    source->script->claimed_before_start = true;
    if (source->wants_until)
        source->until = source->script->count;
    pthread_mutex_unlock(&source->script->lock);
    return 0;
}

static uint64_t number_of(const struct mr_script *script, uint64_t done, uint64_t n)
{
    uint64_t number = script->first_number + n;

    for (uint64_t i = 0; i < done; i++)
        number += script->transactions[i].count;
    return number;
}

static void add_change(struct source_scripted *source, struct mr_batch *batch,
                       struct mr_transaction *transaction, const struct mr_script_change *from)
{
    struct mr_change *change = mr_batch_add_change(batch);
    struct mr_value *row = MR_ARENA_ARRAY(&batch->arena, struct mr_value, 2);

    row[0] = (struct mr_value){.kind = MR_INT, .i = from->id};
    row[1] = from->note ? (struct mr_value){.kind = MR_TEXT,
                                            .size = (uint32_t)strlen(from->note),
                                            .p = from->note}
                        : (struct mr_value){.kind = MR_NULL};
    change->op = from->op;
    change->table = source->table;
    change->transaction = transaction;
    change->number = number_of(source->script, source->done, source->n);
    change->ordinal = source->n;
    change->origin.postgres.lsn = change->number * 16;
    change->read_us = mr_clock_wall_us();
    change->replayed = source->n < source->replay;
    if (from->op == MR_OP_DELETE)
        change->before = row;
    else if (from->op != MR_OP_TRUNCATE)
        change->after = row;
    if (from->op == MR_OP_UPDATE && from->note && strncmp(from->note, "key ", 4) == 0) {
        change->before = MR_ARENA_ARRAY(&batch->arena, struct mr_value, 2);
        change->before[0] = (struct mr_value){.kind = MR_INT, .i = -from->id};
        change->before[1] = (struct mr_value){.kind = MR_ABSENT};
        change->before_is_key = change->key_changed = true;
    }
    batch->bytes += 100;
}

static void set_position(struct source_scripted *source, struct mr_batch *batch)
{
    uint64_t n = source->n > source->replay ? source->n : source->replay;
    const char *text = mr_arena_printf(&batch->arena, "{\"done\":%llu,\"n\":%llu}",
                                       (unsigned long long)source->done, (unsigned long long)n);

    batch->position = (struct mr_position){.text = mr_slice_str(text),
                                           .number = number_of(source->script, source->done, n) - 1,
                                           .commit_us = mr_clock_wall_us(),
                                           .whole = n == 0};
}

static void add_boundary(struct source_scripted *source, struct mr_batch *batch, enum mr_op op,
                         struct mr_transaction *transaction)
{
    struct mr_milestone *milestone;

    if (!source->boundaries)
        return;
    milestone = mr_batch_add_milestone(batch, op);
    milestone->transaction = transaction;
    milestone->number = number_of(source->script, source->done, source->n) - (op == MR_OP_END);
    milestone->replayed = op == MR_OP_BEGIN && source->replay > 0;
}

/* Adds the rest of the transaction under the cursor, or as much as the batch takes; the script is locked. */
static void add_transaction(struct source_scripted *source, struct mr_batch *batch)
{
    const struct mr_script_transaction *from = &source->script->transactions[source->done];
    struct mr_transaction *transaction = MR_ARENA_NEW(&batch->arena, struct mr_transaction);
    size_t limit = source->script->batch_changes;

    *transaction = (struct mr_transaction){
        .origin = {MR_ORIGIN_POSTGRES,
                   {.postgres = {.xid = source->done + 1,
                                 .commit_lsn = (source->done + 1) * 1000,
                                 .end_lsn = (source->done + 1) * 1000 + 8,
                                 .first_lsn = (source->done + 1) * 1000 - 8}}},
        .commit_us = mr_clock_wall_us(),
    };
    if (source->n == 0)
        add_boundary(source, batch, MR_OP_BEGIN, transaction);
    while (source->n < from->count && (limit == 0 || batch->change_count < limit)) {
        add_change(source, batch, transaction, &from->changes[source->n]);
        source->n++;
        source->given++;
    }
    if (source->n == from->count) {
        add_boundary(source, batch, MR_OP_END, transaction);
        source->done++;
        source->n = source->replay = 0;
        batch->transactions++;
    }
}

static void fill(struct source_scripted *source, struct mr_batch *batch)
{
    struct mr_script *script = source->script;
    uint64_t end = source->until < script->count ? source->until : script->count;
    size_t limit = script->batch_changes;

    mr_batch_use_table(batch, source->table);
    while (source->done < end &&
           (limit == 0 ? batch->transactions == 0 : batch->change_count < limit))
        add_transaction(source, batch);
    batch->caught_up = source->done >= end;
    if (source->until != UINT64_MAX && source->done >= source->until)
        batch->last = source->last_told = true;
    set_position(source, batch);
}

static int scripted_read(void *state, struct mr_batch *batch, int64_t deadline_ns,
                         struct mr_err *err)
{
    struct source_scripted *source = state;
    struct mr_script *script = source->script;
    int rc = 0;

    batch->received_us = mr_clock_wall_us();
    for (;;) {
        bool more;
        pthread_mutex_lock(&script->lock);
        if (script->fail_read_after > 0 && source->given >= script->fail_read_after) {
            script->fail_read_after = 0;
            rc = mr_err_set(err, script->fail_class ? script->fail_class : MR_RETRY,
                            "source.scripted", "the script was told to fail here");
        }
        more = rc == 0 && !source->last_told &&
               (source->done < script->count || source->until != UINT64_MAX);
        if (more)
            fill(source, batch);
        pthread_mutex_unlock(&script->lock);
        if (rc < 0 && script->before_failing)
            script->before_failing(script->before_failing_state);
        if (more || rc < 0 || mr_clock_mono_ns() >= deadline_ns)
            return rc;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void scripted_confirm(void *state, const struct mr_position *position)
{
    struct source_scripted *source = state;
    uint64_t done = 0, n = 0;

    (void)parse_position(position->text, &done, &n);
    pthread_mutex_lock(&source->script->lock);
    source->script->confirms++;
    source->script->confirmed_done = done;
    pthread_mutex_unlock(&source->script->lock);
}

static enum mr_order scripted_order(struct mr_slice a, struct mr_slice b)
{
    uint64_t done_a, done_b, n_a, n_b;

    if (!parse_position(a, &done_a, &n_a) || !parse_position(b, &done_b, &n_b))
        return MR_APART;
    if (done_a != done_b)
        return done_a < done_b ? MR_BEFORE : MR_AFTER;
    return n_a == n_b ? MR_SAME : n_a < n_b ? MR_BEFORE : MR_AFTER;
}

static int scripted_tend(void *state, struct mr_err *err)
{
    struct source_scripted *source = state;

    (void)err;
    pthread_mutex_lock(&source->script->lock);
    source->script->tends++;
    pthread_mutex_unlock(&source->script->lock);
    return 0;
}

static void scripted_close(void *state)
{
    struct source_scripted *source = state;

    mr_table_unref(source->table);
    source->table = NULL;
}

static const struct mr_option options[] = {{0}};

const struct mr_source mr_source_scripted = {
    .name = "scripted",
    .summary = "Plays a script, for tests",
    .options = options,
    .config_size = sizeof(struct mr_scripted_config),
    .state_size = sizeof(struct source_scripted),
    .open = scripted_open,
    .start = scripted_start,
    .read = scripted_read,
    .confirm = scripted_confirm,
    .order = scripted_order,
    .tend = scripted_tend,
    .close = scripted_close,
};

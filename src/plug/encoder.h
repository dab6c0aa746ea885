/* An encoder turns changes into records: bytes with a topic, a key and headers. It knows no sink.
 *
 *     open -> (describe | encode | remember, keep)* -> close
 *     open -> check, plan -> close                                 for `check` and `schema plan`
 *
 * Runs on the writer thread. Plans are made once per table version and kept by version id; a version is shared with
 * other threads, and no encoder writes into it. schema/encode has what formats with Debezium's events share.
 *
 * What the classes of errors mean here:
 *
 *     open                 MR_CONFIG   a human must change the settings, or what is remembered or kept is not ours
 *     describe, plan       MR_RETRY    the registry is away, or does not take the schema yet: called again
 *                          MR_CONFIG   it never will: credentials, a schema refused for good, names that collide
 *     check                MR_CONFIG   the same, as far as it is known without asking
 *     encode               MR_DATA     *ret_failed cannot be encoded: by policy a dead letter, or the end
 *                          MR_RETRY, MR_CONFIG   as of describe, for what was never described
 *     all                  MR_BUG      a fault of ours: stop */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/batch.h"
#include "plug/context.h"

struct mr_encoder_args {
    const struct mr_context *context;
    const void *config;
    /* topic of BEGIN and END, which then come with the changes; {NULL, 0} = they do not */
    struct mr_slice transactions;
    /* what remember() said when the held checkpoint was made; {NULL, 0} = nothing */
    struct mr_slice remembered;
    /* What keep() said last, however long ago; {NULL, 0} = nothing yet. */
    struct mr_slice kept;
};

/* One schema of a table, and what its registry thinks of it: for `schema plan`. */
struct mr_subject_plan {
    const char *subject, *type; /* "AVRO", "JSON" */
    struct mr_slice schema;
    int version;     /* the subject's latest; 0: there is no such subject */
    bool same;       /* the latest version is this schema */
    bool compatible; /* the registry would take it as the next version */
    bool read_only;  /* the subject takes no new schema at all; then it is not compatible */
    char level[32];  /* the compatibility level that counts: "BACKWARD" */
};

struct mr_encoder {
    const char *name, *summary;
    const struct mr_option *options;
    size_t config_size, state_size;

    /* MUST. Talks to nobody. */
    int (*open)(void *state, const struct mr_encoder_args *args, struct mr_err *err) MR_MUST_CHECK;
    /* MAY. How long the calls of describe that follow may wait for a registry, all together (monotonic; INT64_MAX: as
     * configured). A later question is MR_RETRY without being asked; what is known needs no asking. */
    void (*wait_until)(void *state, int64_t deadline_ns);
    /* MUST. Called once for each version before a batch that uses it is encoded; table->topic is set. May talk
     * to a registry (MR_RETRY: called again). A version described twice is no error. */
    int (*describe)(void *state, struct mr_table *table, struct mr_err *err) MR_MUST_CHECK;
    /* MAY. The same for logical messages (MR_OP_MESSAGE), before the first batch that has one. */
    int (*describe_messages)(void *state, struct mr_err *err) MR_MUST_CHECK;
    /* MAY. The same for a BEGIN, END or HEARTBEAT, before each batch that has one: cheap once it is known. */
    int (*describe_side)(void *state, const struct mr_change *change,
                         struct mr_err *err) MR_MUST_CHECK;
    /* MAY. For `check`: what describe() would refuse by itself; talks to nobody. */
    int (*check)(void *state, struct mr_table *table, struct mr_err *err) MR_MUST_CHECK;
    /* MAY. Whether changes of this kind become no record at all: what needs no record needs no place for it. Asked
     * once a version, before describe. */
    bool (*leaves_out)(void *state, enum mr_op op);
    /* MUST. Appends records for all changes of the batch, in order, into batch->records and its arena; makes no
     * malloc once warm. Keys, values and headers must not point into what they are made of, which may go first (a
     * logical message's text excepted); topics live as long as the version or the encoder.
     * BEGIN, END and HEARTBEAT may stand among the changes: a record each, or nothing. MR_DATA names the change that
     * cannot be encoded in err, and *ret_failed is its index. */
    int (*encode)(void *state, struct mr_batch *batch, size_t *ret_failed,
                  struct mr_err *err) MR_MUST_CHECK;
    /* MAY. A JSON object to keep with the checkpoint and to be given back at the next open: schema ids that must be
     * known with the registry away. Asked at each commit: cheap when nothing changed. Lives until the next call. */
    struct mr_slice (*remember)(void *state);
    /* MAY. A JSON object that must never be lost, because nobody else can tell it: the numbers that fields once had.
     * It stays in the checkpoint through starts with other formats; {NULL, 0}: no more than was given to open. Asked
     * as often as remember(). */
    struct mr_slice (*keep)(void *state);
    /* MAY. For `schema plan`: what describe() would register for the version, and what the registry says to it;
     * registers nothing. `each` is called once a subject; what it is given ends with the call. */
    int (*plan)(void *state, struct mr_table *table,
                void (*each)(void *user, const struct mr_subject_plan *subject), void *user,
                struct mr_err *err) MR_MUST_CHECK;
    /* MAY. The same for records without a table: those of MR_OP_MESSAGE; of MR_OP_BEGIN, when the encoder was opened
     * with their topic; of MR_OP_HEARTBEAT, whose change has the heartbeat with its topic. */
    int (*plan_side)(void *state, const struct mr_change *change,
                     void (*each)(void *user, const struct mr_subject_plan *subject), void *user,
                     struct mr_err *err) MR_MUST_CHECK;
    void (*close)(void *state);
};

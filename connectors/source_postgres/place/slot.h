/* The replication slot: looking at it, making it, beginning to read it. */
#pragma once

#include "connectors/source_postgres/place/place.h"

struct mr_pg_slot {
    bool exists, logical, temporary, active, two_phase, lost;
    char plugin[MR_PG_NAME], database[MR_PG_NAME];
    char reason[64];    /* why it is lost: "wal_removed", ... */
    uint64_t confirmed; /* confirmed_flush_lsn; 0 none */
    uint64_t restart;
    int active_pid;
};

/* The name this pipeline's slot has when none is set: millrace_<name>, sanitised; as given otherwise. MR_CONFIG
 * source.slot_name when that is no slot name. */
int mr_pg_slot_name(struct mr_pg_place *place, struct mr_err *err) MR_MUST_CHECK;

int mr_pg_slot_look(struct mr_pg_place *place, struct mr_pg_slot *ret_slot,
                    struct mr_err *err) MR_MUST_CHECK;

/* Whether the slot, as it is, can be read from where we stand. Errors: source.slot_* */
/* What never fits, whoever made it: MR_CONFIG source.slot_plugin, source.slot_database, source.slot_two_phase. */
int mr_pg_slot_check_kind(const struct mr_pg_place *place, const struct mr_pg_slot *slot,
                          struct mr_err *err) MR_MUST_CHECK;
int mr_pg_slot_check(struct mr_pg_place *place, const struct mr_pg_slot *slot,
                     struct mr_err *err) MR_MUST_CHECK;

/* Whether an error of the server names a file of the log: 24 hexadecimal digits, in whatever language. */
bool mr_pg_names_segment(const char *message);
/* MR_GAP source.slot_lost: the server says that it lacks log that this slot, which counts as good, needs. */
int mr_pg_slot_unreadable(const struct mr_pg_place *place, const char *message,
                          struct mr_err *err) MR_MUST_CHECK;

/* MR_RETRY source.slot_in_use: the slot is listed, but its creation has not come to its end, and may never do. That
 * of a predecessor is ended when that may be done. */
int mr_pg_slot_finished(struct mr_pg_place *place, const struct mr_pg_slot *slot,
                        struct mr_err *err) MR_MUST_CHECK;

/* Makes it on the replication session and sets slot_point; with `export`, snapshot_name too. Waits for open
 * transactions, as long as that takes, and names them after some seconds. */
int mr_pg_slot_create(struct mr_pg_place *place, bool export, struct mr_err *err) MR_MUST_CHECK;

/* MR_RETRY source.slot_in_use: somebody reads the slot, and still does after some seconds; a pipeline that was just
 * stopped may take a moment to let go of it. */
int mr_pg_slot_unused(struct mr_pg_place *place, struct mr_err *err) MR_MUST_CHECK;

/* Drops a slot that is lost, to make it anew. */
int mr_pg_slot_drop(struct mr_pg_place *place, struct mr_err *err) MR_MUST_CHECK;

/* MR_CONFIG source.slots_full. */
int mr_pg_slots_full(struct mr_pg_place *place, struct mr_err *err);

/* Takes the answer to START_REPLICATION, which was sent and stands in place->stream->text; ends a predecessor's session
 * when that may be done. */
int mr_pg_slot_start(struct mr_pg_place *place, PGresult **ret_result,
                     struct mr_err *err) MR_MUST_CHECK;

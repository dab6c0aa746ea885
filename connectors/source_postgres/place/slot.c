/* Slots.
 *
 *     absent --create--> there, ours --START--> active
 *       |                  |                      |
 *       |  position held   |  confirmed above     |  55006: a predecessor's session (ended when the sink
 *       v                  v  our position        v  has let us in), or somebody else's (retried)
 *     gap                gap
 *
 * A slot that exists before this pipeline ever claimed it is somebody's: it is refused unless adopt_slot says
 * otherwise. A slot behind our position is normal, every kill leaves one: the server starts where we ask.
 *
 * Making a slot waits until all transactions that are open now have ended. That can take hours, and looks like a
 * hang; so after some seconds the sessions it waits for are named. All that time the slot is listed, without a place
 * of its own, and goes away when its maker does: a predecessor's unfinished one is ended with its session, never
 * adopted. */
#include "connectors/source_postgres/place/slot.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define NAME_WAITERS_NS (3 * MR_SECOND_NS)
#define TAKE_OVER_NS    (10 * MR_SECOND_NS)
#define UNUSED_NS       (5 * MR_SECOND_NS)

int mr_pg_slot_name(struct mr_pg_place *place, struct mr_err *err)
{
    const char *name = place->config->slot;
    char made[256];

    if (!name) {
        (void)snprintf(made, sizeof(made), "millrace_%s", place->context->server);
        mr_pg_shorten(made, 63);
        for (char *at = made; *at; at++)
            *at = isalnum((unsigned char)*at) ? (char)tolower((unsigned char)*at) : '_';
        name = made;
    }
    if (strlen(name) > 63 || name[0] == 0 ||
        name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != 0) {
        mr_err_set(err, MR_CONFIG, "source.slot_name",
                   "source.slot: \"%s\" cannot be a slot's name: lower case letters, digits and _ "
                   "only, at "
                   "most 63",
                   name);
        return MR_CONFIG;
    }
    memcpy(place->slot, name, strlen(name) + 1);
    return 0;
}

static void copy_name(char *to, const PGresult *result, int column)
{
    (void)snprintf(to, MR_PG_NAME, "%s", mr_pg_text(result, 0, column));
}

static void look_sql(struct mr_pg_place *place)
{
    struct mr_buf *sql = &place->sql->text;
    int version = place->server->version;

    mr_buf_clear(sql);
    mr_buf_printf(sql,
                  "SELECT slot_type, plugin, database, temporary, active, active_pid, "
                  "confirmed_flush_lsn, restart_lsn, %s, %s, %s "
                  "FROM pg_catalog.pg_replication_slots WHERE slot_name = ",
                  version >= 130000 ? "wal_status" : "''",
                  version >= 140000 ? "two_phase" : "false",
                  version >= 170000 ? "invalidation_reason" : "''");
    mr_pg_add_literal(sql, place->slot);
}

int mr_pg_slot_look(struct mr_pg_place *place, struct mr_pg_slot *ret_slot, struct mr_err *err)
{
    struct mr_pg_slot slot = {0};
    PGresult *result;
    int rc;

    look_sql(place);
    rc = mr_pg_ask_text(place->sql, "look at the replication slot", &result, err);
    if (rc < 0)
        return rc;
    if (PQntuples(result) > 0) {
        slot.exists = true;
        slot.logical = strcmp(mr_pg_text(result, 0, 0), "logical") == 0;
        copy_name(slot.plugin, result, 1);
        copy_name(slot.database, result, 2);
        slot.temporary = mr_pg_true(result, 0, 3);
        slot.active = mr_pg_true(result, 0, 4);
        slot.active_pid = (int)mr_pg_number(result, 0, 5);
        (void)mr_pg_lsn_parse(mr_pg_text(result, 0, 6), &slot.confirmed);
        (void)mr_pg_lsn_parse(mr_pg_text(result, 0, 7), &slot.restart);
        slot.two_phase = mr_pg_true(result, 0, 9);
        slot.lost = strcmp(mr_pg_text(result, 0, 8), "lost") == 0 || mr_pg_text(result, 0, 10)[0];
        (void)snprintf(slot.reason, sizeof(slot.reason), "%s",
                       mr_pg_text(result, 0, 10)[0] ? mr_pg_text(result, 0, 10) : "wal_removed");
    }
    PQclear(result);
    *ret_slot = slot;
    return 0;
}

int mr_pg_slot_check_kind(const struct mr_pg_place *place, const struct mr_pg_slot *slot,
                          struct mr_err *err)
{
    if (!slot->exists)
        return 0;
    if (!slot->logical || strcmp(slot->plugin, "pgoutput") != 0) {
        mr_err_set(err, MR_CONFIG, "source.slot_plugin",
                   "slot %s is a %s slot%s%s, not one of pgoutput", place->slot,
                   slot->logical ? "logical" : "physical", slot->plugin[0] ? " of " : "",
                   slot->plugin);
        mr_err_hint(err, "Set source.slot to another name; millrace creates it.");
        return MR_CONFIG;
    }
    if (strcmp(slot->database, place->server->database) != 0) {
        mr_err_set(err, MR_CONFIG, "source.slot_database",
                   "slot %s belongs to database %s, and source.dsn names %s", place->slot,
                   slot->database, place->server->database);
        mr_err_hint(err, "Correct dbname in source.dsn, or set source.slot to another name.");
        return MR_CONFIG;
    }
    if (slot->two_phase) {
        mr_err_set(err, MR_CONFIG, "source.slot_two_phase",
                   "slot %s was made with two_phase, which sends transactions before they commit",
                   place->slot);
        mr_err_hint(err, "Set source.slot to another name; millrace creates it without two_phase.");
        return MR_CONFIG;
    }
    return 0;
}

static int gap_hint(const struct mr_pg_place *place, struct mr_err *err)
{
    mr_err_hint(
        err,
        "Changes may be missing, so this is not stepped over. To go on from now, accepting that:"
        "\n  millrace checkpoint set %s now\nTo read the tables again first:\n  millrace "
        "resnapshot %s",
        place->context->pipeline, place->context->pipeline);
    return MR_GAP;
}

static int check_held(const struct mr_pg_place *place, const struct mr_pg_slot *slot,
                      struct mr_err *err)
{
    uint64_t resume = place->position->resume;
    char at[24], confirmed[24];

    if (!slot->exists)
        mr_err_set(
            err, MR_GAP, "source.slot_missing",
            "slot %s does not exist any more; the sink stands at %s, and the server keeps no "
            "log for us from there on",
            place->slot, mr_pg_lsn_format(resume, at));
    else if (slot->lost)
        mr_err_set(
            err, MR_GAP, "source.slot_lost",
            "slot %s is lost (%s): the server has removed log that we had not read, after %s",
            place->slot, slot->reason, mr_pg_lsn_format(resume, at));
    else if (slot->confirmed > resume)
        mr_err_set(
            err, MR_GAP, "source.slot_ahead",
            "slot %s stands at %s, ahead of the sink's position %s: somebody else read it or "
            "moved it, and what is between would be left out",
            place->slot, mr_pg_lsn_format(slot->confirmed, confirmed),
            mr_pg_lsn_format(resume, at));
    else
        return 0;
    return gap_hint(place, err);
}

int mr_pg_slot_check(struct mr_pg_place *place, const struct mr_pg_slot *slot, struct mr_err *err)
{
    int rc = mr_pg_slot_check_kind(place, slot, err);

    if (rc < 0)
        return rc;
    if (place->position->standing.started)
        return check_held(place, slot, err);
    if (!slot->exists || !place->first || place->config->adopt_slot || place->args->adopt)
        return slot->exists && slot->lost ? check_held(place, slot, err) : 0;
    mr_err_set(err, MR_CONFIG, "source.slot_not_ours",
               "slot %s exists already, and this pipeline has not made it", place->slot);
    mr_err_hint(err,
                "To begin where it stands, set source.adopt_slot: true. To let it go:\n  SELECT "
                "pg_drop_replication_slot('%s');\nOr set source.slot to another name.",
                place->slot);
    return MR_CONFIG;
}

bool mr_pg_names_segment(const char *message)
{
    static const char digits[] = "0123456789ABCDEF";

    while (*message) {
        size_t run = strspn(message, digits);
        if (run == 24)
            return true;
        message += run ? run : 1;
    }
    return false;
}

int mr_pg_slot_unreadable(const struct mr_pg_place *place, const char *message, struct mr_err *err)
{
    mr_err_set(err, MR_GAP, "source.slot_lost",
               "slot %s cannot be read: the server has not got the log it needs (%s)", place->slot,
               message);
    mr_err_hint(err,
                "A slot that was copied to a promoted standby, or log that was removed by hand. "
                "Bring the log back, or let the slot go:\n  SELECT "
                "pg_drop_replication_slot('%s');\nand then go on from now, accepting that changes "
                "are missing:\n  millrace checkpoint set %s now\nor read the tables again:\n  "
                "millrace resnapshot %s",
                place->slot, place->context->pipeline, place->context->pipeline);
    return MR_GAP;
}

/* Names the sessions whose transactions a slot's creation waits for. */
static void name_waiters(struct mr_pg_place *place)
{
    PGresult *result;

    if (mr_pg_ask(place->sql,
                  "SELECT coalesce(string_agg('pid ' || pid || ' (' || coalesce(usename, '?') || "
                  "', since ' || date_trunc('second', xact_start) || ')', ', '), '') FROM "
                  "pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL",
                  "list open transactions", &result, NULL) < 0)
        return;
    mr_note(place->context, MR_LOG_WARN, "source.slot_waits",
            "creating slot %s waits for transactions that are open: %s", place->slot,
            mr_pg_text(result, 0, 0)[0] ? mr_pg_text(result, 0, 0) : "(prepared ones, it seems)");
    PQclear(result);
}

static int wait_created(struct mr_pg_place *place, struct mr_err *err)
{
    int64_t name_ns = mr_clock_mono_ns() + NAME_WAITERS_NS;
    bool named = false;

    while (PQisBusy(place->stream->conn)) {
        int rc = mr_pg_wait(&place->stream->connect, place->stream->conn, false,
                            named ? INT64_MAX : name_ns, err);
        if (rc < 0)
            return rc;
        if (!named && mr_clock_mono_ns() >= name_ns) {
            named = true;
            name_waiters(place);
        }
        if (!PQconsumeInput(place->stream->conn))
            return mr_pg_error(err, place->stream->conn, NULL, "create the replication slot");
    }
    return 0;
}

static void finish_results(PGconn *conn)
{
    PGresult *result;

    while ((result = PQgetResult(conn)))
        PQclear(result);
}

int mr_pg_slots_full(struct mr_pg_place *place, struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, "source.slots_full",
               "slot %s cannot be created: all replication slots of the server are in use",
               place->slot);
    mr_err_native(err, "53400");
    mr_err_hint(err, "Drop one that nobody needs (SELECT * FROM pg_replication_slots;), or raise "
                     "max_replication_slots and restart the server.");
    return MR_CONFIG;
}

static int create_failed(struct mr_pg_place *place, const PGresult *result, struct mr_err *err)
{
    if (mr_pg_is(result, "42710"))
        return mr_err_set(err, MR_RETRY, "source.slot_exists",
                          "slot %s was created by somebody else just now", place->slot);
    if (!mr_pg_is(result, "53400"))
        return mr_pg_error(err, place->stream->conn, result, "create the replication slot");
    return mr_pg_slots_full(place, err);
}

int mr_pg_slot_create(struct mr_pg_place *place, bool export, struct mr_err *err)
{
    PGresult *result;
    int rc;

    mr_buf_clear(&place->stream->text);
    mr_buf_add_str(&place->stream->text, "CREATE_REPLICATION_SLOT ");
    mr_pg_add_name(&place->stream->text, mr_slice_str(place->slot));
    mr_buf_printf(&place->stream->text, "%s LOGICAL pgoutput %s",
                  place->args->temporary ? " TEMPORARY" : "",
                  export ? "EXPORT_SNAPSHOT" : "NOEXPORT_SNAPSHOT");
    if (!PQsendQuery(place->stream->conn, mr_buf_cstr(&place->stream->text)))
        return mr_pg_error(err, place->stream->conn, NULL, "create the replication slot");
    rc = wait_created(place, err);
    if (rc < 0)
        return rc;
    result = PQgetResult(place->stream->conn);
    finish_results(place->stream->conn);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        rc = create_failed(place, result, err);
    } else {
        (void)mr_pg_lsn_parse(mr_pg_text(result, 0, 1), &place->slot_point);
        if (export)
            place->snapshot_name =
                mr_arena_str(place->arena, mr_slice_str(mr_pg_text(result, 0, 2)));
        place->slot_made = true;
    }
    PQclear(result);
    return rc;
}

int mr_pg_slot_drop(struct mr_pg_place *place, struct mr_err *err)
{
    mr_buf_clear(&place->sql->text);
    mr_buf_add_str(&place->sql->text, "SELECT pg_catalog.pg_drop_replication_slot(");
    mr_pg_add_literal(&place->sql->text, place->slot);
    mr_buf_add_char(&place->sql->text, ')');
    return mr_pg_tell(place->sql, mr_buf_cstr(&place->sql->text), "drop the lost slot", err);
}

/* Who has the slot: *ret_ours when it is a session with our application_name. */
static int find_owner(struct mr_pg_place *place, int *ret_pid, bool *ret_ours, struct mr_err *err)
{
    PGresult *result;
    int rc;

    mr_buf_clear(&place->sql->text);
    mr_buf_add_str(
        &place->sql->text,
        "SELECT s.active_pid, coalesce(a.application_name, ''), coalesce(a.usename, '?') "
        "FROM pg_catalog.pg_replication_slots s LEFT JOIN pg_catalog.pg_stat_activity a ON "
        "a.pid = s.active_pid WHERE s.active_pid IS NOT NULL AND s.slot_name = ");
    mr_pg_add_literal(&place->sql->text, place->slot);
    rc = mr_pg_ask_text(place->sql, "see who reads the slot", &result, err);
    if (rc < 0)
        return rc;
    *ret_pid = PQntuples(result) ? (int)mr_pg_number(result, 0, 0) : 0;
    *ret_ours =
        *ret_pid && strcmp(mr_pg_text(result, 0, 1), place->stream->connect.application) == 0;
    if (*ret_pid)
        mr_err_set(err, MR_RETRY, "source.slot_in_use",
                   "slot %s is being read by pid %d (application \"%s\", user %s)", place->slot,
                   *ret_pid, mr_pg_text(result, 0, 1), mr_pg_text(result, 0, 2));
    else
        mr_err_set(err, MR_RETRY, "source.slot_in_use", "slot %s is being read by another session",
                   place->slot);
    PQclear(result);
    return 0;
}

static int end_session(struct mr_pg_place *place, int pid, struct mr_err *err)
{
    char sql[64];

    (void)snprintf(sql, sizeof(sql), "SELECT pg_catalog.pg_terminate_backend(%d)", pid);
    return mr_pg_tell(place->sql, sql, "end the predecessor's session", err);
}

int mr_pg_slot_finished(struct mr_pg_place *place, const struct mr_pg_slot *slot,
                        struct mr_err *err)
{
    bool ours = false;
    int pid = 0, rc;

    if (!slot->exists || slot->lost || slot->confirmed != 0)
        return 0;
    rc = find_owner(place, &pid, &ours, err);
    if (rc == 0 && pid && ours && place->args->take_over)
        rc = end_session(place, pid, err);
    return rc < 0
               ? rc
               : mr_err_set(err, MR_RETRY, "source.slot_in_use",
                            "slot %s is no slot yet: pid %d is still making it", place->slot, pid);
}

/* MR_AGAIN: ask again; otherwise err says who has it. */
static int take_over(struct mr_pg_place *place, int64_t deadline_ns, struct mr_err *err)
{
    bool ours = false;
    int pid = 0, rc = find_owner(place, &pid, &ours, err);

    if (rc < 0)
        return rc;
    if (mr_clock_mono_ns() >= deadline_ns || (pid && !(ours && place->args->take_over)))
        return MR_RETRY;
    if (pid && (rc = end_session(place, pid, err)) < 0)
        return rc;
    rc = mr_pg_wait(&place->stream->connect, place->stream->conn, false,
                    mr_clock_mono_ns() + 50 * MR_MS_NS, err);
    return rc < 0 ? rc : MR_AGAIN;
}

int mr_pg_slot_unused(struct mr_pg_place *place, struct mr_err *err)
{
    int64_t deadline_ns = mr_clock_mono_ns() + UNUSED_NS;
    bool ours = false;
    int pid = 0, rc = find_owner(place, &pid, &ours, err);

    while (rc == 0 && pid && mr_clock_mono_ns() < deadline_ns) {
        rc = mr_pg_wait(&place->stream->connect, place->stream->conn, false,
                        mr_clock_mono_ns() + 100 * MR_MS_NS, err);
        if (rc == 0)
            rc = find_owner(place, &pid, &ours, err);
    }
    if (rc < 0)
        return rc;
    if (pid == 0) {
        mr_err_clear(err);
        return 0;
    }
    mr_err_hint(err,
                "Stop the pipeline first. If nothing runs any more, its session does: SELECT "
                "pg_terminate_backend(%d);",
                pid);
    return MR_RETRY;
}

static int start_failed(struct mr_pg_place *place, const PGresult *result, struct mr_err *err)
{
    struct mr_pg_slot slot;
    int rc = mr_pg_slot_look(place, &slot, err);

    if (rc == 0)
        rc = mr_pg_slot_check(place, &slot, err);
    return rc < 0 ? rc : mr_pg_error(err, place->stream->conn, result, "start reading the slot");
}

int mr_pg_slot_start(struct mr_pg_place *place, PGresult **ret_result, struct mr_err *err)
{
    int64_t deadline_ns = mr_clock_mono_ns() + TAKE_OVER_NS;
    struct mr_buf command;
    int rc = MR_AGAIN;

    mr_buf_init(&command, 4096);
    mr_buf_add_slice(&command, mr_buf_slice(&place->stream->text));
    while (rc == MR_AGAIN) {
        PGresult *result = NULL;
        rc = mr_pg_result(&place->stream->connect, place->stream->conn, "start reading the slot",
                          &result, err);
        if (rc == 0 && PQresultStatus(result) == PGRES_COPY_BOTH) {
            *ret_result = result;
            break;
        }
        if (rc == 0)
            rc = mr_pg_is(result, "55006") ? take_over(place, deadline_ns, err)
                                           : start_failed(place, result, err);
        PQclear(result);
        if (rc == MR_AGAIN && !PQsendQuery(place->stream->conn, mr_buf_cstr(&command)))
            rc = mr_pg_error(err, place->stream->conn, NULL, "start reading the slot");
    }
    mr_buf_done(&command);
    return rc;
}

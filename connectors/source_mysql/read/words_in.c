/* Statements: ends of groups, decisions on XA transactions, changes of tables, and rows in words.
 *
 * A statement that changes a table makes the catalogue look at it again when its next row comes; what the table is
 * like is said by that row's map alone. A truncate is an event of its own. Of an ALTER that MariaDB logs in two
 * phases only the second counts.
 *
 * Rows that are changed in words (a session with binlog_format = STATEMENT or MIXED) are lost to a reader of rows.
 * That is a hole: MR_GAP, unless the user lets it pass. Statements on the server's own tables and on temporary ones
 * concern nobody. */
#include "connectors/source_mysql/read/words_in.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "connectors/source_mysql/wire/parse.h"

static struct mr_slice database_of(const struct mr_my_name *name, const struct mr_my_query *query)
{
    return name->database.data ? name->database : query->database;
}

static void print_after(const struct mr_my_feed *feed, const struct mr_my_event *event,
                        struct mr_buf *buf)
{
    struct mr_my_place after;

    mr_my_place_init(&after, feed->position.mariadb);
    mr_my_place_copy(&after, &feed->position.done);
    mr_my_gtids_add(&after.gtids, &feed->gtid);
    (void)snprintf(after.file, sizeof(after.file), "%s", feed->file);
    after.offset = event->next;
    mr_my_place_print(&after, feed->position.by_gtid, buf);
    mr_my_place_done(&after);
}

/* The session has a temporary table of that name. */
static bool is_hidden(const struct mr_my_feed *feed, const struct mr_my_event *event,
                      const struct mr_my_name *name)
{
    return mr_my_temporaries_live(&feed->temporaries, event->query.thread_id,
                                  database_of(name, &event->query), name->name);
}

static void set_temporary(struct mr_my_feed *feed, const struct mr_my_event *event,
                          const struct mr_my_statement *statement, bool lives)
{
    for (size_t i = 0; i < statement->count; i++)
        mr_my_temporaries_set(&feed->temporaries, event->query.thread_id,
                              database_of(&statement->names[i], &event->query),
                              statement->names[i].name, lives);
}

static int rows_in_words(struct mr_my_feed *feed, const struct mr_my_event *event,
                         struct mr_slice database, struct mr_slice table, struct mr_slice sql,
                         struct mr_err *err)
{
    struct mr_buf after;

    if (feed->words_pass) {
        mr_count(&feed->context->counters->source_decode_errors, 1);
        if (feed->context->notes.note)
            feed->context->notes.note(feed->context->notes.state, MR_LOG_WARN,
                                      "source.statement_rows",
                                      "rows of %.*s.%.*s were changed by a statement that the log "
                                      "has in words only (%s:%llu): they are missing",
                                      MR_SLICE_ARG(database), MR_SLICE_ARG(table), feed->file,
                                      (unsigned long long)event->next);
        return 0;
    }
    mr_buf_init(&after, 4096);
    print_after(feed, event, &after);
    mr_err_set(err, MR_GAP, "source.statement_rows",
               "rows of %.*s.%.*s were changed by a statement that the log has in words only "
               "(%s:%llu, %s): %.*s",
               MR_SLICE_ARG(database), MR_SLICE_ARG(table), feed->file,
               (unsigned long long)event->next, feed->gtid_text,
               (int)(sql.size > 200 ? 200 : sql.size), sql.data);
    mr_err_hint(err,
                "SET GLOBAL binlog_format = 'ROW'; and let the application's sessions not set it. "
                "Then go on behind this transaction and read the table again:\n"
                "  millrace checkpoint set %s '%s'\n  millrace resnapshot %s %.*s.%.*s\nOr pass "
                "such statements over, with source.statement_rows: warn.",
                feed->context->pipeline, mr_buf_cstr(&after), feed->context->pipeline,
                MR_SLICE_ARG(database), MR_SLICE_ARG(table));
    mr_buf_done(&after);
    return MR_GAP;
}

/* A statement that writes rows: does it write one that we should have had? */
static int check_rows(struct mr_my_feed *feed, const struct mr_my_event *event,
                      const struct mr_my_statement *statement, struct mr_slice sql,
                      struct mr_err *err)
{
    int rc = 0;

    if (statement->temporary)
        return 0;
    for (size_t i = 0; rc == 0 && i < statement->count; i++) {
        struct mr_slice database = database_of(&statement->names[i], &event->query);
        bool wanted = false;
        if (is_hidden(feed, event, &statement->names[i]))
            continue;
        rc = mr_my_relations_want(&feed->relations, database, statement->names[i].name, &wanted,
                                  err);
        if (rc == 0 && wanted)
            rc = rows_in_words(feed, event, database, statement->names[i].name, sql, err);
    }
    return rc;
}

static int truncate(struct mr_my_feed *feed, struct mr_batch *batch,
                    const struct mr_my_event *event, struct mr_slice database, struct mr_slice name,
                    struct mr_err *err)
{
    struct mr_track *track = &feed->track;
    struct mr_my_relation *relation;
    struct mr_change *change;
    bool skipped;
    int rc = mr_my_relations_named(&feed->relations, database, name, &relation, err);

    if (rc < 0)
        return rc;
    rc = mr_track_count(track,
                        mr_track_seed(track, mr_my_relation_hash(database, name), MR_OP_TRUNCATE),
                        &skipped, err);
    if (rc == 0 && mr_track_begins(track, MR_OP_TRUNCATE))
        mr_track_add_begin(track, batch);
    if (rc < 0 || (skipped && !track->boundaries))
        return rc;
    if (!relation || mr_left_out_has(&track->left_out, MR_OP_TRUNCATE)) {
        mr_count(&feed->context->counters->source_filtered, !skipped);
        return 0;
    }
    change = mr_track_add(track, batch, MR_OP_TRUNCATE);
    change->table = relation->table;
    change->origin.binlog.offset = event->next - event->header.size;
    mr_batch_use_table(batch, relation->table);
    if (!skipped)
        mr_track_tally(track, MR_OP_TRUNCATE);
    return 0;
}

/* The catalogue is to look at these tables again. */
static void changed(struct mr_my_feed *feed, const struct mr_my_event *event,
                    const struct mr_my_statement *statement)
{
    for (size_t i = 0; i < statement->count; i++) {
        struct mr_slice database = database_of(&statement->names[i], &event->query);
        mr_my_relations_changed(&feed->relations, database, statement->names[i].name);
    }
}

static int take(struct mr_my_feed *feed, struct mr_batch *batch, const struct mr_my_event *event,
                const struct mr_my_statement *statement, struct mr_slice sql, struct mr_err *err)
{
    switch (statement->verb) {
    case MR_MY_VERB_ROWS: return check_rows(feed, event, statement, sql, err);
    case MR_MY_VERB_TRUNCATE:
        if (is_hidden(feed, event, &statement->names[0]))
            return 0;
        return truncate(feed, batch, event, database_of(&statement->names[0], &event->query),
                        statement->names[0].name, err);
    case MR_MY_VERB_CREATE:
        if (statement->temporary)
            set_temporary(feed, event, statement, true);
        changed(feed, event, statement);
        return statement->selects ? check_rows(feed, event, statement, sql, err) : 0;
    case MR_MY_VERB_ALTER:
    case MR_MY_VERB_RENAME:
    case MR_MY_VERB_DROP:
        if (statement->verb == MR_MY_VERB_DROP)
            set_temporary(feed, event, statement, false);
        changed(feed, event, statement);
        return 0;
    case MR_MY_VERB_DATABASE:
    case MR_MY_VERB_DROP_DATABASE: mr_my_relations_all_changed(&feed->relations); return 0;
    default: return 0;
    }
}

static int unknown_xid(const struct mr_my_feed *feed, struct mr_slice sql, struct mr_err *err)
{
    mr_err_set(err, MR_GAP, "source.xa_unknown",
               "the transaction committed at %s:%llu was prepared before the place where reading "
               "began, and its rows were not read: %.*s",
               feed->start.file, (unsigned long long)feed->start.offset,
               (int)(sql.size > 200 ? 200 : sql.size), sql.data);
    mr_err_hint(err, "Read the tables again: millrace resnapshot %s", feed->context->pipeline);
    return MR_GAP;
}

/* XA COMMIT, XA ROLLBACK. */
static int decide(struct mr_my_feed *feed, struct mr_batch *batch, const struct mr_my_event *event,
                  const struct mr_my_statement *statement, struct mr_slice sql, struct mr_err *err)
{
    struct mr_my_xid xid = {statement->format, statement->gtrid, statement->bqual};
    struct mr_my_held *held = mr_my_hold_find(&feed->holds, &xid);

    if (held && statement->verb == MR_MY_VERB_XA_COMMIT && !feed->track.dropping) {
        mr_my_feed_release(feed, held, event);
        return 0;
    }
    if (held)
        mr_my_hold_drop(&feed->holds, held);
    else if (statement->verb == MR_MY_VERB_XA_COMMIT && !feed->track.dropping)
        return unknown_xid(feed, sql, err);
    return mr_my_feed_finish(feed, batch, event, err);
}

/* Of what was written to tables without transactions something stands in the log although the rest was undone; which
 * rows that are, the log does not tell. */
static int rolled_back(struct mr_my_feed *feed, struct mr_batch *batch,
                       const struct mr_my_event *event, struct mr_err *err)
{
    if (feed->track.ordinal == 0 || feed->track.dropping)
        return mr_my_feed_finish(feed, batch, event, err);
    mr_err_set(err, MR_GAP, "source.rolled_back",
               "the transaction that begins at %s:%llu (%s) ends with ROLLBACK after %llu rows: it "
               "wrote to tables with and without transactions, and nobody can tell which rows stay",
               feed->start.file, (unsigned long long)feed->start.offset, feed->gtid_text,
               (unsigned long long)feed->track.ordinal);
    mr_err_hint(err, "Read the tables again: millrace resnapshot %s", feed->context->pipeline);
    return MR_GAP;
}

static int act(struct mr_my_feed *feed, struct mr_batch *batch, const struct mr_my_event *event,
               const struct mr_my_statement *statement, struct mr_slice sql, struct mr_err *err)
{
    struct mr_my_xid xid = {statement->format, statement->gtrid, statement->bqual};
    int rc = 0;

    switch (statement->verb) {
    case MR_MY_VERB_BEGIN: feed->many = true; return 0;
    case MR_MY_VERB_COMMIT: return mr_my_feed_finish(feed, batch, event, err);
    case MR_MY_VERB_ROLLBACK: return rolled_back(feed, batch, event, err);
    case MR_MY_VERB_SAVEPOINT:
    case MR_MY_VERB_XA_END:
    case MR_MY_VERB_XA_PREPARE: return 0;
    case MR_MY_VERB_XA_BEGIN:
        feed->many = true;
        if (!feed->holding)
            mr_my_feed_hold(feed, &xid);
        return 0;
    case MR_MY_VERB_XA_COMMIT:
    case MR_MY_VERB_XA_ROLLBACK: return decide(feed, batch, event, statement, sql, err);
    default: break;
    }
    if (!feed->track.dropping &&
        (feed->alter == MR_MY_ALTER_NONE || feed->alter == MR_MY_ALTER_COMMIT))
        rc = take(feed, batch, event, statement, sql, err);
    return rc < 0 || feed->many ? rc : mr_my_feed_finish(feed, batch, event, err);
}

int mr_my_words_in(struct mr_my_feed *feed, struct mr_batch *batch, const struct mr_my_event *event,
                   struct mr_err *err)
{
    struct mr_my_statement statement = {.verb = MR_MY_VERB_OTHER};
    struct mr_slice sql;
    int rc;

    if (!feed->track.open)
        return mr_err_set(err, MR_RETRY, "source.protocol",
                          "the server sent a statement outside a transaction, at %s:%llu",
                          feed->file, (unsigned long long)event->next);
    mr_arena_reset(&feed->scratch);
    rc = mr_my_query_text(&event->query, &feed->scratch, feed->event_limit, &sql, err);
    if (rc < 0)
        return rc;
    if (event->query.thread_id)
        feed->track.transaction.origin.binlog.thread = event->query.thread_id;
    statement.verb = mr_my_statement_glance(sql);
    if (statement.verb == MR_MY_VERB_OTHER) {
        if (event->query.has_sql_mode)
            mr_my_dialect_set_mode(&feed->dialect, event->query.sql_mode);
        mr_my_statement_read(sql, &feed->dialect, &feed->scratch, &statement);
    }
    return act(feed, batch, event, &statement, sql, err);
}

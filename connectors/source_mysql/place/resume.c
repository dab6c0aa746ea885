/* Whether the position held fits the server, before it is asked for its log: a server can accept a position it does
 * not have and stay silent.
 *
 *     flavour     MySQL's GTIDs mean nothing to MariaDB, and the other way round        source.flavour_changed
 *     by file     another server's files are others, whatever they are called           source.server_changed
 *                 a file that the index lacks                                           source.log_purged
 *     by GTIDs    something is in `done` that the server never executed: it was reset,
 *                 restored, or promoted without it                                      source.gtid_ahead
 *                 MySQL: something is purged that `resume` lacks                        source.log_purged
 *                 MariaDB: a domain that the server does not know; it would be
 *                 passed over in silence                                                source.domain_unknown
 *
 * A replica that was promoted is another server with the same GTIDs: by GTIDs that is no reason to stop. */
#include "connectors/source_mysql/place/resume.h"

#include <stdio.h>
#include <string.h>

int mr_my_way_on(const char *pipeline, struct mr_err *err)
{
    mr_err_hint(
        err,
        "If this server is the right one and changes may be left out, go on from now:\n  "
        "millrace checkpoint set %s now\nand read the tables again:\n  millrace resnapshot %s",
        pipeline, pipeline);
    return MR_GAP;
}

/* The set as text, cut where it is long. */
static void print_cut(const struct mr_my_gtids *set, char *ret_text, size_t size)
{
    struct mr_buf text;

    mr_buf_init(&text, 16 << 20);
    mr_my_gtids_print(set, &text);
    (void)snprintf(ret_text, size, "%s", mr_buf_cstr(&text));
    mr_buf_done(&text);
}

static int check_flavour(const struct mr_my_facts *facts, const struct mr_my_position *position,
                         const char *pipeline, struct mr_err *err)
{
    if (facts->mariadb == position->mariadb)
        return 0;
    mr_err_set(err, MR_GAP, "source.flavour_changed",
               "the position is of a %s, and the server is a %s",
               position->mariadb ? "MariaDB" : "MySQL", facts->mariadb ? "MariaDB" : "MySQL");
    return mr_my_way_on(pipeline, err);
}

static int check_file(struct mr_my_session *session, const struct mr_my_facts *facts,
                      const struct mr_my_position *position, const char *pipeline,
                      struct mr_err *err)
{
    struct mr_my_place begin;
    bool purged = false;

    if (strcmp(position->server, facts->identity) != 0) {
        mr_err_set(err, MR_GAP, "source.server_changed",
                   "the position %s:%llu is in the log files of server %s, and this is server %s",
                   position->done.file, (unsigned long long)position->done.offset, position->server,
                   facts->identity);
        return mr_my_way_on(pipeline, err);
    }
    mr_my_place_init(&begin, facts->mariadb);
    if (mr_my_facts_begin(session, facts->mariadb, false, &begin, NULL) == 0)
        purged = mr_my_file_compare(position->resume.file, begin.file) < 0;
    if (purged)
        mr_err_set(err, MR_GAP, "source.log_purged",
                   "the position is in %s, and the oldest log file the server still has is %s",
                   position->resume.file, begin.file);
    mr_my_place_done(&begin);
    return purged ? mr_my_way_on(pipeline, err) : 0;
}

/* MariaDB: a domain of ours that is not in the server's state. */
static bool find_unknown(const struct mr_my_gtids *ours, const struct mr_my_gtids *theirs,
                         uint32_t *ret_domain)
{
    for (size_t i = 0; i < ours->domain_count; i++) {
        bool known = false;
        for (size_t k = 0; k < theirs->domain_count && !known; k++)
            known = theirs->domains[k].domain == ours->domains[i].domain;
        *ret_domain = ours->domains[i].domain;
        if (!known)
            return true;
    }
    return false;
}

/* MariaDB: a transaction of ours whose number there is another server's: two histories parted before it. NULL: none. */
static const struct mr_my_gtid_domain *find_namesake(const struct mr_my_gtids *ours,
                                                     const struct mr_my_gtids *theirs)
{
    for (size_t i = 0; i < ours->domain_count; i++) {
        for (size_t k = 0; k < theirs->domain_count; k++) {
            const struct mr_my_gtid_domain *a = &ours->domains[i], *b = &theirs->domains[k];
            if (a->domain == b->domain && a->number == b->number && a->server != b->server)
                return a;
        }
    }
    return NULL;
}

static int check_namesake(const struct mr_my_place *executed, const struct mr_my_position *position,
                          const char *pipeline, struct mr_err *err)
{
    const struct mr_my_gtid_domain *lost = find_namesake(&position->done.gtids, &executed->gtids);

    if (!lost)
        return 0;
    mr_err_set(err, MR_GAP, "source.gtid_ahead",
               "transaction %u-%u-%llu was delivered, and the server has another one of that "
               "number: it was promoted without it",
               (unsigned)lost->domain, (unsigned)lost->server, (unsigned long long)lost->number);
    return mr_my_way_on(pipeline, err);
}

static int ahead(const struct mr_my_place *executed, const struct mr_my_position *position,
                 const char *pipeline, struct mr_err *err)
{
    struct mr_my_gtids more;
    uint32_t domain;
    char text[400];

    if (position->mariadb && find_unknown(&position->done.gtids, &executed->gtids, &domain)) {
        mr_err_set(err, MR_GAP, "source.domain_unknown",
                   "the position has GTIDs of domain %u, which the server's log does not know: it "
                   "was reset, or it is another server",
                   (unsigned)domain);
        return mr_my_way_on(pipeline, err);
    }
    mr_my_gtids_init(&more, position->mariadb);
    mr_my_gtids_copy(&more, &position->done.gtids);
    mr_my_gtids_subtract(&more, &executed->gtids);
    print_cut(&more, text, sizeof(text));
    mr_my_gtids_done(&more);
    mr_err_set(err, MR_GAP, "source.gtid_ahead",
               "transactions were delivered that the server does not have: %s; it was reset or "
               "restored, or it was promoted without them",
               text);
    return mr_my_way_on(pipeline, err);
}

static int check_purged(struct mr_my_session *session, const struct mr_my_position *position,
                        const char *pipeline, struct mr_err *err)
{
    struct mr_my_place purged;
    char text[400];
    int rc;

    mr_my_place_init(&purged, false);
    rc = mr_my_facts_begin(session, false, true, &purged, err);
    if (rc == 0 && !mr_my_gtids_contain_all(&position->resume.gtids, &purged.gtids)) {
        mr_my_gtids_subtract(&purged.gtids, &position->resume.gtids);
        print_cut(&purged.gtids, text, sizeof(text));
        mr_err_set(err, MR_GAP, "source.log_purged",
                   "the server has purged transactions that were not read yet: %s", text);
        rc = mr_my_way_on(pipeline, err);
    }
    mr_my_place_done(&purged);
    return rc;
}

/* MySQL sends a transaction before gtid_executed has it: right after a reconnect it may be a moment behind. */
static int wait_for(struct mr_my_session *session, const struct mr_my_position *position,
                    struct mr_my_place *executed, struct mr_err *err)
{
    struct mr_buf sql;
    int rc;

    mr_buf_init(&sql, 16 << 20);
    mr_buf_add_str(&sql, "SELECT WAIT_FOR_EXECUTED_GTID_SET('");
    mr_my_gtids_print(&position->done.gtids, &sql);
    mr_buf_add_str(&sql, "', 2)");
    rc = mr_my_command(session, mr_buf_cstr(&sql), "wait for transactions", err);
    mr_buf_done(&sql);
    return rc < 0 ? rc : mr_my_facts_end(session, false, true, executed, err);
}

static int check_gtids(struct mr_my_session *session, const struct mr_my_facts *facts,
                       const struct mr_my_position *position, const char *pipeline,
                       struct mr_err *err)
{
    struct mr_my_place executed;
    int rc;

    if (!facts->by_gtid) {
        mr_err_set(err, MR_CONFIG, "source.gtid_mode",
                   "the position is by GTIDs, and the server's gtid_mode is not ON");
        mr_err_hint(err,
                    "Set gtid_mode = ON again, or go on by file: millrace checkpoint set %s now",
                    pipeline);
        return MR_CONFIG;
    }
    mr_my_place_init(&executed, facts->mariadb);
    rc = mr_my_facts_end(session, facts->mariadb, true, &executed, err);
    if (rc == 0 && !facts->mariadb &&
        !mr_my_gtids_contain_all(&executed.gtids, &position->done.gtids))
        rc = wait_for(session, position, &executed, err);
    if (rc == 0 && !mr_my_gtids_contain_all(&executed.gtids, &position->done.gtids))
        rc = ahead(&executed, position, pipeline, err);
    else if (rc == 0)
        rc = check_namesake(&executed, position, pipeline, err);
    mr_my_place_done(&executed);
    if (rc < 0 || facts->mariadb)
        return rc;
    return check_purged(session, position, pipeline, err);
}

int mr_my_resume_check(struct mr_my_session *session, const struct mr_my_facts *facts,
                       const struct mr_my_position *position, const char *pipeline,
                       struct mr_err *err)
{
    int rc = check_flavour(facts, position, pipeline, err);

    if (rc < 0 || !position->standing.started)
        return rc;
    return position->by_gtid ? check_gtids(session, facts, position, pipeline, err)
                             : check_file(session, facts, position, pipeline, err);
}

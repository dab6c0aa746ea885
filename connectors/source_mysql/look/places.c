/* A place in the log, in the words of a human.
 *
 *     now                     the log's end: by GTIDs where every transaction has one, else by file
 *     uuid:1-70, 0-1-7        a set of GTIDs: all that is to count as finished
 *     binlog.000007:1234      a file and an offset between two transactions
 *
 * This is the way on from a refusal: whatever lies between the old position and the new one is read twice or never,
 * by the user's will. A place that the server does not have is refused at once, with the same words as at a start. */
#include "connectors/source_mysql/look/places.h"

#include <string.h>

static int parse(const char *place, bool mariadb, struct mr_my_position *position,
                 struct mr_err *err)
{
    struct mr_my_place found;

    position->by_gtid = true;
    if (mr_my_place_parse(mr_slice_str(place), mariadb, true, &found, NULL) < 0) {
        position->by_gtid = false;
        if (mr_my_place_parse(mr_slice_str(place), mariadb, false, &found, NULL) < 0)
            return mr_err_set(
                err, MR_CONFIG, "source.place",
                "\"%s\" is neither now, nor a set of GTIDs such as %s, nor a file and "
                "an offset such as binlog.000007:1234",
                place, mariadb ? "0-1-70" : "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5");
    }
    mr_my_place_done(&position->done);
    position->done = found;
    return 0;
}

int mr_my_look_place(struct mr_my_session *session, const struct mr_my_facts *facts,
                     const char *place, const char *pipeline, struct mr_my_position *position,
                     struct mr_err *err)
{
    int rc;

    if (strcmp(place, "now") == 0)
        rc = mr_my_facts_end(session, facts->mariadb, position->by_gtid, &position->done, err);
    else
        rc = parse(place, facts->mariadb, position, err);
    if (rc < 0)
        return rc;
    mr_my_place_copy(&position->resume, &position->done);
    position->standing.started = true;
    return mr_my_resume_check(session, facts, position, pipeline, err);
}

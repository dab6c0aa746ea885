/* A position in the binary log of MySQL or MariaDB: read from and written as JSON text.
 *
 *     {"version":1,"flavour":"mysql","server":"451b2519-e50a-11f1-b16c-02fc00000001","by":"gtids",
 *      "resume":"451b2519-...:1-70","done":"451b2519-...:1-70:72","inside":"451b2519-...:73", ..standing.h..}
 *
 * by: how places are written. gtids: a GTID set of MySQL, or MariaDB's domain-server-number list: all that is
 * finished. file: "binlog.000007:1234", good on one server only; "server" is then compared.
 * done: every transaction in it (that begins before it) is out, decided and needs no more reading. resume: where to
 * ask the server to go on. The two differ while XA transactions are prepared and undecided: resume lies before the
 * oldest of them, and what comes between is read only to find them. A MySQL set simply leaves such transactions out,
 * so there resume equals done, and is not written.
 * inside: the transaction of which the first n changes are out already. A claim made before anything was read has
 * neither resume nor done. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "capture/standing.h"
#include "connectors/source_mysql/wire/gtid.h"
#include "model/position.h"

#define MR_MY_FILE 256 /* bytes of a log file's name and its NUL */

/* A point between two groups of events. Only one of the two forms is used in one position. */
struct mr_my_place {
    struct mr_my_gtids gtids;
    char file[MR_MY_FILE];
    uint64_t offset;
};

struct mr_my_position {
    bool mariadb, by_gtid;
    char server[40]; /* MySQL: server_uuid; MariaDB: server_id */
    struct mr_my_place resume, done;
    struct mr_my_gtid inside; /* by_gtid and standing.n > 0 */
    struct mr_standing standing;
};

void mr_my_position_done(struct mr_my_position *position);

/* MR_GAP source.position: the text is not such a position. */
int mr_my_position_parse(struct mr_slice text, struct mr_my_position *ret_position,
                         struct mr_err *err) MR_MUST_CHECK;
/* Appends the JSON text. standing: of now; the position's own when nothing is in progress. */
void mr_my_position_write(const struct mr_my_position *position, const struct mr_standing *standing,
                          struct mr_buf *buf);

/* As struct mr_source's order(). */
enum mr_order mr_my_position_order(struct mr_slice a, struct mr_slice b);

/* Places. */
void mr_my_place_init(struct mr_my_place *place, bool mariadb);
void mr_my_place_done(struct mr_my_place *place);
void mr_my_place_copy(struct mr_my_place *place, const struct mr_my_place *from);
/* "0-1-7,2-3-9", "uuid:1-5" or "binlog.000007:1234". */
void mr_my_place_print(const struct mr_my_place *place, bool by_gtid, struct mr_buf *buf);
/* The other way; MR_CONFIG source.place, source.gtid. */
int mr_my_place_parse(struct mr_slice text, bool mariadb, bool by_gtid,
                      struct mr_my_place *ret_place, struct mr_err *err) MR_MUST_CHECK;
enum mr_order mr_my_place_order(const struct mr_my_place *a, const struct mr_my_place *b,
                                bool by_gtid);
/* Of two log files of one server, by the number at the end of their names: < 0, 0, > 0. */
int mr_my_file_compare(const char *a, const char *b);

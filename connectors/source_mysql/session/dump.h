/* The stream of the binary log: we register as a replica and read what the server sends.
 *
 *     mr_my_dump_open: settings, REGISTER_SLAVE, BINLOG_DUMP[_GTID]    on a connection of its own
 *     mr_my_dump_next: socket -> frames -> events -> one struct mr_my_event
 *
 * The first events say where it stands: ROTATE, FORMAT, PREVIOUS_GTIDS or GTID_LIST. Heartbeats are given on as
 * events. A server that says nothing for several heartbeat periods is taken for dead. Nothing is sent to the server
 * but the request. Single threaded. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "connectors/source_mysql/session/connect.h"
#include "connectors/source_mysql/wire/event.h"
#include "connectors/source_mysql/wire/gtid.h"

struct mr_my_dump; /* opaque */

struct mr_my_dump_args {
    uint32_t server_id;   /* of ours among its replicas; never 0 */
    const char *uuid;     /* of ours, against twins (MySQL): "xxxxxxxx-..."; NULL none */
    const char *name;     /* shown as our host by SHOW REPLICAS; NULL none */
    int64_t heartbeat_ns; /* how often a server without news is to say so; 0: one second */
    /* a server that says nothing for so long is dead; 0: three periods, at least 10 s */
    int64_t silence_ns;
    size_t event_limit; /* bytes of the largest event taken; 0: 1 GiB, the servers' own limit */
    bool annotations; /* MariaDB: send the statements' text, too (MySQL does by its own setting) */
    bool until_end;   /* stop at the log's end instead of waiting there */
    /* everything that was had already; NULL: by file and position */
    const struct mr_my_gtids *gtids;
    const char *file;  /* NULL or "": the oldest there is */
    uint64_t position; /* in it; 4: its head; above 4 GiB is MR_GAP source.log_position */
};

/* On a connection that is opened here. Errors as of mr_my_open, and what the server says it does not have, which can
 * come from mr_my_dump_next too: MR_GAP source.log_purged, source.gtid_ahead, source.log_position; MR_CONFIG
 * source.no_replication_right (77); MR_FENCED source.server_id_taken: another replica of the same id drove us out. */
int mr_my_dump_open(const struct mr_my_connect *connect, const struct mr_my_dump_args *args,
                    struct mr_my_dump **ret_dump, struct mr_err *err) MR_MUST_CHECK;
void mr_my_dump_close(struct mr_my_dump *dump); /* NULL is allowed */

/* 1: an event, its bytes valid until the next call; 0: the deadline (monotonic) passed, or the log ended
 * (mr_my_dump_ended). MR_RETRY source.connection_lost, source.silence, source.stopping; the errors of wire/events.h.
 * */
int mr_my_dump_next(struct mr_my_dump *dump, int64_t deadline_ns, struct mr_my_event *ret_event,
                    struct mr_err *err) MR_MUST_CHECK;
/* With until_end: everything was read. */
bool mr_my_dump_ended(const struct mr_my_dump *dump);

/* The format in force, the file, bytes received since the open, and the server. */
const struct mr_my_format *mr_my_dump_format(const struct mr_my_dump *dump);
const char *mr_my_dump_file(const struct mr_my_dump *dump);
uint64_t mr_my_dump_bytes(const struct mr_my_dump *dump);
const struct mr_my_server *mr_my_dump_server(const struct mr_my_dump *dump);

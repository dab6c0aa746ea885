/* Who the server is, and where its log ends. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "connectors/source_mysql/place/position.h"
#include "connectors/source_mysql/session/query.h"

struct mr_my_facts {
    bool mariadb;
    uint32_t version;  /* 90704, 101119 */
    char identity[40]; /* MySQL: server_uuid; MariaDB: server_id */
    bool by_gtid;      /* every transaction has a GTID */
    bool fold_names;   /* lower_case_table_names is not 0 */
    bool log_on;
    /* binlog_format, binlog_row_image, binlog_row_metadata; "" unknown */
    char format[16], image[16], metadata[16];
    char user[256]; /* CURRENT_USER() */
};

int mr_my_facts_look(struct mr_my_session *session, struct mr_my_facts *ret_facts,
                     struct mr_err *err) MR_MUST_CHECK;
/* The log's end: everything that was committed before the call is in it. ret_end was initialised. */
int mr_my_facts_end(struct mr_my_session *session, bool mariadb, bool by_gtid,
                    struct mr_my_place *ret_end, struct mr_err *err) MR_MUST_CHECK;
/* Where the log begins: MySQL's gtid_purged, or by file the oldest file's head; MariaDB's GTIDs: nothing. */
int mr_my_facts_begin(struct mr_my_session *session, bool mariadb, bool by_gtid,
                      struct mr_my_place *ret_begin, struct mr_err *err) MR_MUST_CHECK;

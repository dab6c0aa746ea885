/* A view of all InnoDB tables that stands at a known place of the log, without a lock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "connectors/source_mysql/place/position.h"
#include "connectors/source_mysql/session/dump.h"
#include "connectors/source_mysql/session/query.h"

struct mr_my_view {
    const struct mr_my_connect *connect;
    const struct mr_context *context;
    bool mariadb, by_gtid;
    uint32_t server_id; /* of ours, for looking at the log */
    const char *uuid;
    struct mr_my_session *session; /* in the view's transaction; NULL: none is open */
    struct mr_my_place place;      /* what the view holds */
    int64_t opened_ns;
};

/* Opens one, or keeps the one there is while it is young. */
int mr_my_view_open(struct mr_my_view *view, struct mr_err *err) MR_MUST_CHECK;
void mr_my_view_close(struct mr_my_view *view);

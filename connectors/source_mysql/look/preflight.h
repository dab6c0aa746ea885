/* What a run would meet, told before it: settings, rights, tables. Changes nothing. */
#pragma once

#include "capture/select.h"
#include "connectors/source_mysql/catalog/lookup.h"
#include "connectors/source_mysql/place/facts.h"
#include "connectors/source_mysql/session/dump.h"
#include "plug/context.h"

struct mr_my_inspection {
    struct mr_my_session *session;
    const struct mr_my_connect *connect;
    const struct mr_my_facts *facts;
    const struct mr_select *tables;
    const struct mr_my_dump_args *dump; /* server_id and uuid of ours */
    const struct mr_findings *findings;
};

/* Reports every line; an error is only what kept it from looking. */
int mr_my_inspect(const struct mr_my_inspection *inspection, struct mr_err *err) MR_MUST_CHECK;

/* The types of the columns that are sent. */
#pragma once

#include "connectors/source_postgres/publish/publication.h"

/* Notes those that arrive as text. *ret_binary: the settings, the server and every type allow values in binary. */
int mr_pg_sent_types(struct mr_pg_publish *publish, bool *ret_binary,
                     struct mr_err *err) MR_MUST_CHECK;

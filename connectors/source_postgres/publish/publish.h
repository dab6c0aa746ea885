/* What the files of this room share: the settings, the catalogue, and through what is read. Reader thread. */
#pragma once

#include "base/map.h"
#include "connectors/source_postgres/catalog/catalog.h"
#include "connectors/source_postgres/options.h"

struct mr_pg_publish {
    const struct mr_pg_config *config;
    struct mr_pg_catalog *catalog; /* its session, server and selection */
    struct mr_pg_published *published;
    struct mr_pg_relations *relations; /* of this session: what was read */
    const struct mr_track *track;      /* whether a position is held, and what is left out */
    struct mr_arena *arena;
    bool temporary;       /* tail */
    struct mr_map named;  /* by table OID, and what it was: a note about it was given */
    char left_out[48];    /* operations that are wanted and not published */
    uint64_t broken_told; /* hash of the last warning of source.breaks_updates; 0 none */
};

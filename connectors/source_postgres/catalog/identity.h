/* The server's own rule of which tables may be published with their updates and deletes, as SQL.
 *
 * It is asked per leaf: what a partitioned table says of itself does not count, and its partitions inherit its
 * primary key, but not its REPLICA IDENTITY. Source of the rule: CheckCmdReplicaIdentity and RelationGetIndexList of
 * PostgreSQL 12 to 18, and what the servers do (test/system/test_application_first.py). */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

/* Adds a WITH clause of three relations, without a lock on any table:
 *     one(oid, kind, own, keyed)  every permanent table; own: it has an identity by itself; keyed: by a primary key
 *     below(top, oid)             every partitioned table with every partition below it, at any depth
 *     spoilt(oid)                 partitioned tables with a leaf that has no identity
 * computed: stored generated columns are published (18), so that an identity may have one. */
void mr_pg_identity_with(struct mr_buf *sql, int version, bool computed);

/* Adds to it what publications send, again without a lock:
 *     member(oid, name, changes)  tables that stand in one of them by themselves; changes: with updates or deletes
 *     sent(oid, top, name, changes)  the same with the partitions below; top: the member it is sent for */
void mr_pg_sent_with(struct mr_buf *sql, int version, const char *publication, const char *inserts);

/* Whether updates of `one o LEFT JOIN spoilt s` can be published, leaves that come later included. */
#define MR_PG_IDENTITY "CASE o.kind WHEN 'p' THEN o.keyed AND s.oid IS NULL ELSE o.own END"

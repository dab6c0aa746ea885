"""A PostgreSQL with a backlog: each load is written once behind a slot that stays where it is, and every run reads its own
copy of that slot, so all contestants read the same log."""
import json
import pathlib
import shutil
import signal
import sys
import tempfile
import time

import measuring
from measuring import ROOT, measure
from servers.postgres import Database, Postgres

TABLE = """create table bench (
    id bigint primary key, customer integer not null, amount numeric(12,2) not null, state text not null,
    at timestamptz not null, note text)"""
INSERT = """insert into bench (id, customer, amount, state, at, note) select i, mod(i, 10000), i / 100.0, 'state-' || mod(i, 7), now(), repeat(md5(i::text), 4)
    from generate_series({0}, {1}) i"""
LOADS = {"hundred": "transactions of 100 rows", "single": "transactions of one row", "huge": "one transaction"}


def add_options(parser):
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--loads", default="hundred,single,huge")
    parser.add_argument("--binary", default=ROOT / "build" / "release" / "millrace")
    parser.add_argument("--directory", help="where the server, the files and dd's copy go")
    parser.add_argument("--out", help="a file for the tables in markdown")


class Backlog:
    """options.rows rows in the table bench; self.end is the log position inside the last transaction."""

    def __init__(self, options, **settings):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started and written goes then too
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-bench-", dir=options.directory))
        # Without synchronized scans a snapshot that is stopped early has the first rows, whoever read the table before.
        fast = {"shared_buffers": "'512MB'", "max_wal_size": "'40GB'", "checkpoint_timeout": "'1h'", "autovacuum": "off",
                "full_page_writes": "off", "synchronize_seqscans": "off"}
        self.server, self.serial = None, 0
        try:
            self.server = Postgres(**(fast | settings))
            self.server.start()
            self.db = Database(self.server, "bench")
            self.reader = measuring.build("raw_reader", self.folder, "libpq")
        except BaseException:
            Backlog.close(self)
            raise

    def close(self):
        if self.server:
            self.server.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def empty(self):
        self.db.sql("drop table if exists bench")
        self.db.sql(TABLE)
        self.db.sql("drop publication if exists bench")
        self.db.sql("create publication bench for table bench")

    def load(self, kind):
        """Writes one load behind a slot of its own; where a reader of commits has to end."""
        self.empty()
        self.db.sql("select pg_create_logical_replication_slot(%s, 'pgoutput')", [f"base_{kind}"])
        rows, step = self.options.rows - 1, {"hundred": 100, "single": 1, "huge": self.options.rows}[kind]
        self.db.sql(f"""do $$ declare at bigint := 1; begin
            while at <= {rows} loop
                {INSERT.format('at', f'least(at + {step} - 1, {rows})')};
                commit; at := at + {step};
            end loop; end $$""")
        until = self.db.one("select (pg_current_wal_insert_lsn() + 1)::text")
        self.db.sql(INSERT.format(rows + 1, rows + 1))  # the commit that ends the reading lies behind that
        # what --until takes: everything up to there
        self.end = self.db.one("select pg_current_wal_insert_lsn()::text")
        self.db.sql("checkpoint")
        return until

    def unload(self, kind):
        self.db.sql("select pg_drop_replication_slot(%s)", [f"base_{kind}"])

    def name(self):
        self.serial += 1
        return f"run_{self.serial}"

    def slot(self, kind):
        name = self.name()
        self.db.sql("select pg_copy_logical_replication_slot(%s, %s)", [f"base_{kind}", name])
        return name

    def drop(self, slot):
        """Drops a slot, if it is there, and whoever holds it."""
        for _ in range(200):
            self.db.sql("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s and active",
                        [slot])
            try:
                self.db.sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s",
                            [slot])
                return
            except Exception:  # still in use: its walsender has not noticed yet
                time.sleep(0.05)
        raise SystemExit(f"the slot {slot} cannot be dropped")

    def measured(self, command, rows):
        return measure(command, rows)

    def raw(self, kind, until, mode):
        slot = self.slot(kind)
        outcome = self.measured([self.reader, self.db.dsn, slot, "bench", until, mode], self.options.rows)
        rows = json.loads(outcome.text)["rows"]
        assert rows == self.options.rows, f"raw reader saw {rows} rows"
        self.drop(slot)
        return outcome

    def recvlogical(self, kind, until):
        slot = self.slot(kind)
        outcome = self.measured([self.server.bin / "pg_recvlogical", "-d", self.db.dsn, "--slot", slot, "--start", "-f",
                           "/dev/null", "--endpos", until, "--no-loop", "-o", "proto_version=1", "-o",
                           "publication_names=bench"], self.options.rows)
        self.drop(slot)
        return outcome

    def config(self, name, sink, form="{type: json, envelope: debezium}", snapshot="no_data"):
        """A configuration of one pipeline that reads the table by the slot called name."""
        slot = f"slot: {name}, adopt_slot: true" if snapshot == "no_data" else f"slot: {name}"
        path = self.folder / f"{name}.yaml"
        path.write_text(f"""version: 1
pipelines:
  {name}:
    source: {{type: postgres, dsn: "{self.db.dsn}", name: {name}, tables: [public.bench], {slot},
             publication: {{name: bench, create: never}}, snapshot: {snapshot}}}
    format: {form}
    sink: {sink}
""")
        return path

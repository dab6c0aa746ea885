"""PostgreSQL as the judge needs it: a server per major version, database `rec` anew for each case."""
import base64
import json
import subprocess

import compare
import play
from servers.postgres import Postgres, fetched, installed

from . import options
from .truth import Truth


class Servers:
    """One server per major version, started when first asked for."""

    def __init__(self):
        self.running = {}

    def get(self, connector):
        version = self.version_of(connector)
        if version not in self.running:
            self.running[version] = Postgres(version, max_wal_senders="20").start()
        return Database(self.running[version])

    @staticmethod
    def version_of(connector: dict) -> int | None:
        """The major version a case asks for: None is any."""
        wanted = 18 if connector.get("#pg") == "15435" else None
        if wanted and wanted not in (installed() | fetched()):
            raise play.Unsupported(f"PostgreSQL {wanted} is not installed: test/support/servers/fetch-postgres {wanted}")
        return wanted

    def close(self):
        for server in self.running.values():
            server.close()


class Database:
    def __init__(self, server):
        self.server = server
        self.truth = Truth(server)

    def fresh(self):
        sql = self.server.sql
        sql("select pg_terminate_backend(active_pid) from pg_replication_slots where active")
        for (slot,) in sql("select slot_name from pg_replication_slots"):
            sql("select pg_drop_replication_slot(%s)", [slot])
        sql("drop database if exists rec with (force)")
        sql("create database rec")

    def script(self, text, folder, stop=True):
        """Runs a script of a case; \\ir finds the files beside it. Recordings contain statements that are meant to fail."""
        command = [self.server.psql_program, "-X", "-q", "-v", f"ON_ERROR_STOP={int(stop)}", "-v", "VERBOSITY=terse",
                   "-d", self.server.dsn("rec"), "-f", "-"]
        done = subprocess.run(command, input=text, cwd=folder, capture_output=True, text=True, timeout=120)
        if "is not available" in done.stderr:
            raise play.Unsupported(done.stderr.partition("ERROR:")[2].strip().splitlines()[0])
        if stop and done.returncode != 0:
            raise play.Failure(f"psql: {done.stderr.strip()[:300]}")

    def yaml(self, plan):
        return options.yaml(plan, self.server.dsn("rec"))

    def directive(self, name, words) -> bool:
        return False

    def starting(self) -> int:
        """Where a start goes on reading: the place that the slot has confirmed."""
        found = self.server.sql("select confirmed_flush_lsn - '0/0' from pg_replication_slots where slot_name = 'conformance'")
        return int(found[0][0]) if found else 0

    def now(self) -> int:
        """The end of the log: all before it that millrace sends has come, when this is asked."""
        return int(self.server.sql("select pg_current_wal_lsn() - '0/0'")[0][0])

    def reads(self) -> bool:
        active = self.server.sql("select active from pg_replication_slots where slot_name = 'conformance'")
        return bool(active and active[0][0])

    def mark(self, text):
        self.server.sql("select pg_logical_emit_message(true, %s, %s)", [compare.MARK, text], database="rec")

    @staticmethod
    def is_mark(line: str, text: str) -> bool:
        """Whether the line is the runner's own message: in JSON, in Avro, or in framed JSON, whose content is base64 again."""
        if '.message"' not in line:
            return False
        value, raw_text = json.loads(line)["value"], text.encode()
        body = value.get("payload", value)
        data = body["base64"] if "base64" in body else body["message"]["content"]
        forms = raw_text, base64.b64encode(raw_text), raw_text.hex().encode()      # by binary_handling_mode
        try:
            raw = base64.b64decode(data, altchars=b"-_" if set(data) & set("-_") else None)
        except ValueError:      # hex
            raw = b""
        return data.encode() in forms or any(form in raw for form in forms)

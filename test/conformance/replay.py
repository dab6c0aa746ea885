"""Runs one case: setup, millrace in Debezium's place, the changes with their directives."""
import base64
import dataclasses
import json
import pathlib
import re
import subprocess
import time

import compare
import options
from millrace import Millrace

QUIET = 1.0       # seconds without a new line after which a snapshot counts as read
LONGEST = 90.0    # no wait is longer, on a busy machine either


class Failure(Exception):
    """millrace or psql ended where Debezium went on. Its code, if millrace said one."""

    @property
    def code(self):
        found = re.search(r'"code":"([^"]+)"', str(self))
        return found[1] if found else ""


def psql(server, script: str, folder: pathlib.Path, stop=True):
    """Runs a script of a case; \\ir finds the files beside it. Recordings contain statements that are meant to fail."""
    command = [server.psql_program, "-X", "-q", "-v", f"ON_ERROR_STOP={int(stop)}", "-v", "VERBOSITY=terse",
               "-d", server.dsn("rec"), "-f", "-"]
    done = subprocess.run(command, input=script, cwd=folder, capture_output=True, text=True, timeout=120)
    if "is not available" in done.stderr:
        raise options.Unsupported(done.stderr.partition("ERROR:")[2].strip().splitlines()[0])
    if stop and done.returncode != 0:
        raise Failure(f"psql: {done.stderr.strip()[:300]}")


def fresh_database(server):
    server.sql("select pg_terminate_backend(active_pid) from pg_replication_slots where active")
    for (slot,) in server.sql("select slot_name from pg_replication_slots"):
        server.sql("select pg_drop_replication_slot(%s)", [slot])
    server.sql("drop database if exists rec with (force)")
    server.sql("create database rec")


def pieces(text: str):
    """changes.sql as (directive, statements) in order."""
    directive, lines = None, []
    for line in text.splitlines():
        found = re.match(r"-- @(\w+)\s*(.*)", line)
        if found:
            yield directive, "\n".join(lines)
            directive, lines = (found[1], found[2]), []
        else:
            lines.append(line)
    yield directive, "\n".join(lines)


def has_mark(line: str, text: bytes) -> bool:
    """Whether the line is the runner's own message: in JSON, in Avro, or in framed JSON, whose content is base64 again."""
    if '.message"' not in line:
        return False
    value = json.loads(line)["value"]
    body = value.get("payload", value)
    data = body["base64"] if "base64" in body else body["message"]["content"]
    forms = text, base64.b64encode(text), text.hex().encode()      # by binary_handling_mode
    try:
        raw = base64.b64decode(data, altchars=b"-_" if set(data) & set("-_") else None)
    except ValueError:      # hex
        raw = b""
    return data.encode() in forms or any(form in raw for form in forms)


class Session:
    def __init__(self, case, server, plan, folder):
        self.case, self.server, self.plan = case, server, plan
        self.millrace = Millrace(folder)
        self.path = self.millrace.config(options.yaml(plan, server.dsn("rec")))
        self.running, self.done, self.restarted, self.marks = None, [], False, 0

    def start(self):
        self.running = self.millrace.start("run", self.path)
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            active = self.server.sql("select active from pg_replication_slots where slot_name = 'conformance'")
            if active and active[0][0]:
                break
            if self.running.ended():
                raise Failure(self.last_words())
            time.sleep(0.05)
        self.snapshot_read()

    def last_words(self):
        errors = [line for line in self.running.errors if '"err"' in line]
        return "millrace ended: " + (errors or self.running.errors or ["without a word"])[-1]

    def wait(self, done, what):
        end = time.monotonic() + LONGEST
        while not done():
            if self.running.ended():
                raise Failure(self.last_words())
            if time.monotonic() > end:
                raise Failure(f"{what} did not come within {LONGEST:.0f} s\n{self.running.tail()}")
            time.sleep(0.02)

    def snapshot_read(self):
        """Until the log says that it streams and nothing more comes for a while."""
        self.wait(lambda: any('"streaming"' in line for line in list(self.running.errors)), "streaming")
        seen, since = -1, time.monotonic()

        def quiet():
            nonlocal seen, since
            if len(self.running.lines) != seen:
                seen, since = len(self.running.lines), time.monotonic()
            return time.monotonic() - since > QUIET
        self.wait(quiet, "the end of the snapshot")

    def settle(self):
        """Until a message sent now has come back, hence all that was committed before it."""
        self.marks += 1
        text = f"mark {self.marks}."
        self.server.sql("select pg_logical_emit_message(true, %s, %s)", [compare.MARK, text], database="rec")
        self.wait(lambda: any(has_mark(line, text.encode()) for line in self.running.lines[-50:]), text)

    def stop(self):
        if self.running:
            self.running.stop()
            self.done += self.running.events()
            self.running = None

    def play(self):
        """@wait waits; @restart stops, runs the statements up to the next directive, and starts again."""
        for directive, statements in pieces((self.case / "changes.sql").read_text()):
            restart = directive and directive[0] == "restart"
            if restart:
                self.restarted = True
                self.stop()
            pause = directive and directive[0] == "shell" and re.fullmatch(r"sleep ([\d.]+)", directive[1])
            if directive and not pause and directive[0] in ("conn", "kill", "signal", "shell"):
                raise options.Unsupported(f"directive @{directive[0]}")
            if pause:
                time.sleep(float(pause[1]))     # what happens by the clock shall happen
            if statements.strip():
                psql(self.server, statements, self.case, stop=False)
            if restart:
                self.start()
            self.settle()


def column_types(server) -> dict:
    """(schema.table, column) -> the type's name as format_type prints it, of what exists now."""
    rows = server.sql("select n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod) "
                      "from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on "
                      "n.oid = c.relnamespace where a.attnum > 0 and not attisdropped and c.relkind in ('r', 'p') "
                      "and n.nspname not like 'pg\\_%%' and n.nspname <> 'information_schema'".replace("%%", "%"),
                      database="rec")
    return {(table, column): kind for table, column, kind in rows}


@dataclasses.dataclass
class Catalog:
    types: dict
    by_index: set
    by_partial_index: set
    generated: set
    partitioned: set
    domains: set
    restarted: bool


def names(server, query) -> set:
    return {name for (name,) in server.sql(query, database="rec")}


TABLE = "n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"


def partitioned(server) -> set:
    return names(server, f"select {TABLE} where relispartition or relkind = 'p' or exists (select from pg_inherits i "
                         "where c.oid in (i.inhparent, i.inhrelid))")


def catalog_of(server, restarted, partitioned_before) -> Catalog:
    table = TABLE
    return Catalog(
        column_types(server),
        names(server, f"select {table} where relreplident = 'i'"),
        names(server, f"select {table} where exists (select from pg_index i where i.indrelid = c.oid and indisunique and "
                      "indpred is not null) and not exists (select from pg_index i where i.indrelid = c.oid and "
                      "indisunique and indpred is null and indexprs is null)"),
        names(server, "select attname from pg_attribute where attgenerated <> ''"),
        partitioned(server) | partitioned_before,
        names(server, "select typname from pg_type where typtype = 'd'"), restarted)


def run(case, server, plan, folder):
    """The records, as recordings have them, and the types of the columns."""
    fresh_database(server)
    psql(server, (case / "setup.sql").read_text(), case)
    before = partitioned(server)
    session = Session(case, server, plan, folder)
    try:
        session.start()
        session.play()
        session.stop()
    finally:
        session.millrace.close()
    return [record(line) for line in session.done], catalog_of(server, session.restarted, before)


def record(line: dict) -> dict:
    return {"topic": line["topic"], "partition": 0, "key": line["key"], "value": line["value"],
            "headers": [[name, value] for name, value in (line.get("headers") or {}).items()]}


def dump(records, path: pathlib.Path):
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records))

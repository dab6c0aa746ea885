"""Plays one case on one server and tells what is not as it has to be.

Before the start SELECT gives the rows that the snapshot has to read; after the last script what the events, replayed over
the snapshot by key, have to give. In between every event that the server logged (logged.py, of the same kind of server) has
to come once, in the order of the log, and every row of right.txt (notation.py) has to be among them.
"""
import pathlib
import re
import time

import pymysql

import events
import logged
import notation
from millrace import Millrace

LONGEST = 20.0          # seconds, for anything
SEEN = {"mysql": ("mysql",), "mariadb": ("mariadb-10.11",), "mariadb-11.4": ("mariadb-11.4", "mariadb-10.11")}
# Words by which right.txt says that the table and the stream must part, or that rows change the name of their table.
PARTS = re.compile(r"(?i)does not apply|differ from|differ in \w \(|cannot agree|stays at a target|are at the target|DDL rename|"
                   r"exchange places")


class Stopped(Exception):
    """millrace ended by itself."""


def scripts(case: pathlib.Path, vendor: str) -> list[str]:
    """In the order of play, without .sql."""
    names = ["changes", "changes-mixed", "changes-after-restart"] + ["changes-mariadb"] * (vendor == "mariadb")
    return [name for name in names if (case / f"{name}.sql").exists()]


def plays(case: pathlib.Path, kind: str) -> bool:
    vendor = (case / "vendor.txt").read_text().strip()
    return vendor == "both" or vendor == kind.partition("-")[0]


def options(case: pathlib.Path) -> dict:
    """server.cnf, as options of a server of its own."""
    path = case / "server.cnf"
    lines = [line.partition("=") for line in path.read_text().split("\n")] if path.exists() else []
    return {name.strip().replace("-", "_"): value.strip() for name, _, value in lines if value and not name.startswith("#")}


def environment(case: pathlib.Path) -> dict:
    path = case / "server.cnf"
    found = re.search(r"# environment of the server process: (\w+)=(\S+)", path.read_text()) if path.exists() else None
    return {found[1]: found[2]} if found else {}


class Tables:
    """What the server holds now of the databases that are captured."""

    def __init__(self, server, pattern: str):
        self.server, self.pattern, self.kinds = server, pattern, {}

    def names(self) -> list[tuple]:
        return self.server.sql("select table_schema, table_name from information_schema.tables where table_type = "
                               "'BASE TABLE' and lower(table_schema) like %s order by 1, 2", [self.pattern])

    def read(self) -> dict[str, list[dict]]:
        with self.server.connect(init_command="set time_zone = '+00:00'") as connection:
            return {f"{database}.{table}": self.rows(connection, database, table) for database, table in self.names()}

    @staticmethod
    def rows(connection, database: str, table: str) -> list[dict]:
        with connection.cursor() as cursor:
            # Invisible columns have to be asked for by name.
            cursor.execute("select column_name, data_type from information_schema.columns where table_schema = %s and "
                           "table_name = %s order by ordinal_position", [database, table])
            columns = cursor.fetchall()
            quoted = ", ".join(f"`{name.replace('`', '``')}`" for name, _ in columns).replace("%", "%%")
            cursor.execute(f"select {quoted} from `{database}`.`{table}`")
            return [{name: events.from_table(value, kind) for (name, kind), value in zip(columns, row)}
                    for row in cursor.fetchall()]


class Play:
    def __init__(self, case: pathlib.Path, server, kind: str, folder: pathlib.Path):
        self.case, self.server, self.kind, self.folder = case, server, kind, folder
        self.number = case.name[:2]
        self.vendor = kind.partition("-")[0]
        self.right = (case / "right.txt").read_text()
        self.tables = Tables(server, f"h{self.number}%")
        self.millrace = Millrace(folder)
        self.running, self.marks, self.faults, self.unread = None, 0, [], []
        self.before = {}

    # Playing

    def script(self, name: str, **who):
        text = (self.case / f"{name}.sql").read_text()
        self.server.script(text, force=True, words=("--comments",), **who)

    def prepare(self):
        self.server.sql("create database mark")
        self.server.sql("create table mark.m (n int primary key)")
        self.server.account("cdc", "secret")
        self.script("setup")
        self.before = self.tables.read()

    def config(self) -> str:
        return f"""
version: 1
pipelines:
  case:
    source:
      type: mysql
      dsn: "{self.server.dsn('cdc')}"
      password: secret
      name: case
      tables: ["h{self.number}*.*", "mark.*"]
      snapshot: initial
      skipped_operations: none
    format: {{type: json, schemas: true}}
    sink: {{type: stdout, content: record}}
"""

    def wait(self, done, what: str):
        end = time.monotonic() + LONGEST
        while not done():
            if self.running.ended():
                raise Stopped(f"exit {self.running.wait()}\n" + "\n".join(self.running.errors[-5:]))
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {LONGEST:.0f} s\n{self.running.tail(8)}")
            time.sleep(0.02)

    def start(self):
        self.running = self.millrace.start("run", self.millrace.config(self.config()))
        self.wait(lambda: any('"streaming"' in line for line in list(self.running.errors)), "streaming")
        self.settle()

    def settle(self):
        """Until a row written now has come, hence all before it."""
        self.marks += 1
        self.server.sql("insert into mark.m values (%s)", [self.marks])
        text = re.compile(rf'"after":\s*\{{"n":\s*{self.marks}\}}')
        self.wait(lambda: any(text.search(line) for line in self.running.lines[-50:]), f"row {self.marks} of mark.m")

    def run(self) -> list[str]:
        """What is wrong, a line each."""
        try:
            self.prepare()
            self.stream()
        except Stopped as reason:
            self.stopped(str(reason))
        finally:
            self.millrace.close()
        return self.faults

    def stream(self):
        self.start()
        if self.refused_at_start():
            self.faults.append("it runs, where right.txt has it refused")
        for name in scripts(self.case, self.vendor):
            if name == "changes-after-restart":
                self.server.restart()
            self.script(name)
            self.settle()
        for path in sorted(self.case.glob("as-*.sql")):
            self.script(path.stem, user=path.stem[3:])
            self.settle()
        after = self.tables.read()
        self.running.stop()
        self.judge(after)
        for path in sorted(self.case.glob("changes-refuse*.sql")):
            self.refuses(path.stem)

    def refuses(self, name: str):
        """Each on its own: the pipeline, gone on, has to stop with an error."""
        try:
            self.start()
            self.script(name)
            self.settle()
            self.faults.append(f"{name}: it goes on")
        except Stopped as reason:
            if '"err"' not in str(reason):
                self.faults.append(f"{name}: it stops without an error: {reason}")

    # Judging

    def refused_at_start(self) -> bool:
        return bool(re.match(r"Refused at the start(?!.*Or )", self.right, re.S))

    def stopped(self, words: str):
        """A refusal is right when right.txt begins with one; it has to name all that its first line names."""
        if not self.right.startswith("Refused at the start"):
            self.faults.append(f"it stopped: {words}")
            return
        names = re.findall(r"`([^`]+)`", self.right.split("\n")[0])
        self.faults += [f"the refusal does not name {name}: {words}" for name in names if name not in words]

    def judge(self, after: dict):
        found = [event for event in map(events.event, self.running.lines) if event and not event.table.startswith("mark.")]
        snapshot = [event for event in found if event.op == "r"]
        streamed = [event for event in found if event.op != "r"]
        self.judge_snapshot(snapshot)
        self.judge_stream(streamed)
        patterns, self.unread = notation.read(self.right, self.vendor)
        self.faults += [f"right.txt has, but it did not come: {text}" for text in notation.missing(patterns, found)]
        self.judge_shape(found)
        if not PARTS.search(self.right):
            self.judge_replay(found, after)

    def judge_snapshot(self, snapshot: list):
        for table, rows in self.before.items():
            got = [event.after for event in snapshot if event.table == table]
            for row in rows:
                match = next((one for one in got if events.equal_rows(row, one)), None)
                if match is None:
                    self.faults.append(f"snapshot of {table}: {row} is missing (has {got})")
                else:
                    got.remove(match)
            self.faults += [f"snapshot of {table}: {row} is not in the table" for row in got]
        self.faults += [f"snapshot of {table}, which is no table"
                        for table in {event.table for event in snapshot} - set(self.before)]

    def expected(self) -> list | None:
        """What the log of such a server held, if somebody looked."""
        path = next((path for name in SEEN[self.kind] if (path := self.case / f"seen-{name}.txt").exists()), None)
        if path is None:
            return None
        sections = logged.read(path)
        wanted = [event for name in scripts(self.case, self.vendor) for event in sections.get(name, [])]
        return [event for event in wanted if event.table.lower().startswith(f"h{self.number}")]

    def judge_stream(self, streamed: list):
        wanted = self.expected()
        if wanted is None:
            return
        for number, (want, got) in enumerate(zip(wanted, streamed)):
            if (want.op, want.table) != (got.op, got.table) or not events.equal_rows(want.after, got.after) \
                    or (want.before and not events.equal_rows(want.before, got.before)):
                self.faults.append(f"event {number + 1}: wanted {want}\n      came {got}")
                break
            if want.key and not events.equal_rows(want.key, got.key):
                self.faults.append(f"event {number + 1}: key wanted {want.key}, came {got.key}")
        if len(wanted) != len(streamed):
            self.faults.append(f"{len(wanted)} events wanted, {len(streamed)} came")

    def judge_shape(self, found: list):
        """No two tables in a topic, and a delete with a key has a tombstone right behind it."""
        self.faults += [f"topic {topic} has rows of {tables}" for topic, tables in events.topics(self.running.lines).items()
                        if len(tables) > 1]
        lines = self.running.lines
        for line, behind in zip(lines, lines[1:] + [""]):
            event = events.event(line)
            if event and event.op == "d" and event.key and '"value":null' not in behind.replace(" ", ""):
                self.faults.append(f"no tombstone behind {event}")

    def judge_replay(self, found: list, after: dict):
        state = {}
        for event in found:
            rows = state.setdefault(event.table, [])
            if event.op == "t":
                rows.clear()
            elif event.op in "rc":
                rows.append((event.key, event.after))
            else:
                self.replace(rows, event)
        for table, rows in after.items():
            got = [row for _, row in state.get(table, [])]
            for row in rows:
                match = next((one for one in got if agrees(row, one)), None)
                if match is None:
                    self.faults.append(f"replayed {table} lacks {row}, has {got}")
                else:
                    got.remove(match)
            self.faults += [f"replayed {table} has {row}, the table not" for row in got]

    def replace(self, rows: list, event):
        index = next((index for index, (key, row) in enumerate(rows)
                      if (key == event.key if event.key else events.equal_rows(row, event.before))), None)
        if index is None:
            self.faults.append(f"there is no row for {event}")
        elif event.op == "d":
            rows.pop(index)
        else:
            rows[index] = event.key, event.after


def agrees(row: dict, replayed: dict) -> bool:
    """A row of the table with one that was last sent when the table perhaps had other columns, or labels in other order."""
    common = [name for name in row if name in replayed]
    return bool(common) and all(alike(row[name], replayed[name]) for name in common)


def alike(one, other) -> bool:
    if events.equal(one, other):
        return True
    if isinstance(one, str) and isinstance(other, str):
        return sorted(one.split(",")) == sorted(other.split(","))
    return False


def clean(server):
    """Takes away what a case left on a server that goes on to another one."""
    system = ("mysql", "information_schema", "performance_schema", "sys")
    for (name,) in server.sql("show databases"):
        if name not in system:
            server.sql(f"drop database `{name}`")
    for user, host in server.sql("select user, host from mysql.user"):
        if host == "%" and user != "root":
            try:
                server.sql("drop user %s@%s", [user, host])
            except pymysql.Error:
                pass

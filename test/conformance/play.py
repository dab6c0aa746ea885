"""Plays one case: setup, millrace in Debezium's place, the changes with their directives.

What is particular to a database stands in its folder: how to run a script, to set a mark that comes back through
millrace, and to see that millrace reads.
"""
import json
import re
import time

from millrace import Millrace

QUIET = 1.0       # seconds without a new line after which a snapshot counts as read
LONGEST = 90.0    # no wait is longer, on a busy machine either


class Unsupported(Exception):
    """The case needs something that millrace does not have: says what."""


class Failure(Exception):
    """millrace or the database's client ended where Debezium went on. Its code, if millrace said one."""

    @property
    def code(self):
        found = re.search(r'"code":"([^"]+)"', str(self))
        return found[1] if found else ""


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


class Session:
    """database: prepare(), script(), reads(), mark(), is_mark(), now(), starting(), directive(), yaml()."""

    def __init__(self, case, database, plan, folder):
        self.case, self.database, self.plan = case, database, plan
        self.millrace = Millrace(folder)
        self.path = self.millrace.config(database.yaml(plan))
        self.running, self.done, self.marks = None, [], 0

    def start(self):
        self.plan.starts.append(self.database.starting())
        self.running = self.millrace.start("run", self.path)
        self.wait(self.database.reads, "the start")
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
        self.plan.settled.append(self.database.now())

    def settle(self):
        """Until a mark set now has come back, hence all that was committed before it."""
        self.marks += 1
        text = f"mark {self.marks}."
        self.database.mark(text)
        self.wait(lambda: any(self.database.is_mark(line, text) for line in self.running.lines[-50:]), text)
        self.plan.settled.append(self.database.now())

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
                self.stop()
            elif directive:
                self.directive(*directive)
            if statements.strip():
                self.database.script(statements, self.case, stop=False)
            if restart:
                self.start()
            self.settle()

    def directive(self, name, words):
        pause = re.fullmatch(r"sleep ([\d.]+)", words) if name == "shell" else None
        if pause:
            time.sleep(float(pause[1]))     # what happens by the clock shall happen
        elif name != "wait" and not self.database.directive(name, words):
            raise Unsupported(f"directive @{name}")


def run(case, database, plan, folder):
    """The records, as recordings have them, and what the database says."""
    database.fresh()
    database.script((case / "setup.sql").read_text() + "\n" + plan.setup, case)
    plan.starts.clear()
    plan.settled.clear()
    database.truth.note()
    session = Session(case, database, plan, folder)
    try:
        session.start()
        session.play()
        session.stop()
    finally:
        session.millrace.close()
    database.truth.collect()
    return [record(line) for line in session.done], database.truth


def record(line: dict) -> dict:
    return {"topic": line["topic"], "partition": 0, "key": line["key"], "value": line["value"],
            "headers": [[name, value] for name, value in (line.get("headers") or {}).items()]}


def dump(records, path):
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records))

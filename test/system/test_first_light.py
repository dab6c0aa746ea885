"""Real changes of a real PostgreSQL arrive as JSON lines, and tail and the quickstart leave nothing behind."""
import json
import os
import signal
import subprocess
import tempfile

import pytest
from millrace import ROOT
from servers import process


def config(db, **source):
    more = "".join(f"      {key}: {value}\n" for key, value in source.items())
    return f"""version: 1
pipelines:
  light:
    source:
      type: postgres
      dsn: "{db.dsn}"
      slot: light
      publication: {{name: light}}
      tables: ["public.*"]
{more}    format: {{type: json, envelope: debezium, schemas: false}}
    sink: {{type: stdout}}
"""


def run_until_now(millrace, path):
    running = millrace.run("run", path, "--until", "now")
    assert running.popen.returncode == 0, running.tail()
    return running


def test_rows_arrive_once_and_in_order(db, millrace):
    db.sql("create table orders (id int primary key, state text)")
    path = millrace.config(config(db))
    assert run_until_now(millrace, path).lines == [], "the first run makes the slot; nothing has happened since"

    with db.connect(autocommit=False) as connection:
        for number in range(1, 101):
            connection.execute("insert into orders values (%s, 'placed')", [number])
    db.sql("update orders set state = 'paid' where id = 7")
    db.sql("delete from orders where id = 8")

    events = run_until_now(millrace, path).events()
    assert len(events) == 102
    assert [event["after"]["id"] for event in events[:100]] == list(range(1, 101))
    assert [event["op"] for event in events] == ["c"] * 100 + ["u", "d"]
    assert events[100]["after"] == {"id": 7, "state": "paid"}
    assert events[101]["before"]["id"] == 8 and events[101]["after"] is None
    assert run_until_now(millrace, path).lines == [], "what was written is confirmed and does not come again"


def test_tail_shows_changes_and_leaves_nothing_behind(db, millrace):
    db.sql("create table orders (id int primary key, state text)")
    tail = millrace.start("tail", db.dsn, "--format", "json")
    process.wait_until(lambda: db.sql("select 1 from pg_replication_slots where database = %s and active", [db.name]),
                       20, "tail's slot is active", tail)
    db.sql("insert into orders values (1, 'placed')")
    line = tail.wait_lines(1)[0]
    assert "placed" in json.dumps(json.loads(line))
    tail.signal(signal.SIGINT)
    tail.wait()
    assert db.slots() == []
    assert db.sql("select pubname from pg_publication") == []


@pytest.mark.parametrize("words, table", [((), "public.orders"), (("--mariadb",), "orders")], ids=["postgres", "mariadb"])
def test_quickstart_shows_a_dozen_events_and_cleans_up(words, table):
    folder = tempfile.mkdtemp(prefix="millrace-quickstart-")
    os.chmod(folder, 0o755)  # the server's user has to get through
    before = set(os.listdir("/proc"))
    done = subprocess.run([ROOT / "scripts/quickstart", "--once", *words], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "TMPDIR": folder})
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 12
    assert table in done.stdout
    os.rmdir(folder)  # fails if anything is left

    def left():
        """Processes of the quickstart's server or load: their command lines name its folder."""
        found = []
        for pid in set(filter(str.isdigit, os.listdir("/proc"))) - before:
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read()
            except OSError:
                continue
            if folder.encode() in words:
                found.append(pid)
        return found

    process.wait_until(lambda: not left(), 10, "all processes of the quickstart are gone")

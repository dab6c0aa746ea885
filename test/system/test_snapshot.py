"""Reading the tables, as a user sees it: each mode, what is read again after a kill, progress, a sink that forgets."""
import json
import os
import pty
import subprocess
import time

import files
import pytest
from millrace import binary
from servers import process

CONFIG = """version: 1
pipelines:
  shop:
    source:
      type: postgres
      dsn: "{dsn}"
      slot: {slot}
      tables: ["public.*"]
{options}    format: {{type: json, envelope: {envelope}}}
    sink: {sink}
"""


class Shop:
    """A pipeline into files, or to standard output."""

    def __init__(self, db, millrace):
        self.db, self.millrace = db, millrace
        self.out = millrace.folder / "out"
        self.write()

    def write(self, sink=None, envelope="flat", **options):
        lines = "".join(f"      {key}: {json.dumps(value)}\n" for key, value in options.items())
        sink = sink or f"{{type: file, directory: {self.out}}}"
        self.path = self.millrace.config(CONFIG.format(dsn=self.db.dsn, slot=self.db.name, options=lines, sink=sink,
                                                       envelope=envelope))

    def until_now(self, code=0, seconds=60):
        done = self.millrace.run("run", self.path, "--until", "now", seconds=seconds)
        assert done.popen.returncode == code, done.tail()
        return done

    def ids(self):
        return sorted(event["id"] for event in files.events(self.out)) if self.out.exists() else []


@pytest.fixture
def shop(db, millrace):
    db.psql("create table a (id int primary key, v text); create table b (id int primary key, v text);"
            "insert into a values (1, 'x'), (2, 'y'); insert into b values (11, 'x')")
    return Shop(db, millrace)


def test_initial_reads_the_rows_and_goes_on(db, shop):
    shop.until_now()
    assert shop.ids() == [1, 2, 11]
    db.sql("insert into a values (3, 'z')")
    shop.until_now()
    assert shop.ids() == [1, 2, 3, 11]


def test_no_data_reads_changes_only(db, shop):
    shop.write(snapshot="no_data")
    shop.until_now()
    db.sql("insert into a values (3, 'z')")
    shop.until_now()
    assert shop.ids() == [3]


def test_initial_only_ends_by_itself(db, shop):
    shop.write(snapshot="initial_only")
    done = shop.millrace.run("run", shop.path)
    assert done.popen.returncode == 0, done.tail()
    db.sql("insert into a values (3, 'z')")
    done = shop.millrace.run("run", shop.path)
    assert done.popen.returncode == 0 and shop.ids() == [1, 2, 11]


def test_when_needed_reads_again_instead_of_refusing(db, shop):
    shop.write(snapshot="when_needed")
    shop.until_now()
    shop.until_now()
    assert shop.ids() == [1, 2, 11], "a position that can be resumed is resumed"
    db.sql("select pg_drop_replication_slot(%s)", [db.name])
    db.sql("insert into a values (3, 'in the hole')")
    done = shop.until_now()
    assert any("source.snapshot_again" in line for line in done.errors)
    assert shop.ids() == [1, 1, 2, 2, 3, 11, 11]


def test_only_the_tables_and_rows_asked_for_are_read_and_changes_come_from_all(db, shop):
    db.sql("create table c (id int primary key, v text)")
    db.sql("insert into c values (21, 'x'), (22, 'y')")
    shop.write(snapshot_include_collection_list=["public.a", "public.c"],
               snapshot_select_statement_overrides={"public.a": "select * from public.a where id > 1"})
    shop.until_now()
    assert shop.ids() == [2, 21, 22]
    db.psql("insert into a values (0, 'z'); insert into b values (12, 'z');")
    shop.until_now()
    assert shop.ids() == [0, 2, 12, 21, 22]


def test_the_markers_of_the_first_and_last_rows(db, shop):
    db.sql("create table e (id int primary key)")
    shop.write(envelope="debezium")
    shop.until_now()
    marks = {}
    for event in files.events(shop.out):
        source = event.get("payload", event)["source"]
        marks.setdefault(source["table"], []).append(source["snapshot"])
    assert marks == {"a": ["first", "last_in_data_collection"], "b": ["last"]}


def slots(db):
    """Those of all databases: a physical slot belongs to none."""
    return [row[0] for row in db.sql("select slot_name from pg_replication_slots")]


def fill(db, rows):
    db.sql("insert into a select n, repeat('x', 200) from generate_series(100, %s::int) n", [100 + rows])
    db.sql("analyze a")


def blocked(shop, **more):
    """A run whose reader of standard output does not read."""
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", binary(), "run", shop.path], text=True,
                            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more)


def test_a_kill_while_tables_are_read_loses_no_row_where_the_sink_forgets(db, shop):
    """Standard output keeps no position: all tables are read again, and after that no more."""
    fill(db, 60000)
    shop.write(sink="{type: stdout}")
    running = blocked(shop)
    try:
        process.wait_until(lambda: f"{db.name}_unread" in slots(db), 60, "the mark is set")
        process.wait_until(lambda: db.slots() == [db.name], 60, "the slot is made")
        time.sleep(1)
        assert running.poll() is None, "it waits for its reader"
    finally:
        running.kill()
        running.wait()
    db.sql("insert into b values (12, 'later')")
    done = shop.until_now()
    ids = [json.loads(line)["id"] for line in done.lines]
    assert {1, 2, 11, 12} <= set(ids) and len(set(ids)) == 60005
    assert f"{db.name}_unread" not in slots(db)
    assert shop.until_now().lines == [], "the tables are not read a third time"


def test_a_finished_table_is_not_read_again_after_a_kill(db, shop):
    """Table a is out before the kill, b is being read, and takes long."""
    db.sql("insert into b values (12, 'slow')")
    slow = "select * from public.b where id = 11 or pg_sleep(60) is not null"
    shop.write(snapshot_select_statement_overrides={"public.b": slow})
    running = shop.millrace.start("run", shop.path)
    reading = "select 1 from pg_stat_activity where query like 'COPY%pg_sleep(60)%' and state = 'active'"
    process.wait_until(lambda: db.sql(reading), 60, "table b is being read", running)
    process.wait_until(lambda: sum(one["records"] for commit in files.commits(shop.out) for one in commit["files"]) == 2, 30,
                       "table a is committed", running)
    running.kill9()
    shop.write()
    shop.until_now()
    assert shop.ids() == [1, 2, 11, 12]


def test_progress_is_a_bar_on_a_terminal(db, shop):
    """The reader of standard output does not read, which gives the bar its time."""
    fill(db, 60000)
    shop.write(sink="{type: stdout}")
    screen, terminal = pty.openpty()
    running = blocked(shop, stderr=terminal)
    os.close(terminal)
    shown, deadline = b"", time.monotonic() + 30
    try:
        while b"rows/s" not in shown and time.monotonic() < deadline:
            shown += os.read(screen, 65536)
    finally:
        running.kill()
        running.wait()
        os.close(screen)
    bar = shown.decode().rpartition("\r[")[2]
    assert "% | " in bar and " of about 60003 rows | " in bar and "table 1 of 2" in bar, shown


def test_progress_is_a_line_every_ten_seconds_otherwise(db, shop):
    """A sink that waits for its reader makes a long snapshot."""
    fill(db, 60000)
    shop.write(sink="{type: stdout}")
    running = blocked(shop)
    try:
        deadline = time.monotonic() + 40
        lines = []
        while time.monotonic() < deadline and not any("snapshot progress" in line for line in lines):
            lines.append(running.stderr.readline())
        line = json.loads(next(line for line in lines if "snapshot progress" in line))
        assert line["rows"] > 0 and line["rows_estimated"] >= 60000 and line["tables"] == 2 and line["table"] == 1
        assert {"rows_per_second", "seconds_left"} <= set(line)
    finally:
        running.kill()
        running.wait()


def test_a_slot_that_is_still_being_made_is_not_adopted(db, shop):
    """A first start dies while its slot waits for an open transaction; the server goes on making it, for nobody."""
    with db.connect(autocommit=False) as connection:
        connection.execute("insert into a values (3, 'open')")
        first = shop.millrace.start("run", shop.path)

        def unfinished():
            return db.sql("select 1 from pg_replication_slots where slot_name = %s and confirmed_flush_lsn is null", [db.name])

        process.wait_until(unfinished, 60, "the slot is being made", first)
        first.wait_error("source.slot_waits", 60)  # by now the server is where it does not notice that its client has gone
        first.kill9()
        second = shop.millrace.start("run", shop.path)
        second.wait_error("is no slot yet", 60)
        connection.commit()
    db.sql("insert into b values (12, 'after')")
    process.wait_until(lambda: shop.ids() == [1, 2, 3, 11, 12], 90, "all rows", second, pause=0.2)
    assert second.stop() == 0, second.tail()
    resumes = [commit["checkpoint"]["source"].get("resume") for commit in files.commits(shop.out)]
    assert "0/0" not in resumes
    db.sql("insert into b values (13, 'later')")
    shop.until_now()
    assert shop.ids() == [1, 2, 3, 11, 12, 13]

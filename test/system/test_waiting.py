"""Waiting is waiting: a pipeline whose database or registry is away uses next to no CPU, whatever its sink, and how such a
run ends when it is stopped."""
import os
import pathlib
import signal
import time

import pytest
from servers import kfake as kfake_server

SECONDS, SHARE = 3, 0.1  # of one core

CONFIG = """version: 1
pipelines:
  {name}:
    source: {{type: postgres, name: {name}, dsn: "{dsn}", slot: {name}, publication: {{name: {name}}}, tables: ["public.*"],
             snapshot: no_data}}
{form}    sink: {sink}
    limits: {{drain: 2s}}
"""
JSON = "    format: {type: json, envelope: flat}\n"
AVRO = "    format: {type: avro, registry: {urls: [\"http://127.0.0.1:1\"]}}\n"
SINKS = {"null": "{type: 'null'}", "stdout": "{type: stdout}", "file": "{{type: file, directory: '{folder}'}}",
         "kafka": "{{type: kafka, brokers: ['{bootstrap}']}}"}


@pytest.fixture(scope="module")
def bootstrap():
    if kfake_server.binary() is None:
        pytest.skip("kfake cannot be built here: there is no Go")
    broker = kfake_server.Kfake()
    yield broker.bootstrap
    broker.close()


def text_of(millrace, name, dsn, sink, bootstrap, form=JSON):
    folder = millrace.folder / "out"
    sink = SINKS[sink].format(folder=folder, bootstrap=bootstrap) if "{{" in SINKS[sink] else SINKS[sink]
    return millrace.config(CONFIG.format(name=name, dsn=dsn, sink=sink, form=form))


def through(db, proxy):
    between = proxy(db.server.port)
    return between, db.dsn.replace(f"port={db.server.port}", f"port={between.port}")


def cpu(pid) -> float:
    """Seconds of CPU, user and system, so far."""
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def idles(running, what):
    time.sleep(1)
    before = cpu(running.pid)
    time.sleep(SECONDS)
    share = (cpu(running.pid) - before) / SECONDS
    print(f"{what}: {100 * share:.1f} % of a core")
    assert share < SHARE, f"{what}: {100 * share:.0f} % of a core while it waits\n{running.tail()}"


@pytest.mark.parametrize("sink", SINKS)
def test_a_database_that_is_away_costs_nothing(db, millrace, proxy, bootstrap, sink):
    db.sql("create table t (id int primary key)")
    between, dsn = through(db, proxy)
    running = millrace.start("run", text_of(millrace, f"away_{sink}", dsn, sink, bootstrap))
    running.wait_error("streaming")
    db.sql("insert into t values (1)")
    time.sleep(0.5)
    between.down()
    running.wait_error("will try again")
    idles(running, f"{sink}, database away")
    between.up()
    running.stop()


@pytest.mark.parametrize("sink", ["file", "kafka"])
def test_a_registry_that_is_away_costs_nothing(db, millrace, bootstrap, sink):
    db.sql("create table t (id int primary key)")
    name = f"registry_{sink}"
    running = millrace.start("run", text_of(millrace, name, db.dsn, sink, bootstrap, AVRO))
    running.wait_error("streaming")
    db.sql("insert into t values (1)")
    running.wait_error("registry.unreachable")
    idles(running, f"{sink}, registry away")
    running.signal(signal.SIGTERM)
    assert running.wait() == 1, "the change in hand was not delivered"
    assert "pipeline.drain_cut" in running.tail()


def test_a_run_with_an_end_that_is_stopped_before_it_has_not_come_to_it(db, millrace, proxy, bootstrap):
    db.sql("create table t (id int primary key)")
    between, dsn = through(db, proxy)
    between.down()
    path = text_of(millrace, "never", dsn, "file", bootstrap)
    for arguments, code in ((["--until", "now"], 1), ([], 0)):
        running = millrace.start("run", path, *arguments)
        running.wait_error("will try again")
        running.signal(signal.SIGTERM)
        assert running.wait() == code, running.tail()
        assert ("pipeline.until_not_reached" in running.tail()) == bool(arguments)
    between.up()
    assert millrace.run("run", path, "--until", "now").popen.returncode == 0

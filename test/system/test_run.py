"""run as a service manager sees it: signals, several pipelines in one process, exit codes, one answer with --json."""
import json
import os
import signal
import subprocess
import time

import files
import pytest
from millrace import binary
from servers import process

PIPELINE = """  {name}:
    source: {{type: postgres, dsn: "{dsn}", slot: {slot}, publication: {{name: {slot}}}, tables: ["public.*"], snapshot: no_data}}
    format: {{type: json, envelope: flat}}
    sink: {sink}
"""


@pytest.fixture
def orders(db):
    db.sql("create table orders (id int primary key, note text)")
    return db


def pipelines(millrace, *texts):
    return millrace.config("version: 1\npipelines:\n" + "".join(texts))


def pipeline(db, name, sink, dsn=None):
    return PIPELINE.format(name=name, dsn=dsn or db.dsn, slot=f"run_{name}", sink=sink)


def has_read(db, running):
    """The server has sent all there is, and the reader had a moment to take it."""
    end = db.one("select pg_current_wal_flush_lsn()")
    process.wait_until(lambda: db.sql("select 1 from pg_stat_replication where sent_lsn >= %s and application_name = "
                                      "'millrace one'", [end]), 60, "everything is sent", running)
    time.sleep(0.5)


def test_one_that_fails_leaves_the_others_running_and_decides_the_exit_code(orders, millrace):
    wrong = orders.dsn.replace("user=postgres", "user=nobody_at_all")
    out = millrace.folder / "out"
    path = pipelines(millrace, pipeline(orders, "good", f"{{type: file, directory: {out}}}"),
                     pipeline(orders, "bad", "{type: 'null'}", wrong))
    running = millrace.start("run", path, "--json")
    running.wait_error("source.auth")
    process.wait_until(lambda: orders.slots() == ["run_good"], 60, "the good one has its slot", running)
    orders.sql("insert into orders values (1)")
    process.wait_until(lambda: (out / "_millrace").exists() and files.events(out), 60, "its row is in a file", running)
    assert not running.ended()
    assert running.stop() == 77, running.tail()
    answer = json.loads(running.errors[-1])
    assert answer["ok"] is False and answer["error"]["code"] == "source.auth"
    states = {one["name"]: (one["state"], one["exit_code"]) for one in answer["result"]["pipelines"]}
    assert states == {"good": ("stopped", 0), "bad": ("failed", 77)}


def test_only_the_pipelines_asked_for(orders, millrace):
    path = pipelines(millrace, pipeline(orders, "one", "{type: 'null'}"), pipeline(orders, "two", "{type: 'null'}"))
    done = millrace.run("run", path, "--pipeline", "two", "--until", "now")
    assert done.popen.returncode == 0 and orders.slots() == ["run_two"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_delivers_what_was_read_and_ends_with_0(orders, millrace, number):
    out = millrace.folder / "out"
    path = pipelines(millrace, pipeline(orders, "one", f"{{type: file, directory: {out}, roll: {{age: 1h}}}}"))
    running = millrace.start("run", path)
    running.wait_error('"streaming"')
    orders.sql("insert into orders select generate_series(1, 1000)")
    has_read(orders, running)
    running.signal(number)
    assert running.wait() == 0, running.tail()
    delivered = [event["id"] for event in files.events(out)]
    assert delivered in ([], list(range(1, 1001))), "a transaction is delivered whole"
    assert millrace.run("run", path, "--until", "now").popen.returncode == 0
    assert [event["id"] for event in files.events(out)] == list(range(1, 1001))


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_at_once(orders, millrace, number, code):
    """The reader of standard output does not read, so the first signal has something to wait for."""
    path = pipelines(millrace, pipeline(orders, "one", "{type: stdout}"))
    started = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", binary(), "run", path], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, env=os.environ)
    try:
        process.wait_until(lambda: orders.sql("select 1 from pg_replication_slots where active and slot_name = 'run_one'"),
                           60, "streaming")
        orders.sql("insert into orders select n, repeat('x', 1000) from generate_series(1, 5000) n")
        time.sleep(1)
        started.send_signal(number)
        time.sleep(1)
        assert started.poll() is None, "it waits for its reader"
        started.send_signal(number)
        assert started.wait(20) == code
    finally:
        started.kill()
        started.wait()


FROZEN = """#include <unistd.h>
#include <stdlib.h>
int fdatasync(int fd) { while (access(getenv("FROZEN"), F_OK) == 0) sleep(1); return fsync(fd); }
"""


def test_a_disk_that_hangs_does_not_hold_up_the_end(orders, millrace):
    """Nobody can wake a thread out of such a call: the process ends without it, and says so."""
    if any(runtime in open(binary(), "rb").read() for runtime in (b"__asan_init", b"__tsan_init")):
        pytest.skip("nothing can be preloaded into a sanitizer's build")
    frozen, library, out = (millrace.folder / name for name in ("frozen", "frozen.so", "out"))
    subprocess.run(["cc", "-shared", "-fPIC", "-xc", "-", "-o", library], input=FROZEN, text=True, check=True)
    path = pipelines(millrace, pipeline(orders, "one", f"{{type: file, directory: {out}, roll: {{age: 100ms}}}}"))
    path.write_text(path.read_text() + "    limits: {drain: 1s}\n")
    running = millrace.start("run", path, "--json", env={"LD_PRELOAD": str(library), "FROZEN": str(frozen)})
    running.wait_error('"streaming"')
    frozen.touch()
    orders.sql("insert into orders values (1)")
    has_read(orders, running)
    running.signal(signal.SIGTERM)
    assert running.wait(20) == 1, running.tail()
    answer = json.loads(running.errors[-1])
    assert answer["error"]["code"] == "pipeline.drain_cut" and "does not stop" in answer["error"]["text"]
    assert millrace.run("run", path, "--until", "now").popen.returncode == 0
    assert [event["id"] for event in files.events(out)] == [1]


def test_sigusr1_rolls_the_files(orders, millrace):
    out = millrace.folder / "out"
    path = pipelines(millrace, pipeline(orders, "one", f"{{type: file, directory: {out}, roll: {{age: 1h}}}}"))
    running = millrace.start("run", path)
    running.wait_error('"streaming"')
    orders.sql("insert into orders values (1)")
    has_read(orders, running)
    running.signal(signal.SIGUSR1)
    process.wait_until(lambda: files.events(out), 60, "the file is published", running)
    assert not running.ended() and running.stop() == 0


def test_the_environment_names_the_configuration_and_the_log_level(orders, millrace):
    path = pipelines(millrace, pipeline(orders, "one", "{type: 'null'}"))
    done = millrace.run("run", "--until", "now", env={"MILLRACE_CONFIG": str(path), "MILLRACE_LOG_LEVEL": "error"})
    assert done.popen.returncode == 0 and not any('"info"' in line for line in done.errors)
    done = millrace.run("run", "--until", "now", env={"MILLRACE_CONFIG": str(path), "MILLRACE_LOG_LEVEL": "loud"})
    assert done.popen.returncode == 64 and "usage.value" in done.errors[0]

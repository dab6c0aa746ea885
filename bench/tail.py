#!/usr/bin/env python3
"""bench/tail: what somebody feels who watches a database on a terminal, and what an idle pipeline costs.

Measures, on a PostgreSQL of its own: time from the start of the process to the first event on an existing slot; commit
to line in `millrace tail` at 200 single-row transactions a second; resident memory and CPU of an idle pipeline over
twenty seconds. Prints a Markdown table. --rounds N repeats the start. Run it with the tests' Python:

    scripts/build && ~/.cache/millrace/venv/bin/python bench/tail.py
"""
import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "test/support"))

from millrace import Millrace  # noqa: E402
from servers.postgres import Database, Postgres  # noqa: E402

CONFIG = """version: 1
pipelines:
  bench:
    source: {{type: postgres, dsn: "{dsn}", slot: bench, publication: {{name: bench}}, tables: ["public.t"], snapshot: no_data}}
    format: {{type: json, schemas: false}}
    sink: {{type: stdout}}
"""


def usage(pid):
    """CPU seconds and resident kB of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), resident


def first_event(db, millrace, path, rounds):
    """Milliseconds from exec to the first line, for a backlog of one row."""
    times = []
    for number in range(rounds):
        db.sql("insert into t(at) values (clock_timestamp())")
        begin = time.monotonic()
        running = millrace.start("run", path)
        while not running.lines:
            time.sleep(0.0005)
        times.append((time.monotonic() - begin) * 1000)
        running.stop()
    return times


def tail_latency(db, millrace, rows):
    """Milliseconds from the transaction's clock to the line in our hands."""
    running = millrace.start("tail", db.dsn, "--format", "json")
    times = []
    with db.connect() as connection:
        while not running.lines:  # the first line: the temporary slot is there
            connection.execute("insert into t(at) values (clock_timestamp())")
            time.sleep(0.1)
        time.sleep(0.5)
        for _ in range(rows):
            seen = len(running.lines)
            connection.execute("insert into t(at) values (clock_timestamp())")
            committed = time.time()
            while len(running.lines) == seen:
                time.sleep(0.0002)
            times.append((time.time() - committed) * 1000)
            time.sleep(0.004)
    running.stop()
    assert all(json.loads(line)["op"] == "c" for line in running.lines)
    return times


def idle(millrace, path, seconds):
    running = millrace.start("run", path)
    time.sleep(3)
    before, _ = usage(running.pid)
    time.sleep(seconds)
    after, resident = usage(running.pid)
    running.stop()
    return (after - before) / seconds * 100, resident / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--idle", type=int, default=20)
    options = parser.parse_args()
    server = Postgres(fsync="on").start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            db, millrace = Database(server, "bench"), Millrace(folder)
            db.sql("create table t (id bigserial primary key, at timestamptz)")
            path = millrace.config(CONFIG.format(dsn=db.dsn))
            millrace.run("run", path, "--until", "now")
            starts = first_event(db, millrace, path, options.rounds)
            cpu, resident = idle(millrace, path, options.idle)
            times = sorted(tail_latency(db, millrace, options.rows))
            millrace.close()
    finally:
        server.close()
    print("| measured | value |\n|---|---|")
    print(f"| start to first event, existing slot, median of {len(starts)} | {statistics.median(starts):.0f} ms |")
    print(f"| commit to line in tail, p50 of {len(times)} | {times[len(times) // 2]:.2f} ms |")
    print(f"| commit to line in tail, p99 | {times[len(times) * 99 // 100]:.2f} ms |")
    print(f"| idle, CPU | {cpu:.2f} % of a core |")
    print(f"| idle, resident | {resident:.1f} MB |")


if __name__ == "__main__":
    main()

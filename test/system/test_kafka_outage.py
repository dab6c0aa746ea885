"""The brokers are away for long while rows come in: frozen at first, then dead, then back.

MR_OUTAGE=600 makes it ten minutes; otherwise it is some times as long as PostgreSQL waits for a sign of life. Printed at
the end: what docs/explanation/outage.md keeps.
"""
import json
import os
import threading
import time

import pytest
from ledger import Load, check
from servers import process
from test_kafka_route import config, until_now

SECONDS = int(os.environ.get("MR_OUTAGE") or 36)
RATE, SIZE = 1000, 20  # rows a second, rows a transaction
CEILING = 256  # MiB: an eighth of it is commit.bytes times eight, the rest queue, pool and librdkafka


class Steady(Load):
    """So many rows a second, whatever a transaction takes."""

    def _run(self):
        try:
            with self.db.connect(autocommit=False) as connection:
                begin = time.monotonic()
                while not self.stopping.is_set():
                    self.transaction(connection, SIZE)
                    time.sleep(max(0, begin + self.committed * SIZE / RATE - time.monotonic()))
        except Exception as problem:  # told by stop()
            self.failure = problem


class Memory:
    """VmRSS in MiB, once a second."""

    def __init__(self, pid):
        self.path, self.seen, self.over = f"/proc/{pid}/status", [], threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.over.wait(1):
            try:
                with open(self.path) as status:
                    words = dict(line.split(":", 1) for line in status)
            except OSError:
                return
            if "VmRSS" in words:  # not of a process that is ending
                self.seen.append(int(words["VmRSS"].split()[0]) / 1024)

    def peak(self):
        return max(self.seen)


@pytest.mark.release
def test_brokers_away_under_load(db, millrace, kafka):
    db.sql(f'alter database "{db.name}" set wal_sender_timeout = \'10s\'')
    load, path = Steady(db), millrace.config(config(db, kafka, "outage"))
    until_now(millrace, path)
    running = millrace.start("run", path)
    load.start()

    def reader():
        return db.sql("select active_pid from pg_replication_slots where slot_name = 'outage'")[0][0]

    def behind():
        """Bytes of log that are written and not yet confirmed: what is confirmed is in Kafka."""
        return db.one("select pg_current_wal_lsn() - confirmed_flush_lsn from pg_replication_slots "
                      "where slot_name = 'outage'")

    running.wait_error("streaming")
    process.wait_until(lambda: load.committed > 200 and behind() < 1 << 20, 120, "a steady stream", running, pause=0.5)
    connection, memory, before = reader(), Memory(running.pid), load.committed
    begin = time.monotonic()
    kafka.freeze(1)
    time.sleep(SECONDS / 4)
    kafka.kill9()
    try:
        while time.monotonic() < begin + SECONDS:
            assert not running.ended(), running.tail()
            assert reader() == connection, running.tail()
            time.sleep(1)
        middle = memory.seen[len(memory.seen) // 2]
        last = memory.seen[-1]
    finally:
        kafka.start()  # other tests want it, whatever became of this one
    waiting, back = load.committed - before, time.monotonic()
    process.wait_until(lambda: behind() < 1 << 20, 300 + SECONDS, "the backlog delivered", running, pause=1)
    caught_up = time.monotonic() - back
    load.stop()
    assert reader() == connection, "the connection to PostgreSQL outlives it"
    assert running.stop() == 0, running.tail()
    until_now(millrace, path)
    check(kafka, load, "outage")

    reasons = [line for line in map(json.loads, running.errors[:-1]) if line.get("code", "").startswith(("kafka.", "sink.kafka."))]
    print(f"\naway for {back - begin:.0f} s, {waiting * SIZE} rows inserted meanwhile ({waiting * SIZE / (back - begin):.0f} a "
          f"second), caught up {caught_up:.0f} s after the broker was up again; memory before {memory.seen[0]:.0f}, in the "
          f"middle {middle:.0f}, at the end {last:.0f}, peak {memory.peak():.0f} MiB; {len(reasons)} lines in the log on it; "
          f"{load.committed * SIZE} rows, none lost, doubled or out of order")
    assert reasons and reasons[0]["code"] == "kafka.unreachable"
    assert len(reasons) < 10 + SECONDS / 20, "the same reason is told about once a minute"
    assert memory.peak() < CEILING, memory.seen
    assert last < middle + 32, "memory does not grow while brokers are away"


@pytest.mark.parametrize("way", (pytest.param("kill", marks=pytest.mark.release), "freeze"))
def test_an_outage_tears_no_transaction(db, millrace, kafka, way):
    """One transaction far below commit.split; the broker goes in its middle, for longer than a transaction may take to be
    split by time, and comes back before brokers end it, or after. Readers see all of it or nothing: between two records
    of a partition that became visible apart stands the marker of an end, which has an offset of its own."""
    rows, name = 60_000, f"whole_{way}"
    db.sql("create table big (id int primary key, v text)")
    sink = "      create_topics: {partitions: 1}\n      transaction_timeout: 12s\n      commit: {bytes: 1MiB}\n"
    path = millrace.config(config(db, kafka, name, sink=sink))
    until_now(millrace, path)
    db.sql("insert into big values (0, 'before')")
    running = millrace.start("run", path)
    running.wait_error("streaming")
    process.wait_until(lambda: kafka.count(f"{name}.public.big") == 1, 60, "the first row", running)
    db.sql("insert into big select n, repeat('x', 1000) from generate_series(1, %s) n", [rows])
    process.wait_until(lambda: kafka.end(f"{name}.public.big") > 1000, 60, "the first rows", running, pause=0)
    if way == "kill":
        kafka.kill9()
    else:
        kafka.freeze(1)
    time.sleep(8)
    if way == "kill":
        kafka.start()
    else:
        kafka.thaw(1)
    process.wait_until(lambda: kafka.count(f"{name}.public.big") >= rows + 1, 120, "all rows", running, pause=0.5)
    assert running.stop() == 0, running.tail()
    offsets = [message.offset() for message in kafka.consume(f"{name}.public.big")][1:]
    assert len(offsets) == rows
    gaps = [number for number, (one, next_one) in enumerate(zip(offsets, offsets[1:]), 1) if next_one != one + 1]
    assert not gaps, f"the transaction became visible in pieces, torn behind {gaps[:5]} rows"

"""Requests to Kafka that are lost, answered to nobody, late or doubled, on a real broker behind a proxy that knows them.

The EndTxn that was held up is the one that doubles rows: librdkafka sends it again on a new connection, the transaction
ends, the next one begins with the same epoch, and the one that was held ends that in its middle.

The sweeps try a sample of all requests of a small load and of a first start; its seed is printed, MILLRACE_SEED repeats it,
MILLRACE_FULL tries all.
"""
import collections
import os
import random
import time

import pytest
from ledger import Load, check
from servers import process
from servers.kafka import Kafka
from servers.requests import ACTIONS, KINDS, Requests
from test_kafka_route import config, until_now


class Proxied:
    """The broker's two doors: clients of the test go straight to it, millrace through the proxy."""

    def __init__(self, kafka):
        self.kafka, self.proxy = kafka, kafka.brokers[0].proxy
        self.bootstrap = kafka.proxied_bootstrap


@pytest.fixture(scope="module")
def broker():
    cluster = Kafka(settings={"transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000"}, proxied=Requests)
    try:
        cluster.start()
        yield Proxied(cluster)
    finally:
        cluster.close()


@pytest.mark.parametrize("late", (0.2, 0.45, 0.7))
def test_an_end_of_a_transaction_that_was_held_up_ends_no_other(db, millrace, broker, late):
    name = f"held{int(100 * late)}"
    load, path = Load(db), millrace.config(config(db, broker, name, sink="      commit: {interval: 1s}\n"))
    until_now(millrace, path)
    running = millrace.start("run", path)
    running.wait_error("streaming")
    load.start()
    broker.proxy.attack("EndTxn", 3, "hold", late=late)
    assert broker.proxy.delivered.wait(60), running.tail()
    before = load.committed
    process.wait_until(lambda: load.committed > before + 100, 60, "more transactions", running)
    load.stop()
    assert running.stop() == 0, running.tail()
    until_now(millrace, path)
    check(broker.kafka, load, name)


SINK = "      commit: {interval: 5ms, bytes: 64KiB}\n      create_topics: {partitions: 2}\n"
SAMPLE = 8


class Sweep:
    """A pipeline whose every run has the N-th request of a kind go wrong; afterwards all is there once and in order."""

    def __init__(self, db, millrace, broker, name):
        self.db, self.millrace, self.broker, self.name = db, millrace, broker, name
        self.begin(name)

    def begin(self, name):
        self.db.psql("drop table if exists ledger, account")
        self.name, self.load = name, Load(self.db)
        self.path = self.millrace.config(config(self.db, self.broker, name, sink=SINK))

    def run(self):
        return until_now(self.millrace, self.path)

    def counted(self, before=lambda: None) -> dict[str, int]:
        """How many requests of each kind an undisturbed run makes."""
        before()
        self.broker.proxy.attack("none", 1, "cut")
        self.run()
        return dict(self.broker.proxy.seen)

    def attacked(self, kind, number, action):
        self.broker.proxy.attack(kind, number, action, late=0.05)
        try:
            self.run()
        finally:
            self.broker.proxy.peace()
        return self.broker.proxy.done.is_set()


def attacks(counted: dict[str, int]):
    """Every request of the run by every mishap; a sample of them unless all are asked for."""
    every = [(kind, number, action) for kind, count in sorted(counted.items()) for number in range(1, count + 1)
             for action in ACTIONS if kind in KINDS.values()]
    if os.environ.get("MILLRACE_FULL"):
        return every
    seed = int(os.environ.get("MILLRACE_SEED") or time.time())
    print(f"MILLRACE_SEED={seed}: {SAMPLE} of {len(every)}")
    return random.Random(seed).sample(every, SAMPLE)


def test_each_request_of_a_load_goes_wrong(db, millrace, broker):
    sweep, befallen = Sweep(db, millrace, broker, "cut"), collections.Counter()
    sweep.run()
    for kind, number, action in attacks(sweep.counted(lambda: sweep.load.some(60))):
        sweep.load.some(60)
        befallen[kind, action] += sweep.attacked(kind, number, action)
        sweep.run()
        try:
            check(broker.kafka, sweep.load, sweep.name)
        except AssertionError as problem:
            raise AssertionError(f"{action} of {kind} {number}: {problem}") from None
    print(f"{befallen.total()} requests: " + ", ".join(f"{kind} {action} {n}" for (kind, action), n in sorted(befallen.items())))
    assert befallen.total() > SAMPLE / 2


def test_each_request_of_a_first_start_goes_wrong(db, millrace, broker):
    sweep, befallen = Sweep(db, millrace, broker, "first"), collections.Counter()
    for turn, (kind, number, action) in enumerate(attacks(sweep.counted())):
        sweep.begin(f"first{turn}")
        befallen[kind, action] += sweep.attacked(kind, number, action)
        sweep.load.some(20)
        sweep.run()
        try:
            check(broker.kafka, sweep.load, sweep.name)
        except AssertionError as problem:
            raise AssertionError(f"{action} of {kind} {number}: {problem}") from None
        db.sql("select pg_drop_replication_slot(%s)", [sweep.name])
    print(f"{befallen.total()} requests: " + ", ".join(f"{kind} {action} {n}" for (kind, action), n in sorted(befallen.items())))
    assert befallen.total() > SAMPLE / 2

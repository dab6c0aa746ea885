"""Kill -9, and stops with a successor, before each call with an outside effect, on the route from PostgreSQL to Kafka.

On every build they run on kfake, in samples whose seed is printed. MILLRACE_FULL tries every call; MR_BROKER=kafka takes a
real broker instead (docs/explanation/kill-at-call.md has the results). What readers see is read by a consumer of its own
(support/follower.py), read_committed.
"""
import functools
import json
import os

import killat
import pytest
import sweeps
from follower import Follower

from servers import kfake as kfake_server


@pytest.fixture(scope="module")
def broker(request):
    if os.environ.get("MR_BROKER") == "kafka":
        yield request.getfixturevalue("kafka")
        return
    if kfake_server.binary() is None:
        pytest.skip("kfake cannot be built here: there is no Go")
    server = kfake_server.Kfake()
    yield server
    server.close()


@pytest.fixture(scope="module")
def follower(broker):
    one = Follower(broker.bootstrap)
    yield one
    one.close()


class KafkaRoute(sweeps.Route):
    snapshot_rows = 2000  # so many that a table goes into several transactions
    rereads = True

    def __init__(self, broker, follower, *arguments, topics="one", **more):
        self.broker, self.follower, self.topics = broker, follower, topics
        super().__init__(*arguments, **more)

    def sink(self):
        many = self.topics == "many"
        return f"""      type: kafka
      brokers: ["{self.broker.bootstrap}"]
      topic: "{self.slot}{'.{table}' if many else ''}"
      create_topics: {{partitions: {3 if many else 1}}}
      transactional_id: {self.slot}
      checkpoint_topic: {self.slot}.checkpoint
      commit: {{interval: 5ms, bytes: 64KiB, split: 500}}
    limits: {{batch: 16KiB}}"""

    def data_topics(self):
        return [f"{self.slot}.items", f"{self.slot}.other"] if self.topics == "many" else [self.slot]

    def messages(self):
        return self.follower.read(*self.data_topics())

    def events(self):
        return [json.loads(message.value()) for message in self.messages()]

    def digest(self):
        return [(message.topic(), message.partition(), message.offset(), message.key(), message.value())
                for message in self.follower.read(*self.data_topics(), f"{self.slot}.checkpoint")]

    def order(self, change):
        # Across partitions there is no order; a key stays in its own.
        return (change[0], change[2]) if self.topics == "many" else None

    def claimed(self, calls):
        return "EndTxn" in [call.request for call in calls]


@pytest.fixture
def make(broker, follower, db, millrace):
    return functools.partial(KafkaRoute, broker, follower, db, millrace)


@pytest.fixture
def route(make):
    made = make()
    yield made
    made.close()


def test_killed_before_each_call_of_a_first_start(make):
    """The checkpoint topic, init_transactions, the claim, the publication, the slot."""
    sweeps.kill_in_a_first_start(make, sample=True)


def test_killed_before_each_call_of_a_snapshot(make, db):
    sweeps.kill_in_a_snapshot(make, db)


def test_killed_before_each_call_of_a_load(route):
    sweeps.kill_in_a_load(route, sample=True)


def test_killed_before_each_call_with_several_partitions(make):
    route = make(topics="many")
    sweeps.kill_in_a_load(route, sample=True)
    route.close()


# Who begins anew, what was open, where it stands, what is written, and what the source is told.
STEPS = ("InitProducerId", "ListOffsets", "Fetch", "AddPartitionsToTxn", "Produce", "EndTxn", "START_REPLICATION", "status")


@pytest.mark.parametrize("step", STEPS)
def test_killed_before_each_request_of_a_kind(route, step):
    """As in the sweeps, but none is left out by the threads that take turns in numbering the calls."""
    route.attack.head = killat.STEPS[step]
    sweeps.kill_in_a_load(route)


@pytest.mark.parametrize("step", STEPS)
def test_a_zombie_stopped_before_each_request_of_a_kind_changes_nothing(route, step):
    route.attack.head = killat.STEPS[step]
    sweeps.stop_in_a_load(route)


def test_a_zombie_changes_nothing(route):
    """Stopped before init_transactions, each produce, commit, checkpoint read, slot start and confirm."""
    sweeps.stop_in_a_load(route, sample=True)


@pytest.mark.parametrize("snapshot", ["no_data", "initial"])
def test_two_first_starts(make, db, snapshot):
    sweeps.two_first_starts(make, db, snapshot)

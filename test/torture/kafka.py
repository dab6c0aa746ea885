"""Torture: PostgreSQL to Kafka, exactly once, under everything that goes wrong, brokers included.

    test/torture/kafka.py --short              60 s on three brokers, with a snapshot first: for CI
    test/torture/kafka.py --faults 1000        the long form, in rounds of 100
    test/torture/kafka.py --snapshot --topics one --faults 100 --seed N

As torture.py, on a cluster of three brokers: millrace is killed, stopped in good order, or frozen until a successor has
taken over; the database is killed and restarted; connections to both sides are cut; brokers, the transaction's coordinator
among them, are killed and frozen, and are still away when the next fault comes. With --snapshot the tables are full at
the start and all this begins while they are read. Large transactions are split over several Kafka transactions.

With `--topics many` each table has a topic of three partitions, else all is in one partition. topics.py compares, and is
then proven by planted faults. A long form goes in rounds, each a run of its own with seed + 1 and the other forms.
"""
import argparse
import collections
import concurrent.futures
import json
import random
import re
import resource
import signal
import sys
import time

import topics
import torture
import workload
from confluent_kafka import KafkaException
from follower import Follower
from servers import process
from servers.kafka import VERSION, Kafka

NAME = "torture"
TRANSACTIONAL_ID = f"millrace.{NAME}.{NAME}"
ROUND = 100
SETTINGS = {"broker.session.timeout.ms": 6000, "broker.heartbeat.interval.ms": 500, "log.cleaner.enable": "false",
            "controller.quorum.election.timeout.ms": 3000, "controller.quorum.fetch.timeout.ms": 6000,
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000}

Evidence = collections.namedtuple("Evidence", "places log tables checkpoints")


class Slim(Follower):
    """Keeps of each event only what is compared: a long run has a million."""

    def keep(self, message):
        if message.topic().endswith(".checkpoint"):
            return message
        value = message.value()
        if value is not None:
            event = json.loads(value)
            source = {name: event["source"][name] for name in ("table", "txId", "lsn")}
            value = {"op": event["op"], "source": source, "before": event["before"], "after": event["after"]}
        key = message.key()
        return topics.Record(sys.intern(message.topic()), message.partition(), message.offset(),
                             None if key is None else json.dumps(json.loads(key), sort_keys=True), value)


def coordinator_of(name, partitions):
    """The partition of __transaction_state: Java's hash of the id."""
    found = 0
    for byte in name.encode():
        found = (31 * found + byte) & 0xFFFFFFFF
    return (found & 0x7FFFFFFF) % partitions


class KafkaTorture(torture.Torture):
    def __init__(self, options):
        self.kafka = Kafka(brokers=options.brokers, settings=SETTINGS, heap="384m", proxied=True).start()
        # One thread for as long as the run lasts: a broker dies with the thread that started it (PR_SET_PDEATHSIG).
        self.hands, self.away = concurrent.futures.ThreadPoolExecutor(1), None
        self.reading = options.snapshot
        self.follower = None
        super().__init__(options)
        self.patience = 240

    def snapshot(self):
        return "initial" if self.options.snapshot else "no_data"

    def limits(self):
        return "    limits: {batch: 4KiB}\n"

    def many(self):
        return self.options.topics == "many"

    def sink(self):
        return f"""      type: kafka
      brokers: [{", ".join(f'"{one}"' for one in self.kafka.proxied_bootstrap.split(","))}]
      topic: "{NAME}{'.{table}' if self.many() else ''}"
      transaction_timeout: 6s
      commit: {{interval: 5ms, bytes: 64KiB, split: 100}}
      create_topics: {{partitions: {3 if self.many() else 1}}}"""

    def data_topics(self):
        return [f"{NAME}.{table}" for table in workload.TABLES] if self.many() else [NAME]

    def begin(self):
        if self.reading:
            workload.fill(self.db, self.options.rows)
            self.write(serial=self.options.rows // 4 + 1)
            for writer in self.writers:
                writer.gentle.set()
        else:
            super().begin()

    def write(self, **more):
        super().write(large=0.5, **more)

    def rest(self):
        super().rest()
        if self.away and self.away.done():
            self.away.result()
        if self.reading and self._read_all():
            self.tables_read()

    def tables_read(self):
        self.reading = False
        self.counts_reading = self.counts.total()
        for writer in self.writers:
            writer.gentle.clear()

    def stop_writing(self):
        """On a slow machine the time may be over while tables are read: then not before changes follow them."""
        if self.reading:
            process.wait_until(self._read_all, self.patience, "all tables read", pause=0.5)
            self.tables_read()
            enough = sum(writer.committed for writer in self.writers) + 200
            process.wait_until(lambda: sum(writer.committed for writer in self.writers) > enough, self.patience, "changes")
        super().stop_writing()

    def _read_all(self):
        """Whether a committed checkpoint says that all tables were read."""
        self.follower = self.follower or Slim(self.kafka.bootstrap)
        try:
            messages = self.follower.read(f"{TRANSACTIONAL_ID}.checkpoint", seconds=3)
        except (KafkaException, AssertionError):
            return False  # a broker is away
        source = json.loads(messages[-1].value() or b"{}").get("source", {}) if messages else {}
        return "resume" in source and not source.get("snapshot", {}).get("active")

    def close(self):
        self.hands.shutdown()
        if self.follower:
            self.follower.close()
        super().close()
        self.kafka.close()

    # -- Brokers: one is away at a time, and the next faults come while it is --

    def _broker(self):
        return self.random.choice(self.kafka.brokers)

    def _coordinator(self):
        try:
            found = self.kafka.admin().list_topics(timeout=10).topics["__transaction_state"].partitions
            leader = found[coordinator_of(TRANSACTIONAL_ID, len(found))].leader
            return next(broker for broker in self.kafka.brokers if broker.number == leader)
        except (KafkaException, KeyError, StopIteration):
            return self._broker()

    def _send_away(self, leave, come_back):
        if self.away:
            self.away.result()
        leave()
        self.away = self.hands.submit(come_back)

    def _kill(self, choose):
        def leave():
            nonlocal broker
            broker = choose()
            self.kafka.kill9(broker.number)

        def come_back():
            time.sleep(pause)
            self.kafka.start(broker.number)

        broker, pause = None, self.random.choice((0, 0.5, 5)) if len(self.kafka.brokers) > 1 else 0
        self._send_away(leave, come_back)

    def _freeze(self, choose):
        def leave():
            nonlocal broker
            broker = choose()
            broker.process.send(signal.SIGSTOP)

        def come_back():
            time.sleep(pause)
            broker.process.send(signal.SIGCONT)

        broker, pause = None, self.random.choice((0.3, 2, 4, 12))
        self._send_away(leave, come_back)

    def broker_killed(self, running):
        self._kill(self._broker)
        self.counts["broker killed"] += 1
        return running

    def coordinator_killed(self, running):
        self._kill(self._coordinator)
        self.counts["coordinator killed"] += 1
        return running

    def broker_frozen(self, running):
        self._freeze(self._broker)
        self.counts["broker frozen"] += 1
        return running

    def coordinator_frozen(self, running):
        self._freeze(self._coordinator)
        self.counts["coordinator frozen"] += 1
        return running

    def brokers_cut(self, running):
        for broker in self.kafka.brokers:
            broker.proxy.cut()
        self.counts["connections to brokers cut"] += 1
        return running

    def broker_held(self, running):
        """Its packets are swallowed."""
        def come_back():
            time.sleep(pause)
            proxy.release()

        proxy, pause = self._broker().proxy, self.random.choice((0.5, 3, 8))
        self._send_away(proxy.hold, come_back)
        self.counts["packets of a broker swallowed"] += 1
        return running

    def all_frozen(self, running):
        def come_back():
            time.sleep(pause)
            for broker in brokers:
                broker.process.send(signal.SIGCONT)

        def leave():
            for broker in brokers:
                broker.process.send(signal.SIGSTOP)

        brokers, pause = self.kafka.brokers, self.random.choice((0.5, 3, 8))
        self._send_away(leave, come_back)
        self.counts["all brokers frozen"] += 1
        return running

    def more_actions(self):
        return [(self.broker_killed, 3), (self.coordinator_killed, 3), (self.broker_frozen, 5), (self.coordinator_frozen, 5),
                (self.brokers_cut, 8), (self.broker_held, 4), (self.all_frozen, 2), (self.freeze, 12)]

    # -- Afterwards --

    def evidence(self):
        if self.away:
            self.away.result()
        follower = Slim(self.kafka.bootstrap)
        try:
            places = collections.defaultdict(list)
            for record in follower.read(*self.data_topics(), seconds=600):
                places[record.topic, record.partition].append(record)
            checkpoints = topics.commits(follower.read(f"{TRANSACTIONAL_ID}.checkpoint", seconds=600))
        finally:
            follower.close()
        log = topics.witness(self.db.sql(
            "select lsn::text, data from pg_logical_slot_peek_changes('witness', null, null, 'skip-empty-xacts', '1')"))
        tables = {name: [row[0] for row in self.db.sql(f"select row_to_json(t) from {name} t")]
                  for name in workload.TABLES}
        return Evidence(dict(places), log, tables, checkpoints)

    def run(self):
        begin = time.monotonic()
        self.begin()
        self.torment()
        self.deliver_all()
        self.found = self.evidence()
        wrong = topics.check(self.found)
        self.seconds = time.monotonic() - begin
        self.transactions = sum(writer.committed for writer in self.writers)
        return wrong


def sums(run, total):
    """Adds what a run was to the total of all rounds."""
    commits = run.found.checkpoints
    total.update(run.counts)
    total["~rounds"] += 1
    total["~with a snapshot"] += run.options.snapshot
    total["~seconds"] += int(run.seconds)
    total["~faults while tables were read"] += getattr(run, "counts_reading", 0)
    total["~transactions"] += run.transactions
    total["~changes"] += len(run.found.log)
    total["~records"] += sum(map(len, run.found.places.values()))
    total["~commits"] += len(commits)
    total["~split"] += sum(1 for commit in commits if commit.n and not commit.claim)
    total["~resumed"] += sum(1 for commit in commits if commit.n and commit.claim)


def report(options, total, found, command):
    counts = "\n".join(f"| {name} | {count:,} |" for name, count in sorted(total.items()) if not name.startswith("~"))
    faults = "\n".join(f"| {name} | {sentence[:150].replace('|', '/')} |" for name, sentence in found.items())
    number = sum(count for name, count in total.items() if not name.startswith("~"))
    return f"""## To Kafka

```
{command}
```

The same writers and torments, and a cluster of {options.brokers} brokers (Kafka {VERSION}) that is tormented too. A fault comes
while a broker killed or frozen before is still away. Half the rounds begin with full tables, so that the first faults come
while they are read; half have a topic of three partitions for each table, half one partition for all. Transactions of more
than 100 rows are split over several Kafka transactions. A read_committed consumer that shares no code with millrace reads
topics and checkpoints. Compared are: each change with PostgreSQL's test_decoding, once, in its key's order; each
Kafka transaction with its checkpoint; each checkpoint with the end of a source transaction (or, for a split, with the place
inside that it names); the rows of the snapshot with the tables as they were; the topics, replayed, with the tables.

| | |
|---|---|
| seeds | {options.seed} to {options.seed + total["~rounds"] - 1} |
| rounds, with a snapshot | {total["~rounds"]}, {total["~with a snapshot"]} |
| duration | {total["~seconds"]:,} s |
| **faults**, of them while tables were read | **{number:,}**, {total["~faults while tables were read"]:,} |
| transactions committed by the writers | {total["~transactions"]:,} |
| changes in the log; records in the topics | {total["~changes"]:,}; {total["~records"]:,} |
| Kafka transactions | {total["~commits"]:,} |
| commits inside a source transaction, starts that went on from one | {total["~split"]:,}, {total["~resumed"]:,} |
{counts}
| **changes lost, doubled, reordered or different** | **0** |
| **rows that differ from the tables** | **0** |

### The checker is proven, for Kafka

After one round of each form faults are planted into what was delivered. All must be found:

| fault | found as |
|---|---|
{faults}
"""


def one_round(options):
    """(run, what is wrong, planted faults found)"""
    print(f"torture: seed {options.seed}, {'with' if options.snapshot else 'without'} a snapshot, {options.topics} topic(s)",
          flush=True)
    run = KafkaTorture(options)
    try:
        wrong = run.run()
        print(f"torture: {run.seconds:.0f} s, {run.transactions} transactions, {len(run.found.log)} changes, "
              f"{dict(run.counts)}", flush=True)
        found = topics.prove(run.found, options.seed) if options.prove and not wrong else {}
        if wrong:
            options.keep = True
        return run, wrong, found
    except BaseException:
        for broker in run.kafka.brokers:
            print(f"torture: broker {broker.number}, ended: {broker.process.ended()}\n{broker.process.tail(25)}")
        raise
    finally:
        run.close()


def rounds(options):
    """The options of each round: the forms take turns."""
    left = options.faults or 1
    for number in range(max(1, -(-options.faults // ROUND))):
        one = argparse.Namespace(**vars(options))
        one.seed = options.seed + number
        one.faults = min(left, ROUND) if options.faults else 0
        left -= ROUND
        one.prove = number < options.proofs
        if options.snapshot is None:
            one.snapshot = number % 2 == 0
        if options.topics is None:
            one.topics = ("many", "one")[number // 2 % 2]
        yield one


def main():
    parser = argparse.ArgumentParser(prog="test/torture/kafka.py")
    parser.add_argument("--short", action="store_true", help="60 s, with a snapshot, at least 15 kills")
    parser.add_argument("--faults", type=int, default=0, help="so many faults of all kinds, in rounds of 100")
    parser.add_argument("--minutes", type=float, default=0, help="begin no round after so many")
    parser.add_argument("--proofs", type=int, default=4,
                        help="rounds after which faults are planted: a proof takes as long as the checks of a dozen rounds")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0, help="go on for at least so long")
    parser.add_argument("--brokers", type=int, default=3)
    parser.add_argument("--snapshot", action=argparse.BooleanOptionalAction, help="begin with full tables (else turns)")
    parser.add_argument("--topics", choices=("one", "many"), help="one partition, or three a table (else turns)")
    parser.add_argument("--rows", type=int, default=3000, help="in each table at the beginning of a snapshot")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.1, help="mean pause between a writer's transactions")
    parser.add_argument("--keep", action="store_true", help="leave the folder behind")
    parser.add_argument("--tell", action="store_true", help="each torment as it comes")
    parser.add_argument("--only", help="one kind of torment, by the name of its function, until --seconds are over")
    parser.add_argument("--report", help="keep the report in this page")
    options = parser.parse_args()
    if options.short:
        options.kills, options.seconds = 15, 60
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    total, proven, begin = collections.Counter(), {}, time.monotonic()
    for one in rounds(options):
        if total and options.minutes and time.monotonic() - begin > 60 * options.minutes:
            print("torture: the time is over", flush=True)
            break
        run, wrong, found = one_round(one)
        for sentence in wrong:
            print(f"torture: WRONG: {sentence}")
        if wrong:
            return 1
        sums(run, total)
        proven |= found
        told = f"; {len(found)} of {len(found)} planted faults found" if one.prove else ""
        print(f"torture: nothing lost, doubled or reordered{told}", flush=True)
        if options.report:
            words = re.sub(r" --(report \S+|report=\S+|tell)", "", " " + " ".join(sys.argv[1:])).strip()
            torture.keep(options.report, report(options, total, proven, f"test/torture/kafka.py {words}"))
    print(f"torture: {dict(total)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

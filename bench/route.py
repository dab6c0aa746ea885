"""What the benches to Kafka share: a broker that stamps records with its own clock, topics counted by an independent
reader, millrace and the real Debezium as contestants."""
import json
import subprocess
import time

from confluent_kafka import Consumer, TopicPartition

import measuring
from backlog import Backlog, add_options
from measuring import cpu_seconds, family_cpu_seconds, measure, peak_mib
from servers import debezium, kafka, process
from servers.kafka import Kafka
from servers.registry import Registry

SAMPLES = 20_000
RIVALS = {"connect": f"Debezium {debezium.CONNECTOR} on Connect {kafka.VERSION}, exactly-once, JSON",
          "connect-avro": f"Debezium {debezium.CONNECTOR} on Connect {kafka.VERSION}, exactly-once, Avro",
          "server": f"Debezium Server {debezium.SERVER}, at least once, JSON"}


def choose(text, known, standard):
    """The contestants of a list of words; all: every one there is."""
    words = list(known) if text == "all" else (text or standard).split(",")
    unknown = [word for word in words if word not in known]
    if unknown:
        raise SystemExit(f"bench: no contestant {', '.join(unknown)}: there are {', '.join(known)}")
    return words


def add_route_options(parser, rival_rounds):
    add_options(parser)
    parser.add_argument("--client", action="append", default=[], metavar="NAME=VALUE", help="of millrace's librdkafka")
    parser.add_argument("--rival-rounds", type=int, help=f"of Debezium; default {rival_rounds}")
    parser.add_argument("--rival-heap", default="2g")


class Route(Backlog):
    def __init__(self, options, chosen, **settings):
        super().__init__(options, **settings)
        self.kafka = self.registry = self.lookup = None
        try:
            self.kafka = Kafka(heap="1g", options=(), settings={
                "log.message.timestamp.type": "LogAppendTime", "log.segment.delete.delay.ms": "1000"})
            self.kafka.start()
            if any("avro" in word for word in chosen):
                self.registry = Registry()
                self.registry.start()
            self.lookup = Consumer({"bootstrap.servers": self.kafka.bootstrap, "group.id": "bench",
                                    "isolation.level": "read_committed", "enable.metrics.push": False})
            self.bare_producer = measuring.build("bare_producer", self.folder, rdkafka=True)
            self.topic_reader = measuring.build("topic_reader", self.folder, rdkafka=True)
        except BaseException:
            self.close()
            raise

    def close(self):
        if self.lookup:
            self.lookup.close()
        for server in (self.registry, self.kafka):
            if server:
                server.close()
        super().close()

    @property
    def broker_pid(self):
        return self.kafka.brokers[0].process.pid

    def form(self, word):
        if word == "avro":
            return f'{{type: avro, registry: {{urls: ["{self.registry.url}"]}}}}'
        return "{type: json, envelope: debezium}"

    def sink(self, delivery, more=""):
        client = ", ".join(word.replace("=", ": ", 1) for word in self.options.client)
        return (f'{{type: kafka, brokers: ["{self.kafka.bootstrap}"], delivery: {delivery}, '
                f"create_topics: {{partitions: {self.options.partitions}}}{more}, client: {{{client}}}}}")

    def count(self, topic, most):
        done = subprocess.run([self.topic_reader, self.kafka.bootstrap, topic, "count", str(most)], capture_output=True,
                              text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def take_sample(self, topic, path):
        done = subprocess.run([self.topic_reader, self.kafka.bootstrap, topic, "sample", str(SAMPLES), path],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def visible(self, topic):
        """How far a read_committed reader of partition 0 may read; markers of transactions count as well."""
        return self.lookup.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)[1]

    def measured(self, command, rows):
        """Runs a process, and what it cost the servers too."""
        server, broker = family_cpu_seconds(self.server.process.pid), cpu_seconds(self.broker_pid)
        outcome = measure(command, rows)
        outcome.server_cpu = family_cpu_seconds(self.server.process.pid) - server
        outcome.broker_cpu = cpu_seconds(self.broker_pid) - broker
        return outcome

    def verify(self, outcome, topic, rows, distinct=True):
        """Every row is in the topic, once; how long it took by the broker's clock."""
        found = self.count(topic, rows + 1)
        assert found["records"] == rows, f"{topic} holds {found['records']} records, not {rows}"
        assert not distinct or found["distinct"] == rows, f"{topic} holds {found['distinct']} different ids"
        outcome.span = max(found["last_ms"] - found["first_ms"], 1) / 1000
        outcome.value_bytes = found["bytes"] / rows
        self.kafka.delete_topic(topic)
        return outcome

    def bare(self, sample, rows):
        topic = f"bare_{self.name()}"
        self.kafka.create_topic(topic, self.options.partitions)
        outcome = self.measured([self.bare_producer, self.kafka.bootstrap, topic, sample, "drain", rows], rows)
        return self.verify(outcome, topic, rows, distinct=False)

    def debezium(self, word, name, snapshot, **settings):
        """A counterpart, made but not started; None with the reason told when it cannot run here."""
        arguments = (self.kafka.bootstrap, name, self.db.dsn, "public.bench", "bench", snapshot,
                     self.options.rival_heap)
        rival = (debezium.Server(*arguments, **settings) if word == "server" else
                 debezium.Connect(*arguments, registry=self.registry.url if word == "connect-avro" else None, **settings))
        self.kafka.create_topic(f"{name}.public.bench", 1)
        return rival

    def race_debezium(self, word, name, snapshot, rows):
        """The first rows of what there is to read: it is stopped when they are visible."""
        topic, rival = f"{name}.public.bench", self.debezium(word, name, snapshot)
        server, broker = family_cpu_seconds(self.server.process.pid), cpu_seconds(self.broker_pid)
        begin, cpu, started, seen, changed = time.time(), 0.0, None, 0, time.monotonic()
        try:
            rival.start()
            while seen < rows * 1.05 and (seen < rows or time.monotonic() - changed < 2):
                before, now = seen, self.visible(topic)
                if now > 0 and started is None:
                    started = cpu_seconds(rival.process.pid)
                if before < rows:  # what comes later is not the rows'
                    cpu, peak = cpu_seconds(rival.process.pid), peak_mib(rival.process.pid)
                    costs = (family_cpu_seconds(self.server.process.pid) - server, cpu_seconds(self.broker_pid) - broker)
                if now != before:
                    seen, changed = now, time.monotonic()
                if rival.process.ended() or time.monotonic() - changed > 120:
                    raise SystemExit(f"{RIVALS[word]} stands at {seen} records\n{rival.trouble()}\n{rival.process.tail(30)}")
                time.sleep(0.1)
        finally:
            rival.close()
        self.drop(name)
        found = self.count(topic, rows)
        assert found["records"] == found["distinct"] == rows, f"{topic} holds {found}"
        self.kafka.delete_topic(topic)
        outcome = measuring.Outcome(rows, found["last_ms"] / 1000 - begin, cpu - started, peak, start_cpu=started,
                                    span=max(found["last_ms"] - found["first_ms"], 1) / 1000,
                                    late_rate=rows / 2 / (max(found["last_ms"] - found["half_ms"], 1) / 1000))
        outcome.server_cpu, outcome.broker_cpu = costs
        outcome.value_bytes = found["bytes"] / rows
        return outcome


def missing(word) -> str | None:
    """Why a counterpart cannot run here."""
    if word == "server" and not debezium.server_java():
        return f"needs Java {debezium.SERVER_JAVA} or newer, and there is none below JAVA_HOME or /usr/lib/jvm"
    return None


def wait_active(db, slot, running=None):
    process.wait_until(lambda: db.sql("select 1 from pg_replication_slots where slot_name = %s and active", [slot]), 60,
                       f"the slot {slot} in use", running)

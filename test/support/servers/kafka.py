"""Apache Kafka in KRaft mode, one or several brokers, each also a controller, on free ports of 127.0.0.1.

Topics are not created on their own (auto.create.topics.enable=false). Settings of the broker can be given as
Kafka(settings={"name": "value"}). Kafka(proxied=True) has a proxy in front of each broker, .proxied_bootstrap, through
which clients that begin there go to every broker; proxied=Requests takes those of requests.py. Kafka(secure=True)
listens with SASL_PLAINTEXT, SSL (client certificate asked for but not needed) and SASL_SSL too: user alice, password "alice secret", by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512;
.client("SASL_SSL", "SCRAM-SHA-512") are librdkafka's settings for that. Its authorizer lets alice and everybody on
PLAINTEXT or SSL do all, and bob (password "bob secret") what grant() gave him.

Kafka(small_disks={1: "64m"}) gives brokers a disk of their own that can be filled and emptied (needs root to mount).
"""
import base64
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import uuid

from confluent_kafka import Consumer, ElectionType, IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import (AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient,
                                   AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, OffsetSpec,
                                   ResourcePatternType, ResourceType)

from . import java, process
from .certificates import Authority
from .proxy import Proxy

VERSION = "4.3.1"
PACKAGES = [f"org.apache.kafka:kafka_2.13:{VERSION}", f"org.apache.kafka:kafka-tools:{VERSION}",
            "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5", "org.apache.logging.log4j:log4j-core:2.25.5"]


SECURE = ("SASL_PLAINTEXT", "SSL", "SASL_SSL")
USERS = {"alice": "alice secret", "bob": "bob secret"}
SUPER = "User:ANONYMOUS;User:alice;User:CN=millrace"


class Disk:
    """A file system of its own in a name space of its own, so that nothing is left behind whatever happens."""

    def __init__(self, folder: pathlib.Path, size: str):
        self.folder = folder
        folder.mkdir()
        self.holder = process.Process(["unshare", "--mount", "sh", "-c",
                                       f"mount -t tmpfs -o size={size} none {folder} && echo mounted && exec sleep 100000"],
                                      folder.parent / "disk.log")
        process.wait_until(lambda: "mounted" in self.holder.tail(), 20, "a small disk", self.holder)
        self.inside = ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt"]

    @staticmethod
    def possible() -> bool:
        return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
                                                    capture_output=True).returncode == 0

    def fill(self):
        """Somebody else's file takes all that is left."""
        subprocess.run([*self.inside, "dd", "if=/dev/zero", f"of={self.folder}/filler", "bs=64k"], capture_output=True)

    def empty(self):
        subprocess.run([*self.inside, "rm", "-f", f"{self.folder}/filler"], check=True)


class Reader:
    """Reads topics of the brokers at .bootstrap."""

    bootstrap: str

    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 4})

    def topics(self) -> list[str]:
        return sorted(self.admin().list_topics(timeout=20).topics)

    def consume(self, topic: str, isolation: str = "read_committed", seconds: float = 90) -> list:
        """Every message from the beginning to the end that the isolation level sees at the moment of the call."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": uuid.uuid4().hex,
                             "enable.auto.commit": False, "isolation.level": isolation, "enable.partition.eof": True,
                             "auto.offset.reset": "earliest", "enable.metrics.push": False})
        try:
            metadata = consumer.list_topics(topic, timeout=20).topics[topic]
            assert metadata.error is None, metadata.error
            open_partitions = set(metadata.partitions)
            consumer.assign([TopicPartition(topic, partition, 0) for partition in open_partitions])
            messages = []

            def finished():
                for message in consumer.consume(1000, 0.5 if not messages else 0.05):
                    if message.error():
                        assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                        open_partitions.discard(message.partition())
                    else:
                        messages.append(message)
                return not open_partitions

            process.wait_until(finished, seconds, f"the end of topic {topic}", pause=0)
            return messages
        finally:
            consumer.close()

    def end(self, topic: str) -> int:
        """What a read_committed reader of partition 0 is told is the end."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": uuid.uuid4().hex,
                             "isolation.level": "read_committed", "enable.metrics.push": False})
        try:
            return consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)[1]
        finally:
            consumer.close()

    def count(self, topic: str) -> int:
        """How many records a read_committed reader is given, without keeping them."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": uuid.uuid4().hex,
                             "isolation.level": "read_committed", "enable.partition.eof": True,
                             "enable.auto.commit": False, "enable.metrics.push": False})
        try:
            left = set(consumer.list_topics(topic, timeout=20).topics[topic].partitions)
            consumer.assign([TopicPartition(topic, partition, 0) for partition in left])
            found = 0
            while left:
                for message in consumer.consume(10000, 1.0):
                    if message.error():
                        left.discard(message.partition())
                    else:
                        found += 1
            return found
        finally:
            consumer.close()

    def end(self, topic: str, committed: bool = False) -> int:
        """The end offsets of all partitions together, or those up to which all is committed; 0 without the topic."""
        admin = self.admin()
        known = admin.list_topics(timeout=20).topics
        wanted = {TopicPartition(topic, number): OffsetSpec.latest() for number in known[topic].partitions} \
            if topic in known else {}
        if not wanted:
            return 0
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        found = admin.list_offsets(wanted, isolation_level=level)
        return sum(future.result(30).offset for future in found.values())

    def delete_topic(self, name: str):
        admin = self.admin()
        admin.delete_topics([name])[name].result(30)

    def alter_topic(self, name: str, **settings: str):
        entries = [ConfigEntry(key.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
                   for key, value in settings.items()]
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=entries)
        admin = self.admin()
        admin.incremental_alter_configs([resource])[resource].result(30)

    def leader(self, topic: str, partition: int = 0) -> int:
        """The broker's number."""
        return self.admin().list_topics(topic, timeout=20).topics[topic].partitions[partition].leader

    def coordinator(self, transactional_id: str) -> int:
        """The broker that decides on this producer's transactions: Java's hash of the name picks the partition."""
        topic = "__transaction_state"
        code = 0
        for letter in transactional_id:
            code = (31 * code + ord(letter)) & 0xffffffff
        partitions = self.admin().list_topics(topic, timeout=20).topics[topic].partitions
        return partitions[(code & 0x7fffffff) % len(partitions)].leader


class Broker:
    def __init__(self, number: int, folder: pathlib.Path, protocols: tuple[str, ...], disk: str | None, proxy: type[Proxy]):
        self.number = number
        self.disk = Disk(folder / "disk", disk) if disk else None
        self.folder = folder
        self.ports = {protocol: process.free_port() for protocol in protocols}
        self.port, self.controller_port = self.ports["PLAINTEXT"], process.free_port()
        self.proxy = proxy(self.ports["PROXIED"]) if "PROXIED" in protocols else None
        self.process = None

    def inside(self, command: list) -> list:
        return [*self.disk.inside, *command] if self.disk else command


class Kafka(Reader):
    def __init__(self, brokers: int = 1, settings: dict[str, str] | None = None, heap: str = "512m",
                 secure: bool = False, options: tuple[str, ...] = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
                 small_disks: dict[int, str] | None = None, two_disks: bool = False,
                 proxied: bool | type[Proxy] = False):
        self.libs = java.install(f"kafka-{VERSION}", lambda folder: java.jars(PACKAGES, folder)) / "libs"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-kafka-"))
        self.settings = settings or {}
        self.heap = heap
        self.options = options  # of the virtual machine: quick to start, unless told otherwise
        self.two_disks = two_disks
        self.authority = Authority(self.folder / "certificates") if secure else None
        self.protocols = ("PLAINTEXT", *SECURE) if secure else ("PLAINTEXT",)
        self.listeners = self.protocols + (("PROXIED",) if proxied else ())
        self.brokers = []
        for number in range(1, brokers + 1):
            folder = self.folder / str(number)
            folder.mkdir()
            self.brokers.append(Broker(number, folder, self.listeners, (small_disks or {}).get(number),
                                       proxied if isinstance(proxied, type) else Proxy))
        try:
            self._format(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))
        except BaseException:
            self.close()
            raise

    @property
    def bootstrap(self) -> str:
        return self.bootstrap_of("PLAINTEXT")

    @property
    def proxied_bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{broker.proxy.port}" for broker in self.brokers)

    def bootstrap_of(self, protocol: str) -> str:
        return ",".join(f"127.0.0.1:{broker.ports[protocol]}" for broker in self.brokers)

    def client(self, protocol: str = "PLAINTEXT", mechanism: str = "PLAIN", user: str = "alice") -> dict[str, str]:
        """librdkafka's settings to reach the listener of that protocol."""
        words = {"bootstrap.servers": self.bootstrap_of(protocol), "security.protocol": protocol}
        if "SSL" in protocol.replace("SASL", ""):
            words["ssl.ca.location"] = str(self.authority.ca)
        if protocol.startswith("SASL"):
            words |= {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": USERS[user]}
        return words

    def _properties(self, broker: Broker) -> pathlib.Path:
        copies = min(3, len(self.brokers))
        voters = ",".join(f"{other.number}@127.0.0.1:{other.controller_port}" for other in self.brokers)
        clients = ",".join(f"{name}://127.0.0.1:{port}" for name, port in broker.ports.items())
        told = broker.ports | ({"PROXIED": broker.proxy.port} if broker.proxy else {})
        lines = {
            "process.roles": "broker,controller",
            "node.id": broker.number,
            "listeners": f"{clients},CONTROLLER://127.0.0.1:{broker.controller_port}",
            "advertised.listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in told.items()),
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": voters,
            "listener.security.protocol.map": ",".join(f"{name}:{name}" for name in self.protocols)
                                              + ",CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT",
            "log.dirs": f"{broker.folder / 'data'},{broker.disk.folder / 'data'}" if broker.disk and self.two_disks
                        else (broker.disk.folder if broker.disk else broker.folder) / "data",
            "auto.create.topics.enable": "false",
            "default.replication.factor": copies,
            "min.insync.replicas": max(1, copies - 1),
            "offsets.topic.num.partitions": 3,
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.num.partitions": 3,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": max(1, copies - 1),
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": max(1, copies - 1),
            "group.initial.rebalance.delay.ms": 0,
        } | (self._security(broker) if self.authority else {}) | self.settings
        path = broker.folder / "server.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        return path

    def _security(self, broker: Broker) -> dict[str, str]:
        certificate, key = self.authority.issue(f"broker-{broker.number}")
        store = broker.folder / "key.pem"
        # Java wants PKCS#8, which is what openssl req writes.
        store.write_text(key.read_text() + certificate.read_text())
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        plain = ("org.apache.kafka.common.security.plain.PlainLoginModule required "
                 + " ".join(f'user_{user}="{password}"' for user, password in USERS.items()) + ";")
        lines = {"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                 "super.users": SUPER, "ssl.keystore.type": "PEM", "ssl.keystore.location": store, "ssl.truststore.type": "PEM",
                 "ssl.truststore.location": self.authority.ca, "ssl.client.auth": "requested",
                 "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"}
        for listener in ("sasl_plaintext", "sasl_ssl"):
            lines[f"listener.name.{listener}.plain.sasl.jaas.config"] = plain
            for mechanism in ("scram-sha-256", "scram-sha-512"):
                lines[f"listener.name.{listener}.{mechanism}.sasl.jaas.config"] = scram
        return lines

    def _java(self, *arguments):
        return [java.java(), *self.options, java.log_config(self.folder), "-cp",
                f"{self.libs}/*", *arguments]

    def _format(self, cluster: str):
        users = [word for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512") if self.authority
                 for user, password in USERS.items()
                 for word in ("--add-scram", f"{mechanism}=[name={user},password={password}]")]
        running = []
        for broker in self.brokers:
            command = self._java("-Xmx128m", "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c",
                                 self._properties(broker), *users)
            running.append(process.Process(broker.inside(command), broker.folder / "format.log"))
        for done in running:
            assert done.popen.wait(90) == 0, f"kafka: format failed\n{done.tail()}"

    def tool(self, name: str, *arguments: str) -> str:
        """Runs one of Kafka's own commands by its class, and returns what it printed."""
        done = subprocess.run([str(word) for word in self._java("-Xmx128m", name, "--bootstrap-server", self.bootstrap,
                                                                *arguments)],
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def quota(self, client_id: str, **limits: int):
        """quota("slow", producer_byte_rate=100000)"""
        words = ",".join(f"{key}={value}" for key, value in limits.items())
        self.tool("kafka.admin.ConfigCommand", "--alter", "--entity-type", "clients", "--entity-name", client_id,
                  "--add-config", words)

    def grant(self, user: str, kind: str, name: str, *operations: str, prefixed: bool = False):
        """grant("bob", "topic", "shop.", "write", "describe", prefixed=True)"""
        pattern = ResourcePatternType.PREFIXED if prefixed else ResourcePatternType.LITERAL
        wanted = [AclBinding(ResourceType[kind.upper()], name, pattern, f"User:{user}", "*",
                             AclOperation[operation.upper()], AclPermissionType.ALLOW) for operation in operations]
        admin = self.admin()
        for future in admin.create_acls(wanted).values():
            future.result(30)

    def revoke(self, user: str, kind: str = "any", name: str | None = None):
        """Takes back what was granted on things of this kind and name."""
        given = AclBindingFilter(ResourceType[kind.upper()], name, ResourcePatternType.ANY, f"User:{user}", None,
                                 AclOperation.ANY, AclPermissionType.ANY)
        admin = self.admin()
        for future in admin.delete_acls([given]).values():
            future.result(30)

    def start(self, number: int | None = None):
        """Starts all brokers that do not run, or one by its number; returns when they answer."""
        chosen = [broker for broker in self.brokers if number in (None, broker.number)]
        chosen = [broker for broker in chosen if broker.process is None or broker.process.ended()]
        for broker in chosen:
            (broker.folder / "log").unlink(missing_ok=True)
            command = self._java(f"-Xmx{self.heap}", "kafka.Kafka", broker.folder / "server.properties")
            broker.process = process.Process(broker.inside(command), broker.folder / "log")
        for broker in chosen:
            process.wait_until(lambda b=broker: "Kafka Server started" in (b.folder / "log").read_text(errors="replace"),
                               240, f"Kafka broker {broker.number}", broker.process)
        return self

    def stop(self, number: int | None = None):
        for broker in self.brokers:
            if number in (None, broker.number) and broker.process:
                broker.process.stop()

    def kill9(self, number: int | None = None):
        for broker in self.brokers:
            if number in (None, broker.number) and broker.process:
                broker.process.kill9()

    def freeze(self, number: int):
        self.brokers[number - 1].process.send(signal.SIGSTOP)

    def thaw(self, number: int):
        self.brokers[number - 1].process.send(signal.SIGCONT)

    def move_leader(self, topic: str, partition: int):
        """To another replica that is in sync: the first in the list is preferred, so the list is turned."""
        found = self.admin().list_topics(topic, timeout=20).topics[topic].partitions[partition]
        replicas = [*found.replicas[1:], found.replicas[0]]
        if replicas[0] == found.leader:
            replicas = [*replicas[1:], replicas[0]]
        path = self.folder / "move.json"
        path.write_text(json.dumps({"version": 1, "partitions": [
            {"topic": topic, "partition": partition, "replicas": replicas}]}))
        deadline = time.monotonic() + 60
        while True:
            try:
                self.tool("org.apache.kafka.tools.reassign.ReassignPartitionsCommand", "--execute",
                          "--reassignment-json-file", str(path))
                break
            except AssertionError:  # a broker that has just come back cannot tell of its log folder yet
                if time.monotonic() > deadline:
                    raise
        admin = self.admin()
        admin.elect_leaders(ElectionType.PREFERRED, [TopicPartition(topic, partition)]).result(30)
        process.wait_until(lambda: self.leader(topic, partition) == replicas[0], 30, f"a new leader of {topic}")

    def close(self):
        self.kill9()
        for broker in self.brokers:
            if broker.disk:
                broker.disk.holder.kill9()
            if broker.proxy:
                broker.proxy.close()
        process.remove(self.folder)

    def create_topic(self, name: str, partitions: int = 1, config: dict[str, str] | None = None):
        copies = min(3, len(self.brokers))
        admin = self.admin()  # its handle has to live until the answer is there
        for future in admin.create_topics([NewTopic(name, partitions, copies, config=config or {})]).values():
            future.result(30)

"""The real Debezium, as a counterpart in benchmarks: its PostgreSQL connector on a Kafka Connect worker with exactly-once
source support, and Debezium Server. Both come out of Maven Central into the cache folder.

Both classes have .start(), .process and .close(). What they write goes to the topic NAME.SCHEMA.TABLE, which has to be
there. Their settings are those that made them fast here: larger batches and queues, lz4, JSON without schemas;
prompt=True waits for nothing instead.
Debezium Server wants a newer Java than Debian 12 has: server_java() finds one, or None. It is 0.8 GB, and Confluent's
Avro converter, which Maven Central has nowhere else, comes out of it.
"""
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

from . import java, kafka, process

CONNECTOR = "3.7.0.Final"
SERVER = "3.6.0.Final"
SHA256 = {"debezium-connector-postgres": "660673cbabd2f269da21409208ebd0f0d9977bd92e824fc9daa272f240e88e51",
          "debezium-server-dist": "901ce7b0b75b4dafaac4aa57dac6dfcad5937f96fb7159e25d22759bbf5192e4"}
SERVER_JAVA = 21
CONNECT_PACKAGES = [f"org.apache.kafka:{name}:{kafka.VERSION}" for name in ("connect-runtime", "connect-json")]
CONNECT_PACKAGES += [package for package in kafka.PACKAGES if "log4j" in package]
AVRO_JARS = """avro common-utils commons-compress guava jackson-dataformat-yaml jackson-datatype-jdk8
jackson-module-blackbird kafka-avro-serializer kafka-connect-avro-converter kafka-connect-avro-data
kafka-schema-registry-client kafka-schema-serializer snakeyaml swagger-annotations""".split()
SOURCE = {"max.batch.size": "8192", "max.queue.size": "32768", "poll.interval.ms": "50", "snapshot.fetch.size": "20000"}
PROMPT = {"poll.interval.ms": "5"}
PRODUCER = {"linger.ms": "20", "batch.size": "262144", "compression.type": "lz4", "buffer.memory": "67108864"}


def archive(artifact: str, folder: pathlib.Path, strip: int = 0):
    """Unpacks group:artifact:version:tar.gz[:classifier] into folder, if it is the one we know."""
    java.maven("dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder / 'download'}")
    found = next((folder / "download").iterdir())
    with open(found, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    assert digest == SHA256[artifact.split(":")[1]], f"{artifact} is another file than it was: sha256 {digest}"
    subprocess.run(["tar", "-C", folder, f"--strip-components={strip}", "-xzf", found], check=True)
    process.remove(folder / "download")


def connector() -> pathlib.Path:
    return java.install(f"debezium-postgres-{CONNECTOR}", lambda folder: archive(
        f"io.debezium:debezium-connector-postgres:{CONNECTOR}:tar.gz:plugin", folder))


def server() -> pathlib.Path:
    return java.install(f"debezium-server-{SERVER}", lambda folder: archive(
        f"io.debezium:debezium-server-dist:{SERVER}:tar.gz", folder, strip=1))


def avro_converter() -> pathlib.Path:
    """Confluent's, out of the connectors of Debezium Server."""
    def fetch(folder):
        (folder / "converter").mkdir()
        for name in AVRO_JARS:
            jars = [jar for jar in server().rglob("*.jar") if re.search(rf"(^|\.){name}-[0-9][^/]*\.jar$", jar.name)]
            near = [jar for jar in jars if "dse" in str(jar) or "cassandra" in str(jar)] or jars
            assert near, f"Debezium Server has no {name}"
            shutil.copy(sorted(near)[0], folder / "converter")
    return java.install(f"debezium-avro-converter-{SERVER}", fetch)


def server_java() -> str | None:
    return java.at_least(SERVER_JAVA)


def dsn_words(dsn: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in dsn.split())


def source(name: str, dsn: str, table: str, publication: str, snapshot: str, prompt: bool) -> dict[str, str]:
    words = dsn_words(dsn)
    return SOURCE | (PROMPT if prompt else {}) | {"database.hostname": words["host"], "database.port": words["port"], "database.user": words["user"],
                     "database.password": "none", "database.dbname": words["dbname"], "topic.prefix": name,
                     "plugin.name": "pgoutput", "slot.name": name, "publication.name": publication,
                     "publication.autocreate.mode": "disabled", "table.include.list": table, "snapshot.mode": snapshot}


class Connect:
    """A distributed worker of one connector. registry: the URL of one, for Avro; else JSON."""

    def __init__(self, brokers: str, name: str, dsn: str, table: str, publication: str, snapshot: str, heap: str = "2g",
                 registry: str | None = None, prompt: bool = False):
        self.libs = java.install(f"connect-{kafka.VERSION}", lambda folder: java.jars(CONNECT_PACKAGES, folder)) / "libs"
        plugins = [connector()] + ([avro_converter()] if registry else [])
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-connect-"))
        self.name, self.heap, self.port, self.process = name, heap, process.free_port(), None
        self.worker = self.folder / "worker.properties"
        self.worker.write_text("".join(f"{key}={value}\n" for key, value in self._worker(brokers, plugins, registry).items()))
        self.config = self._connector(registry) | source(name, dsn, table, publication, snapshot, prompt)
        if prompt:
            self.config["producer.override.linger.ms"] = "0"

    def _worker(self, brokers, plugins, registry):
        json_converter = "org.apache.kafka.connect.json.JsonConverter"
        lines = {"bootstrap.servers": brokers, "group.id": f"connect-{self.name}",
                 "listeners": f"http://127.0.0.1:{self.port}", "plugin.path": ",".join(map(str, plugins)),
                 # the converter has no service file, and looking at every class costs a minute where there are many
                 "plugin.discovery": "hybrid_warn" if registry else "service_load",
                 "exactly.once.source.support": "enabled", "key.converter": json_converter,
                 "value.converter": json_converter, "offset.storage.partitions": 1, "status.storage.partitions": 1,
                 "connector.client.config.override.policy": "All", "scheduled.rebalance.max.delay.ms": 0,
                 "offset.flush.interval.ms": 5000}
        for what in ("config", "offset", "status"):
            lines |= {f"{what}.storage.topic": f"connect-{self.name}-{what}", f"{what}.storage.replication.factor": 1}
        return lines

    def _connector(self, registry):
        lines = {"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1",
                 "exactly.once.support": "required", "transaction.boundary": "poll"}
        lines |= {f"producer.override.{key}": value for key, value in PRODUCER.items()}
        for what in ("key", "value"):
            if registry:
                lines |= {f"{what}.converter": "io.confluent.connect.avro.AvroConverter",
                          f"{what}.converter.schema.registry.url": registry}
            else:
                lines |= {f"{what}.converter": "org.apache.kafka.connect.json.JsonConverter",
                          f"{what}.converter.schemas.enable": "false"}
        return lines | ({"schema.name.adjustment.mode": "avro", "field.name.adjustment.mode": "avro"} if registry else {})

    def _call(self, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body and json.dumps(body).encode(),
                                         {"Content-Type": "application/json"}, method="PUT" if body else "GET")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return {"status": error.code, "text": error.read().decode(errors="replace")}
        except OSError:
            return None

    def start(self):
        command = [java.java(), "-Xms256m", f"-Xmx{self.heap}", "-XX:+UseG1GC", java.log_config(self.folder), "-cp",
                   f"{self.libs}/*", "org.apache.kafka.connect.cli.ConnectDistributed", self.worker]
        self.process = process.Process(command, self.folder / "log")

        def accepted():
            answer = self._call(f"/connectors/{self.name}/config", self.config)
            assert not (answer and answer.get("status") == 400), answer
            return answer is not None and "name" in answer

        process.wait_until(lambda: self._call("/connectors") == [], 120, "Connect", self.process, pause=0.1)
        process.wait_until(accepted, 120, "the connector", self.process, pause=0.5)
        return self

    def trouble(self) -> str:
        """What the worker says when its task has failed."""
        status = self._call(f"/connectors/{self.name}/status") or {}
        return "".join(task.get("trace", "") for task in status.get("tasks", []))

    def close(self):
        if self.process:
            self.process.stop(seconds=10)
        process.remove(self.folder)


class Server:
    """Debezium Server. At least once: it has no other way to Kafka."""

    def __init__(self, brokers: str, name: str, dsn: str, table: str, publication: str, snapshot: str, heap: str = "2g",
                 prompt: bool = False):
        self.home, self.heap, self.process = server(), heap, None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-debezium-"))
        for part in ("config", "data"):
            (self.folder / part).mkdir()
        string = "org.apache.kafka.common.serialization.StringSerializer"
        lines = {"debezium.source.connector.class": "io.debezium.connector.postgresql.PostgresConnector",
                 "debezium.source.offset.storage.file.filename": "data/offsets.dat",
                 "debezium.source.offset.flush.interval.ms": "5000", "debezium.sink.type": "kafka",
                 "debezium.sink.kafka.producer.bootstrap.servers": brokers}
        for what in ("key", "value"):
            lines |= {f"debezium.format.{what}": "json", f"debezium.format.{what}.schemas.enable": "false",
                      f"debezium.sink.kafka.producer.{what}.serializer": string}
        lines |= {f"debezium.source.{key}": value
                  for key, value in source(name, dsn, table, publication, snapshot, prompt).items()}
        # it waits for each batch: lingering would only add to that
        producer = PRODUCER | {"linger.ms": "0" if prompt else "5"}
        lines |= {f"debezium.sink.kafka.producer.{key}": value for key, value in producer.items()}
        (self.folder / "config" / "application.properties").write_text(
            "".join(f"{key}={value}\n" for key, value in lines.items()))

    def start(self):
        runner = next(self.home.glob("debezium-server-*runner.jar"))
        command = [server_java(), f"-Xmx{self.heap}", "-Dquarkus.http.host=127.0.0.1",
                   f"-Dquarkus.http.port={process.free_port()}", "-cp",
                   os.pathsep.join([str(runner), str(self.folder / "config"), f"{self.home}/lib/*"]),
                   "io.debezium.server.Main"]
        self.process = process.Process(command, self.folder / "log", cwd=self.folder)
        return self

    def trouble(self) -> str:
        return ""

    def close(self):
        if self.process:
            self.process.stop(seconds=10)
        process.remove(self.folder)

"""Avro read by Confluent's own converter, in a Java process: what comes out is what Kafka Connect's JsonConverter prints."""
import json
import pathlib
import re
import subprocess

from servers import debezium, java, kafka, process

READER = pathlib.Path(__file__).resolve().parents[1] / "support" / "java" / "ConfluentReader.java"


def present() -> bool:
    """Whether the converter was fetched before: it comes out of 0.8 GB (servers/debezium.py, avro_converter())."""
    return (process.cache() / f"debezium-avro-converter-{debezium.SERVER}").exists()


class Reader:
    def __init__(self, registry_url: str):
        kafka_jars = java.install(f"kafka-{kafka.VERSION}", lambda folder: java.jars(kafka.PACKAGES, folder)) / "libs"
        jars = [f"{folder}/*" for folder in (debezium.avro_converter() / "converter", kafka_jars)]
        self.process = subprocess.Popen([java.java(), "-Xmx256m", "-cp", ":".join(jars), READER, registry_url], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def read(self, topic: str, part: str, data: str):
        self.process.stdin.write(f"{topic}\t{part}\t{data}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the converter ended at {topic}, {part}:\n{self.process.stderr.read()[-2000:]}"
        return json.loads(line)

    def record(self, record):
        read = {part: self.read(record["topic"], part, record[part]["base64"]) if record[part] else None
                for part in ("key", "value")}
        return dict(record, **{part: unversioned(value) for part, value in read.items()})

    def close(self):
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()


def unversioned(part):
    """A record without a version of its own gets that of its subject, which JsonConverter's events do not know."""
    if part and re.search(r"\.Key$", part["schema"].get("name", "")):
        del part["schema"]["version"]
    return part

"""Fixtures of the system tests: servers per session, a database and a millrace per test."""
import itertools
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from millrace import Millrace  # noqa: E402
from servers.kafka import Disk, Kafka  # noqa: E402
from servers.postgres import Database, Postgres  # noqa: E402
from servers.proxy import Proxy  # noqa: E402
from servers.registry import Registry  # noqa: E402

numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server():
    """One PostgreSQL for the session. Tests that stop or kill it start it again."""
    server = Postgres()
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def db(postgres_server):
    """A fresh database: .dsn .sql() .one() .psql() .connect() .slots() .server"""
    if postgres_server.process.ended():
        postgres_server.start()
    database = Database(postgres_server, f"t{os.getpid()}_{next(numbers)}")
    yield database
    database.close()


@pytest.fixture
def millrace(tmp_path):
    """The binary under test: .config(text) .run(args) .start(args); .folder is the test's own."""
    binary = Millrace(tmp_path)
    yield binary
    binary.close()


@pytest.fixture(scope="session")
def kafka():
    """A broker for the session: .bootstrap .create_topic() .consume() .kill9() .start()"""
    cluster = Kafka(brokers=1, settings={"transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
                                       "transaction.max.timeout.ms": "600000"})
    try:
        yield cluster.start()
    finally:
        cluster.close()


@pytest.fixture(scope="session")
def kafka3():
    """Three brokers, replication 3, two in-sync replicas wanted; the first has a small disk of its own (needs root)."""
    cluster = Kafka(brokers=3, small_disks={1: "256m"} if Disk.possible() else None)
    try:
        yield cluster.start()
    finally:
        cluster.close()


@pytest.fixture(scope="session")
def kafka_secure():
    """A broker with SASL_PLAINTEXT, SSL and SASL_SSL beside PLAINTEXT: .client(protocol, mechanism) .authority"""
    cluster = Kafka(brokers=1, secure=True)
    try:
        yield cluster.start()
    finally:
        cluster.close()


@pytest.fixture
def proxy():
    """proxy(port): a Proxy in front of that port; .port .cut() .down() .up() .hold() .release()"""
    proxies = []

    def make(port):
        proxies.append(Proxy(port))
        return proxies[-1]

    yield make
    for each in proxies:
        each.close()


@pytest.fixture(scope="session")
def registry():
    """A schema registry with Confluent's interface: .url"""
    server = Registry()
    try:
        yield server.start()
    finally:
        server.close()

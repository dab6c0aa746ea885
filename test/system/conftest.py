"""Fixtures of the system tests: servers per session, a database and a millrace per test."""
import itertools
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from millrace import Millrace  # noqa: E402
from servers.kafka import Disk, Kafka  # noqa: E402
from servers.mariadb import MariaDB  # noqa: E402
from servers.mysql import Database as MyDatabase  # noqa: E402
from servers.mysql import MySQL  # noqa: E402
from servers.postgres import Database, Postgres  # noqa: E402
from servers.proxy import Proxy  # noqa: E402
from servers.registry import Registry  # noqa: E402

numbers = itertools.count(1)


def pytest_addoption(parser):
    parser.addoption("--release", action="store_true", help="also what is slow and rare: run before a release")


def pytest_configure(config):
    config.addinivalue_line("markers", "release: slow and rare; runs with --release only (scripts/test --release)")


def pytest_collection_modifyitems(config, items):
    """Without --release those tests are left out, and it is said how many: they are no skips, and no passes."""
    left = [] if config.getoption("--release") else [item for item in items if item.get_closest_marker("release")]
    if left:
        items[:] = [item for item in items if item not in left]
        config.hook.pytest_deselected(items=left)


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


MY_SERVERS = {"mysql": MySQL, "mariadb": MariaDB, "mariadb-11.4": lambda **options: MariaDB(release="11.4", **options)}


@pytest.fixture(scope="session", params=MY_SERVERS)
def my_server(request):
    """One MySQL, one MariaDB of the distribution and one MariaDB 11.4 for the session; a test that is for one of them says
    @pytest.mark.parametrize("my_server", ["mysql"], indirect=True)."""
    server = MY_SERVERS[request.param]()
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def my_db(my_server):
    """A fresh database on it: .name .sql() .one() .script() .connect() .server"""
    if my_server.process.ended():
        my_server.start()
    database = MyDatabase(my_server, f"t{os.getpid()}_{next(numbers)}")
    yield database
    database.close()


@pytest.fixture
def my_servers():
    """my_servers("mariadb", gtid_strict_mode="OFF"): a server of the test's own, started."""
    made = []

    def make(kind, **options):
        made.append(MY_SERVERS[kind](**options))
        return made[-1].start()

    yield make
    for server in made:
        server.close()


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

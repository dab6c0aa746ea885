"""What the stream does about schemas when time works against it: a registry that is silent in the middle of a transaction, a
NOT NULL that the catalogue has and older rows do not. On Kafka, exactly once, with a real registry."""
import io
import json
import time
import urllib.request

import fastavro
import pytest
from servers import kfake as kfake_server
from servers import process

SHOP = """version: 1
pipelines:
  {name}:
    source: {{type: postgres, name: {name}, dsn: "{dsn}", slot: {name}, tables: ["public.*"]}}
    format: {{type: avro, registry: {{urls: ["{url}"], timeout: 30s}}}}
    sink: {{type: kafka, brokers: ["{brokers}"], transaction_timeout: 3s}}
    limits: {{batch: 64KiB}}
"""
TYPE = {"Content-Type": "application/vnd.schemaregistry.v1+json"}


@pytest.fixture(scope="module")
def kfake():
    if kfake_server.binary() is None:
        pytest.skip("kfake cannot be built here: there is no Go")
    broker = kfake_server.Kfake()
    yield broker
    broker.close()


@pytest.fixture
def shop(db, millrace, registry, kfake, proxy):
    return Shop(db, millrace, registry, kfake, proxy(registry.port))


class Shop:
    """A pipeline whose registry is behind a proxy."""

    def __init__(self, db, millrace, registry, kfake, way):
        self.db, self.millrace, self.registry, self.kfake, self.way = db, millrace, registry, kfake, way
        url = registry.url.replace(str(registry.port), str(way.port))
        self.path = millrace.config(SHOP.format(name=db.name, dsn=db.dsn, url=url, brokers=kfake.bootstrap))
        self.schemas = {}

    def until_now(self):
        done = self.millrace.run("run", self.path, "--until", "now", seconds=90)
        assert done.popen.returncode == 0, done.tail()

    def topic(self, table):
        return f"{self.db.name}.public.{table}"

    def visible(self, table):
        return self.kfake.end(self.topic(table), committed=True) if self.topic(table) in self.kfake.topics() else 0

    def ask(self, path, method="GET", body=None):
        request = urllib.request.Request(self.registry.url + path, method=method, headers=TYPE,
                                         data=json.dumps(body).encode() if body is not None else None)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def read(self, table, isolation="read_committed"):
        """Each event with the number of its schema."""
        events = []
        for message in self.kfake.consume(self.topic(table), isolation):
            number = int.from_bytes(message.value()[1:5], "big")
            if number not in self.schemas:
                self.schemas[number] = fastavro.parse_schema(json.loads(self.ask(f"/schemas/ids/{number}")["schema"]))
            events.append((number, fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), self.schemas[number])))
        return events


def test_no_kafka_transaction_is_open_while_a_registry_is_silent(shop, db):
    """A transaction of two tables, the second one new: the first one's rows are committed before brokers lose patience."""
    db.psql("create table a (id int primary key, pad text); create table b (id int primary key); insert into a values (0, '')")
    shop.until_now()
    running = shop.millrace.start("run", shop.path)
    running.wait_error("streaming", 60)
    shop.way.hold()
    db.psql("begin; insert into a select n, repeat('x', 100) from generate_series(1, 5000) n; insert into b values (1); commit;")
    process.wait_until(lambda: shop.visible("a") > 4000, 60, "the first table's rows, though the registry is silent", running)
    time.sleep(3.5)  # longer than transaction_timeout: an open transaction would be ended
    assert shop.visible("b") == 0
    shop.way.release()
    process.wait_until(lambda: shop.visible("b") > 0, 60, "the second table's row", running)
    assert running.stop() == 0, running.tail()
    for isolation in ("read_committed", "read_uncommitted"):  # the same: nothing was ever aborted
        assert [event["after"]["id"] for _, event in shop.read("a", isolation)] == list(range(5001))
        assert [event["after"]["id"] for _, event in shop.read("b", isolation)] == [1]


def test_not_null_set_while_stopped_and_rows_of_before(shop, db):
    """The catalogue says required, rows older than that are NULL: their schema says optional. The new one is the registry's to judge."""
    db.psql("create table a (id int primary key, v int); insert into a values (1, null)")
    shop.until_now()
    shop.ask(f"/config/{shop.topic('a')}-value", "PUT", {"compatibility": "BACKWARD"})
    db.psql("insert into a values (2, null), (3, 3); update a set v = 0 where v is null; alter table a alter v set not null;"
            "insert into a values (4, 4)")
    shop.until_now()
    found = shop.read("a")
    assert [event["after"]["v"] for _, event in found] == [None, None, 3, 0, 0, 4]
    assert len({number for number, _ in found}) == 1, "optional it stays while it runs"

    db.psql("insert into a values (5, 5)")  # after a restart nothing of it is left that could be NULL
    running = shop.millrace.start("run", shop.path)
    refusal = running.wait_error("registry.incompatible", 60)
    assert "column v became NOT NULL" in refusal and "BACKWARD" in refusal, refusal
    running.kill9()
    db.psql("alter table a alter v drop not null")  # one way out of three
    shop.until_now()
    assert [event["after"]["v"] for _, event in shop.read("a")] == [None, None, 3, 0, 0, 4, 5]

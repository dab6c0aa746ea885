"""PostgreSQL to Kafka, exactly once, on kfake: fast enough to be run on every build. Real brokers: test_kafka_servers.py."""
import json
import random
import signal
import time

import pytest
from ledger import Load, check
from servers import kfake as kfake_server
from servers import process


@pytest.fixture(scope="session")
def kfake():
    if kfake_server.binary() is None:
        pytest.skip("kfake cannot be built here: there is no Go")
    broker = kfake_server.Kfake(partitions=3)
    yield broker
    broker.close()


def config(db, kafka, name, sink="", source=""):
    return f"""version: 1
pipelines:
  {name}:
    source:
      type: postgres
      name: {name}
      dsn: "{db.dsn}"
      slot: {name}
      publication: {{name: {name}}}
      tables: ["public.*"]
{source}    format: {{type: json, envelope: debezium, schemas: false}}
    sink:
      type: kafka
      brokers: ["{kafka.bootstrap}"]
{sink}"""


def until_now(millrace, path, **more):
    running = millrace.run("run", path, "--until", "now", seconds=90, **more)
    assert running.popen.returncode == 0, running.tail()
    return running


def prepared(db, millrace, kafka, name, **more):
    """A load with its tables, and the configuration; the slot stands before the first transaction."""
    load = Load(db)
    path = millrace.config(config(db, kafka, name, **more))
    until_now(millrace, path)
    return load, path


def checkpoint(kafka, name):
    return json.loads(kafka.consume(f"millrace.{name}.{name}.checkpoint")[-1].value())


def test_rows_arrive_once_with_their_checkpoint(db, millrace, kfake):
    load, path = prepared(db, millrace, kfake, "once")
    load.some(30)
    until_now(millrace, path)
    until_now(millrace, path)
    assert check(kfake, load, "once") > 30
    stored = checkpoint(kfake, "once")
    assert stored["pipeline"] == "once" and stored["owner"] and stored["number"] > 0
    keys = [json.loads(message.key()) for message in kfake.consume("once.public.ledger")]
    assert {"tx": 1, "part": 1} in keys


def test_topics_never_created_by_us_are_asked_for(db, millrace, kfake):
    Load(db)
    path = millrace.config(config(db, kfake, "never", sink="      create_topics: never\n"))
    running = millrace.run("run", path, "--until", "now")
    assert running.popen.returncode == 78
    assert "kafka.topic_missing" in running.tail()


def test_kill_9_under_load(db, millrace, kfake):
    load, path = prepared(db, millrace, kfake, "killed")
    dice = random.Random(6)
    load.start()
    for _ in range(12):
        running = millrace.start("run", path)
        time.sleep(dice.uniform(0.3, 1.5))
        running.kill9()
    load.stop()
    until_now(millrace, path)
    check(kfake, load, "killed")


def test_a_frozen_broker_under_load(db, millrace, kfake):
    load, path = prepared(db, millrace, kfake, "frozen")
    load.start()
    running = millrace.start("run", path)
    time.sleep(1)
    kfake.freeze()
    time.sleep(7)
    kfake.thaw()
    time.sleep(2)
    load.stop()
    assert running.stop() == 0, running.tail()
    until_now(millrace, path)
    check(kfake, load, "frozen")


def test_refused_requests_under_load(db, millrace, kfake):
    load, path = prepared(db, millrace, kfake, "refused")
    load.start()
    running = millrace.start("run", path)
    for key, code in ((26, 47), (0, 19), (24, 51), (0, 45), (26, 48), (0, 59)):
        time.sleep(0.7)
        kfake.say(f"fail {key} {code} 1" + (" refused.public.ledger" if key != 26 else ""))
    time.sleep(3)
    load.stop()
    assert running.stop() == 0, running.tail()
    until_now(millrace, path)
    check(kfake, load, "refused")


def test_a_zombie_wakes_up_after_its_heir_took_over(db, millrace, kfake):
    load, path = prepared(db, millrace, kfake, "zombie")
    load.start()
    zombie = millrace.start("run", path)
    time.sleep(1)
    zombie.signal(signal.SIGSTOP)
    heir = millrace.start("run", path)
    time.sleep(3)
    zombie.signal(signal.SIGCONT)
    assert zombie.wait() == 75, zombie.tail()
    time.sleep(1)
    load.stop()
    assert not heir.ended(), heir.tail()
    assert heir.stop() == 0, heir.tail()
    until_now(millrace, path)
    check(kfake, load, "zombie")


def test_a_stop_is_obeyed_while_broker_and_database_are_away(db, millrace, kfake):
    load, path = prepared(db, millrace, kfake, "stuck")
    path.write_text(path.read_text() + "    limits: {drain: 3s}\n")
    load.start()
    running = millrace.start("run", path)
    running.wait_error("streaming")
    time.sleep(1)
    kfake.freeze()
    try:
        time.sleep(2)
        db.sql("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'stuck'")
        # With a commit on its way it is waited for before the source is opened again: then only the sink has said something.
        process.wait_until(lambda: any("will try again" in line or "kafka.un" in line for line in list(running.errors)), 60,
                           "a word on what is away", running)
        time.sleep(1)
        running.signal(signal.SIGTERM)
        assert running.wait() in (0, 1), running.tail()
    finally:
        kfake.thaw()
    load.stop()
    until_now(millrace, path)
    check(kfake, load, "stuck")


def test_a_split_transaction_is_resumed_inside(db, millrace, kfake):
    """One source transaction over several Kafka transactions, killed between them."""
    load, path = prepared(db, millrace, kfake, "split", sink="      transaction_timeout: 1s\n")
    load.some(1, size=200000)
    load.some(3)
    for delay in (0.5, 0.8, 1.1):
        running = millrace.start("run", path)
        time.sleep(delay)
        running.kill9()
    until_now(millrace, path)
    check(kfake, load, "split")


def replayed(kafka, topic):
    """{id: v} as a reader of the topic has them at its end."""
    rows = {}
    for message in kafka.consume(topic):
        key, event = json.loads(message.key())["id"], message.value() and json.loads(message.value())
        if event is None or event["op"] == "d":
            rows.pop(key, None)
        else:
            rows[key] = event["after"]["v"]
    return rows


def test_a_row_deleted_before_its_table_is_read_again_is_gone(db, millrace, kfake):
    """A kill between two commits inside a table: rows of the first view are out, and happenings before the second count."""
    db.psql("create table items (id int primary key, v text);"
            "insert into items select n, repeat('x', 100) from generate_series(1, 200000) n;")
    sink = "      commit: {split: 1000}\n      create_topics: {partitions: 1}\n"
    path = millrace.config(config(db, kfake, "again", sink=sink))
    running = millrace.start("run", path)
    topic = "again.public.items"
    process.wait_until(lambda: topic in kfake.topics() and kfake.end(topic) > 0, 30, "the first rows", running)
    running.kill9()
    assert 0 < len(replayed(kfake, topic)) < 200000, "the table was read before it could be killed"
    db.psql("delete from items where id = 1; update items set id = -2 where id = 2; update items set v = 'new' where id = 3;")
    until_now(millrace, path)
    assert replayed(kfake, topic) == dict(db.sql("select id, v from items"))


def test_a_table_read_again_by_request_brings_what_happened_meanwhile(db, millrace, kfake):
    db.psql("create table items (id int primary key, v text); insert into items values (1, 'a'), (2, 'b'), (3, 'c');")
    path = millrace.config(config(db, kfake, "request", sink="      create_topics: {partitions: 1}\n"))
    until_now(millrace, path)
    for table in ((), ("public.items",)):
        db.psql("delete from items where id = (select min(id) from items); update items set v = v || '!';")
        asked = millrace.run("resnapshot", "-c", path, "request", *table, "--yes")
        assert asked.popen.returncode == 0, asked.tail()
        until_now(millrace, path)
        assert replayed(kfake, "request.public.items") == dict(db.sql("select id, v from items"))
    stored = checkpoint(kfake, "request")["source"].get("snapshot", {})
    assert not stored.get("active") and not stored.get("again")


def test_at_least_once_may_repeat_but_loses_nothing(db, millrace, kfake):
    load, path = prepared(db, millrace, kfake, "least", sink="      delivery: at_least_once\n")
    load.start()
    for _ in range(4):
        running = millrace.start("run", path)
        time.sleep(0.7)
        running.kill9()
    load.stop()
    until_now(millrace, path)
    check(kfake, load, "least", twice=True)


def test_the_checker_sees_what_is_wrong():
    """Planted faults: a row missing, doubled, out of order, never committed."""
    class Message:
        def __init__(self, row):
            self.row = row

        def value(self):
            return json.dumps({"after": self.row})

    ledger = [{"tx": tx, "part": part, "size": 2} for tx in (1, 2) for part in (1, 2)]
    account = [{"id": 1, "version": version} for version in (1, 2, 3)]

    class Broker:
        def __init__(self, ledger, account):
            self.rows = {"x.public.ledger": ledger, "x.public.account": account}

        def consume(self, topic, *_, **__):
            return [Message(row) for row in self.rows[topic]]

    class Stub:
        committed, space = 2, "public"
        db = type("", (), {"sql": staticmethod(lambda _: [(1, 3)])})

    assert check(Broker(ledger, account), Stub, "x") == 4
    wrong = {"missing row": (ledger[1:], account), "doubled row": (ledger + ledger[:1], account),
             "phantom": (ledger + [{"tx": 3, "part": 1, "size": 1}], account), "missing tx": (ledger[:2], account),
             "order": (ledger, [account[0], account[2], account[1]]), "lost update": (ledger, account[:2]),
             "doubled update": (ledger, account + account[2:]), "no update": (ledger, [])}
    for what, (rows, accounts) in wrong.items():
        with pytest.raises(AssertionError):
            check(Broker(rows, accounts), Stub, "x")
            pytest.fail(what)


def test_events_that_are_too_large_or_cannot_be_become_dead_letters(db, millrace, kfake):
    db.sql("create table wide (id int primary key, n numeric(5,2), body text)")
    text = config(db, kfake, "dead") + "    errors: {policy: dead_letter}\n"
    path = millrace.config(text)
    until_now(millrace, path)
    with db.connect(autocommit=False) as connection:
        connection.execute("insert into wide values (1, 1, 'small'), (2, 2, repeat('x', 2000000)), (3, 'NaN', 'small'),"
                           " (4, 4, 'small')")
    until_now(millrace, path)

    events = [json.loads(message.value()) for message in kfake.consume("dead.public.wide")]
    assert sorted(event["after"]["id"] for event in events) == [1, 4]
    letters = {json.loads(message.key())["id"]: message for message in kfake.consume("dead.dead_letters")}
    assert set(letters) == {2, 3}
    values = {key: json.loads(message.value()) for key, message in letters.items()}
    assert values[2]["error"]["code"] == "encode.too_large" and "after" not in values[2]
    assert values[3]["error"]["code"] == "encode.value" and values[3]["after"]["n"] == "NAN"
    headers = dict(letters[2].headers())
    assert headers["__connect.errors.topic"] == b"dead.public.wide"
    assert headers["__connect.errors.exception.class.name"] == b"encode.too_large"
    assert json.loads(headers["millrace.position"])["number"] == values[2]["number"]
    assert checkpoint(kfake, "dead")["number"] > values[2]["number"], "the position is behind all four"


def murmur2(data: bytes) -> int:
    """As org.apache.kafka.common.utils.Utils has it, written from its description and not from ours."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    for at in range(0, len(data) // 4 * 4, 4):
        k = int.from_bytes(data[at:at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    rest = data[len(data) // 4 * 4:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def test_records_stand_where_the_user_says_at_the_time_of_their_commit(db, millrace, kfake):
    assert murmur2(b"21") == -973932308 & 0xFFFFFFFF  # a vector of Kafka's own tests
    db.sql("create table orders (id int primary key, customer int, note text)")
    db.sql("alter table orders replica identity full")
    sink = """      create_topics: {partitions: 2, topics: {"place.public.ord*": "partitions=5 retention.ms=3600000"}}
      partition_columns: {"public.orders": customer}
      timestamp: commit
"""
    path = millrace.config(config(db, kfake, "place", sink=sink))
    until_now(millrace, path)
    db.sql("insert into orders select n, n % 7, 'x' from generate_series(1, 50) n")
    db.sql("delete from orders where id % 5 = 0")
    until_now(millrace, path)

    messages = kfake.consume("place.public.orders")
    assert len(messages) == 50 + 2 * 10
    for message in messages:
        customer = json.loads(message.key())["id"] % 7
        assert message.partition() == (murmur2(str(customer).encode()) & 0x7FFFFFFF) % 5
        if message.value():
            assert message.timestamp()[1] == json.loads(message.value())["source"]["ts_ms"]
    assert checkpoint(kfake, "place")["partitions"] == {"place.public.orders": 5}


def test_columns_that_deletes_do_not_bring_are_refused(db, millrace, kfake):
    db.sql("create table orders (id int primary key, customer int)")
    path = millrace.config(config(db, kfake, "refuse", sink='      partition_columns: {"public.orders": customer}\n'))
    checked = millrace.run("check", "--environment", path)
    assert checked.popen.returncode == 78
    assert "sink.kafka.partition_columns" in checked.tail() and "REPLICA IDENTITY FULL" in checked.tail()
    db.sql("insert into orders values (1, 1)")
    running = millrace.run("run", path, "--until", "now")
    assert running.popen.returncode == 78
    assert "sink.kafka.partition_columns" in running.tail()

"""The servers themselves: what every other system test stands on."""
import json
import urllib.request

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient


def test_postgres_has_logical_decoding_and_survives_a_kill(db):
    assert db.one("show wal_level") == "logical"
    db.sql("create table t (a int primary key)")
    db.sql("insert into t values (1)")
    db.server.kill9()
    db.server.start()
    assert db.sql("select a from t") == [(1,)]


def test_kafka_hides_aborted_records_from_committed_readers(kafka):
    kafka.create_topic("servers")
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": "servers"})
    producer.init_transactions(30)
    for number, commit in ((1, True), (2, False), (3, True)):
        producer.begin_transaction()
        producer.produce("servers", str(number))
        producer.flush(30)
        producer.commit_transaction(30) if commit else producer.abort_transaction(30)
    assert [message.value() for message in kafka.consume("servers")] == [b"1", b"3"]
    assert len(kafka.consume("servers", isolation="read_uncommitted")) == 3


@pytest.mark.parametrize("protocol, mechanism", [
    ("SSL", ""), ("SASL_PLAINTEXT", "PLAIN"), ("SASL_PLAINTEXT", "SCRAM-SHA-256"), ("SASL_SSL", "SCRAM-SHA-512")])
def test_kafka_speaks_securely(kafka_secure, protocol, mechanism):
    admin = AdminClient(kafka_secure.client(protocol, mechanism))
    assert len(admin.list_topics(timeout=20).brokers) == 1


def test_three_brokers_lose_one(kafka3):
    kafka3.create_topic("three", partitions=3)
    producer = Producer({"bootstrap.servers": kafka3.bootstrap, "acks": "all"})
    kafka3.kill9(2)
    for number in range(30):
        producer.produce("three", str(number))
    assert producer.flush(60) == 0
    kafka3.start(2)
    assert len(kafka3.consume("three", seconds=60)) == 30


def test_proxy_cuts_and_comes_back(db, proxy):
    between = proxy(db.server.port)
    dsn = db.dsn.replace(f"port={db.server.port}", f"port={between.port}")
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
        between.down()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)
    between.up()
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_registry_registers_a_schema(registry):
    body = json.dumps({"schema": json.dumps({"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]})})
    request = urllib.request.Request(f"{registry.url}/subjects/servers-value/versions", data=body.encode(),
                                     headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        number = json.load(answer)["id"]
    with urllib.request.urlopen(f"{registry.url}/schemas/ids/{number}", timeout=20) as answer:
        assert '"R"' in json.load(answer)["schema"]

"""The servers themselves: what every other system test stands on."""
import json
import urllib.request

from confluent_kafka import Producer


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


def test_registry_registers_a_schema(registry):
    body = json.dumps({"schema": json.dumps({"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]})})
    request = urllib.request.Request(f"{registry.url}/subjects/servers-value/versions", data=body.encode(),
                                     headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        number = json.load(answer)["id"]
    with urllib.request.urlopen(f"{registry.url}/schemas/ids/{number}", timeout=20) as answer:
        assert '"R"' in json.load(answer)["schema"]

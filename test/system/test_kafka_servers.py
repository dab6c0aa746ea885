"""PostgreSQL to Apache Kafka itself: one broker, three brokers, TLS and SASL, brokers that die, freeze and refuse."""
import random
import signal
import time

import pytest
from ledger import Load, check
from servers.kafka import Kafka
from test_kafka_route import config, prepared, until_now


def client(words):
    return "      client:\n" + "".join(f'        {key}: "{value}"\n' for key, value in words.items()
                                      if key != "bootstrap.servers")


def test_rows_arrive_once(db, millrace, kafka):
    load, path = prepared(db, millrace, kafka, "plain")
    load.some(50)
    until_now(millrace, path)
    load.some(50)
    until_now(millrace, path)
    check(kafka, load, "plain")


@pytest.mark.parametrize("protocol, mechanism", [("SSL", "-"), ("SASL_PLAINTEXT", "PLAIN"), ("SASL_SSL", "SCRAM-SHA-256"),
                                                 ("SASL_SSL", "SCRAM-SHA-512")])
def test_secure_listeners(db, millrace, kafka_secure, protocol, mechanism):
    name = f"{protocol}_{mechanism}".lower().replace("-", "_").strip("_")
    words = kafka_secure.client(protocol, mechanism)
    secure = type("", (), {"bootstrap": words["bootstrap.servers"]})
    load, path = prepared(db, millrace, secure, name, sink=client(words))
    load.some(5)
    until_now(millrace, path)
    check(kafka_secure, load, name)


def test_mutual_tls(db, millrace, kafka_secure):
    words = kafka_secure.client("SSL")
    certificate, key = kafka_secure.authority.issue("millrace")
    words |= {"ssl.certificate.location": certificate, "ssl.key.location": key}
    secure = type("", (), {"bootstrap": words["bootstrap.servers"]})
    load, path = prepared(db, millrace, secure, "mutual", sink=client(words))
    load.some(5)
    until_now(millrace, path)
    check(kafka_secure, load, "mutual")


@pytest.mark.parametrize("wrong, code", [({"sasl.password": "no"}, "sink.kafka.login"),
                                         ({"ssl.ca.location": "/etc/ssl/certs/ca-certificates.crt"}, "sink.kafka.tls")])
def test_a_refused_login_stops_with_77(db, millrace, kafka_secure, wrong, code):
    words = kafka_secure.client("SASL_SSL", "SCRAM-SHA-256") | wrong
    secure = type("", (), {"bootstrap": words["bootstrap.servers"]})
    path = millrace.config(config(db, secure, "login", sink=client(words)))
    running = millrace.run("run", path, "--until", "now", seconds=60)
    assert running.popen.returncode == 77, running.tail()
    assert code in running.tail()


def test_a_broker_that_is_killed_and_comes_back(db, millrace):
    """Own cluster: the session's other tests want theirs alive."""
    cluster = Kafka(brokers=1)
    try:
        cluster.start()
        load, path = prepared(db, millrace, cluster, "restart")
        load.start()
        running = millrace.start("run", path)
        time.sleep(2)
        cluster.kill9()
        time.sleep(6)
        cluster.start()
        time.sleep(5)
        running.kill9()
        running = millrace.start("run", path)
        time.sleep(2)
        load.stop()
        assert running.stop() == 0, running.tail()
        until_now(millrace, path)
        check(cluster, load, "restart")
    finally:
        cluster.close()


def test_an_event_too_large_for_the_topic(db, millrace, kafka):
    load, path = prepared(db, millrace, kafka, "large", sink="      client: {message.max.bytes: \"20000000\"}\n")
    load.some(3)
    until_now(millrace, path)
    db.sql("create table big (id int primary key, t text)")
    db.sql("alter publication large set tables in schema public")
    with db.connect() as connection:
        connection.execute("insert into big select 1, string_agg(md5(n::text), '') from generate_series(1, 100000) n")
    running = millrace.run("run", path, "--until", "now", seconds=60)
    assert running.popen.returncode == 1, running.tail()
    assert "sink.kafka.too_large" in running.tail()
    check(kafka, load, "large")


def test_a_topic_deleted_under_load(db, millrace, kafka):
    load, path = prepared(db, millrace, kafka, "deleted")
    load.start()
    running = millrace.start("run", path)
    time.sleep(2)
    admin = kafka.admin()
    admin.delete_topics(["deleted.public.ledger"])["deleted.public.ledger"].result(30)
    assert running.wait(40) == 78, running.tail()
    assert "sink.kafka.topic_missing" in running.tail()
    load.stop()


def test_three_brokers_lose_one_after_the_other(db, millrace, kafka3):
    """Leaders and the coordinator of the transaction among them: killed, frozen, and back."""
    load, path = prepared(db, millrace, kafka3, "three",
                          sink="      create_topics: {partitions: 4, replication: 3}\n      transaction_timeout: 20s\n")
    load.start()
    running = millrace.start("run", path)
    time.sleep(2)
    for broker in kafka3.brokers:
        kafka3.kill9(broker.number)
        time.sleep(4)
        assert not running.ended(), running.tail()
        kafka3.start(broker.number)
        time.sleep(3)
    for broker in kafka3.brokers:
        broker.process.send(signal.SIGSTOP)
        time.sleep(5)
        broker.process.send(signal.SIGCONT)
        time.sleep(2)
    dice = random.Random(3)
    for _ in range(3):
        running.kill9()
        running = millrace.start("run", path)
        time.sleep(dice.uniform(1, 3))
    load.stop()
    assert running.stop(60) == 0, running.tail()
    until_now(millrace, path)
    check(kafka3, load, "three")


def test_two_of_three_brokers_away_is_waited_out(db, millrace, kafka3):
    """NOT_ENOUGH_REPLICAS: nothing can be acknowledged, for longer than a transaction may last."""
    load, path = prepared(db, millrace, kafka3, "away",
                          sink="      create_topics: {replication: 3}\n      transaction_timeout: 5s\n")
    load.start()
    running = millrace.start("run", path)
    time.sleep(2)
    away = kafka3.brokers[1:]
    for broker in away:
        broker.process.send(signal.SIGSTOP)
    time.sleep(15)
    for broker in away:
        broker.process.send(signal.SIGCONT)
    time.sleep(8)
    load.stop()
    assert not running.ended(), running.tail()
    assert running.stop(90) == 0, running.tail()
    until_now(millrace, path)
    check(kafka3, load, "away")

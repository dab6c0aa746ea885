"""PostgreSQL to Apache Kafka itself: brokers that die, freeze, lose replicas, run out of disk. What Kafka refuses:
test_kafka_refusals.py; away for long: test_kafka_outage.py."""
import concurrent.futures
import json
import struct
import time

import pytest
from confluent_kafka import KafkaException
from ledger import check
from servers import process
from servers.kafka import Disk, Kafka
from test_kafka_route import config, prepared, until_now


def gentle(db, millrace, kafka, name, **more):
    """As prepared(), with a load of some hundred rows a second: it is the faults that count."""
    load, path = prepared(db, millrace, kafka, name, **more)
    load.pause = 0.03
    return load, path


def delivered(kafka, name, running, seconds=150):
    """Waits until the topic of the ledger grows by more than what was on its way."""
    topic, seen = f"{name}.public.ledger", []

    def grown():
        try:
            seen.append(kafka.end(topic, committed=True))
        except (KafkaException, concurrent.futures.TimeoutError):
            return False  # the leader is being elected
        return seen[-1] > seen[0] + 200

    process.wait_until(grown, seconds, f"{topic} growing", running, pause=0.3)


def test_rows_arrive_once(db, millrace, kafka):
    load, path = gentle(db, millrace, kafka, "plain")
    load.some(50)
    until_now(millrace, path)
    load.some(50)
    until_now(millrace, path)
    check(kafka, load, "plain")


def batches(kafka, topic):
    """Code of compression and number of bytes of each batch of records in the log of partition 0, markers left out."""
    log = b"".join(path.read_bytes() for path in sorted((kafka.brokers[0].folder / "data" / f"{topic}-0").glob("*.log")))
    at, found = 0, []
    while at + 61 <= len(log):
        length, attributes = struct.unpack_from(">i", log, at + 8)[0], struct.unpack_from(">h", log, at + 21)[0]
        if length <= 0:
            break
        if not attributes & 0x20:
            found.append((attributes & 7, length))
        at += 12 + length
    return found


def test_records_lie_compressed_as_configured(db, millrace, kafka):
    rows = 2000
    db.sql("create table wide (id integer primary key, note text)")
    db.sql("insert into wide select n, repeat('millrace ', 20) from generate_series(1, %s) n", [rows])
    sizes = {}
    for code, codec in enumerate(("none", "gzip", "snappy", "lz4", "zstd")):
        # lz4 is what comes without a word
        sink = "" if codec == "lz4" else f"      compression: {codec}\n"
        until_now(millrace, millrace.config(config(db, kafka, codec, sink=sink), f"{codec}.yaml"))
        seen = {json.loads(message.key())["id"] for message in kafka.consume(f"{codec}.public.wide")}
        assert len(seen) == rows
        found = batches(kafka, f"{codec}.public.wide")
        assert {kind for kind, _ in found} == {code}, found
        sizes[codec] = sum(size for _, size in found)
    assert all(sizes[codec] * 4 < sizes["none"] for codec in sizes if codec != "none"), sizes


def test_a_broker_that_is_killed_and_comes_back(db, millrace, kafka):
    """With transactions and without, side by side; without them rows may come twice, but none is lost."""
    load, path = gentle(db, millrace, kafka, "restart")
    least = millrace.config(config(db, kafka, "least", sink="      delivery: at_least_once\n"), "least.yaml")
    until_now(millrace, least)
    load.start()
    both = [millrace.start("run", path), millrace.start("run", least)]
    for running in both:
        running.wait_error("streaming")
    time.sleep(1)
    kafka.kill9()
    for running in both:
        assert "check `brokers`" in running.wait_error("kafka.unreachable")
    kafka.start()
    delivered(kafka, "restart", both[0])
    both[0].kill9()
    both[1].kill9()
    load.stop()
    until_now(millrace, path)
    until_now(millrace, least)
    check(kafka, load, "restart")
    check(kafka, load, "least", twice=True)


@pytest.mark.release
def test_three_brokers_lose_a_coordinator_a_leader_and_replicas(db, millrace, kafka3):
    """Two pipelines: one that may go on with two replicas of three, and one whose topics ask for all three."""
    load, path = gentle(db, millrace, kafka3, "three", sink="      create_topics: {partitions: 4, replication: 3}\n")
    strict_path = millrace.config(config(db, kafka3, "strict", sink="      create_topics: {partitions: 1, replication: 3, "
                                         "config: {min.insync.replicas: 3}}\n"), "strict.yaml")
    until_now(millrace, strict_path)
    load.start()
    running, strict = millrace.start("run", path), millrace.start("run", strict_path)
    delivered(kafka3, "three", running)
    delivered(kafka3, "strict", strict)

    coordinator = kafka3.coordinator("millrace.three.three")
    kafka3.kill9(coordinator)
    delivered(kafka3, "three", running)
    # Its topics take nothing. Brokers name several reasons, by the moment at which the commit was given up; the replicas
    # that are missing are told beside each.
    line = strict.wait_error("of its 3 replicas in sync", 150)
    assert "kafka.unavailable" in line and "min.insync.replicas" in line, line
    kafka3.start(coordinator)
    delivered(kafka3, "strict", strict)

    leader = kafka3.leader("three.public.ledger", 2)
    kafka3.freeze(leader)
    time.sleep(4)
    kafka3.thaw(leader)
    delivered(kafka3, "three", running)
    kafka3.move_leader("three.public.ledger", 2)
    delivered(kafka3, "three", running)
    kafka3.stop(leader)
    delivered(kafka3, "three", running)
    running.kill9()
    kafka3.start(leader)
    load.stop()
    assert strict.stop() == 0, strict.tail()
    for name, file in (("three", path), ("strict", strict_path)):
        until_now(millrace, file)
        check(kafka3, load, name)


@pytest.mark.release
def test_two_of_three_brokers_away_for_longer_than_a_transaction_may_last(db, millrace, kafka3):
    load, path = gentle(db, millrace, kafka3, "away",
                          sink="      create_topics: {replication: 3}\n      transaction_timeout: 5s\n")
    load.start()
    running = millrace.start("run", path)
    delivered(kafka3, "away", running)
    stays = kafka3.leader("away.public.ledger")
    away = [broker.number for broker in kafka3.brokers if broker.number != stays]
    for number in away:
        kafka3.freeze(number)
    running.wait_error('"kafka.un', 120)
    time.sleep(5)
    for number in away:
        kafka3.thaw(number)
    delivered(kafka3, "away", running)
    load.stop()
    assert running.stop() == 0, running.tail()
    until_now(millrace, path)
    check(kafka3, load, "away")


needs_disk = pytest.mark.skipif(not Disk.possible(), reason="no file system can be mounted here (needs root)")


@pytest.mark.release
@needs_disk
def test_a_disk_of_two_that_fills_up_takes_partitions_away(db, millrace):
    """The broker lives on without that disk; its partitions have no leader until somebody makes room and starts it again."""
    cluster = Kafka(small_disks={1: "64m"}, two_disks=True)
    try:
        cluster.start()
        load, path = gentle(db, millrace, cluster, "full", sink="      create_topics: {partitions: 6}\n")
        load.start()
        running = millrace.start("run", path)
        delivered(cluster, "full", running)
        cluster.brokers[0].disk.fill()
        line = running.wait_error("has no leader", 150)
        assert "kafka.unavailable" in line and "disk" in line, line
        assert not cluster.brokers[0].process.ended()
        cluster.brokers[0].disk.empty()
        cluster.kill9()
        cluster.start()
        delivered(cluster, "full", running)
        load.stop()
        assert running.stop() == 0, running.tail()
        until_now(millrace, path)
        check(cluster, load, "full")
    finally:
        cluster.close()


@pytest.mark.release
@needs_disk
def test_the_only_disk_of_one_broker_of_three_fills_up(db, millrace, kafka3):
    """That broker ends itself; the others go on, and it comes back when there is room."""
    load, path = gentle(db, millrace, kafka3, "full3", sink="      create_topics: {partitions: 3, replication: 3}\n")
    load.start()
    running = millrace.start("run", path)
    delivered(kafka3, "full3", running)
    broker = kafka3.brokers[0]
    broker.disk.fill()
    process.wait_until(broker.process.ended, 150, "the end of the broker without a disk")
    delivered(kafka3, "full3", running)
    broker.disk.empty()
    kafka3.start(1)
    delivered(kafka3, "full3", running)
    load.stop()
    assert running.stop() == 0, running.tail()
    until_now(millrace, path)
    check(kafka3, load, "full3")

"""What a real Kafka refuses, and what a user is told: code, sentence, what to do, exit code. Outages: test_kafka_servers.py."""
import json
import os
import signal
import time

import pytest
from ledger import Load, check
from servers import process
from test_kafka_route import checkpoint, config, prepared, until_now


def client(words):
    return "      client:\n" + "".join(f'        {key}: "{value}"\n' for key, value in words.items()
                                      if key != "bootstrap.servers")


def at(words):
    return type("", (), {"bootstrap": words["bootstrap.servers"]})


def refused(millrace, path, exit_code, code, *words, seconds=60):
    """Runs until it ends with that exit code and a last word of that code, which holds the words."""
    running = millrace.run("run", path, "--until", "now", seconds=seconds)
    return ended(running, exit_code, code, *words)


def ended(running, exit_code, code, *words):
    assert running.popen.returncode == exit_code, running.tail()
    last = next(json.loads(line) for line in reversed(running.errors)
                if line.startswith("{") and json.loads(line)["msg"] == "pipeline failed")
    assert last["code"] == code, running.tail()
    for word in words:
        assert word in last["err"] + " " + last.get("hint", ""), last
    return last


def streaming(millrace, path):
    """Runs, and has streamed for a second."""
    running = millrace.start("run", path)
    running.wait_error("streaming")
    time.sleep(1)
    return running


def delivered(db, slot, end, running):
    """Until all that was committed up to this place in the log is in Kafka: only then it is confirmed."""
    process.wait_until(lambda: db.one("select confirmed_flush_lsn >= %s::pg_lsn from pg_replication_slots where slot_name = %s",
                                      [end, slot]), 120, "everything delivered", running, pause=0.1)


# Secure listeners and logins

@pytest.mark.parametrize("protocol, mechanism", [("SSL", "-"), ("SASL_PLAINTEXT", "PLAIN"), ("SASL_SSL", "SCRAM-SHA-256"),
                                                 ("SASL_SSL", "SCRAM-SHA-512")])
def test_secure_listeners(db, millrace, kafka_secure, protocol, mechanism):
    name = f"{protocol}_{mechanism}".lower().replace("-", "_").strip("_")
    words = kafka_secure.client(protocol, mechanism)
    load = Load(db)
    load.some(5)
    until_now(millrace, millrace.config(config(db, at(words), name, sink=client(words))))
    assert_snapshot(kafka_secure, load, name)


def test_mutual_tls(db, millrace, kafka_secure):
    words = kafka_secure.client("SSL")
    certificate, key = kafka_secure.authority.issue("millrace")
    words |= {"ssl.certificate.location": certificate, "ssl.key.location": key}
    load = Load(db)
    load.some(5)
    until_now(millrace, millrace.config(config(db, at(words), "mutual", sink=client(words))))
    assert_snapshot(kafka_secure, load, "mutual")


def assert_snapshot(kafka, load, name):
    rows = load.db.one("select count(*) from ledger")
    assert rows > 0 and kafka.count(f"{name}.public.ledger") == rows


@pytest.mark.parametrize("wrong, code", [({"sasl.password": "no"}, "kafka.login"),
                                         ({"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "nobody"}, "kafka.login"),
                                         ({"ssl.ca.location": "/etc/ssl/certs/ca-certificates.crt"}, "kafka.tls")])
def test_a_refused_login_stops_with_77(db, millrace, kafka_secure, wrong, code):
    words = kafka_secure.client("SASL_SSL", "SCRAM-SHA-256") | wrong
    path = millrace.config(config(db, at(words), "login", sink=client(words)))
    refused(millrace, path, 77, code, "`client`")


# Rights: bob may do only what is granted

def bobs(db, millrace, kafka, name, sink=""):
    words = kafka.client("SASL_PLAINTEXT", "PLAIN", "bob")
    return millrace.config(config(db, at(words), name, sink=sink + client(words)))


def grant_all(kafka, name):
    """What docs/how-to/kafka.md asks for."""
    kafka.grant("bob", "topic", f"{name}.", "write", "describe", "create", prefixed=True)
    kafka.grant("bob", "topic", f"millrace.{name}.{name}.checkpoint", "read", "write", "describe", "create")
    kafka.grant("bob", "transactional_id", f"millrace.{name}.{name}", "write", "describe")


@pytest.fixture
def rights(kafka_secure):
    yield kafka_secure
    kafka_secure.revoke("bob")


def test_the_documented_rights_are_enough(db, millrace, rights):
    grant_all(rights, "enough")
    load = Load(db)
    load.some(5)
    path = bobs(db, millrace, rights, "enough")
    done = millrace.run("check", path, "--environment")
    assert done.popen.returncode == 0, done.tail()
    until_now(millrace, path)
    assert_snapshot(rights, load, "enough")


@pytest.mark.parametrize("missing, words", [
    (("topic", "missing."), ["missing.public.account", "kafka-acls", "--operation Write"]),
    (("topic", "millrace.missing.missing.checkpoint"), ["millrace.missing.missing.checkpoint", "kafka-acls", "Read"]),
    (("transactional_id", "millrace.missing.missing"), ["kafka-acls", "--transactional-id"]),
])
def test_a_right_never_given_stops_with_77(db, millrace, rights, missing, words):
    grant_all(rights, "missing")
    rights.revoke("bob", *missing)
    Load(db)
    path = bobs(db, millrace, rights, "missing")
    if missing[0] == "topic":  # case 24: told beforehand, by the same words
        done = millrace.run("check", "--environment", path, "--json")
        assert done.popen.returncode == 77, done.tail()
        found = [one for one in json.loads(done.lines[-1])["result"]["findings"] if one["code"] == "kafka.unauthorized"]
        assert any(all(word in one["text"] + (one.get("hint") or "") for word in words) for one in found), found
    refused(millrace, path, 77, "kafka.unauthorized", *words)


def test_the_topic_of_heartbeats_is_asked_for_too(db, millrace, rights):
    """Case 24: no grant for the tables' prefix covers it."""
    grant_all(rights, "beats")
    Load(db)
    path = bobs(db, millrace, rights, "beats")
    path.write_text(path.read_text().replace("      type: postgres\n", "      type: postgres\n      heartbeat: {interval: 1s}\n", 1))
    found = findings(millrace, path, 77)
    assert "__debezium-heartbeat.beats" in found["kafka.unauthorized"], found
    rights.grant("bob", "topic", "__debezium-heartbeat.beats", "write", "describe", "create")
    assert "kafka.unauthorized" not in findings(millrace, path, 0)


def test_topics_that_are_not_to_be_made_must_be_there(db, millrace, kafka):
    db.sql("create table orders (id int primary key)")
    path = millrace.config(config(db, kafka, "absent", sink="      create_topics: never\n"))
    found = findings(millrace, path, 78)
    assert "kafka.topic_missing" in found, found
    for topic in ("absent.public.orders", "millrace.absent.absent.checkpoint"):
        assert topic in found["kafka.topic_missing"], found


def findings(millrace, path, code):
    """check --environment: code -> all texts of failures."""
    done = millrace.run("check", "--environment", path, "--json")
    assert done.popen.returncode == code, done.tail()
    found = {}
    for one in json.loads(done.lines[-1])["result"]["findings"]:
        if one["level"] == "fail":
            found[one["code"]] = found.get(one["code"], "") + one["text"] + "\n"
    return found


@pytest.mark.parametrize("name, kind, lost", [("losta", "topic", "losta."), ("lostb", "topic", "millrace.lostb.lostb.checkpoint"),
                                              ("lostc", "transactional_id", "millrace.lostc.lostc")])
def test_a_right_lost_while_running_stops_with_77_and_loses_nothing(db, millrace, rights, name, kind, lost):
    grant_all(rights, name)
    path = bobs(db, millrace, rights, name)
    load = Load(db)
    until_now(millrace, path)
    load.start()
    running = streaming(millrace, path)
    rights.revoke("bob", kind, lost)
    running.wait()
    ended(running, 77, "kafka.unauthorized", "kafka-acls")
    load.stop()
    grant_all(rights, name)
    until_now(millrace, path)
    check(rights, load, name)


# What is asked for and cannot be

@pytest.mark.parametrize("sink, code, words", [
    ("      create_topics: {replication: 5}\n", "sink.kafka.create_topic", ["create_topics.replication"]),
    ("      create_topics: {config: {cleanup.policy: nothing}}\n", "sink.kafka.create_topic", ["create_topics.config"]),
    ("      create_topics: never\n", "kafka.topic_missing", ["kafka-topics --create"]),
    ("      transaction_timeout: 900s\n", "sink.kafka.transaction_timeout", ["transaction.max.timeout.ms"]),
    ("      checkpoint_topic: \"no name\"\n", "kafka.topic_name", ["checkpoint_topic"]),
])
def test_what_brokers_do_not_allow_stops_with_78(db, millrace, kafka, sink, code, words):
    Load(db)
    path = millrace.config(config(db, kafka, f"no_{code.split('.')[-1]}_{len(sink)}", sink=sink))
    refused(millrace, path, 78, code, *words)


def test_a_checkpoint_topic_that_forgets_is_refused(db, millrace, kafka):
    kafka.create_topic("forgets", 1, {"cleanup.policy": "delete"})
    kafka.create_topic("wide", 2, {"cleanup.policy": "compact"})
    for topic, words in (("forgets", ["cleanup.policy=delete", "kafka-configs --alter"]), ("wide", ["2 partitions"])):
        path = millrace.config(config(db, kafka, "forgets", sink=f"      checkpoint_topic: {topic}\n"))
        refused(millrace, path, 78, "sink.kafka.checkpoint_topic", *words)


@pytest.mark.parametrize("words, says", [
    ("linger.msx: \"5\"", "linger.msx"), ("linger.ms: soon", "linger.ms"), ("acks: \"1\"", "acks"),
    ("security.protocol: SSL3", "security.protocol"), ("enable.idempotence: \"false\"", "enable.idempotence")])
def test_a_client_property_that_is_wrong_is_found_without_a_broker(db, millrace, words, says):
    nowhere = type("", (), {"bootstrap": f"127.0.0.1:{process.free_port()}"})
    path = millrace.config(config(db, nowhere, "property", sink=f"      client: {{{words}}}\n"))
    for verb in (["check", path], ["run", path, "--until", "now"]):
        done = millrace.run(*verb)
        assert done.popen.returncode == 78, done.tail()
        text = "\n".join(done.errors + done.lines)
        assert says in text and "client" in text, done.tail()


@pytest.mark.parametrize("words", ["linger.ms: \"120000\"", "ssl.ca.location: /nowhere.pem, security.protocol: SSL",
                                   "retries: \"0\""])
def test_client_properties_that_do_not_go_together_are_told(db, millrace, kafka, words):
    """Each by itself is fine for librdkafka."""
    Load(db)
    path = millrace.config(config(db, kafka, "together", sink=f"      client: {{{words}}}\n"))
    running = millrace.run("run", path, "--until", "now", seconds=60)
    assert running.popen.returncode == 78, running.tail()
    assert "kafka.client_property" in running.tail() or words.split(":")[0] in running.tail(), running.tail()


# Records

def test_an_event_too_large_for_the_topic(db, millrace, kafka):
    big_table(db, "big")
    load, path = prepared(db, millrace, kafka, "large", sink="      client: {message.max.bytes: \"20000000\"}\n")
    load.some(3)
    until_now(millrace, path)
    big_row(db, 1)
    last = refused(millrace, path, 1, "sink.kafka.too_large", "large.public.big", "max.message.bytes")
    assert '{"id":1} has 3' in last["err"], last
    check(kafka, load, "large")


def big_table(db, name):
    db.sql(f"create table {name} (id int primary key, t text)")


def big_row(db, number, count=100000):
    """3 MB, which do not compress to less than a broker takes."""
    db.sql("insert into big select %s, string_agg(md5((n * %s)::text), '') from generate_series(1, %s) n",
           [number, number + 1, count])


def test_an_event_too_large_for_one_topic_becomes_a_dead_letter(db, millrace, kafka):
    """The client takes it, the topic does not: known only by trying. Another topic takes as large ones."""
    name = "letters"
    text = config(db, kafka, name, sink="      client: {message.max.bytes: \"20000000\"}\n")
    path = millrace.config(text + "    errors: {policy: dead_letter}\n")
    load = Load(db)
    big_table(db, "big")
    big_table(db, "roomy")
    kafka.create_topic(f"{name}.public.roomy", 1, {"max.message.bytes": "20000000"})
    until_now(millrace, path)
    load.some(5)
    big_row(db, 1)
    db.sql("insert into roomy select id + 1, t from big")
    load.some(5)
    until_now(millrace, path)
    big_row(db, 2)
    db.sql("insert into roomy select id + 1, t from big where id = 2")
    until_now(millrace, path)
    check(kafka, load, name)
    letters = kafka.consume(f"{name}.dead_letters")
    assert [json.loads(letter.key())["id"] for letter in letters] == [1, 2]
    for letter in letters:
        headers = dict(letter.headers())
        assert headers["__connect.errors.topic"] == f"{name}.public.big".encode()
        assert headers["__connect.errors.exception.class.name"] == b"encode.too_large"
        assert json.loads(headers["millrace.position"])["lsn"] > 0
    roomy = [json.loads(message.value())["after"]["id"] for message in kafka.consume(f"{name}.public.roomy")]
    assert roomy == [2, 3]
    assert checkpoint(kafka, name)["number"] > json.loads(letters[-1].value())["number"]


def test_dead_letters_stand_in_the_transaction_of_their_neighbours(db, millrace, kafka):
    """Bounded by rate: beyond it nothing of the transaction is there for a reader, not even its letters."""
    name = "bounded"
    text = config(db, kafka, name) + "    errors: {policy: dead_letter, most: 3, within: 1m}\n"
    path = millrace.config(text)
    db.sql("create table n (id int primary key, n numeric(5,2))")
    until_now(millrace, path)
    db.sql("insert into n select i, case when i % 2 = 0 then 'NaN'::numeric else i end from generate_series(1, 6) i")
    until_now(millrace, path)
    db.sql("insert into n select i, case when i % 2 = 0 then 'NaN'::numeric else i end from generate_series(11, 20) i")
    refused(millrace, path, 1, "pipeline.dead_letters", "more than 3", "bounded.dead_letters", "errors.most")
    seen = [json.loads(message.value())["after"]["id"] for message in kafka.consume(f"{name}.public.n")]
    assert seen == [1, 3, 5]
    assert [json.loads(letter.key())["id"] for letter in kafka.consume(f"{name}.dead_letters")] == [2, 4, 6]


def test_small_batches_for_a_topic_that_takes_no_large_ones(db, millrace, kafka):
    """Records of 1 kB, a topic that takes 20 kB at once: librdkafka's batches of a megabyte are refused at first."""
    kafka.create_topic("small.public.ledger", 1, {"max.message.bytes": "20000", "compression.type": "producer"})
    load, path = prepared(db, millrace, kafka, "small", sink="      compression: none\n")
    load.some(1, size=2000)
    running = until_now(millrace, path)
    assert "sink.kafka.batch_too_large" in running.tail(), running.tail()
    check(kafka, load, "small")


def checked(millrace, path):
    """(code, text and hint) of what check finds wrong."""
    done = millrace.run("check", "--environment", path, "--json")
    found = json.loads(done.lines[-1])["result"]["findings"]
    assert done.popen.returncode == (78 if any(one["level"] == "fail" for one in found) else 0), done.tail()
    return [(one["code"], f"{one['text']} {one['hint']}") for one in found if one["level"] == "fail"]


@pytest.mark.parametrize("name, source, words", [
    ("keyless", "", ["table public.t has no key", "keyless.public.t", "primary key", "cleanup.policy=delete"]),
    ("truncated", "      skipped_operations: [none]\n", ["truncates of table public.t", "skipped_operations"]),
])
def test_a_compacted_topic_is_refused_where_events_have_no_key(db, millrace, kafka, name, source, words):
    db.sql(f"create table t (id int {'' if name == 'keyless' else 'primary key'})")
    compact = "      create_topics: {config: {cleanup.policy: compact}}\n"
    path = millrace.config(config(db, kafka, name, sink=compact, source=source))
    found = checked(millrace, path)
    assert [code for code, _ in found] == ["sink.kafka.compact_needs_keys"]
    assert all(word in found[0][1] for word in words), found
    db.sql("insert into t values (1)")
    refused(millrace, path, 78, "sink.kafka.compact_needs_keys", *words)
    kafka.alter_topic(f"{name}.public.t", cleanup_policy="delete")
    assert checked(millrace, path) == []
    until_now(millrace, path)
    assert kafka.count(f"{name}.public.t") == 1


def test_topics_whose_names_differ_by_dots_alone(db, millrace, kafka):
    """Brokers take them for one: told by check with both names, and by the run that comes to the second."""
    db.psql("create schema a_b; create schema a; create table a_b.c (id int primary key); create table a.b_c (id int primary key)")
    path = millrace.config(config(db, kafka, "dots").replace('["public.*"]', '["a*.*"]'))
    found = checked(millrace, path)
    assert [code for code, _ in found] == ["sink.kafka.topic_collision"]
    assert "dots.a_b.c" in found[0][1] and "dots.a.b_c" in found[0][1], found
    db.sql("insert into a_b.c values (1)")
    until_now(millrace, path)
    assert [code for code, _ in checked(millrace, path)] == ["sink.kafka.topic_collision"]
    db.sql("insert into a.b_c values (1)")
    refused(millrace, path, 78, "sink.kafka.topic_collision", "dots.a.b_c", "dots.a_b.c", "sink.topic")


# Topics that go away

@pytest.mark.parametrize("name, topic, exit_code, code, cure", [
    ("deleted", "deleted.public.ledger", 78, "kafka.topic_missing", "snapshot"),
    ("gone", "millrace.gone.gone.checkpoint", 65, "sink.kafka.checkpoint_lost", "checkpoint set")])
def test_a_topic_deleted_under_load(db, millrace, kafka, name, topic, exit_code, code, cure):
    load, path = prepared(db, millrace, kafka, name)
    load.start()
    running = streaming(millrace, path)
    kafka.delete_topic(topic)
    running.wait()
    ended(running, exit_code, code, topic, cure)
    load.stop()


@pytest.mark.parametrize("running", [False, pytest.param(True, marks=pytest.mark.skipif(
    "MILLRACE_FULL" not in os.environ, reason="it is noticed within 20 s"))])
def test_a_topic_deleted_and_made_again(db, millrace, kafka, running):
    """Under the same name, with as many partitions, while millrace is stopped or has nothing to write."""
    name = "remade_running" if running else "remade"
    topic = f"{name}.public.t"
    db.sql("create table t (id int primary key)")
    db.sql("insert into t values (1), (2)")
    path = millrace.config(config(db, kafka, name))
    until_now(millrace, path)
    runs = streaming(millrace, path) if running else None
    if running:
        db.sql("insert into t values (3)")
        time.sleep(1)
    kafka.delete_topic(topic)
    time.sleep(1)
    kafka.create_topic(topic, 1)
    if running:
        for number in range(4, 60):
            db.sql("insert into t values (%s)", [number])
            time.sleep(0.5)
            if runs.ended():
                break
        runs.wait()
        ended(runs, 65, "sink.kafka.topic_replaced", topic, "millrace resnapshot")
    db.sql("insert into t values (100)")
    refused(millrace, path, 65, "sink.kafka.topic_replaced", topic, f"millrace checkpoint set {name} --from")
    assert millrace.run("resnapshot", name, "public.t", "-c", path, "--yes").popen.returncode == 0
    until_now(millrace, path)
    ids = {json.loads(message.value())["after"]["id"] for message in kafka.consume(topic)}
    assert {1, 2, 100} <= ids


# Owners and time

def test_a_zombie_wakes_up_after_its_heir_took_over(db, millrace, kafka):
    load, path = prepared(db, millrace, kafka, "zombie")
    load.start()
    zombie = streaming(millrace, path)
    zombie.signal(signal.SIGSTOP)
    heir = streaming(millrace, path)
    zombie.signal(signal.SIGCONT)
    assert zombie.wait() == 75, zombie.tail()
    load.stop()
    assert heir.stop() == 0, heir.tail()
    until_now(millrace, path)
    check(kafka, load, "zombie")


def test_a_position_set_by_hand(db, millrace, kafka):
    """Asked for twice, not while somebody reads, and a zombie that sleeps through it writes nothing any more."""
    name, topic = "moved", "moved.public.t"
    db.sql("create table t (id int primary key)")
    path = millrace.config(config(db, kafka, name))

    def ask(*words, code=0):
        done = millrace.run("checkpoint", *words, "-c", path, "--json")
        answer = json.loads((done.lines or done.errors)[-1])
        assert done.popen.returncode == code, answer
        return answer

    def insert(number):
        db.sql("insert into t values (%s)", [number])

    def ids():
        return [json.loads(message.value())["after"]["id"] for message in kafka.consume(topic)]

    insert(1)
    until_now(millrace, path)
    exported = ask("export", name)["result"]
    assert ask("show", name)["result"][name] == exported
    assert exported["number"] > 0 and exported["partitions"] == {topic: 1}
    insert(2)
    assert ask("set", name, "now", code=64)["error"]["code"] == "usage.confirmation"
    assert ask("export", name)["result"] == exported
    ask("set", name, "now", "--yes")
    assert checkpoint(kafka, name)["partitions"] == {topic: 1}
    insert(3)
    until_now(millrace, path)
    assert ids() == [1, 3]

    zombie = millrace.start("run", path)
    zombie.wait_error("streaming")
    refused = ask("set", name, "now", "--yes", code=69)["error"]
    assert refused["code"] == "source.slot_in_use" and "Stop the pipeline first" in refused["hint"]
    insert(4)
    process.wait_until(lambda: ids() == [1, 3, 4], 30, "the pipeline goes on", zombie)
    zombie.signal(signal.SIGSTOP)
    insert(5)
    db.sql("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s", [name])
    ask("set", name, "now", "--yes")
    zombie.signal(signal.SIGCONT)
    assert zombie.wait(60) == 75, zombie.tail()
    insert(6)
    until_now(millrace, path)
    assert ids() == [1, 3, 4, 6]
    assert checkpoint(kafka, name)["number"] > exported["number"]


@pytest.mark.parametrize("torn", [False, True])
def test_a_transaction_that_lasts_too_long_is_written_again(db, millrace, kafka, torn):
    """Stopped in the middle of one for longer than transaction_timeout, with nobody else there. torn: larger than the
    memory it may take, so that it is read from the source again."""
    name = f"timeout{int(torn)}"
    held = "64KiB" if torn else "64MiB"  # an eighth of what may wait for a commit, at least 16 MiB
    load, path = prepared(db, millrace, kafka, name,
                          sink=f"      transaction_timeout: 5s\n      commit: {{bytes: {held}}}\n")
    load.some(1, size=240000 if torn else 120000)
    end = db.one("select pg_current_wal_lsn()")
    running = millrace.start("run", path)
    enough = 60000 if torn else 20000  # 16 MiB hold fewer
    process.wait_until(lambda: kafka.end(f"{name}.public.ledger") > enough, 60, "records on their way", running)
    running.signal(signal.SIGSTOP)
    time.sleep(7)  # and the coordinator looks every second
    running.signal(signal.SIGCONT)
    running.wait_error("sink.kafka.transaction_ended")
    if torn:
        running.wait_error("sink.kafka.replay")
    delivered(db, name, end, running)
    assert running.stop() == 0, running.tail()
    check(kafka, load, name)


def test_no_broker_is_said_and_waited_for(db, millrace):
    nowhere = type("", (), {"bootstrap": f"127.0.0.1:{process.free_port()}"})
    path = millrace.config(config(db, nowhere, "nowhere"))
    running = millrace.start("run", path)
    line = running.wait_error("kafka.unreachable", 60)
    assert "check `brokers`" in line and "refused" in line
    assert running.stop() == 0, running.tail()


def test_a_quota_slows_down_and_says_so(db, millrace, kafka):
    load, path = prepared(db, millrace, kafka, "quota", sink="      client: {client.id: slow}\n      compression: none\n")
    kafka.quota("slow", producer_byte_rate=100000)
    load.some(30, size=300)
    running = millrace.start("run", path)
    line = running.wait_error("kafka.throttled", 60)
    assert "quota" in line and "kafka-configs" in line
    kafka.quota("slow", producer_byte_rate=1 << 40)
    load.some(5)
    delivered(db, "quota", db.one("select pg_current_wal_lsn()"), running)
    assert running.stop() == 0, running.tail()
    check(kafka, load, "quota")

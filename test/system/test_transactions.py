"""Transactions and heartbeats on the way from a real PostgreSQL: ids, places and counts, the same whatever is killed.

Every reader's question is asked of the records alone: does each transaction have one BEGIN and one END, do its events
carry the places 1 to N without a gap, and do they add up to what the END says? The events of a run that was killed
between the pieces of a split transaction are also compared with those of a run that was left in peace.
"""
import collections
import json
import time

import files
import pytest
from servers import kfake as kfake_server
from servers import process

SOURCE = """
version: 1
pipelines:
  {name}:
    source:
      type: postgres
      name: {name}
      dsn: "{dsn}"
      slot: {name}
      publication: {{name: transactions, create: all_tables}}
      tables: ["public.*", "!public.hidden"]
      skipped_operations: [none]
      snapshot: no_data
{source}    format: {{type: json, provide_transaction_metadata: true}}
"""
FILES = "    sink: {{type: file, directory: {out}, content: record, roll: {{age: 50ms, split: 100}}}}\n"

SMALL = """
begin; insert into a values (-1, 'x'), (-2, 'y'); insert into b values (-1); update a set id = -3 where id = -1;
select pg_logical_emit_message(true, 'note', 'c'); delete from a where id = -2; insert into hidden values (1); commit;
insert into hidden values (2);
begin; insert into b values (-5); truncate a, b; commit;
select pg_logical_emit_message(false, 'note', 'alone');
"""
LARGE = """
begin; insert into a select n, 'row' from generate_series(1, 6000) n; insert into b select n from generate_series(1, 3000) n;
update a set id = id + 100000 where id <= 500; select pg_logical_emit_message(true, 'note', 'c'); delete from b where id > 1500; commit;
"""
# Large enough for a fast machine to be killed inside it: a commit takes whole batches.
LARGER = LARGE.replace("6000", "60000").replace("3000)", "30000)").replace("<= 500", "<= 5000").replace("> 1500", "> 15000")
LARGE_COUNTS = {"public.a": 7000, "public.b": 4500, "note": 1}


@pytest.fixture(scope="module")
def kfake():
    if kfake_server.binary() is None:
        pytest.skip("kfake cannot be built here: there is no Go")
    broker = kfake_server.Kfake(partitions=1)
    yield broker
    broker.close()


def until_now(millrace, path):
    done = millrace.run("run", "--until", "now", path, seconds=120)
    assert done.popen.returncode == 0, done.tail()
    return done


def prepared(db, millrace, names, sink, source=""):
    """Tables and, for each name, a configuration whose slot stands before anything happens."""
    db.psql("create table a (id int primary key, v text); create table b (id int primary key); create table hidden (id int);"
            "alter table hidden replica identity full;")
    paths = [millrace.config(SOURCE.format(dsn=db.dsn, name=name, source=source) + sink(name), f"{name}.yaml") for name in names]
    for path in paths:
        until_now(millrace, path)
    return paths


def collection_of(value):
    return value["message"]["prefix"] if value["op"] == "m" else "{schema}.{table}".format(**value["source"])


def transactions(records) -> list[dict]:
    """What a reader can say of each transaction, in order of their BEGIN. Fails where ids, places and counts do not agree."""
    begun, order = {}, []
    for record in records:
        value = record["value"]
        if value and "status" in value:
            xid = value["id"].partition(":")[0]
            assert record["key"] == {"id": value["id"]}
            if value["status"] == "BEGIN":
                assert xid not in begun, f"transaction {xid} begins twice"
                assert value["event_count"] is None and value["data_collections"] is None
                begun[xid] = {"begin": value["id"], "events": []}
                order.append(begun[xid])
            else:
                assert "end" not in begun[xid], f"transaction {xid} ends twice"
                begun[xid] |= {"end": value["id"], "ts_ms": value["ts_ms"], "count": value["event_count"],
                               "counts": {one["data_collection"]: one["event_count"] for one in value["data_collections"]}}
    for record in records:
        value = record["value"]
        block = value and value.get("transaction")
        if block:
            assert block["id"] == f"{value['source']['txId']}:{value['source']['lsn']}"
            begun[block["id"].partition(":")[0]]["events"].append(
                (block["total_order"], block["data_collection_order"], collection_of(value), value["op"], json.dumps(record["key"])))
    for one in order:
        check(one)
    return order


def check(one):
    one["events"].sort()
    assert [event[0] for event in one["events"]] == list(range(1, one["count"] + 1)), one["begin"]
    seen = collections.defaultdict(list)
    for _, place, collection, *_ in one["events"]:
        seen[collection].append(place)
    assert {name: len(places) for name, places in seen.items()} == one["counts"]
    assert all(places == list(range(1, len(places) + 1)) for places in seen.values()), one["begin"]


def inside(out) -> bool:
    """Whether the newest commit ends within a transaction."""
    found = files.commits(out)
    return bool(found) and (found[-1]["checkpoint"]["source"].get("n") or 0) > 0


def test_what_a_reader_is_told_adds_up(db, millrace):
    (path,) = prepared(db, millrace, ["told"], lambda name: "    sink: {type: stdout, content: record}\n")
    db.psql(SMALL)
    records = until_now(millrace, path).events()
    found = transactions(records)
    assert [one["counts"] for one in found] == [{"public.a": 5, "public.b": 1, "note": 1}, {}, {"public.b": 2, "public.a": 1}]
    assert {record["topic"] for record in records if "status" in (record["value"] or {})} == {"told.transaction"}
    alone = [r["value"] for r in records if r["topic"] == "told.message" and r["value"]["source"]["txId"] is None]
    assert len(alone) == 1 and alone[0]["transaction"] is None


def test_a_transaction_killed_between_its_pieces_counts_the_same(db, millrace):
    """kill -9 between two commits inside it, again and again; a second pipeline reads it undisturbed."""
    out = {name: millrace.folder / name for name in ("killed", "left")}
    killed, left = prepared(db, millrace, ["killed", "left"], lambda name: FILES.format(out=out[name]))
    db.psql(LARGER)
    db.psql(SMALL)
    kills = 0
    for _ in range(5):
        before = len(files.commits(out["killed"]))
        running = millrace.start("run", killed)
        process.wait_until(lambda: running.ended() or len(files.commits(out["killed"])) > before + 1, 60, "a commit", running)
        running.kill9()
        kills += inside(out["killed"])
    until_now(millrace, killed)
    until_now(millrace, left)
    assert kills > 1, "it was never killed inside the transaction"
    found, wanted = (transactions(files.events(out[name])) for name in ("killed", "left"))
    assert found[0]["counts"] == {"public.a": 70000, "public.b": 45000, "note": 1}
    assert found == wanted


@pytest.mark.parametrize("kind", ["kfake", "kafka"])
def test_kafka_has_them_in_the_transaction_of_their_rows(db, millrace, request, kind):
    """Split over Kafka transactions, killed between them; heartbeats beside."""
    broker, name = request.getfixturevalue(kind), f"in_{kind}"
    split, kills = (200, 3) if kind == "kfake" else (2000, 1)
    sink = f"    sink:\n      type: kafka\n      brokers: [\"{broker.bootstrap}\"]\n      commit: {{split: {split}}}\n"
    (path,) = prepared(db, millrace, [name], lambda _: sink, "      heartbeat: {interval: 200ms}\n")
    db.psql(LARGE)
    topic = f"{name}.public.a"
    for _ in range(kills):
        before = broker.end(topic) if topic in broker.topics() else 0
        begun = time.monotonic()  # a fast machine may have brought all of it before the last kill
        running = millrace.start("run", path)
        process.wait_until(lambda: topic in broker.topics() and broker.end(topic) > before + 300
                           or before > 0 and time.monotonic() > begun + 3, 60, "more rows", running)
        running.kill9()
    db.psql(SMALL)
    until_now(millrace, path)
    records = [{"key": json.loads(message.key()) if message.key() else None,
                "value": json.loads(message.value()) if message.value() else None}
               for topic in ("transaction", "public.a", "public.b", "message") for message in broker.consume(f"{name}.{topic}")]
    found = transactions(records)
    assert [one["counts"] for one in found][0] == LARGE_COUNTS and len(found) == 4
    beats = broker.consume(f"__debezium-heartbeat.{name}")
    assert beats and all(json.loads(beat.key()) == {"serverName": name} for beat in beats)
    assert all(set(json.loads(beat.value())) == {"ts_ms"} and beat.partition() == 0 for beat in beats)


def test_a_heartbeat_comes_though_nothing_happens(db, millrace):
    """By the clock, with a position that does not go back; a kill of the database's session does not end them."""
    (path,) = prepared(db, millrace, ["beat"], lambda name: "    sink: {type: stdout, content: record}\n",
                       "      heartbeat: {interval: 100ms, topic: \"beats.{name}\", action_query: update public.a set v = v || 'x'}\n")
    running = millrace.start("run", path)
    running.wait_lines(5)
    db.sql("insert into a values (1, '')")
    db.sql("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()", [db.name])
    process.wait_until(lambda: any('"op":"u"' in line for line in list(running.lines)), 30, "the query's row", running)
    assert running.stop() == 0
    beats = [record for record in running.events() if record["topic"] == "beats.beat"]
    assert len(beats) > 5 and {json.dumps(beat["key"]) for beat in beats} == {'{"serverName": "beat"}'}
    held = [json.loads(beat["headers"]["__millrace.position"]) for beat in beats]
    assert all(position["slot"] == "beat" and position["n"] == 0 for position in held)
    assert [beat["value"]["ts_ms"] for beat in beats] == sorted(beat["value"]["ts_ms"] for beat in beats)

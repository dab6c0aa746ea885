"""MySQL and MariaDB to files and to Kafka (kfake), exactly once: kills, restarts of the server, XA, what must be refused."""
import json
import random
import time

import pytest
from files import published
from ledger import MyLoad, check
from servers import kfake as kfake_server

BOTH = pytest.mark.parametrize("my_server", ["mysql", "mariadb"], indirect=True)
MYSQL = pytest.mark.parametrize("my_server", ["mysql"], indirect=True)
MARIADB = pytest.mark.parametrize("my_server", ["mariadb"], indirect=True)


@pytest.fixture(scope="session")
def kfake():
    if kfake_server.binary() is None:
        pytest.skip("kfake cannot be built here: there is no Go")
    broker = kfake_server.Kfake(partitions=3)
    yield broker
    broker.close()


def config(db, name, sink, source=""):
    return f"""version: 1
pipelines:
  {name}:
    source:
      type: mysql
      name: {name}
      dsn: "{db.dsn}"
      tables: ["{db.name}.*"]
{source}    format: {{type: json, envelope: debezium, schemas: false}}
    sink: {sink}
"""


def to_files(db, millrace, name, source="", path="files"):
    return millrace.config(config(db, name, f"{{type: file, directory: {millrace.folder}/{path}}}", source))


def to_kafka(db, millrace, kafka, name, source=""):
    return millrace.config(config(db, name, f'{{type: kafka, brokers: ["{kafka.bootstrap}"]}}', source))


def until_now(millrace, path, code=0):
    running = millrace.run("run", path, "--until", "now", seconds=90)
    assert running.popen.returncode == code, running.tail()
    return running


def events(millrace, path="files", table=None):
    """(table, op, before, after) in the order of the commits."""
    found = []
    for _, _, lines in published(millrace.folder / path):
        for line in lines:
            event = json.loads(line)
            if table in (None, event["source"]["table"]):
                found.append((event["source"]["table"], event["op"], event["before"], event["after"]))
    return found


@BOTH
def test_rows_then_changes_to_files(my_db, millrace):
    my_db.script("create table t (id int primary key, v varchar(20)); insert into t values (1, 'one'), (2, 'two');")
    path = to_files(my_db, millrace, "rows")
    until_now(millrace, path)
    my_db.script("insert into t values (3, 'three'); update t set v = 'zwei' where id = 2; delete from t where id = 1;"
                 "update t set id = 4 where id = 3")
    until_now(millrace, path)
    assert events(millrace) == [
        ("t", "r", None, {"id": 1, "v": "one"}), ("t", "r", None, {"id": 2, "v": "two"}),
        ("t", "c", None, {"id": 3, "v": "three"}), ("t", "u", {"id": 2, "v": "two"}, {"id": 2, "v": "zwei"}),
        ("t", "d", {"id": 1, "v": "one"}, None),
        ("t", "d", {"id": 3, "v": "three"}, None), ("t", "c", None, {"id": 4, "v": "three"})]


@BOTH
def test_rows_arrive_in_kafka_once(my_db, millrace, kfake):
    load = MyLoad(my_db)
    path = to_kafka(my_db, millrace, kfake, f"once_{my_db.name}")
    until_now(millrace, path)
    load.some(30)
    until_now(millrace, path)
    until_now(millrace, path)
    assert check(kfake, load, f"once_{my_db.name}") > 30


@BOTH
def test_kill_9_under_load(my_db, millrace, kfake):
    load = MyLoad(my_db)
    path = to_kafka(my_db, millrace, kfake, f"killed_{my_db.name}")
    until_now(millrace, path)
    dice = random.Random(6)
    load.start()
    for _ in range(10):
        running = millrace.start("run", path)
        time.sleep(dice.uniform(0.3, 1.5))
        running.kill9()
    load.stop()
    until_now(millrace, path)
    assert check(kfake, load, f"killed_{my_db.name}") > 0


@BOTH
def test_xa_is_held_until_it_is_decided(my_db, millrace):
    my_db.script("create table t (id int primary key)")
    path = to_files(my_db, millrace, "xa")
    until_now(millrace, path)
    for xid, number in (("a", 1), ("b", 2)):
        my_db.script(f"xa start '{xid}{my_db.name}'; insert into t values ({number}); xa end '{xid}{my_db.name}'; "
                     f"xa prepare '{xid}{my_db.name}';")
        my_db.script(f"insert into t values ({number + 10})")
        until_now(millrace, path)
    my_db.server.rotate()
    my_db.script(f"xa rollback 'a{my_db.name}'; insert into t values (20); xa commit 'b{my_db.name}'; insert into t values (21)")
    until_now(millrace, path)
    assert [event[3]["id"] for event in events(millrace)] == [11, 12, 20, 2, 21]


@BOTH
def test_rows_in_words_stop_the_pipeline(my_db, millrace):
    my_db.script("create table t (id int primary key)")
    path = to_files(my_db, millrace, "words")
    until_now(millrace, path)
    my_db.script("set binlog_format = 'STATEMENT'; insert into t values (1)")
    running = until_now(millrace, path, code=65)
    assert "source.statement_rows" in running.tail() and "checkpoint set words" in running.tail()
    path = to_files(my_db, millrace, "words", "      statement_rows: warn\n")
    my_db.script("insert into t values (2)")
    until_now(millrace, path)
    assert [event[3]["id"] for event in events(millrace)] == [2]


@BOTH
def test_server_id_must_be_one(my_db, millrace):
    path = to_files(my_db, millrace, "number", "      server_id: shop\n")
    assert "source.server_id" in until_now(millrace, path, code=78).tail()


def test_a_server_without_a_log_is_refused(my_servers, millrace):
    server = my_servers("mariadb", log_bin=None)
    server.sql("create database d")
    database = type("Database", (), {"name": "d", "dsn": server.dsn()})
    assert "source.log_off" in until_now(millrace, to_files(database, millrace, "off"), code=78).tail()


@BOTH
def test_a_snapshot_under_writes_has_no_seam(my_db, millrace):
    """Where MySQL never rests, changes of the view's moment may come twice: then that is noted (source.view_overlap)."""
    load = MyLoad(my_db)
    path = to_files(my_db, millrace, "seam")
    load.start()
    running = until_now(millrace, path)
    load.stop()
    overlap = "source.view_overlap" in running.tail(1000)
    until_now(millrace, path)
    rows = [event[3] for event in events(millrace, table="ledger")]
    found = sorted((row["tx"], row["part"]) for row in rows)
    assert sorted(set(found)) == [tuple(row) for row in my_db.sql("select tx, part from ledger order by 1, 2")]
    assert overlap or len(found) == len(set(found)), f"{len(found) - len(set(found))} rows came twice"
    stands = {event[3]["id"]: event[3]["version"] for event in events(millrace, table="account")}
    assert stands == dict(my_db.sql("select id, version from account"))


def millrace_says(millrace, *words, code=0):
    done = millrace.run(*words, seconds=60)
    assert done.popen.returncode == code, done.tail()
    return done.tail(1000)


def streaming(server, millrace, name):
    """A database with one row that was delivered, and the configuration."""
    server.script(f"create database {name}; create table {name}.t (id int primary key); insert into {name}.t values (1)")
    path = to_files(type("Database", (), {"name": name, "dsn": server.dsn()}), millrace, name)
    until_now(millrace, path)
    server.script(f"insert into {name}.t values (2)")
    until_now(millrace, path)
    return path


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_a_purged_log_stops_and_says_how_to_go_on(my_servers, millrace, kind):
    server = my_servers(kind)
    path = streaming(server, millrace, "purged")
    server.script("insert into purged.t values (3)")
    server.purge()
    assert "source.log_purged" in until_now(millrace, path, code=65).tail(1000)
    millrace_says(millrace, "checkpoint", "set", "purged", "now", "--yes", "--config", path)
    millrace_says(millrace, "resnapshot", "purged", "--yes", "--config", path)
    until_now(millrace, path)
    server.script("insert into purged.t values (4)")
    until_now(millrace, path)
    assert [(event[1], event[3]["id"]) for event in events(millrace)][2:] == \
        [("r", 1), ("r", 2), ("r", 3), ("c", 4)]


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_a_server_that_was_reset_is_refused(my_servers, millrace, kind):
    server = my_servers(kind)
    path = streaming(server, millrace, "gone")
    server.sql("reset master" if kind == "mariadb" else "reset binary logs and gtids")
    said = until_now(millrace, path, code=65).tail(1000)
    assert "source.gtid_ahead" in said or "source.domain_unknown" in said
    server.script("insert into gone.t values (3)")
    assert "source.gtid_ahead" in until_now(millrace, path, code=65).tail(1000)


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_a_replica_that_was_promoted_goes_on(my_servers, millrace, kind):
    primary, replica = my_servers(kind), my_servers(kind)
    replica.follow(primary)
    path = streaming(primary, millrace, "pair")
    primary.script("insert into pair.t values (3)")
    replica.caught_up(primary)
    primary.kill9()
    replica.promote()
    replica.script("insert into pair.t values (4)")
    path.write_text(path.read_text().replace(primary.dsn(), replica.dsn()))
    until_now(millrace, path)
    assert [event[3]["id"] for event in events(millrace)] == [1, 2, 3, 4]


def test_by_file_where_gtids_are_off(my_servers, millrace):
    server, other = (my_servers("mysql", gtid_mode="OFF", enforce_gtid_consistency="OFF") for _ in range(2))
    path = streaming(server, millrace, "byfile")
    server.script("begin; insert into byfile.t values (3); insert into byfile.t values (4); commit")
    server.rotate()
    server.script("insert into byfile.t values (5)")
    until_now(millrace, path)
    assert [event[3]["id"] for event in events(millrace)] == [1, 2, 3, 4, 5]
    path.write_text(path.read_text().replace(server.dsn(), other.dsn()))
    assert "source.server_changed" in until_now(millrace, path, code=65).tail(1000)


def test_another_vendor_is_refused(my_servers, millrace):
    path = streaming(my_servers("mysql"), millrace, "vendor")
    text, other = path.read_text(), my_servers("mariadb")
    path.write_text("\n".join(f'      dsn: "{other.dsn()}"' if line.strip().startswith("dsn:") else line
                              for line in text.splitlines()))
    assert "source.flavour_changed" in until_now(millrace, path, code=65).tail(1000)


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_check_names_what_to_mend(my_servers, millrace, kind):
    settings = {"gtid_mode": "OFF", "enforce_gtid_consistency": "OFF"} if kind == "mysql" else {}
    server = my_servers(kind, binlog_format="MIXED", binlog_row_metadata="MINIMAL", binlog_row_image="MINIMAL",
                        binlog_ignore_db="scratch", **settings)
    server.script("create database look; create table look.m (id int primary key) engine=memory")
    path = to_files(type("Database", (), {"name": "look", "dsn": server.dsn()}), millrace, "look")
    said = millrace.run("check", "--environment", path).tail(1000)
    for code in ("source.statement_rows", "source.row_metadata", "source.row_image", "source.log_filtered", "source.engine"):
        assert code in said, said
    assert "SET GLOBAL binlog_row_metadata = 'FULL'" in said
    assert kind == "mariadb" or "source.gtid_mode" in said


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_a_user_with_just_what_is_needed(my_servers, millrace, kind):
    server = my_servers(kind)
    server.script("create database least; create table least.t (id int primary key); insert into least.t values (1)")
    server.account("poor", grants=("select on `least`.*",))
    server.account("cdc", grants=("replication slave on *.*", "select on `least`.*"))
    config_of = lambda user: to_files(type("Database", (), {"name": "least", "dsn": server.dsn(user)}), millrace, "least",  # noqa: E731
                                      "      password: secret\n")
    poor = millrace.run("check", "--environment", config_of("poor"))
    assert "source.no_replication_right" in poor.tail(1000) and poor.popen.returncode == 77, poor.tail(1000)
    path = config_of("cdc")
    until_now(millrace, path)
    server.script("insert into least.t values (2)")
    until_now(millrace, path)
    assert [event[3]["id"] for event in events(millrace)] == [1, 2]


@BOTH
def test_a_server_that_restarts_is_waited_for(my_db, millrace):
    my_db.script("create table t (id int primary key)")
    path = to_files(my_db, millrace, "restart", "      snapshot: no_data\n")
    until_now(millrace, path)
    running = millrace.start("run", path)
    my_db.script("insert into t values (1)")
    running.wait_error('"state":"streaming"')
    my_db.server.restart()
    my_db.script("insert into t values (2)")
    my_db.server.kill9()
    my_db.server.start()
    my_db.script("insert into t values (3)")
    time.sleep(3)
    assert running.stop() == 0, running.tail()
    until_now(millrace, path)
    assert [event[3]["id"] for event in events(millrace)] == [1, 2, 3]


@BOTH
def test_heartbeats_come_although_nothing_changes(my_db, millrace):
    my_db.script("create table t (id int primary key); create table beat (at int)")
    path = to_files(my_db, millrace, "beat", "      heartbeat: {interval: 300ms, action_query: "
                                             f"'insert into {my_db.name}.beat values (1)'}}\n")
    running = millrace.start("run", path)
    running.wait_error('"state":"streaming"')
    time.sleep(3)
    assert running.stop() == 0, running.tail()
    names = [name for _, name, lines in published(millrace.folder / "files") for _ in lines]
    assert sum("heartbeat" in name for name in names) >= 3, names
    assert my_db.one("select count(*) from beat") >= 3

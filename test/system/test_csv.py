"""content: csv, a sink that takes changes: its files are read back by the database itself, and what it cannot hold is refused."""
import json

import files
import pytest
import test_types

CONFIG = """
version: 1
pipelines:
  p:
    source: {{type: postgres, dsn: "{dsn}", slot: {slot}, name: shop, tables: ["public.*"]{source}}}
    sink: {{type: file, directory: {out}, content: csv{sink}}}
"""
# Forms that PostgreSQL has besides those of the other table.
SHAPES = [(sql, literal) for sql, literal in [
    ("point", "(1.5,-2)"), ("line", "{1,-1,0.25}"), ("lseg", "[(1,2),(3,4)]"), ("box", "(3,4),(1,2)"),
    ("path", "[(1,2),(3,4)]"), ("path", "((1,2),(3,4))"), ("polygon", "((1,2),(3,4),(5,6))"), ("circle", "<(1,2),3.5>"),
    ("varbit", "10101"), ("double precision", "NaN"), ("double precision", "-Infinity"), ("numeric", "NaN"),
    ("numeric", "-1e-30"), ("date", "infinity"), ("timestamp", "-infinity"), ("timestamptz", "infinity"),
    ("text", ""), ("text", 'a,"b"\n\r,c '), ("text", "\\."), ("bytea", ""), ("integer[]", "{{1,2},{3,4}}"),
    ("text[]", '{"a,b","c\\"d","e\\\\f",""," ",null}'), ("integer[]", "{}"), ("tsvector", "'a':1 'b'"), ("xml", ""),
    ("interval", "-1 year -2 days +00:00:00.000001"), ("time", "24:00:00"), ("timetz", "00:00:01-12:59:30")]]


class Shop:
    def __init__(self, db, millrace):
        self.db, self.millrace, self.out = db, millrace, millrace.folder / "out"

    def config(self, source="", sink=""):
        return self.millrace.config(CONFIG.format(dsn=self.db.dsn, slot=self.db.name, out=self.out, source=source, sink=sink))

    def to_now(self, code=0, **more):
        done = self.millrace.run("run", "--until", "now", self.config(**more))
        assert done.popen.returncode == code, done.tail()
        return done

    def rows(self, topic="shop.public.t"):
        return [record for _, name, records in files.published(self.out) if name.startswith(topic) for record in records]

    def verify(self):
        done = self.millrace.run("files", "verify", self.out)
        assert done.popen.returncode == 0, done.tail()

    def copied(self, columns):
        """Every file, read by COPY into a table with our three columns in front; (op, row as text) in order."""
        with self.db.connect() as connection:
            connection.execute("create temp table back (__op text, __number bigint, __unchanged text)")
            for name, sql in columns:
                connection.execute(f"alter table back add {name} {sql}")
            for commit in files.commits(self.out):
                for entry in commit["files"]:
                    with connection.cursor().copy("copy back from stdin (format csv, header)") as copy:
                        copy.write((self.out / entry["name"]).read_bytes())
            names = ", ".join(name for name, _ in columns)
            return connection.execute(f"select __op, row({names})::text from back order by __number").fetchall(), \
                connection.execute(f"select row({names})::text from t order by id").fetchall()


@pytest.fixture
def shop(db, millrace):
    return Shop(db, millrace)


def test_the_database_reads_every_type_back(db, shop):
    types = [(each.sql, each.literal) for each in test_types.SCALARS + test_types.ARRAYS + test_types.UNCOVERED] + SHAPES
    columns = [("id", "int")] + [(f"c{number}", sql) for number, (sql, _) in enumerate(types)]
    db.psql("create extension citext; create type mood as enum ('sad', 'ok'); create type pair as (a int, b text);"
            "create domain posnum as numeric(6,2); create domain positive as posnum check (value > 0);"
            "create table t (" + ", ".join(f"{name} {sql}" for name, sql in columns) + ", primary key (id))")
    db.sql(f"insert into t values (1, {', '.join('%s' for _ in types)})", [literal for _, literal in types])
    db.sql("insert into t (id) values (2)")
    shop.to_now()
    db.psql("create temp table kept as select * from t; delete from t; insert into t select * from kept order by id;")
    shop.to_now()
    found, stands = shop.copied(columns)
    stands = [row for row, in stands]
    assert [row for op, row in found if op == "r"] == stands
    assert [row for op, row in found if op == "c"] == stands
    shop.verify()


def test_each_change_and_what_was_not_sent(db, shop):
    db.psql("create table t (id int primary key, v text, large text); alter table t alter large set storage external;"
            "insert into t values (1, null, repeat('x', 10000))")
    shop.to_now(source=", skipped_operations: none")
    db.psql("""update t set v = '' where id = 1; update t set id = 2 where id = 1; delete from t where id = 2;
               begin; insert into t values (3, 'a', 'b'); delete from t where id = 3; commit; truncate t;
               select pg_logical_emit_message(true, 'audit', 'hi')""")
    shop.to_now(source=", skipped_operations: none")
    big = "x" * 10000
    assert [(row["__op"], row["__unchanged"], row["id"], row["v"], row["large"]) for row in shop.rows()] == [
        ("r", None, "1", None, big),
        ("u", "large", "1", "", None),
        ("d", None, "1", None, None), ("c", "large", "2", "", None),
        ("d", None, "2", None, None),
        ("c", None, "3", "a", "b"), ("d", None, "3", None, None),
        ("t", None, None, None, None)]
    assert [(row["__op"], row["prefix"], row["content"]) for row in shop.rows("shop.message")] == [("m", "audit", "\\x6869")]
    numbers = [int(row["__number"]) for row in shop.rows()]
    assert numbers == sorted(numbers)
    shop.verify()


def test_a_changed_table_goes_on_in_another_file_and_the_commit_names_the_types(db, shop):
    db.psql("create table t (id int primary key, price numeric(10,2) not null); insert into t values (1, 1.5)")
    shop.to_now()
    db.psql("""insert into t values (2, 2.5); alter table t add note varchar(20); insert into t values (3, 3.5, 'new');
               alter table t drop price; insert into t values (4, 'less')""")
    shop.to_now()
    entries = [entry for commit in files.commits(shop.out) for entry in commit["files"]]
    assert [[column["name"] for column in entry["columns"]] for entry in entries] == [
        ["id", "price"], ["id", "price"], ["id", "price", "note"], ["id", "note"]]
    assert {entry["table"] for entry in entries} == {"public.t"}
    assert entries[0]["columns"] == [{"name": "id", "type": "int4", "null": False, "key": 1},
                                     {"name": "price", "type": "numeric", "precision": 10, "scale": 2, "null": False}]
    assert [row["id"] for row in shop.rows()] == ["1", "2", "3", "4"]
    shop.verify()


def findings(shop, *words, code, **more):
    done = shop.millrace.run("check", *words, shop.config(**more), "--json")
    assert done.popen.returncode == code, done.tail()
    return json.loads(done.lines[-1])["result"]["findings"]


def test_signs_of_life_have_no_place_and_are_refused_not_dropped(db, shop):
    db.sql("create table t (id int primary key)")
    found, = findings(shop, code=78, source=", heartbeat: {interval: 1s}")
    assert found["code"] == "config.conflict" and found["path"].endswith("source.heartbeat"), found
    shop.to_now(code=78, source=", heartbeat: {interval: 1s}")


def test_a_column_with_one_of_our_names_is_refused_by_check_plan_and_run(db, shop):
    db.sql("create table t (id int primary key, __op text)")
    found = findings(shop, "-e", code=78)
    assert [one["code"] for one in found if one["level"] == "fail"] == ["sink.file.column_name"]
    planned = shop.millrace.run("plan", shop.config(), "--json")
    assert planned.popen.returncode == 78, planned.tail()
    assert "sink.file.column_name" in planned.lines[-1]
    db.sql("insert into t values (1, 'x')")
    done = shop.to_now(code=78)
    assert any("sink.file.column_name" in line for line in done.errors)
    assert shop.rows() == []


def test_the_policy_of_errors_has_nothing_to_set_aside(db, shop):
    path = shop.config()
    path.write_text(path.read_text() + "    errors: {policy: dead_letter}\n")
    done = shop.millrace.run("check", path, "--json")
    assert done.popen.returncode == 78
    assert "config.conflict" in done.lines[-1]

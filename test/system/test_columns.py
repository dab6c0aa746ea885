"""Columns that are left out, masked, hashed or cut, and keys of the user's own, from a real PostgreSQL.

What is expected of masks, message keys and excluded columns are recordings of Debezium 3.7 of the same tables, rows and
settings, but where it leaves columns in clear or sends keys of null: there we refuse.
"""
import hashlib
import json

import pytest

from millrace import ROOT

SALT = "CzQMA0cB5K"


def config(db, transforms, path="out", envelope="debezium", schemas="false", snapshot="initial"):
    lines = "".join(f"      - {json.dumps(transform)}\n" for transform in transforms)
    return f"""version: 1
pipelines:
  cols:
    source:
      type: postgres
      dsn: "{db.dsn}"
      slot: {db.name}
      tables: ["public.*"]
      snapshot: {snapshot}
    transforms:
{lines}    format: {{type: json, envelope: {envelope}, schemas: {schemas}}}
    sink: {{type: file, directory: "{path}"}}
"""


def columns(**options):
    return {"type": "columns"} | options


def published(folder):
    """The records in all files of a folder, in no order but that of each file."""
    return [json.loads(line) for path in sorted(folder.rglob("*.jsonl*")) if path.is_file()
            for line in path.read_text().splitlines()]


class Route:
    """One pipeline into files, run up to now as often as asked; records() are all that were ever published."""

    def __init__(self, db, millrace, *transforms, **options):
        self.db, self.millrace = db, millrace
        self.out = millrace.folder / "out"
        text = config(db, transforms, self.out, **options).replace(
            "type: file,", "type: file, content: record,")
        self.path = millrace.config(text)

    def run(self, code=0):
        running = self.millrace.run("run", self.path, "--until", "now")
        assert running.popen.returncode == code, running.tail()
        return running

    def records(self):
        return sorted(published(self.out), key=lambda record: record["number"])


def images(records):
    """(key, op, before, after) of each record; (key, None) of a tombstone."""
    return [(r["key"], r["value"] and r["value"]["op"], r["value"] and r["value"]["before"],
             r["value"] and r["value"]["after"]) for r in records]


MASKED = """create table m (id int primary key, m5 text, m0 text, m3 varchar(20), h1 text, h1v varchar(20), h2 text,
 h2v varchar(20), h5 text, t4 text, t4v varchar(10), t4s varchar(3), t4b bytea, t0 text, mi int not null);
insert into m values
 (1, 'secret', 'secret', 'secret', 'secret', 'secret', 'secret', 'secret', 'secret', 'secret', 'secret', 'abc',
  '\\x0102030405060708', 'secret', 12345),
 (2, null, null, null, null, null, null, null, null, null, null, null, null, null, 0),
 (3, 'ünï 😀😀😀', '', 'x', 'ünï 😀', '', 'ünï 😀', '', '', '😀😀😀😀', 'ünïcö', '', '\\x', 'x', 1);
"""
MASKS = [
    columns(mask={"public.m.m5": 5, "public.m.m0": 0, "public.m.m3": 3},
            truncate={"/public.m.(t4|t4v|t4s|t4b)/": 4, "public.m.t0": 0},
            hash={"salt": SALT, "version": "v1", "columns": ["public.m.h1", "public.m.h1v"]}),
    columns(hash={"salt": SALT, "columns": ["public.m.h2*"]}),
    columns(hash={"salt": "s", "algorithm": "MD5", "columns": ["public.m.h5"]}),
]
RECORDED = {
    1: {"m5": "*****", "m0": "", "m3": "***", "h1": "122e56d6f15256f7a553c665138b101b52d5201a2cd0fd8f61b54c0c28a14efa",
        "h1v": "122e56d6f15256f7a553", "h2": "8b41ea6bee11d6298cbf86dab70bb64aabef4ff6119d9c929ace2a16123117a5",
        "h2v": "8b41ea6bee11d6298cbf", "h5": "1590a9c2e6ee3fc96982de1ba80c6534", "t4": "secr", "t4v": "secr",
        "t4s": "abc", "t4b": "AQIDBA==", "t0": "", "mi": 12345},
    2: {"m5": "*****", "m0": "", "m3": "***", "h1": None, "h1v": None, "h2": None, "h2v": None, "h5": None,
        "t4": None, "t4v": None, "t4s": None, "t4b": None, "t0": None, "mi": 0},
    3: {"m5": "*****", "m0": "", "m3": "***", "h1": "7235a765295e9f561372eb20a27bc7bc3481169e6a321299ef1e6d83d35a94f4",
        "h1v": "7b061bc77caec9afdc6b", "h2": "a560c9420690556f7c156d7bef7dba890431591b6a3bc42bd997fdd5cfb0ed8d",
        "h2v": "38bc986eb4a5475fab16", "h5": "03c7c0ace395d80182db07ae2c30f034", "t4": "😀😀", "t4v": "ünïc",
        "t4s": "", "t4b": "", "t0": "", "mi": 1},
}


def test_masks_hashes_and_cuts_are_those_of_debezium(db, millrace):
    db.psql(MASKED)
    route = Route(db, millrace, *MASKS, schemas="true")
    route.run()
    db.psql("""insert into m select id + 10, m5, m0, m3, h1, h1v, h2, h2v, h5, t4, t4v, t4s, t4b, t0, mi from m;
        alter table m replica identity full; update m set m5 = 'other' where id = 11; delete from m where id = 11;""")
    route.run()

    records = route.records()
    rows = [({"id": number} | RECORDED[number % 10]) for number in (1, 2, 3, 11, 12, 13)]
    payloads = [(r["value"]["payload"]["op"], r["value"]["payload"]["before"], r["value"]["payload"]["after"])
                for r in records if r["value"]]
    assert sorted(payloads[:3], key=lambda p: p[2]["id"]) == [("r", None, row) for row in rows[:3]]
    assert payloads[3:6] == [("c", None, row) for row in rows[3:]]
    assert payloads[6:] == [("u", rows[3], rows[3]), ("d", rows[3], None)], "a masked update shows no difference"

    after = next(f for f in records[0]["value"]["schema"]["fields"] if f["field"] == "after")
    parameters = {f["field"]: f.get("parameters") for f in after["fields"]}
    masked, cut = {"masked": "true"}, {"truncateLength": "4"}
    assert parameters == {"id": None, "m5": masked, "m0": masked, "m3": masked, "h1": masked, "h1v": masked,
                          "h2": masked, "h2v": masked, "h5": masked, "t4": cut, "t4v": cut, "t4s": None, "t4b": cut,
                          "t0": {"truncateLength": "0"}, "mi": None}
    for path in route.out.rglob("*"):
        assert path.is_dir() or b"secret" not in path.read_bytes(), f"{path} shows what was to be hidden"


KEYS = [columns(message_key_columns={"public.a": "x,y", "public.b": "q"})]


def test_own_keys_as_debezium_makes_them(db, millrace):
    db.psql("""create table a (id int primary key, x text, y int not null); create table b (p int, q text);
        alter table a replica identity full; alter table b replica identity full;
        insert into a values (1, 'x', 1); insert into b values (1, 'q'), (null, null);""")
    route = Route(db, millrace, *KEYS)
    route.run()
    db.psql("""insert into a values (2, 'x2', 2); update a set x = 'changed' where id = 2;
        update a set y = 3 where id = 2; update a set id = 5 where id = 2; delete from a where id = 5;
        insert into b values (2, 'q2'); update b set p = 3 where p = 2; delete from b where p = 3;""")
    route.run()

    records = route.records()

    def of(table):
        return images(r for r in records if r["topic"].endswith(table))

    def k(x, y):
        return {"x": x, "y": y}

    def row(number, x, y):
        return {"id": number} | k(x, y)

    assert of(".a") == [
        (k("x", 1), "r", None, row(1, "x", 1)),
        (k("x2", 2), "c", None, row(2, "x2", 2)),
        (k("x2", 2), "d", row(2, "x2", 2), None),
        (k("x2", 2), None, None, None),
        (k("changed", 2), "c", None, row(2, "changed", 2)),
        (k("changed", 2), "d", row(2, "changed", 2), None),
        (k("changed", 2), None, None, None),
        (k("changed", 3), "c", None, row(2, "changed", 3)),
        (k("changed", 3), "u", row(2, "changed", 3), row(5, "changed", 3)),
        (k("changed", 3), "d", row(5, "changed", 3), None),
        (k("changed", 3), None, None, None),
    ]
    assert of(".b") == [
        ({"q": "q"}, "r", None, {"p": 1, "q": "q"}),
        ({"q": None}, "r", None, {"p": None, "q": None}),
        ({"q": "q2"}, "c", None, {"p": 2, "q": "q2"}),
        ({"q": "q2"}, "u", {"p": 2, "q": "q2"}, {"p": 3, "q": "q2"}),
        ({"q": "q2"}, "d", {"p": 3, "q": "q2"}, None),
        ({"q": "q2"}, None, None, None),
    ]


def test_excluded_columns_are_in_no_event_and_no_schema(db, millrace):
    db.psql("create table keep (id int primary key, a text, b text default 'hidden', c text);"
            "insert into keep values (1, 'a', 'hidden', 'c')")
    route = Route(db, millrace, columns(exclude=["*.keep.b"]), schemas="true")
    route.run()
    db.psql("insert into keep values (2, 'a', 'hidden', 'c'); update keep set b = 'hidden' where id = 1;"
            "alter table keep add column d text default 'new'; insert into keep values (3, 'a', 'hidden', 'c');"
            "delete from keep where id = 2")
    route.run()

    rows = [(r["value"]["payload"]["op"], r["value"]["payload"]["after"]) for r in route.records() if r["value"]]
    assert rows == [("r", {"id": 1, "a": "a", "c": "c"}), ("c", {"id": 2, "a": "a", "c": "c"}),
                    ("u", {"id": 1, "a": "a", "c": "c"}), ("c", {"id": 3, "a": "a", "c": "c", "d": "new"}),
                    ("d", None)]
    for path in route.out.rglob("*"):
        assert path.is_dir() or b"hidden" not in path.read_bytes(), path


REFUSED = [
    ({"mask": {"public.r.n": 3}}, "transform.columns.cannot_mask", "public.r.n"),
    ({"hash": {"salt": "s", "columns": ["*.r.day"]}}, "transform.columns.cannot_mask", "public.r.day"),
    ({"exclude": ["public.*.id"]}, "transform.columns.key_excluded", "public.r.id"),
    ({"include": ["public.r.t"]}, "transform.columns.key_excluded", "public.r.id"),
    ({"message_key_columns": {"public.r": "t"}}, "transform.columns.key_not_sent", "public.r.t"),
    ({"message_key_columns": {"public.r": "id,nope"}}, "transform.columns.key_missing", "nope"),
]


@pytest.mark.parametrize("options, code, names", REFUSED)
def test_what_cannot_be_done_stops_before_a_row_is_out(db, millrace, options, code, names):
    db.psql("create table r (id int primary key, n int, day date, t text);"
            "insert into r values (1, 2, '2024-01-01', 'in clear')")
    route = Route(db, millrace, columns(**options))
    running = route.run(code=78)
    line = next(line for line in running.errors if code in line)
    assert names in line
    assert route.records() == []

    route.path = millrace.config(config(db, [columns(mask={"public.r.t": 3})], route.out)
                                 .replace("type: file,", "type: file, content: record,"))
    route.run()
    assert [r["value"]["after"]["t"] for r in route.records()] == ["***"], "the mended configuration loses nothing"


@pytest.mark.parametrize("options, code, names", REFUSED)
def test_check_tells_before_the_run(db, millrace, options, code, names):
    db.psql("create table r (id int primary key, n int, day date, t text)")
    route = Route(db, millrace, columns(**options))
    running = millrace.run("check", "--environment", route.path)
    assert running.popen.returncode == 78, running.tail()
    text = "\n".join(running.lines)
    assert code in text and names in text
    assert db.slots() == [], "a check makes nothing"


def test_check_is_content_with_what_can_be_done(db, millrace):
    db.psql("create table r (id int primary key, n int, day date, t text); create table s (id int primary key, t text)")
    route = Route(db, millrace, columns(mask={"public.r.t": 3}, exclude=["*.day"],
                                        message_key_columns={"public.s": "id"}))
    running = millrace.run("check", "--environment", route.path)
    assert running.popen.returncode == 0, running.tail()


def test_the_page_on_masking_holds(db, millrace):
    """The configuration of docs/how-to/mask-columns.md, and the hash that sha256sum gives."""
    page = (ROOT / "docs/how-to/mask-columns.md").read_text()
    text = page.split("```yaml file=shop.yaml\n")[1].split("```")[0]
    for old, new in (('dsn: ""', f'dsn: "{db.dsn}"'), ("directory: out", f"directory: {millrace.folder / 'out'}, content: record"),
                     ("envelope: flat", "envelope: debezium")):
        assert old in text
        text = text.replace(old, new)
    path = millrace.config(text)
    db.psql("""create table customers (id int primary key, email text, phone text, notes text, internal_rank int);
        create table posts (id int primary key, body text);
        create table orders (id int primary key, tenant int, number int);
        insert into customers values (1, 'ann@example.com', '+49 30 1234', 'never pays', 7);
        insert into posts values (1, repeat('x', 300)); insert into orders values (1, 2, 3);""")
    env = {"HASH_SALT": "change-me"}

    refused = millrace.run("check", "--environment", path, env=env)
    assert refused.popen.returncode == 78
    sql = next(line.strip() for line in refused.lines if "ALTER TABLE" in line)
    db.sql(sql)
    assert millrace.run("check", "--environment", path, env=env).popen.returncode == 0

    running = millrace.run("run", path, "--until", "now", env=env)
    assert running.popen.returncode == 0, running.tail()
    rows = {record["topic"]: record for record in published(millrace.folder / "out")}
    payload = {topic.split(".")[-1]: r["value"].get("payload", r["value"])["after"] for topic, r in rows.items()}
    digest = hashlib.sha256(b"change-me" + b"ann@example.com").hexdigest()
    assert payload["customers"] == {"id": 1, "email": digest, "phone": "********"}
    assert payload["posts"] == {"id": 1, "body": "x" * 200}
    key = next(r["key"] for topic, r in rows.items() if topic.endswith("orders"))
    assert key.get("payload", key) == {"tenant": 2, "number": 3}


def test_names_that_become_one_are_told_at_check(db, millrace):
    db.psql('create table "a b" (id int primary key); create table a_b (id int primary key);'
            'create table c (id int primary key, "x y" int, x_y int);'
            'insert into "a b" values (1); insert into a_b values (1)')
    text = config(db, [], path=millrace.folder / "out").replace("    transforms:\n", "")
    text = text.replace("schemas: false}", "schemas: false, field_name_adjustment_mode: avro}")
    path = millrace.config(text)
    running = millrace.run("check", "--environment", path)
    assert running.popen.returncode == 78
    told = "\n".join(running.lines)
    assert "config.topic_collision" in told and "public.a b" in told and "public.a_b" in told
    assert "schema.name_collision" in told and "x y" in told and "x_y" in told

    running = millrace.run("run", path, "--until", "now")
    assert running.popen.returncode == 78, "what check says a run says too"

"""Each type of the table in docs: its Debezium form, the same from the snapshot and from the stream, in JSON and in Avro.

The forms are those that Debezium 3.7 emits with its options at their defaults (test/conformance compares with recordings of
it, where they are at hand; this table stands by itself). What no rule covers arrives as text and is named at the start.
"""
import base64
import collections
import json
import pathlib
import sys

import files
import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))

import avro  # noqa: E402
import registry_fake  # noqa: E402

Type = collections.namedtuple("Type", "sql literal connect name value")
DECIMAL = "org.apache.kafka.connect.data.Decimal"
VARIABLE = "io.debezium.data.VariableScaleDecimal"


def scalar(sql, literal, connect, value, name=None):
    return Type(sql, literal, connect, name, value)


def array(sql, literal, connect, value, name=None):
    return Type(sql, literal, "array:" + connect, name, value)


SCALARS = [
    scalar("boolean", "true", "boolean", True),
    scalar("bit(1)", "1", "boolean", True),
    scalar("bit(10)", "1011111111", "bytes", "/wI=", "io.debezium.data.Bits"),
    scalar("smallint", "-2", "int16", -2),
    scalar("integer", "-2147483648", "int32", -2147483648),
    scalar("bigint", "9223372036854775807", "int64", 9223372036854775807),
    scalar("oid", "4294967295", "int64", 4294967295),
    scalar("real", "1.5", "float", 1.5),
    scalar("double precision", "0.1", "double", 0.1),
    scalar("numeric(12,2)", "123.45", "bytes", "MDk=", DECIMAL),
    scalar("numeric(60,20)", "-0.00000000000000000001", "bytes", "/w==", DECIMAL),
    scalar("numeric", "123.450", "struct", {"scale": 2, "value": "MDk="}, VARIABLE),
    scalar("char(5)", "ab", "string", "ab   "),
    scalar("varchar(9)", "vc", "string", "vc"),
    scalar("text", "gr\u00fc\u00df 'dich' \\", "string", "gr\u00fc\u00df 'dich' \\"),
    scalar("name", "nam", "string", "nam"),
    scalar("citext", "MiXed", "string", "MiXed"),
    scalar("bytea", "\\x00ff", "bytes", "AP8="),
    scalar("json", '{"a" : 1}', "string", '{"a" : 1}', "io.debezium.data.Json"),
    scalar("jsonb", '{"b":2,  "a":1}', "string", '{"a": 1, "b": 2}', "io.debezium.data.Json"),
    scalar("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "string", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
           "io.debezium.data.Uuid"),
    scalar("mood", "ok", "string", "ok", "io.debezium.data.Enum"),
    scalar("inet", "192.168.1.5/24", "string", "192.168.1.5/24"),
    scalar("cidr", "10.0.0.0/8", "string", "10.0.0.0/8"),
    scalar("macaddr", "08:00:2b:01:02:03", "string", "08:00:2b:01:02:03"),
    scalar("macaddr8", "08:00:2b:01:02:03:04:05", "string", "08:00:2b:01:02:03:04:05"),
    scalar("interval", "1 year 2 mons 3 days 04:05:06.789", "int64", 37091106789000, "io.debezium.time.MicroDuration"),
    scalar("date", "2024-02-29", "int32", 19782, "io.debezium.time.Date"),
    scalar("time(3)", "11:14:15.123", "int32", 40455123, "io.debezium.time.Time"),
    scalar("time", "11:14:15.123456", "int64", 40455123456, "io.debezium.time.MicroTime"),
    scalar("timestamp(3)", "2024-02-29 11:14:15.123", "int64", 1709205255123, "io.debezium.time.Timestamp"),
    scalar("timestamp", "2024-02-29 11:14:15.123456", "int64", 1709205255123456, "io.debezium.time.MicroTimestamp"),
    scalar("timestamptz", "2024-02-29 11:14:15.120+02", "string", "2024-02-29T09:14:15.120000Z",
           "io.debezium.time.ZonedTimestamp"),
    scalar("timetz", "11:14:15.5+05:30", "string", "05:44:15.5Z", "io.debezium.time.ZonedTime"),
    scalar("money", "-12.34", "bytes", "+y4=", DECIMAL),
    scalar("xml", "<a/>", "string", "<a/>", "io.debezium.data.Xml"),
    scalar("int4range", "[1,9]", "string", "[1,10)"),
    scalar("posnum", "1.25", "bytes", "fQ==", DECIMAL),
    scalar("positive", "7", "bytes", "Arw=", DECIMAL),
]
ARRAYS = [
    array("boolean[]", "{t,f,NULL}", "boolean", [True, False, None]),
    array("smallint[]", "{1,-2}", "int16", [1, -2]),
    array("integer[]", "{1,NULL,-2147483648}", "int32", [1, None, -2147483648]),
    array("bigint[]", "{9223372036854775807}", "int64", [9223372036854775807]),
    array("oid[]", "{1,4294967295}", "int64", [1, 4294967295]),
    array("real[]", "{1.5}", "float", [1.5]),
    array("double precision[]", "{2.25,NULL}", "double", [2.25, None]),
    array("numeric(5,2)[]", "{1.5,-9.99}", "bytes", ["AJY=", "/Bk="], DECIMAL),
    array("numeric[]", "{1,2.5}", "struct", [{"scale": 0, "value": "AQ=="}, {"scale": 1, "value": "GQ=="}], VARIABLE),
    array("text[]", '{a,"b c","q\\"u",NULL,""}', "string", ["a", "b c", 'q"u', None, ""]),
    array("varchar(5)[]", "{ab}", "string", ["ab"]),
    array("char(3)[]", "{a}", "string", ["a  "]),
    array("citext[]", "{Aa}", "string", ["Aa"]),
    array("bytea[]", '{"\\\\x00ff"}', "bytes", ["AP8="]),
    array("date[]", "{2024-02-29,1969-12-31}", "int32", [19782, -1], "io.debezium.time.Date"),
    array("time[]", "{13:14:15.123}", "int64", [47655123000], "io.debezium.time.MicroTime"),
    array("timetz[]", "{13:14:15+02}", "string", ["11:14:15Z"], "io.debezium.time.ZonedTime"),
    array("timestamp[]", '{"2024-02-29 13:14:15.123456"}', "int64", [1709212455123456], "io.debezium.time.MicroTimestamp"),
    array("timestamptz[]", '{"2024-02-29 11:14:15.123456+00"}', "string", ["2024-02-29T11:14:15.123456Z"],
          "io.debezium.time.ZonedTimestamp"),
    array("uuid[]", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "string", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
          "io.debezium.data.Uuid"),
    array("json[]", '{"{\\"a\\": 1}"}', "string", ['{"a": 1}'], "io.debezium.data.Json"),
    array("jsonb[]", '{"[1, 2]",NULL}', "string", ["[1, 2]", None], "io.debezium.data.Json"),
    array("inet[]", "{192.168.1.5/24,::1}", "string", ["192.168.1.5/24", "::1"]),
    array("cidr[]", "{10.0.0.0/8}", "string", ["10.0.0.0/8"]),
    array("macaddr[]", "{08:00:2b:01:02:03}", "string", ["08:00:2b:01:02:03"]),
    array("int4range[]", '{"[1,10)",empty}', "string", ["[1,10)", "empty"]),
    array("mood[]", "{ok,sad}", "string", ["ok", "sad"], "io.debezium.data.Enum"),
]
# Types that no rule covers; the last two are arrays that Debezium drops.
UNCOVERED = [
    scalar("pg_lsn", "16/B374D848", "string", "16/B374D848"),
    scalar("pair", "(1,x)", "string", "(1,x)"),
    scalar("tsquery", "'a' & 'b'", "string", "'a' & 'b'"),
    scalar("xid", "42", "string", "42"),
    scalar("int4multirange", "{[1,3)}", "string", "{[1,3)}"),
    array("pair[]", '{"(1,x)"}', "string", ["(1,x)"]),
    array("positive[]", "{7}", "bytes", ["Arw="], DECIMAL),
]
# All of these are read in binary, so that such a table is too; one column of another type makes a session text.
BINARY = [each for each in SCALARS if each.sql not in ("inet", "cidr", "int4range", "citext")]

CONFIG = """version: 1
pipelines:
  types:
    source: {{type: postgres, dsn: "{dsn}", slot: {slot}, name: types, tables: ["public.*"]}}
    format: {format}
    sink: {{type: file, directory: {out}, content: record}}
"""
JSON = "{type: json, envelope: debezium, schemas: true}"


def make(db, types):
    columns = ", ".join(f"c{number} {each.sql}" for number, each in enumerate(types))
    db.psql(f"""
        create extension citext; create type mood as enum ('sad', 'ok'); create type pair as (a int, b text);
        create domain posnum as numeric(6,2); create domain positive as posnum check (value > 0);
        create table t (id int primary key, {columns});""")
    values = ", ".join("%s" for _ in types)
    db.sql(f"insert into t values (1, {values})", [each.literal for each in types])
    db.sql("insert into t (id) values (2)")


def events(db, millrace, format):
    """The rows of the snapshot, then the same rows streamed: inserted again, in one order."""
    out = millrace.folder / "out"
    path = millrace.config(CONFIG.format(dsn=db.dsn, slot=db.name, format=format, out=out))
    first = millrace.run("run", path, "--until", "now")
    assert first.popen.returncode == 0, first.tail()
    db.psql("create temp table kept as select * from t; delete from t; insert into t select * from kept order by id;")
    done = millrace.run("run", path, "--until", "now")
    assert done.popen.returncode == 0, done.tail()
    return first, [record for record in files.events(out) if record["value"] is not None]


def rows(records, op):
    return [record["value"]["payload"]["after"] for record in records if record["value"]["payload"]["op"] == op]


def schemas(records):
    """Column -> its Connect schema."""
    envelope = records[0]["value"]["schema"]
    after = next(field for field in envelope["fields"] if field["field"] == "after")
    return {field["field"]: field for field in after["fields"]}


def look(schema):
    """(type, name), with an array's element in its place."""
    if schema["type"] == "array":
        kind, name = look(schema["items"])
        return "array:" + kind, name
    return schema["type"], schema.get("name")


@pytest.mark.parametrize("types", [SCALARS + ARRAYS, BINARY], ids=["all", "binary"])
def test_each_type_has_its_form_and_the_stream_says_what_the_snapshot_said(db, millrace, types):
    make(db, types)
    _, records = events(db, millrace, JSON)
    read, created = rows(records, "r"), rows(records, "c")
    assert [row["id"] for row in read] == [1, 2] and read == created
    described = schemas(records)
    for number, each in enumerate(types):
        column = f"c{number}"
        assert look(described[column]) == (each.connect, each.name), each
        assert described[column]["optional"], each
        assert read[0][column] == each.value, each
        assert read[1][column] is None, each


def as_avro(value, connect):
    """What stands in JSON, as fastavro gives it: bytes as hex."""
    kind = connect.removeprefix("array:")
    if value is None:
        return None
    if isinstance(value, list):
        return [as_avro(item, kind) for item in value]
    if kind == "bytes":
        return {"hex": base64.b64decode(value).hex()}
    if kind == "struct":
        return {"scale": value["scale"], "value": {"hex": base64.b64decode(value["value"]).hex()}}
    return value


def test_avro_holds_the_same_values(db, millrace):
    types = SCALARS + ARRAYS
    make(db, types)
    registry = registry_fake.FakeRegistry()
    try:
        _, records = events(db, millrace, f'{{type: avro, registry: {{urls: ["{registry.url}"]}}}}')
        decoder = avro.Decoder(registry)
        values = [decoder.decode(record["value"])["payload"] for record in records]
    finally:
        registry.close()
    read, created = ([value["after"] for value in values if value["op"] == op] for op in "rc")
    assert [row["id"] for row in read] == [1, 2] and read == created
    for number, each in enumerate(types):
        assert read[0][f"c{number}"] == as_avro(each.value, each.connect), each
        assert read[1][f"c{number}"] is None, each


def test_what_no_rule_covers_arrives_as_text_and_is_named_at_the_start(db, millrace):
    make(db, UNCOVERED)
    first, records = events(db, millrace, JSON)
    read, created = rows(records, "r"), rows(records, "c")
    assert read == created
    for number, each in enumerate(UNCOVERED):
        assert read[0][f"c{number}"] == each.value, each
    noted = [json.loads(line)["text"] for line in first.errors if "source.type_as_text" in line]
    for each in UNCOVERED[:5]:
        assert any(f"{each.sql} (column public.t.c" in text for text in noted), (each.sql, noted)


def test_a_numeric_that_no_decimal_can_hold_is_told_with_its_column(db, millrace):
    db.psql("create table t (id int primary key, n numeric(9,2)); insert into t values (1, 'NaN')")
    path = millrace.config(CONFIG.format(dsn=db.dsn, slot=db.name, format=JSON, out=millrace.folder / "out"))
    done = millrace.run("run", path, "--until", "now")
    assert done.popen.returncode == 1
    failed = json.loads(next(line for line in done.errors if "encode.value" in line))
    assert "public.t.n" in failed["err"] or "column n" in failed["err"], failed

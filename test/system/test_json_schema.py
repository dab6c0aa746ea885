"""JSON with schemas in a real registry: what is registered, whether every message is valid by it, and what is refused."""
import base64
import json
import urllib.request

import files
import jsonschema
from servers import process

SHOP = """version: 1
pipelines:
  json:
    source: {{type: postgres, name: {name}, dsn: "{dsn}", slot: {name}, tables: ["public.*"]}}
    format: {{type: json, schemas: registry, {more}registry: {{urls: ["{url}"], timeout: 30s}}}}
    sink: {{type: file, directory: "{directory}", content: record}}
"""
TYPE = {"Content-Type": "application/vnd.schemaregistry.v1+json"}

AWAY = "http://127.0.0.1:1"  # the only one of the registry's nodes that is asked, and nobody is there


def config(millrace, db, url, more=""):
    directory = millrace.folder / "out"
    return directory, millrace.config(SHOP.format(name=db.name, dsn=db.dsn, url=url, directory=directory, more=more))


def until_now(millrace, path):
    running = millrace.run("run", path, "--until", "now", seconds=90)
    assert running.popen.returncode == 0, running.tail()
    return running


def ask(registry, path):
    with urllib.request.urlopen(f"{registry.url}{path}", timeout=20) as answer:
        return json.load(answer)


def put_level(registry, subject, level):
    request = urllib.request.Request(f"{registry.url}/config/{subject}", method="PUT", headers=TYPE,
                                     data=json.dumps({"compatibility": level}).encode())
    urllib.request.urlopen(request, timeout=20).close()


def read(registry, part):
    """A framed part by the schema of its id, which says that it is JSON's; None where there is none."""
    if part is None:
        return None
    data = base64.b64decode(part["base64"])
    assert data[0] == 0
    found = ask(registry, f"/schemas/ids/{int.from_bytes(data[1:5], 'big')}")
    assert found["schemaType"] == "JSON"
    jsonschema.Draft7Validator(json.loads(found["schema"])).validate(json.loads(data[5:]))
    return json.loads(data[5:])


def records(registry, directory):
    return [(read(registry, record["key"]), read(registry, record["value"])) for record in map(json.loads, files.lines(directory))]


def test_every_message_is_valid_by_its_schema(db, millrace, registry):
    db.psql("create type mood as enum ('sad', 'glad');"
            "create table o (id int primary key, name text not null default 'x', amount numeric(12,2), free numeric, day date,"
            " at timestamptz, tags text[], doc jsonb, raw bytea, f real, b bool not null, m mood, p point, u uuid, i interval);"
            "insert into o values (1, 'a', 1.5, 2.25, '2024-02-29', '2024-02-29 12:00Z', '{x,null}', '{}', '\\x00ff', 1.5, true,"
            " 'glad', '(1,2)', 'b0a1c2d3-0000-4000-8000-000000000000', '1 day'), (2, default, null, null, null, null, null,"
            " null, null, null, false, null, null, null, null)")
    directory, path = config(millrace, db, registry.url)
    until_now(millrace, path)
    db.psql("update o set amount = 2 where id = 1; update o set id = 3 where id = 2; delete from o where id = 1;"
            "select pg_logical_emit_message(true, 'note', 'hello')")
    until_now(millrace, path)
    found = records(registry, directory)
    assert [value and value["op"] for _, value in found] == ["r", "r", "u", "d", None, "c", "d", None, "m"]
    first, second = found[0][1]["after"], found[1][1]["after"]
    assert (first["amount"], first["tags"], first["raw"], first["m"]) == ("AJY=", ["x", None], "AP8=", "glad")
    assert (second["name"], second["amount"], second["p"]) == ("x", None, None)
    assert found[-1][0] == {"prefix": "note"} and base64.b64decode(found[-1][1]["message"]["content"]) == b"hello"
    assert {name for name in ask(registry, "/subjects") if name.startswith(db.name)} == {
        f"{db.name}.public.o-key", f"{db.name}.public.o-value", f"{db.name}.message-key", f"{db.name}.message-value"}


def test_numbers_and_names_of_subjects_by_option(db, millrace, registry):
    db.psql("create table o (id int primary key, amount numeric(12,2)); insert into o values (1, 1.5)")
    more = "decimal_format: numeric, envelope: flat, value_subject_name_strategy: record_name, "
    directory, path = config(millrace, db, registry.url, more)
    until_now(millrace, path)
    assert records(registry, directory) == [({"id": 1}, {"id": 1, "amount": 1.50})]
    assert f"{db.name}.public.o.Value" in ask(registry, "/subjects")


def test_a_number_that_json_has_not_stops_or_is_null_as_told(db, millrace, registry):
    db.psql("create table o (id int primary key, f float8, p point); insert into o values (1, 'NaN', '(1,2)'), (2, 1.5, '(Infinity,0)')")
    directory, path = config(millrace, db, registry.url)
    refused = millrace.run("run", path, "--until", "now", seconds=90)
    assert refused.popen.returncode != 0 and "encode.value" in refused.tail() and "column f" in refused.tail()
    directory, path = config(millrace, db, registry.url, "event_converting_failure_handling_mode: warn, ")
    until_now(millrace, path).wait_error('"nulled":2', 5)
    rows = [value["after"] for _, value in records(registry, directory)]
    assert [(row["f"], row["p"] and row["p"]["x"]) for row in rows] == [(None, 1.0), (1.5, None)]


def test_known_schemas_go_on_while_the_registry_is_away(db, millrace, registry):
    db.psql("create table o (id int primary key, name text); insert into o values (1, 'a');")
    directory, path = config(millrace, db, f'{registry.url}", "{AWAY}')
    until_now(millrace, path)
    db.psql("select pg_logical_emit_message(true, 'note', 'one')")
    until_now(millrace, path)
    db.psql("insert into o values (2, 'b'); select pg_logical_emit_message(true, 'note', 'two')")
    directory, path = config(millrace, db, AWAY)
    until_now(millrace, path)
    values = [value for _, value in records(registry, directory)]
    assert [value["after"]["id"] for value in values if value["op"] != "m"] == [1, 2]
    assert [value["op"] for value in values] == ["r", "m", "c", "m"]


def test_a_refusal_names_the_column_and_goes_on_when_the_level_is_lowered(db, millrace, registry):
    db.psql("create table o (id int primary key, name text not null); insert into o values (1, 'a')")
    directory, path = config(millrace, db, registry.url)
    until_now(millrace, path)
    subject = f"{db.name}.public.o-value"
    put_level(registry, subject, "BACKWARD")
    db.psql("alter table o alter name type int using 7; insert into o values (2, 8)")
    plan = millrace.run("schema", "plan", "--config", path)
    assert plan.popen.returncode == 78 and any("REFUSED by BACKWARD" in line for line in plan.lines), plan.tail()
    running = millrace.start("run", path)
    line = running.wait_error("registry.incompatible", 60)
    assert "column name changed its type from string to integer" in line, line
    put_level(registry, subject, "NONE")
    process.wait_until(lambda: len(settled(directory)) == 2, 60, "the row after the refusal", running)
    assert running.stop() == 0
    assert [value["after"]["name"] for _, value in records(registry, directory)] == ["a", 8]


def settled(directory):
    try:
        return files.lines(directory)
    except FileNotFoundError:  # committed and not yet in its place
        return []

"""Avro with a real registry: what is registered, what an independent reader makes of it, and a registry that is away."""
import base64
import io
import json
import urllib.request

import fastavro

import files

SHOP = """version: 1
pipelines:
  avro:
    source: {{type: postgres, name: {name}, dsn: "{dsn}", slot: {name}, tables: ["public.*"]}}
    format: {{type: avro, logical_types: {types}, registry: {{urls: ["{url}"], timeout: 30s}}}}
    sink: {{type: file, directory: "{directory}", content: record}}
"""

AWAY = "http://127.0.0.1:1"  # the only one of the registry's nodes that is asked, and nobody is there


def config(millrace, db, url, types="debezium"):
    directory = millrace.folder / "out"
    return directory, millrace.config(SHOP.format(name=db.name, dsn=db.dsn, url=url, types=types, directory=directory))


def until_now(millrace, path):
    running = millrace.run("run", path, "--until", "now", seconds=90)
    assert running.popen.returncode == 0, running.tail()


def schema_of(registry, number):
    with urllib.request.urlopen(f"{registry.url}/schemas/ids/{number}", timeout=20) as answer:
        return fastavro.parse_schema(json.loads(json.load(answer)["schema"]))


def rows(registry, directory):
    found, schemas = [], {}
    for line in files.lines(directory):
        data = base64.b64decode(json.loads(line)["value"]["base64"])
        assert data[0] == 0
        number = int.from_bytes(data[1:5], "big")
        if number not in schemas:
            schemas[number] = schema_of(registry, number)
        found.append(fastavro.schemaless_reader(io.BytesIO(data[5:]), schemas[number], None)["after"])
    return found


def test_an_independent_reader_gets_the_rows_with_native_types(db, millrace, registry):
    db.psql("create table o (id int primary key, name text not null, amount numeric(12,2), on_day date, tags text[]);"
            "insert into o values (1, 'a', 1.5, '2024-02-29', '{x,y}'), (2, 'b', -3, null, null)")
    directory, path = config(millrace, db, registry.url, "native")
    until_now(millrace, path)
    first, second = rows(registry, directory)
    assert (first["id"], first["name"], str(first["amount"]), first["tags"]) == (1, "a", "1.50", ["x", "y"])
    assert first["on_day"].isoformat() == "2024-02-29"
    assert (second["amount"], second["on_day"], second["tags"]) == (-3, None, None)


def test_known_schemas_go_on_while_the_registry_is_away(db, millrace, registry):
    db.psql("create table o (id int primary key, name text); insert into o values (1, 'a')")
    directory, path = config(millrace, db, f'{registry.url}", "{AWAY}')
    until_now(millrace, path)
    db.psql("insert into o values (2, 'b')")
    directory, path = config(millrace, db, AWAY)
    until_now(millrace, path)
    assert [row["id"] for row in rows(registry, directory)] == [1, 2]

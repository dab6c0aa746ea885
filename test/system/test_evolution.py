"""Tables altered in the middle of a stream, under each compatibility level of a real registry.

Every change of a table has its own pipeline, all in one process: a refused schema must stop its own pipeline only. What a
level accepts is then judged by what the level promises: under BACKWARD the last schema reads every record, under FORWARD
the first one does, under FULL both do. What it refuses has to name subject, column and rule, lose nothing while nobody
acts, and go on by itself once the operator has done one of the things the message says.
"""
import base64
import io
import json
import urllib.request

import fastavro
import pytest

import files
from servers import process

PIPELINE = """  {change}:
    source: {{type: postgres, name: {name}, dsn: "{dsn}", slot: {name}_{change}, tables: [public.{change}]}}
    format: {{type: avro, registry: {{urls: ["{url}"], timeout: 5s}}}}
    sink: {{type: file, directory: "{directory}/{change}", content: record, roll: {{age: 200ms}}}}
"""
TYPE = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
BOTH = {"BACKWARD", "FORWARD", "FULL"}

# change: what is done to the table (id int primary key, a int not null, b int), what the level must say of it: the
# levels that refuse, and a word of the reason. Rows are (id, 1, 2) in any shape.
CHANGES = {
    "add_nullable": ("alter table {t} add column c int", set(), ""),
    "add_default": ("alter table {t} add column c int not null default 7", set(), ""),
    "add_required": ("alter table {t} add column c int not null default 7; alter table {t} alter c drop default",
                     {"BACKWARD", "FULL"}, "c "),
    "drop_nullable": ("alter table {t} drop column b", set(), ""),
    "drop_required": ("alter table {t} drop column a", {"FORWARD", "FULL"}, "a "),
    "rename_nullable": ("alter table {t} rename b to c", set(), ""),
    "rename_required": ("alter table {t} rename a to c", BOTH, ""),
    "widen": ("alter table {t} alter a type bigint", {"FORWARD", "FULL"}, "a "),
    "make_nullable": ("alter table {t} alter a drop not null", {"FORWARD", "FULL"}, "a "),
    "make_required": ("alter table {t} alter b set not null", set(), ""),  # a schema never tightens: there is no new one
    "other_type": ("alter table {t} alter a type text", BOTH, "a "),
}


class Shop:
    """One process with a pipeline for each change."""

    def __init__(self, db, millrace, registry, sink=PIPELINE, **more):
        self.db, self.registry, self.folder = db, registry, millrace.folder / "out"
        self.folder.mkdir()
        for change in CHANGES:
            db.psql(f"create table {change} (id int primary key, a int not null, b int); insert into {change} values (1, 1, 2)")
        pipelines = "".join(sink.format(change=change, name=db.name, dsn=db.dsn, url=registry.url, directory=self.folder, **more)
                            for change in CHANGES)
        self.running = millrace.start("run", millrace.config("version: 1\npipelines:\n" + pipelines), "--json")

    def subject(self, change):
        return f"{self.db.name}.public.{change}-value"

    def ask(self, path, method="GET", body=None):
        request = urllib.request.Request(self.registry.url + path, method=method, headers=TYPE,
                                         data=json.dumps(body).encode() if body is not None else None)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def put_level(self, change, level):
        self.ask(f"/config/{self.subject(change)}", "PUT", {"compatibility": level})

    def versions(self, change):
        return self.ask(f"/subjects/{self.subject(change)}/versions")

    def values(self, change):
        """Each event's frame: number of the schema, bytes."""
        found = []
        if not (self.folder / change / "_millrace").exists():
            return found
        for line in files.lines(self.folder / change):
            data = base64.b64decode(json.loads(line)["value"]["base64"])
            assert data[0] == 0
            found.append((int.from_bytes(data[1:5], "big"), data[5:]))
        return found

    def rows(self, change, reader=None):
        """The rows of a change, each read by the schema it was written by, or by another one."""
        found = []
        for number, data in self.values(change):
            found.append(fastavro.schemaless_reader(io.BytesIO(data), self.schema(number), reader)["after"])
        return found

    def schema(self, number):
        return fastavro.parse_schema(json.loads(self.ask(f"/schemas/ids/{number}")["schema"]))

    def arrive(self, change, count):
        process.wait_until(lambda: len(self.values(change)) >= count, 120, f"{count} events of {change}", self.running)

    def refusal(self, change):
        """What the log says of the schema that was refused."""
        def found():
            return next((json.loads(line)["err"] for line in list(self.running.errors)
                         if "registry.incompatible" in line and self.subject(change) in line), None)
        return process.wait_until(found, 120, f"a refusal of {change}", self.running)

    def alter(self, change):
        """A row in the old shape, the change, a row in the new shape, in one transaction; then another row."""
        sql = CHANGES[change][0].format(t=change)
        width = int(self.db.one("select count(*) from information_schema.columns where table_name = %s", [change]))
        self.db.psql(f"begin; insert into {change} values (2, 1, 2); {sql};"
                     f"insert into {change} values (3{', 1' * self.width_after(change, width)}); commit;"
                     f"insert into {change} values (4{', 1' * self.width_after(change, width)})")

    @staticmethod
    def width_after(change, before):
        return before - 1 + (change.startswith("add") - change.startswith("drop"))


def go_on(shop, change, level):
    """One of the ways out, a different one for each level."""
    if level == "FORWARD":  # the subject begins afresh
        shop.ask(f"/subjects/{shop.subject(change)}", "DELETE")
    else:  # the level is lowered for this one change
        shop.put_level(change, "NONE")


@pytest.mark.parametrize("level", ["BACKWARD", "FORWARD", "FULL", "NONE"])
def test_a_table_altered_in_the_stream(level, db, millrace, registry):
    shop = Shop(db, millrace, registry)
    for change in CHANGES:
        shop.arrive(change, 1)
        shop.put_level(change, level)
    for change in CHANGES:
        shop.alter(change)
    refused = {change for change in CHANGES if level in CHANGES[change][1]}
    for change in CHANGES.keys() - refused:
        shop.arrive(change, 4)
        assert len(shop.versions(change)) == 1 + (change != "make_required"), change
    for change in refused:
        text = shop.refusal(change)
        assert level in text and CHANGES[change][2] in text, text
        # The row in the old shape came in the same transaction: all of it waits, nothing of it is lost.
        assert [row["id"] for row in shop.rows(change)] == [1] and len(shop.versions(change)) == 1
    for change in refused:
        go_on(shop, change, level)
    for change in refused:
        shop.arrive(change, 4)
    assert shop.running.stop() == 0, shop.running.tail()
    for change in CHANGES:
        rows = shop.rows(change)
        assert [row["id"] for row in rows] == [1, 2, 3, 4], change
        numbers = [number for number, _ in shop.values(change)]
        assert numbers[2] == numbers[3], (change, numbers)
        # Nullability is the catalogue's of now, which is ahead of the stream: the row before the change may be NULL too.
        assert numbers[0] == numbers[1] or change == "make_nullable", (change, numbers)
        assert len(set(numbers)) == 1 + (change != "make_required"), (change, numbers)
        if change in refused or level == "NONE":
            continue
        if level in ("BACKWARD", "FULL"):
            assert [row["id"] for row in shop.rows(change, shop.schema(numbers[3]))] == [1, 2, 3, 4], change
        if level in ("FORWARD", "FULL"):
            assert [row["id"] for row in shop.rows(change, shop.schema(numbers[0]))] == [1, 2, 3, 4], change

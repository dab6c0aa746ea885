"""Tables altered in the middle of a stream, under each compatibility level of a real registry.

Every change of a table has its own pipeline, all in one process: a refused schema must stop its own pipeline only. What a
level accepts is then judged by what the level promises: under BACKWARD the last schema reads every record, under FORWARD
the first one does, under FULL both do. What it refuses has to name subject, column and rule, lose nothing while nobody
acts (not by a kill -9 either), and go on by itself once the operator has done one of the things the message says.

Events go to Kafka, exactly once, and are read as committed; under FORWARD to files.
"""
import base64
import io
import json
import urllib.request

import fastavro
import pytest

import files
from follower import Follower
from servers import kfake as kfake_server
from servers import process

PIPELINE = """  {change}:
    source: {{type: postgres, name: {name}, dsn: "{dsn}", slot: {name}_{change}, tables: [public.{change}]}}
    format: {{type: avro, registry: {{urls: ["{url}"], timeout: 5s}}}}
    sink: {sink}
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
# Without the version before, the catalogue is all there is to ask about a column, and it has forgotten this one: then it
# is optional in rows that still have it.
FORGOTTEN = {"drop_required", "rename_required"}


class Kafka:
    """Topics of a broker, one partition each, as a read_committed consumer has them."""

    def __init__(self, broker):
        self.follower = Follower(broker.bootstrap)
        self.text = f'{{type: kafka, brokers: ["{broker.bootstrap}"]}}'

    def sink(self, _):
        return self.text

    def frames(self, shop, change):
        return [message.value() for message in self.follower.read(f"{shop.db.name}.public.{change}")]


class Files:
    def __init__(self, folder):
        self.folder = folder / "out"
        self.folder.mkdir()

    def sink(self, change):
        return f'{{type: file, directory: "{self.folder}/{change}", content: record, roll: {{age: 200ms}}}}'

    def frames(self, _, change):
        if not (self.folder / change / "_millrace").exists():
            return []
        return [base64.b64decode(json.loads(line)["value"]["base64"]) for line in files.lines(self.folder / change)]


class Shop:
    """One process with a pipeline for each change."""

    def __init__(self, db, millrace, registry, out):
        self.db, self.millrace, self.registry, self.out = db, millrace, registry, out
        self.schemas = {}
        db.psql("".join(f"create table {change} (id int primary key, a int not null, b int); insert into {change} values (1, 1, 2);"
                        for change in CHANGES))
        pipelines = "".join(PIPELINE.format(change=change, name=db.name, dsn=db.dsn, url=registry.url, sink=out.sink(change))
                            for change in CHANGES)
        self.path = millrace.config("version: 1\npipelines:\n" + pipelines)
        self.start()

    def start(self):
        self.running = self.millrace.start("run", self.path, "--json")

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
        frames = self.out.frames(self, change)
        assert all(frame[0] == 0 for frame in frames)
        return [(int.from_bytes(frame[1:5], "big"), frame[5:]) for frame in frames]

    def rows(self, change, reader=None):
        """The rows of a change, each read by the schema it was written by, or by another one."""
        found = []
        for number, data in self.values(change):
            found.append(fastavro.schemaless_reader(io.BytesIO(data), self.schema(number), reader)["after"])
        return found

    def schema(self, number):
        if number not in self.schemas:
            self.schemas[number] = fastavro.parse_schema(json.loads(self.ask(f"/schemas/ids/{number}")["schema"]))
        return self.schemas[number]

    def arrive(self, change, count):
        process.wait_until(lambda: len(self.values(change)) >= count, 120, f"{count} events of {change}", self.running)

    def refusal(self, change):
        """What the log says of the schema that was refused."""
        def found():
            return next((json.loads(line)["err"] for line in list(self.running.errors)
                         if "registry.incompatible" in line and self.subject(change) in line), None)
        return process.wait_until(found, 120, f"a refusal of {change}", self.running)

    def alter_all(self):
        """A row in the old shape, the change, a row in the new shape, in one transaction; then another row."""
        script = ""
        for change, (sql, _, _) in CHANGES.items():
            values = ", 1" * (2 + change.startswith("add") - change.startswith("drop"))
            script += (f"begin; insert into {change} values (2, 1, 2); {sql.format(t=change)}; insert into {change} values (3{values});"
                       f"commit; insert into {change} values (4{values});")
        self.db.psql(script)


@pytest.fixture(scope="module")
def kfake():
    if kfake_server.binary() is None:
        pytest.skip("kfake cannot be built here: there is no Go")
    broker = kfake_server.Kfake()
    yield broker
    broker.close()


def mend(shop, refused, level):
    """One of the ways out, a different one for each level."""
    for change in refused:
        if level == "BACKWARD" or (level == "FULL" and change in FORGOTTEN):  # the level is lowered for this one change
            shop.put_level(change, "NONE")
        else:  # the subject begins afresh
            shop.ask(f"/subjects/{shop.subject(change)}", "DELETE")


def wait_at(shop, refused, level, killed=False):
    """What is refused says why, and waits."""
    for change in refused:
        text = shop.refusal(change)
        assert level in text and CHANGES[change][2] in text, text
        # The row in the old shape came in the same transaction: all of it waits, nothing of it is lost.
        assert [row["id"] for row in shop.rows(change)] == [1]
        assert killed or len(shop.versions(change)) == 1


@pytest.mark.parametrize("level", ["BACKWARD", "FORWARD", "FULL", "NONE"])
def test_a_table_altered_in_the_stream(level, db, millrace, registry, request):
    kills = level in ("BACKWARD", "FULL")
    shop = Shop(db, millrace, registry, Files(millrace.folder) if level == "FORWARD" else Kafka(request.getfixturevalue("kfake")))
    for change in CHANGES:
        shop.arrive(change, 1)
        shop.put_level(change, level)
    shop.alter_all()
    refused = {change for change in CHANGES if level in CHANGES[change][1]}
    for change in CHANGES.keys() - refused:
        shop.arrive(change, 4)
        assert len(shop.versions(change)) == 1 + (change != "make_required"), change
    wait_at(shop, refused, level)
    if kills:
        shop.running.kill9()
    if level == "FULL":  # mended while nobody runs
        mend(shop, refused, level)
    if kills:
        shop.start()
    if level == "BACKWARD":
        wait_at(shop, refused, level, killed=True)
    if level != "FULL":
        mend(shop, refused, level)
    for change in refused:
        shop.arrive(change, 4)
    assert shop.running.stop() == 0, shop.running.tail()
    for change in CHANGES:
        check(shop, change, level, change in refused, forgotten=kills and change in refused & FORGOTTEN)


def check(shop, change, level, refused, forgotten):
    assert [row["id"] for row in shop.rows(change)] == [1, 2, 3, 4], change
    numbers = [number for number, _ in shop.values(change)]
    assert numbers[2] == numbers[3], (change, numbers)
    # Nullability is the catalogue's of now, which is ahead of the stream: the row before the change may be NULL too.
    assert numbers[0] == numbers[1] or change == "make_nullable" or forgotten, (change, numbers)
    assert len(set(numbers)) == 1 + (change != "make_required") + forgotten, (change, numbers)
    if refused:
        return
    if level in ("BACKWARD", "FULL"):
        assert [row["id"] for row in shop.rows(change, shop.schema(numbers[3]))] == [1, 2, 3, 4], change
    if level in ("FORWARD", "FULL"):
        assert [row["id"] for row in shop.rows(change, shop.schema(numbers[0]))] == [1, 2, 3, 4], change

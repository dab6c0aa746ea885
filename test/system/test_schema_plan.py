"""schema plan tells what a run would register and what the registry would refuse, and registers nothing itself."""
import json
import urllib.request

import pytest
from servers import process

SHOP = """version: 1
pipelines:
  shop:
    source: {{type: postgres, dsn: "{dsn}", slot: plan, publication: {{name: plan}}, name: {name}, tables: ["public.*"], snapshot: no_data}}
    format: {{type: avro, registry: {{urls: ["{url}"]}}}}
    sink: {{type: 'null'}}
"""
TYPE = {"Content-Type": "application/vnd.schemaregistry.v1+json"}


@pytest.fixture
def shop(db, millrace, registry):
    db.sql("create table orders (id int primary key, note text)")
    path = millrace.config(SHOP.format(dsn=db.dsn, url=registry.url, name=db.name))

    def plan(code=0, path=path, perhaps=False):
        done = millrace.run("schema", "plan", "--json", "--config", path)
        assert done.popen.returncode == code, done.tail()
        answer = json.loads(done.lines[-1])
        return {one["subject"].replace(f"{db.name}.", "").replace(f".{db.name}", ""): one
                for one in answer["result"]["subjects"] if one["perhaps"] == perhaps}
    plan.path = path
    return plan


def subjects(registry):
    with urllib.request.urlopen(f"{registry.url}/subjects", timeout=20) as answer:
        return json.load(answer)


def test_what_is_new_what_is_the_same_and_what_is_refused(shop, db, millrace, registry):
    first = shop()
    assert set(first) == {"public.orders-key", "public.orders-value"}
    assert all(one["version"] == 0 and not one["same"] and one["compatible"] for one in first.values())
    assert json.loads(first["public.orders-value"]["schema"])["name"] == "Envelope"
    assert not [name for name in subjects(registry) if name.startswith(db.name)], "nothing was registered"

    millrace.run("run", shop.path, "--until", "now")
    db.sql("insert into orders values (1, 'x')")
    done = millrace.run("run", shop.path, "--until", "now")
    assert done.popen.returncode == 0, done.tail()
    assert all(one["version"] == 1 and one["compatible"] for one in shop().values())

    request = urllib.request.Request(f"{registry.url}/config/{db.name}.public.orders-value", method="PUT", headers=TYPE,
                                     data=b'{"compatibility": "BACKWARD"}')
    urllib.request.urlopen(request, timeout=20).close()
    db.sql("alter table orders add column amount int not null default 0")
    db.sql("alter table orders alter column amount drop default")
    refused = shop(78)["public.orders-value"]
    assert refused["version"] == 1 and not refused["compatible"] and refused["level"] == "BACKWARD"
    shown = millrace.run("schema", "plan", "--config", shop.path, "--show")
    assert any("REFUSED by BACKWARD" in line for line in shown.lines), shown.tail()


def test_check_asks_the_registry_too(shop, db, millrace, registry):
    text = shop.path.read_text().replace("snapshot: no_data", "snapshot: no_data, adopt_slot: true")

    def ask(code, url=registry.url):
        path = millrace.config(text.replace(registry.url, url), "check.yaml")
        done = millrace.run("check", "--environment", "--json", path)
        assert done.popen.returncode == code, done.tail()
        found = json.loads(done.lines[-1])["result"]["findings"]
        return {one["code"]: one for one in found if one["code"].startswith("registry.")}
    assert "takes 2 more" in ask(0)["registry.subjects"]["text"]
    assert not [name for name in subjects(registry) if name.startswith(db.name)], "nothing was registered"
    db.sql("insert into orders values (1, 'x')")
    millrace.run("run", shop.path, "--until", "now")
    db.sql("insert into orders values (2, 'x')")
    assert millrace.run("run", shop.path, "--until", "now").popen.returncode == 0
    assert "has 2 schemas" in ask(0)["registry.subjects"]["text"]
    request = urllib.request.Request(f"{registry.url}/config/{db.name}.public.orders-value", method="PUT", headers=TYPE,
                                     data=b'{"compatibility": "BACKWARD"}')
    urllib.request.urlopen(request, timeout=20).close()
    db.sql("alter table orders add column amount int not null default 0; alter table orders alter column amount drop default")
    refused = ask(78)["registry.incompatible"]
    assert refused["level"] == "fail" and "orders-value" in refused["text"] and "BACKWARD" in refused["text"]
    assert ask(78, "http://127.0.0.1:1")["registry.unreachable"]["level"] == "fail"


@pytest.mark.parametrize("form", ["avro, ", "json, schemas: registry, "])
def test_records_of_no_table_are_planned_as_they_are_registered(shop, db, millrace, registry, form):
    """Transactions and heartbeats because they are wanted; logical messages for sure only where a prefix is named."""
    text = shop.path.read_text().replace("avro, ", f"{form}provide_transaction_metadata: true, ")
    text = text.replace("snapshot: no_data", "snapshot: no_data, heartbeat: {interval: 100ms}")
    path = millrace.config(text, "sides.yaml")
    sides = {f"{topic}-{part}" for topic in ("transaction", "__debezium-heartbeat") for part in ("key", "value")}
    messages = {"message-key", "message-value"}
    rows = {"public.orders-key", "public.orders-value"}
    assert set(shop(path=path)) == rows | sides and set(shop(path=path, perhaps=True)) == messages
    shown = millrace.run("schema", "plan", "--config", path)
    assert any("message-value" in line and "with the first logical message" in line for line in shown.lines), shown.tail()
    named = millrace.config(text.replace("snapshot: no_data", "snapshot: no_data, message_prefixes: [note]"), "named.yaml")
    assert set(shop(path=named)) == rows | sides | messages

    millrace.run("run", path, "--until", "now")
    db.psql("insert into orders values (1, 'x'); select pg_logical_emit_message(true, 'note', 'x')")
    running = millrace.start("run", path)
    wanted = {f"{db.name}.{name}" for name in rows | messages | {"transaction-key", "transaction-value"}}
    wanted |= {f"__debezium-heartbeat.{db.name}-{part}" for part in ("key", "value")}
    process.wait_until(lambda: wanted <= set(subjects(registry)), 60, "all that was planned", running)
    running.kill9()
    assert {name for name in subjects(registry) if db.name in name} == wanted, "nothing else"
    if form == "avro, ":
        assert all(one["same"] for one in shop(path=named).values())


def test_a_format_without_a_registry_has_no_schemas(db, millrace):
    db.sql("create table orders (id int primary key)")
    path = millrace.config(SHOP.format(dsn=db.dsn, url="", name="x").replace('avro, registry: {urls: [""]}', "json"))
    done = millrace.run("schema", "plan", "--config", path)
    assert done.popen.returncode == 64 and "registers no schemas" in done.errors[0]

"""The ways on from a refusal: checkpoint show, export and set, resnapshot, plan; on a real server and files."""
import json

import files
import pytest

SHOP = """version: 1
pipelines:
  shop:
    source: {{type: postgres, dsn: "{dsn}", slot: {slot}, tables: ["public.*"], snapshot: {snapshot}}}
    format: {{type: json, envelope: flat}}
    sink: {{type: file, directory: {out}}}
"""


@pytest.fixture
def shop(db, millrace, tmp_path):
    """A pipeline to files; .run(verb, ...) gives exit code and the parsed object of --json."""
    class Shop:
        slot = f"ways_{db.name}" if hasattr(db, "name") else "ways_out"
        out = tmp_path / "out"

        def write(self, snapshot="no_data"):
            self.file = millrace.config(SHOP.format(dsn=db.dsn, slot=self.slot, out=self.out, snapshot=snapshot))

        def run(self, *words, code=0):
            done = millrace.run(*words, "--json", "--config", self.file)
            answer = json.loads((done.lines or done.errors)[-1])
            assert done.popen.returncode == code, answer
            return answer

        def until_now(self, code=0):
            done = millrace.run("run", self.file, "--until", "now")
            assert done.popen.returncode == code, done.tail()
            return done

        def ids(self):
            return [event["id"] for event in files.events(self.out) if event]

    db.sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    db.sql("CREATE TABLE u (id int PRIMARY KEY)")
    value = Shop()
    value.write()
    yield value
    db.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()")


def test_a_checkpoint_is_shown_exported_and_set_back(db, shop, millrace, tmp_path):
    shop.until_now()
    db.sql("INSERT INTO t VALUES (1)")
    shop.until_now()
    exported = shop.run("checkpoint", "export", "shop")["result"]
    assert exported["pipeline"] == "shop" and exported["source"]["slot"] == shop.slot
    assert shop.run("checkpoint", "show")["result"]["shop"] == exported
    refused = shop.run("checkpoint", "set", "shop", "now", code=64)
    assert refused["error"]["code"] == "usage.confirmation"
    db.sql("INSERT INTO t VALUES (2)")
    said = millrace.run("checkpoint", "set", "shop", "now", "--yes", "--config", shop.file)
    assert said.popen.returncode == 0 and "between the two are never delivered" in said.tail(), said.tail()
    db.sql("INSERT INTO t VALUES (3)")
    shop.until_now()
    assert shop.ids() == [1, 3]
    (tmp_path / "here.json").write_text(json.dumps(shop.run("checkpoint", "export", "shop")["result"]))
    said = millrace.run("checkpoint", "set", "shop", "--from", tmp_path / "here.json", "--yes", "--config", shop.file)
    assert "nothing lies between the two" in said.tail(), said.tail()
    number = shop.run("checkpoint", "show")["result"]["shop"]["number"]
    assert number > exported["number"]


def test_set_takes_only_places_that_the_slot_has(db, shop):
    shop.until_now()
    for place in ("0/1", "FFFFFFFF/0", "tomorrow"):
        assert shop.run("checkpoint", "set", "shop", place, "--yes", code=78)["error"]["code"] == "source.place"
    db.sql("INSERT INTO t VALUES (1)")
    here = db.one("SELECT pg_current_wal_flush_lsn()")
    here = here[0] if isinstance(here, (list, tuple)) else here
    db.sql("INSERT INTO t VALUES (2)")
    shop.run("checkpoint", "set", "shop", str(here), "--yes")
    shop.until_now()
    assert shop.ids() == [2]


def test_a_slot_that_is_gone_is_refused_until_a_human_steps_over_it(db, shop):
    shop.until_now()
    db.sql(f"SELECT pg_drop_replication_slot('{shop.slot}')")
    db.sql("INSERT INTO t VALUES (1)")
    shop.until_now(code=65)
    shop.run("checkpoint", "set", "shop", "now", "--yes")
    db.sql("INSERT INTO t VALUES (2)")
    shop.until_now()
    assert shop.ids() == [2]


def test_a_slot_of_somebody_else_is_not_taken_by_set(db, shop):
    db.sql(f"SELECT pg_create_logical_replication_slot('{shop.slot}', 'pgoutput')")
    assert shop.run("checkpoint", "set", "shop", "now", "--yes", code=78)["error"]["code"] == "source.slot_not_ours"


def test_one_table_is_read_again_and_the_stream_goes_on(db, shop):
    db.sql("INSERT INTO t VALUES (1), (2)")
    db.sql("INSERT INTO u VALUES (10)")
    shop.write("initial")
    shop.until_now()
    assert sorted(shop.ids()) == [1, 2, 10]
    shop.run("resnapshot", "shop", "public.t", "--yes")
    db.sql("INSERT INTO t VALUES (3)")
    db.sql("INSERT INTO u VALUES (11)")
    shop.until_now()
    assert sorted(shop.ids()) == [1, 1, 2, 2, 3, 3, 10, 11]  # 3 as a row, and as the change that made it


def test_all_tables_are_read_again_when_the_slot_is_gone(db, shop):
    db.sql("INSERT INTO t VALUES (1)")
    shop.write("initial")
    shop.until_now()
    db.sql(f"SELECT pg_drop_replication_slot('{shop.slot}')")
    db.sql("INSERT INTO t VALUES (2)")
    shop.until_now(code=65)
    assert shop.run("resnapshot", "shop", "public.t", "--yes", code=65)["error"]["code"] == "source.slot_missing"
    shop.run("resnapshot", "shop", "--yes")
    shop.until_now()
    assert sorted(shop.ids()) == [1, 1, 2]


def test_plan_touches_nothing_and_samples(db, shop, millrace):
    answer = shop.run("plan")
    assert any("CREATE PUBLICATION" in json.dumps(step) for step in answer["result"]["steps"]), answer
    assert db.slots() == [] and not shop.out.joinpath("_millrace").exists()
    running = millrace.start("plan", shop.file, "--sample", "2")
    try:
        for number in range(200):
            db.sql("INSERT INTO t VALUES (%s)", (number,))
            if running.ended():
                break
        assert running.wait() == 0, running.tail()
    finally:
        running.kill9()
    assert len(running.lines) == 2 and json.loads(running.lines[0])["topic"] == "shop.public.t"
    assert db.slots() == []

"""Tables that are made, dropped and renamed while a pipeline runs."""
import json

import files
from servers import process

CONFIG = """version: 1
pipelines:
  may:
    source: {{type: postgres, dsn: "{dsn}", slot: {name}_may, tables: ["public.*"]}}
    format: {{type: json, envelope: flat}}
    sink: {{type: file, directory: {folder}/may, roll: {{age: 100ms}}}}
  must_not:
    source: {{type: postgres, dsn: "{dsn}", slot: {name}_not, tables: ["public.*"], publication: {{name: {name}, create: never}}}}
    format: {{type: json, envelope: flat}}
    sink: {{type: file, directory: {folder}/not, roll: {{age: 100ms}}}}
"""


def test_a_new_table_is_seen_within_a_minute_and_it_is_said_what_of_it_is_read(db, millrace):
    db.psql(f"create table old (id int primary key); insert into old values (1); create table kept (id int primary key);"
            f"create publication {db.name} for table old, kept")
    path = millrace.config(CONFIG.format(dsn=db.dsn, name=db.name, folder=millrace.folder))
    out = {name: millrace.folder / name for name in ("may", "not")}

    def ids(name):
        try:
            return sorted(event["id"] for event in files.events(out[name]))
        except FileNotFoundError:
            return []

    running = millrace.start("run", path)
    for name in out:
        process.wait_until(lambda: ids(name) == [1], 30, "the snapshot", running)
    db.sql("insert into kept values (2)")
    for name in out:
        process.wait_until(lambda: ids(name) == [1, 2], 30, "a row that is streamed", running)
    db.psql("create table late (id int primary key); insert into late values (10); drop table old;"
            f"alter publication {db.name}_may drop table kept")
    taken = json.loads(running.wait_error("source.table_taken_out", 60))
    assert taken["pipeline"] == "may" and taken["level"] == "warn" and "millrace resnapshot may public.kept" in taken["text"]
    added = json.loads(running.wait_error("source.table_added", 60))
    assert added["pipeline"] == "may" and "public.late" in added["text"] and "millrace resnapshot may public.late" in added["text"]
    named = json.loads(running.wait_error("source.not_published", 60))
    assert named["pipeline"] == "must_not" and f'ALTER PUBLICATION "{db.name}" ADD TABLE ONLY "public"."late"' in named["text"]
    db.sql("insert into late values (11); insert into kept values (3)")
    process.wait_until(lambda: ids("may") == [1, 2, 3, 11], 30, "the rows of the new table and of the one put back", running)
    process.wait_until(lambda: ids("not") == [1, 2, 3], 30, "the other pipeline's row", running)
    assert running.stop() == 0, running.tail()

    asked = millrace.run("resnapshot", "may", "public.late", "--config", path, "--yes")
    assert asked.popen.returncode == 0, asked.tail()
    done = millrace.run("run", path, "--until", "now")
    assert done.popen.returncode == 0, done.tail()
    assert ids("may") == [1, 2, 3, 10, 11, 11]


def test_a_heartbeat_query_that_fails_is_told_and_stops_nothing(db, millrace):
    db.sql("create table t (id int primary key)")
    path = millrace.config(f"""version: 1
pipelines:
  beat:
    source: {{type: postgres, dsn: "{db.dsn}", slot: {db.name}, tables: ["public.t"],
              heartbeat: {{interval: 1s, action_query: "insert into nowhere values (1)"}}}}
    format: {{type: json, envelope: flat}}
    sink: {{type: file, directory: {millrace.folder}/out, roll: {{age: 100ms}}}}
""")
    running = millrace.start("run", path)
    assert "nowhere" in json.loads(running.wait_error("source.heartbeat_query", 30))["text"]
    db.sql("insert into t values (1)")
    process.wait_until(lambda: any('"id":1' in file.read_text() for file in (millrace.folder / "out").rglob("*.jsonl")), 30,
                       "the row", running)
    assert running.stop() == 0, running.tail()

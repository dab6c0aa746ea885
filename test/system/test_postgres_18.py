"""PostgreSQL 18 only warns when a publication is gone, and leaves rows out: for us that is a gap, and the end."""
import pytest

from servers.postgres import Database, Postgres, fetched, installed

CONFIG = """version: 1
pipelines:
  eighteen:
    source: {{type: postgres, dsn: "{dsn}", slot: eighteen, publication: {{name: eighteen}}, tables: ["public.*"], snapshot: no_data}}
    format: {{type: json, schemas: false}}
    sink: {{type: file, directory: "{folder}", path: "{{topic}}+{{sequence}}.jsonl", roll: {{age: 200ms}}}}
"""


@pytest.fixture
def db18():
    if 18 not in installed() | fetched():
        pytest.skip("PostgreSQL 18 is not here: test/support/servers/fetch-postgres 18")
    server = Postgres(version=18).start()
    database = Database(server, "eighteen")
    yield database
    server.close()


def test_a_publication_dropped_beneath_the_stream_stops_it(db18, millrace):
    db18.sql("create table t (id int primary key)")
    (millrace.folder / "out").mkdir()
    path = millrace.config(CONFIG.format(dsn=db18.dsn, folder=millrace.folder / "out"))
    running = millrace.start("run", path)
    running.wait_error("streaming")
    db18.sql("insert into t values (1)")
    db18.sql("drop publication eighteen")
    db18.sql("insert into t values (2)")
    code = running.wait(30)
    assert code in (65, 78), running.tail()
    assert "publication" in running.tail() and "eighteen" in running.tail()

"""A database whose encoding is SQL_ASCII may hold any bytes: those that are no UTF-8 are told with table and column."""
import files
from servers.postgres import Database

CONFIG = """version: 1
pipelines:
  bytes:
    source: {{type: postgres, dsn: "{dsn}", slot: {name}, tables: ["public.*"]}}
    format: {{type: json, envelope: flat}}
    sink: {{type: file, directory: {folder}/out, roll: {{age: 100ms}}}}
"""


class Ascii(Database):
    def __init__(self, server, name):
        self.server, self.name = server, name
        server.sql(f"create database \"{name}\" encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0")


def test_a_byte_that_is_no_utf8_is_told_with_its_table(postgres_server, millrace):
    db = Ascii(postgres_server, "any_bytes")
    try:
        db.psql("create table foo (id int primary key, t text); create table bar (id int primary key);"
                "insert into foo values (0, 'caf\u00e9')")
        path = millrace.config(CONFIG.format(dsn=db.dsn, name=db.name, folder=millrace.folder))
        assert millrace.run("run", path, "--until", "now").popen.returncode == 0
        db.psql("set client_encoding = 'SQL_ASCII'; insert into bar values (1); insert into foo values (1, 'ok')")
        db.psql("set client_encoding = 'SQL_ASCII'; insert into foo values (2, E'\\377')")
        stopped = millrace.run("run", path, "--until", "now")
        assert stopped.popen.returncode == 1, stopped.tail()
        line = next(line for line in stopped.errors if "source.decode" in line)
        assert "public.foo" in line and "UTF-8" in line, line
        seen = [event for event in files.events(millrace.folder / "out")]
        assert [event["t"] for event in seen if "t" in event] == ["caf\u00e9", "ok"], seen
    finally:
        db.close()

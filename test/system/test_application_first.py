"""No statement of the application fails for what millrace publishes, whatever the tables look like, on every PostgreSQL.

The server refuses UPDATE and DELETE of a table that is published with them and that it finds no identity for, by a rule of
its own: a key that is deferrable is none, a partition's own identity counts and not its root's, children by inheritance are
published with their parents, an unpublished generated column spoils an identity (18). So all shapes are made in one
database, a pipeline reads it, and every table is written to: before the start, after it, and after each table has changed
its shape.
"""
import time

import psycopg
import pytest

import files
from servers import process
from servers.postgres import Database, Postgres, fetch

VERSIONS = [12, 15, 18] + [pytest.param(version, marks=pytest.mark.release) for version in (13, 14, 16, 17)]
OPTIONS = {"leaves": "", "roots": ", publish_via_partition_root: true"}
CONFIG = """version: 1
pipelines:
  app:
    source: {{type: postgres, dsn: "{dsn}", slot: app, tables: [{tables}], publication: {{create: {create}{more}}}}}
    format: {{type: json, envelope: flat}}
    sink: {{type: file, directory: {folder}/out, roll: {{age: 100ms}}}}
"""

# Each table has the columns id, v. name -> the statements that make it (and its like)
SHAPES = {
    "plain": "create table plain (id int primary key, v text)",
    "may_defer": "create table may_defer (id int primary key deferrable, v text)",
    "is_deferred": "create table is_deferred (id int primary key deferrable initially deferred, v text)",
    "keyless": "create table keyless (id int, v text)",
    "full_row": "create table full_row (id int, v text); alter table full_row replica identity full",
    "by_index": "create table by_index (id int not null, v text); create unique index by_index_i on by_index (id);"
                "alter table by_index replica identity using index by_index_i",
    "index_gone": "create table index_gone (id int not null, v text); create unique index index_gone_i on index_gone (id);"
                  "alter table index_gone replica identity using index index_gone_i; drop index index_gone_i",
    "key_not_used": "create table key_not_used (id int primary key, v text);"
                    "alter table key_not_used replica identity nothing",
    "unique_only": "create table unique_only (id int not null unique, v text)",
    "parent": "create table parent (id int primary key, v text)",
    "child": "create table child () inherits (parent)",
    "grandchild": "create table grandchild () inherits (child)",
    "keyed_root": "create table keyed_root (id int primary key, v text) partition by range (id);"
                  "create table keyed_leaf partition of keyed_root for values from (0) to (1000)",
    "full_root": "create table full_root (id int, v text) partition by range (id);"
                 "create table full_leaf partition of full_root for values from (0) to (1000);"
                 "alter table full_root replica identity full",
    "leaves_full": "create table leaves_full (id int, v text) partition by range (id);"
                   "create table leaf_full partition of leaves_full for values from (0) to (1000);"
                   "alter table leaf_full replica identity full; alter table leaves_full replica identity full",
    "mixed_root": "create table mixed_root (id int, v text) partition by range (id);"
                  "create table mixed_sub partition of mixed_root for values from (0) to (1000) partition by range (id);"
                  "create table mixed_low partition of mixed_sub for values from (0) to (500);"
                  "create table mixed_high partition of mixed_sub for values from (500) to (1000);"
                  "alter table mixed_low replica identity full",
    "leaf_not_used": "create table leaf_not_used (id int primary key, v text) partition by range (id);"
                     "create table not_used_leaf partition of leaf_not_used for values from (0) to (1000);"
                     "alter table not_used_leaf replica identity nothing",
    "computed_full": "create table computed_full (id int, v text, g int generated always as (id * 2) stored);"
                     "alter table computed_full replica identity full",
    "computed_key": "create table computed_key (id int, v text, g int generated always as (id * 2) stored primary key)",
    "computed": "create table computed (id int primary key, v text, g int generated always as (id * 2) stored)",
    'odd "name.of': 'create table "odd ""name.of" (id int primary key deferrable, v text)',
}
SHAPES_18 = {
    "virtual_full": "create table virtual_full (id int, v text, g int generated always as (id * 2) virtual);"
                    "alter table virtual_full replica identity full",
}
# What happens to the tables while the pipeline runs, that can fail no statement before we could have noticed.
GROWS = """
create table new_leaf partition of keyed_root for values from (1000) to (2000);
create table loose (id int, v text); alter table full_root attach partition loose for values from (1000) to (2000);
create table bare partition of leaves_full for values from (1000) to (2000);
create table bare_sub partition of mixed_root for values from (1000) to (2000);
create table late_child () inherits (parent);
create table late (id int, v text)
"""
GROWN = {"keyed_root": 1001, "full_root": 1001, "leaves_full": 1001, "mixed_root": 1001, "late_child": 1, "late": 1}
# Tables that lose what identified them: here the server refuses until we have looked, at the next start at the latest.
LOSES = """
alter table plain drop constraint plain_pkey;
alter table full_row replica identity default;
drop index by_index_i;
alter table parent replica identity nothing;
alter table keyed_leaf replica identity nothing;
alter table leaf_full replica identity default
"""


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture(scope="module", params=VERSIONS)
def server(request):
    fetch(request.param)
    server = Postgres(version=request.param).start()
    yield server
    server.close()


@pytest.fixture
def database(server):
    database = Database(server, "app")
    yield database
    database.close()


def shapes(server):
    return SHAPES | (SHAPES_18 if server.version >= 18 else {})


def make(database):
    for text in shapes(database.server).values():
        for statement in text.split(";"):
            database.sql(statement)


def write(database, tables, key=1):
    """What the application does. Returns what the server answered to statements that failed."""
    failures = []
    with database.connect() as connection:
        for table in tables:
            at = tables[table] if isinstance(tables, dict) and isinstance(tables[table], int) else key
            for statement in (f"insert into {quoted(table)} (id, v) values ({at}, 'a'), ({at + 1}, 'b')",
                              f"update {quoted(table)} set v = v || 'x' where id = {at}",
                              f"delete from {quoted(table)} where id = {at}"):
                try:
                    connection.execute(statement)
                except psycopg.Error as error:
                    failures.append(f"{statement}: {error}")
    return failures


def play(millrace, database, more, tables='"public.*"', create="filtered"):
    path = millrace.config(CONFIG.format(dsn=database.dsn, folder=millrace.folder, more=more, tables=tables, create=create))
    done = millrace.run("run", path, "--until", "now")
    assert done.popen.returncode == 0, done.tail(60)
    return done


@pytest.mark.parametrize("way", OPTIONS)
def test_no_statement_fails_whatever_the_tables_look_like(server, database, millrace, way):
    if way == "roots" and server.version < 13:
        pytest.skip("PostgreSQL 12 cannot publish partitions as their root")
    make(database)
    assert write(database, shapes(server), 100) == []
    play(millrace, database, OPTIONS[way])
    assert write(database, shapes(server), 200) == [], "after the start"
    database.psql(GROWS)
    assert write(database, GROWN) == [], "new tables, before anybody could have looked"
    play(millrace, database, OPTIONS[way])
    assert write(database, {table: key + 50 for table, key in GROWN.items()}) == [], "new tables, after we have looked"
    database.psql(LOSES)
    play(millrace, database, OPTIONS[way])
    assert write(database, shapes(server), 300) == [], "after identities were lost and we have looked"
    database.psql("alter table plain add primary key (id); alter table keyed_leaf replica identity default;"
                  "alter table leaf_full replica identity full")
    play(millrace, database, OPTIONS[way])
    assert write(database, shapes(server), 400) == [], "after they were given back"
    play(millrace, database, OPTIONS[way])
    seen = [event for event in files.events(millrace.folder / "out") if event.get("id") == 400 and event.get("v") == "ax"]
    assert seen, "the update of a table that has an identity again comes"


def test_only_the_tables_that_are_listed_are_published(server, database, millrace):
    make(database)
    play(millrace, database, "", tables='"public.parent"')
    assert write(database, {"parent": 1, "child": 5, "grandchild": 9}) == []
    published = database.sql("select relname from pg_publication_rel r join pg_class c on c.oid = r.prrelid order by 1")
    assert published == [("parent",)]


def test_all_tables_are_refused_where_one_of_them_would_lose_its_updates(server, database, millrace):
    database.psql("create table k (id int primary key, v text); create table unrelated (id int, v text)")
    path = millrace.config(CONFIG.format(dsn=database.dsn, folder=millrace.folder, more="", tables='"public.k"',
                                         create="all_tables"))
    (millrace.folder / "out").mkdir()
    checked = millrace.run("check", "--environment", path)
    assert checked.popen.returncode == 78, checked.tail()
    assert any("source.breaks_updates" in line and "public.unrelated" in line for line in checked.lines), checked.tail()
    planned = millrace.run("plan", path)
    assert planned.popen.returncode == 78, planned.tail()
    done = millrace.run("run", path, "--until", "now")
    assert done.popen.returncode == 78 and "source.breaks_updates" in done.tail() and "public.unrelated" in done.tail()
    assert write(database, {"k": 1, "unrelated": 1}) == []
    database.sql("alter table unrelated replica identity full")
    assert millrace.run("run", path, "--until", "now").popen.returncode == 0
    assert write(database, {"k": 11, "unrelated": 11}) == []


def test_a_publication_of_somebody_else_that_breaks_updates_is_named(server, database, millrace):
    database.psql("create table k (id int primary key, v text); create table bare (id int, v text);"
                  "create publication theirs for table k, bare")
    path = millrace.config(CONFIG.format(dsn=database.dsn, folder=millrace.folder, more=", name: theirs",
                                         tables='"public.*"', create="never"))
    (millrace.folder / "out").mkdir()
    checked = millrace.run("check", "--environment", path)
    assert checked.popen.returncode == 78, checked.tail()
    assert any("source.breaks_updates" in line and "public.bare" in line and "theirs" in line for line in checked.lines), checked.tail()


def test_operations_that_the_publication_leaves_out_are_named(db, millrace):
    db.psql(f"create table t (id int primary key); create publication {db.name} for table t with (publish = 'insert, delete')")
    text = CONFIG.format(dsn=db.dsn, folder=millrace.folder, tables='"public.*"', create="never", more=f", name: {db.name}")
    path = millrace.config(text)
    (millrace.folder / "out").mkdir()
    checked = millrace.run("check", "--environment", path)
    assert checked.popen.returncode == 0, checked.tail()
    named = [line for line in checked.lines if "source.operations_left_out" in line]
    assert len(named) == 1 and named[0].split(": ")[1].startswith("update (") , checked.tail()
    ran = millrace.run("run", path, "--until", "now")
    assert "source.operations_left_out" in ran.tail() and "SET (publish" in ran.tail()
    path = millrace.config(text.replace("slot: app", "slot: app, skipped_operations: [u, t]"))
    assert "operations_left_out" not in millrace.run("check", "--environment", path).tail()


@pytest.mark.release
def test_a_lock_on_a_published_table_stops_nothing_else(server, database, millrace):
    """Since 16 the server's view of published tables waits for such a lock; the look for new tables comes every 30 s."""
    database.psql("create table locked (id int primary key, v text); create table free (id int primary key, v text)")
    path = millrace.config(CONFIG.format(dsn=database.dsn, folder=millrace.folder, more="", tables='"public.*"',
                                         create="filtered"))
    running = millrace.start("run", path)
    running.wait_error("streaming")

    def ids():
        return [event["id"] for event in files.events(millrace.folder / "out")]

    with database.connect() as holder, holder.transaction():
        holder.execute("lock table locked in access exclusive mode")
        for number in range(45):
            database.sql("insert into free values (%s, 'x')", [number])
            process.wait_until(lambda: number in ids(), 5, f"row {number} beside a locked table", running)
            time.sleep(1)
    assert running.stop() == 0, running.tail()

"""check --environment on a real server: each thing that stands in the way, or will, is found, named, and has its next step."""
import json

import pytest
from servers.postgres import Postgres

CONFIG = """version: 1
pipelines:
  shop:
    source: {{type: postgres, dsn: "{dsn}", slot: {slot}, tables: ["public.*"]{options}}}
    format: {{type: json, envelope: flat}}
    sink: {{type: file, directory: {out}}}
"""


class Shop:
    def __init__(self, db, millrace):
        self.db, self.millrace, self.out = db, millrace, millrace.folder / "out"
        self.write()

    def write(self, dsn=None, **options):
        more = "".join(f", {key}: {json.dumps(value)}" for key, value in options.items())
        self.path = self.millrace.config(CONFIG.format(dsn=dsn or self.db.dsn, slot=self.db.name, out=self.out, options=more))

    def ask(self, *words, code=0):
        done = self.millrace.run(*words, self.path, "--json")
        assert done.popen.returncode == code, done.tail()
        return json.loads(done.lines[-1])

    def check(self, code=0):
        """code -> (level, text, hint) of the findings."""
        found = self.ask("check", "--environment", code=code)["result"]["findings"]
        return {one["code"]: (one["level"], one["text"], one.get("hint")) for one in found}

    def until_now(self, code=0):
        done = self.millrace.run("run", self.path, "--until", "now")
        assert done.popen.returncode == code, done.tail()
        return done


@pytest.fixture
def shop(db, millrace):
    db.sql("create table orders (id int primary key, note text)")
    return Shop(db, millrace)


def test_all_is_well(shop):
    found = shop.check()
    assert {level for level, *_ in found.values()} == {"pass", "warn"}
    assert [code for code, (level, *_) in found.items() if level == "warn"] == ["source.keep_size"]
    assert "max_slot_wal_keep_size" in found["source.keep_size"][2]


def test_tables_that_will_not_bring_all(db, shop):
    db.psql("""create table log (x text);
               create table large (id int primary key, v text); alter table large alter v set storage external;
               insert into large values (1, repeat('x', 10000));
               create publication """ + db.name + " for table orders")
    found = shop.check()
    assert found["source.no_identity"][:2] == ("warn", "table public.log has no replica identity: only its inserts are read")
    assert "ADD PRIMARY KEY" in found["source.no_identity"][2]
    assert found["source.toast"][0] == "warn" and "public.large" in found["source.toast"][1]
    assert found["source.not_published"][0] == "warn" and "ADD TABLE" in found["source.not_published"][2]


def test_row_security(db, shop):
    db.psql(f"""create role {db.name}_r login replication; grant select on orders to {db.name}_r;
                alter table orders enable row level security; create publication {db.name} for table orders""")
    try:
        shop.write(dsn=db.dsn_for(f"{db.name}_r"))
        found = shop.check()
        assert found["source.row_security"][0] == "warn" and "BYPASSRLS" in found["source.row_security"][2]
        failed = shop.until_now(code=77)
        assert any("source.permission" in line and "BYPASSRLS" in line for line in failed.errors)
    finally:
        db.psql(f"revoke all on orders from {db.name}_r; drop role {db.name}_r")


def test_a_right_that_is_missing_is_77_as_in_a_run(db, shop):
    """Rights on the table do not help who may not enter its schema."""
    db.psql(f"""create role {db.name}_u login replication; grant select on orders to {db.name}_u;
                create publication {db.name} for table orders""")
    shop.write(dsn=db.dsn_for(f"{db.name}_u"))
    try:
        assert "source.permission" not in shop.check()
        db.psql("revoke usage on schema public from public")
        found = shop.check(code=77)
        assert found["source.permission"][0] == "fail" and "GRANT USAGE" in found["source.permission"][2]
        assert any("source.permission" in line for line in shop.until_now(code=77).errors)
    finally:
        db.psql(f"revoke all on orders from {db.name}_u; drop role {db.name}_u")


def test_an_encoding_that_is_none(db, shop):
    name = f"{db.name}_ascii"
    db.server.psql(f"create database {name} encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0")
    try:
        db.server.psql("create table t (id int primary key)", name)
        shop.write(dsn=db.server.dsn(name))
        assert shop.check()["source.encoding"][0] == "warn"
    finally:
        db.server.psql(f"drop database {name} with (force)")


def test_a_server_with_no_place_left_and_little_patience(shop):
    server = Postgres(max_replication_slots="1", wal_sender_timeout="'5s'").start()
    try:
        server.psql("create table t (id int primary key); select pg_create_physical_replication_slot('taken')")
        shop.write(dsn=server.dsn())
        found = shop.check(code=78)
        assert found["source.places"][0] == "fail" and "max_replication_slots" in found["source.places"][2]
        assert found["source.sender_timeout"][0] == "warn"
        assert any("source.slots_full" in line for line in shop.until_now(code=78).errors)
        server.psql("select pg_drop_replication_slot('taken')")
        shop.check()
        shop.until_now()
        assert shop.check()["source.places"][0] == "warn"  # the only place is ours
    finally:
        server.close()


def test_a_standby(db, shop):
    standby = Postgres(copy_of=db.server).follow(db.server)
    try:
        standby.start()
        shop.write(dsn=standby.dsn(db.name))
        level, _, hint = shop.check(code=78 if standby.version < 16 else 0)["source.standby"]
        assert level == ("fail" if standby.version < 16 else "warn")
        assert ("target_session_attrs" if standby.version < 16 else "hot_standby_feedback") in hint
    finally:
        standby.close()


def test_a_slot_waits_for_open_transactions_and_names_them(db, shop):
    with db.connect(autocommit=False) as connection:
        connection.execute("insert into orders values (1, 'x')")
        pid = connection.info.backend_pid
        running = shop.millrace.start("run", shop.path, "--until", "now")
        line = json.loads(running.wait_error("source.slot_waits"))
        assert f"pid {pid} " in line["text"]
        connection.rollback()
    assert running.wait() == 0, running.tail()


def test_what_a_start_would_be_refused_for_is_told_by_check_and_plan(db, shop):
    shop.until_now()
    assert shop.check()["source.slot"][0] == "pass"
    db.sql("select pg_drop_replication_slot(%s)", [db.name])
    assert shop.check(code=65)["source.slot_missing"][0] == "fail"
    plan = shop.ask("plan", code=65)
    assert plan["ok"] is False and "source.slot_missing" in [step["code"] for step in plan["result"]["steps"]]
    shop.write(snapshot="when_needed")
    assert shop.check()["source.snapshot_again"][0] == "warn"
    assert "source.snapshot_again" in [step["code"] for step in shop.ask("plan")["result"]["steps"]]


def test_a_start_that_got_no_further_than_its_claim_is_still_a_first_one(db, shop):
    """The role may not publish: the run stops, having claimed the sink, and plan says what the next one will do."""
    db.psql(f"create role {db.name}_r login replication")
    try:
        shop.write(dsn=db.dsn_for(f"{db.name}_r"))
        shop.until_now(code=77)
        shop.write()
        texts = [step["text"] for step in shop.ask("plan")["result"]["steps"]]
        assert any(text.startswith("a first start") for text in texts)
        assert "read the rows of 1 tables" in texts
    finally:
        db.psql(f"drop role {db.name}_r")


def test_a_database_that_is_read_only_by_default_is_no_want_of_a_right(db, shop):
    """Case 18: the role of a CDC user is often set so; the publication is made all the same."""
    db.sql(f"alter database {db.name} set default_transaction_read_only = on")
    found = shop.check()
    assert "fail" not in {level for level, *_ in found.values()}
    shop.until_now()
    assert db.one("select count(*) from pg_publication where pubname = %s", [db.name]) == 1


def test_a_long_name_is_shortened_where_we_choose_it(db, shop):
    """Case 22: a pipeline's name of 63 characters, which the documentation allows; two that differ at their end stay two."""
    path, texts = shop.path, []
    for end in "ab":
        text = path.read_text().replace(f", slot: {db.name}", "").replace("  shop:", f"  {'p' * 62}{end}:")
        path.write_text(text.replace(str(shop.out), str(shop.out) + end))
        shop.until_now()
        texts.append(db.sql("select slot_name from pg_replication_slots where database = %s order by 1", [db.name]))
        path.write_text(text.replace(f"  {'p' * 62}{end}:", "  shop:"))
    assert len(texts[1]) == 2, texts
    assert {len(name) for name, in texts[1]} == {63}
    names = [name for name, in db.sql("select pubname from pg_publication order by 1")]
    assert len(names) == 4 and max(map(len, names)) <= 63, names
    for name, in texts[1]:
        db.sql("select pg_drop_replication_slot(%s)", [name])


def test_each_file_is_checked_by_itself(shop, millrace):
    other = millrace.config(shop.path.read_text(), "other.yaml")
    done = millrace.run("check", shop.path, other)
    assert done.popen.returncode == 0, done.tail()

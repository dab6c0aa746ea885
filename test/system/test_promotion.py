"""A failover, for real: a primary, streaming standbys, a promotion, and a pipeline that is pointed to another server.

Where its position is on the history of the server it meets, it goes on and loses and doubles nothing. Where it is not,
it stops with exit 65 and says why, and the commands it prints are run here as they stand: each must go on.
"""
import json
import re
import shlex
import shutil

import files
import pytest
from servers import process
from servers.postgres import Database, Postgres, fetched, installed

CONFIG = """version: 1
pipelines:
  shop:
    source: {{type: postgres, dsn: "{dsn}", slot: shop, tables: ["public.*"], snapshot: initial}}
    format: {{type: json, envelope: flat}}
    sink: {{type: file, directory: {out}, roll: {{age: 300ms}}}}
"""


class Shop:
    """A pipeline to files that can be pointed from one server to another."""

    def __init__(self, millrace, out):
        self.millrace, self.out = millrace, out

    def at(self, server):
        self.server = server
        self.config = self.millrace.config(CONFIG.format(dsn=server.dsn("shop"), out=self.out))
        return self

    def insert(self, *ids):
        for number in ids:
            self.server.sql("insert into t values (%s)", [number], "shop")

    def rows(self):
        return sorted(row[0] for row in self.server.sql("select id from t", database="shop"))

    def run(self, code=0):
        done = self.millrace.run("run", "--until", "now", self.config, seconds=90)
        assert done.popen.returncode == code, done.tail()
        return done

    def ten(self):
        """Ten rows of the primary are delivered, two of them by the snapshot."""
        self.insert(1, 2)
        self.run()
        self.insert(*range(3, 11))
        self.run()
        assert self.ids() == list(range(1, 11))

    def ids(self):
        return [event["id"] for event in files.events(self.out) if event]

    def timeline(self):
        return files.commits(self.out)[-1]["checkpoint"]["source"]["timeline"]

    def refused(self, code):
        """Runs, is refused with that code, and returns the commands that the refusal prints."""
        before = files.lines(self.out)
        done = self.run(65)
        lines = [json.loads(line) for line in done.errors if line.startswith("{")]
        failure = next(line for line in reversed(lines) if line.get("code"))
        assert failure["code"] == code, done.tail()
        self.hint = failure["hint"]
        assert files.lines(self.out) == before, "a refusal delivered something"
        commands = [shlex.split(found) for found in re.findall(r"^\s*(millrace .+)$", failure["hint"], re.M)]
        assert commands, failure
        return commands

    def go_on(self, command):
        """A command as it was printed, by a user who has MILLRACE_CONFIG set and is asked nothing."""
        assert command[0] == "millrace"
        done = self.millrace.run(*command[1:], "--yes", env={"MILLRACE_CONFIG": str(self.config)}, seconds=60)
        assert done.popen.returncode == 0, done.tail()

    def slots(self):
        return self.server.sql("select slot_name from pg_replication_slots where slot_name = 'shop'")

    def proves(self, commands):
        """Both ways out, each from the files that were refused: go on from now, and read the tables again."""
        kept, had_slot = self.out.with_name("kept"), self.slots()
        shutil.copytree(self.out, kept)
        assert {words[1] for words in commands} == {"checkpoint", "resnapshot"}
        for command in commands:
            shutil.rmtree(self.out)
            shutil.copytree(kept, self.out)
            if self.slots() and not had_slot:
                self.server.sql("select pg_drop_replication_slot('shop')", database="shop")
            had, before = self.rows(), len(self.ids())
            self.go_on(command)
            self.insert(max(had) + 1)
            self.run()
            found = self.ids()[before:]
            wanted = self.rows() if command[1] == "resnapshot" else [max(had) + 1]
            assert sorted(found) == wanted, f"after {' '.join(command)}: {found}"
            verified = self.millrace.run("files", "verify", self.out)
            assert verified.popen.returncode == 0, verified.tail()


@pytest.fixture
def servers():
    """servers(...) makes a Postgres that is closed with the test."""
    made = []

    def make(**options):
        made.append(Postgres(**options))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def primary(servers):
    server = servers().start()
    Database(server, "shop")
    server.sql("create table t (id int primary key)", database="shop")
    return server


@pytest.fixture
def shop(primary, millrace, tmp_path):
    return Shop(millrace, tmp_path / "out").at(primary)


def standby_of(primary, servers):
    standby = servers(copy_of=primary).follow(primary).start()
    standby.caught_up(primary)
    return standby


def carry_slot(primary, standby):
    """What tools did for failover before PostgreSQL 17: the slot's state is copied while the standby is down."""
    primary.sql("checkpoint")
    standby.stop()
    shutil.copytree(primary.data / "pg_replslot" / "shop", standby.data / "pg_replslot" / "shop")
    for path in [standby.data / "pg_replslot" / "shop", *(standby.data / "pg_replslot" / "shop").iterdir()]:
        if standby.user:
            shutil.chown(path, standby.user, standby.user)
    standby.start()


def test_a_position_below_the_switch_goes_on(primary, servers, shop):
    """The slot came along: what the standby has and we have not is delivered, each row once."""
    standby = standby_of(primary, servers)
    shop.ten()
    carry_slot(primary, standby)
    shop.insert(11, 12)
    standby.caught_up(primary)
    primary.kill9()
    standby.promote()
    shop.at(standby).insert(13)
    shop.run()
    assert shop.ids() == list(range(1, 14))
    assert shop.timeline() == 2
    shop.insert(14)
    shop.run()
    assert shop.ids() == list(range(1, 15))


def test_an_idle_position_above_the_switch_goes_on_from_the_switch(primary, servers, shop):
    """What lies beyond held nothing for us, and another history took its place: that one is read from where it begins."""
    standby = standby_of(primary, servers)
    shop.ten()
    carry_slot(primary, standby)
    standby.stop()
    standby.follow(None).start()
    primary.sql("create table elsewhere as select repeat('x', 1000) from generate_series(1, 1000)")
    shop.run()
    primary.kill9()
    standby.promote()
    shop.at(standby).insert(11, 12)
    shop.run()
    assert shop.ids() == list(range(1, 13)) and shop.timeline() == 2


def test_a_snapshot_of_a_lost_history_is_refused(primary, servers, shop):
    """No change was delivered beyond the switch, but rows were read there."""
    standby = standby_of(primary, servers)
    shop.ten()
    carry_slot(primary, standby)
    standby.stop()
    standby.follow(None).start()
    shop.go_on(["millrace", "resnapshot", "shop"])
    shop.run()
    primary.kill9()
    standby.promote()
    shop.at(standby).insert(11)
    shop.proves(shop.refused("source.timeline_left"))


def test_without_its_slot_the_promoted_server_has_a_hole(primary, servers, shop):
    standby = standby_of(primary, servers)
    shop.ten()
    shop.insert(11, 12)
    standby.caught_up(primary)
    primary.kill9()
    standby.promote()
    shop.proves(shop.at(standby).refused("source.slot_missing"))


def test_a_carried_slot_without_its_log_is_refused(primary, servers, shop):
    """The slot is older than the copy of the server: it looks good, and needs log that this one never had."""
    shop.ten()
    standby = standby_of(primary, servers)
    carry_slot(primary, standby)
    primary.kill9()
    standby.promote()
    shop.at(standby).insert(11)
    commands = shop.refused("source.slot_lost")
    standby.sql(re.search(r"SELECT pg_drop_replication_slot.*;", shop.hint)[0], database="shop")
    shop.proves(commands)


def test_a_position_above_the_switch_is_refused(primary, servers, shop):
    """We have delivered what the promoted standby never got: it does not exist any more."""
    standby = standby_of(primary, servers)
    shop.ten()
    carry_slot(primary, standby)
    standby.stop()
    standby.follow(None).start()
    shop.insert(11, 12)
    shop.run()
    primary.kill9()
    standby.promote()
    shop.at(standby).insert(21)
    shop.proves(shop.refused("source.timeline_left"))


def test_a_timeline_that_is_not_in_the_history_is_refused(primary, servers, shop):
    """Two standbys were promoted; the second one knew that timeline 2 was taken (its history is in the archive)."""
    first, second = standby_of(primary, servers), standby_of(primary, servers)
    shop.ten()
    for standby in (first, second):
        carry_slot(primary, standby)
    primary.kill9()
    first.promote()
    shop.at(first).insert(11)
    shop.run()
    assert shop.timeline() == 2
    history = second.data / "pg_wal" / "00000002.history"
    shutil.copy(first.data / "pg_wal" / history.name, history)
    if second.user:
        shutil.chown(history, second.user, second.user)
    second.promote()
    shop.at(second).insert(21)
    shop.proves(shop.refused("source.timeline_unknown"))


def test_another_timeline_of_the_same_number_is_refused(primary, servers, shop):
    """Two standbys were promoted that knew nothing of each other: both are on timeline 2, and they are not the same."""
    first, second = standby_of(primary, servers), standby_of(primary, servers)
    shop.ten()
    carry_slot(primary, second)
    carry_slot(primary, first)
    second.stop()
    second.follow(None).start()
    shop.insert(11)
    first.caught_up(primary)
    primary.kill9()
    first.promote()
    second.promote()
    shop.at(second).insert(21)
    second.sql("select pg_switch_wal()")
    shop.insert(22)
    shop.at(first).insert(12)
    shop.run()
    assert shop.ids() == list(range(1, 13)) and shop.timeline() == 2
    shop.proves(shop.at(second).refused("source.timeline_unknown"))


def test_the_old_primary_is_refused(primary, servers, shop):
    standby = standby_of(primary, servers)
    shop.ten()
    carry_slot(primary, standby)
    standby.promote()
    shop.at(standby).insert(11)
    shop.run()
    assert shop.timeline() == 2
    shop.at(primary).insert(21)
    shop.proves(shop.refused("source.timeline_behind"))


def test_another_server_is_refused(servers, shop):
    shop.ten()
    other = servers().start()
    Database(other, "shop")
    other.sql("create table t (id int primary key)", database="shop")
    shop.at(other).insert(21)
    shop.proves(shop.refused("source.system_changed"))


def test_a_restored_backup_is_refused(primary, servers, shop):
    """It is the server we know, but of before what we have delivered."""
    shop.ten()
    backup = servers(copy_of=primary)
    primary.sql("select pg_switch_wal()")
    shop.insert(11, 12)
    shop.run()
    primary.kill9()
    backup.start()
    assert backup.sql("select timeline_id from pg_control_checkpoint()") == [(1,)]
    shop.proves(shop.at(backup).refused("source.position_ahead"))


@pytest.fixture
def failover(servers):
    """PostgreSQL 18: a primary, and a standby that keeps the primary's failover slots in step by itself."""
    if 18 not in installed() | fetched():
        pytest.skip("PostgreSQL 18 is not here: test/support/servers/fetch-postgres 18")
    primary = servers(version=18).start()
    Database(primary, "shop")
    primary.sql("create table t (id int primary key)", database="shop")
    primary.sql("select pg_create_physical_replication_slot('standby', true)")
    primary.configure(synchronized_standby_slots="'standby'")
    primary.sql("select pg_reload_conf()")
    standby = servers(copy_of=primary)
    standby.follow(primary, primary_slot_name="'standby'", sync_replication_slots="on",
                   synchronized_standby_slots="''").start()
    standby.caught_up(primary)
    return primary, standby


def test_a_standby_promoted_beneath_the_stream_goes_on(servers, millrace, tmp_path):
    """Its sender survives the promotion, and what comes after it is of another timeline: the position says so."""
    if 18 not in installed() | fetched():
        pytest.skip("PostgreSQL 18 is not here: test/support/servers/fetch-postgres 18")
    primary = servers(version=18).start()
    Database(primary, "shop")
    primary.sql("create table t (id int primary key)", database="shop")
    primary.sql("create publication shop for table t", database="shop")
    standby = servers(copy_of=primary).follow(primary).start()
    shop = Shop(millrace, tmp_path / "out").at(standby)
    running = millrace.start("run", shop.config)

    def made():
        primary.sql("select pg_log_standby_snapshot()")
        return standby.sql("select 1 from pg_replication_slots where slot_name = 'shop' and active")

    process.wait_until(made, 60, "the slot is made", running, pause=0.5)
    running.wait_error('"streaming"', 60)
    primary.sql("insert into t values (1)", database="shop")
    process.wait_until(lambda: shop.ids() == [1], 60, "the row of the primary", running, pause=0.2)
    standby.caught_up(primary)
    primary.kill9()
    standby.promote()
    for number in (2, 3):
        shop.insert(number)
        process.wait_until(lambda: number in shop.ids(), 90, "the row of the promoted server", running, pause=0.2)
    assert running.stop() == 0, running.tail()
    shop.insert(4)
    shop.run()
    assert shop.ids() == [1, 2, 3, 4] and shop.timeline() == 2


def test_a_synced_slot_takes_over(failover, millrace, tmp_path):
    """Nothing is done by hand: the slot is marked for failover, and the standby has it when it is promoted."""
    primary, standby = failover
    shop = Shop(millrace, tmp_path / "out").at(primary)
    shop.run()
    primary.psql("ALTER_REPLICATION_SLOT shop (FAILOVER true);", "shop replication=database")
    shop.insert(1, 2)

    def synced():
        shop.run()  # the standby's copy is kept once ours has passed it
        return standby.sql("select 1 from pg_replication_slots where slot_name = 'shop' and synced and not temporary")

    process.wait_until(synced, 90, "the slot is synced", pause=1)
    shop.insert(3)
    standby.caught_up(primary)
    primary.kill9()
    standby.promote()
    shop.at(standby).insert(4)
    shop.run()
    assert shop.ids() == [1, 2, 3, 4] and shop.timeline() == 2

"""MySQL and MariaDB that go away, come back, are promoted, purged or reset, and a pipeline to files that meets them again.

Where the server has all that comes after the position, nothing is lost and nothing doubled. Where it has not, the pipeline
stops with exit 65, says what is missing, delivers nothing, and the command that it prints goes on.
"""
import json
import re
import shlex
import time

import files
import pytest
from servers import process

KINDS = ("mysql", "mariadb", "mariadb-11.4")

CONFIG = """version: 1
pipelines:
  shop:
    source: {{type: mysql, dsn: "{dsn}", password: secret, tables: ["shop.*"], snapshot: initial}}
    format: {{type: json, envelope: flat}}
    sink: {{type: file, directory: {out}, roll: {{age: 300ms}}}}
"""


class Shop:
    """A pipeline to files that can be pointed from one server to another."""

    def __init__(self, millrace, out, server):
        self.millrace, self.out = millrace, out
        server.sql("create database shop")
        server.sql("create table shop.t (id int primary key, v varchar(20))")
        server.account("cdc", "secret")
        self.at(server)

    def at(self, server):
        self.server = server
        self.config = self.millrace.config(CONFIG.format(dsn=server.dsn("cdc"), out=self.out))
        return self

    def insert(self, *ids):
        for number in ids:
            self.server.sql("insert into shop.t values (%s, 'new')", [number])

    def run(self, code=0):
        done = self.millrace.run("run", "--until", "now", self.config, seconds=90)
        assert done.popen.returncode == code, done.tail()
        return done

    def ten(self):
        """Ten rows are delivered, two of them by the snapshot."""
        self.insert(1, 2)
        self.run()
        self.insert(*range(3, 11))
        self.run()
        assert self.ids() == list(range(1, 11))

    def ids(self):
        return [event["id"] for event in files.events(self.out) if event]

    def refused(self):
        """Runs, is refused, delivers nothing; returns the commands it prints."""
        before = files.lines(self.out)
        done = self.run(65)
        failure = next(line for line in reversed([json.loads(line) for line in done.errors if line.startswith("{")])
                       if line.get("code"))
        assert files.lines(self.out) == before, "a refusal delivered something"
        commands = re.findall(r"millrace [^;`\n]+", failure.get("hint", ""))
        assert commands, failure
        return failure, commands

    def obey(self, command):
        words = shlex.split(command)[1:]
        done = self.millrace.run(*words, "--yes", env={"MILLRACE_CONFIG": str(self.config)})
        assert done.popen.returncode == 0, done.tail()


@pytest.fixture
def shop(millrace, tmp_path):
    return lambda server: Shop(millrace, tmp_path / "out", server)


@pytest.mark.parametrize("kind", KINDS)
def test_goes_on_at_the_promoted_replica(my_servers, shop, kind):
    primary, replica = my_servers(kind), my_servers(kind)
    replica.follow(primary)
    pipeline = shop(primary)
    pipeline.ten()
    pipeline.insert(11, 12)
    replica.caught_up(primary)
    primary.kill9()
    replica.promote()
    pipeline.at(replica).insert(13)
    pipeline.run()
    assert pipeline.ids() == list(range(1, 14))


@pytest.mark.parametrize("kind", KINDS)
def test_replica_that_lacks_what_was_delivered_is_refused(my_servers, shop, kind):
    primary, replica = my_servers(kind), my_servers(kind)
    replica.follow(primary)
    pipeline = shop(primary)
    pipeline.insert(1)
    pipeline.run()
    replica.caught_up(primary)
    replica.sql(replica.stop_replica)
    pipeline.insert(2)
    pipeline.run()
    primary.kill9()
    replica.promote()
    pipeline.at(replica).insert(3)
    pipeline.refused()
    assert pipeline.ids() == [1, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_purged_log_is_a_hole_that_is_named(my_servers, shop, kind):
    server = my_servers(kind)
    pipeline = shop(server)
    pipeline.ten()
    pipeline.insert(11)
    server.purge()
    pipeline.insert(12)
    _, commands = pipeline.refused()
    for command in commands:
        pipeline.obey(command)
    pipeline.run()
    assert sorted(set(pipeline.ids())) == list(range(1, 13))


@pytest.mark.parametrize("kind", KINDS)
def test_reset_log_is_no_continuation(my_servers, shop, kind):
    server = my_servers(kind)
    pipeline = shop(server)
    pipeline.ten()
    server.sql("reset binary logs and gtids" if kind == "mysql" else "reset master")
    pipeline.insert(11)
    pipeline.refused()
    assert pipeline.ids() == list(range(1, 11))


@pytest.mark.parametrize("kind", KINDS)
def test_server_killed_and_stopped_under_a_running_pipeline(my_servers, shop, kind):
    """A server that is stopped ends the stream in good form, which is no reason to wait for more of it."""
    server = my_servers(kind)
    pipeline = shop(server)
    pipeline.insert(1)
    running = pipeline.millrace.start("run", pipeline.config)
    process.wait_until(lambda: pipeline.ids() == [1], 60, "the snapshot", running)
    for number in range(2, 6):
        server.kill9() if number % 2 else server.stop()
        server.start()
        pipeline.insert(number)
        process.wait_until(lambda n=number: n in pipeline.ids(), 60, f"row {number}", running)
    assert running.stop() == 0, running.tail()
    assert pipeline.ids() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", KINDS)
def test_killed_in_a_large_transaction(my_servers, shop, kind):
    """Killed wherever it is, again and again, while a transaction of 30,000 rows goes by: each row once, in order."""
    server = my_servers(kind)
    pipeline = shop(server)
    pipeline.insert(1)
    pipeline.run()
    with server.connect("shop", autocommit=False) as connection, connection.cursor() as cursor:
        for start in range(2, 30002, 1000):
            cursor.executemany("insert into t values (%s, 'many')", [(number,) for number in range(start, start + 1000)])
        connection.commit()
    for pause in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3):
        running = pipeline.millrace.start("run", pipeline.config)
        process.wait_until(lambda: any('"streaming"' in line for line in list(running.errors)), 60, "streaming", running)
        time.sleep(pause)     # a kill at another moment each time; no result depends on which
        running.kill9()
    pipeline.run()
    assert pipeline.ids() == list(range(1, 30002))

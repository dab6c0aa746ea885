"""Kill -9 before each call with an outside effect, on the route from PostgreSQL to files.

After each kill a run to the end must leave every committed change in the files once and in order. The zombie
tests stop the owner before a call instead, let a successor commit, and wake it: it must stop with exit 75 and have
changed nothing. MILLRACE_FULL tries every call in all tests (nine minutes), MILLRACE_QUICK a sample in all (one minute);
without them the longest tests take a sample.
"""
import errno
import itertools
import pathlib
import random
import signal

import files
import killat
import pytest
from servers import process

CONFIG = """
version: 1
state: {{directory: {folder}/state}}
pipelines:
  p:
    source:
      type: postgres
      dsn: "{dsn}"
      name: shop
      tables: ["public.items", "public.other"]
      slot: {slot}
      publication: {{name: {slot}, create: filtered}}
      snapshot: {snapshot}
    format: {{type: json, envelope: debezium, schemas: false, tombstones: false}}
    sink:
      type: file
      directory: {folder}/out
      content: value
      roll: {{bytes: 4KiB, age: 100ms}}
      {layout}
"""

# One file for all, in which the order of everything can be seen; and several to be moved after each commit.
ONE = 'path: "all+{sequence}.jsonl"'
MANY = 'path: "{topic}/{date}/{topic}+{sequence}.jsonl"\n      compression: gzip'


class Route:
    """A pipeline into a folder, a load on its tables, and what the files must hold."""

    names = itertools.count(1)

    def __init__(self, db, millrace, fresh_tables=True, snapshot="no_data", layout=ONE):
        self.db, self.millrace = db, millrace
        self.slot = f"kill_{db.name}_{next(self.names)}"
        self.folder = millrace.folder / self.slot
        self.out = self.folder / "out"
        (self.folder / "state").mkdir(parents=True)
        self.out.mkdir()
        text = CONFIG.format(dsn=db.dsn, slot=self.slot, folder=self.folder, snapshot=snapshot, layout=layout)
        self.ordered = layout == ONE
        self.config = millrace.config(text, f"{self.slot}.yaml")
        self.attack = killat.Attack(self.folder)
        self.expected, self.next_id = [], 1
        if fresh_tables:
            db.psql("create table items (id int primary key, v text); create table other (id int primary key, v text);")

    def load(self):
        """Four transactions: inserts, an update and a delete, a key change, both tables; one is rolled back."""
        a, b, c = (self.next_id + i for i in range(3))
        self.next_id += 10
        self.db.psql(f"""
            begin; insert into items values ({a}, 'a'), ({b}, 'b'); insert into other values ({a}, 'o'); commit;
            begin; insert into items values ({c}, 'gone'); rollback;
            begin; update items set v = 'a2' where id = {a}; delete from items where id = {b}; commit;
            update items set id = {c} where id = {a};
            begin; update other set v = repeat('long', 300) where id = {a}; insert into items values ({b}, 'again'); commit;
        """)
        self.expected += [
            ("items", "c", a, "a"), ("items", "c", b, "b"), ("other", "c", a, "o"),
            ("items", "u", a, "a2"), ("items", "d", b, None),
            ("items", "d", a, None), ("items", "c", c, "a2"),
            ("other", "u", a, "long" * 300), ("items", "c", b, "again")]

    def run(self, env=None):
        return self.millrace.run("run", self.config, "--until", "now", env=env, seconds=60)

    def finish(self):
        """Runs to the end, undisturbed."""
        running = self.run()
        assert running.popen.returncode == 0, running.tail()

    def start_traced(self, prefix):
        """A run without end under a tracer, ready when it has the slot."""
        running = self.millrace.start("run", self.config, prefix=prefix)
        process.wait_until(lambda: self.db.one("select active from pg_replication_slots where slot_name = %s", [self.slot]),
                           30, "the slot is in use", running)
        return running

    def delivered(self):
        """True once a running pipeline has published all."""
        try:
            return len(self.seen()) >= len(self.expected)
        except FileNotFoundError:
            return False

    def wait_delivered(self, running):
        process.wait_until(self.delivered, 30, "all delivered", running)

    def seen(self):
        found = []
        for event in files.events(self.out):
            row = event["after"] or event["before"]
            found.append((event["source"]["table"], event["op"], row["id"], (event["after"] or {}).get("v")))
        return found

    def check(self, why):
        seen, expected = self.seen(), self.expected
        if not self.ordered:
            # Across topics the order is that of the commits; within one it is exact.
            seen, expected = (sorted(changes, key=lambda change: change[0]) for changes in (seen, expected))
        assert seen == expected, f"{why}: {len(seen)} changes, expected {len(expected)}"

    def check_state(self, why):
        """Replayed strictly (what is made must not be there, what is changed or deleted must), the events give the tables."""
        state = {"items": {}, "other": {}}
        for event in files.events(self.out):
            rows, op = state[event["source"]["table"]], event["op"]
            key = (event["after"] or event["before"])["id"]
            assert (key in rows) == (op in "ud"), f"{why}: {op} of {key}, which is {'' if key in rows else 'not '}there"
            rows.pop(key, None)
            if op != "d":
                rows[key] = event["after"]["v"]
        for table, rows in state.items():
            assert rows == dict(self.db.sql(f"select id, v from {table}")), f"{why}: {table} differs"

    def verify(self):
        """millrace's own judgement of the folder."""
        verify = self.millrace.run("files", "verify", self.out)
        assert verify.popen.returncode == 0, verify.tail()

    def close(self):
        def gone():
            self.db.sql("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s and active",
                        [self.slot])
            self.db.sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots "
                        "where slot_name = %s and not active", [self.slot])
            return self.slot not in self.db.slots()
        process.wait_until(gone, 20, f"slot {self.slot} dropped")
        self.db.sql(f'drop publication if exists "{self.slot}"')


@pytest.fixture
def route(db, millrace):
    made = Route(db, millrace)
    yield made
    made.close()


@pytest.fixture
def route_of_many_files(db, millrace):
    made = Route(db, millrace, layout=MANY)
    yield made
    made.close()


def last_call(route):
    calls = route.attack.calls()
    return str(calls[-1]) if calls else "no call"


def test_killed_before_each_call_of_a_first_start(db, millrace):
    """The claim, the publication, the slot: whatever was made, the next start goes on from it."""
    tables = True
    for number in killat.numbers():
        route = Route(db, millrace, fresh_tables=tables)
        route.next_id, tables = 1000 * number, False
        running = route.run(route.attack.kill(number))
        where = last_call(route)
        route.finish()
        route.load()
        route.finish()
        route.check(f"killed at the first start before {where}")
        route.close()
        if not killat.killed(running):
            assert running.popen.returncode == 0, running.tail()
            break


def test_killed_before_each_call_of_a_snapshot(db, millrace):
    """Rows are written while the snapshot lies dead, so that the tables not yet read change under the ones that are."""
    tables = True
    for number in killat.numbers(sample=True):
        route = Route(db, millrace, fresh_tables=tables, snapshot="initial")
        if tables:
            db.psql("insert into items select n, 'old' from generate_series(1, 30) n;"
                    "insert into other select n, repeat('old', 100) from generate_series(1, 30) n;")
        route.next_id, tables = 1000 * number, False
        running = route.run(route.attack.kill(number))
        where = last_call(route)
        route.load()
        route.finish()
        route.load()
        route.finish()
        route.check_state(f"killed in the snapshot before {where}")
        route.close()
        if not killat.killed(running):
            assert running.popen.returncode == 0, running.tail()
            route.verify()
            break


def kill_before_each_call(route):
    """Then kills once more, in the run that repairs it, at a random call."""
    dice = random.Random(4)
    route.finish()
    for number in killat.numbers():
        route.load()
        running = route.run(route.attack.kill(number))
        where = last_call(route)
        again = route.run(route.attack.kill(dice.randrange(1, 60)))
        where += f", then before {last_call(route)}" if killat.killed(again) else ""
        route.finish()
        route.check(f"killed before {where}")
        if not killat.killed(running):
            assert running.popen.returncode == 0, running.tail()
            break
    route.verify()


def test_killed_before_each_call_of_a_load(route):
    kill_before_each_call(route)


def test_killed_before_each_call_with_several_files_a_commit(route_of_many_files):
    kill_before_each_call(route_of_many_files)


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC], ids=errno.errorcode.get)
def test_failed_calls_lose_and_double_nothing(route, error):
    """Each call on the files fails once: tried again, or the run ends and the next one repairs it."""
    route.finish()
    for number in killat.numbers(sample=error == errno.ENOSPC):
        route.load()
        env = route.attack.fail(number, error) | {"MILLRACE_KILLAT_CALLS": "open,write,fdatasync,fsync,link,rename,unlink,mkdir"}
        running = route.run(env)
        count = len(route.attack.calls())
        route.finish()
        route.check(f"failed: {last_call(route)}; exit {running.popen.returncode}")
        if count < number:
            break
    route.verify()


def stopped(pid) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
    except FileNotFoundError:
        return False


def test_a_zombie_changes_nothing(route):
    """The owner stops before a call, a successor commits, the owner wakes: exit 75, and the files are as they were."""
    route.finish()
    for number in killat.numbers():
        route.load()
        owner = route.millrace.start("run", route.config, env=route.attack.stop(number))
        process.wait_until(lambda: stopped(owner.pid) or owner.ended() or route.delivered(), 30,
                           f"stopped before call {number}, or all delivered", owner)
        draining = not stopped(owner.pid)
        if draining:
            # Everything is out; the calls of a graceful end are left.
            owner.signal(signal.SIGTERM)
            process.wait_until(lambda: owner.ended() or stopped(owner.pid), 30, "ended, or stopped on the way")
            if owner.ended():
                assert owner.wait() == 0, owner.tail()
                break
        where, claimed = last_call(route), "link" in [call.name for call in route.attack.calls()[:-1]]
        route.load()
        route.finish()
        route.check(f"a successor of one stopped before {where}")
        before = files.digest(route.out)
        route.load()
        owner.signal(signal.SIGCONT)
        if claimed:
            code = owner.wait(60)
            assert code == 75 or (draining and code == 0), f"stopped before {where}, exit {code}\n{owner.tail()}"
            assert files.digest(route.out) == before, f"the zombie stopped before {where} changed files"
        else:
            # It had claimed nothing yet: it is the newer owner now, and goes on, or lost the race for its claim.
            process.wait_until(lambda: owner.ended() or route.delivered(), 30, "delivered", owner)
            assert owner.stop() in (0, 75), owner.tail()
        route.finish()
        route.check(f"after the zombie stopped before {where}")
    route.verify()


@pytest.mark.parametrize("snapshot", ["no_data", "initial"])
def test_two_first_starts(db, millrace, snapshot):
    """One stops before a call of its first start, another one makes its own first start meanwhile, the first wakes."""
    tables = True
    for number in killat.numbers(sample=True):
        route = Route(db, millrace, fresh_tables=tables, snapshot=snapshot)
        if tables and snapshot == "initial":
            db.sql("insert into items select n, 'old' from generate_series(1, 30) n")
        route.next_id, tables = 1000 * number, False
        first = millrace.start("run", route.config, "--until", "now", env=route.attack.stop(number))
        process.wait_until(lambda: stopped(first.pid) or first.ended(), 30, f"stopped before call {number}, or ended")
        where, claimed, ended = last_call(route), "link" in [call.name for call in route.attack.calls()[:-1]], first.ended()
        route.finish()
        route.load()
        if not ended:
            first.signal(signal.SIGCONT)
        code = first.wait(60)
        assert code in ((0, 75) if claimed else (0,)), f"stopped before {where}, exit {code}\n{first.tail()}"
        route.finish()
        why = f"two first starts, one stopped before {where}"
        route.check(why) if snapshot == "no_data" else route.check_state(why)
        route.verify()
        route.close()
        if ended:
            break

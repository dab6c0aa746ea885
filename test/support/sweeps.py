"""Kill -9, a stop or a failure before each call with an outside effect, on any route: what the tests of the routes share.

A route is a pipeline with a load on its tables; it knows what must have been delivered. After each kill a run to the end
must leave every committed change there once and in order. The zombie sweeps stop the owner before a call instead, let
a successor commit, and wake it: it must stop with exit 75 and have changed nothing.
"""
import collections
import itertools
import pathlib
import random
import signal

import killat
from servers import process

FORM = "    format: {type: json, envelope: debezium, schemas: false, tombstones: false}\n"
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
{form}    sink:
{sink}
"""


class Route:
    """A pipeline, a load on its tables, and what must be delivered. Subclasses say where to."""

    names = itertools.count(1)
    snapshot_rows = 30     # of each table
    rereads = False        # after a kill a table may be read again, and then all that happened to it since comes too

    def __init__(self, db, millrace, fresh_tables=True, snapshot="no_data", form=FORM):
        self.db, self.millrace = db, millrace
        self.slot = f"kill_{db.name}_{next(self.names)}"
        self.folder = millrace.folder / self.slot
        (self.folder / "state").mkdir(parents=True)
        text = CONFIG.format(dsn=db.dsn, slot=self.slot, folder=self.folder, snapshot=snapshot, form=form, sink=self.sink())
        self.config = millrace.config(text, f"{self.slot}.yaml")
        self.attack = killat.Attack(self.folder)
        self.expected, self.next_id = [], 1
        if fresh_tables:
            db.psql("create table items (id int primary key, v text); create table other (id int primary key, v text);")

    def sink(self) -> str:
        """The sink's part of the configuration."""
        raise NotImplementedError

    def events(self) -> list[dict]:
        """What readers see, in its order."""
        raise NotImplementedError

    def digest(self):
        """Equal only if nothing that a reader may see was changed."""
        raise NotImplementedError

    def order(self, change):
        """What changes share between which the order is exact: a table, a key. None: all."""
        return None

    def claimed(self, calls) -> bool:
        """Whether the process that made these calls had taken the pipeline over."""
        raise NotImplementedError

    def verify(self):
        """A judgement of its own, where there is one."""

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
        return self.millrace.run("run", self.config, "--until", "now", env=env)

    def finish(self):
        """Runs to the end, undisturbed."""
        running = self.run()
        assert running.popen.returncode == 0, running.tail()

    def start_traced(self, prefix):
        """A run without end under a tracer, ready when it has the slot."""
        running = self.millrace.start("run", self.config, prefix=prefix)
        process.wait_until(lambda: self.db.one("select active from pg_replication_slots where slot_name = %s", [self.slot]),
                           60, "the slot is in use", running)
        return running

    def delivered(self):
        """True once a running pipeline has published all."""
        return len(self.events()) >= len(self.expected)

    def wait_delivered(self, running):
        process.wait_until(self.delivered, 60, "all delivered", running)

    def seen(self):
        found = []
        for event in self.events():
            row = event["after"] or event["before"]
            found.append((event["source"]["table"], event["op"], row["id"], (event["after"] or {}).get("v")))
        return found

    def check(self, why):
        seen, expected = self.seen(), self.expected
        if self.order(expected[0]) is not None:
            seen, expected = sorted(seen, key=self.order), sorted(expected, key=self.order)
        assert seen == expected, f"{why}: {len(seen)} changes, expected {len(expected)}"

    def check_state(self, why):
        """Replayed, the events give the tables; strictly (what is made must not be there, what is changed must), unless
        tables may be read again."""
        state = {"items": {}, "other": {}}
        for event in self.events():
            rows, op = state[event["source"]["table"]], event["op"]
            key = (event["after"] or event["before"])["id"]
            assert (key in rows) == (op in "ud") or self.rereads, \
                f"{why}: {op} of {key}, which is {'' if key in rows else 'not '}there"
            rows.pop(key, None)
            if op != "d":
                rows[key] = event["after"]["v"]
        for table, rows in state.items():
            assert rows == dict(self.db.sql(f"select id, v from {table}")), f"{why}: {table} differs"

    def close(self):
        def gone():
            self.db.sql("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s and active",
                        [self.slot])
            self.db.sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots "
                        "where slot_name = %s and not active", [self.slot])
            return self.slot not in self.db.slots()
        process.wait_until(gone, 60, f"slot {self.slot} dropped")
        self.db.sql(f'drop publication if exists "{self.slot}"')


def last_call(route):
    calls = route.attack.calls()
    return str(calls[-1]) if calls else "no call"


class Tally:
    """Counts before which calls it happened, for whoever reads the output."""

    def __init__(self, what):
        self.what, self.found = what, collections.Counter()

    def add(self, route):
        calls = route.attack.calls()
        if calls:
            self.found[calls[-1].request or calls[-1].name] += 1

    def tell(self):
        print(f"killat: {self.what} before {self.found.total()} calls: " +
              ", ".join(f"{name} {count}" for name, count in self.found.most_common()))


def kill_in_a_first_start(make, sample=False):
    """make(fresh_tables): a route that never ran. The claim, the slot: the next start goes on from what was made."""
    tally, tables = Tally("a first start killed"), True
    for number in killat.numbers(sample=sample):
        route = make(fresh_tables=tables)
        route.next_id, tables = 1000 * number, False
        running = route.run(route.attack.kill(number))
        where = last_call(route)
        if killat.killed(running):
            tally.add(route)
        route.finish()
        route.load()
        route.finish()
        route.check(f"killed at the first start before {where}")
        route.close()
        if not killat.killed(running):
            assert running.popen.returncode == 0, running.tail()
            break
    tally.tell()


def kill_in_a_snapshot(make, db):
    """Rows are written while the snapshot lies dead, so that the tables not yet read change under the ones that are."""
    dice, tally, tables = random.Random(5), Tally("a snapshot killed"), True
    for number in killat.numbers(sample=True):
        route = make(fresh_tables=tables, snapshot="initial")
        if tables:
            db.psql(f"insert into items select n, 'old' from generate_series(1, {route.snapshot_rows}) n;"
                    f"insert into other select n, repeat('old', 100) from generate_series(1, {route.snapshot_rows}) n;")
        route.next_id, tables = 1000 * (number + 100), False
        running = route.run(route.attack.kill(number))
        where = last_call(route)
        if killat.killed(running):
            tally.add(route)
        route.load()
        # Rows that may be out already, or not: one goes, one changes, one gets another key.
        gone, changed, moved = dice.sample(range(1, route.snapshot_rows + 1), 3)
        db.psql(f"delete from items where id = {gone}; update items set v = 'new' where id = {changed};"
                f"update other set id = {-number} where id = {moved};")
        route.finish()
        route.load()
        route.finish()
        route.check_state(f"killed in the snapshot before {where}")
        route.close()
        if not killat.killed(running):
            assert running.popen.returncode == 0, running.tail()
            route.verify()
            break
    tally.tell()


def kill_in_a_load(route, sample=False):
    """Then kills once more, in the run that repairs it, at a random call."""
    dice, tally = random.Random(4), Tally("a load killed")
    route.finish()
    for number in killat.numbers(sample=sample):
        route.load()
        running = route.run(route.attack.kill(number))
        where = last_call(route)
        if killat.killed(running):
            tally.add(route)
        again = route.run(route.attack.kill(dice.randrange(1, 3 if route.attack.head else 60)))
        where += f", then before {last_call(route)}" if killat.killed(again) else ""
        route.finish()
        route.check(f"killed before {where}")
        if not killat.killed(running):
            assert running.popen.returncode == 0, running.tail()
            break
    route.verify()
    tally.tell()


def stopped(pid) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
    except FileNotFoundError:
        return False


def start_zombie(route, number):
    """(owner, draining): stopped before that call, or ended by itself; draining: it had delivered everything before."""
    owner = route.millrace.start("run", route.config, env=route.attack.stop(number))
    process.wait_until(lambda: stopped(owner.pid) or owner.ended() or route.delivered(), 60,
                       f"stopped before call {number}, or all delivered", owner)
    draining = not stopped(owner.pid)
    if draining:
        # Everything is out; the calls of a graceful end are left.
        owner.signal(signal.SIGTERM)
        process.wait_until(lambda: owner.ended() or stopped(owner.pid), 60, "ended, or stopped on the way")
        if owner.ended():
            assert owner.wait() == 0, owner.tail()
    return owner, draining


def confirmed(route):
    """What the source was told, in bytes; 0 without a slot."""
    return int(route.db.one("select coalesce(max(confirmed_flush_lsn - '0/0'), 0) from pg_replication_slots "
                            "where slot_name = %s", [route.slot]))


def stop_in_a_load(route, sample=False):
    """The owner stops before a call, a successor commits, the owner wakes: exit 75, and all is as it was."""
    tally = Tally("zombies stopped")
    route.finish()
    for number in killat.numbers(sample=sample):
        route.load()
        owner, draining = start_zombie(route, number)
        if owner.ended():
            break
        where, claimed = last_call(route), route.claimed(route.attack.calls()[:-1])
        tally.add(route)
        route.load()
        route.finish()
        route.check(f"a successor of one stopped before {where}")
        before, told = route.digest(), confirmed(route)
        route.load()
        owner.signal(signal.SIGCONT)
        if claimed:
            code = owner.wait()
            assert code == 75 or (draining and code == 0), f"stopped before {where}, exit {code}\n{owner.tail()}"
            assert route.digest() == before, f"the zombie stopped before {where} changed what readers see"
            assert confirmed(route) <= told, f"the zombie stopped before {where} told the source a position"
        else:
            # It had claimed nothing yet: it is the newer owner now, and goes on, or lost the race for its claim.
            process.wait_until(lambda: owner.ended() or route.delivered(), 60, "delivered", owner)
            assert owner.stop() in (0, 75), owner.tail()
        route.finish()
        route.check(f"after the zombie stopped before {where}")
    route.verify()
    tally.tell()


def two_first_starts(make, db, snapshot):
    """One stops before a call of its first start, another one makes its own first start meanwhile, the first wakes."""
    tally, tables = Tally("first starts stopped"), True
    for number in killat.numbers(sample=True):
        route = make(fresh_tables=tables, snapshot=snapshot)
        if tables and snapshot == "initial":
            db.sql("insert into items select n, 'old' from generate_series(1, %s) n", [route.snapshot_rows])
        route.next_id, tables = 1000 * (number + 100), False
        first = route.millrace.start("run", route.config, "--until", "now", env=route.attack.stop(number))
        process.wait_until(lambda: stopped(first.pid) or first.ended(), 60, f"stopped before call {number}, or ended")
        where, claimed, ended = last_call(route), route.claimed(route.attack.calls()[:-1]), first.ended()
        if not ended:
            tally.add(route)
        route.finish()
        route.load()
        if not ended:
            first.signal(signal.SIGCONT)
        code = first.wait()
        assert code in ((0, 75) if claimed else (0,)), f"stopped before {where}, exit {code}\n{first.tail()}"
        route.finish()
        why = f"two first starts, one stopped before {where}"
        route.check(why) if snapshot == "no_data" else route.check_state(why)
        route.verify()
        route.close()
        if ended:
            break
    tally.tell()

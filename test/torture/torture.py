"""Torture: PostgreSQL to files under everything that goes wrong, checked against the database and its own decoding.

    test/torture/torture.py --short              45 s, at least 20 kills: for CI
    test/torture/torture.py --kills 500          the long form
    test/torture/torture.py --content csv ...    rows instead of events
    test/torture/torture.py --seed N ...         the same choices again (the timing is the machine's)

Writers work on ten tables (workload.py) while millrace is killed with SIGKILL at random moments, stopped in good
order, frozen until a successor has taken over, cut off from the database, and while the database itself is
killed or restarted. At the end everything is delivered, and checker.py compares. Then the checker is proven: a
row removed, doubled, swapped, a transaction cut must each be found.
"""
import argparse
import collections
import pathlib
import platform
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import checker  # noqa: E402
import files  # noqa: E402
import workload  # noqa: E402
from millrace import Millrace  # noqa: E402
from servers import process  # noqa: E402
from servers.postgres import Database, Postgres  # noqa: E402
from servers.proxy import Proxy  # noqa: E402

FENCED = 75


class Torture:
    slot = "torture"
    rate = None  # bytes a second through the proxy

    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-torture-"))
        self.server = Postgres(shared_buffers="'128MB'", max_wal_size="'4GB'").start()
        self.db = Database(self.server, "torture")
        self.proxy = Proxy(self.server.port, self.rate)
        self.millrace = Millrace(self.folder)
        self.counts = collections.Counter()
        self.ending = threading.Event()
        self.writers = []
        self.patience = 90  # seconds until one of two instances must have seen that it is fenced
        workload.create(self.db)
        # The witness stands before everything else, so that it misses nothing.
        self.db.sql("select pg_create_logical_replication_slot('witness', 'test_decoding')")
        self.out = self.folder / "out"
        self.config = self.configure()

    def configure(self):
        return self.millrace.config(f"""version: 1
pipelines:
  {self.slot}:
    source:
      type: postgres
      dsn: "host=127.0.0.1 port={self.proxy.port} dbname=torture user=postgres"
      name: torture
      tables: ["public.*"]
      slot: {self.slot}
      snapshot: {self.snapshot()}
      skipped_operations: none
{self.format()}    sink:
{self.sink()}
{self.limits()}""", f"{self.slot}.yaml")

    def snapshot(self):
        return "no_data"

    def format(self):
        return "    format: {type: json, envelope: debezium, tombstones: true}\n"

    def check(self, records):
        """Sentences: what is wrong."""
        return checker.check(records, self.expected, self.tables)

    def limits(self):
        """Small batches end inside transactions, and there a commit may come."""
        return "    limits: {batch: 16KiB}\n"

    def sink(self):
        return f"""      type: file
      directory: {self.out}
      content: record
      roll: {{bytes: 256KiB, age: 150ms, split: 100}}"""

    def more_actions(self):
        return []

    def close(self):
        self.ending.set()
        for writer in self.writers:
            writer.join(30)
        self.millrace.close()
        self.proxy.close()
        self.server.close()
        if self.options.keep:
            print(f"torture: kept {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        return self.millrace.start("run", self.config)

    def begin(self):
        """The slot exists before the first write: the first start makes it."""
        first = self.millrace.run("run", "--until", "now", self.config, seconds=60)
        assert first.popen.returncode == 0, first.tail()
        self.write()

    def write(self, **more):
        self.proxy.rate = self.rate
        self.ending.clear()
        self.writers = [workload.Writer(self.db.dsn, f"{self.options.seed}{self.slot}", number, self.ending,
                                        self.options.pause, **more)
                        for number in range(1, self.options.writers + 1)]
        for writer in self.writers:
            writer.start()

    def stop_writing(self):
        """And the network is as fast as it can be: what is left is only to be delivered."""
        self.proxy.rate = None
        self.ending.set()
        for writer in self.writers:
            writer.join(60)
            if writer.failure:
                raise writer.failure

    def rest(self):
        time.sleep(self.random.choice((0.05, 0.2, 0.5, 1.0, 1.5)) * self.random.random() + 0.02)

    def kill(self, running):
        running.kill9()
        self.counts["kill -9"] += 1
        return self.start()

    def stop(self, running):
        code = running.stop(60)
        # 1: the database was away, and what was in flight could not be committed; it says so. On a busy machine the
        # signal may come before anybody waits for it.
        early = code == -signal.SIGTERM and not running.errors
        assert early or code == 0 or (code == 1 and "pipeline.drain_cut" in running.tail()), \
            f"SIGTERM: exit {code}\n{running.tail()}"
        self.counts["stopped in good order"] += 1
        return self.start()

    def freeze(self, running):
        """A zombie: frozen anywhere, a successor takes over and commits, then it wakes."""
        running.signal(signal.SIGSTOP)
        successor = self.start()
        successor.wait_error("pipeline claimed", self.patience)
        time.sleep(self.random.random())
        running.signal(signal.SIGCONT)
        # If it was frozen before its own claim it owns nothing yet, and may claim after the successor: one of the
        # two must end fenced, the other goes on.
        both = (running, successor)
        try:
            process.wait_until(lambda: any(one.ended() for one in both), self.patience, "one of the two fenced",
                               pause=0.05)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\nfrozen: {running.tail()}\nsuccessor: {successor.tail()}") from None
        loser, winner = both if running.ended() else both[::-1]
        code = loser.wait()
        assert code == FENCED, f"the loser: exit {code}\n{loser.tail()}\nthe winner:\n{winner.tail()}"
        self.counts["frozen, one of two fenced"] += 1
        return winner

    def cut(self, running):
        self.proxy.cut()
        self.counts["connections cut"] += 1
        return running

    def network_down(self, running):
        self.proxy.down()
        time.sleep(self.random.random())
        self.proxy.up()
        self.counts["network down"] += 1
        return running

    def database_killed(self, running):
        self.server.kill9()
        self.server.start()
        self.counts["database killed"] += 1
        return running

    def database_restarted(self, running):
        self.server.stop_immediately()
        self.server.start()
        self.counts["database restarted"] += 1
        return running

    def backend_terminated(self, running):
        self.server.sql("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s "
                        "and active", [self.slot])
        self.counts["walsender terminated"] += 1
        return running

    def torment(self):
        actions = [(self.kill, 60), (self.stop, 6), (self.freeze, 6), (self.cut, 8), (self.network_down, 4),
                   (self.backend_terminated, 6), (self.database_killed, 2), (self.database_restarted, 2),
                   *self.more_actions()]
        if self.options.only:
            actions = [pair for pair in actions if pair[0].__name__ == self.options.only]
        functions, weights = zip(*actions)
        running, begin = self.start(), time.monotonic()
        while (self.counts["kill -9"] < self.options.kills or self.counts.total() < self.options.faults or
               time.monotonic() - begin < self.options.seconds):
            self.rest()
            if running.ended():
                raise AssertionError(f"millrace ended by itself with {running.popen.returncode}\n{running.tail()}")
            action = self.random.choices(functions, weights)[0]
            # The short form must come to its kills in its time: towards the end they come first.
            if 0 < self.options.seconds * 0.8 < time.monotonic() - begin and self.counts["kill -9"] < self.options.kills:
                action = self.kill
            if getattr(self.options, "tell", False):
                print(f"torture: {time.monotonic() - begin:6.1f} {action.__name__}", flush=True)
            running = action(running)
            if sum(self.counts.values()) % 25 == 0:
                print(f"torture: {time.monotonic() - begin:.0f} s, {dict(self.counts)}", flush=True)
        self.stop_writing()
        running.stop(120)

    def deliver_all(self):
        for _ in range(5):
            last = self.millrace.run("run", "--until", "now", self.config, seconds=300)
            if last.popen.returncode == 0:
                return
        raise AssertionError(f"the last run ended with {last.popen.returncode}\n{last.tail()}")

    def delivered(self):
        return files.lines(self.out)

    def evidence(self):
        lines = self.delivered()
        log = [row[0] for row in self.db.sql(
            "select data from pg_logical_slot_peek_changes('witness', null, null, 'skip-empty-xacts', '1')")]
        return lines, list(checker.witness(log)), self.rows()

    def rows(self):
        """The tables as they are."""
        return {name: [row[0] for row in self.db.sql(f"select row_to_json(t) from {name} t")]
                for name in workload.TABLES}

    def parse(self, lines):
        return checker.parse(lines)

    def run(self):
        begin = time.monotonic()
        self.begin()
        self.torment()
        self.deliver_all()
        self.lines, self.expected, self.tables = self.evidence()
        self.records = self.parse(self.lines)
        wrong = self.check(self.records)
        self.seconds = time.monotonic() - begin
        self.transactions = sum(writer.committed for writer in self.writers)
        return wrong


class FileTorture(Torture):
    """A slow network, small batches, a low split: a good part of the kills comes inside transactions."""

    rate = 2_000_000

    def rows_alone(self):
        return self.options.content == "csv"

    def format(self):
        return "" if self.rows_alone() else super().format()

    def sink(self):
        return super().sink().replace("content: record", f"content: {self.options.content}")

    def parse(self, lines):
        return list(map(checker.record_of, lines)) if self.rows_alone() else super().parse(lines)

    def evidence(self):
        lines, expected, tables = super().evidence()
        return lines, [change._replace(xid=None) for change in expected] if self.rows_alone() else expected, tables

    def check(self, records):
        return checker.check_rows(records, self.expected, self.tables) if self.rows_alone() else super().check(records)

    def write(self, **more):
        super().write(large=self.options.large, **more)


def planted(records, chance):
    """(name, records with one fault). None is one that a checksum could see: the files are whole, the content is not."""
    rows = [i for i, record in enumerate(records) if record["value"] is not None]
    pairs = [i for i, j in zip(rows, rows[1:]) if j == i + 1 and records[i]["number"] != records[j]["number"]]
    place = chance.choice(rows)
    yield "a row removed", records[:place] + records[place + 1:]
    place = chance.choice(rows)
    yield "a row doubled", records[:place] + [records[place]] + records[place:]
    place = chance.choice(pairs)
    one, two = records[place], records[place + 1]
    yield "two rows swapped", records[:place] + [two, one] + records[place + 2:]
    place = chance.choice(pairs)
    one, two = records[place], records[place + 1]
    one, two = two | {"number": one["number"]}, one | {"number": two["number"]}
    yield "two rows swapped, numbers made to fit", records[:place] + [one, two] + records[place + 2:]
    xid = records[chance.choice(rows)]["value"]["source"]["txId"]
    whole = [i for i in rows if records[i]["value"]["source"]["txId"] == xid]
    yield "a transaction cut", [record for i, record in enumerate(records) if i not in set(whole[len(whole) // 2:])]
    place = chance.choice([i for i in rows if records[i]["value"]["op"] in "cu"])
    value = records[place]["value"]
    changed = records[place] | {"value": value | {"after": value["after"] | {"a": 123456789}}}
    yield "a value changed", records[:place] + [changed] + records[place + 1:]


def prove(torture):
    """Every planted fault must be found; returns what was found, or fails."""
    found = {}
    for name, records in planted(torture.records, random.Random(torture.options.seed)):
        wrong = torture.check(records)
        assert wrong, f"the checker missed: {name}"
        found[name] = wrong[0]
    return found


def resumed_inside(commits):
    """Commits that end inside a source transaction, and starts that began at such a place."""
    inside = [commit["checkpoint"]["source"] and commit["checkpoint"]["source"].get("n", 0) > 0 for commit in commits]
    return sum(map(bool, inside)), sum(1 for commit, flag in zip(commits, inside) if flag and commit["claim"])


def report(torture, found, command):
    counts = "\n".join(f"| {name} | {count} |" for name, count in sorted(torture.counts.items()))
    faults = "\n".join(f"| {name} | {sentence[:150].replace('|', '/')} |" for name, sentence in found.items())
    commits = files.commits(torture.out)
    split, resumed = resumed_inside(commits)
    return f"""## To files

```
{command}
```

Writers change ten tables (inserts, updates with key changes, deletes, COPY, TRUNCATE, ALTER TABLE, savepoints,
rollbacks, transactions of thousands of rows) while millrace and its database are tormented. The network is slow, batches
are small and `roll.split` is 100, so that large transactions are published in pieces and a good part of the kills comes
inside one. At the end the files are compared, change by change, with PostgreSQL's own test_decoding of the same log,
and, replayed, with the tables. The last long run:

| | |
|---|---|
| seed | {torture.options.seed} |
| duration | {torture.seconds:.0f} s |
| transactions committed by the writers | {torture.transactions:,} |
| changes in the log, and in the files | {len(torture.expected):,} |
| lines in the files | {len(torture.lines):,} |
| commits of the file sink, files | {len(commits):,}, {sum(len(commit['files']) for commit in commits):,} |
| commits inside a source transaction, starts that went on from one | {split:,}, {resumed:,} |
{counts}
| **changes lost, doubled, reordered or different** | **0** |
| **rows that differ from the tables** | **0** |

Machine: PostgreSQL {torture.server.version}, Linux {platform.release()}, {torture.options.writers} writers.

### The checker is proven

After each run faults are planted into what was delivered. All must be found:

| fault | found as |
|---|---|
{faults}
"""


def keep(path, section):
    """Puts a report's section ("## To ...") into the page, in place of the last one of its name."""
    path = pathlib.Path(path)
    title = section.splitlines()[0]
    parts = re.split(r"(?m)^(?=## )", path.read_text())
    found = [part.startswith(title + "\n") for part in parts]
    assert any(found), f"{path} has no section {title}"
    path.write_text("".join(section.rstrip("\n") + "\n\n" if mine else part for mine, part in zip(found, parts)))


def began(kind, options):
    """Prints the seed, without which nothing can be done again."""
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    print(f"torture: seed {options.seed}", flush=True)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))  # each start leaves two pipes open to the end
    return kind(options)


def command(program):
    """What was typed, but for where the report goes."""
    words = sys.argv[1:]
    if "--report" in words:
        place = words.index("--report")
        words = words[:place] + words[place + 2:]
    return " ".join([program, *(word for word in words if not word.startswith("--report="))])


def main():
    parser = argparse.ArgumentParser(prog="test/torture/torture.py")
    parser.add_argument("--short", action="store_true", help="45 s and at least 20 kills")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=0, help="go on for at least so long")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.02, help="mean pause between a writer's transactions")
    parser.add_argument("--large", type=float, default=0.6, help="how often a large transaction comes, per 90 steps")
    parser.add_argument("--only", help="one kind of torment, by the name of its function, until --seconds are over")
    parser.add_argument("--keep", action="store_true", help="leave the files behind")
    parser.add_argument("--content", choices=("record", "csv"), default="record", help="what the files hold")
    parser.add_argument("--report", help="keep the report in this page")
    parser.add_argument("--tell", action="store_true", help="each torment as it comes")
    parser.set_defaults(faults=0)
    options = parser.parse_args()
    if options.short:
        options.kills, options.seconds = 20, 45
    torture = began(FileTorture, options)
    try:
        wrong = torture.run()
        print(f"torture: {torture.seconds:.0f} s, {torture.transactions} transactions, {len(torture.expected)} changes, "
              f"{dict(torture.counts)}")
        for sentence in wrong:
            print(f"torture: WRONG: {sentence}")
        split, resumed = resumed_inside(files.commits(torture.out))
        print(f"torture: {split} commits inside a transaction, {resumed} starts that went on from one")
        if wrong:
            return 1
        found = prove(torture)
        print(f"torture: nothing lost, doubled or reordered; {len(found)} of {len(found)} planted faults found")
        if options.report:
            keep(options.report, report(torture, found, command("test/torture/torture.py")))
    finally:
        torture.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

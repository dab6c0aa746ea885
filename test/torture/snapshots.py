"""Torture with the snapshot running: rounds of a first start that is killed, again and again, while tables are read.

    test/torture/snapshots.py --short            three rounds, at least 15 kills in a snapshot: for CI
    test/torture/snapshots.py --kills 200        the long form

Each round fills ten tables, lets the writers of workload.py loose on them, and starts a pipeline of its own with
`snapshot: initial` behind a slow network. It is killed, frozen, cut off while it reads the tables, and some times more once
it streams. Then the files are held against PostgreSQL's own test_decoding of the same log:

    positions    the view that each table was read in (C2), and when it was finished
    read rows    exactly the table as it was at C2, each row once, all of a table in one commit, never again
    stream       exactly the changes that were committed after C2 of their table, in order, with the numbers they
                 would have if none had been dropped
    both         replayed strictly, they give the tables
"""
import argparse
import collections
import json
import random
import sys
import time

import torture
import checker
import files
import workload
from servers import process

ROWS = 1500  # in each table, before the writers begin

Done = collections.namedtuple("Done", "lsn commit")  # a table's view, and the first commit that calls it finished


def lsn_of(text):
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


class History:
    """test_decoding's lines as changes with the end of their transaction and a serial that counts as millrace counts: one
    for each change, a changed key's two events together."""

    def __init__(self, rows):
        self.changes = []
        pending = []
        for lsn, line in rows:
            if line.startswith("BEGIN "):
                xid, pending = int(line.split()[1]), []
            elif line.startswith("COMMIT"):
                self.changes += [(lsn_of(lsn), serial, change) for serial, change in pending]
            else:
                pending += self.of_line(xid, line)

    @staticmethod
    def of_line(xid, line):
        """A line is one change, but for a truncate, which is one for each table."""
        names, _, rest = line.removeprefix("table ").partition(": ")
        operation, _, rest = rest.partition(": ")
        for name in names.split(", "):
            marker = object()  # the same for all events of one change
            for change in checker.changes_of(xid, name.split(".")[1], operation, rest):
                yield marker, change

    def after(self, start):
        """(end, serial, change) of what was committed after start, serials counted from there."""
        serial, last = -1, None
        for end, marker, change in self.changes:
            if end > start:
                serial, last = serial + (marker is not last), marker
                yield end, serial, change

    def table_at(self, table, end):
        """Its rows, as a Counter, after all transactions that end at or before `end`."""
        rows, removed = collections.OrderedDict(), None
        place = 0
        for at, _, change in self.changes:
            if change.table != table or at > end:
                continue
            key = change.key
            if not checker.KEYS[table] and change.op in "ud":
                key = next(k for k, row in rows.items() if checker.matches(checker.strip(row), checker.strip(change.old)))
            elif not checker.KEYS[table] and change.op == "c":
                key = place = place + 1
            if change.op == "t":
                rows.clear()
            elif change.op == "d":
                removed = rows.pop(key)
            else:
                old = rows.get(key) if change.op == "u" else removed
                rows[key] = checker.Replay.filled(change.row, old or {})
                removed = None
        return collections.Counter(canonical(row) for row in rows.values())


def canonical(row):
    return json.dumps(checker.strip(row), sort_keys=True)


def tables_done(commits):
    """Table -> Done, by the positions; what changes there afterwards is wrong."""
    found, wrong = {}, []
    for commit in commits:
        source = commit["checkpoint"]["source"] or {}
        snapshot = source.get("snapshot", {})
        for name, below in snapshot.get("done", {}).items():
            table = name.split(".")[1]
            first = found.setdefault(table, Done(lsn_of(below), commit["n"]))
            if first.lsn != lsn_of(below):
                wrong.append(f"{table}: read in the view of {first.lsn:X} and again in that of {below}")
        if "resume" in source and not snapshot.get("active"):
            for table in workload.TABLES:  # read in the slot's own view, which need not be remembered any more
                found.setdefault(table, Done(lsn_of(source["resume"]), commit["n"]))
    return found, wrong


def check_reads(records, done, history):
    """Each table's rows: all in one commit, the one that first calls it finished, and exactly what its view held."""
    wrong, reads = [], collections.defaultdict(list)
    for record in records:
        if record["value"] and record["value"]["op"] == "r":
            reads[record["value"]["source"]["table"]].append(record)
    for table in workload.TABLES:
        commits = sorted({record["commit"] for record in reads[table]})
        if table not in done:
            wrong.append(f"{table}: never finished")
            continue
        if commits and commits != [done[table].commit]:
            wrong.append(f"{table}: rows read in commits {commits}, finished in {done[table].commit}")
        if any(record["value"]["source"]["lsn"] != done[table].lsn for record in reads[table]):
            wrong.append(f"{table}: rows of another view than {done[table].lsn:X}")
        found = collections.Counter(canonical(record["value"]["after"]) for record in reads[table])
        wanted = history.table_at(table, done[table].lsn)
        if found != wanted:
            missing, extra = wanted - found, found - wanted
            wrong.append(f"{table}: of its rows at {done[table].lsn:X} {missing.total()} were not read, {extra.total()} too "
                         f"many; first: {next(iter(missing or extra))[:200]}")
    return wrong


def check_stream(records, done, history, start):
    """What is no read is exactly what was committed after the views, with the numbers of a stream without gaps."""
    reads = [record["number"] for record in records if record["value"] and record["value"]["op"] == "r"]
    streamed = [record for record in records if not record["value"] or record["value"]["op"] != "r"]
    wanted = [(serial, change) for end, serial, change in history.after(start)
              if end > done.get(change.table, Done(0, 0)).lsn]
    wrong = checker.check_sequence(streamed, [change for _, change in wanted])
    if sorted(reads) != list(range(min(reads), min(reads) + len(reads))):
        wrong.append("the numbers of the rows read have gaps")
    numbers = [record["number"] for record in streamed if record["value"]]
    for number, (serial, change) in zip(numbers, wanted):
        if number != min(reads) + len(reads) + serial:
            wrong.append(f"number {number} instead of {min(reads) + len(reads) + serial}: {change}"[:300])
            break
    return wrong


def check(records, commits, history, tables):
    """records: of all files, in the order of the commits, each with its .commit."""
    done, wrong = tables_done(commits)
    start = next(lsn_of(source["resume"]) for commit in commits
                 if (source := commit["checkpoint"]["source"]) and "resume" in source)
    ordered = sorted(records, key=lambda record: record["number"])
    return (wrong + check_reads(records, done, history) + check_stream(ordered, done, history, start) +
            checker.check_order_in_files(records) + checker.check_tombstones(ordered) +
            checker.check_tables(ordered, tables))


class SnapshotTorture(torture.Torture):
    """self.counts["kill -9 in a snapshot"] is what --kills counts."""

    rate = 500_000  # so that reading the tables takes a while

    def snapshot(self):
        return "initial"

    def __init__(self, options):
        super().__init__(options)
        self.rounds = 0
        self.sums = collections.Counter()

    def begin_round(self):
        self.rounds += 1
        self.slot, self.out = f"round{self.rounds}", self.folder / f"out{self.rounds}"
        self.db.sql("select pg_replication_slot_advance('witness', pg_current_wal_insert_lsn())")
        self.db.sql("truncate " + ", ".join(workload.TABLES))
        workload.fill(self.db, ROWS)
        self.config = self.configure()
        self.write(large=self.options.large, serial=ROWS // 4 + 1)

    def position(self):
        """The newest one, {} before the first."""
        try:
            commits = files.commits(self.out)
        except FileNotFoundError:
            return {}
        return commits[-1]["checkpoint"]["source"] or {} if commits else {}

    def reading(self):
        position = self.position()
        return "resume" not in position or position.get("snapshot", {}).get("active", False)

    def kill(self, running):
        in_snapshot = self.reading()
        running = super().kill(running)
        self.counts["kill -9 in a snapshot"] += in_snapshot
        return running

    def torment_round(self):
        actions = [(self.kill, 60), (self.stop, 5), (self.freeze, 5), (self.cut, 6), (self.backend_terminated, 3),
                   (self.database_killed, 1)]
        functions, weights = zip(*actions)
        running, streaming = self.start(), 0
        # A view waits for open transactions; what is killed sooner than that gets nowhere, so pauses grow.
        pause = 0.2
        while streaming < 3:
            time.sleep(pause * self.random.random() + 0.02)
            pause = min(pause * 1.15, 4)
            if running.ended():
                raise AssertionError(f"millrace ended by itself with {running.popen.returncode}\n{running.tail()}")
            streaming += not self.reading()
            running = self.random.choices(functions, weights)[0](running)
        self.stop_writing()
        running.stop(120)

    def history(self):
        return History(self.db.sql("select lsn::text, data from pg_logical_slot_peek_changes('witness', null, null, "
                                   "'skip-empty-xacts', '1')"))

    def round(self):
        self.begin_round()
        self.torment_round()
        self.deliver_all()
        self.commits = files.commits(self.out)
        self.records = [json.loads(line) | {"commit": n} for n, _, lines in files.published(self.out) for line in lines]
        self.past = self.history()
        self.tables = self.rows()
        wrong = check(self.records, self.commits, self.past, self.tables)
        self.sums["rows read"] += sum(1 for r in self.records if r["value"] and r["value"]["op"] == "r")
        self.sums["changes"] += sum(1 for r in self.records if r["value"] and r["value"]["op"] != "r")
        self.sums["commits"] += len(self.commits)
        self.sums["views"] += len({done.lsn for done in tables_done(self.commits)[0].values()})
        self.drop_slot(self.slot)
        return wrong

    def drop_slot(self, slot):
        def gone():
            self.db.sql("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s and active",
                        [slot])
            self.db.sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots "
                        "where slot_name = %s and not active", [slot])
            return slot not in self.db.slots()
        process.wait_until(gone, 30, f"slot {slot} dropped")

    def run(self):
        begin = time.monotonic()
        wrong = []
        while not wrong and (self.counts["kill -9 in a snapshot"] < self.options.kills or self.rounds < self.options.rounds):
            wrong = [f"round {self.rounds}: {sentence}" for sentence in self.round()]
            print(f"torture: {time.monotonic() - begin:.0f} s, round {self.rounds}, {dict(self.counts)}, {dict(self.sums)}",
                  flush=True)
        self.seconds = time.monotonic() - begin
        return wrong


def planted(run, chance):
    """(name, records, commits) with one fault each."""
    records, commits = run.records, run.commits
    reads = [i for i, record in enumerate(records) if record["value"] and record["value"]["op"] == "r"]
    streamed = [i for i, record in enumerate(records) if record["value"] and record["value"]["op"] != "r"]
    place = chance.choice(reads)
    yield "a row not read", records[:place] + records[place + 1:], commits
    place = chance.choice(reads)
    yield "a row read twice", records[:place] + [records[place]] + records[place:], commits
    table = records[chance.choice(reads)]["value"]["source"]["table"]
    again = [records[i] | {"commit": commits[-1]["n"]} for i in reads if records[i]["value"]["source"]["table"] == table]
    yield "a finished table read again", records + again, commits
    late = [dict(commit) for commit in commits]
    for commit in late:
        source = commit["checkpoint"]["source"]
        if source and source.get("snapshot", {}).get("done"):
            name = chance.choice(list(source["snapshot"]["done"]))
            moved = {**source["snapshot"]["done"], name: "0/1"}
            commit["checkpoint"] = {"source": source | {"snapshot": source["snapshot"] | {"done": moved}}}
            break
    yield "a table finished in two views", records, late
    place = chance.choice(streamed)
    yield "a change after the view left out", records[:place] + records[place + 1:], commits
    dropped = next((change for end, _, change in run.past.after(0)
                    if change.op == "c" and end <= tables_done(commits)[0][change.table].lsn), None)
    if dropped:
        copy = next(records[i] for i in streamed)
        value = copy["value"] | {"op": "c", "before": None, "after": dropped.row,
                                 "source": copy["value"]["source"] | {"table": dropped.table, "txId": dropped.xid}}
        yield "a change before the view let through", [*records, copy | {"value": value}], commits


def prove(run):
    found = {}
    for name, records, commits in planted(run, random.Random(run.options.seed)):
        wrong = check(records, commits, run.past, run.tables)
        assert wrong, f"the checker missed: {name}"
        found[name] = wrong[0]
    return found


def report(run, found, command):
    counts = "\n".join(f"| {name} | {count:,} |" for name, count in sorted(run.counts.items()))
    faults = "\n".join(f"| {name} | {sentence[:150].replace('|', '/')} |" for name, sentence in found.items())
    return f"""## To files, with the snapshot running

```
{command}
```

Rounds of a first start with `snapshot: initial` behind a slow network, while the writers change the tables that are being
read. The rows read must be exactly the tables as they were in the view of their position, the changes exactly those after
it, and no finished table is read again; all three are proven from the files and positions against test_decoding. The last
run that was kept:

| | |
|---|---|
| seed | {run.options.seed} |
| duration | {run.seconds:.0f} s |
| rounds, views that tables were read in | {run.rounds:,}, {run.sums['views']:,} |
| rows read, changes after them | {run.sums['rows read']:,}, {run.sums['changes']:,} |
| commits of the file sink | {run.sums['commits']:,} |
{counts}
| **rows lost, doubled or of another view; tables read again** | **0** |
| **changes lost, doubled, reordered or different** | **0** |

| planted fault | found as |
|---|---|
{faults}
"""


def main():
    parser = argparse.ArgumentParser(prog="test/torture/snapshots.py")
    parser.add_argument("--short", action="store_true", help="three rounds, at least 15 kills in a snapshot")
    parser.add_argument("--kills", type=int, default=200, help="in a snapshot")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.05, help="mean pause between a writer's transactions")
    parser.add_argument("--large", type=float, default=0.2, help="how often a large transaction comes, per 90 steps")
    parser.add_argument("--keep", action="store_true", help="leave the files behind")
    parser.add_argument("--report", help="keep the report in this page")
    options = parser.parse_args()
    if options.short:
        options.kills, options.rounds = 15, 3
    run = torture.began(SnapshotTorture, options)
    try:
        wrong = run.run()
        for sentence in wrong:
            print(f"torture: WRONG: {sentence}")
        if wrong:
            return 1
        found = prove(run)
        print(f"torture: nothing lost, doubled or read again; {len(found)} of {len(found)} planted faults found")
        if options.report:
            torture.keep(options.report, report(run, found, torture.command("test/torture/snapshots.py")))
    finally:
        run.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

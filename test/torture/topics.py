"""Is every committed change in the topics once, in its key's order, in whole transactions, and do they equal the tables?

The witnesses are those of checker.py, which share no code with millrace: test_decoding's reading of the same log, and the
tables. What is judged is what a read_committed consumer was given, with its offsets, from the topics and from the
checkpoint topic. A commit or an abort takes an offset in each partition it touched, so that records of one Kafka
transaction are the runs of adjacent offsets.

    merge          walks the log and takes each change from the head of one of its topic's partitions: nothing lost,
                   doubled, different, out of its key's order or in another partition than its key's other events
    transactions   each run belongs to one checkpoint and each checkpoint's rows to one run per partition; a checkpoint
                   stands at the end of a source transaction, or says how far inside (`n`)
    snapshot       the rows of each table are the table's at the point in the log that they name
    checker.Replay the topics, replayed, are the tables
"""
import bisect
import collections
import itertools
import json
import random

import checker

Record = collections.namedtuple("Record", "topic partition offset key value")
Commit = collections.namedtuple("Commit", "count n start owner resume claim")
# number: counted from 1 over the log's changes; place: counted within its transaction, `last` being the end of it.
Expected = collections.namedtuple("Expected", "change lsn number xid place last end")


def lsn(text):
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def witness(rows):
    """rows: (lsn, data) of test_decoding, as Expected in the order of the log. A changed key is two events of one number."""
    number, open_, found = 0, [], []
    for place, data in rows:
        if data.startswith("table "):
            names, _, rest = data[len("table "):].partition(": ")
            operation, _, rest = rest.partition(": ")
            for name in names.split(", "):
                number += 1
                open_ += [(change, lsn(place), number)
                          for change in checker.changes_of(xid, name.split(".")[1], operation, rest)]
        elif data.startswith("BEGIN "):
            xid = int(data.split()[1])
        elif data.startswith("COMMIT "):
            first = open_[0][2] - 1 if open_ else 0
            found += [Expected(change, at, n, xid, n - first, open_[-1][2] - first, lsn(place)) for change, at, n in open_]
            open_ = []
    return found


def commits(messages):
    """The checkpoint topic's transactions: the last record of each run of offsets."""
    found, last = [], None
    for message in messages:
        text = json.loads(message.value()) if message.value() else {}
        source = text.get("source") or {}
        headers = dict(message.headers() or [])
        claim = headers.get("commit") == b"0"
        commit = Commit(source.get("count", 0), source.get("n", 0), int(headers["start"]), headers["owner"],
                        lsn(source["resume"]) if "resume" in source else None, claim)
        if last is not None and message.offset() == last + 1:
            found[-1] = commit
        else:
            found.append(commit)
        last = message.offset()
    return found


def matches(record, wanted):
    event = record.value
    if event is None or event["op"] == "r" or event["source"]["txId"] != wanted.xid or event["source"]["lsn"] != wanted.lsn:
        return False
    found = checker.change_of({"value": event})
    expected = wanted.change
    return found[:4] == expected[:4] and (checker.same_row(expected.row, found.row) or
                                          expected.table in checker.FULL and checker.toasted(expected, found))


class Merged:
    """The records in the order of the log. .wrong: what is wrong; .numbers: (topic, partition) -> number of each record."""

    def __init__(self, places, expected):
        self.places, self.wrong, self.order = places, [], []
        self.heads = dict.fromkeys(places, 0)
        self.numbers = {place: [None] * len(records) for place, records in places.items()}
        self.tables = collections.defaultdict(list)
        for place, records in places.items():
            for table in {record.value["source"]["table"] for record in records if record.value}:
                self.tables[table].append(place)
        self._reads()
        for wanted in expected:
            if not self._take(wanted):
                break
        else:
            self._rest()

    def _head(self, place):
        at = self.heads[place]
        return self.places[place][at] if at < len(self.places[place]) else None

    def _reads(self):
        """Rows of the snapshot come before all changes."""
        self.reads = []
        for place in self.places:
            while (head := self._head(place)) and head.value and head.value["op"] == "r":
                self.reads.append(head)
                self.heads[place] += 1

    def _accept(self, place, number):
        self.order.append((self._head(place), number))
        self.numbers[place][self.heads[place]] = number
        self.heads[place] += 1

    def _take(self, wanted):
        for place in self.tables[wanted.change.table]:
            head = self._head(place)
            if head and matches(head, wanted):
                self._accept(place, wanted.number)
                if wanted.change.op == "d":
                    self._tombstone(place, head, wanted.number)
                return True
        heads = {place: self._head(place) for place in self.tables[wanted.change.table]}
        self.wrong.append(f"change {wanted.number} of the log is not next in any partition: {wanted.change}, lsn "
                          f"{wanted.lsn}; next are {str(heads)[:600]}")
        return False

    def _tombstone(self, place, delete, number):
        head = self._head(place)
        if head is None or head.value is not None or head.key != delete.key:
            self.wrong.append(f"no tombstone after the delete of {delete.key} at {place} {delete.offset}")
        else:
            self._accept(place, number)

    def _rest(self):
        for place in self.places:
            if head := self._head(place):
                self.wrong.append(f"{len(self.places[place]) - self.heads[place]} records of {place} are not in the log "
                                  f"where they stand, the first: {str(head)[:300]}")


def check_keys(places):
    """A key's events are all in one partition."""
    homes, wrong = {}, []
    for (topic, partition), records in places.items():
        for record in records:
            if record.key is not None and homes.setdefault((topic, record.key), partition) != partition:
                wrong.append(f"{topic}: {record.key} is in partition {partition} and in {homes[topic, record.key]}")
    return wrong[:checker.MANY]


def runs(records, numbers):
    """Numbers of the records of each run of adjacent offsets; None for a snapshot's rows."""
    run, last = [], None
    for record, number in zip(records, numbers):
        if last is not None and record.offset != last + 1:
            yield run
            run = []
        run.append(number)
        last = record.offset
    if run:
        yield run


def check_transactions(merged, expected, checkpoints, reads):
    """reads: how many rows of snapshots are counted before the first change."""
    wrong, counts = [], sorted({commit.count for commit in checkpoints})
    if any(a.count > b.count for a, b in itertools.pairwise(checkpoints)):
        wrong.append("a checkpoint's count went back")
    if any(a.start > b.start for a, b in itertools.pairwise(checkpoints)):
        wrong.append("a checkpoint of an older owner follows one of a newer")
    for place, records in merged.places.items():
        before = -1
        for run in runs(records, merged.numbers[place]):
            owners = {bisect.bisect_left(counts, reads + number) for number in run if number is not None}
            if len(owners) > 1:
                wrong.append(f"{place}: one transaction holds rows of {len(owners)} checkpoints, numbers {run[0]} to {run[-1]}")
            if owners and (min(owners) <= before or max(owners) == len(counts)):
                wrong.append(f"{place}: rows up to number {run[-1]} were committed without a checkpoint of their own")
            before = max(owners, default=before)
    return wrong[:checker.MANY] + check_ends(expected, checkpoints, reads)[:checker.MANY]


def check_ends(expected, checkpoints, reads):
    """Where each checkpoint stands in the source's transactions."""
    wrong, at = [], {wanted.number + reads: wanted for wanted in expected}
    for commit in checkpoints:
        wanted = at.get(commit.count)
        if wanted is None:
            if commit.count > reads:
                wrong.append(f"a checkpoint at number {commit.count}, which the log does not have")
        elif commit.n and commit.n != wanted.place:
            wrong.append(f"a checkpoint says {commit.n} changes of transaction {wanted.xid} are out, and {wanted.place} are")
        elif commit.n == 0 and wanted.place != wanted.last:
            wrong.append(f"a checkpoint calls transaction {wanted.xid} whole after {wanted.place} of {wanted.last} changes")
    return wrong


class Table:
    """A table's rows by key, as far as the log was followed."""

    def __init__(self, log):
        self.rows, self.moved, self.rest = {}, (None, {}), iter(log)
        self.next = next(self.rest, None)

    def follow(self, point):
        """Applies the transactions that ended up to there."""
        while self.next and self.next.end <= point:
            self._apply(self.next.change, self.next.number)
            self.next = next(self.rest, None)
        return self.rows

    def _apply(self, change, number):
        if change.op == "t":
            self.rows.clear()
        elif change.op == "d":
            self.moved = number, self.rows.pop(change.key, {})
        else:
            # A changed key is a delete and a create of one number; what was left unchanged is the deleted row's.
            old = self.moved[1] if change.op == "c" and self.moved[0] == number else self.rows.get(change.key, {})
            self.rows[change.key] = checker.Replay.filled(change.row, old)


def check_snapshot(reads, log):
    """(what is wrong, {table: point}, tables read more than once): the rows against the tables at their points."""
    seen, wrong = collections.defaultdict(lambda: collections.defaultdict(list)), []
    for record in reads:
        event = record.value
        seen[event["source"]["table"]][event["source"]["lsn"]].append(event["after"])
    for table, points in seen.items():
        if not checker.KEYS[table]:
            continue
        state = Table([wanted for wanted in log if wanted.change.table == table])
        for point in sorted(points):
            rows = state.follow(point)
            found = {checker.key_of(table, row): row for row in points[point]}
            if len(found) != len(points[point]):
                wrong.append(f"{table}: rows came twice from the view of {point:#x}")
            differ = [key for key, row in found.items() if rows.get(key) != row]
            missing = set(rows) - set(found) if point == max(points) else ()
            if differ or missing:
                wrong.append(f"{table}: {len(differ)} rows of the view of {point:#x} are not the table's, {len(missing)} "
                             f"are missing; first: {(list(differ) or list(missing))[:1]}")
    return wrong, {table: max(points) for table, points in seen.items()}, {t for t, p in seen.items() if len(p) > 1}


def check_tables(merged, tables, again):
    """again: tables of which rows came in two views; what happened between the views comes after the second."""
    replay = checker.Replay()
    for record in merged.reads:
        table, row = record.value["source"]["table"], record.value["after"]
        if checker.KEYS[table]:
            replay.keyed[table][checker.key_of(table, row)] = row
        else:
            replay.bag[table].append(row)
    checker.replay_all(replay, [{"value": record.value, "number": number} for record, number in merged.order])
    unsure = {table for table in again if not checker.KEYS[table]}
    wrong = [sentence for sentence in replay.wrong if sentence.split(":")[0] not in again][:checker.MANY]
    return wrong + checker.compare(replay, {name: rows for name, rows in tables.items() if name not in unsure})


def check(evidence):
    """Sentences; none is a pass. evidence: .places .log .tables .checkpoints"""
    reads = [record for records in evidence.places.values() for record in records
             if record.value and record.value["op"] == "r"]
    begin = next((commit.resume for commit in evidence.checkpoints if commit.resume is not None), 0)
    wrong, points, again = check_snapshot(reads, evidence.log)
    # Numbers count the log from where the slot began; what a table's view holds is counted and left out.
    counted = [wanted for wanted in evidence.log if wanted.end > begin]
    first = counted[0].number - 1 if counted else 0
    counted = [wanted._replace(number=wanted.number - first) for wanted in counted]
    expected = [wanted for wanted in counted
                if wanted.change.table in again or wanted.end > points.get(wanted.change.table, 0)]
    merged = Merged(evidence.places, expected)
    wrong += check_keys(evidence.places) + merged.wrong[:checker.MANY]
    if merged.wrong:
        return wrong  # all that follows would be shifted
    return (wrong + check_transactions(merged, counted, evidence.checkpoints, len(reads)) +
            check_tables(merged, evidence.tables, again))


def planted(evidence, seed):
    """(name, evidence with one fault), each as a reader would meet it."""
    dice = random.Random(seed)
    rows = {place: [i for i, record in enumerate(records) if record.value and record.value["op"] != "r"]
            for place, records in evidence.places.items()}
    rows = {place: found for place, found in rows.items() if len(found) > 20}

    def changed(place, records):
        return evidence._replace(places=evidence.places | {place: records})

    def somewhere(wanted=lambda record: True):
        for place in dice.sample(sorted(rows), len(rows)):
            records = evidence.places[place]
            found = [i for i in rows[place] if wanted(records[i])]
            if found:
                return place, records, dice.choice(found)
        raise AssertionError("too little was written to plant a fault in")

    place, records, i = somewhere()
    yield "a row removed", changed(place, records[:i] + records[i + 1:])
    place, records, i = somewhere()
    yield "a row doubled", changed(place, records[:i] + [records[i]] + records[i:])
    place, records, i = somewhere(lambda record: record.value["op"] == "d")
    yield "a tombstone removed", changed(place, records[:i + 1] + records[i + 2:])
    place, records, i = somewhere(lambda record: record.value["op"] in "cu")
    j = next((j for j in rows[place] if j > i), rows[place][0])
    one, two = records[i]._replace(offset=records[j].offset), records[j]._replace(offset=records[i].offset)
    yield "two rows swapped", changed(place, [two if k == i else one if k == j else r for k, r in enumerate(records)])
    place, records, i = somewhere(lambda record: record.value["op"] in "cu")
    event = records[i].value
    other = records[i]._replace(value=event | {"after": event["after"] | {"a": 123456789}})
    yield "a value changed", changed(place, records[:i] + [other] + records[i + 1:])
    place, records, i = somewhere()
    xid = records[i].value["source"]["txId"]
    whole = [k for k in rows[place] if records[k].value["source"]["txId"] == xid]
    yield "a transaction cut", changed(place, [r for k, r in enumerate(records) if k not in whole[len(whole) // 2:]])
    place, records, i = somewhere()
    copies = [r._replace(offset=records[-1].offset + 2 + n) for n, r in enumerate(records[max(0, i - 5):i + 1])]
    yield "rows of an aborted transaction shown", changed(place, records + copies)
    place, records, i = somewhere()
    while i == 0 or records[i].offset != records[i - 1].offset + 1:
        place, records, i = somewhere()
    later = [r._replace(offset=r.offset + (k >= i)) for k, r in enumerate(records)]
    yield "a commit without its checkpoint", changed(place, later)
    reads = sum(record.value is not None and record.value["op"] == "r"
                for found in evidence.places.values() for record in found)
    at, rest = {wanted.number + reads: wanted for wanted in evidence.log}, evidence.checkpoints
    # Between two that many rows lie, so that some stand in one place; and after that row a transaction goes on.
    steps = sorted(range(1, len(rest) - 1), reverse=True, key=lambda k: min(rest[k].count - max(rest[k - 1].count, reads),
                                                                             rest[k + 1].count - rest[k].count))
    assert steps, "too little was written to plant a fault in"
    k = steps[0]
    yield "a checkpoint removed", evidence._replace(checkpoints=rest[:k] + rest[k + 1:])
    k = next((k for k in steps if (row := at.get(rest[k].count - 1)) and row.place != (rest[k].n or row.last)), None)
    if k is not None:
        yield "a checkpoint behind its rows", evidence._replace(
            checkpoints=rest[:k] + [rest[k]._replace(count=rest[k].count - 1)] + rest[k + 1:])
    k = next((k for k, commit in enumerate(rest) if commit.n and commit.count > reads), None)
    if k is not None:
        yield "a split called whole", evidence._replace(checkpoints=rest[:k] + [rest[k]._replace(n=0)] + rest[k + 1:])
    first = [place for place, found in evidence.places.items() if found[0].value and found[0].value["op"] == "r"
             and checker.KEYS[found[0].value["source"]["table"]]]
    if first:
        records = evidence.places[first[0]]
        event = records[0].value
        other = records[0]._replace(value=event | {"after": event["after"] | {"a": 123456789}})
        yield "a snapshot's row changed", changed(first[0], [other] + records[1:])


def prove(evidence, seed):
    """Every planted fault must be found: {fault: found as}."""
    found = {}
    for name, faulty in planted(evidence, seed):
        wrong = check(faulty)
        assert wrong, f"the checker missed: {name}"
        found[name] = wrong[0]
    return found

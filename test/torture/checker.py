"""Is every committed change in the files once, in order, and do the files, replayed, equal the tables?

Two witnesses that share no code with millrace: test_decoding's reading of the same log (a slot of its own, made
before the first write), and the tables themselves at the end. The events are the lines of the files, `content:
record`, in the order of their change numbers. Every check returns sentences; no sentence is a pass.
"""
import collections
import json
import re

UNAVAILABLE = "__debezium_unavailable_value"
KEYS = {"t6": ("id", "k"), "t8": ()} | {f"t{i}": ("id",) for i in (0, 1, 2, 3, 4, 5, 7, 9)}
FULL = ("t8", "t9")
MANY = 8  # sentences of one kind are enough

# old: the whole old row, for tables without a key.
Change = collections.namedtuple("Change", "xid table op key row old", defaults=[None])
COLUMN = re.compile(r"(\w+)\[([^\]]+)\]:('(?:[^']|'')*'|[^ ]+)", re.S)


def value(kind, text):
    if text == "null":
        return None
    if text == "unchanged-toast-datum":
        return UNAVAILABLE
    if text.startswith("'"):
        text = text[1:-1].replace("''", "'")
    return int(text) if kind in ("bigint", "integer") else text


def tuple_of(text):
    return {name: value(kind, content) for name, kind, content in COLUMN.findall(text)}


def key_of(table, row):
    return tuple(row.get(name) for name in KEYS[table]) if row else ()


def witness(lines):
    """test_decoding's lines as the changes Debezium's rules make of them: a changed key is a delete and a create."""
    xid = None
    for line in lines:
        if line.startswith("BEGIN "):
            xid = int(line.split()[1])
        elif line.startswith("table "):
            names, _, rest = line[len("table "):].partition(": ")
            operation, _, rest = rest.partition(": ")
            for name in names.split(", "):
                yield from changes_of(xid, name.split(".")[1], operation, rest)


def changes_of(xid, table, operation, rest):
    if operation == "TRUNCATE":
        yield Change(xid, table, "t", (), None)
    elif operation == "INSERT":
        row = tuple_of(rest)
        yield Change(xid, table, "c", key_of(table, row), row)
    elif operation == "DELETE":
        old = tuple_of(rest)
        yield Change(xid, table, "d", key_of(table, old), None, old)
    elif operation == "UPDATE":
        old, _, new = rest.removeprefix("old-key: ").partition(" new-tuple: ") if rest.startswith("old-key: ") \
            else ("", "", rest)
        row, before = tuple_of(new), tuple_of(old)
        if before and key_of(table, before) != key_of(table, row):
            yield Change(xid, table, "d", key_of(table, before), None)
            yield Change(xid, table, "c", key_of(table, row), row)
        else:
            yield Change(xid, table, "u", key_of(table, row), row, before)


def change_of(record):
    event = record["value"]
    table = event["source"]["table"]
    row = event["after"] if event["op"] in "cu" else None
    key = () if event["op"] == "t" else key_of(table, row or event["before"])
    return Change(event["source"]["txId"], table, event["op"], key, row)


def parse(lines):
    """Lines of all files, in the order of their commits, as records."""
    return [json.loads(line) for line in lines]


def record_of(row):
    """A CSV row in the shape of a record. It does not say which transaction it belongs to."""
    unchanged = (row["__unchanged"] or "").split(",")
    content = {name: int(value) if value and name in row["__numbers"] else value
               for name, value in row.items() if not name.startswith("__")}
    content |= {name: UNAVAILABLE for name in unchanged if name}
    op = row["__op"]
    return {"topic": row["__stream"], "number": int(row["__number"]), "key": None,
            "value": {"op": op, "source": {"table": row["__table"].split(".")[1], "txId": None},
                      "before": content if op == "d" else None, "after": content if op in "cru" else None}}


def check_tombstones(records):
    """A record without a value follows the delete of the same key, and every delete has one."""
    wrong, pending = [], None
    for record in records:
        if record["value"] is None:
            if not pending or pending["key"] != record["key"] or pending["topic"] != record["topic"]:
                wrong.append(f"a tombstone without its delete at number {record['number']}")
            pending = None
            continue
        if pending:
            wrong.append(f"no tombstone after the delete at number {pending['number']}")
        pending = record if record["value"]["op"] == "d" else None
    return wrong[:MANY]


def check_numbers(records):
    """Change numbers count the source's changes: each is one more than the last; a changed key shares one."""
    wrong, last = [], None
    for record in records:
        number = record["number"]
        if last is not None and number not in (last, last + 1):
            wrong.append(f"change number {number} follows {last}")
        last = number
    return wrong[:MANY]


def check_order_in_files(files):
    """Within each topic, in the order of its files, numbers never go back."""
    wrong, last = [], {}
    for record in files:
        if record["number"] < last.get(record["topic"], 0):
            wrong.append(f"{record['topic']}: {record['number']} after {last[record['topic']]}")
        last[record["topic"]] = record["number"]
    return wrong[:MANY]


def same_row(expected, found):
    if expected is None or found is None:
        return expected is found
    return all(found.get(name) == wanted for name, wanted in expected.items()) and set(found) == set(expected)


def check_sequence(records, expected):
    """Change by change, millrace's against test_decoding's."""
    found = [change_of(record) for record in records if record["value"] is not None]
    wrong = []
    if len(found) != len(expected):
        wrong.append(f"{len(found)} changes delivered, {len(expected)} in the log")
    for index, (got, wanted) in enumerate(zip(found, expected)):
        same = got[:4] == wanted[:4] and (same_row(wanted.row, got.row) or wanted.table in FULL and toasted(wanted, got))
        if not same:
            wrong.append(f"change {index}: delivered {got}, the log says {wanted}")
            break  # all that follow are shifted
    return wrong


def toasted(wanted, got):
    """With identity FULL the old row may fill in what the new one left unchanged: either is right."""
    if wanted.row is None or got.row is None or set(wanted.row) != set(got.row):
        return False
    return all(content in (got.row[name], UNAVAILABLE) for name, content in wanted.row.items())


class Replay:
    """The tables as a reader of the files would build them."""

    def __init__(self):
        self.keyed = collections.defaultdict(dict)
        self.bag = collections.defaultdict(list)
        self.wrong = []

    def apply(self, record):
        event = record["value"]
        if event is None:
            return
        table, op = event["source"]["table"], event["op"]
        if op == "t":
            self.keyed[table].clear()
            self.bag[table].clear()
        elif KEYS[table]:
            self.with_key(table, op, event)
        else:
            self.without_key(table, op, event)

    def with_key(self, table, op, event):
        rows = self.keyed[table]
        key = key_of(table, event["after"] or event["before"])
        if op == "d":
            if rows.pop(key, None) is None:
                self.wrong.append(f"{table}: delete of {key}, which is not there")
            return
        if (key in rows) != (op == "u"):
            self.wrong.append(f"{table}: {op} of {key}, which is {'' if key in rows else 'not '}there")
        rows[key] = self.filled(event["after"], rows.get(key) or event["before"] or {})

    def without_key(self, table, op, event):
        rows = self.bag[table]
        if op not in "cr":
            before = strip(event["before"])
            place = next((i for i, row in enumerate(rows) if matches(strip(row), before)), None)
            if place is None:
                self.wrong.append(f"{table}: {op} of a row that is not there: {before}")
                return
            old = rows.pop(place)
            if op == "u":
                rows.append(self.filled(event["after"], old))
        else:
            rows.append(event["after"])

    @staticmethod
    def filled(row, old):
        return {name: old.get(name) if content == UNAVAILABLE else content for name, content in row.items()}


def strip(row):
    return {name: content for name, content in (row or {}).items() if content is not None}


def matches(row, before):
    """A column that was dropped may still stand in the old row."""
    return all(row.get(name) == content for name, content in before.items())


def replay_all(replay, records):
    """A changed key comes as delete and create; a big value that was left unchanged is the deleted row's."""
    last = {}
    for record in records:
        event = record["value"]
        if event is None:
            continue
        table = event["source"]["table"]
        if event["op"] == "d" and KEYS[table]:
            last[(table, record["number"])] = dict(replay.keyed[table].get(key_of(table, event["before"]), {}))
        elif event["op"] == "c" and KEYS[table]:
            old = last.pop((table, record["number"]), None)
            if old:
                record = {"value": event | {"after": Replay.filled(event["after"], old)}}
        replay.apply(record)


def check_tables(records, tables):
    """tables: name -> rows (dicts) as they are in the database."""
    replay = Replay()
    replay_all(replay, records)
    return replay.wrong[:MANY] + compare(replay, tables)


def compare(replay, tables):
    """What the replay built against the tables."""
    wrong = []
    for name, rows in tables.items():
        columns = set().union(*rows) if rows else set()
        have = list(replay.keyed[name].values()) if KEYS[name] else replay.bag[name]
        left, right = (collections.Counter(json.dumps({c: row.get(c) for c in sorted(columns)}) for row in side)
                       for side in (have, rows))
        if left != right:
            missing, extra = right - left, left - right
            wrong.append(f"{name}: {missing.total()} rows missing, {extra.total()} too many; "
                         f"first: {next(iter(missing or extra))[:300]}")
    return wrong


def check_rows(in_files, expected, tables):
    """The same of CSV rows, against changes without transactions: there are no tombstones, and where a table has no key an
    update does not say of which row."""
    records = sorted(in_files, key=lambda record: record["number"])
    keyed = [record for record in records if KEYS[record["value"]["source"]["table"]]]
    return (check_order_in_files(in_files) + check_numbers(records) + check_sequence(records, expected) +
            check_tables(keyed, {name: rows for name, rows in tables.items() if KEYS[name]}))


def check(in_files, expected, tables):
    """All of it. in_files: the records of all files, in the order of their commits."""
    records = sorted(in_files, key=lambda record: record["number"])  # stable: a file's own order within a number
    return (check_order_in_files(in_files) + check_numbers(records) + check_tombstones(records) +
            check_sequence(records, expected) + check_tables(records, tables))

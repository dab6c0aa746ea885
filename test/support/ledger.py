"""A load whose every row change can be checked for loss, doubling and order, and the checker for Kafka topics.

    ledger(tx, part, size, primary key (tx, part))   each transaction inserts `size` rows with its own number
    account(id primary key, version, pad)            and raises the version of some accounts by one

In the topics each (tx, part) must stand once, for exactly the transactions that were committed, and the versions of each
account must count up by one without a gap; replaying the topics gives the tables.
"""
import collections
import json
import random
import threading
import time

ACCOUNTS = 20
SCHEMA = """
create table ledger (tx int, part int, size int, primary key (tx, part));
create table account (id int primary key, version int not null, pad text);
"""


class Load:
    """Writes transactions until stop(); .committed is how many. space: what stands before the tables' names in topics."""
    space = "public"

    def __init__(self, db, seed=1, largest=30, pause=0.002):
        self.db, self.largest, self.pause = db, largest, pause
        self.dice = random.Random(seed)
        self.committed = 0
        self.stopping = threading.Event()
        self.failure = None
        self.make_tables()

    def make_tables(self):
        self.db.psql(SCHEMA)
        self.db.sql("insert into account select n, 0, repeat('x', 50) from generate_series(1, %s) n", [ACCOUNTS])

    def start(self):
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def _run(self):
        try:
            with self.db.connect(autocommit=False) as connection:
                while not self.stopping.is_set():
                    self.transaction(connection)
                    time.sleep(self.pause)
        except Exception as problem:  # told by stop()
            self.failure = problem

    def transaction(self, connection, size=None):
        size = size or self.dice.randint(1, self.largest)
        number = self.committed + 1
        connection.execute("insert into ledger select %s, n, %s from generate_series(1, %s) n", [number, size, size])
        accounts = sorted(self.dice.sample(range(1, ACCOUNTS + 1), self.dice.randint(0, 5)))
        connection.execute("update account set version = version + 1 where id = any(%s)", [accounts])
        if self.dice.random() < 0.1:
            connection.rollback()
        else:
            connection.commit()
            self.committed = number

    def some(self, count, size=None):
        """So many transactions now, by the caller."""
        with self.db.connect(autocommit=False) as connection:
            goal = self.committed + count
            while self.committed < goal:
                self.transaction(connection, size)

    def stop(self):
        self.stopping.set()
        self.thread.join(120)
        assert not self.thread.is_alive(), "a transaction of the load does not end"
        assert self.failure is None, self.failure
        return self.committed


class MyLoad(Load):
    """The same in MySQL and MariaDB."""

    @property
    def space(self):
        return self.db.name

    def make_tables(self):
        self.db.script(SCHEMA)
        for number in range(1, ACCOUNTS + 1):
            self.db.sql("insert into account values (%s, 0, repeat('x', 50))", [number])

    def transaction(self, connection, size=None):
        size = size or self.dice.randint(1, self.largest)
        number = self.committed + 1
        accounts = sorted(self.dice.sample(range(1, ACCOUNTS + 1), self.dice.randint(0, 5)))
        with connection.cursor() as cursor:
            cursor.executemany("insert into ledger values (%s, %s, %s)", [(number, part, size) for part in range(1, size + 1)])
            if accounts:
                cursor.execute(f"update account set version = version + 1 where id in ({','.join(map(str, accounts))})")
        if self.dice.random() < 0.1:
            connection.rollback()
        else:
            connection.commit()
            self.committed = number


def payload(message):
    value = json.loads(message.value())
    return value.get("payload", value) if isinstance(value, dict) else value


def check(kafka, load, prefix, isolation="read_committed", twice=False):
    """The topics <prefix>.<space>.ledger and .account against what was committed. twice: rows may come again."""
    committed = load.committed
    problems, seen, sizes = [], collections.Counter(), {}
    for message in kafka.consume(f"{prefix}.{load.space}.ledger", isolation, seconds=90):
        event = payload(message)
        row = event["after"]
        seen[row["tx"], row["part"]] += 1
        sizes[row["tx"]] = row["size"]
    for tx in range(1, committed + 1):
        if tx not in sizes:
            problems.append(f"transaction {tx} is missing")
            continue
        for part in range(1, sizes[tx] + 1):
            if seen[tx, part] == 0 or (seen[tx, part] > 1 and not twice):
                problems.append(f"row {tx}/{part} is there {seen[tx, part]} times")
    problems += [f"transaction {tx} was never committed" for tx in sizes if tx > committed]
    versions = collections.defaultdict(list)
    for message in kafka.consume(f"{prefix}.{load.space}.account", isolation, seconds=90):
        event = payload(message)
        versions[event["after"]["id"]].append(event["after"]["version"])
    stands = dict(load.db.sql("select id, version from account"))
    for account, final in stands.items():
        found = versions.get(account, [])
        first = found[0] if found else 0
        wanted = list(range(first, final + 1))
        if twice:
            found = sorted(set(found))
        if (found or final > 0) and (found != wanted or first > 1):
            problems.append(f"account {account} went {found[:50]}, and stands at {final}")
    assert not problems, f"{len(problems)} problems in {sum(seen.values())} rows of {committed} transactions: " + \
        "; ".join(problems[:10])
    return sum(seen.values())

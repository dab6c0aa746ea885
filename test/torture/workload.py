"""Writers that do to ten tables whatever applications do, at random, from a seed: inserts, updates with and without a
change of the key, deletes, COPY, TRUNCATE, ALTER TABLE, savepoints, rollbacks, large transactions."""
import random
import threading
import time

import psycopg

TABLES = [f"t{i}" for i in range(10)]
BIG = "x" * 60  # repeated beyond 2 kB it is stored out of line


def create(db):
    """t0..t5: plain keys; t6: two key columns; t7: identity by another index; t8: no key, identity full; t9: full."""
    for name in TABLES[:6] + ["t9"]:
        db.sql(f"create table {name} (id bigint primary key, a integer, b text, big text)")
    db.sql("create table t6 (id bigint, k text, a integer, b text, big text, primary key (id, k))")
    db.sql("create table t7 (id bigint not null, a integer, b text, big text)")
    db.sql("create unique index t7_id on t7 (id)")
    db.sql("alter table t7 replica identity using index t7_id")
    db.sql("create table t8 (id bigint, a integer, b text, big text)")
    for name in ("t8", "t9"):
        db.sql(f"alter table {name} replica identity full")
    for name in TABLES:
        db.sql(f"alter table {name} alter column big set storage external")


def fill(db, rows):
    """So many rows in every table, for a snapshot to read; some of them belong to each writer."""
    for name in TABLES:
        key = ", k" if name == "t6" else ""
        one = ", 'k1'" if key else ""
        db.sql(f"insert into {name} (id{key}, a, b, big) select (1 + i % 4) * 1000000000::bigint + i / 4{one}, i, 'filled', "
               f"case when i % 50 = 0 then repeat('{BIG}', 50) end "
               f"from generate_series(1, {rows}) i")


class Writer(threading.Thread):
    """One connection's worth of work until .ending is set. Lost connections are made again: the database decides
    what was committed, and the checker asks the database."""

    def __init__(self, dsn, seed, number, ending, pause, large=0.2, serial=0):
        super().__init__(daemon=True)
        self.dsn, self.ending, self.pause, self.large_share = dsn, ending, pause, large
        self.gentle = threading.Event()  # set: neither TRUNCATE nor ALTER, which a snapshot's view does not hide
        self.random = random.Random(f"{seed}-{number}")
        self.number = number
        self.serial = serial
        self.committed = 0
        self.failure = None

    def run(self):
        while not self.ending.is_set():
            try:
                with psycopg.connect(self.dsn, connect_timeout=5) as connection:
                    connection.execute("set lock_timeout = '2s'")
                    connection.execute("set statement_timeout = '20s'")
                    connection.commit()
                    while not self.ending.is_set():
                        self.transaction(connection)
                        time.sleep(self.random.expovariate(1 / self.pause))
            except (psycopg.OperationalError, psycopg.InterfaceError):
                time.sleep(0.05)
            except Exception as failure:  # a fault of this test: told at the end
                self.failure = failure
                return

    def transaction(self, connection):
        try:
            for _ in range(self.random.choice((1, 1, 1, 2, 5, 20))):
                self.step(connection)
            if self.random.random() < 0.08:
                connection.rollback()
            else:
                connection.commit()
                self.committed += 1
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected,
                psycopg.errors.UniqueViolation, psycopg.errors.UndefinedColumn, psycopg.errors.DuplicateColumn):
            connection.rollback()

    def step(self, connection):
        table = self.random.choice(TABLES)
        actions = [(self.insert, 40), (self.update, 25), (self.change_key, 6), (self.delete, 12), (self.copy, 3),
                   (self.savepoint, 6), (self.large, self.large_share)]
        if not self.gentle.is_set():
            actions += [(self.truncate, 0.15), (self.alter, 0.3)]
        action = self.random.choices([pair[0] for pair in actions], [pair[1] for pair in actions])[0]
        action(connection, table)

    def next_id(self):
        self.serial += 1
        return self.number * 1_000_000_000 + self.serial

    def some_id(self):
        """One that this writer made not long ago; it may be gone."""
        return self.number * 1_000_000_000 + self.random.randint(max(1, self.serial - 400), max(1, self.serial))

    def text(self):
        return self.random.choice(["", "plain", "quote ' and \" and \\", "line\nfeed\ttab", "\u00e4\u4e2d\U0001f600", None])

    def big(self):
        return BIG * 50 if self.random.random() < 0.1 else None

    def row(self, table):
        key = (self.next_id(),) + ((f"k{self.random.randint(1, 3)}",) if table == "t6" else ())
        return key + (self.random.randint(-2**31, 2**31 - 1), self.text(), self.big())

    def columns(self, table):
        return "id, k, a, b, big" if table == "t6" else "id, a, b, big"

    def insert(self, connection, table):
        row = self.row(table)
        marks = ", ".join(["%s"] * len(row))
        connection.execute(f"insert into {table} ({self.columns(table)}) values ({marks})", row)

    def update(self, connection, table):
        # leaves `big` alone, so that it comes as unchanged; t8 may hold a row twice, which is fine
        connection.execute(f"update {table} set a = a # 1, b = %s where id between %s and %s",
                           (self.text(), low := self.some_id(), low + self.random.choice((0, 0, 3))))

    def change_key(self, connection, table):
        connection.execute(f"update {table} set id = %s where id = %s", (self.next_id(), self.some_id()))

    def delete(self, connection, table):
        connection.execute(f"delete from {table} where id between %s and %s",
                           (low := self.some_id(), low + self.random.choice((0, 0, 2, 10))))

    def copy(self, connection, table):
        with connection.cursor().copy(f"copy {table} ({self.columns(table)}) from stdin") as copy:
            for _ in range(self.random.randint(1, 50)):
                copy.write_row(self.row(table))

    def savepoint(self, connection, table):
        connection.execute("savepoint s")
        self.insert(connection, table)
        self.update(connection, table)
        if self.random.random() < 0.5:
            connection.execute("rollback to savepoint s")
        else:
            connection.execute("release savepoint s")
        self.insert(connection, table)

    def large(self, connection, table):
        count = self.random.randint(500, 2000)
        first = self.serial + 1
        self.serial += count
        base = self.number * 1_000_000_000
        key = ", 'k1'" if table == "t6" else ""
        connection.execute(f"insert into {table} ({self.columns(table)}) select i{key}, 1, 'large', null "
                           "from generate_series(%s::bigint, %s::bigint) i", (base + first, base + first + count - 1))

    def truncate(self, connection, table):
        names = self.random.sample(TABLES, self.random.choice((1, 1, 2)))
        connection.execute("truncate " + ", ".join(names))

    def alter(self, connection, table):
        column = f"extra{self.random.randint(1, 3)}"
        has = connection.execute("select 1 from information_schema.columns where table_name = %s and column_name = %s",
                                 (table, column)).fetchone()
        if has:
            # Values of a dropped column are in no event; without them the events tell all of a row.
            connection.execute(f"update {table} set {column} = null where {column} is not null")
            connection.execute(f"alter table {table} drop column {column}")
        else:
            connection.execute(f"alter table {table} add column {column} integer")
            connection.execute(f"update {table} set {column} = 7 where id = %s", (self.some_id(),))

"""tail as a person uses it: on a terminal, in a pipe, with a wrong password; and it leaves nothing behind."""
import json
import os
import pty
import signal
import subprocess
import time

import pytest
from millrace import binary
from servers import process


@pytest.fixture
def orders(db):
    db.sql("create table orders (id int primary key, state text)")
    yield db
    assert db.slots() == [] and db.sql("select pubname from pg_publication") == []


def ready(db):
    return db.sql("select 1 from pg_replication_slots where database = %s and active", [db.name])


def on_a_terminal(db, env):
    """What a terminal shows for one insert, and the exit code after Ctrl-C."""
    screen, terminal = pty.openpty()
    started = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", binary(), "tail", db.dsn], stdin=terminal, stdout=terminal,
                               stderr=subprocess.PIPE, env={**os.environ, "TERM": "xterm", **env})
    os.close(terminal)
    try:
        process.wait_until(lambda: ready(db), 60, "tail's slot is active")
        db.sql("insert into orders values (1, 'new')")
        shown = os.read(screen, 4096).decode()
        started.send_signal(signal.SIGINT)
        return shown, started.wait(20)
    finally:
        started.kill()
        started.wait()
        os.close(screen)


def test_a_terminal_gets_colour(orders):
    shown, code = on_a_terminal(orders, {"NO_COLOR": ""})
    assert "\x1b[32m+ public.orders\x1b[0m" in shown and code == 0


def test_no_color_is_honoured(orders):
    shown, code = on_a_terminal(orders, {"NO_COLOR": "1"})
    assert " + public.orders  id=1 state=new" in shown and "\x1b" not in shown and code == 0


def test_a_pipe_that_closes_ends_it(orders, tmp_path):
    command = f"{binary()} tail '{orders.dsn}' --format flat | head -n 1"
    piped = subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE, text=True)
    try:
        process.wait_until(lambda: ready(orders), 60, "tail's slot is active")
        for number in range(1, 200):
            orders.sql("insert into orders values (%s, 'new')", [number])
            if piped.poll() is not None:
                break
            time.sleep(0.02)
        out, _ = piped.communicate(timeout=20)
    finally:
        piped.kill()
    assert json.loads(out)["id"] == 1


def test_only_the_tables_asked_for(orders, millrace):
    orders.sql("create table audit (id int primary key)")
    tail = millrace.start("tail", orders.dsn, "--table", "public.ord*", "--limit", "1")
    process.wait_until(lambda: ready(orders), 60, "tail's slot is active", tail)
    orders.sql("insert into audit values (1)")
    orders.sql("insert into orders values (7, 'two words')")
    assert tail.wait() == 0
    assert len(tail.lines) == 1 and tail.lines[0].endswith('+ public.orders  id=7 state="two words"')


def test_every_operation_has_its_sign(orders, millrace):
    orders.sql("alter table orders replica identity full")
    tail = millrace.start("tail", orders.dsn, "--limit", "5")
    process.wait_until(lambda: ready(orders), 60, "tail's slot is active", tail)
    orders.sql("insert into orders values (1, 'new')")
    orders.sql("update orders set state = 'paid'")
    orders.sql("update orders set id = 2")
    orders.sql("delete from orders")
    orders.sql("truncate orders")
    assert tail.wait() == 0
    assert [line[13:] for line in tail.lines] == [
        "+ public.orders  id=1 state=new", "~ public.orders  id=1  state: new -> paid",
        "~ public.orders  id=2  id: 1 -> 2", "- public.orders  id=2", "! public.orders  truncated"]


@pytest.mark.parametrize("words, code, says", [
    ({"port": 1}, 69, "cannot connect"),
    ({"user": "nobody_at_all"}, 77, "nobody_at_all"),
    ({"dbname": "no_such_database"}, 78, "no_such_database"),
])
def test_what_cannot_be_is_one_sentence_and_a_code(orders, millrace, words, code, says):
    dsn = " ".join(f"{key}={value}" for key, value in
                   (dict(word.split("=") for word in orders.dsn.split()) | words).items())
    done = millrace.run("tail", dsn)
    assert done.popen.returncode == code, done.tail()
    assert says in done.errors[0] and done.errors[0].startswith("error: ")
    assert sum(line.startswith("error: ") for line in done.errors) == 1 and len(done.errors) < 6

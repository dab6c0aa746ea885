"""Files with a real PostgreSQL: rolling by signal, compression, verification, a disk that is full, and memory.

MILLRACE_FULL holds the disk full for two and a half minutes, writes a transaction of 2 M rows and a row of 100 MB.
"""
import errno
import gzip
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import files
import killat
import pytest
from servers import process

CONFIG = """
version: 1
pipelines:
  p:
    source: {{type: postgres, dsn: "{dsn}", name: shop, tables: ["public.*"], slot: {slot}, snapshot: no_data}}
    format: {{type: json}}
    sink: {{type: file, directory: {out}, compression: {compression}, roll: {{bytes: {bytes}, age: {age}}}}}
"""
MEMORY_MIB = 64
FULL = bool(os.environ.get("MILLRACE_FULL"))


class Route:
    def __init__(self, db, millrace, out=None, compression="none", bytes="64MiB", age="100ms"):
        self.db, self.millrace = db, millrace
        self.out = pathlib.Path(out or millrace.folder / "out")
        db.sql("create table t (id bigint primary key, v text)")
        self.config = millrace.config(CONFIG.format(dsn=db.dsn, slot=db.name, out=self.out, compression=compression,
                                                    bytes=bytes, age=age))
        self.to_now()

    def to_now(self):
        done = self.millrace.run("run", "--until", "now", self.config, seconds=120)
        assert done.popen.returncode == 0, done.tail()

    def insert(self, first, last, width=1):
        self.db.sql("insert into t select i, repeat('x', %s) from generate_series(%s::int, %s::int) i", [width, first, last])

    def published(self):
        return sum(entry["records"] for commit in files.commits(self.out) for entry in commit["files"])

    def verify(self):
        return self.millrace.run("files", "verify", self.out)


def memory(running, what):
    for line in open(f"/proc/{running.pid}/status"):
        if line.startswith(what + ":"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no {what}")


def test_a_signal_rolls_the_files_at_once(db, millrace):
    route = Route(db, millrace, age="1h")
    running = millrace.start("run", route.config)
    running.wait_error("streaming")
    route.insert(1, 3)
    process.wait_until(lambda: not list(route.out.glob("t*")), 1, "nothing published yet")
    for _ in range(100):  # until the rows are there to be rolled
        running.signal(signal.SIGUSR1)
        try:
            process.wait_until(lambda: route.published() == 3, 1, "three rows")
            break
        except AssertionError:
            continue
    assert route.published() == 3
    time.sleep(1)  # a signal that came too late is forgotten by then
    route.insert(4, 5)
    with pytest.raises(AssertionError, match="five rows"):  # the next ones wait for their own roll
        process.wait_until(lambda: route.published() == 5, 1.5, "five rows")
    assert running.stop() == 0
    assert route.published() == 5


@pytest.mark.parametrize("compression, suffix", [("none", ".jsonl"), ("gzip", ".jsonl.gz"), ("zstd", ".jsonl.zst")])
def test_compressed_files_are_verified_and_damage_is_found(db, millrace, compression, suffix):
    route = Route(db, millrace, compression=compression)
    route.insert(1, 20000, 50)
    route.to_now()
    found = [path for path in route.out.rglob("*.jsonl*") if "_millrace" not in path.parts]
    assert found and all(path.name.endswith(suffix) for path in found)
    if compression == "gzip":
        lines = b"".join(gzip.decompress(path.read_bytes()) for path in found).splitlines()
        assert len(lines) == 20000
    good = route.verify()
    assert good.popen.returncode == 0, good.tail()
    with open(found[0], "r+b") as file:
        file.seek(found[0].stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    bad = route.verify()
    assert bad.popen.returncode != 0
    assert "files.changed" in bad.tail(50)


class Load:
    """Writes without rest until stop(): a hundred rows a transaction; .rows is how many were committed."""

    def __init__(self, db):
        self.rows, self.ending = 0, threading.Event()
        self.thread = threading.Thread(target=self.run, args=(db,), daemon=True)
        self.thread.start()

    def run(self, db):
        with db.connect() as connection:
            while not self.ending.is_set():
                connection.execute("insert into t select i, repeat('x', 200) from generate_series(%s::int, %s::int) i",
                                   [self.rows + 1, self.rows + 100])
                self.rows += 100
                time.sleep(0.002)

    def stop(self):
        self.ending.set()
        self.thread.join(60)
        return self.rows


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 MiB: .path .grow()"""
    class Disk:
        path = tmp_path / "small"

        def grow(self):
            subprocess.run(["mount", "-o", "remount,size=4g", self.path], check=True)

    Disk.path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", Disk.path], capture_output=True).returncode != 0:
        pytest.skip("a file system of 16 MiB cannot be mounted here: needs root")
    yield Disk()
    subprocess.run(["umount", "-l", Disk.path], check=True)


def walsender(db):
    """The session that reads our slot, how far it has sent, and where the log ends."""
    return db.sql("select r.pid, sent_lsn, pg_current_wal_lsn() from pg_stat_replication r join pg_replication_slots s "
                  "on s.active_pid = r.pid where s.slot_name = %s", [db.name])[0]


@pytest.mark.release
def test_a_disk_that_is_full_for_minutes_stops_the_reading_and_loses_nothing(db, millrace, small_disk):
    """Under a steady load: told once a minute, the connection stays up, memory stays small, and it goes on by itself."""
    seconds = 150 if FULL else 15
    db.server.sql("alter system set wal_sender_timeout = '8s'")  # a reader that only waits would be thrown out
    db.server.sql("select pg_reload_conf()")
    try:
        route = Route(db, millrace, out=small_disk.path / "out")
        running = millrace.start("run", route.config)
        running.wait_error("streaming")
        load = Load(db)
        running.wait_error("sink.file.disk_full", 120)
        published, seen = route.published(), [walsender(db)]

        def stands_still():
            """The queue and the sockets are full: what is sent has not moved for three seconds."""
            time.sleep(1)
            seen.append(walsender(db))
            return len(seen) > 3 and len({sent for _, sent, _ in seen[-4:]}) == 1

        process.wait_until(stands_still, 90, "the reading stops", running)
        begin, (pid, sent, end) = time.monotonic(), seen[-1]
        while time.monotonic() - begin < seconds:
            time.sleep(1)
            assert not running.ended(), running.tail()
        assert route.published() == published
        again = walsender(db)
        assert again[0] == pid, "the server has thrown the reader out"
        assert again[1] == sent and again[2] != end, "it was read on although there is no room"
        peak = memory(running, "VmHWM")
        assert peak < MEMORY_MIB, f"{peak:.0f} MiB while the disk was full"
        told = [line for line in running.errors if "sink.file.disk_full" in line]
        assert len(told) <= 1 + (time.monotonic() - begin + 5) // 60, told
        small_disk.grow()
        running.wait_error("sink.file.disk_room", 30)
        rows = load.stop()
        process.wait_until(lambda: route.published() == rows, 300, "all rows", running, pause=0.5)
        peak = memory(running, "VmHWM")
        assert peak < MEMORY_MIB, f"{peak:.0f} MiB for the backlog of {rows} rows"
        print(f"full for {seconds} s: {rows} rows, peak {peak:.1f} MiB")
        assert running.stop() == 0
        assert route.verify().popen.returncode == 0
        assert [json.loads(line)["after"]["id"] for line in files.lines(route.out)] == list(range(1, rows + 1))
    finally:
        db.server.sql("alter system reset wal_sender_timeout")
        db.server.sql("select pg_reload_conf()")


def test_a_starter_takes_over_from_a_busy_owner(db, millrace, proxy):
    """The owner commits many times while the other one, on a slow network, looks, connects and claims."""
    route = Route(db, millrace, age="10ms")
    slow = proxy(db.server.port)
    slow.rate = 20_000
    other = millrace.config(pathlib.Path(route.config).read_text().replace(f"port={db.server.port}", f"port={slow.port}"),
                            "slow.yaml")
    owner = millrace.start("run", route.config)
    owner.wait_error("streaming")
    load = Load(db)
    process.wait_until(lambda: route.published() > 0, 30, "rows", owner)
    starter = millrace.start("run", other)
    assert owner.wait(60) == 75, f"{owner.tail()}\n{starter.tail()}"
    starter.wait_error("pipeline claimed", 60)
    slow.rate = None
    rows = load.stop()
    process.wait_until(lambda: route.published() == rows, 120, "all rows", starter, pause=0.2)
    assert starter.stop() == 0
    assert [json.loads(line)["after"]["id"] for line in files.lines(route.out)] == list(range(1, rows + 1))


PLACES = {
    "a segment is opened": ("open", ".segment"),
    "a segment is written": ("write", ".segment"),
    "a segment is synced": ("fdatasync", ".segment"),
    "the commit file is opened": ("open", ".commit"),
    "the commit file is written": ("write", ".commit"),
    "the commit file is synced": ("fdatasync", ".commit"),
    "the commit file is linked": ("link", ".json"),
    "a directory is made": ("mkdir", "shop.public.t"),
    "a file is moved to its place": ("rename", "shop.public.t"),
    "a directory is synced": ("fsync", "/"),
}


@pytest.mark.parametrize("place", PLACES)
def test_no_room_where(place, db, millrace, tmp_path):
    """For three seconds each such call fails with ENOSPC, while rows are written; then there is room."""
    route = Route(db, millrace)
    flag = tmp_path / "full"
    calls, path = PLACES[place]
    attack = killat.Attack(tmp_path)
    running = millrace.start("run", route.config, env=attack.fail_while(flag, calls, errno.ENOSPC, path))
    running.wait_error("streaming")
    flag.touch()
    route.insert(1, 2000, 200)
    process.wait_until(lambda: attack.calls(), 30, "such a call", running)
    time.sleep(3)
    assert not running.ended(), running.tail()
    flag.unlink()
    route.insert(2001, 3000, 200)
    process.wait_until(lambda: route.published() == 3000, 60, "all rows", running)
    assert running.stop() == 0, running.tail()
    assert route.verify().popen.returncode == 0
    assert [json.loads(line)["after"]["id"] for line in files.lines(route.out)] == list(range(1, 3001))


def test_a_large_transaction_takes_little_memory(db, millrace):
    rows = 2_000_000 if FULL else 400_000
    route = Route(db, millrace)
    route.insert(1, rows, 100)
    running = millrace.start("run", route.config)
    process.wait_until(lambda: route.published() == rows, 600 if FULL else 120, "all rows", running, pause=0.5)
    peak = memory(running, "VmHWM")
    print(f"{rows} rows in one transaction: peak {peak:.1f} MiB")
    assert peak < MEMORY_MIB
    assert running.stop() == 0


def test_a_row_larger_than_a_batch_does_not_wait_for_an_idle_position(db, millrace):
    route = Route(db, millrace)
    running = millrace.start("run", route.config)
    running.wait_error("streaming")
    for number in range(1, 4):  # one of them is seen in time even on a machine that pauses
        route.insert(number, number, 2 << 20)
        try:
            process.wait_until(lambda: route.published() == number, 8, "the row", running)  # idle positions: every ten seconds
            break
        except AssertionError:
            assert number < 3
    assert running.stop() == 0


def test_a_huge_row_passes_and_its_memory_is_given_back(db, millrace):
    route = Route(db, millrace)
    size = 100 if FULL else 60
    running = millrace.start("run", route.config)
    running.wait_error("streaming")
    route.insert(1, 1, size << 20)
    process.wait_until(lambda: route.published() == 1, 120, "the row", running)
    peak = memory(running, "VmHWM")
    assert peak < MEMORY_MIB + 5 * size
    begin = time.monotonic()
    process.wait_until(lambda: memory(running, "VmRSS") < MEMORY_MIB, 10 if FULL else 20, "memory given back", running)
    print(f"a row of {size} MiB: peak {peak:.1f} MiB, {memory(running, 'VmRSS'):.1f} MiB after "
          f"{time.monotonic() - begin:.1f} s")
    assert running.stop() == 0
    assert len(files.events(route.out)[0]["after"]["v"]) == size << 20

"""Files with a real PostgreSQL: rolling by signal, compression, verification, a disk that is full, and memory."""
import gzip
import os
import pathlib
import signal
import subprocess
import time

import files
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


def test_a_full_disk_is_waited_for_in_little_memory(db, millrace, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", small], capture_output=True).returncode != 0:
        pytest.skip("a file system of 8 MiB cannot be mounted here: needs root")
    try:
        route = Route(db, millrace, out=small / "out")
        for part in range(10):
            route.insert(part * 30000 + 1, part * 30000 + 30000, 100)
        running = millrace.start("run", route.config)
        running.wait_error("sink.file.disk_full", 60)
        with pytest.raises(AssertionError):
            process.wait_until(running.ended, 5, "an end")
        assert memory(running, "VmHWM") < MEMORY_MIB
        subprocess.run(["mount", "-o", "remount,size=1g", small], check=True)
        process.wait_until(lambda: route.published() == 300000, 60, "all rows", running)
        assert running.stop() == 0
        assert route.verify().popen.returncode == 0
        assert len(files.lines(route.out)) == 300000
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def test_a_large_transaction_takes_little_memory(db, millrace):
    route = Route(db, millrace)
    route.insert(1, 400000, 100)
    running = millrace.start("run", route.config)
    process.wait_until(lambda: route.published() == 400000, 60, "all rows", running)
    assert memory(running, "VmHWM") < MEMORY_MIB
    assert running.stop() == 0


def test_a_row_larger_than_a_batch_does_not_wait_for_an_idle_position(db, millrace):
    route = Route(db, millrace)
    running = millrace.start("run", route.config)
    running.wait_error("streaming")
    route.insert(1, 1, 2 << 20)
    process.wait_until(lambda: route.published() == 1, 8, "the row", running)  # idle positions: every ten seconds
    assert running.stop() == 0


def test_a_huge_row_passes_and_its_memory_is_given_back(db, millrace):
    route = Route(db, millrace)
    size = 60
    running = millrace.start("run", route.config)
    running.wait_error("streaming")
    route.insert(1, 1, size << 20)
    process.wait_until(lambda: route.published() == 1, 60, "the row", running)
    assert memory(running, "VmHWM") < MEMORY_MIB + 5 * size
    process.wait_until(lambda: memory(running, "VmRSS") < MEMORY_MIB, 15, "memory given back", running)
    assert running.stop() == 0
    assert len(files.events(route.out)[0]["after"]["v"]) == size << 20

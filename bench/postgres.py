"""A PostgreSQL backlog through millrace, and through the least that can read it.

Each load is written once behind a slot that stays where it is; every run reads its own copy of that slot, so all
contestants read the same log. They run in turns (first of each, then second of each), because a machine's speed
drifts; what is told is the median, and ratios within the run. CPU and peak memory are the process's own, from
wait4(); the server's are not counted.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "support"))

from servers.kafka import Kafka  # noqa: E402
from servers.postgres import Database, Postgres  # noqa: E402

TABLE = """create table bench (
    id bigint primary key, customer integer not null, amount numeric(12,2) not null, state text not null,
    at timestamptz not null, note text)"""
INSERT = """insert into bench (id, customer, amount, state, at, note) select i, mod(i, 10000), i / 100.0, 'state-' || mod(i, 7), now(), repeat(md5(i::text), 4)
    from generate_series({0}, {1}) i"""
LOADS = {"hundred": "transactions of 100 rows", "single": "transactions of one row", "huge": "one transaction"}
READERS = {"raw reader, plain": "plain", "raw reader, SO_RCVLOWAT": "lowat", "raw reader, bursts": "bursts"}


class Outcome:
    def __init__(self, wall, cpu, peak, text=""):
        self.wall, self.cpu, self.peak, self.text = wall, cpu, peak, text


def watch(pid, ended, ret_peak):
    """The high-water mark of the process itself: ru_maxrss would also count what it was forked from."""
    while not ended.wait(0.02):
        try:
            for line in open(f"/proc/{pid}/status"):
                if line.startswith("VmHWM:"):
                    ret_peak[0] = max(ret_peak[0], int(line.split()[1]) / 1024)
        except OSError:
            return


def measure(command) -> Outcome:
    """Runs a process to its end: wall clock, its own CPU seconds, its peak resident MiB."""
    peak, ended = [0.0], threading.Event()
    begin = time.monotonic()
    child = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    watcher = threading.Thread(target=watch, args=(child.pid, ended, peak))
    watcher.start()
    text = child.stdout.read().decode(errors="replace")
    ended.set()
    watcher.join()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {child.returncode}\n{text[-3000:]}")
    return Outcome(wall, usage.ru_utime + usage.ru_stime, peak[0], text)


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-bench-", dir=options.directory))
        self.server = Postgres(shared_buffers="'512MB'", max_wal_size="'40GB'", checkpoint_timeout="'1h'",
                               autovacuum="off", full_page_writes="off").start()
        self.db = Database(self.server, "bench")
        self.serial = 0
        self.kafka = Kafka(heap="1g").start() if options.name == "postgres-kafka" else None
        self.reader = self.folder / "raw_reader"
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libpq"], capture_output=True, text=True, check=True)
        subprocess.run(["cc", "-O2", "-o", self.reader, ROOT / "bench" / "raw_reader.c", *flags.stdout.split()], check=True)

    def close(self):
        if self.kafka:
            self.kafka.close()
        self.server.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def load(self, kind):
        """Writes one load behind a slot of its own; the log position inside its last transaction."""
        self.db.sql("drop table if exists bench")
        self.db.sql(TABLE)
        self.db.sql("drop publication if exists bench")
        self.db.sql("create publication bench for table bench")
        self.db.sql("select pg_create_logical_replication_slot(%s, 'pgoutput')", [f"base_{kind}"])
        rows, step = self.options.rows - 1, {"hundred": 100, "single": 1, "huge": self.options.rows}[kind]
        self.db.sql(f"""do $$ declare at bigint := 1; begin
            while at <= {rows} loop
                {INSERT.format('at', f'least(at + {step} - 1, {rows})')};
                commit; at := at + {step};
            end loop; end $$""")
        until = self.db.one("select (pg_current_wal_insert_lsn() + 1)::text")
        self.db.sql(INSERT.format(rows + 1, rows + 1))  # the commit that ends the reading lies behind that
        # what --until takes: everything up to there
        self.end = self.db.one("select pg_current_wal_insert_lsn()::text")
        self.db.sql("checkpoint")
        return until

    def slot(self, kind):
        self.serial += 1
        name = f"run_{self.serial}"
        self.db.sql("select pg_copy_logical_replication_slot(%s, %s)", [f"base_{kind}", name])
        return name

    def drop(self, slot):
        self.db.sql("select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = %s and active",
                    [slot])
        for _ in range(100):
            try:
                self.db.sql("select pg_drop_replication_slot(%s)", [slot])
                return
            except Exception:  # still in use: its walsender has not noticed yet
                time.sleep(0.05)

    def raw(self, kind, until, mode):
        slot = self.slot(kind)
        outcome = measure([self.reader, self.db.dsn, slot, "bench", until, mode])
        rows = json.loads(outcome.text)["rows"]
        assert rows == self.options.rows, f"raw reader saw {rows} rows"
        self.drop(slot)
        return outcome

    def recvlogical(self, kind, until):
        slot = self.slot(kind)
        outcome = measure([self.server.bin / "pg_recvlogical", "-d", self.db.dsn, "--slot", slot, "--start", "-f",
                           "/dev/null", "--endpos", until, "--no-loop", "-o", "proto_version=1", "-o",
                           "publication_names=bench"])
        self.drop(slot)
        return outcome

    def millrace(self, kind, sink, keep=False):
        slot = self.slot(kind)
        out = self.folder / f"out-{self.serial}"
        words = {"null": "{type: null}", "file": f"{{type: file, directory: {out}}}"}
        for delivery in ("exactly_once", "at_least_once"):
            words[delivery] = (f'{{type: kafka, brokers: ["{self.kafka and self.kafka.bootstrap}"], delivery: {delivery}, '
                               f"create_topics: {{partitions: {self.options.partitions}}}}}")
        config = self.folder / "millrace.yaml"
        config.write_text(f"""version: 1
pipelines:
  {slot}:
    source: {{type: postgres, dsn: "{self.db.dsn}", name: {slot}, tables: [public.bench], slot: {slot},
             adopt_slot: true, publication: {{name: bench, create: never}}, snapshot: no_data}}
    format: {{type: json, envelope: debezium}}
    sink: {words[sink].replace('type: null', 'type: "null"')}
""")
        outcome = measure([self.options.binary, "run", "--log-level", "warn", "--until", self.end, config])
        self.drop(slot)
        if sink.endswith("_once"):
            topic = f"{slot}.public.bench"
            rows = self.kafka.count(topic)
            assert rows == self.options.rows, f"{topic} holds {rows} rows"
            self.kafka.delete_topic(topic)
        if sink == "file":
            lines = sum(commit["records"] for path in (out / "_millrace").glob("*.json")
                        for commit in json.loads(path.read_text())["files"])
            assert lines == self.options.rows, f"the files hold {lines} rows"
            outcome.bytes = sum(path.stat().st_size for path in out.rglob("*.jsonl"))
            if keep:
                self.sample = self.folder / "sample"
                with open(self.sample, "wb") as sample:
                    for path in sorted(out.rglob("*.jsonl")):
                        sample.write(path.read_bytes())
            shutil.rmtree(out)
        return outcome

    def dd(self):
        target = self.folder / "dd"
        outcome = measure(["dd", f"if={self.sample}", f"of={target}", "bs=1M", "conv=fdatasync"])
        target.unlink()
        return outcome

    def contestants(self, kind, until, sink):
        found = {name: (lambda mode=mode: self.raw(kind, until, mode)) for name, mode in READERS.items()}
        found["pg_recvlogical to /dev/null"] = lambda: self.recvlogical(kind, until)
        found["millrace to null"] = lambda: self.millrace(kind, "null")
        if sink == "file":
            found["millrace to files"] = lambda: self.millrace(kind, "file")
            found["dd with fdatasync, the same bytes"] = self.dd
        if sink == "kafka":
            found["millrace to Kafka, exactly_once"] = lambda: self.millrace(kind, "exactly_once")
            found["millrace to Kafka, at_least_once"] = lambda: self.millrace(kind, "at_least_once")
        return found

    def race(self, kind, sink):
        until = self.load(kind)
        if sink == "file":
            self.millrace(kind, "file", keep=True)
        found = self.contestants(kind, until, sink)
        outcomes = {name: [] for name in found}
        for turn in range(self.options.rounds):
            for name, run in found.items():
                outcomes[name].append(run())
                print(f"{kind} {turn + 1}/{self.options.rounds} {name}: {self.options.rows / outcomes[name][-1].wall:,.0f} "
                      f"rows/s", file=sys.stderr)
        self.db.sql("select pg_drop_replication_slot(%s)", [f"base_{kind}"])
        return table(kind, self.options, outcomes)


def table(kind, options, outcomes):
    lines = [f"### {LOADS[kind]}", "", "| | rows/s, median | least to most | CPU s per 1 M rows | peak MiB |",
             "|---|---|---|---|---|"]
    for name, runs in outcomes.items():
        rates = [options.rows / run.wall for run in runs]
        cpu = statistics.median(run.cpu for run in runs) * 1e6 / options.rows
        lines.append(f"| {name} | {statistics.median(rates):,.0f} | {min(rates):,.0f} to {max(rates):,.0f} | {cpu:.2f} | "
                     f"{max(run.peak for run in runs):.0f} |")
    return lines + [""] + ratios(options, outcomes)


def ratios(options, outcomes):
    def rate(name):
        return statistics.median(options.rows / run.wall for run in outcomes[name])

    lines = [f"- to null: {rate('millrace to null') / rate('raw reader, SO_RCVLOWAT'):.0%} of the raw reader with "
             "SO_RCVLOWAT"]
    if "millrace to files" in outcomes:
        lower = min(rate("raw reader, SO_RCVLOWAT"), rate("dd with fdatasync, the same bytes"))
        lines.append(f"- to files: {rate('millrace to files') / lower:.0%} of the lower of that and dd")
    if "millrace to Kafka, exactly_once" in outcomes:
        exact, least = rate("millrace to Kafka, exactly_once"), rate("millrace to Kafka, at_least_once")
        lines += [f"- to Kafka, exactly_once: {exact / rate('raw reader, SO_RCVLOWAT'):.0%} of the raw reader with "
                  f"SO_RCVLOWAT, {exact / least:.0%} of at_least_once"]
    return lines + [""]


def machine(options, bench):
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return [f"{options.rows:,} rows of about 200 B, {options.rounds} rounds in turns, PostgreSQL {bench.server.version}, "
            f"{os.cpu_count()} x {cpu}, Linux {platform.release()}, load {os.getloadavg()[0]:.1f} at the start.", ""]


def main():
    parser = argparse.ArgumentParser(prog="bench/run")
    parser.add_argument("name", choices=["postgres-null", "postgres-file", "postgres-kafka"])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--partitions", type=int, default=1, help="of the topic in Kafka")
    parser.add_argument("--loads", default="hundred,single,huge")
    parser.add_argument("--binary", default=ROOT / "build" / "release" / "millrace")
    parser.add_argument("--directory", help="where the server, the files and dd's copy go")
    parser.add_argument("--out")
    options = parser.parse_args()
    options.rows = options.rows or (200_000 if options.quick else 2_000_000)
    options.rounds = options.rounds or (3 if options.quick else 5)
    bench = Bench(options)
    try:
        lines = [f"## bench/run {options.name}", "", *machine(options, bench)]
        for kind in options.loads.split(","):
            lines += bench.race(kind, options.name.split("-")[1])
    finally:
        bench.close()
    text = "\n".join(lines)
    print(text)
    if options.out:
        pathlib.Path(options.out).write_text(text)


if __name__ == "__main__":
    main()

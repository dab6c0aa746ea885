"""From the commit in PostgreSQL until a read_committed consumer holds the row, beside a bare producer.

pgbench commits transactions at random times with a given mean rate, fsync on. The time of a row is its commit time in the
database, taken before the log is flushed, and the consumer's clock, on one machine. The raw reader shows what the
database alone takes; the bare producer, fed with the same sizes at the same rate while pgbench runs as well, what Kafka
alone takes with millrace's cadence: a Kafka transaction is committed so many milliseconds after its first record, but not
before three times what the last commit took. "again" is the same contestant a second time: what differs is noise.
A run that is not counted comes first: the broker's code is compiled in it, for which the first contestant would pay.
"""
import argparse
import json
import pathlib
import signal
import statistics
import struct
import subprocess
import time

import route
from measuring import cpu_seconds, machine, say
from servers import process

ROWS = """insert into bench (id, customer, amount, state, at, note) select i, mod(i, 10000), i / 100.0, 'state-' || mod(i, 7), now(),
    repeat(md5(i::text), 4) from (select nextval('ids') as i from generate_series(1, {0})) as numbers;
"""
RATES = {1_000: (100, 10), 20_000: (200, 100)}  # rows/s: transactions/s of so many rows
LABELS = {"raw": "raw reader: commit to socket", "bare": "bare transactional producer", "bare-again": "the same again",
          "eo-json": "millrace, exactly_once", "alo-json": "millrace, at_least_once",
          "connect": route.RIVALS["connect"], "server": route.RIVALS["server"]}
STANDARD = "raw,bare,bare-again,eo-json"
WARM_US = 2_000_000


class Outcome:
    def __init__(self, pairs, cores, commits=None):
        self.commits = commits  # Kafka transactions a second
        begin = min(stamp for stamp, _ in pairs) + WARM_US
        delays = sorted(delay / 1000 for stamp, delay in pairs if stamp >= begin)
        assert delays, "no record came after the first two seconds"
        self.count, self.cores = len(delays), cores
        self.p50, self.p99 = delays[len(delays) // 2], delays[len(delays) * 99 // 100]


class Bench(route.Route):
    def __init__(self, options, chosen):
        super().__init__(options, chosen, fsync="on", full_page_writes="on")
        self.chosen = chosen
        self.empty()
        self.db.sql("create sequence ids cache 1000")

    def background(self, *command):
        return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, child):
        """SIGTERM, and what it says."""
        child.send_signal(signal.SIGTERM)
        try:
            out, err = child.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
        assert child.returncode == 0, f"{child.args[0]} ended with {child.returncode}\n{err[-2000:]}"
        return out

    def pgbench(self, rate):
        transactions, rows = RATES[rate]
        script = self.folder / "pgbench.sql"
        script.write_text(ROWS.format(rows))
        return self.background(self.server.bin / "pgbench", "-n", "-f", script, "-R", transactions, "-c", 4, "-j", 1, "-M",
                               "prepared", "-T", self.options.seconds + WARM_US // 1_000_000, "-h", "127.0.0.1", "-p",
                               self.server.port, "-U", "postgres", "bench")

    def loaded(self, rate):
        """pgbench from beginning to end."""
        load = self.pgbench(rate)
        _, err = load.communicate()
        assert load.returncode == 0, err

    def reading(self, program, *arguments):
        """A reader that writes delays, once it is ready."""
        reader = self.background(program, *arguments)
        assert reader.stdout.readline() == "ready\n", reader.communicate()
        return reader

    def delays(self, path, cores, visible=None):
        """visible: what the topic says it holds, which is the records and one marker for each Kafka transaction."""
        pairs = list(struct.iter_unpack("=qq", path.read_bytes()))
        stamps = [stamp for stamp, _ in pairs]
        commits = (visible - len(pairs)) * 1e6 / (max(stamps) - min(stamps)) if visible and pairs else None
        return Outcome(pairs, cores, commits)

    def settle(self, topic):
        """Until nothing comes any more."""
        seen, since = self.visible(topic), time.monotonic()
        while time.monotonic() - since < 1:
            time.sleep(0.1)
            if self.visible(topic) != seen:
                seen, since = self.visible(topic), time.monotonic()

    def fresh_slot(self):
        name = self.name()
        self.db.sql("truncate bench")
        self.db.sql("select pg_create_logical_replication_slot(%s, 'pgoutput')", [name])
        return name

    def timed(self, rate, topic, pid, work):
        """Reads the topic while work() goes on; pid: whose CPU counts."""
        path = self.folder / "delays"
        reader = self.reading(self.topic_reader, self.kafka.bootstrap, topic, "delays", path)
        try:
            cpu, begin = cpu_seconds(pid()) if pid() else 0, time.monotonic()
            work()
            cores = (cpu_seconds(pid()) - cpu) / (time.monotonic() - begin) if pid() else None
            self.settle(topic)
        finally:
            self.end(reader)
        return self.delays(path, cores, self.visible(topic))

    def raw_delays(self, rate):
        slot, path = self.fresh_slot(), self.folder / "delays"
        reader = self.reading(self.reader, self.db.dsn, slot, "bench", path, "delays")
        cpu, begin = cpu_seconds(reader.pid), time.monotonic()
        self.loaded(rate)
        cores = (cpu_seconds(reader.pid) - cpu) / (time.monotonic() - begin)
        self.end(reader)
        self.drop(slot)
        return self.delays(path, cores)

    def bare_delays(self, rate):
        topic, transactions, rows = self.name(), *RATES[rate]
        seconds = self.options.seconds + WARM_US // 1_000_000
        self.db.sql("truncate bench")
        self.kafka.create_topic(topic, 1)

        def work():
            load = self.pgbench(rate)
            outcome = self.measured([self.bare_producer, self.kafka.bootstrap, topic, self.sample, "paced", transactions, rows,
                                     seconds, self.options.interval], 1)
            load.communicate()
            work.cores = outcome.cpu / outcome.wall

        outcome = self.timed(rate, topic, lambda: None, work)
        outcome.cores = work.cores
        self.kafka.delete_topic(topic)
        return outcome

    def start_millrace(self, name, delivery):
        path = self.config(name, self.sink(delivery, f", commit: {{interval: {self.options.interval}ms}}"))
        return subprocess.Popen([self.options.binary, "run", "--log-level", "warn", path], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def millrace(self, rate, delivery):
        name = self.fresh_slot()
        topic = f"{name}.public.bench"
        self.kafka.create_topic(topic, 1)
        running = self.start_millrace(name, delivery)
        try:
            route.wait_active(self.db, name)
            outcome = self.timed(rate, topic, lambda: running.pid, lambda: self.loaded(rate))
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(30)
        self.drop(name)
        self.kafka.delete_topic(topic)
        return outcome

    def debezium_delays(self, word, rate):
        name = self.fresh_slot()
        topic, rival = f"{name}.public.bench", self.debezium(word, name, "no_data", prompt=True)
        try:
            rival.start()
            route.wait_active(self.db, name, rival.process)
            outcome = self.timed(rate, topic, lambda: rival.process.pid, lambda: self.loaded(rate))
        finally:
            rival.close()
        self.drop(name)
        self.kafka.delete_topic(topic)
        return outcome

    def take_samples(self):
        """What the bare producer sends: records of millrace, of both kinds of transactions' sizes."""
        self.sample, name = self.folder / "sample", self.fresh_slot()
        topic = f"{name}.public.bench"
        self.kafka.create_topic(topic, 1)
        running = self.start_millrace(name, "exactly_once")
        try:
            self.db.sql(ROWS.format(route.SAMPLES))
            process.wait_until(lambda: self.visible(topic) > route.SAMPLES, 60, "records of millrace")
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(30)
        self.drop(name)
        self.take_sample(topic, self.sample)
        self.kafka.delete_topic(topic)

    def run(self, word, rate):
        if word == "raw":
            return self.raw_delays(rate)
        if word.startswith("bare"):
            return self.bare_delays(rate)
        if word in route.RIVALS:
            return self.debezium_delays(word, rate)
        return self.millrace(rate, {"eo-json": "exactly_once", "alo-json": "at_least_once"}[word])

    def race(self, rate):
        outcomes = {word: [] for word in self.chosen}
        for turn in range(self.options.rounds):
            for word in self.chosen:
                if word in route.RIVALS and (turn >= self.options.rival_rounds or route.missing(word)):
                    continue
                outcomes[word].append(self.run(word, rate))
                last = outcomes[word][-1]
                say(f"{rate} {turn + 1}/{self.options.rounds} {word}: p50 {last.p50:.1f} p99 {last.p99:.1f} ms, {last.count} rows")
        return table(rate, {word: runs for word, runs in outcomes.items() if runs})


def table(rate, outcomes):
    transactions, rows = RATES[rate]
    lines = [f"### {rate:,} rows/s: {transactions} transactions of {rows} rows a second", "",
             "| | p50 ms, median | least to most | p99 ms, median | least to most | its CPU, % of a core | Kafka transactions/s |",
             "|---|---|---|---|---|---|---|"]

    def middle(word, what):
        return statistics.median(what(run) for run in outcomes[word])

    for word, runs in outcomes.items():
        halves, tails = [run.p50 for run in runs], [run.p99 for run in runs]
        lines.append(f"| {LABELS[word]} | {statistics.median(halves):.1f} | {min(halves):.1f} to {max(halves):.1f} "
                     f"| {statistics.median(tails):.1f} | {min(tails):.1f} to {max(tails):.1f} "
                     f"| {statistics.median(run.cores for run in runs) * 100:.1f} "
                     f"| {f'{middle(word, lambda run: run.commits):.0f}' if runs[0].commits else '-'} |")
    lines.append("")
    for word in outcomes:
        if word not in ("raw", "bare") and "bare" in outcomes:
            lines.append(f"- {LABELS[word]}: {middle(word, lambda run: run.p50) / middle('bare', lambda run: run.p50):.2f} "
                         f"times the bare producer's p50, {middle(word, lambda run: run.p99) / middle('bare', lambda run: run.p99):.2f} "
                         "times its p99")
    if "raw" in outcomes and "bare" in outcomes and "eo-json" in outcomes:
        both = middle("raw", lambda run: run.p50) + middle("bare", lambda run: run.p50)
        lines.append(f"- {LABELS['eo-json']}: {middle('eo-json', lambda run: run.p50) / both:.2f} times the sum of the raw "
                     "reader's p50 and the bare producer's, which has no source to wait for")
    return lines + [""]


def options_of(arguments=None):
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=["postgres-kafka-latency"])
    route.add_route_options(parser, "one")
    parser.add_argument("--rates", default=",".join(map(str, RATES)))
    parser.add_argument("--seconds", type=int, help="of each run, after two to warm up")
    parser.add_argument("--interval", type=int, default=20, help="commit.interval in milliseconds")
    parser.add_argument("--contestants", help="a list, or all: " + ", ".join(LABELS))
    options = parser.parse_args(arguments)
    options.seconds = options.seconds or (3 if options.quick else 8)
    options.rounds = options.rounds or 3
    options.rival_rounds = 1 if options.rival_rounds is None else options.rival_rounds
    options.partitions = 1
    return options


def main():
    options = options_of()
    chosen = route.choose(options.contestants, LABELS, STANDARD)
    bench = Bench(options, chosen)
    try:
        lines = [f"## bench/run {options.name}", "",
                 f"{options.rounds} round{'s' * (options.rounds > 1)} of {options.seconds} s in turns, commit.interval {options.interval} ms, PostgreSQL "
                 f"{bench.server.version}, Kafka {route.kafka.VERSION}, JSON, one partition, {machine()}", ""]
        bench.take_samples()
        for rate in options.rates.split(","):
            bench.bare_delays(int(rate))
            lines += bench.race(int(rate))
    finally:
        bench.close()
    text = "\n".join(lines)
    print(text)
    if options.out:
        pathlib.Path(options.out).write_text(text)


if __name__ == "__main__":
    main()

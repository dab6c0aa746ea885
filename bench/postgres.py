"""A PostgreSQL backlog through millrace to null and to files, and through the least that can read it.

Contestants run in turns (first of each, then second of each), because a machine's speed drifts; what is told is the
median, and ratios within the run. CPU and peak memory are the process's own, from wait4(); the server's are not counted.
"""
import argparse
import json
import pathlib
import shutil
import statistics

from backlog import LOADS, Backlog, add_options
from measuring import machine, measure, say

READERS = {"raw reader, plain": "plain", "raw reader, SO_RCVLOWAT": "lowat", "raw reader, bursts": "bursts"}


class Bench(Backlog):
    def millrace(self, kind, sink, keep=False):
        slot = self.slot(kind)
        out = self.folder / f"out-{self.serial}"
        words = {"null": '{type: "null"}', "file": f"{{type: file, directory: {out}}}"}
        outcome = measure([self.options.binary, "run", "--log-level", "warn", "--until", self.end,
                           self.config(slot, words[sink])], self.options.rows)
        self.drop(slot)
        if sink == "file":
            lines = sum(commit["records"] for path in (out / "_millrace").glob("*.json")
                        for commit in json.loads(path.read_text())["files"])
            assert lines == self.options.rows, f"the files hold {lines} rows"
            if keep:
                self.sample = self.folder / "sample"
                with open(self.sample, "wb") as sample:
                    for path in sorted(out.rglob("*.jsonl")):
                        sample.write(path.read_bytes())
            shutil.rmtree(out)
        return outcome

    def dd(self):
        target = self.folder / "dd"
        outcome = measure(["dd", f"if={self.sample}", f"of={target}", "bs=1M", "conv=fdatasync"], self.options.rows)
        target.unlink()
        return outcome

    def contestants(self, kind, until):
        found = {name: (lambda mode=mode: self.raw(kind, until, mode)) for name, mode in READERS.items()}
        found["pg_recvlogical to /dev/null"] = lambda: self.recvlogical(kind, until)
        found["millrace to null"] = lambda: self.millrace(kind, "null")
        if self.options.name == "postgres-file":
            found["millrace to files"] = lambda: self.millrace(kind, "file")
            found["dd with fdatasync, the same bytes"] = self.dd
        return found

    def race(self, kind):
        until = self.load(kind)
        if self.options.name == "postgres-file":
            self.millrace(kind, "file", keep=True)
        found = self.contestants(kind, until)
        outcomes = {name: [] for name in found}
        for turn in range(self.options.rounds):
            for name, run in found.items():
                outcomes[name].append(run())
                say(f"{kind} {turn + 1}/{self.options.rounds} {name}: {outcomes[name][-1].rate:,.0f} rows/s")
        self.unload(kind)
        return table(kind, outcomes)


def table(kind, outcomes):
    lines = [f"### {LOADS[kind]}", "", "| | rows/s, median | least to most | CPU s per 1 M rows | peak MiB |",
             "|---|---|---|---|---|"]
    for name, runs in outcomes.items():
        rates = [run.rate for run in runs]
        cpu = statistics.median(run.cpu * 1e6 / run.rows for run in runs)
        lines.append(f"| {name} | {statistics.median(rates):,.0f} | {min(rates):,.0f} to {max(rates):,.0f} | {cpu:.2f} | "
                     f"{max(run.peak for run in runs):.0f} |")
    return lines + [""] + ratios(outcomes)


def ratios(outcomes):
    def rate(name):
        return statistics.median(run.rate for run in outcomes[name])

    lines = [f"- to null: {rate('millrace to null') / rate('raw reader, SO_RCVLOWAT'):.0%} of the raw reader with "
             "SO_RCVLOWAT"]
    if "millrace to files" in outcomes:
        lower = min(rate("raw reader, SO_RCVLOWAT"), rate("dd with fdatasync, the same bytes"))
        lines.append(f"- to files: {rate('millrace to files') / lower:.0%} of the lower of that and dd")
    return lines + [""]


def main():
    parser = argparse.ArgumentParser(prog="bench/run")
    parser.add_argument("name", choices=["postgres-null", "postgres-file"])
    add_options(parser)
    options = parser.parse_args()
    options.rows = options.rows or (200_000 if options.quick else 2_000_000)
    options.rounds = options.rounds or (3 if options.quick else 5)
    bench = Bench(options)
    try:
        lines = [f"## bench/run {options.name}", "",
                 f"{options.rows:,} rows of about 200 B, {options.rounds} rounds in turns, PostgreSQL "
                 f"{bench.server.version}, {machine()}", ""]
        for kind in options.loads.split(","):
            lines += bench.race(kind)
    finally:
        bench.close()
    text = "\n".join(lines)
    print(text)
    if options.out:
        pathlib.Path(options.out).write_text(text)


if __name__ == "__main__":
    main()

"""A PostgreSQL backlog, or a table's rows, to Kafka: millrace beside raw readers, a bare producer and the real Debezium.

Contestants run in turns, each on the same log (or the same table); what is told is the median, and ratios within the
run. Every topic is counted afterwards by an independent read_committed reader: each row has to be there once. Rates "at the
topic" go from the first record to the last by the broker's clock, so they leave out every start; rates of the whole run
begin with the process. CPU is the process's own, all its threads; that of a JVM begins with its first record. The
bare producer sends records that millrace wrote. "again" is the same contestant a second time: what differs is noise.
"""
import argparse
import pathlib
import statistics

import route
from backlog import INSERT, LOADS
from measuring import machine, measure, say
from servers import debezium

MILLRACE = {"eo-json": ("exactly_once", "json"), "eo-json-again": ("exactly_once", "json"),
            "alo-json": ("at_least_once", "json"), "eo-avro": ("exactly_once", "avro"),
            "alo-avro": ("at_least_once", "avro")}
STREAM = {"raw": "raw reader, SO_RCVLOWAT", "bursts": "raw reader, bursts"}
SNAPSHOT = {"copy": "psql, COPY in binary to /dev/null"}
BARE = {"bare": "json", "bare-avro": "avro"}
FORMS = {"json": "JSON", "avro": "Avro"}
STANDARD = {False: "raw,bursts,bare,bare-avro,eo-json,eo-json-again,alo-json,eo-avro,alo-avro,connect,server",
            True: "copy,bare,eo-json,eo-json-again,alo-json,eo-avro,connect,server"}


def labels(snapshot):
    ours = {word: f"millrace, {delivery}, {FORMS[form]}{', again' * word.endswith('again')}"
            for word, (delivery, form) in MILLRACE.items()}
    bare = {word: f"bare transactional producer, {FORMS[form]}" for word, form in BARE.items()}
    return (SNAPSHOT if snapshot else STREAM) | bare | ours | route.RIVALS


class Bench(route.Route):
    def __init__(self, options, chosen):
        super().__init__(options, chosen)
        self.chosen, self.until = chosen, None

    def millrace(self, kind, delivery, form, sample=None):
        name = self.name() if kind is None else self.slot(kind)
        until = ["--until", self.end] if kind else []
        path = self.config(name, self.sink(delivery), self.form(form), "no_data" if kind else "initial_only")
        outcome = self.measured([self.options.binary, "run", "--log-level", "warn", *until, path], self.options.rows)
        self.drop(name)
        topic = f"{name}.public.bench"
        if sample:
            self.take_sample(topic, sample)
        return self.verify(outcome, topic, self.options.rows)

    def copy(self):
        return self.measured([self.server.psql_program, "-X", "-q", "-c", "\\copy bench to '/dev/null' (format binary)",
                              self.db.dsn], self.options.rows)

    def run(self, word, kind):
        if word in MILLRACE:
            return self.millrace(kind, *MILLRACE[word])
        if word in BARE:
            return self.bare(self.sample(BARE[word]), self.options.rows)
        if word in route.RIVALS:
            name = self.slot(kind) if kind else self.name()
            return self.race_debezium(word, name, "no_data" if kind else "initial", self.options.rival_rows)
        if word == "copy":
            return self.copy()
        return self.raw(kind, self.until, "lowat" if word == "raw" else "bursts")

    def sample(self, form):
        return self.folder / f"sample-{form}"

    def fill(self):
        """The table with all its rows, as after a vacuum, read once."""
        self.empty()
        self.db.sql(INSERT.format(1, self.options.rows))
        self.db.sql("vacuum (freeze, analyze) bench")
        self.db.sql("checkpoint")
        self.copy()

    def race(self, kind):
        """kind: of the load; None: the table's rows."""
        if kind:
            self.until = self.load(kind)
        else:
            self.fill()
        for form in ("json", "avro"):  # warms the broker, and fills what the bare producer sends
            if any(BARE.get(word) == form for word in self.chosen):
                self.millrace(kind, "exactly_once", form, self.sample(form))
        outcomes = {word: [] for word in self.chosen}
        for turn in range(self.options.rounds):
            for word in self.chosen:
                if word in route.RIVALS and (turn >= self.options.rival_rounds or route.missing(word)):
                    continue
                outcomes[word].append(self.run(word, kind))
                last = outcomes[word][-1]
                say(f"{kind or 'snapshot'} {turn + 1}/{self.options.rounds} {word}: {last.topic_rate or last.rate:,.0f} "
                    f"rows/s, {last.cpu * 1e6 / last.rows:.2f} CPU s per 1 M")
        if kind:
            self.unload(kind)
        return table(self.options, kind, outcomes)


def median(runs, what):
    return statistics.median(what(run) for run in runs)


def per_million(runs, what):
    return "-" if what(runs[0]) is None else f"{median(runs, lambda run: what(run) * 1e6 / run.rows):.2f}"


def table(options, kind, outcomes):
    names = labels(kind is None)
    title = LOADS[kind] if kind else f"the rows of a table of {options.rows:,}"
    lines = [f"### {title}", "",
             "| | rows/s, whole run | rows/s at the topic | least to most | CPU s per 1 M rows: its own | PostgreSQL | broker "
             "| peak MiB | bytes per value |", "|---|---|---|---|---|---|---|---|---|"]
    notes = []
    for word, runs in outcomes.items():
        if not runs:
            notes.append(f"- {names[word]}: left out, {route.missing(word) or 'no rounds were asked for'}")
            continue
        at_topic = runs[0].span is not None
        rates = [run.topic_rate if at_topic else run.rate for run in runs]
        size = f"{runs[0].value_bytes:.0f}" if runs[0].value_bytes else "-"
        lines.append(f"| {names[word]} | {median(runs, lambda run: run.rate):,.0f} "
                     f"| {f'{statistics.median(rates):,.0f}' if at_topic else '-'} | {min(rates):,.0f} to {max(rates):,.0f} "
                     f"| {per_million(runs, lambda run: run.cpu)} | {per_million(runs, lambda run: run.server_cpu)} "
                     f"| {per_million(runs, lambda run: run.broker_cpu if at_topic else None)} | {max(run.peak for run in runs):.0f} | {size} |")
        if word in route.RIVALS:
            notes.append(f"- {names[word]}: the first {runs[0].rows:,} rows, {len(runs)} round{'s' * (len(runs) > 1)}; its "
                         f"start took {median(runs, lambda run: run.start_cpu):.0f} CPU s more; the second half alone ran at "
                         f"{median(runs, lambda run: run.late_rate):,.0f} rows/s; heap limit {options.rival_heap}")
    return lines + [""] + ratios(outcomes) + notes + [""]


def ratios(outcomes):
    ran = {word: runs for word, runs in outcomes.items() if runs}
    lines = []

    def rate(word):
        return median(ran[word], lambda run: run.rate)

    def quotient(one, other, text):
        if one in ran and other in ran:
            lines.append(text.format(rate(one) / rate(other)))

    quotient("eo-json", "raw", "- exactly_once, JSON: {:.0%} of the raw reader with SO_RCVLOWAT (whole runs)")
    quotient("eo-json", "bursts", "- exactly_once, JSON: {:.0%} of the raw reader in bursts (whole runs)")
    quotient("eo-json", "bare", "- exactly_once, JSON: {:.0%} of the bare producer (whole runs)")
    quotient("eo-avro", "raw", "- exactly_once, Avro: {:.0%} of the raw reader with SO_RCVLOWAT (whole runs)")
    quotient("eo-json", "alo-json", "- exactly_once: {:.0%} of at_least_once, JSON (whole runs)")
    quotient("eo-avro", "alo-avro", "- exactly_once: {:.0%} of at_least_once, Avro (whole runs)")
    quotient("eo-json-again", "eo-json", "- noise: the same contestant again came to {:.0%}")
    for rival, ours in (("connect", "eo-json"), ("connect-avro", "eo-avro"), ("server", "alo-json")):
        if rival in ran and ours in ran:
            faster = median(ran[ours], lambda run: run.topic_rate) / median(ran[rival], lambda run: run.topic_rate)
            cheaper = median(ran[rival], lambda run: run.cpu / run.rows) / median(ran[ours], lambda run: run.cpu / run.rows)
            smaller = max(run.peak for run in ran[rival]) / max(run.peak for run in ran[ours])
            name = route.RIVALS[rival]
            lines.append(f"- beside {name}: {faster:.1f} times its rate at the topic, 1/{cheaper:.0f} of its CPU per row "
                         f"(without its start), 1/{smaller:.0f} of its peak memory")
    return lines


def options_of(arguments=None):
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=["postgres-kafka"])
    route.add_route_options(parser, "two, with --snapshot or --quick one")
    parser.set_defaults(loads="hundred")
    parser.add_argument("--snapshot", action="store_true", help="the rows of a table instead of a backlog")
    parser.add_argument("--partitions", type=int, default=1, help="of the topic")
    parser.add_argument("--contestants", help="a list, or all: " + ", ".join(labels(False) | SNAPSHOT))
    parser.add_argument("--rival-rows", type=int, help="how far Debezium has to come; default half of the rows, with "
                        "--snapshot a quarter")
    options = parser.parse_args(arguments)
    options.rows = options.rows or (200_000 if options.quick else 2_000_000)
    options.rounds = options.rounds or 3
    options.rival_rows = options.rival_rows or options.rows // (4 if options.snapshot else 2)
    if options.rival_rounds is None:
        options.rival_rounds = 1 if options.snapshot or options.quick else min(2, options.rounds)
    return options


def main():
    options = options_of()
    chosen = route.choose(options.contestants, labels(options.snapshot),
                          STANDARD[options.snapshot])
    bench = Bench(options, chosen)
    try:
        form = " --snapshot" if options.snapshot else ""
        lines = [f"## bench/run {options.name}{form}", "",
                 f"{options.rows:,} rows of about 200 B, {options.rounds} round{'s' * (options.rounds > 1)} in turns, PostgreSQL "
                 f"{bench.server.version}, Kafka {debezium.kafka.VERSION}, {options.partitions} partition"
                 f"{'s' * (options.partitions > 1)}, {machine()}", ""]
        for kind in [None] if options.snapshot else options.loads.split(","):
            lines += bench.race(kind)
    finally:
        bench.close()
    text = "\n".join(lines)
    print(text)
    if options.out:
        pathlib.Path(options.out).write_text(text)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Compares millrace's events with recordings of the real Debezium, case by case, on a real PostgreSQL.

usage: run.py [--recordings DIR] [--stream-only] [--show N] [CASE...]

A case is a folder with setup.sql (run before the start), changes.sql (run while it streams), connector.json (options that
differ from Debezium's defaults) and events.jsonl (what Debezium sent). Each is replayed here with millrace in
Debezium's place; both outputs are masked and compared record by record, with schemas, headers and order.

A database is a folder beside this file: Servers (start one, make a case's database anew, run a script, set a mark that
comes back through millrace), options.translate (a case's options as a millrace configuration), truth (what the database
says of rows, log and catalogue), rules.context and rules.settled, refusals.merged and refusals.mend, and masks (what of
its source block is volatile). play.py, compare.py, side.py, avro.py and spoil.py know none of it. mysql/ has masks so
far, for MySQL and MariaDB; --database takes its name when the rest is there.

Where millrace differs on purpose, a rule states what is right there (postgres/rules.py,
docs/reference/debezium-differences.md). Rules know types and values, never names of cases. A case whose options millrace
does not have is skipped with the reason; a case that is skipped never counts as passed. Exit 0: every case that was run
is equal, or differs by rules only.

MILLRACE_RECORDINGS names the folder (default: ../shared/recordings beside the repository).
"""
import argparse
import collections
import copy
import importlib
import json
import os
import pathlib
import re
import sys
import tempfile
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import avro  # noqa: E402
import compare  # noqa: E402
import confluent  # noqa: E402
import json_schema  # noqa: E402
import play  # noqa: E402
import registry_fake  # noqa: E402

ROOT = HERE.parents[1]


def default_recordings() -> pathlib.Path:
    named = os.environ.get("MILLRACE_RECORDINGS")
    return pathlib.Path(named) if named else ROOT.parent / "shared" / "recordings"


def database_of(name):
    """The folder's module: servers, options, rules, refusals."""
    return importlib.import_module(name)


def outcomes(case: pathlib.Path, servers, args):
    """Plays a case; what was sent, ready to be judged. Several where tables have to be read apart."""
    kind = database_of(args.database)
    connector = json.loads((case / "connector.json").read_text() or "{}")
    expected = [json.loads(line) for line in (case / "events.jsonl").read_text().split("\n") if line]
    recorded = json.loads((case / "subjects.json").read_text()) if (case / "subjects.json").exists() else {}
    plan = kind.options.translate(case.name, connector, args.other)
    plan.stopped |= not expected
    refused = collections.Counter()
    while True:
        database = servers.get(connector)
        try:
            return [played(case, database, plan, args, expected, recorded, refused)]
        except play.Failure as error:
            if args.other and error.code == "schema.invalid":
                raise play.Unsupported("its names are none that Avro allows") from error
            merged = kind.refusals.merged(error)
            if merged:
                return apart(merged, kind, case, servers, connector, plan, args, expected, recorded)
            refused[kind.refusals.mend(error, plan, database)] += 1


def apart(merged, kind, case, servers, connector, plan, args, expected, recorded):
    """Two tables would share a topic, which is refused: each without the other."""
    found = []
    for index, left_out in enumerate(merged[:2]):
        one = copy.deepcopy(plan)
        one.source["tables"] = one.source["tables"] + [f"!/{re.escape(left_out)}/"]
        other = merged[1 - index]
        wanted = [record for record in expected if record["topic"] != merged[2] or table_of(record) == other]
        found.append(played(case, servers.get(connector), one, args, wanted, recorded, collections.Counter({kind.refusals.MERGED: 1})))
    return found


def table_of(record) -> str:
    value = compare.payload(record["value"])
    source = (value.get("avro", value) if isinstance(value, dict) else {}).get("source", {})
    return f"{source.get('schema')}.{source.get('table')}"


def played(case, database, plan, args, expected, recorded, refused):
    """Runs millrace, and brings both lists into one form."""
    outcome = compare.Outcome(case.name, plan, expected, [], None, database_of(args.database).rules,
                              stream_only=args.stream_only, refused=refused)
    with tempfile.TemporaryDirectory(prefix="millrace-conformance-") as folder:
        if not (plan.avro or args.other):
            outcome.got, outcome.truth = play.run(case, database, plan, pathlib.Path(folder))
            return outcome
        registry = registry_fake.FakeRegistry()
        try:
            plan.format["registry"] = f"{{urls: ['{registry.url}']}}"
            got, outcome.truth = play.run(case, database, plan, pathlib.Path(folder))
            {"json-schema": as_json_schema, "confluent": as_confluent, None: as_avro}[args.other](outcome, got, registry, recorded)
        finally:
            registry.close()
    return outcome


def as_json_schema(outcome, got, registry, recorded):
    """The same events with a JSON Schema in a registry: each message is valid, and says what Debezium's payload said."""
    decoder = json_schema.Decoder(registry)
    outcome.expected = [json_schema.expected_record(record) for record in outcome.expected]
    outcome.got = [decoder.record(record) for record in got]
    assert decoder.validated > 0


def as_confluent(outcome, got, registry, recorded):
    """The same events in Avro, read by Confluent's converter: Connect data, schemas included, as the real Debezium's."""
    reader = confluent.Reader(registry.url)
    try:
        outcome.got = [reader.record(record) for record in got]
    finally:
        reader.close()


def as_avro(outcome, got, registry, recorded):
    """Avro, read by an implementation that is not ours; what was registered is compared as text."""
    theirs, decoder = avro.Recorded(recorded), avro.Decoder(registry)
    outcome.avro = True
    theirs.learn(registry.texts.values())
    outcome.expected = [theirs.record(record) for record in outcome.expected]
    outcome.got = [decoder.record(record) for record in got]
    outcome.subjects = avro.Subjects(theirs, registry.subjects, registry.texts, outcome.plan.apicurio)


def run_case(case: pathlib.Path, servers, args) -> compare.Result:
    result = compare.Result()
    for outcome in outcomes(case, servers, args):
        result.add(compare.judge(outcome))
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recordings", type=pathlib.Path, default=default_recordings())
    parser.add_argument("--database", default="postgres", choices=("postgres",))
    parser.add_argument("--stream-only", action="store_true", help="leave snapshot events out of the comparison")
    parser.add_argument("--as", dest="other", choices=("json-schema", "confluent"), help="JSON cases: framed JSON with a "
                        "JSON Schema, validated; or Avro, read by Confluent's converter")
    parser.add_argument("--show", type=int, default=6, help="differences to print per case")
    parser.add_argument("cases", nargs="*")
    args = parser.parse_args()
    folder = args.recordings / args.database
    if not folder.is_dir():
        print(f"SKIPPED conformance: no recordings at {folder} (set MILLRACE_RECORDINGS)", file=sys.stderr)
        return 0
    cases = [folder / name for name in args.cases] or sorted(path.parent for path in folder.glob("*/events.jsonl"))
    servers = database_of(args.database).Servers()
    counts = {"equal": 0, "by rule": 0, "DIFFERS": 0, "skipped": 0}
    try:
        for case in cases:
            try:
                result = run_case(case, servers, args)
            except play.Unsupported as reason:
                counts["skipped"] += 1
                print(f"skipped  {case.name}: {reason}", flush=True)
                continue
            except Exception as error:  # a case that cannot be run is a failure of that case, not of the run
                counts["DIFFERS"] += 1
                print(f"DIFFERS  {case.name}: {error}", flush=True)
                if args.cases:
                    traceback.print_exc()
                continue
            counts[result.verdict] += 1
            print(result.summary(case.name, args.show), flush=True)
    finally:
        servers.close()
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 1 if counts["DIFFERS"] else 0


if __name__ == "__main__":
    sys.exit(main())

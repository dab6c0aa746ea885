#!/usr/bin/env python3
"""Compares millrace's events with recordings of the real Debezium, case by case, on a real PostgreSQL.

usage: run.py [--recordings DIR] [--stream-only] [--show N] [CASE...]

A case is a folder with setup.sql (run before the start), changes.sql (run while it streams), connector.json (options that
differ from Debezium's defaults) and events.jsonl (what Debezium sent). Each is replayed here with millrace in
Debezium's place; both outputs are masked (masks.py) and compared per topic and key, schemas included.

Where millrace differs on purpose, a rule says so (rules.py, docs/reference/debezium-differences.md). Rules know
types and values, never names of cases. A case whose options millrace does not have is skipped with the reason; a
case that is skipped never counts as passed. Exit 0: every case that was run is equal, or differs by rules only.

MILLRACE_RECORDINGS names the folder (default: ../shared/recordings beside the repository).
"""
import argparse
import contextlib
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
import options  # noqa: E402
import registry_fake  # noqa: E402
import replay  # noqa: E402
import rules  # noqa: E402
from servers.postgres import Postgres, fetched, installed  # noqa: E402

ROOT = HERE.parents[1]


def default_recordings() -> pathlib.Path:
    named = os.environ.get("MILLRACE_RECORDINGS")
    return pathlib.Path(named) if named else ROOT.parent / "shared" / "recordings"


def servers():
    """One server per major version, started when first asked for; every case gets database `rec` anew."""
    running = {}

    def get(version):
        if version not in running:
            running[version] = Postgres(version, max_wal_senders="20").start()
        return running[version]

    return running, get


def version_of(case: pathlib.Path, connector: dict) -> int | None:
    """The major version a case asks for: None is any."""
    wanted = 18 if connector.get("#pg") == "15435" else None
    if wanted and wanted not in (installed() | fetched()):
        raise options.Unsupported(f"PostgreSQL {wanted} is not installed: test/support/servers/fetch-postgres {wanted}")
    return wanted


def run_case(case: pathlib.Path, get, args) -> compare.Result:
    connector = json.loads((case / "connector.json").read_text() or "{}")
    expected = [json.loads(line) for line in (case / "events.jsonl").read_text().split("\n") if line]
    plan = options.translate(case.name, connector, args.other)
    server = get(version_of(case, connector))
    try:
        return replay_case(case, server, plan, args, expected)
    except replay.Failure as error:
        merged = re.search(r"tables (.+?) and (.+?) would both go to the topic ([^ ,]+),", str(error))
        if merged and error.code == "config.topic_collision":
            return without_merged(merged, case, server, plan, args, expected)
        if args.other and error.code == "schema.invalid":
            raise options.Unsupported("its names are none that Avro allows") from error
        if error.code not in rules.REFUSALS:
            raise
        return compare.Result(refused=rules.REFUSALS[error.code])


def without_merged(merged, case, server, plan, args, expected) -> compare.Result:
    """Two tables would share a topic, which is refused: the rest of the case without them."""
    plan.source["tables"] = plan.source["tables"] + [f"!/{re.escape(name)}/" for name in merged.groups()[:2]]
    result = replay_case(case, server, plan, args, [record for record in expected if record["topic"] != merged[3]],
                         without=merged[3])
    result.applied[rules.MERGED] += 1
    return result


def replay_case(case, server, plan, args, expected, without=None) -> compare.Result:
    if plan.avro:
        return run_avro(case, server, plan, args, expected, without)
    if args.other:
        return {"json-schema": run_json_schema, "confluent": run_confluent}[args.other](case, server, plan, args, expected)
    with tempfile.TemporaryDirectory(prefix="millrace-conformance-") as folder:
        got, catalog = replay.run(case, server, plan, pathlib.Path(folder))
    return compare.compare(expected, got, catalog, plan, stream_only=args.stream_only)


@contextlib.contextmanager
def replay_with_registry(case, server, plan):
    registry = registry_fake.FakeRegistry()
    try:
        plan.format["registry"] = f"{{urls: ['{registry.url}']}}"
        with tempfile.TemporaryDirectory(prefix="millrace-conformance-") as folder:
            yield registry, *replay.run(case, server, plan, pathlib.Path(folder))
    finally:
        registry.close()


def run_json_schema(case, server, plan, args, expected) -> compare.Result:
    """The same events with a JSON Schema in a registry: each message is valid, and says what Debezium's payload said."""
    with replay_with_registry(case, server, plan) as (registry, got, catalog):
        decoder = json_schema.Decoder(registry)
        result = compare.compare([json_schema.expected_record(record) for record in expected],
                                 [decoder.record(record) for record in got], catalog, plan, stream_only=args.stream_only)
    assert decoder.validated > 0
    return result


def run_confluent(case, server, plan, args, expected) -> compare.Result:
    """The same events in Avro, read by Confluent's converter: Connect data, schemas included, as the real Debezium's."""
    with replay_with_registry(case, server, plan) as (registry, got, catalog):
        reader = confluent.Reader(registry.url)
        try:
            got = [reader.record(record) for record in got]
        finally:
            reader.close()
    return compare.compare(expected, got, catalog, plan, stream_only=args.stream_only)


def run_avro(case, server, plan, args, expected, without) -> compare.Result:
    with replay_with_registry(case, server, plan) as (registry, got, catalog):
        pass
    decoder = avro.Decoder(registry)
    recorded = {subject: versions for subject, versions in json.loads((case / "subjects.json").read_text()).items()
                if without is None or not subject.startswith(without + "-")}
    result = compare.compare([avro.expected_record(record) for record in expected], [decoder.record(record) for record in got],
                             catalog, plan, stream_only=args.stream_only, evolved=avro.evolved(recorded, registry))
    compare.compare_subjects(recorded, registry, catalog, result, plan.apicurio)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recordings", type=pathlib.Path, default=default_recordings())
    parser.add_argument("--stream-only", action="store_true", help="leave snapshot events out of the comparison")
    parser.add_argument("--as", dest="other", choices=("json-schema", "confluent"), help="JSON cases: framed JSON with a "
                        "JSON Schema, validated; or Avro, read by Confluent's converter")
    parser.add_argument("--show", type=int, default=6, help="differences to print per case")
    parser.add_argument("cases", nargs="*")
    args = parser.parse_args()
    folder = args.recordings / "postgres"
    if not folder.is_dir():
        print(f"SKIPPED conformance: no recordings at {folder} (set MILLRACE_RECORDINGS)", file=sys.stderr)
        return 0
    cases = [folder / name for name in args.cases] or sorted(path.parent for path in folder.glob("*/events.jsonl"))
    running, get = servers()
    counts = {"equal": 0, "by rule": 0, "DIFFERS": 0, "skipped": 0}
    try:
        for case in cases:
            try:
                result = run_case(case, get, args)
            except options.Unsupported as reason:
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
        for server in running.values():
            server.close()
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 1 if counts["DIFFERS"] else 0


if __name__ == "__main__":
    sys.exit(main())

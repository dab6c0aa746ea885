"""Every recording of the real Debezium as a test of its own: run.py, case by case, for scripts/test."""
import argparse
import sys
import pathlib

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import confluent  # noqa: E402
import options  # noqa: E402
import run  # noqa: E402

FOLDER = run.default_recordings() / "postgres"
CASES = sorted(path.parent for path in FOLDER.glob("*/events.jsonl"))
ARGS = argparse.Namespace(stream_only=False, show=6, cases=[], other=None)


@pytest.fixture(scope="session")
def get_server():
    running, get = run.servers()
    yield get
    for server in running.values():
        server.close()


@pytest.mark.parametrize("case", CASES or [pytest.param(None, marks=pytest.mark.skip(
    reason=f"no recordings at {FOLDER}: name their folder with MILLRACE_RECORDINGS"))],
    ids=lambda case: case.name if case else "none")
def test_recording(case, get_server):
    try:
        result = run.run_case(case, get_server, ARGS)
    except options.Unsupported as reason:
        pytest.skip(str(reason))
    assert result.verdict != "DIFFERS", result.summary(case.name, ARGS.show)


def other(name, kind, get_server):
    case = FOLDER / name
    if case not in CASES:
        pytest.skip(f"no recording {case}: name their folder with MILLRACE_RECORDINGS")
    try:
        result = run.run_case(case, get_server, argparse.Namespace(**{**vars(ARGS), "other": kind}))
    except options.Unsupported as reason:
        pytest.skip(str(reason))
    assert result.verdict != "DIFFERS", result.summary(case.name, ARGS.show)


@pytest.mark.parametrize("name", ["column_defaults", "identity", "names_avro", "types", "types_decimal_string", "pg18"])
def test_recording_as_json_schema(name, get_server):
    """Cases that between them have every type: framed, each message validated against the schema of its id."""
    other(name, "json-schema", get_server)


@pytest.mark.skipif(not confluent.present(), reason="Confluent's converter was not fetched (test/conformance/confluent.py)")
@pytest.mark.parametrize("name", ["column_defaults", "identity", "types", "types_time_connect", "pg18"])
def test_recording_read_by_confluents_converter(name, get_server):
    """Our Avro as a Kafka Connect sink gets it: the same data and schemas as the real Debezium's."""
    other(name, "confluent", get_server)

"""Every recording of the real Debezium as a test of its own, and the judge itself: spoilt output has to be seen."""
import argparse
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import compare  # noqa: E402
import confluent  # noqa: E402
import play  # noqa: E402
import run  # noqa: E402
import spoil  # noqa: E402

FOLDER = run.default_recordings() / "postgres"
CASES = sorted(path.parent for path in FOLDER.glob("*/events.jsonl"))
ARGS = argparse.Namespace(stream_only=False, show=6, cases=[], other=None, database="postgres")
NONE = [pytest.param(None, marks=pytest.mark.skip(reason=f"no recordings at {FOLDER}: name their folder with MILLRACE_RECORDINGS"))]


@pytest.fixture(scope="session")
def outcomes_of():
    """Plays a case once, whatever asks for it."""
    servers, played = run.database_of("postgres").Servers(), {}

    def get(case, kind=None):
        if (case, kind) not in played:
            try:
                played[case, kind] = run.outcomes(case, servers, argparse.Namespace(**{**vars(ARGS), "other": kind}))
            except play.Unsupported as reason:
                played[case, kind] = reason
        if isinstance(played[case, kind], play.Unsupported):
            pytest.skip(str(played[case, kind]))
        return played[case, kind]
    yield get
    servers.close()


def judge(case, outcomes):
    result = compare.Result()
    for outcome in outcomes:
        result.add(compare.judge(outcome))
    assert result.verdict != "DIFFERS", result.summary(case.name, ARGS.show)


@pytest.mark.parametrize("case", CASES or NONE, ids=lambda case: case.name if case else "none")
def test_recording(case, outcomes_of):
    judge(case, outcomes_of(case))


@pytest.mark.parametrize("case", CASES or NONE, ids=lambda case: case.name if case else "none")
def test_judge_sees_what_is_spoilt(case, outcomes_of):
    """Records removed, values, defaults and schemas changed, order, headers: each single place has to be named."""
    spoilt = 0
    for outcome in outcomes_of(case):
        for function in spoil.SPOILERS:
            worse, places = spoil.spoilt(outcome, function)
            missed = spoil.unseen(worse, places) if places else []
            assert not missed, f"{function.__name__}: {len(missed)} of {len(places)} not seen, as {missed[:3]}"
            spoilt += len(places)
    assert spoilt > 0 or not any(outcome.got for outcome in outcomes_of(case))


def test_every_spoiler_finds_something(outcomes_of):
    """A way of spoiling that changes nothing in any recording proves nothing."""
    if not CASES:
        pytest.skip(f"no recordings at {FOLDER}")
    idle = {function.__name__ for function in spoil.SPOILERS}
    for name in ("ddl", "toast_default", "txmeta", "avro_confluent_identity", "types"):
        if FOLDER / name in CASES:
            for outcome in outcomes_of(FOLDER / name):
                idle -= {function.__name__ for function in spoil.SPOILERS if spoil.spoilt(outcome, function)[1]}
    assert not idle


def other(name, kind, outcomes_of):
    case = FOLDER / name
    if case not in CASES:
        pytest.skip(f"no recording {case}: name their folder with MILLRACE_RECORDINGS")
    judge(case, outcomes_of(case, kind))


@pytest.mark.parametrize("name", ["column_defaults", "identity", "names_avro", "types", "types_decimal_string", "pg18"])
def test_recording_as_json_schema(name, outcomes_of):
    """Cases that between them have every type: framed, each message validated against the schema of its id."""
    other(name, "json-schema", outcomes_of)


@pytest.mark.skipif(not confluent.present(), reason="Confluent's converter was not fetched (test/conformance/confluent.py)")
@pytest.mark.parametrize("name", ["column_defaults", "identity", "types", "types_time_connect", "pg18"])
def test_recording_read_by_confluents_converter(name, outcomes_of):
    """Our Avro as a Kafka Connect sink gets it: the same data and schemas as the real Debezium's."""
    other(name, "confluent", outcomes_of)

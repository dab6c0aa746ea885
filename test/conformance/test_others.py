"""The part of the judge that knows no database, on recordings of MySQL and MariaDB: a recording equals itself, and each
place at which it is spoilt is named. What millrace sends is judged as soon as there is a source (see run.py)."""
import json
import pathlib
import sys
import types

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import compare  # noqa: E402
import mysql  # noqa: E402
import run  # noqa: E402
import spoil  # noqa: E402

CASES = [path for name in ("mysql/ddl", "mysql/dml", "mysql/xa", "mariadb/names", "mariadb/tx")
         for path in [run.default_recordings() / name] if path.exists()]


def in_log_order(records):
    """Recordings are sorted by topic; millrace writes as the log has it. What has no place of its own follows what is before
    it in its topic."""
    places, last = [], {}
    for index, record in enumerate(records):
        snapshot = (compare.body(record).get("source") or {}).get("snapshot") not in (None, "false")
        last[record["topic"]] = (not snapshot, compare.position(record)) if compare.position(record) else \
            last.get(record["topic"], (False, 0))
        places.append((*last[record["topic"]], index))
    return [json.loads(json.dumps(records[place[-1]])) for place in sorted(places)]


@pytest.mark.parametrize("case", CASES or [pytest.param(None, marks=pytest.mark.skip(
    reason="no recordings: name their folder with MILLRACE_RECORDINGS"))], ids=lambda case: case and f"{case.parent.name}-{case.name}")
def test_recording_equals_itself_until_it_is_spoilt(case):
    records = [json.loads(line) for line in (case / "events.jsonl").read_text().split("\n") if line]
    plan = types.SimpleNamespace(action_query="", prefix=case.name)
    outcome = compare.Outcome(case.name, plan, records, in_log_order(records), None, mysql.rules)
    result = compare.judge(outcome)
    assert result.verdict == "equal" and result.records == len(records), result.summary(case.name, 6)
    places = 0
    for function in spoil.SPOILERS:
        worse, spoilt = spoil.spoilt(outcome, function)
        missed = spoil.unseen(worse, spoilt) if spoilt else []
        assert not missed, f"{function.__name__}: {len(missed)} of {len(spoilt)} not seen, as {missed[:3]}"
        places += len(spoilt)
    assert places > 100

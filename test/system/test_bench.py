"""The benches to Kafka run, count every row, and write their tables: with few rows, and without the rivals."""
import os
import pathlib
import subprocess
import tempfile

import pytest
from millrace import ROOT, binary

RUNS = {
    "backlog": ["postgres-kafka", "--contestants", "raw,bare,eo-json,alo-json"],
    "snapshot": ["postgres-kafka", "--snapshot", "--contestants", "copy,eo-json"],
    "latency": ["postgres-kafka-latency", "--rates", "1000", "--seconds", "1"],
}


@pytest.mark.parametrize("form, rows, says", [
    pytest.param("backlog", ["raw reader", "bare transactional producer", "millrace, exactly_once",
                             "millrace, at_least_once"], "of at_least_once", marks=pytest.mark.release),
    ("snapshot", ["psql, COPY", "millrace, exactly_once"], None),
    pytest.param("latency", ["raw reader", "bare transactional producer", "the same again", "millrace, exactly_once"],
                 "times the bare producer's p50", marks=pytest.mark.release),
])
def test_a_bench_writes_its_table(form, rows, says, tmp_path):
    out = tmp_path / "table.md"
    few = [] if form == "latency" else ["--rows", "3000"]
    with tempfile.TemporaryDirectory(prefix="millrace-bench-test-") as folder:
        os.chmod(folder, 0o755)  # the database runs as another user
        done = subprocess.run([ROOT / "bench" / "run", *RUNS[form], *few, "--rounds", "1", "--binary", binary(), "--out", out],
                              capture_output=True, text=True, timeout=240, env={**os.environ, "TMPDIR": folder})
        left = [path.name for path in pathlib.Path(folder).iterdir()]
    assert done.returncode == 0, done.stderr[-3000:]
    text = out.read_text()
    for name in rows:
        assert f"| {name}" in text, text
    assert says is None or says in text
    assert left == []

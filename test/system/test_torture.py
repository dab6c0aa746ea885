"""The short forms of the torture tests: 45 s to files with at least 20 kills, three first starts with at least 15 kills
while the snapshot runs, and 60 s to three Kafka brokers. The long forms are started by hand, see test/torture/*.py."""
import pathlib
import re
import subprocess
import sys

import pytest

TORTURE = pathlib.Path(__file__).resolve().parents[1] / "torture"


@pytest.mark.parametrize("command", [
    "torture.py", "kafka.py", pytest.param("torture.py --content csv", marks=pytest.mark.release),
    pytest.param("snapshots.py", marks=pytest.mark.release)])
def test_everything_is_delivered_once_whatever_is_killed(command, capsys):
    program, *words = command.split()
    done = subprocess.run([sys.executable, TORTURE / program, "--short", *words], capture_output=True, text=True, timeout=900)
    lines = [line for line in done.stdout.splitlines() if line.startswith("torture:")]
    with capsys.disabled():  # the seed, passed or failed
        print("\n" + "\n".join(lines[:1] + lines[-3:]))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = re.search(r"(\d+) of (\d+) planted faults found", done.stdout)
    assert found and found[1] == found[2] and int(found[1]) >= 6, done.stdout
    if program == "torture.py":  # kills have come inside transactions too
        assert int(re.search(r"(\d+) starts that went on from one", done.stdout)[1]) > 0, done.stdout

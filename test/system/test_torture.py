"""The short forms of the torture test: 45 s with at least 20 kills, and three first starts with at least 15 kills while
the snapshot runs. The long forms are started by hand, see torture.py and snapshots.py."""
import pathlib
import re
import subprocess
import sys

import pytest

TORTURE = pathlib.Path(__file__).resolve().parents[1] / "torture"


@pytest.mark.parametrize("program", ["torture.py", "snapshots.py"])
def test_everything_is_delivered_once_whatever_is_killed(program, capsys):
    done = subprocess.run([sys.executable, TORTURE / program, "--short"], capture_output=True, text=True, timeout=600)
    lines = done.stdout.splitlines()
    with capsys.disabled():  # the seed, passed or failed
        print("\n" + "\n".join(lines[:1] + lines[-3:]))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "6 of 6 planted faults found" in done.stdout
    if program == "torture.py":  # kills have come inside transactions too
        assert int(re.search(r"(\d+) starts that went on from one", done.stdout)[1]) > 0, done.stdout

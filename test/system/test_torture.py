"""The short form of the torture test: 45 s, at least 20 kills. The long form is started by hand, see torture.py."""
import pathlib
import subprocess
import sys

TORTURE = pathlib.Path(__file__).resolve().parents[1] / "torture" / "torture.py"


def test_everything_is_delivered_once_whatever_is_killed(capsys):
    done = subprocess.run([sys.executable, TORTURE, "--short"], capture_output=True, text=True, timeout=400)
    with capsys.disabled():  # the seed, passed or failed
        print("\n" + "\n".join(done.stdout.splitlines()[:1] + done.stdout.splitlines()[-2:]))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "6 of 6 planted faults found" in done.stdout

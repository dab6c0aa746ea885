"""clang-format decides, in the one version named in test/support/requirements.txt: others format otherwise."""
import os
import pathlib
import re
import subprocess

from common import files, report, root

top = root()
here = pathlib.Path(__file__).resolve().parents[2]
wanted = re.search(r"^clang-format==(\S+)", (here / "test/support/requirements.txt").read_text(), re.M)[1]
cache = pathlib.Path(os.environ.get("MR_CACHE", os.path.expanduser("~/.cache/millrace")))
program = None
for candidate in (cache / "venv/bin/clang-format", "clang-format"):
    try:
        if wanted in subprocess.run([candidate, "--version"], capture_output=True, text=True).stdout:
            program = candidate
            break
    except OSError:
        continue
if program is None:
    report([f"scripts/gates/format.py:1: clang-format {wanted} is missing: run scripts/deps --test"])

problems = []
paths = files(top, "*.c", "*.h")
if paths:
    done = subprocess.run([program, "--dry-run", "--style=file", *paths], capture_output=True, text=True, cwd=top)
    counts = {}
    for match in re.finditer(r"^(\S+?):(\d+):\d+: (?:warning|error): code should be clang-formatted", done.stderr, re.M):
        counts.setdefault(match[1], []).append(match[2])
    for path, lines in counts.items():
        name = pathlib.Path(path).resolve().relative_to(top)
        problems.append(f"{name}:{lines[0]}: {len(lines)} places: clang-format -i {name}")
    if done.returncode != 0 and not problems:
        problems.append(f"scripts/gates/format.py:1: {done.stderr[:300]}")
report(problems)

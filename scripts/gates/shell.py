"""Shell scripts parse, and say what happens when a command in them fails: set -u and pipefail."""
import re
import subprocess

from common import files, report, root

top = root()
problems = []
for path in files(top, "*"):
    name = path.relative_to(top)
    if name.parts[0] in ("src", "connectors", "docs") or path.stat().st_size > 200_000:
        continue
    first = path.read_bytes()[:64].split(b"\n")[0]
    if not re.match(rb"#!.*\b(ba)?sh\b", first):
        continue
    done = subprocess.run(["bash", "-n", path], capture_output=True, text=True)
    if done.returncode != 0:
        problems.append(f"{name}:1: {done.stderr.strip()[:200]}")
    if b"bash" in first and not re.search(r"^set -\w*u\w*o pipefail", path.read_text(), re.M):
        problems.append(f"{name}:1: set -euo pipefail (or -uo, where failures are counted) is missing")
report(problems)

"""The pages made from the tables in the code are what the tables make."""
import os
import subprocess

from common import report, root

done = subprocess.run([root() / "scripts/docs", "--check"], capture_output=True, text=True, env=os.environ)
lines = done.stdout.splitlines()
report(lines if done.returncode == 0 or lines else [done.stderr.strip()[:300] or "scripts/docs failed"])

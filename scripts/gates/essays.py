"""Each .c of the product opens with an essay of 5 to 40 lines; each header says its contract in a comment."""
import re

from common import product, report, root

LEAST, MOST = 5, 40
top = root()
problems = []
for path in product(top, "*.c", "*.h"):
    name = path.relative_to(top)
    match = re.match(r"/\*.*?\*/", path.read_text(), re.S)
    if not match:
        problems.append(f"{name}:1: begins with a comment: what this is, why so, what it does not do")
        continue
    lines = match[0].count("\n") + 1
    if name.suffix == ".c" and not LEAST <= lines <= MOST:
        problems.append(f"{name}:1: the opening comment has {lines} lines; it wants {LEAST} to {MOST}")
report(problems)

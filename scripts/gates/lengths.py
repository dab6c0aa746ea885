"""Lengths: a function has at most 60 lines between its braces, a file at most 800, a line at most 120 columns
(code has 100, which clang-format sees to; comments and long texts may use 120).

What is longer stands in lengths.allowed ("path function lines" or "path - lines") with exactly its length of
today, so that the list can only shrink: longer fails, and so does an entry that is not needed any more.
"""
import re

from common import files, report, root

FUNCTION, FILE, COLUMNS = 60, 800, 120
top = root()
allowed, seen, problems = {}, set(), []
listing = top / "scripts/gates/lengths.allowed"
if listing.exists():
    for line in listing.read_text().splitlines():
        if line and not line.startswith("#"):
            path, function, lines = line.split()
            allowed[path, function] = int(lines)


def judge(name: str, function: str, line: int, lines: int, limit: int):
    what = f"{function}()" if function != "-" else "the file"
    if lines <= limit:
        return
    entry = allowed.get((name, function))
    seen.add((name, function))
    if entry is None:
        problems.append(f"{name}:{line}: {what} has {lines} lines, the limit is {limit}: split it")
    elif lines > entry:
        problems.append(f"{name}:{line}: {what} has grown to {lines} lines, lengths.allowed says {entry}")
    elif lines < entry:
        problems.append(f"{name}:{line}: {what} has {lines} lines: lower its entry in lengths.allowed")


def functions(lines: list[str]):
    """(name, first line, lines between the braces): a body opens and closes in the first column."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            head = ""
            for before in reversed(lines[:start - 1]):
                if not before or before[0] in "}#/":
                    break
                head = before + " " + head
            match = re.search(r"(\w+)\s*\(", head)
            yield match[1] if match else "?", start, number - start - 1
            start = None


sizes = []
for path in files(top, "*.c", "*.h"):
    name = str(path.relative_to(top))
    lines = path.read_text().splitlines()
    judge(name, "-", 1, len(lines), FILE)
    for number, line in enumerate(lines, 1):
        if len(line.expandtabs(8)) > COLUMNS and not re.search(r"https?://", line) and '"' not in line:
            problems.append(f"{name}:{number}: {len(line)} columns, the limit is {COLUMNS}")
    for function, line, size in functions(lines):
        judge(name, function, line, size, FUNCTION)
        if not name.startswith("test/"):
            sizes.append(size)
for name, function in sorted(set(allowed) - seen):
    problems.append(f"scripts/gates/lengths.allowed:1: {name} {function} is not needed any more: remove it")
if sizes and not problems:
    print(f"functions: {len(sizes)}, median {sorted(sizes)[len(sizes) // 2]} lines, longest {max(sizes)}")
report(problems)

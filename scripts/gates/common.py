"""Shared by the gates: which files there are, a C text without its comments and strings, reporting.

A gate is a program: gate.py [ROOT]. It prints one line "path:line: what is wrong" for each violation and ends
with 1 if there was any. test/gates plants a violation for each of them.
"""
import pathlib
import re
import subprocess
import sys

def root() -> pathlib.Path:
    if len(sys.argv) > 1:
        return pathlib.Path(sys.argv[1]).resolve()
    return pathlib.Path(__file__).resolve().parents[2]

def files(top: pathlib.Path, *patterns: str) -> list[pathlib.Path]:
    """The files of the tree, as paths below top; what git ignores (build output) is not part of it."""
    done = subprocess.run(["git", "-C", top, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    if done.returncode == 0:
        names = [pathlib.PurePosixPath(line) for line in done.stdout.splitlines()]
    else:
        names = [path.relative_to(top) for path in top.rglob("*") if "build" not in path.relative_to(top).parts[:1]]
    return sorted(top / name for name in set(names)
                  if any(name.match(pattern) for pattern in patterns) and (top / name).is_file())

def product(top: pathlib.Path, *patterns: str) -> list[pathlib.Path]:
    """Files of src/ and connectors/."""
    return [path for path in files(top, *patterns) if path.relative_to(top).parts[0] in ("src", "connectors")]

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

def bare(text: str, strings: bool = False) -> str:
    """The text without comments and (unless asked for) without what stands in quotes; lines keep their numbers."""
    def replace(match):
        token = match[0]
        if token[0] in "\"'":
            return token if strings else token[0] + token[0]
        return "\n" * token.count("\n") or " "
    return TOKEN.sub(replace, text)

def report(problems: list[str]):
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)

def rows(top: pathlib.Path) -> dict[str, dict[str, list[str]]]:
    """The table of layers: folder -> what it may include ("may") and its rooms, lowest first ("rooms")."""
    page, table = top / "docs/explanation/architecture.md", {}
    for line in page.read_text().splitlines() if page.exists() else []:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 4 and re.fullmatch(r"`(src/\w+|connectors/[\w*]+)/?`", cells[0]):
            names = [re.findall(r"[\w*/]+", cell.replace("`", "")) for cell in cells[2:]]
            table[cells[0].strip("`").rstrip("/")] = {
                "may": ["above" if word == "above" else word for word in names[0]], "rooms": names[1]}
    if not table:
        report(["docs/explanation/architecture.md:1: the table of layers is missing"])
    return table

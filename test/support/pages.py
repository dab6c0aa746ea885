"""Runs what a page of documentation tells its reader to type.

A page's fenced blocks, by their info string:

    ```yaml file=shop.yaml      the block is that file
    ```sh run                   the commands are run, all of a page in one shell; a failing one fails the page
    ```text output              lines that the commands above it printed, in this order; ... stands for anything

Other blocks are for reading. The shell has a fresh database in PGHOST, PGPORT, PGUSER and PGDATABASE, millrace in its
PATH and an empty folder to work in. A page that needs brokers says <!-- needs: kafka --> and gets BROKERS;
<!-- needs: registry --> gives REGISTRY, the URL of one; <!-- needs: mysql --> or mariadb a server of its own at
MYSQL_TCP_PORT, with a client of that name in PATH that is root there.
"""
import pathlib
import re
import subprocess

FENCE = re.compile(r"^```(\w+)[ \t]*([^\n]*)\n(.*?)^```[ \t]*$", re.M | re.S)
MARK = "-- end of block %d --"


def blocks(text: str):
    """(what, argument, body, line) of every block that means something here."""
    for match in FENCE.finditer(text):
        language, words, body = match[1], match[2].split(), match[3]
        line = text.count("\n", 0, match.start()) + 1
        named = next((word[5:] for word in words if word.startswith("file=")), None)
        if named:
            yield "file", named, body, line
        elif language == "sh" and "run" in words:
            yield "run", None, body, line
        elif language == "text" and "output" in words:
            yield "output", None, body, line


def needs(text: str) -> set[str]:
    return set(re.findall(r"<!-- needs: (\w+) -->", text))


def script(page: str) -> str:
    """The page as one shell script; after each block it prints a mark."""
    lines = ["set -euo pipefail"]
    for number, (what, name, body, _) in enumerate(blocks(page)):
        if what == "file":
            lines.append(f"mkdir -p $(dirname {name}) && cat >{name} <<'END_OF_FILE'\n{body}END_OF_FILE")
        elif what == "run":
            lines.append(body.rstrip("\n"))
        lines.append(f"echo; echo '{MARK % number}'")
    return "\n".join(lines) + "\n"


def missing(wanted: str, printed: str) -> str | None:
    """The first line of wanted that printed does not have behind the line before, or None."""
    rest = printed.splitlines()
    for line in wanted.splitlines():
        if line.strip() in ("", "..."):
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in line.strip().split("...")))
        at = next((i for i, have in enumerate(rest) if pattern.fullmatch(have.strip())), None)
        if at is None:
            return line
        rest = rest[at + 1:]
    return None


def run(path: pathlib.Path, folder: pathlib.Path, env: dict, seconds=120) -> list[str]:
    """Problems of the page: [] when all commands ran and printed what it says."""
    page = path.read_text()
    done = subprocess.run(["bash"], input=script(page), cwd=folder, env=env, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=seconds)
    problems, printed, start = [], "", 0
    for number, (what, _, body, line) in enumerate(blocks(page)):
        end = done.stdout.find(MARK % number, start)
        if end < 0:
            return problems + [f"{path.name}:{line}: the commands end with {done.returncode}:\n{done.stdout[start:]}"]
        if what == "run":
            printed = done.stdout[start:end]
        elif what == "output":
            line_missing = missing(body, printed)
            if line_missing is not None:
                problems.append(f"{path.name}:{line}: {line_missing!r} is not in:\n{printed}")
        start = end + len(MARK % number)
    return problems

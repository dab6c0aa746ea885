"""The pages made from the tables in the code are what the tables make (scripts/docs makes them anew)."""
import os
import pathlib
import subprocess

from common import report, root

PAGES = {
    "configuration": "docs/reference/configuration.md",
    "cli": "docs/reference/cli.md",
    "example": "config/millrace.yaml",
    "schema": "config/millrace.schema.json",
}


def binary() -> pathlib.Path | None:
    """MR_BINARY, or the newest build of this repository."""
    if os.environ.get("MR_BINARY") and pathlib.Path(os.environ["MR_BINARY"]).exists():
        return pathlib.Path(os.environ["MR_BINARY"])
    built = pathlib.Path(__file__).resolve().parents[2].glob("build/*/millrace")
    return max(built, key=lambda path: path.stat().st_mtime, default=None)


def differences(top: pathlib.Path, program: pathlib.Path) -> list[str]:
    problems = []
    for page, name in PAGES.items():
        made = subprocess.run([program, "docs", page], capture_output=True, text=True)
        if made.returncode != 0:
            problems.append(f"{name}:1: millrace docs {page} fails: {made.stderr.strip()[:200]}")
            continue
        kept = (top / name).read_text() if (top / name).exists() else ""
        lines = zip(kept.splitlines() + [""], made.stdout.splitlines() + [""])
        if kept != made.stdout:
            number = next((i for i, (a, b) in enumerate(lines, 1) if a != b), 1)
            problems.append(f"{name}:{number}: differs from the tables in the code: run scripts/docs")
    return problems


program = binary()
report(differences(root(), program) if program else ["scripts/docs:1: there is no build to compare with: scripts/build"])

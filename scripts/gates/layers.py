"""Includes go downward: base <- model <- plug <- client <- schema <- capture <- config <- engine <- cli <- main.c.

A connector sees base, model, plug, client, schema, capture and its own folder: never engine, never another connector. Files of
src/ never see test code. Includes in quotes are written from the root.
"""
import re

from common import LAYERS, bare, product, report, root

CONNECTOR_SEES = LAYERS[:6]
top = root()
problems = []


def allowed(where: tuple[str, ...], what: str) -> str | None:
    """Why this include is wrong, or None."""
    parts = what.split("/")
    if parts[0] == "connectors":
        if what == "connectors/connectors.def":
            return None
        if where[0] == "connectors" and len(parts) >= 3 and parts[1] == where[1]:
            return None
        return "a connector's header is its own" if where[0] == "connectors" else "only connectors see a connector"
    if len(parts) < 2 or parts[0] not in LAYERS:
        return "includes are written from the root: \"layer/file.h\""
    if where[0] == "connectors":
        return None if parts[0] in CONNECTOR_SEES else f"a connector must not see {parts[0]}/"
    if where == ("src", "main.c"):
        return None
    return None if LAYERS.index(parts[0]) <= LAYERS.index(where[1]) else f"{where[1]}/ is below {parts[0]}/"


for path in product(top, "*.c", "*.h"):
    where = path.relative_to(top).parts
    if where[0] == "src" and where != ("src", "main.c") and where[1] not in LAYERS:
        problems.append(f"{path.relative_to(top)}:1: src/{where[1]} is no layer")
        continue
    for number, line in enumerate(bare(path.read_text(), strings=True).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if match and (why := allowed(where, match[1])):
            problems.append(f'{path.relative_to(top)}:{number}: "{match[1]}": {why}')
report(problems)

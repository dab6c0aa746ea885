"""Includes go the way that the table in docs/explanation/architecture.md says.

Its rows, lowest folder first, name a folder, what it does, what it may include ("above": every folder in the rows
before it) and its rooms, lowest first: the folders and single files inside it. A file sees its own folder, what the
row allows, and of its own folder's rooms those before its own and its own; a file that is no room stands above all of
them. Where the row names no rooms, their order is not judged. src/main.c sees everything. A connector never sees another connector. Files of src/ never see test code. Includes
in quotes are written from the root.
"""
import re

from common import bare, product, report, root, rows

top = root()
table = rows(top)
order = list(table)
problems = []


def folder_of(parts: tuple[str, ...]) -> str | None:
    """The row that a file belongs to: its connector, or its layer."""
    name = "/".join(parts[:2])
    if name in table:
        return name
    return "connectors/*" if parts[0] == "connectors" and "connectors/*" in table else None


def room_of(parts: tuple[str, ...]) -> str:
    """The room of a file in its folder: a folder's name, or the file's own without its ending."""
    return parts[2] if len(parts) > 3 else parts[-1].rsplit(".", 1)[0]


def height(folder: str, room: str) -> int:
    rooms = table[folder]["rooms"]
    return rooms.index(room) if room in rooms else len(rooms)


def may(folder: str, target: str) -> bool:
    allowed = table[folder]["may"]
    return target in allowed or "above" in allowed and order.index(target) < order.index(folder)


def allowed(where: tuple[str, ...], what: str) -> str | None:
    """Why this include is wrong, or None."""
    parts = tuple(what.split("/"))
    if what == "connectors/connectors.def" or where == ("src", "main.c"):
        return None
    target = parts if parts[0] == "connectors" else ("src", *parts)
    if len(target) < 3 or parts[0] != "connectors" and "/".join(target[:2]) not in table:
        return "includes are written from the root: \"layer/file.h\""
    if target[0] == "connectors" and where[0] != "connectors":
        return "only connectors see a connector"
    if target[0] == where[0] == "connectors" and target[1] != where[1]:
        return "a connector's header is its own"
    folder, into = folder_of(where), folder_of(target)
    if where[:2] != target[:2]:
        verb = "a connector must not see" if where[0] == "connectors" else f"{where[1]}/ is below"
        return None if may(folder, into) else f"{verb} {target[1]}/"
    own, other = room_of(where), room_of(target)
    if own == other or height(folder, own) == len(table[folder]["rooms"]):
        return None
    return None if height(folder, other) < height(folder, own) else f"room {own} is below {other}"


for path in product(top, "*.c", "*.h"):
    where = path.relative_to(top).parts
    name = "/".join(where)
    if len(where) > 2 and folder_of(where) is None:
        problems.append(f"{name}:1: {'/'.join(where[:2])} is no layer: it has no row in docs/explanation/architecture.md")
        continue
    rooms = table[folder_of(where)]["rooms"] if len(where) > 3 else []
    if rooms and where[2] not in rooms:
        problems.append(f"{name}:1: {where[2]}/ is no room of {folder_of(where)} in docs/explanation/architecture.md")
        continue
    for number, line in enumerate(bare(path.read_text(), strings=True).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if match and (why := allowed(where, match[1])):
            problems.append(f'{name}:{number}: "{match[1]}": {why}')
report(problems)

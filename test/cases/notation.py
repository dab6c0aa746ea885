"""Reads right.txt: the rows that somebody wrote down as those that have to come.

    r m {1,1} {2,2}                         snapshot rows
    u {1,'new','b'} -> {1,'new','c,a'}      before and after
    d b key x'41' (before {x'41000000',2})  the old row
    c {11,..c1 NULL}                        not every column is said

It is written for people, so only rows in braces behind a letter are taken, and what cannot be read is counted, not guessed.
A row may name its columns ({id=1,b='x'} or {id:1}) or go by their order, and leave some out (..). Such a row is a pattern
that an event fulfils or not; which events there have to be is what logged.py says.
"""
import dataclasses
import datetime
import re

REST = object()         # "..": columns that are not said
VENDORS = re.compile(r"\s*(?:Snapshot |changes-)?(MySQL|MariaDB|both)\b[^:{]*:\s*", re.I)
# Before a row: its letter, and perhaps a table and a word on the key.
LETTER = re.compile(r"(?:^|[\s;:(,|])([rcud])\s+(?:([A-Za-z_`][\w`]*)\s+)?(?:twice\s+)?(?:(\d+)\s+)?"
                    r"(?:key\s+[^{]*\(before\s*|key\s+\{[^}]*\}:\s*)?$")


@dataclasses.dataclass
class Pattern:
    op: str
    table: str | None
    before: list | None     # [(column or None, value)], REST among them
    after: list | None
    text: str
    number: int | None = None


class Unreadable(Exception):
    pass


def braces(line: str):
    """(start, end) of each row in the line; quotes hide braces."""
    start, quote = None, None
    for at, letter in enumerate(line):
        if quote:
            quote = None if letter == quote else quote
        elif letter in "'\"" and start is not None:
            quote = letter
        elif letter == "{":
            start = at
        elif letter == "}" and start is not None:
            yield start, at + 1
            start = None


def value(text: str):
    text = text.strip()
    if text == "NULL":
        return None
    if found := re.fullmatch(r"(?i)x'([0-9a-f]*)'", text):
        return bytes.fromhex(found[1])
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        inner = text[1:-1]
        if inner.endswith("...]"):
            raise Unreadable(text)
        if found := re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d+)?)Z", inner):
            return datetime.datetime.fromisoformat(f"{found[1]} {found[2]}")
        if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", inner):
            return datetime.datetime.fromisoformat(inner)
        return inner
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    raise Unreadable(text)


def fields(row: str) -> list:
    """The row's columns; quotes hide commas and colons."""
    parts, part, quote = [], "", None
    for letter in row[1:-1]:
        if quote:
            quote = None if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        if letter == "," and not quote:
            parts.append(part)
            part = ""
        else:
            part += letter
    parts.append(part)
    return [field(part.strip()) for part in parts]


def field(text: str):
    if text in ("..", "...", "same", "rest as before"):
        return REST
    if text.startswith(".."):
        raise Unreadable(text)
    if found := re.fullmatch(r"([A-Za-z_]\w*|'[^']+'|\"[^\"]+\")\s*[:=]\s*(.+)", text):
        return found[1].strip("'\""), value(found[2])
    return None, value(text)


def read(text: str, vendor: str):
    """The patterns for a vendor (mysql, mariadb), in their order, and the rows that could not be read."""
    patterns, unread, scope, heads = [], [], None, False
    for line in text.split("\n"):
        found = VENDORS.match(line)
        if found:
            # "MySQL (its own text):" by itself heads the lines below; before rows it is about this line, and what is
            # set in below it.
            scope, heads = found[1].lower(), "{" not in line
        elif not heads and not line.startswith(" "):
            scope = None
        if scope in (None, "both", vendor):
            read_line(line[found.end():] if found else line, patterns, unread)
    return patterns, unread


def read_line(line: str, patterns: list, unread: list):
    at, last, broken = 0, None, False
    for start, end in braces(line):
        gap, row, at = line[at:start], line[start:end], end
        named = LETTER.search(gap)
        if not named and re.fullmatch(r"\s*key\s*", gap.split(";")[-1][-5:] or "-"):
            continue
        arrow = gap.strip() == "->" and last is not None
        more = not gap.strip(" ,") and last is not None and last.op != "u"
        if re.search(r"=\s*d key", gap) or not (named or arrow or more):
            last = None if named is None else last
            continue
        number = int(named[3]) if named and named[3] else last.number if arrow else None
        try:
            image = fields(row)
        except Unreadable as reason:
            unread.append(f"{row}: {reason}")
            if arrow and patterns and patterns[-1] is last:
                patterns.pop()
            last = None
            continue
        if number is not None:      # "u 1 {...}": the key stands in front
            image.insert(0, (None, number))
        if arrow:
            last.after, last.text = image, f"{last.text} -> {row}"
            continue
        op, table = (named[1], named[2]) if named else (last.op, last.table)
        old = op in "du"
        last = Pattern(op, table and table.strip("`"), image if old else None, None if old else image,
                       f"{op} {table or ''} {row}", number)
        patterns.append(last)


def fits(pattern: list | None, row: dict | None) -> bool:
    if pattern is None:
        return True
    if row is None:
        return False
    names = list(row)
    rest = REST in pattern
    if any(part is not REST and part[0] for part in pattern):
        # A row that names some of its columns names all that it means.
        plain = [part for part in pattern if part is not REST and not part[0]]
        head = dict(zip(names, (part[1] for part in plain)))
        wanted = head | {part[0]: part[1] for part in pattern if part is not REST and part[0]}
        return all(name in row and same(wanted[name], row[name]) for name in wanted)
    at = 0
    for part in pattern:
        if part is REST:
            at = max(at, len(names) - (len(pattern) - pattern.index(REST) - 1))
            continue
        if at >= len(names) or not same(part[1], row[names[at]]):
            return False
        at += 1
    return rest or at == len(names)


def same(wanted, got) -> bool:
    if isinstance(wanted, datetime.datetime) and isinstance(got, str):
        return wanted == datetime.datetime.fromisoformat(got)
    return wanted == got


def missing(patterns: list, events: list) -> list[str]:
    """The patterns that no event fulfils. (Their order is in the log; what people write goes by table or by statement.)"""
    return [pattern.text for pattern in patterns if not any(met(pattern, events, index) for index in range(len(events)))]


def met(pattern: Pattern, events: list, index: int) -> bool:
    event = events[index]
    if pattern.table and event.table.partition(".")[2] != pattern.table and not event.table.endswith(f".{pattern.table}"):
        return False
    if event.op == pattern.op:
        return fits(pattern.before, event.before) and fits(pattern.after, event.after)
    # An update of the key comes as a delete and, next, a create.
    after = events[index + 1] if index + 1 < len(events) else None
    return (pattern.op == "u" and event.op == "d" and after is not None and after.op == "c"
            and fits(pattern.before, event.before) and fits(pattern.after, after.after))

"""Reads seen-*.txt: what a decoder of somebody else's found in the server's log, as the events that have to come.

A section "## binlog of NAME" lists the events of a log while NAME.sql ran:

    840 MAP* id 112 h02.t flags 1 pk [0] | id:3 notnull; st:247(1) latin1_swedish_ci {'new','paid'}
    464 UPDATE h02.t STMT_END 1 rows
        u {id=1, st=1:'new', f=5:['a','c']}
          -> {id=1, st=1:'new', f=2:['b']}

From the images to events takes five rules: an update that changes the key is a delete and a create; the hidden hash columns
that MariaDB puts at the end are none; the rows of a sequence are none; TRUNCATE is an event; a BINARY(n) has n bytes.
"""
import dataclasses
import datetime
import re

JSON = "json"       # a JSON value in MySQL's binary form: its text is right.txt's affair


@dataclasses.dataclass
class Event:
    op: str
    table: str                      # database.table
    before: dict | None = None
    after: dict | None = None
    key: dict | None = None

    def __str__(self):
        images = " -> ".join(str(image) for image in (self.before, self.after) if image is not None)
        return f"{self.op} {self.table} {images}"


class Reader:
    """A row image's text, from left to right."""

    def __init__(self, text: str):
        self.text, self.at = text, 0

    def take(self, pattern: str):
        found = re.compile(pattern).match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def string(self) -> str:
        quote = self.text[self.at]
        self.at += 1
        out = []
        while self.text[self.at] != quote:
            if self.text[self.at] == "\\":
                self.at += 1
                out.append({"n": "\n", "t": "\t", "r": "\r", "0": "\0"}.get(self.text[self.at], self.text[self.at]))
            else:
                out.append(self.text[self.at])
            self.at += 1
        self.at += 1
        return "".join(out)

    def value(self):
        if self.take("NULL"):
            return None
        if found := self.take(r"(json|geom)?(?:\(\d+\))?x'([0-9a-f]*)'(?:/CHAR\d+)?"):
            return JSON if found[1] == "json" else bytes.fromhex(found[2])
        if found := self.take(r"b:([0-9a-f]+)"):
            return int(found[1], 16)
        if found := self.take(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d+)?)Z?"):
            return datetime.datetime.fromisoformat(f"{found[1]} {found[2]}")
        if self.take(r"\d+:\["):
            labels = []
            while not self.take(r"\]"):
                labels.append(self.string())
                self.take(",")
            return ",".join(labels)
        if found := self.take(r"\d+:(?=['\"])"):
            return self.string()
        if found := self.take(r"-?\d+(\.\d+)?(e[-+]?\d+)?"):
            return float(found[0]) if found[1] or found[2] else int(found[0])
        return self.string()

    def row(self) -> dict:
        row = {}
        self.take(r"\{")
        while not self.take(r"\}"):
            name = self.take(r"([^=]*)=")[1]
            row[name] = self.value()
            self.take(", ")
        return row


class Log:
    """The events of one section, as they come."""

    def __init__(self, sequences: set):
        self.maps, self.widths, self.sequences, self.events = {}, {}, sequences, []

    def map(self, table: str, text: str):
        found = re.search(r"pk (None|\[[\d, ]*\])", text)
        key = [] if found[1] == "None" else [int(number) for number in found[1].strip("[]").split(",") if number.strip()]
        # A BINARY(n) is logged without the zeros at its end, and read with them.
        self.widths[table] = {found[1]: int(found[2]) for found in re.finditer(r"(?:\| |; )([^;]*?):254\((\d+)\) binary", text)}
        hidden = re.search(r"(?:; DB_ROW_HASH_\d+:8 unsigned(?: notnull)?)+$", text)
        self.maps[table] = key, hidden[0].count("DB_ROW_HASH_") if hidden else 0

    def image(self, table: str, text: str) -> dict:
        row = Reader(text).row()
        for name, width in self.widths.get(table, {}).items():
            if row.get(name) is not None:
                row[name] = row[name].ljust(width, b"\0")
        return dict(list(row.items())[:len(row) - self.maps.get(table, ([], 0))[1]])

    def key(self, table: str, row: dict) -> dict | None:
        names = list(row)
        return {names[index]: row[names[index]] for index in self.maps.get(table, ([], 0))[0]} or None

    def add(self, op, table, before, after):
        if table in self.sequences:
            return
        old, new = (self.key(table, row) if row else None for row in (before, after))
        if op == "u" and old != new:
            self.events += [Event("d", table, before, None, old), Event("c", table, None, after, new)]
        else:
            self.events.append(Event(op, table, before, after, new if after else old))

    def query(self, database: str, text: str):
        bare = re.sub(r"^(\s*/\*(?![!M]).*?\*/)+\s*", "", text)
        if found := re.match(r"(?i)TRUNCATE\s+(?:TABLE\s+)?(?:`?(\w+)`?\.)?`?(\w+)`?", bare):
            self.events.append(Event("t", f"{found[1] or database}.{found[2]}"))
        if found := re.match(r"(?i)CREATE\s+SEQUENCE\s+`?(\w+)`?", bare):
            self.sequences.add(f"{database}.{found[1]}")


def read(path) -> dict[str, list[Event]]:
    """Script without .sql -> the events that its statements wrote."""
    sections, log, sequences, table, before = {}, None, set(), None, None
    for line in path.read_text(errors="replace").split("\n"):
        if line.startswith("## "):
            name = line.removeprefix("## binlog of ")
            log = Log(sequences) if name != line else None
            if log:
                sections[name] = log.events
        elif log is None:
            continue
        elif found := re.match(r"\d+ MAP\* id \d+ (.*?) flags (.*)", line):
            log.map(found[1], found[2])
        elif found := re.match(r"\d+ (?:WRITE|UPDATE|DELETE) (.*?) (?:\.\.\. |STMT_END )?\d+ rows", line):
            table = found[1]
        elif found := re.match(r"\d+ QUERY \[(.*?)\] (['\"])(.*)", line):
            log.query(found[1], found[3])
        elif line.startswith("    u "):
            before = log.image(table, line[6:])
        elif line.startswith("      -> "):
            log.add("u", table, before, log.image(table, line[9:]))
        elif line.startswith("    c "):
            log.add("c", table, None, log.image(table, line[6:]))
        elif line.startswith("    d "):
            log.add("d", table, log.image(table, line[6:]), None)
    return sections

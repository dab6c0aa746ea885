"""Two lists of records, masked and compared one to one: values, schemas, headers, counts and order.

Whatever differs goes to the database's rules (postgres/rules.py), column by column. A rule *states* what millrace has
to give there, from what the database itself says; the difference is excused only if it gives exactly that. Where
millrace sends other records than Debezium, the rules restate the recorded list first; then counts must be equal,
and each record of one list is compared with one of the other.
"""
import collections
import dataclasses
import json
import re

import side

TIMES = {"ts_ms", "ts_us", "ts_ns"}
MARK = "millrace.conformance"       # prefix of the runner's own messages
UNORDERED = (("parameters",), ("extensions",))    # maps
SIDE = re.compile(r"notifications?$")     # side topics that millrace does not write
POSITION = "__millrace.position"


class Missing:
    def __repr__(self):
        return "(missing)"

    def __deepcopy__(self, memo):
        return self


MISSING = Missing()
NOT = object()       # a rule's answer where it has nothing to say


def payload(part):
    return part["payload"] if isinstance(part, dict) and set(part) == {"schema", "payload"} else part


def schema(part):
    return part["schema"] if isinstance(part, dict) and set(part) == {"schema", "payload"} else None


def body(record) -> dict:
    """The envelope, or {}."""
    value = payload(record["value"])
    return value if isinstance(value, dict) else {}


def op(record):
    return body(record).get("op", "?") if isinstance(payload(record["value"]), dict) else None


@dataclasses.dataclass
class Masks:
    """What a database's folder tells of its source blocks."""
    source: object         # a block with what is volatile replaced
    position: object       # its place in the log: a number, 0 none
    transaction: object    # (transaction, what its id says besides) of an id in an event with this block


MASKS = {}      # by the name of Debezium's connector, which each source block has


def mask_source(source: dict) -> dict:
    """Times and positions differ from run to run; that they are there, and agree, does not."""
    masked = MASKS[source["connector"]].source(source)
    return {key: "T" if key in TIMES and value is not None else value for key, value in masked.items()}


def mask(value):
    """A value with what is volatile replaced."""
    if not isinstance(value, dict) or not isinstance(value.get("source"), dict):
        return value
    masked = dict(value, source=mask_source(value["source"]))
    for key in TIMES & set(masked):
        masked[key] = "T" if masked[key] is not None else None
    return masked


def mask_headers(headers):
    return sorted([name, "RUN" if name == "__debezium.context.runId" else value] for name, value in headers)


def is_snapshot(record):
    return op(record) == "r"


def position(record):
    """Its place in the log, a number; 0 for what has none."""
    source = body(record).get("source")
    return MASKS[source["connector"]].position(source) if isinstance(source, dict) else 0


def key_text(record) -> str:
    return json.dumps(payload(record["key"]), sort_keys=True)


def groups(records):
    """(topic, key) -> records in order. What has no key is put in the log's order; a tombstone follows its delete."""
    found, last = collections.defaultdict(list), {}
    for record in records:
        place = record["topic"], key_text(record)
        last[place] = position(record) or last.get(place, 0)
        found[place].append((not is_snapshot(record), last[place], record))
    for (_, key), members in found.items():
        if key == "null":
            members.sort(key=lambda entry: entry[:2])
    return {place: [record for _, _, record in members] for place, members in found.items()}


@dataclasses.dataclass
class Outcome:
    """One case, run: all that is judged. Records have schemas beside them wherever either side has them."""
    name: str
    plan: object
    expected: list
    got: list
    truth: object
    rules: object              # the database's module: context(), restate(), match()
    avro: bool = False
    stream_only: bool = False
    subjects: object = None    # avro.Subjects: what was registered
    refused: collections.Counter = dataclasses.field(default_factory=collections.Counter)   # refusals that were checked


@dataclasses.dataclass
class Found:
    """One difference: where, and both sides."""
    topic: str
    key: str           # the record's, as text; "" where it is about more than one
    path: tuple
    text: str

    def __str__(self):
        return f"{self.topic} {self.key} {'.'.join(map(str, self.path))}: {self.text}"


@dataclasses.dataclass
class Result:
    records: int = 0
    subjects: int = 0      # versions of subjects compared, and how many of them are equal as text
    texts: int = 0
    differences: list = dataclasses.field(default_factory=list)
    applied: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    @property
    def verdict(self):
        return "DIFFERS" if self.differences else "by rule" if self.applied else "equal"

    def add(self, other):
        self.records += other.records
        self.subjects += other.subjects
        self.texts += other.texts
        self.differences += other.differences
        self.applied.update(other.applied)

    def differs(self, topic, key, path, expected, got):
        texts = [repr(one) if one is MISSING else json.dumps(one, ensure_ascii=False, default=str)[:220] for one in (expected, got)]
        self.differences.append(Found(topic, key, path, f"expected {texts[0]}, got {texts[1]}"))

    def summary(self, name, show):
        lines = [f"{self.verdict:8} {name}: {self.records} records"]
        if self.subjects:
            lines[0] += f", {self.texts} of {self.subjects} registered schemas equal as text"
        if self.differences:
            lines[0] += f", {len(self.differences)} differences"
        lines += [f"           rule {rule} ({count} times)" for rule, count in sorted(self.applied.items())]
        lines += [f"           {difference}" for difference in self.differences[:show]]
        return "\n".join(lines)


def is_column(path) -> bool:
    """Where rules are asked about the whole: a column's value, or its field in a schema."""
    if path[0] == "key":
        return len(path) == 2 and path[1] != "schema" or path[1:3] == ("schema", "fields") and len(path) == 4
    return (len(path) == 3 and path[1] in ("before", "after") or
            len(path) == 6 and path[1:3] == ("schema", "fields") and path[3] in ("before", "after"))


def walk(path, expected, got, found):
    """Collects (path, expected, got) wherever two JSON values differ: of rows and their schemas by column."""
    if path[0] in ("key", "value") and is_column(path):
        inner = []
        walk(("in",), expected, got, inner)
        if inner:
            found.append((path, expected, got))
    elif isinstance(expected, dict) and isinstance(got, dict):
        for key in list(expected) + [key for key in got if key not in expected]:
            walk(path + (key,), expected.get(key, MISSING), got.get(key, MISSING), found)
        common = [[key for key in one if key in other] for one, other in ((expected, got), (got, expected))]
        if common[0] != common[1] and path[-1:] not in UNORDERED:
            found.append((path, f"order {common[0]}", f"order {common[1]}"))
    elif isinstance(expected, list) and isinstance(got, list) and is_fields(expected) and is_fields(got):
        walk(path, {item["field"]: item for item in expected}, {item["field"]: item for item in got}, found)
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for index, (one, other) in enumerate(zip(expected, got)):
            walk(path + (index,), one, other, found)
    elif isinstance(expected, str) and isinstance(got, dict) and set(got) == {"hex"} and decimal_text(expected, got["hex"]):
        pass
    elif expected != got or type(expected) is not type(got) or str(expected) != str(got):
        found.append((path, expected, got))


def same(expected, got) -> bool:
    found = []
    walk(("in",), expected, got, found)
    return not found


def decimal_text(text, bytes_):
    """Some recordings decoded Avro decimals: "12.50" is 04e2 at scale 2."""
    found = re.fullmatch(r"(-?\d+)(?:\.(\d+))?", text)
    return bool(found) and int(found[1] + (found[2] or "")) == int.from_bytes(bytes.fromhex(bytes_), "big", signed=True)


def is_fields(items):
    return bool(items) and all(isinstance(item, dict) and "field" in item for item in items)


def hidden(record):
    """The runner's own: messages, and rows of a table of this name where a database has none."""
    return op(record) == "m" and body(record)["message"]["prefix"] == MARK or record["topic"].endswith(f".{MARK}")


def timed(records, plan):
    """Heartbeats, and the rows that their query writes: how many there are is a matter of the clock."""
    return any(side.is_heartbeat(record) or plan.action_query and ".".join(record["topic"].split(".")[-2:]) in plan.action_query
               for record in records)


class Context:
    """What a database's rules answer; here of one that has none."""

    def __init__(self, outcome, expected, got):
        self.outcome, self.plan, self.expected, self.got = outcome, outcome.plan, expected, got

    def restate(self, expected, result):
        """The recorded list as millrace has to send it."""
        return expected

    def table(self, record) -> str:
        return record["topic"].partition(".")[2]

    def place(self, record):
        """A record's place in the log as the database itself tells it; None for what is not of the log."""
        return None if op(record) in ("r", None) else position(record) or None

    def own_headers(self, record) -> list:
        return []

    def misordered(self, record) -> list:
        return []

    def overlooked(self, theirs, ours) -> list:
        return []

    def match(self, path, expected, got, theirs, ours) -> list:
        """Names of the rules that state what millrace gave."""
        return []


def compare_records(expected, got, context, result):
    found = []
    for part in ("key", "value"):
        walk((part,), mask(payload(expected[part])), mask(payload(got[part])), found)
        walk((part, "schema"), schema(expected[part]), schema(got[part]), found)
    headers = mask_headers(expected["headers"] + context.own_headers(got))
    walk(("headers",), headers, mask_headers(got["headers"]), found)
    for path, wanted, have in [*context.misordered(got), *context.overlooked(expected, got)]:
        result.differs(expected["topic"], key_text(got), path, wanted, have)
    for path, wanted, have in found:
        names = context.match(path, wanted, have, expected, got)
        if names:
            result.applied.update(names)
        else:
            result.differs(expected["topic"], key_text(got), path, wanted, have)


def compare_group(place, wanted, have, context, result):
    if wanted and have and timed(wanted, context.plan):
        if side.is_heartbeat(wanted[0]):       # the last stands for all that a longer run would have
            length = max(len(wanted), len(have))
            wanted, have = (records + records[-1:] * (length - len(records)) for records in (wanted, have))
        else:
            wanted, have = wanted[:len(have)], have[:len(wanted)]
    if len(wanted) != len(have):
        result.differs(*place, ("records",), [op(record) for record in wanted], [op(record) for record in have])
    for one, other in zip(wanted, have):
        compare_records(one, other, context, result)


def compare_order(expected, got, context, result):
    """Across keys: per topic as recorded, where that is one partition, and over all topics as the log has it."""
    for topic in sorted({record["topic"] for record in expected}):
        theirs, ours = ([record for record in records if record["topic"] == topic] for records in (expected, got))
        if len({record["partition"] for record in theirs}) == 1 and len(theirs) == len(ours) and not timed(theirs, context.plan):
            order = [[(key_text(record), op(record)) for record in records] for records in (theirs, ours)]
            if order[0] != order[1]:
                at = next(index for index, (one, other) in enumerate(zip(*order)) if one != other)
                result.differs(topic, "", ("order", at + 1), order[0][at], order[1][at])
    last = 0
    for record in got:
        place = context.place(record)
        if place is None:
            continue
        if place < last:
            result.differs(record["topic"], key_text(record), ("order", "all topics"), "the log's",
                           f"place {place} after {last}")
        last = max(last, place)


def judge(outcome: Outcome) -> Result:
    result = Result()
    expected = [record for record in outcome.expected if not SIDE.search(record["topic"])]
    got = side.without(outcome.got, side.of_prefix(outcome.got, MARK))
    got = [record for record in got if not SIDE.search(record["topic"]) and not hidden(record)]
    result.applied.update(outcome.refused)
    if side.uses_java_names(expected):
        result.applied[side.PREFIXES] += 1
    expected, got = side.prepare(expected), side.prepare(got)
    if outcome.stream_only:
        expected, got = ([record for record in records if not is_snapshot(record)] for records in (expected, got))
    context = outcome.rules.context(outcome, expected, got)
    expected = context.restate(expected, result)
    theirs, ours = groups(expected), groups(got)
    result.records = len(expected)
    for place in list(theirs) + [place for place in ours if place not in theirs]:
        compare_group(place, theirs.get(place, []), ours.get(place, []), context, result)
    compare_order(expected, got, context, result)
    if outcome.subjects:
        outcome.subjects.compare(context, theirs, ours, outcome.got, result)
    return result

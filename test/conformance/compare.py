"""Two lists of records, masked and compared per topic and key."""
import collections
import dataclasses
import json
import re

import avro
import rules
import side

TIMES = {"ts_ms", "ts_us", "ts_ns"}
POSITIONS = {"lsn", "origin_lsn"}
MARK = "millrace.conformance"       # prefix of the runner's own messages
UNORDERED = (("parameters",), ("extensions",))    # maps
SIDE = re.compile(r"notifications?$")     # side topics that millrace does not write


def payload(part):
    return part["payload"] if isinstance(part, dict) and set(part) == {"schema", "payload"} else part


def schema(part):
    return part["schema"] if isinstance(part, dict) and set(part) == {"schema", "payload"} else None


def mask_source(source: dict) -> dict:
    """Times and positions differ from run to run; that they are there, and agree, does not."""
    masked = {}
    for key, value in source.items():
        if key in TIMES and value is not None:
            value = "T"
        elif key == "lsn" and value is not None:
            value = "L"
        elif key in ("txId", "xmin") and value is not None:
            value = "X"
        elif key == "sequence" and value is not None:
            last, own = json.loads(value)
            value = ["L" if last else None, "own" if str(source["lsn"]) == own else own]
        masked[key] = value
    return masked


def mask(value):
    """A value with what is volatile replaced."""
    if not isinstance(value, dict) or "source" not in value:
        return value
    masked = dict(value, source=mask_source(value["source"]))
    for key in TIMES & set(masked):
        masked[key] = "T" if masked[key] is not None else None
    return masked


def mask_headers(headers):
    kept = [[name, "RUN" if name == "__debezium.context.runId" else value] for name, value in headers
            if not name.startswith("__millrace.")]
    return sorted(kept)


def is_snapshot(record):
    value = payload(record["value"])
    return isinstance(value, dict) and value.get("op") == "r"


def position(record):
    value = payload(record["value"])
    return ((value or {}).get("source") or {}).get("lsn") or 0 if isinstance(value, dict) else 0


def groups(records):
    """(topic, key) -> records in order. What has no key is put in the log's order."""
    found = collections.defaultdict(list)
    for record in records:
        found[record["topic"], json.dumps(payload(record["key"]), sort_keys=True)].append(record)
    for (_, key), members in found.items():
        if key == "null":
            members.sort(key=lambda record: (not is_snapshot(record), position(record)))
    return found


@dataclasses.dataclass
class Result:
    records: int = 0
    subjects: int = 0      # versions of subjects compared, and how many of them are equal as text
    texts: int = 0
    refused: str = ""
    differences: list = dataclasses.field(default_factory=list)
    applied: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    @property
    def verdict(self):
        return "DIFFERS" if self.differences else "by rule" if self.applied or self.refused else "equal"

    def summary(self, name, show):
        lines = [f"{self.verdict:8} {name}: {self.refused or f'{self.records} records'}"]
        if self.subjects:
            lines[0] += f", {self.texts} of {self.subjects} registered schemas equal as text"
        if self.differences:
            lines[0] += f", {len(self.differences)} differences"
        lines += [f"           rule {rule} ({count} times)" for rule, count in sorted(self.applied.items())]
        lines += [f"           {difference}" for difference in self.differences[:show]]
        return "\n".join(lines)


def walk(path, expected, got, found):
    """Collects (path, expected, got) wherever two JSON values differ."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in list(expected) + [key for key in got if key not in expected]:
            walk(path + (key,), expected.get(key, rules.MISSING), got.get(key, rules.MISSING), found)
        if list(expected) != list(got) and set(expected) == set(got) and path[-1:] not in UNORDERED:
            found.append((path, f"order {list(expected)}", f"order {list(got)}"))
    elif isinstance(expected, list) and isinstance(got, list) and is_fields(expected) and is_fields(got):
        walk_fields(path, expected, got, found)
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for index, (one, other) in enumerate(zip(expected, got)):
            walk(path + (index,), one, other, found)
    elif isinstance(expected, str) and isinstance(got, dict) and set(got) == {"hex"} and decimal_text(expected, got["hex"]):
        pass
    elif expected != got or isinstance(expected, bool) != isinstance(got, bool):
        found.append((path, expected, got))


def decimal_text(text, bytes_):
    """Some recordings decoded Avro decimals: "12.50" is 04e2 at scale 2."""
    found = re.fullmatch(r"(-?\d+)(?:\.(\d+))?", text)
    return bool(found) and int(found[1] + (found[2] or "")) == int.from_bytes(bytes.fromhex(bytes_), "big", signed=True)


def is_fields(items):
    return bool(items) and all(isinstance(item, dict) and "field" in item for item in items)


def walk_fields(path, expected, got, found):
    """Fields of a struct by name, then their order."""
    ours = {item["field"]: item for item in got}
    for item in expected:
        walk(path + (item["field"],), item, ours.get(item["field"], rules.MISSING), found)
    names = [item["field"] for item in expected]
    for item in got:
        if item["field"] not in names:
            found.append((path + (item["field"],), rules.MISSING, item))
    common = [item["field"] for item in got if item["field"] in names]
    if common != [name for name in names if name in ours]:
        found.append((path, f"order {names}", f"order {common}"))


def hidden(record):
    """The runner's own messages."""
    value = payload(record["value"])
    return isinstance(value, dict) and value.get("op") == "m" and value["message"]["prefix"] == MARK


def timed(place, records, plan):
    """Heartbeats, and the rows that their query writes: how many there are is a matter of the clock."""
    table = place[0].partition(".")[2]
    return any(side.is_heartbeat(record) for record in records) or bool(plan.action_query) and table in plan.action_query


def compare_records(expected, got, context, result):
    found = []
    for part in ("key", "value"):
        walk((part,), mask(payload(expected[part])), mask(payload(got[part])), found)
        walk((part, "schema"), schema(expected[part]), schema(got[part]), found)
    walk(("headers",), mask_headers(expected["headers"]), mask_headers(got["headers"]), found)
    for path, wanted, have in found:
        rule = rules.match(path, wanted, have, expected, got, context)
        if rule:
            result.applied[rule] += 1
        else:
            where = ".".join(map(str, path))
            result.differences.append(
                f"{expected['topic']} {json.dumps(payload(expected['key']))} {where}: "
                f"expected {json.dumps(wanted, ensure_ascii=False, default=str)[:220]}, got {json.dumps(have, ensure_ascii=False, default=str)[:220]}")


def reshaped(records) -> set:
    """Topics whose key or value schema is not the same in all records: DDL while streaming."""
    shapes = collections.defaultdict(set)
    for record in records:
        if record["value"] is not None:
            shapes[record["topic"]].add(json.dumps([schema(record["key"]), schema(record["value"])], sort_keys=True))
    return {topic for topic, found in shapes.items() if len(found) > 1}


def compare(expected, got, catalog, plan, stream_only=False, evolved=frozenset()) -> Result:
    result = Result()
    expected = [record for record in expected if not SIDE.search(record["topic"])]
    got = side.without(got, side.of_prefix(got, MARK))
    got = [record for record in got if not SIDE.search(record["topic"]) and not hidden(record)]
    if side.uses_java_names(expected):
        result.applied[rules.PREFIXES] += 1
    expected, got = side.prepare(expected), side.prepare(got)
    if stream_only:
        expected = [record for record in expected if not is_snapshot(record)]
        got = [record for record in got if not is_snapshot(record)]
    rules.STREAM_ONLY = stream_only
    context = rules.Context(catalog.types, expected, got, catalog.by_index, catalog.by_partial_index, catalog.generated,
                            catalog.partitioned, catalog.domains, catalog.restarted, plan.format["event_converting_failure_handling_mode"],
                            reshaped(expected) | reshaped(got) | evolved)
    theirs, ours = groups(expected), groups(got)
    result.records = len(expected)
    for place in list(theirs) + [place for place in ours if place not in theirs]:
        wanted, have = theirs.get(place, []), ours.get(place, [])
        if wanted and have and timed(place, wanted, plan):
            wanted, have = wanted[:len(have)], have[:len(wanted)]
        rule = len(wanted) != len(have) and rules.match_group(place, wanted, have, context)
        if rule:
            result.applied[rule] += 1
        elif len(wanted) != len(have):
            result.differences.append(f"{place[0]} {place[1]}: expected {len(wanted)} records "
                                      f"{[op(r) for r in wanted]}, got {len(have)} {[op(r) for r in have]}")
        for one, other in zip(wanted, have) if not rule else ():
            compare_records(one, other, context, result)
    return result


def compare_subjects(recorded, registry, catalog, result, structural):
    """Registered schemas, letter by letter; a rule may explain a column that differs."""
    context = rules.Context(catalog.types, [], [], catalog.by_index, catalog.by_partial_index, catalog.generated,
                            domains=catalog.domains)
    evolved = avro.evolved(recorded, registry)

    def report(subject, index, found):
        topic = subject.removesuffix(".Value").removesuffix("-key").removesuffix("-value")
        table = topic.partition(".")[2]
        for path, wanted, have in found or ():
            rule = rules.match_subject(table, path, wanted, have, context, topic in evolved)
            if rule:
                result.applied[rule] += 1
            else:
                result.differences.append(f"subject {subject} version {index + 1} {'.'.join(map(str, path))}: expected "
                                          f"{json.dumps(wanted, default=str)[:200]}, got {json.dumps(have, default=str)[:200]}")
        result.subjects += 1
        result.texts += found is None

    avro.compare_subjects(recorded, registry, walk, report, structural)


def op(record):
    value = payload(record["value"])
    return value.get("op", "?") if isinstance(value, dict) else None

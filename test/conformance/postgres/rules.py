"""Where millrace differs from Debezium on purpose: docs/reference/debezium-differences.md, as code.

A rule sees one difference and *states* what millrace gives there, from what the database says (truth.py, values.py,
shapes.py); NOT means that it has nothing to say. The difference is excused only if millrace gave exactly that. Rules
know types and values, never names of cases, tables or columns.
"""
import collections
import dataclasses
import json
import re

import compare
from compare import MISSING, NOT, body, op, payload, schema

from . import model, shapes
from .values import UNCHANGED, Codec, Unconvertible, day, days_of, held, moment

VALUES, FIELDS, OTHERS = [], [], []
GREGORIAN = days_of(1582, 10, 15)


def rule(kind):
    """The docstring is the rule's name in the report."""
    def add(function):
        kind.append((function.__doc__.strip(), function))
        return function
    return add


@dataclasses.dataclass
class Difference:
    path: tuple
    expected: object
    got: object
    record: dict
    ours: dict
    column: str          # of the table, or None
    fact: dict           # what the catalogue said of the column at that moment; {} unknown
    text: object         # what the server prints of the value; None is NULL
    known: bool          # whether the text is known at all
    table: str
    op: str
    context: object

    @property
    def type(self):
        return self.fact.get("type", "")

    @property
    def base(self):
        """The type under domains."""
        return self.context.codec.base(self.type)

    def right(self):
        """The value that an event has to have."""
        if not self.known:
            return NOT
        schemas = schema(self.record["value"]) is not None or self.context.plan.format.get("schemas") == "registry"
        items = field_of(self.ours, self.column).get("items", {})
        nulls = items.get("optional", not schemas or not self.context.codec.required(self.base.removesuffix("[]")))
        try:
            return self.context.codec.value(self.type, self.text, schemas, nulls)
        except Unconvertible:
            return None if self.context.failure == "warn" else NOT


def is_array(kind):
    return kind.endswith("[]")


# ---- values of columns

@rule(VALUES)
def name_column(d):
    """values of type name are sent in the stream too"""
    return d.right() if d.type == "name" and d.expected is None and d.op != "r" else NOT


@rule(VALUES)
def old_dates(d):
    """dates before 1582-10-15, BC and infinite dates: one value in snapshot and stream"""
    if d.base != "date" or d.op != "r" or not d.known or not d.text:
        return NOT
    return d.right() if "infinity" in d.text or days_of(*day(d.text)) < GREGORIAN else NOT


@rule(VALUES)
def array_of_times(d):
    """arrays of time keep their microseconds, and 24:00 is no 0"""
    return d.right() if is_array(d.base) and re.match(r"time(\(\d\))? without", d.base) else NOT


@rule(VALUES)
def array_of_old_timestamps(d):
    """old dates and timestamps in arrays are right by the proleptic calendar"""
    return d.right() if is_array(d.base) and re.match(r"date|timestamp", d.base) else NOT


@rule(VALUES)
def array_with_null_label(d):
    """an array is not lost for one NULL or unusual element"""
    return d.right() if is_array(d.base) and d.expected is None and not d.base.startswith("bit") else NOT


@rule(VALUES)
def array_of_bits(d):
    """arrays of bits are arrays of Bits, not one Bits that is always null"""
    return d.right() if is_array(d.base) and d.base.startswith("bit") and d.expected is None else NOT


@rule(VALUES)
def nested_arrays(d):
    """arrays of several dimensions are sent right, or as text where their schema has no place for them"""
    nested = d.known and is_array(d.base) and isinstance(d.text, str) and re.search(r"^(\[.*=)?\{\{", d.text)
    return d.right() if nested else NOT


@rule(VALUES)
def vectors_of_oids(d):
    """oidvector and int2vector have their elements"""
    return d.right() if d.base in ("oidvector", "int2vector") else NOT


@rule(VALUES)
def negative_scale(d):
    """numeric(p,-s) has scale -s, not 2048 - s"""
    return d.right() if re.match(r"numeric\(\d+,-\d+\)", d.base) else NOT


@rule(VALUES)
def odd_offsets(d):
    """times with offsets in seconds, or at 24:00 in another zone, are values, not null"""
    return d.right() if re.fullmatch(r"time(\(\d\))? with time zone", d.base) and d.expected is None else NOT


@rule(VALUES)
def saturated_timestamps(d):
    """timestamps from 294247 on, beyond int64 microseconds, saturate and do not wrap"""
    if not d.known or is_array(d.base) or not re.match(r"timestamp(\(\d\))? ", d.base) or not d.text or "infinity" in d.text:
        return NOT
    return d.right() if held(moment(d.text)) != moment(d.text) else NOT


@rule(VALUES)
def infinite_intervals(d):
    """an infinite interval is no interval of 0"""
    return d.right() if d.base.startswith("interval") and d.text in ("infinity", "-infinity") else NOT


@rule(VALUES)
def null_with_garbage_default(d):
    """a NULL is not sent as a default that is none"""
    stated = d.context.default(d.fact)
    return None if d.known and d.text is None and stated is MISSING and d.expected == field_of(d.record, d.column).get("default") else NOT


@rule(VALUES)
def unknown_arrays(d):
    """arrays that Debezium drops whatever its options are sent"""
    return d.right() if is_array(d.base) and d.expected is MISSING and sends_unknown(d) else NOT


@rule(VALUES)
def unknown_as_text(d):
    """types without a mapping are text, not the bytes of the text"""
    return d.right() if d.expected is not MISSING and sends_unknown(d) and not d.context.codec.known(d.base.removesuffix("[]")) else NOT


@rule(VALUES)
def arrays_of_domains(d):
    """arrays of domains are arrays of the domain's base type"""
    return d.right() if is_array(d.type) and d.base != d.type and sends_unknown(d) else NOT


@rule(VALUES)
def hstore_order(d):
    """an hstore's keys are in the server's order"""
    if d.type != "hstore" or not d.known or not isinstance(d.text, str):
        return NOT
    return d.right() if d.context.codec.option("hstore_handling_mode", "json") == "json" else NOT


@rule(VALUES)
def generated_value(d):
    """generated columns are in the snapshot only if they are in the stream"""
    return MISSING if d.fact.get("generated") and d.context.generated_missing else NOT


@rule(VALUES)
def placeholder_in_new_key(d):
    """an unchanged value that is known from the old row is sent"""
    change = d.context.change(d.ours)
    if not change or change.row.get(d.column) is not UNCHANGED or change.old.get(d.column, UNCHANGED) is UNCHANGED:
        return NOT
    return d.right()


@rule(VALUES)
def shortest_floats(d):
    """a float has the fewest digits that tell it from other floats (1e-45), where Java prints more (1.4e-45)"""
    return d.right() if d.base == "real" and isinstance(d.expected, float) else NOT


@rule(VALUES)
def rows_by_the_clock(d):
    """rows that a heartbeat's query writes have what the log says: how many came before is a matter of the clock"""
    return d.right() if compare.timed([d.ours], d.context.plan) else NOT


@rule(VALUES)
def mended_key(d):
    """a key column whose exclusion is taken back, as a refusal advised, has its value"""
    return d.right() if d.context.mended(d) == "transform.columns.key_excluded" else NOT


def sends_unknown(d) -> bool:
    return d.context.codec.option("include_unknown_datatypes", "true") == "true"


def field_of(record, column):
    """The schema of a column in the record's rows; {} where the record has no schema."""
    found = schema(record["value"]) or {}
    for name in ("after", column):
        found = next((field for field in found.get("fields", ()) if field["field"] == name), {})
    return found


# ---- fields of schemas: each rule changes what it knows better, and the field that remains has to be ours

def changed(field, **parts):
    return {name: part for name, part in {**field, **parts}.items() if part is not MISSING}


@rule(FIELDS)
def field_of_bits(d, field):
    """arrays of bits are arrays of Bits, not one Bits that is always null"""
    return shapes.column(d) if is_array(d.base) and d.base.startswith("bit") and field is not MISSING else NOT


@rule(FIELDS)
def field_of_unknown_array(d, field):
    """arrays that Debezium drops whatever its options are sent"""
    return shapes.column(d) if is_array(d.base) and field is MISSING and sends_unknown(d) else NOT


@rule(FIELDS)
def field_of_domain_array(d, field):
    """arrays of domains are arrays of the domain's base type"""
    return shapes.column(d) if is_array(d.type) and d.base != d.type and sends_unknown(d) and field is not MISSING else NOT


@rule(FIELDS)
def field_of_unknown(d, field):
    """types without a mapping are text, not the bytes of the text"""
    if field is MISSING or not sends_unknown(d) or not d.type or d.context.codec.known(d.base.removesuffix("[]")):
        return NOT
    if is_array(d.base):
        return changed(field, items={"type": "string", "optional": True}) if field.get("items", {}).get("type") == "bytes" else NOT
    return changed(field, type="string") if field["type"] == "bytes" else NOT


@rule(FIELDS)
def generated_field(d, field):
    """generated columns are in the snapshot only if they are in the stream"""
    return MISSING if d.fact.get("generated") and d.context.generated_missing else NOT


@rule(FIELDS)
def scale_of_field(d, field):
    """numeric(p,-s) has scale -s, not 2048 - s"""
    if not re.match(r"numeric\(\d+,-\d+\)", d.base) or field is MISSING or not field.get("parameters", {}).get("scale"):
        return NOT
    return changed(field, parameters={**field["parameters"], **shapes.decimal_parameters(d.base, d.context.codec)})


@rule(FIELDS)
def masked_default(d, field):
    """a masked or hashed column's default is not in the schema either"""
    masked = field is not MISSING and field.get("parameters", {}).get("masked") == "true" and "default" in field
    return changed(field, default=MISSING) if masked else NOT


@rule(FIELDS)
def mended_key_field(d, field):
    """a key column whose exclusion is taken back, as a refusal advised, has its value"""
    if d.context.mended(d) != "transform.columns.key_excluded":
        return NOT
    if field is not MISSING:
        return changed(field, optional=not d.fact["notnull"])
    return next((one for one in schema(d.ours["key"])["fields"] if one["field"] == d.column), NOT)


@rule(FIELDS)
def mended_mask(d, field):
    """a column whose mask is taken back, as a refusal advised, does not say that it is masked"""
    if field is MISSING or "masked" not in field.get("parameters", {}) or d.context.mended(d) != "transform.columns.cannot_mask":
        return NOT
    rest = {name: value for name, value in field["parameters"].items() if name != "masked"}
    return changed(field, parameters=rest or MISSING)


@rule(FIELDS)
def length_of_numeric(d, field):
    """a numeric without precision is told with length 0 and no scale, in the stream as in snapshots"""
    name = "__debezium.source.column."
    if d.type != "numeric" or d.op == "r" or field is MISSING or field.get("parameters", {}).get(name + "length") != "131089":
        return NOT
    return changed(field, parameters={key: value for key, value in field["parameters"].items() if key != name + "scale"} |
                   {name + "length": "0"})


@rule(FIELDS)
def expressions_as_defaults(d, field):
    """only constants are defaults; of an expression Debezium took the first word, of an infinity garbage"""
    if field is MISSING or "default" not in field or not d.fact.get("default") or d.context.default(d.fact) is not MISSING:
        return NOT
    zero = field["default"] in (0, 0.0, "") or str(field["default"]).startswith(("1970-01-01", "00000000-0000"))
    return changed(field, default=MISSING) if not zero else NOT


@rule(FIELDS)
def catalogue_facts(d, field):
    """what only the catalogue knows is as it was when the version was first met: in fast DDL another moment than Debezium's"""
    ours = d.got
    if field is MISSING or ours is MISSING:
        return NOT
    stated = dict(field)
    for fact, labels, nullable in d.context.column_history(d):
        stated = changed(field, optional=nullable, default=d.context.default_as(fact, field),
                         parameters=d.context.labels_as(labels, field))
        if compare.same(stated, ours):
            break
    return stated


# ---- all else

@rule(OTHERS)
def no_xmin(d):
    """xmin is not asked for: it costs a query every time and no consumer orders by it"""
    return None if d.path[-2:] == ("source", "xmin") else NOT


@rule(OTHERS)
def key_order(d):
    """a key that is gone when its version is met has its columns in the order of the table"""
    if d.path not in (("key",), ("key", "schema", "fields")) or not str(d.expected).startswith("order "):
        return NOT
    later = d.context.truth.ever(d.table, since=position_of(d.ours))
    gone = any(facts["key"] != later[0]["key"] for facts in later)
    columns = [column["name"] for column in later[0]["columns"] if column["name"] in payload(d.ours["key"])]
    return f"order {columns}" if gone else NOT


@rule(OTHERS)
def first_after_snapshot(d):
    """the runner's sink, standard output, keeps no position: nothing is known before the first transaction after a start"""
    if d.path[-2:] != ("sequence", 0):
        return NOT
    if compare.timed([d.ours], d.context.plan):
        return None if d.context.first_of_start(d.ours) else "L"
    return None if d.expected == "L" and d.context.first_of_start(d.ours) else NOT


@rule(OTHERS)
def messages_of_a_prefix(d):
    """messages of one prefix are one collection, not one each"""
    if d.op != "m" or d.path[-2:] != ("transaction", "data_collection_order"):
        return NOT
    prefix, xid = body(d.ours)["message"]["prefix"], body(d.ours)["transaction"]["id"].partition(":")[0]
    earlier = [one for one in d.context.got if op(one) == "m" and body(one).get("transaction") and
               body(one)["message"]["prefix"] == prefix and body(one)["transaction"]["id"].partition(":")[0] == xid]
    return 1 + next(index for index, one in enumerate(earlier) if one is d.ours)


CONSTANT = re.compile(r"(?:(NULL|-?[\d.]+(?:e[+-]?\d+)?|true|false)|B?'((?:[^']|'')*)'|\((-[\d.]+)\))(?:::[^'(]+(?:\(\d+(?:,-?\d+)?\))?[^'(]*)*")


NO_DEFAULT = re.compile(r".*\[\]|numeric|bytea|money|time(\(\d\))? with time zone|inet|cidr|macaddr8?|\w+range|point|line|lseg|box|path|"
                        r"polygon|circle")


class Context(model.Restating, compare.Context):
    """What rules may ask: the two lists, the options, and the database."""

    def __init__(self, outcome, expected, got):
        self.outcome, self.plan, self.truth = outcome, outcome.plan, outcome.truth
        self.expected, self.got, self.avro = expected, got, outcome.avro
        self.codec = Codec(outcome.plan.format, outcome.truth.types, outcome.avro)
        self.failure = outcome.plan.format["event_converting_failure_handling_mode"]
        self.generated_missing = outcome.truth.version < 18 or outcome.plan.source.get("publish_generated") is None
        self.rows = self.attach(got)
        self.shapes_seen, self.places = {}, {}
        self.snapshots = {record["topic"] for record in got if op(record) == "r"}
        for record in got:
            if position_of(record) and op(record) != "r":
                self.places.setdefault(record["topic"], []).append(position_of(record))

    # ---- what the database says of one of our records
    def table(self, record) -> str:
        source = body(record).get("source") or {}
        return f"{source['schema']}.{source['table']}" if "schema" in source else record["topic"].partition(".")[2]

    def change(self, record):
        if op(record) in ("r", None, "m") or not position_of(record):
            return None
        lsn, table = position_of(record), self.table(record)
        return self.truth.by_place.get((table, lsn)) or next((one for one in self.truth.log if one.lsn == lsn and one.op != "m"), None)

    def place(self, record):
        """Its place in the log; None for what is not of the log."""
        lsn = position_of(record)
        if op(record) in ("r", None) or not lsn or "source" not in body(record):
            return None
        return self.truth.place_of.get((lsn, op(record) == "m"), -1)

    def attach(self, got) -> dict:
        """id of a snapshot record -> the row it is of: by key, or in the order of the table."""
        found, counts, indexes = {}, collections.Counter(), {}
        for record in got:
            if op(record) != "r":
                continue
            table = self.table(record)
            rows = self.truth.rows.get(table) or [row for name, rows in self.truth.rows.items() for row in rows
                                                  if (self.truth.facts(name) or {}).get("partition")]
            key = payload(record["key"])
            if key and table not in indexes:
                indexes[table] = {json.dumps(self.encoded(table, row, key), sort_keys=True): row for row in rows
                                  if set(key) <= set(row)}
            row = indexes[table].get(json.dumps(key, sort_keys=True)) if key else None
            if row is None and not key and counts[table] < len(rows):
                row = rows[counts[table]]
            counts[table] += 1
            if row is not None:
                found[id(record)] = row
        return found

    def encoded(self, table, row, names) -> dict:
        """Columns of a row as an event has them."""
        found = {}
        for name in names:
            fact = self.truth.column(table, name) or {"type": "text"}
            try:
                found[name] = self.codec.value(fact["type"], row[name])
            except (Unconvertible, ValueError):
                found[name] = None
        return found

    def text(self, record, image, column):
        """(known, text) of a column before or after the change, or in its key."""
        if op(record) == "r":
            row = self.rows.get(id(record), {})
        else:
            change = self.change(record)
            if not change:
                return False, None
            old = change.row if change.op == "d" else change.old
            row = old if image == "before" else change.row
            if row.get(column) is UNCHANGED:
                row = old
        found = row.get(column, UNCHANGED)
        return found is not UNCHANGED, None if found is UNCHANGED else found

    def own_headers(self, record):
        """The headers that only millrace has."""
        if compare.side.is_heartbeat(record):      # its position is volatile, but there
            return [[name, value] for name, value in record["headers"] if name == compare.POSITION and is_position(value)]
        change = self.change(record)
        after = body(record).get("after")
        if not change or not after:
            return []
        names = [name for name, value in change.row.items() if name in after and value is UNCHANGED and
                 change.old.get(name, UNCHANGED) is UNCHANGED]
        return [["__millrace.unchanged", json.dumps(names, ensure_ascii=False, separators=(",", ":"))]] if names else []

    def mended(self, d):
        """The refusal after which a column was mended."""
        return self.plan.mended.get((d.table, d.column))

    def first_of_start(self, record):
        """Whether the record's transaction is the first that a process of ours has read."""
        lsn = position_of(record)
        since = max((at for at in self.plan.starts if at <= lsn), default=None)
        if since is None:
            return False
        earlier = [one for one in self.got if "source" in body(one) and since <= position_of(one) < lsn and op(one) != "r" and
                   body(one)["source"]["txId"] != body(record)["source"]["txId"]]
        return not earlier

    def misordered(self, record):
        """(path, as the table has them, as we have them) of rows whose columns are not in the table's order."""
        names = [column["name"] for column in (self.truth.facts(self.table(record), position_of(record) if op(record) != "r" else None)
                                               or {"columns": ()})["columns"]]
        shape = {field["field"]: field.get("fields", ()) for field in (schema(record["value"]) or {}).get("fields", ())}
        for image in ("before", "after"):
            ours = [(("value", "schema", "fields", image, "fields"), [field["field"] for field in shape.get(image, ())]),
                    (("value", image), list(body(record).get(image) or ()))]
            for path, found in ours:
                if set(found) <= set(names) and found != [name for name in names if name in found]:
                    yield path, [name for name in names if name in found], found

    # ---- defaults, labels, nullability
    def default(self, fact):
        """The default that a schema has: MISSING where the catalogue's is no constant, or has no finite value."""
        text = fact.get("default")
        found = text and CONSTANT.fullmatch(text)
        if not found or found[1] == "NULL" or NO_DEFAULT.fullmatch(self.codec.base(fact["type"])):
            return MISSING
        word = found[1] or found[3] or (found[2] or "").replace("''", "'")
        if "infinity" in word or word == "NaN":
            return MISSING
        try:
            return self.codec.value(fact["type"], word)
        except (Unconvertible, ValueError):
            return MISSING

    def default_as(self, fact, field):
        """The same, but where the default is a function: Debezium's zero, if the field has it."""
        stated = self.default(fact)
        if stated is MISSING and fact.get("default") and not CONSTANT.fullmatch(fact["default"]):
            return field.get("default", MISSING)
        return stated

    def labels_as(self, labels, field):
        if "allowed" not in field.get("parameters", {}) or labels is None:
            return field.get("parameters", MISSING)
        return {**field["parameters"], "allowed": ",".join(labels)}

    def met(self, record):
        """(first, last) place in the log at which the version of a record's table can have been met: from the first record
        behind the last DDL of the table on, until the next moment at which the runner had seen all that was written."""
        place, table = 0 if op(record) == "r" else position_of(record), self.table(record)
        changed = 0
        for (at, facts), (_, earlier) in zip(self.truth.history[1:], self.truth.history):
            if at <= place and facts.get(table) != earlier.get(table):
                changed = at
        first = min((one for one in self.places.get(record["topic"], ()) if changed <= one <= place), default=0)
        return first, next((at for at in self.plan.settled if at > first), 2**64)

    def column_history(self, d):
        """(what the catalogue said, labels, optional) that a field may have: as when its version was met. A renamed or added
        label makes no version by itself; what was nullable when an earlier version was met stays so."""
        first, last = self.met(d.ours)
        now = next((at for at in self.plan.settled if at > position_of(d.ours)), 2**64)
        before, labels, facts = False, [], []
        for at, every in self.truth.history:
            fact = next((one for one in (every.get(d.table) or {"columns": ()})["columns"] if one["name"] == d.column), None)
            if fact is None or at > now:
                continue
            labels.append(every["types"].get(self.codec.base(fact["type"]), {}).get("labels"))
            if self.truth.ends(at) <= first:
                before = before or self.was_met(d, at) and not fact["notnull"]
            elif at <= last:
                facts.append((fact, before or not fact["notnull"]))
        for fact, optional in facts:
            for one in labels or [None]:
                yield fact, one, optional

    def was_met(self, d, at) -> bool:
        """Whether a version of the table was surely met while this was in the catalogue."""
        ends = self.truth.ends(at)
        if at == self.truth.history[0][0] and d.ours["topic"] in self.snapshots:
            return True
        return any(self.met_at(place) <= ends for place in self.places.get(d.ours["topic"], ()) if at <= place)

    def met_at(self, place) -> int:
        return next((one for one in self.plan.settled if one > place), 2**64)

    # ---- the rules' question
    def difference(self, path, expected, got, theirs, ours) -> Difference:
        image = path[1] if path[1:2] in (("before",), ("after",)) else "key" if path[0] == "key" else "after"
        column = path[-1] if path[0] in ("key", "value") and compare.is_column(path) else None
        table, lsn = self.table(ours if payload(ours["value"]) else theirs), position_of(ours)
        fact = column and self.truth.column(table, column, lsn if op(ours) != "r" else None) or {}
        known, text = self.text(ours, image, column) if column else (False, None)
        return Difference(path, expected, got, theirs, ours, column, fact, text, known, table, op(theirs) or "", self)

    def match(self, path, expected, got, theirs, ours):
        """The names of the rules that state what millrace gave; none if they do not."""
        d = self.difference(path, expected, got, theirs, ours)
        column = d.column
        if column and "schema" in path:
            return self.match_field(d)
        for name, function in VALUES if column else OTHERS:
            stated = function(d)
            if stated is not NOT and compare.same(stated, got):
                return [name]
        return []

    def overlooked(self, theirs, ours):
        """(path, stated, ours) where both sides agree, but a rule states another value: Debezium's mistake, made here too."""
        for image in ("before", "after"):
            wanted, have = body(theirs).get(image) or {}, body(ours).get(image) or {}
            for column, value in have.items():
                if column in wanted and compare.same(wanted[column], value):
                    d = self.difference(("value", image, column), wanted[column], value, theirs, ours)
                    stated = next((one for one in (function(d) for _, function in VALUES) if one is not NOT), value)
                    if not compare.same(stated, value):
                        yield d.path, stated, value
        for part in ("key", "value"):
            yield from self.overlooked_fields(part, theirs, ours)

    def overlooked_fields(self, part, theirs, ours):
        """The same of schemas; each pair is looked at once."""
        kind, pair = (part, ours["topic"], op(ours) == "r"), [schema(record[part]) for record in (theirs, ours)]
        if None in pair:
            return []
        seen = self.shapes_seen.setdefault(kind, [])
        found = next((found for one, found in seen if one == pair), None)
        if found is None:
            found = list(self.look_over(part, pair, theirs, ours))
            seen.append((pair, found))
        return found

    def look_over(self, part, shapes, theirs, ours):
        path = ("key", "schema", "fields")
        if part == "value":
            path = ("value", "schema", "fields", "after", "fields")
            shapes = [next((one for one in shape["fields"] if one["field"] == "after"), {}) for shape in shapes]
        wanted, have = ({field["field"]: field for field in shape.get("fields", ())} for shape in shapes)
        for column, field in have.items():
            if column in wanted and compare.same(wanted[column], field):
                d = self.difference(path + (column,), wanted[column], field, theirs, ours)
                stated = self.stated_field(d, FIELDS)[1] if d.fact else field
                if not compare.same(stated, field):
                    yield d.path, stated, field

    def match_field(self, d):
        names, field = self.stated_field(d, FIELDS)
        return names if compare.same(field, d.got) else []

    def stated_field(self, d, rules):
        names, field = [], d.expected
        for name, function in rules:
            stated = function(d, field)
            if stated is not NOT and not compare.same(stated, field):
                names.append(name)
                field = stated
        return names, field


def is_position(text) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def position_of(record):
    return compare.position(record)


def context(outcome, expected, got):
    return Context(outcome, expected, got)


def settled(outcome):
    """(table, column) whose nullability was the same all the time."""
    found = outcome.truth.history[-1][1]
    return {(table, column["name"]) for table, facts in found.items() if table != "types" for column in facts["columns"]
            if len({one["notnull"] for earlier in outcome.truth.ever(table) for one in earlier["columns"]
                    if one["name"] == column["name"]}) == 1}

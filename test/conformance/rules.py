"""Where millrace differs from Debezium on purpose: docs/reference/debezium-differences.md, as code.

A rule sees one difference: its path, both sides, the two records and what is known of the column. It knows types and
values, never names of cases, tables or columns.
"""
import base64
import dataclasses
import datetime
import json
import re
import struct


class Missing:
    def __repr__(self):
        return "(missing)"


MISSING = Missing()
STREAM_ONLY = False      # set by run.py --stream-only
GREGORIAN = (datetime.date(1582, 10, 15) - datetime.date(1970, 1, 1)).days


@dataclasses.dataclass
class Context:
    types: dict       # (schema.table, column) -> type
    expected: list
    got: list
    by_index: set = dataclasses.field(default_factory=set)          # tables with REPLICA IDENTITY USING INDEX
    by_partial_index: set = dataclasses.field(default_factory=set)  # tables whose only unique indexes are partial

    generated: set = dataclasses.field(default_factory=set)         # names of generated columns
    partitioned: set = dataclasses.field(default_factory=set)       # partitions, and tables with children
    domains: set = dataclasses.field(default_factory=set)
    restarted: bool = False
    failure: str = "warn"
    reshaped: set = dataclasses.field(default_factory=set)          # topics whose schema changed while streaming

    def type_of(self, record, column):
        return self.types.get((".".join(record["topic"].split(".")[1:]), column), "")


@dataclasses.dataclass
class Difference:
    path: tuple
    expected: object
    got: object
    record: dict
    ours: dict
    column: str       # of the table, or None
    type: str         # as PostgreSQL prints it; "" unknown
    op: str
    in_schema: bool
    context: Context


# What millrace refuses at the start where Debezium goes on and harms data.
REFUSALS = {
    "transform.columns.key_not_sent": "refused: a key column that deleted rows do not have (Debezium sends a null key)",
    "transform.columns.key_excluded": "refused: a key column that is left out (Debezium sends key 0)",
    "transform.columns.cannot_mask": "refused: a mask on a column it cannot mask (Debezium leaves it in clear)",
}

PREFIXES = "an END names messages by their prefix, not by a Java object"
MERGED = "refused: two tables whose topics would be one (Debezium merges them)"

ALL = []


def rule(function):
    """The docstring is the rule's name in the report."""
    ALL.append((function.__doc__.strip(), function))
    return function


def is_array(type_):
    return type_.endswith("[]")


@rule
def array_of_bits(d):
    """arrays of bits are arrays of Bits, not one Bits that is always null"""
    return bool(re.match(r"bit", d.type)) and is_array(d.type)


@rule
def name_column(d):
    """values of type name are sent in the stream too"""
    return d.type == "name" and d.expected is None


@rule
def old_dates(d):
    """dates before 1582-10-15, BC and infinite dates: one value in snapshot and stream"""
    if not d.type.startswith("date") or d.op != "r" or d.in_schema:
        return False
    if isinstance(d.expected, str) or isinstance(d.got, str):
        return True
    return isinstance(d.expected, int) and isinstance(d.got, int) and (d.got < GREGORIAN or d.got > 2_100_000_000)


@rule
def array_of_times(d):
    """arrays of time keep their microseconds, and 24:00 is no 0"""
    return is_array(d.type) and bool(re.match(r"time(\(\d\))? without", d.type)) and not d.in_schema


@rule
def array_of_old_timestamps(d):
    """old timestamps in arrays are right by the proleptic calendar"""
    return is_array(d.type) and d.type.startswith("timestamp") and not d.in_schema


@rule
def array_of_old_dates(d):
    """dates before 1582-10-15, BC and infinite dates are right in arrays too"""
    if not is_array(d.type) or not d.type.startswith("date") or d.in_schema:
        return False
    if isinstance(d.expected, str) and isinstance(d.got, str):
        return d.expected != d.got
    return isinstance(d.got, int) and (d.got < GREGORIAN or d.got > 2_100_000_000)


@rule
def array_with_null_label(d):
    """an array is not lost for one NULL or unusual element"""
    return is_array(d.type) and not d.in_schema and d.expected is None


@rule
def nested_arrays(d):
    """arrays of several dimensions are sent right, or as text where their schema has no place for them"""
    if not is_array(d.type) or d.in_schema:
        return False
    body = d.record["value"].get("payload", d.record["value"])
    value = (body.get("after") or {}).get(d.column)
    return value is None or all(item is None or (isinstance(item, str) and re.match(r"\[+L[\w.]+;@", item)) for item in value)


@rule
def vectors_of_oids(d):
    """oidvector and int2vector have their elements"""
    return d.type in ("oidvector", "int2vector") and not d.in_schema


@rule
def negative_scale(d):
    """numeric(p,-s) has scale -s, not 2048 - s"""
    return bool(re.match(r"numeric\(\d+,-\d+\)", d.type))


@rule
def odd_offsets(d):
    """times with offsets in seconds, or at 24:00 in another zone, are values, not null"""
    return d.type.startswith("time") and d.type.endswith("with time zone") and d.expected is None and isinstance(d.got, str)


@rule
def saturated_timestamps(d):
    """timestamps from 294247 on, beyond int64 microseconds, saturate and do not wrap"""
    last = 9223372036854775806
    if not d.type.startswith("timestamp") or d.in_schema:
        return False
    return d.got in (last, last // 1000) or (isinstance(d.got, str) and d.got.startswith("+294247-01-10T04:00:54"))


@rule
def infinite_intervals(d):
    """an infinite interval is no interval of 0"""
    return d.type.startswith("interval") and d.expected in (0, None) and d.got not in (0, None)


def field_of(record, column):
    """The schema of a column in the record's rows; {} where the record has no schema."""
    found = record["value"].get("schema") or {}
    for name in ("after", column):
        found = next((field for field in found.get("fields", ()) if field["field"] == name), {})
    return found


@rule
def masked_default(d):
    """a masked or hashed column's default is not in the schema either"""
    masked = d.column and field_of(d.record, d.column).get("parameters", {}).get("masked") == "true"
    return masked and d.in_schema and d.path[-1] == "default" and d.got is MISSING


@rule
def length_of_numeric(d):
    """a numeric without precision is told with length 0 and no scale, in the stream as in snapshots"""
    name = "__debezium.source.column."
    if d.type != "numeric" or d.op == "r":
        return False
    return d.path[-1] == name + "length" and d.expected == "131089" or d.path[-1] == name + "scale" and d.got is MISSING


@rule
def expressions_as_defaults(d):
    """only constants are defaults; of an expression Debezium took the first word, of an infinity garbage"""
    if d.column and not d.in_schema and d.got is None and d.path[-1] == d.column:    # a NULL that is sent as the default
        standards = [field_of(record, d.column).get("default") for record in (d.record, d.ours)]
        return standards == [d.expected, None]
    if not d.in_schema or d.path[-1] not in ("default", "connect.default", "type") or d.got not in (MISSING, None):
        return False
    if d.expected is None:
        return d.got is MISSING
    zero = d.expected in (0, 0.0, "") or str(d.expected).startswith(("1970-01-01", "00000000-0000"))
    return not zero


@rule
def unknown_arrays(d):
    """arrays that Debezium drops whatever its options are sent"""
    return is_array(d.type) and d.expected is MISSING


@rule
def unknown_as_text(d):
    """types without a mapping are text, not the bytes of the text"""
    if d.in_schema and d.path[-1] == "type":
        return d.expected == "bytes" and d.got == "string"
    if d.in_schema and d.path[-1] == "optional":
        return is_array(d.type) and d.record["value"]["schema"] is not None and d.expected is False
    try:
        return base64.b64decode(d.expected).decode() == d.got
    except (ValueError, TypeError):
        return False


@rule
def arrays_of_domains(d):
    """arrays of domains are arrays of the domain's base type"""
    return d.type.removesuffix("[]") in d.context.domains and is_array(d.type)


@rule
def qualified_names(d):
    """names of objects (regclass) are printed with their schema: nothing depends on a search_path"""
    if not d.type.startswith("reg") or not isinstance(d.expected, str) or not isinstance(d.got, str):
        return False
    return d.got.endswith("." + base64.b64decode(d.expected).decode())


@rule
def hstore_order(d):
    """an hstore's keys are in the server's order"""
    if d.type != "hstore" or not isinstance(d.expected, str) or not isinstance(d.got, str):
        return False
    try:
        return json.loads(d.expected) == json.loads(d.got)
    except ValueError:      # a map, or a placeholder
        return d.expected.startswith("order ") and d.got.startswith("order ")


@rule
def marker_of_partitions(d):
    """a partitioned table, and a table with children, is read once and not once per level"""
    return d.path[-2:] == ("source", "snapshot") and d.record["topic"].partition(".")[2] in d.context.partitioned


@rule
def generated_columns(d):
    """generated columns are in the snapshot only if they are in the stream"""
    return d.got is MISSING and d.column in d.context.generated


@rule
def catalogue_facts(d):
    """what only the catalogue knows is read when a version is met: in fast DDL that is another moment"""
    return d.in_schema and d.path[-1] in ("optional", "default", "allowed") and d.record["topic"] in d.context.reshaped


@rule
def nullability_never_tightens(d):
    """a column that became NOT NULL stays optional in the schema: a replay would otherwise register another one"""
    return d.in_schema and d.path[-1] == "optional" and d.expected is False and d.got is True


@rule
def placeholder_in_new_key(d):
    """an unchanged value that is known from the old row is sent"""
    return isinstance(d.expected, str) and d.expected.endswith("unavailable_value") and isinstance(d.got, str)


@rule
def shortest_floats(d):
    """a float has the fewest digits that tell it from other floats (1e-45), where Java prints more (1.4e-45)"""
    numbers = isinstance(d.expected, float) and isinstance(d.got, float)
    return numbers and d.type.startswith("real") and struct.pack("f", d.expected) == struct.pack("f", d.got)


@rule
def no_xmin(d):
    """xmin is not asked for: it costs a query every time and no consumer orders by it"""
    return d.path[-2:] == ("source", "xmin") and d.got is None


@rule
def first_after_snapshot(d):
    """the runner's sink, standard output, keeps no position: nothing is known before the first transaction after a start"""
    return d.path[-2:] == ("sequence", 0) and d.expected == "L" and d.got is None and (STREAM_ONLY or d.context.restarted)


@rule
def messages_of_a_prefix(d):
    """messages of one prefix are one collection, not one each"""
    return d.op == "m" and d.path[-2:] == ("transaction", "data_collection_order") and d.expected == 1


GROUPS = []


def group_rule(function):
    GROUPS.append((function.__doc__.strip(), function))
    return function


@group_rule
def identity_by_index(place, expected, got, context):
    """REPLICA IDENTITY USING INDEX: the index's columns are the key, and its changes are key changes"""
    return any(table in context.by_index for table in [place[0].partition(".")[2]])


@group_rule
def partial_unique_index(place, expected, got, context):
    """a partial unique index is no key"""
    return place[0].partition(".")[2] in context.by_partial_index


@group_rule
def really_skipped(place, expected, got, context):
    """with mode skip an event with a value that cannot be converted is left out"""
    return context.failure == "skip" and len(got) < len(expected)


@group_rule
def partitions_once(place, expected, got, context):
    """a partitioned table, and a table with children, is read once and not once per level"""
    reads = [r for r in expected if _op(r) == "r"]
    return place[0].partition(".")[2] in context.partitioned and len(expected) - len(reads) == len([r for r in got if _op(r) != "r"])


@group_rule
def nothing_at_all(place, expected, got, context):
    """a value that Debezium cannot read does not stop everything"""
    return not context.expected or (not expected and _stopped(context))


def _stopped(context):
    """Debezium's stream is the beginning of ours: it ended where the other went on."""
    theirs, ours = ([(r["topic"], json.dumps(r["key"]), _op(r)) for r in records if _op(r) not in ("r", "m")]
                    for records in (context.expected, context.got))
    return 0 < len(theirs) < len(ours) and ours[:len(theirs)] == theirs


@group_rule
def moving_keys(place, expected, got, context):
    """a key that is made or dropped while streaming counts from the relation message on, and the key is never null before"""
    ours, theirs = (sorted(str(_op(r)) for r in records if r["topic"] == place[0] and r["value"])
                    for records in (context.got, context.expected))
    return place[0] in context.reshaped and ours == theirs


def _op(record):
    value = record["value"] or {}
    return value.get("payload", value).get("op")


def match(path, expected, got, theirs, ours, context):
    column, in_schema, op = None, "schema" in path[:2], ""
    if path[0] == "value":
        value = theirs["value"]
        body = value.get("payload", value) if isinstance(value, dict) else {}
        op = (body or {}).get("op", "")
        if not in_schema and len(path) > 2 and path[1] in ("before", "after"):
            column = path[2]
        elif in_schema and len(path) > 5 and path[3] in ("before", "after"):
            column = path[5]
    d = Difference(path, expected, got, theirs, ours, column, context.type_of(theirs, column) if column else "", op,
                   in_schema, context)
    for name, function in ALL:
        if function(d):
            return name
    return None


def match_subject(table, path, expected, got, context, evolved):
    """A difference of one registered schema: path begins with the column."""
    column = path[0] if path else None
    if table in context.by_index or table in context.by_partial_index:
        chosen = identity_by_index if table in context.by_index else partial_unique_index
        return chosen.__doc__.strip()
    if evolved:
        return dict((function, name) for name, function in ALL)[catalogue_facts]
    record = {"topic": "x." + table, "value": {"schema": {}, "payload": {}}}
    d = Difference(("value", "schema", "fields", "after", "fields") + path, expected, got, record, record, column,
                   context.types.get((table, column), ""), "", True, context)
    for name, function in ALL:
        if function(d):
            return name
    return None


def match_group(place, expected, got, context):
    for name, function in GROUPS:
        if function(place, expected, got, context):
            return name
    return None

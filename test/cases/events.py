"""Reads millrace's output: Debezium's envelope in JSON with Connect schemas, each value as Python has it.

Both what was logged and what SELECT gives are brought to the same forms, so that comparing is ==: bytes for binary columns
and geometry (four bytes of SRID, then WKB), int for BIT, naive datetimes (a TIMESTAMP in UTC), text for ENUM, SET, JSON.
"""
import base64
import datetime
import decimal
import json

from logged import JSON, Event

EPOCH = datetime.datetime(1970, 1, 1)


def decimal_of(data: str, schema: dict) -> decimal.Decimal:
    raw = int.from_bytes(base64.b64decode(data), "big", signed=True)
    return decimal.Decimal(raw).scaleb(-int(schema.get("parameters", {}).get("scale", 0)))


def geometry(value: dict) -> bytes:
    return (value["srid"] or 0).to_bytes(4, "little") + base64.b64decode(value["wkb"])


def zoned(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).astimezone(datetime.timezone.utc).replace(tzinfo=None)


FORMS = {
    "org.apache.kafka.connect.data.Decimal": decimal_of,
    "io.debezium.time.ZonedTimestamp": lambda text, _: zoned(text),
    "io.debezium.time.Timestamp": lambda value, _: EPOCH + datetime.timedelta(milliseconds=value),
    "io.debezium.time.MicroTimestamp": lambda value, _: EPOCH + datetime.timedelta(microseconds=value),
    "io.debezium.time.Date": lambda value, _: (EPOCH + datetime.timedelta(days=value)).date(),
    "io.debezium.time.Time": lambda value, _: datetime.timedelta(milliseconds=value),
    "io.debezium.time.MicroTime": lambda value, _: datetime.timedelta(microseconds=value),
    "io.debezium.data.Bits": lambda data, _: int.from_bytes(base64.b64decode(data), "little"),
    "io.debezium.data.geometry.Geometry": lambda value, _: geometry(value),
    "io.debezium.data.geometry.Point": lambda value, _: geometry(value),
}


def value_of(schema: dict, value):
    if value is None:
        return None
    form = FORMS.get(schema.get("name"))
    if form:
        return form(value, schema)
    return base64.b64decode(value) if schema["type"] == "bytes" else value


def row_of(schema: dict, row: dict | None) -> dict | None:
    if row is None:
        return None
    return {field["field"]: value_of(field, row[field["field"]]) for field in schema["fields"]}


def event(line: str) -> Event | None:
    """None: not a row (a tombstone, a heartbeat, a schema change)."""
    record = json.loads(line)
    value = record["value"]
    if value is None or "op" not in (value.get("payload") or {}):
        return None
    parts = {field["field"]: field for field in value["schema"]["fields"]}
    body, source = value["payload"], value["payload"]["source"]
    key = record["key"] and row_of(record["key"]["schema"], record["key"]["payload"])
    return Event(body["op"], f"{source['db']}.{source['table']}", row_of(parts["before"], body["before"]),
                 row_of(parts["after"], body["after"]), key)


def topics(lines: list[str]) -> dict[str, set]:
    """Topic -> the (database, table) whose rows are in it."""
    found = {}
    for line in lines:
        record = json.loads(line)
        source = ((record["value"] or {}).get("payload") or {}).get("source")
        if source and source.get("table"):
            found.setdefault(record["topic"], set()).add((source["db"], source["table"]))
    return found


def json_parts(text: str):
    """JSON whose numbers keep their text: 1.0 is not 1, and no digit is lost."""
    return json.loads(text, parse_float=lambda digits: ("number", digits), parse_int=lambda digits: ("number", digits))


def equal(wanted, got) -> bool:
    """wanted is what the log or a table holds."""
    if wanted is JSON:
        return isinstance(got, str)
    if wanted == got:
        return True
    if isinstance(wanted, str) and isinstance(got, str):
        if wanted[:1] in ("{", "["):
            try:
                return json_parts(wanted) == json_parts(got)
            except ValueError:
                return False
        return is_uuid(wanted) and is_uuid(got)     # drawn by the server, differently in each run
    return False


def is_uuid(text: str) -> bool:
    return len(text) == 36 and text.count("-") == 4


def equal_rows(wanted: dict | None, got: dict | None) -> bool:
    if wanted is None or got is None:
        return wanted is got
    return list(wanted) == list(got) and all(equal(wanted[name], got[name]) for name in wanted)


def from_table(value, kind: str):
    """A value that SELECT gave, whose column's type is kind."""
    if kind == "bit" and isinstance(value, bytes):
        return int.from_bytes(value, "big")
    return value

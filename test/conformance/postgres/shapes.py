"""The Connect schema of a column whose schema Debezium gets wrong or leaves out, from its type in the catalogue."""
import re

from .values import Codec

DECIMAL = "org.apache.kafka.connect.data.Decimal"


def element(kind: str, codec: Codec) -> dict:
    """Of one element, optional."""
    kind = codec.base(kind)
    found = plain(kind, codec)
    return {"type": found[0], "optional": True, **{name: part for name, part in zip(("name", "version", "parameters"), found[1:])}}


def plain(kind, codec):
    """(type, name, version, parameters) as far as there are any."""
    if kind in ("bit", "bit(1)", "bit varying(1)"):
        return ("boolean",)
    if kind.startswith("bit"):
        length = re.search(r"\((\d+)\)", kind)
        return "bytes", "io.debezium.data.Bits", 1, {"length": length[1] if length else "2147483647"}
    if kind.startswith("interval"):
        text = codec.option("interval_handling_mode", "numeric") == "string"
        return ("string", "io.debezium.time.Interval", 1) if text else ("int64", "io.debezium.time.MicroDuration", 1)
    if kind == "money" or re.match(r"numeric\(", kind):
        mode = codec.option("decimal_handling_mode", "precise")
        if mode != "precise":
            return ("string" if mode == "string" else "double",)
        return "bytes", DECIMAL, 1, {"scale": "2"} if kind == "money" else decimal_parameters(kind, codec)
    return ("string", "io.debezium.data.Xml", 1) if kind == "xml" else ("string",)


def decimal_parameters(kind, codec) -> dict:
    """In Avro, which has no negative scale, the digits that are written out count."""
    digits, scale = map(int, re.search(r"\((\d+),(-?\d+)\)", kind).groups())
    own = codec.scale(scale)
    return {"scale": str(own), "connect.decimal.precision": str(digits + own - scale if scale < 0 else digits)}


POINT = {"type": "struct", "fields": [
    {"type": "double", "optional": False, "field": "x"}, {"type": "double", "optional": False, "field": "y"},
    {"type": "bytes", "optional": True, "field": "wkb"}, {"type": "int32", "optional": True, "field": "srid"}],
    "optional": True, "name": "io.debezium.data.geometry.Point", "version": 1, "doc": "Geometry (POINT)"}


def column(d) -> dict:
    """An array's field."""
    kind = d.base.removesuffix("[]")
    items = POINT if kind == "point" else element(kind, d.context.codec)
    return {"type": "array", "items": items, "optional": not d.fact.get("notnull"), "field": d.column}

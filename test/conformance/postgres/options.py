"""Debezium's connector options as a millrace configuration."""
import dataclasses
import re

import compare
from play import Unsupported


@dataclasses.dataclass
class Plan:
    prefix: str
    source: dict = dataclasses.field(default_factory=dict)
    format: dict = dataclasses.field(default_factory=dict)
    columns: list = dataclasses.field(default_factory=list)   # transforms `columns`
    schemas: bool = True
    action_query: str = ""        # what heartbeats write is a matter of time
    avro: bool = False
    starts: list = dataclasses.field(default_factory=list)    # where each start of millrace went on reading
    settled: list = dataclasses.field(default_factory=list)   # places in the log up to which all had come at some moment
    mended: dict = dataclasses.field(default_factory=dict)    # (table, column) -> the refusal after which it was mended
    keys: dict = dataclasses.field(default_factory=dict)      # table -> its key, where options choose it and it was mended
    setup: str = ""               # statements that a refusal advised, run after setup.sql
    stopped: bool = False         # Debezium failed: what came before may be compared
    apicurio: bool = False        # its converter splits schemas by references and prints them in another order


# What a Debezium user has without saying so; `import debezium` writes the same.
FORMAT = {
    "type": "json", "envelope": "debezium", "schemas": "true", "context_headers": "true",
    "replace_null_with_default": "true", "include_unknown_datatypes": "false",
    "event_converting_failure_handling_mode": "warn",
}

# Options that go over with their value: Debezium's name -> (section, ours).
SAME = {
    "decimal.handling.mode": "decimal_handling_mode",
    "time.precision.mode": "time_precision_mode",
    "interval.handling.mode": "interval_handling_mode",
    "binary.handling.mode": "binary_handling_mode",
    "hstore.handling.mode": "hstore_handling_mode",
    "include.unknown.datatypes": "include_unknown_datatypes",
    "event.converting.failure.handling.mode": "event_converting_failure_handling_mode",
    "schema.name.adjustment.mode": "schema_name_adjustment_mode",
    "field.name.adjustment.mode": "field_name_adjustment_mode",
    "unavailable.value.placeholder": "unavailable_value_placeholder",
}

IGNORED = re.compile(r"#quiet|#pg|topic\.creation\..*|.*\.converter\.schemas\.enable|key\.converter|value\.converter"
                     r"|value\.converter\.decimal\.format|xmin\.fetch\.interval\.ms"
                     r"|.*\.schema\.registry\.url|.*\.converter\.apicurio\..*|include\.schema\.comments")


def regexes(text, anchor=""):
    return [part.strip() for part in text.split(",")] if text else []


def tables(connector):
    """table and schema lists as patterns of ours."""
    patterns = [f"/{regex}/" for regex in regexes(connector.get("table.include.list"))]
    schemas = regexes(connector.get("schema.include.list"))       # one pattern: their order is not that of the snapshot
    patterns += [f"/({'|'.join(schemas)})\\..*/"] if schemas else []
    patterns = patterns or ["*.*"]
    patterns += [f"!/{regex}/" for regex in regexes(connector.get("table.exclude.list"))]
    patterns += [f"!/({regex})\\..*/" for regex in regexes(connector.get("schema.exclude.list"))]
    return patterns


def columns(connector) -> list:
    """Column rules as transforms; each has one kind of hash."""
    found, hashes = {}, []
    for key, value in connector.items():
        patterns = [f"/{regex}/" for regex in regexes(value)] if key.startswith("column.") else []
        if key == "column.propagate.source.type":
            continue
        chars = re.fullmatch(r"column\.(mask\.with|truncate\.to)\.(\d+)\.chars", key)
        digest = re.fullmatch(r"column\.mask\.hash\.(v2\.)?([^.]+)\.with\.salt\.(.+)", key)
        if key in ("column.include.list", "column.exclude.list"):
            found[key.split(".")[1]] = patterns
        elif chars:
            kind = "mask" if chars[1] == "mask.with" else "truncate"
            found.setdefault(kind, {}).update({pattern: chars[2] for pattern in patterns})
        elif digest:
            hashes.append({"hash": {"algorithm": digest[2], "salt": digest[3], "version": "v2" if digest[1] else "v1",
                                    "columns": patterns}})
        elif key == "message.key.columns":
            rules = [part.rsplit(":", 1) for part in value.split(";")]
            found["message_key_columns"] = {f"/{table}/": names for table, names in rules}
    return ([found] if found else []) + hashes


HANDLED = {"table.include.list", "table.exclude.list", "schema.include.list", "schema.exclude.list",
           "skipped.operations", "snapshot.mode", "#topics", "message.prefix.exclude.list", "message.key.columns",
           "column.propagate.source.type", "datatype.propagate.source.type",
           "provide.transaction.metadata", "skip.messages.without.change", "message.prefix.include.list", "topic.transaction",
           "heartbeat.interval.ms", "heartbeat.action.query", "topic.heartbeat.prefix", "topic.heartbeat.name",
           "publish.via.partition.root", "notification.enabled.channels", "notification.sink.topic.name"}


def events(plan: Plan, connector: dict):
    """What is sent besides rows, and what is not sent at all."""
    prefixes = [f"/{regex}/" for regex in regexes(connector.get("message.prefix.include.list"))]
    prefixes = prefixes and prefixes + [f"/{re.escape(compare.MARK)}/"]
    prefixes += [f"!/{regex}/" for regex in regexes(connector.get("message.prefix.exclude.list"))]
    if prefixes:
        plan.source["message_prefixes"] = prefixes
    for theirs, ours in (("provide.transaction.metadata", "provide_transaction_metadata"),
                         ("skip.messages.without.change", "skip_messages_without_change")):
        if theirs in connector:
            plan.format[ours] = connector[theirs]
    if "topic.transaction" in connector:
        plan.format["transaction_topic"] = "{name}." + connector["topic.transaction"]
    if connector.get("publish.via.partition.root") == "true":
        plan.source["publication"] = {"publish_via_partition_root": "true"}
    if connector.get("heartbeat.interval.ms", "0") != "0":
        plan.action_query = connector.get("heartbeat.action.query", "")
        plan.source["heartbeat"] = {"interval": connector["heartbeat.interval.ms"] + "ms", "topic": heartbeat_topic(connector)}
        if plan.action_query:
            plan.source["heartbeat"]["action_query"] = plan.action_query


def heartbeat_topic(connector):
    return connector.get("topic.heartbeat.name") or connector.get("topic.heartbeat.prefix", "__debezium-heartbeat") + ".{name}"


def translate(name: str, connector: dict, other=None) -> Plan:
    """other: a case of JSON in another format, "json-schema" or "confluent" (Avro)."""
    plan = Plan(prefix=name, format=dict(FORMAT))
    converter = connector.get("value.converter", "")
    if "connect.avro" in converter or "apicurio" in converter:
        plan.apicurio = "apicurio" in converter
        plan.avro = True
        plan.format.update({"type": "avro", "schema_name_adjustment_mode": "none", "field_name_adjustment_mode": "none"})
        del plan.format["schemas"]
    elif "JsonConverter" not in converter and converter:
        raise Unsupported(f"converter {converter}")
    if connector.get("#expect") == "FAILED":
        raise Unsupported("Debezium failed here: there is nothing to compare with")
    plan.source["tables"] = tables(connector)
    plan.source["snapshot"] = connector.get("snapshot.mode", "initial")
    plan.source["skipped_operations"] = regexes(connector.get("skipped.operations", "t"))
    events(plan, connector)
    plan.columns = columns(connector)
    propagated = [f"/{regex}/" for regex in regexes(connector.get("column.propagate.source.type", ""))]
    if propagated:
        plan.format["column_propagate_source_type"] = propagated
    propagated = [f"/{regex}/" for regex in regexes(connector.get("datatype.propagate.source.type", ""))]
    if propagated:
        plan.format["datatype_propagate_source_type"] = propagated
    if connector.get("value.converter.schemas.enable") == "false":
        plan.schemas = False
        plan.format["schemas"] = "false"
    if connector.get("value.converter.decimal.format") == "NUMERIC":
        plan.format["decimal_format"] = "numeric"
    for key, value in connector.items():
        if key in SAME:
            plan.format[SAME[key]] = value
        elif key not in HANDLED and not IGNORED.fullmatch(key) and not key.startswith("column."):
            raise Unsupported(f"option {key}")
    if other and plan.format["type"] != "json":
        raise Unsupported("its format is not JSON")
    if other and plan.format.pop("schemas") == "false":
        raise Unsupported("its recording has no schemas")
    if other == "json-schema":
        plan.schemas = False
        plan.format["schemas"] = "registry"
    elif other:
        plan.format = {"schema_name_adjustment_mode": "none", "field_name_adjustment_mode": "none"} | plan.format | {"type": "avro"}
    return plan


def yaml(plan: Plan, dsn: str) -> str:
    source = {"type": "postgres", "name": plan.prefix, "dsn": dsn, "slot": "conformance", **plan.source}
    source["publication"] = {"name": "conformance", "create": "all_tables", "no_identity": "accept", **plan.source.get("publication", {})}

    def scalar(value):
        if isinstance(value, dict):
            return "{" + ", ".join(f"{scalar(key)}: {scalar(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(scalar(item) for item in value) + "]"
        if str(value).startswith("{urls") or str(value) in ("true", "false"):
            return str(value)
        return "'" + str(value).replace("'", "''") + "'"

    def section(values):
        return "".join(f"      {key}: {scalar(value)}\n" for key, value in values.items())

    transforms = ""
    if plan.columns:
        transforms = "    transforms:\n" + "".join(
            "      - type: columns\n" + "".join(f"        {key}: {scalar(value)}\n" for key, value in one.items())
            for one in plan.columns)
    return (f"version: 1\npipelines:\n  conformance:\n    source:\n{section(source)}{transforms}    format:\n{section(plan.format)}"
            "    sink: {type: stdout, content: record}\n")

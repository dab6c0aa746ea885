"""What belongs to no row: transaction ids, BEGIN and END, heartbeats, made comparable from run to run.

A transaction id of PostgreSQL is "<xid>:<lsn>", of the others a GTID or a place. The xid becomes the transaction's place among those of the run; the LSN becomes what
it says: `own` where it is that of the event it stands in, `first` where it is that of the transaction's first event,
`end`, or 0. So two runs agree only where ids mean the same.
"""
import collections
import copy
import re

import compare

JAVA_OBJECT = "io.debezium.connector.postgresql.LogicalDecodingMessageMonitor"
MESSAGES = "(messages)"
PREFIXES = "an END names messages by their prefix, not by a Java object"


def payload(part):
    return part["payload"] if isinstance(part, dict) and set(part) == {"schema", "payload"} else part


def is_boundary(record) -> bool:
    value = payload(record["value"])
    return isinstance(value, dict) and set(value) == {"status", "id", "event_count", "data_collections", "ts_ms"}


def is_heartbeat(record) -> bool:
    return isinstance(payload(record["value"]), dict) and set(payload(record["value"])) == {"ts_ms"}


def block(record):
    value = payload(record["value"])
    return value.get("transaction") if isinstance(value, dict) and "source" in value else None


def split(text):
    """(transaction, place): PostgreSQL's ids have both, a GTID or a place in a binlog is the first alone."""
    found = re.fullmatch(r"(\d+):(\d+)", text)
    return (found[1], found[2]) if found else (text, "")


def first_events(records) -> dict:
    """xid -> LSN of its event of order 1, as text."""
    return {split(found["id"])[0]: split(found["id"])[1] for found in map(block, records)
            if found and found["total_order"] == 1}


def of_prefix(records, prefix) -> set:
    """xids of the transactions that have a message of this prefix: the runner's own."""
    return {split(block(record)["id"])[0] for record in records
            if block(record) and (payload(record["value"]).get("message") or {}).get("prefix") == prefix}


def without(records, xids) -> list:
    return [record for record in records
            if not (is_boundary(record) and split(payload(record["value"])["id"])[0] in xids)]


def prefixes(records) -> set:
    return {payload(record["value"])["message"]["prefix"] for record in records
            if block(record) and "message" in payload(record["value"])}


def merge_messages(collections_, names):
    """Messages count under an object's name there and under their prefix here: as one entry, and the list in order."""
    if not any(one["data_collection"] in names or one["data_collection"].startswith(JAVA_OBJECT) for one in collections_):
        return collections_
    merged = collections.Counter()
    for one in collections_:
        name = one["data_collection"]
        merged[MESSAGES if name in names or name.startswith(JAVA_OBJECT) else name] += one["event_count"]
    return [{"data_collection": name, "event_count": count} for name, count in sorted(merged.items())]


def uses_java_names(records) -> bool:
    return any(one["data_collection"].startswith(JAVA_OBJECT) for record in records if is_boundary(record)
               for one in payload(record["value"])["data_collections"] or ())


def prepare(records) -> list:
    """Copies with ids, times and collections replaced. A boundary has its topic's place as key, so that order counts."""
    first, names, places = first_events(records), prefixes(records), {}
    for record in records:
        if is_boundary(record):
            places.setdefault(split(payload(record["value"])["id"])[0], f"X{len(places) + 1}")
    prepared = []
    for record in records:
        found = block(record)
        if is_boundary(record):
            record = copy.deepcopy(record)
            boundary(payload(record["key"]), payload(record["value"]), places, first, names)
        elif found:
            record = copy.deepcopy(record)
            event(payload(record["value"]), places)
        elif is_heartbeat(record):
            record = copy.deepcopy(record)
            payload(record["value"])["ts_ms"] = "T" if isinstance(payload(record["value"])["ts_ms"], int) else None
        prepared.append(record)
    return prepared


def boundary(key, value, places, first, names):
    xid, lsn = split(value["id"])
    at = "0" if lsn == "0" else "end" if value["status"] == "END" else "first" if lsn == first.get(xid) else "other"
    if at == "other" and xid not in first:
        at = "first"          # of an event that is not sent
    same = key["id"] == value["id"]
    value["id"] = f"{places[xid]}:{at}"
    key["id"] = value["id"] if same else f"not {value['id']}"
    value["ts_ms"] = "T" if isinstance(value["ts_ms"], int) else value["ts_ms"]
    if value["data_collections"]:
        value["data_collections"] = merge_messages(value["data_collections"], names)


def event(value, places):
    xid, rest = compare.MASKS[value["source"]["connector"]].transaction(value["transaction"]["id"], value["source"])
    value["transaction"]["id"] = f"{places.get(xid, 'X?')}:{rest}"

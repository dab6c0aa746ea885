"""Spoils what millrace gave, in each way in which a judge may be blind, and says where that has to be seen.

A spoiler changes a copy of an outcome's records and yields the places, (topic, key, beginning of a path), each of
which the judge has to name. None in a place stands for any. A spoiler that finds nothing to change yields nothing.
"""
import copy
import json

import compare
from compare import body, key_text, op, payload, schema

SPOILERS = []


def spoiler(function):
    SPOILERS.append(function)
    return function


def spoilt(outcome, function):
    """(the outcome with spoilt records, places where it has to be seen)."""
    worse = copy.copy(outcome)
    worse.got = [json.loads(json.dumps(record)) for record in outcome.got]
    worse.subjects = copy.copy(outcome.subjects)
    return worse, set(function(worse))


def unseen(worse, places) -> list:
    """Places that the judge did not name."""
    found = compare.judge(worse).differences
    return [place for place in places if not any(
        place[0] in (None, one.topic) and place[1] in (None, one.key) and one.path[:len(place[2])] == place[2] for one in found)]


def rows(worse, images=("before", "after")):
    """(record, image, row) of what is judged one to one: rows that a heartbeat's query writes are not."""
    for record in judged(worse):
        for image in images:
            row = body(record).get(image)
            if isinstance(row, dict):
                yield record, image, row


def judged(worse):
    got = compare.side.without(worse.got, compare.side.of_prefix(worse.got, compare.MARK))
    return [record for record in got if not compare.hidden(record) and not compare.SIDE.search(record["topic"]) and
            not compare.timed([record], worse.plan)]


def fields(worse):
    """(record, image, field) of the schemas of rows."""
    for record in judged(worse):
        for image in (schema(record["value"]) or {}).get("fields", ()):
            for field in image.get("fields", ()) if image["field"] in ("before", "after") else ():
                yield record, image["field"], field


def field_place(record, image, field):
    return record["topic"], key_text(record), ("value", "schema", "fields", image, "fields", field["field"])


def nearly(value):
    """Another value of the same kind, as close as can be."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * 1.0001 + 1
    if isinstance(value, str):
        return value[:-1] + ("A" if value[-1:] != "A" else "B")
    if isinstance(value, list):
        return value[:-1] + [nearly(value[-1])] if value else [None]
    if isinstance(value, dict) and value:
        last = list(value)[-1]
        return {**value, last: nearly(value[last])}
    return "not null"


def every_value(worse, change):
    for record, image, row in rows(worse):
        for column, value in row.items():
            row[column] = change(value)
            yield record["topic"], key_text(record), ("value", image, column)


@spoiler
def values_nearly_right(worse):
    yield from every_value(worse, nearly)


@spoiler
def values_garbage(worse):
    yield from every_value(worse, lambda value: ["garbage"] if value != ["garbage"] else "garbage")


@spoiler
def values_lost(worse):
    yield from every_value(worse, lambda value: None if value is not None else 0)


@spoiler
def array_elements_lost(worse):
    for record, image, row in rows(worse):
        for column, value in row.items():
            if isinstance(value, list) and value:
                row[column] = value[:-1]
                yield record["topic"], key_text(record), ("value", image, column)


@spoiler
def columns_removed(worse):
    for record, image, row in rows(worse):
        column = list(row)[-1]
        del row[column]
        yield record["topic"], key_text(record), ("value", image)


def every_field(worse, change):
    for record, image, field in fields(worse):
        if change(field):
            yield field_place(record, image, field)


@spoiler
def defaults_garbage(worse):
    def change(field):
        field["default"] = "garbage"
        return True
    yield from every_field(worse, change)


@spoiler
def defaults_removed(worse):
    yield from every_field(worse, lambda field: field.pop("default", None) is not None)


@spoiler
def optional_toggled(worse):
    """Where DDL made both true at some moment the catalogue's history excuses either: such columns are not asked for."""
    def change(field):
        field["optional"] = not field["optional"]
        return True
    settled = worse.rules.settled(worse)
    context = worse.rules.context(worse, [], [])
    for record, image, field in fields(worse):
        change(field)
        if settled is None or (context.table(record), field["field"]) in settled:
            yield field_place(record, image, field)


@spoiler
def types_changed(worse):
    def change(field):
        field["type"] = "int8" if field["type"] != "int8" else "int16"
        return True
    yield from every_field(worse, change)


@spoiler
def parameters_changed(worse):
    def change(field):
        parameters = field.get("parameters") or field.get("items", {}).get("parameters") if isinstance(field.get("items", {}), dict) else None
        if parameters:
            parameters[list(parameters)[0]] += "0"
        return bool(parameters)
    yield from every_field(worse, change)


@spoiler
def fields_swapped(worse):
    for record in judged(worse):
        for image in (schema(record["value"]) or {}).get("fields", ()):
            if image["field"] in ("before", "after") and len(image.get("fields", ())) > 1:
                image["fields"] = image["fields"][1:] + image["fields"][:1]
                yield record["topic"], key_text(record), ("value", "schema", "fields", image["field"], "fields")


@spoiler
def source_and_op(worse):
    for record in judged(worse):
        if "source" in body(record) and op(record) != "m":
            body(record)["op"] = "x" if op(record) != "r" else "r"
            body(record)["source"]["db"] += "2"
            yield record["topic"], key_text(record), ("value", "source", "db")
            if op(record) == "x":
                yield record["topic"], key_text(record), ("value", "op")


@spoiler
def snapshot_markers(worse):
    for record in judged(worse):
        if op(record) == "r":
            source = body(record)["source"]
            source["snapshot"] = "true" if source["snapshot"] != "true" else "last"
            yield record["topic"], key_text(record), ("value", "source", "snapshot")


def removed(worse, which):
    """Takes the records away that `which` chooses among those of a topic."""
    topics = {}
    for record in judged(worse):
        topics.setdefault(record["topic"], []).append(record)
    gone = set()
    for topic, records in topics.items():
        chosen = which(records)
        gone |= {id(record) for record in chosen}
        if chosen:
            yield topic, None, ()
    worse.got = [record for record in worse.got if id(record) not in gone]


@spoiler
def tables_removed(worse):
    yield from removed(worse, lambda records: records)


@spoiler
def snapshots_removed(worse):
    yield from removed(worse, lambda records: [record for record in records if op(record) == "r"])


@spoiler
def last_records_removed(worse):
    yield from removed(worse, lambda records: records[-1:])


@spoiler
def tombstones_removed(worse):
    yield from removed(worse, lambda records: [record for record in records if payload(record["value"]) is None])


@spoiler
def deletes_removed(worse):
    yield from removed(worse, lambda records: [record for record in records if op(record) == "d"])


@spoiler
def records_doubled(worse):
    for record in judged(worse)[:]:
        if op(record) not in (None, "m"):
            worse.got.insert(next(index for index, one in enumerate(worse.got) if one is record), json.loads(json.dumps(record)))
            yield record["topic"], None, ()


@spoiler
def order_across_keys(worse):
    """The stream backwards, but for each key as it was: every topic with two keys, and the log's order over all."""
    stream = [record for record in judged(worse) if op(record) in ("c", "u", "d", None) and not compare.side.is_boundary(record)]
    queues, order = {}, []
    for record in stream:
        queues.setdefault((record["topic"], key_text(record)), []).append(record)
    order = [queues[record["topic"], key_text(record)] for record in reversed(stream)]
    backwards = [queue.pop(0) for queue in order]
    if [id(one) for one in backwards] == [id(one) for one in stream]:
        return
    places = iter(backwards)
    chosen = {id(record) for record in stream}
    worse.got = [next(places) if id(record) in chosen else record for record in worse.got]
    changes = [compare.position(record) for record in backwards if compare.position(record)]
    if changes != sorted(changes):
        yield None, None, ("order",)


@spoiler
def unchanged_forgotten(worse):
    for record in judged(worse):
        kept = [header for header in record["headers"] if header[0] != "__millrace.unchanged"]
        if kept != record["headers"]:
            record["headers"] = kept
            yield record["topic"], key_text(record), ("headers",)


@spoiler
def unchanged_invented(worse):
    for record, image, row in rows(worse, ("after",)):
        if not any(header[0] == "__millrace.unchanged" for header in record["headers"]):
            record["headers"].append(["__millrace.unchanged", json.dumps(list(row)[:1])])
            yield record["topic"], key_text(record), ("headers",)


@spoiler
def headers_lost(worse):
    for record in judged(worse):
        if record["headers"]:
            record["headers"] = record["headers"][1:]
            yield record["topic"], key_text(record), ("headers",)


@spoiler
def keys_lost(worse):
    yield from keys(worse, lambda key: None)


@spoiler
def keys_changed(worse):
    yield from keys(worse, lambda key: {name: nearly(value) for name, value in key.items()})


def keys(worse, change):
    for record in judged(worse):
        if isinstance(payload(record["key"]), dict) and not compare.side.is_boundary(record):
            changed = change(payload(record["key"]))
            record["key"] = dict(record["key"], payload=changed) if schema(record["key"]) and changed else changed
            yield record["topic"], None, ()


@spoiler
def key_schemas(worse):
    for record in judged(worse):
        for field in (schema(record["key"]) or {}).get("fields", ())[:1] if not compare.side.is_boundary(record) else ():
            field["optional"] = not field["optional"]
            yield record["topic"], key_text(record), ("key", "schema", "fields", field["field"])


@spoiler
def transactions_miscounted(worse):
    for record in judged(worse):
        if compare.side.is_boundary(record) and payload(record["value"])["event_count"]:
            payload(record["value"])["event_count"] += 1
            yield record["topic"], None, ("value", "event_count")
        elif compare.side.block(record):
            compare.side.block(record)["total_order"] += 1
            yield record["topic"], key_text(record), ("value", "transaction")


@spoiler
def registered_texts(worse):
    """In each registered schema the properties of the whole in another order."""
    if not worse.subjects or worse.subjects.structural:
        return
    subjects = worse.subjects
    subjects.texts = {number: json.dumps(dict(reversed(json.loads(text).items()))) for number, text in subjects.texts.items()}
    for topic in sorted({record["topic"] for record in judged(worse)}):
        yield topic, None, ("subject",)


@spoiler
def registered_in_vain(worse):
    """A schema that no record has."""
    if worse.subjects:
        subject = f"{worse.plan.prefix}.public.nobody-value"
        worse.subjects.subjects = {**worse.subjects.subjects, subject: ["{}"]}
        yield subject, None, ("subject",)

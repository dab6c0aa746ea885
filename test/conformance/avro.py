"""Avro records decoded by fastavro, an implementation that is not ours, and registered schemas compared as text."""
import base64
import io
import json
import math

import fastavro

SHARED = ("event.block", "io.debezium.connector.")   # subjects of Apicurio's own converter in the same registry


def bare(schema):
    """Without logical types: decimals stay bytes, as recordings have them."""
    if isinstance(schema, list):
        return [bare(item) for item in schema]
    if isinstance(schema, dict):
        return {key: bare(value) if key in ("type", "fields", "items", "values") else value
                for key, value in schema.items() if key != "logicalType"}
    return schema


def plain(value):
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


class Decoder:
    def __init__(self, registry):
        self.registry, self.parsed = registry, {}

    def decode(self, part):
        if part is None:
            return None
        data = base64.b64decode(part["base64"])
        number = int.from_bytes(data[1:5], "big")
        if number not in self.parsed:
            self.parsed[number] = fastavro.parse_schema(bare(json.loads(self.registry.texts[number])))
        stream = io.BytesIO(data[5:])
        value = fastavro.schemaless_reader(stream, self.parsed[number], None)
        assert data[0] == 0 and not stream.read(), "bytes are left over"
        return plain(value)

    def record(self, record):
        return dict(record, key=self.decode(record["key"]), value=self.decode(record["value"]))


def expected_record(record):
    """A recorded one in the same form."""
    def part(value):
        return plain(value["avro"]) if isinstance(value, dict) and "avro" in value else value
    return {"topic": record["topic"], "partition": 0, "key": part(record["key"]), "value": part(record["value"]),
            "headers": record["headers"]}


def compare_subjects(recorded: dict, registry, walk, report, structural=False):
    """Texts letter by letter; where they differ, what differs is reported field by field. structural: only what the
    texts mean counts, and rows may stand in subjects of their own (<topic>.Value)."""
    for subject, versions in sorted(recorded.items()):
        topic, _, part = subject.rpartition("-")
        if subject.startswith(SHARED) or (structural and subject.endswith("-value")):
            continue
        if structural and subject.endswith(".Value"):
            ours = registry.subjects.get(subject.removesuffix(".Value") + "-value", [])
        else:
            ours = registry.subjects.get(subject, [])
        theirs = [version["schema"] for version in versions]
        for index, text in enumerate(theirs):
            if text in ours or structural and fields(text, True) in [fields(other, True) for other in ours]:
                report(subject, index, None)
                continue
            found = []
            walk((), fields(text, structural), fields(ours[index], structural) if index < len(ours) else {}, found)
            report(subject, index, found or [((), "text " + text[:150], "text " + str(ours)[:150])])


def fields(text, ordered=False) -> dict:
    """column -> its field's JSON of the row in an envelope, of a row, or of a key."""
    schema = json.loads(text)
    for field in schema["fields"]:
        if schema["name"] == "Envelope" and field["name"] == "before" and isinstance(field["type"][1], dict):
            schema = field["type"][1]
            break
    found = {field["name"]: field for field in schema["fields"]}
    return json.loads(json.dumps(meaning(found), sort_keys=True)) if ordered else found


def meaning(schema):
    """Nested records by their names, as references have them; decimals by their parameters alone."""
    if isinstance(schema, list):
        return [meaning(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "record":
        return schema["connect.name"]
    drop = ("logicalType", "precision", "scale") if "scale" in schema.get("connect.parameters", {}) else ()
    return {key: meaning(value) for key, value in schema.items() if key not in drop}


def evolved(recorded: dict, registry) -> set:
    """Topics with several versions of a schema, or with a key on one side only."""
    topics = {subject.rpartition("-")[0] for subject, versions in recorded.items() if len(versions) > 1}
    topics |= {subject.rpartition("-")[0] for subject, texts in registry.subjects.items() if len(texts) > 1}
    keys = [{subject for subject in subjects if subject.endswith("-key")} for subjects in (recorded, registry.subjects)]
    return topics | {subject.rpartition("-")[0] for subject in keys[0] ^ keys[1]}

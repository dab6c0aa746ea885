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
    """With the schema beside each value, as Connect has it."""

    def __init__(self, registry):
        self.registry, self.parsed, self.shapes = registry, {}, {}

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
        if number not in self.shapes:
            self.shapes[number] = connect(json.loads(self.registry.texts[number]), {})
        return {"schema": self.shapes[number], "payload": plain(value)}

    def record(self, record):
        numbers = [int.from_bytes(base64.b64decode(record[part]["base64"])[1:5], "big") if record[part] else None
                   for part in ("key", "value")]
        return dict(record, key=self.decode(record["key"]), value=self.decode(record["value"]), ids=numbers)


class Recorded:
    """The subjects of a recording: schema ids there, and records with their schemas."""

    def __init__(self, subjects: dict):
        self.subjects = subjects
        self.texts = {version["id"]: version["schema"] for versions in subjects.values() for version in versions}
        self.named, self.shapes = {}, {}
        for text in self.texts.values():
            record = json.loads(text)
            self.named[".".join(part for part in (record.get("namespace"), record["name"]) if part)] = record

    def learn(self, texts):
        """Named records that the recording refers to and does not show: as ours define them. Others show them."""
        for text in texts:
            found = {}
            connect(json.loads(text), found)
            self.named = found | self.named

    def part(self, value):
        if not isinstance(value, dict) or "avro" not in value:
            return value
        number = value["id"]
        if number not in self.shapes:
            self.shapes[number] = connect(json.loads(self.texts[number]), dict(self.named)) if number in self.texts else None
        return {"schema": self.shapes[number], "payload": plain(value["avro"])}

    def record(self, record):
        """A recorded one in the form of ours."""
        ids = [record[part]["id"] if isinstance(record[part], dict) and "avro" in record[part] else None for part in ("key", "value")]
        return {"topic": record["topic"], "partition": record["partition"], "key": self.part(record["key"]),
                "value": self.part(record["value"]), "headers": record["headers"], "ids": ids}


PRIMITIVES = {"int": "int32", "long": "int64"}


def connect(schema, named: dict, namespace="") -> dict:
    """An Avro schema as the Connect schema that Confluent's converter makes of it: what JsonConverter would print."""
    if isinstance(schema, list):
        branch = next(one for one in schema if one != "null")
        return dict(connect(branch, named, namespace), optional=True)
    if isinstance(schema, str):
        full = schema if schema in named or "." in schema else f"{namespace}.{schema}"
        return connect(named[full], named, namespace) if full in named else {"type": PRIMITIVES.get(schema, schema), "optional": False}
    found = {"type": "struct" if schema["type"] == "record" else
             schema.get("connect.type") or PRIMITIVES.get(schema["type"], schema["type"])}
    if schema["type"] == "record":
        namespace = schema.get("namespace", namespace)
        named[f"{namespace}.{schema['name']}"] = schema
        found["fields"] = [field_of(field, named, namespace) for field in schema["fields"]]
    if schema["type"] == "array":
        found["items"] = connect(schema["items"], named, namespace)
    if schema["type"] == "map":
        found["keys"], found["values"] = {"type": "string", "optional": False}, connect(schema["values"], named, namespace)
    found["optional"] = False
    for name in ("name", "version", "parameters", "default", "doc"):
        if f"connect.{name}" in schema:
            found[name] = schema[f"connect.{name}"]
    return found


def field_of(field, named, namespace) -> dict:
    found = dict(connect(field["type"], named, namespace), field=field["name"])
    if field.get("default") is not None:
        found.setdefault("default", field["default"])
    return found


class Subjects:
    """What was registered, letter by letter. A text of ours is the recorded one, or the recorded one with the columns
    changed that rules have excused in the records of these ids; topics whose records were restated have their own."""

    def __init__(self, recorded: Recorded, subjects: dict, texts: dict, structural=False):
        self.recorded, self.subjects, self.texts, self.structural = recorded, subjects, texts, structural

    def pairs(self, theirs, ours):
        """(topic, part) -> pairs of ids that stand for each other, by the records compared."""
        found = {}
        for place, records in theirs.items():
            for one, other in zip(records, ours.get(place, ())):
                for part, index in (("key", 0), ("value", 1)):
                    if other["ids"][index]:
                        found.setdefault((other["topic"], part), set()).add((one["ids"][index], other["ids"][index]))
        return found

    def compare(self, context, theirs, ours, sent, result):
        """sent: all that millrace wrote, the runner's own messages too."""
        pairs = self.pairs(theirs, ours)
        for (topic, part), found in sorted(pairs.items()):
            for number, own in sorted(found, key=str):
                result.subjects += 1
                wanted, have = self.recorded.texts.get(number), self.texts.get(own)
                if wanted == have:
                    result.texts += 1
                elif wanted is not None and have is not None:
                    self.compare_texts(topic, part, wanted, have, result)
        used = {number for record in sent for number in record["ids"]}
        for subject, texts in sorted(self.subjects.items()):
            for text in texts:
                if not any(self.texts.get(own) == text for own in used) and f"{context.plan.prefix}." in subject:
                    result.differs(subject, "", ("subject",), "schemas that records have", text)

    def compare_texts(self, topic, part, wanted, have, result):
        """Columns apart, which were compared with the records, nothing may differ, not even the order of properties."""
        theirs, ours = json.loads(wanted), json.loads(have)
        if self.structural:
            theirs, ours = (json.loads(json.dumps(meaning(one, one["namespace"]), sort_keys=True)) for one in (theirs, ours))
        else:
            excuse(theirs, ours)
        if json.dumps(theirs) != json.dumps(ours):
            result.differs(topic, "", ("subject", part), json.dumps(theirs), json.dumps(ours))
        elif self.structural:
            result.texts += 1


def rows(schema):
    """Where a registered schema holds columns: the row of an envelope, or a key."""
    for field in schema["fields"]:
        if schema["name"] == "Envelope" and field["name"] == "before" and isinstance(field["type"][1], dict):
            return field["type"][1]
    return schema


def excuse(theirs, ours):
    """Puts our fields in the place of theirs where both mean something else, which the records have shown."""
    theirs, ours = rows(theirs), rows(ours)
    own = {field["name"]: field for field in ours["fields"]}
    namespace = theirs.get("namespace", "")
    fields = []
    for field in theirs["fields"]:
        other = own.get(field["name"])
        same = other and field_of(field, {}, namespace) == field_of(other, {}, namespace)
        fields += [field] if same else [other] if other else []
    names = [field["name"] for field in fields]
    theirs["fields"] = [next((field for field in fields if field["name"] == one["name"]), one) for one in ours["fields"]] \
        if set(names) <= set(own) and [one["name"] for one in ours["fields"] if one["name"] in names] == names else fields


def meaning(schema, namespace):
    """Nested records by their full names, as references have them: only what is around the columns."""
    if isinstance(schema, list):
        return [meaning(item, namespace) for item in schema]
    if isinstance(schema, str):
        return schema if "." in schema or schema in ("null", "string", "long", "int", "boolean", "bytes", "double", "float") \
            else f"{namespace}.{schema}"
    if schema.get("type") == "record" and "connect.name" in schema and schema["name"] != "Envelope":
        return schema["connect.name"]
    return {key: [dict(field, type=meaning(field["type"], namespace)) for field in value] if key == "fields" else value
            for key, value in schema.items()}

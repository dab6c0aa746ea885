"""Framed JSON read as a consumer would: the schema by its id, the message validated against it by jsonschema."""
import base64
import json

import jsonschema

import compare


class Decoder:
    def __init__(self, registry):
        self.registry, self.validators, self.validated = registry, {}, 0

    def decode(self, part):
        if part is None:
            return None
        data = base64.b64decode(part["base64"])
        number = int.from_bytes(data[1:5], "big")
        if number not in self.validators:
            schema = json.loads(self.registry.texts[number])
            jsonschema.Draft7Validator.check_schema(schema)
            self.validators[number] = jsonschema.Draft7Validator(schema)
        value = json.loads(data[5:])
        assert data[0] == 0
        self.validators[number].validate(value)
        self.named(self.validators[number].schema, value)
        self.validated += 1
        return value

    def named(self, schema, value):
        """Objects are open to a validator; a field that the schema does not name would pass it."""
        if isinstance(value, dict) and "connect.type" not in schema:
            branch = next((one for one in schema.get("oneOf", [schema]) if one["type"] == "object"), schema)
            names = branch.get("properties", {})
            assert "connect.type" in branch or set(value) == set(names), set(value) ^ set(names)
            for name, item in value.items():
                if name in names:
                    self.named(names[name], item)

    def record(self, record):
        return dict(record, key=self.decode(record["key"]), value=self.decode(record["value"]))


def numbers(schema, value):
    """A recorded value without what is no number to a JSON Schema, NaN and infinities, which JsonConverter writes as texts:
    such an element of an array is null, and so is a column that holds one elsewhere."""
    if isinstance(value, list) and schema["type"] == "array":
        return [numbers(schema["items"], item) for item in value]
    if isinstance(value, dict) and schema["type"] == "struct":
        parts = {field["field"]: numbers(field, value.get(field["field"])) for field in schema["fields"]}
        return None if any(part is None and value.get(name) is not None for name, part in parts.items()) else value
    return None if schema["type"] in ("float", "double") and isinstance(value, str) else value


def expected_part(part):
    """The payload; with event_converting_failure_handling_mode: warn, columns that a JSON Schema has no number for are null."""
    value, schema = compare.payload(part), compare.schema(part)
    for image in schema["fields"] if schema and isinstance(value, dict) else ():
        if image["field"] in ("before", "after") and value.get(image["field"]):
            value[image["field"]] = {field["field"]: numbers(field, value[image["field"]][field["field"]])
                                     for field in image["fields"]}
    return value


def expected_record(record):
    """A recorded one without the schemas beside it."""
    return dict(record, key=expected_part(record["key"]), value=expected_part(record["value"]))

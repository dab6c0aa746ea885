"""The JSON schema that editors use agrees with what millrace takes: valid files pass, broken ones do not."""
import json
import subprocess

import jsonschema
import pytest
import yaml
from millrace import ROOT, binary

VALID = [ROOT / "config/millrace.yaml", *sorted((ROOT / "config/examples").glob("*.yaml"))]
BROKEN = sorted((ROOT / "test/config/broken").glob("*.yaml"))
# What a schema cannot know: other files, the environment, YAML's own notation, templates, patterns and names of slots, a
# part of a configuration that others complete, what two pipelines share, the notation of addresses, whether a size with a
# unit is in its range.
UNSEEN = {"config.alias", "config.conflict", "config.duplicate_key", "config.file", "config.include", "config.missing", "config.pattern",
          "config.range", "config.substitution", "config.syntax", "config.tag", "config.topic_collision", "config.topic_template",
          "config.undefined_variable", "config.value", "config.shared", "config.path_template", "source.dsn", "source.slot_name", "source.tables",
          "kafka.client_property"}


@pytest.fixture(scope="module")
def validator():
    made = subprocess.run([binary(), "schema"], capture_output=True, text=True, check=True)
    schema = json.loads(made.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.name)
def test_a_valid_file_passes(path, validator):
    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(yaml.safe_load(path.read_text()))] == []


def test_broken_files_do_not_pass(validator):
    seen, passed = 0, []
    for path in BROKEN:
        code = path.read_text().split("# code: ")[1].split()[0]
        try:
            content = yaml.safe_load(path.read_text())
        except yaml.YAMLError:
            continue
        if list(validator.iter_errors(content)):
            seen += 1
        elif code not in UNSEEN and not code.startswith(("transform.", "errors.")):
            passed.append(f"{path.name} ({code})")
    assert passed == [] and seen >= 25

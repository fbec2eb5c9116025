"""Every key has a description, bounds and a comment, every shipped config is valid, and a wrong one is refused."""

import copy
import re
import subprocess
import sys

import jsonschema
import pytest
import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config, validate

from workflow_text import ROOT, WORKFLOW

SCHEMA = yaml.safe_load((WORKFLOW / "schemas" / "config.schema.yaml").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
CONFIGS = sorted(ROOT.glob("config/*.yaml"))
DEFAULT_FILE = ROOT / "config" / "config.yaml"
DEFAULT = yaml.safe_load(DEFAULT_FILE.read_text())


def keys(schema, config, path=()):
    """Map all keys of the schema, as paths, to their own part of it; of names a user chooses, those in ``config``."""
    config = config if isinstance(config, dict) else {}
    parts = {name: (part, name in schema["required"]) for name, part in schema.get("properties", {}).items()}
    for part in schema.get("patternProperties", {}).values():
        parts |= {name: (part, False) for name in config}
    found = {}
    for name, (part, required) in parts.items():
        if "$ref" in part:
            part = {**SCHEMA["$defs"][part["$ref"].rsplit("/", 1)[-1]], **part}
        found[*path, name] = {**part, "required here": required}
        found |= keys(part, config.get(name), (*path, name))
    return found


def leaves(config, path=()):
    """The paths of all values of a config."""
    return [
        leaf
        for name, value in config.items()
        for leaf in (leaves(value, (*path, name)) if isinstance(value, dict) and value else [(*path, name)])
    ]


KEYS = keys(SCHEMA, DEFAULT)
BLOCKS = [path for path, part in KEYS.items() if part.get("type") == "object"]
CLOSED = [path for path in BLOCKS if "patternProperties" not in KEYS[path]]
"""Blocks in which every key is known; in the others a user chooses names."""


def replaced(path, value):
    config = copy.deepcopy(DEFAULT)
    block = config
    for name in path[:-1]:
        block = block[name]
    block[path[-1]] = value
    return config


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_shipped_configs_are_valid(file):
    config = copy.deepcopy(DEFAULT)
    update_config(config, yaml.safe_load(file.read_text()))
    VALIDATOR.validate(config)


def test_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_key_is_described_and_bounded(path):
    part = KEYS[path]
    assert part.get("description"), "Describe it."
    if path in BLOCKS:
        assert part.get("additionalProperties") is False, "Refuse unknown keys."
    if part.get("type") in ("number", "integer", ["number", "null"], ["integer", "null"]):
        assert {"minimum", "exclusiveMinimum"} & set(part), "Bound it."


def test_default_config_holds_every_key():
    held = set(leaves(DEFAULT))
    assert held <= set(KEYS) - set(BLOCKS)
    assert {path for path, part in KEYS.items() if part["required here"]} - set(BLOCKS) <= held


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_every_value_has_a_comment(file):
    """Beside it, on lines of its own just above, or where a key of this name stands first."""
    lines = file.read_text().splitlines()
    explained = set() if file == DEFAULT_FILE else {path[-1] for path in leaves(DEFAULT)}
    bare = []
    for above, line in zip(["", *lines], lines, strict=False):
        if match := re.match(r"\s*(\w+):\s*[^#\s]", line):
            if "#" in line or above.lstrip().startswith("#"):
                explained.add(match[1])
            elif match[1] not in explained:
                bare.append(line)
    assert bare == []


@pytest.mark.parametrize("path", leaves(DEFAULT), ids=".".join)
def test_wrong_type_is_refused(path):
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(replaced(path, {"not": "a value"}))


@pytest.mark.parametrize("path", CLOSED, ids=".".join)
def test_unknown_key_is_refused(path):
    with pytest.raises(jsonschema.ValidationError, match="'betta' was unexpected"):
        VALIDATOR.validate(replaced((*path, "betta"), 1))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("shard",), 2, "'shard' was unexpected"),
        (("shards",), "two", "'two' is not of type 'integer'"),
        (("dataset", "format"), "jpeg", "'jpeg' is not one of"),
        (("partition", "r"), 1.5, "1.5 is greater than the maximum of 1"),
    ],
)
def test_message_says_what_is_wrong(path, value, message):
    with pytest.raises(WorkflowError, match=message):
        validate(replaced(path, value), WORKFLOW / "schemas" / "config.schema.yaml")


def test_snakemake_refuses_an_unknown_key(tmp_path):
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", tmp_path]
    run = subprocess.run([*command, "-n", "--config", "shard=2"], capture_output=True, text=True)
    assert run.returncode == 1
    assert "'shard' was unexpected" in run.stdout + run.stderr

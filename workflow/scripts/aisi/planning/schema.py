"""The schema of the config (``workflow/schemas/config.schema.yaml``): its keys, and what each allows, in words.

The schema has three keywords beside those of JSON Schema: ``patternErrorMessage`` says in words what a pattern allows,
``errorMessage`` what a condition allows (editors show both), and ``oneNeeded`` lists keys of which one is enough.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Schema = dict[str, Any]
KeyPath = tuple[str | int, ...]
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ANY_NAME = "NAME"
"""Stands in a path for a name that the user chooses."""
KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "one line of text",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "a block of keys",
}
"""The schema's types, in words."""


def load_schema(path: str | Path) -> Schema:
    """The schema as a dict."""
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, LOADER)


def resolved(part: Schema, schema: Schema) -> Schema:
    """A part of the schema with the definition that it refers to filled in; its own keywords count more."""
    if "$ref" not in part:
        return part
    return schema["$defs"][part["$ref"].rsplit("/", 1)[-1]] | {key: part[key] for key in part if key != "$ref"}


def types_of(part: Schema) -> list[str]:
    """The types that a part allows, as a list."""
    types = part.get("type", [])
    return [types] if isinstance(types, str) else types


def part_of(part: Schema, name: str | int, schema: Schema) -> Schema:
    """The part for a key of a block or for an item of a list; empty for a key that the schema does not know."""
    if isinstance(name, int):
        return resolved(part.get("items", {}), schema)
    of_any_name: Schema = next(iter(part.get("patternProperties", {}).values()), {})
    return resolved(part.get("properties", {}).get(name, of_any_name), schema)


def part_at(path: KeyPath, schema: Schema) -> Schema:
    """The part at the end of a path of keys."""
    part = schema
    for name in path:
        part = part_of(part, name, schema)
    return part


def all_keys(schema: Schema, part: Schema | None = None, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Schema]]:
    """Every key with its part, as pairs (path, part), in the schema's order."""
    part = schema if part is None else part
    for name in [*part.get("properties", {}), *([ANY_NAME] if "patternProperties" in part else [])]:
        child = part_of(part, name, schema)
        yield (*path, name), child
        yield from all_keys(schema, child, (*path, name))


def key_name(path: KeyPath) -> str:
    """A path in one word: ``sweeps.beta[0]``."""
    return "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in path).removeprefix(".")


def allowed(part: Schema, schema: Schema) -> str:
    """What a part allows, in words: ``null or a number from 0 to 1``."""
    if "enum" in part:
        return _either([str(value) for value in part["enum"]])
    kinds = sorted(types_of(part), key=lambda kind: kind != "null")
    return _either([_kind(kind, part, schema) for kind in kinds])


def _either(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _kind(kind: str, part: Schema, schema: Schema) -> str:
    if kind == "string":
        return part.get("patternErrorMessage", KINDS[kind])
    if kind == "array":
        return _list(part, schema)
    return KINDS[kind] + (_range(part) if kind in ("integer", "number") else "")


def _list(part: Schema, schema: Schema) -> str:
    low, high = part.get("minItems", 0), part.get("maxItems")
    count = f"{low} " if low == high else f"{low} to {high} " if high else f"{low} or more " if low else ""
    different = "different " if part.get("uniqueItems") else ""
    return f"a list of {count}{different}items, each {allowed(part_of(part, 0, schema), schema)}"


def _range(part: Schema) -> str:
    """In words: `` from 0 to 1``, `` above 0``, `` of at least 0 and below 1``."""
    low, high = part.get("minimum"), part.get("maximum")
    above, below = part.get("exclusiveMinimum"), part.get("exclusiveMaximum")
    if low is not None and high is not None:
        words = f" from {low} to {high}"
    else:
        lower = f"above {above}" if above is not None else f"of at least {low}" if low is not None else ""
        upper = f"below {below}" if below is not None else f"at most {high}" if high is not None else ""
        words = " " + " and ".join(filter(None, [lower, upper]))
    return words + (f", a multiple of {part['multipleOf']}" if "multipleOf" in part else "")

"""The config that Snakemake joined from files and the command line: read by the schema's types, then checked.

The schema has no ``required``, so an editor accepts a file that names only the keys that it changes. Here the config is
whole: a key may be missing only if the schema gives it a ``default``.
"""

import json
import math
import os
import re
import textwrap
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from aisi.planning.schema import LOADER, KeyPath, Schema, all_keys, allowed, key_name, part_at, part_of, types_of
from aisi.plugins import installed

NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
"""Numbers as people write them; YAML 1.1 reads 1e-6 as text."""
TYPES = Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: type(value) is int,
        "number": lambda _, value: type(value) is int or (type(value) is float and math.isfinite(value)),
        "string": lambda _, value: isinstance(value, str) and not re.search(r"[\x00-\x1f\x7f]", value),
    }
)
"""Stricter than JSON Schema, for which NaN is a number, 1.0 an integer, and a line break may end any name."""
SOLVERS = ("message_passing", "highs", "cplex")
"""Our solvers of whole datasets."""
HEADS = ("decoder", "sum", "large_fov")
"""Our heads of DeepLab."""
STAGES = ("semantic", "instance")
"""Blocks with networks that the user names."""
VALIDATOR = extend(Draft202012Validator, type_checker=TYPES)


def read_config(config: dict[str, Any], schema: Schema, files: Iterable[str | Path] = ()) -> dict[str, Any]:
    """Read every text in the config by the type of its key, and check the result.

    Parameters
    ----------
    config : dict
        The config as Snakemake joined it. Snakemake reads nested values of ``--config`` as text: ``{"r": "0.95"}``.
    schema : dict
        As from :func:`aisi.planning.schema.load_schema`.
    files : iterable of path
        The files that Snakemake joined.

    Returns
    -------
    dict
        The config with numbers, switches, lists and null in place of texts. ``~/`` is the user's folder. A network with
        ``like`` has all keys of the other network that it does not give itself.

    Raises
    ------
    ValueError
        If a key stands twice in a file, or a key or value is wrong. The message has one sentence for each fault: the
        key, the value, and what is allowed.
    """
    if repeated := [fault for file in files for fault in repeated_keys(file)]:
        raise ValueError("\n".join(repeated))
    config = _read(config, schema, schema)
    for stage in STAGES:
        _fill_networks(config, stage)
    if faults := _unknown_models(config):
        raise ValueError("\n".join(faults))
    if faults := find_faults(config, schema):
        raise ValueError("\n".join(faults))
    return config


# ------------------------------------------------------------------ keys that stand twice


def repeated_keys(path: str | Path) -> list[str]:
    """A sentence for each key that stands twice in one block of a YAML or JSON file.

    YAML's readers keep the last of them, so a second block would replace the first one silently.
    """
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        root = yaml.compose(text, LOADER)
    except yaml.YAMLError:  # JSON that is indented by tabs
        root = yaml.compose(text.replace("\t", " "), LOADER)
    return list(_repeated(root, path, (), set()))


def _repeated(node: Any, path: str | Path, above: KeyPath, seen: set[int]) -> Iterator[str]:
    if id(node) in seen:  # an alias: its anchor was here before
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            yield from _repeated(item, path, (*above, i), seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[KeyPath, int] = {}
        for key, value in node.value:
            name, line = (*above, str(key.value)), key.start_mark.line + 1
            if name in lines:
                places = f"{path}:{lines[name]} and {path}:{line}"
                yield f"{key_name(name)} stands twice, and only the last one would count: {places}. Keep one of them."
            lines[name] = line
            yield from _repeated(value, path, name, seen)


# ------------------------------------------------------------------ texts


def _read(value: Any, part: Schema, schema: Schema) -> Any:
    """The value with each text read as a config file would have it, if the schema wants no text there."""
    if isinstance(value, dict):
        return {str(name): _read(item, part_of(part, str(name), schema), schema) for name, item in value.items()}
    if isinstance(value, list):
        return [_read(item, part_of(part, 0, schema), schema) for item in value]
    if not isinstance(value, str):
        return value
    if value.startswith("~/"):  # a shell does not see it here
        return os.path.expanduser(value)
    types = types_of(part)
    read = _from_text(value)
    if isinstance(read, str) or ("string" in types and "number" not in types and read is not None):
        return value
    return _read(read, part, schema) if any(TYPES.is_type(read, kind) for kind in types) else value


def _from_text(text: str) -> Any:
    if NUMBER.fullmatch(text):
        return int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)
    try:
        return yaml.load(text, LOADER)
    except (yaml.YAMLError, ValueError):
        return text


# ------------------------------------------------------------------ networks that are like another one


def _fill_networks(config: dict[str, Any], stage: str) -> None:
    """Give each network with ``like`` the keys of the other network, in place; ``like`` stays if that is impossible."""
    block = config.get(stage)
    networks = block.get("networks") if isinstance(block, dict) else None
    if not isinstance(networks, dict):
        return

    def filled(name: str, above: tuple[str, ...]) -> Any:
        network = networks[name]
        other = network.get("like") if isinstance(network, dict) else None
        if not isinstance(other, str) or other not in networks or other in (*above, name):
            return network
        own = {key: value for key, value in network.items() if key != "like"}
        return _joined(filled(other, (*above, name)), own)

    block["networks"] = {name: filled(name, ()) for name in networks}  # type: ignore[index]


def _joined(block: Any, changes: Any) -> Any:
    """A block with other values; blocks are joined key by key, lists are replaced."""
    if not (isinstance(block, dict) and isinstance(changes, dict)):
        return changes
    return block | {key: _joined(block.get(key), value) for key, value in changes.items()}


def _unknown_models(config: dict[str, Any]) -> list[str]:
    return [
        f"{stage}.networks.{name}.like is {_shown(network['like'])}; it must be the name of another network that is "
        f"not like this one: {', '.join(other for other in networks if other != name) or 'there is none'}."
        for stage in STAGES
        if isinstance(config.get(stage), dict) and isinstance(networks := config[stage].get("networks"), dict)
        for name, network in networks.items()
        if isinstance(network, dict) and isinstance(network.get("like"), str)
    ]


# ------------------------------------------------------------------ faults


def find_faults(config: dict[str, Any], schema: Schema) -> list[str]:
    """A sentence for each fault of a config whose texts have been read."""
    errors = sorted(
        VALIDATOR(schema).iter_errors(config), key=lambda error: [str(name) for name in error.absolute_path]
    )
    faults = [fault for error in errors for fault in _faults(error, schema)]
    faults += [_missing(path, schema) for path in _missing_keys(config, schema, schema)]
    return list(dict.fromkeys(faults)) or [*_unknown_networks(config), *_unknown_parts(config)]


def _faults(error: ValidationError, schema: Schema) -> list[str]:
    path, part = tuple(error.absolute_path), error.schema
    if error.validator == "additionalProperties":
        patterns = part.get("patternProperties", {})
        known = part.get("properties", {})
        unknown = [name for name in error.instance if not any(re.search(pattern, name) for pattern in patterns)]
        return [_unknown((*path, name), part, schema) for name in unknown if name not in known]
    if error.validator == "required":
        return [_missing((*path, name), schema) for name in error.validator_value if name not in error.instance]
    words = part.get("errorMessage") or allowed(part_at(path, schema), schema)
    return [f"{key_name(path)} is {_shown(error.instance)}; it must be {words}."]


def _unknown(path: KeyPath, block: Schema, schema: Schema) -> str:
    known = list(block.get("properties", {}))
    if not known:
        return f"{key_name(path[:-1])} has the key {_shown(path[-1])}; it must be {block['patternErrorMessage']}."
    if str(path[-1]).isdigit():
        return f"{key_name(path)} is no key of the config; write a number with a point: 0.9, not 0,9."
    near = [key_name((*path[:-1], name)) for name in get_close_matches(path[-1], known, n=1)]
    near = near or [key_name(other) for other, _ in all_keys(schema) if other[-1] == path[-1]]
    if near:
        return f"{key_name(path)} is no key of the config; did you mean {' or '.join(near[:3])}?"
    return f"{key_name(path)} is no key of the config; {key_name(path[:-1]) or 'the config'} has {', '.join(known)}."


def _missing(path: KeyPath, schema: Schema) -> str:
    return f"{key_name(path)} is missing; it must be {allowed(part_at(path, schema), schema)}."


def _missing_keys(value: Any, part: Schema, schema: Schema, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Paths of the keys without a default that a block lacks."""
    if not isinstance(value, dict):
        return
    needed = [name for name in part.get("properties", {}) if "default" not in part_of(part, name, schema)]
    if any(value.get(name) is not None for name in part.get("oneNeeded", [])):
        needed = [name for name in needed if name not in part["oneNeeded"]]
    yield from ((*path, name) for name in needed if name not in value)
    for name, item in value.items():
        yield from _missing_keys(item, part_of(part, name, schema), schema, (*path, name))


def _unknown_networks(config: dict[str, Any]) -> list[str]:
    return [
        f"{stage}.train is {_shown(config[stage]['train'])}; it must be a list of names from {stage}.networks: "
        f"{', '.join(config[stage]['networks'])}."
        for stage in STAGES
        if not set(config[stage]["train"]) <= set(config[stage]["networks"])
    ]


def _unknown_parts(config: dict[str, Any]) -> list[str]:
    """Solvers and heads that neither we nor an installed package has."""
    used = [
        (f"partition.{key}", config["partition"][key], SOLVERS, "aisi.solvers") for key in ("solver", "batch_solver")
    ]
    for name, block in config["semantic"]["networks"].items():
        used.append((f"semantic.networks.{name}.network.head", block["network"]["head"], HEADS, "aisi.heads"))
    return [
        f"{key} is {_shown(value)}; it must be {', '.join(known)}, or one of the {group} of an installed package."
        for key, value, own, group in used
        if value not in (known := [*own, *installed(group)])
    ]


def _shown(value: Any) -> str:
    return textwrap.shorten(json.dumps(value, ensure_ascii=False, default=str), 80, placeholder=" ...")

"""The schema describes every key, every shipped config is valid, and a wrong config is refused in one sentence."""

import ast
import copy
import json
import re
import subprocess
import sys
from functools import reduce

import jsonschema
import pytest
import yaml
from snakemake.cli import parse_config
from snakemake.utils import update_config

import write_config_page
from aisi.planning.assignments import BASELINES, SOLVED, read_assignment, varied
from aisi.planning.config import read_config, repeated_keys
from aisi.planning.schema import ANY_NAME, all_keys, allowed, key_name, load_schema, part_at, types_of
from workflow_text import ROOT, WORKFLOW

SCHEMA = load_schema(WORKFLOW / "schemas" / "config.schema.yaml")
EDITOR = jsonschema.Draft202012Validator(SCHEMA)
"""What an editor knows of a file: the schema, and not the other files that it is joined with."""
CONFIGS = [*sorted(ROOT.glob("config/*.yaml")), ROOT / "tests/integration/config.yaml"]
DEFAULT_FILE = ROOT / "config" / "config.yaml"
DEFAULT = yaml.safe_load(DEFAULT_FILE.read_text())


def leaves(config, path=()):
    """The paths of all values of a config."""
    return [
        leaf
        for name, value in config.items()
        for leaf in (leaves(value, (*path, name)) if isinstance(value, dict) else [(*path, name)])
    ]


PARTS = dict(all_keys(SCHEMA))
"""The schema's part for every key; NAME stands for a name that the user chooses."""
BLOCKS = [path for path, part in PARTS.items() if part["type"] == "object"]
NETWORKS = [("semantic", "networks"), ("instance", "networks"), ("external",)]
"""Blocks with names that the user chooses."""
KEYS = {tuple("light" if name == ANY_NAME else name for name in path): part for path, part in PARTS.items()}
"""The same for the default config, whose networks are called light."""
WHOLE = DEFAULT | {"external": {"light": {}}}
"""The default config with a block of every type."""
LEAVES = [path for path, part in KEYS.items() if part["type"] != "object"]
NUMBERS = [path for path in LEAVES if {"number", "integer"} & set(types_of(KEYS[path]))]


def replaced(path, value):
    """The default config with another value, or another key."""
    config = copy.deepcopy(WHOLE)
    reduce(dict.get, path[:-1], config)[path[-1]] = value
    return config


def refusal(config):
    """The message with which a config is refused."""
    with pytest.raises(ValueError) as error:
        read_config(config, SCHEMA)
    return str(error.value)


def on_command_line(path, value):
    """The config that Snakemake makes of the default and one value in ``--config``."""
    first, *rest = path
    value = reduce(lambda inner, key: {key: inner}, reversed(rest), value)
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("...\n").strip()
    config = copy.deepcopy(WHOLE)
    update_config(config, parse_config([f"{first}={text}"]))
    return config


# ------------------------------------------------------------------ the schema and the shipped files


def test_schema_is_valid():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", PARTS, ids=".".join)
def test_key_is_described_and_bounded(path):
    part = PARTS[path]
    assert part.get("description", "").endswith("."), "Describe it in sentences."
    if part["type"] == "object":
        assert part.get("additionalProperties") is False, "Refuse unknown keys."
    for bounded in (part, part.get("items", {})):
        if {"number", "integer"} & set(types_of(bounded)) and "enum" not in bounded:
            assert {"minimum", "exclusiveMinimum"} & set(bounded) and {"maximum", "exclusiveMaximum"} & set(bounded)


def test_default_config_has_every_key_without_default():
    assert set(leaves(DEFAULT)) <= set(LEAVES)
    assert {path for path in LEAVES if "default" not in KEYS[path]} <= set(leaves(DEFAULT))


def test_defaults_in_the_schema_are_those_in_the_code():
    code = "".join(file.read_text() for file in (WORKFLOW / "scripts").rglob("*.py"))
    used = dict(re.findall(r'recipe\.get\("(\w+)", ([^)]+)\)', code))
    recipe = part_at(("attention", "training", "recipe"), SCHEMA)["properties"]
    assert len(used) >= 7
    assert {name: ast.literal_eval(value) for name, value in used.items()} == {
        name: recipe[name]["default"] for name in used
    }


def test_schema_and_workflow_know_the_same_assignments():
    pattern = SCHEMA["$defs"]["assignment"]["pattern"]
    assert pattern == f"^({BASELINES}|{SOLVED})$".replace("(?:", "(")


def test_page_of_settings_is_that_of_the_schema():
    page = write_config_page.make_page(SCHEMA, DEFAULT)
    assert write_config_page.PAGE.read_text() == page, "Run: make docs"
    assert all(f"`{path[-1]}`" in page or f".{path[-1]}`" in page for path in LEAVES)


@pytest.mark.parametrize("value", [1e-5, 0.123456789, 100000, 12345.67, 1.0])
def test_every_value_of_a_sweep_names_an_assignment(value):
    name = varied("beta", value)
    assert re.fullmatch(SOLVED, name)
    assert read_assignment(name, DEFAULT["graph"], DEFAULT["partition"]).beta == value


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_shipped_config_is_valid(file):
    config = copy.deepcopy(DEFAULT)
    update_config(config, yaml.safe_load(file.read_text()))
    assert read_config(config, SCHEMA, [file]) == config


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_editor_finds_the_schema_and_accepts_the_file_alone(file):
    first = file.read_text().splitlines()[0]
    path = first.removeprefix("# yaml-language-server: $schema=")
    assert path != first and (file.parent / path).samefile(WORKFLOW / "schemas" / "config.schema.yaml")
    EDITOR.validate(yaml.safe_load(file.read_text()))


@pytest.mark.parametrize("file", CONFIGS[:-1], ids=lambda file: file.stem)
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


# ------------------------------------------------------------------ texts of the command line


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
def test_value_on_the_command_line_is_read_by_its_type(path):
    value = reduce(dict.get, path, WHOLE)
    value = KEYS[path]["default"] if value is None and "default" in KEYS[path] else value
    other = {("partition", "time_limit"): 2.5, ("dataset", "categories"): ["cat", "on"]}.get(path, value)
    assert read_config(on_command_line(path, other), SCHEMA) == replaced(path, other)


@pytest.mark.parametrize("path", [path for path in LEAVES if "null" in types_of(KEYS[path])], ids=".".join)
def test_null_on_the_command_line_is_null(path):
    assert read_config(on_command_line(path, None), SCHEMA) == replaced(path, None)


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("partition={r: 0.95}", ("partition", "r"), 0.95),
        ("partition={r: auto}", ("partition", "r"), "auto"),
        ("partition={gap: 1e-6}", ("partition", "gap"), 1e-6),
        ("features={flip: no}", ("features", "flip"), False),
        ("sweeps={k: [1, 2]}", ("sweeps", "k"), [1, 2]),
        ("dataset={val: }", ("dataset", "val"), None),
        ("dataset={name: 2012}", ("dataset", "name"), "2012"),
        ("dataset={categories: [yes, 2]}", ("dataset", "categories"), ["yes", "2"]),
    ],
)
def test_text_is_read_as_a_file_would_have_it(text, path, value):
    config = copy.deepcopy(WHOLE)
    update_config(config, parse_config([text]))
    assert read_config(config, SCHEMA) == replaced(path, value)


def test_home_folder_in_a_path(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    config = read_config(replaced(("dataset", "root"), "~/photos"), SCHEMA)
    assert config["dataset"]["root"] == "/home/me/photos"


def test_network_may_have_a_number_for_a_name():
    light = DEFAULT["semantic"]["networks"]["light"]
    assert "2" in read_config(replaced(("semantic", "networks", 2), light), SCHEMA)["semantic"]["networks"]


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
def test_wrong_type_is_refused(path):
    message = refusal(replaced(path, {"not": "a value"}))
    assert f'{key_name(path)} is {{"not": "a value"}}; it must be {allowed(KEYS[path], SCHEMA)}.' in message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "-.inf"], ids=str)
@pytest.mark.parametrize("path", NUMBERS, ids=".".join)
def test_number_that_is_not_finite_is_refused(path, value):
    message = refusal(replaced(path, value))
    assert message == f"{key_name(path)} is {json.dumps(value)}; it must be {allowed(KEYS[path], SCHEMA)}."


@pytest.mark.parametrize("path", [path for path in NUMBERS if types_of(KEYS[path])[0] == "integer"], ids=".".join)
def test_whole_number_with_a_point_is_refused(path):
    assert f"{key_name(path)} is 8.0; it must be" in refusal(replaced(path, 8.0))


@pytest.mark.parametrize("path", [path for path in LEAVES if "string" in types_of(KEYS[path])], ids=".".join)
def test_text_with_a_line_break_is_refused(path):
    assert f'{key_name(path)} is "train\\n"; it must be' in refusal(replaced(path, "train\n"))


@pytest.mark.parametrize("path", [path for path in BLOCKS if path not in NETWORKS], ids=".".join)
def test_unknown_key_is_refused(path):
    path = tuple("light" if name == ANY_NAME else name for name in path)
    known = ", ".join(KEYS[path]["properties"])
    message = f"{key_name(path)}.xyzzy is no key of the config; {key_name(path)} has {known}."
    assert refusal(replaced((*path, "xyzzy"), 1)) == message


@pytest.mark.parametrize("path", [path for path in KEYS if path[:-1] not in NETWORKS], ids=".".join)
def test_missing_key_is_refused_if_it_has_no_default(path):
    config = copy.deepcopy(WHOLE)
    reduce(dict.get, path[:-1], config).pop(path[-1], None)
    if "default" in KEYS[path]:
        assert read_config(config, SCHEMA) == config
    else:
        assert f"{key_name(path)} is missing; it must be {allowed(KEYS[path], SCHEMA)}." in refusal(config)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("shard",), 2, "shard is no key of the config; did you mean shards?"),
        (("dataset", "keyword"), "a.csv", "dataset.keyword is no key of the config; did you mean dataset.keywords?"),
        (
            ("score_threshold",),
            0.1,
            "did you mean salient_instances.score_threshold or instance.networks.NAME.prediction",
        ),
        (("partition", "9"), "", "partition.9 is no key of the config; write a number with a point: 0.9, not 0,9."),
        (("shards",), "two", 'shards is "two"; it must be a whole number from 1 to 100000.'),
        (("partition",), None, "partition is null; it must be a block of keys."),
        (("dataset", "format"), "jpeg", 'dataset.format is "jpeg"; it must be demo, photos, voc or coco.'),
        (("dataset", "name"), 2012, "dataset.name is 2012; it must be one line of text."),
        (("dataset", "categories"), [True], 'dataset.categories[0] is true; it must be a name without ";"'),
        (("dataset", "categories"), ["noisy"], "other than all, background and noisy."),
        (("partition", "r"), 1.5, "partition.r is 1.5; it must be a number from 0 to 1 or auto."),
        (("partition", "r"), "off", 'partition.r is "off"; it must be a number from 0 to 1 or auto.'),
        (("partition", "time_limit"), 0, "it must be null or a number above 0 and at most 100000000."),
        (("salient_instances", "network", "input_size"), 100, "from 64 to 2048, a multiple of 64."),
        (
            ("sweeps", "k"),
            [1, 1],
            "it must be a list of 1 or more different items, each a whole number from 1 to 1000.",
        ),
        (
            ("semantic", "train"),
            ["ligth"],
            'semantic.train is ["ligth"]; it must be a list of names from semantic.networks',
        ),
        (("semantic", "networks", "a b"), {}, 'semantic.networks has the key "a b"; it must be a name of letters'),
        (("semantic", "networks", "a\n"), {}, "it must be a block whose keys are names of letters"),
        (("attention", "training", "recipe", "schedule"), "step", "recipe.milestones is missing; it must be a list"),
        (("review", "assignment"), "random", 'review.assignment is "random"; it must be an assignment with a graph'),
    ],
)
def test_refusal_says_key_value_and_what_is_allowed(path, value, message):
    assert message in refusal(replaced(path, value))


def test_large_fov_takes_one_rate():
    config = replaced(("semantic", "networks", "light", "network", "head"), "large_fov")
    assert "network.rates is [3, 6, 9]; it must be a list of one rate, since head is large_fov." in refusal(config)


def test_recipe_takes_iterations_for_epochs():
    config = replaced(("attention", "training", "recipe", "iterations"), 100)
    del config["attention"]["training"]["recipe"]["epochs"]
    assert read_config(config, SCHEMA) == config


@pytest.mark.parametrize(
    "name", ["partitoin", "k-0", "retention-1.5", "beta-", "beta--1", "oracle", "batches", "k-1.5"]
)
@pytest.mark.parametrize("key", ["report", "semantic", "instance", "ablation"])
def test_unknown_assignment_is_refused_with_the_known_ones(key, name):
    message = refusal(replaced((key, "assignments"), [name]))
    assert message.startswith(
        f'{key}.assignments[0] is "{name}"; it must be an assignment: random, attention, partition,'
    )


@pytest.mark.parametrize(
    "name", ["partition", "beta-2.5", "retention-1", "k-10", "batches-shuffled-3", "centre_features-true"]
)
def test_known_assignment_is_accepted(name):
    config = replaced(("report", "assignments"), [name])
    assert read_config(config, SCHEMA) == config


# ------------------------------------------------------------------ keys that stand twice


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("a: 1\nb: 2\na: 3\n", ["a stands twice, {}:1 and {}:3"]),
        (
            "p:\n  r: 1\n  q: {r: 2}\n  r: 3\np: {}\n",
            ["p.r stands twice, {}:2 and {}:4", "p stands twice, {}:1 and {}:5"],
        ),
        ("a: &x {b: 1}\nc: *x\nd: {<<: *x, b: 2}\n", []),
        ("a: [{b: 1, b: 2}]\n", ["a[0].b stands twice, {}:1 and {}:1"]),
        ('{\n\t"a": 1,\n\t"a": 2\n}', ["a stands twice, {}:2 and {}:3"]),
        ("", []),
    ],
)
def test_repeated_keys(tmp_path, text, faults):
    (file := tmp_path / "config.yaml").write_text(text)
    found = [fault.replace("and only the last one would count: ", "") for fault in repeated_keys(file)]
    assert sorted(fault.removesuffix(". Keep one of them.") for fault in found) == sorted(
        fault.format(file, file) for fault in faults
    )


# ------------------------------------------------------------------ Snakemake itself


def dry_run(folder, *arguments, snakefile=ROOT / "Snakefile"):
    """Return code and text of a dry run."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--directory", folder, "-n", "--quiet"]
    run = subprocess.run([*command, *arguments], capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def test_snakemake_takes_numbers_in_a_block(tmp_path):
    code, text = dry_run(tmp_path, "rules", "--config", "partition={r: 0.9, jobs: 2}", "features={flip: false}")
    assert code == 0, text


def test_snakemake_refuses_in_one_sentence(tmp_path):
    code, text = dry_run(tmp_path, "rules", "--config", "dataset={keyword: a.csv}")
    assert code == 1
    assert "\nError: dataset.keyword is no key of the config; did you mean dataset.keywords?\n" in text
    assert "schema" not in text and len(text.splitlines()) < 8


def test_snakemake_refuses_a_key_that_stands_twice_in_any_file(tmp_path):
    for name in ("first", "second"):
        (tmp_path / f"{name}.yaml").write_text("partition:\n  r: 0.9\nseed: 1\npartition:\n  beta: 3\n")
    files = [tmp_path / "first.yaml", tmp_path / "second.yaml"]
    code, text = dry_run(tmp_path, "rules", "--configfile", *files)
    assert code == 1
    for file in files:
        assert f"partition stands twice, and only the last one would count: {file}:1 and {file}:4." in text


def test_snakemake_refuses_a_key_that_stands_twice_in_the_default_config(project):
    file = project.home / "config" / "config.yaml"
    file.write_text(file.read_text() + "\nseed: 1\n")
    line = file.read_text().splitlines().index("seed: 1") + 1
    run = project.snakemake("-n")
    assert run.returncode == 1
    assert re.search(rf"seed stands twice, .*config\.yaml:\d+ and {re.escape(str(file))}:{line}\.", run.stderr)


# ------------------------------------------------------------------ networks that are like another one


def with_networks(**networks):
    """The default config with more semantic networks."""
    config = copy.deepcopy(DEFAULT)
    config["semantic"]["networks"] |= networks
    return config


def test_a_network_like_another_one_gives_only_what_differs():
    own = {"like": "light", "network": {"rates": [1]}, "training": {"recipe": {"epochs": 3}}}
    networks = read_config(with_networks(short=own, shorter={"like": "short", "prediction": {"flip": False}}), SCHEMA)
    light, short, shorter = networks["semantic"]["networks"].values()
    expected = copy.deepcopy(light)
    expected["network"]["rates"], expected["training"]["recipe"]["epochs"] = [1], 3
    assert short == expected and light == DEFAULT["semantic"]["networks"]["light"]
    expected["prediction"]["flip"] = False
    assert shorter == expected


def test_like_also_works_for_instance_networks_and_on_the_command_line():
    path = ("instance", "networks", "big")
    config = read_config(on_command_line(path, {"like": "light", "network": {"image_size": 320}}), SCHEMA)
    big, light = config["instance"]["networks"]["big"], config["instance"]["networks"]["light"]
    assert big == light | {"network": light["network"] | {"image_size": 320}}


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ({"a": {"like": "b"}}, 'semantic.networks.a.like is "b"; it must be the name of another network'),
        ({"a": {"like": "a"}}, 'semantic.networks.a.like is "a"; it must be'),
        ({"a": {"like": "b"}, "b": {"like": "a"}}, "another network that is not like this one: light, b."),
        ({"a": {"like": "light", "network": {"width": "wide"}}}, 'semantic.networks.a.network.width is "wide"'),
        ({"a": {"like": "light", "nettwork": {}}}, "semantic.networks.a.nettwork is no key of the config"),
    ],
)
def test_wrong_like(networks, message):
    assert message in refusal(with_networks(**networks))

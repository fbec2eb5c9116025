"""Write docs/config.md: what the schema says of every key of the config, and its value in config/config.yaml.

python tools/write_config_page.py
"""

import re
import sys
from functools import reduce
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from aisi.planning.schema import ANY_NAME, allowed, key_name, load_schema, part_of  # noqa: E402

PAGE = ROOT / "docs" / "config.md"
HEAD = """# Every setting

This page is made from `workflow/schemas/config.schema.yaml` by `make docs`: edit the schema, not the page.

`config/config.yaml` has a value for every setting: the column "default". Its values are those of the demo. Your own
file names only the settings that you change. `config/photos.yaml` and the other files in `config/` are examples. Give
your file with `--configfile`. Settings on the command line count more than those in files:

```
snakemake --cores all --configfile config/mine.yaml --config 'partition={r: 0.9, beta: 40}' seed=1
```

Editors that know the YAML language server complete and check the settings if the file begins with the line

```
# yaml-language-server: $schema=PATH/TO/workflow/schemas/config.schema.yaml
```

A wrong setting stops the run before anything is computed, and one sentence says what is allowed. `PAPER` marks the
section of the paper that a setting comes from. [reruns.md](reruns.md) says what runs again after a change.
"""
RECIPE = "How a network is trained ([training.md](training.md)). All recipes have the same settings:"
RECIPES = {
    "S4Net": "salient_instances.training",
    "attention": "attention.training",
    "features": "features.training",
    "semantic": "semantic.networks.light.training",
    "instance": "instance.networks.light.training",
}
"""The recipes of config/config.yaml, by the heads of their columns."""


def make_page(schema, config):
    """The page as text.

    Parameters
    ----------
    schema, config : dict
        ``workflow/schemas/config.schema.yaml`` and ``config/config.yaml``.

    Returns
    -------
    str
        One section for each block of the config, with a table of its settings, and one for all recipes.
    """
    blocks = [name for name, part in schema["properties"].items() if part["type"] == "object"]
    single = {name: part for name, part in schema["properties"].items() if name not in blocks}
    sections = [HEAD, "## Outside of the blocks", "\n".join(_table(_rows(single, config, schema, ())))]
    for name in blocks:
        sections += _section((name,), schema["properties"][name], config[name], schema)
    return "\n\n".join(part.strip() for part in [*sections, *_recipes(schema, config)]) + "\n"


def _type(part, schema):
    """What the schema allows, with a link in place of the list of all assignments."""
    assignments = schema["$defs"]["assignment"]["patternErrorMessage"]
    return allowed(part, schema).replace(assignments, "[an assignment](partition.md#assignments)")


def _meaning(part):
    """The description, with links to the pages that it names."""
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", part["description"])


def _section(path, part, config, schema):
    """Title, description and table of a block, then the same of the blocks of networks in it."""
    yield f"## {key_name(path)}"
    yield _meaning(part)
    if "patternProperties" in part:
        named = part_of(part, ANY_NAME, schema)
        yield f"### {key_name((*path, ANY_NAME))}"
        yield _meaning(named)
        defaults = {name: child.get("default") for name, child in named["properties"].items()}
        yield "\n".join(_table(_rows(named["properties"], defaults, schema, ())))
        return
    rows, networks = [], []
    for name, child in part["properties"].items():
        if "patternProperties" in (child := part_of(part, name, schema)):
            networks.append((name, child))
        rows += _rows({name: child}, config, schema, ())
    yield "\n".join(_table(rows))
    for name, child in networks:
        (default, values), network = next(iter(config[name].items())), part_of(child, ANY_NAME, schema)
        yield f"### {key_name((*path, name, ANY_NAME))}"
        yield f"{_meaning(network)} The defaults are those of `{default}`."
        yield "\n".join(_table(_rows(network["properties"], values, schema, ())))


def _rows(parts, config, schema, path):
    """Rows of the settings of a block, those of the blocks in it included."""
    for name, part in parts.items():
        part, value = part_of({"properties": parts}, name, schema), (config or {}).get(name)
        key = f"`{key_name((*path, name))}`"
        if name == "recipe":
            yield key, "[a recipe](#recipes)", "", _meaning(part)
        elif part["type"] != "object":
            yield key, _type(part, schema), f"`{_text(value)}`", _meaning(part)
        elif "patternProperties" in part:
            yield key, "a block of networks", "", _meaning(part)
        else:
            yield key, "a block", "", _meaning(part)
            yield from _rows(part["properties"], value, schema, (*path, name))


def _recipes(schema, config):
    """The section of all recipes: their keys, and the values of config.yaml side by side."""
    keys = schema["$defs"]["recipe"]["properties"]
    rows = []
    for name, part in keys.items():
        default = f"`{_text(part['default'])}`" if "default" in part else ""
        rows.append((f"`{name}`", _type(part, schema), default, _meaning(part)))
    recipes = [reduce(dict.get, path.split("."), config)["recipe"] for path in RECIPES.values()]
    values = [
        [f"`{name}`", *(f"`{_text(recipe[name])}`" if name in recipe else "" for recipe in recipes)]
        for name in keys
        if any(name in recipe for recipe in recipes)
    ]
    return [
        "## Recipes",
        RECIPE,
        "\n".join(_table(rows, "if it is missing")),
        "Their values in `config/config.yaml`:",
        "\n".join([_row(["key", *RECIPES]), _row(["---"] * (len(RECIPES) + 1)), *map(_row, values)]),
    ]


def _table(rows, default="default"):
    return [_row(["key", "type and range", default, "meaning"]), _row(["---"] * 4), *map(_row, rows)]


def _row(cells):
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _text(value):
    """A value as config.yaml has it."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("\n").removesuffix("\n...")


def main():
    """Write the page."""
    schema = load_schema(ROOT / "workflow" / "schemas" / "config.schema.yaml")
    PAGE.write_text(make_page(schema, yaml.safe_load((ROOT / "config" / "config.yaml").read_text())))


if __name__ == "__main__":
    main()

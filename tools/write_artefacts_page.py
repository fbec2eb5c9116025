"""Write docs/artefacts.md: the columns of every artefact, from the formats that its readers check.

python tools/write_artefacts_page.py
"""

import ast
import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from aisi import formats  # noqa: E402
from aisi.formats.files import Format, shape_text  # noqa: E402

PAGE = ROOT / "docs" / "artefacts.md"
HEAD = """# The content of every file

This page is made by `make docs` from `workflow/scripts/aisi/formats`, whose readers check names, dtypes and shapes:
edit the texts there, not the page. Paths are below `results/`. [INTERFACE.md](../INTERFACE.md) lists all files.

HDF5 files have their format and version as attributes, npz files as the arrays `format` and `version`. Tables are CSV
in UTF-8. Every file carries a seal ([faults.md](faults.md)). In a shape, letters stand for lengths. Where no unit is
named, a number has none. Before two files are joined, their `rows`, or image_id and instance_id, are compared.

Other files: [training.md](training.md) has checkpoints and logs of training, [predict.md](predict.md) the network as
one file and what it finds in new photos, [export.md](export.md) the formats of other tools.
"""


def artefacts():
    """Each Format of the library's formats with its module and the docstring below it, by module and place."""
    for found in sorted(pkgutil.iter_modules(formats.__path__), key=lambda module: module.name):
        module = importlib.import_module(f"aisi.formats.{found.name}")
        body = ast.parse(inspect.getsource(module)).body
        for statement, below in zip(body, [*body[1:], None], strict=True):
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                fmt = getattr(module, statement.targets[0].id, None)
                if isinstance(fmt, Format):
                    yield module, fmt, _text(below)


def _text(statement):
    value = statement.value if isinstance(statement, ast.Expr) else None
    return inspect.cleandoc(value.value) if isinstance(value, ast.Constant) else ""


def meanings(module, text):
    """What a format's docstring and, for other columns, the module's classes say of columns: name to text."""
    documented = [inspect.getdoc(thing) or "" for _, thing in inspect.getmembers(module, inspect.isclass)]
    found = {}
    for source, title in [*((source, "Attributes") for source in documented), (text, "Columns")]:
        section = re.split(rf"^{title}\n-+\n", source, flags=re.MULTILINE)[1:]
        section = re.split(r"^\w+\n-+\n", section[0], maxsplit=1, flags=re.MULTILINE)[0] if section else ""
        for head, body in re.findall(r"^(\S.*)\n((?:    .*\n?|\n)*)", section, re.MULTILINE):
            names, words = head.partition(" : ")[0].split(", "), " ".join(inspect.cleandoc(body).split())
            found |= dict.fromkeys(names, words)
    return found


def described(module, fmt, text):
    """Markdown of one artefact.

    Raises
    ------
    ValueError
        If a column has no meaning, or the docstring names another column.
    """
    columns = {**fmt.columns, **fmt.optional}
    own = meanings(module, text)
    missing = [name for name in columns if not own.get(name)]
    unknown = set(meanings(formats, text)) - set(columns)
    if missing or unknown or not text:
        raise ValueError(
            f"{module.__name__}: the docstring below the Format {fmt.name!r} must say what it is and what the columns "
            f"{missing} mean, and must not name {sorted(unknown)}."
        )
    rows = [f"| `{name}` | {_type(kind, name in fmt.optional)} | {own[name]} |" for name, kind in columns.items()]
    version = f", version {fmt.version}" if fmt.version else ""
    about = re.split(r"^Columns\n-+\n", text, flags=re.MULTILINE)[0].strip()
    return (
        f"## {fmt.name}\n\n{about}\n\nWritten by: {fmt.rule.rstrip(',')}. Module: `aisi.formats."
        f"{module.__name__.rpartition('.')[2]}`{version}.\n\n| name | type | meaning |\n|---|---|---|\n"
        + "\n".join(rows)
    )


def _type(kind, optional):
    if not isinstance(kind, str):
        dtype, shape = kind
        kind = f"{dtype} {shape_text(shape)}" if shape else dtype
    return kind + " (optional)" * optional


def page():
    """The whole page."""
    sections = [described(*artefact) for artefact in artefacts()]
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", "\n\n".join([HEAD.strip(), *sections]) + "\n").replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

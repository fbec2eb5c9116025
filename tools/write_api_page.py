"""Write the second half of docs/api.md: the public names of aisi.partition, from their docstrings.

python tools/write_api_page.py
"""

import enum
import inspect
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from aisi import partition  # noqa: E402

PAGE = ROOT / "docs" / "api.md"
MARK = "<!-- Below: written by tools/write_api_page.py from the docstrings. -->\n"


def described(name, thing):
    """Markdown of one public class or function."""
    text = f"\n## {name}\n\n"
    if isinstance(thing, enum.EnumType):
        return text + f"{inspect.getdoc(thing)}\n\n" + values_table(thing)
    if inspect.isfunction(thing) or not issubclass(thing, Exception):
        text += f"```python\n{name}{signature(thing)}\n```\n\n"
    summary, *sections = re.split(r"^(\w+)\n-+\n", inspect.getdoc(thing), flags=re.MULTILINE)
    text += summary.strip() + "\n"
    for title, lines in zip(sections[::2], sections[1::2], strict=True):
        text += f"\n**{title}**\n\n" + "".join(entries(lines))
    return text


def signature(thing):
    """A signature without types: the docstring tells them with their shapes."""
    given = inspect.signature(thing)
    parameters = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in given.parameters.values()]
    return str(given.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def entries(lines):
    """List items of a numpydoc section: ``name : type`` lines, each with an indented description."""
    for head, body in re.findall(r"^(\S.*)\n?((?:    .*\n?|\n)*)", lines, re.MULTILINE):
        name, colon, kind = head.partition(" : ")
        words = " ".join(inspect.cleandoc(body).split())
        yield f"- `{name}`" + (f", {kind}" if colon else "") + (f": {words}" if words else "") + "\n"


def values_table(thing):
    """Values of an enumeration, with the string below each in its source."""
    rows = re.findall(r'^    \w+ = "(\w+)"\n    """(.*?)"""', inspect.getsource(thing), re.MULTILINE | re.DOTALL)
    return "| value | meaning |\n|---|---|\n" + "".join(f"| `{value}` | {meaning} |\n" for value, meaning in rows)


def page():
    """The whole page: what is written by hand, the mark, and the names."""
    by_hand = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    return by_hand + MARK + "".join(described(name, getattr(partition, name)) for name in partition.__all__)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

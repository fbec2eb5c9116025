"""Print what a change of each module of aisi.formats runs again, and write the table into docs/reruns.md.

python tools/write_reruns.py
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from aisi.planning.code_digest import code_of  # noqa: E402

PAGE = ROOT / "docs" / "reruns.md"
START, END = "<!-- formats: start, by tools/write_reruns.py -->", "<!-- formats: end -->"
BY_HAND = {"compare_runs"}
"""Scripts that a person starts, not a rule."""


def scripts_of_modules():
    """Map each module of aisi.formats to the sorted names of the scripts whose code digest covers it."""
    scripts = sorted(file for file in SCRIPTS.glob("*.py") if file.stem not in BY_HAND)
    modules = {script.stem: code_of(script) for script in scripts}
    formats = sorted(file.stem for file in SCRIPTS.glob("aisi/formats/*.py") if file.stem != "__init__")
    return {name: [script for script in modules if f"aisi/formats/{name}.py" in modules[script]] for name in formats}


def table():
    """The table in Markdown: a row for each module, trainings and other scripts apart."""
    lines = ["| a change of | trains again | runs again |", "| --- | --- | --- |"]
    for name, scripts in scripts_of_modules().items():
        trainings = [f"`{script}`" for script in scripts if script.startswith("train_")]
        others = [f"`{script}`" for script in scripts if not script.startswith("train_")]
        lines.append(
            f"| `formats/{name}.py` | {', '.join(trainings) or 'nothing'} | {', '.join(others) or 'nothing'} |"
        )
    return "\n".join(lines)


def page_with_table(text):
    """The page's text with the table between its marks."""
    before, rest = text.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    print(table())
    PAGE.write_text(page_with_table(PAGE.read_text()))

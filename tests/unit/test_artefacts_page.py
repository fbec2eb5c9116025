"""docs/artefacts.md says what the formats of the code say, of every format and every column."""

import re

import pytest

import write_artefacts_page
from aisi.formats import tags
from aisi.formats.files import Format
from workflow_text import SCRIPTS, WORKFLOW, script_rules

ARTEFACTS = list(write_artefacts_page.artefacts())


def test_page_is_that_of_the_code():
    assert write_artefacts_page.PAGE.read_text() == write_artefacts_page.page(), "Run: make docs"


def test_every_format_is_on_the_page():
    written = sum(len(re.findall(r"^[A-Z_]+ = Format\(", file.read_text(), re.M)) for file in SCRIPTS.glob("**/*.py"))
    assert len(ARTEFACTS) == written >= 17
    page = write_artefacts_page.page()
    for _, fmt, _ in ARTEFACTS:
        assert f"\n## {fmt.name}\n" in page
        assert fmt.columns, f"{fmt.name} has no columns."


@pytest.mark.parametrize(("fmt", "text"), [pair for _, *pair in ARTEFACTS], ids=[fmt.name for _, fmt, _ in ARTEFACTS])
def test_rules_and_files_exist(fmt, text):
    """The rules that a format names exist, and the workflow has the path that the text below it names."""
    named = re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b", fmt.rule)
    general = ("one of the evaluate_ rules", "one of the train_ rules")
    assert set(named) <= set(script_rules()) or fmt.rule in general
    workflow = "".join(file.read_text() for file in [*WORKFLOW.glob("rules/*.smk"), *SCRIPTS.glob("*.py")])
    paths = re.findall(r"`([\w{}/-]+\.(?:h5|npz|csv|json))`", text)
    assert paths
    for path in paths:
        last = re.sub(r"{[^}]+}", "", path.rsplit("/", 1)[-1])
        assert last in re.sub(r"{+[^{}]+}+", "", workflow), f"The workflow has no {path}."


def test_a_column_without_a_meaning_is_refused():
    fmt = Format("toys", "write_toys", columns={"wheel": "int64", "paint": "float64"})
    with pytest.raises(ValueError, match=r"'toys'.*\['paint'\]"):
        write_artefacts_page.described(tags, fmt, "Toys.\n\nColumns\n-------\nwheel\n    Number of wheels.\n")
    with pytest.raises(ValueError, match=r"must not name \['door'\]"):
        text = "Toys.\n\nColumns\n-------\nwheel, paint, door\n    Numbers.\n"
        write_artefacts_page.described(tags, fmt, text)

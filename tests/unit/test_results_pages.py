"""Pages of results: every table equals the figures that are stored beside it."""

import re
import shutil

import pandas as pd
import pytest
import yaml

from aisi.planning.experiments import TITLES
from aisi.report.tables import markdown
from write_results_pages import DEMO, FIGURES, PAGES, ROOT, make_page, read_figures, with_stored_tables, with_table

STORED = [pytest.param(page, FIGURES / name, id=name) for page, name in PAGES.items()]
WITH_METRICS = [entry for entry in STORED if (entry.values[1] / "metrics.csv").is_file()]


def tables(text):
    """The tables of a page: for each a heading and the rows, as lists of cells."""
    blocks = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    return [[line[2:-2].split(" | ") for line in block.splitlines()] for block in blocks]


@pytest.mark.parametrize(("page", "folder"), STORED)
def test_page_is_that_of_the_stored_figures(page, folder):
    assert (ROOT / "docs" / page).read_text() == make_page(folder), "Run: python tools/write_results_pages.py"


@pytest.mark.parametrize(("page", "folder"), WITH_METRICS)
def test_every_figure_of_the_first_table_is_in_the_stored_metrics(page, folder):
    """Looked up one by one, without the code that writes pages."""
    metrics = pd.concat(
        [read_figures(path) for path in (folder / "metrics.csv", folder / "metrics_older.csv") if path.is_file()]
    )
    heading, _, *rows = tables((ROOT / "docs" / page).read_text())[0]
    tasks = {"tags": "tags", "proxies": "proxy_semantic", "network": "semantic"}
    checked = 0
    for row in rows:
        cells = dict(zip(heading, row, strict=True))
        for name in ("tags: accuracy", "tags: accuracy_multi", "proxies: mIoU", "network: mIoU"):
            task, metric = name.split(": ")
            found = metrics.query("assignment == @row[0] and category == 'all' and metric == @metric.lower()")
            found = found[found["task"] == tasks[task]]["value"]
            if cells.get(name, "").strip():
                assert float(cells[name]) == pytest.approx(found.item(), abs=0.00051)
                checked += 1
    assert checked >= 16


@pytest.mark.parametrize(("page", "folder"), STORED)
def test_another_figure_gives_another_page(page, folder, tmp_path):
    """So the comparison above sees every stored file."""
    text = (ROOT / "docs" / page).read_text()
    copy = shutil.copytree(folder, tmp_path / folder.name)
    assert make_page(copy) == text
    for file in sorted(folder.glob("*.csv")):
        heading, rows = file.read_text().split("\n", 1)
        rows = re.sub(r"\d", lambda digit: str(9 - int(digit[0])), rows.replace("seed-0", "seed-zero"))
        (copy / file.name).write_text(f"{heading}\n{rows}")
        assert make_page(copy) != text, file.name
        shutil.copy(file, copy)


@pytest.mark.parametrize(("page", "folder"), STORED)
def test_where_the_figures_come_from(page, folder):
    run = yaml.safe_load((folder / "run.yaml").read_text())
    text = (ROOT / "docs" / page).read_text()
    assert re.fullmatch(r"[0-9a-f]{40}", run["commit"]) and run["commit"] in text
    networks = pd.read_csv(folder / "networks.csv", keep_default_na=False)
    assert networks["sha256"].str.fullmatch(r"[0-9a-f]{64}").all() and networks["sha256"].is_unique
    for log in filter(None, networks["log"]):
        table = pd.read_csv(folder / log)
        assert {"epoch", "loss"} <= set(table) and len(table)
    assert {path.name for path in (folder / "training").iterdir()} == {
        log.removeprefix("training/") for log in networks["log"] if log
    }


@pytest.mark.parametrize(("page", "folder"), STORED)
def test_the_page_has_a_row_with_the_papers_settings(page, folder):
    text = (ROOT / "docs" / page).read_text()
    if not (folder / "metrics.csv").is_file():
        assert "| all photos | the paper's |" in text and "| mean | the paper's |" in text
        return
    [row] = re.findall(r"^`(\w+)` has the paper's own settings", text.partition("\n## ")[0], re.MULTILINE)
    assert re.search(rf"^\| {row} \|", text, re.MULTILINE)


@pytest.mark.parametrize(("page", "folder"), STORED)
def test_figures_in_the_note_are_in_the_table(page, folder):
    note = yaml.safe_load((folder / "run.yaml").read_text())["note"] or ""
    cells = {
        cell.split(" ")[0] for table in tables((ROOT / "docs" / page).read_text()) for row in table for cell in row
    }
    assert set(re.findall(r"\b0\.\d{3}\b", note)) <= cells


def test_no_section_is_forgotten():
    """A stored experiment is on its page."""
    for page, name in PAGES.items():
        text = (ROOT / "docs" / page).read_text()
        for experiment, title in TITLES.items():
            assert (f": {title}\n" in text) == (FIGURES / name / f"{experiment}.csv").is_file()


def test_the_demos_page_shows_the_same_table():
    text = DEMO.read_text()
    assert text == with_table(text, make_page(FIGURES / "demo")), "Run: python tools/write_results_pages.py"
    assert tables((ROOT / "docs" / "results_demo.md").read_text())[0] in tables(text)


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.stem)
def test_tables_inside_pages_are_those_of_the_stored_figures(page):
    assert page.read_text() == with_stored_tables(page.read_text()), "Run: python tools/write_results_pages.py"


def test_every_stored_table_is_in_a_page():
    pages = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    stored = sorted((FIGURES / "instances").glob("*.csv"))
    assert stored
    for path in stored:
        assert f"<!-- table of {path.relative_to(ROOT / 'docs')}: " in pages, path


def test_a_stored_table_has_mean_and_spread_in_one_cell(tmp_path, monkeypatch):
    (tmp_path / "docs/figures").mkdir(parents=True)
    pd.DataFrame({"a": ["x", "x"], "b": [0.5, 0.25], "b sd": [0.1, 0.2], "c": [1, 2]}).to_csv(
        tmp_path / "docs/figures/t.csv", index=False
    )
    monkeypatch.setattr("write_results_pages.ROOT", tmp_path)
    start, end = "<!-- table of figures/t.csv: b, a -->", "<!-- table: end -->"
    assert with_stored_tables(f"1\n{start}\nold\n{end}\n2") == (
        f"1\n{start}\n| b | a |\n| --- | --- |\n| 0.500 ± 0.100 | x |\n| 0.250 ± 0.200 | x |\n{end}\n2"
    )
    start = "<!-- table of figures/t.csv: a -->"
    one = f"{start}\n| a |\n| --- |\n| x |\n{end}\n"
    assert with_stored_tables(f"{start}\nold\n{end}\n" * 2) == one * 2 == with_stored_tables(one * 2)


def test_tables_are_found():
    assert tables("text\n" + markdown(pd.DataFrame({"a": ["x"], "b": [0.5]})) + "\n\nmore")[0] == [
        ["a", "b"],
        ["---", "---:"],
        ["x", "0.500"],
    ]

"""Tables of the report: figures of metrics.csv side by side."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aisi.evaluation.losses import CAUSES
from aisi.files import atomic
from aisi.labels import ALL, NOISY

COLUMNS = [
    ("tags", "objective", "tags: objective"),
    ("tags", "share_of_bound", "tags: objective / bound"),
    ("tags", "accuracy", "tags: accuracy"),
    ("tags", "accuracy_objects", "tags: accuracy_objects"),
    ("tags", "accuracy_multi", "tags: accuracy_multi"),
    ("proxy_semantic", "miou", "proxies: mIoU"),
    ("proxy_instance", "ap50", "proxies: AP50"),
    ("proxy_instance", "ap", "proxies: AP"),
    ("semantic", "miou", "network: mIoU"),
    ("instance", "ap50", "network: AP50"),
    ("instance", "ap", "network: AP"),
]
"""Task, metric and heading of the columns of figures, in order."""


def tag_counts(tags: pd.DataFrame) -> dict[str, int]:
    """Count the tags of an assignment.

    Parameters
    ----------
    tags : DataFrame
        As from :func:`aisi.formats.tags.read_tags`.

    Returns
    -------
    dict
        ``instances``; ``tagged``: instances with a tag; ``photos``: photos with a tagged instance.
    """
    tagged = tags[tags["label"] != NOISY]
    return {"instances": len(tags), "tagged": len(tagged), "photos": tagged["image_id"].nunique()}


def assignment_table(metrics: pd.DataFrame, counts: Mapping[str, Mapping[str, int]]) -> pd.DataFrame:
    """Table with a row for each assignment and network and a column for each figure.

    Parameters
    ----------
    metrics : DataFrame
        As from :func:`aisi.formats.metrics.read_metrics`. Several seeds are averaged.
    counts : dict
        Assignment to its :func:`tag_counts`, in the order of the rows; an empty dict for a row without tags.

    Returns
    -------
    DataFrame
        Columns assignment, network, the counts, and the headings of ``COLUMNS`` that have figures. An assignment
        with several networks has several rows; they share the figures that do not depend on a network.
    """
    overall = metrics[metrics["category"] == ALL]
    figures = overall.groupby(["assignment", "network", "task", "metric"])["value"].mean().to_dict()
    columns = [column for column in COLUMNS if any(key[2:] == column[:2] for key in figures)]
    rows = []
    for assignment, count in counts.items():
        for network in sorted({key[1] for key in figures if key[0] == assignment and key[1]}) or [""]:
            row: dict[str, Any] = {"assignment": assignment, "network": network} | dict(count)
            for task, metric, heading in columns:
                own = figures.get((assignment, network, task, metric))
                row[heading] = figures.get((assignment, "", task, metric), np.nan) if own is None else own
            rows.append(row)
    table = pd.DataFrame(rows, columns=["assignment", "network", *_COUNTS, *(heading for *_, heading in columns)])
    return table.astype(dict.fromkeys(_COUNTS, "Int64")) if table[_COUNTS].isna().any(axis=None) else table


_COUNTS = ["instances", "tagged", "photos"]


SPREAD = " sd"
"""End of the heading of a standard deviation over seeds."""


def seed_table(metrics: pd.DataFrame, assignments: Sequence[str]) -> pd.DataFrame:
    """Mean and standard deviation over seeds: a row for each assignment and network.

    Parameters
    ----------
    metrics : DataFrame
        As from :func:`aisi.formats.metrics.read_metrics`. All ``batches-shuffled-{n}`` are one row, because n is
        the seed of the order.
    assignments : list of str
        The rows, in order.

    Returns
    -------
    DataFrame
        Columns assignment, network, seeds and network seeds (numbers of them). Then for each of ``COLUMNS`` that has
        figures its mean, and its standard deviation (n - 1; NaN for one seed) under the same heading + ``SPREAD``. An
        assignment with several networks has several rows; they share the figures that do not depend on a network.
    """
    overall = metrics[metrics["category"] == ALL]
    overall = overall.assign(assignment=overall["assignment"].str.replace(r"-shuffled-\d+$", "-shuffled", regex=True))
    groups = overall.groupby(["assignment", "network", "task", "metric"])["value"]
    figures = groups.agg(["mean", "std", "count"]).to_dict("index")
    columns = [column for column in COLUMNS if any(key[2:] == column[:2] for key in figures)]
    rows = []
    for assignment in assignments:
        for network in sorted({key[1] for key in figures if key[0] == assignment and key[1]}) or [""]:
            row: dict[str, Any] = {"assignment": assignment, "network": network, "seeds": 0, "network seeds": 0}
            for task, metric, heading in columns:
                own = figures.get((assignment, network, task, metric)) if network else None
                found = own or figures.get((assignment, "", task, metric), _NO_SEED)
                row |= {heading: found["mean"], heading + SPREAD: found["std"]}
                count = "network seeds" if own else "seeds"
                row[count] = max(row[count], found["count"])
            rows.append(row)
    return pd.DataFrame(rows)


_NO_SEED = {"mean": np.nan, "std": np.nan, "count": 0}


def with_headings(table: pd.DataFrame) -> pd.DataFrame:
    """A table of :func:`aisi.evaluation.halves.halves_table` with the headings of the other tables."""
    headings = {f"{task}_{metric}": heading for task, metric, heading in COLUMNS}
    headings |= {metric: heading for task, metric, heading in COLUMNS if task == "tags"}
    headings |= {"proxy_miou": headings["proxy_semantic_miou"], "retention": "r"}
    return table.rename(columns=headings | {name + SPREAD: heading + SPREAD for name, heading in headings.items()})


def save_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table of the report as CSV; numbers have seven digits."""
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.7g", lineterminator="\n")


def save_page(path: str | Path, page: str) -> None:
    """Write a page of the report, Markdown or HTML."""
    with atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def in_percent(table: pd.DataFrame) -> pd.DataFrame:
    """Format a table of percentages: one digit, NaN empty."""
    return table.map(lambda value: ("" if np.isnan(value) else f"{value:.1f}") if isinstance(value, float) else value)


def add_paper(table: pd.DataFrame, paper: pd.DataFrame) -> tuple[pd.DataFrame, str | None]:
    """Add a column with the paper's values.

    Parameters
    ----------
    table : DataFrame
        As from :func:`seed_table`.
    paper : DataFrame
        Rows of resources/paper_results.csv of one table and one training set, with the values as printed.

    Returns
    -------
    table : DataFrame
        With the new column, if any row is in the paper.
    heading : str or None
        Heading of the new column.
    """
    found = paper[paper["assignment"].isin(table["assignment"])]
    if not len(found):
        return table, None
    heading = "paper, table {table}: network {metric}, {train}, {split}".format(**found.iloc[0])
    values = found.set_index("assignment")["value"]
    return table.assign(**{heading: table["assignment"].map(values)}), heading


def with_spread(table: pd.DataFrame) -> pd.DataFrame:
    """Format a table as from :func:`seed_table`: mean ± standard deviation in one cell, NaN empty."""
    text = {}
    for name in table:
        if pd.api.types.is_float_dtype(table[name]) and not name.endswith(SPREAD):
            spreads = table.get(name + SPREAD, pd.Series(np.nan, table.index))
            digits = 1 if table[name].max() > 1 else 3
            text[name] = [_mean_and_spread(*pair, digits) for pair in zip(table[name], spreads, strict=True)]
        elif not name.endswith(SPREAD):
            text[name] = table[name]
    return pd.DataFrame(text)


def _mean_and_spread(mean, spread, digits):
    if np.isnan(mean):
        return ""
    return f"{mean:.{digits}f}" + ("" if np.isnan(spread) else f" ± {spread:.{digits}f}")


def compare_metrics(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Compare the figures of two runs.

    Parameters
    ----------
    first, second : DataFrame
        As from :func:`aisi.formats.metrics.read_metrics`. Several seeds are averaged.

    Returns
    -------
    DataFrame
        Columns that identify a figure. Then A and B (means of the runs), difference (B - A), spread (standard
        deviation over seeds, the larger of the two runs; NaN if neither has two seeds) and exceeds: ``yes`` if the
        difference is larger than the spread, else ``no``; empty if one of them is unknown.
    """
    key = ["assignment", "network", "task", "split", "protocol", "metric", "category"]
    one, two = (run.groupby(key, sort=False)["value"].agg(["mean", "std"]) for run in (first, second))
    both = pd.concat([one.add_suffix("_a"), two.add_suffix("_b")], axis=1)
    table = both.rename(columns={"mean_a": "A", "mean_b": "B"})[["A", "B"]]
    table["difference"] = table["B"] - table["A"]
    table["spread"] = both[["std_a", "std_b"]].max(axis=1)
    known = table["difference"].notna() & table["spread"].notna()
    larger = table["difference"].abs() > table["spread"]
    table["exceeds"] = np.where(known, np.where(larger, "yes", "no"), "")
    return table.reset_index()


def with_imported(table: pd.DataFrame, imported: Mapping[str, str]) -> pd.DataFrame:
    """Add a column ``imported`` to a table of a run, if another program made a part of its inputs.

    Parameters
    ----------
    table : DataFrame
    imported : dict
        Part of the run, such as ``features``, to its origin: name and digest of the file.

    Returns
    -------
    DataFrame
    """
    return (
        table.assign(imported="; ".join(f"{part}: {origin}" for part, origin in imported.items()))
        if imported
        else table
    )


def imported_note(imported: Mapping[str, str]) -> list[str]:
    """The same as a paragraph for a page, in a list; an empty list if nothing was imported."""
    parts = ", ".join(f"{part} from `{origin}`" for part, origin in imported.items())
    return [f"Imported from other programs, with the digest of the content: {parts}."] if imported else []


def experiment_page(title: str, command: str, table: pd.DataFrame, notes: Sequence[str]) -> str:
    """Page of an experiment in Markdown.

    Parameters
    ----------
    title : str
    command : str
        Command that made the figures.
    table : DataFrame
        As from :func:`seed_table` or :func:`with_headings`.
    notes : sequence of str
        Paragraphs below the table.

    Returns
    -------
    str
    """
    shown = with_spread(table)
    if "network" in shown and not shown["network"].any():
        shown = shown.drop(columns=["network", "network seeds"])
    return "\n\n".join([f"## {title}", f"Made by `{command}`.", markdown(shown), *notes]) + "\n"


def ratio_notes(
    table: pd.DataFrame,
    assignment: str = "partition",
    reference: str = "ground_truth",
    heading: str = "network: mIoU",
) -> list[str]:
    """Sentences, one for each network: the ratio of the assignment's figure to the reference's."""
    if heading not in table:
        return []
    trained = table[table["network"] != ""].set_index(["assignment", "network"])[heading].unstack("assignment")
    if not {assignment, reference} <= set(trained):
        return []
    return [
        f"`{network}` trained on `{assignment}` reaches {own / upper:.3f} of its mIoU on `{reference}` "
        f"({own:.3f} of {upper:.3f})."
        for network, own, upper in trained[[assignment, reference]].itertuples()
    ]


def category_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """IoU of each category: a row for each category, a column for each assignment's proxy masks and each network.

    Parameters
    ----------
    metrics : DataFrame
        As from :func:`aisi.formats.metrics.read_metrics`.

    Returns
    -------
    DataFrame
        Column category, then ``proxies of {assignment}`` and ``{network} of {assignment}``; empty without figures.
    """
    ious = metrics[(metrics["metric"] == "iou") & metrics["task"].isin(["proxy_semantic", "semantic"])]
    headings = ious["network"].where(ious["network"] != "", "proxies") + " of " + ious["assignment"]
    table = ious.assign(heading=headings).groupby(["category", "heading"], sort=False)["value"].mean().unstack()
    table = table.reindex(index=ious["category"].unique(), columns=headings.unique())
    return table.rename_axis(columns=None).reset_index()


def loss_shares(
    metrics: pd.DataFrame, assignment: str = "partition", reference: str = "oracle"
) -> dict[str, float] | None:
    """Split the mIoU that the proxy masks lose against the true masks by cause.

    Returns
    -------
    dict or None
        ``instances``: 1 - mIoU of the reference, which has only right tags. ``tags``: mIoU of the reference - mIoU of
        the assignment. None if one of them has no figure.
    """
    miou = metrics[(metrics["task"] == "proxy_semantic") & (metrics["metric"] == "miou")]
    miou = miou.groupby("assignment")["value"].mean()
    if not {assignment, reference} <= set(miou.index):
        return None
    return {"instances": 1 - miou[reference], "tags": miou[reference] - miou[assignment]}


def markdown(table: pd.DataFrame) -> str:
    """Format a table in Markdown: floats with three digits, NaN empty."""
    cells = table.map(_cell).astype(object)
    rule = ["---:" if pd.api.types.is_numeric_dtype(table[name]) else "---" for name in table]
    lines = [[escaped(name) for name in table.columns], rule, *cells.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value):
    if value is pd.NA:
        return ""
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.3f}"
    return escaped(value)


def escaped(text: Any) -> str:
    """A name or another text of a dataset for Markdown, so that none of its signs is markup."""
    text = " ".join(str(text).split()).replace("&", "&amp;")
    between_words = r"(?<![^\W_])_|_(?![^\W_])"  # an underscore inside a word is no markup
    return re.sub(rf"[\\`*\[\]<>|~$]|{between_words}", lambda sign: f"\\{sign[0]}", text)


def sortable_html(table: pd.DataFrame) -> str:
    """Format a table as an HTML page. A click on a heading sorts the rows. Floats have three digits."""
    rows = table.to_html(index=False, float_format="%.3f", na_rep="", border=0)
    return f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n{_STYLE}{rows}\n{_SORTING}</html>\n'


_STYLE = """<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Table</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.4 system-ui, sans-serif; margin: 16px; }
table { border-collapse: collapse; }
th, td { padding: 4px 12px; text-align: right; border-bottom: 1px solid #8886; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: Canvas; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 4px 0; cursor: pointer; }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
</style>
"""
_SORTING = """<script>
const body = document.querySelector("tbody"), heads = [...document.querySelectorAll("thead th")];
const rows = [...body.rows];
heads.forEach((head, column) => {
  const button = document.createElement("button"), text = (row) => row.cells[column].textContent.trim();
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    body.append(...[...rows].sort((a, b) => (text(a) === "") - (text(b) === "") ||
      sign * (text(a) - text(b) || text(a).localeCompare(text(b)))));
  });
});
</script>
"""

_FIGURES = (
    "`photos`: photos with a tagged instance, so with a proxy mask. `accuracy`: share of all instances with the right "
    "tag; noisy is right for an instance of no category. `accuracy_objects`: the same among instances with a true "
    "category. `accuracy_multi`: the same among those in photos with two or more keywords. `oracle` is a reference: it "
    "has the tags of the true masks."
)


def results_page(
    name: str,
    command: str,
    notes: Sequence[str],
    metrics: pd.DataFrame,
    counts: Mapping[str, Mapping[str, int]],
    shown: str = "partition",
) -> str:
    """Page of results in Markdown.

    Parameters
    ----------
    name : str
        Name of the dataset.
    command : str
        Command that made the figures.
    notes : sequence of str
        Paragraphs above the table.
    metrics, counts
        As for :func:`assignment_table`.
    shown : str
        Assignment to split the loss of, as in :func:`loss_shares`.

    Returns
    -------
    str
    """
    table = assignment_table(metrics, counts)
    table = table if table["network"].any() else table.drop(columns="network")
    parts = [f"# Results: {escaped(name)}", f"Made by `{command}`.", *notes, "## Assignments", markdown(table)]
    evaluated = (metrics["task"] == "tags").any()
    parts.append(_FIGURES if evaluated else "There are no true masks, so the tags are not evaluated.")
    if shares := loss_shares(metrics, shown):
        parts.append(
            f"The proxy masks of `{shown}` lose {shares['instances'] + shares['tags']:.3f} mIoU against the true "
            f"masks: {shares['instances']:.3f} because of the instances (`oracle` loses as much), "
            f"{shares['tags']:.3f} because of the tags."
        )
    salient = metrics[(metrics["task"] == "salient_instances") & (metrics["category"] == ALL)]
    sections = {
        "Salient instances": salient[["split", "protocol", "metric", "value", "n"]],
        "IoU per category": category_table(metrics),
        "How the figures are counted": _protocols(metrics),
    }
    parts += [f"## {heading}\n\n{markdown(rows)}" for heading, rows in sections.items() if len(rows)]
    return "\n\n".join(parts) + "\n"


def _protocols(metrics):
    overall = metrics[metrics["category"] == ALL]
    return overall.groupby(["task", "split", "protocol"], sort=False)["n"].max().rename("largest n").reset_index()


def losses_page(title: str, command: str, table: pd.DataFrame) -> str:
    """The table of :func:`aisi.evaluation.losses.loss_table` as a page in Markdown."""
    whole = table.iloc[0]
    lost = 1 - whole["iou"]
    parts = ", ".join(f"{whole[cause]:.3f} {cause}" for cause in CAUSES)
    meanings = "\n".join(f"- {cause}: {meaning}" for cause, meaning in CAUSES.items())
    return (
        f"# {escaped(title)}: where mIoU is lost\n\nMade by `{command}`.\n\n"
        f"The proxies of `partition` have an mIoU of {whole['iou']:.3f}. Of the other {lost:.3f}: {parts}.\n\n"
        f"{markdown(table)}\n\n{meanings}\n"
    )

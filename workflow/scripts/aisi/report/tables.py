"""Tables of the report: the rows of metrics.csv side by side."""

import numpy as np
import pandas as pd

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
"""Task, metric and heading of each column of the table of assignments, in order."""


def tag_counts(tags):
    """Count an assignment's tags.

    Parameters
    ----------
    tags : DataFrame
        As from :func:`aisi.formats.tags.read_tags`.

    Returns
    -------
    dict
        instances; tagged: those with a tag; photos: those in which an instance has one.
    """
    tagged = tags[tags["label"] != NOISY]
    return {"instances": len(tags), "tagged": len(tagged), "photos": tagged["image_id"].nunique()}


def assignment_table(metrics, counts):
    """One row per assignment and network, one column per figure.

    Parameters
    ----------
    metrics : DataFrame
        As from :func:`aisi.formats.metrics.read_metrics`; seeds, if several, are averaged.
    counts : dict
        Assignment to :func:`tag_counts`; gives the order of the rows.

    Returns
    -------
    DataFrame
        Columns assignment, network, the counts, and those headings of ``COLUMNS`` for which there are figures. An
        assignment with several networks repeats what does not depend on them.
    """
    overall = metrics[metrics["category"] == ALL]
    figures = overall.groupby(["assignment", "network", "task", "metric"])["value"].mean().to_dict()
    columns = [column for column in COLUMNS if any(key[2:] == column[:2] for key in figures)]
    rows = []
    for assignment, count in counts.items():
        for network in sorted({key[1] for key in figures if key[0] == assignment and key[1]}) or [""]:
            row = {"assignment": assignment, "network": network} | count
            for task, metric, heading in columns:
                own = figures.get((assignment, network, task, metric))
                row[heading] = figures.get((assignment, "", task, metric), np.nan) if own is None else own
            rows.append(row)
    return pd.DataFrame(rows, columns=["assignment", "network", *_COUNTS, *(heading for *_, heading in columns)])


_COUNTS = ["instances", "tagged", "photos"]


SPREAD = " sd"
"""Ends the heading of a standard deviation over seeds."""


def seed_table(metrics, assignments):
    """Mean and standard deviation over seeds: one row per assignment and network.

    Parameters
    ----------
    metrics : DataFrame
        As from :func:`aisi.formats.metrics.read_metrics`. ``batches-shuffled-{n}`` make one
        row: n is the seed of the order.
    assignments : list of str
        The rows, in order.

    Returns
    -------
    DataFrame
        Columns assignment, network, seeds, network seeds (how many), then for each figure of ``COLUMNS`` there is, its
        mean, and its standard deviation (n - 1; NaN for a single seed) under the same heading + ``SPREAD``. An
        assignment with several networks repeats what does not depend on them.
    """
    overall = metrics[metrics["category"] == ALL]
    overall = overall.assign(assignment=overall["assignment"].str.replace(r"-shuffled-\d+$", "-shuffled", regex=True))
    groups = overall.groupby(["assignment", "network", "task", "metric"])["value"]
    figures = groups.agg(["mean", "std", "count"]).to_dict("index")
    columns = [column for column in COLUMNS if any(key[2:] == column[:2] for key in figures)]
    rows = []
    for assignment in assignments:
        for network in sorted({key[1] for key in figures if key[0] == assignment and key[1]}) or [""]:
            row = {"assignment": assignment, "network": network, "seeds": 0, "network seeds": 0}
            for task, metric, heading in columns:
                own = figures.get((assignment, network, task, metric)) if network else None
                found = own or figures.get((assignment, "", task, metric), _NO_SEED)
                row |= {heading: found["mean"], heading + SPREAD: found["std"]}
                count = "network seeds" if own else "seeds"
                row[count] = max(row[count], found["count"])
            rows.append(row)
    return pd.DataFrame(rows)


_NO_SEED = {"mean": np.nan, "std": np.nan, "count": 0}


def add_paper(table, paper):
    """Put the paper's values beside ours.

    Parameters
    ----------
    table : DataFrame
        As from :func:`seed_table`.
    paper : DataFrame
        Rows of one table and one training set of resources/paper_results.csv: the values as printed.

    Returns
    -------
    table : DataFrame
        With a column more if any row is in the paper.
    heading : str or None
        Of this column.
    """
    found = paper[paper["assignment"].isin(table["assignment"])]
    if not len(found):
        return table, None
    heading = "paper, table {table}: network {metric}, {train}, {split}".format(**found.iloc[0])
    values = found.set_index("assignment")["value"]
    return table.assign(**{heading: table["assignment"].map(values)}), heading


def with_spread(table):
    """A table as from :func:`seed_table` as text: mean ± standard deviation in one cell, NaN empty."""
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


def compare_metrics(first, second):
    """Figures of two runs side by side.

    Parameters
    ----------
    first, second : DataFrame
        As from :func:`aisi.formats.metrics.read_metrics`; several seeds of a figure are averaged.

    Returns
    -------
    DataFrame
        What identifies a figure, then A and B (means), difference (B - A), spread (the larger of both runs' standard
        deviations over seeds; NaN where neither has two seeds) and exceeds: ``yes`` if the difference is larger than
        the spread, ``no``, or nothing if one of them is not known.
    """
    key = ["assignment", "network", "task", "split", "protocol", "metric", "category"]
    both = [run.groupby(key, sort=False)["value"].agg(["mean", "std"]) for run in (first, second)]
    both = pd.concat([both[0].add_suffix("_a"), both[1].add_suffix("_b")], axis=1)
    table = both.rename(columns={"mean_a": "A", "mean_b": "B"})[["A", "B"]]
    table["difference"] = table["B"] - table["A"]
    table["spread"] = both[["std_a", "std_b"]].max(axis=1)
    known = table["difference"].notna() & table["spread"].notna()
    larger = table["difference"].abs() > table["spread"]
    table["exceeds"] = np.where(known, np.where(larger, "yes", "no"), "")
    return table.reset_index()


def experiment_page(title, command, table, notes):
    """The page of an experiment in Markdown: a title, the command that made it, a table as from :func:`seed_table`
    and sentences below it."""
    shown = with_spread(table)
    shown = shown if shown["network"].any() else shown.drop(columns=["network", "network seeds"])
    return "\n\n".join([f"## {title}", f"Made by `{command}`.", markdown(shown), *notes]) + "\n"


def ratio_notes(table, assignment="partition", reference="ground_truth", heading="network: mIoU"):
    """For each network a sentence: what share of the reference's figure the assignment reaches."""
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


def category_table(metrics):
    """IoU per category: one row a category, one column for each assignment's proxies and each network.

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


def loss_shares(metrics, assignment="partition", reference="oracle"):
    """What the proxies lose to the true masks, by cause.

    Returns
    -------
    dict or None
        ``instances``: 1 - mIoU of the reference, whose tags are all right; ``tags``: what the assignment loses to the
        reference. None if either has no figure.
    """
    miou = metrics[(metrics["task"] == "proxy_semantic") & (metrics["metric"] == "miou")]
    miou = miou.groupby("assignment")["value"].mean()
    if not {assignment, reference} <= set(miou.index):
        return None
    return {"instances": 1 - miou[reference], "tags": miou[reference] - miou[assignment]}


def markdown(table):
    """A DataFrame as a Markdown table; floats with three digits, NaN empty."""
    cells = table.map(_cell).astype(object)
    rule = ["---:" if pd.api.types.is_numeric_dtype(table[name]) else "---" for name in table]
    lines = [list(table.columns), rule, *cells.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value):
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.3f}"
    return str(value).replace("|", r"\|")


def sortable_html(table):
    """A DataFrame as an HTML page whose columns sort when their heading is pressed; floats with three digits."""
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
    "`photos`: photos with a proxy, in which an instance has a tag. `accuracy`: share of all instances with the right "
    "tag, noisy being right for one of no category; `accuracy_objects`: of those with a true category; "
    "`accuracy_multi`: of those of them in photos with two or more keywords. `oracle` is a reference: tagged from the "
    "true masks."
)


def results_page(name, command, metrics, counts, shown="partition"):
    """The page of results in Markdown.

    Parameters
    ----------
    name : str
        Of the dataset.
    command : str
        That makes these figures.
    metrics, counts
        As for :func:`assignment_table`.
    shown : str
        Assignment whose losses are told apart.
    """
    table = assignment_table(metrics, counts)
    table = table if table["network"].any() else table.drop(columns="network")
    parts = [f"# Results: {name}", f"Made by `{command}`.", "## Assignments", markdown(table)]
    parts.append(_FIGURES if (metrics["task"] == "tags").any() else "There are no true masks, so no tag is judged.")
    if shares := loss_shares(metrics, shown):
        parts.append(
            f"The proxies of `{shown}` lose {shares['instances'] + shares['tags']:.3f} mIoU to the true masks: "
            f"{shares['instances']:.3f} by the instances (what `oracle` loses), {shares['tags']:.3f} by the tags."
        )
    salient = metrics[(metrics["task"] == "salient_instances") & (metrics["category"] == ALL)]
    sections = {
        "Salient instances": salient[["split", "protocol", "metric", "value", "n"]],
        "IoU per category": category_table(metrics),
        "How it was counted": _protocols(metrics),
    }
    parts += [f"## {heading}\n\n{markdown(rows)}" for heading, rows in sections.items() if len(rows)]
    return "\n\n".join(parts) + "\n"


def _protocols(metrics):
    overall = metrics[metrics["category"] == ALL]
    return overall.groupby(["task", "split", "protocol"], sort=False)["n"].max().rename("largest n").reset_index()

"""The paper's tables 1a, 3 and 4 with figures of this workflow beside the printed ones."""

from collections.abc import Mapping, Sequence

import pandas as pd

from aisi.labels import ALL

TABLES = {
    "3": ("semantic", {"miou": "mIoU (%)"}),
    "4": ("instance", {f"ap{end}": f"AP{end.upper()} (%)" for end in ("", "50", "75", "_s", "_m", "_l")}),
}
"""Table of the paper to the task that it compares, and the headings of its metrics."""


def comparison(paper: pd.DataFrame, metrics: pd.DataFrame, table: str, trained_on: str) -> pd.DataFrame:
    """Rows of the paper's table 3 or 4, and below them the networks of this workflow.

    Parameters
    ----------
    paper : DataFrame
        resources/paper_results.csv, with the values as printed, in percent.
    metrics : DataFrame
        As from :func:`aisi.formats.metrics.read_metrics`: figures of networks, in [0, 1].
    table : str
        ``3`` or ``4``.
    trained_on : str
        Name of the training set.

    Returns
    -------
    DataFrame
        Columns method, supervision, trained on, evaluated on, and one for each metric, in percent; NaN where nothing is
        printed.
    """
    task, headings = TABLES[table]
    printed = paper[paper["table"] == table].fillna({"train": ""})
    printed = printed.rename(columns={"row": "method", "train": "trained on", "split": "evaluated on"})
    own = metrics[(metrics["task"] == task) & (metrics["category"] == ALL) & metrics["metric"].isin(headings)]
    pairs = own["assignment"], own["network"]
    own = pd.DataFrame(
        {
            "method": [f"this run: {network} on {name}" for name, network in zip(*pairs, strict=True)],
            "supervision": "keywords",
            "trained on": trained_on,
            "evaluated on": own["split"],
            "metric": own["metric"].map(headings),
            "value": 100 * own["value"],
        }
    )
    rows = pd.concat([printed, own], ignore_index=True)
    index = ["method", "supervision", "trained on", "evaluated on"]
    order = rows[index].drop_duplicates()
    values = rows.groupby([*index, "metric"])["value"].mean().unstack()[list(headings.values())]
    return order.merge(values.reset_index(), on=index).sort_values("evaluated on", kind="stable", ignore_index=True)


def merged_ablation(runs: Mapping[str, pd.DataFrame], paper: pd.DataFrame, assignments: Sequence[str]) -> pd.DataFrame:
    """The paper's table 1a: ablations of runs with different training sets side by side.

    Parameters
    ----------
    runs : dict
        Training set, as in the paper's table (``VOC``, ``SI``, ``VOC+SI``), to the metrics of its ablation.
    paper : DataFrame
        resources/paper_results.csv.
    assignments : list of str
        Rows, in order.

    Returns
    -------
    DataFrame
        Columns assignment and network. Then for each training set the mIoU of the network, in percent, mean over the
        seeds, and the paper's, NaN where there is none.
    """
    own = pd.concat([metrics.assign(train=train) for train, metrics in runs.items()], ignore_index=True)
    own = own[(own["task"] == "semantic") & (own["metric"] == "miou") & (own["category"] == ALL)]
    own = own[own["assignment"].isin(assignments)]
    means = 100 * own.groupby(["assignment", "network", "train"])["value"].mean().unstack()
    printed = paper[paper["table"] == "1a"].pivot(index="assignment", columns="train", values="value")
    order = [(name, network) for name in assignments for network in sorted(set(own["network"]))]
    rows = []
    for name, network in order:
        row: dict[str, object] = {"assignment": name, "network": network}
        for train in runs:
            row[f"{train}: mIoU (%)"] = means[train].get((name, network), float("nan"))
            row[f"{train}: the paper's mIoU (%), test"] = printed[train].get(name, float("nan"))
        rows.append(row)
    return pd.DataFrame(rows)

"""The experiments: the rows of their tables, their titles, the paper's tables beside them, and notes."""

from collections.abc import Sequence
from typing import Any

from aisi.planning.assignments import PAPER, paper_rows, varied

TITLES = {
    "ablation": "Ablation (the paper's table 1a)",
    "sweep_beta": "Attention against similarity: beta (the paper's table 2a)",
    "sweep_retention": "Retention ratio r (the paper's table 2b)",
    "sweep_objectness": "Objectness: the weight of an instance's own score",
    "sweep_graph": "The graph: k, neighbours that share a keyword, centred features",
    "batches": "What batches cost",
}
"""Experiment to the title of its page."""
HALVES_TITLE = "Settings chosen on one half of the photos, reported on the other"
"""Title of the page of the target ``halves``."""
PAPER_TABLES = {"ablation": "1a", "sweep_beta": "2a", "sweep_retention": "2b"}
"""Experiment to the paper's table that it repeats."""
PAPER_TRAINING_SETS = {"main": "VOC", "simple": "SI", "both": "VOC+SI"}
"""Config key ``dataset.train_on`` to the paper's name of the training set (PAPER table 1)."""


def experiment_assignments(
    ablation: dict[str, Any],
    sweeps: dict[str, Any],
    paper: Sequence[str] = (),
    configured: dict[str, Any] | None = None,
) -> dict[str, list[str]]:
    """Assignments that each experiment compares.

    Parameters
    ----------
    ablation, sweeps : dict
        Blocks of the config.
    paper : sequence of str
        As from :func:`aisi.planning.assignments.paper_rows`: the last rows of the ablation, if they are not there yet.
    configured : dict, optional
        The config's own values, as from :func:`aisi.planning.assignments.settings_of`. Each is a row of its sweep.

    Returns
    -------
    dict
        Experiment to names of assignments, one for each row of its table and in its order. ``{seed}`` in a name is the
        seed of the row. References of the ablation are not among them.
    """
    switches = [f"{key}-{value}" for key in ("shared_keywords_only", "centre_features") for value in ("false", "true")]
    return {
        "ablation": list(dict.fromkeys([*ablation["assignments"], *paper])),
        "sweep_beta": _sweep("beta", sweeps, configured),
        "sweep_retention": _sweep("retention", sweeps, configured),
        "sweep_objectness": _sweep("objectness_weight", sweeps, configured),
        "sweep_graph": _sweep("k", sweeps, configured) + switches,
        "batches": ["batches-whole", "batches-given", "batches-category", "batches-shuffled-{seed}"],
    }


def _sweep(key, sweeps, configured):
    """Rows of a sweep, the configured value in its place; ``r: auto`` is the row ``partition`` at the end."""
    values = sweeps[key]
    rows, own = [varied(key, value) for value in values], (configured or {}).get(key, values[0])
    if own == "auto":
        return [*rows, "partition"]
    if varied(key, own) not in rows:
        falling = values[0] > values[-1]
        rows.insert(sum(value > own if falling else value < own for value in values), varied(key, own))
    return rows


def evaluated_rows(
    experiment: str,
    assignments: Sequence[str],
    seeds: Sequence[int],
    configured_seed: int,
    external: Sequence[str] = (),
) -> list[list[Any]]:
    """Assignment and seed of each row that rule evaluate_experiment evaluates, as they are in metrics.csv.

    Parameters
    ----------
    experiment : str
    assignments : sequence of str
        As from :func:`experiment_assignments`.
    seeds : sequence of int
        Seeds of the experiment.
    configured_seed : int
        The config's own seed, which is the seed of the oracle and of other methods: no seed changes their tags.
    external : sequence of str
        Other methods that give tags.

    Returns
    -------
    list of [str, int]
        The ablation has the other methods and the oracle as its last rows.
    """
    rows: list[list[Any]] = [[name.format(seed=seed), seed] for seed in seeds for name in assignments]
    return rows + ([[name, configured_seed] for name in (*external, "oracle")] if experiment == "ablation" else [])


def table_rows(
    experiment: str,
    assignments: Sequence[str],
    has_true_masks: bool,
    has_networks: bool,
    external: Sequence[str] = (),
) -> list[str]:
    """Rows of an experiment's table, one for all seeds; references are the last rows.

    Parameters
    ----------
    experiment : str
    assignments : sequence of str
        As from :func:`experiment_assignments`.
    has_true_masks : bool
        Whether the training photos have true masks, which the references ``oracle`` and ``ground_truth`` need.
    has_networks : bool
        Whether networks are trained: nothing but their figures is in the row ``ground_truth``.
    external : sequence of str
        Other methods, which are rows of the ablation.

    Returns
    -------
    list of str
    """
    names = [name.removesuffix("-{seed}") for name in assignments]
    if experiment != "ablation":
        return names
    names += external
    names += ["cam", "oracle"] if has_true_masks else ["cam"]
    return names + (["ground_truth"] if has_true_masks and has_networks else [])


_PAPER_NETWORKS = "The paper's networks are DeepLab, trained on the proxy masks of all 10,582 photos of VOC 2012."


def sweep_networks(assignments: dict[str, list[str]], networks: Sequence[str]) -> dict[str, list[str]]:
    """Rows of the sweeps on whose proxy masks networks are trained.

    Parameters
    ----------
    assignments : dict
        As from :func:`experiment_assignments`.
    networks : sequence of str
        Config key ``sweeps.networks``.

    Returns
    -------
    dict
        Sweep to the names among its rows.

    Raises
    ------
    ValueError
        If a name is no row of any sweep.
    """
    sweeps = {name: rows for name, rows in assignments.items() if name.startswith("sweep_")}
    rows = [row for sweep in sweeps.values() for row in sweep]
    if unknown := [name for name in networks if name not in rows]:
        raise ValueError(
            f"Config key sweeps.networks names {', '.join(unknown)}, but the rows of the sweeps are {', '.join(rows)}. "
            "Name some of these rows, or add the value to its list in sweeps."
        )
    return {name: [row for row in sweep if row in networks] for name, sweep in sweeps.items()}


def name_of_training_set(dataset: dict[str, Any]) -> str:
    """Name of the photos that train, for a table; ``dataset``: block of the config."""
    match dataset["train_on"]:
        case "simple":
            return "simple images"
        case "both":
            return f"{dataset['name']} and simple images"
    return dataset["name"]


def paper_note(graph: dict[str, Any], partition: dict[str, Any]) -> str:
    """Sentences on a page of results that say which row has the paper's settings.

    Parameters
    ----------
    graph, partition : dict
        Blocks of the config.

    Returns
    -------
    str
    """
    settings = f"k {PAPER['k']}, beta {PAPER['beta']:g}, r {PAPER['retention']}"
    rows = paper_rows(graph, partition)
    if not rows:
        return f"`partition` has the paper's own settings: {settings}."
    note = f"`paper` has the paper's own settings ({settings}), without what is ours."
    if "paper_attention" in rows:
        note += " `paper_attention` is `attention` without balanced scores."
    return note


HALVES_NOTES = [
    "The photos are two halves: every other photo of the split. All photos are solved together, without true masks. "
    "Then each half is evaluated alone. The true masks of one half choose the settings, among every combination of the "
    "values in `halves` of the config: the best mean of the ranks by accuracy of tags and mIoU of proxy masks. The "
    "other half reports them. So no figure of `chosen on the other half` is of photos that chose a setting of the "
    "table.",
    "`as configured` has the settings of the config file. If the true masks of this split chose them, its figures are "
    "too good to expect on other photos.",
    "The rows `mean` are means of the two halves. A category that is missing from a half does not count in its mIoU, "
    "so these figures are not those of `all photos`.",
]
"""Paragraphs below the table of the target ``halves``."""


COMPARISON_NOTES = [
    "The rows `this run` are networks of this workflow, evaluated on the split that the table names. All other rows "
    "are as printed in the paper. Figures on test come from the servers of PASCAL VOC and COCO.",
]
"""Paragraphs below the paper's tables 3 and 4."""
MERGED_NOTES = [
    "Each training set is a run of its own: VOC with `train_on: main`, SI with `simple`, VOC+SI with `both`. The paper "
    "evaluated on VOC's test photos. The runs were evaluated on their split `dataset.val`.",
]
"""Paragraphs below the paper's table 1a, merged from several runs."""


def notes(experiment: str, ablation: dict[str, Any], has_networks: bool) -> list[str]:
    """Sentences below an experiment's table.

    Parameters
    ----------
    experiment : str
    ablation : dict
        Block of the config.
    has_networks : bool
        Whether the experiment trains networks.

    Returns
    -------
    list of str
        One for each paragraph.
    """
    seeds = ", ".join(map(str, ablation["seeds"]))
    sentences = [f"Mean ± standard deviation over the seeds of random tags and of the attention network: {seeds}."]
    match experiment:
        case "ablation":
            sentences.append(
                "References: `cam` has no instances, it takes attention maps where they reach "
                f"{ablation['cam_threshold']} of their largest score; `oracle` has the tags of the true masks; "
                "`ground_truth` has the true masks as proxy masks."
            )
            if has_networks:
                sentences.append(f"Seeds of the networks: {', '.join(map(str, ablation['network_seeds']))}.")
            sentences.append(_PAPER_NETWORKS)
        case "batches":
            sentences.append(
                "`objective` is the value of the whole dataset's problem on the whole dataset's graph, so that rows "
                "can be compared. `objective / bound` is its share of the certified bound of `batches-whole`. Each "
                "batch keeps floor(r m) of its m instances, the whole dataset floor(r n) of all n. So batches together "
                "may keep fewer: at most one instance fewer for each batch."
            )
        case "sweep_beta" | "sweep_retention" if has_networks:
            sentences.append(f"{_PAPER_NETWORKS} Compare them with our networks.")
        case "sweep_beta" | "sweep_retention":
            sentences.append(
                "The paper's figures are of networks trained on the proxy masks. Ours are of the tags and proxy masks "
                "themselves. Compare how they change, not how high they are."
            )
    return sentences

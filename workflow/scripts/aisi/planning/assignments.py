"""The graph, the solver and the settings that the name of an assignment stands for."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import yaml

SOLVED = "|".join(
    [
        r"paper|partition(?:_batches)?(?:_unfiltered)?",
        r"(?:beta|objectness_weight)-\d+(?:\.\d+)?",
        r"retention-(?:0(?:\.\d+)?|1(?:\.0+)?)",
        r"k-[1-9]\d*",
        r"(?:shared_keywords_only|centre_features)-(?:true|false)",
        r"batches-(?:whole|given|category|shuffled-\d+)",
    ]
)
"""Names of assignments that a solver computes, as a regular expression. The schema of the config has the same."""
GRAPH_KEYS = ("k", "shared_keywords_only", "centre_features")
"""Keys of the config's block ``graph`` that an assignment may change."""
BASELINES = "random|attention|paper_attention"
"""Names of assignments without a graph (PAPER §5.2 table 1a). They keep every instance."""
PAPER: dict[str, Any] = {
    "balance_categories": 0.0,
    "objectness_weight": 0.0,
    "overlap_penalty": 0.0,
    "presence_reward": 0.0,
    "beta": 30.0,
    "retention": 0.95,
    "k": 3,
    "shared_keywords_only": False,
    "centre_features": False,
}
"""The paper's settings of graph and partition, which the assignment ``paper`` has (PAPER §4.1, §5.2 table 2)."""


@dataclass(frozen=True)
class Assignment:
    """Settings of an assignment that a solver computes.

    Attributes
    ----------
    mode : str
        ``dataset``: one graph, one problem. ``batches``: k-NN inside each batch, floor(r m) kept in each (PAPER §5.4).
    solver : str
    balance_categories, beta, objectness_weight, overlap_penalty, presence_reward : float
    retention : float or ``auto``
    k : int
    shared_keywords_only, centre_features : bool
    order : str
        Order of the instances before they are cut into batches, as for :func:`aisi.graph.batch_order`.
    """

    mode: str
    solver: str
    balance_categories: float
    beta: float
    retention: float | str
    objectness_weight: float
    overlap_penalty: float
    presence_reward: float
    k: int
    shared_keywords_only: bool
    centre_features: bool
    order: str = "given"


def varied(key: str, value: float) -> str:
    """Name of the assignment that is as configured except for one value, with all its digits: ``retention-0.95``."""
    return f"{key}-{Decimal(repr(value)).normalize():f}"


def read_assignment(name: str, graph: dict[str, Any], partition: dict[str, Any]) -> Assignment:
    """Settings of an assignment.

    Parameters
    ----------
    name : str
        ``partition``: as configured; ``paper``: with the values of ``PAPER``; ``partition_batches``: the paper's
        batches; ``.._unfiltered``: r = 1;
        ``beta-{b}``, ``retention-{r}``, ``objectness_weight-{w}``, ``k-{k}``, ``shared_keywords_only-{true or false}``,
        ``centre_features-{true or false}``: as configured except for this value; ``batches-{order}``: batches of the
        instances in this order; ``batches-whole``: the whole dataset at once.
    graph, partition : dict
        Blocks of the config.

    Returns
    -------
    Assignment
    """
    if not re.fullmatch(SOLVED, name):
        raise ValueError(f"No assignment is called {name!r} that a solver computes; docs/partition.md lists the names.")
    of_graph = {key: graph[key] for key in GRAPH_KEYS}
    keys = ("mode", "solver", "balance_categories", "beta", "objectness_weight", "overlap_penalty", "presence_reward")
    of_partition = {key: partition[key] for key in keys}
    configured = Assignment(**of_partition, retention=partition["r"], **of_graph)
    in_batches = replace(configured, mode="batches", solver=partition["batch_solver"])
    kind, _, value = name.partition("-")
    if name == "paper":
        return replace(configured, **PAPER)
    if name == "batches-whole":
        return replace(configured, mode="dataset")
    if kind == "batches":
        return replace(in_batches, order=value)
    if kind in ("beta", "retention", "objectness_weight", *GRAPH_KEYS):
        changed: dict[str, Any] = {kind: yaml.safe_load(value) if kind in GRAPH_KEYS else float(value)}
        return replace(configured, **changed)
    chosen = in_batches if "_batches" in name else configured
    return replace(chosen, retention=1.0) if name.endswith("_unfiltered") else chosen


def settings_of(name: str, graph: dict[str, Any], partition: dict[str, Any]) -> dict[str, Any]:
    """The values of an assignment for the settings in ``PAPER``; arguments as for :func:`read_assignment`."""
    assignment = read_assignment(name, graph, partition)
    return {key: getattr(assignment, key) for key in PAPER}


def paper_rows(graph: dict[str, Any], partition: dict[str, Any]) -> list[str]:
    """Assignments with the paper's settings that differ from ``attention`` and ``partition`` as configured.

    Parameters
    ----------
    graph, partition : dict
        Blocks of the config.

    Returns
    -------
    list of str
        ``paper_attention`` if the scores are balanced, and ``paper`` if any of the values of ``PAPER`` is another one.
    """
    differs = settings_of("partition", graph, partition) != PAPER
    return ["paper_attention"] * (partition["balance_categories"] > 0) + ["paper"] * differs


def graph_name(assignment: Assignment, graph: dict[str, Any]) -> str:
    """File name, without suffix, of an assignment's graph: ``dataset`` or ``batches``, then the changed settings."""
    parts = [assignment.mode]
    parts += [f"{key}-{value}".lower() for key in GRAPH_KEYS if (value := getattr(assignment, key)) != graph[key]]
    parts += [assignment.order] if assignment.order != "given" else []
    return "_".join(parts)


def graph_settings(variant: str, graph: dict[str, Any]) -> dict[str, Any]:
    """Settings of a graph by its :func:`graph_name` after the mode: ``_{key}-{value}`` for each changed setting."""
    changed = re.findall(rf"_({'|'.join(GRAPH_KEYS)})-([a-z0-9]+)", variant)
    return {name: graph[name] for name in GRAPH_KEYS} | {key: yaml.safe_load(value) for key, value in changed}

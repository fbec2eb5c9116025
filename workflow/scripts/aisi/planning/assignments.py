"""The graph, the solver and the settings that the name of an assignment stands for."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import yaml

SOLVED = "|".join(
    [
        r"partition(?:_batches)?(?:_unfiltered)?",
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
BASELINES = "random|attention"
"""Names of assignments without a graph (PAPER §5.2 table 1a). They keep every instance."""


@dataclass(frozen=True)
class Assignment:
    """Settings of an assignment that a solver computes.

    Attributes
    ----------
    mode : str
        ``dataset``: one graph, one problem. ``batches``: k-NN inside each batch, floor(r m) kept in each (PAPER §5.4).
    solver : str
    beta, retention, objectness_weight : float
    k : int
    shared_keywords_only, centre_features : bool
    order : str
        Order of the instances before they are cut into batches, as for :func:`aisi.graph.batch_order`.
    """

    mode: str
    solver: str
    beta: float
    retention: float
    objectness_weight: float
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
        ``partition``: as configured; ``partition_batches``: the paper's batches; ``.._unfiltered``: r = 1;
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
    of_partition = [partition[key] for key in ("mode", "solver", "beta", "r", "objectness_weight")]
    configured = Assignment(*of_partition, **of_graph)
    in_batches = replace(configured, mode="batches", solver=partition["batch_solver"])
    kind, _, value = name.partition("-")
    if name == "batches-whole":
        return replace(configured, mode="dataset")
    if kind == "batches":
        return replace(in_batches, order=value)
    if kind in ("beta", "retention", "objectness_weight", *GRAPH_KEYS):
        changed: dict[str, Any] = {kind: yaml.safe_load(value) if kind in GRAPH_KEYS else float(value)}
        return replace(configured, **changed)
    chosen = in_batches if "_batches" in name else configured
    return replace(chosen, retention=1.0) if name.endswith("_unfiltered") else chosen


def graph_name(assignment: Assignment, graph: dict[str, Any]) -> str:
    """File name, without suffix, of an assignment's graph: ``dataset`` or ``batches``, then the changed settings."""
    parts = [assignment.mode]
    parts += [f"{key}-{value}".lower() for key in GRAPH_KEYS if (value := getattr(assignment, key)) != graph[key]]
    parts += [assignment.order] if assignment.order != "given" else []
    return "_".join(parts)


def graph_settings(variant: str, graph: dict[str, Any]) -> dict[str, Any]:
    """Settings of a graph by the part of its name after the mode, ``_{key}-{value}`` or nothing: :func:`graph_name`."""
    key, _, value = variant.removeprefix("_").partition("-")
    return {name: graph[name] for name in GRAPH_KEYS} | ({key: yaml.safe_load(value)} if value else {})
